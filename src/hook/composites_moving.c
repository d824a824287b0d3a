/*
 * composites_moving.c - rows that put elements elsewhere and are made of views and simpler rows: stacking, diag,
 * padding that reads the tensor, repetition, and columns of windows.
 * Against torch: tests/vectors/gradients; refusals and private contents: composites_index_test.c.
 */
#include <string.h>

#include "core/error.h"
#include "hook/composites.h"
#include "hook/policy.h"

sy_status syi_composite_infer(const syi_composite *c, const sy_value *bound, int count,
                              syi_array *described)
{
    syi_array arrays[SYI_ARGUMENT_MAX], outs[SYI_OUTPUT_MAX];
    sy_value args[SYI_ARGUMENT_MAX];
    syi_inference result = {.outs = outs};
    for (int k = 0; k < count; k++) {
        args[k] = bound[k];
        if (bound[k].kind == SY_VALUE_TENSOR) {
            arrays[k] = syi_composite_array(bound[k].as.tensor);
            args[k].kind = (sy_value_kind)SYI_VALUE_ARRAY;
            args[k].as.internal = &arrays[k];
        }
    }
    SY_TRY(syi_op_infer(c->op, args, &result, c->err));
    *described = outs[0];
    syi_storage_unref(described->storage);
    described->storage = NULL;
    return SY_OK;
}

static syi_account *account_of(const syi_composite *c)
{
    return c->mode->account != NULL ? c->mode->account : &c->hook->account;
}

static sy_value size_list(sy_value items[2 * SY_DIM_MAX], const int64_t *shape, int ndim)
{
    for (int d = 0; d < ndim; d++) {
        items[d] = INT(shape[d]);
    }
    return sy_value_list(items, (size_t)ndim);
}

sy_status syi_composite_reshape(syi_composite *c, const int64_t *shape, int ndim)
{
    sy_value items[2 * SY_DIM_MAX];
    return STEP(c, reshape, VALUE(c), size_list(items, shape, ndim));
}

sy_status syi_composite_expand(syi_composite *c, const int64_t *shape, int ndim)
{
    sy_value items[2 * SY_DIM_MAX];
    return STEP(c, expand, VALUE(c), size_list(items, shape, ndim));
}

/* hstack, vstack */
sy_status syi_composite_stack(syi_composite *c, const sy_value *bound)
{
    const sy_value *items = bound[0].as.list.items;
    const size_t count = bound[0].as.list.count;
    const int least = c->op->id == SYI_OP_vstack ? 2 : 1;
    syi_composite parts[SYI_OUTPUT_MAX];
    sy_value tensors[SYI_OUTPUT_MAX];
    size_t made = 0;
    sy_status status = SY_OK;
    while (made < count && made < SYI_OUTPUT_MAX) {
        syi_composite *part = &parts[made];
        *part = syi_composite_fork(c, items[made].as.tensor);
        made++;
        while (status == SY_OK && syi_composite_array(part->value).ndim < least) {
            status = STEP(part, unsqueeze, VALUE(part), INT(0));
        }
        tensors[made - 1] = VALUE(part);
    }
    if (status == SY_OK) {
        const bool rows = least == 2 || syi_composite_array(parts[0].value).ndim == 1;
        status = STEP(c, cat, sy_value_list(tensors, made), INT(rows ? 0 : 1));
    }
    while (made > 0) {
        sy_tensor_unref(parts[--made].value);
    }
    return status;
}

/* A vector becomes the diagonal of a matrix, a matrix gives its diagonal; always a copy. */
sy_status syi_composite_diag(syi_composite *c, const sy_value *bound)
{
    syi_array shape;
    SY_TRY(syi_composite_infer(c, bound, 2, &shape));
    if (shape.ndim == 2) {
        return STEP(c, diag_embed, VALUE(c), bound[1]);
    }
    SY_TRY(STEP(c, diagonal, VALUE(c), bound[1]));
    return STEP(c, clone, VALUE(c));
}

/* Which element of a dim stands at place `at`, counted from its start, in a padding. */
static int64_t padded_from(const char *mode, int64_t at, int64_t size)
{
    if (mode[0] == 'c') { /* circular */
        const int64_t rest = at % size;
        return rest < 0 ? rest + size : rest;
    }
    if (strcmp(mode, "replicate") == 0) {
        return at < 0 ? 0 : at >= size ? size - 1 : at;
    }
    return at < 0 ? -at : at >= size ? 2 * (size - 1) - at : at; /* reflect */
}

