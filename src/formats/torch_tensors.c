/*
 * torch_tensors.c - tensors from the pickle of a PyTorch file. The tree may be a graph, as pickles can
 * refer back: depth and number of visits are bounded. Test: model_file_test.c.
 */
#include "formats/torch_tensors.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    DEPTH_MAX = 64,
    VISITS_MAX = 1 << 20,
    PATH_MAX_BYTES = 4096,
    REFERENCES_MAX = 256 << 20,
};

/* Elements of expanded tensors are made; all of a file's together take at most this. */
static const uint64_t expanded_max = UINT64_C(256) << 20;

enum tag {
    TAG_ORDERED_DICT,
    TAG_TENSOR,
    TAG_TENSOR_V2,
    TAG_PARAMETER,
    TAG_SIZE,
    TAG_OTHER,
    TAG_NO_STORAGE, /* of a dtype that csyft lacks */
    TAG_STORAGE,    /* and above: TAG_STORAGE + dtype */
};

#define CALL SYI_PICKLE_ROLE_CALL
#define NAME SYI_PICKLE_ROLE_CONSTANT
#define STORAGE(name, dtype)                                \
    {                                                       \
        "torch", name, NAME, TAG_STORAGE + SY_DTYPE_##dtype \
    }
#define NO_STORAGE(name)                    \
    {                                       \
        "torch", name, NAME, TAG_NO_STORAGE \
    }

static const syi_pickle_global globals[] = {
    {"collections", "OrderedDict", SYI_PICKLE_ROLE_DICT, TAG_ORDERED_DICT},
    {"torch._utils", "_rebuild_tensor_v2", CALL, TAG_TENSOR_V2},
    {"torch._utils", "_rebuild_tensor", CALL, TAG_TENSOR},
    {"torch._utils", "_rebuild_parameter", CALL, TAG_PARAMETER},
    {"torch", "Size", CALL, TAG_SIZE},
    STORAGE("FloatStorage", F32),
    STORAGE("DoubleStorage", F64),
    STORAGE("LongStorage", I64),
    STORAGE("IntStorage", I32),
    STORAGE("ShortStorage", I16),
    STORAGE("CharStorage", I8),
    STORAGE("ByteStorage", U8),
    STORAGE("BoolStorage", BOOL),
    NO_STORAGE("HalfStorage"),
    NO_STORAGE("BFloat16Storage"),
    NO_STORAGE("ComplexFloatStorage"),
    NO_STORAGE("ComplexDoubleStorage"),
    NO_STORAGE("QInt8Storage"),
    NO_STORAGE("QUInt8Storage"),
    NO_STORAGE("QInt32Storage"),
    /* What checkpoints hold besides. */
    {"torch", "device", CALL, TAG_OTHER},
    {"torch", "float32", NAME, TAG_OTHER},
    {"torch", "float64", NAME, TAG_OTHER},
    {"torch", "int64", NAME, TAG_OTHER},
    {"torch", "int32", NAME, TAG_OTHER},
    {"torch", "int16", NAME, TAG_OTHER},
    {"torch", "int8", NAME, TAG_OTHER},
    {"torch", "uint8", NAME, TAG_OTHER},
    {"torch", "bool", NAME, TAG_OTHER},
    {"torch", "float16", NAME, TAG_OTHER},
    {"torch", "bfloat16", NAME, TAG_OTHER},
};

const syi_pickle_rules syi_torch_rules = {.globals = globals,
                                          .global_count = sizeof globals / sizeof globals[0]};

/* As a tensor names it; sorted by key to find which are the same. */
typedef struct reference {
    syi_torch_storage storage;
    size_t tensor; /* SIZE_MAX: a storage that was saved by itself */
} reference;

void syi_torch_reader_init(syi_torch_reader *reader, syi_model *model, syi_account *account)
{
    *reader = (syi_torch_reader){.context = model->context, .account = account, .model = model};
    syi_buffer_init(&reader->path, model->context, PATH_MAX_BYTES);
    syi_buffer_init(&reader->references, model->context, REFERENCES_MAX);
}

void syi_torch_reader_fini(syi_torch_reader *reader)
{
    for (size_t k = 0; k < reader->storage_count; k++) {
        syi_storage_unref(reader->storages[k].storage);
    }
    syi_free(reader->context, reader->storages,
             reader->storage_capacity * sizeof *reader->storages);
    syi_buffer_fini(&reader->references);
    syi_buffer_fini(&reader->path);
}

/* --- one tensor ------------------------------------------------------------------------------- */

