/*
 * protocol.h - protocols: plans in a row, each at a worker of its own, deployed once and run in one pass (001).
 *
 *     const sy_protocol_pair pairs[] = {{.name = "w1", .plan = a}, {.name = "w2", .plan = b}, {.name = "w1", .plan = c}};
 *     sy_protocol_new(hook, &protocol, pairs, 3, NULL, err);
 *     sy_protocol_deploy(protocol, (sy_worker *[]){alice, bob}, 2, err);     // a and c to alice, b to bob
 *     sy_protocol_run(protocol, &x, 1, NULL, 0, &y, 1, NULL, err);           // y is a pointer at alice
 *
 * What one plan gives are the arguments of the next; it goes from worker to worker, not through who runs the protocol.
 * Arguments are sent to the first worker, or copied there from the worker where they are; they themselves stay.
 *
 * A worker of a pair is real (a handle) or a name: the id of a worker, or any word. One name is one worker, two names are
 * two workers. Names are matched to workers by deploy, and stay.
 *
 * A protocol can be sent to a worker, found there by others, fetched, and deployed at workers of theirs; or, once it is
 * deployed, run from there: by the worker that holds it. Plans that were deployed live as long as the session of who
 * deployed them (sy_protocol_keep: longer).
 *
 * A sy_protocol and a sy_pointer_protocol belong to one thread at a time, as plans do. Errors of a run name the plan by its
 * place, its worker and the reason; what was computed on the way is deleted.
 */
#ifndef CSYFT_PROTOCOL_H
#define CSYFT_PROTOCOL_H

#include <csyft/plan.h>

SY_BEGIN_DECLS

typedef struct sy_protocol sy_protocol;
typedef struct sy_pointer_protocol sy_pointer_protocol;

/* (worker, plan): one of `worker` and `name`, one of `plan` and `pointer` (a plan that is at one worker already). */
typedef struct sy_protocol_pair {
    sy_worker *worker;
    const char *name;
    sy_plan *plan;
    sy_pointer_plan *pointer;
} sy_protocol_pair;

typedef struct sy_protocol_options {
    size_t size;      /* sizeof(sy_protocol_options) */
    const sy_id *id;  /* NULL: drawn */
    sy_worker *owner; /* NULL: the local worker */
    const char *const *tags;
    size_t tag_count;
    const char *description;
} sy_protocol_options;
#define SY_PROTOCOL_OPTIONS_INIT            \
    {                                       \
        .size = sizeof(sy_protocol_options) \
    }

/* Resolved when every pair has a real worker; the plans are sent when it is first run or sent. SY_EINVAL names the pair;
 * SY_ELIMIT beyond 256 pairs. options nullable. */
SY_API sy_status sy_protocol_new(sy_hook *hook, sy_protocol **protocol,
                                 const sy_protocol_pair *pairs, size_t count,
                                 const sy_protocol_options *options, sy_error *err);
SY_API sy_protocol *sy_protocol_ref(sy_protocol *protocol);
/* NULL is nothing. What was sent stays where it is; plans it deployed go, unless they are kept or somebody else's. */
SY_API void sy_protocol_unref(sy_protocol *protocol);

/*
 * Gives a worker to every name and sends the plans there. When the ids of the workers are the names: by name. Else, as many
 * as plans: by position. Else, as many as different names: in the order of their first appearance. Without any: the workers
 * whose ids the names are. Pairs with a real worker stay with it.
 *
 * SY_EINVAL: it is resolved already (with its workers), the number of workers fits neither plans nor names (with all three),
 * two names get one worker or one name two, a plan is not built. When only some of the names are ids of the workers given,
 * a warning is logged. On failure nothing is deployed.
 */
SY_API sy_status sy_protocol_deploy(sy_protocol *protocol, sy_worker *const *workers, size_t count,
                                    sy_error *err);
/* workers_resolved */
SY_API bool sy_protocol_is_resolved(const sy_protocol *protocol);
/* _assert_is_resolved: SY_EINVAL when it is not. */
SY_API sy_status sy_protocol_check_resolved(const sy_protocol *protocol, sy_error *err);

/*
 * Runs it (Protocol.__call__, run): the results of the last plan, pointers at its worker, in order; *result_count is their
 * number (nullable). Named arguments go to the first plan, by its names. SY_EINVAL when it is not resolved; SY_ESIGNATURE
 * for wrong arguments or less room than results.
 *
 * After sy_protocol_send to another worker that one runs it: the arguments have to be pointers to that worker (else
 * SY_ECOLLOCATION, naming both), and results are pointers there, to pointers at the last worker.
 */
SY_API sy_status sy_protocol_run(sy_protocol *protocol, const sy_value *arguments, size_t count,
                                 const sy_named_value *kwargs, size_t kwarg_count,
                                 sy_tensor **results, size_t capacity, size_t *result_count,
                                 sy_error *err);

typedef struct sy_protocol_input {
    const sy_value *arguments;
    size_t count;
    const sy_named_value *kwargs;
    size_t kwarg_count;
    sy_tensor **results; /* room, for one run */
    size_t capacity;
    size_t result_count; /* filled */
} sy_protocol_input;
/* Several runs, in order at each plan, which overlap: one worker computes for one input while the next has the input
 * before it. All results, or none. */
