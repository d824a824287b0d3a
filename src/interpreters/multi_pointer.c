/* multi_pointer.c - the node, its bytes and its public face; operations are in multi_pointer_call.c. */
#include "interpreters/multi_pointer.h"

#include <stdio.h>
#include <string.h>

#include "core/error.h"

static syi_multi_pointer *multi_of(const syi_node *node)
{
    return (syi_multi_pointer *)node;
}

syi_multi_pointer *syi_multi_pointer_of(const sy_tensor *tensor)
{
    return tensor != NULL && tensor->node->type == &syi_multi_pointer_type ? multi_of(tensor->node)
                                                                           : NULL;
}

sy_status syi_multi_pointer_new(sy_hook *hook, syi_multi_pointer **multi, int count, sy_error *err)
{
    const size_t size = sizeof **multi + (size_t)count * sizeof(syi_pointer *);
    *multi = (syi_multi_pointer *)syi_node_new(hook, &syi_multi_pointer_type, size, NULL);
    if (*multi == NULL) {
        return SYI_ENOMEM(err, "multi-pointer");
    }
    (*multi)->count = count;
    return SY_OK;
}

syi_pointer *syi_multi_pointer_at(const syi_multi_pointer *multi, const sy_worker *location)
{
    for (int k = 0; k < multi->count; k++) {
        if (multi->children[k]->location == location) {
            return multi->children[k];
        }
    }
    return NULL;
}

const char *syi_multi_pointer_places(const syi_multi_pointer *multi, char *text, size_t size)
{
    size_t length = 0;
    text[0] = '\0';
    for (int k = 0; k < multi->count && length < size; k++) {
        const char *between = k == 0 ? "" : k + 1 == multi->count ? " and " : ", ";
        const int added = snprintf(text + length, size - length, "%s%s", between,
                                   multi->children[k]->location->name);
        length += added > 0 ? (size_t)added : size;
    }
    return text;
}

/* The node */

static void multi_free(syi_node *node)
{
    syi_multi_pointer *multi = multi_of(node);
    for (int k = 0; k < multi->count; k++) {
        syi_node_unref((syi_node *)multi->children[k]);
    }
}

static sy_id *multi_identity(syi_node *node)
{
    return &multi_of(node)->id;
}

static void multi_describe(const syi_node *node, syi_buffer *text)
{
    const syi_multi_pointer *multi = multi_of(node);
    static const char head[] = "[MultiPointerTensor]";
    syi_buffer_append(text, head, sizeof head - 1);
    for (int k = 0; k < multi->count; k++) {
        syi_buffer_append(text, "\n\t-> ", 5);
        syi_pointer_type.describe(&multi->children[k]->base, text);
    }
}

static sy_status multi_shape(syi_node *node, syi_array *shape, sy_error *err)
{
    return syi_node_shape(&multi_of(node)->children[0]->base, shape, err);
}

static void multi_hand_over(syi_node *node, const sy_id *to)
{
    syi_multi_pointer *multi = multi_of(node);
    (void)to; /* also a part that is there is a pointer there, see multi_simplify */
    for (int k = 0; k < multi->count; k++) {
        atomic_store(&multi->children[k]->collect, false);
    }
}

static sy_status multi_before_travel(syi_node *node, sy_error *err)
{
    syi_multi_pointer *multi = multi_of(node);
    for (int k = 0; k < multi->count; k++) {
        SY_TRY(syi_node_before_travel(&multi->children[k]->base, err));
    }
    return SY_OK;
}

/*
 * Wire: [19, [id, [0, [[worker, pointer], ...]]]], as PySyft 0.2.9 writes it.
 *
 * The part that points to the receiver becomes a pointer of the receiver to itself, and the duty to delete goes along as
 * with the others. What is asked of the whole is asked of that part in a message like any other, which takes its turn at
 * the gate; the thread that asks holds nothing meanwhile. The object itself in its place, as the reference has it, would
 * make commands that wait for peers and touch storage at the same time.
 */

