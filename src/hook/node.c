#include "hook/node.h"

#include "core/error.h"
#include "hook/dispatch.h"
#include "hook/hook.h"

syi_node *syi_node_new(sy_hook *hook, const syi_interpreter *type, size_t size, syi_node *child)
{
    syi_node *node = syi_alloc(hook->context, size);
    if (node == NULL) {
        return NULL;
    }
    node->type = type;
    node->hook = hook;
    node->child = child;
    node->size = size;
    atomic_init(&node->refs, 1);
    return node;
}

syi_node *syi_node_ref(syi_node *node)
{
    atomic_fetch_add_explicit(&node->refs, 1, memory_order_relaxed);
    return node;
}

void syi_node_unref(syi_node *node)
{
    /* Iterative: a chain may be long, and a peer chooses how long. */
    while (node != NULL) {
        if (atomic_fetch_sub_explicit(&node->refs, 1, memory_order_acq_rel) != 1) {
            return;
        }
        syi_node *child = node->child;
        if (node->type->free != NULL) {
            node->type->free(node);
        }
        syi_free(node->hook->context, node, node->size);
        node = child;
    }
}

bool syi_node_is_remote(const syi_node *node)
{
    for (; node != NULL; node = node->child) {
        if (node->type->flags & SYI_NODE_REMOTE) {
            return true;
        }
    }
    return false;
}

void syi_node_hand_over(syi_node *node, const sy_id *to)
{
    for (; node != NULL; node = node->child) {
        if (node->type->hand_over != NULL) {
            node->type->hand_over(node, to);
        }
    }
}

sy_status syi_node_before_travel(syi_node *node, sy_error *err)
{
    for (; node != NULL; node = node->child) {
        if (node->type->before_travel != NULL) {
            SY_TRY(node->type->before_travel(node, err));
        }
    }
    return SY_OK;
}

sy_status syi_node_shape(syi_node *node, syi_array *shape, sy_error *err)
{
    return node->type->shape(node, shape, err);
}

/* native */

static void native_free(syi_node *node)
{
    syi_array_fini(syi_node_array(node));
}

static sy_status native_shape(syi_node *node, syi_array *shape, sy_error *err)
{
    const syi_array *array = syi_node_array(node);
    return syi_array_describe(shape, array->dtype, array->ndim, array->shape, err);
}

const syi_interpreter syi_native = {
    .name = "tensor",
    .code = -1,
    .shape = native_shape,
    .free = native_free,
};

sy_status syi_native_node_new(sy_hook *hook, syi_node **node, syi_array *array, sy_error *err)
{
    *node = syi_node_new(hook, &syi_native, sizeof(syi_native_node), NULL);
    if (*node == NULL) {
        syi_array_fini(array);
        return SYI_ENOMEM(err, "tensor");
    }
    *syi_node_array(*node) = *array;
    *array = (syi_array)SYI_ARRAY_INIT;
    return SY_OK;
}
