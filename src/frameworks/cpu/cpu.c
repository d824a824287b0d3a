#include "frameworks/cpu/cpu.h"

#include <string.h>

#include "core/surroundings.h"

/* What resolve answers. */
typedef struct cpu_entry {
    syi_cpu_kernel kernel;
    syi_cpu_mode mode;
} cpu_entry;

static const cpu_entry entries[SYI_OP_COUNT] = {
#define ENTRY(operation, kernel, mode) [SYI_OP_##operation] = {syi_cpu_##kernel, SYI_CPU_##mode},
    SYI_CPU_KERNELS(ENTRY)
#undef ENTRY
};

syi_operand syi_cpu_operand(const sy_value *value, sy_dtype dtype, syi_element *room)
{
    syi_operand operand = {.array = syi_cpu_array(value), .scalar = room, .dtype = dtype};
    if (operand.array == NULL) {
        *room = syi_element_from_value(value, dtype);
    }
    return operand;
}

sy_status syi_cpu_temporary(const syi_cpu_call *call, syi_array *array, sy_dtype dtype, int ndim,
                            const int64_t *shape)
{
    SY_TRY(syi_array_new(call->cpu->base.context, array, dtype, ndim, shape, call->account,
                         call->err));
    array->storage->secret = call->secret;
    return SY_OK;
}

sy_status syi_cpu_convert(const syi_cpu_call *call, syi_array *array, const syi_array *from,
                          sy_dtype dtype, bool contiguous)
{
    if (from->dtype == dtype && (!contiguous || syi_array_is_contiguous(from))) {
        syi_array_copy_view(array, from);
        return SY_OK;
    }
    SY_TRY(syi_cpu_temporary(call, array, dtype, from->ndim, from->shape));
    syi_array_assign(array, from);
    return SY_OK;
}

void syi_cpu_clear(const syi_array *array)
{
    if (syi_array_is_contiguous(array)) {
        memset(syi_array_data(array), 0, syi_array_bytes(array));
        return;
    }
    int64_t zero = 0;
    syi_storage storage = {.data = (void *)&zero};
    syi_array from = *array;
    from.storage = &storage;
    from.offset = 0;
    memset(from.strides, 0, sizeof from.strides);
    syi_array_assign(array, &from);
}

/* Storages of their own are told apart without looking at strides. */
static bool overlaps(const syi_array *array, const void *destination)
{
    const syi_array *to = destination;
    const syi_storage *a = array->storage, *b = to->storage;
    const uintptr_t a_first = (uintptr_t)a->data, b_first = (uintptr_t)b->data;
    const bool apart = a_first + a->size <= b_first || b_first + b->size <= a_first;
    return !apart && syi_array_overlaps(array, to);
}

sy_status syi_cpu_separate(const syi_cpu_call *call, syi_array *copy, const syi_array *from)
{
    if (!call->inplace || !overlaps(from, &call->outs[0])) {
        syi_array_copy_view(copy, from);
        return SY_OK;
    }
    SY_TRY(syi_cpu_temporary(call, copy, from->dtype, from->ndim, from->shape));
    syi_array_assign(copy, from);
    return SY_OK;
}

sy_status syi_cpu_refuse_dtype(const syi_cpu_call *call, sy_dtype dtype)
{
    return syi_fail(call->err, SY_EDTYPE, "%s is not supported", sy_dtype_name(dtype));
}

typedef bool (*array_test)(const syi_array *array, const void *with);

/* Does any tensor among the arguments (lists of tensors included) pass the test? */
static inline bool any_array(const syi_cpu_call *call, array_test test, const void *with)
{
    const int count = call->cpu->parameters[call->op->id];
    for (int i = 0; i < count; i++) {
        const sy_value *items = &call->args[i];
        size_t item_count = 1;
        if (items->kind == SY_VALUE_LIST) {
            item_count = items->as.list.count;
            items = items->as.list.items;
        }
        for (size_t k = 0; k < item_count; k++) {
            const syi_array *array = syi_cpu_array(&items[k]);
            if (array != NULL && test(array, with)) {
                return true;
            }
        }
    }
    return false;
}

static bool is_secret(const syi_array *array, const void *with)
{
    (void)with;
    return array->storage->secret;
}

