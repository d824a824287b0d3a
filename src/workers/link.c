#include "workers/link.h"

#include <string.h>
#include <time.h>

#include "core/error.h"
#include "pysyft/client.h"
#include "transport/custom/custom.h"
#include "transport/inproc/inproc.h"
#include "workers/deletions.h"
#include "workers/greeting.h"
#include "workers/identity.h"
#include "workers/janitor.h"
#include "workers/room.h"

#define DELETIONS_FLUSH 64
#define DELETIONS_MANY 1024           /* the janitor is woken anew for each */
#define FLUSH_NS UINT64_C(1000000000) /* longest that a flush by itself waits for the other end */
#define FLUSH_AGAIN_NS UINT64_C(1000000000) /* from then to the next */
#define BATCH_MAX 32
#define WINDOW_MAX 1024 /* posted requests that are not answered yet */
#define IN_USE_NS \
    UINT64_C(100000) /* after that long a connection is asked whether it is still open */

/* A request in flight, with the messages of its exchange; recycled. */
typedef struct syi_pending {
    struct syi_pending *next; /* free list, or requests in flight */
    uint64_t id;
    uint64_t number; /* in the order of sending */
    bool posted;     /* nobody waits; the answer only counts when it is an error; the link's own */
    bool done;
    sy_status status;
    sy_error error;
    syi_message request;
    syi_message reply;
} syi_pending;

struct syi_link {
    sy_worker *owner;
    sy_worker *target;
    syi_connection *connection; /* changed by who sends, under state_lock */
    syi_connection *greeting;   /* the same; it is being greeted */
    syi_session_key key;        /* of the session at the server, once greeted */
    syi_frame_limits takes;     /* what the server takes; of the thread that sends */

    /* Of the thread that sends: the one that set `sending`. */
    syi_message deletion;
    syi_pending *batch[BATCH_MAX]; /* posted, not sent yet */
    size_t batch_count;

    pthread_mutex_t state_lock; /* short; never held while sending or receiving; guards all below */
    bool
        sending; /* somebody is sending, or connecting; not a mutex, because others wait with a deadline */
    unsigned senders; /* wait for that */
    pthread_cond_t sendable;
    pthread_cond_t changed;
    bool receiving;
    unsigned waiting;
    syi_pending *flying; /* oldest first: answers mostly come in order */
    syi_pending *flying_last;
    size_t flying_posted;
    uint64_t posted, answered; /* posted requests so far, and those answered or failed */
    syi_pending *spare;        /* unused ones beside that at hand */
    syi_deletion_queue deletions;
    uint64_t used;            /* when the last request began */
    uint64_t deletions_since; /* some wait, at most since then */
    uint64_t flush_after;     /* nothing is tried by itself before */
    sy_error failure;         /* first failure of a posted request */
    syi_message inbox;        /* the receiving thread's */
    syi_traffic past;         /* of closed connections */

    atomic_uint epoch; /* sessions that were lost so far */
    atomic_uint_fast64_t last_id;
    _Atomic(syi_pending *)
        at_hand; /* an unused one that is taken and put back without the lock; nullable */
};

static sy_context *context_of(const syi_link *link)
{
    return link->owner->hook->context;
}

static uint64_t next_id(syi_link *link)
{
    return atomic_fetch_add_explicit(&link->last_id, 1, memory_order_relaxed) + 1;
}

/* Who sends */

/* CLOCK_MONOTONIC at a deadline of the context's clock. */
static struct timespec time_of(const syi_link *link, uint64_t deadline)
{
    struct timespec when;
    const uint64_t now = syi_clock_now(context_of(link));
    clock_gettime(CLOCK_MONOTONIC, &when);
    const uint64_t at = (uint64_t)when.tv_sec * 1000000000u + (uint64_t)when.tv_nsec +
                        (deadline > now ? deadline - now : 0);
    when.tv_sec = (time_t)(at / 1000000000u);
    when.tv_nsec = (long)(at % 1000000000u);
    return when;
}

static bool try_sending(syi_link *link)
{
    pthread_mutex_lock(&link->state_lock);
    const bool free = !link->sending;
    link->sending = true;
    pthread_mutex_unlock(&link->state_lock);
    return free;
}

/* Somebody else may be sending to a worker that does not read: nobody waits for that beyond his deadline
 * (0: none). */
static sy_status begin_sending(syi_link *link, uint64_t deadline, sy_error *err)
{
    int code = 0;
    pthread_mutex_lock(&link->state_lock);
    link->senders++;
    while (link->sending && code == 0) {
        if (deadline == 0) {
            pthread_cond_wait(&link->sendable, &link->state_lock);
        } else {
            const struct timespec when = time_of(link, deadline);
            code = pthread_cond_timedwait(&link->sendable, &link->state_lock, &when);
        }
    }
    link->senders--;
    const bool free = !link->sending;
    link->sending = true;
    pthread_mutex_unlock(&link->state_lock);
    return free ? SY_OK
                : syi_fail(err, SY_ETIMEDOUT, "worker %s did not take an earlier request in time",
                           link->target->name);
}

/* state_lock held. */
static void stop_sending(syi_link *link)
{
    link->sending = false;
    if (link->senders > 0) {
        pthread_cond_signal(&link->sendable);
    }
}