static sy_status multi_simplify(syi_node *node, syi_encoder *encoder, sy_error *err)
{
    syi_multi_pointer *multi = multi_of(node);
    syi_buffer *out = encoder->out;
    const sy_id *recipient = encoder->recipient;
    syi_msgpack_write_array(out, 2);
    syi_msgpack_write_int(out, SYI_CODE_MULTI_POINTER);
    syi_msgpack_write_array(out, 2);
    syi_encode_id(out, &multi->id);
    syi_msgpack_write_array(out, 2);
    syi_msgpack_write_int(out, SYI_CODE_DICT);
    syi_msgpack_write_array(out, (size_t)multi->count);
    for (int k = 0; k < multi->count; k++) {
        syi_msgpack_write_array(out, 2);
        syi_encode_id(out, &multi->children[k]->location->id);
        encoder->recipient = NULL; /* a pointer in all its words, wherever it points */
        const sy_status status = syi_encode_node(encoder, &multi->children[k]->base, err);
        encoder->recipient = recipient;
        SY_TRY(status);
    }
    return syi_buffer_check(out, "message body", err);
}

/* A part that points here: whoever sent it may use that object, and its policy is that of the whole. The duty to delete
 * is taken from those only who may. */
static sy_status check_own(syi_decoder *decoder, syi_pointer *pointer, sy_error *err)
{
    sy_tensor *object = NULL;
    if (decoder->is_here == NULL || !decoder->is_here(decoder, &pointer->location->id)) {
        return SY_OK;
    }
    SY_TRY(decoder->resolve(decoder, &pointer->id_at_location, pointer->attribute, &object, err));
    const syi_policy policy = syi_tensor_policy(object);
    if (policy.private_) {
        decoder->inherited = policy;
    }
    if ((policy.no_delete & decoder->caller) != 0) {
        atomic_store(&pointer->collect, false);
    }
    sy_tensor_unref(object);
    return SY_OK;
}

/* A pointer, also to what is here. */
static sy_status read_pointer(syi_decoder *decoder, syi_pointer **pointer, sy_error *err)
{
    syi_node *node = NULL;
    bool (*is_here)(syi_decoder *, const sy_id *) = decoder->is_here;
    decoder->is_here = NULL;
    const sy_status status = syi_decode_node(decoder, &node, err);
    decoder->is_here = is_here;
    SY_TRY(status);
    if (node->type != &syi_pointer_type) {
        const char *name = node->type->name;
        syi_node_unref(node);
        return syi_fail(err, SY_EFORMAT, "message: a multi-pointer with a %s for a part", name);
    }
    *pointer = (syi_pointer *)node;
    return SY_OK;
}

static sy_status read_child(syi_decoder *decoder, syi_multi_pointer *multi, int k, sy_error *err)
{
    sy_id worker = SY_ID_INIT;
    SY_TRY(syi_msgpack_read_tuple(&decoder->cursor, 2, "[worker, pointer]", err));
    SY_TRY(syi_decode_id(decoder, &worker, err));
    SY_TRY(read_pointer(decoder, &multi->children[k], err));
    syi_msgpack_leave(&decoder->cursor);
    syi_pointer *pointer = multi->children[k];
    char text[72];
    if (!sy_id_equal(&pointer->location->id, &worker)) {
        return syi_fail(err, SY_EFORMAT, "message: a multi-pointer's part for worker %s is at %s",
                        sy_id_format(&worker, text, sizeof text), pointer->location->name);
    }
    for (int i = 0; i < k; i++) {
        if (multi->children[i]->location == pointer->location) {
            return syi_fail(err, SY_EFORMAT, "message: a multi-pointer with two parts at worker %s",
                            pointer->location->name);
        }
    }
    return check_own(decoder, pointer, err);
}

