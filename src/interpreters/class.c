#include "interpreters/class.h"

#include <stdio.h>
#include <string.h>

#include "core/error.h"
#include "hook/operation.h"
#include "serde/serde.h"

#define NAME_MAX_LENGTH 63
#define TEXT_MAX 255 /* of a node's part of a text */

/* A registered class. Its nodes' `type` points to base. */
typedef struct class_type {
    syi_interpreter base;
    sy_interpreter_class klass;
    char name[NAME_MAX_LENGTH + 1];
} class_type;

typedef struct class_node {
    syi_node base;
    _Alignas(max_align_t) uint8_t attributes[];
} class_node;

static sy_status class_call(syi_call *call, sy_error *err);

static const class_type *class_of(const syi_interpreter *type)
{
    return type != NULL && type->call == class_call ? (const class_type *)type : NULL;
}

static void *attributes_of(syi_node *node)
{
    return ((class_node *)(void *)node)->attributes;
}

static const void *class_attributes(const syi_node *node)
{
    return ((const class_node *)(const void *)node)->attributes;
}

/* Nodes */

/* A node without attributes yet; takes the child when it succeeds. Until its attributes are made it must be
 * dropped by discard(). */
static sy_status new_node(sy_hook *hook, const class_type *type, syi_node *child, syi_node **node,
                          sy_error *err)
{
    *node =
        syi_node_new(hook, &type->base, sizeof(class_node) + type->klass.attributes_size, child);
    return *node != NULL ? SY_OK : SYI_ENOMEM(err, type->name);
}

/* Gives the child back. */
static void discard(syi_node *node)
{
    syi_free(node->hook->context, node, node->size);
}

static sy_status new_node_with(sy_hook *hook, const class_type *type, const void *attributes,
                               syi_node *child, syi_node **node, sy_error *err)
{
    syi_node *made = NULL;
    sy_status status = SY_OK;
    *node = NULL;
    SY_TRY(new_node(hook, type, child, &made, err));
    if (attributes != NULL && type->klass.copy != NULL) {
        status = type->klass.copy(attributes_of(made), attributes, err);
    } else if (attributes != NULL && type->klass.attributes_size > 0) {
        memcpy(attributes_of(made), attributes, type->klass.attributes_size);
    }
    if (status != SY_OK) {
        discard(made);
        return status;
    }
    *node = made;
    return SY_OK;
}

static sy_status class_wrap(syi_node *like, syi_node *child, syi_node **node, sy_error *err)
{
    return new_node_with(like->hook, class_of(like->type), attributes_of(like), child, node, err);
}

static void class_free(syi_node *node)
{
    const class_type *type = class_of(node->type);
    if (type->klass.free != NULL) {
        type->klass.free(attributes_of(node));
    }
}

static sy_status class_shape(syi_node *node, syi_array *shape, sy_error *err)
{
    return syi_node_shape(node->child, shape, err);
}

static void class_describe(const syi_node *node, syi_buffer *text)
{
    const class_type *type = class_of(node->type);
    char own[TEXT_MAX + 1] = "";
    int length = -1;
    if (type->klass.describe != NULL) {
        length = type->klass.describe(class_attributes(node), own, sizeof own);
        own[TEXT_MAX] = '\0';
    }
    const char *shown = length >= 0 ? own : type->name;
    syi_buffer_append(text, shown, strlen(shown));
}

/* Operations */

/* The class of the outermost node that is one's; syi_node_call chose its type. */
static const class_type *type_of_call(const syi_call *call);

static sy_status forward(syi_call *call, sy_error *err)
{
    return syi_call_forward(call, &type_of_call(call)->base, class_wrap, err);
}

static const class_type *first_class(const sy_value *items, size_t count)
{
    for (size_t k = 0; k < count; k++) {
        if (items[k].kind == (sy_value_kind)SYI_VALUE_NODE) {
            const syi_node *node = items[k].as.internal;
            /* The first that is neither native nor a pointer is the outermost, and a class's. */
            if (class_of(node->type) != NULL) {
                return class_of(node->type);
            }
        }
    }
    return NULL;
}

static const class_type *type_of_call(const syi_call *call)
{
    for (int k = 0; k < call->arg_count; k++) {
        const sy_value *arg = &call->args[k];
        const bool list = arg->kind == SY_VALUE_LIST;
        const class_type *found =
            list ? first_class(arg->as.list.items, arg->as.list.count) : first_class(arg, 1);
        if (found != NULL) {
            return found;
        }
    }
    return NULL;
}