static sy_status pad_dim(syi_composite *c, const char *mode, int dim, int64_t before, int64_t after)
{
    const int64_t size = syi_composite_array(c->value).shape[dim];
    const int64_t count = size + before + after;
    int64_t *numbers = syi_alloc(c->hook->context, (size_t)(count + 1) * sizeof *numbers);
    if (numbers == NULL) {
        return SYI_ENOMEM(c->err, "padding");
    }
    for (int64_t k = 0; k < count; k++) {
        numbers[k] = padded_from(mode, k - before, size);
    }
    sy_tensor *index = NULL;
    sy_status status = syi_composite_ints(c, numbers, count, size, &index);
    syi_free(c->hook->context, numbers, (size_t)(count + 1) * sizeof *numbers);
    if (status == SY_OK) {
        status = STEP(c, index_select, VALUE(c), INT(dim), sy_value_tensor(index));
    }
    sy_tensor_unref(index);
    return status;
}

/* The account's word on what the row will make, before anything is made. */
static sy_status check_account(const syi_composite *c, const syi_array *shape)
{
    return syi_account_check_room(account_of(c), syi_array_bytes(shape), c->err);
}

sy_status syi_composite_pad(syi_composite *c, const sy_value *bound)
{
    const char *mode = bound[2].kind == SY_VALUE_STRING ? bound[2].as.string : "constant";
    const sy_value *pad = bound[1].as.list.items;
    syi_array shape;
    SY_TRY(syi_composite_infer(c, bound, 4, &shape));
    if (strcmp(mode, "constant") == 0) {
        return STEP(c, constant_pad_nd, VALUE(c), bound[1], bound[3]);
    }
    SY_TRY(check_account(c, &shape));
    const size_t count = bound[1].as.list.count / 2;
    for (size_t k = 0; k < count; k++) {
        const int64_t before = pad[2 * k].as.integer, after = pad[2 * k + 1].as.integer;
        if (before != 0 || after != 0) {
            SY_TRY(pad_dim(c, mode, shape.ndim - 1 - (int)k, before, after));
        }
    }
    return count == 0 ? STEP(c, clone, VALUE(c)) : SY_OK;
}

/* One dim of `size` in the middle, repeated: as a whole, or each element. */
static sy_status repeat_dim(syi_composite *c, const int64_t *shape, int ndim, int dim,
                            int64_t times, bool each)
{
    int64_t outer = 1, inner = 1;
    for (int d = 0; d < ndim; d++) {
        outer *= d < dim ? shape[d] : 1;
        inner *= d > dim ? shape[d] : 1;
    }
    const int64_t size = shape[dim];
    const int64_t before[] = {outer, each ? size : 1, each ? 1 : size, inner};
    const int64_t after[] = {outer, each ? size : times, each ? times : size, inner};
    int64_t result[SY_DIM_MAX];
    memcpy(result, shape, (size_t)ndim * sizeof *result);
    result[dim] *= times;
    SY_TRY(syi_composite_reshape(c, before, 4));
    SY_TRY(syi_composite_expand(c, after, 4));
    return syi_composite_reshape(c, result, ndim);
}

/* One element repeated, or everything once, is still a view; PyTorch answers memory of its own. */
static sy_status own_memory(syi_composite *c, const syi_array *from)
{
    const syi_array made = syi_composite_array(c->value);
    const bool view = made.storage == NULL || made.storage == from->storage ||
                      syi_array_has_internal_overlap(&made);
    return view ? STEP(c, clone, VALUE(c)) : SY_OK;
}

/* repeat, tile: the last dims first, while the tensor is still small */
sy_status syi_composite_repeat(syi_composite *c, const sy_value *bound)
{
    const sy_tensor *self = c->value;
    const syi_array from = syi_composite_array(self);
    const sy_value *repeats = bound[1].as.list.items;
    const int count = (int)bound[1].as.list.count;
    syi_array shape;
    SY_TRY(syi_composite_infer(c, bound, 2, &shape));
    SY_TRY(check_account(c, &shape));
    int64_t sizes[SY_DIM_MAX];
    for (int d = 0; d < shape.ndim; d++) {
        sizes[d] = d < shape.ndim - from.ndim ? 1 : from.shape[d - (shape.ndim - from.ndim)];
    }
    if (shape.ndim > from.ndim) {
        SY_TRY(syi_composite_reshape(c, sizes, shape.ndim));
    }
    for (int k = 1; k <= count; k++) {
        const int dim = shape.ndim - k;
        const int64_t times = repeats[count - k].as.integer;
        if (times != 1) {
            SY_TRY(repeat_dim(c, sizes, shape.ndim, dim, times, false));
            sizes[dim] *= times;
        }
    }
    return own_memory(c, &from);
}

