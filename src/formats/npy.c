/*
 * npy.c - NumPy's NPY format. A file is a magic, a version, a header length, a header that is a Python
 * dict literal with three known keys, and the elements. The dict is read by a cursor that knows only
 * what NumPy writes there: no nesting, no recursion. Test: npy_test.c, fuzz: tests/fuzz/npy.c.
 */
#include "formats/npy.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const uint8_t magic[6] = {0x93, 'N', 'U', 'M', 'P', 'Y'};

static const char *const descrs[] = {
#define NPY_DESCR(id, ctype, torch_name, bytes, npy) [SY_DTYPE_##id] = npy,
    SY_DTYPE_MAP(NPY_DESCR)
#undef NPY_DESCR
};

enum {
    PREFIX_SIZE = 12,         /* magic, version, longest header length */
    HEADER_LIMIT = 1 << 20,   /* of a file that is read; NumPy's own limit is 10000 */
    HEADER_ALIGNMENT = 64,    /* of the first element, as NumPy writes it */
    WRITTEN_HEADER_MAX = 320, /* 8 dims of 20 digits and the words around them, padded */
};

/* Where the header starts and how long it is, from the first bytes. */
static sy_status read_prefix(const uint8_t *bytes, size_t size, size_t *header_at,
                             size_t *header_size, sy_error *err)
{
    if (size < 8 || memcmp(bytes, magic, sizeof magic) != 0) {
        return syi_fail(err, SY_EFORMAT, "npy: the magic is missing");
    }
    if (bytes[6] < 1 || bytes[6] > 3 || bytes[7] != 0) {
        return syi_fail(err, SY_EFORMAT, "npy: version %d.%d is not known", bytes[6], bytes[7]);
    }
    *header_at = bytes[6] == 1 ? 10 : 12;
    if (size < *header_at) {
        return syi_fail(err, SY_EFORMAT, "npy: the header length is cut off");
    }
    *header_size = bytes[6] == 1 ? syi_get_u16le(bytes + 8) : syi_get_u32le(bytes + 8);
    return SY_OK;
}

/* ---- The dict ---- */

typedef struct cursor {
    const uint8_t *at, *end;
} cursor;

static void skip_space(cursor *c)
{
    while (c->at < c->end && (*c->at == ' ' || (*c->at >= '\t' && *c->at <= '\r'))) {
        c->at++;
    }
}

/* Takes `byte` when it comes next, after space. */
static bool take(cursor *c, uint8_t byte)
{
    skip_space(c);
    if (c->at == c->end || *c->at != byte) {
        return false;
    }
    c->at++;
    return true;
}

static bool take_word(cursor *c, const char *word)
{
    size_t length = strlen(word);
    skip_space(c);
    if ((size_t)(c->end - c->at) < length || memcmp(c->at, word, length) != 0) {
        return false;
    }
    c->at += length;
    return true;
}

/* A quoted string without escapes, terminated in `text`. */
static bool take_string(cursor *c, char *text, size_t size)
{
    skip_space(c);
    if (c->at == c->end || (*c->at != '\'' && *c->at != '"')) {
        return false;
    }
    const uint8_t quote = *c->at++;
    for (size_t length = 0; length < size && c->at < c->end; length++) {
        uint8_t byte = *c->at++;
        if (byte == quote) {
            text[length] = 0;
            return true;
        }
        if (byte < ' ' || byte > '~' || byte == '\\') {
            return false;
        }
        text[length] = (char)byte;
    }
    return false;
}

/* Digits, and the L that Python 2 wrote behind a long. */
static bool take_size(cursor *c, int64_t *value)
{
    skip_space(c);
    const uint8_t *first = c->at;
    *value = 0;
    for (; c->at < c->end && *c->at >= '0' && *c->at <= '9'; c->at++) {
        if (__builtin_mul_overflow(*value, 10, value) ||
            __builtin_add_overflow(*value, *c->at - '0', value)) {
            return false;
        }
    }
    if (c->at == first) {
        return false;
    }
    if (c->at < c->end && *c->at == 'L') {
        c->at++;
    }
    return true;
}

