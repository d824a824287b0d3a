/*
 * run.c - a holder in a joint command: its turn, and the channel between workers (crypto/channel.h). A letter to another
 * holder is a request of this worker's own link to it, whose answer is waited for later; to one that cannot be reached from
 * here it is left to be fetched. Part of session.h.
 */
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "core/error.h"
#include "interpreters/sharing/letters.h"

enum {
    FLIGHTS_MAX = 16, /* letters under way to one party */
    SPIN_NS = 20000,  /* look for a letter this long before sleeping */
    DOOR_NS = 50000,  /* the same at doors */
    FAR_LETTERS = 64, /* but not so soon after a larger one */
};
#define SLICE_NS UINT64_C(500000000) /* ask whether a silent party lives */
#define PATIENCE_NS UINT64_C(60000000000)
#define MARGIN_NS UINT64_C(2000000000)
#define LATE_NS UINT64_C(100000000) /* after a failure, for what is under way */

typedef struct syi_sharing_flight {
    syi_exchange exchanges[FLIGHTS_MAX];
    unsigned first, count;
} syi_sharing_flight;

static syi_sharing_run *run_of(syi_channel *channel)
{
    return (syi_sharing_run *)(void *)channel;
}

static sy_context *context_of(const syi_sharing_run *run)
{
    return run->session->worker->hook->context;
}

/* What went wrong, for the sentences of all parties: the first to find it names the culprit. */
static sy_status blame(const syi_sharing_run *run, int party, sy_status status, sy_error *err)
{
    return syi_sharing_blame(party == run->session->holders, run->session->peers[party].name,
                             status, err);
}

/* Letters that are under way */

static sy_status land(syi_sharing_run *run, int party, sy_error *err)
{
    syi_sharing_flight *flight = &run->flights[party];
    syi_exchange *exchange = &flight->exchanges[flight->first];
    const sy_status status = syi_link_wait(exchange, err);
    syi_link_end(exchange);
    flight->first = (flight->first + 1) % FLIGHTS_MAX;
    flight->count--;
    return status;
}

/* What has been answered so far: one who refused a letter, or a demand, will not be heard of otherwise. */
static sy_status look_at_flights(syi_sharing_run *run, sy_error *err)
{
    for (int k = 0; k <= run->session->holders; k++) {
        syi_sharing_flight *flight = &run->flights[k];
        while (flight->count > 0 && syi_link_is_over(&flight->exchanges[flight->first])) {
            const sy_status status = land(run, k, err);
            if (status != SY_OK) {
                return blame(run, k, status, err);
            }
        }
    }
    return SY_OK;
}

static sy_status room_for_one(syi_sharing_run *run, int party, sy_error *err)
{
    if (run->flights[party].count < FLIGHTS_MAX) {
        return SY_OK;
    }
    const sy_status status = land(run, party, err);
    return status == SY_OK ? SY_OK : blame(run, party, status, err);
}

static sy_status start(syi_sharing_run *run, int party, const char *command, const sy_value *args,
                       size_t count, sy_error *err)
{
    syi_sharing_session *s = run->session;
    SY_TRY(room_for_one(run, party, err));
    syi_sharing_flight *flight = &run->flights[party];
    syi_exchange *exchange = &flight->exchanges[(flight->first + flight->count) % FLIGHTS_MAX];
    const sy_status status = syi_command_start(s->worker, s->peers[party].worker, command, args,
                                               count, NULL, run->deadline, exchange, err);
    if (status != SY_OK) {
        return blame(run, party, status, err);
    }
    flight->count++;
    run->spoke = true;
    return SY_OK;
}

/* To the other holders */

static sy_status give(syi_sharing_run *run, int party, const syi_item *item, sy_tensor *letter,
                      sy_error *err)
{
    syi_sharing_session *s = run->session;
    sy_value args[SYI_SHARING_SEND_ARGS];
    char text[SYI_JOINT_TEXT_SIZE];
    if (!s->peers[party].push) {
        run->spoke = true;
        return syi_sharing_leave(s, party, item, syi_node_array(letter->node), err);
    }
    syi_sharing_send_arguments(s->material.session, s->index, item, letter, args, text);
    return start(run, party, SYI_SHARING_SEND, args, SYI_SHARING_SEND_ARGS, err);
}

