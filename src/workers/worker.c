/*
 * worker.c - making workers of every kind and ending them with their hook; listening, connecting, introducing. What they
 * hold is in store.c and objects.c. Tests: worker_test.c.
 */
#include "workers/worker.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

#include <csyft/loop.h>

#include "core/error.h"
#include "core/memory.h"
#include "pysyft/client.h"
#include "transport/custom/custom.h"
#include "workers/callers.h"
#include "workers/identity.h"
#include "workers/janitor.h"
#include "workers/link.h"
#include "workers/room.h"
#include "workers/session.h"

#define TIMEOUT_MS 60000
#define CONNECT_TIMEOUT_MS 10000
#define RECONNECT_MS 5000
#define KEEPALIVE_MS 30000
#define PING_TIMEOUT_MS 10000
#define LEASE_GRACE_MS 10000

sy_status syi_worker_new(sy_hook *hook, sy_worker **worker, const sy_id *id, sy_worker_kind kind,
                         sy_error *err)
{
    sy_context *context = hook->context;
    *worker = NULL;
    sy_worker *made = syi_alloc(context, sizeof *made);
    if (made == NULL) {
        return SYI_ENOMEM(err, "worker");
    }
    made->hook = hook;
    made->kind = kind;
    if (id != NULL) {
        made->id = *id;
        sy_id_format(id, made->name, sizeof made->name);
    }
    pthread_mutex_init(&made->strand, NULL);
    pthread_mutex_init(&made->links_lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&made->quiet, &attributes);
    pthread_cond_init(&made->rested, &attributes);
    pthread_condattr_destroy(&attributes);
    syi_journal_init(&made->journal, context, made->name, syi_worker_describe_message);
    atomic_init(&made->pending_ns, 0);
    made->lease_grace_ms = LEASE_GRACE_MS;
    made->timeout_ms = TIMEOUT_MS;
    made->connect_timeout_ms = CONNECT_TIMEOUT_MS;
    made->reconnect_ms = RECONNECT_MS;
    made->keepalive_ms = KEEPALIVE_MS;
    made->ping_timeout_ms = PING_TIMEOUT_MS;
    syi_account_init(&made->account, made->name, 0, syi_context_get_account(context));
    sy_status status = SY_OK;
    if (syi_worker_is_here(made)) {
        SY_GOTO(failed, syi_table_new(context, &made->objects, err));
    }
    SY_GOTO(failed, syi_table_new(context, &made->links, err));
    *worker = made;
    return SY_OK;
failed:
    syi_worker_free(made);
    return status;
}

/* Until nothing runs here and no thread of ours is inside. */
static void wait_for_threads(sy_worker *worker)
{
    pthread_mutex_lock(&worker->strand);
    worker->no_rest = true;
    pthread_cond_broadcast(&worker->rested);
    while (worker->running > 0 || worker->threads > 0 || worker->resting > 0) {
        pthread_cond_wait(&worker->quiet, &worker->strand);
    }
    pthread_mutex_unlock(&worker->strand);
}

/* Lets running commands end, at most `drain_ms`. */
static void wait_quiet(sy_worker *worker, uint32_t drain_ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += drain_ms / 1000;
    until.tv_nsec += (long)(drain_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&worker->strand);
    while (worker->running > 0 &&
           pthread_cond_timedwait(&worker->quiet, &worker->strand, &until) == 0) {
    }
    pthread_mutex_unlock(&worker->strand);
}

/* The same where the program drives the network: its answers leave meanwhile. */
static void step_quiet(sy_worker *worker, sy_loop *loop, uint32_t drain_ms)
{
    const uint64_t until = syi_clock_now(worker->hook->context) + (uint64_t)drain_ms * 1000000u;
    bool quiet = false;
    while (!quiet && syi_clock_now(worker->hook->context) < until) {
        struct pollfd some = {.fd = sy_loop_get_fd(loop), .events = POLLIN};
        (void)poll(&some, 1, 1);
        (void)sy_loop_step(loop, NULL);
        pthread_mutex_lock(&worker->strand);
        quiet = worker->running == 0;
        pthread_mutex_unlock(&worker->strand);
    }
    (void)sy_loop_step(loop, NULL);
}

