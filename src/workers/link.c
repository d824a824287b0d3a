#include "workers/link.h"

#include <string.h>

#include <csyft/version.h>

#include "core/error.h"
#include "transport/inproc/inproc.h"
#include "workers/janitor.h"

#define DELETIONS_FLUSH 64
#define DELETIONS_MAX SYI_DELETIONS_MAX
#define BATCH_MAX 32
#define WINDOW_MAX 1024 /* posted requests that are not answered yet */
#define BODY_MAX (64u << 20)

/* A request in flight, with the messages of its exchange; recycled. */
typedef struct syi_pending {
    struct syi_pending *next; /* free list, or requests in flight */
    uint64_t id;
    bool posted; /* nobody waits; the answer only counts when it is an error */
    bool done;
    sy_status status;
    sy_error error;
    syi_message request;
    syi_message reply;
} syi_pending;

struct syi_link {
    sy_worker *owner;
    sy_worker *target;
    syi_connection *connection; /* changed under both locks */
    syi_session_key key;        /* of the session at the server, once greeted */

    pthread_mutex_t send_lock; /* one sender at a time; taken before state_lock */
    syi_message deletion;      /* send_lock */
    syi_pending *batch[BATCH_MAX];
    size_t batch_count; /* send_lock */

    pthread_mutex_t state_lock; /* short; never held while sending or receiving */
    pthread_cond_t changed;
    bool receiving;
    unsigned waiting;
    uint64_t last_id;
    syi_pending *flying; /* oldest first: answers come in order */
    syi_pending *flying_last;
    size_t flying_posted;
    syi_pending *spare;
    syi_deletion *deletions; /* room for DELETIONS_MAX */
    syi_deletion *deletions_out; /* send_lock: the half being sent */
    size_t deletion_count;
    uint64_t deletions_since;
    sy_error failure; /* first failure of a posted request */
    syi_message inbox; /* the receiving thread's */
    syi_traffic past;  /* of closed connections */
};

static sy_context *context_of(const syi_link *link)
{
    return link->owner->hook->context;
}

/* Connecting */

static sy_status greet(syi_link *link, syi_connection *connection, uint64_t deadline, sy_error *err)
{
    sy_context *context = context_of(link);
    syi_hello mine = {
        .wire_min = SY_WIRE_REVISION_MIN,
        .wire_max = SY_WIRE_REVISION_MAX,
        .worker = link->owner->id,
        .has_session = link->key.known,
        .body_max = BODY_MAX,
        .segments_max = 4096,
    };
    memcpy(mine.session, link->key.session, sizeof mine.session);
    memcpy(mine.token, link->key.token, sizeof mine.token);
    memcpy(mine.library, SY_VERSION_STRING, sizeof SY_VERSION_STRING);

    syi_message message;
    syi_hello theirs;
    int64_t revision = 0;
    sy_status status = SY_OK;
    syi_message_init(&message, context, BODY_MAX);
    message.kind = SYI_KIND_HELLO;
    message.id = ++link->last_id;
    syi_hello_encode(&message.body, &mine);
    SY_GOTO(done, syi_buffer_check(&message.body, "hello", err));
    const syi_message *one = &message;
    SY_GOTO(done, syi_connection_send(connection, &one, 1, deadline, err));
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
        status = syi_fail_object(err, SY_EINVAL, syi_connection_get_url(connection),
                                 "the worker at %s is %s, not %s",
                                 syi_connection_get_url(connection),
                                 sy_id_format(&theirs.worker, there, sizeof there),
                                 link->target->name);
        goto done;
    }
    if (theirs.has_session) {
        link->key.known = true;
        memcpy(link->key.session, theirs.session, sizeof link->key.session);
        memcpy(link->key.token, theirs.token, sizeof link->key.token);
    }
done:
    syi_message_fini(&message);
    return status;
}

