#include "interpreters/sharing/dealing.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/error.h"
#include "crypto/kept_masks.h"
#include "interpreters/sharing/hearing.h"
#include "interpreters/sharing/letters.h"
#include "ring/generator.h"

enum {
    FLIGHTS_MAX = 16,
    HOLD_MS = 1000, /* a fetch of demands waits so long at the leading holder */
    FLYING_MAX = 4 << 20,
    NEAR_NS = 2000000,  /* a demand is likely so soon behind another one */
    QUIET_NS = 5000000, /* without a demand: letters are looked after */
};

struct syi_sharing_dealing {
    syi_sharing_dealing *next; /* of the room */
    atomic_uint refs;
    sy_worker *provider;
    const void *opener;
    syi_dealer dealer;
    syi_kept_masks kept; /* the dealer's; guarded by deal_lock */
    sy_worker *workers[SYI_HOLDERS_MAX];
    bool fetches;
    syi_sharing_hearing hearing;
    pthread_mutex_t deal_lock; /* one deals at a time: the thread, or who prepares */
    bool over;                 /* guarded by deal_lock: the seeds are wiped */
    syi_item last;             /* what was dealt on demand, if anything was; the thread's */
    bool dealt;
    struct {
        syi_exchange exchanges[FLIGHTS_MAX];
        unsigned first, count;
    } flights[SYI_HOLDERS_MAX]; /* guarded by deal_lock */
    uint64_t next_ahead;        /* the same */
    size_t
        flying; /* bytes of letters since they were waited for last: their memory waits for answers; the same */

    pthread_mutex_t lock;
    pthread_cond_t changed;
    syi_buffer queue; /* u32 size, demand, ... */
    int busy;
    bool stopping;
    const char *orphaned; /* who is gone, when that is why it stops */
    sy_status failed;     /* a holder has said why it stops, SY_OK: none has */
    sy_error why;
    syi_session *door; /* in which the leading holder demands; a reference; NULL: none yet */
    bool at_door;      /* the thread was there just now, and what comes is left to it for a while */
    syi_bell bell;
};

static sy_context *context_of(const syi_sharing_dealing *d)
{
    return d->provider->hook->context;
}

/* Life */