static sy_status class_call(syi_call *call, sy_error *err)
{
    const class_type *type = type_of_call(call);
    if (type->klass.call == NULL) {
        return forward(call, err);
    }
    const syi_answerer answerer = {
        .type = &type->base, .fn = type->klass.call, .user = type->klass.user, .next = forward};
    return syi_operation_run(call, &answerer, err);
}

/* Wire */

static sy_status told_attributes(const syi_node *node, sy_value *values, size_t *count,
                                 sy_error *err)
{
    const class_type *type = class_of(node->type);
    *count = 0;
    if (type->klass.simplify == NULL) {
        return SY_OK;
    }
    SY_TRY(type->klass.simplify(class_attributes(node), values, count, err));
    if (*count > SY_ATTRIBUTE_MAX) {
        return syi_fail(err, SY_ELIMIT, "%s: %zu attributes, at most %d are taken", type->name,
                        *count, SY_ATTRIBUTE_MAX);
    }
    return SY_OK;
}

static bool is_plain(const sy_value *value)
{
    if (value->kind == SY_VALUE_TENSOR || value->kind >= SY_VALUE_INTERNAL) {
        return false;
    }
    for (size_t k = 0; value->kind == SY_VALUE_LIST && k < value->as.list.count; k++) {
        if (!is_plain(&value->as.list.items[k])) {
            return false;
        }
    }
    return true;
}

static sy_status encode_attributes(const syi_node *node, syi_encoder *encoder, sy_error *err)
{
    const class_type *type = class_of(node->type);
    sy_value values[SY_ATTRIBUTE_MAX];
    size_t count = 0;
    if (type->klass.simplify == NULL) {
        syi_msgpack_write_nil(encoder->out);
        return SY_OK;
    }
    SY_TRY(told_attributes(node, values, &count, err));
    syi_msgpack_write_array(encoder->out, count);
    for (size_t k = 0; k < count; k++) {
        if (!is_plain(&values[k])) {
            return syi_fail(err, SY_EINVAL, "%s: attribute %zu is no plain value", type->name, k);
        }
        SY_TRY(syi_encode_value(encoder, &values[k], err));
    }
    return SY_OK;
}

static sy_status class_simplify(syi_node *node, syi_encoder *encoder, sy_error *err)
{
    const class_type *type = class_of(node->type);
    const bool named = type->klass.code == SY_INTERPRETER_BY_NAME;
    if (type->klass.code == SY_INTERPRETER_LOCAL ||
        (type->klass.simplify == NULL && type->klass.attributes_size > 0)) {
        return syi_fail(err, SY_ENOTSUP, "a %s cannot travel", type->name);
    }
    syi_msgpack_write_array(encoder->out, 2);
    syi_msgpack_write_int(encoder->out, named ? SYI_CODE_NAMED : type->klass.code);
    syi_msgpack_write_array(encoder->out, named ? 3 : 2);
    if (named) {
        syi_encode_text(encoder->out, type->name);
    }
    SY_TRY(encode_attributes(node, encoder, err));
    return syi_encode_node(encoder, node->child, err);
}

/* The attributes of a message, as plain values that live as long as the decoder. nil: count 0. */
static sy_status decode_attributes(syi_decoder *decoder, const class_type *type, sy_value *values,
                                   size_t *count, sy_error *err)
{
    *count = 0;
    if (syi_msgpack_peek(&decoder->cursor) == SYI_MSGPACK_NIL || type->klass.detail == NULL) {
        return syi_msgpack_skip(&decoder->cursor, err);
    }
    SY_TRY(syi_msgpack_read_array(&decoder->cursor, count, err));
    if (*count > SY_ATTRIBUTE_MAX) {
        return syi_fail(err, SY_ELIMIT, "message: a %s with %zu attributes, at most %d are taken",
                        type->name, *count, SY_ATTRIBUTE_MAX);
    }
    for (size_t k = 0; k < *count; k++) {
        SY_TRY(syi_decode_value(decoder, &values[k], err));
        if (!is_plain(&values[k])) {
            return syi_fail(err, SY_EFORMAT, "message: attribute %zu of a %s is no plain value", k,
                            type->name);
        }
    }
    syi_msgpack_leave(&decoder->cursor);
    return SY_OK;
}

