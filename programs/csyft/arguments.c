/* arguments.c - see arguments.h. Test: tests/cli/call.py. */
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "arguments.h"

enum { LIST_DEPTH_MAX = 8 };

typedef struct reader {
    cli_arguments *into;
    const char *word; /* the argument as typed, for sentences */
    const char *at;
    int depth; /* of lists */
    char *reason;
} reader;

SY_PRINTF(2, 3)
static bool refuse(reader *r, const char *format, ...)
{
    char detail[160];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(detail, sizeof detail, format, arguments);
    va_end(arguments);
    snprintf(r->reason, CLI_REASON_SIZE, "argument %.80s: %s", r->word, detail);
    return false;
}

/* A terminated copy in the arguments' own memory, which has room for all words. */
static char *keep_text(cli_arguments *arguments, const char *text, size_t length)
{
    char *copy = arguments->text + arguments->text_length;
    memcpy(copy, text, length);
    copy[length] = '\0';
    arguments->text_length += length + 1;
    return copy;
}

static bool read_object(reader *r, const char *id_text, size_t length, sy_value *value)
{
    cli_arguments *arguments = r->into;
    cli_object_argument *object = &arguments->objects[arguments->object_count];
    sy_error err = SY_ERROR_INIT;
    if (sy_id_parse(&object->id, keep_text(arguments, id_text, length), &err) != SY_OK) {
        return refuse(r, "%s", err.message);
    }
    object->value = value;
    arguments->object_count++;
    *value = sy_value_tensor(NULL);
    return true;
}

/* "1:5", ":", "::2": empty parts are left open. false without a word when it is no slice. */
static bool read_slice(const char *text, sy_value *value)
{
    int64_t parts[3] = {SY_SLICE_OPEN, SY_SLICE_OPEN, 1};
    int count = 0;
    for (;; text++) {
        char *end = (char *)text;
        if (*text != ':' && *text != '\0') {
            errno = 0;
            parts[count] = strtoll(text, &end, 10);
            if (end == text || errno != 0 || (*end != ':' && *end != '\0')) {
                return false;
            }
        }
        count++;
        text = end;
        if (*text == '\0') {
            break;
        }
        if (count == 3) {
            return false;
        }
    }
    *value = sy_value_slice(parts[0], parts[1], parts[2]);
    return count > 1;
}

static bool read_number(reader *r, const char *text, sy_value *value, bool *is_number)
{
    char *end;
    errno = 0;
    const long long integer = strtoll(text, &end, 10);
    *is_number = end != text && *end == '\0';
    if (*is_number) {
        *value = sy_value_int(integer);
        return errno == 0 || refuse(r, "%s is outside the range of 64-bit integers", text);
    }
    const double real = strtod(text, &end);
    *is_number = end != text && *end == '\0';
    *value = sy_value_float(real);
    return true;
}

/* A token without quotes or brackets. */
static bool read_token(reader *r, const char *token, sy_value *value)
{
    static const struct {
        const char *text;
        sy_value value;
    } words[] = {
        {"True", {SY_VALUE_BOOL, {.boolean = true}}},
        {"true", {SY_VALUE_BOOL, {.boolean = true}}},
        {"False", {SY_VALUE_BOOL, {.boolean = false}}},
        {"false", {SY_VALUE_BOOL, {.boolean = false}}},
        {"None", {SY_VALUE_NONE, {0}}},
        {"none", {SY_VALUE_NONE, {0}}},
        {"...", {SY_VALUE_ELLIPSIS, {0}}},
    };
    for (size_t k = 0; k < sizeof words / sizeof words[0]; k++) {
        if (strcmp(token, words[k].text) == 0) {
            *value = words[k].value;
            return true;
        }
    }
    bool is_number;
    if (!read_number(r, token, value, &is_number)) {
        return false;
    }
    sy_dtype dtype;
    if (is_number || (strchr(token, ':') != NULL && read_slice(token, value))) {
        return true;
    }
    *value = sy_dtype_from_name(token, &dtype) ? sy_value_dtype(dtype) : sy_value_string(token);
    return true;
}

static bool read_value(reader *r, sy_value *value);

/* Items of the list that starts at `at`, behind its bracket. */
static size_t count_items(const char *at)
{
    size_t count = 1;
    int depth = 0;
    for (; *at != '\0' && (*at != ']' || depth > 0); at++) {
        if (*at == '\'' || *at == '"') {
            const char *end = strchr(at + 1, *at);
            if (end == NULL) {
                break;
            }
            at = end;
        }
        depth += *at == '[' ? 1 : *at == ']' ? -1 : 0;
        count += *at == ',' && depth == 0;
    }
    return count;
}

