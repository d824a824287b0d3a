/* arguments.c - see <csyft/arguments.h>. Test: arguments_test.c. */
#include <csyft/arguments.h>

#include "core/error.h"
#include "hook/tensor.h"

typedef struct room {
    sy_value *items;
    size_t left;
    sy_error *err;
} room;

static sy_status too_deep(sy_error *err)
{
    return syi_fail(err, SY_ELIMIT, "arguments: nested deeper than %d lists", SY_RULE_DEPTH_MAX);
}

/* Recursion is bounded by SY_RULE_DEPTH_MAX. */
static sy_status build_list(room *r, const sy_value *args, size_t count, int depth, sy_value *rule)
{
    if (depth > SY_RULE_DEPTH_MAX) {
        return too_deep(r->err);
    }
    if (count > r->left) {
        return syi_fail(r->err, SY_ELIMIT, "arguments: room for %zu more values, %zu are needed",
                        r->left, count);
    }
    sy_value *own = r->items;
    r->items += count;
    r->left -= count;
    *rule = sy_value_list(own, count);
    for (size_t k = 0; k < count; k++) {
        if (args[k].kind == SY_VALUE_LIST) {
            SY_TRY(build_list(r, args[k].as.list.items, args[k].as.list.count, depth + 1, &own[k]));
        } else {
            own[k] = sy_value_int(args[k].kind == SY_VALUE_TENSOR);
        }
    }
    return SY_OK;
}

sy_status sy_build_rule(const sy_value *args, size_t count, sy_value *rule, sy_value *items,
                        size_t capacity, sy_error *err)
{
    room r = {items, capacity, err};
    *rule = sy_value_none();
    const sy_status status = build_list(&r, args, count, 1, rule);
    if (status != SY_OK) {
        *rule = sy_value_none();
    }
    return status;
}

static bool is_one(const sy_value *value)
{
    return value->kind == SY_VALUE_INT && value->as.integer == 1;
}

static bool is_tensor(const sy_value *value)
{
    return value->kind == SY_VALUE_TENSOR;
}

/* SY_ENOTFOUND when there is none in this list. */
static sy_status find_first(const sy_value *items, size_t count,
                            bool (*wanted)(const sy_value *value), size_t *path, size_t at,
                            size_t *depth, sy_error *err)
{
    if (at == SY_RULE_DEPTH_MAX) {
        return too_deep(err);
    }
    for (size_t k = 0; k < count; k++) {
        path[at] = k;
        if (wanted(&items[k])) {
            *depth = at + 1;
            return SY_OK;
        }
        if (items[k].kind == SY_VALUE_LIST) {
            const sy_status status = find_first(items[k].as.list.items, items[k].as.list.count,
                                                wanted, path, at + 1, depth, err);
            if (status != SY_ENOTFOUND) {
                return status;
            }
        }
    }
    return SY_ENOTFOUND;
}

static sy_status no_tensor(sy_status status, sy_error *err)
{
    return status != SY_ENOTFOUND ? status
                                  : syi_fail(err, SY_EINVAL, "arguments: there is no tensor");
}

sy_status sy_rule_get_first(const sy_value *rule, size_t path[SY_RULE_DEPTH_MAX], size_t *depth,
                            sy_error *err)
{
    *depth = 0;
    if (rule->kind != SY_VALUE_LIST) {
        return syi_fail(err, SY_EINVAL, "rule: a list is expected");
    }
    return no_tensor(
        find_first(rule->as.list.items, rule->as.list.count, is_one, path, 0, depth, err), err);
}

const sy_value *sy_value_get_at(const sy_value *value, const size_t *path, size_t depth)
{
    for (size_t k = 0; k < depth; k++) {
        if (value->kind != SY_VALUE_LIST || path[k] >= value->as.list.count) {
            return NULL;
        }
        value = &value->as.list.items[path[k]];
    }
    return value;
}

sy_status sy_get_tensor_type(const sy_value *args, size_t count, const char **type, sy_error *err)
{
    size_t path[SY_RULE_DEPTH_MAX];
    size_t depth = 0;
    *type = NULL;
    SY_TRY(no_tensor(find_first(args, count, is_tensor, path, 0, &depth, err), err));
    const sy_value all = sy_value_list(args, count);
    *type = sy_value_get_at(&all, path, depth)->as.tensor->node->type->name;
    return SY_OK;
}

bool sy_typed_identity(const sy_value *model, const sy_value *value)
{
    switch (model->kind) {
    case SY_VALUE_NONE:
    case SY_VALUE_INT:
    case SY_VALUE_FLOAT:
    case SY_VALUE_BOOL:
        return value->kind == model->kind;
    default:
        return true;
    }
}
