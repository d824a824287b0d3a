/*
 * plan.h (internal) - the plan behind sy_plan: what it is made of, and its place in a chain, so that it is stored, sent,
 * searched and permitted as any object. Public face: <csyft/plan.h>. Tests: plan_test.c, plan_build_test.c, plan_run_test.c,
 * plan_state_test.c, tests/integration/plans.c.
 */
#ifndef SYI_EXECUTION_PLAN_H
#define SYI_EXECUTION_PLAN_H

#include <csyft/plan.h>

#include "execution/tape.h"

#define SYI_CODE_PLAN 21
#define SYI_PLAN_NAME_MAX 255

/* An argument as the plan was built for it. */
typedef struct syi_plan_argument {
    char *name; /* NULL: arg_N */
    bool is_tensor;
    sy_dtype dtype;
    int ndim;
    int64_t shape[SY_DIM_MAX]; /* -1: open */
    sy_value value;            /* of one that is no tensor; the tape's */
} syi_plan_argument;

typedef struct syi_plan_state {
    char *name; /* NULL: none */
    sy_tensor *tensor;
} syi_plan_state;

/* What a plan is. Not changed once a node has it, except that operations change the state's tensors; shared by nodes. */
typedef struct syi_plan_body {
    sy_hook *hook;
    atomic_uint refs;
    char *name;
    bool include_state;
    syi_tape *tape;               /* sealed; NULL: not built */
    syi_plan_argument *arguments; /* of a built one, or as far as they have names */
    size_t argument_count;
    syi_plan_state *states;
    size_t state_count;
    size_t declared_count; /* of the states: those that were given, not captured */
    syi_storage *origin; /* what PySyft recorded, as it came, without the states; NULL: csyft did */
    atomic_size_t
        too_many; /* elements of arguments that were too much for a short command; 0: not known */
} syi_plan_body;

/* The node, which stands for nothing else: operations on it are refused. */
typedef struct syi_plan_node {
    syi_node base;
    syi_plan_body *body; /* a reference */
} syi_plan_node;
extern const syi_interpreter syi_plan_type;

sy_status syi_plan_register(sy_hook *hook, sy_error *err);

/* Empty arrays of these lengths. */
sy_status syi_plan_body_new(sy_hook *hook, syi_plan_body **body, const char *name,
                            size_t argument_count, size_t state_count, sy_error *err);
syi_plan_body *syi_plan_body_ref(syi_plan_body *body);
void syi_plan_body_unref(syi_plan_body *body); /* NULL is nothing */
/* Its state of that name; NULL: none. Borrowed. */
sy_tensor *syi_plan_body_state_named(const syi_plan_body *body, const char *name);
/* A body like this one with room for more states; tensors are the same. */
sy_status syi_plan_body_like(const syi_plan_body *from, syi_plan_body **body, size_t argument_count,
                             size_t state_count, sy_error *err);

/* What the caller holds. */
struct sy_plan {
    atomic_uint refs;
    sy_tensor *object; /* whose node is the plan's */
    sy_plan_fn forward;
    void *user;
    sy_pointer_plan *sent; /* a list: where it is already */
};
/* Borrowed. */
syi_plan_body *syi_plan_get_body(const sy_plan *plan);
/* Gives the plan another body under its id; takes it in any case. */
sy_status syi_plan_set_body(sy_plan *plan, syi_plan_body *body, sy_error *err);

/* Of a handle; NULL when it is no plan. Borrowed. */
syi_plan_body *syi_plan_body_of(const sy_tensor *object);
/* A handle on it, owned by the local worker. Takes the body when it succeeds. */
sy_status syi_plan_object_new(sy_hook *hook, sy_tensor **object, syi_plan_body *body,
                              sy_error *err);
/* Takes the object when it succeeds. SY_EINVAL when it is no plan. */
sy_status syi_plan_from_object(sy_plan **plan, sy_tensor *object, sy_error *err);
sy_tensor *syi_plan_get_object(const sy_plan *plan); /* borrowed */

/* One sy_value per input of the tape: checks number, kinds and, where sizes were read, shapes. kwargs by name. */
sy_status syi_plan_bind(const syi_plan_body *body, const sy_value *arguments, size_t count,
                        const sy_named_value *kwargs, size_t kwarg_count, sy_value *inputs,
                        sy_error *err);
/* One id per result, or none at all, and no two the same. */
sy_status syi_plan_check_result_ids(const syi_plan_body *body, const sy_id *ids, size_t count,
                                    sy_error *err);
/* Runs a built body. results: room for tape->result_count. Budget and over: run.h. */
sy_status syi_plan_execute(const syi_plan_body *body, const sy_value *inputs, const syi_mode *mode,
                           uint64_t budget, bool *over, sy_value *results, sy_error *err);

/* plan_wire.c */
sy_status syi_plan_simplify(syi_node *node, struct syi_encoder *encoder, sy_error *err);
sy_status syi_plan_detail(struct syi_decoder *decoder, syi_node **node, sy_error *err);
/* plan_pysyft.c: what follows the revision */
sy_status syi_plan_read_pysyft(struct syi_decoder *decoder, syi_plan_body **body, sy_error *err);

/* plan_commands.c: run, parameters */
sy_status syi_plan_commands_register(sy_hook *hook, sy_error *err);
#define SYI_PLAN_COMMAND_RUN "run"
#define SYI_PLAN_COMMAND_PARAMETERS "plan_parameters"

/* pointer_plan.c: what was sent where, so that it is not sent again. */
void syi_plan_forget_pointers(sy_plan *plan);

#endif
