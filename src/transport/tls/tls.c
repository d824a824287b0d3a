#include "transport/tls/tls.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <arpa/inet.h>

#include <csyft/tls.h>

#include "core/error.h"
#include "core/memory.h"

struct syi_tls_config {
    sy_context *context;
    atomic_uint refs;
    SSL_CTX *client;
    SSL_CTX *server; /* NULL: no certificate to show */
    BIO_METHOD *socket;
};

struct syi_tls {
    sy_context *context;
    syi_tls_config *config;
    SSL *ssl;
    pthread_mutex_t lock; /* OpenSSL allows one thread at a time; never held while waiting */
    atomic_short wants;
    atomic_bool failed;
    bool refusal;
    char failure[256];
    uint8_t record[16 * 1024]; /* small pieces gathered */
};

/* --- the socket under OpenSSL ------------------------------------------------------------------- */

/* OpenSSL's own would raise SIGPIPE, and block where the socket does. */
static int socket_write(BIO *bio, const char *bytes, int size)
{
    const int fd = (int)(intptr_t)BIO_get_data(bio);
    const ssize_t sent = send(fd, bytes, (size_t)size, MSG_NOSIGNAL | MSG_DONTWAIT);
    BIO_clear_retry_flags(bio);
    if (sent < 0 && (errno == EAGAIN || errno == EINTR)) {
        BIO_set_retry_write(bio);
    }
    return (int)sent;
}

static int socket_read(BIO *bio, char *place, int room)
{
    const int fd = (int)(intptr_t)BIO_get_data(bio);
    const ssize_t count = recv(fd, place, (size_t)room, MSG_DONTWAIT);
    BIO_clear_retry_flags(bio);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) {
        BIO_set_retry_read(bio);
    }
    return (int)count;
}

static long socket_control(BIO *bio, int command, long number, void *pointer)
{
    (void)bio;
    (void)number;
    (void)pointer;
    return command == BIO_CTRL_FLUSH ? 1 : 0;
}

static BIO_METHOD *socket_method(void)
{
    BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "csyft socket");
    if (method != NULL) {
        BIO_meth_set_write(method, socket_write);
        BIO_meth_set_read(method, socket_read);
        BIO_meth_set_ctrl(method, socket_control);
    }
    return method;
}

/* --- configuration ------------------------------------------------------------------------------- */

/* What OpenSSL said last, and nothing is left for the next caller. */
static const char *last_reason(char *text, size_t size)
{
    const unsigned long code = ERR_peek_last_error();
    const char *reason = ERR_reason_error_string(code);
    if (ERR_GET_LIB(code) == ERR_LIB_SYS) {
        snprintf(text, size, "%s", strerror(ERR_GET_REASON(code)));
    } else {
        snprintf(text, size, "%s", reason != NULL ? reason : "unknown reason");
    }
    ERR_clear_error();
    return text;
}

static sy_status bad_file(const char *what, const char *file, sy_error *err)
{
    char reason[128];
    const bool unreadable = ERR_GET_LIB(ERR_peek_error()) == ERR_LIB_SYS ||
                            ERR_GET_REASON(ERR_peek_error()) == BIO_R_NO_SUCH_FILE;
    last_reason(reason, sizeof reason);
    return syi_fail_object(err, unreadable ? SY_EIO : SY_EFORMAT, file,
                           unreadable ? "tls: %s \"%s\" cannot be read: %s"
                                      : "tls: %s \"%s\" is not PEM, or not the right one: %s",
                           what, file, reason);
}

static sy_status show_certificate(SSL_CTX *ssl, const sy_tls_options *options, sy_error *err)
{
    if (SSL_CTX_use_certificate_chain_file(ssl, options->certificate_file) != 1) {
        return bad_file("certificate", options->certificate_file, err);
    }
    if (SSL_CTX_use_PrivateKey_file(ssl, options->key_file, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(ssl) != 1) {
        return bad_file("key", options->key_file, err);
    }
    return SY_OK;
}

static sy_status trust(SSL_CTX *ssl, const sy_tls_options *options, sy_error *err)
{
    if (options->ca_file == NULL) {
        SSL_CTX_set_default_verify_paths(ssl);
        ERR_clear_error();
        return SY_OK;
    }
    return SSL_CTX_load_verify_locations(ssl, options->ca_file, NULL) == 1
               ? SY_OK
               : bad_file("authority", options->ca_file, err);
}

static void set_protocol(SSL_CTX *ssl)
{
    SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION);
    SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_IGNORE_UNEXPECTED_EOF); /* frames know where they end */
    SSL_CTX_set_mode(ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                              SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
}

