/* id.c - making, comparing and writing ids. Core room. Test: id_test.c. */
#include <csyft/id.h>

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/error.h"
#include "core/utf8.h"

_Static_assert(sizeof(sy_id) == 64, "an id is one cache line");

sy_id sy_id_from_int(int64_t number)
{
    return (sy_id){.number = number, .kind = SY_ID_INT};
}

sy_status sy_id_from_text(sy_id *id, const char *text, sy_error *err)
{
    if (text == NULL || text[0] == '\0') {
        return syi_fail(err, SY_EINVAL, "id: a text id may not be empty");
    }
    const size_t length = strnlen(text, SY_ID_TEXT_SIZE);
    if (length >= SY_ID_TEXT_SIZE) {
        return syi_fail(err, SY_EINVAL, "id: \"%s\" is longer than %d bytes", text,
                        SY_ID_TEXT_SIZE - 1);
    }
    for (size_t at = 0; at < length;) {
        uint32_t code = 0;
        const size_t step = syi_utf8_decode(text + at, length - at, &code);
        if (step == 0 || !syi_utf8_is_printable(code)) {
            return syi_fail(err, SY_EINVAL, "id: \"%s\" is not printable UTF-8 at byte %zu", text,
                            at);
        }
        at += step;
    }
    sy_id made = SY_ID_INIT; /* not written to *id at once: `text` may lie in it */
    made.kind = SY_ID_TEXT;
    made.length = (uint8_t)length;
    memcpy(made.text, text, length);
    *id = made;
    return SY_OK;
}

sy_status sy_id_parse(sy_id *id, const char *text, sy_error *err)
{
    if (text == NULL || text[0] == '\0' || text[strspn(text, "0123456789")] != '\0') {
        return sy_id_from_text(id, text, err);
    }
    int64_t number = 0;
    for (const char *digit = text; *digit != '\0'; digit++) {
        if (__builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, *digit - '0', &number)) {
            return syi_fail(err, SY_ERANGE, "id: %s is above %" PRId64, text, INT64_MAX);
        }
    }
    *id = sy_id_from_int(number);
    return SY_OK;
}

bool sy_id_equal(const sy_id *a, const sy_id *b)
{
    if (a->kind != b->kind || a->number != b->number || a->length != b->length) {
        return false;
    }
    return a->length == 0 || memcmp(a->text, b->text, a->length) == 0;
}

bool sy_id_is_none(const sy_id *id)
{
    return id->kind == SY_ID_NONE;
}

const char *sy_id_format(const sy_id *id, char *buffer, size_t size)
{
    char text[64] = "none";
    if (id->kind == SY_ID_INT) {
        snprintf(text, sizeof text, "%" PRId64, id->number);
    } else if (id->kind == SY_ID_TEXT) {
        assert(id->length < SY_ID_TEXT_SIZE);
        memcpy(text, id->text, id->length);
        text[id->length] = '\0';
    }
    syi_utf8_store(buffer, size, text);
    return buffer;
}