static sy_status make_letter(const syi_sharing_run *run, const void *bytes, size_t size,
                             sy_tensor **letter, sy_error *err)
{
    sy_hook *hook = run->session->worker->hook;
    const int64_t length = (int64_t)size;
    syi_array copy = SYI_ARRAY_INIT;
    SY_TRY(syi_array_new(hook->context, &copy, SY_DTYPE_U8, 1, &length,
                         &run->session->worker->account, err));
    if (size > 0) {
        memcpy(copy.storage->data, bytes, size);
    }
    return syi_tensor_from_array(hook, letter, &copy, err);
}

static sy_status run_send(syi_channel *channel, const void *bytes, size_t size, sy_error *err)
{
    syi_sharing_run *run = run_of(channel);
    sy_hook *hook = run->session->worker->hook;
    const syi_sharing_watch_fn watch =
        atomic_load_explicit(&syi_sharing_room_of(hook)->watch, memory_order_acquire);
    if (watch != NULL) {
        watch(run->session, run->party.sequence, bytes, size);
    }
    const syi_item item = {run->party.sequence, 0};
    sy_tensor *letter = NULL;
    SY_TRY(make_letter(run, bytes, size, &letter, err));
    sy_status status = SY_OK;
    for (int k = 0; k < run->session->holders && status == SY_OK; k++) {
        if (k != run->session->index) {
            status = give(run, k, &item, letter, err);
        }
    }
    sy_tensor_unref(letter);
    return status;
}

/* From a party */

/* Does it live, and is it still in the session? */
static sy_status probe(syi_sharing_run *run, int party, sy_error *err)
{
    syi_sharing_session *s = run->session;
    syi_sharing_peer *peer = &s->peers[party];
    char text[SYI_JOINT_TEXT_SIZE];
    const sy_value name = sy_value_string(syi_joint_format(s->material.session, text));
    syi_exchange exchange;
    if (!peer->push) {
        return SY_OK; /* it comes here for its letters; the deadline decides */
    }
    uint64_t until = syi_clock_now(context_of(run)) + 10u * SLICE_NS;
    until = until < run->deadline ? until : run->deadline;
    SY_TRY(syi_command_start(s->worker, peer->worker, "sharing_alive", &name, 1, NULL, until,
                             &exchange, err));
    const sy_status status = syi_link_wait(&exchange, err);
    syi_link_end(&exchange);
    return status;
}

/* The leading holder may be to blame for the provider's silence: it asks for everybody; and so may another one of whom the
 * provider wants to hear. */
static sy_status silent(const syi_sharing_run *run, int party, sy_error *err)
{
    const syi_sharing_session *s = run->session;
    if (party == s->holders && s->index != 0) {
        syi_fail(err, SY_ETIMEDOUT,
                 "it sent nothing to %s before the deadline, or holder %s did not ask it",
                 s->worker->name, s->peers[0].name);
    } else if (party == s->holders && run->reported) {
        syi_fail(err, SY_ETIMEDOUT,
                 "it sent nothing to %s before the deadline, or holder %s reported nothing to it",
                 s->worker->name, s->peers[1].name);
    } else {
        syi_fail(err, SY_ETIMEDOUT, "it sent nothing to %s before the deadline", s->worker->name);
    }
    return blame(run, party, SY_ETIMEDOUT, err);
}

/* A party whose session is over tells why, which may be on its way: half a second later it counts. */
static sy_status judge(const syi_sharing_run *run, int party, bool *missed, sy_status status,
                       sy_error *err)
{
    if (status == SY_ENOTFOUND && !*missed) {
        *missed = true;
        return SY_OK;
    }
    return status == SY_OK ? SY_OK : blame(run, party, status, err);
}

