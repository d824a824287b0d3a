#include "support/party_threads.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/error.h"
#include "core/surroundings.h"

enum { PARTIES = PARTY_THREADS_MAX + 1 }; /* the provider is the last one */

typedef struct message {
    struct message *next;
    size_t size, room;
    syi_item item; /* of the provider's */
    uint8_t *bytes;
} message;

/* From one party to another. */
typedef struct link {
    message *first, **end;
    size_t bytes;                        /* in it */
    message *borrowed[SYI_CHANNEL_KEPT]; /* by the receiver; of holders the first only */
    size_t lent;
    message *spare;
} link;

typedef struct kept {
    uint8_t *bytes;
    size_t size, room;
} kept;

typedef struct member {
    syi_channel channel;
    struct party_threads *threads;
    uint64_t messages; /* sent */
    uint64_t demands;
    bool gone;
    int waits_for; /* a party, or -1 */
    bool stalled;  /* by a planted fault */
    pthread_cond_t wake;
} member;

struct party_threads {
    sy_context *context;
    party_threads_options options;
    syi_dealer dealer;
    syi_material materials[PARTY_THREADS_MAX];
    pthread_mutex_t lock;
    member members[PARTIES];
    link links[PARTIES][PARTIES]; /* [from][to] */
    uint8_t *asked[PARTY_DEMANDS_MAX];
    size_t asked_sizes[PARTY_DEMANDS_MAX];
    size_t demands_asked, demands_dealt;
    uint64_t made_ahead; /* items */
    party_demand *demands;
    kept sent[PARTY_THREADS_MAX], dealt[PARTY_THREADS_MAX], reported[PARTY_THREADS_MAX];
    party_result results[PARTIES];
    sy_error failure; /* the first one */
    party_program program;
    void *user;
};

static const char *name_of(int party, char name[32])
{
    if (party == PARTY_THREADS_MAX) {
        snprintf(name, 32, "the provider");
    } else {
        snprintf(name, 32, "holder %d", party);
    }
    return name;
}

/* --- failing; the lock is held ----------------------------------------------------------------- */

static void wake_all(party_threads *t)
{
    for (int k = 0; k < PARTIES; k++) {
        pthread_cond_broadcast(&t->members[k].wake);
    }
}

/* The first failure is everybody's. */
static sy_status fail(party_threads *t, sy_status status, sy_error *err, const char *sentence)
{
    if (t->failure.status == SY_OK) {
        (void)syi_fail(&t->failure, status, "%s", sentence);
        wake_all(t);
    }
    return syi_fail(err, t->failure.status, "%s", t->failure.message);
}

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Whom a party waits for in the end: who waits in turn is not to blame. */
static int culprit_of(const party_threads *t, int other)
{
    int culprit = other;
    for (int k = 0; k < PARTIES && t->members[culprit].waits_for >= 0; k++) {
        culprit = t->members[culprit].waits_for;
    }
    return culprit;
}

/* Until something happens, or the deadline. Where a stall is planted, nobody is given up but who
 * stalls: a machine that is slow today is no reason. */
static sy_status wait_until(party_threads *t, member *self, int other, uint64_t end, sy_error *err)
{
    const uint64_t now = now_ms(), until_ms = end > now ? end : now + 1;
    const struct timespec until = {.tv_sec = (time_t)(until_ms / 1000),
                                   .tv_nsec = (long)(until_ms % 1000) * 1000000};
    self->waits_for = other;
    pthread_cond_timedwait(&self->wake, &t->lock, &until);
    const int culprit = culprit_of(t, other);
    self->waits_for = -1;
    if (now_ms() < end || t->failure.status != SY_OK ||
        (t->options.fault.kind == PARTY_FAULT_STALL && !t->members[culprit].stalled)) {
        return SY_OK;
    }
    char name[32], text[128];
    snprintf(text, sizeof text, "%s: nothing came for %" PRIu64 " ms", name_of(culprit, name),
             t->options.deadline_ms);
    return fail(t, SY_ETIMEDOUT, err, text);
}

static sy_status gone(party_threads *t, int party, sy_error *err)
{
    char name[32], text[64];
    snprintf(text, sizeof text, "%s went away", name_of(party, name));
    return fail(t, SY_ECLOSED, err, text);
}

/* --- links ------------------------------------------------------------------------------------- */

