/*
 * plan.h - plans: operations that are recorded once and run as a whole, here or where the data is (002, and for the
 * older names 000).
 *
 *     static sy_status net(sy_plan_frame *f, sy_scope *s, void *user, sy_error *err)
 *     {
 *         sy_tensor *x = sy_plan_frame_argument(f, 0);
 *         sy_tensor *w = sy_plan_frame_state(f, 0), *b = sy_plan_frame_state(f, 1);
 *         return sy_plan_frame_return(f, sy_relu(s, sy_add(s, sy_matmul(s, x, w), b)), err);
 *     }
 *     ...
 *     sy_plan_options options = SY_PLAN_OPTIONS_INIT;
 *     options.name = "net";
 *     options.forward = net;
 *     options.state = (sy_tensor *[]){w, b};
 *     options.state_count = 2;
 *     sy_plan_new(hook, &plan, &options, err);
 *     sy_plan_build_shapes(plan, (sy_plan_shape[]){{SY_DTYPE_F32, 2, {-1, 64}}}, 1, err);
 *     sy_plan_send(plan, &pointer, &bob, 1, false, err);
 *     sy_pointer_plan_run(pointer, &x_ptr, 1, NULL, &y_ptr, 1, NULL, err);  // one message
 *
 * Building runs the function once and records its operations; what the function does in C is done then, and not again.
 * So it may not look at contents, nor at sizes that were left open (-1): both are refused with a sentence. Loops and
 * conditions on what is fixed are unrolled. Tensors that it uses beside its arguments (parameters of a module, constants it
 * makes) become state of the plan, which travels with it. Operations that draw random numbers are recorded, not their
 * numbers. Backward and updates in place are operations, too: a training step is a plan.
 *
 * A plan runs from its recorded operations, on any chain: tensors, pointers (then each operation is a message, unless the
 * plan is sent), fixed precision. It is private nowhere by itself; what it computes is as private as what it reads.
 *
 * A sy_plan and a sy_pointer_plan belong to one thread at a time, as tensors do. Errors of a run name plan, step and
 * operation.
 */
#ifndef CSYFT_PLAN_H
#define CSYFT_PLAN_H

#include <csyft/pointer.h>
#include <csyft/precision.h>
#include <csyft/scope.h>

SY_BEGIN_DECLS

struct sy_share_options; /* sharing.h */

typedef struct sy_plan sy_plan;
typedef struct sy_plan_frame sy_plan_frame;
typedef struct sy_pointer_plan sy_pointer_plan;

/* The function of a plan: reads its arguments and state from the frame, computes in the scope, and returns. What it
 * returns otherwise than SY_OK is the status of the build; failures of operations in the scope are found without it. */
typedef sy_status (*sy_plan_fn)(sy_plan_frame *frame, sy_scope *scope, void *user, sy_error *err);

/* Borrowed, as long as the function runs. NULL beyond the last, and for an argument that is no tensor. */
SY_API sy_tensor *sy_plan_frame_argument(const sy_plan_frame *frame, size_t index);
/* Any argument; none beyond the last. */
SY_API sy_value sy_plan_frame_value(const sy_plan_frame *frame, size_t index);
SY_API size_t sy_plan_frame_get_argument_count(const sy_plan_frame *frame);
/* State by its place, or by its name; NULL when there is none. Borrowed. */
SY_API sy_tensor *sy_plan_frame_state(const sy_plan_frame *frame, size_t index);
SY_API sy_tensor *sy_plan_frame_state_named(const sy_plan_frame *frame, const char *name);
/* One result. NULL (an operation failed) is passed on: SY_EINVAL, and the build tells the operation's reason. */
SY_API sy_status sy_plan_frame_return(sy_plan_frame *frame, sy_tensor *result, sy_error *err);
/* Several results: tensors, numbers, lists of them up to 8 deep; at most 256 tensors. Copied. */
SY_API sy_status sy_plan_frame_return_values(sy_plan_frame *frame, const sy_value *results,
                                             size_t count, sy_error *err);
