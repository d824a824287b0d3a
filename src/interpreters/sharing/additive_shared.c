#include "interpreters/sharing/additive_shared.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/error.h"
#include "serde/serde.h"

static syi_additive_shared *shared_of(const syi_node *node)
{
    return (syi_additive_shared *)(void *)node;
}

syi_additive_shared *syi_additive_shared_of(const sy_tensor *tensor)
{
    const syi_node *node = tensor != NULL ? tensor->node : NULL;
    while (node != NULL && node->type != &syi_additive_shared_type) {
        node = node->child;
    }
    return node != NULL ? shared_of(node) : NULL;
}

/* Fields */

sy_status syi_field_of_options(sy_precision_dtype dtype, uint64_t modulus, syi_field *field,
                               sy_error *err)
{
    *field = (syi_field)SYI_FIELD_64;
    switch (dtype) {
    case SY_PRECISION_LONG:
        break;
    case SY_PRECISION_INT:
        *field = (syi_field)SYI_FIELD_32;
        break;
    case SY_PRECISION_CUSTOM:
        if (modulus < 4) {
            return syi_fail(err, SY_EINVAL,
                            "share: dtype custom with a field of %" PRIu64 "; 4 is the smallest",
                            modulus);
        }
        field->modulus = modulus;
        return SY_OK;
    default:
        return syi_fail(err, SY_EINVAL, "share: unknown dtype %d; long, int and custom exist",
                        (int)dtype);
    }
    const bool own = modulus == 0 || (dtype == SY_PRECISION_INT && modulus == UINT64_C(1) << 32);
    return own ? SY_OK
               : syi_fail(err, SY_EINVAL,
                          "share: field %" PRIu64 " is not that of dtype %s; use dtype custom",
                          modulus, dtype == SY_PRECISION_INT ? "int" : "long");
}

/* Nodes */

sy_status syi_additive_shared_new(sy_hook *hook, syi_node **node, syi_sharing_group *group,
                                  const syi_field *field, syi_multi_pointer *parts, sy_error *err)
{
    syi_additive_shared *shared =
        shared_of(syi_node_new(hook, &syi_additive_shared_type, sizeof *shared, NULL));
    *node = NULL;
    if (shared == NULL) {
        return SYI_ENOMEM(err, "AdditiveSharingTensor");
    }
    shared->group = group;
    shared->field = *field;
    shared->parts = parts;
    *node = &shared->base;
    return SY_OK;
}

sy_status syi_additive_shared_kin(const syi_sharing_group *group, const syi_field *field, int index,
                                  syi_kin **kin, sy_error *err)
{
    SY_TRY(syi_kin_new(group->hook->context, kin, group->holders, err));
    (*kin)->field = *field;
    (*kin)->index = index;
    (*kin)->provider = syi_sharing_group_provider(group)->id;
    for (int k = 0; k < group->holders; k++) {
        (*kin)->ids[k] = group->workers[k]->id;
    }
    return SY_OK;
}

static void shared_free(syi_node *node)
{
    syi_additive_shared *shared = shared_of(node);
    if (shared->parts != NULL) {
        syi_node_unref(&shared->parts->base);
    }
}

static sy_id *shared_identity(syi_node *node)
{
    return &shared_of(node)->id;
}

static void shared_describe(const syi_node *node, syi_buffer *text)
{
    const syi_additive_shared *shared = shared_of(node);
    const char *provider = syi_sharing_group_provider(shared->group)->name;
    static const char head[] = "[AdditiveSharingTensor]", tail[] = "\n\t*crypto provider: ";
    syi_buffer_append(text, head, sizeof head - 1);
    for (int k = 0; k < shared->parts->count; k++) {
        syi_buffer_append(text, "\n\t-> ", 5);
        syi_pointer_type.describe(&shared->parts->children[k]->base, text);
    }
    syi_buffer_append(text, tail, sizeof tail - 1);
    syi_buffer_append(text, provider, strlen(provider));
    syi_buffer_put(text, '*');
}

static sy_status shared_shape(syi_node *node, syi_array *shape, sy_error *err)
{
    return syi_node_shape(&shared_of(node)->parts->children[0]->base, shape, err);
}

static bool shared_known_shape(const syi_node *node, syi_array *shape)
{
    const syi_node *first = &shared_of(node)->parts->children[0]->base;
    return first->type->known_shape(first, shape);
}

static void shared_hand_over(syi_node *node, const sy_id *to)
{
    syi_node *parts = &shared_of(node)->parts->base;
    parts->type->hand_over(parts, to);
}

static sy_status shared_before_travel(syi_node *node, sy_error *err)
{
    syi_node *parts = &shared_of(node)->parts->base;
    return parts->type->before_travel(parts, err);
}

/*
 * Wire: [15, [id, modulus or 0 for a power of the width, bytes of a word, provider, family of comparisons, parts as a
 * MultiPointerTensor]]. In a
 * joint command it is the recipient's own part, as a pointer to it.
 */
