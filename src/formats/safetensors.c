/*
 * safetensors.c - the safetensors format. Eight bytes of length, a JSON object {name: {dtype, shape,
 * data_offsets}} with an optional "__metadata__" of strings, and the elements, without gaps.
 * Test: model_file_test.c, fuzz: tests/fuzz/safetensors.c.
 */
#include "formats/safetensors.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "formats/json.h"

static const char *const dtype_names[SY_DTYPE_COUNT] = {
    [SY_DTYPE_BOOL] = "BOOL", [SY_DTYPE_U8] = "U8",   [SY_DTYPE_I8] = "I8",
    [SY_DTYPE_I16] = "I16",   [SY_DTYPE_I32] = "I32", [SY_DTYPE_I64] = "I64",
    [SY_DTYPE_F32] = "F32",   [SY_DTYPE_F64] = "F64",
};

enum {
    LENGTH_SIZE = 8,
    HEADER_LIMIT = 100000000, /* the reference implementation's */
    HEADER_ALIGNMENT = 8,
};

/* Where a tensor's bytes lie behind the header. */
typedef struct extent {
    uint64_t begin, end;
    size_t tensor;
} extent;

typedef struct reader {
    syi_json json;
    syi_model *model;
    syi_buffer text;    /* the string last read */
    syi_buffer extents; /* of extent, in the model's order */
} reader;

static sy_status read_text(reader *r, sy_error *err)
{
    syi_buffer_clear(&r->text);
    return syi_json_take_string(&r->json, &r->text, err);
}

static bool text_is(const reader *r, const char *word)
{
    return r->text.length == strlen(word) && memcmp(r->text.data, word, r->text.length) == 0;
}

static sy_status expect(reader *r, uint8_t byte, const char *name, sy_error *err)
{
    return syi_json_take(&r->json, byte) ? SY_OK : syi_json_fail(&r->json, name, err);
}

/* --- one tensor ------------------------------------------------------------------------------- */

typedef struct entry {
    sy_dtype dtype;
    int ndim;
    int64_t shape[SY_DIM_MAX];
    int64_t begin, end;
} entry;

static sy_status read_dtype(reader *r, entry *e, sy_error *err)
{
    SY_TRY(read_text(r, err));
    for (int k = 0; k < SY_DTYPE_COUNT; k++) {
        if (text_is(r, dtype_names[k])) {
            e->dtype = (sy_dtype)k;
            return SY_OK;
        }
    }
    return syi_fail(err, SY_ENOTSUP, "csyft has no dtype %.*s",
                    r->text.length < 40 ? (int)r->text.length : 40, (const char *)r->text.data);
}

static sy_status read_shape(reader *r, entry *e, sy_error *err)
{
    SY_TRY(expect(r, '[', "'[' of a shape", err));
    if (syi_json_take(&r->json, ']')) {
        return SY_OK;
    }
    do {
        if (e->ndim == SY_DIM_MAX) {
            return syi_fail(err, SY_ENOTSUP, "more than %d dimensions", SY_DIM_MAX);
        }
        if (!syi_json_take_size(&r->json, &e->shape[e->ndim++])) {
            return syi_json_fail(&r->json, "a size", err);
        }
    } while (syi_json_take(&r->json, ','));
    return expect(r, ']', "',' or ']' of a shape", err);
}

static sy_status read_offsets(reader *r, entry *e, sy_error *err)
{
    SY_TRY(expect(r, '[', "'[' of data_offsets", err));
    if (!syi_json_take_size(&r->json, &e->begin) || !syi_json_take(&r->json, ',') ||
        !syi_json_take_size(&r->json, &e->end)) {
        return syi_json_fail(&r->json, "two offsets", err);
    }
    return expect(r, ']', "']' of data_offsets", err);
}

