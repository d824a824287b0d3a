/* additive_shared_answer.c - results of joint commands that are shares under other nodes. Part of additive_shared.h. */
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
    SY_TRY(syi_tensor_wrap(hook, &bare, syi_node_ref(share), err));
    const syi_policy policy = syi_tensor_policy(result);
    syi_tensor_set_policy(bare, &policy);
    sy_status status = syi_request_register(request, bare, id, err);
    sy_tensor_unref(bare);
    SY_TRY(status);
    SY_TRY(syi_pointer_new(hook, &pointer, request->worker, request->worker, id, err));
    atomic_store(&pointer->collect, false);
    SY_TRY(point_below(result->node, &pointer->base, &chain, err));
    status = syi_encode_node(request->reply, chain, err);
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
