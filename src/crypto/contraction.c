/*
 * contraction.c - sums of products over labels, as of einsum. Labels that only one factor has are summed first. Then one
 * label each is taken for the rows, the columns and the inner dim of a product of matrices, the others are loops around it;
 * where no label can be the columns, z gathers elementwise products.
 *
 * Sizes and strides are public; nothing here branches on elements.
 */
#include <string.h>

#include "core/error.h"
#include "crypto/bilinear_parts.h"

enum { CHUNK_BYTES = 4096 }; /* of elements that are gathered for one call of a kernel */

/* Labels */

static void drop_ones(syi_contraction *c)
{
    int kept = 0, of_z = 0;
    for (int k = 0; k < c->count; k++) {
        if (c->labels[k].size != 1) {
            of_z += k < c->of_z;
            c->labels[kept++] = c->labels[k];
        }
    }
    c->count = kept;
    c->of_z = of_z;
}

/* Are all steps along `outer` those after the end of `inner`? */
static bool continues(const syi_label *outer, const syi_label *inner)
{
    return outer->x == inner->x * inner->size && outer->y == inner->y * inner->size &&
           outer->z == inner->z * inner->size;
}

/* Neighbouring labels become one where their elements lie behind each other in x, y and z. */
static void join(syi_contraction *c)
{
    int kept = 0, of_z = 0;
    for (int k = 0; k < c->count; k++) {
        syi_label *last = kept > 0 ? &c->labels[kept - 1] : NULL;
        if (last != NULL && k != c->of_z && continues(last, &c->labels[k])) {
            const size_t size = last->size * c->labels[k].size;
            *last = c->labels[k];
            last->size = size;
        } else {
            of_z += k < c->of_z;
            c->labels[kept++] = c->labels[k];
        }
    }
    c->count = kept;
    c->of_z = of_z;
}

static void swap_factors(syi_contraction *c)
{
    const void *x = c->x;
    c->x = c->y;
    c->y = x;
    for (int k = 0; k < c->count; k++) {
        const size_t stride = c->labels[k].x;
        c->labels[k].x = c->labels[k].y;
        c->labels[k].y = stride;
    }
}

/* The next element in the order of the labels; false behind the last one. */
typedef struct walk {
    const syi_label *labels;
    int count;
    size_t index[2 * SY_DIM_MAX];
    size_t x, y, z;
} walk;

static bool step(walk *w)
{
    for (int k = w->count - 1; k >= 0; k--) {
        const syi_label *l = &w->labels[k];
        w->x += l->x;
        w->y += l->y;
        w->z += l->z;
        if (++w->index[k] < l->size) {
            return true;
        }
        w->x -= l->size * l->x;
        w->y -= l->size * l->y;
        w->z -= l->size * l->z;
        w->index[k] = 0;
    }
    return false;
}

static const void *at(const syi_field *field, const void *data, size_t element)
{
    return (const char *)data + element * field->width;
}

/* Gathering */

#define DEFINE_RUN(N)                                                                      \
    static void run##N(uint##N##_t *out, const uint##N##_t *from, size_t stride, size_t n) \
    {                                                                                      \
        if (stride == 1) {                                                                 \
            memcpy(out, from, n * sizeof *out);                                            \
            return;                                                                        \
        }                                                                                  \
        for (size_t i = 0; i < n; i++) {                                                   \
            out[i] = from[i * stride];                                                     \
        }                                                                                  \
    }
DEFINE_RUN(32)
DEFINE_RUN(64)

void syi_labels_gather(const syi_field *field, const syi_label *labels, int count, const void *from,
                       size_t first, size_t n, void *out)
{
    if (n == 0) {
        return;
    }
    const syi_label one = {.size = 1}, *last = count > 0 ? &labels[count - 1] : &one;
    walk w = {.labels = labels, .count = count > 0 ? count - 1 : 0};
    size_t rest = first / last->size, column = first % last->size;
    for (int k = w.count - 1; k >= 0; k--) {
        w.index[k] = rest % labels[k].size;
        w.x += w.index[k] * labels[k].x;
        rest /= labels[k].size;
    }
    for (char *to = out; n > 0; column = 0, step(&w)) {
        const size_t left = last->size - column, some = left < n ? left : n;
        const void *in = at(field, from, w.x + column * last->x);
        if (field->width == 4) {
            run32((uint32_t *)(void *)to, in, last->x, some);
        } else {
            run64((uint64_t *)(void *)to, in, last->x, some);
        }
        to += some * field->width;
        n -= some;
    }
}