static void drain(sy_worker *worker, uint32_t drain_ms)
{
    for (const syi_listening *l = worker->listening; l != NULL; l = l->next) {
        sy_loop *loop = syi_listener_get_loop(l->listener);
        if (loop != NULL) {
            step_quiet(worker, loop, drain_ms);
        }
    }
    wait_quiet(worker, drain_ms);
}

void sy_worker_stop_listening(sy_worker *worker, uint32_t drain_ms)
{
    for (syi_listening *l = worker->listening; l != NULL; l = l->next) {
        syi_listener_stop(l->listener);
    }
    if (worker->listening == NULL) {
        return;
    }
    pthread_mutex_lock(&worker->strand);
    worker->stopping = true;
    pthread_mutex_unlock(&worker->strand);
    drain(worker, drain_ms);
    while (worker->listening != NULL) {
        syi_listening *next = worker->listening->next;
        syi_listener_free(worker->listening->listener);
        syi_free(worker->hook->context, worker->listening, sizeof *worker->listening);
        worker->listening = next;
    }
    pthread_mutex_lock(&worker->strand);
    worker->stopping = false;
    pthread_mutex_unlock(&worker->strand);
}

/* Ending a hook's workers takes steps over all of them, because they point at each other's objects. */

/* The next of a worker's links; NULL at the end. Links are only added while others run. */
static syi_link *next_link(sy_worker *worker, size_t *cursor)
{
    const sy_id *id = NULL;
    void *value = NULL;
    pthread_mutex_lock(&worker->links_lock);
    const bool more = syi_table_next(worker->links, cursor, &id, &value);
    pthread_mutex_unlock(&worker->links_lock);
    return more ? value : NULL;
}

static void close_links(sy_worker *worker)
{
    size_t cursor = 0;
    for (syi_link *link; (link = next_link(worker, &cursor)) != NULL;) {
        syi_link_close(link);
    }
}

static void free_links(sy_worker *worker)
{
    size_t cursor = 0;
    const sy_id *id = NULL;
    void *value = NULL;
    while (worker->links != NULL && syi_table_next(worker->links, &cursor, &id, &value)) {
        syi_link_free(value);
    }
    if (worker->links != NULL) {
        syi_table_clear(worker->links);
    }
}

void syi_worker_free(sy_worker *worker)
{
    if (worker == NULL) {
        return;
    }
    sy_context *context = worker->hook->context;
    if (worker->objects != NULL) {
        sy_worker_clear_objects(worker);
        syi_table_free(worker->objects);
    }
    while (worker->spare_count > 0) {
        syi_free(context, worker->spare_objects[--worker->spare_count], sizeof(syi_object));
    }
    free_links(worker);
    syi_table_free(worker->links);
    if (worker->custom != NULL) {
        if (worker->custom->klass.free != NULL) {
            worker->custom->klass.free(worker->custom->user);
        }
        syi_free(context, worker->custom, sizeof *worker->custom);
    }
    syi_tokens_fini(context, &worker->tokens);
    syi_callers_free(worker);
    syi_wipe(worker->bearer, sizeof worker->bearer);
    if (worker->release_rows != NULL) {
        syi_free(context, worker->release_rows, SYI_OP_COUNT * sizeof *worker->release_rows);
    }
    syi_journal_fini(&worker->journal);
    pthread_cond_destroy(&worker->quiet);
    pthread_cond_destroy(&worker->rested);
    pthread_mutex_destroy(&worker->links_lock);
    pthread_mutex_destroy(&worker->strand);
    syi_free(context, worker, sizeof *worker);
}

/* The room's end */

static void each_worker(sy_hook *hook, void (*visit)(sy_worker *worker))
{
    size_t cursor = 0;
    const sy_id *id = NULL;
    void *value = NULL;
    for (;;) {
        /* A command that still runs may introduce a worker. */
        pthread_mutex_lock(&hook->directory_lock);
        const bool more = syi_table_next(hook->directory, &cursor, &id, &value);
        pthread_mutex_unlock(&hook->directory_lock);
        if (!more) {
            return;
        }
        visit(value);
    }
}

