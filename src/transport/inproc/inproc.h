/*
 * inproc.h - the transport between two ends in one process (one context): the same frames, copied through
 * the same reader, without a system call. `received` runs on the thread that sends.
 *
 * Differences a service can see: a paused peer (syi_peer_set_reading) makes its client's send wait until
 * its deadline, and then nothing of the message has been sent; there is no first-frame deadline; after
 * syi_peer_close, `closed` comes with the client's next call or from the two functions that wait
 * (syi_listener_free, syi_inproc_peer_end). What was sent to the client before can still be received.
 * Transport and workers rooms. Test: inproc_test.c.
 */
#ifndef SYI_TRANSPORT_INPROC_H
#define SYI_TRANSPORT_INPROC_H

#include "transport/transport.h"

/*
 * A connection to `service` (copied) without a registered name; `name` is for sentences only. `opened` runs
 * before it returns; SY_ECLOSED when it refuses. `connecting` and `listening` may be NULL (defaults);
 * of the latter only limits, send_queue_max and stranger count: a stranger's address is `name` itself. Any thread.
 */
sy_status syi_inproc_pair(sy_context *context, syi_connection **connection, const char *name,
                          const syi_connect_options *connecting,
                          const syi_listen_options *listening, const syi_service *service,
                          sy_error *err);

/* Closes an inproc peer; when it returns, `closed` has been called and no callback of the service runs or
 * will. The caller holds a reference. Not from a service callback. */
void syi_inproc_peer_end(syi_peer *peer);

#endif