static sy_status multi_detail(syi_decoder *decoder, syi_node **node, sy_error *err)
{
    syi_msgpack_cursor *cursor = &decoder->cursor;
    sy_id id = SY_ID_INIT;
    int64_t code = 0;
    size_t count = 0;
    SY_TRY(syi_msgpack_read_tuple(cursor, 2, "MultiPointerTensor", err));
    SY_TRY(syi_decode_id(decoder, &id, err));
    SY_TRY(syi_msgpack_read_tuple(cursor, 2, "[type code, body]", err));
    SY_TRY(syi_msgpack_read_int(cursor, &code, err));
    if (code != SYI_CODE_DICT) {
        return syi_fail(err, SY_EFORMAT, "message: type code %lld where a dict is expected",
                        (long long)code);
    }
    SY_TRY(syi_msgpack_read_array(cursor, &count, err));
    if (count == 0 || count > SY_MULTI_POINTER_MAX) {
        return syi_fail(err, count == 0 ? SY_EFORMAT : SY_ELIMIT,
                        "message: a multi-pointer of %zu parts, 1 to %d are allowed", count,
                        SY_MULTI_POINTER_MAX);
    }
    syi_multi_pointer *multi = NULL;
    SY_TRY(syi_multi_pointer_new(decoder->hook, &multi, (int)count, err));
    multi->id = id;
    sy_status status = SY_OK;
    for (int k = 0; k < multi->count && status == SY_OK; k++) {
        status = read_child(decoder, multi, k, err);
    }
    if (status != SY_OK) {
        for (int k = 0; k < multi->count && multi->children[k] != NULL; k++) {
            atomic_store(&multi->children[k]->collect, false); /* that stays with the sender */
        }
        syi_node_unref(&multi->base);
        return status;
    }
    syi_msgpack_leave(cursor);
    syi_msgpack_leave(cursor);
    syi_msgpack_leave(cursor);
    *node = &multi->base;
    return SY_OK;
}

/* Gradients: each part has its own, at its worker */

static sy_status multi_set_requires_grad(syi_node *node, bool requires_grad, sy_error *err)
{
    syi_multi_pointer *multi = multi_of(node);
    for (int k = 0; k < multi->count; k++) {
        SY_TRY(syi_pointer_type.set_requires_grad(&multi->children[k]->base, requires_grad, err));
    }
    return SY_OK;
}

static sy_status multi_get_grad(syi_node *node, sy_tensor **grad, sy_error *err)
{
    syi_multi_pointer *multi = multi_of(node);
    syi_multi_pointer *made = NULL;
    int found = 0;
    *grad = NULL;
    SY_TRY(syi_multi_pointer_new(node->hook, &made, multi->count, err));
    sy_status status = SY_OK;
    for (int k = 0; k < multi->count && status == SY_OK; k++) {
        sy_tensor *part = NULL;
        status = syi_pointer_type.get_grad(&multi->children[k]->base, &part, err);
        if (part != NULL) {
            made->children[k] = (syi_pointer *)syi_node_ref(part->node);
            found++;
            sy_tensor_unref(part);
        } else if (status == SY_OK && found > 0) {
            status = syi_fail(err, SY_ENOGRAD, "the part at worker %s has no gradient, others have",
                              multi->children[k]->location->name);
        }
        if (status == SY_OK && part != NULL && found != k + 1) {
            status = syi_fail(err, SY_ENOGRAD, "the part at worker %s has no gradient, others have",
                              multi->children[0]->location->name);
        }
    }
    if (status != SY_OK || found == 0) {
        syi_node_unref(&made->base);
        return status;
    }
    return syi_tensor_wrap(node->hook, grad, &made->base, err);
}

static sy_status multi_set_grad(syi_node *node, sy_tensor *grad, sy_error *err)
{
    syi_multi_pointer *multi = multi_of(node);
    const syi_multi_pointer *others = syi_multi_pointer_of(grad);
    for (int k = 0; k < multi->count && grad != NULL; k++) {
        const sy_worker *location = multi->children[k]->location;
        if (others == NULL || syi_multi_pointer_at(others, location) == NULL) {
            return syi_fail(err, SY_ECOLLOCATION,
                            "the gradient of a tensor at worker %s must be there, too",
                            location->name);
        }
    }
    for (int k = 0; k < multi->count; k++) {
        sy_tensor *part = NULL;
        if (grad != NULL) {
            syi_pointer *pointer = syi_multi_pointer_at(others, multi->children[k]->location);
            SY_TRY(syi_tensor_wrap(node->hook, &part, syi_node_ref(&pointer->base), err));
        }
        const sy_status status = syi_pointer_type.set_grad(&multi->children[k]->base, part, err);
        sy_tensor_unref(part);
        SY_TRY(status);
    }
    return SY_OK;
}