/* send_lock held. */
static sy_status connect_link(syi_link *link, sy_error *err)
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
    if (syi_worker_is_here(target)) {
        syi_service service = syi_worker_service(target);
        syi_listen_options accepting = {.limits = SYI_FRAME_LIMITS_DEFAULT};
        SY_TRY(syi_inproc_pair(context, &connection, target->name, &options, &accepting,
                               &service, err));
    } else {
        SY_TRY(syi_connect(context, &connection, target->url, &options, err));
    }
    sy_status status = greet(link, connection, options.deadline, err);
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

/* Both locks held: the connection is gone; everything in flight has failed. */
static void fail_all(syi_link *link, const sy_error *why)
{
    for (syi_pending *p = link->flying; p != NULL; p = p->next) {
        p->done = true;
        p->status = why->status;
        p->error = *why;
        if (p->posted && link->failure.status == SY_OK) {
            link->failure = *why;
        }
    }
    pthread_cond_broadcast(&link->changed);
}

static void add_traffic(syi_traffic *sum, syi_traffic more)
{
    sum->frames_sent += more.frames_sent;
    sum->frames_received += more.frames_received;
    sum->bytes_sent += more.bytes_sent;
    sum->bytes_received += more.bytes_received;
}

/* send_lock held, state_lock not. Waits until no thread is inside receive. */
static void drop_connection(syi_link *link, const sy_error *why)
{
    pthread_mutex_lock(&link->state_lock);
    syi_connection *connection = link->connection;
    link->connection = NULL;
    link->batch_count = 0;
    fail_all(link, why);
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
    pthread_mutex_init(&made->send_lock, NULL);
    pthread_mutex_init(&made->state_lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&made->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    syi_message_init(&made->deletion, context, BODY_MAX);
    syi_message_init(&made->inbox, context, BODY_MAX);
    made->deletions = syi_alloc_array(context, DELETIONS_MAX, sizeof *made->deletions);
    made->deletions_out = syi_alloc_array(context, DELETIONS_MAX, sizeof *made->deletions_out);
    if (made->deletions == NULL || made->deletions_out == NULL) {
        syi_link_free(made);
        return SYI_ENOMEM(err, "link");
    }
    *link = made;
    return SY_OK;
}

sy_status syi_link_get(sy_worker *owner, sy_worker *target, syi_link **link, sy_error *err)
{
    sy_status status = SY_OK;
    if (!syi_worker_is_here(target) && target->url[0] == '\0') {
        return syi_fail(err, SY_EINVAL, "worker %s: no way to it is known", target->name);
    }
    pthread_mutex_lock(&owner->links_lock);
    syi_link *found = syi_table_get(owner->links, &target->id);
    if (found == NULL) {
        status = link_new(owner, target, &found, err);
        if (status == SY_OK) {
            status = syi_table_put(owner->links, &target->id, found, NULL, err);
            if (status == SY_OK) {
                status = syi_janitor_watch(owner->hook, found, err);
            }
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
    pthread_mutex_lock(&made->send_lock);
    sy_status status = connect_link(made, err);
    pthread_mutex_unlock(&made->send_lock);
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
    pthread_mutex_lock(&owner->links_lock);
    sy_status status = syi_table_put(owner->links, &link->target->id, link, NULL, err);
    if (status == SY_OK) {
        status = syi_janitor_watch(owner->hook, link, err);
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
    if (link->deletions != NULL) {
        syi_free(context, link->deletions, DELETIONS_MAX * sizeof *link->deletions);
    }
    if (link->deletions_out != NULL) {
        syi_free(context, link->deletions_out, DELETIONS_MAX * sizeof *link->deletions_out);
    }
    pthread_cond_destroy(&link->changed);
    pthread_mutex_destroy(&link->state_lock);
    pthread_mutex_destroy(&link->send_lock);
    syi_free(context, link, sizeof *link);
}

/* Sending */

static void link_broken(syi_link *link, sy_error *err, sy_status status)
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

/* send_lock held. The batch, then the deletions (they may name what the batch makes), then `last`
 * (nullable), in one write. */
static sy_status send_all(syi_link *link, syi_pending *last, uint64_t deadline, sy_error *err)
{
    const syi_message *messages[BATCH_MAX + 2];
    size_t count = 0;
    if (link->connection == NULL || !syi_connection_is_open(link->connection)) {
        if (link->connection != NULL) {
            link_broken(link, NULL, SY_OK);
        }
        if (last == NULL && link->batch_count == 0) {
            return SY_OK; /* deletions alone are no reason to connect */
        }
        SY_TRY(connect_link(link, err));
    }
    size_t deletions = 0;
    pthread_mutex_lock(&link->state_lock);
    if (link->deletion_count > 0) {
        syi_deletion *swap = link->deletions;
        link->deletions = link->deletions_out;
        link->deletions_out = swap;
        deletions = link->deletion_count;
        link->deletion_count = 0;
    }
    if (last != NULL) {
        put_flying(link, last);
    }
    pthread_mutex_unlock(&link->state_lock);
    for (size_t k = 0; k < link->batch_count; k++) {
        messages[count++] = &link->batch[k]->request;
    }
    link->batch_count = 0;
    if (deletions > 0) {
        syi_message_clear(&link->deletion);
        link->deletion.kind = SYI_KIND_DELETE;
        syi_deletions_encode(&link->deletion.body, link->deletions_out, deletions);
        messages[count++] = &link->deletion;
    }
    if (last != NULL) {
        messages[count++] = &last->request;
    }
    if (count == 0) {
        return SY_OK;
    }
    sy_status status = syi_connection_send(link->connection, messages, count, deadline, err);
    if (status != SY_OK) {
        syi_error_at_worker(err, link->target->name);
        link_broken(link, err, status);
    }
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

static void recycle(syi_link *link, syi_pending *pending)
{
    pending->next = link->spare;
    link->spare = pending;
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

/* state_lock held: the inbox holds an answer. */
static void deliver(syi_link *link)
{
    syi_pending *pending = take_flying(link, link->inbox.id);
    if (pending == NULL) {
        syi_message_clear(&link->inbox); /* answered after its request gave up */
        return;
    }
    if (pending->posted) {
        link->flying_posted--;
        if (link->inbox.kind == SYI_KIND_ERROR && link->failure.status == SY_OK) {
            (void)error_of(link, &link->inbox, &link->failure);
        }
        syi_message_clear(&link->inbox);
        recycle(link, pending);
        return;
    }
    syi_message swap = pending->reply;
    pending->reply = link->inbox;
    link->inbox = swap;
    pending->done = true;
    pending->status = SY_OK;
}

static void wait_until(syi_link *link, uint64_t deadline)
{
    if (deadline == 0) {
        pthread_cond_wait(&link->changed, &link->state_lock);
        return;
    }
    struct timespec when = {(time_t)(deadline / 1000000000u), (long)(deadline % 1000000000u)};
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
    link->receiving = false;
    if (status == SY_OK) {
        deliver(link);
    }
    if (link->waiting > 0 || link->connection == NULL) {
        pthread_cond_broadcast(&link->changed);
    }
    return status;
}

sy_status syi_link_begin(syi_link *link, syi_exchange *exchange, syi_kind kind, sy_error *err)
{
    sy_context *context = context_of(link);
    memset(exchange, 0, sizeof *exchange);
    pthread_mutex_lock(&link->state_lock);
    syi_pending *pending = link->spare;
    if (pending != NULL) {
        link->spare = pending->next;
    }
    uint64_t id = ++link->last_id;
    pthread_mutex_unlock(&link->state_lock);
    if (pending == NULL) {
        pending = syi_alloc(context, sizeof *pending);
        if (pending == NULL) {
            return SYI_ENOMEM(err, "request");
        }
        syi_message_init(&pending->request, context, BODY_MAX);
        syi_message_init(&pending->reply, context, BODY_MAX);
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

sy_status syi_link_request(syi_exchange *exchange, uint64_t deadline, sy_error *err)
{
    syi_link *link = exchange->link;
    syi_pending *pending = exchange->pending;
    sy_context *context = context_of(link);
    sy_status status = syi_buffer_check(&pending->request.body, "message body", err);
    SY_TRY(status);
    const uint64_t now = syi_clock_now(context);
    if (deadline == 0) {
        deadline = now + (uint64_t)link->target->timeout_ms * 1000000u;
    }
    const uint64_t left_ms = deadline > now ? (deadline - now + 999999u) / 1000000u : 1;
    pending->request.deadline_ms = left_ms < UINT32_MAX ? (uint32_t)left_ms : UINT32_MAX;
    pthread_mutex_lock(&link->send_lock);
    status = send_all(link, pending, deadline, err);
    pthread_mutex_unlock(&link->send_lock);

    bool broken = false;
    pthread_mutex_lock(&link->state_lock);
    if (status != SY_OK && !pending->done) {
        (void)take_flying(link, pending->id);
        pthread_mutex_unlock(&link->state_lock);
        return status;
    }
    while (!pending->done) {
        status = receive_step(link, deadline, err);
        if (status != SY_OK && !pending->done) {
            (void)take_flying(link, pending->id);
            broken = status != SY_ETIMEDOUT ||
                     (link->connection != NULL && !syi_connection_is_open(link->connection));
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
        pthread_mutex_lock(&link->send_lock);
        if (link->connection != NULL && !syi_connection_is_open(link->connection)) {
            link_broken(link, err, status);
        }
        pthread_mutex_unlock(&link->send_lock);
    }
    if (status == SY_OK && pending->reply.kind == SYI_KIND_ERROR) {
        sy_error said;
        status = error_of(link, &pending->reply, &said);
        if (err != NULL) {
            *err = said;
        }
    } else if (status == SY_OK && pending->reply.refused != SY_OK) {
        status = pending->reply.refused;
        if (err != NULL && pending->reply.refusal != NULL) {
            *err = *pending->reply.refusal;
        }
    } else if (status == SY_OK && pending->reply.kind != SYI_KIND_REPLY) {
        status = syi_fail(err, SY_EPROTO, "worker %s answered with a frame of kind %d",
                          link->target->name, pending->reply.kind);
    }
    if (status == SY_ETIMEDOUT) {
        syi_error_at_worker(err, link->target->name);
    }
    return status;
}

sy_status syi_link_post(syi_exchange *exchange, sy_error *err)
{
    syi_link *link = exchange->link;
    syi_pending *pending = exchange->pending;
    SY_TRY(syi_buffer_check(&pending->request.body, "message body", err));
    uint64_t deadline =
        syi_clock_now(context_of(link)) + (uint64_t)link->target->timeout_ms * 1000000u;
    sy_status status = SY_OK;
    exchange->pending = NULL; /* it belongs to the link now */
    pending->posted = true;
    pthread_mutex_lock(&link->send_lock);
    pthread_mutex_lock(&link->state_lock);
    put_flying(link, pending);
    link->flying_posted++;
    bool window_full = link->flying_posted >= WINDOW_MAX;
    pthread_mutex_unlock(&link->state_lock);
    link->batch[link->batch_count++] = pending;
    if (link->batch_count == BATCH_MAX || window_full || pending->request.segment_count > 0) {
        status = send_all(link, NULL, deadline, err);
    }
    pthread_mutex_unlock(&link->send_lock);
    if (!window_full || status != SY_OK) {
        return status;
    }
    pthread_mutex_lock(&link->state_lock);
    while (link->flying_posted > WINDOW_MAX / 2 && status == SY_OK) {
        status = receive_step(link, deadline, err);
    }
    pthread_mutex_unlock(&link->state_lock);
    return status;
}

void syi_link_end(syi_exchange *exchange)
{
    if (exchange->link == NULL || exchange->pending == NULL) {
        return;
    }
    syi_link *link = exchange->link;
    syi_message_clear(&exchange->pending->request);
    syi_message_clear(&exchange->pending->reply);
    pthread_mutex_lock(&link->state_lock);
    recycle(link, exchange->pending);
    pthread_mutex_unlock(&link->state_lock);
    exchange->pending = NULL;
}

sy_status syi_link_drain(syi_link *link, sy_error *err)
{
    uint64_t deadline =
        syi_clock_now(context_of(link)) + (uint64_t)link->target->timeout_ms * 1000000u;
    sy_status status = SY_OK;
    pthread_mutex_lock(&link->send_lock);
    if (link->batch_count > 0) {
        status = send_all(link, NULL, deadline, err);
    }
    pthread_mutex_unlock(&link->send_lock);
    pthread_mutex_lock(&link->state_lock);
    while (link->flying_posted > 0 && status == SY_OK && link->failure.status != SY_ECLOSED) {
        status = receive_step(link, deadline, err);
    }
    if (status != SY_OK || link->failure.status == SY_ECLOSED) {
        /* What was not answered will not be: forget it. */
        for (syi_pending *p = link->flying, *next; p != NULL; p = next) {
            next = p->next;
            if (p->posted) {
                recycle(link, take_flying(link, p->id));
            }
        }
        link->flying_posted = 0;
    }
    if (link->failure.status != SY_OK) {
        status = link->failure.status;
        if (err != NULL) {
            *err = link->failure;
        }
        link->failure.status = SY_OK;
    }
    pthread_mutex_unlock(&link->state_lock);
    return status;
}

/* Deletions */

void syi_link_delete(syi_link *link, const sy_id *id, uint64_t generation)
{
    bool first = false;
    pthread_mutex_lock(&link->state_lock);
    if (link->deletion_count < DELETIONS_MAX) {
        if (link->deletion_count == 0) {
            first = true;
            link->deletions_since = syi_clock_now(context_of(link));
        }
        link->deletions[link->deletion_count++] = (syi_deletion){*id, generation};
    } else {
        /* Only when nobody sent for long; the lease takes these when the session ends. */
        syi_log(context_of(link), SY_LOG_WARNING, "workers", link->target->name, 0,
                "more than %d deletions wait; one is left to the lease", DELETIONS_MAX);
    }
    bool many = link->deletion_count >= DELETIONS_FLUSH;
    pthread_mutex_unlock(&link->state_lock);
    if (first || many) {
        syi_janitor_wake(link->owner->hook, many);
    }
}

void syi_link_flush(syi_link *link)
{
    sy_error ignored = SY_ERROR_INIT;
    uint64_t deadline = syi_clock_now(context_of(link)) + UINT64_C(1000000000);
    pthread_mutex_lock(&link->send_lock);
    if (send_all(link, NULL, deadline, &ignored) != SY_OK) {
        syi_log(context_of(link), SY_LOG_INFO, "workers", link->target->name, 0,
                "deletions were not sent: %s", ignored.message);
    }
    pthread_mutex_unlock(&link->send_lock);
}

bool syi_link_is_stale(syi_link *link, uint64_t before)
{
    pthread_mutex_lock(&link->state_lock);
    bool stale = link->deletion_count >= DELETIONS_FLUSH ||
                 (link->deletion_count > 0 && link->deletions_since <= before);
    pthread_mutex_unlock(&link->state_lock);
    return stale;
}

bool syi_link_has_deletions(syi_link *link)
{
    pthread_mutex_lock(&link->state_lock);
    bool some = link->deletion_count > 0;
    pthread_mutex_unlock(&link->state_lock);
    return some;
}

void syi_link_close(syi_link *link)
{
    syi_link_flush(link);
    sy_error why = SY_ERROR_INIT;
    syi_fail(&why, SY_ECANCELED, "the connection to worker %s was closed here",
             link->target->name);
    pthread_mutex_lock(&link->send_lock);
    drop_connection(link, &why);
    pthread_mutex_unlock(&link->send_lock);
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