static bool read_list(reader *r, sy_value *value)
{
    if (r->depth == LIST_DEPTH_MAX) {
        return refuse(r, "lists are nested more than %d deep", LIST_DEPTH_MAX);
    }
    r->depth++;
    r->at++;
    if (*r->at == ']') {
        *value = sy_value_list(NULL, 0);
    } else {
        const size_t count = count_items(r->at);
        sy_value *items = r->into->values + r->into->value_count;
        r->into->value_count += count;
        *value = sy_value_list(items, count);
        for (size_t k = 0; k < count; k++) {
            if (!read_value(r, &items[k])) {
                return false;
            }
            if (*r->at != (k + 1 < count ? ',' : ']')) {
                return refuse(r, "the list is not closed with ]");
            }
            r->at += k + 1 < count;
        }
    }
    r->at++;
    r->depth--;
    return true;
}

static bool read_value(reader *r, sy_value *value)
{
    if (*r->at == '[') {
        return read_list(r, value);
    }
    if (*r->at == '\'' || *r->at == '"') {
        const char *end = strchr(r->at + 1, *r->at);
        if (end == NULL) {
            return refuse(r, "the text is not closed with %c", *r->at);
        }
        const size_t length = (size_t)(end - r->at) - 1;
        *value = sy_value_string(keep_text(r->into, r->at + 1, length));
        r->at = end + 1;
        return true;
    }
    const char *token = r->at;
    const size_t length = r->depth > 0 ? strcspn(token, ",]") : strlen(token);
    r->at += length;
    if (length == 0) {
        return refuse(r, "a value is missing");
    }
    if (token[0] == '@') {
        return read_object(r, token + 1, length - 1, value);
    }
    return read_token(r, keep_text(r->into, token, length), value);
}

/* Length of the NAME of "NAME=VALUE", 0 when the word is something else. */
static size_t name_length(const char *word)
{
    size_t length = 0;
    if (isalpha((unsigned char)word[0]) || word[0] == '_') {
        while (isalnum((unsigned char)word[length]) || word[length] == '_') {
            length++;
        }
    }
    return word[length] == '=' ? length : 0;
}

static bool read_argument(reader *r)
{
    cli_arguments *arguments = r->into;
    const size_t length = name_length(r->word);
    sy_value *value;
    if (length > 0) {
        sy_named_value *named = &arguments->named[arguments->named_count++];
        named->name = keep_text(arguments, r->word, length);
        value = &named->value;
    } else if (arguments->named_count > 0) {
        return refuse(r, "arguments without a name stand before those with one");
    } else {
        value = &arguments->positional[arguments->positional_count++];
    }
    if (length == 0 && r->word[0] != '=') {
        const char *id = r->word + (r->word[0] == '@');
        return read_object(r, id, strlen(id), value);
    }
    r->at = r->word + length + 1;
    if (!read_value(r, value)) {
        return false;
    }
    return *r->at == '\0' || refuse(r, "\"%.40s\" follows the value", r->at);
}

bool cli_arguments_parse(cli_arguments *arguments, char *const *words, size_t count,
                         char reason[CLI_REASON_SIZE])
{
    size_t length = 1;
    for (size_t k = 0; k < count; k++) {
        length += 2 * strlen(words[k]) + 2;
    }
    /* Every value, object and text takes at least one byte of a word. */
    *arguments = (cli_arguments){
        .positional = calloc(count + 1, sizeof(sy_value)),
        .named = calloc(count + 1, sizeof(sy_named_value)),
        .objects = calloc(length, sizeof(cli_object_argument)),
        .values = calloc(length, sizeof(sy_value)),
        .text = calloc(length, 1),
    };
    if (!arguments->positional || !arguments->named || !arguments->objects || !arguments->values ||
        !arguments->text) {
        snprintf(reason, CLI_REASON_SIZE, "out of memory");
        return false;
    }
    for (size_t k = 0; k < count; k++) {
        reader r = {.into = arguments, .word = words[k], .reason = reason};
        if (!read_argument(&r)) {
            return false;
        }
    }
    return true;
}

sy_status cli_arguments_point(cli_arguments *arguments, const cli_session *session, sy_error *err)
{
    for (size_t k = 0; k < arguments->object_count; k++) {
        const cli_object_argument *object = &arguments->objects[k];
        const sy_status status = sy_tensor_point_to(session->hook, &object->value->as.tensor,
                                                    session->worker, &object->id, err);
        if (status != SY_OK) {
            return status;
        }
    }
    return SY_OK;
}

void cli_arguments_free(cli_arguments *arguments)
{
    for (size_t k = 0; k < arguments->object_count; k++) {
        sy_tensor_unref(arguments->objects[k].value->as.tensor);
    }
    free(arguments->positional);
    free(arguments->named);
    free(arguments->objects);
    free(arguments->values);
    free(arguments->text);
    *arguments = (cli_arguments){0};
}
