/*
 * share_extrema.c - greatest and least elements of shares, and pooling. A tournament: pairs are compared all at once, so that m
 * elements take ceil(log2 m) comparisons one after the other; of equal ones the first stays. Positions are computed only where they
 * are asked for. Part of share_rows.h.
 */
#include <inttypes.h>
#include <string.h>

#include "interpreters/sharing/share_rows.h"

/* Tournaments: along the first dim. */

typedef struct players {
    sy_tensor *values;
    sy_tensor *places; /* NULL: not wanted */
} players;

static int64_t length_of(sy_tensor *words)
{
    return syi_share_array(words)->shape[0];
}

/* Of pairs, `first` and `second`: the values of the greater ones, and their places. */
static players play(syi_share_op *o, players first, players second)
{
    players winners = {NULL, NULL};
    sy_tensor *ahead = syi_words_add(o, first.values, second.values, true);
    if (first.places == NULL) {
        winners.values =
            syi_words_add(o, second.values, syi_words_compare(o, ahead, SYI_OUTCOME_RELU), false);
        return winners;
    }
    sy_tensor *wins = syi_words_compare(o, ahead, SYI_OUTCOME_BIT);
    sy_tensor *const differences[] = {ahead, syi_words_add(o, first.places, second.places, true)};
    if (wins == NULL || syi_share_failed(o)) {
        return winners;
    }
    sy_tensor *moved =
        syi_words_times(o, sy_stack(o->s, differences, 2, 0), sy_unsqueeze(o->s, wins, 0));
    if (moved != NULL) {
        winners.values = syi_words_add(o, second.values, sy_select(o->s, moved, 0, 0), false);
        winners.places = syi_words_add(o, second.places, sy_select(o->s, moved, 0, 1), false);
    }
    return winners;
}

static sy_tensor *every_second(syi_share_op *o, sy_tensor *words, int64_t from, int64_t pairs)
{
    return words != NULL ? sy_slice(o->s, words, 0, from, 2 * pairs, 2) : NULL;
}

static sy_tensor *with_last(syi_share_op *o, sy_tensor *winners, sy_tensor *all)
{
    sy_tensor *const parts[] = {
        winners, winners != NULL ? sy_narrow(o->s, all, 0, length_of(all) - 1, 1) : NULL};
    return parts[1] != NULL ? sy_cat(o->s, parts, 2, 0) : NULL;
}

/* The first dim is gone in the results. */
static players tournament(syi_share_op *o, players p)
{
    while (!syi_share_failed(o) && p.values != NULL && length_of(p.values) > 1) {
        const int64_t count = length_of(p.values), pairs = count / 2;
        const players first = {every_second(o, p.values, 0, pairs),
                               every_second(o, p.places, 0, pairs)},
                      second = {every_second(o, p.values, 1, pairs),
                                every_second(o, p.places, 1, pairs)};
        players winners = play(o, first, second);
        if (count % 2 != 0) {
            winners.values = with_last(o, winners.values, p.values);
            winners.places = p.places != NULL ? with_last(o, winners.places, p.places) : NULL;
        }
        p = winners;
    }
    if (syi_share_failed(o) || p.values == NULL) {
        return (players){NULL, NULL};
    }
    p.values = sy_select(o->s, p.values, 0, 0);
    p.places = p.places != NULL ? sy_select(o->s, p.places, 0, 0) : NULL;
    return p;
}

sy_tensor *syi_share_places(syi_share_op *o, sy_tensor *like)
{
    const syi_array *array = syi_share_array(like);
    int64_t shape[SY_DIM_MAX];
    for (int d = 0; d < array->ndim; d++) {
        shape[d] = d == 0 ? array->shape[0] : 1;
    }
    sy_tensor *places = sy_arange(o->s, syi_share_dtype(o), 0, (double)array->shape[0], 1);
    places = places != NULL ? sy_reshape(o->s, places, array->ndim, shape) : NULL;
    places = places != NULL ? sy_expand(o->s, places, array->ndim, array->shape) : NULL;
    return places != NULL ? syi_share_of_public(o, syi_share_dense(o, places)) : NULL;
}

/* Which dims an operation reduces, and what is left. */
typedef struct reduction {
    bool gone[SY_DIM_MAX];
    bool keep;
    int ndim;
    int64_t shape[SY_DIM_MAX]; /* of the result */
    int result_ndim;
} reduction;

