/*
 * notation.h - MessagePack from a line of text, for bodies that no encoder writes:
 *     [1 'add' F N]   array of an int, a str, a bool and nil; T is true, 0.5 a float
 *     #3              [56, [3]], a value of a plan
 *     (1 2)           [1, [1, 2]], a list
 *     <N #1 1>        [4, [nil, value 1, 1]], a slice
 */
#ifndef CSYFT_TESTS_NOTATION_H
#define CSYFT_TESTS_NOTATION_H

#include <stdlib.h>
#include <string.h>

#include "serde/serde.h"
#include "support/test.h"

static inline const char *notation_one(syi_buffer *out, const char *at);

static inline const char *notation_gap(const char *at)
{
    return at + strspn(at, " \n");
}

/* How many members follow, up to the end of this level. */
static inline size_t notation_count(const char *at)
{
    size_t count = 0;
    int depth = 0;
    bool inside = false;
    for (; *at != '\0' && depth >= 0; at++) {
        if (*at == '\'') {
            count += depth == 0;
            at = strchr(at + 1, '\'');
            inside = false;
        } else if (strchr("[(<", *at) != NULL) {
            count += depth == 0;
            depth++;
            inside = false;
        } else if (strchr("])>", *at) != NULL) {
            depth--;
            inside = false;
        } else if (*at == ' ' || *at == '\n') {
            inside = false;
        } else if (depth == 0) {
            count += !inside;
            inside = true;
        }
    }
    return count;
}

static inline const char *notation_members(syi_buffer *out, const char *at)
{
    syi_msgpack_write_array(out, notation_count(at));
    for (at = notation_gap(at); strchr("])>", *at) == NULL; at = notation_gap(at)) {
        at = notation_one(out, at);
    }
    return at + 1;
}

static inline const char *notation_number(syi_buffer *out, const char *at)
{
    char *end = NULL;
    const size_t length = strcspn(at, " ])>\n");
    if (memchr(at, '.', length) != NULL) {
        syi_msgpack_write_double(out, strtod(at, &end));
    } else {
        syi_msgpack_write_int(out, strtoll(at, &end, 10));
    }
    assert_ptr_equal(end, at + length);
    return end;
}

static inline void notation_pair(syi_buffer *out, int code)
{
    syi_msgpack_write_array(out, 2);
    syi_msgpack_write_int(out, code);
}

/* Appends one value; gives what follows it. */
static inline const char *notation_one(syi_buffer *out, const char *at)
{
    const char *end;
    at = notation_gap(at);
    switch (*at) {
    case '[':
        return notation_members(out, at + 1);
    case '(':
        notation_pair(out, SYI_CODE_LIST);
        return notation_members(out, at + 1);
    case '<':
        notation_pair(out, SYI_CODE_SLICE);
        return notation_members(out, at + 1);
    case '#':
        notation_pair(out, 56);
        syi_msgpack_write_array(out, 1);
        return notation_number(out, at + 1);
    case '\'':
        end = strchr(at + 1, '\'');
        assert_non_null(end);
        syi_msgpack_write_str(out, at + 1, (size_t)(end - at - 1));
        return end + 1;
    case 'N':
        syi_msgpack_write_nil(out);
        return at + 1;
    case 'T':
    case 'F':
        syi_msgpack_write_bool(out, *at == 'T');
        return at + 1;
    default:
        return notation_number(out, at);
    }
}

#endif
