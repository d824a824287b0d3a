#include "interpreters/sharing/hearing.h"

#include <errno.h>
#include <time.h>

#include "core/error.h"
#include "interpreters/sharing/letters.h"

#define SLICE_NS UINT64_C(500000000) /* ask whether a silent holder lives */
#define PROBE_NS UINT64_C(5000000000)
#define PATIENCE_NS UINT64_C(60000000000)
#define MARGIN_NS UINT64_C(1000000000) /* before the others' deadline */

static sy_context *context_of(const syi_sharing_hearing *h)
{
    return h->provider->hook->context;
}

void syi_sharing_hearing_init(syi_sharing_hearing *h, sy_worker *provider,
                              sy_worker *const *workers, const uint8_t *session, int holders)
{
    pthread_condattr_t monotonic;
    h->provider = provider;
    h->workers = workers;
    h->session = session;
    h->holders = holders;
    pthread_mutex_init(&h->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&h->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

/* Lock held: takes it out of the list; `at` is where it hangs. */
static syi_letter *take(syi_sharing_hearing *h, syi_letter **at)
{
    syi_letter *letter = *at;
    *at = letter->next;
    letter->next = NULL;
    h->held[letter->party] -= syi_array_bytes(&letter->bytes) + sizeof *letter;
    return letter;
}

void syi_sharing_hearing_fini(syi_sharing_hearing *h)
{
    while (h->letters.first != NULL) {
        syi_letter *letter = take(h, &h->letters.first);
        syi_sharing_drop_letter(context_of(h), &letter);
    }
    for (int k = 0; k < h->holders; k++) {
        syi_sharing_drop_letter(context_of(h), &h->heard[k]);
    }
    pthread_cond_destroy(&h->changed);
    pthread_mutex_destroy(&h->lock);
}

void syi_sharing_hearing_stop(syi_sharing_hearing *h)
{
    pthread_mutex_lock(&h->lock);
    h->stopped = true;
    pthread_cond_broadcast(&h->changed);
    pthread_mutex_unlock(&h->lock);
}

static sy_status is_over(sy_error *err)
{
    return syi_fail(err, SY_ECANCELED, "the sharing session is over");
}

/* Lock held. */
static sy_status put(syi_sharing_hearing *h, int from, const syi_item *item, const syi_array *bytes,
                     bool own, sy_error *err)
{
    const uint64_t size = syi_array_bytes(bytes) + sizeof(syi_letter);
    if (h->stopped) {
        return is_over(err);
    }
    if (size > SYI_SHARING_REPORTED_MAX - h->held[from]) {
        return syi_fail(err, SY_ELIMIT, "%llu bytes of reports wait at provider %s",
                        (unsigned long long)h->held[from], h->provider->name);
    }
    syi_letter *letter = syi_alloc(context_of(h), sizeof *letter);
    if (letter == NULL) {
        return SYI_ENOMEM(err, "letter");
    }
    letter->party = from;
    letter->item = *item;
    letter->own = own;
    syi_array_copy_view(&letter->bytes, bytes);
    syi_letter **end = &h->letters.first;
    while (*end != NULL) {
        end = &(*end)->next;
    }
    *end = letter;
    h->held[from] += size;
    return SY_OK;
}

sy_status syi_sharing_hearing_deliver(syi_sharing_hearing *h, int from, const syi_item *item,
                                      const syi_array *bytes, bool own, uint64_t left_ms,
                                      sy_error *err)
{
    const uint64_t left =
        (left_ms < PATIENCE_NS / 1000000u ? left_ms : PATIENCE_NS / 1000000u) * UINT64_C(1000000);
    pthread_mutex_lock(&h->lock);
    const sy_status status = put(h, from, item, bytes, own, err);
    h->sequence = item->sequence;
    h->until = syi_clock_now(context_of(h)) + left - (left / 4 < MARGIN_NS ? left / 4 : MARGIN_NS);
    pthread_cond_broadcast(&h->changed);
    pthread_mutex_unlock(&h->lock);
    return status;
}

static bool is_before(const syi_item *a, const syi_item *b)
{
    return a->sequence < b->sequence || (a->sequence == b->sequence && a->number < b->number);
}

void syi_sharing_hearing_forget(syi_sharing_hearing *h, const syi_item *before)
{
    pthread_mutex_lock(&h->lock);
    for (syi_letter **at = &h->letters.first; *at != NULL;) {
        if (is_before(&(*at)->item, before)) {
            syi_letter *letter = take(h, at);
            syi_sharing_drop_letter(context_of(h), &letter);
        } else {
            at = &(*at)->next;
        }
    }
    pthread_mutex_unlock(&h->lock);
}

/* Lock held. */
static syi_letter *find(syi_sharing_hearing *h, int holder, const syi_item *item)
{
    syi_letter **at = &h->letters.first;
    while (*at != NULL && ((*at)->party != holder || !syi_item_same(&(*at)->item, item))) {
        at = &(*at)->next;
    }
    return *at != NULL ? take(h, at) : NULL;
}

/* Lock held: until something comes, at most until `deadline` of the context's clock. */
static void wait_until(syi_sharing_hearing *h, uint64_t deadline)
{
    struct timespec until;
    const uint64_t now = syi_clock_now(context_of(h));
    if (now >= deadline) {
        return;
    }
    clock_gettime(CLOCK_MONOTONIC, &until);
    const uint64_t at =
        (uint64_t)until.tv_sec * 1000000000u + (uint64_t)until.tv_nsec + (deadline - now);
    until.tv_sec = (time_t)(at / 1000000000u);
    until.tv_nsec = (long)(at % 1000000000u);
    (void)pthread_cond_timedwait(&h->changed, &h->lock, &until);
}

/* Does it live, and is it still in the session? Why it is not may be on its way: the second time counts. */
static sy_status probe(const syi_sharing_hearing *h, int holder, bool *missed, sy_error *err)
{
    char text[SYI_JOINT_TEXT_SIZE];
    const sy_value name = sy_value_string(syi_joint_format(h->session, text));
    syi_exchange exchange;
    SY_TRY(syi_command_start(h->provider, h->workers[holder], "sharing_alive", &name, 1, NULL,
                             syi_clock_now(context_of(h)) + PROBE_NS, &exchange, err));
    const sy_status status = syi_link_wait(&exchange, err);
    syi_link_end(&exchange);
    if (status == SY_ENOTFOUND && !*missed) {
        *missed = true;
        return SY_OK;
    }
    return status;
}

/* When this holder is given up; lock held. */
static uint64_t deadline_of(const syi_sharing_hearing *h, const syi_item *item, uint64_t patience)
{
    return h->sequence == item->sequence && h->until < patience ? h->until : patience;
}

static sy_status await(syi_sharing_hearing *h, int holder, const syi_item *item,
                       syi_letter **letter, sy_error *err)
{
    const sy_context *context = context_of(h);
    const uint64_t patience = syi_clock_now(context) + PATIENCE_NS;
    uint64_t look = syi_clock_now(context) + SLICE_NS;
    sy_status status = SY_OK;
    bool missed = false;
    pthread_mutex_lock(&h->lock);
    while ((*letter = find(h, holder, item)) == NULL && status == SY_OK) {
        const uint64_t deadline = deadline_of(h, item, patience), now = syi_clock_now(context);
        if (h->stopped) {
            status = is_over(err);
        } else if (now >= deadline) {
            status = syi_fail(err, SY_ETIMEDOUT, "it reported nothing to %s before the deadline",
                              h->provider->name);
        } else if (now >= look) {
            pthread_mutex_unlock(&h->lock);
            status = probe(h, holder, &missed, err);
            look = syi_clock_now(context) + SLICE_NS;
            pthread_mutex_lock(&h->lock);
        } else {
            wait_until(h, look < deadline ? look : deadline);
        }
    }
    pthread_mutex_unlock(&h->lock);
    return *letter != NULL ? SY_OK : status;
}

sy_status syi_sharing_hear(syi_sharing_hearing *h, int holder, const syi_item *item, void **bytes,
                           size_t size, sy_error *err)
{
    syi_letter **place = &h->heard[holder];
    syi_sharing_drop_letter(context_of(h), place);
    sy_status status = h->pushes[holder]
                           ? await(h, holder, item, place, err)
                           : syi_sharing_fetch_letter(
                                 h->provider, h->workers[holder], h->session, h->holders, item,
                                 syi_clock_now(context_of(h)) + PATIENCE_NS, place, err);
    if (status == SY_OK && syi_array_bytes(&(*place)->bytes) != size) {
        status = syi_fail(err, SY_EPROTO, "it reported %zu bytes to %s where %zu are expected",
                          syi_array_bytes(&(*place)->bytes), h->provider->name, size);
    }
    if (status == SY_ECANCELED || status == SY_ENOMEM) {
        return status;
    }
    if (status != SY_OK) {
        return syi_sharing_blame(false, h->workers[holder]->name, status, err);
    }
    SY_TRY(syi_sharing_own_letter(h->provider, *place, err));
    *bytes = syi_array_data(&(*place)->bytes);
    return SY_OK;
}
