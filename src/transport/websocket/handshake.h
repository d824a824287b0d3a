/*
 * handshake.h - the client's opening handshake of RFC 6455 on a connected stream. This room only.
 * Test: websocket_test.c.
 */
#ifndef SYI_TRANSPORT_WEBSOCKET_HANDSHAKE_H
#define SYI_TRANSPORT_WEBSOCKET_HANDSHAKE_H

#include "transport/stream.h"

#define SYI_WEBSOCKET_SUBPROTOCOL "csyft.v1"
#define SYI_WEBSOCKET_KEY_SIZE 25    /* base64 of 16 bytes, terminated */
#define SYI_WEBSOCKET_ACCEPT_SIZE 29 /* base64 of 20 bytes, terminated */

/* What a server must answer to `key`. SY_EIO when OpenSSL fails. */
sy_status syi_websocket_accept(char accept[SYI_WEBSOCKET_ACCEPT_SIZE], const char *key,
                               sy_error *err);

/* Asks for the subprotocol csyft.v1, or for none (`plain`), and checks the answer. What the server sent behind it stays in the
 * stream's read-ahead. SY_EPROTO for another answer, SY_ECLOSED, SY_ETIMEDOUT. */
sy_status syi_websocket_handshake(syi_stream *stream, const syi_url *url, bool plain,
                                  uint64_t deadline, sy_error *err);

#endif
