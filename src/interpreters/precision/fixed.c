#include "interpreters/precision/fixed.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/error.h"
#include "interpreters/precision/rows.h"
#include "serde/serde.h"

/* Attributes */

bool syi_fixed_power(int64_t base, int64_t precision, uint64_t most, int64_t *power)
{
    uint64_t product = 1;
    for (int64_t k = 0; k < precision; k++) {
        if (product > most / (uint64_t)base) {
            return false;
        }
        product *= (uint64_t)base;
    }
    *power = (int64_t)product;
    return product <= most;
}

static sy_status choose_field(const sy_precision_options *options, uint64_t *field, sy_error *err)
{
    switch (options->dtype) {
    case SY_PRECISION_LONG:
        *field = 0;
        break;
    case SY_PRECISION_INT:
        *field = UINT64_C(1) << 32;
        break;
    case SY_PRECISION_CUSTOM:
        *field = options->field;
        if (*field < 4) {
            return syi_fail(err, SY_EINVAL,
                            "fix_precision: a custom field of %" PRIu64 "; 4 is the smallest",
                            *field);
        }
        return SY_OK;
    default:
        return syi_fail(err, SY_EINVAL, "fix_precision: unknown dtype %d", (int)options->dtype);
    }
    if (options->field != 0 && options->field != *field) {
        return syi_fail(err, SY_EINVAL,
                        "fix_precision: field %" PRIu64
                        " is not that of dtype %s; use dtype custom",
                        options->field, options->dtype == SY_PRECISION_INT ? "int" : "long");
    }
    return SY_OK;
}

sy_status syi_fixed_attributes_of(const sy_precision_options *options,
                                  syi_fixed_attributes *attributes, sy_error *err)
{
    sy_precision_options all = SY_PRECISION_OPTIONS_INIT;
    if (options != NULL) {
        memcpy(&all, options, options->size < sizeof all ? options->size : sizeof all);
    }
    if (all.base < 2 || all.base > INT32_MAX) {
        return syi_fail(err, SY_EINVAL, "fix_precision: base %" PRId64 "; 2 to %d are possible",
                        all.base, INT32_MAX);
    }
    if (all.kappa < 0) {
        return syi_fail(err, SY_EINVAL, "fix_precision: kappa %" PRId64 " is negative", all.kappa);
    }
    *attributes = (syi_fixed_attributes){.base = all.base,
                                         .precision = all.precision_fractional,
                                         .kappa = all.kappa,
                                         .dtype = all.dtype};
    SY_TRY(choose_field(&all, &attributes->field, err));
    if (all.precision_fractional < 0 ||
        !syi_fixed_power(all.base, all.precision_fractional, syi_fixed_most(attributes),
                         &attributes->scale)) {
        return syi_fail(err, SY_EINVAL,
                        "fix_precision: %" PRId64 " to the %" PRId64
                        " is no scale: it must be at least 1 and fit half the field",
                        all.base, all.precision_fractional);
    }
    return SY_OK;
}

bool syi_fixed_same(const syi_fixed_attributes *a, const syi_fixed_attributes *b)
{
    return a->base == b->base && a->precision == b->precision && a->field == b->field &&
           a->dtype == b->dtype;
}

const char *syi_fixed_format(const syi_fixed_attributes *attributes, char *buffer, size_t size)
{
    char field[24] = "2^64";
    if (attributes->dtype == SY_PRECISION_INT) {
        snprintf(field, sizeof field, "2^32");
    } else if (attributes->field != 0) {
        snprintf(field, sizeof field, "%" PRIu64, attributes->field);
    }
    snprintf(buffer, size, "base %" PRId64 ", precision %" PRId64 ", field %s", attributes->base,
             attributes->precision, field);
    return buffer;
}

/* Magnitudes */

