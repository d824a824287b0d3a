/*
 * pointer_plan_joint.c - a plan that runs on shared values, at all their holders together: one message to each of them, one
 * answer from each. Part of pointer_plan.h. Test: tests/integration/sharing_plans.c.
 */
#include <string.h>

#include "core/error.h"
#include "execution/pointer_plan.h"
#include "interpreters/sharing/additive_shared.h"

struct syi_additive_shared *syi_plan_shared_argument(const sy_value *arguments, size_t count)
{
    for (size_t k = 0; k < count; k++) {
        struct syi_additive_shared *shared = arguments[k].kind == SY_VALUE_TENSOR
                                                 ? syi_additive_shared_of(arguments[k].as.tensor)
                                                 : NULL;
        if (shared != NULL) {
            return shared;
        }
    }
    return NULL;
}

/* The plan at a holder. */
static sy_status plan_at(const sy_pointer_plan *pointer, const sy_worker *holder,
                         syi_pointer **plan, sy_error *err)
{
    for (size_t k = 0; k < sy_pointer_plan_get_location_count(pointer); k++) {
        *plan = syi_pointer_of(syi_pointer_plan_get_tensor(pointer, k));
        if ((*plan)->location == holder) {
            return SY_OK;
        }
    }
    *plan = NULL;
    return syi_fail(err, SY_ECOLLOCATION,
                    "an argument of the plan is shared, and the plan is not at its holder %s; send "
                    "it to all holders",
                    holder->name);
}

/* Every shared value and pointer must be of these holders. */
static sy_status check_arguments(const syi_plan_request *r, const syi_sharing_group *group,
                                 sy_error *err)
{
    for (size_t k = 0; k < r->args[1].as.list.count; k++) {
        if (r->all[k].kind != (sy_value_kind)SYI_VALUE_NODE) {
            continue;
        }
        const syi_node *node = r->all[k].as.internal;
        while (node->child != NULL) {
            node = node->child;
        }
        const syi_additive_shared *shared = syi_additive_shared_of_node(node);
        if (shared == NULL || shared->group != group) {
            return syi_fail(err, SY_ECOLLOCATION,
                            "argument %zu of the plan is a %s that is not of the holders of the "
                            "other arguments",
                            k + 1, node->type->name);
        }
    }
    return SY_OK;
}

typedef struct joint_run {
    syi_sharing_group *group;
    syi_pointer *plans[SYI_HOLDERS_MAX];
    syi_exchange exchanges[SYI_HOLDERS_MAX];
    syi_multi_pointer *parts[SYI_TAPE_OUTPUTS_MAX];
    syi_node *chains[SYI_TAPE_OUTPUTS_MAX]; /* as the first holder says it */
    bool shared[SYI_TAPE_OUTPUTS_MAX];
    size_t count;
} joint_run;

static sy_status read_results(joint_run *j, int holder, sy_error *err)
{
    sy_hook *hook = j->group->hook;
    syi_decoder decoder;
    size_t count = 0;
    sy_status status = SY_OK;
    syi_decoder_init(&decoder, hook, hook->local_worker, j->exchanges[holder].reply);
    SY_GOTO(done, syi_msgpack_read_array(&decoder.cursor, &count, err));
    if (count > SYI_TAPE_OUTPUTS_MAX || (holder > 0 && count != j->count)) {
        status = syi_fail(err, SY_EPROTO, "the plan gave %zu results at %s, %zu at %s", count,
                          j->group->workers[holder]->name, j->count, j->group->workers[0]->name);
    }
    for (size_t k = 0; k < count && status == SY_OK; k++) {
        syi_node *chain = NULL;
        if (holder == 0) {
            SY_GOTO(done, syi_multi_pointer_new(hook, &j->parts[k], j->group->holders, err));
            j->count = k + 1;
        }
        SY_GOTO(done,
                syi_sharing_read_answer(&decoder, hook->local_worker, j->group->workers[holder],
                                        &j->parts[k]->children[holder], &chain, err));
        j->shared[k] = chain != NULL;
        if (holder == 0) {
            j->chains[k] = chain;
        } else {
            syi_node_unref(chain);
        }
    }
done:
    syi_decoder_fini(&decoder);
    return status;
}