/* Counts that are elsewhere: the positions are repeated there, where the counts can be read. */
static sy_status repeat_by_elsewhere(syi_composite *c, sy_tensor *repeats, int dim)
{
    syi_composite places = syi_composite_fork(c, c->value);
    sy_status status;
    SY_GOTO(done, syi_composite_places(&places, syi_composite_array(c->value).shape[dim]));
    SY_GOTO(done,
            STEP(&places, repeat_interleave, VALUE(&places), sy_value_tensor(repeats), INT(0)));
    SY_GOTO(done, STEP(c, index_select, VALUE(c), INT(dim), VALUE(&places)));
done:
    sy_tensor_unref(places.value);
    return status;
}

/* The positions that an own count for each element asks for. */
static sy_status repeat_by_tensor(syi_composite *c, sy_tensor *repeats, int dim)
{
    const syi_policy policy = syi_tensor_policy(repeats);
    const syi_array counts = syi_composite_array(repeats), self = syi_composite_array(c->value);
    if (policy.private_) {
        char id[64];
        const sy_id own = sy_tensor_get_id(repeats);
        return syi_policy_refuse(&policy, "repeat_interleave", sy_id_format(&own, id, sizeof id),
                                 NULL, c->err);
    }
    if (syi_tensor_is_tracked(c->value) && syi_node_is_remote(repeats->node)) {
        return repeat_by_elsewhere(c, repeats, dim);
    }
    if (!syi_tensor_is_native(repeats)) {
        return syi_fail(c->err, SY_ENOTSUP, "repeats must be a plain tensor");
    }
    const bool same = syi_array_numel(&counts) == 1;
    int64_t total = 0;
    for (int64_t i = 0; i < self.shape[dim]; i++) {
        const int64_t times = syi_array_get_int(&counts, same ? 0 : i);
        if (times < 0 || __builtin_add_overflow(total, times, &total)) {
            return syi_fail(c->err, SY_ERANGE, "repeats are negative or too many");
        }
    }
    syi_array positions = SYI_ARRAY_INIT;
    SY_TRY(syi_array_describe(&positions, SY_DTYPE_I64, 1, &total, c->err));
    SY_TRY(check_account(c, &positions));
    SY_TRY(syi_array_new(c->hook->context, &positions, SY_DTYPE_I64, 1, &total, account_of(c),
                         c->err));
    int64_t *to = syi_array_data(&positions);
    for (int64_t i = 0; i < self.shape[dim]; i++) {
        for (int64_t k = syi_array_get_int(&counts, same ? 0 : i); k > 0; k--) {
            *to++ = i;
        }
    }
    sy_tensor *index = NULL;
    SY_TRY(syi_tensor_from_array(c->hook, &index, &positions, c->err));
    const sy_status status = STEP(c, index_select, VALUE(c), INT(dim), sy_value_tensor(index));
    sy_tensor_unref(index);
    return status;
}

sy_status syi_composite_repeat_interleave(syi_composite *c, const sy_value *bound)
{
    const int64_t line = -1;
    int dim = 0;
    syi_array shape;
    SY_TRY(syi_composite_infer(c, bound, 3, &shape));
    if (bound[2].kind != SY_VALUE_INT) {
        SY_TRY(syi_composite_reshape(c, &line, 1));
    } else {
        SY_TRY(syi_dim_wrap(&dim, bound[2].as.integer, syi_composite_array(c->value).ndim, c->err));
    }
    if (bound[1].kind == SY_VALUE_TENSOR) {
        return repeat_by_tensor(c, bound[1].as.tensor, dim);
    }
    SY_TRY(check_account(c, &shape));
    const syi_array self = syi_composite_array(c->value);
    SY_TRY(repeat_dim(c, self.shape, self.ndim, dim, bound[1].as.integer, true));
    return own_memory(c, &self);
}

/* Windows of images */

static int64_t pair_item(const sy_value *value, int i, int64_t otherwise)
{
    if (value->kind != SY_VALUE_LIST || value->as.list.count == 0) {
        return otherwise;
    }
    return value->as.list.items[value->as.list.count == 2 ? i : 0].as.integer;
}

typedef struct window {
    int64_t kernel[2], dilation[2], padding[2], stride[2];
    int64_t reach[2]; /* from its first to behind its last element */
} window;