static void stop_one(sy_worker *worker)
{
    sy_worker_stop_listening(worker, 5000);
    syi_custom_clients_end(worker);
}

static void clear_one(sy_worker *worker)
{
    if (worker->objects != NULL) {
        sy_worker_clear_objects(worker);
    }
}

static void expire_one(sy_worker *worker)
{
    if (worker->objects != NULL) {
        (void)syi_sessions_expire(worker, UINT64_MAX);
    }
}

static void room_free(void *state)
{
    syi_workers_room *room = state;
    sy_hook *hook = room->hook;
    if (room->joint.stop != NULL) {
        room->joint.stop(hook);
    }
    each_worker(hook, stop_one);
    atomic_store(&room->closing, true);
    each_worker(hook, clear_one);   /* pointers among them queue deletions on links */
    each_worker(hook, close_links); /* wakes commands that wait for an answer */
    each_worker(hook, wait_for_threads);
    syi_janitor_stop(room->janitor); /* it tells of callers that are gone */
    if (room->joint.release != NULL) {
        room->joint.release(hook);
    }
    each_worker(hook, clear_one); /* what they registered */
    each_worker(hook, close_links);
    syi_janitor *janitor = room->janitor;
    room->janitor = NULL;
    syi_janitor_free(janitor);
    each_worker(hook, free_links);
    each_worker(hook, expire_one);
    each_worker(hook, syi_worker_free);
    syi_table_clear(hook->directory);
    hook->workers = NULL;
    hook->local_worker = NULL;
    syi_tls_config_unref(room->tls);
    syi_free(hook->context, room, sizeof *room);
}

/* Every link of every worker: wait for what was posted. */
static sy_status synchronize(sy_hook *hook, sy_error *err)
{
    sy_worker *worker = hook->local_worker;
    sy_status status = SY_OK;
    size_t cursor = 0;
    for (syi_link *link; (link = next_link(worker, &cursor)) != NULL;) {
        sy_error one = SY_ERROR_INIT;
        sy_status link_status = syi_link_drain(link, &one);
        if (status == SY_OK && link_status != SY_OK) {
            status = link_status;
            if (err != NULL) {
                *err = one;
            }
        }
    }
    return status;
}

sy_status syi_workers_register(sy_hook *hook, const sy_hook_options *options, sy_error *err)
{
    syi_workers_room *room = syi_alloc(hook->context, sizeof *room);
    if (room == NULL) {
        return SYI_ENOMEM(err, "workers");
    }
    room->hook = hook;
    hook->workers = room;
    hook->synchronize = synchronize;
    sy_status status = syi_hook_register_room(hook, room, room_free, err);
    if (status != SY_OK) {
        hook->workers = NULL;
        syi_free(hook->context, room, sizeof *room);
        return status;
    }
    SY_TRY(syi_janitor_new(hook, &room->janitor, err));
    SY_TRY(syi_commands_register_builtin(hook, err));
    sy_id id = SY_ID_INIT;
    SY_TRY(
        sy_id_parse(&id, options->local_worker_id != NULL ? options->local_worker_id : "me", err));
    sy_worker *local = NULL;
    SY_TRY(syi_worker_new(hook, &local, &id, SY_WORKER_LOCAL, err));
    local->is_client = options->is_client;
    local->account.limit = options->memory_limit;
    status = syi_directory_add(hook, local, err);
    if (status != SY_OK) {
        syi_worker_free(local);
        return status;
    }
    hook->local_worker = local;
    return SY_OK;
}

/* Making workers */