typedef struct layout {
    sy_dtype dtype;
    bool fortran;
    int ndim;
    int64_t shape[SY_DIM_MAX];
} layout;

static sy_status read_descr(cursor *c, layout *out, sy_error *err)
{
    char text[32];
    if (!take_string(c, text, sizeof text)) {
        return syi_fail(err, SY_EFORMAT, "npy: descr is not the name of one dtype");
    }
    /* '|' and '=' mean this machine's order, which is little-endian. */
    for (int i = 0; i < SY_DTYPE_COUNT && text[0] != 0 && strchr("<|=", text[0]) != NULL; i++) {
        if (strcmp(text + 1, descrs[i] + 1) == 0) {
            out->dtype = (sy_dtype)i;
            return SY_OK;
        }
    }
    return syi_fail(err, SY_EFORMAT, "npy: descr '%s' is not supported", text);
}

static sy_status read_order(cursor *c, layout *out, sy_error *err)
{
    out->fortran = take_word(c, "True");
    if (!out->fortran && !take_word(c, "False")) {
        return syi_fail(err, SY_EFORMAT, "npy: fortran_order is neither True nor False");
    }
    return SY_OK;
}

/* A tuple: "()", "(3,)", "(3, 4)", "(3, 4,)". */
static sy_status read_shape(cursor *c, layout *out, sy_error *err)
{
    bool comma = true;
    if (!take(c, '(')) {
        return syi_fail(err, SY_EFORMAT, "npy: shape is not a tuple");
    }
    for (out->ndim = 0; !take(c, ')'); out->ndim++) {
        int64_t size;
        if (!comma || !take_size(c, &size)) {
            return syi_fail(err, SY_EFORMAT, "npy: shape is not a tuple of sizes (entry %d)",
                            out->ndim);
        }
        if (out->ndim == SY_DIM_MAX) {
            return syi_fail(err, SY_EFORMAT, "npy: shape has more than %d dimensions", SY_DIM_MAX);
        }
        out->shape[out->ndim] = size;
        comma = take(c, ',');
    }
    if (out->ndim == 1 && !comma) {
        return syi_fail(err, SY_EFORMAT, "npy: shape (%" PRId64 ") is a number, not a tuple",
                        out->shape[0]);
    }
    return SY_OK;
}

static sy_status read_header(const uint8_t *bytes, size_t size, layout *out, sy_error *err)
{
    static const struct {
        const char *name;
        sy_status (*read)(cursor *c, layout *out, sy_error *err);
    } keys[] = {{"descr", read_descr}, {"fortran_order", read_order}, {"shape", read_shape}};
    enum { KEYS = sizeof keys / sizeof keys[0] };
    cursor c = {bytes, bytes + size};
    unsigned seen = 0;
    bool comma = true;
    *out = (layout){.ndim = 0};
    if (!take(&c, '{')) {
        return syi_fail(err, SY_EFORMAT, "npy: the header is not a dict");
    }
    while (!take(&c, '}')) {
        char name[32];
        unsigned key = 0;
        if (!comma || !take_string(&c, name, sizeof name) || !take(&c, ':')) {
            return syi_fail(err, SY_EFORMAT, "npy: the header is malformed at byte %zu",
                            (size_t)(c.at - bytes));
        }
        while (key < KEYS && strcmp(name, keys[key].name) != 0) {
            key++;
        }
        if (key == KEYS || (seen >> key & 1U) != 0) {
            return syi_fail(err, SY_EFORMAT, "npy: the header has %s key '%s'",
                            key == KEYS ? "the unknown" : "twice the", name);
        }
        SY_TRY(keys[key].read(&c, out, err));
        seen |= 1U << key;
        comma = take(&c, ',');
    }
    skip_space(&c);
    if (c.at != c.end) {
        return syi_fail(err, SY_EFORMAT, "npy: the header goes on after its dict");
    }
    for (unsigned key = 0; key < KEYS; key++) {
        if ((seen >> key & 1U) == 0) {
            return syi_fail(err, SY_EFORMAT, "npy: the header has no key '%s'", keys[key].name);
        }
    }
    return SY_OK;
}