static sy_status read_entry(reader *r, entry *e, sy_error *err)
{
    static const struct {
        const char *name;
        sy_status (*read)(reader *r, entry *e, sy_error *err);
    } keys[] = {{"dtype", read_dtype}, {"shape", read_shape}, {"data_offsets", read_offsets}};
    enum { KEYS = sizeof keys / sizeof keys[0] };
    unsigned seen = 0;
    *e = (entry){.ndim = 0};
    SY_TRY(expect(r, '{', "'{' of a tensor", err));
    do {
        unsigned key = 0;
        SY_TRY(read_text(r, err));
        while (key < KEYS && !text_is(r, keys[key].name)) {
            key++;
        }
        if (key == KEYS || (seen >> key & 1U) != 0) {
            return syi_fail(err, SY_EFORMAT, "the key '%.*s' is %s",
                            r->text.length < 40 ? (int)r->text.length : 40,
                            r->text.data == NULL ? "" : (const char *)r->text.data,
                            key == KEYS ? "unknown" : "there twice");
        }
        SY_TRY(expect(r, ':', "':'", err));
        SY_TRY(keys[key].read(r, e, err));
        seen |= 1U << key;
    } while (syi_json_take(&r->json, ','));
    SY_TRY(expect(r, '}', "',' or '}' of a tensor", err));
    for (unsigned key = 0; key < KEYS; key++) {
        if ((seen >> key & 1U) == 0) {
            return syi_fail(err, SY_EFORMAT, "the key '%s' is missing", keys[key].name);
        }
    }
    return SY_OK;
}

/* Shape and dtype must take exactly the bytes given. */
static sy_status describe(const entry *e, syi_array *array, sy_error *err)
{
    char text[64];
    const char *shape = syi_shape_format(e->ndim, e->shape, text, sizeof text);
    if (syi_array_describe(array, e->dtype, e->ndim, e->shape, NULL) != SY_OK) {
        return syi_fail(err, SY_EFORMAT, "shape %s is too large", shape);
    }
    if (e->begin > e->end || (uint64_t)(e->end - e->begin) != syi_array_bytes(array)) {
        return syi_fail(err, SY_EFORMAT,
                        "shape %s of %s takes %zu bytes, data_offsets are %" PRId64 " and %" PRId64,
                        shape, sy_dtype_name(e->dtype), syi_array_bytes(array), e->begin, e->end);
    }
    return SY_OK;
}

static sy_status read_tensor(reader *r, sy_error *err)
{
    syi_array nothing = SYI_ARRAY_INIT;
    syi_model_tensor *made = NULL;
    entry e;
    const size_t index = r->model->tensor_count;
    SY_TRY(
        syi_model_add(r->model, (const char *)r->text.data, r->text.length, &nothing, &made, err));
    sy_status status = read_entry(r, &e, err);
    if (status == SY_OK) {
        status = describe(&e, &made->array, err);
    }
    if (status != SY_OK && status != SY_ENOMEM) {
        return syi_error_prefix(err, status, "tensor '%.100s'", made->name);
    }
    SY_TRY(status);
    const extent at = {(uint64_t)e.begin, (uint64_t)e.end, index};
    syi_buffer_append(&r->extents, &at, sizeof at);
    return syi_buffer_check(&r->extents, "the header", err);
}

/* --- the header ------------------------------------------------------------------------------- */

static sy_status read_metadata(reader *r, sy_error *err)
{
    SY_TRY(expect(r, '{', "'{' of __metadata__", err));
    if (syi_json_take(&r->json, '}')) {
        return SY_OK;
    }
    do {
        SY_TRY(read_text(r, err));
        const size_t key = r->text.length;
        SY_TRY(expect(r, ':', "':'", err));
        SY_TRY(syi_json_take_string(&r->json, &r->text, err)); /* behind the key */
        const char *text = r->text.data == NULL ? "" : (const char *)r->text.data;
        SY_TRY(syi_model_add_note(r->model, text, key, text + key, r->text.length - key, err));
    } while (syi_json_take(&r->json, ','));
    return expect(r, '}', "',' or '}' of __metadata__", err);
}

static sy_status read_header(reader *r, sy_error *err)
{
    bool has_metadata = false;
    SY_TRY(expect(r, '{', "'{'", err));
    if (syi_json_take(&r->json, '}')) {
        return syi_json_is_over(&r->json) ? SY_OK : syi_json_fail(&r->json, "the end", err);
    }
    do {
        SY_TRY(read_text(r, err));
        const bool is_metadata = text_is(r, "__metadata__");
        SY_TRY(expect(r, ':', "':'", err));
        if (is_metadata && has_metadata) {
            return syi_fail(err, SY_EFORMAT, "__metadata__ stands there twice");
        }
        has_metadata |= is_metadata;
        SY_TRY(is_metadata ? read_metadata(r, err) : read_tensor(r, err));
    } while (syi_json_take(&r->json, ','));
    SY_TRY(expect(r, '}', "',' or '}'", err));
    return syi_json_is_over(&r->json) ? SY_OK : syi_json_fail(&r->json, "the end", err);
}

