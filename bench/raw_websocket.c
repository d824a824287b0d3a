/* raw_websocket.c - websocket frames of a client, as small as they can be: RFC 6455, sections 4.1 and 5. */
#include <string.h>

#include "raw.h"

enum { FINAL = 0x80, MASKED = 0x80, BINARY = 2 };

int bench_websocket_open(bench_raw *raw)
{
    static const char request[] = "GET / HTTP/1.1\r\n"
                                  "Host: 127.0.0.1\r\n"
                                  "Upgrade: websocket\r\n"
                                  "Connection: Upgrade\r\n"
                                  "Sec-WebSocket-Key: Y3N5ZnQtYmVuY2gtcmF3IQ==\r\n"
                                  "Sec-WebSocket-Version: 13\r\n"
                                  "Sec-WebSocket-Protocol: bench\r\n\r\n";
    char answer[4096];
    size_t length = 0;
    int code = bench_raw_write(raw, request, sizeof request - 1);
    while (code == CLI_OK) {
        code = bench_raw_read(raw, answer + length, 1);
        length++;
        if (length >= 4 && memcmp(answer + length - 4, "\r\n\r\n", 4) == 0) {
            return strncmp(answer, "HTTP/1.1 101", 12) == 0
                       ? CLI_OK
                       : cli_fail(raw->b->verb, "%s: no websocket", raw->peer.url);
        }
        if (length == sizeof answer) {
            return cli_fail(raw->b->verb, "%s: an endless answer", raw->peer.url);
        }
    }
    return code;
}

/* --- sending: masked into the scratch, which is written when it is full ------------------------ */

static size_t put_header(uint8_t *p, uint64_t length, const uint8_t key[4])
{
    size_t at = 0;
    p[at++] = FINAL | BINARY;
    if (length < 126) {
        p[at++] = (uint8_t)(MASKED | length);
    } else {
        const unsigned width = length <= UINT16_MAX ? 2 : 8;
        p[at++] = MASKED | (width == 2 ? 126 : 127);
        for (unsigned k = 0; k < width; k++) {
            p[at++] = (uint8_t)(length >> 8 * (width - 1 - k));
        }
    }
    memcpy(p + at, key, 4);
    return at + 4;
}

static void mask(uint8_t *restrict to, const uint8_t *restrict from, size_t size, uint32_t key)
{
    const uint64_t wide = (uint64_t)key << 32 | key;
    size_t k = 0;
    for (; k + 8 <= size; k += 8) {
        uint64_t word;
        memcpy(&word, from + k, 8);
        word ^= wide;
        memcpy(to + k, &word, 8);
    }
    for (; k < size; k++) {
        to[k] = (uint8_t)(from[k] ^ key >> 8 * (k % 4));
    }
}

int bench_websocket_send(bench_raw *raw, const uint8_t *bytes, size_t size, size_t messages)
{
    static const uint8_t key_bytes[4] = {0x3d, 0x91, 0x6a, 0xe7};
    uint32_t key;
    size_t used = 0;
    int code = CLI_OK;
    memcpy(&key, key_bytes, 4);
    for (size_t m = 0; m < messages && code == CLI_OK; m++) {
        size_t left =
            m + 1 < messages ? size / messages : size - (messages - 1) * (size / messages);
        if (BENCH_SCRATCH - used < 16) {
            code = bench_raw_write(raw, raw->scratch, used);
            used = 0;
        }
        used += put_header(raw->scratch + used, left, key_bytes);
        /* Pieces of 4 n bytes keep the key in step. */
        while (left != 0 && code == CLI_OK) {
            const size_t room = (BENCH_SCRATCH - used) & ~(size_t)7;
            const size_t part = left < room ? left : room;
            mask(raw->scratch + used, bytes, part, key);
            used += part;
            bytes += part;
            left -= part;
            if (left != 0) {
                code = bench_raw_write(raw, raw->scratch, used);
                used = 0;
            }
        }
    }
    return code == CLI_OK ? bench_raw_write(raw, raw->scratch, used) : code;
}

/* --- receiving one message, in however many frames --------------------------------------------- */

int bench_websocket_receive(bench_raw *raw, uint8_t *bytes, size_t size)
{
    size_t filled = 0;
    for (;;) {
        uint8_t header[10];
        int code = bench_raw_read(raw, header, 2);
        uint64_t length = header[1] & 0x7fu;
        const size_t width = length == 126 ? 2 : length == 127 ? 8 : 0;
        if (code == CLI_OK && width != 0) {
            code = bench_raw_read(raw, header + 2, width);
            length = 0;
            for (size_t k = 0; k < width; k++) {
                length = length << 8 | header[2 + k];
            }
        }
        if (code == CLI_OK && length > size - filled) {
            code = cli_fail(raw->b->verb, "%s: more bytes than asked for", raw->peer.url);
        }
        if (code == CLI_OK) {
            code = bench_raw_read(raw, bytes + filled, (size_t)length);
            filled += (size_t)length;
        }
        if (code != CLI_OK || (header[0] & FINAL) != 0) {
            return code;
        }
    }
}
