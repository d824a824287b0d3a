/*
 * additive_shared_call.c - operations on shared values: one command per holder, all of which leave before the first answer
 * is waited for. Part of additive_shared.h.
 */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "core/error.h"
#include "interpreters/sharing/additive_shared.h"
#include "workers/descriptor.h"

/* A call while it is looked at. */
typedef struct joint_call {
    syi_call *call;
    syi_additive_shared *like; /* the first shared value */
    int holders;
    size_t shared; /* arguments that are shared, at the top level of the call */
    bool zeros;    /* a public factor has a zero in it */
    /* Operands that are here and are shared with the command: their shares, holders at a time. */
    struct {
        const syi_node *secret;
        syi_node *shares[SYI_HOLDERS_MAX];
    } secrets[SYI_ARGUMENT_MAX];
    size_t secret_count;
    syi_node *numbers[SYI_ARGUMENT_MAX]; /* numbers as native nodes; owned */
    size_t number_count;
    sy_value args[SYI_ARGUMENT_MAX]; /* of the call, with these */
} joint_call;

static bool is_node(const sy_value *value)
{
    return value->kind == (sy_value_kind)SYI_VALUE_NODE;
}

/* A number that something is compared with is said openly, unlike a tensor. */
static bool shares_numbers(const syi_op *op)
{
    return syi_additive_shared_manner(op) != SYI_MANNER_JOINT;
}

/* Arguments */

static sy_status places_differ(const joint_call *j, const syi_additive_shared *other, sy_error *err)
{
    char ours[128], theirs[128];
    syi_multi_pointer_places(j->like->parts, ours, sizeof ours);
    syi_multi_pointer_places(other->parts, theirs, sizeof theirs);
    if (!syi_field_same(&j->like->field, &other->field)) {
        return syi_fail(err, SY_EINVAL, "%s: two shared values are in different fields",
                        j->call->op->name);
    }
    if (j->like->group->family != other->group->family) {
        return syi_fail(err, SY_ECOLLOCATION,
                        "%s: one value is compared by protocol %s, the other by %s",
                        j->call->op->name, syi_family_name(j->like->group->family),
                        syi_family_name(other->group->family));
    }
    return syi_fail(err, SY_ECOLLOCATION,
                    "%s: one value is shared among %s (provider %s), the other among %s (provider "
                    "%s)",
                    j->call->op->name, ours, syi_sharing_group_provider(j->like->group)->name,
                    theirs, syi_sharing_group_provider(other->group)->name);
}

/* Of integers; scanned for zeros. */
static bool native_has_zero(const syi_array *array)
{
    for (int64_t k = 0; k < syi_array_numel(array); k++) {
        if (syi_array_get_int(array, k) == 0) {
            return true;
        }
    }
    return false;
}

static sy_status share_operand(joint_call *j, syi_node *node, sy_error *err)
{
    if (j->secret_count == SYI_ARGUMENT_MAX) {
        return syi_fail(err, SY_ELIMIT, "%s: more than %d operands that are not shared",
                        j->call->op->name, SYI_ARGUMENT_MAX);
    }
    SY_TRY(syi_additive_shared_split(j->call->hook, j->like->group, &j->like->field, 0,
                                     syi_node_array(node), j->secrets[j->secret_count].shares,
                                     err));
    j->secrets[j->secret_count++].secret = node;
    return SY_OK;
}

/* One tensor of argument k. */
static sy_status look_at(joint_call *j, syi_node *node, int k, sy_error *err)
{
    const syi_manner how = syi_additive_shared_manner(j->call->op);
    const bool secret = syi_additive_shared_hides(j->call->op, k);
    const syi_additive_shared *shared = syi_additive_shared_of_node(node);
    const char *name = j->call->op->name;
    if (shared != NULL) {
        return shared->group == j->like->group && syi_field_same(&shared->field, &j->like->field)
                   ? SY_OK
                   : places_differ(j, shared, err);
    }
    if (syi_node_is_native(node)) {
        const sy_dtype dtype = syi_node_array(node)->dtype;
        if ((secret || how == SYI_MANNER_PRODUCT) && sy_dtype_is_floating(dtype)) {
            return syi_fail(err, SY_EDTYPE,
                            "%s: shared values are integers, the other tensor is %s; use "
                            "fix_precision first",
                            name, sy_dtype_name(dtype));
        }
        if (secret) {
            return share_operand(j, node, err);
        }
        j->zeros |= how == SYI_MANNER_PRODUCT && native_has_zero(syi_node_array(node));
        return SY_OK;
    }
    if (node->type == &syi_multi_pointer_type) {
        const syi_multi_pointer *multi = (const syi_multi_pointer *)(const void *)node;
        bool same = multi->count == j->holders;
        for (int h = 0; same && h < j->holders; h++) {
            same = syi_multi_pointer_at(multi, j->like->group->workers[h]) != NULL;
        }
        return same ? SY_OK
                    : syi_fail(err, SY_ECOLLOCATION,
                               "%s: a multi-pointer that is not at the holders of the shared value",
                               name);
    }
    return syi_fail(err, SY_ECOLLOCATION,
                    "%s: a shared value and a %s; share it among the same workers, or get it first",
                    name, node->type->name);
}