/* Asks all, then listens to each that was asked. */
static sy_status ask(joint_run *j, syi_plan_request *r, const syi_joint *joint, sy_error *err)
{
    syi_exchange *started[SYI_HOLDERS_MAX] = {NULL};
    sy_status status = SY_OK;
    int begun = 0;
    while (begun < j->group->holders && status == SY_OK) {
        syi_pointer *plan = j->plans[begun];
        r->args[0].kind = (sy_value_kind)SYI_VALUE_NODE;
        r->args[0].as.internal = &plan->base;
        status = syi_command_start(plan->owner, plan->location, SYI_PLAN_COMMAND_RUN, r->args, 4,
                                   joint, 0, &j->exchanges[begun], err);
        begun += status == SY_OK ? 1 : 0;
    }
    for (int k = 0; k < begun; k++) {
        started[k] = &j->exchanges[k];
    }
    syi_sharing_group_attend(j->group, joint, started, (size_t)begun, status, err);
    for (int k = 0; k < begun; k++) {
        sy_error *mine = status == SY_OK ? err : NULL;
        sy_status answered = syi_link_wait(&j->exchanges[k], mine);
        if (answered == SY_OK) {
            answered = read_results(j, k, mine);
        }
        syi_link_end(&j->exchanges[k]);
        status = status == SY_OK ? answered : status;
    }
    return status;
}

/* The k-th result as a handle; takes its parts. */
static sy_status make_result(joint_run *j, const syi_field *field, size_t k, sy_tensor **result,
                             sy_error *err)
{
    sy_hook *hook = j->group->hook;
    syi_node *node = &j->parts[k]->base, *built = NULL;
    if (j->shared[k]) {
        SY_TRY(syi_additive_shared_new(hook, &node, j->group, field, j->parts[k], err));
    }
    j->parts[k] = NULL;
    SY_TRY(syi_sharing_above(j->chains[k], node, &built, err));
    return syi_tensor_wrap(hook, result, built, err);
}

static void drop(joint_run *j)
{
    for (size_t k = 0; k < j->count; k++) {
        syi_node_unref(j->chains[k]);
        if (j->parts[k] != NULL) {
            syi_node_unref(&j->parts[k]->base);
        }
    }
}

static sy_status run(joint_run *j, const syi_field *field, syi_plan_request *request,
                     sy_tensor **results, size_t capacity, size_t *made, sy_error *err)
{
    syi_joint joint;
    SY_TRY(syi_sharing_group_begin(j->group, &joint, err));
    sy_status status = ask(j, request, &joint, err);
    syi_sharing_group_end(j->group, &joint, status, err);
    if (status == SY_OK && j->count > capacity) {
        status = syi_fail(err, SY_ESIGNATURE, "the plan gave %zu results, room for %zu", j->count,
                          capacity);
    }
    for (size_t k = 0; k < j->count && status == SY_OK; k++) {
        status = make_result(j, field, k, &results[k], err);
        *made += status == SY_OK ? 1 : 0;
    }
    while (status != SY_OK && *made > 0) {
        sy_tensor_unref(results[--*made]);
        results[*made] = NULL;
    }
    return status;
}

sy_status syi_pointer_plan_run_joint(sy_pointer_plan *pointer, struct syi_additive_shared *shared,
                                     syi_plan_request *request, sy_tensor **results,
                                     size_t capacity, size_t *count, sy_error *err)
{
    syi_sharing_group *group = shared->group;
    sy_context *context = group->hook->context;
    SY_TRY(check_arguments(request, group, err));
    joint_run *j = syi_alloc(context, sizeof *j);
    if (j == NULL) {
        return SYI_ENOMEM(err, "plan");
    }
    j->group = group;
    *count = 0;
    sy_status status = SY_OK;
    for (int k = 0; k < group->holders && status == SY_OK; k++) {
        status = plan_at(pointer, group->workers[k], &j->plans[k], err);
    }
    if (status == SY_OK) {
        status = run(j, &shared->field, request, results, capacity, count, err);
    }
    drop(j);
    syi_free(context, j, sizeof *j);
    return status;
}
