/*
 * detail.c - hostile bodies of every type that is registered: byte 0 chooses the type code, byte 1 how it is read (as a
 * value, a tensor or a link of a chain), the rest is the body. A status with a sentence, or something that is written
 * again, reads again, and is then written as the same bytes. No memory stays behind, and a private object that is
 * pointed to does not come out.
 */
#include <stdlib.h>
#include <string.h>

#include <csyft/interpreter.h>
#include <csyft/pointer.h>

#include "execution/plan.h"
#include "execution/protocol.h"
#include "serde/serde.h"
#include "workers/resolve.h"
#include "workers/worker.h"

enum { SECRET = 421337, VALUE = 0, TENSOR = 1, NODE = 2, FORMS = 3 };

/* Those of values, and those of interpreters: their detail functions. */
static const int codes[] = {
    SYI_CODE_LIST,           SYI_CODE_SLICE,       SYI_CODE_STR,
    SYI_CODE_TUPLE,          SYI_CODE_SIZE,        SYI_CODE_ELLIPSIS,
    SYI_CODE_DTYPE,          SYI_CODE_TENSOR,      SYI_CODE_LOGGING,
    SYI_CODE_MULTI_POINTER,  SYI_CODE_POINTER,     SYI_CODE_FIXED_PRECISION,
    SYI_CODE_NAMED,          SYI_CODE_PLACEHOLDER, SYI_CODE_AUTOGRAD,
    SYI_CODE_DICT,           SYI_CODE_RANGE,       SYI_CODE_SET,
    SY_INTERPRETER_CODE_MAX, SYI_CODE_PLAN,        SYI_CODE_PROTOCOL,
};

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
    sy_worker *others[2]; /* for pointers to elsewhere */
} world;

static void keep(world *w, int64_t number, bool is_private)
{
    const int64_t shape[1] = {3};
    const int64_t data[3] = {SECRET, SECRET, SECRET};
    const sy_id id = sy_id_from_int(number);
    sy_tensor *tensor = NULL;
    require(sy_tensor_new(w->hook, &tensor, SY_DTYPE_I64, 1, shape, is_private ? data : NULL,
                          NULL) == SY_OK);
    require(sy_tensor_set_id(tensor, &id, NULL) == SY_OK);
    require(sy_worker_publish(w->bob, tensor, is_private, NULL) == SY_OK);
    sy_tensor_unref(tensor);
}

static world *world_get(void)
{
    static world w; /* one for all inputs: it must survive them */
    if (w.hook == NULL) {
        sy_context_options context_options = SY_CONTEXT_OPTIONS_INIT;
        sy_hook_options options = SY_HOOK_OPTIONS_INIT;
        context_options.test_seed = 7;
        context_options.memory_limit = 64u << 20;
        options.verbose = false;
        require(sy_context_new(&w.context, &context_options, NULL) == SY_OK);
        require(sy_hook_new(w.context, &w.hook, &options, NULL) == SY_OK);
        require(sy_virtual_worker_new(w.hook, &w.bob, "bob", NULL) == SY_OK);
        require(sy_virtual_worker_new(w.hook, &w.others[0], "alice", NULL) == SY_OK);
        require(sy_virtual_worker_new(w.hook, &w.others[1], "carol", NULL) == SY_OK);
        keep(&w, 7, true);
        keep(&w, 8, false);
    }
    return &w;
}

/* What was read, whichever of them. */
typedef struct thing {
    int form;
    sy_value value; /* lives as long as its decoder */
    sy_tensor *tensor;
    syi_node *node;
    syi_decoder decoder;
} thing;

static sy_status read_thing(world *w, thing *t, int form, const syi_message *message, sy_error *err)
{
    *t = (thing){.form = form};
    syi_decoder_init(&t->decoder, w->hook, w->bob, message);
    syi_resolve_without_strand(&t->decoder);
    t->decoder.caller = 1; /* nobody's */
    switch (form) {
    case VALUE:
        return syi_decode_value(&t->decoder, &t->value, err);
    case TENSOR:
        return syi_decode_tensor(&t->decoder, &t->tensor, err);
    default:
        return syi_decode_node(&t->decoder, &t->node, err);
    }
}

static sy_status write_thing(world *w, thing *t, syi_message *message, sy_error *err)
{
    syi_encoder encoder = {.hook = w->hook, .out = &message->body, .caller = 1, .copy = true};
    switch (t->form) {
    case VALUE:
        return syi_encode_value(&encoder, &t->value, err);
    case TENSOR:
        return syi_encode_tensor(&encoder, t->tensor, err);
    default:
        return syi_encode_node(&encoder, t->node, err);
    }
}

static void drop_thing(thing *t)
{
    sy_tensor_unref(t->tensor);
    if (t->node != NULL) {
        syi_node_unref(t->node);
    }
    syi_decoder_fini(&t->decoder);
}

/* A link of a chain has no policy of its own: the handle that it comes to gets the decoder's. */
static bool may_be_written(const thing *t)
{
    return t->form != NODE || !t->decoder.inherited.private_;
}

static bool holds_secret(const uint8_t *bytes, size_t length)
{
    static const uint8_t secret[8] = {SECRET & 0xff, SECRET >> 8 & 0xff, SECRET >> 16};
    return length > 0 && memmem(bytes, length, secret, sizeof secret) != NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    world *w = world_get();
    if (size < 2) {
        return 0;
    }
    thing first, second;
    sy_error err = SY_ERROR_INIT;
    syi_message in, out, again;
    syi_message_init(&in, w->context, 1u << 22);
    syi_message_init(&out, w->context, 1u << 24);
    syi_message_init(&again, w->context, 1u << 24);
    syi_msgpack_write_array(&in.body, 2);
    syi_msgpack_write_int(&in.body, codes[data[0] % (sizeof codes / sizeof codes[0])]);
    syi_buffer_append(&in.body, data + 2, size - 2);
    if (read_thing(w, &first, data[1] % FORMS, &in, &err) != SY_OK) {
        require(err.message[0] != '\0' && first.tensor == NULL && first.node == NULL);
    } else if (may_be_written(&first) && write_thing(w, &first, &out, &err) == SY_OK) {
        require(holds_secret(data, size) || !holds_secret(out.body.data, out.body.length));
        require(read_thing(w, &second, first.form, &out, &err) == SY_OK);
        require(write_thing(w, &second, &again, &err) == SY_OK);
        require(again.body.length == out.body.length &&
                memcmp(again.body.data, out.body.data, out.body.length) == 0);
        drop_thing(&second);
    }
    drop_thing(&first);
    syi_message_fini(&in);
    syi_message_fini(&out);
    syi_message_fini(&again);
    return 0;
}