/* Looks without the lock while a letter is likely to come at once. */
static void spin(const syi_sharing_session *s, syi_doors *doors, unsigned seen,
                 const sy_context *context)
{
    const uint64_t until =
        syi_clock_now(context) + (doors->count > 0 ? (uint64_t)DOOR_NS : (uint64_t)SPIN_NS);
    while (atomic_load_explicit(&s->arrivals, memory_order_acquire) == seen &&
           syi_clock_now(context) < until) {
        if (!syi_doors_read(doors)) {
            sched_yield();
        }
    }
}

/*
 * Session lock held. A holder's large letters, and those that are sent between them, are read by the loop thread while others are
 * worked on. How much is dealt for them says nothing.
 */
static void open_doors(syi_sharing_run *run, syi_doors *doors, int party, size_t size)
{
    syi_sharing_session *s = run->session;
    const bool before = s->near;
    if (party < s->holders) {
        run->far = size > SYI_SHARING_NEAR_SIZE ? FAR_LETTERS : run->far - (run->far > 0 ? 1 : 0);
    }
    s->near = run->far == 0;
    for (int k = 0; (before || s->near) && k <= s->holders; k++) {
        syi_doors_open(doors, s->peers[k].door);
    }
    if (!s->near) {
        syi_doors_close(doors, true); /* the loop thread need not wait any longer */
    }
}

/* Session lock held: until something comes, at most until `deadline`; false: it is over. */
static bool wait_at(syi_sharing_session *s, syi_doors *doors, uint64_t deadline,
                    const sy_context *context)
{
    if (doors->count == 0 || !syi_bell_hang(&s->bell)) {
        return syi_sharing_wait(s, deadline);
    }
    const uint64_t now = syi_clock_now(context);
    if (now >= deadline) {
        return false;
    }
    atomic_store(&s->bell.asleep, true);
    pthread_mutex_unlock(&s->lock);
    syi_doors_sleep(doors, &s->bell, deadline - now);
    pthread_mutex_lock(&s->lock);
    return true;
}

static sy_status await_at(syi_sharing_run *run, int party, const syi_item *item, syi_doors *doors,
                          syi_letter **letter, sy_error *err)
{
    syi_sharing_session *s = run->session;
    sy_context *context = context_of(run);
    sy_status status = SY_OK;
    bool spun = false, missed = false;
    *letter = NULL;
    uint64_t look = 0;
    pthread_mutex_lock(&s->lock);
    while (status == SY_OK) {
        *letter = syi_sharing_find_letter(
            s, item->sequence >= SYI_ITEM_AHEAD ? &s->shelf : &s->inbox, party, item);
        if (*letter != NULL) {
            break;
        }
        if (s->failed != SY_OK) {
            status = s->failed;
            if (err != NULL) {
                *err = s->why;
            }
            break;
        }
        if (!spun) {
            const unsigned seen = atomic_load_explicit(&s->arrivals, memory_order_acquire);
            pthread_mutex_unlock(&s->lock);
            spin(s, doors, seen, context);
            pthread_mutex_lock(&s->lock);
            spun = true;
            look = syi_clock_now(context) + SLICE_NS;
            continue;
        }
        if (wait_at(s, doors, look < run->deadline ? look : run->deadline, context)) {
            continue;
        }
        if (syi_clock_now(context) >= run->deadline) {
            status = silent(run, party, err);
            break;
        }
        pthread_mutex_unlock(&s->lock);
        status = judge(run, party, &missed, probe(run, party, err), err);
        status = status == SY_OK ? look_at_flights(run, err) : status;
        look = syi_clock_now(context) + SLICE_NS;
        pthread_mutex_lock(&s->lock);
    }
    pthread_mutex_unlock(&s->lock);
    return status;
}

static sy_status await(syi_sharing_run *run, int party, const syi_item *item, size_t size,
                       syi_letter **letter, sy_error *err)
{
    syi_sharing_session *s = run->session;
    syi_doors doors = {.count = 0};
    pthread_mutex_lock(&s->lock);
    *letter = syi_sharing_find_letter(s, item->sequence >= SYI_ITEM_AHEAD ? &s->shelf : &s->inbox,
                                      party, item);
    if (*letter == NULL) {
        open_doors(run, &doors, party, size);
    }
    pthread_mutex_unlock(&s->lock);
    if (*letter != NULL) {
        return SY_OK;
    }
    const sy_status status = await_at(run, party, item, &doors, letter, err);
    syi_doors_close(&doors, false);
    return status;
}

