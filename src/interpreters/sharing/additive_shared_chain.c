/*
 * additive_shared_chain.c - chains that end in shared values: an operation on them that needs the holders more than once goes
 * to each as one command, on the chain that ends in its share; and how such results are answered. Part of additive_shared.h.
 */
#include <string.h>

#include "core/error.h"
#include "interpreters/sharing/additive_shared.h"
#include "workers/descriptor.h"

sy_status syi_sharing_above(syi_node *chain, syi_node *end, syi_node **built, sy_error *err)
{
    syi_node *below = NULL;
    *built = NULL;
    if (chain == NULL || chain->child == NULL) {
        *built = end;
        return SY_OK;
    }
    SY_TRY(syi_sharing_above(chain->child, end, &below, err));
    const sy_status status =
        chain->type->rewrap != NULL
            ? chain->type->rewrap(chain, below, built, err)
            : syi_fail(err, SY_ENOTSUP, "a %s above shares", chain->type->name);
    if (status != SY_OK) {
        syi_node_unref(below);
    }
    return status;
}

/* A chain down to the share; the share's node goes to *share. */
static syi_node *share_of(syi_node *node)
{
    while (node != NULL && node->type != &syi_share_type) {
        node = node->child;
    }
    return node;
}

/* The chain again, with a pointer in the share's place. */
static sy_status point_below(syi_node *chain, syi_node *pointer, syi_node **built, sy_error *err)
{
    syi_node *below = NULL;
    if (chain->type == &syi_share_type) {
        *built = pointer;
        return SY_OK;
    }
    SY_TRY(point_below(chain->child, pointer, &below, err));
    const sy_status status =
        chain->type->rewrap != NULL
            ? chain->type->rewrap(chain, below, built, err)
            : syi_fail(err, SY_ENOTSUP, "a %s above a share", chain->type->name);
    if (status != SY_OK) {
        syi_node_unref(below);
    }
    return status;
}

sy_status syi_sharing_answer(const sy_request *request, sy_tensor *result, const sy_id *id,
                             sy_error *err)
{
    sy_hook *hook = request->worker->hook;
    syi_node *share = share_of(result->node), *chain = NULL;
    sy_tensor *bare = NULL;
    syi_pointer *pointer = NULL;
    syi_msgpack_write_array(request->reply->out, 2);
    if (share == NULL) {
        SY_TRY(syi_request_register(request, result, id, err));
        syi_msgpack_write_nil(request->reply->out);
        return syi_buffer_check(request->reply->out, "message body", err);
    }
    syi_mode mode;
    syi_request_get_mode(request, &mode);
    SY_TRY(syi_share_settle(syi_share_of(share), &mode, err));
    SY_TRY(syi_tensor_wrap(hook, &bare, syi_node_ref(share), err));
    const syi_policy policy = syi_tensor_policy(result);
    syi_tensor_set_policy(bare, &policy);
    sy_status status = syi_request_register(request, bare, id, err);
    sy_tensor_unref(bare);
    SY_TRY(status);
    SY_TRY(syi_pointer_new(hook, &pointer, request->worker, request->worker, id, err));
    atomic_store(&pointer->collect, false);
    SY_TRY(point_below(result->node, &pointer->base, &chain, err));
    /* Whoever asks reads a pointer, also where it is the holder itself: not the short form for an object of the reader. */
    const sy_id *recipient = request->reply->recipient;
    request->reply->recipient = NULL;
    status = syi_encode_node(request->reply, chain, err);
    request->reply->recipient = recipient;
    syi_node_unref(chain);
    return status;
}

sy_status syi_sharing_read_answer(syi_decoder *decoder, sy_worker *owner, sy_worker *location,
                                  syi_pointer **pointer, syi_node **chain, sy_error *err)
{
    sy_id id = SY_ID_INIT;
    uint64_t generation = 0;
    sy_dtype dtype = SY_DTYPE_I64;
    int ndim = -1;
    int64_t shape[SY_DIM_MAX];
    *pointer = NULL;
    *chain = NULL;
    SY_TRY(syi_msgpack_read_tuple(&decoder->cursor, 2, "result of a joint command", err));
    SY_TRY(syi_decode_descriptor(decoder, &id, &generation, &dtype, &ndim, shape, err));
    SY_TRY(syi_pointer_new(decoder->hook, pointer, owner, location, &id, err));
    (*pointer)->generation = generation;
    syi_pointer_set_shape(*pointer, dtype, ndim, shape);
    const sy_status status = syi_msgpack_peek(&decoder->cursor) == SYI_MSGPACK_NIL
                                 ? syi_msgpack_read_nil(&decoder->cursor, err)
                                 : syi_decode_node(decoder, chain, err);
    if (status != SY_OK) {
        syi_node_unref(&(*pointer)->base);
        *pointer = NULL;
        return status;
    }
    syi_msgpack_leave(&decoder->cursor);
    return SY_OK;
}

/* Whole operations: sharing_call(name, [arguments], id) */

static bool is_node(const sy_value *value)
{
    return value->kind == (sy_value_kind)SYI_VALUE_NODE;
}

/* What such a chain ends in; NULL: in something else. */
static syi_additive_shared *end_of(const syi_node *node)
{
    while (node->child != NULL) {
        node = node->child;
    }
    return syi_additive_shared_of_node(node);
}

