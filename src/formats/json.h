/*
 * json.h - a pull cursor over JSON (RFC 8259) for small headers whose form is known: no tree, no
 * recursion, nothing allocated. Test: json_test.c.
 */
#ifndef SYI_FORMATS_JSON_H
#define SYI_FORMATS_JSON_H

#include "core/buffer.h"
#include "core/error.h"

typedef struct syi_json {
    const uint8_t *start, *at, *end;
} syi_json;

static inline syi_json syi_json_begin(const void *text, size_t size)
{
    return (syi_json){text, text, (const uint8_t *)text + size};
}
/* Takes `byte`, one of {}[],: when it comes next, after space. */
bool syi_json_take(syi_json *json, uint8_t byte);
/* Only space is left. */
bool syi_json_is_over(syi_json *json);
/* An integer from 0 to INT64_MAX, without fraction or exponent. false: none stands there. */
bool syi_json_take_size(syi_json *json, int64_t *value);
/* Appends a string to `out`, escapes resolved, as UTF-8. SY_EFORMAT: no string stands there, or it is
 * malformed; SY_ENOMEM and SY_ELIMIT from the buffer. */
sy_status syi_json_take_string(syi_json *json, syi_buffer *out, sy_error *err);
/* "the header is malformed at byte 17: <expected> expected" */
sy_status syi_json_fail(const syi_json *json, const char *expected, sy_error *err);

/* Appends a quoted string; `text` is UTF-8. */
void syi_json_put_string(syi_buffer *out, const char *text);

#endif
