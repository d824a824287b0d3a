/*
 * custom.h - the client's end of a transport made outside of the library (<csyft/custom_worker.h>): frames become
 * the bytes of one message, the bytes of the answer become frames. Transport and workers rooms. Test: tests/integration/custom_worker.c.
 */
#ifndef SYI_TRANSPORT_CUSTOM_H
#define SYI_TRANSPORT_CUSTOM_H

#include <csyft/custom_worker.h>

#include "transport/transport.h"

struct sy_answer {
    syi_buffer bytes;
};

/* The class as a worker keeps it. */
typedef struct syi_custom_way {
    sy_custom_worker_class klass;
    char name[48];
    void *user;
} syi_custom_way;

/*
 * As syi_connect, without any I/O: nothing is sent before the first message. A send runs the class's send_msg on its
 * thread, and what was answered is there for receive when it returns. `way` must outlive the connection. A shut connection lets a running send_msg end by itself.
 */
sy_status syi_custom_connect(sy_context *context, syi_connection **connection,
                             const syi_custom_way *way, const syi_connect_options *options,
                             sy_error *err);

/* The whole frame; the buffer latches. */
void syi_custom_append(syi_buffer *bytes, const syi_message *message);

#endif