static message *take_message(link *l, size_t size)
{
    for (message **m = &l->spare; *m != NULL; m = &(*m)->next) {
        if ((*m)->room >= size) {
            message *found = *m;
            *m = found->next;
            return found;
        }
    }
    return NULL;
}

static message *new_message(size_t size)
{
    message *m = calloc(1, sizeof *m);
    const size_t room = (size + 64) / 64 * 64;
    if (m != NULL) {
        m->room = room;
        m->bytes = aligned_alloc(64, room);
    }
    return m;
}

static void free_messages(message *m)
{
    while (m != NULL) {
        message *next = m->next;
        free(m->bytes);
        free(m);
        m = next;
    }
}

static void clear_link(link *l)
{
    free_messages(l->first);
    for (size_t k = 0; k < SYI_CHANNEL_KEPT; k++) {
        free_messages(l->borrowed[k]);
        l->borrowed[k] = NULL;
    }
    l->first = NULL;
    l->end = &l->first;
    l->bytes = 0;
}

/* One message on one link. Copies without the lock. */
static sy_status put(party_threads *t, int from, int to, const syi_item *item, const void *bytes,
                     size_t size, sy_error *err)
{
    link *l = &t->links[from][to];
    member *self = &t->members[from];
    const uint64_t end = now_ms() + t->options.deadline_ms;
    sy_status status = SY_OK;
    pthread_mutex_lock(&t->lock);
    while (status == SY_OK && t->failure.status == SY_OK && l->bytes > 0 &&
           l->bytes + size > t->options.ahead && !t->members[to].gone) {
        status = wait_until(t, self, to, end, err);
    }
    if (status == SY_OK && t->failure.status != SY_OK) {
        status = fail(t, SY_OK, err, "");
    }
    message *m = take_message(l, size);
    pthread_mutex_unlock(&t->lock);
    if (m == NULL) {
        m = new_message(size);
    }
    if (size > 0) {
        memcpy(m->bytes, bytes, size);
        if (t->options.mark_public != NULL && from != PARTY_THREADS_MAX) {
            t->options.mark_public(m->bytes, size);
        }
    }
    m->next = NULL;
    m->size = size;
    m->item = *item;
    pthread_mutex_lock(&t->lock);
    *l->end = m;
    l->end = &m->next;
    l->bytes += size;
    pthread_cond_signal(&t->members[to].wake);
    pthread_mutex_unlock(&t->lock);
    return status;
}

static message **find(link *l, const syi_item *item)
{
    message **m = &l->first;
    while (item != NULL && *m != NULL && !syi_item_same(&(*m)->item, item)) {
        m = &(*m)->next;
    }
    return m;
}

/* The next message; that of the item, when one is named. */
static sy_status get(party_threads *t, int to, int from, const syi_item *item, void **bytes,
                     size_t size, sy_error *err)
{
    link *l = &t->links[from][to];
    member *self = &t->members[to];
    const uint64_t end = now_ms() + t->options.deadline_ms;
    sy_status status = SY_OK;
    pthread_mutex_lock(&t->lock);
    message **lent = &l->borrowed[from == PARTY_THREADS_MAX ? l->lent++ % SYI_CHANNEL_KEPT : 0];
    if (*lent != NULL) {
        (*lent)->next = l->spare;
        l->spare = *lent;
        *lent = NULL;
    }
    message **m = find(l, item);
    for (; status == SY_OK && *m == NULL && t->failure.status == SY_OK; m = find(l, item)) {
        status = t->members[from].gone ? gone(t, from, err) : wait_until(t, self, from, end, err);
    }
    if (status == SY_OK && t->failure.status != SY_OK) {
        status = fail(t, SY_OK, err, "");
    }
    if (status == SY_OK && (*m)->size != size) {
        char name[32], text[128];
        snprintf(text, sizeof text, "%s sent %zu bytes where %zu were expected",
                 name_of(from, name), (*m)->size, size);
        status = fail(t, SY_EPROTO, err, text);
    }
    if (status == SY_OK) {
        message *got = *m;
        *m = got->next;
        if (got->next == NULL) {
            l->end = m;
        }
        l->bytes -= size;
        got->next = NULL;
        *lent = got;
        *bytes = got->bytes;
        pthread_cond_signal(&t->members[from].wake);
    }
    pthread_mutex_unlock(&t->lock);
    return status;
}

