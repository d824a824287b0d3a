/*
 * gather.c - elements by tensors of indices, and back: gather, scatter, take, put, and x[i, j, ...] with its
 * assignment. All indices are checked before anything is written. Test: gather_test.c; answers of torch:
 * tests/vectors/ops.
 */
#include "frameworks/cpu/gather.h"

#include <string.h>

#include "frameworks/cpu/loops.h"
#include "frameworks/cpu/slices.h"

/* Indices */

typedef struct range {
    int64_t low;
    uint64_t size; /* low <= index < low + size */
    bool left;     /* some index is outside */
} range;

static void find_outside(int64_t n, void *const *data, const int64_t *strides, const void *param)
{
    range *inside = (range *)(uintptr_t)param;
    uint64_t bad = 0;
    for (int64_t i = 0; i < n; i++) {
        const int64_t index = SYI_AT_CONST(int64_t, data[0], i, strides[0]);
        bad |= (uint64_t)index - (uint64_t)inside->low >= inside->size;
    }
    inside->left |= bad != 0;
}

/* A loop of our own over nests of any strides. */
static void run_nest(syi_nest *nest, bool reorder, syi_loop loop, const void *param)
{
    if (syi_nest_is_empty(nest)) {
        return;
    }
    syi_nest_merge(nest, reorder);
    char *data[SYI_OPERAND_MAX];
    int64_t strides[SYI_OPERAND_MAX], at[SY_DIM_MAX] = {0};
    for (int k = 0; k < nest->count; k++) {
        data[k] = nest->data[k];
        strides[k] = nest->strides[k][0];
    }
    do {
        void *row[SYI_OPERAND_MAX];
        for (int k = 0; k < nest->count; k++) {
            row[k] = data[k];
        }
        loop(nest->shape[0], row, strides, param);
    } while (syi_nest_step(nest, 1, at, data));
}

/* Is every int64 of index in [low, size)? */
static sy_status check_range(const syi_cpu_call *call, const syi_array *index, int64_t low,
                             int64_t size)
{
    range inside = {low, (uint64_t)size - (uint64_t)low, false};
    syi_nest nest;
    syi_nest_init(&nest, index->ndim, index->shape);
    syi_nest_add(&nest, index);
    run_nest(&nest, true, find_outside, &inside);
    if (!inside.left) {
        return SY_OK;
    }
    for (int64_t i = 0; i < syi_array_numel(index); i++) {
        const int64_t at = syi_array_get_int(index, i);
        if (at < low || at >= size) {
            return syi_fail(call->err, SY_ERANGE, "index %lld is out of range for %lld elements",
                            (long long)at, (long long)size);
        }
    }
    return SY_OK;
}

/* A scalar as one element along one dim. */
static syi_array with_dim(const syi_array *array)
{
    syi_array made = *array;
    if (made.ndim == 0) {
        made.ndim = 1;
        made.shape[0] = made.strides[0] = 1;
    }
    return made;
}

/* `array` as the walk over `index` sees it: standing still along dim, where the index moves it. */
static syi_array stretch(const syi_array *array, int dim, const syi_array *index)
{
    syi_array made = *array;
    memcpy(made.shape, index->shape, sizeof made.shape);
    if (dim >= 0) {
        made.strides[dim] = 0;
    }
    return made;
}

/* Gather and scatter */

#define DEFINE_GATHER(size, T)                                                          \
    static void gather_##size(int64_t n, void *const *data, const int64_t *strides,     \
                              const void *param)                                        \
    {                                                                                   \
        const int64_t step = *(const int64_t *)param;                                   \
        if (strides[0] == size && strides[1] == 8 && strides[2] == 0 && step == size) { \
            T *out = data[0];                                                           \
            const int64_t *index = data[1];                                             \
            const T *from = data[2];                                                    \
            SYI_INDEPENDENT                                                             \
            for (int64_t i = 0; i < n; i++) {                                           \
                out[i] = from[index[i]];                                                \
            }                                                                           \
            return;                                                                     \
        }                                                                               \
        for (int64_t i = 0; i < n; i++) {                                               \
            const int64_t index = SYI_AT_CONST(int64_t, data[1], i, strides[1]);        \
            const char *from = (const char *)data[2] + i * strides[2];                  \
            SYI_AT(T, data[0], i, strides[0]) = SYI_AT_CONST(T, from, index, step);     \
        }                                                                               \
    }
