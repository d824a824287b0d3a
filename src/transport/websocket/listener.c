/* listener.c - the service thread of a websocket listener: accepting, refusing, waking, stopping. Test:
 * websocket_test.c. */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "core/surroundings.h"
#include "transport/websocket/handshake.h"
#include "transport/websocket/service.h"

#define ACCEPT_TURN 64
#define SPARE_DESCRIPTORS 64 /* beside the connections: lws's own, and those being refused */

/* --- what is no websocket of ours -------------------------------------------------------------- */

/* A request that does not upgrade: 426. */
static int refuse_http(struct lws *wsi)
{
    uint8_t head[LWS_PRE + 512];
    uint8_t *begin = head + LWS_PRE;
    uint8_t *end = head + sizeof head - 1;
    uint8_t *p = begin;
    if (lws_add_http_header_status(wsi, 426, &p, end) != 0 ||
        lws_add_http_header_by_name(wsi, (const unsigned char *)"upgrade:",
                                    (const unsigned char *)"websocket", 9, &p, end) != 0 ||
        lws_add_http_header_by_name(wsi, (const unsigned char *)"connection:",
                                    (const unsigned char *)"close", 5, &p, end) != 0 ||
        lws_add_http_header_content_length(wsi, 0, &p, end) != 0 ||
        lws_finalize_http_header(wsi, &p, end) != 0) {
        return -1;
    }
    lws_write(wsi, begin, (size_t)(p - begin), LWS_WRITE_HTTP_HEADERS);
    return -1;
}

static void log_refused(const websocket_listener *listener, struct lws *wsi, const char *why)
{
    char address[64] = "unknown";
    lws_get_peer_simple(wsi, address, sizeof address);
    syi_log(listener->base.context, SY_LOG_WARNING, "transport", NULL, 0, "%s: refused %s: %s",
            listener->base.url, address, why);
}

/* --- accepting --------------------------------------------------------------------------------- */

static void accept_failed(websocket_listener *listener, int code)
{
    if (code == EAGAIN || code == EINTR || code == ECONNABORTED) {
        return;
    }
    char text[128];
    syi_log(listener->base.context, SY_LOG_WARNING, "transport", NULL, 0, "%s: accept: %s",
            listener->base.url, strerror_r(code, text, sizeof text));
    /* The socket stays readable, so without descriptors this thread would spin. */
    nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
}

static void on_acceptable(websocket_listener *listener)
{
    for (int i = 0; i < ACCEPT_TURN; i++) {
        struct sockaddr_storage address;
        unsigned length;
        const int fd = syi_server_accept(listener->fd, &address, &length);
        if (fd < 0) {
            accept_failed(listener, errno);
            return;
        }
        if (listener->accepted >= listener->server.options.connections_max) {
            char text[128];
            syi_server_format_address(text, sizeof text, listener->tls != NULL ? "wss" : "ws",
                                      &address, length);
            syi_log(listener->base.context, SY_LOG_WARNING, "transport", NULL, 0,
                    "%s: refused %s: it has %u connections already", listener->base.url, text,
                    listener->accepted);
            close(fd);
            continue;
        }
        if (listener->server.loop != NULL && !syi_websocket_watch(listener, fd)) {
            close(fd);
            continue;
        }
        struct lws *wsi = lws_adopt_socket_vhost(listener->vhost, fd); /* closes it on failure */
        if (wsi != NULL) {
            listener->accepted++;
            lws_set_opaque_user_data(wsi, listener); /* counted */
        }
    }
}

static void close_listening(websocket_listener *listener)
{
    if (listener->accepting != NULL) {
        struct lws *wsi = listener->accepting;
        listener->accepting = NULL;
        lws_set_timeout(wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_SYNC);
    }
}

/* --- the service thread ------------------------------------------------------------------------ */

static void on_wakeup(websocket_listener *listener)
{
    syi_server_look_at_woken(&listener->server);
    pthread_mutex_lock(&listener->lock);
    const bool stop = listener->stop || listener->quit;
    pthread_mutex_unlock(&listener->lock);
    if (stop) {
        close_listening(listener);
        pthread_mutex_lock(&listener->lock);
        listener->stopped = true;
        pthread_cond_broadcast(&listener->changed);
        pthread_mutex_unlock(&listener->lock);
    }
}