static void keep(kept *k, const void *bytes, size_t size)
{
    if (k->size + size > k->room) {
        k->room = 2 * (k->size + size);
        k->bytes = realloc(k->bytes, k->room);
    }
    if (size > 0) {
        memcpy(k->bytes + k->size, bytes, size);
    }
    k->size += size;
}

/* --- faults ------------------------------------------------------------------------------------ */

/* What becomes of a message's size; a party that dies or stalls fails here. */
static sy_status inject(member *self, int party, size_t *size, sy_error *err)
{
    party_threads *t = self->threads;
    const party_fault *fault = &t->options.fault;
    const int faulty = fault->party == PARTY_PROVIDER ? PARTY_THREADS_MAX : fault->party;
    if (fault->kind == PARTY_FAULT_NONE || faulty != party || self->messages++ < fault->at) {
        return SY_OK;
    }
    if (fault->kind == PARTY_FAULT_SHORT || fault->kind == PARTY_FAULT_LONG) {
        *size = fault->kind == PARTY_FAULT_LONG ? *size + 1 : *size > 0 ? *size - 1 : 0;
        return SY_OK;
    }
    sy_status status = SY_OK;
    pthread_mutex_lock(&t->lock);
    if (fault->kind == PARTY_FAULT_DIE) {
        self->gone = true;
        wake_all(t);
        status = syi_fail(err, SY_ECANCELED, "killed");
    }
    self->stalled = fault->kind == PARTY_FAULT_STALL;
    while (self->stalled && t->failure.status == SY_OK) {
        const struct timespec moment = {.tv_nsec = 1000000};
        pthread_mutex_unlock(&t->lock);
        nanosleep(&moment, NULL);
        pthread_mutex_lock(&t->lock);
    }
    if (fault->kind == PARTY_FAULT_STALL) {
        status = fail(t, SY_OK, err, "");
    }
    pthread_mutex_unlock(&t->lock);
    return status;
}

/* --- the channel ------------------------------------------------------------------------------- */

static member *member_of(syi_channel *channel)
{
    return (member *)(void *)channel;
}

static sy_status channel_send(syi_channel *channel, const void *bytes, size_t size, sy_error *err)
{
    static const syi_item none = {0, 0};
    member *self = member_of(channel);
    party_threads *t = self->threads;
    uint8_t *longer = NULL;
    size_t faulty = size;
    SY_TRY(inject(self, channel->index, &faulty, err));
    if (t->options.keep) {
        keep(&t->sent[channel->index], bytes, size);
    }
    if (faulty > size) {
        longer = calloc(1, faulty);
        memcpy(longer, bytes, size);
    }
    sy_status status = SY_OK;
    for (int to = 0; to < channel->holders && status == SY_OK; to++) {
        if (to != channel->index) {
            status =
                put(t, channel->index, to, &none, longer != NULL ? longer : bytes, faulty, err);
        }
    }
    free(longer);
    return status;
}

static sy_status channel_report(syi_channel *channel, const syi_item *item, const void *bytes,
                                size_t size, sy_error *err)
{
    member *self = member_of(channel);
    party_threads *t = self->threads;
    uint8_t *longer = NULL;
    size_t faulty = size;
    SY_TRY(inject(self, channel->index, &faulty, err));
    if (t->options.keep) {
        keep(&t->reported[channel->index], bytes, size);
    }
    if (faulty > size) {
        longer = calloc(1, faulty);
        memcpy(longer, bytes, size);
    }
    const sy_status status = put(t, channel->index, PARTY_THREADS_MAX, item,
                                 longer != NULL ? longer : bytes, faulty, err);
    free(longer);
    return status;
}

static sy_status channel_receive(syi_channel *channel, int from, void **bytes, size_t size,
                                 sy_error *err)
{
    return get(member_of(channel)->threads, channel->index, from, NULL, bytes, size, err);
}

static sy_status channel_dealt(syi_channel *channel, const syi_item *item, void **bytes,
                               size_t size, sy_error *err)
{
    party_threads *t = member_of(channel)->threads;
    SY_TRY(get(t, channel->index, PARTY_THREADS_MAX, item, bytes, size, err));
    if (t->options.keep) {
        keep(&t->dealt[channel->index], *bytes, size);
    }
    return SY_OK;
}

