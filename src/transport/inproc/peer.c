/* peer.c - the server's end of a link. */
#include <inttypes.h>

#include "transport/inproc/inproc.h"
#include "transport/inproc/link.h"

/* One more slot; the ring is laid out anew from its first message. */
static bool grow_inbox(syi_inproc_link *l)
{
    if (l->inbox_count < l->inbox_capacity) {
        return true;
    }
    const size_t capacity = l->inbox_capacity == 0 ? 1 : l->inbox_capacity * 2;
    syi_message *inbox = syi_alloc_array(l->connection.context, capacity, sizeof *inbox);
    if (inbox == NULL) {
        return false;
    }
    for (size_t i = 0; i < l->inbox_capacity; i++) {
        inbox[i] = l->inbox[(l->inbox_first + i) & (l->inbox_capacity - 1)];
    }
    for (size_t i = l->inbox_capacity; i < capacity; i++) {
        syi_message_init(&inbox[i], l->connection.context, 0);
    }
    syi_free(l->connection.context, l->inbox, l->inbox_capacity * sizeof *l->inbox);
    l->inbox = inbox;
    l->inbox_capacity = capacity;
    l->inbox_first = 0;
    return true;
}

/* Under the lock. */
static sy_status put_in_inbox(syi_inproc_link *l, const syi_message *message, sy_error *err)
{
    if (l->dead) {
        return syi_fail_object(err, SY_ECLOSED, l->peer.address, "%s: the connection is closed: %s",
                               l->peer.address, l->sentence);
    }
    SY_TRY(syi_frame_check(message, err));
    const uint64_t length = syi_frame_length(message);
    const bool over = length > l->send_queue_max || l->inbox_bytes > l->send_queue_max - length;
    if (over && l->inbox_bytes != 0) { /* one may be as large as it likes */
        syi_inproc_die(l, SY_ELIMIT, "it does not read what is sent to it");
        return syi_fail_object(err, SY_ELIMIT, l->peer.address,
                               "%s: %" PRIu64 " bytes wait to be read, %" PRIu64
                               " more pass the limit of %" PRIu64,
                               l->peer.address, l->inbox_bytes, length, l->send_queue_max);
    }
    if (!grow_inbox(l)) {
        return SYI_ENOMEM(err, "inproc inbox");
    }
    const sy_status status = syi_inproc_copy_frame(l->to_client, message, &l->client_head, err);
    if (status != SY_OK) {
        syi_inproc_die(l, status, err != NULL ? err->message : "the reply could not be read");
        return status;
    }
    const size_t at = (l->inbox_first + l->inbox_count) & (l->inbox_capacity - 1);
    syi_frame_reader_take(l->to_client, &l->inbox[at]);
    l->inbox_count++;
    /* As the client will see it: a refused message has lost its segments. */
    l->inbox_bytes += syi_frame_length(&l->inbox[at]);
    syi_traffic_add(&l->peer.traffic.frames_sent, 1);
    syi_traffic_add(&l->peer.traffic.bytes_sent, length);
    syi_inproc_wake(l);
    return SY_OK;
}

static sy_status inproc_peer_send(syi_peer *peer, syi_message *message, sy_error *err)
{
    syi_inproc_link *l = syi_inproc_link_of(peer);
    pthread_mutex_lock(&l->lock);
    const sy_status status = put_in_inbox(l, message, err);
    pthread_mutex_unlock(&l->lock);
    syi_message_clear(message);
    return status;
}

static void inproc_peer_close(syi_peer *peer, uint32_t linger_ms)
{
    (void)linger_ms; /* what was sent stays in the inbox */
    syi_inproc_link *l = syi_inproc_link_of(peer);
    pthread_mutex_lock(&l->lock);
    syi_inproc_die(l, SY_ECLOSED, "the service closed it");
    pthread_mutex_unlock(&l->lock);
}

static void inproc_peer_set_reading(syi_peer *peer, bool reading)
{
    syi_inproc_link *l = syi_inproc_link_of(peer);
    pthread_mutex_lock(&l->lock);
    l->reading = reading;
    atomic_store_explicit(&l->attention, true, memory_order_release);
    syi_inproc_wake(l);
    pthread_mutex_unlock(&l->lock);
}

static void inproc_peer_set_account(syi_peer *peer, syi_account *account)
{
    syi_inproc_link *l = syi_inproc_link_of(peer);
    pthread_mutex_lock(&l->lock);
    l->account = account;
    l->new_account = true;
    atomic_store_explicit(&l->attention, true, memory_order_release);
    pthread_mutex_unlock(&l->lock);
}

static void inproc_peer_set_limits(syi_peer *peer, const syi_frame_limits *limits)
{
    syi_inproc_link *l = syi_inproc_link_of(peer);
    pthread_mutex_lock(&l->lock);
    l->limits = *limits;
    l->new_limits = true;
    atomic_store_explicit(&l->attention, true, memory_order_release);
    pthread_mutex_unlock(&l->lock);
}

static void inproc_peer_free(syi_peer *peer)
{
    syi_inproc_link_drop(syi_inproc_link_of(peer));
}

const syi_peer_class syi_inproc_peer_class = {
    .send = inproc_peer_send,
    .close = inproc_peer_close,
    .set_reading = inproc_peer_set_reading,
    .set_account = inproc_peer_set_account,
    .set_limits = inproc_peer_set_limits,
    .free = inproc_peer_free,
};

void syi_inproc_end_link(syi_inproc_link *l, const char *sentence)
{
    pthread_mutex_lock(&l->lock);
    syi_inproc_die(l, SY_ECLOSED, sentence);
    while (l->delivering || l->telling) {
        syi_inproc_sleep_until(l, 0);
    }
    syi_inproc_tell(l);
    pthread_mutex_unlock(&l->lock);
}

void syi_inproc_peer_end(syi_peer *peer)
{
    syi_inproc_link *l = syi_inproc_link_of(peer);
    syi_inproc_end_link(l, "the service closed it");
    syi_inproc_leave_listener(l);
}