/*
 * The length of a dim, for operations. While a plan with open sizes is built, it is a placeholder for the length at run
 * time: give it to operations as it is (in shapes and slices, or as an int operand), or return it, which gives a tensor
 * of one int64; arithmetic with it in C is refused there. Elsewhere it is the length. 0 after a failure, which the scope
 * keeps.
 */
SY_API int64_t sy_plan_size(sy_scope *scope, sy_tensor *tensor, int dim);
/*
 * Arithmetic that is part of the plan when an operand is such a placeholder, and gives another; plain arithmetic elsewhere.
 * Division rounds down (-7 // 2 = -4), a remainder has the divisor's sign. SY_ERANGE: no int64, a divisor of 0; in a plan
 * that is run, the run fails. 0 after a failure, which the scope keeps.
 */
SY_API int64_t sy_plan_size_add(sy_scope *scope, int64_t a, int64_t b);
SY_API int64_t sy_plan_size_sub(sy_scope *scope, int64_t a, int64_t b);
SY_API int64_t sy_plan_size_mul(sy_scope *scope, int64_t a, int64_t b);
SY_API int64_t sy_plan_size_floordiv(sy_scope *scope, int64_t a, int64_t b);
SY_API int64_t sy_plan_size_mod(sy_scope *scope, int64_t a, int64_t b);

typedef struct sy_plan_options {
    size_t size;        /* sizeof(sy_plan_options) */
    const char *name;   /* NULL: "Plan" */
    sy_plan_fn forward; /* NULL: the plan is built some other way (fetched, read from a file) */
    void *user;         /* given to it */
    /* State: referenced, and registered with the owner. The plan's own from then on: in place operations change it. */
    sy_tensor *const *state;
    size_t state_count;
    const char *const *state_names; /* NULL, or one per tensor */
    /* Names of the arguments, for calls by name; NULL: arg_1, arg_2, ... */
    const char *const *argument_names;
    size_t argument_count; /* of the names */
    bool include_state;    /* 002: the state is among the function's arguments, after the others */
    const sy_id *id;       /* NULL: drawn */
    sy_worker *owner;      /* NULL: the local worker */
} sy_plan_options;
#define SY_PLAN_OPTIONS_INIT            \
    {                                   \
        .size = sizeof(sy_plan_options) \
    }

/* func2plan, make_plan, Plan(...): not built yet. SY_EINVAL for a name or state that cannot be. */
SY_API sy_status sy_plan_new(sy_hook *hook, sy_plan **plan, const sy_plan_options *options,
                             sy_error *err);
SY_API sy_plan *sy_plan_ref(sy_plan *plan);
SY_API void sy_plan_unref(sy_plan *plan); /* NULL is nothing */

/* A tensor of this dtype; each -1 stays open. SY_EINVAL for dims below -1. */
typedef struct sy_plan_shape {
    sy_dtype dtype;
    int ndim;
    int64_t shape[SY_DIM_MAX];
} sy_plan_shape;
/* Builds with tensors of zeros. SY_EINVAL when it is built already, or what the function did cannot be recorded. On failure
 * the plan is as before; the state is so in any case. */
SY_API sy_status sy_plan_build_shapes(sy_plan *plan, const sy_plan_shape *shapes, size_t count,
                                      sy_error *err);
/* The same with examples, all of whose sizes are fixed. Arguments that are no tensors are constants of the plan: a run has
 * to give the same, or leave them out at the end. */
SY_API sy_status sy_plan_build(sy_plan *plan, const sy_value *arguments, size_t count,
                               sy_error *err);
SY_API bool sy_plan_is_built(const sy_plan *plan);

