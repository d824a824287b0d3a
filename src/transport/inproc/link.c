/* link.c - the life of a link, and how frames pass through it. */
#include "transport/inproc/link.h"

#include <time.h>

#include "core/surroundings.h"
#include "core/utf8.h"

#define TOGETHER_MAX \
    ((size_t)1024) /* a body that goes through the reader in one piece with its head */

void syi_inproc_listener_unref(syi_inproc_listener *listener)
{
    if (listener != NULL &&
        atomic_fetch_sub_explicit(&listener->refs, 1, memory_order_acq_rel) == 1) {
        pthread_mutex_destroy(&listener->lock);
        syi_free(listener->base.context, listener, sizeof *listener);
    }
}

static void free_inbox(syi_inproc_link *l)
{
    for (size_t i = 0; i < l->inbox_capacity; i++) {
        syi_message_fini(&l->inbox[i]);
    }
    syi_free(l->connection.context, l->inbox, l->inbox_capacity * sizeof *l->inbox);
}

void syi_inproc_link_drop(syi_inproc_link *l)
{
    if (atomic_fetch_sub_explicit(&l->holders, 1, memory_order_acq_rel) != 1) {
        return;
    }
    syi_frame_reader_free(l->to_server);
    syi_frame_reader_free(l->to_client);
    syi_buffer_fini(&l->server_head);
    syi_buffer_fini(&l->client_head);
    free_inbox(l);
    pthread_cond_destroy(&l->changed);
    pthread_mutex_destroy(&l->lock);
    syi_inproc_listener_unref(l->listener);
    syi_free(l->connection.context, l, sizeof *l);
}

void syi_inproc_leave_listener(syi_inproc_link *l)
{
    syi_inproc_listener *listener = l->listener;
    if (listener == NULL) {
        return;
    }
    pthread_mutex_lock(&listener->lock);
    const bool listed = l->previous != NULL || listener->links == l;
    if (listed) {
        if (l->previous == NULL) {
            listener->links = l->next;
        } else {
            l->previous->next = l->next;
        }
        if (l->next != NULL) {
            l->next->previous = l->previous;
        }
        l->next = NULL;
        l->previous = NULL;
        listener->live--;
    }
    pthread_mutex_unlock(&listener->lock);
    if (listed) {
        syi_inproc_link_drop(l);
    }
}

void syi_inproc_wake(syi_inproc_link *l)
{
    if (l->waiting != 0) {
        pthread_cond_broadcast(&l->changed);
    }
}

void syi_inproc_die(syi_inproc_link *l, sy_status why, const char *sentence)
{
    if (!l->dead) {
        l->dead = true;
        l->why = why;
        syi_utf8_store(l->sentence, sizeof l->sentence, sentence);
        atomic_store_explicit(&l->attention, true, memory_order_release);
        syi_inproc_wake(l);
    }
}

void syi_inproc_tell(syi_inproc_link *l)
{
    if (!l->dead || l->told || l->delivering) {
        return;
    }
    l->told = true;
    if (l->session == NULL) { /* refused by `opened` */
        return;
    }
    l->telling = true;
    pthread_mutex_unlock(&l->lock);
    l->service.closed(l->session, l->why, l->sentence);
    pthread_mutex_lock(&l->lock);
    l->telling = false;
    syi_inproc_wake(l);
}

bool syi_inproc_sleep_until(syi_inproc_link *l, uint64_t deadline)
{
    if (deadline == 0) {
        l->waiting++;
        pthread_cond_wait(&l->changed, &l->lock);
        l->waiting--;
        return true;
    }
    const uint64_t now = syi_clock_now(l->connection.context);
    if (now >= deadline) {
        return false;
    }
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    const uint64_t at =
        (uint64_t)until.tv_sec * UINT64_C(1000000000) + (uint64_t)until.tv_nsec + (deadline - now);
    until.tv_sec = (time_t)(at / UINT64_C(1000000000));
    until.tv_nsec = (long)(at % UINT64_C(1000000000));
    l->waiting++;
    pthread_cond_timedwait(&l->changed, &l->lock, &until);
    l->waiting--;
    return true;
}

sy_status syi_inproc_fail_closed(const syi_inproc_link *l, sy_error *err)
{
    return syi_fail_object(err, SY_ECLOSED, l->connection.url, "%s: the connection is closed: %s",
                           l->connection.url, l->sentence);
}

/* --- frames ------------------------------------------------------------------------------------ */

/* The frame's bytes through `reader`; what comes out is whole. The message can travel. */
static sy_status copy_small_frame(syi_frame_reader *reader, const syi_message *message,
                                  sy_error *err)
{
    uint8_t frame[SYI_FRAME_HEADER_SIZE + TOGETHER_MAX];
    const size_t length = message->body.length;
    size_t used;
    bool done;
    syi_frame_put_head(message, frame);
    if (length != 0) {
        memcpy(frame + SYI_FRAME_HEADER_SIZE, message->body.data, length);
    }
    return syi_frame_reader_copy(reader, frame, SYI_FRAME_HEADER_SIZE + length, &used, &done, err);
}

sy_status syi_inproc_copy_frame(syi_frame_reader *reader, const syi_message *message,
                                syi_buffer *head, sy_error *err)
{
    size_t used;
    bool done;
    if (message->segment_count == 0 && message->body.length <= TOGETHER_MAX) {
        return copy_small_frame(reader, message, err);
    }
    SY_TRY(syi_frame_encode_head(message, head, err));
    SY_TRY(syi_frame_reader_copy(reader, head->data, head->length, &used, &done, err));
    SY_TRY(
        syi_frame_reader_copy(reader, message->body.data, message->body.length, &used, &done, err));
    for (uint32_t i = 0; i < message->segment_count; i++) {
        const syi_segment *segment = &message->segments[i];
        SY_TRY(syi_frame_reader_copy(reader, segment->data, (size_t)segment->length, &used, &done,
                                     err));
    }
    return SY_OK;
}
