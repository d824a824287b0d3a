/*
 * composites.h - what the files of composites share: a tensor on its way through other rows. Room hook only. The
 * answers lie in the file of their subject, composites_<subject>.c.
 */
#ifndef SYI_HOOK_COMPOSITES_H
#define SYI_HOOK_COMPOSITES_H

#include "hook/dispatch.h"

/* `value` is the tensor it has come to, one reference. */
typedef struct syi_composite {
    sy_hook *hook;
    const syi_op *op; /* the row that is answered */
    bool inplace;
    const syi_mode *mode;
    sy_tensor *value;
    sy_error *err;
} syi_composite;

/* `bound`: the row's arguments; the first tensor among them is the value. In place the value stays it. */
typedef sy_status (*syi_composite_run)(syi_composite *c, const sy_value *bound);

static inline syi_composite syi_composite_start(sy_hook *hook, const syi_mode *mode,
                                                sy_tensor *value, sy_error *err)
{
    return (syi_composite){.hook = hook, .mode = mode, .value = sy_tensor_ref(value), .err = err};
}

/* Another tensor on its way, in the same call. */
static inline syi_composite syi_composite_fork(const syi_composite *c, sy_tensor *value)
{
    return syi_composite_start(c->hook, c->mode, value, c->err);
}

/* Runs one row; its first result becomes the value. */
sy_status syi_composite_step(syi_composite *c, syi_op_id id, bool inplace, const sy_value *args,
                             size_t count);
/* Dtype and shape; the elements, too, of what is native. Borrowed. */
syi_array syi_composite_array(const sy_tensor *tensor);

#define STEP(c, op, ...)                                                         \
    syi_composite_step((c), SYI_OP_##op, false, (const sy_value[]){__VA_ARGS__}, \
                       sizeof((const sy_value[]){__VA_ARGS__}) / sizeof(sy_value))
#define STEP_IN_PLACE(c, op, ...)                                               \
    syi_composite_step((c), SYI_OP_##op, true, (const sy_value[]){__VA_ARGS__}, \
                       sizeof((const sy_value[]){__VA_ARGS__}) / sizeof(sy_value))
#define VALUE(c) sy_value_tensor((c)->value)
#define INT(x) sy_value_int(x)

/* The row's shape rule on the arguments, for rows that would otherwise find out half way. */
sy_status syi_composite_infer(const syi_composite *c, const sy_value *bound, int count,
                              syi_array *described);
/* composites_made.c: tensors where the value is. An int64 tensor of positions in `size` elements (negative: from the
 * end), charged to the call; the value becomes 0, 1, ... count - 1; the value becomes a number without dims. */
sy_status syi_composite_ints(const syi_composite *c, const int64_t *numbers, int64_t count,
                             int64_t size, sy_tensor **tensor);
sy_status syi_composite_places(syi_composite *c, int64_t count);
sy_status syi_composite_full(syi_composite *c, const sy_value *number, sy_dtype dtype);
/* The value with other sizes. */
sy_status syi_composite_reshape(syi_composite *c, const int64_t *shape, int ndim);
sy_status syi_composite_expand(syi_composite *c, const int64_t *shape, int ndim);

/* composites_index.c */
sy_status syi_composite_index(syi_composite *c, const sy_value *bound);
sy_status syi_composite_index_put(syi_composite *c, const sy_value *bound);

/* composites_moving.c */
sy_status syi_composite_stack(syi_composite *c, const sy_value *bound);
sy_status syi_composite_diag(syi_composite *c, const sy_value *bound);
sy_status syi_composite_pad(syi_composite *c, const sy_value *bound);
sy_status syi_composite_repeat(syi_composite *c, const sy_value *bound);
sy_status syi_composite_repeat_interleave(syi_composite *c, const sy_value *bound);
sy_status syi_composite_im2col(syi_composite *c, const sy_value *bound);
sy_status syi_composite_col2im(syi_composite *c, const sy_value *bound);

#endif
