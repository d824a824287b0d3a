/* protocol_deploy.c - names get workers, and plans go there. Part of protocol.h. */
#include <string.h>

#include "core/error.h"
#include "core/surroundings.h"
#include "execution/plan.h"
#include "execution/pointer_plan.h"
#include "execution/protocol.h"
#include "interpreters/pointer.h"

#define PLANS_MAX SYI_PROTOCOL_PLANS_MAX

/* Which of the names each stage has, counted in the order of their first appearance. */
typedef struct naming {
    const syi_protocol_body *body;
    size_t name_of[PLANS_MAX];
    size_t first[PLANS_MAX]; /* stage where the name appears first */
    size_t count;
} naming;

static void find_names(const syi_protocol_body *body, naming *n)
{
    n->body = body;
    n->count = 0;
    for (size_t k = 0; k < body->count; k++) {
        size_t i = 0;
        while (i < n->count && strcmp(body->stages[n->first[i]].name, body->stages[k].name) != 0) {
            i++;
        }
        if (i == n->count) {
            n->first[n->count++] = k;
        }
        n->name_of[k] = i;
    }
}

static const char *name_at(const naming *n, size_t i)
{
    return n->body->stages[n->first[i]].name;
}

static sy_worker *find_worker(sy_worker *const *workers, size_t count, const char *name)
{
    for (size_t k = 0; k < count; k++) {
        if (strcmp(workers[k]->name, name) == 0) {
            return workers[k];
        }
    }
    return NULL;
}

/* How many names are ids of the workers given; *all: and every worker is named. */
static size_t match(const naming *n, sy_worker *const *workers, size_t count, bool *all)
{
    size_t found = 0;
    for (size_t i = 0; i < n->count; i++) {
        found += find_worker(workers, count, name_at(n, i)) != NULL ? 1 : 0;
    }
    *all = found == n->count;
    for (size_t k = 0; k < count; k++) {
        bool named = false;
        for (size_t i = 0; i < n->count && !named; i++) {
            named = strcmp(workers[k]->name, name_at(n, i)) == 0;
        }
        *all &= named;
    }
    return found;
}

static sy_status check_deployable(const syi_protocol_body *body, sy_error *err)
{
    char workers[256] = "";
    size_t length = 0;
    if (!syi_protocol_body_is_resolved(body)) {
        return SY_OK;
    }
    for (size_t k = 0; k < body->count; k++) {
        const char *name = body->stages[k].worker->name;
        const size_t more = strlen(name);
        if (length + more + 3 > sizeof workers) {
            break;
        }
        if (k > 0) {
            memcpy(workers + length, ", ", 2);
            length += 2;
        }
        memcpy(workers + length, name, more + 1);
        length += more;
    }
    return syi_fail(err, SY_EINVAL, "This protocol is already deployed to %s.", workers);
}

static sy_status wrong_number(const naming *n, size_t given, sy_error *err)
{
    return syi_fail(err, SY_EINVAL,
                    "This protocol is designed for %zu workers, but %zu were provided (it has %zu "
                    "plans).",
                    n->count, given, n->body->count);
}

/* Without workers: those that are known by these ids. */
static sy_status known_workers(const naming *n, sy_worker **chosen, sy_error *err)
{
    for (size_t k = 0; k < n->body->count; k++) {
        const syi_protocol_stage *stage = &n->body->stages[k];
        sy_id id = SY_ID_INIT;
        chosen[k] = stage->worker;
        if (chosen[k] == NULL && sy_id_parse(&id, stage->name, NULL) == SY_OK) {
            chosen[k] = syi_directory_find(n->body->hook, &id);
        }
        if (chosen[k] == NULL) {
            return wrong_number(n, 0, err);
        }
    }
    return n->count > 0 ? SY_OK : wrong_number(n, 0, err);
}

static sy_status choose(const naming *n, sy_worker *const *workers, size_t count,
                        sy_worker **chosen, sy_error *err)
{
    const syi_protocol_body *body = n->body;
    bool all = false;
    if (count == 0) {
        return known_workers(n, chosen, err);
    }
    const size_t matches = match(n, workers, count, &all);
    if (count != body->count && count != n->count) {
        return wrong_number(n, count, err);
    }
    if (matches > 0 && !all) {
        syi_log(body->hook->context, SY_LOG_WARNING, "execution", NULL, 0,
                "You are deploying a protocol with workers for which only a subpart have ids that "
                "match an id chosen for the protocol.");
    }
    for (size_t k = 0; k < body->count; k++) {
        chosen[k] = all                    ? find_worker(workers, count, body->stages[k].name)
                    : count == body->count ? workers[k]
                                           : workers[n->name_of[k]];
    }
    return SY_OK;
}

/* One name, one worker; two names, two workers; real workers stay. */
static sy_status check_choice(const naming *n, sy_worker *const *chosen, sy_error *err)
{
    const syi_protocol_body *body = n->body;
    for (size_t k = 0; k < body->count; k++) {
        const sy_worker *real = body->stages[k].worker;
        if (real != NULL && chosen[k] != real) {
            return syi_fail(err, SY_EINVAL,
                            "protocol: plan %zu is for worker %s, and would be deployed to %s",
                            k + 1, real->name, chosen[k]->name);
        }
        for (size_t i = 0; i < k; i++) {
            const bool same = n->name_of[i] == n->name_of[k];
            if (same && chosen[i] != chosen[k]) {
                return syi_fail(err, SY_EINVAL,
                                "protocol: %s is one worker, and is given two: %s for plan %zu, %s "
                                "for plan %zu",
                                body->stages[k].name, chosen[i]->name, i + 1, chosen[k]->name,
                                k + 1);
            }
            if (!same && chosen[i] == chosen[k]) {
                return syi_fail(err, SY_EINVAL,
                                "protocol: %s and %s are two workers, and %s is given for both",
                                body->stages[i].name, body->stages[k].name, chosen[k]->name);
            }
        }
    }
    return SY_OK;
}

