/* custom.c - connections over a class from outside. Test: tests/integration/custom_worker.c. */
#include "transport/custom/custom.h"

#include <pthread.h>
#include <stdio.h>
#include <time.h>

#include "core/error.h"
#include "core/memory.h"
#include "core/surroundings.h"
#include "core/utf8.h"
#include "transport/transport_class.h"

#define KEPT_BYTES ((size_t)65536)

/* --- answers ----------------------------------------------------------------------------------- */

sy_status sy_answer_new(sy_context *context, sy_answer **answer, sy_error *err)
{
    *answer = syi_alloc(context, sizeof **answer);
    if (*answer == NULL) {
        return SYI_ENOMEM(err, "sy_answer");
    }
    syi_buffer_init(&(*answer)->bytes, context, SIZE_MAX);
    return SY_OK;
}

void sy_answer_free(sy_answer *answer)
{
    if (answer != NULL) {
        sy_context *context = answer->bytes.context;
        syi_buffer_fini(&answer->bytes);
        syi_free(context, answer, sizeof *answer);
    }
}

sy_status sy_answer_append(sy_answer *answer, const void *bytes, size_t length, sy_error *err)
{
    const size_t before = answer->bytes.length;
    syi_buffer_append(&answer->bytes, bytes, length);
    const sy_status status = syi_buffer_check(&answer->bytes, "sy_answer", err);
    if (status != SY_OK) {
        syi_buffer_clear(&answer->bytes);
        (void)syi_buffer_extend(&answer->bytes, before); /* it is there already */
    }
    return status;
}

const void *sy_answer_get_bytes(const sy_answer *answer, size_t *length)
{
    *length = answer->bytes.length;
    return answer->bytes.data;
}

/* --- connections ------------------------------------------------------------------------------- */

typedef struct arrived {
    struct arrived *next;
    syi_message message;
} arrived;

typedef struct custom_connection {
    syi_connection base; /* first */
    const syi_custom_way *way;
    /* the sending thread's */
    syi_buffer outgoing;
    sy_answer answer;
    syi_frame_reader *reader;

    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t changed;
    bool dead;
    char sentence[SY_ERROR_MESSAGE_SIZE];
    arrived *first, *last;
    sy_status kept; /* of the frames of the answer under way */
} custom_connection;

static void die(custom_connection *c, const char *sentence)
{
    pthread_mutex_lock(&c->lock);
    if (!c->dead) {
        c->dead = true;
        syi_utf8_store(c->sentence, sizeof c->sentence, sentence);
        pthread_cond_broadcast(&c->changed);
    }
    pthread_mutex_unlock(&c->lock);
}

/* Under the lock. */
static sy_status fail_closed(const custom_connection *c, sy_error *err)
{
    return syi_fail_object(err, SY_ECLOSED, c->base.url, "%s: the connection is closed: %s",
                           c->base.url, c->sentence);
}

void syi_custom_append(syi_buffer *bytes, const syi_message *message)
{
    uint8_t *head = syi_buffer_extend(bytes, syi_frame_head_size(message));
    if (head != NULL) {
        syi_frame_put_head(message, head);
    }
    syi_buffer_append(bytes, message->body.data, message->body.length);
    for (uint32_t k = 0; k < message->segment_count; k++) {
        syi_buffer_append(bytes, message->segments[k].data, (size_t)message->segments[k].length);
    }
}

/* Into the inbox; the reader goes on with fresh memory. */
static void keep(void *user, syi_message *message)
{
    custom_connection *c = user;
    arrived *a = syi_alloc(c->base.context, sizeof *a);
    if (a == NULL) {
        c->kept = SY_ENOMEM;
        return;
    }
    syi_message_init(&a->message, c->base.context, SIZE_MAX);
    syi_traffic_add(&c->base.traffic.frames_received, 1);
    syi_message_move(&a->message, message);
    pthread_mutex_lock(&c->lock);
    if (c->last != NULL) {
        c->last->next = a;
    } else {
        c->first = a;
    }
    c->last = a;
    pthread_cond_broadcast(&c->changed);
    pthread_mutex_unlock(&c->lock);
}