bool syi_additive_shared_takes_chain(const syi_call *call)
{
    const syi_additive_shared *first = NULL;
    const syi_interpreter *above = NULL; /* what stands above all of them */
    if (call->inplace || !syi_additive_shared_goes_whole(call->op)) {
        return false;
    }
    for (int k = 0; k < call->arg_count; k++) {
        if (!is_node(&call->args[k])) {
            continue;
        }
        const syi_node *node = call->args[k].as.internal;
        const syi_additive_shared *end = end_of(node);
        above = above != NULL ? above : node->type;
        if (end == NULL || node->type != above ||
            (first != NULL &&
             (end->group != first->group || !syi_field_same(&end->field, &first->field)))) {
            return false; /* the ordinary way says what is wrong, or shares it with the command */
        }
        first = end;
    }
    return first != NULL;
}

typedef struct whole_call {
    const syi_call *call;
    sy_id id;
    sy_value args[3];
} whole_call;

static sy_status ask(const whole_call *w, syi_sharing_group *group, const syi_joint *joint,
                     syi_multi_pointer *parts, syi_node **chain, sy_error *err)
{
    sy_hook *hook = group->hook;
    syi_exchange exchanges[SYI_HOLDERS_MAX], *started[SYI_HOLDERS_MAX] = {NULL};
    const uint64_t deadline = w->call->mode->deadline;
    sy_status status = SY_OK;
    int begun = 0;
    while (begun < group->holders && status == SY_OK) {
        status = syi_command_start(hook->local_worker, group->workers[begun], "sharing_call",
                                   w->args, 3, joint, deadline, &exchanges[begun], err);
        begun += status == SY_OK ? 1 : 0;
    }
    for (int k = 0; k < begun; k++) {
        started[k] = &exchanges[k];
    }
    syi_sharing_group_attend(group, joint, started, (size_t)begun, status, err);
    for (int k = 0; k < begun; k++) {
        sy_error *mine = status == SY_OK ? err : NULL;
        syi_decoder decoder;
        syi_node *own = NULL;
        sy_status answered = syi_link_wait(&exchanges[k], mine);
        if (answered == SY_OK) {
            syi_decoder_init(&decoder, hook, hook->local_worker, exchanges[k].reply);
            answered = syi_sharing_read_answer(&decoder, hook->local_worker, group->workers[k],
                                               &parts->children[k], &own, mine);
            syi_decoder_fini(&decoder);
        }
        syi_link_end(&exchanges[k]);
        if (*chain == NULL) {
            *chain = own;
        } else {
            syi_node_unref(own);
        }
        status = status == SY_OK ? answered : status;
    }
    return status;
}

sy_status syi_additive_shared_call_chain(syi_call *call, sy_error *err)
{
    const syi_additive_shared *first = NULL;
    for (int k = 0; k < call->arg_count && first == NULL; k++) {
        first = is_node(&call->args[k]) ? end_of(call->args[k].as.internal) : NULL;
    }
    syi_sharing_group *group = first->group;
    const syi_field field = first->field;
    syi_multi_pointer *parts = NULL;
    syi_node *chain = NULL, *node = NULL, *built = NULL;
    syi_joint joint;
    whole_call w = {.call = call, .id = syi_hook_fresh_id(call->hook)};
    call->out_count = 0;
    w.args[0] = sy_value_string(call->op->name);
    w.args[1] = sy_value_list(call->args, (size_t)call->arg_count);
    w.args[2] = syi_id_value(&w.id);
    SY_TRY(syi_multi_pointer_new(call->hook, &parts, group->holders, err));
    sy_status status = syi_sharing_group_begin(group, &joint, err);
    if (status == SY_OK) {
        status = ask(&w, group, &joint, parts, &chain, err);
        syi_sharing_group_end(group, &joint, status, err);
    }
    if (status == SY_OK) {
        status = syi_additive_shared_new(call->hook, &node, group, &field, parts, err);
    }
    if (status != SY_OK) {
        syi_node_unref(&parts->base);
    } else {
        status = syi_sharing_above(chain, node, &built, err);
    }
    syi_node_unref(chain);
    SY_TRY(status);
    call->outs[call->out_count++] = built;
    return SY_OK;
}

sy_status syi_sharing_handle_call(const sy_request *request, sy_error *err)
{
    const sy_value *args = request->args;
    syi_mode mode;
    syi_results results;
    sy_id id = SY_ID_INIT;
    const syi_op *op = NULL;
    bool inplace = false;
    if (args[0].kind != SY_VALUE_STRING || args[1].kind != SY_VALUE_LIST) {
        return syi_fail(err, SY_EINVAL, "sharing_call: no name or no arguments");
    }
    if (args[2].kind == SY_VALUE_INT) {
        id = sy_id_from_int(args[2].as.integer);
    } else if (args[2].kind == SY_VALUE_STRING) {
        SY_TRY(sy_id_from_text(&id, args[2].as.string, err));
    } else {
        return syi_fail(err, SY_EINVAL, "sharing_call: the id of the result is none");
    }
    const char *name = args[0].as.string;
    if (!syi_ops_find(request->worker->hook->ops, name, strlen(name), &op, &inplace) || inplace ||
        !(op->flags & SYI_OP_PEER) || !syi_additive_shared_goes_whole(op)) {
        return syi_fail(err, SY_EFORBIDDEN,
                        "Command \"%.80s\" is not a supported operation of shared chains.", name);
    }
    syi_request_get_mode(request, &mode);
    if (mode.joint == NULL) {
        return syi_fail(err, SY_EINVAL, "sharing_call: this is no joint command");
    }
    SY_TRY(syi_dispatch_name(request->worker->hook, name, strlen(name), args[1].as.list.items,
                             args[1].as.list.count, NULL, 0, &mode, &results, err));
    const sy_status status =
        results.count == 1 ? syi_sharing_answer(request, results.tensors[0], &id, err)
                           : syi_fail(err, SY_ESIGNATURE, "%s: %d results", name, results.count);
    syi_results_fini(&results);
    return status;
}