#define DEFINE_MAGNITUDE(name, T, U)                        \
    static uint64_t magnitude_##name(int64_t n, const T *x) \
    {                                                       \
        U most = 0;                                         \
        for (int64_t k = 0; k < n; k++) {                   \
            const U sign = (U)(x[k] < 0 ? -1 : 0);          \
            const U size = (U)(((U)x[k] ^ sign) - sign);    \
            most = size > most ? size : most;               \
        }                                                   \
        return most;                                        \
    }
DEFINE_MAGNITUDE(i64, int64_t, uint64_t)
DEFINE_MAGNITUDE(i32, int32_t, uint32_t)

uint64_t syi_fixed_magnitude(const syi_array *array)
{
    const int64_t count = syi_array_numel(array);
    if (syi_array_is_contiguous(array)) {
        return array->dtype == SY_DTYPE_I64 ? magnitude_i64(count, syi_array_data(array))
                                            : magnitude_i32(count, syi_array_data(array));
    }
    uint64_t most = 0;
    for (int64_t k = 0; k < count; k++) {
        const int64_t x = syi_array_get_int(array, k);
        const uint64_t size = x < 0 ? 0 - (uint64_t)x : (uint64_t)x;
        most = size > most ? size : most;
    }
    return most;
}

static unsigned version_of(syi_node *child)
{
    const syi_storage *storage = syi_node_storage(child);
    return storage != NULL ? atomic_load_explicit(&storage->version, memory_order_relaxed) : 0;
}

uint64_t syi_fixed_bound(const syi_fixed *fixed, bool look)
{
    syi_node *child = fixed->base.child;
    if (!syi_node_is_native(child)) {
        return SYI_FIXED_UNKNOWN;
    }
    if (!look && fixed->most != SYI_FIXED_UNKNOWN && fixed->version == version_of(child)) {
        return fixed->most;
    }
    return syi_fixed_magnitude(syi_node_array(child));
}

/* Nodes */

static sy_status check_child(const syi_fixed_attributes *attributes, const syi_node *child,
                             sy_error *err)
{
    for (const syi_node *node = child; node != NULL; node = node->child) {
        if (node->type == &syi_fixed_type) {
            return syi_fail(err, SY_EDTYPE,
                            "fix_precision: the tensor has fixed precision already");
        }
        if (syi_node_is_native(node)) {
            const sy_dtype is = ((const syi_native_node *)node)->array.dtype;
            const sy_dtype wanted = syi_fixed_storage(attributes);
            if (is != wanted) {
                return syi_fail(err, SY_EDTYPE,
                                "a fixed precision tensor over %s; its field is kept in %s",
                                sy_dtype_name(is), sy_dtype_name(wanted));
            }
        }
    }
    return SY_OK;
}

sy_status syi_fixed_new(sy_hook *hook, syi_node **node, const syi_fixed_attributes *attributes,
                        syi_node *child, uint64_t most, sy_error *err)
{
    *node = NULL;
    SY_TRY(check_child(attributes, child, err));
    syi_fixed *fixed = (syi_fixed *)syi_node_new(hook, &syi_fixed_type, sizeof *fixed, child);
    if (fixed == NULL) {
        return SYI_ENOMEM(err, "FixedPrecisionTensor");
    }
    fixed->attributes = *attributes;
    fixed->most = syi_node_is_native(child) ? most : SYI_FIXED_UNKNOWN;
    fixed->version = version_of(child);
    *node = &fixed->base;
    return SY_OK;
}

static sy_status fixed_rewrap(syi_node *like, syi_node *child, syi_node **node, sy_error *err)
{
    return syi_fixed_new(like->hook, node, &((syi_fixed *)like)->attributes, child,
                         SYI_FIXED_UNKNOWN, err);
}

static void fixed_describe(const syi_node *node, syi_buffer *text)
{
    (void)node;
    syi_buffer_append(text, "FixedPrecisionTensor", 20);
}

