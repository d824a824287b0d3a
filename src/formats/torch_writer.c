/*
 * torch_writer.c - tensors into the pickle of a PyTorch file, byte for byte as torch.save of PyTorch 1.13
 * writes it for a state dict or a single tensor. Declared in torch_tensors.h. Test: model_file_test.c.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "formats/torch_tensors.h"

static const char *const storage_names[SY_DTYPE_COUNT] = {
    [SY_DTYPE_BOOL] = "BoolStorage", [SY_DTYPE_U8] = "ByteStorage",
    [SY_DTYPE_I8] = "CharStorage",   [SY_DTYPE_I16] = "ShortStorage",
    [SY_DTYPE_I32] = "IntStorage",   [SY_DTYPE_I64] = "LongStorage",
    [SY_DTYPE_F32] = "FloatStorage", [SY_DTYPE_F64] = "DoubleStorage",
};

/* How a tensor looks at its block. */
typedef struct syi_torch_use {
    const syi_storage *storage;
    size_t tensor;
    size_t block;
    bool shared;
    int64_t offset;
    int64_t strides[SY_DIM_MAX];
} syi_torch_use;

static int compare_uses(const void *a, const void *b)
{
    const syi_torch_use *x = a, *y = b;
    return x->storage != y->storage ? (x->storage < y->storage ? -1 : 1)
           : x->tensor != y->tensor ? (x->tensor < y->tensor ? -1 : 1)
                                    : 0;
}

static int compare_tensors(const void *a, const void *b)
{
    const syi_torch_use *x = a, *y = b;
    return x->tensor < y->tensor ? -1 : x->tensor > y->tensor;
}

/* Which tensors share a storage; block is then the first of them, for a while. */
static sy_status find_shared(syi_torch_writer *w, sy_error *err)
{
    const size_t count = w->model->tensor_count;
    for (size_t k = 0; k < count; k++) {
        const syi_model_tensor *tensor = &w->model->tensors[k];
        if (tensor->array.storage == NULL) {
            return syi_fail(err, SY_EINVAL, "tensor '%.100s' has a shape but no data",
                            tensor->name);
        }
        w->uses[k] = (syi_torch_use){.storage = tensor->array.storage, .tensor = k, .block = k};
    }
    if (count > 0) {
        qsort(w->uses, count, sizeof *w->uses, compare_uses);
    }
    for (size_t k = 1; k < count; k++) {
        syi_torch_use *use = &w->uses[k];
        const sy_dtype before = w->model->tensors[use[-1].tensor].array.dtype;
        if (use[-1].storage == use->storage &&
            before == w->model->tensors[use->tensor].array.dtype) {
            use->block = use[-1].block;
            use->shared = use[-1].shared = true;
        }
    }
    if (count > 0) {
        qsort(w->uses, count, sizeof *w->uses, compare_tensors);
    }
    return SY_OK;
}

/* The whole storage where others look at it or the tensor permutes all of it; else its elements only. */
static sy_status make_block(syi_torch_writer *w, syi_torch_use *use, uint64_t first_key,
                            sy_error *err)
{
    const syi_array *array = &w->model->tensors[use->tensor].array;
    const size_t width = sy_dtype_size(array->dtype);
    const bool whole = use->shared || (!syi_array_is_contiguous(array) &&
                                       syi_array_bytes(array) == array->storage->size);
    syi_torch_block *block = &w->blocks[w->block_count];
    snprintf(block->key, sizeof block->key, "%" PRIu64, first_key + w->block_count);
    block->global = storage_names[array->dtype];
    if (whole) {
        block->numel = array->storage->size / width;
        block->data = array->storage->data;
    } else {
        block->numel = (uint64_t)syi_array_numel(array);
        SY_TRY(syi_model_plan_flatten(w->plan, array, &block->data, err));
    }
    block->size = (size_t)block->numel * width;
    use->block = w->block_count++;
    return SY_OK;
}

static void look(const syi_torch_writer *w, syi_torch_use *use)
{
    const syi_array *array = &w->model->tensors[use->tensor].array;
    const bool whole = w->blocks[use->block].data == (const void *)array->storage->data;
    if (whole && (use->shared || !syi_array_is_contiguous(array))) {
        use->offset = array->offset;
        memcpy(use->strides, array->strides, sizeof use->strides);
        return;
    }
    int64_t stride = 1; /* PyTorch's strides of a contiguous tensor */
    for (int k = array->ndim - 1; k >= 0; k--) {
        use->strides[k] = stride;
        stride *= array->shape[k] > 0 ? array->shape[k] : 1;
    }
}