static sy_status shared_simplify(syi_node *node, syi_encoder *encoder, sy_error *err)
{
    const syi_additive_shared *shared = shared_of(node);
    syi_buffer *out = encoder->out;
    const int own = encoder->joint && encoder->recipient != NULL
                        ? syi_sharing_group_index(shared->group, encoder->recipient)
                        : -1;
    if (own >= 0) {
        return syi_encode_node(encoder, &shared->parts->children[own]->base, err);
    }
    syi_msgpack_write_array(out, 2);
    syi_msgpack_write_int(out, SYI_CODE_ADDITIVE_SHARED);
    syi_msgpack_write_array(out, 6);
    syi_encode_id(out, &shared->id);
    syi_msgpack_write_uint(out, shared->field.modulus);
    syi_msgpack_write_uint(out, shared->field.width);
    syi_encode_id(out, &syi_sharing_group_provider(shared->group)->id);
    syi_msgpack_write_uint(out, (uint64_t)shared->group->family);
    return syi_encode_node(encoder, &shared->parts->base, err);
}

static sy_status read_parts(syi_decoder *decoder, syi_multi_pointer **parts, sy_error *err)
{
    syi_node *node = NULL;
    *parts = NULL;
    SY_TRY(syi_decode_node(decoder, &node, err));
    if (node->type != &syi_multi_pointer_type) {
        const char *name = node->type->name;
        syi_node_unref(node);
        return syi_fail(err, SY_EFORMAT, "message: a shared value with a %s for its parts", name);
    }
    *parts = (syi_multi_pointer *)(void *)node;
    return SY_OK;
}

static sy_status group_of_parts(syi_decoder *decoder, const syi_multi_pointer *parts,
                                const sy_id *provider, uint64_t family, syi_sharing_group **group,
                                sy_error *err)
{
    sy_worker *holders[SY_MULTI_POINTER_MAX];
    char text[72];
    sy_worker *there = syi_directory_find(decoder->hook, provider);
    if (there == NULL) {
        return syi_fail_object(err, SY_ENOTFOUND, sy_id_format(provider, text, sizeof text),
                               "the crypto provider %s is not known at worker %s; introduce it "
                               "first",
                               text, decoder->worker->name);
    }
    for (int k = 0; k < parts->count; k++) {
        holders[k] = parts->children[k]->location;
    }
    return syi_sharing_group_get(decoder->hook, group, holders, (size_t)parts->count, there,
                                 (syi_family)(family < UINT8_MAX ? family : UINT8_MAX), err);
}

static sy_status shared_detail(syi_decoder *decoder, syi_node **node, sy_error *err)
{
    syi_msgpack_cursor *cursor = &decoder->cursor;
    sy_id id = SY_ID_INIT, provider = SY_ID_INIT;
    syi_field field = SYI_FIELD_64;
    uint64_t width = 0, family = 0;
    syi_multi_pointer *parts = NULL;
    syi_sharing_group *group = NULL;
    *node = NULL;
    SY_TRY(syi_msgpack_read_tuple(cursor, 6, "AdditiveSharingTensor", err));
    SY_TRY(syi_decode_id(decoder, &id, err));
    SY_TRY(syi_msgpack_read_uint(cursor, &field.modulus, err));
    SY_TRY(syi_msgpack_read_uint(cursor, &width, err));
    if (!(width == 8 || (width == 4 && field.modulus == 0)) ||
        (field.modulus != 0 && field.modulus < 4)) {
        return syi_fail(err, SY_EFORMAT, "message: a shared value in a field that is none");
    }
    field.width = (unsigned)width;
    SY_TRY(syi_decode_id(decoder, &provider, err));
    SY_TRY(syi_msgpack_read_uint(cursor, &family, err));
    SY_TRY(read_parts(decoder, &parts, err));
    sy_status status = group_of_parts(decoder, parts, &provider, family, &group, err);
    if (status == SY_OK) {
        syi_msgpack_leave(cursor);
        status = syi_additive_shared_new(decoder->hook, node, group, &field, parts, err);
    }
    if (status != SY_OK) {
        for (int k = 0; k < parts->count; k++) {
            atomic_store(&parts->children[k]->collect, false); /* that stays with the sender */
        }
        syi_node_unref(&parts->base);
        return status;
    }
    shared_of(*node)->id = id;
    return SY_OK;
}

const syi_interpreter syi_additive_shared_type = {
    .name = "AdditiveSharingTensor",
    .code = SYI_CODE_ADDITIVE_SHARED,
    .flags = SYI_NODE_REMOTE | SYI_NODE_SPREAD,
    .call = syi_additive_shared_call,
    .describe = shared_describe,
    .shape = shared_shape,
    .known_shape = shared_known_shape,
    .simplify = shared_simplify,
    .detail = shared_detail,
    .free = shared_free,
    .identity = shared_identity,
    .hand_over = shared_hand_over,
    .before_travel = shared_before_travel,
};

sy_status syi_additive_shared_register(sy_hook *hook, sy_error *err)
{
    return syi_hook_register_interpreter(hook, &syi_additive_shared_type, err);
}