/* The same elements at the same places? Then element i is read before it is written. */
static bool is_same_view(const syi_array *a, const syi_array *b)
{
    if (a->storage != b->storage || a->offset != b->offset || a->dtype != b->dtype ||
        a->ndim != b->ndim) {
        return false;
    }
    for (int d = 0; d < a->ndim; d++) {
        if (a->shape[d] != b->shape[d] || (a->strides[d] != b->strides[d] && a->shape[d] > 1)) {
            return false;
        }
    }
    return true;
}

static bool overlaps_askew(const syi_array *array, const void *destination)
{
    return overlaps(array, destination) && !is_same_view(array, destination);
}

/* Would it take part in a result of another dtype or shape than the destination's? */
static bool differs(const syi_array *array, const void *destination)
{
    const syi_array *to = destination;
    bool same = array->dtype == to->dtype && array->ndim == to->ndim;
    for (int d = 0; same && d < to->ndim; d++) {
        same = array->shape[d] == to->shape[d];
    }
    return !same;
}

sy_status syi_cpu_allocate(const syi_cpu_call *call, int which, int ndim, const int64_t *shape)
{
    syi_array *out = &call->outs[which], described;
    SY_TRY(syi_array_describe(&described, out->dtype, ndim, shape, call->err));
    SY_TRY(syi_account_check_room(call->account, syi_array_bytes(&described), call->err));
    SY_TRY(syi_array_new(call->cpu->base.context, out, out->dtype, ndim, shape, call->account,
                         call->err));
    out->storage->secret = call->secret;
    return SY_OK;
}

static bool is_unknown(const syi_array *out)
{
    return out->ndim == 1 && out->shape[0] < 0;
}

static sy_status allocate_outs(const syi_cpu_call *call)
{
    for (int i = 0; i < call->out_count; i++) {
        syi_array *out = &call->outs[i];
        if (out->storage == NULL && !is_unknown(out)) {
            SY_TRY(syi_storage_new(call->cpu->base.context, &out->storage, syi_array_bytes(out),
                                   call->account, call->err));
            out->storage->secret = call->secret;
        }
    }
    return SY_OK;
}

static sy_status run_out_of_place(const cpu_entry *entry, syi_cpu_call *call)
{
    bool fresh[SYI_OUTPUT_MAX];
    bool any = false;
    for (int i = 0; i < call->out_count; i++) {
        fresh[i] = call->outs[i].storage == NULL;
        any |= fresh[i];
    }
    if (!any) {
        return SY_OK;
    }
    call->dtype = call->outs[0].dtype;
    sy_status status = allocate_outs(call);
    if (status == SY_OK) {
        status = entry->kernel(call);
    }
    for (int i = 0; status != SY_OK && i < call->out_count; i++) {
        if (fresh[i]) {
            syi_array_fini(&call->outs[i]);
        }
    }
    return status;
}

/* What the operation would answer out of place: its dtype and shape. */
static sy_status describe_result(const syi_cpu_call *call, syi_array *description)
{
    syi_array outs[SYI_OUTPUT_MAX];
    outs[0] = (syi_array)SYI_ARRAY_INIT;
    syi_inference result = {.outs = outs};
    SY_TRY(syi_op_infer(call->op, call->args, &result, call->err));
    *description = outs[0];
    for (int i = 0; i < result.count; i++) {
        syi_storage_unref(outs[i].storage);
    }
    description->storage = NULL;
    const syi_array *to = &call->outs[0];
    if (!syi_array_same_shape(description, to)) {
        char have[64], want[64];
        return syi_fail(call->err, SY_ESHAPE, "in place, a result of shape %s does not fit into %s",
                        syi_shape_format(description->ndim, description->shape, want, sizeof want),
                        syi_shape_format(to->ndim, to->shape, have, sizeof have));
    }
    return SY_OK;
}

static sy_status run_through_temporary(const cpu_entry *entry, const syi_cpu_call *call,
                                       const syi_array *description)
{
    syi_array made = SYI_ARRAY_INIT;
    SY_TRY(
        syi_cpu_temporary(call, &made, description->dtype, description->ndim, description->shape));
    syi_cpu_call apart = *call;
    apart.outs = &made;
    apart.inplace = false;
    sy_status status = entry->kernel(&apart);
    if (status == SY_OK) {
        syi_array_assign(&call->outs[0], &made);
    }
    syi_array_fini(&made);
    return status;
}

