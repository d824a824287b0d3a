#include "frameworks/cpu/iterate.h"

#include "frameworks/cpu/convert.h"

#define BLOCK 1024 /* elements converted at a time: 256 took a fifth longer for 1e7 f32 + int64 */
#define TILE 32    /* elements of a row when another dim is the contiguous one for some operand */

void syi_nest_init(syi_nest *nest, int ndim, const int64_t *shape)
{
    nest->count = 0;
    nest->ndim = ndim;
    for (int i = 0; i < ndim; i++) {
        nest->shape[i] = shape[ndim - 1 - i];
    }
}

void syi_nest_add(syi_nest *nest, const syi_array *array)
{
    int64_t size = (int64_t)sy_dtype_size(array->dtype);
    int64_t *strides = nest->strides[nest->count];
    for (int i = 0; i < nest->ndim; i++) {
        int d = array->ndim - 1 - i;
        strides[i] = d < 0 || array->shape[d] == 1 ? 0 : array->strides[d] * size;
    }
    nest->data[nest->count++] = syi_array_data(array);
}

void syi_nest_add_scalar(syi_nest *nest, const void *scalar)
{
    for (int i = 0; i < nest->ndim; i++) {
        nest->strides[nest->count][i] = 0;
    }
    nest->data[nest->count++] = (char *)(uintptr_t)scalar;
}

bool syi_nest_is_empty(const syi_nest *nest)
{
    for (int i = 0; i < nest->ndim; i++) {
        if (nest->shape[i] == 0) {
            return true;
        }
    }
    return false;
}

/* Should dim a be inside dim b? The first operand that has an opinion decides. */
static bool is_inner(const syi_nest *nest, int a, int b)
{
    for (int k = 0; k < nest->count; k++) {
        int64_t sa = nest->strides[k][a];
        int64_t sb = nest->strides[k][b];
        if (sa != sb && sa != 0 && sb != 0) {
            return sa < sb;
        }
    }
    return false;
}

static void swap_dims(syi_nest *nest, int a, int b)
{
    int64_t size = nest->shape[a];
    nest->shape[a] = nest->shape[b];
    nest->shape[b] = size;
    for (int k = 0; k < nest->count; k++) {
        int64_t stride = nest->strides[k][a];
        nest->strides[k][a] = nest->strides[k][b];
        nest->strides[k][b] = stride;
    }
}

static bool can_merge(const syi_nest *nest, int inner, int outer)
{
    for (int k = 0; k < nest->count; k++) {
        if (nest->strides[k][outer] != nest->shape[inner] * nest->strides[k][inner]) {
            return false;
        }
    }
    return true;
}

void syi_nest_merge(syi_nest *nest, bool reorder)
{
    int kept = 0;
    for (int i = 0; i < nest->ndim; i++) {
        if (nest->shape[i] != 1) {
            swap_dims(nest, kept++, i);
        }
    }
    nest->ndim = kept;
    for (int i = 1; reorder && i < nest->ndim; i++) {
        for (int j = i; j > 0 && is_inner(nest, j, j - 1); j--) {
            swap_dims(nest, j, j - 1);
        }
    }
    int last = 0;
    for (int i = 1; i < nest->ndim; i++) {
        if (can_merge(nest, last, i)) {
            nest->shape[last] *= nest->shape[i];
        } else {
            swap_dims(nest, ++last, i);
        }
    }
    if (nest->ndim > 0) {
        nest->ndim = last + 1;
    } else { /* one element */
        nest->ndim = 1;
        nest->shape[0] = 1;
        for (int k = 0; k < nest->count; k++) {
            nest->strides[k][0] = 0;
        }
    }
}

/* What one row needs besides its addresses. */
typedef struct row_plan {
    int count;
    syi_loop loop;
    const void *param;
    bool converts;
    bool convert[SYI_OPERAND_MAX]; /* otherwise used where it lies */
    sy_dtype memory[SYI_OPERAND_MAX];
    sy_dtype dtype[SYI_OPERAND_MAX]; /* what the loop sees */
    uint64_t (*blocks)[BLOCK];
} row_plan;

static void run_converted(const row_plan *plan, int64_t n, void *const *data,
                          const int64_t *strides)
{
    void *at[SYI_OPERAND_MAX];
    int64_t step[SYI_OPERAND_MAX];
    for (int64_t done = 0; done < n; done += BLOCK) {
        int64_t now = n - done < BLOCK ? n - done : BLOCK;
        for (int k = 0; k < plan->count; k++) {
            void *here = (char *)data[k] + done * strides[k];
            at[k] = here;
            step[k] = strides[k];
            if (plan->convert[k]) {
                int64_t size = (int64_t)sy_dtype_size(plan->dtype[k]);
                at[k] = plan->blocks[k];
                step[k] = k > 0 && strides[k] == 0 ? 0 : size;
                if (k > 0) {
                    syi_convert_row(strides[k] == 0 ? 1 : now, at[k], plan->dtype[k], size, here,
                                    plan->memory[k], strides[k]);
                }
            }
        }
        plan->loop(now, at, step, plan->param);
        if (plan->convert[0]) {
            syi_convert_row(now, (char *)data[0] + done * strides[0], plan->memory[0], strides[0],
                            at[0], plan->dtype[0], step[0]);
        }
    }
}