/* dims: none, a number or a list. */
static bool read_dims(syi_share_op *o, sy_tensor *words, const sy_value *dims, const sy_value *keep,
                      reduction *r)
{
    const syi_array *array = syi_share_array(words);
    const bool list = dims->kind == SY_VALUE_LIST;
    const size_t count = list ? dims->as.list.count : dims->kind == SY_VALUE_INT ? 1 : 0;
    sy_error error = SY_ERROR_INIT;
    *r = (reduction){.keep = keep->kind == SY_VALUE_BOOL && keep->as.boolean, .ndim = array->ndim};
    for (size_t k = 0; k < count; k++) {
        const sy_value *item = list ? &dims->as.list.items[k] : dims;
        int dim = 0;
        if (!syi_share_latch(o, syi_dim_wrap(&dim, item->as.integer, array->ndim, &error),
                             &error)) {
            return false;
        }
        if (array->ndim > 0) {
            r->gone[dim] = true;
        }
    }
    for (int d = 0; d < array->ndim; d++) {
        r->gone[d] |= count == 0;
        if (!r->gone[d] || r->keep) {
            r->shape[r->result_ndim++] = r->gone[d] ? 1 : array->shape[d];
        }
        if (r->gone[d] && array->shape[d] == 0) {
            syi_share_refuse(o, SY_ERANGE, "of no elements");
            return false;
        }
    }
    return true;
}

/* The reduced dims first, as one. */
static sy_tensor *line_up(syi_share_op *o, sy_tensor *words, const reduction *r)
{
    int64_t order[SY_DIM_MAX], shape[SY_DIM_MAX] = {1};
    int used = 0, left = 1;
    const syi_array *array = syi_share_array(words);
    for (int turn = 0; turn < 2; turn++) {
        for (int d = 0; d < r->ndim; d++) {
            if (r->gone[d] == (turn == 0)) {
                order[used++] = d;
                if (turn == 0) {
                    shape[0] *= array->shape[d];
                } else {
                    shape[left++] = array->shape[d];
                }
            }
        }
    }
    sy_tensor *turned = r->ndim > 0 ? sy_permute(o->s, words, r->ndim, order) : words;
    turned = turned != NULL ? syi_share_dense(o, turned) : NULL;
    return turned != NULL ? sy_reshape(o->s, turned, left, shape) : NULL;
}

static players extremum(syi_share_op *o, const sy_value *dims, const sy_value *keep, bool least,
                        bool want_values, bool want_places)
{
    players none = {NULL, NULL};
    reduction r;
    sy_tensor *words = syi_share_words(o, o->like);
    if (words == NULL || !read_dims(o, words, dims, keep, &r)) {
        return none;
    }
    words = line_up(o, words, &r);
    words = syi_words_scale(o, words, least ? -1 : 1);
    if (words == NULL || syi_share_failed(o)) {
        return none;
    }
    players found =
        tournament(o, (players){words, want_places ? syi_share_places(o, words) : NULL});
    if (syi_share_failed(o) || found.values == NULL) {
        return none;
    }
    if (want_values) {
        found.values = syi_words_scale(o, found.values, least ? -1 : 1);
        found.values = sy_reshape(o->s, found.values, r.result_ndim, r.shape);
    }
    if (found.places != NULL) {
        found.places = sy_reshape(o->s, found.places, r.result_ndim, r.shape);
    }
    return found;
}

void syi_share_extremum(syi_share_op *o)
{
    const sy_value *args = o->call->args;
    const bool along = args[1].kind != SY_VALUE_NONE;
    const players found =
        extremum(o, &args[1], &args[2], o->call->op->id == SYI_OP_min, true, along);
    syi_share_emit(o, found.values);
    if (along) {
        syi_share_emit(o, found.places);
    }
}

void syi_share_arg_extremum(syi_share_op *o)
{
    const sy_value *args = o->call->args;
    syi_share_emit(
        o, extremum(o, &args[1], &args[2], o->call->op->id == SYI_OP_argmin, false, true).places);
}

/* amax, amin */
void syi_share_extrema(syi_share_op *o)
{
    const sy_value *args = o->call->args;
    syi_share_emit(
        o, extremum(o, &args[1], &args[2], o->call->op->id == SYI_OP_amin, true, false).values);
}

/* Pooling */

#define WINDOW_MAX 65536 /* elements of one, each of which is a row of its own */