/* The party cannot reach this worker: asks it. */
static sy_status fetch(syi_sharing_run *run, int party, const syi_item *item, syi_letter **letter,
                       sy_error *err)
{
    const syi_sharing_session *s = run->session;
    const sy_status status =
        syi_sharing_fetch_letter(s->worker, s->peers[party].worker, s->material.session, s->index,
                                 item, run->deadline, letter, err);
    if (status != SY_OK) {
        return status == SY_ENOMEM ? status : blame(run, party, status, err);
    }
    (*letter)->party = party;
    return SY_OK;
}

/* To `place`, where it stays until another one comes there. */
static sy_status take_letter(syi_sharing_run *run, int party, const syi_item *item,
                             syi_letter **place, void **bytes, size_t size, sy_error *err)
{
    syi_sharing_session *s = run->session;
    syi_letter *letter = NULL;
    syi_sharing_drop_letter(context_of(run), place);
    SY_TRY(s->peers[party].pushes ? await(run, party, item, size, &letter, err)
                                  : fetch(run, party, item, &letter, err));
    *place = letter;
    const size_t got = syi_array_bytes(&letter->bytes);
    if (got != size) {
        syi_fail(err, SY_EPROTO, "it sent %zu bytes to %s where %zu are expected", got,
                 s->worker->name, size);
        return blame(run, party, SY_EPROTO, err);
    }
    SY_TRY(syi_sharing_own_letter(s->worker, letter, err));
    *bytes = syi_array_data(&letter->bytes);
    return SY_OK;
}

static sy_status run_receive(syi_channel *channel, int from, void **bytes, size_t size,
                             sy_error *err)
{
    syi_sharing_run *run = run_of(channel);
    const syi_item item = {run->party.sequence, 0};
    return take_letter(run, from, &item, &run->received[from], bytes, size, err);
}

static sy_status run_dealt(syi_channel *channel, const syi_item *item, void **bytes, size_t size,
                           sy_error *err)
{
    syi_sharing_run *run = run_of(channel);
    syi_letter **place = &run->dealt[run->dealt_count++ % SYI_CHANNEL_KEPT];
    return take_letter(run, run->session->holders, item, place, bytes, size, err);
}

/* Demands */

/* To a provider that can be reached from here. */
static sy_status ask_provider(syi_sharing_run *run, const syi_buffer *bytes, sy_error *err)
{
    syi_sharing_session *s = run->session;
    sy_hook *hook = s->worker->hook;
    const int64_t length = (int64_t)bytes->length;
    syi_array copy = SYI_ARRAY_INIT;
    sy_tensor *letter = NULL;
    char text[SYI_JOINT_TEXT_SIZE];
    SY_TRY(syi_array_new(hook->context, &copy, SY_DTYPE_U8, 1, &length, &s->worker->account, err));
    memcpy(copy.storage->data, bytes->data, bytes->length);
    SY_TRY(syi_tensor_from_array(hook, &letter, &copy, err));
    const sy_value args[] = {sy_value_string(syi_joint_format(s->material.session, text)),
                             sy_value_tensor(letter)};
    const sy_status status = start(run, s->holders, "sharing_demand", args, 2, err);
    sy_tensor_unref(letter);
    return status;
}

static sy_status leave_demand(syi_sharing_run *run, const syi_buffer *bytes, sy_error *err)
{
    syi_sharing_session *s = run->session;
    uint8_t size[4];
    syi_put_u32le(size, (uint32_t)bytes->length);
    pthread_mutex_lock(&s->lock);
    syi_buffer_append(&s->demands, size, sizeof size);
    syi_buffer_append(&s->demands, bytes->data, bytes->length);
    const sy_status status = syi_buffer_check(&s->demands, "demands", err);
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    run->spoke = true;
    return status;
}