/* `trusts`: it will be shown certificates. */
static sy_status make_side(SSL_CTX **made, const SSL_METHOD *method, const sy_tls_options *options,
                           bool trusts, sy_error *err)
{
    SSL_CTX *ssl = SSL_CTX_new(method);
    *made = ssl;
    if (ssl == NULL) {
        return SYI_ENOMEM(err, "tls");
    }
    set_protocol(ssl);
    if (trusts) {
        SY_TRY(trust(ssl, options, err));
    }
    return options->certificate_file != NULL ? show_certificate(ssl, options, err) : SY_OK;
}

static sy_status check_options(const sy_tls_options *options, sy_error *err)
{
    if (options->size != sizeof *options) {
        return syi_fail(err, SY_EINVAL, "sy_tls_options: start with SY_TLS_OPTIONS_INIT");
    }
    if ((options->certificate_file == NULL) != (options->key_file == NULL)) {
        return syi_fail(err, SY_EINVAL,
                        "tls: a certificate needs its key, and a key its certificate");
    }
    if (options->require_client_certificate && options->ca_file == NULL) {
        return syi_fail(err, SY_EINVAL,
                        "tls: whose certificates may clients show? ca_file is missing");
    }
    return SY_OK;
}

sy_status syi_tls_config_new(sy_context *context, syi_tls_config **config,
                             const sy_tls_options *options, sy_error *err)
{
    const sy_tls_options defaults = SY_TLS_OPTIONS_INIT;
    options = options != NULL ? options : &defaults;
    *config = NULL;
    SY_TRY(check_options(options, err));
    syi_tls_config *made = syi_alloc(context, sizeof *made);
    if (made == NULL) {
        return SYI_ENOMEM(err, "tls");
    }
    made->context = context;
    atomic_init(&made->refs, 1);
    sy_status status = SY_OK;
    made->socket = socket_method();
    if (made->socket == NULL) {
        status = SYI_ENOMEM(err, "tls");
        goto failed;
    }
    SY_GOTO(failed, make_side(&made->client, TLS_client_method(), options, true, err));
    SSL_CTX_set_verify(made->client, options->insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
    if (options->certificate_file != NULL) {
        SY_GOTO(failed, make_side(&made->server, TLS_server_method(), options,
                                  options->require_client_certificate, err));
        SSL_CTX_set_num_tickets(made->server, 0);
        if (options->require_client_certificate) {
            SSL_CTX_set_verify(made->server, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
                               NULL);
            SSL_CTX_set_client_CA_list(made->server, SSL_load_client_CA_file(options->ca_file));
        }
    }
    *config = made;
    return SY_OK;
failed:
    syi_tls_config_unref(made);
    return status;
}

syi_tls_config *syi_tls_config_ref(syi_tls_config *config)
{
    if (config != NULL) {
        atomic_fetch_add_explicit(&config->refs, 1, memory_order_relaxed);
    }
    return config;
}

void syi_tls_config_unref(syi_tls_config *config)
{
    if (config == NULL || atomic_fetch_sub(&config->refs, 1) != 1) {
        return;
    }
    SSL_CTX_free(config->client);
    SSL_CTX_free(config->server);
    BIO_meth_free(config->socket);
    syi_free(config->context, config, sizeof *config);
}

bool syi_tls_config_has_certificate(const syi_tls_config *config)
{
    return config != NULL && config->server != NULL;
}

bool syi_tls_config_requires_certificates(const syi_tls_config *config)
{
    return config != NULL && config->server != NULL &&
           (SSL_CTX_get_verify_mode(config->server) & SSL_VERIFY_FAIL_IF_NO_PEER_CERT) != 0;
}

bool syi_tls_config_equip(const syi_tls_config *config, SSL_CTX *other)
{
    STACK_OF(X509) *chain = NULL;
    SSL_CTX *own = config->server;
    SSL_CTX_get0_chain_certs(own, &chain);
    set_protocol(other);
    SSL_CTX_set_num_tickets(other, 0);
    const bool done = SSL_CTX_use_certificate(other, SSL_CTX_get0_certificate(own)) == 1 &&
                      (chain == NULL || SSL_CTX_set1_chain(other, chain) == 1) &&
                      SSL_CTX_use_PrivateKey(other, SSL_CTX_get0_privatekey(own)) == 1;
    SSL_CTX_set1_cert_store(other, SSL_CTX_get_cert_store(own));
    SSL_CTX_set_verify(other, SSL_CTX_get_verify_mode(own), NULL);
    if (syi_tls_config_requires_certificates(config)) {
        SSL_CTX_set_client_CA_list(other, SSL_dup_CA_list(SSL_CTX_get_client_CA_list(own)));
    }
    ERR_clear_error();
    return done;
}

/* --- sessions ------------------------------------------------------------------------------------ */

/* A name for SNI and for the certificate, or an address for the certificate alone. */
static bool expect_host(SSL *ssl, const char *host)
{
    uint8_t address[16];
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1) {
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
    }
    return SSL_set_tlsext_host_name(ssl, host) == 1 && SSL_set1_host(ssl, host) == 1;
}