typedef struct sy_plan_run_options {
    size_t size;                  /* sizeof(sy_plan_run_options) */
    const sy_named_value *kwargs; /* by the argument's name, after the positional ones */
    size_t kwarg_count;
    const sy_id *
        result_ids; /* one per result; where it is run they are registered under these. NULL: drawn */
    size_t result_id_count;
} sy_plan_run_options;
#define SY_PLAN_RUN_OPTIONS_INIT            \
    {                                       \
        .size = sizeof(sy_plan_run_options) \
    }

/*
 * Runs it here (Plan.__call__, run). Results are references for the caller, in the order of the outputs, lists flattened;
 * *count is their number (nullable). An unbuilt plan is built with these arguments first. With a pointer among them it
 * runs over that pointer, message by message; send it to run at the worker. SY_ESIGNATURE for wrong arguments, or less room
 * than results; SY_ESHAPE and others from the steps.
 */
SY_API sy_status sy_plan_run(sy_plan *plan, const sy_value *arguments, size_t count,
                             const sy_plan_run_options *options, sy_tensor **results,
                             size_t capacity, size_t *result_count, sy_error *err);
/* In a scope, also in the function of another plan, which then holds its operations: the first result. */
SY_API sy_tensor *sy_plan_call(sy_scope *scope, sy_plan *plan, sy_tensor *const *arguments,
                               size_t count);

SY_API sy_hook *sy_plan_get_hook(const sy_plan *plan);
SY_API const char *sy_plan_get_name(const sy_plan *plan);
SY_API sy_id sy_plan_get_id(sy_plan *plan);
SY_API sy_worker *sy_plan_get_owner(const sy_plan *plan);
SY_API bool sy_plan_get_include_state(const sy_plan *plan);
SY_API sy_status sy_plan_tag(sy_plan *plan, const char *tag, sy_error *err);
SY_API sy_status sy_plan_describe(sy_plan *plan, const char *description, sy_error *err);
SY_API size_t sy_plan_get_tag_count(const sy_plan *plan);
SY_API const char *sy_plan_get_tag(const sy_plan *plan, size_t index); /* borrowed; NULL beyond */
SY_API const char *sy_plan_get_description(const sy_plan *plan);       /* borrowed; may be NULL */
/* Of a built plan: operations, arguments, results. 0 before. */
SY_API size_t sy_plan_get_operation_count(const sy_plan *plan);
SY_API size_t sy_plan_get_argument_count(const sy_plan *plan);
SY_API size_t sy_plan_get_result_count(const sy_plan *plan);

/* Plan.parameters: the state, borrowed, as long as the plan is not changed: what was given first, then what the function
 * used beside it. NULL beyond the last. Names are "" where none was given. */
SY_API size_t sy_plan_get_state_count(const sy_plan *plan);
SY_API sy_tensor *sy_plan_get_state(const sy_plan *plan, size_t index);
SY_API const char *sy_plan_get_state_name(const sy_plan *plan, size_t index);
/* Plan.__setattr__: adds the tensor to the state under a name, or replaces the one of that name; before it is built.
 * Registered with the owner. */
SY_API sy_status sy_plan_set_attribute(sy_plan *plan, const char *name, sy_tensor *tensor,
                                       sy_error *err);
/* NULL when there is none. Borrowed. */
SY_API sy_tensor *sy_plan_get_attribute(const sy_plan *plan, const char *name);

/* The state in place (get_: of a plan whose state was sent away). Where fix_precision_ fails the state is as before; the
 * others stop at the tensor that fails, which the sentence names. */
SY_API sy_status sy_plan_fix_precision_(sy_plan *plan, const sy_precision_options *options,
                                        sy_error *err);
SY_API sy_status sy_plan_float_precision_(sy_plan *plan, sy_error *err);
SY_API sy_status sy_plan_get_(sy_plan *plan, sy_error *err);
/*
 * Plan.share_: the state is shared in place (sharing.h); where that fails it is as before. Such a plan runs here on shared
 * arguments, operation by operation, or, sent to all holders (sy_plan_send), there: each of them gets its parts of the state
 * with the plan, and sy_pointer_plan_run with shared arguments is one message to each holder and one answer from each.
 */