typedef struct window {
    int64_t size[2], stride[2], pad[2], spread[2]; /* of rows and columns */
    int64_t out[2], far[2];                        /* far: padding after the last one */
} window;

/* One number or two; `other` where there is none. */
static bool pair_of(syi_share_op *o, const sy_value *value, const int64_t other[2], int64_t out[2])
{
    if (value->kind == SY_VALUE_INT) {
        out[0] = out[1] = value->as.integer;
    } else if (value->kind == SY_VALUE_LIST && value->as.list.count > 0 &&
               value->as.list.count <= 2) {
        for (size_t k = 0; k < 2; k++) {
            out[k] = value->as.list.items[k < value->as.list.count ? k : 0].as.integer;
        }
    } else if (value->kind == SY_VALUE_NONE ||
               (value->kind == SY_VALUE_LIST && value->as.list.count == 0)) {
        memcpy(out, other, 2 * sizeof *out);
    } else {
        syi_share_refuse(o, SY_EINVAL, "a size is one number or two");
        return false;
    }
    return true;
}

static bool read_window(syi_share_op *o, sy_tensor *words, const sy_value *dilation, bool ceil,
                        window *w)
{
    static const int64_t one[2] = {1, 1};
    static const sy_value absent = {.kind = SY_VALUE_NONE};
    const sy_value *args = o->call->args;
    const syi_array *array = syi_share_array(words);
    if (array->ndim != 3 && array->ndim != 4) {
        syi_share_refuse(o, SY_ESHAPE, "of %d dims; images have 3 or 4", array->ndim);
        return false;
    }
    if (!pair_of(o, &args[1], one, w->size) || !pair_of(o, &args[2], w->size, w->stride) ||
        !pair_of(o, &args[3], (const int64_t[]){0, 0}, w->pad) ||
        !pair_of(o, dilation != NULL ? dilation : &absent, one, w->spread)) {
        return false;
    }
    for (int k = 0; k < 2; k++) {
        const int64_t have = array->shape[array->ndim - 2 + k];
        if (w->size[k] < 1 || w->stride[k] < 1 || w->spread[k] < 1 || w->pad[k] < 0 ||
            w->pad[k] > w->size[k] / 2 || w->size[k] > (1 << 20) || w->spread[k] > (1 << 20) ||
            w->stride[k] > (1 << 20)) {
            syi_share_refuse(
                o, SY_EINVAL,
                "kernel, stride and dilation are at least 1 and at most %d, padding at "
                "most half of the kernel",
                1 << 20);
            return false;
        }
        const int64_t reach = (w->size[k] - 1) * w->spread[k] + 1,
                      room = have + 2 * w->pad[k] - reach;
        w->out[k] = (room + (ceil ? w->stride[k] - 1 : 0)) / w->stride[k] + 1;
        if (ceil && (w->out[k] - 1) * w->stride[k] >= have + w->pad[k]) {
            w->out[k]--; /* the last window begins in the image */
        }
        if (have < 1 || room < 0 || w->out[k] < 1) {
            syi_share_refuse(o, SY_ESHAPE, "the window is larger than the image");
            return false;
        }
        w->far[k] = (w->out[k] - 1) * w->stride[k] + reach - have - w->pad[k];
        w->far[k] = w->far[k] > 0 ? w->far[k] : 0;
    }
    if (w->size[0] * w->size[1] > WINDOW_MAX) {
        syi_share_refuse(o, SY_ELIMIT, "a window of %" PRId64 " elements; %d are the most",
                         w->size[0] * w->size[1], WINDOW_MAX);
        return false;
    }
    return true;
}

