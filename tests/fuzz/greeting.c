/*
 * greeting.c - who has not said who it is gets nothing: byte 0 chooses the kind of the first frame (mostly HELLO), byte 1
 * the flags, the rest is its body. The worker knows one token. Whatever came first, the request for its private object
 * that follows is refused, and one for its public object is answered only after a greeting that was accepted; a proper
 * client is served afterwards.
 */
#include <stdlib.h>
#include <string.h>

#include <csyft/caller.h>
#include <csyft/pointer.h>

#include "messaging/control.h"
#include "transport/transport_class.h"
#include "workers/session.h"

#define TOKEN "the-token-of-the-fuzz-target-0123456789"

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
} world;

static void keep(world *w, int64_t number, bool is_private)
{
    const int64_t two = 2;
    const sy_id id = sy_id_from_int(number);
    sy_tensor *tensor = NULL;
    require(sy_tensor_new(w->hook, &tensor, SY_DTYPE_F32, 1, &two, NULL, NULL) == SY_OK);
    require(sy_tensor_set_id(tensor, &id, NULL) == SY_OK);
    require(sy_worker_publish(w->bob, tensor, is_private, NULL) == SY_OK);
    sy_tensor_unref(tensor);
}

static world *world_get(void)
{
    static world w; /* one worker for all inputs: it must survive them */
    if (w.hook == NULL) {
        sy_context_options context_options = SY_CONTEXT_OPTIONS_INIT;
        sy_hook_options options = SY_HOOK_OPTIONS_INIT;
        context_options.test_seed = 7;
        context_options.memory_limit = 64u << 20;
        options.verbose = false;
        require(sy_context_new(&w.context, &context_options, NULL) == SY_OK);
        require(sy_hook_new(w.context, &w.hook, &options, NULL) == SY_OK);
        require(sy_virtual_worker_new(w.hook, &w.bob, "bob", NULL) == SY_OK);
        require(sy_worker_add_token(w.bob, "ann", TOKEN, 0, NULL) == SY_OK);
        keep(&w, 7, true);
        keep(&w, 8, false);
    }
    return &w;
}

/* --- a client as the session sees one: it keeps the kind of the last answer --- */

typedef struct peer {
    syi_peer base; /* first */
    unsigned answers;
    uint16_t said;
    bool closing;
} peer;

static sy_status peer_send(syi_peer *base, syi_message *message, sy_error *err)
{
    peer *p = (peer *)base;
    (void)err;
    p->answers++;
    p->said = message->kind;
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

/* The kind of the answer; 0: none, the connection ends. */
static uint16_t say(world *w, const syi_service *service, void *session, peer *p, uint16_t kind,
                    uint16_t flags, const void *body, size_t size)
{
    if (p->closing) {
        return 0;
    }
    syi_message message;
    const unsigned before = p->answers;
    syi_message_init(&message, w->context, 1u << 24);
    message.kind = kind;
    message.flags = flags;
    message.id = before + 1;
    syi_buffer_append(&message.body, body, size);
    service->received(session, &message);
    syi_message_fini(&message);
    require(p->answers <= before + 1);
    return p->answers > before ? p->said : 0;
}

/* Of the object 7, which is private, and 8, which is not: [id, keep]. */
static bool gets(world *w, const syi_service *service, void *session, peer *p, uint8_t number)
{
    const uint8_t body[] = {0x92, number, 0xc3};
    return say(w, service, session, p, SYI_KIND_OBJECT_REQUEST, 0, body, sizeof body) ==
           SYI_KIND_REPLY;
}

static bool greets(world *w, const syi_service *service, void *session, peer *p)
{
    const syi_hello hello = {
        .wire_min = 1, .wire_max = 1, .worker = sy_id_from_int(1), .bearer = TOKEN};
    syi_buffer body;
    syi_buffer_init(&body, w->context, 1u << 20);
    syi_hello_encode(&body, &hello);
    const uint16_t kind = say(w, service, session, p, SYI_KIND_HELLO, 0, body.data, body.length);
    syi_buffer_fini(&body);
    return kind == SYI_KIND_HELLO;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint16_t kinds[] = {
        SYI_KIND_HELLO,          SYI_KIND_HELLO,          SYI_KIND_HELLO, SYI_KIND_COMMAND,
        SYI_KIND_WORKER_COMMAND, SYI_KIND_OBJECT_REQUEST, SYI_KIND_REPLY, 77};
    world *w = world_get();
    if (size < 2) {
        return 0;
    }
    const bool knows = memmem(data, size, TOKEN, sizeof TOKEN - 1) != NULL;
    const syi_service service = syi_worker_service(w->bob);
    for (int turn = 0; turn < 2; turn++) {
        peer p = {.base = {.klass = &peer_class, .loopback = true, .address = "tcp://fuzz"}};
        atomic_init(&p.base.refs, 1);
        void *session = service.opened(service.user, &p.base);
        require(session != NULL);
        bool greeted;
        if (turn == 0) {
            greeted =
                say(w, &service, session, &p, kinds[data[0] % (sizeof kinds / sizeof kinds[0])],
                    data[1] & 1, data + 2, size - 2) == SYI_KIND_HELLO;
            require(!greeted || knows);
        } else {
            greeted = greets(w, &service, session, &p);
            require(greeted);
        }
        require(!gets(w, &service, session, &p, 7));
        const bool got = gets(w, &service, session, &p, 8);
        require(turn == 0 ? !got || greeted : got); /* a greeting may set limits below the answer */
        service.closed(session, SY_ECLOSED, "the input is over");
        while (atomic_load(&p.base.refs) != 0) { /* a command of the pool is at work still */
            (void)syi_sessions_expire(w->bob, UINT64_MAX);
        }
    }
    return 0;
}