sy_status sy_virtual_worker_new(sy_hook *hook, sy_worker **worker, const char *id, sy_error *err)
{
    *worker = NULL;
    sy_id parsed = SY_ID_INIT;
    SY_TRY(sy_id_parse(&parsed, id != NULL ? id : "0", err));
    sy_worker *known = syi_directory_find(hook, &parsed);
    if (known != NULL) {
        if (known->kind != SY_WORKER_VIRTUAL) {
            return syi_fail_object(err, SY_EEXIST, known->name,
                                   "worker %s exists already and is not a virtual worker",
                                   known->name);
        }
        *worker = known;
        return SY_OK;
    }
    sy_worker *made = NULL;
    SY_TRY(syi_worker_new(hook, &made, &parsed, SY_WORKER_VIRTUAL, err));
    sy_status status = syi_directory_add(hook, made, err);
    if (status == SY_EEXIST) { /* another thread was quicker */
        syi_worker_free(made);
        return sy_virtual_worker_new(hook, worker, id, err);
    }
    if (status != SY_OK) {
        syi_worker_free(made);
        return status;
    }
    *worker = made;
    return SY_OK;
}

/* A token in the clear is everybody's. */
static sy_status check_token(const syi_url *url, const sy_connect_options *options,
                             const char *text, sy_error *err)
{
    if (options->token == NULL) {
        return SY_OK;
    }
    if (!syi_token_is_good(options->token)) {
        return syi_fail(err, SY_EINVAL,
                        "the token for %s is no token: %d to %d printable ASCII characters without "
                        "blanks",
                        text, SYI_BEARER_MIN, SYI_BEARER_MAX);
    }
    if (!syi_url_is_encrypted(url) && !syi_url_is_loopback(url) && !options->insecure) {
        return syi_fail(err, SY_EPERM,
                        "the token for %s would travel in the clear: use tls:// or wss://", text);
    }
    return SY_OK;
}

void syi_worker_use_options(sy_worker *worker, const sy_connect_options *options)
{
    if (options->token != NULL) {
        memcpy(worker->bearer, options->token, strlen(options->token) + 1);
    }
    worker->timeout_ms = options->timeout_ms != 0 ? options->timeout_ms : TIMEOUT_MS;
    worker->connect_timeout_ms =
        options->connect_timeout_ms != 0 ? options->connect_timeout_ms : CONNECT_TIMEOUT_MS;
    worker->reconnect_ms = options->no_reconnect        ? 0
                           : options->reconnect_ms != 0 ? options->reconnect_ms
                                                        : RECONNECT_MS;
    worker->keepalive_ms = options->no_keepalive        ? 0
                           : options->keepalive_ms != 0 ? options->keepalive_ms
                                                        : KEEPALIVE_MS;
    worker->ping_timeout_ms =
        options->ping_timeout_ms != 0 ? options->ping_timeout_ms : PING_TIMEOUT_MS;
    worker->spin_us = options->spin_us;
}

/* A known worker of that URL, or one that was introduced by id: checks that it is there. */
sy_status syi_worker_greet_known(sy_worker *known, sy_error *err)
{
    return syi_command_tell(known->hook->local_worker, known, "whoami", NULL, 0, err);
}

sy_status syi_worker_make_contact(sy_worker *made, const char *where,
                                  bool (*same)(const sy_worker *known, const sy_worker *made),
                                  sy_worker **worker, sy_error *err)
{
    sy_hook *hook = made->hook;
    syi_link *link = NULL;
    sy_status status = syi_link_first_contact(hook->local_worker, made, &link, err);
    if (status != SY_OK) {
        syi_error_at_worker(err, made->name[0] != '\0' ? made->name : where);
        syi_worker_free(made);
        return status;
    }
    sy_worker *known = syi_directory_find(hook, &made->id);
    if (known != NULL) {
        const bool there = same(known, made);
        if (!there) {
            status = syi_fail_object(err, SY_EEXIST, known->name,
                                     "the worker at %s says it is %s, but %s is known at %s", where,
                                     known->name, known->name,
                                     known->url[0] != '\0' ? known->url : "this process");
        }
        syi_link_free(link);
        syi_worker_free(made);
        *worker = there ? known : NULL;
        return status;
    }
    SY_GOTO(failed, syi_directory_add(hook, made, err));
    /* On failure the directory keeps the worker: the next request connects. */
    SY_TRY(syi_link_install(link, err));
    *worker = made;
    return SY_OK;
failed:
    syi_link_free(link);
    syi_worker_free(made);
    return status;
}

