/*
 * multi_pointer_call.c - operations on multi-pointers: one command per worker. All leave before the first
 * answer is waited for. Part of multi_pointer.h.
 */
#include <string.h>

#include "core/error.h"
#include "interpreters/multi_pointer.h"

static bool is_node(const sy_value *value)
{
    return value->kind == (sy_value_kind)SYI_VALUE_NODE;
}

static sy_status not_collocated(const syi_call *call, const syi_multi_pointer *like,
                                const syi_node *other, sy_error *err)
{
    char ours[128];
    char theirs[128];
    syi_multi_pointer_places(like, ours, sizeof ours);
    if (other->type == &syi_multi_pointer_type) {
        syi_multi_pointer_places((const syi_multi_pointer *)other, theirs, sizeof theirs);
        return syi_fail(err, SY_ECOLLOCATION,
                        "%s: one tensor is at workers %s, the other at workers %s; they must be "
                        "at the same ones",
                        call->op->name, ours, theirs);
    }
    if (other->type == &syi_pointer_type) {
        return syi_fail(err, SY_ECOLLOCATION,
                        "%s: one tensor is at workers %s, the other at worker %s alone; send it to "
                        "each of them first",
                        call->op->name, ours, ((const syi_pointer *)other)->location->name);
    }
    return syi_fail(err, SY_ECOLLOCATION,
                    "%s: one tensor is at workers %s, the other is local; send it to each of them "
                    "first",
                    call->op->name, ours);
}

/* Does `node` have a part wherever `like` has one, and nowhere else? */
static bool same_places(const syi_multi_pointer *like, const syi_node *node)
{
    if (node->type != &syi_multi_pointer_type) {
        return false;
    }
    const syi_multi_pointer *other = (const syi_multi_pointer *)node;
    for (int k = 0; k < like->count; k++) {
        if (syi_multi_pointer_at(other, like->children[k]->location) == NULL) {
            return false;
        }
    }
    return other->count == like->count;
}

/* Finds the first multi-pointer and refuses everything that does not go with it. */
static sy_status check_places(const syi_call *call, syi_multi_pointer **like, sy_error *err)
{
    const syi_node *other = NULL;
    *like = NULL;
    for (int pass = 0; pass < 2; pass++) {
        for (int k = 0; k < call->arg_count; k++) {
            const sy_value *items = &call->args[k];
            const bool list = items->kind == SY_VALUE_LIST;
            const size_t count = list ? items->as.list.count : 1;
            items = list ? items->as.list.items : items;
            for (size_t i = 0; i < count; i++) {
                syi_node *node = is_node(&items[i]) ? items[i].as.internal : NULL;
                if (pass == 0 && *like == NULL && node != NULL &&
                    node->type == &syi_multi_pointer_type) {
                    *like = (syi_multi_pointer *)node;
                } else if (pass == 1 && node != NULL && other == NULL &&
                           !same_places(*like, node)) {
                    other = node;
                }
            }
        }
    }
    return other == NULL ? SY_OK : not_collocated(call, *like, other, err);
}

/* What is shared among workers has the word: parts of its own, and what else it takes (AST + MultiPointer is an AST). */
static const syi_interpreter *other_spread(const syi_call *call)
{
    for (int k = 0; k < call->arg_count; k++) {
        const bool list = call->args[k].kind == SY_VALUE_LIST;
        const sy_value *items = list ? call->args[k].as.list.items : &call->args[k];
        const size_t count = list ? call->args[k].as.list.count : 1;
        for (size_t i = 0; i < count; i++) {
            const syi_node *node = is_node(&items[i]) ? items[i].as.internal : NULL;
            if (node != NULL && node->type != &syi_multi_pointer_type &&
                (node->type->flags & SYI_NODE_SPREAD) != 0) {
                return node->type;
            }
        }
    }
    return NULL;
}

/* A list with tensors in it, perhaps beside slices. */
static bool has_nodes(const sy_value *value)
{
    bool some = false;
    for (size_t i = 0; value->kind == SY_VALUE_LIST && i < value->as.list.count; i++) {
        some |= is_node(&value->as.list.items[i]);
    }
    return some;
}

