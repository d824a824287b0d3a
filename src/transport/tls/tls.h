/*
 * tls.h - TLS over a connected socket, for both ends of tls:// and the client's of wss:// (include/csyft/tls.h says against whom).
 *
 * A session never blocks: its functions behave like recv and send with MSG_DONTWAIT, and syi_tls_wants tells what to
 * wait for. One thread may read while another writes. Each read call takes whole records out of the session, so
 * that what is left always lies in the socket, where poll sees it. Test: tls_test.c, and the transport contract over
 * tls:// in tcp_test.c.
 */
#ifndef SYI_TRANSPORT_TLS_TLS_H
#define SYI_TRANSPORT_TLS_TLS_H

#include <sys/types.h>
#include <sys/uio.h>

#include <csyft/context.h>

/* A read needs room for one record, so that nothing of it stays behind. */
#define SYI_TLS_RECORD ((size_t)16 * 1024)

/* What a side trusts and shows; shared by its sessions, and not changed. */
typedef struct syi_tls_config syi_tls_config;
typedef struct syi_tls syi_tls;
struct sy_tls_options;

/* `options` NULL: the defaults. Statuses: sy_hook_set_tls. */
sy_status syi_tls_config_new(sy_context *context, syi_tls_config **config,
                             const struct sy_tls_options *options, sy_error *err);
syi_tls_config *syi_tls_config_ref(syi_tls_config *config); /* NULL is nothing */
void syi_tls_config_unref(syi_tls_config *config);
/* Has it a certificate to show? Listeners need one. */
bool syi_tls_config_has_certificate(const syi_tls_config *config);
/* Must clients show one? */
bool syi_tls_config_requires_certificates(const syi_tls_config *config);
/* Makes another server's SSL_CTX (libwebsockets' own) show and trust the same. false: out of memory. */
struct ssl_ctx_st;
bool syi_tls_config_equip(const syi_tls_config *config, struct ssl_ctx_st *other);

/* Over `fd`, which stays the caller's. host: whose certificate a client expects; NULL: the server's end. */
sy_status syi_tls_new(sy_context *context, syi_tls **tls, syi_tls_config *config, int fd,
                      const char *host, sy_error *err);
void syi_tls_free(syi_tls *tls); /* NULL is nothing */

/* The common name in the certificate of the other end, verified before; "" without one, or when the name is empty,
 * too long, or no printable ASCII. */
struct ssl_st;
void syi_tls_peer_name(const struct ssl_st *ssl, char *name, size_t size);
void syi_tls_get_peer_name(syi_tls *tls, char *name, size_t size);

/* 1: the handshake is over. 0: wait for syi_tls_wants. -1: it failed, syi_tls_get_failure says why. */
int syi_tls_handshake(syi_tls *tls);
/* Like recv: bytes, 0 at the end, -1 with errno EAGAIN (wait for syi_tls_wants) or EPROTO (failed). `room` is at
 * least SYI_TLS_RECORD. The handshake goes on by itself. */
ssize_t syi_tls_read(syi_tls *tls, void *place, size_t room);
/* Like sendmsg, at most one record at a time. After EAGAIN the same bytes have to come again. */
ssize_t syi_tls_write(syi_tls *tls, const struct iovec *pieces, size_t count);
/* POLLIN or POLLOUT, after EAGAIN. */
short syi_tls_wants(const syi_tls *tls);
/* Tells the other end that nothing more comes, if the socket takes it at once. */
void syi_tls_say_goodbye(syi_tls *tls);
/* Why it failed, for sentences; "" when it has not. */
const char *syi_tls_get_failure(const syi_tls *tls);
/* Was it the other end's certificate (or its lack) that was refused, here or there? */
bool syi_tls_is_refusal(const syi_tls *tls);

#endif
