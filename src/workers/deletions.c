#include "workers/deletions.h"

#include <string.h>

#include "core/memory.h"

#define ROOM SYI_DELETIONS_MAX /* kept; more comes and goes */
#define UNANSWERED_MAX 16384   /* beyond it the connection is trusted to have delivered them */

/* The memory for `capacity`, keeping what is in it. */
static bool resize(syi_deletion_queue *queue, size_t capacity)
{
    size_t bytes = 0;
    syi_waiting_deletion *items = NULL;
    if (syi_size_mul(capacity, sizeof *items, &bytes)) {
        items = syi_alloc_aligned(queue->context, bytes, 16);
    }
    if (items == NULL) {
        return false;
    }
    if (queue->count > 0) {
        memcpy(items, queue->items, queue->count * sizeof *items);
    }
    syi_free(queue->context, queue->items, queue->capacity * sizeof *items);
    queue->items = items;
    queue->capacity = capacity;
    return true;
}

bool syi_deletion_queue_init(syi_deletion_queue *queue, sy_context *context)
{
    *queue = (syi_deletion_queue){.context = context};
    return resize(queue, ROOM);
}

void syi_deletion_queue_fini(syi_deletion_queue *queue)
{
    syi_free(queue->context, queue->items, queue->capacity * sizeof *queue->items);
    queue->items = NULL;
}

/* Forgets the first `count`, which were sent. */
static void forget(syi_deletion_queue *queue, size_t count)
{
    queue->count -= count;
    queue->sent -= count;
    queue->marked = 0;
    if (queue->count > 0) {
        memmove(queue->items, queue->items + count, queue->count * sizeof *queue->items);
    } else if (queue->capacity > ROOM) {
        (void)resize(queue, ROOM);
    }
}

bool syi_deletion_queue_add(syi_deletion_queue *queue, const sy_id *id, uint64_t generation)
{
    if (queue->count == queue->capacity) {
        if (queue->sent > UNANSWERED_MAX) {
            forget(queue, queue->sent);
        } else if (!resize(queue, queue->capacity * 2)) {
            if (queue->sent == 0) {
                return false;
            }
            forget(queue, queue->sent);
        }
    }
    queue->items[queue->count++] = (syi_waiting_deletion){{*id, generation}, 0};
    return true;
}

size_t syi_deletion_queue_send(syi_deletion_queue *queue, syi_buffer *body, uint64_t frame,
                               uint64_t before)
{
    syi_waiting_deletion *items = queue->items + queue->sent;
    const size_t waiting = syi_deletion_queue_waiting(queue);
    size_t count = 0;
    while (count < waiting && count < SYI_DELETIONS_MAX &&
           (before == 0 || (items[count].frame != 0 && items[count].frame < before))) {
        count++;
    }
    if (count > 0) {
        syi_deletions_begin(body, count);
        for (size_t k = 0; k < count; k++) {
            syi_deletions_add(body, &items[k].what);
            items[k].frame = frame;
        }
        queue->sent += count;
    }
    return count;
}

void syi_deletion_queue_unsend(syi_deletion_queue *queue, size_t count)
{
    for (size_t k = queue->sent - count; k < queue->sent; k++) {
        queue->items[k].frame = 0;
    }
    queue->sent -= count;
    queue->marked = queue->marked < queue->sent ? queue->marked : queue->sent;
}

uint64_t syi_deletion_queue_number(syi_deletion_queue *queue)
{
    const uint64_t number = ++queue->requests;
    if (queue->marked == 0 && queue->sent > 0) {
        queue->marked = queue->sent;
        queue->mark = number;
    }
    return number;
}

void syi_deletion_queue_answered(syi_deletion_queue *queue, uint64_t number)
{
    if (queue->marked > 0 && number >= queue->mark) {
        forget(queue, queue->marked);
    }
}

void syi_deletion_queue_lost(syi_deletion_queue *queue)
{
    queue->sent = 0;
    queue->marked = 0;
}

void syi_deletion_queue_arrived(syi_deletion_queue *queue, uint64_t frames)
{
    size_t count = 0;
    while (count < queue->count && queue->items[count].frame != 0 &&
           queue->items[count].frame <= frames) {
        count++;
    }
    queue->sent = queue->count;
    if (count > 0) {
        forget(queue, count);
    }
    syi_deletion_queue_lost(queue);
}

void syi_deletion_queue_clear(syi_deletion_queue *queue)
{
    queue->sent = queue->count;
    forget(queue, queue->count);
}
