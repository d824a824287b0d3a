/*
 * control.h - bodies of the envelope's own frames: HELLO, ERROR, DELETE. Test: control_test.c.
 */
#ifndef SYI_MESSAGING_CONTROL_H
#define SYI_MESSAGING_CONTROL_H

#include <csyft/id.h>

#include "core/buffer.h"
#include "messaging/kinds.h"
#include "serde/serde.h"

#define SYI_SESSION_SIZE 16
#define SYI_BEARER_MIN 16
#define SYI_BEARER_MAX 256

typedef struct syi_hello {
    int64_t wire_min, wire_max;
    sy_id worker;     /* who speaks */
    bool has_session; /* client: wants to resume; server: always */
    uint8_t session[SYI_SESSION_SIZE];
    uint8_t token[SYI_SESSION_SIZE]; /* proves that the session is the caller's */
    char library[32];
    uint64_t body_max; /* limits of the speaker's receiver */
    uint64_t segments_max;
    uint64_t message_max; /* bytes of a whole frame; 0: no such limit */
    bool
        resumes; /* client: it counts requests, so that none is run twice (wire.md, "Broken connections") */
    bool has_received;   /* worker: so does it */
    uint64_t received;   /* requests of the session that have arrived */
    bool rests;          /* frames that broke may go on where they were ("The rest of a frame") */
    uint64_t rest_bytes; /* worker: of the segments of the next request so many are here; 0: none */
    uint64_t rest_check; /* worker: of what is here */
    char bearer[SYI_BEARER_MAX + 1]; /* client: the token that says who it is; "": none. Wipe it. */
} syi_hello;

void syi_hello_encode(syi_buffer *out, const syi_hello *hello);
/* Unknown fields are skipped. SY_EFORMAT. */
sy_status syi_hello_decode(syi_hello *hello, const uint8_t *bytes, size_t size, sy_error *err);
/* The highest wire revision both ends speak; SY_ENOTSUP names both ranges. */
sy_status syi_hello_agree(const syi_hello *mine, const syi_hello *theirs, int64_t *revision,
                          sy_error *err);

/* [status code, sentence, worker, object]. */
void syi_error_encode(syi_buffer *out, const sy_error *error);
/* Fills *error with what the peer said. Returns SY_EFORMAT in *err's stead when it is no ERROR body. */
sy_status syi_error_decode(sy_error *error, const uint8_t *bytes, size_t size);

/* One entry of a DELETE body [[id, generation], ...]. */
typedef struct syi_deletion {
    sy_id id;
    uint64_t generation;
} syi_deletion;
#define SYI_DELETIONS_MAX 1024
/* One after the other, or all at once. */
void syi_deletions_begin(syi_buffer *out, size_t count);
void syi_deletions_add(syi_buffer *out, const syi_deletion *deletion);
void syi_deletions_encode(syi_buffer *out, const syi_deletion *deletions, size_t count);
/* Calls `each` per entry. */
sy_status syi_deletions_decode(const uint8_t *bytes, size_t size,
                               void (*each)(void *user, const syi_deletion *deletion), void *user,
                               sy_error *err);

const char *syi_kind_text(int kind); /* "object request"; "unknown" */

#endif