/* The first holder that asks hands the demand to the provider; the others must ask for the same. */
static sy_status hand_over(party_threads *t, member *self, const syi_buffer *bytes, sy_error *err)
{
    const size_t number = self->demands++;
    sy_status status = SY_OK;
    pthread_mutex_lock(&t->lock);
    if (number >= PARTY_DEMANDS_MAX) {
        status = fail(t, SY_ELIMIT, err, "too many demands for this test");
    } else if (number == t->demands_asked) {
        t->asked[number] = malloc(bytes->length);
        memcpy(t->asked[number], bytes->data, bytes->length);
        t->asked_sizes[number] = bytes->length;
        t->demands_asked++;
        pthread_cond_signal(&t->members[PARTY_THREADS_MAX].wake);
    } else if (t->asked_sizes[number] != bytes->length ||
               memcmp(t->asked[number], bytes->data, bytes->length) != 0) {
        char name[32], text[128];
        snprintf(text, sizeof text, "%s demands other material than the others",
                 name_of(self->channel.index, name));
        status = fail(t, SY_EPROTO, err, text);
    }
    pthread_mutex_unlock(&t->lock);
    return status;
}

static sy_status channel_demand(syi_channel *channel, syi_demand *demand, sy_error *err)
{
    member *self = member_of(channel);
    party_threads *t = self->threads;
    syi_buffer bytes;
    if (t->options.made_ahead && !syi_material_is_interactive(demand->kind)) {
        const syi_item item = {SYI_ITEM_AHEAD + t->options.sequence, (uint32_t)self->demands};
        syi_demand_rename(demand, &item);
    }
    if (t->options.keep && channel->index == 0 && self->demands < PARTY_DEMANDS_MAX) {
        t->demands[self->demands] = (party_demand){*demand, t->sent[0].size};
    }
    syi_buffer_init(&bytes, t->context, SYI_DEMAND_BYTES);
    syi_demand_write(demand, &bytes);
    sy_status status = syi_buffer_check(&bytes, "demand", err);
    if (status == SY_OK) {
        status = hand_over(t, self, &bytes, err);
    }
    syi_buffer_fini(&bytes);
    return status;
}

static bool channel_ready(syi_channel *channel, int from)
{
    party_threads *t = member_of(channel)->threads;
    pthread_mutex_lock(&t->lock);
    const bool ready = t->links[from][channel->index].first != NULL;
    pthread_mutex_unlock(&t->lock);
    return ready;
}

static const syi_channel_class channel_class = {channel_send,   channel_receive, channel_dealt,
                                                channel_demand, channel_ready,   channel_report};

/* --- parties ----------------------------------------------------------------------------------- */

static void leave(party_threads *t, int party, sy_status status, const sy_error *err)
{
    pthread_mutex_lock(&t->lock);
    t->results[party].status = status;
    if (status != SY_OK && !t->members[party].gone) {
        char name[32], text[SY_ERROR_MESSAGE_SIZE];
        snprintf(text, sizeof text, "%s: %.400s", name_of(party, name), err->message);
        (void)fail(t, status, NULL, text);
    }
    t->members[party].gone = true;
    wake_all(t);
    pthread_mutex_unlock(&t->lock);
}

static void *holder_main(void *argument)
{
    member *self = argument;
    party_threads *t = self->threads;
    const int index = self->channel.index;
    syi_party party = {.context = t->context,
                       .channel = &self->channel,
                       .material = &t->materials[index],
                       .sequence = t->options.sequence,
                       .check_range = t->options.check_range};
    party_result *result = &t->results[index];
    const sy_status status = t->program(&party, t->user, &result->err);
    leave(t, index, status, &result->err);
    result->cost = self->channel.cost;
    return NULL;
}

static sy_status give(void *user, int holder, const syi_item *item, const void *bytes, size_t size,
                      sy_error *err)
{
    party_threads *t = user;
    size_t faulty = size;
    SY_TRY(inject(&t->members[PARTY_THREADS_MAX], PARTY_THREADS_MAX, &faulty, err));
    uint8_t *other = NULL;
    if (faulty > size) {
        other = calloc(1, faulty);
        memcpy(other, bytes, size);
    }
    const sy_status status =
        put(t, PARTY_THREADS_MAX, holder, item, other != NULL ? other : bytes, faulty, err);
    free(other);
    return status;
}

