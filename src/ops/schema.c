/* schema.c - reads the schema column of ops.def. Test: schema_test.c. */
#include "ops/schema.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *text;
    syi_parameter_type type;
} types[] = {
    {"T", SYI_PARAMETER_TENSOR},
    {"T[]", SYI_PARAMETER_TENSORS},
    {"TS", SYI_PARAMETER_TENSOR_OR_SCALAR},
    {"S", SYI_PARAMETER_SCALAR},
    {"i", SYI_PARAMETER_INT},
    {"i[]", SYI_PARAMETER_INTS},
    {"b", SYI_PARAMETER_BOOL},
    {"f", SYI_PARAMETER_FLOAT},
    {"d", SYI_PARAMETER_DTYPE},
    {"s", SYI_PARAMETER_STRING},
    {"x", SYI_PARAMETER_INDEX},
};

static bool parse_type(const char *text, size_t length, syi_parameter *parameter)
{
    parameter->optional = length > 0 && text[length - 1] == '?';
    length -= parameter->optional;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (strlen(types[i].text) == length && memcmp(types[i].text, text, length) == 0) {
            parameter->type = types[i].type;
            return true;
        }
    }
    return false;
}

static bool parse_number(const char *text, size_t length, bool real, sy_value *value)
{
    char *end;
    errno = 0;
    *value = sy_value_int(strtoll(text, &end, 10));
    if (length > 0 && end == text + length && errno == 0) {
        if (real) {
            *value = sy_value_float((double)value->as.integer);
        }
        return true;
    }
    *value = sy_value_float(strtod(text, &end));
    return length > 0 && end == text + length;
}

static bool parse_default(const char *text, size_t length, syi_parameter *parameter)
{
    sy_value *value = &parameter->default_value;
    switch (parameter->type) {
    case SYI_PARAMETER_BOOL:
        *value = sy_value_bool(length == 4);
        return (length == 4 && memcmp(text, "True", 4) == 0) ||
               (length == 5 && memcmp(text, "False", 5) == 0);
    case SYI_PARAMETER_STRING:
        *value = sy_value_string(text);
        return length > 0 && text[length] == 0;
    case SYI_PARAMETER_INT:
    case SYI_PARAMETER_INTS: /* a list of one */
        return parse_number(text, length, false, value) && value->kind == SY_VALUE_INT;
    case SYI_PARAMETER_SCALAR:
        return parse_number(text, length, false, value);
    case SYI_PARAMETER_FLOAT:
        return parse_number(text, length, true, value);
    default:
        return false;
    }
}

/* One "name:type[=default]" of `length` characters. */
static bool parse_parameter(const char *text, size_t length, syi_parameter *parameter)
{
    const char *colon = memchr(text, ':', length);
    if (colon == NULL || colon == text || (size_t)(colon - text) >= sizeof parameter->name) {
        return false;
    }
    memset(parameter, 0, sizeof *parameter);
    memcpy(parameter->name, text, (size_t)(colon - text));
    const char *type = colon + 1, *end = text + length;
    const char *equals = memchr(type, '=', (size_t)(end - type));
    parameter->has_default = equals != NULL;
    const char *type_end = parameter->has_default ? equals : end;
    if (!parse_type(type, (size_t)(type_end - type), parameter)) {
        return false;
    }
    return !parameter->has_default ||
           (!parameter->optional &&
            parse_default(equals + 1, (size_t)(end - equals - 1), parameter));
}

/* After the first parameter none with a default stands before one that must be given. One that may be none may, as in
 * ATen's convolution(input, weight, bias?, stride, ...). */
static bool is_ordered(const syi_parameter *parameters, int count)
{
    for (int i = 2; i < count; i++) {
        const syi_parameter *before = &parameters[i - 1], *here = &parameters[i];
        if (before->has_default && !here->optional && !here->has_default) {
            return false;
        }
    }
    return true;
}

sy_status syi_schema_parse(const char *schema, syi_parameter parameters[SYI_ARGUMENT_MAX],
                           int *count, sy_error *err)
{
    *count = 0;
    for (const char *at = schema; *at != 0; *count += 1) {
        size_t length = strcspn(at, " ");
        if (*count == SYI_ARGUMENT_MAX || !parse_parameter(at, length, &parameters[*count])) {
            return syi_fail(err, SY_EINVAL, "schema \"%s\": wrong at \"%.*s\"", schema, (int)length,
                            at);
        }
        at += length;
        at += *at == ' ';
    }
    return is_ordered(parameters, *count)
               ? SY_OK
               : syi_fail(err, SY_EINVAL, "schema \"%s\": a default before a required parameter",
                          schema);
}

int syi_schema_count(const char *schema)
{
    int count = 0;
    for (const char *at = strchr(schema, ':'); at != NULL; at = strchr(at + 1, ':')) {
        count++;
    }
    return count;
}