static sy_status read_answer(custom_connection *c, sy_error *err)
{
    const syi_buffer *bytes = &c->answer.bytes;
    c->kept = SY_OK;
    syi_traffic_add(&c->base.traffic.bytes_received, bytes->length);
    SY_TRY(syi_frame_reader_feed(c->reader, bytes->data, bytes->length, keep, c, err));
    if (c->kept != SY_OK) {
        return SYI_ENOMEM(err, "answer");
    }
    if (!syi_frame_reader_is_idle(c->reader)) {
        return syi_fail(err, SY_EPROTO, "the answer ends in the middle of a frame");
    }
    return SY_OK;
}

/* Milliseconds until the deadline, at least one; 0: none. SY_ETIMEDOUT when it has passed. */
static sy_status time_left(const custom_connection *c, uint64_t deadline, uint32_t *timeout_ms,
                           sy_error *err)
{
    *timeout_ms = 0;
    if (deadline == 0) {
        return SY_OK;
    }
    const uint64_t now = syi_clock_now(c->base.context);
    if (now >= deadline) {
        return syi_fail_object(err, SY_ETIMEDOUT, c->base.url,
                               "%s: the deadline passed before the message was sent", c->base.url);
    }
    const uint64_t left = (deadline - now) / 1000000u + 1;
    *timeout_ms = left < UINT32_MAX ? (uint32_t)left : UINT32_MAX;
    return SY_OK;
}

/* An idle connection keeps no large message. */
static void trim(syi_buffer *bytes)
{
    if (bytes->capacity > KEPT_BYTES) {
        syi_buffer_fini(bytes);
    }
}

static sy_status custom_send(syi_connection *base, const syi_message *const *messages, size_t count,
                             uint64_t deadline, sy_error *err)
{
    custom_connection *c = (custom_connection *)base;
    uint32_t timeout_ms;
    pthread_mutex_lock(&c->lock);
    const sy_status dead = c->dead ? fail_closed(c, err) : SY_OK;
    pthread_mutex_unlock(&c->lock);
    SY_TRY(dead);
    SY_TRY(time_left(c, deadline, &timeout_ms, err));
    syi_buffer_clear(&c->outgoing);
    syi_buffer_clear(&c->answer.bytes);
    for (size_t k = 0; k < count; k++) {
        SY_TRY(syi_frame_check(messages[k], err));
        syi_custom_append(&c->outgoing, messages[k]);
    }
    SY_TRY(syi_buffer_check(&c->outgoing, "message", err)); /* nothing was sent */
    sy_error why = SY_ERROR_INIT;
    sy_status status = c->way->klass.send_msg(c->way->user, c->outgoing.data, c->outgoing.length,
                                              timeout_ms, &c->answer, &why);
    if (status == SY_OK) {
        syi_traffic_add(&c->base.traffic.frames_sent, count);
        syi_traffic_add(&c->base.traffic.bytes_sent, c->outgoing.length);
        status = read_answer(c, &why);
    }
    trim(&c->outgoing);
    trim(&c->answer.bytes);
    if (status != SY_OK) {
        char sentence[SY_ERROR_MESSAGE_SIZE];
        snprintf(sentence, sizeof sentence, "%.400s",
                 why.message[0] != '\0' ? why.message : "send_msg failed and did not say why");
        die(c, sentence);
        syi_fail_object(err, status == SY_ETIMEDOUT || status == SY_EPROTO ? status : SY_ECLOSED,
                        c->base.url, "%s: %s", c->base.url, sentence);
        return status == SY_ETIMEDOUT || status == SY_EPROTO ? status : SY_ECLOSED;
    }
    return SY_OK;
}