static sy_status run_demand(syi_channel *channel, syi_demand *demand, sy_error *err)
{
    syi_sharing_run *run = run_of(channel);
    syi_sharing_session *s = run->session;
    syi_buffer bytes;
    bool stocked = false;
    pthread_mutex_lock(&s->lock);
    const sy_status drawn = syi_stock_draw(&s->stock, demand, &stocked, err);
    pthread_mutex_unlock(&s->lock);
    SY_TRY(drawn);
    if (stocked || s->index != 0) {
        return SY_OK;
    }
    syi_buffer_init(&bytes, context_of(run), SYI_DEMAND_BYTES);
    syi_demand_write(demand, &bytes);
    sy_status status = syi_buffer_check(&bytes, "demand", err);
    if (status == SY_OK) {
        status = s->peers[s->holders].push ? ask_provider(run, &bytes, err)
                                           : leave_demand(run, &bytes, err);
    }
    syi_buffer_fini(&bytes);
    return status;
}

/* Reports */

/* With the time that is left: the provider gives whoever keeps silent up before this holder does. */
static sy_status tell_provider(syi_sharing_run *run, const syi_item *item, sy_tensor *letter,
                               sy_error *err)
{
    const syi_sharing_session *s = run->session;
    const uint64_t now = syi_clock_now(context_of(run));
    const uint64_t left = run->deadline > now ? run->deadline - now : 0;
    sy_value args[SYI_SHARING_REPORT_ARGS];
    char text[SYI_JOINT_TEXT_SIZE];
    syi_sharing_send_arguments(s->material.session, s->index, item, letter, args, text);
    args[SYI_SHARING_SEND_ARGS] = sy_value_int((int64_t)(left / 1000000u));
    return start(run, s->holders, SYI_SHARING_REPORT, args, SYI_SHARING_REPORT_ARGS, err);
}

static sy_status run_report(syi_channel *channel, const syi_item *item, const void *bytes,
                            size_t size, sy_error *err)
{
    syi_sharing_run *run = run_of(channel);
    syi_sharing_session *s = run->session;
    sy_tensor *letter = NULL;
    SY_TRY(make_letter(run, bytes, size, &letter, err));
    const sy_status status =
        s->peers[s->holders].push
            ? tell_provider(run, item, letter, err)
            : syi_sharing_leave(s, s->holders, item, syi_node_array(letter->node), err);
    sy_tensor_unref(letter);
    run->reported = true;
    run->spoke = true;
    return status;
}

static const syi_channel_class workers_channel = {.send = run_send,
                                                  .receive = run_receive,
                                                  .dealt = run_dealt,
                                                  .demand = run_demand,
                                                  .report = run_report};

/* The turn */

static void free_run(syi_sharing_run *run)
{
    sy_context *context = context_of(run);
    const size_t parties = (size_t)run->session->holders + 1;
    for (size_t k = 0; run->received != NULL && k < parties; k++) {
        syi_sharing_drop_letter(context, &run->received[k]);
    }
    for (size_t k = 0; k < SYI_CHANNEL_KEPT; k++) {
        syi_sharing_drop_letter(context, &run->dealt[k]);
    }
    if (run->flights != NULL) {
        syi_free(context, run->flights, parties * sizeof *run->flights);
    }
    if (run->received != NULL) {
        syi_free(context, run->received, parties * sizeof(syi_letter *));
    }
    syi_free_secret(context, run, sizeof *run); /* the holders' seed */
}

static syi_sharing_run *make_run(syi_sharing_session *s, const syi_joint *joint, uint64_t deadline)
{
    sy_context *context = s->worker->hook->context;
    const size_t parties = (size_t)s->holders + 1;
    syi_sharing_run *run = syi_alloc(context, sizeof *run);
    if (run == NULL) {
        return NULL;
    }
    run->session = s;
    run->deadline = deadline;
    run->family = (syi_family)joint->family;
    run->round_trip_us = joint->round_trip_us;
    run->flights = syi_alloc_array(context, parties, sizeof *run->flights);
    run->received = syi_alloc_array(context, parties, sizeof *run->received);
    if (run->flights == NULL || run->received == NULL) {
        free_run(run);
        return NULL;
    }
    run->channel =
        (syi_channel){.klass = &workers_channel, .holders = s->holders, .index = s->index};
    run->party =
        (syi_party){.context = context,
                    .channel = &run->channel,
                    .material = &s->material,
                    .sequence = joint->sequence,
                    .check_range = atomic_load(&syi_sharing_room_of(s->worker->hook)->check_range)};
    return run;
}