/* ---- The elements ---- */

/* The array of a header, without storage yet, when exactly `available` bytes follow. In Fortran order
 * it is the transposed view that NumPy makes, too, so that the bytes are copied once and in order. */
static sy_status shape_array(syi_array *array, const layout *from, uint64_t available,
                             sy_error *err)
{
    char text[64];
    if (syi_array_describe(array, from->dtype, from->ndim, from->shape, NULL) != SY_OK) {
        return syi_fail(err, SY_EFORMAT, "npy: shape %s of %s is too large",
                        syi_shape_format(from->ndim, from->shape, text, sizeof text),
                        sy_dtype_name(from->dtype));
    }
    size_t bytes = syi_array_bytes(array);
    if (bytes != available) {
        return syi_fail(err, SY_EFORMAT,
                        "npy: the length is wrong: shape %s of %s takes %zu bytes, %" PRIu64
                        " are there",
                        syi_shape_format(from->ndim, from->shape, text, sizeof text),
                        sy_dtype_name(from->dtype), bytes, available);
    }
    int64_t stride = 1;
    for (int i = 0; from->fortran && i < from->ndim; i++) {
        array->strides[i] = stride;
        stride *= from->shape[i] > 0 ? from->shape[i] : 1;
    }
    return SY_OK;
}

/* NumPy takes any nonzero byte for True; here every bool is 0 or 1. */
static void normalise_bools(const syi_array *array)
{
    if (array->dtype != SY_DTYPE_BOOL) {
        return;
    }
    uint8_t *data = array->storage->data;
    for (size_t i = 0; i < array->storage->size; i++) {
        data[i] = data[i] != 0;
    }
}

sy_status syi_npy_decode(sy_context *context, syi_array *array, const uint8_t *bytes, size_t size,
                         syi_account *account, sy_error *err)
{
    memset(array, 0, sizeof *array);
    size_t at = 0, header_size = 0;
    SY_TRY(read_prefix(bytes, size, &at, &header_size, err));
    if (header_size > size - at) {
        return syi_fail(err, SY_EFORMAT, "npy: the header is cut off: %zu of %zu bytes", size - at,
                        header_size);
    }
    layout from;
    syi_array made;
    SY_TRY(read_header(bytes + at, header_size, &from, err));
    at += header_size;
    SY_TRY(shape_array(&made, &from, size - at, err));
    SY_TRY(syi_storage_new(context, &made.storage, size - at, account, err));
    if (size > at) {
        memcpy(made.storage->data, bytes + at, size - at);
    }
    normalise_bools(&made);
    *array = made;
    return SY_OK;
}

/* The whole header of a file, 64-byte aligned as NumPy pads it; returns its size. */
static size_t write_header(const syi_array *array, uint8_t *out)
{
    char *text = (char *)out + 10;
    const size_t room = WRITTEN_HEADER_MAX - 10;
    size_t length = (size_t)snprintf(
        text, room, "{'descr': '%s', 'fortran_order': False, 'shape': (", descrs[array->dtype]);
    for (int i = 0; i < array->ndim; i++) {
        const char *after = i + 1 < array->ndim ? ", " : array->ndim == 1 ? "," : "";
        length +=
            (size_t)snprintf(text + length, room - length, "%" PRId64 "%s", array->shape[i], after);
    }
    length += (size_t)snprintf(text + length, room - length, "), }");
    size_t total = (10 + length + 1 + HEADER_ALIGNMENT - 1) / HEADER_ALIGNMENT * HEADER_ALIGNMENT;
    memset(text + length, ' ', total - 10 - length);
    out[total - 1] = '\n';
    memcpy(out, magic, sizeof magic);
    out[6] = 1;
    out[7] = 0;
    syi_put_u16le(out + 8, (uint16_t)(total - 10));
    return total;
}

/* The array itself when it is contiguous, a contiguous copy otherwise; the caller ends it. */
static sy_status make_contiguous(sy_context *context, syi_array *out, const syi_array *array,
                                 sy_error *err)
{
    if (array->storage == NULL) {
        return syi_fail(err, SY_EINVAL, "npy: the array has a shape but no data");
    }
    if (!syi_array_is_contiguous(array)) {
        return syi_array_clone(context, out, array, NULL, err);
    }
    syi_array_copy_view(out, array);
    return SY_OK;
}