/* Sending */

typedef struct sending {
    sy_protocol *protocol;
    const syi_protocol_body *from;
    syi_protocol_body *to;
    struct {
        sy_plan *plan; /* a reference */
        sy_pointer_plan *pointer;
    } made[PLANS_MAX]; /* what was sent now, not before */
    size_t made_count;
} sending;

/* The plan at another worker than it was made for: a copy comes by here. */
static sy_status fetch_plan(sy_tensor *pointer, sy_plan **plan, sy_error *err)
{
    sy_tensor *object = NULL;
    SY_TRY(sy_tensor_copy_get(pointer, &object, err));
    const sy_status status = syi_plan_from_object(plan, object, err);
    if (status != SY_OK) {
        sy_tensor_unref(object);
    }
    return status;
}

static sy_status send_plan(sending *s, sy_plan *plan, sy_worker *to, sy_tensor **sent,
                           sy_error *err)
{
    sy_pointer_plan *pointer = NULL;
    sy_pointer_plan *const before = plan->sent;
    SY_TRY(sy_plan_send(plan, &pointer, &to, 1, false, err));
    *sent = syi_pointer_plan_get_tensor(pointer, 0);
    if (before != plan->sent) {
        s->made[s->made_count].plan = sy_plan_ref(plan);
        s->made[s->made_count++].pointer = pointer; /* borrowed: the plan has a reference */
    }
    sy_pointer_plan_unref(pointer);
    return SY_OK;
}

static sy_status send_stage(sending *s, size_t k, sy_worker *to, sy_error *err)
{
    const syi_protocol_stage *stage = &s->from->stages[k];
    const syi_pointer *pointer = syi_pointer_of(stage->plan);
    sy_tensor *there = stage->plan;
    sy_plan *fetched = NULL;
    sy_status status = SY_OK;
    if (pointer != NULL ? pointer->location != to : to != s->from->hook->local_worker) {
        sy_plan *plan = syi_protocol_plan_at(s->protocol, k);
        if (plan == NULL) {
            SY_TRY(fetch_plan(stage->plan, &fetched, err));
            plan = fetched;
        }
        status = send_plan(s, plan, to, &there, err);
    }
    if (status == SY_OK) {
        status = syi_protocol_body_set(s->to, k, stage->name, to, there, err);
    }
    sy_plan_unref(fetched);
    return status == SY_OK
               ? SY_OK
               : syi_error_prefix(err, status, "protocol, plan %zu to worker %s", k + 1, to->name);
}

static sy_status send_all(sy_protocol *protocol, sy_worker *const *chosen, sy_error *err)
{
    const syi_protocol_body *body = syi_protocol_body_of(syi_protocol_get_object(protocol));
    sending s = {.protocol = protocol, .from = body, .made_count = 0};
    sy_status status = syi_protocol_body_new(body->hook, &s.to, body->count, err);
    for (size_t k = 0; k < body->count && status == SY_OK; k++) {
        status = send_stage(&s, k, chosen[k], err);
    }
    if (status == SY_OK) {
        status = syi_protocol_replace_body(protocol, s.to, err);
        s.to = NULL;
    }
    syi_protocol_body_unref(s.to);
    for (size_t k = 0; k < s.made_count; k++) {
        if (status != SY_OK) { /* nothing is left there */
            syi_plan_forget_pointer(s.made[k].plan, s.made[k].pointer);
        }
        sy_plan_unref(s.made[k].plan);
    }
    return status;
}

sy_status syi_protocol_deploy_rest(sy_protocol *protocol, sy_error *err)
{
    const syi_protocol_body *body = syi_protocol_body_of(syi_protocol_get_object(protocol));
    sy_worker *chosen[PLANS_MAX];
    bool rest = false;
    for (size_t k = 0; k < body->count; k++) {
        chosen[k] = body->stages[k].worker;
        rest |=
            syi_pointer_of(body->stages[k].plan) == NULL && chosen[k] != body->hook->local_worker;
    }
    return rest ? send_all(protocol, chosen, err) : SY_OK;
}

sy_status sy_protocol_deploy(sy_protocol *protocol, sy_worker *const *workers, size_t count,
                             sy_error *err)
{
    naming n;
    sy_worker *chosen[PLANS_MAX];
    if (protocol == NULL || (count > 0 && workers == NULL)) {
        return syi_fail(err, SY_EINVAL, "sy_protocol_deploy: protocol or workers are NULL");
    }
    const syi_protocol_body *body = syi_protocol_body_of(syi_protocol_get_object(protocol));
    for (size_t k = 0; k < count; k++) {
        if (workers[k] == NULL || sy_worker_get_hook(workers[k]) != body->hook) {
            return syi_fail(err, SY_EINVAL, "deploy: worker %zu is NULL or of another hook", k + 1);
        }
    }
    SY_TRY(check_deployable(body, err));
    find_names(body, &n);
    SY_TRY(choose(&n, workers, count, chosen, err));
    SY_TRY(check_choice(&n, chosen, err));
    return send_all(protocol, chosen, err);
}