/* It stands for reals: its dtype is that of what it decodes to. */
static sy_status fixed_shape(syi_node *node, syi_array *shape, sy_error *err)
{
    syi_array child = SYI_ARRAY_INIT;
    SY_TRY(syi_node_shape(node->child, &child, err));
    return syi_array_describe(shape, SY_DTYPE_F32, child.ndim, child.shape, err);
}

/* Wire: [16, [id, field, dtype, base, precision, kappa, tags, description, chain]], 0.2.9. An int of 2^64 does
 * not fit msgpack and is a text there. */

static const char *const dtype_names[] = {"long", "int", "custom"};

static void encode_field(syi_buffer *out, uint64_t field)
{
    if (field == 0) {
        syi_encode_text(out, "18446744073709551616");
    } else {
        syi_msgpack_write_uint(out, field);
    }
}

static sy_status fixed_simplify(syi_node *node, syi_encoder *encoder, sy_error *err)
{
    const syi_fixed *fixed = (const syi_fixed *)node;
    const syi_fixed_attributes *attributes = &fixed->attributes;
    const char *dtype = dtype_names[attributes->dtype];
    syi_buffer *out = encoder->out;
    syi_msgpack_write_array(out, 2);
    syi_msgpack_write_int(out, SYI_CODE_FIXED_PRECISION);
    syi_msgpack_write_array(out, 9);
    syi_encode_id(out, &fixed->id);
    encode_field(out, attributes->field);
    syi_msgpack_write_str(out, dtype, strlen(dtype));
    syi_msgpack_write_int(out, attributes->base);
    syi_msgpack_write_int(out, attributes->precision);
    syi_msgpack_write_int(out, attributes->kappa);
    syi_msgpack_write_array(out, 2); /* tags and description are the handle's */
    syi_msgpack_write_int(out, SYI_CODE_SET);
    syi_msgpack_write_array(out, 0);
    syi_msgpack_write_nil(out);
    return syi_encode_node(encoder, node->child, err);
}

static sy_status decode_field(syi_decoder *decoder, uint64_t *field, sy_error *err)
{
    if (syi_msgpack_peek(&decoder->cursor) == SYI_MSGPACK_INT) {
        SY_TRY(syi_msgpack_read_uint(&decoder->cursor, field, err));
        return *field > 0 ? SY_OK : syi_fail(err, SY_EFORMAT, "message: a field of 0");
    }
    const char *text = NULL;
    SY_TRY(syi_decode_text(decoder, &text, err));
    if (text == NULL || strcmp(text, "18446744073709551616") != 0) {
        return syi_fail(err, SY_EFORMAT, "message: a field that is no number up to 2^64");
    }
    *field = 0;
    return SY_OK;
}

static sy_status decode_dtype(syi_decoder *decoder, sy_precision_dtype *dtype, sy_error *err)
{
    const char *name = NULL;
    SY_TRY(syi_decode_text(decoder, &name, err));
    for (int k = 0; name != NULL && k < 3; k++) {
        if (strcmp(name, dtype_names[k]) == 0) {
            *dtype = (sy_precision_dtype)k;
            return SY_OK;
        }
    }
    return syi_fail(err, SY_EFORMAT, "message: a fixed precision of an unknown dtype");
}

static sy_status decode_attributes(syi_decoder *decoder, syi_fixed_attributes *attributes,
                                   sy_error *err)
{
    sy_precision_options options = SY_PRECISION_OPTIONS_INIT;
    SY_TRY(decode_field(decoder, &options.field, err));
    const uint64_t field = options.field;
    SY_TRY(decode_dtype(decoder, &options.dtype, err));
    SY_TRY(syi_msgpack_read_int(&decoder->cursor, &options.base, err));
    SY_TRY(syi_msgpack_read_int(&decoder->cursor, &options.precision_fractional, err));
    SY_TRY(syi_msgpack_read_int(&decoder->cursor, &options.kappa, err));
    const sy_status status = syi_fixed_attributes_of(&options, attributes, err);
    if (status != SY_OK) {
        return syi_error_prefix(err, status, "message");
    }
    /* options.field 0 means "the dtype's own" there; here it was 2^64. */
    return attributes->field == field
               ? SY_OK
               : syi_fail(err, SY_EFORMAT, "message: dtype %s with another field",
                          dtype_names[options.dtype]);
}