/* Until all earlier commands of the session are over. */
static sy_status wait_for_turn(syi_sharing_session *s, const syi_joint *joint, uint64_t deadline,
                               sy_error *err)
{
    sy_status status = SY_OK;
    pthread_mutex_lock(&s->lock);
    while (status == SY_OK && s->failed == SY_OK && s->next_sequence != joint->sequence) {
        if (s->next_sequence > joint->sequence) {
            status = syi_fail(err, SY_EEXIST,
                              "command %llu of a sharing session has been carried out before",
                              (unsigned long long)joint->sequence);
        } else if (joint->sequence - s->next_sequence > SYI_SHARING_AHEAD_MAX) {
            status = syi_fail(
                err, SY_EPROTO, "command %llu of a sharing session, where %llu is the next",
                (unsigned long long)joint->sequence, (unsigned long long)s->next_sequence);
        } else if (!syi_sharing_wait(s, deadline)) {
            status = syi_fail(err, SY_ETIMEDOUT,
                              "worker %s waits for command %llu of a sharing session in vain",
                              s->worker->name, (unsigned long long)s->next_sequence);
        }
    }
    if (status == SY_OK && s->failed != SY_OK) {
        status = s->failed;
        if (err != NULL) {
            *err = s->why;
        }
    }
    if (status == SY_OK && s->running) {
        status = syi_fail(err, SY_EBUSY, "command %llu of a sharing session is at work",
                          (unsigned long long)joint->sequence);
    }
    s->running |= status == SY_OK;
    pthread_mutex_unlock(&s->lock);
    return status;
}

/* The others are told. */
static void tell_failure(syi_sharing_session *s, sy_status status, const sy_error *why)
{
    sy_worker *others[SYI_HOLDERS_MAX + 1] = {NULL};
    for (int k = 0; k <= s->holders; k++) {
        others[k] = k != s->index && s->peers[k].push ? s->peers[k].worker : NULL;
    }
    syi_sharing_tell(s->worker, others, (size_t)s->holders + 1, s->holders, s->material.session,
                     s->index, status, why);
}

/* This holder cannot go on: nobody needs to wait for it. */
static void give_up(syi_sharing_session *s, sy_status status, const sy_error *err)
{
    sy_error why = err != NULL ? *err : (sy_error)SY_ERROR_INIT;
    pthread_mutex_lock(&s->lock);
    const bool known = s->failed != SY_OK;
    pthread_mutex_unlock(&s->lock);
    if (!known) {
        (void)syi_sharing_blame(false, s->worker->name, status, &why);
        syi_sharing_fail(s, status, &why);
        tell_failure(s, status, &why);
    }
}

/* Before the client's, so that the client hears whom this holder waited for in vain, and does not blame this one. */
static uint64_t deadline_of(const sy_context *context, uint64_t deadline)
{
    const uint64_t now = syi_clock_now(context);
    if (deadline == 0) {
        return now + PATIENCE_NS;
    }
    const uint64_t left = deadline > now ? deadline - now : 0;
    return deadline - (left / 4 < MARGIN_NS ? left / 4 : MARGIN_NS);
}

sy_status syi_sharing_begin(sy_worker *worker, syi_joint *joint, uint64_t deadline, sy_error *err)
{
    syi_sharing_session *session = NULL;
    sy_context *context = worker->hook->context;
    deadline = deadline_of(context, deadline);
    SY_TRY(syi_sharing_find(worker, joint->session, &session, err));
    syi_sharing_run *run = make_run(session, joint, deadline);
    if (run == NULL) {
        const sy_status none = SYI_ENOMEM(err, "joint command");
        give_up(session, none, err);
        syi_sharing_session_unref(session);
        return none;
    }
    const sy_status status = wait_for_turn(session, joint, deadline, err);
    if (status != SY_OK) {
        free_run(run);
        if (status != SY_EEXIST && status != SY_EBUSY) {
            give_up(session, status, err);
        }
        syi_sharing_session_unref(session);
        return status;
    }
    joint->run = run;
    return SY_OK;
}