sy_status syi_npy_encode(const syi_array *array, syi_buffer *out, sy_error *err)
{
    uint8_t header[WRITTEN_HEADER_MAX];
    syi_array packed;
    SY_TRY(make_contiguous(out->context, &packed, array, err));
    syi_buffer_append(out, header, write_header(array, header));
    syi_buffer_append(out, syi_array_data(&packed), syi_array_bytes(&packed));
    syi_array_fini(&packed);
    return syi_buffer_check(out, "npy", err);
}

sy_status syi_npy_read_header(sy_context *context, const syi_npy_input *input, syi_array *array,
                              sy_error *err)
{
    uint8_t prefix[PREFIX_SIZE];
    size_t first = input->size < PREFIX_SIZE ? (size_t)input->size : PREFIX_SIZE;
    size_t at = 0, header_size = 0;
    SY_TRY(input->read(input->from, prefix, first, err));
    SY_TRY(read_prefix(prefix, first, &at, &header_size, err));
    if (header_size > input->size - at || header_size > HEADER_LIMIT || header_size < first - at) {
        return syi_fail(err, SY_EFORMAT,
                        "npy: the header length %zu does not fit a file of %" PRIu64, header_size,
                        input->size);
    }
    uint8_t *header = syi_alloc(context, header_size);
    if (header == NULL) {
        return SYI_ENOMEM(err, "npy");
    }
    memcpy(header, prefix + at, first - at);
    layout from;
    sy_status status = SY_OK;
    SY_GOTO(done, input->read(input->from, header + (first - at), header_size - (first - at), err));
    SY_GOTO(done, read_header(header, header_size, &from, err));
    SY_GOTO(done, shape_array(array, &from, input->size - at - header_size, err));
done:
    syi_free(context, header, header_size);
    return status;
}

/* Header, size check, and only then the storage, read into directly. */
sy_status syi_npy_read(sy_context *context, const syi_npy_input *input, syi_array *array,
                       syi_account *account, sy_error *err)
{
    syi_array made = SYI_ARRAY_INIT;
    sy_status status = SY_OK;
    SY_TRY(syi_npy_read_header(context, input, &made, err));
    SY_GOTO(done, syi_storage_new(context, &made.storage, syi_array_bytes(&made), account, err));
    SY_GOTO(done, input->read(input->from, made.storage->data, made.storage->size, err));
    normalise_bools(&made);
    syi_array_copy_view(array, &made);
done:
    syi_array_fini(&made);
    return status;
}

static sy_status read_file(void *file, void *data, size_t size, sy_error *err)
{
    return syi_file_read(file, data, size, err);
}

syi_npy_input syi_npy_input_of_file(syi_file *file)
{
    return (syi_npy_input){.from = file, .read = read_file, .size = file->size};
}

sy_status syi_npy_load(sy_context *context, syi_array *array, const char *path,
                       syi_account *account, sy_error *err)
{
    memset(array, 0, sizeof *array);
    syi_file file;
    SY_TRY(syi_file_open(&file, path, err));
    const syi_npy_input input = syi_npy_input_of_file(&file);
    sy_status status = syi_npy_read(context, &input, array, account, err);
    syi_file_close(&file);
    if (status == SY_EFORMAT) {
        return syi_error_prefix(err, status, "%s", path);
    }
    return status;
}

sy_status syi_npy_save(sy_context *context, const syi_array *array, const char *path, sy_error *err)
{
    uint8_t header[WRITTEN_HEADER_MAX];
    syi_array packed;
    SY_TRY(make_contiguous(context, &packed, array, err));
    const syi_bytes parts[] = {{header, write_header(array, header)},
                               {syi_array_data(&packed), syi_array_bytes(&packed)}};
    sy_status status = syi_file_replace(context, path, parts, 2, err);
    syi_array_fini(&packed);
    return status;
}