static sy_status fixed_detail(syi_decoder *decoder, syi_node **node, sy_error *err)
{
    syi_msgpack_cursor *cursor = &decoder->cursor;
    sy_id id = SY_ID_INIT;
    syi_fixed_attributes attributes;
    syi_node *child = NULL;
    *node = NULL;
    SY_TRY(syi_msgpack_read_tuple(cursor, 9, "FixedPrecisionTensor", err));
    SY_TRY(syi_decode_id(decoder, &id, err));
    SY_TRY(decode_attributes(decoder, &attributes, err));
    SY_TRY(syi_msgpack_skip(cursor, err)); /* tags */
    SY_TRY(syi_msgpack_skip(cursor, err)); /* description */
    SY_TRY(syi_decode_node(decoder, &child, err));
    syi_msgpack_leave(cursor);
    const sy_status status =
        syi_fixed_new(decoder->hook, node, &attributes, child, SYI_FIXED_UNKNOWN, err);
    if (status != SY_OK) {
        syi_node_unref(child);
        return syi_error_prefix(err, status, "message");
    }
    ((syi_fixed *)*node)->id = id;
    return SY_OK;
}

const syi_interpreter syi_fixed_type = {
    .name = "FixedPrecisionTensor",
    .code = SYI_CODE_FIXED_PRECISION,
    .flags = SYI_NODE_DECOMPOSES,
    .call = syi_fixed_call,
    .answers_whole = syi_fixed_answers_whole,
    .describe = fixed_describe,
    .shape = fixed_shape,
    .simplify = fixed_simplify,
    .detail = fixed_detail,
    .rewrap = fixed_rewrap,
};

/* In scopes */

void syi_fixed_refuse(sy_scope *scope, sy_status status, const char *format, ...)
{
    sy_error error = SY_ERROR_INIT;
    char sentence[SY_ERROR_MESSAGE_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    syi_fail(&error, status, "%s", sentence);
    sy_scope_fail(scope, &error);
}

static void fail_with(sy_scope *scope, sy_status status, sy_error *error)
{
    error->status = status;
    sy_scope_fail(scope, error);
}

sy_tensor *syi_fixed_child(sy_scope *scope, const syi_fixed *fixed)
{
    sy_tensor *child = NULL;
    sy_error error = SY_ERROR_INIT;
    const sy_status status =
        syi_tensor_wrap(fixed->base.hook, &child, syi_node_ref(fixed->base.child), &error);
    if (status != SY_OK) {
        fail_with(scope, status, &error);
        return NULL;
    }
    return sy_scope_adopt(scope, child);
}

sy_tensor *syi_fixed_wrap(sy_scope *scope, const syi_fixed_attributes *attributes, sy_tensor *child,
                          uint64_t most)
{
    sy_error error = SY_ERROR_INIT;
    syi_node *node = NULL;
    sy_tensor *made = NULL;
    if (child == NULL || sy_scope_get_status(scope) != SY_OK) {
        return NULL;
    }
    syi_node *below = syi_node_ref(child->node);
    sy_status status = syi_fixed_new(child->hook, &node, attributes, below, most, &error);
    if (status != SY_OK) {
        syi_node_unref(below);
    } else {
        status = syi_tensor_wrap(child->hook, &made, node, &error);
    }
    if (status != SY_OK) {
        fail_with(scope, status, &error);
        return NULL;
    }
    return sy_scope_adopt(scope, made);
}

sy_status syi_fixed_register(sy_hook *hook, sy_error *err)
{
    SY_TRY(syi_hook_register_interpreter(hook, &syi_fixed_type, err));
    syi_fixed_register_composites(hook);
    return SY_OK;
}
