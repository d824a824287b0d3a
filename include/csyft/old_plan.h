/*
 * old_plan.h - plans as PySyft 0.1 had them (000, syft.workers.plan), over those of plan.h: sent by promise.
 *
 *     sy_old_plan_new(hook, &plan, "absolute", absolute, NULL, err);   // func2plan, make_plan
 *     sy_old_plan_send(plan, bob, err);                                // no message
 *     sy_old_plan_call(plan, &x_ptr, 1, &y_ptr, 1, NULL, err);         // builds it; two messages: the plan, and a run
 *     sy_old_plan_call(plan, &x_ptr, 1, &y_ptr, 1, NULL, err);         // one message
 *     sy_old_plan_get(plan);                                           // no message: it runs here again
 *
 * What is otherwise than there: each plan of a method has its own instance; ids that are replaced are ids, and no numbers
 * that happen to be equal; worker ids may be numbers; the owner may be a client; a plan is no worker that others could
 * know. What get forgets is deleted there when the plan goes, and is used again when it is sent there again.
 *
 * A sy_old_plan belongs to one thread at a time.
 */
#ifndef CSYFT_OLD_PLAN_H
#define CSYFT_OLD_PLAN_H

#include <csyft/plan.h>

SY_BEGIN_DECLS

typedef struct sy_old_plan sy_old_plan;

/*
 * func2plan, make_plan: not built yet. The blueprint is given `self`. method2plan: `self` is the instance, whose tensors
 * become state of the plan when the blueprint uses them; make one per instance. name NULL:
 * "Plan".
 */
SY_API sy_status sy_old_plan_new(sy_hook *hook, sy_old_plan **plan, const char *name,
                                 sy_plan_fn blueprint, void *self, sy_error *err);
SY_API void sy_old_plan_unref(sy_old_plan *plan); /* NULL is nothing */
/* copy: another id, the same blueprint, not built, no labels. */
SY_API sy_status sy_old_plan_copy(const sy_old_plan *plan, sy_old_plan **copy, sy_error *err);

/* build_plan: records the blueprint for such arguments. Of pointers only the shape counts: nothing is sent, unless
 * the blueprint uses other pointers, too, which stay where they are. SY_EINVAL when it is built. */
SY_API sy_status sy_old_plan_build(sy_old_plan *plan, const sy_value *arguments, size_t count,
                                   sy_error *err);
SY_API bool sy_old_plan_is_built(const sy_old_plan *plan);

/* Where it is to run from now on; sends nothing. SY_ENOTSUP when it has a location already: get it first. */
SY_API sy_status sy_old_plan_send(sy_old_plan *plan, sy_worker *location, sy_error *err);
/* It runs here again; asks and deletes nothing. */
SY_API void sy_old_plan_get(sy_old_plan *plan);
SY_API sy_worker *sy_old_plan_get_location(const sy_old_plan *plan); /* NULL: here */

/*
 * execute_plan: builds it at first; then, with a location, sends it there if it is not there yet and runs it (pointers to
 * that location come in and out); without, runs it here. The results get `result_ids`, one each, or fresh ones when NULL.
 * SY_ECOLLOCATION for arguments that are elsewhere than the location.
 */
SY_API sy_status sy_old_plan_execute(sy_old_plan *plan, const sy_value *arguments, size_t count,
                                     const sy_id *result_ids, size_t result_id_count,
                                     sy_tensor **results, size_t capacity, size_t *result_count,
                                     sy_error *err);
/* Plan.__call__ with tensors. */
SY_API sy_status sy_old_plan_call(sy_old_plan *plan, sy_tensor *const *arguments, size_t count,
                                  sy_tensor **results, size_t capacity, size_t *result_count,
                                  sy_error *err);
/* request_execute_plan: asks the location to run it, with those of the arguments that are tensors; it has to be built.
 * SY_EINVAL without a location. */
SY_API sy_status sy_old_plan_request_execute(sy_old_plan *plan, const sy_id *response_ids,
                                             size_t response_id_count, const sy_value *arguments,
                                             size_t count, sy_tensor **results, size_t capacity,
                                             size_t *result_count, sy_error *err);

/* The ids of the arguments and results of the last execution, none before it. Borrowed until the next. */
SY_API const sy_id *sy_old_plan_get_argument_ids(const sy_old_plan *plan, size_t *count);
SY_API const sy_id *sy_old_plan_get_result_ids(const sy_old_plan *plan, size_t *count);
/* Each from[k] among those ids, and among the ids of the plan's state, becomes to[k]. Where it was sent it is forgotten, and
 * sent anew. SY_EINVAL for none, and the first of two that are the same counts. */
SY_API sy_status sy_old_plan_replace_ids(sy_old_plan *plan, const sy_id *from, const sy_id *to,
                                         size_t count, sy_error *err);
/* Pointers to worker `from` in the state become pointers to `to`, to the same ids. Ids as bytes, without an end: text and
 * bytes are the same. SY_ENOTFOUND when `to` is not known. */
SY_API sy_status sy_old_plan_replace_worker_ids(sy_old_plan *plan, const void *from,
                                                size_t from_size, const void *to, size_t to_size,
                                                sy_error *err);

SY_API sy_status sy_old_plan_tag(sy_old_plan *plan, const char *const *tags, size_t count,
                                 sy_error *err);
SY_API sy_status sy_old_plan_describe(sy_old_plan *plan, const char *description, sy_error *err);
/* What it is made of, borrowed: name, id, owner, labels, state, code. */
SY_API sy_plan *sy_old_plan_get_plan(const sy_old_plan *plan);
/* "<Plan NAME id:ID owner:ID location:ID Tags: a b built>". To be freed with sy_string_free. */
SY_API sy_status sy_old_plan_to_text(const sy_old_plan *plan, char **text, sy_error *err);

SY_END_DECLS

#endif
