/*
 * operation.h (internal) - a call on its way through a chain, as handles: what functions of classes and
 * overloads are given. Face: <csyft/interpreter.h>. Test: src/interpreters/class_test.c.
 */
#ifndef SYI_HOOK_OPERATION_H
#define SYI_HOOK_OPERATION_H

#include <csyft/interpreter.h>

#include "hook/scope.h"

struct sy_operation {
    syi_call *call;
    const syi_interpreter *type; /* whose nodes are opened; NULL: none */
    bool raw;                    /* nodes of the type stay closed, answers are as they are */
    bool answered;
    bool private_;   /* an argument's contents are */
    syi_node *like;  /* the first argument of the type */
    sy_tensor *self; /* a handle on it, made when asked for; the scope's */
    sy_status (*next)(syi_call *call, sy_error *err); /* the default */
    sy_value args[SYI_ARGUMENT_MAX];                  /* tensors as handles, the scope's */
    sy_value items[SYI_OUTPUT_MAX];                   /* of lists that have tensors */
    sy_scope scope;
    char name[SYI_OPERATION_NAME_SIZE];
    char called[SYI_CALLED_NAME_SIZE]; /* "" when not by a dotted name */
};

/*
 * Shows the call to `fn` and takes its answer: results of this `type` around what it gives, unless `raw`.
 * `next` runs the call when the function does not answer it. type NULL (with raw): plain nodes.
 */
typedef struct syi_answerer {
    const syi_interpreter *type;
    bool raw;
    sy_operation_fn fn;
    void *user;
    sy_status (*next)(syi_call *call, sy_error *err);
} syi_answerer;
sy_status syi_operation_run(syi_call *call, const syi_answerer *answerer, sy_error *err);

#endif