static sy_status make_blocks(syi_torch_writer *w, uint64_t first_key, sy_error *err)
{
    for (size_t k = 0; k < w->model->tensor_count; k++) {
        syi_torch_use *use = &w->uses[k];
        if (use->block == k) {
            SY_TRY(make_block(w, use, first_key, err));
        } else {
            use->block = w->uses[use->block].block; /* its first tensor has one by now */
        }
        look(w, use);
    }
    return SY_OK;
}

static int compare_blocks(const void *a, const void *b, void *blocks)
{
    const syi_torch_block *all = blocks;
    return strcmp(all[*(const size_t *)a].key, all[*(const size_t *)b].key);
}

sy_status syi_torch_writer_init(syi_torch_writer *w, const syi_model *model, syi_model_plan *plan,
                                uint64_t first_key, sy_error *err)
{
    const size_t count = model->tensor_count;
    *w = (syi_torch_writer){.model = model, .plan = plan};
    SY_TRY(syi_model_check_names(model, err));
    w->blocks = syi_alloc_array(plan->context, count, sizeof *w->blocks);
    w->sorted = syi_alloc_array(plan->context, count, sizeof *w->sorted);
    w->uses = syi_alloc_array(plan->context, count, sizeof *w->uses);
    w->keys = syi_alloc_array(plan->context, count, sizeof *w->keys);
    sy_status status = SY_OK;
    if (w->blocks == NULL || w->sorted == NULL || w->uses == NULL || w->keys == NULL) {
        status = SYI_ENOMEM(err, "model");
        goto failed;
    }
    SY_GOTO(failed, find_shared(w, err));
    SY_GOTO(failed, make_blocks(w, first_key, err));
    for (size_t k = 0; k < w->block_count; k++) {
        w->sorted[k] = k;
    }
    if (w->block_count > 0) {
        qsort_r(w->sorted, w->block_count, sizeof *w->sorted, compare_blocks, w->blocks);
    }
    return SY_OK;
failed:
    syi_torch_writer_fini(w);
    return status;
}

void syi_torch_writer_fini(syi_torch_writer *w)
{
    sy_context *context = w->plan->context;
    const size_t count = w->model->tensor_count;
    syi_free(context, w->blocks, count * sizeof *w->blocks);
    syi_free(context, w->sorted, count * sizeof *w->sorted);
    syi_free(context, w->uses, count * sizeof *w->uses);
    syi_free(context, w->keys, count * sizeof *w->keys);
    w->blocks = NULL;
    w->sorted = NULL;
    w->uses = NULL;
    w->keys = NULL;
}

/* --- the pickle ------------------------------------------------------------------------------- */

/* What Python writes once and refers to afterwards. */
typedef struct pickling {
    const syi_torch_writer *writer;
    syi_pickler pickler;
    bool legacy;
    syi_pickler_seen ordered_dict, parameter, tensor, storage, cpu;
    syi_pickler_seen types[SY_DTYPE_COUNT];
} pickling;

static void put_global(pickling *p, syi_pickler_seen *seen, const char *module, const char *name)
{
    if (!syi_pickler_again(&p->pickler, *seen)) {
        *seen = syi_pickler_global(&p->pickler, module, name);
    }
}

static void put_word(pickling *p, syi_pickler_seen *seen, const char *word)
{
    if (!syi_pickler_again(&p->pickler, *seen)) {
        *seen = syi_pickler_text(&p->pickler, word);
    }
}

static void put_empty_ordered_dict(pickling *p)
{
    put_global(p, &p->ordered_dict, "collections", "OrderedDict");
    syi_pickler_opcode(&p->pickler, ')');
    syi_pickler_opcode(&p->pickler, 'R');
    (void)syi_pickler_put(&p->pickler);
}