DEFINE_GATHER(1, uint8_t)
DEFINE_GATHER(2, uint16_t)
DEFINE_GATHER(4, uint32_t)
DEFINE_GATHER(8, uint64_t)
static const syi_loop gathers[9] = {[1] = gather_1, [2] = gather_2, [4] = gather_4, [8] = gather_8};

void syi_gather_run(const syi_array *out, const syi_array *from, int dim, const syi_array *index)
{
    const int64_t size = (int64_t)sy_dtype_size(from->dtype), step = from->strides[dim] * size;
    const syi_array still = stretch(from, dim, index);
    syi_nest nest;
    syi_nest_init(&nest, index->ndim, index->shape);
    syi_nest_add(&nest, out);
    syi_nest_add(&nest, index);
    syi_nest_add(&nest, &still);
    run_nest(&nest, true, gathers[size], &step);
}

sy_status syi_cpu_gather(const syi_cpu_call *call)
{
    const syi_array self = with_dim(syi_cpu_array(&call->args[0]));
    const syi_array index = with_dim(syi_cpu_array(&call->args[2]));
    const syi_array out = with_dim(&call->outs[0]);
    int dim;
    SY_TRY(syi_dim_wrap(&dim, call->args[1].as.integer, self.ndim, call->err));
    if (syi_array_numel(&index) > 0) {
        SY_TRY(check_range(call, &index, 0, self.shape[dim]));
        syi_gather_run(&out, &self, dim, &index);
    }
    return SY_OK;
}

/* data: destination, index, source */
#define DEFINE_SCATTER(name, T, W, op, EXPR)                                        \
    static void op##_##name(int64_t n, void *const *data, const int64_t *strides,   \
                            const void *param)                                      \
    {                                                                               \
        typedef W wide __attribute__((unused));                                     \
        const int64_t step = *(const int64_t *)param;                               \
        for (int64_t i = 0; i < n; i++) {                                           \
            const int64_t index = SYI_AT_CONST(int64_t, data[1], i, strides[1]);    \
            const T b = SYI_AT_CONST(T, data[2], i, strides[2]);                    \
            T *to = (T *)(void *)((char *)data[0] + i * strides[0] + index * step); \
            const T a __attribute__((unused)) = *to;                                \
            *to = (T)(EXPR);                                                        \
        }                                                                           \
    }
SYI_CPU_ALL(DEFINE_SCATTER, scatter_set, b)
SYI_CPU_BOOL(DEFINE_SCATTER, scatter_sum, (a | b) != 0)
SYI_CPU_INTEGERS(DEFINE_SCATTER, scatter_sum, (wide)a + (wide)b)
SYI_CPU_FLOATS(DEFINE_SCATTER, scatter_sum, a + b)
SYI_CPU_BOOL(DEFINE_SCATTER, scatter_product, a != 0 && b != 0)
SYI_CPU_INTEGERS(DEFINE_SCATTER, scatter_product, (wide)a *(wide)b)
SYI_CPU_FLOATS(DEFINE_SCATTER, scatter_product, a *b)
static const syi_loop scatter_loops[3][SY_DTYPE_COUNT] = {
    {SYI_CPU_ALL(SYI_LOOP_ENTRY, scatter_set)},
    {SYI_CPU_ALL(SYI_LOOP_ENTRY, scatter_sum)},
    {SYI_CPU_ALL(SYI_LOOP_ENTRY, scatter_product)},
};

enum { SET, SUM, PRODUCT };

static int reduction_of(const syi_cpu_call *call)
{
    if (call->op->id == SYI_OP_scatter_add) {
        return SUM;
    }
    if (call->args[4].kind != SY_VALUE_STRING) {
        return SET;
    }
    return strcmp(call->args[4].as.string, "add") == 0 ? SUM : PRODUCT;
}

/* In ascending order of the index, so that the last of several sources of one place stays. */
static void scatter_along(const syi_cpu_call *call, int dim, const syi_array *index,
                          const syi_array *source)
{
    const syi_array out = with_dim(&call->outs[0]);
    const int64_t step = out.strides[dim] * (int64_t)sy_dtype_size(out.dtype);
    const syi_array still = stretch(&out, dim, index);
    syi_nest nest;
    syi_nest_init(&nest, index->ndim, index->shape);
    syi_nest_add(&nest, &still);
    syi_nest_add(&nest, index);
    syi_nest_add(&nest, source);
    run_nest(&nest, false, scatter_loops[reduction_of(call)][out.dtype], &step);
}