static void end_sending(syi_link *link)
{
    pthread_mutex_lock(&link->state_lock);
    stop_sending(link);
    pthread_mutex_unlock(&link->state_lock);
}

/* Connecting */

/* Sending. The server does not know the session any more: what this link put there is gone or goes
 * with its lease, and an id with a small generation may mean somebody else's object by now. */
static void forget_session(syi_link *link)
{
    pthread_mutex_lock(&link->state_lock);
    atomic_fetch_add(&link->epoch, 1);
    syi_deletion_queue_clear(&link->deletions);
    pthread_mutex_unlock(&link->state_lock);
}

static sy_status greet(syi_link *link, syi_connection *connection, uint64_t deadline, sy_error *err)
{
    sy_context *context = context_of(link);
    syi_hello mine;
    syi_greeting_init(&mine, &link->owner->id, 0);
    memcpy(mine.bearer, link->target->bearer, sizeof mine.bearer);
    mine.has_session = link->key.known;
    memcpy(mine.session, link->key.session, sizeof mine.session);
    memcpy(mine.token, link->key.token, sizeof mine.token);

    syi_message message;
    syi_hello theirs;
    int64_t revision = 0;
    sy_status status = SY_OK;
    syi_message_init(&message, context, SYI_BODY_MAX);
    message.kind = SYI_KIND_HELLO;
    pthread_mutex_lock(&link->state_lock);
    message.id = next_id(link);
    pthread_mutex_unlock(&link->state_lock);
    syi_hello_encode(&message.body, &mine);
    syi_wipe(mine.bearer, sizeof mine.bearer);
    SY_GOTO(done, syi_buffer_check(&message.body, "hello", err));
    const syi_message *one = &message;
    SY_GOTO(done, syi_connection_send(connection, &one, 1, deadline, err));
    syi_wipe(message.body.data, message.body.length);
    syi_message_clear(&message);
    SY_GOTO(done, syi_connection_receive(connection, &message, deadline, err));
    if (message.kind == SYI_KIND_ERROR) {
        sy_error said;
        status = syi_error_decode(&said, message.body.data, message.body.length);
        if (status == SY_OK) {
            status = said.status;
            if (err != NULL) {
                *err = said;
            }
            goto done;
        }
    }
    if (message.kind != SYI_KIND_HELLO) {
        status = syi_fail(err, SY_EPROTO, "%s: answered the greeting with a frame of kind %d",
                          syi_connection_get_url(connection), message.kind);
        goto done;
    }
    SY_GOTO(done, syi_hello_decode(&theirs, message.body.data, message.body.length, err));
    SY_GOTO(done, syi_hello_agree(&mine, &theirs, &revision, err));
    if (sy_id_is_none(&link->target->id)) {
        link->target->id = theirs.worker; /* sy_worker_connect without an id learns it here */
        sy_id_format(&theirs.worker, link->target->name, sizeof link->target->name);
    } else if (!sy_id_equal(&link->target->id, &theirs.worker)) {
        char there[72];
        status =
            syi_fail_object(err, SY_EINVAL, syi_connection_get_url(connection),
                            "the worker at %s is %s, not %s", syi_connection_get_url(connection),
                            sy_id_format(&theirs.worker, there, sizeof there), link->target->name);
        goto done;
    }
    if (link->key.known && (!theirs.has_session || memcmp(link->key.session, theirs.session,
                                                          sizeof link->key.session) != 0)) {
        forget_session(link);
    }
    link->takes = syi_greeting_limits(&theirs);
    if (theirs.has_session) {
        link->key.known = true;
        memcpy(link->key.session, theirs.session, sizeof link->key.session);
        memcpy(link->key.token, theirs.token, sizeof link->key.token);
    }
done:
    syi_message_fini(&message);
    return status;
}

static void set_greeting(syi_link *link, syi_connection *connection)
{
    pthread_mutex_lock(&link->state_lock);
    link->greeting = connection;
    pthread_mutex_unlock(&link->state_lock);
}

/* Sending. `deadline` 0: the target's own for connecting, which counts in any case. */
static sy_status connect_link(syi_link *link, uint64_t deadline, sy_error *err)
{
    sy_context *context = context_of(link);
    sy_worker *target = link->target;
    syi_connection *connection = NULL;
    syi_connect_options options = {
        .limits = SYI_FRAME_LIMITS_DEFAULT,
        .account = &link->owner->hook->account,
        .deadline = syi_clock_now(context) + (uint64_t)target->connect_timeout_ms * 1000000u,
        .spin_us = target->spin_us,
    };
    if (deadline != 0 && deadline < options.deadline) {
        options.deadline = deadline;
    }
    if (atomic_load(&link->owner->hook->workers->closing)) {
        syi_fail(err, SY_ECANCELED, "worker %s: the hook is being freed", target->name);
        syi_error_at_worker(err, target->name);
        return SY_ECANCELED;
    }
    sy_status status = SY_OK;
    if (syi_worker_is_here(target)) {
        syi_service service = syi_worker_service(target);
        syi_listen_options accepting = {.limits = SYI_FRAME_LIMITS_DEFAULT};
        status = syi_inproc_pair(context, &connection, target->name, &options, &accepting, &service,
                                 err);
    } else if (target->custom != NULL) {
        status = syi_custom_connect(context, &connection, target->custom, &options, err);
    } else {
        options.tls = syi_identity_ref(link->owner->hook);
        syi_pysyft_url dialect;
        status =
            syi_pysyft_url_parse(&dialect, target->url)
                ? syi_pysyft_connect(context, &connection, dialect.url, &target->id, &options, err)
                : syi_connect(context, &connection, target->url, &options, err);
        syi_tls_config_unref(options.tls);
    }
    if (status == SY_OK) {
        set_greeting(link, connection);
        status = greet(link, connection, options.deadline, err);
        set_greeting(link, NULL);
    }
    if (status != SY_OK) {
        syi_connection_close(connection);
        syi_error_at_worker(err, target->name);
        return status;
    }
    pthread_mutex_lock(&link->state_lock);
    link->connection = connection;
    pthread_mutex_unlock(&link->state_lock);
    return SY_OK;
}