/* attributes, child */
static sy_status decode_parts(syi_decoder *decoder, const class_type *type, syi_node **node,
                              sy_error *err)
{
    sy_value values[SY_ATTRIBUTE_MAX];
    size_t count = 0;
    syi_node *child = NULL;
    *node = NULL;
    SY_TRY(decode_attributes(decoder, type, values, &count, err));
    SY_TRY(syi_decode_node(decoder, &child, err));
    sy_status status = new_node(decoder->hook, type, child, node, err);
    if (status == SY_OK && type->klass.detail != NULL) {
        status = type->klass.detail(attributes_of(*node), values, count, err);
        if (status != SY_OK) {
            discard(*node);
        }
    }
    if (status != SY_OK) {
        *node = NULL;
        syi_node_unref(child);
    }
    return status;
}

static sy_status class_detail(syi_decoder *decoder, syi_node **node, sy_error *err)
{
    const class_type *type = class_of(decoder->type);
    SY_TRY(syi_msgpack_read_tuple(&decoder->cursor, 2, type->name, err));
    SY_TRY(decode_parts(decoder, type, node, err));
    syi_msgpack_leave(&decoder->cursor);
    return SY_OK;
}

static sy_status named_detail(syi_decoder *decoder, syi_node **node, sy_error *err)
{
    const char *name = NULL;
    SY_TRY(syi_msgpack_read_tuple(&decoder->cursor, 3, "an interpreter by its name", err));
    SY_TRY(syi_decode_text(decoder, &name, err));
    const class_type *type =
        name != NULL ? class_of(syi_hook_find_interpreter_named(decoder->hook, name)) : NULL;
    if (type == NULL || type->klass.code != SY_INTERPRETER_BY_NAME) {
        return syi_fail(err, SY_ENOTSUP, "message: objects of type %.64s are not known here",
                        name != NULL ? name : "nil");
    }
    SY_TRY(decode_parts(decoder, type, node, err));
    syi_msgpack_leave(&decoder->cursor);
    return SY_OK;
}

/* Stands for the code only; there are no nodes of it. */
static const syi_interpreter named_type = {
    .name = "interpreter by name",
    .code = SYI_CODE_NAMED,
    .detail = named_detail,
};

/* Registering */

static bool is_name(const char *name)
{
    const size_t length = strnlen(name, NAME_MAX_LENGTH + 1);
    for (size_t k = 0; k < length; k++) {
        const char c = name[k];
        const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        if (!letter && (k == 0 || c < '0' || c > '9')) {
            return false;
        }
    }
    return length > 0 && length <= NAME_MAX_LENGTH;
}

static sy_status check_class(const sy_interpreter_class *klass, sy_error *err)
{
    if (klass->size != sizeof *klass) {
        return syi_fail(err, SY_EINVAL, "sy_interpreter_class.size is %zu, expected %zu",
                        klass->size, sizeof *klass);
    }
    if (klass->name == NULL || !is_name(klass->name)) {
        return syi_fail(err, SY_EINVAL,
                        "interpreter: \"%.80s\" is no name (1 to %d letters, digits and _)",
                        klass->name != NULL ? klass->name : "", NAME_MAX_LENGTH);
    }
    if ((klass->simplify == NULL) != (klass->detail == NULL)) {
        return syi_fail(err, SY_EINVAL, "interpreter %s: simplify and detail go together",
                        klass->name);
    }
    if (klass->attributes_size > (1u << 20) ||
        (klass->attributes_size == 0 && (klass->copy != NULL || klass->free != NULL))) {
        return syi_fail(err, SY_EINVAL, "interpreter %s: %zu bytes of attributes to copy and free",
                        klass->name, klass->attributes_size);
    }
    if (klass->free != NULL && klass->copy == NULL) {
        return syi_fail(err, SY_EINVAL, "interpreter %s: what is freed must be copied",
                        klass->name);
    }
    return SY_OK;
}

static void class_release(const syi_interpreter *type, sy_context *context)
{
    syi_free(context, (void *)(uintptr_t)type, sizeof(class_type));
}

sy_status syi_class_register(sy_hook *hook, const sy_interpreter **type,
                             const sy_interpreter_class *klass, int code, sy_error *err)
{
    *type = NULL;
    SY_TRY(check_class(klass, err));
    class_type *made = syi_alloc(hook->context, sizeof *made);
    if (made == NULL) {
        return SYI_ENOMEM(err, klass->name);
    }
    memcpy(made->name, klass->name, strlen(klass->name) + 1);
    made->klass = *klass;
    made->klass.name = made->name;
    made->klass.code = code;
    made->base = (syi_interpreter){
        .name = made->name,
        .code = code > SY_INTERPRETER_BY_NAME ? code : -1,
        .call = class_call,
        .describe = class_describe,
        .shape = class_shape,
        .simplify = class_simplify,
        .detail = class_detail,
        .free = class_free,
        .rewrap = class_wrap,
        .attributes = class_attributes,
        .release = class_release,
    };
    const sy_status status = syi_hook_register_interpreter(hook, &made->base, err);
    if (status != SY_OK) {
        class_release(&made->base, hook->context);
        return status;
    }
    *type = &made->base;
    return SY_OK;
}

