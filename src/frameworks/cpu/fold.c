/* fold.c - see fold.h. */
#include "frameworks/cpu/fold.h"

/* A folding on its way. Dims that stay: operand 0 is the result, operand 1 the source. */
typedef struct walk {
    const syi_folding *folding;
    sy_dtype to_dtype;
    int64_t count; /* elements that make a result */
    syi_nest kept;
    syi_nest folded; /* operand 0 is the source; its data are the kept nest's to say */
} walk;

static void store(const walk *w, syi_total *a, const syi_total *b, int64_t n, char *to,
                  int64_t stride)
{
    const syi_folding *folding = w->folding;
    if (folding->finish != NULL) {
        folding->finish(n, w->count, a, b, folding->param);
    }
    syi_convert_row(n, to, w->to_dtype, stride, a, folding->whole ? SY_DTYPE_I64 : SY_DTYPE_F64,
                    sizeof *a);
}

/* Up to SYI_FOLD_TILE neighbouring results. Side by side where they are nearer to each other than the elements of one
 * result are. */
static void fold_tile(const walk *w, int64_t n, char *to, char *from, bool side_by_side)
{
    const syi_folding *folding = w->folding;
    const syi_nest *inner = &w->folded;
    const int64_t across = w->kept.strides[1][0], along = inner->strides[0][0];
    syi_total a[SYI_FOLD_TILE], b[SYI_FOLD_TILE];
    for (int64_t i = 0; i < n; i++) {
        a[i] = folding->first_a;
        b[i] = folding->first_b;
        int64_t at[SY_DIM_MAX] = {0}, seen = 0;
        char *data[1] = {from + i * across};
        while (!side_by_side) {
            folding->fold->row(inner->shape[0], data[0], along, seen, &a[i], &b[i], folding->param);
            seen += inner->shape[0];
            if (!syi_nest_step(inner, 1, at, data)) {
                break;
            }
        }
    }
    if (side_by_side) {
        int64_t at[SY_DIM_MAX] = {0}, seen = 0;
        char *data[1] = {from};
        do {
            folding->fold->across(n, inner->shape[0], data[0], across, along, seen, a, b,
                                  folding->param);
            seen += inner->shape[0];
        } while (syi_nest_step(inner, 1, at, data));
    }
    store(w, a, b, n, to, w->kept.strides[0][0]);
}

static void run(walk *w)
{
    const syi_nest *kept = &w->kept;
    const int64_t across = kept->strides[1][0];
    const bool side_by_side = kept->shape[0] > 1 && across != 0 && across < w->folded.strides[0][0];
    int64_t at[SY_DIM_MAX] = {0};
    char *data[2] = {kept->data[0], kept->data[1]};
    do {
        for (int64_t i = 0; i < kept->shape[0]; i += SYI_FOLD_TILE) {
            const int64_t left = kept->shape[0] - i;
            fold_tile(w, left < SYI_FOLD_TILE ? left : SYI_FOLD_TILE,
                      data[0] + i * kept->strides[0][0], data[1] + i * across, side_by_side);
        }
    } while (syi_nest_step(kept, 1, at, data));
}

/* Results of no elements at all. */
static void store_nothing(const walk *w, const syi_array *to)
{
    const int64_t size = (int64_t)sy_dtype_size(to->dtype);
    for (int64_t i = 0; i < syi_array_numel(to); i++) {
        syi_total a = w->folding->first_a, b = w->folding->first_b;
        store(w, &a, &b, 1, (char *)syi_array_data(to) + i * size, size);
    }
}

void syi_cpu_fold(const syi_array *to, const syi_array *from, const bool *marked,
                  const syi_folding *folding)
{
    walk w = {.folding = folding, .to_dtype = to->dtype, .count = 1};
    syi_array rest = *from, inner = *from, packed;
    rest.ndim = inner.ndim = 0;
    for (int d = 0; d < from->ndim; d++) {
        syi_array *part = marked[d] ? &inner : &rest;
        part->shape[part->ndim] = from->shape[d];
        part->strides[part->ndim++] = from->strides[d];
        w.count *= marked[d] ? from->shape[d] : 1;
    }
    packed = rest; /* the result with the marked dims left out */
    packed.dtype = to->dtype;
    packed.storage = to->storage;
    packed.offset = to->offset;
    int64_t stride = 1;
    for (int d = packed.ndim - 1; d >= 0; d--) {
        packed.strides[d] = stride;
        stride *= packed.shape[d];
    }
    syi_nest_init(&w.kept, rest.ndim, rest.shape);
    syi_nest_add(&w.kept, &packed);
    syi_nest_add(&w.kept, &rest);
    syi_nest_init(&w.folded, inner.ndim, inner.shape);
    syi_nest_add(&w.folded, &inner);
    if (syi_nest_is_empty(&w.kept)) {
        return;
    }
    if (w.count == 0) {
        store_nothing(&w, to);
        return;
    }
    syi_nest_merge(&w.kept, true);
    syi_nest_merge(&w.folded, true);
    run(&w);
}