/* A number becomes a tensor that is shared. */
static sy_status number_operand(joint_call *j, int k, sy_error *err)
{
    const sy_value *value = &j->call->args[k];
    syi_array number = SYI_ARRAY_INIT;
    syi_node *node = NULL;
    const double real = value->kind == SY_VALUE_FLOAT ? value->as.real : 0;
    if (!(fabs(real) < 0x1p62) || real != floor(real)) {
        return syi_fail(err, SY_EDTYPE,
                        "%s: shared values are integers, %g is none; use fix_precision first",
                        j->call->op->name, real);
    }
    SY_TRY(syi_array_new(j->call->hook->context, &number, SY_DTYPE_I64, 0, NULL,
                         &j->call->hook->account, err));
    syi_array_set_int(&number, 0,
                      value->kind == SY_VALUE_FLOAT  ? (int64_t)real
                      : value->kind == SY_VALUE_BOOL ? value->as.boolean
                                                     : value->as.integer);
    SY_TRY(syi_native_node_new(j->call->hook, &node, &number, err));
    j->numbers[j->number_count++] = node;
    j->args[k].kind = (sy_value_kind)SYI_VALUE_NODE;
    j->args[k].as.internal = node;
    return share_operand(j, node, err);
}

static bool is_number(const sy_value *value)
{
    return value->kind == SY_VALUE_INT || value->kind == SY_VALUE_FLOAT ||
           value->kind == SY_VALUE_BOOL;
}

static syi_additive_shared *first_shared(const syi_call *call)
{
    for (int k = 0; k < call->arg_count; k++) {
        const bool list = call->args[k].kind == SY_VALUE_LIST;
        const sy_value *items = list ? call->args[k].as.list.items : &call->args[k];
        const size_t count = list ? call->args[k].as.list.count : 1;
        for (size_t i = 0; i < count; i++) {
            syi_additive_shared *shared =
                is_node(&items[i]) ? syi_additive_shared_of_node(items[i].as.internal) : NULL;
            if (shared != NULL) {
                return shared;
            }
        }
    }
    return NULL;
}

static sy_status look(joint_call *j, sy_error *err)
{
    const syi_call *call = j->call;
    memcpy(j->args, call->args, (size_t)call->arg_count * sizeof j->args[0]);
    for (int k = 0; k < call->arg_count; k++) {
        const bool list = call->args[k].kind == SY_VALUE_LIST;
        const sy_value *items = list ? call->args[k].as.list.items : &call->args[k];
        const size_t count = list ? call->args[k].as.list.count : 1;
        for (size_t i = 0; i < count; i++) {
            if (is_node(&items[i])) {
                SY_TRY(look_at(j, items[i].as.internal, k, err));
                j->shared += !list && syi_additive_shared_of_node(items[i].as.internal) != NULL;
            }
        }
        if (syi_additive_shared_hides(call->op, k) && is_number(&call->args[k]) &&
            shares_numbers(call->op)) {
            SY_TRY(number_operand(j, k, err));
        }
        j->zeros |= call->op->id == SYI_OP_mul && call->args[k].kind == SY_VALUE_INT &&
                    call->args[k].as.integer == 0;
    }
    return SY_OK;
}