/* state_lock held. */
static void put_flying(syi_link *link, syi_pending *pending)
{
    pending->next = NULL;
    if (link->flying_last != NULL) {
        link->flying_last->next = pending;
    } else {
        link->flying = pending;
    }
    link->flying_last = pending;
}

static void recycle(syi_link *link, syi_pending *pending)
{
    pending->next = link->spare;
    link->spare = pending;
}

/* Sending, state_lock held: the connection is gone; everything in flight has failed. Who waits for a request takes
 * it out; nobody does for posted ones. */
static void fail_all(syi_link *link, const sy_error *why)
{
    syi_pending *waited = NULL;
    syi_pending **end = &waited;
    for (syi_pending *p = link->flying, *next; p != NULL; p = next) {
        next = p->next;
        if (p->posted) {
            if (link->failure.status == SY_OK) {
                link->failure = *why;
            }
            recycle(link, p);
            continue;
        }
        p->done = true;
        p->status = why->status;
        p->error = *why;
        p->next = NULL;
        *end = p;
        end = &p->next;
        link->flying_last = p;
    }
    link->flying = waited;
    if (waited == NULL) {
        link->flying_last = NULL;
    }
    link->answered += link->flying_posted;
    link->flying_posted = 0;
    link->batch_count = 0;
    syi_deletion_queue_lost(&link->deletions);
    pthread_cond_broadcast(&link->changed);
}

static void add_traffic(syi_traffic *sum, syi_traffic more)
{
    sum->frames_sent += more.frames_sent;
    sum->frames_received += more.frames_received;
    sum->bytes_sent += more.bytes_sent;
    sum->bytes_received += more.bytes_received;
}

/* Sending, state_lock not held. Waits until no thread is inside receive; that one is woken. */
static void drop_connection(syi_link *link, const sy_error *why)
{
    pthread_mutex_lock(&link->state_lock);
    syi_connection *connection = link->connection;
    link->connection = NULL;
    fail_all(link, why);
    if (link->receiving && connection != NULL) {
        syi_connection_shut(connection);
    }
    while (link->receiving) {
        pthread_cond_wait(&link->changed, &link->state_lock);
    }
    if (connection != NULL) {
        add_traffic(&link->past, syi_connection_get_traffic(connection));
    }
    pthread_mutex_unlock(&link->state_lock);
    syi_connection_close(connection);
}

static sy_status link_new(sy_worker *owner, sy_worker *target, syi_link **link, sy_error *err)
{
    sy_context *context = owner->hook->context;
    syi_link *made = syi_alloc(context, sizeof *made);
    if (made == NULL) {
        return SYI_ENOMEM(err, "link");
    }
    made->owner = owner;
    made->target = target;
    pthread_mutex_init(&made->state_lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&made->changed, &attributes);
    pthread_cond_init(&made->sendable, &attributes);
    pthread_condattr_destroy(&attributes);
    syi_message_init(&made->deletion, context, SYI_BODY_MAX);
    syi_message_init(&made->inbox, context, SYI_BODY_MAX);
    if (!syi_deletion_queue_init(&made->deletions, context)) {
        syi_link_free(made);
        return SYI_ENOMEM(err, "link");
    }
    *link = made;
    return SY_OK;
}

/* links_lock of the owner held: the owner keeps the link, or it is freed. */
static sy_status keep_link(syi_link *link, sy_error *err)
{
    sy_worker *owner = link->owner;
    sy_status status = syi_table_put(owner->links, &link->target->id, link, NULL, err);
    if (status == SY_OK) {
        status = syi_janitor_watch(owner->hook, link, err);
        if (status != SY_OK) {
            syi_table_remove(owner->links, &link->target->id);
        }
    }
    if (status != SY_OK) {
        syi_link_free(link);
    }
    return status;
}

sy_status syi_link_get(sy_worker *owner, sy_worker *target, syi_link **link, sy_error *err)
{
    sy_status status = SY_OK;
    if (!syi_worker_is_here(target) && target->url[0] == '\0' && target->custom == NULL) {
        return syi_fail(err, SY_EINVAL, "worker %s: no way to it is known", target->name);
    }
    pthread_mutex_lock(&owner->links_lock);
    syi_link *found = syi_table_get(owner->links, &target->id);
    if (found == NULL) {
        status = link_new(owner, target, &found, err);
        if (status == SY_OK) {
            status = keep_link(found, err);
        }
    }
    pthread_mutex_unlock(&owner->links_lock);
    *link = status == SY_OK ? found : NULL;
    return status;
}