/* The call as that worker gets it (the reference's dispatch): every multi-pointer is its part there. */
static sy_status dispatch_to(syi_pointer_part *p, const syi_call *call, const sy_worker *location,
                             sy_error *err)
{
    size_t used = 0;
    p->call = *call;
    p->call.outs = p->outs;
    p->call.out_count = 0;
    for (int k = 0; k < call->arg_count; k++) {
        sy_value *values = &p->call.args[k];
        size_t count = 1;
        if (has_nodes(values)) {
            count = values->as.list.count;
            if (count > SYI_OUTPUT_MAX - used) {
                return syi_fail(err, SY_ELIMIT, "%s: more than %d tensors in lists", call->op->name,
                                SYI_OUTPUT_MAX);
            }
            memcpy(&p->items[used], values->as.list.items, count * sizeof *values);
            *values = sy_value_list(&p->items[used], count);
            values = &p->items[used];
            used += count;
        }
        for (size_t i = 0; i < count; i++) {
            if (is_node(&values[i])) {
                values[i].as.internal = syi_multi_pointer_at(values[i].as.internal, location);
            }
        }
    }
    return SY_OK;
}

/* Asks every worker, then listens to each that was asked; the first failure. */
static sy_status run(syi_pointer_part *parts, const syi_call *call, const syi_multi_pointer *like,
                     sy_error *err)
{
    sy_status status = SY_OK;
    int begun = 0;
    while (begun < like->count && status == SY_OK) {
        syi_pointer_part *p = &parts[begun];
        status = dispatch_to(p, call, like->children[begun]->location, err);
        if (status == SY_OK) {
            status = syi_pointer_begin(&p->trip, &p->call, err);
        }
        begun += status == SY_OK ? 1 : 0;
    }
    for (int k = 0; k < begun; k++) {
        const sy_status answered = syi_pointer_finish(&parts[k].trip, status == SY_OK ? err : NULL);
        status = status == SY_OK ? answered : status;
    }
    return status;
}

static sy_status differ(const syi_call *call, const syi_multi_pointer *like, int k,
                        const char *what, sy_error *err)
{
    return syi_fail(err, SY_ESIGNATURE, "%s: worker %s gave %s than worker %s", call->op->name,
                    like->children[k]->location->name, what, like->children[0]->location->name);
}

static bool same_value(const sy_value *a, const sy_value *b)
{
    if (a->kind != b->kind) {
        return false;
    }
    switch (a->kind) {
    case SY_VALUE_INT:
        return a->as.integer == b->as.integer;
    case SY_VALUE_FLOAT:
        return a->as.real == b->as.real;
    case SY_VALUE_BOOL:
        return a->as.boolean == b->as.boolean;
    default:
        return true; /* none; texts and lists do not come back */
    }
}

/* One multi-pointer per result. */
static sy_status join(syi_call *call, syi_pointer_part *parts, const syi_multi_pointer *like,
                      sy_error *err)
{
    const int count = parts[0].call.out_count;
    for (int k = 1; k < like->count; k++) {
        if (parts[k].call.out_count != count) {
            return differ(call, like, k, "another number of results", err);
        }
        if (!same_value(&parts[k].call.value, &parts[0].call.value)) {
            return differ(call, like, k, "another answer", err);
        }
    }
    call->value = parts[0].call.value;
    for (int j = 0; j < count; j++) {
        syi_multi_pointer *made = NULL;
        SY_TRY(syi_multi_pointer_new(call->hook, &made, like->count, err));
        for (int k = 0; k < like->count; k++) {
            made->children[k] =
                (syi_pointer *)syi_node_ref(parts[k].outs[j]); /* the part's own goes below */
        }
        call->outs[call->out_count++] = &made->base;
    }
    return SY_OK;
}

sy_status syi_multi_pointer_call(syi_call *call, sy_error *err)
{
    syi_multi_pointer *like = NULL;
    const syi_interpreter *other = other_spread(call);
    call->out_count = 0;
    if (other != NULL) {
        return other->call(call, err);
    }
    SY_TRY(check_places(call, &like, err));
    sy_context *context = call->hook->context;
    syi_pointer_part *parts = syi_alloc_array(context, (size_t)like->count, sizeof *parts);
    if (parts == NULL) {
        return SYI_ENOMEM(err, "multi-pointer");
    }
    sy_status status = run(parts, call, like, err);
    if (status == SY_OK) {
        status = join(call, parts, like, err);
    }
    for (int k = 0; k < like->count; k++) {
        syi_pointer_part_drop(
            &parts[k]); /* after a failure this deletes what the others have made */
    }
    syi_free(context, parts, (size_t)like->count * sizeof *parts);
    if (status != SY_OK) {
        while (call->out_count > 0) {
            syi_node_unref(call->outs[--call->out_count]);
        }
    }
    return status;
}