/* Protocol 0 hears of everything that is not (yet) a websocket of ours. */
static int default_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                            size_t length)
{
    websocket_listener *listener = lws_context_user(lws_get_context(wsi));
    switch (reason) {
    case LWS_CALLBACK_RAW_RX_FILE:
        listener->activity++;
        on_acceptable(listener);
        return 0;
    case LWS_CALLBACK_EVENT_WAIT_CANCELLED:
        listener->activity++;
        on_wakeup(listener);
        syi_server_flush_dirty(&listener->server);
        return 0;
    case LWS_CALLBACK_WSI_DESTROY:
        if (lws_get_opaque_user_data(wsi) == listener) {
            listener->accepted--;
        }
        return 0;
    case LWS_CALLBACK_OPENSSL_LOAD_EXTRA_SERVER_VERIFY_CERTS:
        return syi_tls_config_equip(listener->tls, user) ? 0 : -1;
    case LWS_CALLBACK_HTTP:
        return refuse_http(wsi);
    case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
        listener->activity++;
        return in != NULL && strcasecmp(in, "websocket") == 0 ? 0 : -1; /* no h2c */
    case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION:
        listener->activity++;
        if (listener->server.options.plain != NULL) {
            return 0;
        }
        log_refused(listener, wsi,
                    "it asked for no subprotocol that is spoken here (" SYI_WEBSOCKET_SUBPROTOCOL
                    ")");
        return -1;
    case LWS_CALLBACK_ESTABLISHED:
    case LWS_CALLBACK_RECEIVE:
    case LWS_CALLBACK_SERVER_WRITEABLE:
    case LWS_CALLBACK_TIMER:
    case LWS_CALLBACK_CLOSED:
        return syi_websocket_callback(wsi, reason, user, in, length); /* a plain connection */
    default:
        return 0;
    }
}

static const struct lws_protocols protocols[] = {
    {
        .name = "http",
        .callback = default_callback,
        .per_session_data_size = sizeof(websocket_session),
        .rx_buffer_size = SYI_WEBSOCKET_READ,
        .tx_packet_size = SYI_WEBSOCKET_WRITE,
    },
    {
        .name = SYI_WEBSOCKET_SUBPROTOCOL,
        .callback = syi_websocket_callback,
        .per_session_data_size = sizeof(websocket_session),
        .rx_buffer_size = SYI_WEBSOCKET_READ,
        .tx_packet_size = SYI_WEBSOCKET_WRITE,
    },
    {.name = NULL},
};

static bool quits(websocket_listener *listener)
{
    pthread_mutex_lock(&listener->lock);
    const bool quit = listener->quit;
    pthread_mutex_unlock(&listener->lock);
    return quit;
}

/* As long as something happens every few microseconds, looking again is cheaper than being woken. */
static void spin(websocket_listener *listener)
{
    const uint64_t time = (uint64_t)listener->server.options.spin_us * 1000;
    uint64_t seen = listener->activity;
    uint64_t until = syi_clock_now(listener->base.context) + time;
    while (lws_service(listener->lws, -1) >= 0) {
        const uint64_t now = syi_clock_now(listener->base.context);
        if (listener->activity != seen) {
            seen = listener->activity;
            until = now + time;
        } else if (now >= until) {
            return;
        } else {
            sched_yield();
        }
    }
}

static void *run(void *argument)
{
    websocket_listener *listener = argument;
    pthread_setname_np(pthread_self(), "csyft-ws");
    while (!quits(listener) && lws_service(listener->lws, 0) >= 0) {
        if (listener->server.options.spin_us != 0) {
            spin(listener);
        }
    }
    syi_websocket_end_all(listener);
    syi_server_flush_dirty(&listener->server);
    lws_context_destroy(listener->lws); /* closes what is left */
    return NULL;
}

/* --- the listener ------------------------------------------------------------------------------ */

static void websocket_stop(syi_listener *base)
{
    websocket_listener *listener = (websocket_listener *)base;
    if (listener->server.loop != NULL && !syi_server_is_own_thread(&listener->server)) {
        syi_loop_guard guard;
        syi_loop_enter(listener->server.loop, &guard);
        close_listening(listener);
        syi_loop_leave(listener->server.loop, &guard);
        return;
    }
    if (syi_server_is_own_thread(&listener->server)) {
        close_listening(listener);
        return;
    }
    pthread_mutex_lock(&listener->lock);
    listener->stop = true;
    lws_cancel_service(listener->lws);
    while (!listener->stopped) {
        pthread_cond_wait(&listener->changed, &listener->lock);
    }
    pthread_mutex_unlock(&listener->lock);
}

static void release(websocket_listener *listener)
{
    sy_context *context = listener->base.context;
    syi_server_fini(&listener->server);
    syi_tls_config_unref(listener->tls);
    syi_free(context, listener->out, LWS_PRE + SYI_WEBSOCKET_WRITE);
    pthread_cond_destroy(&listener->changed);
    pthread_mutex_destroy(&listener->lock);
    syi_free(context, listener, sizeof *listener);
}

static void free_hosted(websocket_listener *listener)
{
    sy_loop *loop = listener->server.loop;
    syi_loop_guard guard;
    syi_loop_enter(loop, &guard);
    close_listening(listener);
    syi_websocket_end_all(listener);
    syi_server_flush_dirty(&listener->server);
    syi_loop_leave(loop, &guard);
    syi_websocket_unhost(listener);
    syi_loop_enter(loop, &guard);
    lws_context_destroy(listener->lws);
    syi_loop_leave(loop, &guard);
    release(listener);
}

static void websocket_free(syi_listener *base)
{
    websocket_listener *listener = (websocket_listener *)base;
    if (listener->server.loop != NULL) {
        free_hosted(listener);
        return;
    }
    pthread_mutex_lock(&listener->lock);
    listener->quit = true;
    lws_cancel_service(listener->lws);
    pthread_mutex_unlock(&listener->lock);
    pthread_join(listener->server.thread, NULL);
    release(listener);
}