/* The source of a scatter: a tensor, seen over the index's shape, or a number in `room`. */
static sy_status read_source(const syi_cpu_call *call, const sy_value *value,
                             const syi_array *index, syi_array *source, syi_storage *storage,
                             syi_element *room)
{
    const sy_dtype dtype = call->outs[0].dtype;
    if (syi_cpu_array(value) != NULL) {
        SY_TRY(syi_cpu_separate(call, source, syi_cpu_array(value)));
        const syi_array whole = with_dim(source);
        *source = stretch(&whole, -1, index);
        return SY_OK;
    }
    SY_TRY(syi_cpu_element(call, room, value, dtype));
    *storage = (syi_storage){.data = (void *)room};
    *source = (syi_array){.dtype = dtype, .ndim = index->ndim};
    source->storage = storage;
    memcpy(source->shape, index->shape, sizeof source->shape);
    return SY_OK;
}

sy_status syi_cpu_scatter(const syi_cpu_call *call)
{
    const syi_array *self = syi_cpu_array(&call->args[0]);
    const syi_array given = with_dim(syi_cpu_array(&call->args[2]));
    syi_array index = SYI_ARRAY_INIT, source = SYI_ARRAY_INIT;
    syi_storage number = {.data = NULL};
    syi_element room;
    int dim;
    sy_status status;
    SY_TRY(
        syi_dim_wrap(&dim, call->args[1].as.integer, self->ndim > 0 ? self->ndim : 1, call->err));
    const bool any = syi_array_numel(&given) > 0;
    if (any) {
        SY_GOTO(done, check_range(call, &given, 0, self->ndim > 0 ? self->shape[dim] : 1));
        SY_GOTO(done, syi_cpu_separate(call, &index, &given));
        SY_GOTO(done, read_source(call, &call->args[3], &index, &source, &number, &room));
    }
    if (!call->inplace) {
        syi_array_assign(&call->outs[0], self);
    }
    if (any) {
        scatter_along(call, dim, &index, &source);
    }
    status = SY_OK;
done:
    if (source.storage != &number) {
        syi_array_fini(&source);
    }
    syi_array_fini(&index);
    return status;
}

/* Dims that a position in row-major order is taken apart into. */

typedef struct digits {
    int count;
    int64_t sizes[SY_DIM_MAX]; /* last one first */
    int64_t steps[SY_DIM_MAX]; /* bytes */
} digits;

/* Neighbours that continue each other become one. */
static void add_digit(digits *all, int64_t size, int64_t step)
{
    const int last = all->count - 1;
    if (size == 1) {
        return;
    }
    if (last >= 0 && step == all->sizes[last] * all->steps[last]) {
        all->sizes[last] *= size;
        return;
    }
    all->sizes[all->count] = size;
    all->steps[all->count++] = step;
}

static digits digits_of(const syi_array *array)
{
    digits all = {0};
    for (int d = array->ndim - 1; d >= 0; d--) {
        add_digit(&all, array->shape[d], array->strides[d] * (int64_t)sy_dtype_size(array->dtype));
    }
    return all;
}

static inline int64_t place_of(const digits *all, int64_t position)
{
    if (all->count == 1) {
        return position * all->steps[0];
    }
    int64_t place = 0;
    for (int k = 0; k < all->count; k++) {
        const int64_t size = all->sizes[k];
        place += position % size * all->steps[k];
        position /= size;
    }
    return place;
}

/* take and put: positions in the whole of self, negative ones from the end */

#define DEFINE_TAKE(size, T)                                                                   \
    static void take_##size(T *out, const char *from, const digits *all, const int64_t *index, \
                            int64_t n, int64_t total)                                          \
    {                                                                                          \
        for (int64_t i = 0; i < n; i++) {                                                      \
            const int64_t position = index[i] + (index[i] < 0 ? total : 0);                    \
            out[i] = *(const T *)(const void *)(from + place_of(all, position));               \
        }                                                                                      \
    }
DEFINE_TAKE(1, uint8_t)
DEFINE_TAKE(2, uint16_t)
DEFINE_TAKE(4, uint32_t)
DEFINE_TAKE(8, uint64_t)