SY_API sy_status sy_plan_share_(sy_plan *plan, sy_worker *const *owners, size_t count,
                                sy_worker *crypto_provider, sy_error *err);
/* The same by options (nullable), with a `protocol` by which the plan compares. Arguments have to be of the same one. */
SY_API sy_status sy_plan_share_with_(sy_plan *plan, sy_worker *const *owners, size_t count,
                                     const struct sy_share_options *options, sy_error *err);

/* Plan.copy: another id, the same operations, the state's tensors of its own. No tags; forward is kept. */
SY_API sy_status sy_plan_copy(sy_plan *plan, sy_plan **copy, sy_error *err);

/* How the plan was built for an argument: its name ("arg_1"), and whether it is a tensor of some shape (-1: open). False
 * beyond the last, and while it is not built. `name` has room for 256 bytes; the others are nullable. */
SY_API bool sy_plan_get_argument(const sy_plan *plan, size_t index, char name[256], bool *is_tensor,
                                 sy_plan_shape *shape);

/*
 * Plan.find_placeholders: what the values of a built plan are called, as the reference tags them: "#input-K", "#output-K",
 * "#state", and "#N" in order of first appearance (the state first, then by operation: arguments, then results). Those with
 * a tag that contains one of the terms; all without terms. Each is a tensor without a value yet, with an id of its own and
 * the text "PlaceHolder[Tags:#input-0 #1]"; to be freed with sy_tensors_free. Order: inputs, outputs, the others by number.
 */
SY_API sy_status sy_plan_find_placeholders(sy_plan *plan, sy_tensor ***placeholders, size_t *count,
                                           const char *const *terms, size_t term_count,
                                           sy_error *err);

/* "<Plan NAME id:ID owner:ID Tags: a b built>" and, with the code, "def NAME(arg_1):" and a line per operation, as
 * plan.code of 0.2.9. To be freed with sy_string_free. */
SY_API sy_status sy_plan_to_text(sy_plan *plan, char **text, sy_error *err);
SY_API sy_status sy_plan_get_code(sy_plan *plan, char **text, sy_error *err);

/* How a plan is written down. */
typedef enum sy_plan_format {
    SY_PLAN_CSYFT, /* that of sy_tensor_serialize */
    SY_PLAN_PYSYFT_0_2_9, /* syft.serde.serialize(plan) of PySyft 0.2.9: roles; TorchScript is not written */
    SY_PLAN_PYSYFT_0_2_4, /* of 0.2.4: actions and tagged placeholders */
    SY_PLAN_PROTOBUF, /* that of 0.2.9 as a message of syft-proto: sy_plan_bufferize (protobuf.h) */
} sy_plan_format;

/*
 * A plan and its state as bytes, to be freed with sy_bytes_free. SY_EPERM for state that is private or at a worker. In
 * PySyft's formats: SY_ENOTSUP, with the step, for what PySyft has no form for (gradients, updates of optimizers, open
 * sizes that are read, results that are numbers); a plan that PySyft recorded keeps all that came with it in its own format.
 */
SY_API sy_status sy_plan_serialize(sy_plan *plan, sy_plan_format format, void **bytes, size_t *size,
                                   sy_error *err);
/* From any of the formats: which one it is, the bytes tell. They may come from anybody: they are checked as what a peer
 * sends, and running the plan runs operations of the table and nothing else. SY_EINVAL when they hold no plan, SY_EFORMAT,
 * SY_EFORBIDDEN; SY_ENOTSUP, with the action, for a plan of PySyft that does what csyft cannot. */
SY_API sy_status sy_plan_deserialize(sy_hook *hook, sy_plan **plan, const void *bytes, size_t size,
                                     sy_error *err);
/* The same with files: whole, or as it was before. And SY_EIO. */
SY_API sy_status sy_plan_save(sy_plan *plan, const char *path, sy_error *err); /* SY_PLAN_CSYFT */
SY_API sy_status sy_plan_save_as(sy_plan *plan, const char *path, sy_plan_format format,
                                 sy_error *err);
