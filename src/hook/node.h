/*
 * node.h - one link of a tensor's chain, and the seam of interpreters.
 *
 * A chain is a list of nodes ending in native storage or in a node that stands for something elsewhere
 * (a pointer). Nodes are shared by reference and not changed once they are in use, except that a native
 * node's elements are written by in-place operations. Contract test:
 * tests/support/interpreter_contract.h.
 */
#ifndef SYI_HOOK_NODE_H
#define SYI_HOOK_NODE_H

#include <csyft/hook.h>

#include "arrays/array.h"
#include "core/buffer.h"
#include "ops/ops.h"

typedef struct syi_node syi_node;
typedef struct syi_call syi_call;
struct syi_encoder; /* serde/serde.h */
struct syi_decoder;

enum {
    SYI_NODE_REMOTE = 1u << 0, /* stands for an object elsewhere: operations may wait for a peer */
    SYI_NODE_DECOMPOSES = 1u << 1, /* COMPOSITE rows are taken apart before they come here */
    SYI_NODE_SPREAD = 1u << 2,     /* stands for several: answers before other remote ones do */
    SYI_NODE_PARTS =
        1u << 3, /* what is sent of shared values in it is the recipient's part, if it has one */
};

/*
 * An interpreter answers or forwards operations that reach its nodes.
 *  call      bound arguments have NODE values; at least one is of this type. Fills call->outs (one
 *            reference each) and call->out_count, or call->value for VALUE rows. In place: the first
 *            argument's node is changed (or what it stands for), and no outs are given.
 *  describe  appends its own part of the text; the caller goes on with the child.
 *  shape     dtype and shape without storage. May wait for a peer when not known yet.
 *  simplify  writes the node's [code, body]; detail reads the body of `code` (serde.h).
 *  free      drops what the node holds beside the child.
 */
typedef struct syi_interpreter {
    const char *name; /* as it shows in text: "PointerTensor" */
    int code;         /* type code on the wire (0.2.9), -1: none */
    unsigned flags;
    sy_status (*call)(syi_call *call, sy_error *err);
    void (*describe)(const syi_node *node, syi_buffer *text);
    sy_status (*shape)(syi_node *node, syi_array *shape, sy_error *err);
    sy_status (*simplify)(syi_node *node, struct syi_encoder *encoder, sy_error *err);
    sy_status (*detail)(struct syi_decoder *decoder, syi_node **node, sy_error *err);
    void (*free)(syi_node *node);
    /* Optional, with DECOMPOSES: a COMPOSITE row that it answers as a whole all the same, where nothing goes on a tape. */
    bool (*answers_whole)(const syi_op *op);
    /* Optional: where the id lives when it belongs to the node (a pointer's); may be none still. */
    sy_id *(*identity)(syi_node *node);
    /* Optional: gradients of what the node stands for; native chains use the handle's own. */
    sy_status (*set_requires_grad)(syi_node *node, bool requires_grad, sy_error *err);
    sy_status (*get_grad)(syi_node *node, sy_tensor **grad, sy_error *err); /* *grad NULL: none */
    sy_status (*set_grad)(syi_node *node, sy_tensor *grad, sy_error *err);  /* grad NULL: none */
    /* Optional: a copy of the node went to worker `to` and took its duties along (a pointer's: to delete
     * what it points to, which is not there). */
    void (*hand_over)(syi_node *node, const sy_id *to);
    /* Optional: a node like this one (with its attributes: get_class_attributes) around another child, which it
     * takes when it succeeds. Types without it cannot be overloaded. */
    sy_status (*rewrap)(syi_node *like, syi_node *child, syi_node **node, sy_error *err);
    /* Optional: a node for the attribute at a dotted path of what the node stands for; asks nobody. */
    sy_status (*attribute)(syi_node *node, const char *path, syi_node **attribute, sy_error *err);
    /* Optional: is what the node stands for none? May wait for a peer. */
    sy_status (*is_none)(syi_node *node, bool *none, sy_error *err);
    /* Optional: the shape if it is known without asking anybody; for texts. */
    bool (*known_shape)(const syi_node *node, syi_array *shape);
    /* Optional: asks for what a copy of the node will need elsewhere; may wait for a peer. */
    sy_status (*before_travel)(syi_node *node, sy_error *err);
    /* Optional: does running what the node stands for change objects? (plans) */
    bool (*changes)(const syi_node *node);
    /* Of classes (interpreters/class.c): their attributes, and their release with the hook. */
    const void *(*attributes)(const syi_node *node);
    void (*release)(const struct syi_interpreter *type, sy_context *context);
} syi_interpreter;

struct syi_node {
    const syi_interpreter *type;
    sy_hook *hook;
    syi_node *child; /* nullable; owned */
    size_t size;     /* of the whole struct */
    atomic_uint refs;
};

/* Native storage: the end of a local chain. Its type is syi_native. */
typedef struct syi_native_node {
    syi_node base;
    syi_array array;
} syi_native_node;
extern const syi_interpreter syi_native;

/* Zeroed node of `size` bytes starting with a syi_node; takes `child`. NULL when out of memory. */
syi_node *syi_node_new(sy_hook *hook, const syi_interpreter *type, size_t size, syi_node *child);
syi_node *syi_node_ref(syi_node *node);
void syi_node_unref(syi_node *node); /* NULL is nothing */

/* Takes the array (also on failure). */
sy_status syi_native_node_new(sy_hook *hook, syi_node **node, syi_array *array, sy_error *err);
static inline bool syi_node_is_native(const syi_node *node)
{
    return node->type == &syi_native;
}
static inline syi_array *syi_node_array(syi_node *node)
{
    return &((syi_native_node *)node)->array;
}
/* Is any node of the chain of a REMOTE type? */
bool syi_node_is_remote(const syi_node *node);
/* The storage at the end of the chain; NULL when it ends elsewhere. */
static inline syi_storage *syi_node_storage(syi_node *node)
{
    while (node->child != NULL) {
        node = node->child;
    }
    return syi_node_is_native(node) ? syi_node_array(node)->storage : NULL;
}
/* Every node of the chain hands over. */
void syi_node_hand_over(syi_node *node, const sy_id *to);
/* Before the chain is written for another worker. */
sy_status syi_node_before_travel(syi_node *node, sy_error *err);
/* dtype and shape, no storage. */
sy_status syi_node_shape(syi_node *node, syi_array *shape, sy_error *err);

#endif