static const char *path_text(const syi_torch_reader *reader, char *text, size_t size)
{
    if (reader->path.length == 0) {
        snprintf(text, size, "the tensor");
    } else {
        snprintf(text, size, "tensor '%.*s'",
                 reader->path.length < 100 ? (int)reader->path.length : 100,
                 (const char *)reader->path.data);
    }
    return text;
}

static sy_status refuse(const syi_torch_reader *reader, sy_status status, const char *what,
                        sy_error *err)
{
    char text[128];
    return syi_fail(err, status, "%s: %s", path_text(reader, text, sizeof text), what);
}

static bool is_size(const syi_pickle_value *value, int64_t *size)
{
    *size = value->kind == SYI_PICKLE_INT ? value->as.integer : -1;
    return *size >= 0;
}

static const syi_pickle_value *as_tuple(const syi_pickle_value *value)
{
    if (value->kind == SYI_PICKLE_OBJECT && value->as.object.global->tag == TAG_SIZE &&
        value->as.object.args->as.list.count == 1) {
        value = value->as.object.args->as.list.items[0];
    }
    return value->kind == SYI_PICKLE_TUPLE || value->kind == SYI_PICKLE_LIST ? value : NULL;
}

/* ('storage', torch.FloatStorage, key, location, numel) and, in the legacy stream, a view or None. */
static sy_status read_storage(const syi_torch_reader *reader, const syi_pickle_value *value,
                              syi_torch_storage *storage, sy_error *err)
{
    if (value->kind != SYI_PICKLE_PERSISTENT || value->as.object.args->kind != SYI_PICKLE_TUPLE) {
        return refuse(reader, SY_EFORMAT, "its storage is no persistent id", err);
    }
    const syi_pickle_value *id = value->as.object.args;
    syi_pickle_value *const *items = id->as.list.items;
    if (id->as.list.count < 5 || id->as.list.count > 6 ||
        !syi_pickle_is_text(items[0], "storage") || items[1]->kind != SYI_PICKLE_GLOBAL ||
        items[2]->kind != SYI_PICKLE_STRING) {
        return refuse(reader, SY_EFORMAT, "its persistent id names no storage", err);
    }
    if (id->as.list.count == 6 && items[5]->kind != SYI_PICKLE_NONE) {
        return refuse(reader, SY_ENOTSUP, "views of storages, as PyTorch wrote them before 0.4",
                      err);
    }
    const syi_pickle_global *type = items[1]->as.global;
    if (type->tag < TAG_STORAGE) {
        char text[100];
        snprintf(text, sizeof text, "csyft has no dtype for torch.%s", type->name);
        return refuse(reader, type->tag == TAG_NO_STORAGE ? SY_ENOTSUP : SY_EFORMAT, text, err);
    }
    int64_t numel;
    storage->dtype = (sy_dtype)(type->tag - TAG_STORAGE);
    storage->key = items[2]->as.text.data;
    storage->key_length = items[2]->as.text.length;
    if (!is_size(items[4], &numel) || numel > INT64_MAX / (int64_t)sy_dtype_size(storage->dtype)) {
        return refuse(reader, SY_EFORMAT, "the size of its storage is no size", err);
    }
    storage->numel = (uint64_t)numel;
    return SY_OK;
}

/* Sizes and strides; everything the array can reach must lie in the storage. */
static sy_status read_view(const syi_torch_reader *reader, syi_pickle_value *const *args,
                           const syi_torch_storage *storage, syi_array *array, sy_error *err)
{
    const syi_pickle_value *shape = as_tuple(args[2]), *strides = as_tuple(args[3]);
    int64_t sizes[SY_DIM_MAX], steps[SY_DIM_MAX], offset;
    if (!is_size(args[1], &offset) || shape == NULL || strides == NULL ||
        shape->as.list.count != strides->as.list.count) {
        return refuse(reader, SY_EFORMAT, "offset, size and stride do not belong together", err);
    }
    const int ndim = shape->as.list.count > SY_DIM_MAX ? -1 : (int)shape->as.list.count;
    if (ndim < 0) {
        return refuse(reader, SY_ENOTSUP, "it has more dimensions than csyft takes", err);
    }
    int64_t last = offset;
    bool empty = false, wrong = false;
    for (int k = 0; k < ndim; k++) {
        int64_t reach;
        wrong |= !is_size(shape->as.list.items[k], &sizes[k]);
        wrong |= !is_size(strides->as.list.items[k], &steps[k]);
        wrong |= !wrong && steps[k] > INT64_MAX / 16;
        empty |= !wrong && sizes[k] == 0;
        wrong |= !wrong && sizes[k] > 0 &&
                 (__builtin_mul_overflow(sizes[k] - 1, steps[k], &reach) ||
                  __builtin_add_overflow(last, reach, &last));
    }
    if (wrong || syi_array_describe(array, storage->dtype, ndim, sizes, NULL) != SY_OK) {
        return refuse(reader, SY_EFORMAT, "its sizes and strides make no sense", err);
    }
    if (!empty && (uint64_t)last >= storage->numel) {
        char text[128];
        snprintf(text, sizeof text, "it reaches element %" PRId64 " of a storage of %" PRIu64, last,
                 storage->numel);
        return refuse(reader, SY_EFORMAT, text, err);
    }
    memcpy(array->strides, steps, (size_t)ndim * sizeof *steps);
    array->offset = empty ? 0 : offset; /* an empty view may begin anywhere in PyTorch */
    return SY_OK;
}