static sy_status hear(void *user, int holder, const syi_item *item, void **bytes, size_t size,
                      sy_error *err)
{
    return get(user, PARTY_THREADS_MAX, holder, item, bytes, size, err);
}

/* The next demand; NULL when there will be none. */
static const uint8_t *next_demand(party_threads *t, size_t *size)
{
    const uint8_t *bytes = NULL;
    pthread_mutex_lock(&t->lock);
    while (bytes == NULL && t->failure.status == SY_OK) {
        int running = 0;
        for (int k = 0; k < t->options.holders; k++) {
            running += t->members[k].gone ? 0 : 1;
        }
        if (t->demands_dealt < t->demands_asked) {
            *size = t->asked_sizes[t->demands_dealt];
            bytes = t->asked[t->demands_dealt++];
        } else if (running == 0) {
            break;
        } else {
            pthread_cond_wait(&t->members[PARTY_THREADS_MAX].wake, &t->lock);
        }
    }
    pthread_mutex_unlock(&t->lock);
    return bytes;
}

static void *provider_main(void *argument)
{
    party_threads *t = argument;
    sy_error *err = &t->results[PARTY_THREADS_MAX].err;
    sy_status status = SY_OK;
    size_t size = 0;
    for (const uint8_t *bytes; status == SY_OK && (bytes = next_demand(t, &size)) != NULL;) {
        syi_demand demand;
        status = syi_demand_read(&demand, bytes, size, UINT64_C(1) << 32, err);
        if (status == SY_OK) {
            status = syi_deal(&t->dealer, &demand, give, t, err);
        }
    }
    leave(t, PARTY_THREADS_MAX, status, err);
    return NULL;
}

/* --- runs -------------------------------------------------------------------------------------- */

static void clear(party_threads *t)
{
    for (int from = 0; from < PARTIES; from++) {
        member *m = &t->members[from];
        m->channel = (syi_channel){&channel_class, t->options.holders, from, {0}};
        m->threads = t;
        m->messages = 0;
        m->demands = 0;
        m->gone = from != PARTY_THREADS_MAX && from >= t->options.holders;
        m->waits_for = -1;
        m->stalled = false;
        for (int to = 0; to < PARTIES; to++) {
            clear_link(&t->links[from][to]);
        }
        t->results[from] = (party_result){.status = SY_OK};
    }
    for (size_t k = 0; k < t->demands_asked; k++) {
        free(t->asked[k]);
    }
    t->demands_asked = 0;
    t->demands_dealt = 0;
    memset(&t->failure, 0, sizeof t->failure);
    for (int k = 0; k < PARTY_THREADS_MAX; k++) {
        t->sent[k].size = 0;
        t->dealt[k].size = 0;
        t->reported[k].size = 0;
    }
}

static bool all_received(party_threads *t)
{
    for (int from = 0; from < PARTIES; from++) {
        for (int to = 0; to < PARTIES; to++) {
            if (t->links[from][to].first != NULL) {
                char name[32], other[32], text[96];
                snprintf(text, sizeof text, "what %s sent to %s was not received",
                         name_of(from, name), name_of(to, other));
                (void)fail(t, SY_EPROTO, NULL, text);
                return false;
            }
        }
    }
    return true;
}

bool party_threads_run(party_threads *t, party_program program, void *user)
{
    pthread_t threads[PARTIES];
    clear(t);
    t->program = program;
    t->user = user;
    int started = 0;
    bool good = pthread_create(&threads[PARTY_THREADS_MAX], NULL, provider_main, t) == 0;
    for (; good && started < t->options.holders; started++) {
        good = pthread_create(&threads[started], NULL, holder_main, &t->members[started]) == 0;
    }
    if (!good) {
        abort(); /* a test without threads is none */
    }
    for (int k = 0; k < started; k++) {
        pthread_join(threads[k], NULL);
    }
    pthread_join(threads[PARTY_THREADS_MAX], NULL);
    for (int k = 0; k < PARTIES; k++) {
        good = good && t->results[k].status == SY_OK;
    }
    return good && t->failure.status == SY_OK && all_received(t);
}

const party_result *party_threads_result(const party_threads *t, int holder)
{
    return &t->results[holder];
}

const char *party_threads_failure(const party_threads *t)
{
    return t->failure.message;
}