SY_API sy_status sy_protocol_run_many(sy_protocol *protocol, sy_protocol_input *inputs,
                                      size_t count, sy_error *err);
/* find_args_location: of the first pointer, else the local worker. */
SY_API sy_worker *sy_protocol_find_arguments_location(sy_hook *hook, const sy_value *arguments,
                                                      size_t count);

/*
 * To a worker, to be fetched or run there; sets the location. Names, and plans that are not deployed, go along; of deployed
 * ones pointers do, and that worker is told where they are. The object there lives as long as this session, or is kept.
 * To the local worker: it is registered there, and runs here. SY_EINVAL when a plan of it is at the local worker.
 */
SY_API sy_status sy_protocol_send(sy_protocol *protocol, sy_worker *location, sy_error *err);
/* The plans it deployed and, where it was sent, the protocol live beyond this session. SY_EPERM for what others own. */
SY_API sy_status sy_protocol_keep(sy_protocol *protocol, sy_error *err);

SY_API sy_hook *sy_protocol_get_hook(const sy_protocol *protocol);
SY_API sy_id sy_protocol_get_id(sy_protocol *protocol);
SY_API sy_worker *sy_protocol_get_owner(const sy_protocol *protocol);
SY_API sy_worker *sy_protocol_get_location(const sy_protocol *protocol); /* NULL: not sent */
SY_API size_t sy_protocol_get_plan_count(const sy_protocol *protocol);
/* Of a pair: the name it was made with (the id of a real worker), and its worker, NULL before it is deployed. */
SY_API const char *sy_protocol_get_name(const sy_protocol *protocol, size_t index);
SY_API sy_worker *sy_protocol_get_worker(const sy_protocol *protocol, size_t index);
/* Borrowed; NULL when only a pointer to it is here. */
SY_API sy_plan *sy_protocol_get_plan(const sy_protocol *protocol, size_t index);
SY_API sy_status sy_protocol_tag(sy_protocol *protocol, const char *tag, sy_error *err);
SY_API sy_status sy_protocol_describe(sy_protocol *protocol, const char *description,
                                      sy_error *err);
SY_API size_t sy_protocol_get_tag_count(const sy_protocol *protocol);
SY_API const char *sy_protocol_get_tag(const sy_protocol *protocol, size_t index); /* NULL beyond */
SY_API const char *sy_protocol_get_description(const sy_protocol *protocol);       /* nullable */
/* "<Protocol id:ID owner:ID resolved>" and a line " - WORKER: PLAN" per pair. To be freed with sy_string_free. */
SY_API sy_status sy_protocol_to_text(sy_protocol *protocol, char **text, sy_error *err);

/* create_pointer: to a protocol at a worker. Asks nothing; with `garbage_collect` dropping it deletes that. */
SY_API sy_status sy_protocol_create_pointer(sy_hook *hook, sy_pointer_protocol **pointer,
                                            sy_worker *location, const sy_id *id_at_location,
                                            bool garbage_collect, sy_error *err);
/* Of a pointer that a search gave; it is used on. SY_EINVAL when it is none. */
SY_API sy_status sy_pointer_protocol_from(sy_tensor *pointer, sy_pointer_protocol **protocol,
                                          sy_error *err);
SY_API sy_pointer_protocol *sy_pointer_protocol_ref(sy_pointer_protocol *pointer);
SY_API void sy_pointer_protocol_unref(sy_pointer_protocol *pointer); /* NULL is nothing */
SY_API sy_worker *sy_pointer_protocol_get_location(const sy_pointer_protocol *pointer);
SY_API sy_id sy_pointer_protocol_get_id_at_location(const sy_pointer_protocol *pointer);
/* As sy_protocol_run of a protocol that was sent there. */
SY_API sy_status sy_pointer_protocol_run(sy_pointer_protocol *pointer, const sy_value *arguments,
                                         size_t count, const sy_named_value *kwargs,
                                         size_t kwarg_count, sy_tensor **results, size_t capacity,
                                         size_t *result_count, sy_error *err);
SY_API sy_status sy_pointer_protocol_run_many(sy_pointer_protocol *pointer,
                                              sy_protocol_input *inputs, size_t count,
                                              sy_error *err);
/* The protocol as it is there; its plans get ids of their own. With `deregister` it is gone there afterwards. SY_EINVAL when
 * the object is no protocol. */
SY_API sy_status sy_pointer_protocol_get(sy_pointer_protocol *pointer, sy_protocol **protocol,
                                         bool deregister, sy_error *err);
/* fetch_protocol: by id. `copy`: with an id of its own. It stays where it is. */
SY_API sy_status sy_worker_fetch_protocol(sy_worker *worker, sy_protocol **protocol,
                                          const sy_id *id, bool copy, sy_error *err);
/* "[PointerProtocol | me:1 -> bob:2]". To be freed with sy_string_free. */
SY_API sy_status sy_pointer_protocol_to_text(sy_pointer_protocol *pointer, char **text,
                                             sy_error *err);

SY_END_DECLS

#endif
