/*
 * utf8.h - the little that csyft must know of UTF-8: cut without splitting a character, clean what
 * may have come from a peer, and step through characters. Core room. Test: utf8_test.c.
 */
#ifndef SYI_CORE_UTF8_H
#define SYI_CORE_UTF8_H

#include <csyft/api.h>

/* Bytes (1..4) of the well-formed character at the start of `text`, which has `length` bytes;
 * 0 when it is malformed (overlong, surrogate, above U+10FFFF, cut short). *code (nullable)
 * receives the code point. */
size_t syi_utf8_decode(const char *text, size_t length, uint32_t *code);

/* false for controls (C0, DEL, C1), line and paragraph separators, bidirectional controls, which
 * can disguise what a line says, and noncharacters. */
bool syi_utf8_is_printable(uint32_t code);

/* The longest prefix of `text` of at most `limit` bytes that does not end inside a character. */
size_t syi_utf8_cut(const char *text, size_t length, size_t limit);

/* Replaces, in place, each byte of a malformed or unprintable character by '?'. */
void syi_utf8_clean(char *text, size_t length);

/* Writes `text` (terminated, nullable: as "") into out of `size` bytes: cut, cleaned, terminated. */
void syi_utf8_store(char *out, size_t size, const char *text);

#endif