sy_status syi_link_first_contact(sy_worker *owner, sy_worker *target, syi_link **link,
                                 sy_error *err)
{
    syi_link *made = NULL;
    *link = NULL;
    SY_TRY(link_new(owner, target, &made, err));
    (void)try_sending(made); /* nobody else knows it yet */
    sy_status status = connect_link(made, 0, err);
    end_sending(made);
    if (status != SY_OK) {
        syi_link_free(made);
        return status;
    }
    *link = made;
    return SY_OK;
}

sy_status syi_link_install(syi_link *link, sy_error *err)
{
    sy_worker *owner = link->owner;
    sy_status status = SY_OK;
    pthread_mutex_lock(&owner->links_lock);
    if (syi_table_get(owner->links, &link->target->id) != NULL) {
        syi_link_free(link); /* somebody found the worker and was quicker */
    } else {
        status = keep_link(link, err);
    }
    pthread_mutex_unlock(&owner->links_lock);
    return status;
}

sy_worker *syi_link_get_target(const syi_link *link)
{
    return link->target;
}

static void pending_free(sy_context *context, syi_pending *pending)
{
    syi_message_fini(&pending->request);
    syi_message_fini(&pending->reply);
    syi_free(context, pending, sizeof *pending);
}

void syi_link_free(syi_link *link)
{
    if (link == NULL) {
        return;
    }
    sy_context *context = context_of(link);
    syi_connection_close(link->connection);
    syi_pending *at_hand = atomic_load(&link->at_hand);
    if (at_hand != NULL) {
        pending_free(context, at_hand);
    }
    while (link->spare != NULL) {
        syi_pending *next = link->spare->next;
        pending_free(context, link->spare);
        link->spare = next;
    }
    while (link->flying != NULL) {
        syi_pending *next = link->flying->next;
        pending_free(context, link->flying);
        link->flying = next;
    }
    syi_message_fini(&link->deletion);
    syi_message_fini(&link->inbox);
    syi_deletion_queue_fini(&link->deletions);
    pthread_cond_destroy(&link->changed);
    pthread_cond_destroy(&link->sendable);
    pthread_mutex_destroy(&link->state_lock);
    syi_free(context, link, sizeof *link);
}

/* Sending */

static void link_broken(syi_link *link, const sy_error *err, sy_status status)
{
    sy_error why = SY_ERROR_INIT;
    syi_fail(&why, SY_ECLOSED, "the connection to worker %s was lost while a request was under way",
             link->target->name);
    syi_error_at_worker(&why, link->target->name);
    if (err != NULL && err->status == status) {
        why = *err;
    }
    drop_connection(link, &why);
}

/* Numbers what is about to be sent: the batch, as many deletions as one message may have (their number),
 * and, when these are the last, `last`. Sending, state_lock held. */
static size_t line_up(syi_link *link, syi_pending *last, bool *more)
{
    syi_message_clear(&link->deletion);
    link->deletion.kind = SYI_KIND_DELETE;
    for (size_t k = 0; k < link->batch_count; k++) {
        link->batch[k]->number = syi_deletion_queue_number(&link->deletions);
    }
    size_t deletions = syi_deletion_queue_send(&link->deletions, &link->deletion.body);
    if (deletions > 0 && link->deletion.body.status != SY_OK) {
        syi_deletion_queue_unsend(&link->deletions, deletions); /* no memory: another time */
        deletions = 0;
        *more = false;
    } else {
        *more = syi_deletion_queue_waiting(&link->deletions) > 0;
    }
    if (last != NULL && !*more) {
        last->number = syi_deletion_queue_number(&link->deletions);
    }
    return deletions;
}

/* Nothing of it has left. */
static void not_sent(syi_link *link, size_t deletions)
{
    pthread_mutex_lock(&link->state_lock);
    syi_deletion_queue_unsend(&link->deletions, deletions);
    link->flush_after = syi_clock_now(context_of(link)) + FLUSH_AGAIN_NS;
    pthread_mutex_unlock(&link->state_lock);
}

/* Sending, connected: what line_up has numbered. When the other end does not read before the deadline and
 * nothing has left, everything stays as it was, and so does the connection. */
static sy_status send_lined_up(syi_link *link, syi_pending *last, size_t deletions,
                               uint64_t deadline, sy_error *err)
{
    const syi_message *messages[BATCH_MAX + 2];
    size_t count = 0;
    for (size_t k = 0; k < link->batch_count; k++) {
        messages[count++] = &link->batch[k]->request;
    }
    if (deletions > 0) {
        messages[count++] = &link->deletion;
    }
    if (last != NULL) {
        messages[count++] = &last->request;
    }
    if (count == 0) {
        return SY_OK;
    }
    const sy_status status = syi_connection_send(link->connection, messages, count, deadline, err);
    if (status != SY_OK) {
        /* A connection inside the process may have taken some of several. */
        const bool whole = count == 1 || !syi_worker_is_here(link->target);
        syi_error_at_worker(err, link->target->name);
        if (status == SY_ETIMEDOUT && whole && syi_connection_is_open(link->connection)) {
            not_sent(link, deletions);
        } else {
            link_broken(link, err, status);
        }
        return status;
    }
    link->batch_count = 0;
    return SY_OK;
}