/* Under the lock. false when the deadline has passed. */
static bool sleep_until(custom_connection *c, uint64_t deadline)
{
    if (deadline == 0) {
        pthread_cond_wait(&c->changed, &c->lock);
        return true;
    }
    const uint64_t now = syi_clock_now(c->base.context);
    if (now >= deadline) {
        return false;
    }
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    const uint64_t at =
        (uint64_t)until.tv_sec * UINT64_C(1000000000) + (uint64_t)until.tv_nsec + (deadline - now);
    until.tv_sec = (time_t)(at / UINT64_C(1000000000));
    until.tv_nsec = (long)(at % UINT64_C(1000000000));
    pthread_cond_timedwait(&c->changed, &c->lock, &until);
    return true;
}

static sy_status custom_receive(syi_connection *base, syi_message *message, uint64_t deadline,
                                sy_error *err)
{
    custom_connection *c = (custom_connection *)base;
    sy_status status = SY_OK;
    pthread_mutex_lock(&c->lock);
    while (status == SY_OK && c->first == NULL) {
        if (c->dead) {
            status = fail_closed(c, err);
        } else if (!sleep_until(c, deadline)) {
            status = syi_fail_object(err, SY_ETIMEDOUT, c->base.url,
                                     "%s: no answer came before the deadline", c->base.url);
        }
    }
    arrived *a = c->first;
    if (status == SY_OK) {
        c->first = a->next;
        c->last = c->first == NULL ? NULL : c->last;
    }
    pthread_mutex_unlock(&c->lock);
    SY_TRY(status);
    syi_message_clear(message);
    syi_message_take(message, &a->message);
    syi_message_fini(&a->message);
    syi_free(base->context, a, sizeof *a);
    return SY_OK;
}

static bool custom_is_open(syi_connection *base)
{
    custom_connection *c = (custom_connection *)base;
    pthread_mutex_lock(&c->lock);
    const bool open = !c->dead;
    pthread_mutex_unlock(&c->lock);
    return open;
}

static void custom_shut(syi_connection *base)
{
    die((custom_connection *)base, "the client closed it");
}

static void custom_close(syi_connection *base)
{
    custom_connection *c = (custom_connection *)base;
    while (c->first != NULL) {
        arrived *next = c->first->next;
        syi_message_fini(&c->first->message);
        syi_free(base->context, c->first, sizeof *c->first);
        c->first = next;
    }
    syi_frame_reader_free(c->reader);
    syi_buffer_fini(&c->outgoing);
    syi_buffer_fini(&c->answer.bytes);
    pthread_cond_destroy(&c->changed);
    pthread_mutex_destroy(&c->lock);
    syi_free(base->context, c, sizeof *c);
}

static const syi_connection_class custom_class = {
    .send = custom_send,
    .receive = custom_receive,
    .is_open = custom_is_open,
    .shut = custom_shut,
    .close = custom_close,
};

sy_status syi_custom_connect(sy_context *context, syi_connection **connection,
                             const syi_custom_way *way, const syi_connect_options *options,
                             sy_error *err)
{
    custom_connection *c = syi_alloc(context, sizeof *c);
    *connection = NULL;
    if (c == NULL) {
        return SYI_ENOMEM(err, way->name);
    }
    const sy_status status =
        syi_frame_reader_new(context, &c->reader, &options->limits, options->account, err);
    if (status != SY_OK) {
        syi_free(context, c, sizeof *c);
        return status;
    }
    c->base.klass = &custom_class;
    c->base.context = context;
    snprintf(c->base.url, sizeof c->base.url, "%s", way->name);
    c->way = way;
    syi_buffer_init(&c->outgoing, context, SIZE_MAX);
    syi_buffer_init(&c->answer.bytes, context, SIZE_MAX);
    pthread_mutex_init(&c->lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&c->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    *connection = &c->base;
    return SY_OK;
}
