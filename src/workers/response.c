/*
 * response.c - the answer of an operation as it is kept where it was computed (003: register_response,
 * register_tensor). Commands of peers go through the router, which does the same with their ids; this is the
 * face for programs. Test: response_test.c.
 */
#include <csyft/arguments.h>
#include <csyft/worker.h>

#include "core/error.h"
#include "workers/worker.h"

/* The tensors of nested values, left to right; each becomes none in the copy. */
typedef struct walk {
    sy_worker *worker;
    sy_id_provider *ids;
    sy_id *used;
    size_t capacity, count;
    sy_value *items;
    size_t left;
    sy_error *err;
} walk;

static sy_status register_one(walk *w, sy_tensor *tensor)
{
    if (w->count == w->capacity) {
        return syi_fail(w->err, SY_ELIMIT, "response: room for %zu ids, there are more tensors",
                        w->capacity);
    }
    sy_id *id = &w->used[w->count];
    SY_TRY(sy_id_provider_pop(w->ids, id, w->err));
    tensor->owner = w->worker;
    SY_TRY(sy_tensor_set_id(tensor, id, w->err));
    SY_TRY(sy_worker_register_object(w->worker, tensor, id, w->err));
    w->count++;
    return SY_OK;
}

static sy_status register_values(walk *w, const sy_value *values, size_t count, int depth,
                                 sy_value *copy)
{
    if (depth > SY_RULE_DEPTH_MAX || count > w->left) {
        return syi_fail(w->err, SY_ELIMIT, "response: more than %zu values, or %d lists deep",
                        w->left, SY_RULE_DEPTH_MAX);
    }
    sy_value *own = w->items;
    w->items += count;
    w->left -= count;
    *copy = sy_value_list(own, count);
    for (size_t k = 0; k < count; k++) {
        own[k] = values[k];
        if (values[k].kind == SY_VALUE_LIST) {
            SY_TRY(register_values(w, values[k].as.list.items, values[k].as.list.count, depth + 1,
                                   &own[k]));
        } else if (values[k].kind == SY_VALUE_TENSOR) {
            SY_TRY(register_one(w, values[k].as.tensor));
            own[k] = sy_value_none();
        }
    }
    return SY_OK;
}

sy_status sy_worker_register_response(sy_worker *worker, sy_value *left, sy_value *items,
                                      size_t item_capacity, sy_id *used, size_t used_capacity,
                                      size_t *used_count, const sy_value *response, size_t count,
                                      const sy_id *ids, size_t id_count, sy_error *err)
{
    *left = sy_value_none();
    *used_count = 0;
    if (worker == NULL) {
        return syi_fail(err, SY_EINVAL, "register_response: there is no worker to own it");
    }
    walk w = {.worker = worker,
              .used = used,
              .capacity = used_capacity,
              .items = items,
              .left = item_capacity,
              .err = err};
    SY_TRY(sy_id_provider_new(worker->hook->context, &w.ids, ids, id_count, err));
    sy_status status = register_values(&w, response, count, 1, left);
    sy_id_provider_free(w.ids);
    if (status != SY_OK) {
        while (w.count > 0) {
            sy_worker_remove_object(worker, &w.used[--w.count]);
        }
        *left = sy_value_none();
        return status;
    }
    *used_count = w.count;
    if (w.count > id_count) {
        return syi_fail(err, SY_ESIGNATURE,
                        "response: %zu tensors came for %zu ids; they are registered under fresh "
                        "ones",
                        w.count, id_count);
    }
    return SY_OK;
}