const syi_interpreter syi_multi_pointer_type = {
    .name = "MultiPointerTensor",
    .code = SYI_CODE_MULTI_POINTER,
    .flags = SYI_NODE_REMOTE | SYI_NODE_SPREAD,
    .call = syi_multi_pointer_call,
    .describe = multi_describe,
    .shape = multi_shape,
    .simplify = multi_simplify,
    .detail = multi_detail,
    .free = multi_free,
    .identity = multi_identity,
    .set_requires_grad = multi_set_requires_grad,
    .get_grad = multi_get_grad,
    .set_grad = multi_set_grad,
    .hand_over = multi_hand_over,
    .before_travel = multi_before_travel,
};

sy_status syi_multi_pointer_register(sy_hook *hook, sy_error *err)
{
    return syi_hook_register_interpreter(hook, &syi_multi_pointer_type, err);
}

/* Making them */

static sy_status check_child(const syi_multi_pointer *multi, int k, sy_error *err)
{
    const syi_pointer *pointer = multi->children[k];
    for (int i = 0; i < k; i++) {
        if (multi->children[i]->location == pointer->location) {
            return syi_fail(err, SY_EEXIST,
                            "combine: two of the pointers are to worker %s; one part per worker",
                            pointer->location->name);
        }
    }
    syi_array first = SYI_ARRAY_INIT;
    syi_array shape = SYI_ARRAY_INIT;
    SY_TRY(syi_node_shape(&multi->children[0]->base, &first, err));
    SY_TRY(syi_node_shape(&multi->children[k]->base, &shape, err));
    if (!syi_array_same_shape(&first, &shape)) {
        char a[64];
        char b[64];
        return syi_fail(
            err, SY_ESHAPE, "combine: the tensor at worker %s is %s, that at worker %s is %s",
            multi->children[0]->location->name,
            syi_shape_format(first.ndim, first.shape, a, sizeof a), pointer->location->name,
            syi_shape_format(shape.ndim, shape.shape, b, sizeof b));
    }
    return SY_OK;
}

static sy_status combine(sy_hook *hook, sy_tensor **combined, sy_tensor *const *pointers,
                         size_t count, sy_error *err)
{
    syi_multi_pointer *multi = NULL;
    bool requires_grad = true;
    if (count == 0 || count > SY_MULTI_POINTER_MAX) {
        return syi_fail(err, count == 0 ? SY_EINVAL : SY_ELIMIT,
                        "combine: %zu pointers, 1 to %d are allowed", count, SY_MULTI_POINTER_MAX);
    }
    SY_TRY(syi_multi_pointer_new(hook, &multi, (int)count, err));
    sy_status status = SY_OK;
    for (int k = 0; k < multi->count; k++) {
        syi_pointer *pointer = syi_pointer_of(pointers[k]);
        if (pointer == NULL || pointers[k]->hook != hook) {
            SY_GOTO(failed,
                    syi_fail(err, SY_EINVAL, "combine: argument %d is no pointer of this hook", k));
        }
        multi->children[k] = (syi_pointer *)syi_node_ref(&pointer->base);
        requires_grad &= pointers[k]->requires_grad;
        SY_GOTO(failed, check_child(multi, k, err));
    }
    SY_TRY(syi_tensor_wrap(hook, combined, &multi->base, err));
    (*combined)->requires_grad = requires_grad;
    return SY_OK;
failed:
    syi_node_unref(&multi->base);
    return status;
}

sy_status sy_combine_pointers(sy_tensor **combined, sy_tensor *const *pointers, size_t count,
                              sy_error *err)
{
    if (combined == NULL) {
        return syi_fail(err, SY_EINVAL, "combine: the result is NULL");
    }
    *combined = NULL;
    if (count > 0 && (pointers == NULL || pointers[0] == NULL)) {
        return syi_fail(err, SY_EINVAL, "combine: a pointer is NULL");
    }
    return combine(count > 0 ? pointers[0]->hook : NULL, combined, pointers, count, err);
}