sy_status sy_interpreter_register(sy_hook *hook, const sy_interpreter **type,
                                  const sy_interpreter_class *klass, sy_error *err)
{
    if (hook == NULL || type == NULL || klass == NULL) {
        return syi_fail(err, SY_EINVAL, "sy_interpreter_register: hook, type or class is NULL");
    }
    *type = NULL;
    const bool number =
        klass->code >= SY_INTERPRETER_CODE_MIN && klass->code <= SY_INTERPRETER_CODE_MAX;
    if (!number && klass->code != SY_INTERPRETER_BY_NAME && klass->code != SY_INTERPRETER_LOCAL) {
        return syi_fail(err, SY_EINVAL, "interpreter: code %d, expected %d to %d", klass->code,
                        SY_INTERPRETER_CODE_MIN, SY_INTERPRETER_CODE_MAX);
    }
    return syi_class_register(hook, type, klass, klass->code, err);
}

sy_status syi_classes_register(sy_hook *hook, sy_error *err)
{
    return syi_hook_register_interpreter(hook, &named_type, err);
}

const sy_interpreter *sy_interpreter_find(const sy_hook *hook, const char *name)
{
    const syi_interpreter *type =
        hook != NULL && name != NULL ? syi_hook_find_interpreter_named(hook, name) : NULL;
    return type != &named_type && type != &syi_native ? type : NULL;
}

const char *sy_interpreter_get_name(const sy_interpreter *type)
{
    return type->name;
}

/* Chains */

sy_status sy_tensor_wrap_with(sy_tensor *tensor, sy_tensor **wrapped, const sy_interpreter *type,
                              const void *attributes, sy_error *err)
{
    if (wrapped == NULL || tensor == NULL || type == NULL) {
        return syi_fail(err, SY_EINVAL, "sy_tensor_wrap_with: tensor, wrapped or type is NULL");
    }
    *wrapped = NULL;
    SYI_TRACE_DEED(tensor->hook, err, .kind = SYI_DEED_OTHER, .what = "wrap_with", .self = tensor);
    const class_type *klass = class_of(type);
    if (klass == NULL) {
        return syi_fail(err, SY_EINVAL, "a %s is made by its own function", type->name);
    }
    syi_node *node = NULL;
    syi_node *child = syi_node_ref(tensor->node);
    const sy_status status = new_node_with(tensor->hook, klass, attributes, child, &node, err);
    if (status != SY_OK) {
        syi_node_unref(child);
        return status;
    }
    SY_TRY(syi_tensor_wrap(tensor->hook, wrapped, node, err));
    const syi_policy policy = syi_tensor_policy(tensor);
    syi_tensor_set_policy(*wrapped, &policy);
    return SY_OK;
}

const sy_interpreter *sy_tensor_get_interpreter(const sy_tensor *tensor)
{
    return syi_tensor_is_native(tensor) ? NULL : tensor->node->type;
}

const void *sy_tensor_get_attributes(const sy_tensor *tensor, const sy_interpreter *type)
{
    const bool own = tensor->node->type == type && class_of(type) != NULL;
    return own ? class_attributes(tensor->node) : NULL;
}

sy_status sy_tensor_get_class_attributes(sy_tensor *tensor, sy_value *values, size_t *count,
                                         sy_error *err)
{
    *count = 0;
    return class_of(tensor->node->type) != NULL ? told_attributes(tensor->node, values, count, err)
                                                : SY_OK;
}

sy_status sy_tensor_get_child(sy_tensor *tensor, sy_tensor **child, sy_error *err)
{
    *child = NULL;
    SYI_TRACE_DEED(tensor->hook, err, .kind = SYI_DEED_OTHER, .what = "get_child", .self = tensor);
    if (tensor->node->child == NULL) {
        return syi_fail(err, SY_EINVAL, "a %s has no child", tensor->node->type->name);
    }
    SY_TRY(syi_tensor_wrap(tensor->hook, child, syi_node_ref(tensor->node->child), err));
    const syi_policy policy = syi_tensor_policy(tensor);
    syi_tensor_set_policy(*child, &policy);
    return SY_OK;
}