/* Sending, connected. The batch, then the deletions (they may name what the batch makes), then `last`
 * (nullable), in one write as far as they fit. */
static sy_status send_over(syi_link *link, syi_pending *last, uint64_t deadline, sy_error *err)
{
    bool more = true;
    while (more) {
        pthread_mutex_lock(&link->state_lock);
        const size_t deletions = line_up(link, last, &more);
        pthread_mutex_unlock(&link->state_lock);
        SY_TRY(send_lined_up(link, more ? NULL : last, deletions, deadline, err));
    }
    return SY_OK;
}

/* Sending. Connects when there is something that must go. */
static sy_status send_all(syi_link *link, syi_pending *last, uint64_t deadline, sy_error *err)
{
    if (link->connection != NULL && !syi_connection_is_open(link->connection)) {
        link_broken(link, NULL, SY_OK);
    }
    if (link->connection == NULL) {
        if (last == NULL && link->batch_count == 0) {
            return SY_OK; /* deletions alone are no reason to connect */
        }
        SY_TRY(connect_link(link, deadline, err));
    }
    if (last != NULL) {
        SY_TRY(syi_frame_keep(&last->request, &link->takes, err));
        pthread_mutex_lock(&link->state_lock);
        put_flying(link, last);
        pthread_mutex_unlock(&link->state_lock);
    }
    return send_over(link, last, deadline, err);
}

/* Sends a request, begun at `now`; returns with state_lock held. Mostly nobody else sends, and the last
 * request is so short ago that the connection is still there if it was then: one turn with the lock does
 * for taking the turn and lining up. */
static sy_status send_request(syi_link *link, syi_pending *pending, uint64_t now, uint64_t deadline,
                              sy_error *err)
{
    sy_status status;
    pthread_mutex_lock(&link->state_lock);
    const bool busy = now - link->used < IN_USE_NS && link->connection != NULL && !link->sending;
    link->used = now;
    if (busy && syi_frame_keep(&pending->request, &link->takes, err) != SY_OK) {
        return SY_ELIMIT;
    }
    if (busy) {
        bool more;
        link->sending = true;
        put_flying(link, pending);
        const size_t deletions = line_up(link, pending, &more);
        pthread_mutex_unlock(&link->state_lock);
        status = send_lined_up(link, more ? NULL : pending, deletions, deadline, err);
        if (status == SY_OK && more) {
            status = send_over(link, pending, deadline, err);
        }
    } else {
        pthread_mutex_unlock(&link->state_lock);
        status = begin_sending(link, deadline, err);
        if (status != SY_OK) {
            pthread_mutex_lock(&link->state_lock);
            return status;
        }
        status = send_all(link, pending, deadline, err);
    }
    pthread_mutex_lock(&link->state_lock);
    stop_sending(link);
    return status;
}

/* Receiving */

/* state_lock held. Unlinks the pending request with that id; NULL when it is not in flight. */
static syi_pending *take_flying(syi_link *link, uint64_t id)
{
    syi_pending *before = NULL;
    for (syi_pending *p = link->flying; p != NULL; before = p, p = p->next) {
        if (p->id != id) {
            continue;
        }
        if (before == NULL) {
            link->flying = p->next;
        } else {
            before->next = p->next;
        }
        if (link->flying_last == p) {
            link->flying_last = before;
        }
        return p;
    }
    return NULL;
}

static sy_status error_of(const syi_link *link, const syi_message *message, sy_error *err)
{
    sy_error said;
    if (syi_error_decode(&said, message->body.data, message->body.length) != SY_OK) {
        syi_fail(&said, SY_EPROTO, "worker %s sent an unreadable error", link->target->name);
    }
    syi_error_at_worker(&said, link->target->name);
    *err = said;
    return said.status;
}

/* state_lock held: the inbox holds an answer. Returns a posted request that it ends. */
static syi_pending *deliver(syi_link *link)
{
    syi_pending *pending = take_flying(link, link->inbox.id);
    if (pending == NULL) {
        return NULL; /* answered after its request gave up */
    }
    syi_deletion_queue_answered(&link->deletions, pending->number);
    if (pending->posted) {
        link->flying_posted--;
        link->answered++;
        if (link->inbox.kind == SYI_KIND_ERROR && link->failure.status == SY_OK) {
            (void)error_of(link, &link->inbox, &link->failure);
        }
        return pending;
    }
    syi_message swap = pending->reply;
    pending->reply = link->inbox;
    link->inbox = swap;
    pending->done = true;
    pending->status = SY_OK;
    return NULL;
}

static void wait_until(syi_link *link, uint64_t deadline)
{
    if (deadline == 0) {
        pthread_cond_wait(&link->changed, &link->state_lock);
        return;
    }
    const struct timespec when = time_of(link, deadline);
    pthread_cond_timedwait(&link->changed, &link->state_lock, &when);
}

