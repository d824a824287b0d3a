/* error.c - status names, and filling a sy_error. Core room. Test: error_test.c. */
#include "core/error.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/utf8.h"

const char *sy_status_name(sy_status status)
{
    switch (status) {
#define STATUS_NAME(name, code, text) \
    case SY_##name:                   \
        return "SY_" #name;
        SY_STATUS_MAP(STATUS_NAME)
#undef STATUS_NAME
    }
    return "SY_?";
}

const char *sy_status_text(sy_status status)
{
    switch (status) {
#define STATUS_TEXT(name, code, text) \
    case SY_##name:                   \
        return text;
        SY_STATUS_MAP(STATUS_TEXT)
#undef STATUS_TEXT
    }
    return "unknown status";
}

sy_status syi_status_from_wire(int64_t code)
{
    switch (code) {
#define STATUS_CODE(name, wire, text) \
    case (wire):                      \
        return SY_##name;
        SY_STATUS_MAP(STATUS_CODE)
#undef STATUS_CODE
    default:
        return SY_EREMOTE;
    }
}

/* Formats into `out`, cut at a character and cleaned. One byte more than `out` holds is formatted, so
 * that the cut sees what follows. */
SY_PRINTF(2, 0)
static void format_sentence(char out[SY_ERROR_MESSAGE_SIZE], const char *format, va_list arguments)
{
    char text[SY_ERROR_MESSAGE_SIZE + 1];
    if (vsnprintf(text, sizeof text, format, arguments) < 0) {
        text[0] = '\0';
    }
    syi_utf8_store(out, SY_ERROR_MESSAGE_SIZE, text);
}

/* The arguments may point into *err, so the sentence is finished before *err changes. */
SY_PRINTF(4, 0)
static void fill(sy_error *err, sy_status status, const char *object, const char *format,
                 va_list arguments)
{
    sy_error made = SY_ERROR_INIT;
    made.status = status;
    format_sentence(made.message, format, arguments);
    syi_utf8_store(made.object, sizeof made.object, object);
    *err = made;
}

sy_status syi_fail(sy_error *err, sy_status status, const char *format, ...)
{
    assert(status != SY_OK);
    if (err != NULL) {
        va_list arguments;
        va_start(arguments, format);
        fill(err, status, NULL, format, arguments);
        va_end(arguments);
    }
    return status;
}

sy_status syi_fail_object(sy_error *err, sy_status status, const char *object, const char *format,
                          ...)
{
    assert(status != SY_OK);
    if (err != NULL) {
        va_list arguments;
        va_start(arguments, format);
        fill(err, status, object, format, arguments);
        va_end(arguments);
    }
    return status;
}

sy_status syi_error_prefix(sy_error *err, sy_status status, const char *format, ...)
{
    if (err == NULL) {
        return status;
    }
    char prefix[SY_ERROR_MESSAGE_SIZE];
    va_list arguments;
    va_start(arguments, format);
    format_sentence(prefix, format, arguments);
    va_end(arguments);
    char joined[2 * SY_ERROR_MESSAGE_SIZE];
    const int length = snprintf(joined, sizeof joined, "%s: %s", prefix, err->message);
    syi_utf8_store(err->message, sizeof err->message, length < 0 ? prefix : joined);
    if (err->status == SY_OK) {
        err->status = status; /* whoever failed did not fill the error */
    }
    return err->status;
}

void syi_error_at_worker(sy_error *err, const char *worker)
{
    if (err != NULL && err->worker[0] == '\0') {
        syi_utf8_store(err->worker, sizeof err->worker, worker);
    }
}