static bool same_url(const sy_worker *known, const sy_worker *made)
{
    return known->kind == made->kind && strcmp(known->url, made->url) == 0;
}

/* tcp://, tls:// or ws://; pysyft+ws:// to a server that does not say who it is: *id becomes what the url or the
 * caller says. */
static sy_status parse_way(syi_url *parsed, syi_pysyft_url *dialect, const char *url,
                           const char **id, sy_error *err)
{
    if (!syi_pysyft_url_parse(dialect, url)) {
        return syi_url_parse(parsed, url, err);
    }
    SY_TRY(syi_url_parse(parsed, dialect->url, err));
    if (parsed->scheme != SYI_SCHEME_WS && parsed->scheme != SYI_SCHEME_WSS) {
        return syi_fail(err, SY_EINVAL, "%s: PySyft's servers speak websocket only", url);
    }
    if (strlen(url) >= sizeof((sy_worker *)NULL)->url) {
        return syi_fail(err, SY_EINVAL, "a url of %zu characters is too long", strlen(url));
    }
    if (*id == NULL && dialect->id[0] == '\0') {
        return syi_fail(
            err, SY_EINVAL,
            "%s: a PySyft server does not say who it is; write pysyft+ws://ID@HOST:PORT", url);
    }
    *id = *id != NULL ? *id : dialect->id;
    return SY_OK;
}

sy_status sy_worker_connect(sy_hook *hook, sy_worker **worker, const char *url,
                            const sy_connect_options *options, sy_error *err)
{
    sy_connect_options defaults = SY_CONNECT_OPTIONS_INIT;
    syi_url parsed;
    sy_id id = SY_ID_INIT;
    *worker = NULL;
    options = options != NULL ? options : &defaults;
    if (options->size != sizeof *options) {
        return syi_fail(err, SY_EINVAL, "sy_connect_options: start with SY_CONNECT_OPTIONS_INIT");
    }
    syi_pysyft_url dialect;
    const char *name = options->id;
    SY_TRY(parse_way(&parsed, &dialect, url, &name, err));
    if (parsed.scheme == SYI_SCHEME_INPROC) {
        return syi_fail(err, SY_ENOTSUP, "%s: use sy_virtual_worker_new in one process", url);
    }
    SY_TRY(check_token(&parsed, options, url, err));
    sy_worker_kind kind = parsed.scheme == SYI_SCHEME_WS || parsed.scheme == SYI_SCHEME_WSS
                              ? SY_WORKER_WEBSOCKET
                              : SY_WORKER_SOCKET;
    if (name != NULL) {
        SY_TRY(sy_id_parse(&id, name, err));
        sy_worker *known = syi_directory_find(hook, &id);
        if (known != NULL) {
            if (known->kind != kind || strcmp(known->url, url) != 0) {
                return syi_fail_object(err, SY_EEXIST, known->name,
                                       "worker %s exists already at %s", known->name,
                                       known->url[0] != '\0' ? known->url : "this process");
            }
            SY_TRY(syi_worker_greet_known(known, err));
            *worker = known;
            return SY_OK;
        }
    }
    sy_worker *made = NULL;
    SY_TRY(syi_worker_new(hook, &made, name != NULL ? &id : NULL, kind, err));
    syi_worker_use_options(made, options);
    memcpy(made->url, url, strlen(url) + 1);
    syi_worker_say_attaching(hook->local_worker);
    return syi_worker_make_contact(made, url, same_url, worker, err);
}

void sy_worker_close(sy_worker *worker)
{
    sy_worker *owner = worker->hook->local_worker;
    pthread_mutex_lock(&owner->links_lock);
    syi_link *link = syi_table_get(owner->links, &worker->id);
    pthread_mutex_unlock(&owner->links_lock);
    if (link != NULL) {
        syi_link_close(link);
    }
}