/* state_lock held; returns holding it. One step of progress: receives a frame, or waits for the thread
 * that does. */
static sy_status receive_step(syi_link *link, uint64_t deadline, sy_error *err)
{
    if (link->receiving) {
        link->waiting++;
        wait_until(link, deadline);
        link->waiting--;
        if (deadline != 0 && syi_clock_now(context_of(link)) >= deadline) {
            return syi_fail(err, SY_ETIMEDOUT, "worker %s did not answer in time",
                            link->target->name);
        }
        return SY_OK;
    }
    syi_connection *connection = link->connection;
    if (connection == NULL) {
        return syi_fail(err, SY_ECLOSED, "the connection to worker %s was lost",
                        link->target->name);
    }
    link->receiving = true;
    pthread_mutex_unlock(&link->state_lock);
    sy_status status = syi_connection_receive(connection, &link->inbox, deadline, err);
    pthread_mutex_lock(&link->state_lock);
    if (status == SY_OK) {
        syi_pending *ended = deliver(link);
        if (link->inbox.segment_count > 0 || (ended != NULL && ended->request.segment_count > 0)) {
            /* Dropping tensors may call their owners. */
            pthread_mutex_unlock(&link->state_lock);
            syi_message_clear(&link->inbox);
            if (ended != NULL) {
                syi_message_clear(&ended->request);
            }
            pthread_mutex_lock(&link->state_lock);
        }
        syi_message_clear(&link->inbox);
        syi_message_trim(&link->inbox);
        if (ended != NULL) {
            recycle(link, ended);
        }
    }
    link->receiving = false;
    if (link->waiting > 0 || link->connection == NULL) {
        pthread_cond_broadcast(&link->changed);
    }
    return status;
}

/* After a failure to receive: when the connection is gone, everything on it has failed. Whoever sends on it
 * now will see that himself. */
static void look_at_connection(syi_link *link, const sy_error *err, sy_status status)
{
    if (!try_sending(link)) {
        return;
    }
    if (link->connection != NULL && !syi_connection_is_open(link->connection)) {
        link_broken(link, err, status);
    }
    end_sending(link);
}

sy_status syi_link_begin(syi_link *link, syi_exchange *exchange, syi_kind kind, sy_error *err)
{
    sy_context *context = context_of(link);
    memset(exchange, 0, sizeof *exchange);
    syi_pending *pending = atomic_exchange(&link->at_hand, NULL);
    if (pending == NULL) {
        pthread_mutex_lock(&link->state_lock);
        pending = link->spare;
        if (pending != NULL) {
            link->spare = pending->next;
        }
        pthread_mutex_unlock(&link->state_lock);
    }
    const uint64_t id = next_id(link);
    if (pending == NULL) {
        pending = syi_alloc(context, sizeof *pending);
        if (pending == NULL) {
            return SYI_ENOMEM(err, "request");
        }
        syi_message_init(&pending->request, context, SYI_BODY_MAX);
        syi_message_init(&pending->reply, context, SYI_BODY_MAX);
    }
    syi_message_clear(&pending->request);
    syi_message_clear(&pending->reply);
    pending->next = NULL;
    pending->id = id;
    pending->posted = false;
    pending->done = false;
    pending->status = SY_OK;
    pending->error.status = SY_OK;
    pending->request.id = id;
    pending->request.kind = (uint16_t)kind;
    exchange->link = link;
    exchange->pending = pending;
    exchange->message = &pending->request;
    exchange->reply = &pending->reply;
    return SY_OK;
}

static uint64_t patience(const syi_link *link)
{
    return syi_clock_now(context_of(link)) + (uint64_t)link->target->timeout_ms * 1000000u;
}

/* What the answer says. */
static sy_status read_reply(const syi_link *link, const syi_pending *pending, sy_error *err)
{
    if (pending->reply.kind == SYI_KIND_ERROR) {
        sy_error said;
        const sy_status status = error_of(link, &pending->reply, &said);
        if (err != NULL) {
            *err = said;
        }
        return status;
    }
    if (pending->reply.refused != SY_OK) {
        if (err != NULL && pending->reply.refusal != NULL) {
            *err = *pending->reply.refusal;
        }
        return pending->reply.refused;
    }
    if (pending->reply.kind != SYI_KIND_REPLY) {
        return syi_fail(err, SY_EPROTO, "worker %s answered with a frame of kind %d",
                        link->target->name, pending->reply.kind);
    }
    return SY_OK;
}

/* Sends; returns with state_lock held when that succeeded, or when the answer is in already. */
static sy_status start_locked(syi_exchange *exchange, uint64_t deadline, sy_error *err)
{
    syi_link *link = exchange->link;
    syi_pending *pending = exchange->pending;
    SY_TRY(syi_frame_check(&pending->request, err));
    const uint64_t now = syi_clock_now(context_of(link));
    if (deadline == 0) {
        deadline = now + (uint64_t)link->target->timeout_ms * 1000000u;
    }
    exchange->deadline = deadline;
    const uint64_t left_ms = deadline > now ? (deadline - now + 999999u) / 1000000u : 1;
    pending->request.deadline_ms = left_ms < UINT32_MAX ? (uint32_t)left_ms : UINT32_MAX;
    const sy_status status = send_request(link, pending, now, deadline, err);
    if (status != SY_OK && !pending->done) {
        (void)take_flying(link, pending->id);
        pthread_mutex_unlock(&link->state_lock);
        syi_error_at_worker(err, link->target->name);
        return status;
    }
    return SY_OK;
}

