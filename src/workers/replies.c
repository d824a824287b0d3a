#include "workers/replies.h"

#include <string.h>

#include "core/error.h"

#define SMALL 64      /* bytes of a body that lie in the entry itself */
#define SPARE_MAX 16u /* entries kept for the next requests */

struct syi_kept_reply {
    syi_kept_reply *next, *previous;
    uint64_t sequence, id, trace;
    uint16_t kind;
    bool done;
    bool kept;
    uint32_t size;  /* of the body */
    uint8_t *large; /* NULL: in `small` */
    syi_segment *segments;
    uint32_t segment_count;
    uint64_t bytes;
    uint8_t small[SMALL];
};

void syi_replies_init(syi_replies *replies, sy_context *context)
{
    *replies = (syi_replies){.context = context};
}

/* Gives back what it holds; it is as new then. */
static void empty(sy_context *context, syi_kept_reply *entry)
{
    for (uint32_t k = 0; k < entry->segment_count; k++) {
        syi_storage_unref(entry->segments[k].storage);
    }
    syi_free(context, entry->segments, entry->segment_count * sizeof *entry->segments);
    syi_free(context, entry->large, entry->size);
    entry->segments = NULL;
    entry->segment_count = 0;
    entry->large = NULL;
    entry->size = 0;
}

void syi_replies_free(sy_context *context, syi_kept_reply *dropped)
{
    while (dropped != NULL) {
        syi_kept_reply *next = dropped->next;
        empty(context, dropped);
        syi_free(context, dropped, sizeof *dropped);
        dropped = next;
    }
}

void syi_replies_fini(syi_replies *replies)
{
    syi_replies_free(replies->context, replies->first);
    syi_replies_free(replies->context, replies->spare);
    *replies = (syi_replies){.context = replies->context};
}

/* Unlinks; what is small enough is used again, the rest goes to the list. */
static void drop(syi_replies *replies, syi_kept_reply *entry, syi_kept_reply **dropped)
{
    if (entry->previous != NULL) {
        entry->previous->next = entry->next;
    } else {
        replies->first = entry->next;
    }
    if (entry->next != NULL) {
        entry->next->previous = entry->previous;
    } else {
        replies->last = entry->previous;
    }
    replies->count--;
    replies->bytes -= entry->bytes;
    replies->copied -= entry->size;
    if (entry->large == NULL && entry->segments == NULL && replies->spare_count < SPARE_MAX) {
        entry->next = replies->spare;
        replies->spare = entry;
        replies->spare_count++;
        return;
    }
    entry->next = *dropped;
    *dropped = entry;
}

void syi_replies_seen(syi_replies *replies, uint64_t sequence, syi_kept_reply **dropped)
{
    for (syi_kept_reply *entry = replies->first, *next;
         entry != NULL && entry->sequence <= sequence; entry = next) {
        next = entry->next;
        if (entry->done) {
            drop(replies, entry, dropped);
        }
    }
}

syi_kept_reply *syi_replies_begin(syi_replies *replies, uint64_t sequence, uint32_t window,
                                  syi_kept_reply **dropped)
{
    if (window != SYI_WINDOW_UNSAID && window < sequence) {
        syi_replies_seen(replies, sequence - window, dropped);
    }
    syi_kept_reply *entry = replies->spare;
    if (entry != NULL) {
        replies->spare = entry->next;
        replies->spare_count--;
    } else {
        entry = syi_alloc(replies->context, sizeof *entry);
        if (entry == NULL) {
            return NULL;
        }
    }
    entry->sequence = sequence;
    entry->done = false;
    entry->kept = false;
    entry->bytes = 0;
    entry->size = 0;
    entry->next = NULL;
    entry->previous = replies->last;
    if (replies->last != NULL) {
        replies->last->next = entry;
    } else {
        replies->first = entry;
    }
    replies->last = entry;
    replies->open++;
    return entry;
}

void syi_replies_cancel(syi_replies *replies, syi_kept_reply *entry, syi_kept_reply **dropped)
{
    replies->open--;
    replies->count++;
    drop(replies, entry, dropped);
}