sy_status syi_tls_new(sy_context *context, syi_tls **tls, syi_tls_config *config, int fd,
                      const char *host, sy_error *err)
{
    *tls = NULL;
    if (host == NULL && config->server == NULL) {
        return syi_fail(err, SY_EINVAL, "tls: there is no certificate to show");
    }
    syi_tls *made = syi_alloc(context, sizeof *made);
    if (made == NULL) {
        return SYI_ENOMEM(err, "tls session");
    }
    made->context = context;
    made->config = syi_tls_config_ref(config);
    pthread_mutex_init(&made->lock, NULL);
    atomic_init(&made->wants, POLLIN);
    atomic_init(&made->failed, false);
    made->ssl = SSL_new(host != NULL ? config->client : config->server);
    BIO *bio = made->ssl != NULL ? BIO_new(config->socket) : NULL;
    if (bio == NULL || (host != NULL && !expect_host(made->ssl, host))) {
        BIO_free(bio);
        syi_tls_free(made);
        ERR_clear_error();
        return SYI_ENOMEM(err, "tls session");
    }
    BIO_set_data(bio, (void *)(intptr_t)fd);
    BIO_set_init(bio, 1);
    SSL_set_bio(made->ssl, bio, bio);
    if (host != NULL) {
        SSL_set_connect_state(made->ssl);
    } else {
        SSL_set_accept_state(made->ssl);
    }
    *tls = made;
    return SY_OK;
}

void syi_tls_free(syi_tls *tls)
{
    if (tls == NULL) {
        return;
    }
    SSL_free(tls->ssl);
    syi_tls_config_unref(tls->config);
    pthread_mutex_destroy(&tls->lock);
    syi_wipe(tls->record, sizeof tls->record);
    syi_free(tls->context, tls, sizeof *tls);
}

static bool is_about_certificates(int reason)
{
    switch (reason) {
    case SSL_R_CERTIFICATE_VERIFY_FAILED:
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
    case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
    case SSL_R_TLSV1_ALERT_ACCESS_DENIED:
        return true;
    default:
        return false;
    }
}

/* lock held. */
static void note_failure(syi_tls *tls)
{
    char reason[128];
    const unsigned long code = ERR_peek_last_error();
    const long verified = SSL_get_verify_result(tls->ssl);
    tls->refusal = is_about_certificates(ERR_GET_REASON(code));
    if (ERR_GET_REASON(code) == SSL_R_CERTIFICATE_VERIFY_FAILED && verified != X509_V_OK) {
        ERR_clear_error();
        snprintf(tls->failure, sizeof tls->failure,
                 "the other end's certificate is not trusted: %s",
                 X509_verify_cert_error_string(verified));
    } else {
        snprintf(tls->failure, sizeof tls->failure, "TLS: %s", last_reason(reason, sizeof reason));
    }
    atomic_store(&tls->failed, true);
}

