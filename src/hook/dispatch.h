/*
 * dispatch.h - every operation enters here: look at the arguments, run natively, or send the operation
 * down the chain. Test: dispatch_test.c. The observable rules are those of the reference's hook_args.
 */
#ifndef SYI_HOOK_DISPATCH_H
#define SYI_HOOK_DISPATCH_H

#include "hook/hook.h"
#include "hook/tensor.h"

struct syi_joint; /* messaging/joint.h */

/* How an operation is to run; travels down the chain and with remote commands. */
typedef struct syi_mode {
    bool grad;                   /* record gradients */
    bool pipelined;              /* do not wait for remote replies */
    syi_account *account;        /* charged for results; NULL: the hook's own */
    uint64_t deadline;           /* syi_clock_now() time, 0: none */
    const char *worker;          /* for sentences and log lines; "" when local */
    uint64_t caller;             /* who asks, as in the lists of a policy; 0: nobody in a list */
    uint64_t message_id;         /* of the request behind it, for log lines; 0: none */
    const int64_t *release_rows; /* releases declared by the worker, per operation; NULL: none */
    const char *called;          /* the dotted name it was called by; NULL: by another */
    size_t called_length;
    struct syi_joint *joint; /* it is carried out by several workers together; NULL: it is not */
} syi_mode;

#define SYI_MODE_DEFAULT           \
    {                              \
        .grad = true, .worker = "" \
    }

/* An operation on its way down a chain, between interpreters. */
struct syi_call {
    sy_hook *hook;
    const syi_op *op;
    bool inplace;
    bool private_; /* an argument is: handles made of its nodes are, too */
    const syi_mode *mode;
    sy_value args[SYI_ARGUMENT_MAX]; /* bound; tensors as NODE values, lists of them too */
    int arg_count;
    syi_node **outs; /* room for SYI_OUTPUT_MAX; one reference each */
    int out_count;
    sy_value value; /* a plain answer */
    sy_value
        *value_items; /* room for SY_DIM_MAX items of a list in value; NULL: lists are not kept */
    bool inside;      /* it was a native kernel that failed */
};
#define SYI_OPERATION_NAME_SIZE 64 /* of a row's name, or that of an overload without row */
#define SYI_CALLED_NAME_SIZE 96    /* of a dotted name */

/* Runs a call whose arguments are nodes: natively when all are, else by the outermost interpreter, where
 * an overload for its type is asked first. */
sy_status syi_node_call(syi_call *call, sy_error *err);
/* A row on plain arrays (ARRAY values), none of them private or on a tape, and nobody looking on: what is left of a call
 * then. Not in place, not COMPOSITE, not VALUE. outs: room for SYI_OUTPUT_MAX. */
sy_status syi_native_run(sy_hook *hook, const syi_op *op, const sy_value *args,
                         const syi_mode *mode, syi_array *outs, int *out_count, sy_error *err);
/* The same for an INPLACE row on args[0], which nobody else sees and nobody wants any more: the result is put there when it
 * has the same dtype and shape; otherwise *done is false, and nothing has happened. */
sy_status syi_native_overwrite(sy_hook *hook, const syi_op *op, const sy_value *args,
                               const syi_mode *mode, bool *done, sy_error *err);
/* Makes a plain value the answer; items of a list of plain ones are copied. SY_ELIMIT when there is no room
 * for them. */
sy_status syi_call_set_value(syi_call *call, const sy_value *value, sy_error *err);
bool syi_list_has_nodes(const sy_value *list);
/* The outermost interpreter among nodes: the first that is no pointer, else the first that points to several
 * workers, else the first pointer; NULL when all are native. */
const syi_interpreter *syi_outermost(const sy_value *args, int count);
sy_status syi_too_many_tensors(const syi_op *op, sy_error *err);

/* The dotted name that this very operation was called by ("torch.add"), not terminated; NULL for a method or
 * a C function. */
const char *syi_call_get_function(const syi_call *call, size_t *length);

/* What an interpreter that changes nothing does: replaces its own nodes by their children, calls, and
 * wraps each result with `wrap` (which takes the child and gives the node of this type). */
sy_status syi_call_forward(syi_call *call, const syi_interpreter *type,
                           sy_status (*wrap)(syi_node *like, syi_node *child, syi_node **node,
                                             sy_error *err),
                           sy_error *err);

/* The results of one operation at the handle level. */
typedef struct syi_results {
    sy_tensor
        *tensors[SYI_OUTPUT_MAX]; /* one reference each; in place: the first argument itself */
    int count;
    sy_value value;
    sy_value items[SY_DIM_MAX]; /* of a list in value: it lives as long as the results */
} syi_results;
void syi_results_fini(syi_results *results);

/* `bound` as syi_ops_bind made it, with TENSOR values. */
sy_status syi_dispatch(sy_hook *hook, const syi_op *op, bool inplace, const sy_value *bound,
                       const syi_mode *mode, syi_results *results, sy_error *err);
/* The same without a look at the trace switch: trace.c runs what it watches by it. */
sy_status syi_dispatch_untraced(sy_hook *hook, const syi_op *op, bool inplace,
                                const sy_value *bound, int count, const syi_mode *mode,
                                syi_results *results, sy_error *err);
/* Looks the name up, binds, dispatches. `name` need not be terminated. */
sy_status syi_dispatch_name(sy_hook *hook, const char *name, size_t name_length,
                            const sy_value *args, size_t arg_count, const sy_named_value *kwargs,
                            size_t kwarg_count, const syi_mode *mode, syi_results *results,
                            sy_error *err);

/* A COMPOSITE row between interpreters: its nodes become handles for the time of the call, and its parts
 * enter by dispatch. For interpreters that take such rows apart. */
sy_status syi_call_composite(syi_call *call, sy_error *err);

/* COMPOSITE rows at the handle level: composites.c. */
sy_status syi_composite_call(sy_hook *hook, const syi_op *op, bool inplace, const sy_value *bound,
                             int count, const syi_mode *mode, syi_results *results, sy_error *err);

#endif
