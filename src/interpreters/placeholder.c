#include "interpreters/placeholder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "hook/tensor.h"
#include "serde/serde.h"

typedef struct placeholder {
    syi_node base; /* child NULL: not instantiated */
    sy_id id;
    syi_placeholder_tags tags;
} placeholder;

static placeholder *of(const sy_tensor *tensor)
{
    return tensor != NULL && tensor->node->type == &syi_placeholder_type
               ? (placeholder *)tensor->node
               : NULL;
}

/* Tags as texts */

enum { TAG_COUNT = 5, TAG_SIZE = 24 };

static int tag_texts(const syi_placeholder_tags *tags, char texts[TAG_COUNT][TAG_SIZE])
{
    int count = 0;
    if (tags->input >= 0) {
        snprintf(texts[count++], TAG_SIZE, "#input-%d", (int)tags->input);
    }
    if (tags->output >= 0) {
        snprintf(texts[count++], TAG_SIZE, "#output-%d", (int)tags->output);
    }
    if (tags->state) {
        snprintf(texts[count++], TAG_SIZE, "#state");
    }
    if (tags->inner) {
        snprintf(texts[count++], TAG_SIZE, "#inner");
    }
    if (tags->number >= 0) {
        snprintf(texts[count++], TAG_SIZE, "#%d", (int)tags->number);
    }
    return count;
}

/* Decimal digits and nothing else; -1 when it is no such number. */
static int32_t number_of(const char *text)
{
    char *end = NULL;
    if (*text < '0' || *text > '9' || strlen(text) > 9) {
        return -1;
    }
    const long value = strtol(text, &end, 10);
    return *end == '\0' ? (int32_t)value : -1;
}

static sy_status read_tag(syi_placeholder_tags *tags, const char *text, sy_error *err)
{
    int32_t *place = NULL;
    const char *digits = NULL;
    if (strcmp(text, "#state") == 0) {
        tags->state = true;
        return SY_OK;
    }
    if (strcmp(text, "#inner") == 0) {
        tags->inner = true;
        return SY_OK;
    }
    if (strncmp(text, "#input-", 7) == 0) {
        place = &tags->input;
        digits = text + 7;
    } else if (strncmp(text, "#output-", 8) == 0) {
        place = &tags->output;
        digits = text + 8;
    } else if (text[0] == '#') {
        place = &tags->number;
        digits = text + 1;
    }
    const int32_t number = digits != NULL ? number_of(digits) : -1;
    if (number < 0 || *place >= 0) {
        return syi_fail(err, SY_EFORMAT, "message: a placeholder with the tag \"%.40s\"", text);
    }
    *place = number;
    return SY_OK;
}

bool syi_placeholder_matches(const sy_tensor *tensor, const char *text)
{
    const placeholder *p = of(tensor);
    char texts[TAG_COUNT][TAG_SIZE];
    const int count = p != NULL ? tag_texts(&p->tags, texts) : 0;
    for (int k = 0; k < count; k++) {
        if (strstr(texts[k], text) != NULL) {
            return true;
        }
    }
    return false;
}

/* The node */

static sy_status no_value(const placeholder *p, sy_error *err)
{
    char texts[TAG_COUNT][TAG_SIZE];
    const int count = tag_texts(&p->tags, texts);
    return syi_fail(err, SY_EINVAL, "placeholder %s has no value yet",
                    count > 0 ? texts[0] : "without tags");
}

static bool is_placeholder(const sy_value *value)
{
    return value->kind == (sy_value_kind)SYI_VALUE_NODE &&
           ((const syi_node *)value->as.internal)->type == &syi_placeholder_type;
}

/* Puts the children in the place of placeholders. */
static sy_status strip(sy_value *values, size_t count, sy_error *err)
{
    for (size_t k = 0; k < count; k++) {
        if (is_placeholder(&values[k])) {
            syi_node *node = values[k].as.internal;
            if (node->child == NULL) {
                return no_value((const placeholder *)node, err);
            }
            values[k].as.internal = node->child;
        }
    }
    return SY_OK;
}

static sy_status placeholder_call(syi_call *call, sy_error *err)
{
    sy_value items[SYI_OUTPUT_MAX];
    size_t used = 0;
    syi_call inner = *call;
    for (int k = 0; k < call->arg_count; k++) {
        sy_value *values = &inner.args[k];
        size_t count = 1;
        if (values->kind == SY_VALUE_LIST && syi_list_has_nodes(values)) {
            count = values->as.list.count;
            if (count > SYI_OUTPUT_MAX - used) {
                return syi_too_many_tensors(call->op, err);
            }
            memcpy(&items[used], values->as.list.items, count * sizeof *items);
            *values = sy_value_list(&items[used], count);
            values = &items[used];
            used += count;
        }
        SY_TRY(strip(values, count, err));
    }
    SY_TRY(syi_node_call(&inner, err));
    call->out_count = inner.out_count;
    call->value = inner.value;
    return SY_OK;
}