/* Elementwise */

typedef struct elementwise {
    const syi_field *field;
    const syi_contraction *c;
    size_t n;                    /* elements of z */
    bool straight_x, straight_y; /* they lie as z does */
    _Alignas(64) char x[CHUNK_BYTES];
    _Alignas(64) char y[CHUNK_BYTES];
} elementwise;

static const void *chunk_of(const elementwise *e, const syi_label *labels, bool straight,
                            const void *data, size_t first, size_t n, void *room)
{
    if (straight) {
        return at(e->field, data, first);
    }
    syi_labels_gather(e->field, labels, e->c->of_z, data, first, n, room);
    return room;
}

/* For one choice of the labels that are not in z. */
static void add_products(elementwise *e, char *z, const void *x, const void *y,
                         const syi_label *y_labels)
{
    const size_t width = e->field->width;
    const size_t room = e->straight_x && e->straight_y ? e->n : CHUNK_BYTES / width;
    for (size_t first = 0; first < e->n; first += room) {
        const size_t n = e->n - first < room ? e->n - first : room;
        const void *a = chunk_of(e, e->c->labels, e->straight_x, x, first, n, e->x);
        const void *b = chunk_of(e, y_labels, e->straight_y, y, first, n, e->y);
        syi_field_mul_add(e->field, z + first * width, a, b, n);
    }
}

static void multiply_elements(const syi_field *field, const syi_contraction *c, void *z)
{
    elementwise e = {.field = field, .c = c, .n = 1, .straight_x = true, .straight_y = true};
    syi_label y_labels[2 * SY_DIM_MAX]; /* y's strides where a gather looks */
    for (int k = 0; k < c->of_z; k++) {
        const syi_label *l = &c->labels[k];
        e.n *= l->size;
        e.straight_x &= l->x == l->z;
        e.straight_y &= l->y == l->z;
        y_labels[k] = (syi_label){.size = l->size, .x = l->y};
    }
    walk w = {.labels = c->labels + c->of_z, .count = c->count - c->of_z};
    do {
        add_products(&e, z, at(field, c->x, w.x), at(field, c->y, w.y), y_labels);
    } while (step(&w));
    syi_wipe(e.x, sizeof e.x);
    syi_wipe(e.y, sizeof e.y);
}

/* Products of matrices */

/* Which label is what; -1: none, one row or one column. */
typedef struct plan {
    int rows, columns, inner;
} plan;

static int largest_inner(const syi_contraction *c)
{
    int found = -1;
    for (int k = c->of_z; k < c->count; k++) {
        if (found < 0 || c->labels[k].size > c->labels[found].size) {
            found = k;
        }
    }
    return found;
}

/* x has it, y does not */
static bool is_row(const syi_label *l)
{
    return l->y == 0;
}

/*
 * The columns must be neighbours in z, and y's alone: the factors are swapped when they are x's. When both have them, every
 * element of z is a product of vectors: that is better than elementwise products if the vectors lie closer than z's elements.
 */
static bool make_plan(syi_contraction *c, plan *p)
{
    *p = (plan){-1, -1, largest_inner(c)};
    if (p->inner < 0) {
        return false;
    }
    const int last = c->of_z - 1;
    if (last < 0) {
        return true;
    }
    if (c->labels[last].x != 0 && c->labels[last].y != 0) {
        const syi_label *inner = &c->labels[p->inner], *l = &c->labels[last];
        return inner->x < l->x && inner->y < l->y;
    }
    if (c->labels[last].x != 0) {
        swap_factors(c);
    }
    p->columns = last;
    for (int k = 0; k < last; k++) {
        if (is_row(&c->labels[k]) && (p->rows < 0 || c->labels[k].size > c->labels[p->rows].size)) {
            p->rows = k;
        }
    }
    return true;
}