/* lock held: what a call that gave `result` means, as recv and send would say it. */
static ssize_t explain(syi_tls *tls, int result)
{
    switch (SSL_get_error(tls->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        atomic_store(&tls->wants, POLLIN);
        errno = EAGAIN;
        return -1;
    case SSL_ERROR_WANT_WRITE:
        atomic_store(&tls->wants, POLLOUT);
        errno = EAGAIN;
        return -1;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    case SSL_ERROR_SYSCALL:
        if (ERR_peek_error() == 0) {
            errno = errno == 0 || errno == EAGAIN ? ECONNRESET : errno;
            return -1;
        }
        break;
    default:
        break;
    }
    note_failure(tls);
    errno = EPROTO;
    return -1;
}

int syi_tls_handshake(syi_tls *tls)
{
    pthread_mutex_lock(&tls->lock);
    ERR_clear_error();
    errno = 0;
    const int result = SSL_do_handshake(tls->ssl);
    const ssize_t meaning = result == 1 ? 1 : explain(tls, result);
    const int code = errno;
    pthread_mutex_unlock(&tls->lock);
    errno = code;
    if (meaning == 1) {
        return 1;
    }
    return meaning < 0 && code == EAGAIN ? 0 : -1;
}

void syi_tls_peer_name(const SSL *ssl, char *name, size_t size)
{
    name[0] = '\0';
    X509 *certificate = SSL_get1_peer_certificate(ssl);
    if (certificate == NULL) {
        return;
    }
    /* A zero byte or a second name inside would let one authority's client look like another. */
    X509_NAME *subject = X509_get_subject_name(certificate);
    const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    const ASN1_STRING *text =
        at >= 0 ? X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)) : NULL;
    const int length = text != NULL ? ASN1_STRING_length(text) : 0;
    bool clean = length > 0 && (size_t)length < size &&
                 X509_NAME_get_index_by_NID(subject, NID_commonName, at) < 0;
    for (int k = 0; k < length && clean; k++) {
        clean = ASN1_STRING_get0_data(text)[k] >= ' ' && ASN1_STRING_get0_data(text)[k] < 0x7f;
    }
    if (clean) {
        memcpy(name, ASN1_STRING_get0_data(text), (size_t)length);
        name[length] = '\0';
    }
    X509_free(certificate);
}

void syi_tls_get_peer_name(syi_tls *tls, char *name, size_t size)
{
    pthread_mutex_lock(&tls->lock);
    syi_tls_peer_name(tls->ssl, name, size);
    pthread_mutex_unlock(&tls->lock);
}

ssize_t syi_tls_read(syi_tls *tls, void *place, size_t room)
{
    pthread_mutex_lock(&tls->lock);
    ERR_clear_error();
    errno = 0;
    size_t count = 0;
    const int result = SSL_read_ex(tls->ssl, place, room, &count);
    const ssize_t meaning = result == 1 ? (ssize_t)count : explain(tls, result);
    const int code = errno;
    pthread_mutex_unlock(&tls->lock);
    errno = code;
    return meaning;
}

ssize_t syi_tls_write(syi_tls *tls, const struct iovec *pieces, size_t count)
{
    pthread_mutex_lock(&tls->lock);
    const uint8_t *bytes = pieces[0].iov_base;
    size_t size = pieces[0].iov_len;
    if (count > 1 && size < sizeof tls->record) {
        size = 0;
        for (size_t i = 0; i < count && size < sizeof tls->record; i++) {
            const size_t room = sizeof tls->record - size;
            const size_t part = pieces[i].iov_len < room ? pieces[i].iov_len : room;
            memcpy(tls->record + size, pieces[i].iov_base, part);
            size += part;
        }
        bytes = tls->record;
    }
    ERR_clear_error();
    errno = 0;
    size_t written = 0;
    const int result = SSL_write_ex(tls->ssl, bytes, size, &written);
    const ssize_t meaning = result == 1 ? (ssize_t)written : explain(tls, result);
    const int code = errno;
    pthread_mutex_unlock(&tls->lock);
    errno = code;
    return meaning;
}

short syi_tls_wants(const syi_tls *tls)
{
    return atomic_load(&tls->wants);
}

void syi_tls_say_goodbye(syi_tls *tls)
{
    pthread_mutex_lock(&tls->lock);
    if (!atomic_load(&tls->failed)) {
        ERR_clear_error();
        (void)SSL_shutdown(tls->ssl);
        ERR_clear_error();
    }
    pthread_mutex_unlock(&tls->lock);
}

const char *syi_tls_get_failure(const syi_tls *tls)
{
    return atomic_load(&tls->failed) ? tls->failure : "";
}

bool syi_tls_is_refusal(const syi_tls *tls)
{
    return atomic_load(&tls->failed) && tls->refusal;
}