static void placeholder_describe(const syi_node *node, syi_buffer *text)
{
    char texts[TAG_COUNT][TAG_SIZE];
    const int count = tag_texts(&((const placeholder *)node)->tags, texts);
    syi_buffer_append(text, "PlaceHolder[Tags:", 17);
    for (int k = 0; k < count; k++) {
        syi_buffer_append(text, " ", k > 0 ? 1 : 0);
        syi_buffer_append(text, texts[k], strlen(texts[k]));
    }
    syi_buffer_append(text, "]", 1);
}

static sy_status placeholder_shape(syi_node *node, syi_array *shape, sy_error *err)
{
    return node->child != NULL ? syi_node_shape(node->child, shape, err)
                               : no_value((const placeholder *)node, err);
}

static sy_id *placeholder_identity(syi_node *node)
{
    return &((placeholder *)node)->id;
}

/* Wire: [48, [id, [3, tags], description]] */
static sy_status placeholder_simplify(syi_node *node, syi_encoder *encoder, sy_error *err)
{
    placeholder *p = (placeholder *)node;
    syi_buffer *out = encoder->out;
    char texts[TAG_COUNT][TAG_SIZE];
    const int count = tag_texts(&p->tags, texts);
    if (sy_id_is_none(&p->id)) {
        p->id = syi_hook_fresh_id(encoder->hook);
    }
    syi_msgpack_write_array(out, 2);
    syi_msgpack_write_int(out, SYI_CODE_PLACEHOLDER);
    syi_msgpack_write_array(out, 3);
    syi_encode_id(out, &p->id);
    syi_msgpack_write_array(out, 2);
    syi_msgpack_write_int(out, SYI_CODE_SET);
    syi_msgpack_write_array(out, (size_t)count);
    for (int k = 0; k < count; k++) {
        syi_encode_text(out, texts[k]);
    }
    syi_msgpack_write_nil(out);
    return syi_buffer_check(out, "message body", err);
}

static sy_status read_tags(syi_decoder *decoder, syi_placeholder_tags *tags, sy_error *err)
{
    syi_msgpack_cursor *cursor = &decoder->cursor;
    int64_t code = 0;
    size_t count = 0;
    if (syi_msgpack_peek(cursor) == SYI_MSGPACK_NIL) {
        return syi_msgpack_read_nil(cursor, err);
    }
    SY_TRY(syi_msgpack_read_tuple(cursor, 2, "[type code, body]", err));
    SY_TRY(syi_msgpack_read_int(cursor, &code, err));
    if (code != SYI_CODE_SET) {
        return syi_fail(err, SY_EFORMAT, "message: type code %lld where a set of tags is expected",
                        (long long)code);
    }
    SY_TRY(syi_msgpack_read_array(cursor, &count, err));
    if (count > TAG_COUNT) {
        return syi_fail(err, SY_EFORMAT, "message: a placeholder with %zu tags", count);
    }
    for (size_t k = 0; k < count; k++) {
        const char *text = NULL;
        SY_TRY(syi_decode_text(decoder, &text, err));
        SY_TRY(text != NULL ? read_tag(tags, text, err)
                            : syi_fail(err, SY_EFORMAT, "message: a tag is nil"));
    }
    syi_msgpack_leave(cursor);
    syi_msgpack_leave(cursor);
    return SY_OK;
}

static sy_status node_new(sy_hook *hook, placeholder **made, const sy_id *id,
                          const syi_placeholder_tags *tags, syi_node *child, sy_error *err)
{
    *made = (placeholder *)syi_node_new(hook, &syi_placeholder_type, sizeof **made, NULL);
    if (*made == NULL) {
        return SYI_ENOMEM(err, "PlaceHolder");
    }
    (*made)->id = id != NULL ? *id : (sy_id)SY_ID_INIT;
    (*made)->tags = *tags;
    (*made)->base.child = child != NULL ? syi_node_ref(child) : NULL;
    return SY_OK;
}

