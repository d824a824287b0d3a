/*
 * frame.c - hostile bytes to the frame reader: refused, or messages that are written back as the same bytes. Fed
 * whole, and again in portions that the bytes themselves choose: both must see the same. A message with segments is then
 * broken where the bytes say, and goes on in another reader: it is the same, and what is not its rest is refused.
 */
#include <stdlib.h>
#include <string.h>

#include "transport/partial.h"

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

/* --- breaking and going on --- */

typedef struct whole {
    syi_message message; /* the first one with segments */
    bool found;
} whole;

static void find_whole(void *user, syi_message *message)
{
    whole *w = user;
    if (!w->found && message->segment_count != 0 && message->refused == SY_OK) {
        w->found = true;
        syi_message_move(&w->message, message);
    }
}

static void write_frame(const syi_message *message, syi_buffer *out)
{
    require(syi_frame_encode_head(message, out, NULL) == SY_OK);
    syi_buffer_append(out, message->body.data, message->body.length);
    for (uint32_t i = 0; i < message->segment_count; i++) {
        syi_buffer_append(out, message->segments[i].data, (size_t)message->segments[i].length);
    }
    require(out->status == SY_OK);
}

static syi_frame_reader *reader_of(sy_context *context, syi_account *account, syi_partial *partial)
{
    const syi_frame_limits limits = {.body_max = LIMIT, .segments_max = 100, .frame_max = 0};
    syi_frame_reader *reader;
    require(syi_frame_reader_new(context, &reader, &limits, account, NULL) == SY_OK);
    syi_frame_reader_expect(reader, partial);
    return reader;
}

/* What remains of `count` bytes of a frame, behind what another reader had. */
static syi_partial *break_after(sy_context *context, syi_account *account, syi_partial *before,
                                const syi_buffer *frame, size_t count, sy_status *status,
                                whole *came)
{
    syi_frame_reader *reader = reader_of(context, account, before);
    *status = syi_frame_reader_feed(reader, frame->data, count, find_whole, came, NULL);
    syi_partial *partial = syi_frame_reader_part(reader);
    syi_frame_reader_free(reader);
    return partial;
}

static bool is_same(const syi_message *a, const syi_message *b)
{
    bool same = a->kind == b->kind && a->id == b->id && a->body.length == b->body.length &&
                a->segment_count == b->segment_count &&
                (a->body.length == 0 || memcmp(a->body.data, b->body.data, a->body.length) == 0);
    for (uint32_t i = 0; same && i < a->segment_count; i++) {
        const syi_segment *x = &a->segments[i];
        const syi_segment *y = &b->segments[i];
        same = x->length == y->length && x->flags == y->flags &&
               (x->length == 0 || memcmp(x->data, y->data, (size_t)x->length) == 0);
    }
    return same;
}

/* Breaks `of` at two places that `seed` chooses; with `lie`, a bit of the rest's head is another one. */
static void break_twice(sy_context *context, syi_account *account, const syi_message *of,
                        uint32_t seed, bool lie)
{
    whole came = {.found = false};
    syi_message rest;
    syi_buffer frame;
    sy_status status;
    syi_message_init(&came.message, context, LIMIT);
    syi_message_init(&rest, context, 1);
    syi_buffer_init(&frame, context, SIZE_MAX / 2);
    write_frame(of, &frame);
    const size_t cut = seed % frame.length;
    const size_t head = syi_frame_head_size(of) + of->body.length;
    syi_partial *partial = break_after(context, account, NULL, &frame, cut, &status, &came);
    require(status == SY_OK && !came.found && (partial != NULL) == (cut > head));
    for (int turn = 0; partial != NULL && turn < 2; turn++) {
        require(syi_partial_is_of(of, partial->bytes, syi_partial_get_check(partial)));
        syi_message_clear(&rest);
        require(syi_partial_rest(of, partial->bytes, &rest, NULL) == SY_OK);
        write_frame(&rest, &frame);
        if (lie) {
            frame.data[seed / 8 % (syi_frame_head_size(&rest) + 1)] ^= (uint8_t)(1u << seed % 8);
        }
        const size_t more = turn == 1 || lie ? frame.length : seed / 256 % frame.length;
        partial = break_after(context, account, partial, &frame, more, &status, &came);
        require(lie || status == SY_OK);
        turn += lie ? 1 : 0;
    }
    require(lie || cut <= head || (came.found && partial == NULL && is_same(of, &came.message)));
    syi_partial_free(partial);
    syi_buffer_fini(&frame);
    syi_message_fini(&rest);
    syi_message_fini(&came.message);
    require(atomic_load(&account->used) == 0);
}

static void break_and_go_on(sy_context *context, syi_account *account, const uint8_t *data,
                            size_t size)
{
    whole w = {.found = false};
    syi_account beside; /* the message to compare with is not on the same account */
    uint32_t seed = 2166136261u;
    uint64_t bytes = 0;
    syi_account_init(&beside, "beside", LIMIT, NULL);
    syi_message_init(&w.message, context, LIMIT);
    syi_frame_reader *reader = reader_of(context, &beside, NULL);
    (void)syi_frame_reader_feed(reader, data, size, find_whole, &w, NULL);
    syi_frame_reader_free(reader);
    for (size_t k = 0; k < size && k < 200; k++) {
        seed = (seed ^ data[k]) * 16777619u;
    }
    for (uint32_t k = 0; w.found && k < w.message.segment_count; k++) {
        bytes += w.message.segments[k].length;
    }
    for (uint32_t k = 0; w.found && w.message.kind != SYI_FRAME_REST && bytes != 0 && k < 8; k++) {
        break_twice(context, account, &w.message, seed + k * 0x9e3779b9u, k >= 4);
    }
    syi_message_fini(&w.message);
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
    break_and_go_on(context, &account, data, size);
    sy_context_free(context);
    return 0;
}