static int compare_extents(const void *a, const void *b)
{
    const extent *x = a, *y = b;
    return x->begin != y->begin ? (x->begin < y->begin ? -1 : 1)
           : x->end != y->end   ? (x->end < y->end ? -1 : 1)
                                : 0;
}

/* The tensors take every byte behind the header, each by one of them. */
static sy_status check_extents(const syi_model *model, const extent *extents, uint64_t available,
                               sy_error *err)
{
    uint64_t at = 0;
    for (size_t k = 0; k < model->tensor_count; k++) {
        const extent *e = &extents[k];
        const char *name = model->tensors[e->tensor].name;
        if (e->end > available) {
            return syi_fail(err, SY_EFORMAT,
                            "tensor '%.100s' ends at %" PRIu64 ", the file has %" PRIu64
                            " bytes of elements",
                            name, e->end, available);
        }
        if (e->begin != at) {
            return syi_fail(err, SY_EFORMAT,
                            "tensor '%.100s' begins at %" PRIu64 ", %s at %" PRIu64, name, e->begin,
                            e->begin < at ? "inside another that ends" : "but the one before ends",
                            at);
        }
        at = e->end;
    }
    if (at != available) {
        return syi_fail(err, SY_EFORMAT, "the last %" PRIu64 " bytes belong to no tensor",
                        available - at);
    }
    return SY_OK;
}

static void normalise_bools(const syi_array *array)
{
    uint8_t *data = array->storage->data;
    for (size_t k = 0; array->dtype == SY_DTYPE_BOOL && k < array->storage->size; k++) {
        data[k] = data[k] != 0;
    }
}

/* In the order of the file. */
static sy_status read_elements(reader *r, const syi_source *source, uint64_t data_at,
                               syi_account *account, sy_error *err)
{
    const extent *extents = (const extent *)(const void *)r->extents.data;
    for (size_t k = 0; k < r->model->tensor_count; k++) {
        syi_array *array = &r->model->tensors[extents[k].tensor].array;
        const size_t size = (size_t)(extents[k].end - extents[k].begin);
        SY_TRY(syi_storage_new(r->model->context, &array->storage, size, account, err));
        SY_TRY(
            syi_source_read(source, data_at + extents[k].begin, array->storage->data, size, err));
        normalise_bools(array);
    }
    return SY_OK;
}

static sy_status read_file(reader *r, const syi_source *source, uint64_t data_at,
                           syi_account *account, sy_error *err)
{
    SY_TRY(read_header(r, err));
    SY_TRY(syi_model_check_names(r->model, err));
    for (size_t k = 0; k < r->model->tensor_count; k++) {
        r->model->tensors[k].group = k;
    }
    extent *extents = (extent *)(void *)r->extents.data;
    if (r->model->tensor_count > 0) {
        qsort(extents, r->model->tensor_count, sizeof *extents, compare_extents);
    }
    SY_TRY(check_extents(r->model, extents, source->size - data_at, err));
    return read_elements(r, source, data_at, account, err);
}

sy_status syi_safetensors_read(sy_context *context, syi_model *model, const syi_source *source,
                               syi_account *account, sy_error *err)
{
    uint8_t length[LENGTH_SIZE];
    const uint8_t *header = NULL;
    uint8_t *room = NULL;
    size_t got = 0;
    syi_model_init(model, context);
    if (source->size < LENGTH_SIZE) {
        return syi_fail(err, SY_EFORMAT, "safetensors: the header length is cut off");
    }
    SY_TRY(syi_source_read(source, 0, length, sizeof length, err));
    const uint64_t size = syi_get_u64le(length);
    if (size > HEADER_LIMIT || size > source->size - LENGTH_SIZE) {
        return syi_fail(err, SY_EFORMAT,
                        "safetensors: a header of %" PRIu64 " bytes in a file of %" PRIu64, size,
                        source->size);
    }
    SY_TRY(syi_source_map(source, LENGTH_SIZE, (size_t)size, context, &header, &room, &got, err));
    reader r = {.json = syi_json_begin(header, got), .model = model};
    syi_buffer_init(&r.text, context, HEADER_LIMIT);
    syi_buffer_init(&r.extents, context, (size_t)HEADER_LIMIT * 2);
    const sy_status status = read_file(&r, source, LENGTH_SIZE + size, account, err);
    syi_buffer_fini(&r.extents);
    syi_buffer_fini(&r.text);
    syi_free(context, room, got);
    if (status == SY_OK) {
        return SY_OK;
    }
    syi_model_fini(model);
    return status == SY_EFORMAT || status == SY_ENOTSUP
               ? syi_error_prefix(err, status, "safetensors")
               : status;
}