/* Whoever reaches an open door may walk in: that must have been meant. */
static sy_status check_exposure(sy_worker *worker, const syi_url *url, const char *text,
                                const sy_listen_options *options, sy_error *err)
{
    if (options->insecure || syi_url_is_loopback(url)) {
        return SY_OK;
    }
    syi_tls_config *tls = syi_identity_ref(worker->hook);
    pthread_mutex_lock(&worker->strand);
    const bool encrypted = syi_url_is_encrypted(url);
    const bool asks =
        worker->tokens.count > 0 || (encrypted && syi_tls_config_requires_certificates(tls));
    pthread_mutex_unlock(&worker->strand);
    syi_tls_config_unref(tls);
    if (encrypted && asks) {
        return SY_OK;
    }
    return syi_fail_object(err, SY_EPERM, text,
                           "worker %s does not listen at %s, which other machines can reach: %s; "
                           "say that this is meant (insecure), or listen on 127.0.0.1",
                           worker->name, text,
                           encrypted ? "it would take anybody; give it tokens or require "
                                       "certificates of clients"
                           : asks    ? "nothing would be encrypted; use tls:// or wss://"
                                     : "nothing would be encrypted and anybody taken; use tls:// "
                                       "or wss:// with tokens or certificates of clients");
}

#define CONNECTIONS_PER_CALLER 256
#define OBJECTS_MAX (UINT64_C(1) << 20)

static void set_limits(sy_worker *worker, const sy_listen_options *options)
{
    const uint64_t rate = options->requests_per_second;
    const uint64_t burst = options->request_burst != 0 ? options->request_burst : rate;
    pthread_mutex_lock(&worker->strand);
    worker->limits = (syi_worker_limits){
        .connections_per_caller = options->connections_per_caller != 0
                                      ? options->connections_per_caller
                                      : CONNECTIONS_PER_CALLER,
        .requests_per_second = rate,
        .request_burst = burst,
        .memory_per_caller = options->memory_per_caller,
        .objects_max = options->objects_max != 0 ? options->objects_max : OBJECTS_MAX,
        .objects_per_caller = options->objects_per_caller,
    };
    syi_callers_update(worker);
    pthread_mutex_unlock(&worker->strand);
}

/* What a listener's options say of the worker as a whole. */
typedef struct manners {
    syi_worker_limits limits;
    uint32_t lease_grace_ms;
    uint64_t message_max;
    bool allow_introductions, forbid_introductions;
} manners;

static manners get_manners(const sy_worker *worker)
{
    return (manners){worker->limits, worker->lease_grace_ms, worker->message_max,
                     worker->allow_introductions, worker->forbid_introductions};
}

static void set_manners(sy_worker *worker, const sy_listen_options *options)
{
    set_limits(worker, options);
    if (options->lease_grace_ms != 0) {
        worker->lease_grace_ms = options->lease_grace_ms;
    }
    worker->message_max = options->message_max;
    worker->allow_introductions |= options->allow_introductions;
    worker->forbid_introductions |= options->forbid_introductions;
}

/* A listener that could not be has changed nothing. */
static void restore_manners(sy_worker *worker, const manners *before)
{
    pthread_mutex_lock(&worker->strand);
    worker->limits = before->limits;
    syi_callers_update(worker);
    pthread_mutex_unlock(&worker->strand);
    worker->lease_grace_ms = before->lease_grace_ms;
    worker->message_max = before->message_max;
    worker->allow_introductions = before->allow_introductions;
    worker->forbid_introductions = before->forbid_introductions;
}

