/* utf8.c - see utf8.h. Core room. Test: utf8_test.c. */
#include "core/utf8.h"

#include <string.h>

/* The well-formed sequences of the Unicode Standard, table 3-7, by lead byte. */
typedef struct utf8_row {
    uint8_t lead_low, lead_high;
    uint8_t length;
    uint8_t second_low, second_high;
} utf8_row;

static const utf8_row utf8_rows[] = {
    {0x00, 0x7F, 1, 0x00, 0x00}, {0xC2, 0xDF, 2, 0x80, 0xBF}, {0xE0, 0xE0, 3, 0xA0, 0xBF},
    {0xE1, 0xEC, 3, 0x80, 0xBF}, {0xED, 0xED, 3, 0x80, 0x9F}, {0xEE, 0xEF, 3, 0x80, 0xBF},
    {0xF0, 0xF0, 4, 0x90, 0xBF}, {0xF1, 0xF3, 4, 0x80, 0xBF}, {0xF4, 0xF4, 4, 0x80, 0x8F},
};

static const utf8_row *find_row(uint8_t lead)
{
    for (size_t i = 0; i < sizeof utf8_rows / sizeof utf8_rows[0]; i++) {
        if (lead >= utf8_rows[i].lead_low && lead <= utf8_rows[i].lead_high) {
            return &utf8_rows[i];
        }
    }
    return NULL;
}

size_t syi_utf8_decode(const char *text, size_t length, uint32_t *code)
{
    if (length == 0) {
        return 0;
    }
    const uint8_t lead = (uint8_t)text[0];
    const utf8_row *row = find_row(lead);
    if (row == NULL || row->length > length) {
        return 0;
    }
    uint32_t value = row->length == 1 ? lead : lead & (0xFFu >> (row->length + 1));
    for (size_t i = 1; i < row->length; i++) {
        const uint8_t byte = (uint8_t)text[i];
        const uint8_t low = i == 1 ? row->second_low : 0x80;
        const uint8_t high = i == 1 ? row->second_high : 0xBF;
        if (byte < low || byte > high) {
            return 0;
        }
        value = value << 6 | (byte & 0x3Fu);
    }
    if (code != NULL) {
        *code = value;
    }
    return row->length;
}

bool syi_utf8_is_printable(uint32_t code)
{
    return code >= 0x20 && !(code >= 0x7F && code <= 0x9F) && !(code >= 0x2028 && code <= 0x202E) &&
           !(code >= 0x2066 && code <= 0x2069) && !(code >= 0xFDD0 && code <= 0xFDEF) &&
           (code & 0xFFFE) != 0xFFFE;
}

size_t syi_utf8_cut(const char *text, size_t length, size_t limit)
{
    if (length <= limit) {
        return length;
    }
    /* text[limit] is the first byte left out; when it continues a character, leave that out whole.
     * Malformed text may continue for ever, so at most three steps back. */
    size_t cut = limit;
    for (int back = 0; back < 3 && cut > 0 && ((uint8_t)text[cut] & 0xC0) == 0x80; back++) {
        cut--;
    }
    return ((uint8_t)text[cut] & 0xC0) == 0x80 ? limit : cut;
}

void syi_utf8_clean(char *text, size_t length)
{
    size_t at = 0;
    while (at < length) {
        uint32_t code = 0;
        size_t step = syi_utf8_decode(text + at, length - at, &code);
        if (step == 0) {
            step = 1;
            code = 0;
        }
        if (!syi_utf8_is_printable(code)) {
            memset(text + at, '?', step);
        }
        at += step;
    }
}

void syi_utf8_store(char *out, size_t size, const char *text)
{
    if (size == 0) {
        return;
    }
    const char *source = text == NULL ? "" : text;
    const size_t kept = syi_utf8_cut(source, strnlen(source, size), size - 1);
    memmove(out, source, kept);
    out[kept] = '\0';
    syi_utf8_clean(out, kept);
}