sy_status syi_cpu_take(const syi_cpu_call *call)
{
    const syi_array *self = syi_cpu_array(&call->args[0]);
    const int64_t total = syi_array_numel(self), n = syi_array_numel(&call->outs[0]);
    const digits all = digits_of(self);
    const char *from = syi_array_data(self);
    void *out = syi_array_data(&call->outs[0]);
    syi_array index;
    SY_TRY(syi_cpu_convert(call, &index, syi_cpu_array(&call->args[1]), SY_DTYPE_I64, true));
    const sy_status status = check_range(call, &index, -total, total);
    const int64_t *positions = syi_array_data(&index);
    switch (status == SY_OK ? sy_dtype_size(self->dtype) : 0) {
    case 1:
        take_1(out, from, &all, positions, n, total);
        break;
    case 2:
        take_2(out, from, &all, positions, n, total);
        break;
    case 4:
        take_4(out, from, &all, positions, n, total);
        break;
    case 8:
        take_8(out, from, &all, positions, n, total);
        break;
    default:
        break;
    }
    syi_array_fini(&index);
    return status;
}

/* The loop of scatter on one element. */
static void put_elements(const syi_cpu_call *call, const int64_t *index, const syi_array *source)
{
    const syi_array *out = &call->outs[0];
    const digits all = digits_of(out);
    const int64_t total = syi_array_numel(out), n = syi_array_numel(source), none = 0;
    const int64_t size = (int64_t)sy_dtype_size(out->dtype);
    const syi_loop loop = scatter_loops[call->args[3].as.boolean ? SUM : SET][out->dtype];
    char *to = syi_array_data(out);
    const char *from = syi_array_data(source);
    for (int64_t i = 0; i < n; i++) {
        const int64_t position = index[i] + (index[i] < 0 ? total : 0);
        void *data[] = {to + place_of(&all, position), (void *)(uintptr_t)&index[i],
                        (void *)(uintptr_t)(from + i * size)};
        loop(1, data, (const int64_t[]){0, 0, 0}, &none);
    }
}

sy_status syi_cpu_put(const syi_cpu_call *call)
{
    const syi_array *self = syi_cpu_array(&call->args[0]);
    const int64_t total = syi_array_numel(self);
    syi_array apart_index = SYI_ARRAY_INIT, apart_source = SYI_ARRAY_INIT;
    syi_array index = SYI_ARRAY_INIT, source = SYI_ARRAY_INIT;
    sy_status status;
    SY_GOTO(done, syi_cpu_separate(call, &apart_index, syi_cpu_array(&call->args[1])));
    SY_GOTO(done, syi_cpu_separate(call, &apart_source, syi_cpu_array(&call->args[2])));
    SY_GOTO(done, syi_cpu_convert(call, &index, &apart_index, SY_DTYPE_I64, true));
    SY_GOTO(done, syi_cpu_convert(call, &source, &apart_source, self->dtype, true));
    SY_GOTO(done, check_range(call, &index, -total, total));
    if (!call->inplace) {
        syi_array_assign(&call->outs[0], self);
    }
    put_elements(call, syi_array_data(&index), &source);
done:
    syi_array_fini(&source);
    syi_array_fini(&index);
    syi_array_fini(&apart_source);
    syi_array_fini(&apart_index);
    return status;
}

/* x[i, j, ...] */

/* position = position * size + index, with negative indices from the end; data: positions, positions, index */
static void ravel(int64_t n, void *const *data, const int64_t *strides, const void *param)
{
    const int64_t size = *(const int64_t *)param;
    for (int64_t i = 0; i < n; i++) {
        const int64_t index = SYI_AT_CONST(int64_t, data[1], i, strides[1]);
        int64_t *to = &SYI_AT(int64_t, data[0], i, strides[0]);
        *to = *to * size + index + (index < 0 ? size : 0);
    }
}

sy_status syi_cpu_ravel_index(const syi_cpu_call *call)
{
    const sy_value *items = call->args[0].as.list.items, *sizes = call->args[1].as.list.items;
    const syi_array *out = &call->outs[0];
    syi_cpu_clear(out);
    for (size_t k = 0; k < call->args[0].as.list.count; k++) {
        const int64_t size = sizes[k].as.integer;
        syi_array index;
        SY_TRY(syi_cpu_convert(call, &index, syi_cpu_array(&items[k]), SY_DTYPE_I64, false));
        const sy_status status = check_range(call, &index, -size, size);
        if (status == SY_OK) {
            syi_nest nest;
            syi_nest_init(&nest, out->ndim, out->shape);
            syi_nest_add(&nest, out);
            syi_nest_add(&nest, &index);
            run_nest(&nest, true, ravel, &size);
        }
        syi_array_fini(&index);
        SY_TRY(status);
    }
    return SY_OK;
}

