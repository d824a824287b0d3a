/*
 * stream.h - the client's end of a TCP connection: a socket driven by the threads that use it, with deadlines, gathered writes, and reads that fill the wanted place and a read-ahead buffer in one
 * call. Shared by tcp and websocket; this room only. One thread may write while another reads.
 */
#ifndef SYI_TRANSPORT_STREAM_H
#define SYI_TRANSPORT_STREAM_H

#include <sys/uio.h>

#include "transport/transport.h"

#define SYI_STREAM_AHEAD ((size_t)64 * 1024)
#define SYI_STREAM_IOVECS 64 /* written at once; more gain nothing */

typedef struct syi_stream {
    sy_context *context;
    const char *url; /* for sentences; borrowed from the connection */
    int fd;
    syi_tls *tls; /* NULL: what is sent is what goes over the wire */
    unsigned spin_us;
    atomic_bool broken; /* nothing more can be sent or received */
    uint8_t *ahead;     /* SYI_STREAM_AHEAD bytes, of which [start, end) were not consumed */
    size_t ahead_start;
    size_t ahead_end;
} syi_stream;

/* Resolves the host (which may block), connects to the first address that answers. SY_ECLOSED when none
 * does, SY_ETIMEDOUT, SY_EIO, SY_ENOMEM. On failure nothing is held. */
sy_status syi_stream_connect(syi_stream *stream, sy_context *context, const char *url,
                             const char *host, uint16_t port, unsigned spin_us, uint64_t deadline,
                             sy_error *err);
/* Begins TLS on a connected stream and waits for the handshake. config NULL: the defaults. SY_EPERM when either end's
 * certificate is refused, SY_EPROTO, SY_ECLOSED, SY_ETIMEDOUT, SY_ENOMEM. On failure the stream is still to be
 * closed. */
sy_status syi_stream_encrypt(syi_stream *stream, syi_tls_config *config, const char *host,
                             uint64_t deadline, sy_error *err);
void syi_stream_close(syi_stream *stream);
/* Drops what has come so far. */
void syi_stream_drain(syi_stream *stream);
/* Does not block: false once the other end is known to be gone. */
bool syi_stream_is_open(syi_stream *stream);
/* Wakes the threads that are inside read or write; nothing more goes. Any thread. */
void syi_stream_shut(syi_stream *stream);

/* Writes all of it; the iovecs are used up. After a failure with bytes sent the stream is broken. */
sy_status syi_stream_write(syi_stream *stream, struct iovec *pieces, size_t count,
                           uint64_t deadline, sy_error *err);

/*
 * Waits for bytes: at least one goes to `place` (may be NULL with room 0) or, when that is full, to the empty
 * read-ahead. *direct is the number in place. SY_ETIMEDOUT leaves the stream whole, SY_ECLOSED (`inside`
 * says that a frame is half here) and SY_EIO break it.
 */
sy_status syi_stream_read(syi_stream *stream, uint8_t *place, size_t room, size_t *direct,
                          uint64_t deadline, bool inside, sy_error *err);

/* The read-ahead bytes. */
static inline const uint8_t *syi_stream_get_ahead(const syi_stream *stream, size_t *size)
{
    *size = stream->ahead_end - stream->ahead_start;
    return stream->ahead + stream->ahead_start;
}
static inline void syi_stream_consume(syi_stream *stream, size_t count)
{
    stream->ahead_start += count;
}

/* Marks it broken and returns SY_ECLOSED naming the URL. */
sy_status syi_stream_fail_closed(syi_stream *stream, const char *what, sy_error *err);

#endif