void syi_sharing_dealing_unref(syi_sharing_dealing *d)
{
    if (d == NULL || atomic_fetch_sub_explicit(&d->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    sy_context *context = context_of(d);
    if (d->door != NULL) {
        syi_session_unref(d->door);
    }
    syi_bell_fini(&d->bell);
    syi_buffer_fini(&d->queue);
    syi_sharing_hearing_fini(&d->hearing);
    pthread_cond_destroy(&d->changed);
    pthread_mutex_destroy(&d->lock);
    pthread_mutex_destroy(&d->deal_lock);
    syi_free_secret(context, d, sizeof *d);
}

syi_sharing_dealing *syi_sharing_dealing_find(sy_worker *provider,
                                              const uint8_t session[SYI_SHARING_SESSION_SIZE])
{
    syi_sharing_room *room = syi_sharing_room_of(provider->hook);
    pthread_mutex_lock(&room->lock);
    syi_sharing_dealing *d = room->dealings;
    while (d != NULL && (d->provider != provider ||
                         memcmp(d->dealer.session, session, SYI_SHARING_SESSION_SIZE) != 0)) {
        d = d->next;
    }
    if (d != NULL) {
        atomic_fetch_add_explicit(&d->refs, 1, memory_order_relaxed);
    }
    pthread_mutex_unlock(&room->lock);
    return d;
}

void syi_sharing_dealing_stop(syi_sharing_dealing *d)
{
    pthread_mutex_lock(&d->lock);
    d->stopping = true;
    pthread_cond_broadcast(&d->changed);
    syi_bell_ring(&d->bell);
    pthread_mutex_unlock(&d->lock);
    syi_sharing_hearing_stop(&d->hearing);
}

void syi_sharing_dealing_fail(syi_sharing_dealing *d, sy_status status, const sy_error *why)
{
    pthread_mutex_lock(&d->lock);
    if (!d->stopping) {
        d->failed = status;
        d->why = *why;
    }
    pthread_mutex_unlock(&d->lock);
    syi_sharing_dealing_stop(d);
}

static bool is_stopping(syi_sharing_dealing *d)
{
    pthread_mutex_lock(&d->lock);
    const bool is = d->stopping;
    pthread_mutex_unlock(&d->lock);
    return is;
}

bool syi_sharing_dealing_is_lead(const syi_sharing_dealing *d, const sy_id *caller)
{
    return sy_id_equal(caller, &d->workers[0]->id);
}

bool syi_sharing_dealing_is_holder(const syi_sharing_dealing *d, int64_t holder,
                                   const sy_id *caller)
{
    return holder >= 0 && holder < d->dealer.holders &&
           sy_id_equal(caller, &d->workers[holder]->id);
}

sy_status syi_sharing_dealing_report(syi_sharing_dealing *d, int from, const syi_item *item,
                                     const syi_array *bytes, bool own, uint64_t left_ms,
                                     sy_error *err)
{
    return syi_sharing_hearing_deliver(&d->hearing, from, item, bytes, own, left_ms, err);
}

/* Giving */

static sy_status land(syi_sharing_dealing *d, int holder, sy_error *err)
{
    syi_exchange *exchange = &d->flights[holder].exchanges[d->flights[holder].first];
    sy_status status = syi_link_wait(exchange, err);
    if (status != SY_OK) {
        status = syi_sharing_blame(false, d->workers[holder]->name, status, err);
    }
    syi_link_end(exchange);
    d->flights[holder].first = (d->flights[holder].first + 1) % FLIGHTS_MAX;
    d->flights[holder].count--;
    return status;
}

static sy_status land_all(syi_sharing_dealing *d, sy_error *err)
{
    sy_status status = SY_OK;
    for (int k = 0; k < d->dealer.holders; k++) {
        while (d->flights[k].count > 0) {
            const sy_status landed = land(d, k, status == SY_OK ? err : NULL);
            status = status == SY_OK ? landed : status;
        }
    }
    return status;
}

static sy_status give(void *user, int holder, const syi_item *item, const void *bytes, size_t size,
                      sy_error *err)
{
    syi_sharing_dealing *d = user;
    sy_hook *hook = d->provider->hook;
    const int64_t length = (int64_t)size;
    syi_array copy = SYI_ARRAY_INIT;
    sy_tensor *letter = NULL;
    sy_value args[SYI_SHARING_SEND_ARGS];
    char text[SYI_JOINT_TEXT_SIZE];
    if (is_stopping(d)) {
        return syi_fail(err, SY_ECANCELED, "the sharing session is over");
    }
    if (d->flights[holder].count == FLIGHTS_MAX) {
        SY_TRY(land(d, holder, err));
    }
    SY_TRY(
        syi_array_new(hook->context, &copy, SY_DTYPE_U8, 1, &length, &d->provider->account, err));
    if (size > 0) {
        memcpy(copy.storage->data, bytes, size);
    }
    SY_TRY(syi_tensor_from_array(hook, &letter, &copy, err));
    syi_sharing_send_arguments(d->dealer.session, d->dealer.holders, item, letter, args, text);
    syi_exchange *exchange =
        &d->flights[holder]
             .exchanges[(d->flights[holder].first + d->flights[holder].count) % FLIGHTS_MAX];
    sy_status status = syi_command_start(d->provider, d->workers[holder], SYI_SHARING_SEND, args,
                                         SYI_SHARING_SEND_ARGS, NULL, 0, exchange, err);
    if (status != SY_OK) {
        status = syi_sharing_blame(false, d->workers[holder]->name, status, err);
    }
    sy_tensor_unref(letter);
    d->flights[holder].count += status == SY_OK ? 1 : 0;
    d->flying += size;
    return status;
}

/* What holders report comes through the door, too, and is waited for without looking at it: the loop thread has to read it at
 * once, not when it finds out that nobody else does. */
static void leave_door(syi_sharing_dealing *d)
{
    syi_doors doors = {.count = 0};
    pthread_mutex_lock(&d->lock);
    if (d->at_door) {
        syi_doors_open(&doors, d->door);
        d->at_door = false;
    }
    pthread_mutex_unlock(&d->lock);
    syi_doors_close(&doors, true);
}

static sy_status hear(void *user, int holder, const syi_item *item, void **bytes, size_t size,
                      sy_error *err)
{
    syi_sharing_dealing *d = user;
    leave_door(d);
    return syi_sharing_hear(&d->hearing, holder, item, bytes, size, err);
}

static sy_status blame(void *user, int holder, sy_status status, sy_error *err)
{
    const syi_sharing_dealing *d = user;
    return syi_sharing_blame(false, d->workers[holder]->name, status, err);
}

static sy_status deal(syi_sharing_dealing *d, const uint8_t *bytes, size_t size, sy_error *err)
{
    syi_demand demand;
    SY_TRY(syi_demand_read(&demand, bytes, size, SYI_SHARING_ELEMENTS_MAX, err));
    const syi_item *item = &demand.item;
    if (item->sequence >= SYI_ITEM_AHEAD) {
        return syi_fail(err, SY_EPROTO, "a demand for what was made ahead");
    }
    if (item->sequence < d->last.sequence ||
        (item->sequence == d->last.sequence && item->number <= d->last.number && d->dealt)) {
        return syi_fail(err, SY_EPROTO, "a demand for material that was dealt before");
    }
    d->last = *item;
    d->dealt = true;
    syi_sharing_hearing_forget(&d->hearing, item);
    pthread_mutex_lock(&d->deal_lock);
    const sy_status status = syi_deal(&d->dealer, &demand, give, d, err);
    pthread_mutex_unlock(&d->deal_lock);
    return status;
}

/* The first `told` holders learn that there will be no more. */
static void tell_failure(syi_sharing_dealing *d, int told, sy_status status, const sy_error *why)
{
    sy_error said = *why;
    (void)syi_sharing_blame(true, d->provider->name, status, &said);
    syi_sharing_tell(d->provider, d->workers, (size_t)told, d->dealer.holders, d->dealer.session,
                     d->dealer.holders, status, &said);
}

/* The thread */

/* Asks the leading holder, who may let it wait. */
static sy_status fetch(syi_sharing_dealing *d, sy_error *err)
{
    char text[SYI_JOINT_TEXT_SIZE];
    const sy_value args[] = {sy_value_string(syi_joint_format(d->dealer.session, text)),
                             sy_value_int(HOLD_MS)};
    syi_exchange exchange;
    syi_decoder decoder;
    sy_tensor *bytes = NULL;
    const sy_status asked =
        syi_command_request(d->provider, d->workers[0], "sharing_demands", args, 2, &exchange, err);
    if (asked != SY_OK) {
        return syi_sharing_blame(false, d->workers[0]->name, asked, err);
    }
    syi_decoder_init(&decoder, d->provider->hook, d->provider, exchange.reply);
    sy_status status = syi_sharing_read_bytes(&decoder, &bytes, err);
    syi_decoder_fini(&decoder);
    syi_link_end(&exchange);
    if (status == SY_OK) {
        const syi_array *array = syi_node_array(bytes->node);
        status =
            syi_sharing_dealing_ask(d, NULL, syi_array_data(array), syi_array_bytes(array), err);
    }
    sy_tensor_unref(bytes);
    return status;
}

/* Lock held. Behind one demand the next is near, and read by this thread itself; after that it waits like others. */
static void wait_at_door(syi_sharing_dealing *d)
{
    syi_doors doors = {.count = 0};
    if (d->stopping || d->queue.length > 0 || d->fetches || !syi_bell_hang(&d->bell)) {
        return;
    }
    syi_doors_open(&doors, d->door);
    const uint64_t until = syi_clock_now(context_of(d)) + NEAR_NS;
    uint64_t now = until - NEAR_NS;
    while (doors.count > 0 && !d->stopping && d->queue.length == 0 && now < until) {
        atomic_store(&d->bell.asleep, true);
        pthread_mutex_unlock(&d->lock);
        syi_doors_sleep(&doors, &d->bell, until - now);
        now = syi_clock_now(context_of(d));
        pthread_mutex_lock(&d->lock);
    }
    const bool gone = d->queue.length == 0;
    d->at_door = !gone;
    pthread_mutex_unlock(&d->lock);
    syi_doors_close(&doors, gone);
    pthread_mutex_lock(&d->lock);
}

/* The leading holder waits for it at the end of its command. */
static void flush_answers(syi_sharing_dealing *d)
{
    syi_frame_limits takes;
    pthread_mutex_lock(&d->lock);
    syi_peer *peer = d->door != NULL ? syi_session_use_peer(d->door, &takes) : NULL;
    pthread_mutex_unlock(&d->lock);
    if (peer != NULL) {
        syi_peer_flush(peer);
        syi_peer_unref(peer);
    }
}

/* Lock held: false when nothing has changed in the time that answers to letters may take. */
static bool wait_for_change(syi_sharing_dealing *d, bool flying)
{
    struct timespec until;
    if (!flying) {
        pthread_cond_wait(&d->changed, &d->lock);
        return true;
    }
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += QUIET_NS;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    return pthread_cond_timedwait(&d->changed, &d->lock, &until) != ETIMEDOUT;
}

/* Takes what is queued; `taken` is empty then. true: go on, also with nothing where letters are to be looked after. */
static bool next_demands(syi_sharing_dealing *d, bool flying, syi_buffer *taken, bool *ask)
{
    bool quiet = false;
    pthread_mutex_lock(&d->lock);
    wait_at_door(d);
    while (!quiet && !d->stopping && d->queue.length == 0 && !(d->fetches && d->busy > 0)) {
        quiet = !wait_for_change(d, flying);
    }
    *ask = d->queue.length == 0 && d->fetches && d->busy > 0;
    const syi_buffer swap = *taken;
    *taken = d->queue;
    d->queue = swap;
    const bool go_on = !d->stopping;
    pthread_mutex_unlock(&d->lock);
    return go_on;
}

static sy_status deal_all(syi_sharing_dealing *d, const syi_buffer *taken, sy_error *err)
{
    sy_status status = SY_OK;
    size_t at = 0;
    while (status == SY_OK && taken->length - at >= 4) {
        const uint32_t size = syi_get_u32le(taken->data + at);
        at += 4;
        if (size > taken->length - at) {
            return syi_fail(err, SY_EPROTO, "a demand is cut off");
        }
        status = deal(d, taken->data + at, size, err);
        at += size;
    }
    return status;
}

/* Letters that are not answered yet are waited for when there is nothing else to do, where they are large, and at the end. */
static sy_status look_after_letters(syi_sharing_dealing *d, bool idle, bool *flying, sy_error *err)
{
    sy_status status = SY_OK;
    *flying = false;
    pthread_mutex_lock(&d->deal_lock);
    if (idle || d->flying > FLYING_MAX) {
        status = land_all(d, err);
        d->flying = 0;
    }
    for (int k = 0; k < d->dealer.holders; k++) {
        *flying = *flying || d->flights[k].count > 0;
    }
    pthread_mutex_unlock(&d->deal_lock);
    return status;
}

/* Out of the room, and the last that the thread does with anything. */
static void leave(syi_sharing_dealing *d)
{
    syi_sharing_room *room = syi_sharing_room_of(d->provider->hook);
    pthread_mutex_lock(&d->deal_lock);
    syi_wipe(d->dealer.seeds, sizeof d->dealer.seeds);
    syi_kept_masks_fini(&d->kept);
    d->over = true;
    pthread_mutex_unlock(&d->deal_lock);
    pthread_mutex_lock(&room->lock);
    syi_sharing_dealing **at = &room->dealings;
    while (*at != d) {
        at = &(*at)->next;
    }
    *at = d->next;
    room->dealing_count--;
    pthread_mutex_unlock(&room->lock);
    syi_sharing_dealing_unref(d);
    syi_generator_leave_thread();
    pthread_mutex_lock(&room->lock);
    room->dealing_threads--;
    pthread_cond_broadcast(&room->dealt);
    pthread_mutex_unlock(&room->lock);
}

static void *thread(void *argument)
{
    syi_sharing_dealing *d = argument;
    syi_buffer taken;
    bool ask = false, flying = false;
    sy_status status = SY_OK;
    sy_error why = SY_ERROR_INIT;
    syi_buffer_init(&taken, context_of(d), d->queue.maximum);
    while (status == SY_OK && next_demands(d, flying, &taken, &ask)) {
        const bool idle = !ask && taken.length == 0;
        status = ask ? fetch(d, &why) : deal_all(d, &taken, &why);
        syi_buffer_clear(&taken);
        flush_answers(d);
        if (status == SY_OK) {
            status = look_after_letters(d, idle, &flying, &why);
        }
    }
    (void)look_after_letters(d, true, &flying, NULL);
    pthread_mutex_lock(&d->lock);
    if (d->orphaned != NULL) {
        status = syi_fail(&why, SY_ECLOSED, "%s", d->orphaned);
    } else if (d->failed != SY_OK) { /* that holder may not have reached all others */
        status = d->failed;
        why = d->why;
    } else if (d->stopping) {
        status = SY_OK; /* the client has told everybody */
    }
    d->stopping = true;
    pthread_mutex_unlock(&d->lock);
    if (status != SY_OK) {
        syi_log(context_of(d), SY_LOG_INFO, "sharing", d->provider->name, 0,
                "a session's provider stops: %s", why.message);
        tell_failure(d, d->dealer.holders, status, &why);
    }
    syi_buffer_fini(&taken);
    leave(d);
    return NULL;
}

sy_status syi_sharing_dealing_ask(syi_sharing_dealing *d, syi_session *door, const void *bytes,
                                  size_t size, sy_error *err)
{
    syi_session *before = NULL;
    pthread_mutex_lock(&d->lock);
    if (door != NULL) {
        before = syi_doors_know(&d->door, door);
    }
    sy_status status = SY_OK;
    if (d->stopping) {
        status = syi_fail(err, SY_ECANCELED, "provider %s has stopped", d->provider->name);
    } else {
        syi_buffer_append(&d->queue, bytes, size);
        status = syi_buffer_check(&d->queue, "demands", err);
    }
    pthread_cond_broadcast(&d->changed);
    syi_bell_ring(&d->bell);
    pthread_mutex_unlock(&d->lock);
    if (before != NULL) {
        syi_session_unref(before);
    }
    return status;
}

void syi_sharing_dealing_busy(syi_sharing_dealing *d, int change)
{
    pthread_mutex_lock(&d->lock);
    d->busy += change;
    pthread_cond_broadcast(&d->changed);
    pthread_mutex_unlock(&d->lock);
}

/* Ahead */

sy_status syi_sharing_demand_tensor(sy_hook *hook, syi_account *account, const syi_demand *demand,
                                    sy_tensor **tensor, sy_error *err)
{
    syi_buffer bytes;
    syi_array copy = SYI_ARRAY_INIT;
    *tensor = NULL;
    syi_buffer_init(&bytes, hook->context, SYI_DEMAND_BYTES);
    syi_demand_write(demand, &bytes);
    const int64_t length = (int64_t)bytes.length;
    sy_status status = syi_buffer_check(&bytes, "demand", err);
    if (status == SY_OK) {
        status = syi_array_new(hook->context, &copy, SY_DTYPE_U8, 1, &length, account, err);
    }
    if (status == SY_OK) {
        memcpy(copy.storage->data, bytes.data, bytes.length);
        status = syi_tensor_from_array(hook, tensor, &copy, err);
    }
    syi_buffer_fini(&bytes);
    return status;
}

static sy_status announce(syi_sharing_dealing *d, const syi_demand *demand, uint64_t first,
                          uint64_t count, sy_error *err)
{
    sy_tensor *letter = NULL;
    char text[SYI_JOINT_TEXT_SIZE];
    sy_status status =
        syi_sharing_demand_tensor(d->provider->hook, &d->provider->account, demand, &letter, err);
    for (int k = 0; k < d->dealer.holders && status == SY_OK; k++) {
        const sy_value args[] = {sy_value_string(syi_joint_format(d->dealer.session, text)),
                                 sy_value_tensor(letter), sy_value_int((int64_t)first),
                                 sy_value_int((int64_t)count)};
        status = syi_command_tell(d->provider, d->workers[k], "sharing_stock", args, 4, err);
    }
    sy_tensor_unref(letter);
    return status;
}

sy_status syi_sharing_dealing_prepare(syi_sharing_dealing *d, const syi_demand *demand,
                                      uint64_t count, sy_error *err)
{
    sy_status status = SY_OK;
    if (syi_material_is_interactive(demand->kind)) {
        return syi_fail(err, SY_ENOTSUP, "material of SecureNN cannot be made ahead");
    }
    pthread_mutex_lock(&d->deal_lock);
    if (d->over) {
        pthread_mutex_unlock(&d->deal_lock);
        return syi_fail(err, SY_ECANCELED, "provider %s has stopped", d->provider->name);
    }
    const uint64_t first = d->next_ahead;
    d->next_ahead += count;
    for (uint64_t k = 0; k < count && status == SY_OK; k++) {
        syi_demand one = *demand;
        one.item = (syi_item){first + k, 0};
        one.x.item = one.item;
        one.y.item = one.item;
        status = syi_deal(&d->dealer, &one, give, d, err);
    }
    const sy_status landed = land_all(d, status == SY_OK ? err : NULL);
    pthread_mutex_unlock(&d->deal_lock);
    SY_TRY(status);
    SY_TRY(landed);
    return announce(d, demand, first, count, err);
}

/* Opening */

/* One holder: sharing_join(session, index, [holders and provider], seed, [it sends to them], [they send to it]) */
static sy_status join(syi_sharing_dealing *d, const syi_sharing_plan *plan, int index,
                      sy_error *err)
{
    const int parties = plan->holders + 1;
    sy_value ids[SYI_HOLDERS_MAX + 1], to[SYI_HOLDERS_MAX + 1], from[SYI_HOLDERS_MAX + 1];
    char text[SYI_JOINT_TEXT_SIZE], seed[2 * SYI_SEED_SIZE + 1];
    for (int k = 0; k < parties; k++) {
        ids[k] = syi_id_value(&plan->workers[k]->id);
        to[k] = sy_value_bool(plan->reaches[index * parties + k]);
        from[k] = sy_value_bool(plan->reaches[k * parties + index]);
    }
    for (int k = 0; k < SYI_SEED_SIZE; k++) {
        snprintf(seed + 2 * k, 3, "%02x", d->dealer.seeds[index][k]);
    }
    const sy_value args[] = {
        sy_value_string(syi_joint_format(plan->session, text)),
        sy_value_int(index),
        sy_value_list(ids, (size_t)parties),
        sy_value_string(seed),
        sy_value_list(to, (size_t)parties),
        sy_value_list(from, (size_t)parties),
    };
    syi_exchange exchange;
    const sy_status status = syi_command_request(d->provider, plan->workers[index], "sharing_join",
                                                 args, 6, &exchange, err);
    if (status == SY_OK) {
        syi_wipe(exchange.message->body.data, exchange.message->body.length);
        syi_link_end(&exchange);
    }
    syi_wipe(seed, sizeof seed);
    return status;
}

static sy_status check_plan(const syi_sharing_plan *plan, sy_error *err)
{
    const int parties = plan->holders + 1;
    for (int i = 0; i < parties; i++) {
        for (int k = 0; k < i; k++) {
            if (plan->workers[i] == plan->workers[k]) {
                return syi_fail(err, SY_EINVAL,
                                i == plan->holders
                                    ? "share: the crypto provider %s is a holder, too; it would "
                                      "know the masks of what it sees"
                                    : "share: worker %s is given twice",
                                plan->workers[i]->name);
            }
            const bool needed = i < plan->holders || k == 0; /* provider and leading holder */
            if (needed && !plan->reaches[i * parties + k] && !plan->reaches[k * parties + i]) {
                return syi_fail(err, SY_EINVAL, "share: neither can %s reach %s nor %s %s",
                                plan->workers[k]->name, plan->workers[i]->name,
                                plan->workers[i]->name, plan->workers[k]->name);
            }
        }
        if (i < plan->holders && !plan->reaches[plan->holders * parties + i]) {
            return syi_fail(err, SY_EINVAL, "share: the provider %s cannot reach holder %s",
                            plan->workers[plan->holders]->name, plan->workers[i]->name);
        }
    }
    return SY_OK;
}

static sy_status make(const syi_sharing_plan *plan, syi_sharing_dealing **made, sy_error *err)
{
    sy_worker *provider = plan->workers[plan->holders];
    sy_context *context = provider->hook->context;
    syi_sharing_dealing *d = syi_alloc(context, sizeof *d);
    *made = NULL;
    if (d == NULL) {
        return SYI_ENOMEM(err, "provider");
    }
    atomic_init(&d->refs, 1);
    syi_bell_init(&d->bell);
    d->provider = provider;
    d->opener = plan->opener;
    d->dealer.context = context;
    d->dealer.holders = plan->holders;
    d->dealer.hear = hear;
    d->dealer.blame = blame;
    d->dealer.kept = &d->kept;
    d->next_ahead = SYI_ITEM_AHEAD;
    d->fetches = !plan->reaches[plan->holders]; /* the leading holder reaches the provider? */
    memcpy(d->dealer.session, plan->session, sizeof plan->session);
    memcpy(d->workers, plan->workers, (size_t)plan->holders * sizeof d->workers[0]);
    syi_sharing_hearing_init(&d->hearing, provider, d->workers, d->dealer.session, plan->holders);
    for (int k = 0; k < plan->holders; k++) {
        d->hearing.pushes[k] = plan->reaches[k * (plan->holders + 1) + plan->holders];
    }
    pthread_mutex_init(&d->lock, NULL);
    pthread_mutex_init(&d->deal_lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&d->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    syi_buffer_init(&d->queue, context, 4u << 20);
    const sy_status status =
        syi_random_bytes(context, d->dealer.seeds, (size_t)plan->holders * SYI_SEED_SIZE, err);
    if (status != SY_OK) {
        syi_sharing_dealing_unref(d);
        return status;
    }
    *made = d;
    return SY_OK;
}

void syi_sharing_dealings_stop(syi_sharing_room *room, const void *opener)
{
    pthread_mutex_lock(&room->lock);
    for (syi_sharing_dealing *d = room->dealings; d != NULL; d = d->next) {
        if (opener == NULL || d->opener == opener) {
            pthread_mutex_lock(&d->lock);
            d->orphaned = d->stopping      ? d->orphaned
                          : opener == NULL ? "the provider is shutting down"
                                           : "the client of the sharing session is gone";
            d->stopping = true;
            pthread_cond_broadcast(&d->changed);
            syi_bell_ring(&d->bell);
            pthread_mutex_unlock(&d->lock);
            syi_sharing_hearing_stop(&d->hearing);
        }
    }
    pthread_mutex_unlock(&room->lock);
}

void syi_sharing_dealings_join(syi_sharing_room *room)
{
    pthread_mutex_lock(&room->lock);
    while (room->dealing_threads > 0) {
        pthread_cond_wait(&room->dealt, &room->lock);
    }
    pthread_mutex_unlock(&room->lock);
}

/* Signals stay with the program's own threads. */
static bool start_thread(syi_sharing_dealing *d)
{
    pthread_t started;
    pthread_attr_t attributes;
    sigset_t all, before;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, 1u << 20);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const int failed = pthread_create(&started, &attributes, thread, d);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return failed == 0;
}

/* Room lock held. */
static sy_status check_room(const syi_sharing_room *room, const syi_sharing_dealing *d,
                            sy_error *err)
{
    size_t same = 0;
    for (const syi_sharing_dealing *one = room->dealings; one != NULL; one = one->next) {
        same += one->opener == d->opener ? 1 : 0;
    }
    if (room->closing) {
        return syi_fail(err, SY_EBUSY, "worker %s is shutting down", d->provider->name);
    }
    if (room->dealing_count >= SYI_SHARING_DEALINGS_MAX ||
        (d->opener != NULL && same >= SYI_SHARING_DEALINGS_EACH)) {
        return syi_fail(err, SY_EBUSY,
                        "worker %s provides for %zu sharing sessions already, %zu of this caller",
                        d->provider->name, room->dealing_count, same);
    }
    return SY_OK;
}

/* The thread has the room's reference. */
static sy_status start(syi_sharing_dealing *d, sy_error *err)
{
    syi_sharing_room *room = syi_sharing_room_of(d->provider->hook);
    pthread_mutex_lock(&room->lock);
    sy_status status = check_room(room, d, err);
    if (status == SY_OK && !start_thread(d)) {
        status = syi_fail(err, SY_EBUSY, "worker %s could not start a thread", d->provider->name);
    }
    if (status == SY_OK) {
        d->next = room->dealings;
        room->dealings = d;
        room->dealing_count++;
        room->dealing_threads++;
    }
    pthread_mutex_unlock(&room->lock);
    return status;
}

sy_status syi_sharing_deal_open(const syi_sharing_plan *plan, sy_error *err)
{
    syi_sharing_dealing *d = NULL;
    int joined = 0;
    SY_TRY(check_plan(plan, err));
    SY_TRY(make(plan, &d, err));
    sy_status status = SY_OK;
    while (joined < plan->holders && status == SY_OK) {
        status = join(d, plan, joined, err);
        joined += status == SY_OK ? 1 : 0;
    }
    if (status == SY_OK) {
        status = start(d, err);
    }
    if (status != SY_OK) {
        sy_error why = err != NULL ? *err : (sy_error)SY_ERROR_INIT;
        tell_failure(d, joined, status, &why);
        syi_sharing_dealing_unref(d);
    }
    return status;
}
