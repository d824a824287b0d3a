/*
 * link_connect.c - a link's connection: made, greeted, its session taken up, dropped when it is broken.
 */
#include <string.h>

#include "pysyft/client.h"
#include "transport/custom/custom.h"
#include "transport/inproc/inproc.h"
#include "workers/identity.h"
#include "workers/link_state.h"
#include "workers/room.h"

/* Sending. The server does not know the session any more: what this link put there is gone or goes
 * with its lease, and an id with a small generation may mean somebody else's object by now. */
static void forget_session(syi_link *link)
{
    pthread_mutex_lock(&link->state_lock);
    atomic_fetch_add(&link->epoch, 1);
    syi_deletion_queue_clear(&link->deletions);
    pthread_mutex_unlock(&link->state_lock);
}

static sy_status greet(syi_link *link, syi_connection *connection, syi_taken_up *session,
                       uint64_t deadline, sy_error *err)
{
    sy_context *context = syi_link_context(link);
    syi_hello mine;
    syi_greeting_init(&mine, &link->owner->id, 0);
    memcpy(mine.bearer, link->target->bearer, sizeof mine.bearer);
    mine.has_session = link->key.known;
    memcpy(mine.session, link->key.session, sizeof mine.session);
    memcpy(mine.token, link->key.token, sizeof mine.token);
    mine.resumes = link->target->reconnect_ms != 0 && !syi_worker_is_here(link->target) &&
                   link->target->custom == NULL;
    mine.rests = mine.resumes;

    syi_message message;
    syi_hello theirs;
    int64_t revision = 0;
    sy_status status = SY_OK;
    syi_message_init(&message, context, SYI_BODY_MAX);
    message.kind = SYI_KIND_HELLO;
    pthread_mutex_lock(&link->state_lock);
    message.id = syi_link_next_id(link);
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
    session->resumed = link->key.known && theirs.has_session &&
                       memcmp(link->key.session, theirs.session, sizeof theirs.session) == 0;
    session->counts = mine.resumes && theirs.has_received;
    session->arrived = session->resumed ? theirs.received : 0;
    session->rests = session->counts && theirs.rests;
    session->bytes = session->resumed && session->rests ? theirs.rest_bytes : 0;
    session->check = theirs.rest_check;
    if (link->key.known && !session->resumed) {
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

/* Sending. Has the worker more of what was sent than when it was connected to before? */
static void look_for_progress(syi_link *link, const syi_taken_up *session)
{
    link->advanced = session->arrived > link->reached ||
                     (session->arrived == link->reached && session->bytes > link->reached_bytes);
    link->reached = session->arrived;
    link->reached_bytes = session->bytes;
}

/* Sending. `deadline` 0: the target's own for connecting, which counts in any case. */
sy_status syi_link_connect(syi_link *link, uint64_t deadline, uint64_t sending, sy_error *err)
{
    sy_context *context = syi_link_context(link);
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
        status = syi_pysyft_url_parse(&dialect, target->url)
                     ? syi_pysyft_connect(context, &connection, dialect.url, &target->id,
                                          link->owner->hook->ops, &options, err)
                     : syi_connect(context, &connection, target->url, &options, err);
        syi_tls_config_unref(options.tls);
    }
    syi_taken_up session = {.resumed = false};
    if (status == SY_OK) {
        syi_worker_watch(link->owner, target, connection);
        set_greeting(link, connection);
        status = greet(link, connection, &session, options.deadline, err);
        set_greeting(link, NULL);
    }
    if (status != SY_OK) {
        syi_connection_close(connection);
        syi_error_at_worker(err, target->name);
        return status;
    }
    look_for_progress(link, &session);
    syi_link_expect(link, connection, &session);
    pthread_mutex_lock(&link->state_lock);
    link->barren = link->advanced || link->frames != link->barren_since ? 0 : link->barren + 1;
    link->barren_since = link->frames;
    const bool again = syi_link_settle(link, &session);
    link->connection = connection;
    link->rests = session.rests;
    link->broken_at = 0;
    pthread_cond_broadcast(&link->changed);
    pthread_mutex_unlock(&link->state_lock);
    syi_link_watch(link);
    if (sending == 0) {
        sending = syi_link_patience(link);
    }
    return again ? syi_link_send_again(link, &session, sending, err) : SY_OK;
}

sy_error syi_link_doubt(const syi_link *link, const sy_error *why)
{
    sy_error said = SY_ERROR_INIT;
    syi_fail(&said, SY_EINDOUBT,
             "the connection to worker %s broke when the request had left: it may have been "
             "carried out (%s)",
             link->target->name, why->message);
    syi_error_at_worker(&said, link->target->name);
    return said;
}

void syi_link_fail(syi_link *link, bool all, const sy_error *why)
{
    const bool doubts = link->counts && why->status != SY_ECANCELED;
    const sy_error unsure = doubts ? syi_link_doubt(link, why) : *why;
    syi_pending *rest = NULL;
    syi_pending **end = &rest;
    link->flying_last = NULL;
    link->flying_posted = 0;
    for (syi_pending *p = link->flying, *next; p != NULL; p = next) {
        next = p->next;
        const sy_error *said = p->left ? &unsure : why;
        const bool fails = (all || p->left) && !p->done;
        if (fails && p->posted) {
            if (link->failure.status == SY_OK) {
                link->failure = *said;
            }
            link->answered++;
            syi_link_recycle(link, p);
            continue;
        }
        if (fails) {
            p->done = true;
            p->status = said->status;
            p->error = *said;
        }
        link->flying_posted += p->posted ? 1 : 0;
        p->next = NULL;
        *end = p;
        end = &p->next;
        link->flying_last = p;
    }
    link->flying = rest;
    link->batch_count = 0;
    pthread_cond_broadcast(&link->changed);
}

/* Sending, state_lock not held. Waits until no thread is inside receive; that one is woken. What is in flight fails
 * with *why, or (NULL) stays. */
static void hang_up(syi_link *link, const sy_error *why)
{
    pthread_mutex_lock(&link->state_lock);
    syi_connection *connection = link->connection;
    link->connection = NULL;
    if (why != NULL) {
        syi_link_fail(link, true, why);
        syi_deletion_queue_lost(&link->deletions);
    }
    if (link->receiving && connection != NULL) {
        syi_connection_shut(connection);
    }
    while (link->receiving) {
        pthread_cond_wait(&link->changed, &link->state_lock);
    }
    if (connection != NULL && why == NULL) {
        syi_link_keep_partial(link, connection);
    } else if (why != NULL) {
        syi_link_drop_partial(link);
    }
    if (connection != NULL) {
        syi_traffic_add(&link->past, syi_connection_get_traffic(connection));
        link->broken_at = why == NULL ? syi_clock_now(syi_link_context(link)) : 0;
    }
    pthread_cond_broadcast(&link->changed); /* who waits for an answer sees to a new connection */
    pthread_mutex_unlock(&link->state_lock);
    syi_connection_close(connection);
}

void syi_link_drop(syi_link *link, const sy_error *why)
{
    hang_up(link, why);
}

void syi_link_broken(syi_link *link, const sy_error *err, sy_status status)
{
    sy_error why = SY_ERROR_INIT;
    syi_fail(&why, SY_ECLOSED, "the connection to worker %s was lost while a request was under way",
             link->target->name);
    syi_error_at_worker(&why, link->target->name);
    if (err != NULL && err->status == status) {
        why = *err;
    }
    hang_up(link, link->counts ? NULL : &why);
}