/* state_lock held; lets it go. */
static sy_status wait_locked(syi_exchange *exchange, sy_error *err)
{
    syi_link *link = exchange->link;
    syi_pending *pending = exchange->pending;
    sy_status status = SY_OK;
    bool broken = false;
    while (!pending->done) {
        status = receive_step(link, exchange->deadline, err);
        if (status != SY_OK && !pending->done) {
            (void)take_flying(link, pending->id);
            broken = true;
            break;
        }
    }
    if (pending->done) {
        status = pending->status;
        if (status != SY_OK) {
            (void)take_flying(link, pending->id);
            if (err != NULL) {
                *err = pending->error;
            }
        }
    }
    pthread_mutex_unlock(&link->state_lock);
    if (broken) {
        syi_error_at_worker(err, link->target->name);
        look_at_connection(link, err, status);
    }
    return status == SY_OK ? read_reply(link, pending, err) : status;
}

sy_status syi_link_request(syi_exchange *exchange, uint64_t deadline, sy_error *err)
{
    SY_TRY(start_locked(exchange, deadline, err));
    return wait_locked(exchange, err);
}

sy_status syi_link_start(syi_exchange *exchange, uint64_t deadline, sy_error *err)
{
    SY_TRY(start_locked(exchange, deadline, err));
    pthread_mutex_unlock(&exchange->link->state_lock);
    return SY_OK;
}

sy_status syi_link_wait(syi_exchange *exchange, sy_error *err)
{
    pthread_mutex_lock(&exchange->link->state_lock);
    return wait_locked(exchange, err);
}

/* state_lock held: until so many posted requests were answered. The deadline starts anew with each answer. */
static sy_status await_answers(syi_link *link, uint64_t wanted, sy_error *err)
{
    uint64_t seen = link->answered;
    uint64_t deadline = patience(link);
    while (link->answered < wanted) {
        const sy_status status = receive_step(link, deadline, err);
        if (link->answered != seen) {
            seen = link->answered;
            deadline = patience(link);
        } else if (status != SY_OK) {
            return status;
        }
    }
    return SY_OK;
}

sy_status syi_link_post(syi_exchange *exchange, sy_error *err)
{
    syi_link *link = exchange->link;
    syi_pending *pending = exchange->pending;
    const uint64_t deadline = patience(link);
    sy_status status = syi_frame_check(&pending->request, err);
    SY_TRY(status);
    SY_TRY(begin_sending(link, deadline, err));
    if (link->connection == NULL) {
        status = connect_link(link, deadline, err);
    }
    if (status == SY_OK) {
        status = syi_frame_keep(&pending->request, &link->takes, err);
    }
    if (status != SY_OK) {
        end_sending(link);
        syi_error_at_worker(err, link->target->name);
        return status;
    }
    if (link->batch_count == BATCH_MAX) { /* left behind by a worker that did not read */
        status = send_all(link, NULL, deadline, err);
        if (link->batch_count == BATCH_MAX) {
            end_sending(link);
            return status;
        }
    }
    exchange->pending = NULL; /* it belongs to the link now */
    pending->posted = true;
    pending->request.flags |= SYI_FLAG_ORDERED;
    const bool large = pending->request.segment_count > 0;
    pthread_mutex_lock(&link->state_lock);
    put_flying(link, pending);
    link->posted++;
    link->flying_posted++;
    const bool window_full = link->flying_posted >= WINDOW_MAX;
    pthread_mutex_unlock(&link->state_lock);
    link->batch[link->batch_count++] = pending;
    const unsigned queue_size = link->owner->hook->queue_size;
    const size_t most = queue_size > 0 && queue_size < BATCH_MAX ? queue_size : BATCH_MAX;
    if (link->batch_count >= most || window_full || large) {
        status = send_all(link, NULL, deadline, err);
    }
    end_sending(link);
    if (!window_full || status != SY_OK) {
        return status;
    }
    pthread_mutex_lock(&link->state_lock);
    status = await_answers(link, link->posted - WINDOW_MAX / 2, err);
    pthread_mutex_unlock(&link->state_lock);
    if (status != SY_OK) {
        look_at_connection(link, err, status);
    }
    return status;
}

void syi_link_end(syi_exchange *exchange)
{
    if (exchange->link == NULL || exchange->pending == NULL) {
        return;
    }
    syi_link *link = exchange->link;
    syi_pending *pending = exchange->pending;
    syi_message_clear(&pending->request);
    syi_message_clear(&pending->reply);
    syi_message_trim(&pending->request);
    syi_message_trim(&pending->reply);
    exchange->pending = NULL;
    syi_pending *none = NULL;
    if (!atomic_compare_exchange_strong(&link->at_hand, &none, pending)) {
        pthread_mutex_lock(&link->state_lock);
        recycle(link, pending);
        pthread_mutex_unlock(&link->state_lock);
    }
}