/* kernel_size, dilation, padding, stride; checked by the row's rule. */
static window read_window(const sy_value *args)
{
    window w;
    for (int i = 0; i < 2; i++) {
        w.kernel[i] = pair_item(&args[0], i, 1);
        w.dilation[i] = pair_item(&args[1], i, 1);
        w.padding[i] = pair_item(&args[2], i, 0);
        w.stride[i] = pair_item(&args[3], i, 1);
        w.reach[i] = w.dilation[i] * (w.kernel[i] - 1) + 1;
    }
    return w;
}

static sy_status pad_image(syi_composite *c, const window *w, int sign)
{
    if (w->padding[0] == 0 && w->padding[1] == 0) {
        return SY_OK;
    }
    const sy_value pad[] = {INT(sign * w->padding[1]), INT(sign * w->padding[1]),
                            INT(sign * w->padding[0]), INT(sign * w->padding[0])};
    return STEP(c, constant_pad_nd, VALUE(c), sy_value_list(pad, 4));
}

/* [N, C, H, W] -> [N, C, kh, kw, rows, columns] -> [N, C kh kw, rows columns] */
sy_status syi_composite_im2col(syi_composite *c, const sy_value *bound)
{
    const window w = read_window(&bound[1]);
    const syi_array image = syi_composite_array(c->value);
    syi_array shape;
    SY_TRY(syi_composite_infer(c, bound, 5, &shape));
    SY_TRY(check_account(c, &shape));
    const int first = image.ndim - 2; /* of the two dims of an image */
    SY_TRY(pad_image(c, &w, 1));
    for (int i = 0; i < 2; i++) {
        SY_TRY(STEP(c, unfold, VALUE(c), INT(first + i), INT(w.reach[i]), INT(w.stride[i])));
        if (w.dilation[i] > 1) {
            SY_TRY(STEP(c, slice, VALUE(c), INT(-1), sy_value_none(), sy_value_none(),
                        INT(w.dilation[i])));
        }
    }
    const sy_value from[] = {INT(first + 2), INT(first + 3)}, to[] = {INT(first), INT(first + 1)};
    SY_TRY(STEP(c, movedim, VALUE(c), sy_value_list(from, 2), sy_value_list(to, 2)));
    return syi_composite_reshape(c, shape.shape, shape.ndim);
}

/* What im2col's gradient is: the windows are added where they came from. */
sy_status syi_composite_col2im(syi_composite *c, const sy_value *bound)
{
    const window w = read_window(&bound[2]);
    syi_array shape;
    SY_TRY(syi_composite_infer(c, bound, 6, &shape));
    SY_TRY(check_account(c, &shape));
    const int first = shape.ndim - 2;
    int64_t sizes[SY_DIM_MAX]; /* of the padded image, then of its windows */
    memcpy(sizes, shape.shape, sizeof sizes);
    int64_t columns[SY_DIM_MAX];
    memcpy(columns, shape.shape, sizeof columns);
    for (int i = 0; i < 2; i++) {
        sizes[first + i] += 2 * w.padding[i];
        columns[first + i] = w.kernel[i];
        columns[first + 2 + i] = (sizes[first + i] - w.reach[i]) / w.stride[i] + 1;
    }
    SY_TRY(syi_composite_reshape(c, columns, shape.ndim + 2));
    const sy_value from[] = {INT(first), INT(first + 1)}, to[] = {INT(first + 2), INT(first + 3)};
    SY_TRY(STEP(c, movedim, VALUE(c), sy_value_list(from, 2), sy_value_list(to, 2)));
    /* Backwards: the columns' direction was unfolded last. */
    for (int i = 1; i >= 0; i--) {
        sy_value items[2 * SY_DIM_MAX];
        int64_t windows[SY_DIM_MAX];
        int ndim = 0;
        for (int d = 0; d < shape.ndim; d++) {
            windows[ndim++] = i == 1 && d == first ? columns[first + 2] : sizes[d];
        }
        if (i == 1) {
            windows[ndim++] = w.kernel[0];
        }
        if (w.dilation[i] > 1) {
            /* Windows with gaps: the elements go apart first. */
            const syi_array now = syi_composite_array(c->value);
            int64_t wide[SY_DIM_MAX];
            memcpy(wide, now.shape, sizeof wide);
            wide[now.ndim - 1] = w.reach[i];
            SY_TRY(STEP(c, slice_backward, VALUE(c), size_list(items, wide, now.ndim), INT(-1),
                        sy_value_none(), sy_value_none(), INT(w.dilation[i])));
        }
        SY_TRY(STEP(c, unfold_backward, VALUE(c), size_list(items, windows, ndim), INT(first + i),
                    INT(w.reach[i]), INT(w.stride[i])));
    }
    return pad_image(c, &w, -1);
}