/* The key is a new string each time in the legacy stream, one string per storage in the archive. */
static void put_storage(pickling *p, const syi_array *array, size_t index)
{
    const syi_torch_block *block = &p->writer->blocks[index];
    syi_pickler_seen *key = &p->writer->keys[index];
    syi_pickler_opcode(&p->pickler, '(');
    put_word(p, &p->storage, "storage");
    put_global(p, &p->types[array->dtype], "torch", block->global);
    if (p->legacy || !syi_pickler_again(&p->pickler, *key)) {
        *key = syi_pickler_text(&p->pickler, block->key);
    }
    put_word(p, &p->cpu, "cpu");
    syi_pickler_int(&p->pickler, (int64_t)block->numel);
    if (p->legacy) {
        syi_pickler_opcode(&p->pickler, 'N');
    }
    syi_pickler_opcode(&p->pickler, 't');
    (void)syi_pickler_put(&p->pickler);
    syi_pickler_opcode(&p->pickler, 'Q');
}

static void put_tensor(pickling *p, const syi_model_tensor *tensor, const syi_torch_use *use)
{
    syi_pickler *pickler = &p->pickler;
    if (tensor->parameter) {
        put_global(p, &p->parameter, "torch._utils", "_rebuild_parameter");
    }
    put_global(p, &p->tensor, "torch._utils", "_rebuild_tensor_v2");
    syi_pickler_opcode(pickler, '(');
    put_storage(p, &tensor->array, use->block);
    syi_pickler_int(pickler, use->offset);
    syi_pickler_int_tuple(pickler, tensor->array.shape, tensor->array.ndim);
    syi_pickler_int_tuple(pickler, use->strides, tensor->array.ndim);
    syi_pickler_bool(pickler, !tensor->parameter && tensor->requires_grad);
    put_empty_ordered_dict(p);
    syi_pickler_opcode(pickler, 't');
    (void)syi_pickler_put(pickler);
    syi_pickler_opcode(pickler, 'R');
    (void)syi_pickler_put(pickler);
    if (tensor->parameter) {
        syi_pickler_bool(pickler, tensor->requires_grad);
        put_empty_ordered_dict(p);
        syi_pickler_opcode(pickler, 0x87);
        (void)syi_pickler_put(pickler);
        syi_pickler_opcode(pickler, 'R');
        (void)syi_pickler_put(pickler);
    }
}

/* The attribute _metadata of the state dict. */
static void put_versions(pickling *p, const syi_model *model)
{
    syi_pickler *pickler = &p->pickler;
    syi_pickler_seen version = 0;
    syi_pickler_items items = {.total = model->version_count, .one = 's', .many = 'u'};
    syi_pickler_opcode(pickler, '}');
    (void)syi_pickler_put(pickler);
    (void)syi_pickler_text(pickler, "_metadata");
    put_empty_ordered_dict(p);
    for (size_t k = 0; k < model->version_count; k++) {
        syi_pickler_next(pickler, &items);
        (void)syi_pickler_text(pickler, model->versions[k].prefix);
        syi_pickler_opcode(pickler, '}');
        (void)syi_pickler_put(pickler);
        put_word(p, &version, "version");
        syi_pickler_int(pickler, model->versions[k].version);
        syi_pickler_opcode(pickler, 's');
    }
    syi_pickler_done(pickler, &items);
    syi_pickler_opcode(pickler, 's');
    syi_pickler_opcode(pickler, 'b');
}

static void put_dict(pickling *p, const syi_model *model, const syi_torch_use *uses)
{
    syi_pickler_items items = {.total = model->tensor_count, .one = 's', .many = 'u'};
    if (model->plain) {
        syi_pickler_opcode(&p->pickler, '}');
        (void)syi_pickler_put(&p->pickler);
    } else {
        put_empty_ordered_dict(p);
    }
    for (size_t k = 0; k < model->tensor_count; k++) {
        syi_pickler_next(&p->pickler, &items);
        (void)syi_pickler_text(&p->pickler, model->tensors[k].name);
        put_tensor(p, &model->tensors[k], &uses[k]);
    }
    syi_pickler_done(&p->pickler, &items);
    if (model->version_count > 0 && !model->plain) {
        put_versions(p, model);
    }
}

void syi_torch_writer_pickle(const syi_torch_writer *w, syi_buffer *out, bool legacy)
{
    pickling p = {.writer = w, .legacy = legacy};
    const syi_model *model = w->model;
    if (w->block_count > 0) {
        memset(w->keys, 0, w->block_count * sizeof *w->keys);
    }
    syi_pickler_begin(&p.pickler, out);
    if (model->tensor_count == 1 && model->tensors[0].name[0] == '\0') {
        put_tensor(&p, &model->tensors[0], &w->uses[0]);
    } else {
        put_dict(&p, model, w->uses);
    }
    syi_pickler_end(&p.pickler);
}
