/*
 * additive_shared_rows.c - what the client knows of each operation on shared values: whether the holders must talk, which of its
 * own operands it shares with the command, and whether a chain that is shared goes to the holders whole. What they do themselves is
 * in share_rows.c. Part of additive_shared.h.
 */
#include "interpreters/sharing/additive_shared.h"

typedef struct row {
    syi_manner manner;
    unsigned secrets; /* bit k: argument k */
    bool whole;
} row;

enum { FIRST = 1u << 0, SECOND = 1u << 1, THIRD = 1u << 2, FOURTH = 1u << 3, ALL = ~0u };

#define LINEAR(op, secrets) [SYI_OP_##op] = {SYI_MANNER_LINEAR, (secrets), false}
#define PRODUCT(op, whole) [SYI_OP_##op] = {SYI_MANNER_PRODUCT, 0, (whole)}
#define JOINT(op, secrets, whole) [SYI_OP_##op] = {SYI_MANNER_JOINT, (secrets), (whole)}

/* Others are linear and take nothing secret, but for composites, which are joint. */
static const row rows[SYI_OP_COUNT] = {
    LINEAR(add, FIRST | SECOND),
    LINEAR(sub, FIRST | SECOND),
    LINEAR(rsub, FIRST | SECOND),
    LINEAR(cat, FIRST),
    LINEAR(stack, FIRST),
    LINEAR(copy_, SECOND),
    LINEAR(masked_fill, FIRST | THIRD),
    LINEAR(index_add, FIRST | FOURTH),
    LINEAR(index_copy, FIRST | FOURTH),
    LINEAR(index_fill, FIRST | FOURTH),
    LINEAR(scatter, FIRST | FOURTH),
    LINEAR(scatter_add, FIRST | FOURTH),

    PRODUCT(mul, true),
    PRODUCT(matmul, true),
    PRODUCT(mm, true),
    PRODUCT(bmm, true),
    PRODUCT(mv, true),
    PRODUCT(dot, true),
    PRODUCT(outer, false),
    PRODUCT(conv1d, true),
    PRODUCT(conv2d, true),
    PRODUCT(addmm, true),
    PRODUCT(baddbmm, false),

    JOINT(square, 0, true),
    JOINT(pow, 0, true),
    JOINT(div, FIRST, true),
    JOINT(floor_divide, 0, false),
    JOINT(div_trunc, 0, false),
    JOINT(remainder, 0, false),
    JOINT(mean, 0, true),
    JOINT(linear, 0, true),
    JOINT(eq, FIRST | SECOND, true),
    JOINT(ne, FIRST | SECOND, true),
    JOINT(lt, FIRST | SECOND, true),
    JOINT(le, FIRST | SECOND, true),
    JOINT(gt, FIRST | SECOND, true),
    JOINT(ge, FIRST | SECOND, true),
    JOINT(relu, 0, false),
    JOINT(threshold_backward, ALL, false),
    JOINT(abs, 0, false),
    JOINT(sign, 0, true),
    JOINT(maximum, FIRST | SECOND, false),
    JOINT(minimum, FIRST | SECOND, false),
    JOINT(clamp, ALL, false),
    JOINT(clamp_min, ALL, false),
    JOINT(clamp_max, ALL, false),
    JOINT(max, 0, false),
    JOINT(min, 0, false),
    JOINT(argmax, 0, false),
    JOINT(argmin, 0, false),
    JOINT(amax, 0, false),
    JOINT(amin, 0, false),
    JOINT(sort, 0, false),
    JOINT(argsort, 0, false),
    JOINT(topk, 0, false),
    JOINT(max_pool2d, 0, false),
    JOINT(max_pool2d_with_indices, 0, false),
    JOINT(avg_pool2d, 0, false),
    [SYI_OP_where] = {SYI_MANNER_CHOICE, SECOND | THIRD, false},

    /* composites of what a holder does alone */
    [SYI_OP_index] = {SYI_MANNER_ALONE, 0, false},
    [SYI_OP_index_put] = {SYI_MANNER_ALONE, FIRST | THIRD, false},
    [SYI_OP_diag] = {SYI_MANNER_ALONE, 0, false},
    [SYI_OP_hstack] = {SYI_MANNER_ALONE, FIRST, false},
    [SYI_OP_vstack] = {SYI_MANNER_ALONE, FIRST, false},
    [SYI_OP_pad] = {SYI_MANNER_ALONE, 0, false},
    [SYI_OP_repeat] = {SYI_MANNER_ALONE, 0, false},
    [SYI_OP_tile] = {SYI_MANNER_ALONE, 0, false},
    [SYI_OP_repeat_interleave] = {SYI_MANNER_ALONE, 0, false},
    [SYI_OP_im2col] = {SYI_MANNER_ALONE, 0, false},
    [SYI_OP_col2im] = {SYI_MANNER_ALONE, 0, false},

    /* in fixed precision made of rows above */
    [SYI_OP_mse_loss] = {SYI_MANNER_LINEAR, 0, true},
    [SYI_OP_mse_loss_backward] = {SYI_MANNER_LINEAR, 0, true},
    [SYI_OP_sigmoid_backward] = {SYI_MANNER_LINEAR, 0, true},
    [SYI_OP_tanh_backward] = {SYI_MANNER_LINEAR, 0, true},
};

syi_manner syi_additive_shared_manner(const syi_op *op)
{
    const syi_manner manner = rows[op->id].manner;
    const bool composite = (op->flags & SYI_OP_COMPOSITE) && !(op->flags & SYI_OP_VALUE);
    if (manner == SYI_MANNER_ALONE) {
        return SYI_MANNER_LINEAR;
    }
    return manner == SYI_MANNER_LINEAR && composite ? SYI_MANNER_JOINT : manner;
}

bool syi_additive_shared_hides(const syi_op *op, int k)
{
    return k < 32 && (rows[op->id].secrets >> k & 1u) != 0;
}

bool syi_additive_shared_goes_whole(const syi_op *op)
{
    return rows[op->id].whole;
}