static sy_status placeholder_detail(syi_decoder *decoder, syi_node **node, sy_error *err)
{
    syi_placeholder_tags tags = SYI_PLACEHOLDER_TAGS_INIT;
    placeholder *made = NULL;
    size_t count = 0;
    sy_id id = SY_ID_INIT;
    SY_TRY(syi_msgpack_read_array(&decoder->cursor, &count, err));
    if (count < 2) {
        return syi_fail(err, SY_EFORMAT, "message: a placeholder with %zu fields", count);
    }
    SY_TRY(syi_decode_id(decoder, &id, err));
    SY_TRY(read_tags(decoder, &tags, err));
    for (size_t k = 2; k < count; k++) {
        SY_TRY(syi_msgpack_skip(&decoder->cursor, err));
    }
    syi_msgpack_leave(&decoder->cursor);
    SY_TRY(node_new(decoder->hook, &made, &id, &tags, NULL, err));
    *node = &made->base;
    return SY_OK;
}

const syi_interpreter syi_placeholder_type = {
    .name = "PlaceHolder",
    .code = SYI_CODE_PLACEHOLDER,
    .call = placeholder_call,
    .describe = placeholder_describe,
    .shape = placeholder_shape,
    .simplify = placeholder_simplify,
    .detail = placeholder_detail,
    .identity = placeholder_identity,
};

sy_status syi_placeholder_register(sy_hook *hook, sy_error *err)
{
    return syi_hook_register_interpreter(hook, &syi_placeholder_type, err);
}

/* Handles */

sy_status syi_placeholder_new(sy_hook *hook, sy_tensor **made, const sy_id *id,
                              const syi_placeholder_tags *tags, sy_error *err)
{
    placeholder *p = NULL;
    *made = NULL;
    SY_TRY(node_new(hook, &p, id, tags, NULL, err));
    return syi_tensor_wrap(hook, made, &p->base, err);
}

const syi_placeholder_tags *syi_placeholder_get_tags(const sy_tensor *tensor)
{
    const placeholder *p = of(tensor);
    return p != NULL ? &p->tags : NULL;
}

/* Nodes are shared and do not change, so the handle gets another one. */
sy_status syi_placeholder_instantiate(sy_tensor *tensor, sy_tensor *value, sy_error *err)
{
    const placeholder *p = of(tensor);
    if (p == NULL || value == NULL) {
        return syi_fail(err, SY_EINVAL, "instantiate: no placeholder, or no value");
    }
    const placeholder *other = of(value);
    if (other != NULL && other->base.child == NULL) {
        return no_value(other, err);
    }
    placeholder *made = NULL;
    const syi_policy policy = syi_tensor_policy(value);
    const sy_id id = sy_tensor_get_id(tensor);
    SY_TRY(node_new(tensor->hook, &made, &id, &p->tags,
                    other != NULL ? other->base.child : value->node, err));
    syi_tensor_set_node(tensor, &made->base);
    syi_tensor_set_policy(tensor, &policy);
    return SY_OK;
}

sy_status syi_placeholder_get_value(sy_tensor *tensor, sy_tensor **value, sy_error *err)
{
    const placeholder *p = of(tensor);
    *value = NULL;
    if (p == NULL) {
        return syi_fail(err, SY_EINVAL, "the tensor is no placeholder");
    }
    if (p->base.child == NULL) {
        return no_value(p, err);
    }
    SY_TRY(syi_tensor_wrap(tensor->hook, value, syi_node_ref(p->base.child), err));
    const syi_policy policy = syi_tensor_policy(tensor);
    syi_tensor_set_policy(*value, &policy);
    return SY_OK;
}

sy_status syi_placeholder_copy(sy_tensor *tensor, sy_tensor **copy, sy_error *err)
{
    const placeholder *p = of(tensor);
    placeholder *made = NULL;
    *copy = NULL;
    if (p == NULL) {
        return syi_fail(err, SY_EINVAL, "the tensor is no placeholder");
    }
    const syi_policy policy = syi_tensor_policy(tensor);
    SY_TRY(node_new(tensor->hook, &made, NULL, &p->tags, p->base.child, err));
    SY_TRY(syi_tensor_wrap(tensor->hook, copy, &made->base, err));
    syi_tensor_set_policy(*copy, &policy);
    return SY_OK;
}

int syi_placeholder_compare(const sy_tensor *a, const sy_tensor *b)
{
    const placeholder *p = of(a), *q = of(b);
    if (p == NULL || q == NULL) {
        return (p == NULL) - (q == NULL);
    }
    const uint32_t left[] = {(uint32_t)p->tags.input, (uint32_t)p->tags.output,
                             (uint32_t)p->tags.number};
    const uint32_t right[] = {(uint32_t)q->tags.input, (uint32_t)q->tags.output,
                              (uint32_t)q->tags.number};
    for (int k = 0; k < 3; k++) { /* what it is not comes last: -1 is the greatest */
        if (left[k] != right[k]) {
            return left[k] < right[k] ? -1 : 1;
        }
    }
    return 0;
}