sy_status syi_link_drain(syi_link *link, sy_error *err)
{
    const uint64_t deadline = patience(link);
    sy_status status = begin_sending(link, deadline, err);
    if (status == SY_OK) {
        if (link->batch_count > 0) {
            status = send_all(link, NULL, deadline, err);
        }
        end_sending(link);
    }
    pthread_mutex_lock(&link->state_lock);
    if (status == SY_OK) {
        status = await_answers(link, link->posted, err);
        if (status != SY_OK) {
            pthread_mutex_unlock(&link->state_lock);
            look_at_connection(link, err, status);
            pthread_mutex_lock(&link->state_lock);
        }
    }
    if (link->failure.status != SY_OK) {
        status = link->failure.status;
        if (err != NULL) {
            *err = link->failure;
        }
        link->failure.status = SY_OK;
    }
    pthread_mutex_unlock(&link->state_lock);
    if (status != SY_OK) {
        syi_error_at_worker(err, link->target->name);
    }
    return status;
}

/* Deletions */

/* state_lock held. */
static bool deletions_wait(const syi_link *link)
{
    return syi_deletion_queue_waiting(&link->deletions) > 0;
}

void syi_link_delete(syi_link *link, const sy_id *id, uint64_t generation)
{
    sy_context *context = context_of(link);
    pthread_mutex_lock(&link->state_lock);
    const bool room = syi_deletion_queue_add(&link->deletions, id, generation);
    const size_t waiting = syi_deletion_queue_waiting(&link->deletions);
    const bool many = waiting == DELETIONS_FLUSH || waiting % DELETIONS_MANY == 0;
    if (waiting == 1) {
        link->deletions_since = link->used; /* or later: then they wait no longer than they may */
    }
    pthread_mutex_unlock(&link->state_lock);
    if (!room) {
        syi_log(context, SY_LOG_WARNING, "workers", link->target->name, 0,
                "no memory to note a deletion; the lease takes the object when the session ends");
    } else if (waiting == 1 || many) {
        syi_janitor_wake(link->owner->hook, many);
    }
}

unsigned syi_link_get_epoch(syi_link *link)
{
    return atomic_load_explicit(&link->epoch, memory_order_relaxed);
}

/* Sending. What waits goes when there is a connection to go on. */
static sy_status flush(syi_link *link, uint64_t deadline, sy_error *err)
{
    if (link->connection != NULL && !syi_connection_is_open(link->connection)) {
        link_broken(link, NULL, SY_OK);
    }
    if (link->connection == NULL) {
        return SY_OK;
    }
    const sy_status status = send_over(link, NULL, deadline, err);
    if (status != SY_OK) {
        syi_log(context_of(link), SY_LOG_INFO, "workers", link->target->name, 0,
                "deletions were not sent: %s", err->message);
    }
    return status;
}

bool syi_link_flush(syi_link *link)
{
    sy_error ignored = SY_ERROR_INIT;
    sy_context *context = context_of(link);
    if (!try_sending(link)) {
        return true; /* who sends may have looked for deletions before these came */
    }
    const sy_status status = flush(link, syi_clock_now(context) + FLUSH_NS, &ignored);
    end_sending(link);
    return status == SY_ETIMEDOUT;
}

syi_waiting syi_link_look(syi_link *link, uint64_t now, uint64_t age)
{
    pthread_mutex_lock(&link->state_lock);
    syi_waiting waiting = SYI_WAITING_NONE;
    if (deletions_wait(link) && link->connection != NULL) {
        const bool due = syi_deletion_queue_waiting(&link->deletions) >= DELETIONS_FLUSH ||
                         now >= link->deletions_since + age;
        waiting = due && now >= link->flush_after ? SYI_WAITING_DUE : SYI_WAITING_SOON;
    }
    pthread_mutex_unlock(&link->state_lock);
    return waiting;
}

bool syi_link_has_deletions(syi_link *link)
{
    pthread_mutex_lock(&link->state_lock);
    const bool some = deletions_wait(link);
    pthread_mutex_unlock(&link->state_lock);
    return some;
}

void syi_link_close(syi_link *link)
{
    sy_error why = SY_ERROR_INIT;
    if (try_sending(link)) {
        (void)flush(link, syi_clock_now(context_of(link)) + FLUSH_NS, &why);
    } else {
        /* Perhaps to somebody who does not read, or who does not answer the greeting. */
        pthread_mutex_lock(&link->state_lock);
        syi_connection *used = link->connection != NULL ? link->connection : link->greeting;
        if (used != NULL) {
            syi_connection_shut(used);
        }
        pthread_mutex_unlock(&link->state_lock);
        (void)begin_sending(link, 0, NULL);
    }
    syi_fail(&why, SY_ECANCELED, "the connection to worker %s was closed here", link->target->name);
    syi_error_at_worker(&why, link->target->name);
    drop_connection(link, &why);
    end_sending(link);
}

syi_traffic syi_link_get_traffic(syi_link *link)
{
    pthread_mutex_lock(&link->state_lock);
    syi_traffic sum = link->past;
    if (link->connection != NULL) {
        add_traffic(&sum, syi_connection_get_traffic(link->connection));
    }
    pthread_mutex_unlock(&link->state_lock);
    return sum;
}
