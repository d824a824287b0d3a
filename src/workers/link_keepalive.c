/*
 * link_keepalive.c - connections on which nobody waits, or for long: the janitor asks the worker for a sign of life when
 * nothing came for a while, so that what stands between the two does not forget the connection; one that does not
 * answer is broken, and made again while the worker keeps the session. Test: tests/integration/keepalive.c.
 */
#include "workers/janitor.h"
#include "workers/link_state.h"

#define COLLECT_NS UINT64_C(2000000)        /* so long nobody is waited for */
#define LOOK_NS UINT64_C(50000000)          /* from one look for the answer to the next */
#define REVIVE_NS UINT64_C(1000000000)      /* from one attempt to the next, and at most for each */
#define REVIVE_FOR_NS UINT64_C(10000000000) /* then the next request connects */
#define BUSY 32 /* requests in flight: the worker may have stopped reading, and is not to blame */

static uint64_t in_ns(uint32_t milliseconds)
{
    return (uint64_t)milliseconds * 1000000u;
}

/* state_lock held, or sending. */
static bool is_watched(const syi_link *link)
{
    return link->counts && link->target->keepalive_ms != 0;
}

void syi_link_watch(syi_link *link)
{
    if (is_watched(link)) {
        const uint64_t now = syi_clock_now(syi_link_context(link));
        pthread_mutex_lock(&link->state_lock);
        link->quiet_since = now;
        link->pinged = 0;
        pthread_mutex_unlock(&link->state_lock);
        syi_janitor_alive(link->owner->hook, now + in_ns(link->target->keepalive_ms) / 2);
    }
}

/* state_lock held. */
static bool is_busy(const syi_link *link)
{
    unsigned count = 0;
    for (const syi_pending *p = link->flying; p != NULL && count < BUSY; p = p->next) {
        count++;
    }
    return count == BUSY;
}

/* state_lock held: of how many of the last requests the answers are not here. */
static uint32_t window(const syi_link *link)
{
    const syi_pending *oldest = link->flying;
    if (oldest == NULL) {
        return 0;
    }
    const uint64_t open = link->sent - oldest->sequence + 1;
    return oldest->sequence != 0 && open < SYI_WINDOW_UNSAID ? (uint32_t)open : SYI_WINDOW_UNSAID;
}

static void send_ping(syi_link *link, uint64_t now)
{
    syi_message message;
    sy_error ignored = SY_ERROR_INIT;
    syi_message_init(&message, syi_link_context(link), SYI_BODY_MAX);
    message.kind = SYI_KIND_PING;
    message.id = syi_link_next_id(link);
    syi_msgpack_write_nil(&message.body);
    pthread_mutex_lock(&link->state_lock);
    message.flags = window(link) << SYI_FLAGS_WINDOW_SHIFT;
    link->pinged = now;
    pthread_mutex_unlock(&link->state_lock);
    const syi_message *one = &message;
    if (message.body.status == SY_OK) { /* what cannot be sent is not answered, and found dead */
        (void)syi_connection_send(link->connection, &one, 1, now + SYI_LINK_FLUSH_NS, &ignored);
    }
    syi_message_fini(&message);
}

/* When somebody else sends it may be alive: another time. */
static void ask(syi_link *link, uint64_t now)
{
    if (syi_link_try_turn(link)) {
        if (link->connection != NULL) {
            send_ping(link, now);
        }
        syi_link_leave_turn(link);
    }
}

/* The answer has come, perhaps, and nobody else receives. */
static void collect(syi_link *link)
{
    sy_error ignored = SY_ERROR_INIT;
    pthread_mutex_lock(&link->state_lock);
    if (!link->receiving && link->connection != NULL) {
        const uint64_t now = syi_clock_now(syi_link_context(link));
        (void)syi_link_receive_step(link, now + COLLECT_NS, &ignored);
    }
    pthread_mutex_unlock(&link->state_lock);
}

/* The connection is gone, or was found dead. Returns when to try again, 0: not. */
static uint64_t revive(syi_link *link, uint64_t now)
{
    sy_error ignored = SY_ERROR_INIT;
    const uint64_t later = now + REVIVE_NS;
    if (!syi_link_try_turn(link)) {
        return later; /* who waits for an answer makes it again himself */
    }
    if (link->connection != NULL && !syi_connection_is_open(link->connection)) {
        syi_link_broken(link, NULL, SY_OK);
    }
    pthread_mutex_lock(&link->state_lock);
    const bool wanted = link->connection == NULL && link->counts && link->broken_at != 0 &&
                        !link->closing && now < link->broken_at + REVIVE_FOR_NS;
    pthread_mutex_unlock(&link->state_lock);
    if (wanted) {
        const uint64_t until = syi_clock_now(syi_link_context(link)) + REVIVE_NS;
        (void)syi_link_connect(link, until, until, &ignored);
    }
    const bool again = wanted && link->connection == NULL;
    syi_link_leave_turn(link);
    return again ? later : 0; /* a connection is watched anew */
}

static bool is_open(syi_link *link)
{
    if (!syi_link_try_turn(link)) {
        return true; /* who sends will see */
    }
    const bool open = link->connection != NULL && syi_connection_is_open(link->connection);
    syi_link_leave_turn(link);
    return open;
}

uint64_t syi_link_keep_alive(syi_link *link, uint64_t now)
{
    const uint64_t idle = in_ns(link->target->keepalive_ms);
    pthread_mutex_lock(&link->state_lock);
    const bool watched = is_watched(link) && (link->connection != NULL || link->broken_at != 0);
    if (link->frames != link->frames_seen) {
        link->frames_seen = link->frames;
        link->quiet_since = now;
        link->pinged = 0;
    }
    const uint64_t pinged = link->pinged;
    const bool asks = pinged == 0 && now >= link->quiet_since + idle;
    const bool dead =
        pinged != 0 && now >= pinged + in_ns(link->target->ping_timeout_ms) && !is_busy(link);
    if (watched && dead && link->connection != NULL) {
        syi_log(syi_link_context(link), SY_LOG_INFO, "workers", link->target->name, 0,
                "no sign of life; the connection is closed");
        syi_connection_shut(link->connection); /* wakes who receives */
    }
    pthread_mutex_unlock(&link->state_lock);
    if (!watched) {
        return 0;
    }
    if (dead || !is_open(link)) {
        return revive(link, now);
    }
    if (asks) {
        ask(link, now);
    } else if (pinged != 0) {
        collect(link);
    }
    return asks || pinged != 0 ? now + LOOK_NS : now + idle / 2;
}
