/*
 * greeting.h - what either end of a connection says of itself, and what it has to keep of what the other said.
 * Test: greeting_test.c; the frames themselves: docs/reference/wire.md, section 5.
 */
#ifndef SYI_WORKERS_GREETING_H
#define SYI_WORKERS_GREETING_H

#include "messaging/control.h"
#include "transport/frame.h"

/* The largest body of a message, either way. */
#define SYI_BODY_MAX (64u << 20)

/* Everything but the session. `message_max` 0: no limit of whole frames. */
void syi_greeting_init(syi_hello *mine, const sy_id *speaker, uint64_t message_max);
/* What may be sent to who greeted like this. */
syi_frame_limits syi_greeting_limits(const syi_hello *theirs);

#endif