sy_status sy_worker_listen(sy_worker *worker, const char *url, const sy_listen_options *options,
                           const char **bound, sy_error *err)
{
    sy_listen_options defaults = SY_LISTEN_OPTIONS_INIT;
    syi_url parsed;
    options = options != NULL ? options : &defaults;
    if (options->size != sizeof *options) {
        return syi_fail(err, SY_EINVAL, "sy_listen_options: start with SY_LISTEN_OPTIONS_INIT");
    }
    if (!syi_worker_is_here(worker)) {
        return syi_fail(err, SY_EINVAL, "worker %s is not in this process", worker->name);
    }
    SY_TRY(syi_url_parse(&parsed, url, err));
    sy_context *context = worker->hook->context;
    SY_TRY(check_exposure(worker, &parsed, url, options, err));
    syi_listening *listening = syi_alloc(context, sizeof *listening);
    if (listening == NULL) {
        return SYI_ENOMEM(err, "listener");
    }
    const manners before = get_manners(worker);
    set_manners(worker, options);
    syi_listen_options accepting = {
        .limits = SYI_FRAME_LIMITS_DEFAULT,
        .connections_max = options->connections_max,
        .send_queue_max = options->send_queue_max,
        .first_frame_ms = options->greeting_ms,
        .stall_ms = options->stall_ms,
        .spin_us = options->spin_us,
        .loop = options->loop,
    };
    syi_service service = syi_worker_service(worker);
    listening->gate = (syi_pysyft_gate){.context = context,
                                        .inner = service,
                                        .ops = worker->hook->ops,
                                        .worker = worker->id,
                                        .journal = &worker->journal};
    memcpy(listening->gate.name, worker->name, sizeof listening->gate.name - 1);
    const syi_service plain = syi_pysyft_service(&listening->gate);
    accepting.plain = &plain;
    accepting.tls = syi_identity_ref(worker->hook);
    syi_worker_say_starting(worker, &parsed);
    sy_status status = syi_listen(context, &listening->listener, url, &accepting, &service, err);
    syi_tls_config_unref(accepting.tls);
    if (status != SY_OK) {
        restore_manners(worker, &before);
        syi_free(context, listening, sizeof *listening);
        return status;
    }
    listening->next = worker->listening;
    worker->listening = listening;
    syi_worker_say_ready(worker, &parsed);
    if (bound != NULL) {
        *bound = syi_listener_get_url(listening->listener);
    }
    return SY_OK;
}

void sy_worker_set_memory_limit(sy_worker *worker, uint64_t bytes)
{
    worker->account.limit = bytes;
}

sy_status sy_worker_declare_release(sy_worker *worker, const char *name, int64_t min_rows,
                                    sy_error *err)
{
    const syi_op *op = NULL;
    bool inplace = false;
    if (!syi_ops_find(worker->hook->ops, name, strlen(name), &op, &inplace)) {
        return syi_fail(err, SY_EUNKNOWNOP, "release: \"%s\" is not an operation", name);
    }
    if (min_rows < 1) {
        return syi_fail(err, SY_EINVAL, "release of %s: %lld rows, at least 1 is needed", name,
                        (long long)min_rows);
    }
    if (worker->release_rows == NULL) {
        worker->release_rows =
            syi_alloc_array(worker->hook->context, SYI_OP_COUNT, sizeof *worker->release_rows);
        if (worker->release_rows == NULL) {
            return SYI_ENOMEM(err, "release");
        }
        memset(worker->release_rows, 0, SYI_OP_COUNT * sizeof *worker->release_rows);
    }
    worker->release_rows[op->id] = min_rows;
    return SY_OK;
}

/* Looking at workers */

sy_id sy_worker_get_id(const sy_worker *worker)
{
    return worker->id;
}

sy_worker_kind sy_worker_get_kind(const sy_worker *worker)
{
    return worker->kind;
}

sy_hook *sy_worker_get_hook(const sy_worker *worker)
{
    return worker->hook;
}

const char *sy_worker_to_text(sy_worker *worker, char *buffer, size_t size)
{
    static const char *const types[] = {"VirtualWorker", "VirtualWorker", "SocketWorker",
                                        "WebsocketClientWorker"};
    if (syi_worker_is_here(worker)) {
        snprintf(buffer, size, "<%s id:%s #objects:%zu>", types[worker->kind], worker->name,
                 sy_worker_get_object_count(worker));
    } else if (worker->custom != NULL) {
        snprintf(buffer, size, "<%s id:%s>", worker->custom->name, worker->name);
    } else {
        snprintf(buffer, size, "<%s id:%s url:%s>", types[worker->kind], worker->name, worker->url);
    }
    return buffer;
}