static bool needs_holders(const joint_call *j)
{
    switch (syi_additive_shared_manner(j->call->op)) {
    case SYI_MANNER_JOINT:
        return true;
    case SYI_MANNER_PRODUCT:
        return j->shared > 1 || j->zeros;
    case SYI_MANNER_CHOICE: /* by a shared condition */
        return is_node(&j->call->args[0]) &&
               syi_additive_shared_of_node(j->call->args[0].as.internal) != NULL;
    default:
        return false;
    }
}

/* Commands */

/* A list with tensors in it, perhaps beside slices. */
static bool has_nodes(const sy_value *value)
{
    bool some = false;
    for (size_t i = 0; value->kind == SY_VALUE_LIST && i < value->as.list.count; i++) {
        some |= is_node(&value->as.list.items[i]);
    }
    return some;
}

/* What holder k gets instead of a node. */
static syi_node *node_for(const joint_call *j, syi_node *node, int k)
{
    const syi_additive_shared *shared = syi_additive_shared_of_node(node);
    if (shared != NULL) {
        return &shared->parts->children[k]->base;
    }
    for (size_t i = 0; i < j->secret_count; i++) {
        if (j->secrets[i].secret == node) {
            return j->secrets[i].shares[k];
        }
    }
    if (node->type == &syi_multi_pointer_type) {
        return &syi_multi_pointer_at((const syi_multi_pointer *)(const void *)node,
                                     j->like->group->workers[k])
                    ->base;
    }
    return node;
}

static sy_status dispatch_to(syi_pointer_part *p, const joint_call *j, const syi_mode *mode, int k,
                             sy_error *err)
{
    size_t used = 0;
    p->call = *j->call;
    p->call.mode = mode;
    p->call.outs = p->outs;
    p->call.out_count = 0;
    memcpy(p->call.args, j->args, (size_t)j->call->arg_count * sizeof j->args[0]);
    for (int a = 0; a < j->call->arg_count; a++) {
        sy_value *values = &p->call.args[a];
        size_t count = 1;
        if (has_nodes(values)) {
            count = values->as.list.count;
            if (count > SYI_OUTPUT_MAX - used) {
                return syi_too_many_tensors(j->call->op, err);
            }
            memcpy(&p->items[used], values->as.list.items, count * sizeof *values);
            *values = sy_value_list(&p->items[used], count);
            values = &p->items[used];
            used += count;
        }
        for (size_t i = 0; i < count; i++) {
            if (is_node(&values[i])) {
                values[i].as.internal = node_for(j, values[i].as.internal, k);
            }
        }
    }
    return syi_pointer_begin_at(&p->trip, &p->call, j->like->parts->children[k], err);
}

/* Asks every holder, then listens to each that was asked; the first failure. */
static sy_status ask(syi_pointer_part *parts, const joint_call *j, const syi_mode *mode,
                     sy_error *err)
{
    syi_exchange *exchanges[SYI_HOLDERS_MAX] = {NULL};
    sy_status status = SY_OK;
    int begun = 0;
    while (begun < j->holders && status == SY_OK) {
        status = dispatch_to(&parts[begun], j, mode, begun, err);
        begun += status == SY_OK ? 1 : 0;
    }
    for (int k = 0; k < begun; k++) {
        exchanges[k] = parts[k].trip.answered ? NULL : &parts[k].trip.exchange;
    }
    if (mode->joint != NULL) {
        syi_sharing_group_attend(j->like->group, mode->joint, exchanges, (size_t)begun, status,
                                 err);
    }
    for (int k = 0; k < begun; k++) {
        const sy_status answered = syi_pointer_finish(&parts[k].trip, status == SY_OK ? err : NULL);
        status = status == SY_OK ? answered : status;
    }
    return status;
}

static sy_status differ(const joint_call *j, int k, sy_error *err)
{
    return syi_fail(err, SY_ESIGNATURE, "%s: holder %s gave another number of results than %s",
                    j->call->op->name, j->like->group->workers[k]->name,
                    j->like->group->workers[0]->name);
}