const uint8_t *party_threads_sent(const party_threads *t, int holder, size_t *size)
{
    *size = t->sent[holder].size;
    return t->sent[holder].bytes;
}

const uint8_t *party_threads_dealt(const party_threads *t, int holder, size_t *size)
{
    *size = t->dealt[holder].size;
    return t->dealt[holder].bytes;
}

size_t party_threads_demands(const party_threads *t, const party_demand **demands)
{
    *demands = t->demands;
    return t->members[0].demands;
}

const uint8_t *party_threads_reported(const party_threads *t, int holder, size_t *size)
{
    *size = t->reported[holder].size;
    return t->reported[holder].bytes;
}

const syi_material *party_threads_material(const party_threads *t, int holder)
{
    return &t->materials[holder];
}

sy_status party_threads_mask(const party_threads *t, const syi_field *field, syi_material_kind kind,
                             const syi_item *item, unsigned part, void *words, size_t count,
                             sy_error *err)
{
    uint64_t drawn[256];
    memset(words, 0, count * field->width);
    for (int holder = 0; holder < t->options.holders; holder++) {
        syi_generator stream;
        SY_TRY(syi_material_open(&t->materials[holder], &stream, kind, item, part, err));
        for (size_t at = 0; at < count; at += 256) {
            const size_t n = count - at < 256 ? count - at : 256;
            uint8_t *to = (uint8_t *)words + at * field->width;
            SY_TRY(syi_field_draw(field, &stream, at, drawn, n, err));
            syi_field_add(field, to, to, drawn, n);
        }
        syi_generator_fini(&stream);
    }
    return SY_OK;
}

/* --- birth and death --------------------------------------------------------------------------- */

static void fill_bytes(uint8_t *bytes, size_t size, uint64_t *state)
{
    for (size_t k = 0; k < size; k++) {
        *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        bytes[k] = (uint8_t)(*state >> 56);
    }
}

void party_threads_set(party_threads *t, const party_threads_options *options)
{
    uint64_t state = options->seed;
    t->options = *options;
    t->options.deadline_ms = options->deadline_ms != 0 ? options->deadline_ms : 20000;
    t->options.ahead = options->ahead != 0 ? options->ahead : SYI_CHANNEL_AHEAD;
    t->dealer.context = t->context;
    t->dealer.holders = options->holders;
    t->dealer.hear = hear;
    fill_bytes(t->dealer.session, sizeof t->dealer.session, &state);
    for (int k = 0; k < options->holders; k++) {
        syi_material *m = &t->materials[k];
        fill_bytes(t->dealer.seeds[k], SYI_SEED_SIZE, &state);
        m->context = t->context;
        m->holders = options->holders;
        m->index = k;
        memcpy(m->session, t->dealer.session, sizeof m->session);
        memcpy(m->seed, t->dealer.seeds[k], sizeof m->seed);
        if (options->mark_secret != NULL) {
            options->mark_secret(m->seed, sizeof m->seed);
            options->mark_secret(t->dealer.seeds[k], SYI_SEED_SIZE);
        }
    }
}

party_threads *party_threads_new(sy_context *context, const party_threads_options *options)
{
    party_threads *t = calloc(1, sizeof *t);
    pthread_condattr_t monotonic;
    if (t == NULL) {
        return NULL;
    }
    t->demands = calloc(PARTY_DEMANDS_MAX, sizeof *t->demands);
    t->context = context;
    pthread_mutex_init(&t->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    for (int k = 0; k < PARTIES; k++) {
        pthread_cond_init(&t->members[k].wake, &monotonic);
    }
    pthread_condattr_destroy(&monotonic);
    party_threads_set(t, options);
    clear(t);
    return t;
}

void party_threads_free(party_threads *t)
{
    if (t == NULL) {
        return;
    }
    clear(t);
    for (int k = 0; k < PARTIES; k++) {
        pthread_cond_destroy(&t->members[k].wake);
        for (int to = 0; to < PARTIES; to++) {
            free_messages(t->links[k][to].spare);
        }
    }
    for (int k = 0; k < PARTY_THREADS_MAX; k++) {
        free(t->sent[k].bytes);
        free(t->dealt[k].bytes);
        free(t->reported[k].bytes);
    }
    pthread_mutex_destroy(&t->lock);
    free(t->demands);
    free(t);
}