static const syi_listener_class websocket_listener_class = {
    .stop = websocket_stop,
    .free = websocket_free,
};

/* lws logs for the whole process, to stderr: a library is silent unless asked. */
static void set_log_level(sy_context *context)
{
    if (!syi_log_enabled(context, SY_LOG_DEBUG, "transport")) {
        lws_set_log_level(0, NULL);
    }
}

/* lws sets SIGPIPE to be ignored; that is the program's to decide. */
static struct lws_context *create_context(const struct lws_context_creation_info *info)
{
    struct sigaction before;
    sigaction(SIGPIPE, NULL, &before);
    struct lws_context *made = lws_create_context(info);
    sigaction(SIGPIPE, &before, NULL);
    return made;
}

static bool open_lws(websocket_listener *listener)
{
    /* No pings of its own: a client that waits for nothing does not answer them. */
    static const lws_retry_bo_t never = {.secs_since_valid_ping = 0, .secs_since_valid_hangup = 0};
    const syi_listen_options *options = &listener->server.options;
    struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN_SERVER,
        .protocols = protocols,
        .vhost_name = "csyft",
        .gid = -1,
        .uid = -1,
        .user = listener,
        .pt_serv_buf_size = SYI_WEBSOCKET_READ,
        .fd_limit_per_thread = options->connections_max + SPARE_DESCRIPTORS,
        .timeout_secs = (options->first_frame_ms + 999) / 1000,
        .retry_and_idle_policy = &never,
    };
    if (listener->tls != NULL) {
        /* What it shows and trusts is set by the callback; the system's authorities would be read for nothing. */
        info.options = LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT |
                       LWS_SERVER_OPTION_CREATE_VHOST_SSL_CTX |
                       LWS_SERVER_OPTION_DISABLE_OS_CA_CERTS;
        info.alpn = "http/1.1";
    }
    set_log_level(listener->base.context);
    listener->lws = create_context(&info);
    if (listener->lws == NULL) {
        return false;
    }
    listener->vhost = lws_get_vhost_by_name(listener->lws, "csyft");
    lws_sock_file_fd_type fd = {.filefd = listener->fd};
    listener->accepting = lws_adopt_descriptor_vhost(listener->vhost, LWS_ADOPT_RAW_FILE_DESC, fd,
                                                     protocols[0].name, NULL);
    if (listener->accepting == NULL) {
        lws_context_destroy(listener->lws);
        return false;
    }
    return true;
}

/* A thread, or a place in the program's loop. */
static bool start(websocket_listener *listener)
{
    return listener->server.loop != NULL ? syi_websocket_host(listener)
                                         : syi_server_start(&listener->server, run, listener);
}

sy_status syi_websocket_listen(sy_context *context, syi_listener **listener, const syi_url *url,
                               const syi_listen_options *options, const syi_service *service,
                               sy_error *err)
{
    websocket_listener *made = syi_alloc(context, sizeof *made);
    if (made == NULL) {
        return SYI_ENOMEM(err, "websocket listener");
    }
    made->base.klass = &websocket_listener_class;
    made->base.context = context;
    made->base.loop = options->loop;
    made->fd = -1;
    pthread_mutex_init(&made->lock, NULL);
    pthread_cond_init(&made->changed, NULL);
    syi_url_format(made->base.url, sizeof made->base.url, url, url->port);
    syi_server_init(&made->server, context, &syi_websocket_server_class, made->base.url, options,
                    service);

    uint16_t port = 0;
    sy_status status;
    if (url->scheme == SYI_SCHEME_WSS) {
        if (!syi_tls_config_has_certificate(options->tls)) {
            status =
                syi_fail_object(err, SY_EINVAL, made->base.url,
                                "%s: a listener needs a certificate and its key", made->base.url);
            goto fail;
        }
        made->tls = syi_tls_config_ref(options->tls);
    }
    made->out = syi_alloc_aligned(context, LWS_PRE + SYI_WEBSOCKET_WRITE, 64);
    if (made->out == NULL) {
        status = SYI_ENOMEM(err, "websocket listener");
        goto fail;
    }
    SY_GOTO(fail, syi_server_listen(&made->fd, &port, url, made->base.url, err));
    syi_url_format(made->base.url, sizeof made->base.url, url, port);
    if (!open_lws(made)) {
        status = syi_fail_object(err, SY_EIO, made->base.url, "%s: libwebsockets did not start",
                                 made->base.url);
        goto fail;
    }
    if (!start(made)) {
        lws_context_destroy(made->lws); /* and closes the socket */
        made->fd = -1;
        status = syi_fail_object(err, SY_EIO, made->base.url,
                                 "%s: the service thread did not start", made->base.url);
        goto fail;
    }
    *listener = &made->base;
    return SY_OK;
fail:
    if (made->fd >= 0) {
        close(made->fd);
    }
    release(made);
    return status;
}