sy_status sy_worker_add_worker(sy_worker *worker, sy_worker *other, sy_error *err)
{
    sy_hook *hook = worker->hook;
    if (other == NULL || other->hook != hook) {
        return syi_fail(err, SY_EINVAL, "add_worker: the worker belongs to another hook");
    }
    sy_worker *known = syi_directory_find(hook, &other->id);
    if (known == NULL) {
        return syi_directory_add(hook, other, err);
    }
    if (known != other) {
        syi_log(hook->context, SY_LOG_WARNING, "workers", worker->name, 0,
                "worker %s was already known and stays as it is", other->name);
    }
    return SY_OK;
}

sy_status sy_worker_add_workers(sy_worker *worker, sy_worker *const *others, size_t count,
                                sy_error *err)
{
    for (size_t k = 0; k < count; k++) {
        SY_TRY(sy_worker_add_worker(worker, others[k], err));
    }
    return SY_OK;
}

sy_status sy_worker_get_worker(sy_worker *worker, sy_worker **found, const char *id, bool fail_hard,
                               sy_error *err)
{
    sy_id parsed = SY_ID_INIT;
    *found = NULL;
    SY_TRY(sy_id_parse(&parsed, id, err));
    *found = syi_directory_find(worker->hook, &parsed);
    if (*found != NULL) {
        return SY_OK;
    }
    if (fail_hard) {
        return syi_fail_object(err, SY_ENOTFOUND, id, "worker %s is not known at worker %s", id,
                               worker->name);
    }
    syi_log(worker->hook->context, SY_LOG_WARNING, "workers", worker->name, 0,
            "worker %s is not known", id);
    return SY_OK;
}

sy_status syi_worker_introduce_start(sy_worker *worker, sy_worker *other, const char *url,
                                     bool *begun, syi_exchange *exchange, sy_error *err)
{
    *begun = false;
    if (syi_worker_is_here(worker)) {
        return SY_OK; /* the directory is one */
    }
    if (url == NULL) {
        url = other->url[0] != '\0'      ? other->url
              : other->listening != NULL ? syi_listener_get_url(other->listening->listener)
                                         : NULL;
    }
    if (url == NULL && other->custom != NULL) {
        return syi_fail(err, SY_EINVAL,
                        "worker %s is reached by %s, which has no URL; %s needs its own way to it",
                        other->name, other->custom->name, worker->name);
    }
    if (url == NULL) {
        return syi_fail(err, SY_EINVAL, "worker %s listens nowhere; %s cannot reach it",
                        other->name, worker->name);
    }
    sy_value args[2] = {other->id.kind == SY_ID_INT ? sy_value_int(other->id.number)
                                                    : sy_value_string(other->name),
                        sy_value_string(url)};
    SY_TRY(syi_command_start(worker->hook->local_worker, worker, "add_worker", args, 2, NULL, 0,
                             exchange, err));
    *begun = true;
    return SY_OK;
}

sy_status sy_worker_introduce(sy_worker *worker, sy_worker *other, const char *url, sy_error *err)
{
    syi_exchange exchange;
    bool begun = false;
    SY_TRY(syi_worker_introduce_start(worker, other, url, &begun, &exchange, err));
    if (!begun) {
        return SY_OK;
    }
    const sy_status status = syi_link_wait(&exchange, err);
    syi_link_end(&exchange);
    return status;
}

sy_traffic sy_worker_get_traffic(const sy_worker *worker)
{
    sy_worker *owner = worker->hook->local_worker;
    sy_traffic traffic = {0, 0, 0, 0};
    pthread_mutex_lock(&owner->links_lock);
    syi_link *link = syi_table_get(owner->links, &worker->id);
    pthread_mutex_unlock(&owner->links_lock);
    if (link != NULL) {
        syi_traffic sum = syi_link_get_traffic(link);
        traffic.messages_sent = sum.frames_sent;
        traffic.messages_received = sum.frames_received;
        traffic.bytes_sent = sum.bytes_sent;
        traffic.bytes_received = sum.bytes_received;
    }
    return traffic;
}