/* One shared value per result; of VALUE rows (shapes) what the first says. */
static sy_status join(joint_call *j, syi_pointer_part *parts, sy_error *err)
{
    syi_call *call = j->call;
    const int count = parts[0].call.out_count;
    for (int k = 1; k < j->holders; k++) {
        if (parts[k].call.out_count != count) {
            return differ(j, k, err);
        }
    }
    call->value = parts[0].call.value;
    for (int i = 0; i < count; i++) {
        syi_multi_pointer *made = NULL;
        syi_node *node = NULL;
        SY_TRY(syi_multi_pointer_new(call->hook, &made, j->holders, err));
        for (int k = 0; k < j->holders; k++) {
            made->children[k] = (syi_pointer *)(void *)syi_node_ref(parts[k].outs[i]);
        }
        const sy_status status =
            syi_additive_shared_new(call->hook, &node, j->like->group, &j->like->field, made, err);
        if (status != SY_OK) {
            syi_node_unref(&made->base);
            return status;
        }
        call->outs[call->out_count++] = node;
    }
    return SY_OK;
}

static sy_status run(joint_call *j, sy_error *err)
{
    sy_context *context = j->call->hook->context;
    syi_mode mode = *j->call->mode;
    syi_joint joint;
    const bool together = needs_holders(j);
    syi_pointer_part *parts = syi_alloc_array(context, (size_t)j->holders, sizeof *parts);
    if (parts == NULL) {
        return SYI_ENOMEM(err, "AdditiveSharingTensor");
    }
    mode.pipelined = false;
    sy_status status = SY_OK;
    if (together) {
        status = syi_sharing_group_begin(j->like->group, &joint, err);
        mode.joint = status == SY_OK ? &joint : NULL;
    }
    if (status == SY_OK) {
        status = ask(parts, j, &mode, err);
        if (together) {
            syi_sharing_group_end(j->like->group, &joint, status, err);
        }
    }
    if (status == SY_OK) {
        status = join(j, parts, err);
    }
    for (int k = 0; k < j->holders; k++) {
        syi_pointer_part_drop(&parts[k]); /* after a failure this deletes what others have made */
    }
    syi_free(context, parts, (size_t)j->holders * sizeof *parts);
    return status;
}

static void forget(joint_call *j)
{
    for (size_t i = 0; i < j->secret_count; i++) {
        for (int k = 0; k < j->holders; k++) {
            syi_node_unref(j->secrets[i].shares[k]);
        }
    }
    for (size_t i = 0; i < j->number_count; i++) {
        syi_node_unref(j->numbers[i]);
    }
}

static sy_status call_once(syi_call *call, sy_error *err)
{
    sy_context *context = call->hook->context;
    joint_call *j = syi_alloc(context, sizeof *j);
    if (j == NULL) {
        return SYI_ENOMEM(err, "AdditiveSharingTensor");
    }
    call->out_count = 0;
    j->call = call;
    j->like = first_shared(call);
    j->holders = j->like->group->holders;
    sy_status status = look(j, err);
    if (status == SY_OK) {
        status = run(j, err);
    }
    forget(j);
    syi_free(context, j, sizeof *j);
    while (status != SY_OK && call->out_count > 0) {
        syi_node_unref(call->outs[--call->out_count]);
    }
    return status;
}

/* In place where holders must talk: the result is copied into the value. */
static sy_status call_inplace(syi_call *call, sy_error *err)
{
    syi_node *result = NULL;
    syi_call made = *call, copy = *call;
    made.inplace = false;
    made.outs = &result;
    SY_TRY(call_once(&made, err));
    copy.op = syi_op_get(SYI_OP_copy_);
    copy.arg_count = 2;
    copy.args[1].kind = (sy_value_kind)SYI_VALUE_NODE;
    copy.args[1].as.internal = result;
    const sy_status status = call_once(&copy, err);
    syi_node_unref(result);
    return status;
}

sy_status syi_additive_shared_call(syi_call *call, sy_error *err)
{
    const syi_manner how = syi_additive_shared_manner(call->op);
    if ((call->op->flags & SYI_OP_VALUE) && !(call->op->flags & SYI_OP_PEER)) {
        return syi_fail(err, SY_ENOTSUP,
                        "%s: the value is shared, nobody knows it; get it first, if you may",
                        call->op->name);
    }
    if (!call->inplace) {
        return call_once(call, err);
    }
    if (!is_node(&call->args[0]) ||
        syi_additive_shared_of_node(call->args[0].as.internal) == NULL) {
        return syi_fail(err, SY_EINVAL, "%s: in place, a plain tensor cannot take a shared result",
                        call->op->name);
    }
    return how != SYI_MANNER_LINEAR ? call_inplace(call, err) : call_once(call, err);
}
