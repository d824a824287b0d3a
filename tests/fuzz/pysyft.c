/*
 * pysyft.c - hostile bytes to a worker's PySyft dialect. Byte 0: even, the rest is a websocket message as it comes (a
 * text when byte 0 has bit 1); odd, the rest is the MessagePack of one. There is one answer or the connection closes,
 * nothing of the private object leaves, and the worker answers the next client.
 */
#include <stdlib.h>
#include <string.h>

#include "pysyft/server.h"
#include "transport/transport_class.h"
#include "workers/session.h"

enum { SECRET = 421337 };

static void require(bool promise)
{
    if (!promise) {
        abort();
    }
}

typedef struct world {
    sy_context *context;
    sy_hook *hook;
    sy_worker *bob;
    syi_pysyft_gate gate;
} world;

typedef struct peer {
    syi_peer base; /* first */
    unsigned answers;
    bool closing;
    bool leaked;
} peer;

/* SECRET as hex of its little-endian int64. */
static const char secret_hex[] = "d96d060000000000";

static sy_status peer_send(syi_peer *base, syi_message *message, sy_error *err)
{
    peer *p = (peer *)base;
    (void)err;
    p->answers++;
    p->leaked |=
        memmem(message->body.data, message->body.length, secret_hex, sizeof secret_hex - 1) != NULL;
    syi_message_clear(message);
    return SY_OK;
}

static void peer_close(syi_peer *base, uint32_t linger_ms)
{
    (void)linger_ms;
    ((peer *)base)->closing = true;
}

static void set_reading(syi_peer *base, bool reading)
{
    (void)base;
    (void)reading;
}

static void set_account(syi_peer *base, syi_account *account)
{
    (void)base;
    (void)account;
}

static void set_limits(syi_peer *base, const syi_frame_limits *limits)
{
    (void)base;
    (void)limits;
}

static void peer_free(syi_peer *base)
{
    (void)base;
}

static const syi_peer_class peer_class = {
    .send = peer_send,
    .close = peer_close,
    .set_reading = set_reading,
    .set_account = set_account,
    .set_limits = set_limits,
    .free = peer_free,
};

static world *world_get(void)
{
    static world w; /* one worker for all inputs: it must survive them */
    if (w.hook != NULL) {
        return &w;
    }
    sy_context_options context_options = SY_CONTEXT_OPTIONS_INIT;
    sy_hook_options options = SY_HOOK_OPTIONS_INIT;
    sy_tensor *tensor = NULL;
    const int64_t shape[1] = {3};
    const int64_t data[3] = {SECRET, SECRET, SECRET};
    const sy_id id = sy_id_from_int(7);
    context_options.test_seed = 7;
    context_options.memory_limit = 64u << 20;
    options.verbose = false;
    require(sy_context_new(&w.context, &context_options, NULL) == SY_OK);
    require(sy_hook_new(w.context, &w.hook, &options, NULL) == SY_OK);
    require(sy_virtual_worker_new(w.hook, &w.bob, "bob", NULL) == SY_OK);
    sy_worker_set_memory_limit(w.bob, 16u << 20);
    require(sy_tensor_new(w.hook, &tensor, SY_DTYPE_I64, 1, shape, data, NULL) == SY_OK);
    require(sy_tensor_set_id(tensor, &id, NULL) == SY_OK);
    require(sy_worker_publish(w.bob, tensor, true, NULL) == SY_OK);
    sy_tensor_unref(tensor);
    w.gate = (syi_pysyft_gate){.context = w.context,
                               .inner = syi_worker_service(w.bob),
                               .ops = w.hook->ops,
                               .worker = sy_worker_get_id(w.bob),
                               .name = "bob"};
    return &w;
}

static void say(const syi_service *service, void *session, world *w, uint16_t kind,
                const uint8_t *head, size_t head_size, const uint8_t *data, size_t size)
{
    syi_message message;
    syi_message_init(&message, w->context, SYI_PLAIN_MAX);
    message.kind = kind;
    syi_buffer_append(&message.body, head, head_size);
    syi_buffer_append(&message.body, data, size);
    service->received(session, &message);
    syi_message_fini(&message);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t none[1] = {40};
    static const uint8_t count[] = {0x92, 53,  0x92, 0x92, 5,   0x91, 0xc4, 13,  'o',
                                    'b',  'j', 'e',  'c',  't', 's',  '_',  'c', 'o',
                                    'u',  'n', 't',  0x92, 6,   0x93, 0x92, 6,   0x90,
                                    0x92, 0,   0x90, 0x92, 1,   0x90};
    world *w = world_get();
    if (size < 1) {
        return 0;
    }
    const syi_service service = syi_pysyft_service(&w->gate);
    for (int turn = 0; turn < 2; turn++) {
        peer p = {.base = {.klass = &peer_class, .loopback = true, .address = "ws://fuzz"}};
        atomic_init(&p.base.refs, 1);
        void *session = service.opened(service.user, &p.base);
        require(session != NULL);
        if (turn == 1) {
            say(&service, session, w, SYI_PLAIN_TEXT, (const uint8_t *)"b'28c0", 6,
                (const uint8_t *)"'", 1);
            require(p.closing && p.answers == 0); /* none is no message */
        } else if (data[0] & 1) {
            say(&service, session, w, SYI_PLAIN_BINARY, none, 1, data + 1, size - 1);
        } else {
            say(&service, session, w, data[0] & 2 ? SYI_PLAIN_TEXT : SYI_PLAIN_BINARY, none, 0,
                data + 1, size - 1);
        }
        if (turn == 0) {
            /* Short commands are answered at once; what computes longer answers before it is closed. */
            require(p.answers <= 1);
            require(!p.leaked);
            if (p.answers == 1 && !p.closing) {
                say(&service, session, w, SYI_PLAIN_BINARY, none, 1, count, sizeof count);
                require(p.answers == 2 && !p.closing);
            }
        }
        service.closed(session, SY_ECLOSED, "the input is over");
        while (atomic_load(&p.base.refs) != 0) { /* a command of the pool is at work still */
            (void)syi_sessions_expire(w->bob, UINT64_MAX);
        }
    }
    return 0;
}