sy_status sy_tensor_combine(sy_tensor *pointer, sy_tensor **combined, sy_tensor *const *others,
                            size_t count, sy_error *err)
{
    sy_tensor *all[SY_MULTI_POINTER_MAX];
    if (combined == NULL || pointer == NULL || (count > 0 && others == NULL)) {
        return syi_fail(err, SY_EINVAL, "combine: an argument is NULL");
    }
    *combined = NULL;
    SYI_TRACE_DEED(pointer->hook, err, .kind = SYI_DEED_OTHER, .what = "combine", .self = pointer);
    if (count >= SY_MULTI_POINTER_MAX) {
        return syi_fail(err, SY_ELIMIT, "combine: %zu pointers, 1 to %d are allowed", count + 1,
                        SY_MULTI_POINTER_MAX);
    }
    all[0] = pointer;
    for (size_t k = 0; k < count; k++) {
        all[k + 1] = others[k];
    }
    return combine(pointer->hook, combined, all, count + 1, err);
}

sy_status sy_tensor_send_to_many(sy_tensor *tensor, sy_tensor **combined,
                                 sy_worker *const *locations, size_t count, sy_error *err)
{
    return sy_worker_send_to_many(tensor != NULL ? tensor->hook->local_worker : NULL, combined,
                                  tensor, locations, count, NULL, err);
}

sy_status sy_worker_send_to_many(sy_worker *owner, sy_tensor **combined, sy_tensor *tensor,
                                 sy_worker *const *locations, size_t count, const sy_id *remote_id,
                                 sy_error *err)
{
    sy_tensor *pointers[SY_MULTI_POINTER_MAX] = {NULL};
    size_t sent = 0;
    if (owner == NULL || tensor == NULL || combined == NULL || (count > 0 && locations == NULL)) {
        return syi_fail(err, SY_EINVAL, "send: an argument is NULL");
    }
    *combined = NULL;
    SYI_TRACE_DEED(tensor->hook, err, .kind = SYI_DEED_OTHER, .what = "send", .self = tensor);
    for (size_t k = 0; k < count; k++) {
        for (size_t i = 0; i < k; i++) {
            if (locations[i] == locations[k] && locations[k] != NULL) {
                return syi_fail(err, SY_EEXIST, "send: worker %s is named twice",
                                locations[k]->name);
            }
        }
    }
    sy_status status = count <= SY_MULTI_POINTER_MAX
                           ? SY_OK
                           : syi_fail(err, SY_ELIMIT, "send to %zu workers, at most %d", count,
                                      SY_MULTI_POINTER_MAX);
    while (sent < count && status == SY_OK) {
        status = sy_worker_send(owner, &pointers[sent], tensor, locations[sent], remote_id, err);
        sent += status == SY_OK ? 1 : 0;
    }
    if (status == SY_OK) {
        status = combine(tensor->hook, combined, pointers, count, err);
    }
    if (status == SY_OK) {
        status = syi_tensor_copy_labels(*combined, tensor, err);
        if (status != SY_OK) {
            sy_tensor_unref(*combined);
            *combined = NULL;
        }
    }
    while (sent > 0) {
        sy_tensor_unref(pointers[--sent]);
    }
    return status;
}

/* Looking at them */

bool sy_tensor_is_multi_pointer(const sy_tensor *tensor)
{
    return syi_multi_pointer_of(tensor) != NULL;
}

size_t sy_multi_pointer_get_count(const sy_tensor *tensor)
{
    const syi_multi_pointer *multi = syi_multi_pointer_of(tensor);
    return multi != NULL ? (size_t)multi->count : 0;
}

sy_worker *sy_multi_pointer_get_location(const sy_tensor *tensor, size_t index)
{
    return index < sy_multi_pointer_get_count(tensor)
               ? syi_multi_pointer_of(tensor)->children[index]->location
               : NULL;
}

sy_status sy_multi_pointer_get_child(sy_tensor *tensor, sy_tensor **child, size_t index,
                                     sy_error *err)
{
    *child = NULL;
    if (index >= sy_multi_pointer_get_count(tensor)) {
        return syi_fail(err, SY_EINVAL, "multi-pointer: part %zu of %zu", index,
                        sy_multi_pointer_get_count(tensor));
    }
    const syi_multi_pointer *multi = syi_multi_pointer_of(tensor);
    SY_TRY(syi_tensor_wrap(tensor->hook, child, syi_node_ref(&multi->children[index]->base), err));
    (*child)->requires_grad = tensor->requires_grad;
    return SY_OK;
}
