/* json.c - a pull cursor over JSON. Test: json_test.c. */
#include "formats/json.h"

#include <stdio.h>

#include "core/utf8.h"

static void skip_space(syi_json *json)
{
    while (json->at < json->end &&
           (*json->at == ' ' || *json->at == '\t' || *json->at == '\n' || *json->at == '\r')) {
        json->at++;
    }
}

bool syi_json_take(syi_json *json, uint8_t byte)
{
    skip_space(json);
    if (json->at == json->end || *json->at != byte) {
        return false;
    }
    json->at++;
    return true;
}

bool syi_json_is_over(syi_json *json)
{
    skip_space(json);
    return json->at == json->end;
}

static bool is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

bool syi_json_take_size(syi_json *json, int64_t *value)
{
    skip_space(json);
    const uint8_t *at = json->at;
    *value = 0;
    while (at < json->end && is_digit(*at)) {
        if (__builtin_mul_overflow(*value, 10, value) ||
            __builtin_add_overflow(*value, *at - '0', value)) {
            return false;
        }
        at++;
    }
    const bool leading_zero = at > json->at + 1 && *json->at == '0';
    const bool goes_on = at < json->end && (*at == '.' || *at == 'e' || *at == 'E');
    if (at == json->at || leading_zero || goes_on) {
        return false;
    }
    json->at = at;
    return true;
}

sy_status syi_json_fail(const syi_json *json, const char *expected, sy_error *err)
{
    return syi_fail(err, SY_EFORMAT, "the header is malformed at byte %zu: %s expected",
                    (size_t)(json->at - json->start), expected);
}

/* The four digits of \uXXXX. */
static bool take_hex(syi_json *json, uint32_t *code)
{
    *code = 0;
    for (int k = 0; k < 4; k++) {
        if (json->at == json->end) {
            return false;
        }
        const uint8_t byte = *json->at++;
        const uint8_t letter = byte | 0x20;
        if (!is_digit(byte) && (letter < 'a' || letter > 'f')) {
            return false;
        }
        *code =
            *code * 16 + (is_digit(byte) ? (uint32_t)(byte - '0') : (uint32_t)(letter - 'a' + 10));
    }
    return true;
}

static void put_utf8(syi_buffer *out, uint32_t code)
{
    if (code < 0x80) {
        syi_buffer_put(out, (uint8_t)code);
        return;
    }
    const int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    static const uint8_t leads[] = {0, 0xc0, 0xe0, 0xf0};
    syi_buffer_put(out, (uint8_t)(leads[more] | code >> (6 * more)));
    for (int k = more - 1; k >= 0; k--) {
        syi_buffer_put(out, (uint8_t)(0x80 | (code >> (6 * k) & 0x3f)));
    }
}

/* After \u: a character, or the first half of one that the second must follow. */
static bool take_code(syi_json *json, syi_buffer *out)
{
    uint32_t code, low;
    if (!take_hex(json, &code) || (code >= 0xdc00 && code <= 0xdfff)) {
        return false;
    }
    if (code >= 0xd800 && code <= 0xdbff) {
        if (json->end - json->at < 2 || json->at[0] != '\\' || json->at[1] != 'u') {
            return false;
        }
        json->at += 2;
        if (!take_hex(json, &low) || low < 0xdc00 || low > 0xdfff) {
            return false;
        }
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    put_utf8(out, code);
    return true;
}

static bool take_escape(syi_json *json, syi_buffer *out)
{
    static const char letters[] = "\"\\/bfnrt";
    static const char meanings[] = "\"\\/\b\f\n\r\t";
    if (json->at == json->end) {
        return false;
    }
    const uint8_t letter = *json->at++;
    if (letter == 'u') {
        return take_code(json, out);
    }
    const char *found = letter == '\0' ? NULL : strchr(letters, letter);
    if (found == NULL) {
        return false;
    }
    syi_buffer_put(out, (uint8_t)meanings[found - letters]);
    return true;
}

sy_status syi_json_take_string(syi_json *json, syi_buffer *out, sy_error *err)
{
    if (!syi_json_take(json, '"')) {
        return syi_json_fail(json, "a string", err);
    }
    while (json->at < json->end && *json->at != '"') {
        if (*json->at == '\\') {
            json->at++;
            if (!take_escape(json, out)) {
                return syi_json_fail(json, "an escape", err);
            }
            continue;
        }
        const size_t n =
            syi_utf8_decode((const char *)json->at, (size_t)(json->end - json->at), NULL);
        if (n == 0 || *json->at < ' ') {
            return syi_json_fail(json, "a character of a string", err);
        }
        syi_buffer_append(out, json->at, n);
        json->at += n;
    }
    if (!syi_json_take(json, '"')) {
        return syi_json_fail(json, "the end of a string", err);
    }
    return syi_buffer_check(out, "the header", err);
}

void syi_json_put_string(syi_buffer *out, const char *text)
{
    syi_buffer_put(out, '"');
    for (; *text != '\0'; text++) {
        const uint8_t byte = (uint8_t)*text;
        char escape[8];
        if (byte == '"' || byte == '\\') {
            syi_buffer_put(out, '\\');
            syi_buffer_put(out, byte);
        } else if (byte < ' ') {
            snprintf(escape, sizeof escape, "\\u%04x", byte);
            syi_buffer_append(out, escape, 6);
        } else {
            syi_buffer_put(out, byte);
        }
    }
    syi_buffer_put(out, '"');
}