/* Floats of one dtype and shape among themselves and with numbers: no need to ask the table's rule. */
static bool is_evident(const cpu_entry *entry, const syi_cpu_call *call)
{
    const syi_array *to = &call->outs[0];
    return entry->mode == SYI_CPU_ALIGNED && entry->kernel != syi_cpu_compare &&
           sy_dtype_is_floating(to->dtype) && !any_array(call, differs, to);
}

static sy_status run_in_place(const cpu_entry *entry, syi_cpu_call *call)
{
    const syi_array *to = &call->outs[0];
    if (syi_array_has_internal_overlap(to)) {
        return syi_fail(call->err, SY_EINVAL,
                        "in place, several elements of the destination share one address; "
                        "clone it first");
    }
    call->dtype = to->dtype;
    sy_status status;
    if (entry->mode == SYI_CPU_ITSELF) {
        status = entry->kernel(call);
    } else {
        syi_array description = *to;
        if (!is_evident(entry, call)) {
            SY_TRY(describe_result(call, &description));
        }
        call->dtype = description.dtype;
        bool direct = entry->mode == SYI_CPU_ALIGNED
                          ? !any_array(call, overlaps_askew, to)
                          : to->dtype == description.dtype && !any_array(call, overlaps, to);
        status = direct ? entry->kernel(call) : run_through_temporary(entry, call, &description);
    }
    if (status == SY_OK && call->secret) {
        to->storage->secret = true;
    }
    return status;
}

/* Of "self:T dim:i=0": what spaces separate. */
static uint8_t count_parameters(const syi_op *op)
{
    unsigned count = op->schema[0] != 0;
    for (const char *c = op->schema; *c != 0; c++) {
        count += *c == ' ';
    }
    return (uint8_t)count;
}

static const void *cpu_resolve(syi_framework *framework, const syi_op *op)
{
    (void)framework;
    const cpu_entry *entry = &entries[op->id];
    return entry->kernel != NULL ? entry : NULL;
}

static sy_status cpu_run(syi_framework *framework, const void *handle, const syi_op *op,
                         const sy_value *args, bool inplace, syi_array *outs, int out_count,
                         syi_account *account, sy_error *err)
{
    syi_cpu_call call = {
        .cpu = (syi_cpu *)framework,
        .op = op,
        .args = args,
        .outs = outs,
        .out_count = out_count,
        .inplace = inplace,
        .account = account,
        .err = err,
    };
    call.secret = any_array(&call, is_secret, NULL);
    sy_status status = inplace ? run_in_place(handle, &call) : run_out_of_place(handle, &call);
    return status == SY_OK ? SY_OK : syi_error_prefix(err, status, "%s", op->name);
}

static void cpu_seed(syi_framework *framework, uint64_t seed)
{
    syi_cpu *cpu = (syi_cpu *)framework;
    pthread_mutex_lock(&cpu->lock);
    cpu->seed = seed;
    cpu->draws = 0;
    pthread_mutex_unlock(&cpu->lock);
}

static void cpu_free(syi_framework *framework)
{
    if (framework == NULL) {
        return;
    }
    syi_cpu *cpu = (syi_cpu *)framework;
    syi_blas_fini(&cpu->blas);
    pthread_mutex_destroy(&cpu->lock);
    syi_free(framework->context, cpu, sizeof *cpu);
}

static const syi_framework_class cpu_class = {
    .name = "cpu",
    .resolve = cpu_resolve,
    .run = cpu_run,
    .seed = cpu_seed,
    .free = cpu_free,
};

sy_status syi_cpu_framework_new(sy_context *context, syi_framework **framework, sy_error *err)
{
    *framework = NULL;
    uint64_t seed;
    SY_TRY(syi_random_bytes(context, &seed, sizeof seed, err));
    syi_cpu *cpu = syi_alloc(context, sizeof *cpu);
    if (cpu == NULL) {
        return SYI_ENOMEM(err, "cpu framework");
    }
    cpu->base.klass = &cpu_class;
    cpu->base.context = context;
    for (int id = 0; id < SYI_OP_COUNT; id++) {
        cpu->parameters[id] = count_parameters(syi_op_get((syi_op_id)id));
    }
    cpu->seed = seed;
    pthread_mutex_init(&cpu->lock, NULL);
    syi_blas_init(&cpu->blas);
    *framework = &cpu->base;
    return SY_OK;
}