SY_API sy_status sy_plan_load(sy_hook *hook, sy_plan **plan, const char *path, sy_error *err);

/*
 * Sends it to one worker or several (a worker that has it already is not asked again: the pointer is the same). Its state
 * goes along. SY_EINVAL when it is not built, unless `force`; SY_EPERM for private state. The pointer owns what it points
 * to, unless sy_pointer_plan_set_garbage_collect.
 */
SY_API sy_status sy_plan_send(sy_plan *plan, sy_pointer_plan **pointer, sy_worker *const *locations,
                              size_t count, bool force, sy_error *err);
/* create_pointer: to the plan at its owner, or to what is there under that id. Asks nothing, owns nothing. */
SY_API sy_status sy_plan_create_pointer(sy_hook *hook, sy_pointer_plan **pointer,
                                        sy_worker *location, const sy_id *id_at_location,
                                        sy_error *err);
/* Of a pointer that a search gave. SY_EINVAL when the object is no plan. */
SY_API sy_status sy_pointer_plan_from(sy_tensor *pointer, sy_pointer_plan **plan, sy_error *err);
SY_API sy_pointer_plan *sy_pointer_plan_ref(sy_pointer_plan *pointer);
SY_API void sy_pointer_plan_unref(sy_pointer_plan *pointer); /* NULL is nothing */

SY_API size_t sy_pointer_plan_get_location_count(const sy_pointer_plan *pointer);
SY_API sy_worker *sy_pointer_plan_get_location(const sy_pointer_plan *pointer, size_t index);
SY_API sy_id sy_pointer_plan_get_id_at_location(const sy_pointer_plan *pointer, size_t index);
/* Does dropping it delete the plan where it is? */
SY_API void sy_pointer_plan_set_garbage_collect(sy_pointer_plan *pointer, bool garbage_collect);
/* One pointer per location, the array to be freed with sy_pointer_plans_free. */
SY_API sy_status sy_pointer_plan_split(sy_pointer_plan *pointer, sy_pointer_plan ***pointers,
                                       size_t *count, sy_error *err);
SY_API void sy_pointer_plans_free(sy_hook *hook, sy_pointer_plan **pointers, size_t count);

/*
 * Runs it where the arguments are, in one message: tensors are pointers to one location of the plan (without any, the plan
 * has one location), others plain values. Results are pointers there. SY_ECOLLOCATION names the location that is asked
 * for and those of the plan; SY_ENOTFOUND when plan or state are gone there.
 */
SY_API sy_status sy_pointer_plan_run(sy_pointer_plan *pointer, const sy_value *arguments,
                                     size_t count, const sy_plan_run_options *options,
                                     sy_tensor **results, size_t capacity, size_t *result_count,
                                     sy_error *err);
/* Pointers to the state there, owning nothing; to be freed with sy_tensors_free. One location only (SY_EINVAL). */
SY_API sy_status sy_pointer_plan_get_parameters(sy_pointer_plan *pointer, sy_tensor ***parameters,
                                                size_t *count, sy_error *err);
/* fetch_plan: the plan as it is there now, with its state. With `deregister` it is gone there afterwards. */
SY_API sy_status sy_pointer_plan_get(sy_pointer_plan *pointer, sy_plan **plan, bool deregister,
                                     sy_error *err);
/* By id. `copy`: with an id of its own. It stays where it is. */
SY_API sy_status sy_worker_fetch_plan(sy_worker *worker, sy_plan **plan, const sy_id *id, bool copy,
                                      sy_error *err);
/* "[PointerPlan | me:1 -> bob:2]", a line per location. To be freed with sy_string_free. */
SY_API sy_status sy_pointer_plan_to_text(sy_pointer_plan *pointer, char **text, sy_error *err);

SY_END_DECLS

#endif