/* A command of the session that was not even begun here. Asks and tells nobody, for that may take time: the others ask. */
void syi_sharing_refused(sy_worker *worker, const syi_joint *joint, const sy_error *why)
{
    syi_sharing_session *session = NULL;
    sy_error said = *why;
    if (syi_sharing_find(worker, joint->session, &session, NULL) != SY_OK) {
        return;
    }
    pthread_mutex_lock(&session->lock);
    const bool over = joint->sequence < session->next_sequence;
    pthread_mutex_unlock(&session->lock);
    if (!over) {
        (void)syi_sharing_blame(false, worker->name, why->status, &said);
        syi_sharing_fail(session, why->status, &said);
    }
    syi_sharing_session_unref(session);
}

/* Letters on their way when it has failed: those whom they go to may not be there any more. */
static void hurry(syi_sharing_run *run)
{
    const uint64_t soon = syi_clock_now(context_of(run)) + LATE_NS;
    for (int k = 0; k <= run->session->holders; k++) {
        syi_sharing_flight *flight = &run->flights[k];
        for (unsigned i = 0; i < flight->count; i++) {
            syi_exchange *exchange = &flight->exchanges[(flight->first + i) % FLIGHTS_MAX];
            exchange->deadline = exchange->deadline < soon ? exchange->deadline : soon;
        }
    }
}

/* Before letters are waited for, which may be in vain. */
static void fail_run(syi_sharing_run *run, sy_status status, sy_error *why)
{
    syi_sharing_session *s = run->session;
    (void)syi_sharing_blame(false, s->worker->name, status, why);
    syi_sharing_fail(s, status, why);
    tell_failure(s, status, why);
    hurry(run);
}

/* The others wait for these at their end of the command, too. */
static void flush_answers(syi_sharing_session *s)
{
    syi_frame_limits takes;
    for (int k = 0; k <= s->holders; k++) {
        pthread_mutex_lock(&s->lock);
        syi_peer *peer =
            s->peers[k].door != NULL ? syi_session_use_peer(s->peers[k].door, &takes) : NULL;
        pthread_mutex_unlock(&s->lock);
        if (peer != NULL) {
            syi_peer_flush(peer);
            syi_peer_unref(peer);
        }
    }
}

void syi_sharing_end(sy_worker *worker, syi_joint *joint, sy_status status, const sy_error *why)
{
    syi_sharing_run *run = joint->run;
    syi_sharing_session *session = run->session;
    sy_error said = why != NULL && status != SY_OK ? *why : (sy_error)SY_ERROR_INIT;
    (void)worker;
    joint->run = NULL;
    if (status != SY_OK) {
        fail_run(run, status, &said);
    }
    flush_answers(session);
    for (int k = 0; k <= session->holders; k++) {
        while (run->flights[k].count > 0) {
            sy_error late = SY_ERROR_INIT;
            const sy_status landed = land(run, k, &late);
            if (landed != SY_OK && status == SY_OK) {
                status = blame(run, k, landed, &late);
                fail_run(run, status, &late);
            }
        }
    }
    pthread_mutex_lock(&session->lock);
    session->running = false;
    session->next_sequence++;
    session->cost.rounds += run->channel.cost.rounds;
    session->cost.sent += run->channel.cost.sent;
    session->cost.received += run->channel.cost.received;
    session->cost.dealt += run->channel.cost.dealt;
    session->cost.reported += run->channel.cost.reported;
    session->used_at = syi_clock_now(context_of(run));
    pthread_cond_broadcast(&session->changed);
    pthread_mutex_unlock(&session->lock);
    free_run(run);
    syi_sharing_session_unref(session);
}
