/*
 * frame.c - hostile bytes to the frame reader: refused, or messages that are written back as the same bytes. Fed
 * whole, and again in portions that the bytes themselves choose: both must see the same.
 */
#include <stdlib.h>
#include <string.h>

#include "transport/frame.h"

enum { LIMIT = 1 << 22 };

/* A broken promise stops the fuzzer. */
static void require(bool promise)
{
    if (!promise) {
        abort();
    }
}

typedef struct seen {
    const uint8_t *data; /* the input, as far as it was frames */
    size_t at;
    size_t messages;
    bool refused; /* one was; what follows is not compared */
} seen;

static void got(void *user, syi_message *message)
{
    seen *s = user;
    sy_context *context = message->body.context;
    s->messages++;
    if (message->refused != SY_OK) {
        require(message->refused == SY_ELIMIT && message->refusal->message[0] != '\0' &&
                message->segment_count == 0);
        s->refused = true;
    }
    if (s->refused) {
        return;
    }
    syi_buffer head;
    syi_buffer_init(&head, context, 1 << 21);
    require(syi_frame_encode_head(message, &head, NULL) == SY_OK);
    require(memcmp(head.data, s->data + s->at, head.length) == 0);
    s->at += head.length;
    if (message->body.length != 0) {
        require(memcmp(message->body.data, s->data + s->at, message->body.length) == 0);
    }
    s->at += message->body.length;
    for (uint32_t i = 0; i < message->segment_count; i++) {
        const syi_segment *segment = &message->segments[i];
        require(segment->storage->size == segment->length);
        if (segment->length != 0) {
            require(memcmp(segment->data, s->data + s->at, (size_t)segment->length) == 0);
        }
        s->at += (size_t)segment->length;
    }
    syi_buffer_fini(&head);
}

static sy_status feed(sy_context *context, syi_account *account, const uint8_t *data, size_t size,
                      bool whole, seen *s)
{
    const syi_frame_limits limits = {.body_max = LIMIT, .segments_max = 100, .frame_max = 0};
    syi_frame_reader *reader;
    sy_status status = syi_frame_reader_new(context, &reader, &limits, account, NULL);
    require(status == SY_OK);
    *s = (seen){.data = data};
    for (size_t at = 0; at < size && status == SY_OK;) {
        const size_t wish = whole ? size : 1 + data[at] % 37u;
        const size_t count = wish < size - at ? wish : size - at;
        status = syi_frame_reader_feed(reader, data + at, count, got, s, NULL);
        at += count;
    }
    if (status == SY_OK && !s->refused) {
        require(syi_frame_reader_is_idle(reader) == (s->at == size));
    }
    syi_frame_reader_free(reader);
    require(atomic_load(&account->used) == 0);
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sy_context *context;
    syi_account account;
    seen first;
    seen second;
    if (sy_context_new(&context, NULL, NULL) != SY_OK) {
        return 0;
    }
    syi_account_init(&account, "fuzz", LIMIT, NULL);
    const sy_status status = feed(context, &account, data, size, true, &first);
    require(feed(context, &account, data, size, false, &second) == status);
    require(first.messages == second.messages && first.at == second.at &&
            first.refused == second.refused);
    sy_context_free(context);
    return 0;
}