static bool copy_segments(sy_context *context, syi_kept_reply *entry, const syi_message *reply)
{
    const uint32_t count = reply->segment_count;
    if (count == 0) {
        return true;
    }
    syi_segment *segments = syi_alloc_array(context, count, sizeof *segments);
    if (segments == NULL) {
        return false;
    }
    for (uint32_t k = 0; k < count; k++) {
        segments[k] = reply->segments[k];
        syi_storage_ref(segments[k].storage);
    }
    entry->segments = segments;
    entry->segment_count = count;
    return true;
}

static bool copy_body(sy_context *context, syi_kept_reply *entry, const syi_message *reply)
{
    const size_t size = reply->body.length;
    uint8_t *place = entry->small;
    if (size > SMALL) {
        place = syi_alloc_aligned(context, size, 16);
        if (place == NULL) {
            return false;
        }
        entry->large = place;
    }
    if (size > 0) {
        memcpy(place, reply->body.data, size);
    }
    entry->size = (uint32_t)size;
    return true;
}

/* Answers without an owner of their bytes are sent at once or not at all. */
static bool can_be_kept(const syi_message *reply, uint64_t *bytes)
{
    *bytes = 0;
    for (uint32_t k = 0; k < reply->segment_count; k++) {
        if (reply->segments[k].storage == NULL) {
            return false;
        }
        *bytes += reply->segments[k].length;
    }
    return reply->body.length <= SYI_REPLIES_BODY_MAX;
}

/* The oldest go, not `newest`; for their segments those behind which there are `bytes_max` bytes of others. */
static void make_room(syi_replies *replies, const syi_kept_reply *newest, uint64_t bytes_max,
                      syi_kept_reply **dropped)
{
    for (syi_kept_reply *old = replies->first, *next; old != NULL; old = next) {
        next = old->next;
        const bool many =
            replies->count > SYI_REPLIES_MAX || replies->copied > SYI_REPLIES_COPIED_MAX;
        if (!many && replies->bytes < bytes_max) {
            return;
        }
        const bool heavy = old->bytes != 0 && replies->bytes - old->bytes >= bytes_max;
        if (old->done && old != newest && (many || heavy)) {
            drop(replies, old, dropped);
        }
    }
}

bool syi_replies_keep(syi_replies *replies, syi_kept_reply *entry, const syi_message *reply,
                      uint64_t queued, syi_kept_reply **dropped)
{
    uint64_t bytes = 0;
    entry->id = reply->id;
    entry->trace = reply->trace;
    entry->kind = reply->kind;
    entry->done = true;
    replies->open--;
    replies->count++;
    entry->kept = can_be_kept(reply, &bytes) && copy_body(replies->context, entry, reply) &&
                  copy_segments(replies->context, entry, reply);
    if (entry->kept) {
        entry->bytes = bytes;
        replies->bytes += bytes;
        replies->copied += entry->size;
    } else {
        empty(replies->context, entry);
    }
    const bool kept = entry->kept;
    make_room(replies, entry, SYI_REPLIES_BYTES_MAX + queued, dropped);
    return kept;
}

syi_recall syi_replies_recall(const syi_replies *replies, uint64_t sequence, syi_message *reply)
{
    const syi_kept_reply *entry = replies->first;
    while (entry != NULL && entry->sequence != sequence) {
        entry = entry->next;
    }
    if (entry == NULL || (entry->done && !entry->kept)) {
        return SYI_RECALL_GONE;
    }
    if (!entry->done) {
        return SYI_RECALL_RUNNING;
    }
    reply->kind = entry->kind;
    reply->id = entry->id;
    reply->trace = entry->trace;
    syi_buffer_append(&reply->body, entry->large != NULL ? entry->large : entry->small,
                      entry->size);
    sy_status status = syi_buffer_check(&reply->body, "answer", NULL);
    for (uint32_t k = 0; k < entry->segment_count && status == SY_OK; k++) {
        const syi_segment *s = &entry->segments[k];
        status = syi_message_add_segment(reply, s->storage, (size_t)(s->data - s->storage->data),
                                         (size_t)s->length, s->flags, NULL);
    }
    return status == SY_OK ? SYI_RECALL_ANSWER : SYI_RECALL_LATER;
}