/* Both sides of a pick: self with its indexed dims, and the picked array with those of the positions. */
typedef struct picking {
    digits in_self, in_picked;
    syi_array self_slice, picked_slice; /* the dims that are not indexed; borrow the storages */
    int64_t size;                       /* positions are below */
} picking;

static void plan_picking(picking *plan, const syi_array *self, const sy_value *dims,
                         const syi_array *positions, const syi_array *picked)
{
    const int64_t bytes = (int64_t)sy_dtype_size(self->dtype);
    unsigned set = 0;
    for (size_t i = 0; i < dims->as.list.count; i++) {
        set |= 1u << dims->as.list.items[i].as.integer;
    }
    const unsigned low = set & (0u - set);
    const bool neighbours = ((set + low) & set) == 0;
    int first = 0; /* dim of picked where the positions begin */
    for (; neighbours && (low >> first & 1u) == 0; first++) {
    }
    memset(plan, 0, sizeof *plan);
    plan->size = 1;
    plan->self_slice = *self;
    plan->picked_slice = *picked;
    plan->self_slice.ndim = plan->picked_slice.ndim = 0;
    for (int d = self->ndim - 1; d >= 0; d--) {
        if ((set >> d & 1u) != 0) {
            plan->size *= self->shape[d];
            add_digit(&plan->in_self, self->shape[d], self->strides[d] * bytes);
        }
    }
    for (int d = positions->ndim - 1; d >= 0; d--) {
        add_digit(&plan->in_picked, positions->shape[d], picked->strides[first + d] * bytes);
    }
    for (int d = 0, from = 0; d < self->ndim; d++) {
        from += d == (neighbours ? first : 0) ? positions->ndim : 0;
        if ((set >> d & 1u) == 0) {
            const int k = plan->self_slice.ndim++;
            plan->picked_slice.ndim++;
            plan->self_slice.shape[k] = plan->picked_slice.shape[k] = self->shape[d];
            plan->self_slice.strides[k] = self->strides[d];
            plan->picked_slice.strides[k] = picked->strides[from++];
        }
    }
}

sy_status syi_cpu_index_dims(const syi_cpu_call *call)
{
    picking plan;
    syi_array index;
    syi_nest slices;
    SY_TRY(syi_cpu_convert(call, &index, syi_cpu_array(&call->args[1]), SY_DTYPE_I64, true));
    plan_picking(&plan, syi_cpu_array(&call->args[0]), &call->args[2],
                 syi_cpu_array(&call->args[1]), &call->outs[0]);
    const sy_status status = check_range(call, &index, 0, plan.size);
    syi_nest_init(&slices, plan.self_slice.ndim, plan.self_slice.shape);
    syi_nest_add(&slices, &plan.picked_slice);
    syi_nest_add(&slices, &plan.self_slice);
    if (status == SY_OK && !syi_nest_is_empty(&slices)) {
        const int64_t *positions = syi_array_data(&index);
        const int64_t n = syi_array_numel(&index);
        syi_nest_merge(&slices, true);
        const syi_slice_copy copy =
            syi_slice_copy_plan(&slices, (int64_t)sy_dtype_size(plan.self_slice.dtype));
        for (int64_t i = 0; i < n; i++) {
            syi_slice_copy_run(&copy, place_of(&plan.in_picked, i),
                               place_of(&plan.in_self, positions[i]));
        }
    }
    syi_array_fini(&index);
    return status;
}

/* What `values` are broadcast to. */
static sy_status expand_values(const syi_cpu_call *call, const syi_array *values,
                               syi_array *expanded)
{
    const sy_value args[] = {call->args[0], call->args[1], call->args[2]};
    syi_array picked;
    syi_inference result = {.outs = &picked};
    SY_TRY(syi_op_infer(syi_op_get(SYI_OP__index), args, &result, call->err));
    return syi_array_expand(expanded, values, picked.ndim, picked.shape, call->err);
}