/* --- writing ---------------------------------------------------------------------------------- */

static void put_number(syi_buffer *out, const char *before, uint64_t number)
{
    char text[48];
    const int length = snprintf(text, sizeof text, "%s%" PRIu64, before, number);
    syi_buffer_append(out, text, (size_t)length);
}

static void put_text(syi_buffer *out, const char *text)
{
    syi_buffer_append(out, text, strlen(text));
}

static void put_metadata(syi_buffer *out, const syi_model *model)
{
    put_text(out, "\"__metadata__\":{");
    for (size_t k = 0; k < model->note_count; k++) {
        put_text(out, k > 0 ? "," : "");
        syi_json_put_string(out, model->notes[k].key);
        put_text(out, ":");
        syi_json_put_string(out, model->notes[k].value);
    }
    put_text(out, "}");
}

static void put_entry(syi_buffer *out, const syi_model_tensor *tensor, uint64_t begin)
{
    const syi_array *array = &tensor->array;
    syi_json_put_string(out, tensor->name);
    put_text(out, ":{\"dtype\":\"");
    put_text(out, dtype_names[array->dtype]);
    put_text(out, "\",\"shape\":[");
    for (int k = 0; k < array->ndim; k++) {
        put_number(out, k > 0 ? "," : "", (uint64_t)array->shape[k]);
    }
    put_number(out, "],\"data_offsets\":[", begin);
    put_number(out, ",", begin + syi_array_bytes(array));
    put_text(out, "]}");
}

/* Where each tensor begins: wide elements first, in the model's order among equals. */
static void place(const syi_model *model, uint64_t *begins)
{
    uint64_t at = 0;
    for (size_t width = 8; width > 0; width /= 2) {
        for (size_t k = 0; k < model->tensor_count; k++) {
            if (sy_dtype_size(model->tensors[k].array.dtype) == width) {
                begins[k] = at;
                at += syi_array_bytes(&model->tensors[k].array);
            }
        }
    }
}

static void put_header(syi_buffer *out, const syi_model *model, const uint64_t *begins)
{
    (void)syi_buffer_extend(out, LENGTH_SIZE);
    put_text(out, "{");
    if (model->note_count > 0) {
        put_metadata(out, model);
    }
    for (size_t k = 0; k < model->tensor_count; k++) {
        put_text(out, k > 0 || model->note_count > 0 ? "," : "");
        put_entry(out, &model->tensors[k], begins[k]);
    }
    put_text(out, "}");
    while (out->length % HEADER_ALIGNMENT != 0 && out->status == SY_OK) {
        syi_buffer_put(out, ' ');
    }
    if (out->status == SY_OK) {
        syi_put_u64le(out->data, out->length - LENGTH_SIZE);
    }
}

static sy_status check_writable(const syi_model *model, sy_error *err)
{
    for (size_t k = 0; k < model->tensor_count; k++) {
        if (strcmp(model->tensors[k].name, "__metadata__") == 0) {
            return syi_fail(err, SY_EINVAL, "safetensors: no tensor can be called __metadata__");
        }
    }
    return syi_model_check_names(model, err);
}

sy_status syi_safetensors_plan(const syi_model *model, syi_model_plan *plan, sy_error *err)
{
    SY_TRY(check_writable(model, err));
    uint64_t *begins = syi_alloc_array(plan->context, model->tensor_count, sizeof *begins);
    if (begins == NULL) {
        return SYI_ENOMEM(err, "safetensors");
    }
    place(model, begins);
    put_header(&plan->text, model, begins);
    syi_free(plan->context, begins, model->tensor_count * sizeof *begins);
    SY_TRY(syi_buffer_check(&plan->text, "safetensors", err));
    if (plan->text.length - LENGTH_SIZE > HEADER_LIMIT) {
        return syi_fail(err, SY_ELIMIT, "safetensors: the names need a header of %zu bytes",
                        plan->text.length);
    }
    SY_TRY(syi_model_plan_add(plan, NULL, 0, err));
    for (size_t width = 8; width > 0; width /= 2) {
        for (size_t k = 0; k < model->tensor_count; k++) {
            const syi_array *array = &model->tensors[k].array;
            const void *data = NULL;
            if (sy_dtype_size(array->dtype) == width) {
                SY_TRY(syi_model_plan_flatten(plan, array, &data, err));
                SY_TRY(syi_model_plan_add(plan, data, syi_array_bytes(array), err));
            }
        }
    }
    return SY_OK;
}