static sy_status add_reference(syi_torch_reader *reader, const syi_torch_storage *storage,
                               size_t tensor, sy_error *err)
{
    const reference made = {*storage, tensor};
    syi_buffer_append(&reader->references, &made, sizeof made);
    return syi_buffer_check(&reader->references, "the tensors of the file", err);
}

/* _rebuild_tensor(storage, offset, size, stride), and v2 with (..., requires_grad, hooks[, metadata]). */
static sy_status read_tensor(syi_torch_reader *reader, const syi_pickle_value *value,
                             syi_model_tensor **made, sy_error *err)
{
    const syi_pickle_value *args = value->as.object.args;
    const bool v2 = value->as.object.global->tag == TAG_TENSOR_V2;
    const size_t least = v2 ? 6 : 4, most = v2 ? 7 : 4;
    syi_torch_storage storage = {0};
    syi_array array = SYI_ARRAY_INIT;
    if (args->as.list.count < least || args->as.list.count > most) {
        return refuse(reader, SY_EFORMAT, "it is rebuilt from the wrong number of values", err);
    }
    syi_pickle_value *const *items = args->as.list.items;
    SY_TRY(read_storage(reader, items[0], &storage, err));
    SY_TRY(read_view(reader, items, &storage, &array, err));
    SY_TRY(add_reference(reader, &storage, reader->model->tensor_count, err));
    SY_TRY(syi_model_add(reader->model, (const char *)reader->path.data, reader->path.length,
                         &array, made, err));
    (*made)->requires_grad = v2 && items[4]->kind == SYI_PICKLE_BOOL && items[4]->as.boolean;
    return SY_OK;
}

static bool is_tensor(const syi_pickle_value *value)
{
    return value->kind == SYI_PICKLE_OBJECT && (value->as.object.global->tag == TAG_TENSOR ||
                                                value->as.object.global->tag == TAG_TENSOR_V2);
}

/* _rebuild_parameter(data, requires_grad, hooks) */
static sy_status read_parameter(syi_torch_reader *reader, const syi_pickle_value *value,
                                sy_error *err)
{
    const syi_pickle_value *args = value->as.object.args;
    syi_model_tensor *made = NULL;
    if (args->as.list.count < 2 || !is_tensor(args->as.list.items[0]) ||
        args->as.list.items[1]->kind != SYI_PICKLE_BOOL) {
        return refuse(reader, SY_EFORMAT, "a parameter is not rebuilt from a tensor", err);
    }
    SY_TRY(read_tensor(reader, args->as.list.items[0], &made, err));
    made->parameter = true;
    made->requires_grad = args->as.list.items[1]->as.boolean;
    return SY_OK;
}

/* --- the tree --------------------------------------------------------------------------------- */

static sy_status visit(syi_torch_reader *reader, const syi_pickle_value *value, int depth,
                       sy_error *err);

static void put_path(syi_torch_reader *reader, const char *text, size_t length)
{
    if (reader->path.length > 0) {
        syi_buffer_put(&reader->path, '.');
    }
    syi_buffer_append(&reader->path, text, length);
}

/* The name of an item; false when its key is neither text nor a number. */
static bool put_key(syi_torch_reader *reader, const syi_pickle_value *key)
{
    char text[24];
    if (key->kind == SYI_PICKLE_STRING) {
        put_path(reader, key->as.text.data, key->as.text.length);
        return true;
    }
    if (key->kind == SYI_PICKLE_INT) {
        put_path(reader, text, (size_t)snprintf(text, sizeof text, "%" PRId64, key->as.integer));
        return true;
    }
    return false;
}

