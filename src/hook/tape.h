/*
 * tape.h - reverse-mode differentiation over handles: the one tape of the chain.
 *
 * A recorded operation becomes a tape node that keeps what its gradient reads (arguments and results
 * without their own history) and, per tensor argument, where it came from: the tape node that made it,
 * or the leaf itself. A node never refers to the results' handles, so there are no cycles. Gradients are
 * written on public operations (gradients.c), so they serve any chain. The tape is kept after a
 * backward: a second one accumulates again (PyTorch with retain_graph); it goes with its last handle.
 * Tests: tape_test.c (structure, errors), gradients_vectors_test.c (torch).
 */
#ifndef SYI_HOOK_TAPE_H
#define SYI_HOOK_TAPE_H

#include <csyft/scope.h>

#include "hook/dispatch.h"

typedef struct syi_tape_node syi_tape_node;

typedef struct syi_tape_shape {
    sy_dtype dtype;
    int ndim;
    int64_t sizes[SY_DIM_MAX];
} syi_tape_shape;

/* A value kept for the gradient; `version` tells whether it was written since. */
typedef struct syi_tape_saved {
    sy_tensor *tensor; /* detached; NULL: not kept */
    unsigned version;
    bool stale; /* wanted, but the operation itself overwrote it */
} syi_tape_saved;

/* One tensor argument; those of a T[] parameter follow each other. */
typedef struct syi_tape_input {
    syi_tape_node *node; /* what made it, or NULL */
    sy_tensor *leaf;     /* the leaf that it is, or NULL */
    uint32_t output;     /* which output of node */
    int parameter;
    int item; /* place in a T[] parameter, -1: not in a list */
    syi_tape_shape shape;
    syi_tape_saved saved;
} syi_tape_input;

typedef struct syi_tape_output {
    syi_tape_shape shape;
    syi_tape_saved saved;
} syi_tape_output;

struct syi_tape_node {
    atomic_uint refs;
    sy_hook *hook;
    const syi_op *op;
    size_t size;         /* of the block: node, inputs, outputs, args and what they point to */
    uint64_t depth;      /* above that of every node it came from */
    syi_tape_node *next; /* while being freed */
    syi_tape_input *inputs;
    syi_tape_output *outputs;
    sy_value *args; /* per parameter; tensors are none */
    int input_count;
    int output_count;
    int arg_count;
};

/* What a gradient function sees. Index k counts the row's parameters. The incoming gradients have their
 * output's shape and dtype; results are brought to their argument's by the caller: broadcasting is undone
 * (sum_to_size) and the dtype converted. */
typedef struct syi_backward {
    sy_scope *scope;
    const syi_op *op;
    /* Numbers, lists and texts; tensors (detached) only where the row reads them. */
    sy_value args[SYI_ARGUMENT_MAX];
    const syi_tape_input *inputs[SYI_ARGUMENT_MAX]; /* shape of tensor argument k, or of its list */
    int input_counts[SYI_ARGUMENT_MAX];
    const syi_tape_output *outputs; /* shapes; saved.tensor only where the row keeps them */
    sy_tensor **grads;              /* per output; NULL: no gradient reached it */
    int output_count;
    bool needs[SYI_ARGUMENT_MAX];            /* does anyone want results[k]? */
    sy_tensor *results[SYI_ARGUMENT_MAX];    /* to fill: gradient per tensor argument, NULL: none */
    sy_tensor *list_results[SYI_OUTPUT_MAX]; /* to fill for a T[] argument */
} syi_backward;
typedef void (*syi_gradient_fn)(syi_backward *b);

typedef enum syi_gradient_kind {
    SYI_GRADIENT_NONE,    /* a constant of its arguments: results are not tracked */
    SYI_GRADIENT_ROW,     /* has a function */
    SYI_GRADIENT_INNER,   /* composite: its inner operations are recorded instead */
    SYI_GRADIENT_REFUSED, /* has a derivative that is not written: recording it is refused */
} syi_gradient_kind;

/* A row of gradients.c. Sets are bit sets: of parameters, and of outputs. */
typedef struct syi_gradient {
    bool listed; /* the row of the table is there */
    syi_gradient_kind kind;
    syi_gradient_fn function;
    uint8_t reads[6];      /* reads[k]: parameters whose gradient reads the value of argument k */
    uint8_t reads_outputs; /* parameters whose gradient reads outputs ... */
    uint8_t kept_outputs;  /* ... of this set */
} syi_gradient;
/* The row of `op`; max and min have another one when `bound` names no dim, batch_norm when
 * it does not train. */
const syi_gradient *syi_gradient_get(const syi_op *op, const sy_value *bound);

/* Before an operation runs in place: a copy of bound[0] where a gradient that someone wants reads what will be
 * overwritten there; else NULL. The caller's, for syi_tape_record. */
sy_status syi_tape_keep_original(sy_hook *hook, const syi_op *op, const sy_value *bound,
                                 int bound_count, const syi_mode *mode, sy_tensor **original,
                                 sy_error *err);
/* Links the results of an operation to its arguments when one of them is tracked. In place: the
 * handle bound[0] gets the new history, and `original` is what it held before (NULL: nobody reads it).
 * SY_ENOTSUP for a row whose derivative is not written. */
sy_status syi_tape_record(sy_hook *hook, const syi_op *op, bool inplace, const sy_value *bound,
                          int bound_count, sy_tensor *original, sy_tensor **results,
                          int result_count, sy_error *err);
/* May `op` run in place on self in grad mode? Refused as in PyTorch: a leaf that requires a gradient.
 * Refused because it would lose a gradient silently: a tensor whose storage other tensors view, when
 * `record` (self or another argument is tracked). */
sy_status syi_tape_check_inplace(const sy_tensor *self, const syi_op *op, bool record,
                                 sy_error *err);

/* Accumulates into the leaves' grad; all of them or, on failure, none. `gradient` NULL: one. Private
 * losses give private gradients (policy.h). SY_ENOGRAD, SY_ESHAPE, SY_EINVAL (a kept value was written
 * since), and whatever an operation of a gradient reports, which is then named. */
sy_status syi_tape_backward(sy_tensor *from, sy_tensor *gradient, sy_error *err);
/* The same in the mode of a command (account, deadline); its `grad` does not matter. */
sy_status syi_tape_backward_in(sy_tensor *from, sy_tensor *gradient, const syi_mode *mode,
                               sy_error *err);

syi_tape_node *syi_tape_node_ref(syi_tape_node *node);
void syi_tape_node_unref(syi_tape_node *node); /* NULL is nothing; a chain of any length */

#endif