static void run_row(const row_plan *plan, int64_t n, void *const *data, const int64_t *strides)
{
    if (plan->converts) {
        run_converted(plan, n, data, strides);
    } else {
        plan->loop(n, data, strides, plan->param);
    }
}

/* Is some operand read against its grain, so that short pieces of rows keep its cache lines warm? */
static bool wants_tiles(const syi_nest *nest)
{
    if (nest->ndim < 2 || nest->shape[0] < 2 * TILE || nest->shape[1] < 8) {
        return false;
    }
    for (int k = 0; k < nest->count; k++) {
        if (nest->strides[k][1] != 0 && nest->strides[k][1] < nest->strides[k][0]) {
            return true;
        }
    }
    return false;
}

/* The two inner dims, from the addresses in `base`. */
static void run_plane(const syi_nest *nest, const row_plan *plan, char *const *base)
{
    int64_t inner[SYI_OPERAND_MAX];
    void *data[SYI_OPERAND_MAX];
    for (int k = 0; k < nest->count; k++) {
        inner[k] = nest->strides[k][0];
    }
    int64_t n = nest->shape[0];
    int64_t rows = nest->ndim > 1 ? nest->shape[1] : 1;
    int64_t piece = wants_tiles(nest) ? TILE : n;
    for (int64_t start = 0; start < n; start += piece) {
        int64_t now = n - start < piece ? n - start : piece;
        for (int64_t row = 0; row < rows; row++) {
            for (int k = 0; k < nest->count; k++) {
                int64_t outer = nest->ndim > 1 ? nest->strides[k][1] : 0;
                data[k] = base[k] + start * inner[k] + row * outer;
            }
            run_row(plan, now, data, inner);
        }
    }
}

bool syi_nest_step(const syi_nest *nest, int first, int64_t *at, char **data)
{
    for (int d = first; d < nest->ndim; d++) {
        if (++at[d] < nest->shape[d]) {
            for (int k = 0; k < nest->count; k++) {
                data[k] += nest->strides[k][d];
            }
            return true;
        }
        at[d] = 0;
        for (int k = 0; k < nest->count; k++) {
            data[k] -= nest->strides[k][d] * (nest->shape[d] - 1);
        }
    }
    return false;
}

static void run_nest(const syi_nest *nest, const row_plan *plan)
{
    int64_t at[SY_DIM_MAX] = {0};
    char *base[SYI_OPERAND_MAX];
    for (int k = 0; k < nest->count; k++) {
        base[k] = nest->data[k];
    }
    do {
        run_plane(nest, plan, base);
    } while (syi_nest_step(nest, 2, at, base));
}

/* Elements of a packed array, or -1. */
static int64_t count_packed(const syi_array *array)
{
    int64_t count = 1;
    for (int d = array->ndim - 1; d >= 0; d--) {
        if (array->strides[d] != count && array->shape[d] != 1) {
            return -1;
        }
        count *= array->shape[d];
    }
    return count;
}

static bool is_laid_out_as(const syi_array *array, const syi_array *packed)
{
    bool same = array->ndim == packed->ndim;
    for (int d = 0; same && d < array->ndim; d++) {
        same = array->shape[d] == packed->shape[d] &&
               (array->strides[d] == packed->strides[d] || array->shape[d] == 1);
    }
    return same;
}

/* Everything packed, of one shape and in the loop's dtype: one call of the loop. */
static bool run_packed(const syi_operand *operands, int count, syi_loop loop, const void *param)
{
    const syi_array *to = operands[0].array;
    void *data[SYI_OPERAND_MAX];
    int64_t strides[SYI_OPERAND_MAX];
    const int64_t n = count_packed(to);
    if (n < 0) {
        return false;
    }
    for (int k = 0; k < count; k++) {
        const syi_array *array = operands[k].array;
        if (array == NULL) {
            data[k] = (void *)(uintptr_t)operands[k].scalar;
            strides[k] = 0;
        } else if (array->dtype != operands[k].dtype || !is_laid_out_as(array, to)) {
            return false;
        } else {
            strides[k] = (int64_t)sy_dtype_size(array->dtype);
            data[k] = array->storage->data + array->offset * strides[k];
        }
    }
    if (n > 0) {
        loop(n, data, strides, param);
    }
    return true;
}

void syi_iterate(const syi_operand *operands, int count, syi_loop loop, const void *param,
                 bool secret)
{
    if (run_packed(operands, count, loop, param)) {
        return;
    }
    const syi_array *to = operands[0].array;
    uint64_t blocks[SYI_OPERAND_MAX][BLOCK];
    row_plan plan = {.count = count, .loop = loop, .param = param, .blocks = blocks};
    syi_nest nest;
    syi_nest_init(&nest, to->ndim, to->shape);
    for (int k = 0; k < count; k++) {
        const syi_array *array = operands[k].array;
        sy_dtype dtype = operands[k].dtype;
        plan.dtype[k] = dtype;
        plan.convert[k] = false;
        if (array == NULL) {
            syi_nest_add_scalar(&nest, operands[k].scalar);
            continue;
        }
        syi_nest_add(&nest, array);
        plan.memory[k] = array->dtype;
        plan.convert[k] = array->dtype != dtype;
        plan.converts |= plan.convert[k];
    }
    if (syi_nest_is_empty(&nest)) {
        return;
    }
    syi_nest_merge(&nest, true);
    run_nest(&nest, &plan);
    if (plan.converts && secret) {
        syi_wipe(blocks, sizeof blocks);
    }
}