/* OrderedDict._metadata: {prefix: {"version": 1}} */
static sy_status read_versions(syi_torch_reader *reader, const syi_pickle_value *dict,
                               sy_error *err)
{
    const syi_pickle_value *all = syi_pickle_get(dict->state, "_metadata");
    const size_t length = reader->path.length;
    if (all == NULL || all->kind != SYI_PICKLE_DICT) {
        return SY_OK;
    }
    for (size_t k = 0; k + 1 < all->as.list.count; k += 2) {
        const syi_pickle_value *prefix = all->as.list.items[k];
        const syi_pickle_value *version = syi_pickle_get(all->as.list.items[k + 1], "version");
        if (++reader->visited > VISITS_MAX) {
            return syi_fail(err, SY_ELIMIT, "more than %d values", VISITS_MAX);
        }
        if (version == NULL || version->kind != SYI_PICKLE_INT ||
            prefix->kind != SYI_PICKLE_STRING) {
            continue;
        }
        if (prefix->as.text.length > 0) {
            put_path(reader, prefix->as.text.data, prefix->as.text.length);
        }
        SY_TRY(syi_buffer_check(&reader->path, "the name of a module", err));
        SY_TRY(syi_model_add_version(reader->model,
                                     reader->path.data == NULL ? "" : (char *)reader->path.data,
                                     reader->path.length, version->as.integer, err));
        reader->path.length = length;
    }
    return SY_OK;
}

static sy_status visit_dict(syi_torch_reader *reader, const syi_pickle_value *dict, int depth,
                            sy_error *err)
{
    const size_t length = reader->path.length;
    for (size_t k = 0; k + 1 < dict->as.list.count; k += 2) {
        if (!put_key(reader, dict->as.list.items[k])) {
            reader->model->others++;
            continue;
        }
        SY_TRY(visit(reader, dict->as.list.items[k + 1], depth + 1, err));
        reader->path.length = length;
    }
    return read_versions(reader, dict, err);
}

static sy_status visit_list(syi_torch_reader *reader, const syi_pickle_value *list, int depth,
                            sy_error *err)
{
    const size_t length = reader->path.length;
    for (size_t k = 0; k < list->as.list.count; k++) {
        char text[24];
        put_path(reader, text, (size_t)snprintf(text, sizeof text, "%zu", k));
        SY_TRY(visit(reader, list->as.list.items[k], depth + 1, err));
        reader->path.length = length;
    }
    return SY_OK;
}

static sy_status visit(syi_torch_reader *reader, const syi_pickle_value *value, int depth,
                       sy_error *err)
{
    syi_model_tensor *made = NULL;
    syi_torch_storage storage = {0};
    SY_TRY(syi_buffer_check(&reader->path, "the name of a value", err));
    if (depth > DEPTH_MAX || ++reader->visited > VISITS_MAX) {
        return depth > DEPTH_MAX
                   ? syi_fail(err, SY_ELIMIT, "dicts and lists nest deeper than %d", DEPTH_MAX)
                   : syi_fail(err, SY_ELIMIT, "more than %d values", VISITS_MAX);
    }
    if (value->kind == SYI_PICKLE_DICT) {
        return visit_dict(reader, value, depth, err);
    }
    if (value->kind == SYI_PICKLE_LIST || value->kind == SYI_PICKLE_TUPLE) {
        return visit_list(reader, value, depth, err);
    }
    if (is_tensor(value)) {
        return read_tensor(reader, value, &made, err);
    }
    if (value->kind == SYI_PICKLE_OBJECT && value->as.object.global->tag == TAG_PARAMETER) {
        return read_parameter(reader, value, err);
    }
    reader->model->others++;
    if (value->kind == SYI_PICKLE_PERSISTENT) { /* its bytes are in the file */
        SY_TRY(read_storage(reader, value, &storage, err));
        return add_reference(reader, &storage, SIZE_MAX, err);
    }
    return SY_OK;
}

/* --- storages --------------------------------------------------------------------------------- */

static int compare_keys(const syi_torch_storage *a, const syi_torch_storage *b)
{
    const size_t length = a->key_length < b->key_length ? a->key_length : b->key_length;
    const int order = length == 0 ? 0 : memcmp(a->key, b->key, length);
    return order != 0 ? order : a->key_length < b->key_length ? -1 : a->key_length > b->key_length;
}

