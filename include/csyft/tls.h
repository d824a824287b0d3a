/*
 * tls.h - encryption and certificates of tls:// and wss:// workers.
 *
 * One identity per hook: what it trusts, and what it shows. It counts for every connection that is made and for
 * every listener that begins after sy_hook_set_tls. TLS 1.2 and 1.3, by OpenSSL. A client verifies the
 * server's certificate and that it was made for the host of the URL, unless it is told not to; a listener can ask
 * its clients for certificates, too.
 *
 * Adversary: whoever is on the path between the two, and may read, change, drop, repeat or forge what passes. What
 * still shows is that there is traffic, how much and when. Not covered: what the peer itself does with data, for
 * that see policy (SECURITY.md).
 */
#ifndef CSYFT_TLS_H
#define CSYFT_TLS_H

#include <csyft/hook.h>

SY_BEGIN_DECLS

typedef struct sy_tls_options {
    size_t size;         /* sizeof(sy_tls_options) */
    const char *ca_file; /* PEM: authorities whose certificates are trusted; NULL: the system's */
    const char
        *certificate_file; /* PEM, own certificate, then intermediates. Listeners need one. */
    const char *key_file;  /* PEM, its private key, not encrypted */
    bool require_client_certificate; /* listeners: only clients with a certificate from ca_file */
    bool insecure;                   /* clients: do not verify servers. For experiments only. */
} sy_tls_options;

#define SY_TLS_OPTIONS_INIT            \
    {                                  \
        .size = sizeof(sy_tls_options) \
    }

/*
 * Reads the files; later changes of them do not matter. Replaces what was set before for connections and listeners
 * that begin from now on. `options` NULL: the defaults (verify servers with the system's authorities, show nothing).
 * SY_EIO: a file cannot be read. SY_EFORMAT: it is no PEM, or the key does not belong to the certificate. SY_EINVAL: a
 * certificate without a key or the other way round; certificates of clients required without ca_file. Nothing
 * changes then. From the thread that makes connections.
 */
SY_API sy_status sy_hook_set_tls(sy_hook *hook, const sy_tls_options *options, sy_error *err);

/*
 * Certificates for tests and a quick start; whoever has an authority already does not need these two. ECDSA P-256,
 * files are written whole or not at all, keys readable by their owner only. Existing files are never overwritten
 * (SY_EEXIST). `days` 1 to 36500.
 */
SY_API sy_status sy_tls_make_authority(sy_context *context, const char *certificate_file,
                                       const char *key_file, const char *name, unsigned days,
                                       sy_error *err);
/* Signed by that authority, for a worker or client called `name`; `hosts` are the DNS names and IP addresses under
 * which it is reached (none for a client). */
SY_API sy_status sy_tls_make_certificate(sy_context *context, const char *certificate_file,
                                         const char *key_file, const char *authority_file,
                                         const char *authority_key_file, const char *name,
                                         const char *const *hosts, size_t host_count, unsigned days,
                                         sy_error *err);

SY_END_DECLS

#endif