/* One row for each place in a window: what each window has there. */
static sy_tensor *rows_of(syi_share_op *o, sy_tensor *words, const window *w, int64_t padding)
{
    const int64_t pads[] = {w->pad[1], w->far[1], w->pad[0], w->far[0]};
    const int ndim = syi_share_array(words)->ndim;
    const bool padded = pads[0] != 0 || pads[1] != 0 || pads[2] != 0 || pads[3] != 0;
    if (padded) {
        sy_value sizes[4];
        for (int k = 0; k < 4; k++) {
            sizes[k] = sy_value_int(pads[k]);
        }
        const sy_value args[] = {sy_value_tensor(words), sy_value_list(sizes, 4),
                                 sy_value_int(padding)};
        words = syi_scope_run(o->s, SYI_OP_constant_pad_nd, false, args, 3);
    }
    const int64_t count = w->size[0] * w->size[1];
    sy_tensor *rows = NULL;
    sy_tensor **parts = syi_alloc_array(o->call->hook->context, (size_t)count, sizeof *parts);
    if (parts == NULL) {
        syi_share_refuse(o, SY_ENOMEM, "%lld windows", (long long)count);
        return NULL;
    }
    for (int64_t k = 0; k < count && words != NULL; k++) {
        const int64_t y = k / w->size[1] * w->spread[0], x = k % w->size[1] * w->spread[1];
        sy_tensor *part = sy_slice(o->s, words, ndim - 2, y, y + (w->out[0] - 1) * w->stride[0] + 1,
                                   w->stride[0]);
        parts[k] = part != NULL ? sy_slice(o->s, part, ndim - 1, x,
                                           x + (w->out[1] - 1) * w->stride[1] + 1, w->stride[1])
                                : NULL;
    }
    if (!syi_share_failed(o)) {
        rows = sy_stack(o->s, parts, (size_t)count, 0);
    }
    syi_free(o->call->hook->context, parts, (size_t)count * sizeof *parts);
    return rows;
}

/* Less than all elements, where these are known; else less than all that may be compared. As the words that lead. */
static int64_t padding_of(const syi_share_op *o)
{
    const syi_field *field = &o->kin->field;
    const syi_bounds of = syi_share_get_bounds(o->like);
    const bool known = of.known && syi_bounds_bits(o->bounds.compared, field) > 0;
    return (int64_t)syi_field_of(field, known ? of.low - 1 : -(int64_t)(syi_field_most(field) / 2));
}

void syi_share_max_pool2d(syi_share_op *o)
{
    const sy_value *args = o->call->args;
    const bool with_places = o->call->op->id == SYI_OP_max_pool2d_with_indices;
    const bool ceil = args[5].kind == SY_VALUE_BOOL && args[5].as.boolean;
    sy_tensor *words = syi_share_words(o, o->like);
    window w;
    if (words == NULL || !read_window(o, words, &args[4], ceil, &w)) {
        return;
    }
    players p = {rows_of(o, words, &w, syi_share_leads(o) ? padding_of(o) : 0), NULL};
    if (with_places && p.values != NULL) { /* in the image: y width + x */
        const syi_array *array = syi_share_array(words);
        const int64_t height = array->shape[array->ndim - 2], width = array->shape[array->ndim - 1];
        const int64_t shape[] = {1, 1, height, width};
        sy_tensor *places = sy_arange(o->s, syi_share_dtype(o), 0, (double)(height * width), 1);
        places =
            places != NULL ? sy_reshape(o->s, places, array->ndim, shape + 4 - array->ndim) : NULL;
        places = places != NULL ? sy_expand(o->s, places, array->ndim, array->shape) : NULL;
        places = places != NULL ? rows_of(o, places, &w, 0) : NULL;
        p.places = places != NULL ? syi_share_of_public(o, syi_share_dense(o, places)) : NULL;
    }
    if (syi_share_failed(o)) {
        return;
    }
    const players winners = tournament(o, p);
    syi_share_emit_quotient(o, winners.values, o->like->divisor);
    if (with_places) {
        syi_share_emit(o, winners.places);
    }
}

void syi_share_avg_pool2d(syi_share_op *o)
{
    const sy_value *args = o->call->args, zeroth = sy_value_int(0), drop = sy_value_bool(false);
    const bool ceil = args[4].kind == SY_VALUE_BOOL && args[4].as.boolean,
               whole = args[5].kind != SY_VALUE_BOOL || args[5].as.boolean;
    sy_tensor *words = syi_share_words(o, o->like);
    window w;
    if (words == NULL || !read_window(o, words, NULL, ceil, &w)) {
        return;
    }
    const bool overridden = args[6].kind == SY_VALUE_INT;
    const bool padded = w.pad[0] != 0 || w.pad[1] != 0;
    if (!overridden && (ceil || (padded && !whole))) {
        syi_share_refuse(o, SY_ENOTSUP,
                         "windows of different sizes; count the padding, or give divisor_override");
        return;
    }
    const sy_value dims = sy_value_list(&zeroth, 1);
    sy_tensor *sums = syi_words_sum(o, rows_of(o, words, &w, 0), &dims, &drop);
    syi_share_emit(
        o, syi_words_divide(o, sums, overridden ? args[6].as.integer : w.size[0] * w.size[1]));
}