static void put_slices(const syi_cpu_call *call, const picking *plan, const int64_t *positions,
                       int64_t n)
{
    const bool adds = call->args[4].as.boolean;
    const sy_dtype dtype = plan->self_slice.dtype;
    syi_nest slices;
    syi_nest_init(&slices, plan->self_slice.ndim, plan->self_slice.shape);
    syi_nest_add(&slices, &plan->self_slice);
    if (adds) {
        syi_nest_add(&slices, &plan->self_slice);
    }
    syi_nest_add(&slices, &plan->picked_slice);
    if (syi_nest_is_empty(&slices)) {
        return;
    }
    syi_nest_merge(&slices, true);
    const syi_slice_copy copy = syi_slice_copy_plan(&slices, (int64_t)sy_dtype_size(dtype));
    for (int64_t i = 0; i < n; i++) {
        const int64_t to = place_of(&plan->in_self, positions[i]);
        const int64_t from = place_of(&plan->in_picked, i);
        if (adds) {
            syi_slice_run(&slices, (int64_t[]){to, to, from}, syi_add_loops[dtype]);
        } else {
            syi_slice_copy_run(&copy, to, from);
        }
    }
}

sy_status syi_cpu_index_put_dims(const syi_cpu_call *call)
{
    const syi_array *out = &call->outs[0], *given = syi_cpu_array(&call->args[1]);
    syi_array apart_index = SYI_ARRAY_INIT, index = SYI_ARRAY_INIT;
    syi_array values = SYI_ARRAY_INIT, expanded = SYI_ARRAY_INIT;
    picking plan;
    sy_status status;
    SY_GOTO(done, syi_cpu_separate(call, &apart_index, given));
    SY_GOTO(done, syi_cpu_convert(call, &index, &apart_index, SY_DTYPE_I64, true));
    SY_GOTO(done, syi_cpu_separate(call, &values, syi_cpu_array(&call->args[3])));
    SY_GOTO(done, expand_values(call, &values, &expanded));
    plan_picking(&plan, out, &call->args[2], given, &expanded);
    SY_GOTO(done, check_range(call, &index, 0, plan.size));
    if (!call->inplace) {
        syi_array_assign(out, syi_cpu_array(&call->args[0]));
    }
    put_slices(call, &plan, syi_array_data(&index), syi_array_numel(&index));
done:
    syi_array_fini(&expanded);
    syi_array_fini(&values);
    syi_array_fini(&index);
    syi_array_fini(&apart_index);
    return status;
}

/* index_fill: slices along one dim become one value; negative indices count from the end */
sy_status syi_cpu_index_fill(const syi_cpu_call *call)
{
    const syi_array *self = syi_cpu_array(&call->args[0]);
    const syi_array *value = syi_cpu_array(&call->args[3]);
    const sy_dtype dtype = call->outs[0].dtype;
    const syi_array out = with_dim(&call->outs[0]);
    syi_array apart = SYI_ARRAY_INIT, index = SYI_ARRAY_INIT;
    syi_element element;
    int dim;
    sy_status status;
    SY_TRY(syi_dim_wrap(&dim, call->args[1].as.integer, out.ndim, call->err));
    SY_GOTO(done, syi_cpu_separate(call, &apart, syi_cpu_array(&call->args[2])));
    SY_GOTO(done, syi_cpu_convert(call, &index, &apart, SY_DTYPE_I64, true));
    SY_GOTO(done, check_range(call, &index, -out.shape[dim], out.shape[dim]));
    if (value != NULL) {
        syi_convert_row(1, &element, dtype, (int64_t)sy_dtype_size(dtype), syi_array_data(value),
                        value->dtype, (int64_t)sy_dtype_size(value->dtype));
    } else {
        SY_GOTO(done, syi_cpu_element(call, &element, &call->args[3], dtype));
    }
    if (!call->inplace) {
        syi_array_assign(&call->outs[0], self);
    }
    const int64_t *entries = syi_array_data(&index);
    for (int64_t i = 0; i < syi_array_numel(&index); i++) {
        syi_array slice;
        SY_GOTO(done, syi_array_select(&slice, &out, dim, entries[i], call->err));
        syi_cpu_fill_array(&slice, &element);
        syi_array_fini(&slice);
    }
done:
    syi_array_fini(&index);
    syi_array_fini(&apart);
    return status;
}
