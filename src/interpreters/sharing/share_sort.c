/*
 * share_sort.c - sorting shares: by a network (network.h), whose layers are one comparison each. Elements are sorted together with their
 * places: as keys 2^s value + place, 2^s not less than the count, which are all different, so that equal elements stay in their order. In the
 * end values and places are the keys' quotients and rests by 2^s. Values must be below a quarter of the field over 2^s in magnitude. Part of
 * share_rows.h.
 */
#include <inttypes.h>

#include "interpreters/sharing/network.h"
#include "interpreters/sharing/share_rows.h"

/* The layer's pairs as indices. */
static sy_tensor *indices_of(syi_share_op *o, int64_t count, const int64_t *places)
{
    sy_tensor *made = NULL;
    sy_error error = SY_ERROR_INIT;
    const sy_status status =
        sy_tensor_new(o->call->hook, &made, SY_DTYPE_I64, 1, &count, places, &error);
    return syi_share_latch(o, status, &error) ? sy_scope_adopt(o->s, made) : NULL;
}

static void put(syi_share_op *o, sy_tensor *keys, sy_tensor *places, sy_tensor *elements)
{
    const sy_value args[] = {sy_value_tensor(keys), sy_value_int(0), sy_value_tensor(places),
                             sy_value_tensor(elements)};
    if (elements != NULL && !syi_share_failed(o)) {
        (void)syi_scope_run(o->s, SYI_OP_index_copy, true, args, 4);
    }
}

/* a, b = min(a, b), max(a, b) = a - relu(a - b), b + relu(a - b), of all pairs at once. */
static void exchange(syi_share_op *o, sy_tensor *keys, int64_t pairs, const int64_t *low,
                     const int64_t *high)
{
    sy_tensor *first = indices_of(o, pairs, low), *second = indices_of(o, pairs, high);
    if (syi_share_failed(o)) {
        return;
    }
    sy_tensor *a = sy_index_select(o->s, keys, 0, first),
              *b = sy_index_select(o->s, keys, 0, second);
    sy_tensor *over = syi_words_compare(o, syi_words_add(o, a, b, true), SYI_OUTCOME_RELU);
    put(o, keys, first, syi_words_add(o, a, over, true));
    put(o, keys, second, syi_words_add(o, b, over, false));
}

/* In place, along the first dim, as far as the `least` first ones go. */
static void sort_keys(syi_share_op *o, sy_tensor *keys, int64_t count, int64_t least)
{
    sy_context *context = o->call->hook->context;
    const size_t half = (size_t)count / 2;
    syi_network network;
    sy_error error = SY_ERROR_INIT;
    int64_t *places = syi_alloc_array(context, 2 * half + 1, sizeof *places);
    if (places == NULL) {
        syi_share_refuse(o, SY_ENOMEM, "%" PRId64 " elements", count);
        return;
    }
    if (syi_share_latch(o, syi_network_init(&network, context, count, least, &error), &error)) {
        for (unsigned layer = 0; layer < network.layers && !syi_share_failed(o); layer++) {
            const int64_t pairs = syi_network_pairs(&network, layer, places, places + half);
            if (pairs > 0) {
                exchange(o, keys, pairs, places, places + half);
            }
        }
    }
    syi_network_fini(&network);
    syi_free(context, places, (2 * half + 1) * sizeof *places);
}

typedef struct sorted {
    sy_tensor *values, *places;
} sorted;

/* The `least` first ones along the first dim, of `count` of them. */
static sorted sort_first(syi_share_op *o, sy_tensor *words, int64_t count, int64_t least,
                         bool descending)
{
    const unsigned doublings = syi_network_doublings(count);
    const int64_t step = INT64_C(1) << doublings;
    sorted found = {NULL, NULL};
    sy_tensor *keys = syi_words_add(o, syi_words_scale(o, words, descending ? -step : step),
                                    syi_share_places(o, words), false);
    keys = keys != NULL ? syi_share_dense(o, keys) : NULL;
    if (keys == NULL || syi_share_failed(o)) {
        return found;
    }
    sort_keys(o, keys, count, least);
    keys = !syi_share_failed(o) ? sy_narrow(o->s, keys, 0, 0, least) : NULL;
    found.values = syi_words_floor_divide(o, keys, step, &found.places);
    found.values = syi_words_scale(o, found.values, descending ? -1 : 1);
    return found;
}

/* sort: self dim descending; topk: self k dim largest sorted (always); argsort: as sort, places alone */
void syi_share_sort(syi_share_op *o)
{
    const sy_value *args = o->call->args;
    const bool topk = o->call->op->id == SYI_OP_topk;
    sy_tensor *words = syi_share_words(o, o->like);
    sy_error error = SY_ERROR_INIT;
    int dim = 0;
    if (words == NULL) {
        return;
    }
    const int ndim = syi_share_array(words)->ndim;
    if (!syi_share_latch(o, syi_dim_wrap(&dim, args[topk ? 2 : 1].as.integer, ndim, &error),
                         &error)) {
        return;
    }
    words = ndim > 0 ? sy_transpose(o->s, words, 0, dim) : sy_unsqueeze(o->s, words, 0);
    const int64_t count = words != NULL ? syi_share_array(words)->shape[0] : 0,
                  least = topk ? args[1].as.integer : count;
    if (syi_share_failed(o)) {
        return;
    }
    if (least < 0 || least > count) {
        syi_share_refuse(o, SY_ERANGE, "%" PRId64 " of %" PRId64 " elements", least, count);
        return;
    }
    sy_tensor *none = sy_narrow(o->s, words, 0, 0, least); /* where there are no elements */
    sorted found = {none, none};
    if (least > 0 && syi_array_numel(syi_share_array(words)) > 0) {
        const sy_value *descending = &args[topk ? 3 : 2];
        found = sort_first(o, syi_share_dense(o, words), count, least, descending->as.boolean);
    }
    sy_tensor *const results[] = {found.values, found.places};
    for (int k = o->call->op->id == SYI_OP_argsort ? 1 : 0; k < 2 && results[k] != NULL; k++) {
        syi_share_emit(o, syi_share_dense(o, ndim > 0 ? sy_transpose(o->s, results[k], 0, dim)
                                                      : sy_select(o->s, results[k], 0, 0)));
    }
}