static sy_status multiply_matrices(sy_context *context, const syi_field *field,
                                   const syi_contraction *c, const plan *p, void *z, sy_error *err)
{
    static const syi_label one = {.size = 1, .y = 1};
    const syi_label *rows = p->rows >= 0 ? &c->labels[p->rows] : &one;
    const syi_label *columns = p->columns >= 0 ? &c->labels[p->columns] : &one;
    const syi_label *inner = &c->labels[p->inner];
    const size_t z_row = p->rows >= 0 ? rows->z : columns->size;
    syi_label loops[2 * SY_DIM_MAX];
    walk w = {.labels = loops};
    for (int k = 0; k < c->count; k++) {
        if (k != p->rows && k != p->columns && k != p->inner) {
            loops[w.count++] = c->labels[k];
        }
    }
    do {
        const syi_field_matrix a = {at(field, c->x, w.x), rows->x, inner->x};
        const syi_field_matrix b = {at(field, c->y, w.y), inner->y, columns->y};
        SY_TRY(syi_field_matmul_rows(context, field, (char *)z + w.z * field->width, z_row, a, b,
                                     rows->size, columns->size, inner->size, err));
    } while (step(&w));
    return SY_OK;
}

static sy_status multiply(sy_context *context, const syi_field *field, syi_contraction *c, void *z,
                          sy_error *err)
{
    plan p;
    if (make_plan(c, &p)) {
        return multiply_matrices(context, field, c, &p, z, err);
    }
    multiply_elements(field, c, z);
    return SY_OK;
}

/* Labels of one factor alone */

/* What is left of x, which is multiplied with 1 over them; *size: its elements. */
static syi_contraction sum_of_x(const syi_field *field, const syi_contraction *c, size_t *size)
{
    static const uint64_t one = 1;
    static const uint32_t one32 = 1;
    syi_contraction sum = {.x = c->x, .y = field->width == 4 ? (const void *)&one32 : &one};
    *size = 1;
    for (int own = 0; own < 2; own++) {
        for (int k = 0; k < c->count; k++) {
            const syi_label *l = &c->labels[k];
            if (l->x != 0 && (l->y == 0 && l->z == 0) == (own == 1)) {
                sum.labels[sum.count++] = (syi_label){.size = l->size, .x = l->x};
                *size *= own == 0 ? l->size : 1;
            }
        }
        sum.of_z = own == 0 ? sum.count : sum.of_z;
    }
    size_t stride = 1;
    for (int k = sum.of_z - 1; k >= 0; k--) {
        sum.labels[k].z = stride;
        stride *= sum.labels[k].size;
    }
    return sum;
}

/* x is now that sum. */
static void put_sum(syi_contraction *c, const syi_contraction *sum, const void *words)
{
    int kept = 0, of_z = 0, next = 0;
    for (int k = 0; k < c->count; k++) {
        syi_label l = c->labels[k];
        if (l.x != 0 && l.y == 0 && l.z == 0) {
            continue;
        }
        if (l.x != 0) {
            l.x = sum->labels[next++].z;
        }
        of_z += k < c->of_z;
        c->labels[kept++] = l;
    }
    c->count = kept;
    c->of_z = of_z;
    c->x = words;
}

static bool has_own(const syi_contraction *c)
{
    bool own = false, other = false;
    for (int k = 0; k < c->count; k++) {
        own |= c->labels[k].x != 0 && c->labels[k].y == 0 && c->labels[k].z == 0;
        other |= c->labels[k].y != 0;
    }
    return own && other; /* by a number alone, it is a sum itself */
}

/* Sums x over its own labels, then y over its own, then multiplies. */
static sy_status contract(sy_context *context, const syi_field *field, syi_contraction *c, void *z,
                          sy_error *err)
{
    for (int turn = 0; turn < 2; turn++) {
        if (has_own(c)) {
            break;
        }
        swap_factors(c);
    }
    if (!has_own(c)) {
        drop_ones(c);
        join(c);
        return multiply(context, field, c, z, err);
    }
    size_t size;
    syi_contraction sum = sum_of_x(field, c, &size);
    const size_t bytes = size * field->width;
    void *words = syi_alloc_aligned(context, bytes, 64);
    if (words == NULL) {
        return SYI_ENOMEM(err, "sums of shares");
    }
    memset(words, 0, bytes);
    put_sum(c, &sum, words);
    drop_ones(&sum);
    join(&sum);
    sy_status status = multiply(context, field, &sum, words, err);
    if (status == SY_OK) {
        status = contract(context, field, c, z, err);
    }
    syi_free_secret(context, words, bytes);
    return status;
}

sy_status syi_contract(sy_context *context, const syi_field *field,
                       const syi_contraction *contraction, void *z, sy_error *err)
{
    syi_contraction c = *contraction;
    for (int k = 0; k < c.count; k++) {
        if (c.labels[k].size == 0) {
            return SY_OK; /* no element, or sums of none */
        }
    }
    drop_ones(&c);
    return contract(context, field, &c, z, err);
}