static int compare_references(const void *a, const void *b)
{
    return compare_keys(&((const reference *)a)->storage, &((const reference *)b)->storage);
}

static int compare_storages(const void *a, const void *b)
{
    return compare_keys(a, b);
}

/* One entry per key, which all who name it must agree on. */
static sy_status list_storages(syi_torch_reader *reader, sy_error *err)
{
    reference *references = (reference *)(void *)reader->references.data;
    const size_t count = reader->references.length / sizeof *references;
    reader->storages = syi_alloc_array(reader->context, count, sizeof *reader->storages);
    if (reader->storages == NULL) {
        return SYI_ENOMEM(err, "the storages of the file");
    }
    reader->storage_capacity = count;
    if (count > 0) {
        qsort(references, count, sizeof *references, compare_references);
    }
    for (size_t k = 0; k < count; k++) {
        const reference *r = &references[k];
        if (k == 0 || compare_references(r - 1, r) != 0) {
            reader->storages[reader->storage_count++] = r->storage;
        }
        const syi_torch_storage *known = &reader->storages[reader->storage_count - 1];
        if (known->dtype != r->storage.dtype || known->numel != r->storage.numel) {
            return syi_fail(err, SY_EFORMAT,
                            "storage '%.100s' is named as %" PRIu64 " of %s and as %" PRIu64
                            " of %s",
                            r->storage.key, known->numel, sy_dtype_name(known->dtype),
                            r->storage.numel, sy_dtype_name(r->storage.dtype));
        }
        if (r->tensor != SIZE_MAX) {
            reader->model->tensors[r->tensor].group = reader->storage_count - 1;
        }
    }
    return SY_OK;
}

sy_status syi_torch_reader_collect(syi_torch_reader *reader, const syi_pickle_value *root,
                                   sy_error *err)
{
    reader->model->plain = root->kind == SYI_PICKLE_DICT && root->made_by == NULL;
    SY_TRY(visit(reader, root, 0, err));
    SY_TRY(syi_model_check_names(reader->model, err));
    return list_storages(reader, err);
}

syi_torch_storage *syi_torch_reader_find(syi_torch_reader *reader, const char *key, size_t length)
{
    const syi_torch_storage wanted = {.key = key, .key_length = length};
    if (reader->storage_count == 0) {
        return NULL;
    }
    return bsearch(&wanted, reader->storages, reader->storage_count, sizeof wanted,
                   compare_storages);
}

/* An expanded tensor has more elements than its storage: they are made here, within a budget, so that
 * nobody makes them later without one. */
static sy_status make_expanded(syi_torch_reader *reader, syi_model_tensor *tensor, uint64_t *used,
                               sy_error *err)
{
    syi_array made = SYI_ARRAY_INIT;
    *used += syi_array_bytes(&tensor->array);
    if (*used > expanded_max) {
        return syi_fail(err, SY_ELIMIT,
                        "tensor '%.100s' is expanded to %zu bytes; a file may hold %" PRIu64
                        " of those",
                        tensor->name, syi_array_bytes(&tensor->array), expanded_max);
    }
    SY_TRY(syi_array_clone(reader->context, &made, &tensor->array, reader->account, err));
    syi_array_fini(&tensor->array);
    tensor->array = made;
    return SY_OK;
}

static void normalise_bools(const syi_torch_storage *storage)
{
    uint8_t *data = storage->storage->data;
    for (size_t k = 0; storage->dtype == SY_DTYPE_BOOL && k < storage->storage->size; k++) {
        data[k] = data[k] != 0;
    }
}

sy_status syi_torch_reader_attach(syi_torch_reader *reader, sy_error *err)
{
    uint64_t expanded = 0;
    for (size_t k = 0; k < reader->storage_count; k++) {
        if (reader->storages[k].storage != NULL) {
            normalise_bools(&reader->storages[k]);
        }
    }
    for (size_t k = 0; k < reader->model->tensor_count; k++) {
        syi_model_tensor *tensor = &reader->model->tensors[k];
        const syi_torch_storage *from = &reader->storages[tensor->group];
        if (from->storage == NULL) {
            return syi_fail(err, SY_EFORMAT, "tensor '%.100s': its storage '%.100s' is not there",
                            tensor->name, from->key);
        }
        tensor->array.storage = syi_storage_ref(from->storage);
        if ((uint64_t)syi_array_numel(&tensor->array) > from->numel) {
            SY_TRY(make_expanded(reader, tensor, &expanded, err));
        }
    }
    return SY_OK;
}
