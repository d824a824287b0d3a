/*
 * bilinear_test.c - products against the cpu framework's operations of the same rows, whose integers wrap, and modulo other
 * numbers against loops over every label; factors with any strides; what a peer may write instead of a product.
 */
#include <stdio.h>
#include <string.h>

#include "crypto/bilinear.h"
#include "frameworks/framework.h"
#include "ops/einsum.h"
#include "ops/window.h"
#include "support/memory_faults.h"
#include "support/property.h"

__extension__ typedef unsigned __int128 wide;

static const syi_field fields[] = {SYI_FIELD_64, SYI_FIELD_32,           {256, 8},
                                   {251, 8},     {(uint64_t)1 << 62, 8}, {UINT64_MAX - 58, 8}};
enum { FIELDS = sizeof fields / sizeof *fields };

typedef struct fixture {
    failing_allocator memory;
    sy_context *context;
    syi_ops *ops;
    syi_framework *cpu;
    property_random random;
} fixture;

static int setup(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    sy_error err = SY_ERROR_INIT;
    *state = f;
    f->context = memory_faults_context(&f->memory);
    f->random = property_start("bilinear");
    return syi_ops_new(f->context, &f->ops, &err) != SY_OK ||
           syi_cpu_framework_new(f->context, &f->cpu, &err) != SY_OK;
}

static int teardown(void **state)
{
    fixture *f = *state;
    f->cpu->klass->free(f->cpu);
    syi_ops_free(f->ops);
    memory_faults_context_free(&f->memory, f->context);
    free(f);
    return 0;
}

/* Arrays of elements */

/* How a factor's elements lie: as usual, the dims' order reversed, two apart, or some dims' elements again and again. */
typedef enum layout { PACKED, REVERSED, APART, REPEATED, LAYOUTS } layout;

static uint64_t draw(fixture *f, const syi_field *field)
{
    const uint64_t r = property_next(&f->random);
    return field->modulus != 0 ? r % field->modulus : field->width == 4 ? (uint32_t)r : r;
}

static uint64_t element(const syi_field *field, const void *words, size_t at)
{
    return field->width == 4 ? ((const uint32_t *)words)[at] : ((const uint64_t *)words)[at];
}

static void put(const syi_field *field, void *words, size_t at, uint64_t value)
{
    if (field->width == 4) {
        ((uint32_t *)words)[at] = (uint32_t)value;
    } else {
        ((uint64_t *)words)[at] = value;
    }
}

static void fill(fixture *f, const syi_field *field, void *words, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        put(field, words, (size_t)i, draw(f, field));
    }
}

static void make(fixture *f, const syi_field *field, const syi_array *shape, layout how,
                 syi_array *out)
{
    sy_error err = SY_ERROR_INIT;
    const int64_t room = 2 * syi_array_numel(shape) + 3;
    assert_ok(syi_array_new(f->context, out, shape->dtype, 1, &room, NULL, &err), &err);
    fill(f, field, syi_array_data(out), room);
    *out = (syi_array){.storage = out->storage, .dtype = shape->dtype, .ndim = shape->ndim};
    out->offset = how == PACKED ? 0 : 3;
    int64_t stride = how == APART ? 2 : 1;
    for (int k = 0; k < shape->ndim; k++) {
        const int d = how == REVERSED ? k : shape->ndim - 1 - k;
        out->shape[d] = shape->shape[d];
        out->strides[d] = how == REPEATED && property_next(&f->random) % 2 ? 0 : stride;
        stride *= shape->shape[d];
    }
}

/* The element at index[], numbers of labels or dims. */
static uint64_t look(const syi_field *field, const syi_array *a, const int64_t *index)
{
    int64_t at = 0;
    for (int d = 0; d < a->ndim; d++) {
        at += (a->shape[d] == 1 ? 0 : index[d]) * a->strides[d];
    }
    return element(field, syi_array_data(a), (size_t)at);
}

static wide modulus_of(const syi_field *field)
{
    return field->modulus != 0 ? field->modulus : (wide)1 << 8 * field->width;
}

static uint64_t plus_product(const syi_field *field, uint64_t z, uint64_t x, uint64_t y)
{
    return (uint64_t)(((wide)x * y % modulus_of(field) + z) % modulus_of(field));
}

/* Loops that are the definition */

/* By every choice of every label. Elementwise products and those of matrices are equations, too. */
static void loop_einsum(const char *equation, const syi_field *field, const syi_array *z,
                        void *words, const syi_array *x, const syi_array *y)
{
    const syi_array *const factors[2] = {x, y};
    syi_einsum e;
    sy_error err = SY_ERROR_INIT;
    int64_t value[SYI_EINSUM_LABELS] = {0};
    assert_ok(syi_einsum_parse(&e, equation, factors, 2, &err), &err);
    for (int l = 0; l < SYI_EINSUM_LABELS; l++) {
        if (e.sizes[l] == 0) {
            return;
        }
    }
    for (int l = 0; l < SYI_EINSUM_LABELS;) {
        int64_t at = 0, x_at[SY_DIM_MAX], y_at[SY_DIM_MAX];
        for (int d = 0; d < z->ndim; d++) {
            at = at * z->shape[d] + value[e.out.labels[d]];
        }
        for (int d = 0; d < x->ndim; d++) {
            x_at[d] = value[e.operands[0].labels[d]];
        }
        for (int d = 0; d < y->ndim; d++) {
            y_at[d] = value[e.operands[1].labels[d]];
        }
        put(field, words, (size_t)at,
            plus_product(field, element(field, words, (size_t)at), look(field, x, x_at),
                         look(field, y, y_at)));
        for (l = 0; l < SYI_EINSUM_LABELS && (e.sizes[l] < 0 || ++value[l] == e.sizes[l]); l++) {
            value[l] = 0;
        }
    }
}

/* Rows and columns; of one spatial dim, y and x have no rows. */
static uint64_t look_at_place(const syi_field *field, const syi_array *a, int spatial,
                              const int64_t index[4], bool batched)
{
    int64_t at[SY_DIM_MAX];
    int n = 0;
    for (int d = batched ? 0 : 1; d < 4; d++) {
        if (d != 2 || spatial == 2) {
            at[n++] = index[d];
        }
    }
    return look(field, a, at);
}

static void loop_convolution(const syi_bilinear *b, const syi_field *field, void *words,
                             const syi_array *x, const syi_array *y)
{
    const bool batched = x->ndim == b->spatial + 2;
    const int64_t batch = batched ? x->shape[0] : 1, out = y->shape[0], in = y->shape[1];
    const int64_t high = b->spatial == 2 ? y->shape[2] : 1, wide_ = y->shape[y->ndim - 1];
    const int64_t in_high = b->spatial == 2 ? x->shape[x->ndim - 2] : 1;
    const int64_t in_wide = x->shape[x->ndim - 1];
    const int64_t z_high = b->spatial == 2 ? b->z.shape[b->z.ndim - 2] : 1;
    const int64_t z_wide = b->z.shape[b->z.ndim - 1];
    size_t at = 0;
    for (int64_t k = 0; k < batch * out * z_high * z_wide; k++, at++) {
        const int64_t column = k % z_wide, row = k / z_wide % z_high;
        const int64_t o = k / z_wide / z_high % out, n = k / z_wide / z_high / out;
        for (int64_t w = 0; w < in * high * wide_; w++) {
            const int64_t i = w / wide_ / high, r = w / wide_ % high, c = w % wide_;
            const int64_t from_row = row * b->stride[0] - b->padding[0] + r * b->dilation[0];
            const int64_t from = column * b->stride[1] - b->padding[1] + c * b->dilation[1];
            if (from_row < 0 || from_row >= in_high || from < 0 || from >= in_wide) {
                continue;
            }
            const int64_t channel = o / (out / b->groups) * in + i;
            const int64_t x_at[4] = {n, channel, from_row, from}, y_at[4] = {o, i, r, c};
            put(field, words, at,
                plus_product(field, element(field, words, at),
                             look_at_place(field, x, b->spatial, x_at, batched),
                             look_at_place(field, y, b->spatial, y_at, true)));
        }
    }
}

/* Products of matrices as the equations that they are. */
static const char *equation_of(const syi_bilinear *b, char text[64])
{
    if (b->kind == SYI_BILINEAR_EINSUM) {
        return b->equation;
    }
    if (b->kind == SYI_BILINEAR_MUL) {
        return "...,...->...";
    }
    snprintf(text, 64, "...%si,...i%s->...%s%s", b->x.ndim > 1 ? "r" : "", b->y.ndim > 1 ? "c" : "",
             b->x.ndim > 1 ? "r" : "", b->y.ndim > 1 ? "c" : "");
    return text;
}

static void compare(const char *what, const syi_field *field, const void *found,
                    const void *expected, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        if (element(field, found, (size_t)i) != element(field, expected, (size_t)i)) {
            fail_msg("%s modulo %" PRIu64 " (width %u): element %" PRId64 " is %" PRIu64
                     ", expected %" PRIu64,
                     what, field->modulus, field->width, i, element(field, found, (size_t)i),
                     element(field, expected, (size_t)i));
        }
    }
}

/* What was added, against the loops, in one field and layout. */
static void check_in(fixture *f, const char *what, const syi_bilinear *b, const syi_field *field,
                     layout x_how, layout y_how)
{
    syi_array x, y, z;
    sy_error err = SY_ERROR_INIT;
    char text[64];
    const int64_t n = syi_array_numel(&b->z);
    make(f, field, &b->x, x_how, &x);
    make(f, field, &b->y, y_how, &y);
    make(f, field, &b->z, PACKED, &z);
    void *expected = malloc((size_t)(n + 1) * field->width);
    memcpy(expected, syi_array_data(&z), (size_t)(n + 1) * field->width);
    assert_ok(syi_bilinear_add(f->context, b, field, syi_array_data(&z), &x, &y, &err), &err);
    if (b->kind == SYI_BILINEAR_CONVOLUTION) {
        loop_convolution(b, field, expected, &x, &y);
    } else {
        loop_einsum(equation_of(b, text), field, &b->z, expected, &x, &y);
    }
    compare(what, field, syi_array_data(&z), expected, n + 1);
    free(expected);
    syi_array_fini(&x);
    syi_array_fini(&y);
    syi_array_fini(&z);
}

/* In every field and pair of layouts; and read back from its bytes it is the same. */
static void check_product(fixture *f, const char *what, const syi_bilinear *b)
{
    for (size_t k = 0; k < FIELDS; k++) {
        syi_bilinear own = *b;
        own.x.dtype = own.y.dtype = own.z.dtype =
            fields[k].width == 4 ? SY_DTYPE_I32 : SY_DTYPE_I64;
        for (int how = 0; how < LAYOUTS * LAYOUTS; how++) {
            check_in(f, what, &own, &fields[k], (layout)(how / LAYOUTS), (layout)(how % LAYOUTS));
        }
        syi_buffer buffer;
        syi_bilinear read;
        sy_error err = SY_ERROR_INIT;
        syi_buffer_init(&buffer, f->context, SYI_BILINEAR_BYTES);
        syi_bilinear_write(&own, &buffer);
        assert_ok(syi_buffer_check(&buffer, "product", &err), &err);
        size_t size = buffer.length;
        syi_buffer_append(&buffer, "rest", 4);
        size += 4;
        assert_ok(syi_bilinear_read(&read, &fields[k], buffer.data, &size, &err), &err);
        assert_int_equal(size, buffer.length - 4);
        assert_int_equal(read.kind, own.kind);
        assert_true(syi_array_same_shape(&read.x, &own.x) && read.x.dtype == own.x.dtype);
        assert_true(syi_array_same_shape(&read.y, &own.y) && read.y.dtype == own.y.dtype);
        assert_true(syi_array_same_shape(&read.z, &own.z) && read.z.dtype == own.z.dtype);
        assert_memory_equal(&read.spatial, &own.spatial,
                            sizeof read - offsetof(syi_bilinear, spatial));
        syi_buffer_fini(&buffer);
    }
}

static syi_array shape_of(int ndim, const int64_t *shape)
{
    syi_array array;
    sy_error err = SY_ERROR_INIT;
    assert_ok(syi_array_describe(&array, SY_DTYPE_I64, ndim, shape, &err), &err);
    return array;
}

/* Cases */

typedef struct factor_shapes {
    int x_ndim;
    int64_t x[SY_DIM_MAX];
    int y_ndim;
    int64_t y[SY_DIM_MAX];
} factor_shapes;

static void check_name(fixture *f, const char *name, const factor_shapes *s)
{
    syi_bilinear b;
    sy_error err = SY_ERROR_INIT;
    assert_ok(syi_bilinear_of_name(&b, name, &fields[0], s->x_ndim, s->x, s->y_ndim, s->y, &err),
              &err);
    check_product(f, name, &b);
}

static void test_mul(void **state)
{
    static const factor_shapes cases[] = {
        {0, {0}, 0, {0}},        {1, {7}, 1, {7}},           {1, {1}, 0, {0}},
        {2, {3, 4}, 2, {3, 4}},  {2, {5, 1}, 2, {1, 6}},     {3, {2, 1, 3}, 2, {4, 1}},
        {1, {3}, 3, {2, 5, 3}},  {2, {0, 3}, 1, {3}},        {4, {2, 3, 1, 5}, 4, {2, 1, 4, 5}},
        {2, {3, 700}, 1, {700}}, {2, {700, 3}, 2, {700, 1}},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        check_name(*state, "mul", &cases[k]);
    }
}

static void test_matmul(void **state)
{
    static const factor_shapes cases[] = {
        {2, {3, 4}, 2, {4, 5}},
        {2, {1, 1}, 2, {1, 1}},
        {1, {6}, 1, {6}},
        {1, {4}, 2, {4, 7}},
        {2, {7, 4}, 1, {4}},
        {3, {2, 3, 4}, 2, {4, 5}},
        {2, {3, 4}, 3, {2, 4, 5}},
        {3, {2, 3, 4}, 1, {4}},
        {1, {4}, 3, {2, 4, 3}},
        {4, {2, 1, 3, 4}, 3, {5, 4, 2}},
        {3, {6, 1, 4}, 3, {6, 4, 1}},
        {2, {3, 0}, 2, {0, 5}},
        {2, {0, 3}, 2, {3, 5}},
        {3, {0, 3, 2}, 2, {2, 5}},
        {2, {17, 33}, 2, {33, 20}},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        check_name(*state, "matmul", &cases[k]);
    }
}

static void test_einsum(void **state)
{
    static const struct {
        const char *equation;
        factor_shapes s;
    } cases[] = {
        {"ij,jk->ik", {2, {3, 4}, 2, {4, 5}}},
        {"ij,jk->ki", {2, {3, 4}, 2, {4, 5}}},
        {"ij,jk", {2, {3, 4}, 2, {4, 5}}},
        {"ij,kl->", {2, {3, 4}, 2, {2, 5}}},
        {"ij,k->i", {2, {3, 4}, 1, {2}}},
        {"ij,k->k", {2, {3, 4}, 1, {2}}},
        {"ij,->j", {2, {3, 4}, 0, {0}}},
        {",ij->i", {0, {0}, 2, {3, 4}}},
        {"i,i->", {1, {9}, 1, {9}}},
        {"i,i->i", {1, {9}, 1, {9}}},
        {"i,j->ji", {1, {5}, 1, {3}}},
        {"bi,bi->b", {2, {6, 5}, 2, {6, 5}}},
        {"bi,bi->i", {2, {6, 5}, 2, {6, 5}}},
        {"bij,bjk->ikb", {3, {2, 3, 4}, 3, {2, 4, 5}}},
        {"bqhd,bkhd->bhqk", {4, {2, 3, 2, 4}, 4, {2, 5, 2, 4}}},
        {"ii,i->i", {2, {4, 4}, 1, {4}}},
        {"ii,jj->ij", {2, {4, 4}, 2, {3, 3}}},
        {"iij,ji->", {3, {3, 3, 4}, 2, {4, 3}}},
        {"...ij,...jk->...ik", {3, {2, 3, 4}, 4, {3, 1, 4, 2}}},
        {"...i,...i->...", {2, {3, 4}, 1, {4}}},
        {"...i,oi->...o", {3, {2, 3, 4}, 2, {5, 4}}},
        {"ij,jk->ik", {2, {3, 1}, 2, {4, 5}}},
        {"abcd,efgh->", {4, {2, 1, 2, 3}, 4, {2, 2, 1, 2}}},
        {"abcd,efgh->gbae", {4, {2, 3, 2, 2}, 4, {2, 2, 3, 2}}},
        {"ij,jk->ik", {2, {3, 0}, 2, {0, 5}}},
        {"ijk,kjl->lji", {3, {3, 4, 2}, 3, {2, 4, 5}}},
        {"abcdefgh,abcdefgh->hgfedcba", {8, {2, 1, 2, 1, 2, 1, 2, 3}, 8, {2, 1, 2, 1, 2, 1, 2, 3}}},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        check_name(*state, cases[k].equation, &cases[k].s);
    }
}

typedef struct window_case {
    factor_shapes s;
    int64_t stride[2], padding[2], dilation[2], groups;
} window_case;

static void test_convolution(void **state)
{
    fixture *f = *state;
    static const window_case cases[] = {
        {{4, {2, 3, 6, 7}, 4, {4, 3, 3, 2}}, {1, 1}, {0, 0}, {1, 1}, 1},
        {{4, {2, 4, 6, 7}, 4, {6, 2, 3, 2}}, {2, 1}, {1, 2}, {1, 2}, 2},
        {{4, {1, 3, 5, 5}, 4, {3, 1, 3, 3}}, {1, 2}, {2, 0}, {2, 1}, 3},
        {{4, {2, 3, 4, 5}, 4, {5, 3, 1, 1}}, {1, 1}, {0, 0}, {1, 1}, 1},
        {{4, {2, 3, 4, 5}, 4, {5, 3, 1, 1}}, {2, 3}, {1, 0}, {1, 1}, 1},
        {{4, {2, 3, 4, 5}, 4, {5, 3, 1, 1}}, {1, 1}, {1, 2}, {1, 1}, 1},
        {{3, {3, 4, 5}, 4, {2, 3, 2, 2}}, {1, 1}, {1, 1}, {1, 1}, 1},
        {{3, {2, 3, 9}, 3, {4, 3, 3}}, {1, 2}, {0, 1}, {1, 2}, 1},
        {{2, {4, 9}, 3, {4, 1, 2}}, {1, 1}, {0, 0}, {1, 1}, 4},
        {{4, {0, 3, 6, 7}, 4, {4, 3, 3, 2}}, {1, 1}, {0, 0}, {1, 1}, 1},
        {{4, {1, 1, 3, 3}, 4, {1, 1, 3, 3}}, {1, 1}, {0, 0}, {1, 1}, 1},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        const window_case *c = &cases[k];
        syi_bilinear b = {.kind = SYI_BILINEAR_CONVOLUTION};
        const syi_op *op = syi_op_get(c->s.y_ndim == 4 ? SYI_OP_conv2d : SYI_OP_conv1d);
        const size_t spatial = (size_t)c->s.y_ndim - 2;
        syi_array x = shape_of(c->s.x_ndim, c->s.x), y = shape_of(c->s.y_ndim, c->s.y);
        sy_value numbers[6], args[7], bound[SYI_ARGUMENT_MAX];
        for (int d = 0; d < 2; d++) {
            numbers[d] = sy_value_int(c->stride[d]);
            numbers[2 + d] = sy_value_int(c->padding[d]);
            numbers[4 + d] = sy_value_int(c->dilation[d]);
        }
        args[0] = (sy_value){.kind = (sy_value_kind)SYI_VALUE_ARRAY, .as.internal = &x};
        args[1] = (sy_value){.kind = (sy_value_kind)SYI_VALUE_ARRAY, .as.internal = &y};
        args[2] = args[0]; /* no bias that fits: nobody looks */
        for (int d = 0; d < 3; d++) {
            args[3 + d] = sy_value_list(numbers + 2 * d + 2 - spatial, spatial);
        }
        args[6] = sy_value_int(c->groups);
        sy_error err = SY_ERROR_INIT;
        int x_at = -1, y_at = -1;
        assert_ok(syi_ops_bind(f->ops, op, args, 7, NULL, 0, bound, &err), &err);
        assert_ok(syi_bilinear_of_row(&b, op, bound, &fields[0], &x_at, &y_at, &err), &err);
        assert_true(x_at == 0 && y_at == 1);
        check_product(f, op->name, &b);
    }
}

/* A convolution of more than one tile, whose long rows are tiles in parts as well. */
static void test_large_convolution(void **state)
{
    static const factor_shapes cases[] = {
        {4, {1, 30, 12, 50}, 4, {2, 30, 5, 5}},
        {3, {1, 60, 200}, 3, {3, 60, 9}},
    };
    for (size_t k = 0; k < 2; k++) {
        syi_bilinear b;
        sy_error err = SY_ERROR_INIT;
        const factor_shapes *s = &cases[k];
        assert_ok(syi_bilinear_of_name(&b, k == 0 ? "conv2d" : "conv1d", &fields[0], s->x_ndim,
                                       s->x, s->y_ndim, s->y, &err),
                  &err);
        check_in(*state, "large", &b, &fields[0], PACKED, PACKED);
    }
}

/* Rows against the framework */

typedef struct row_case {
    syi_op_id op;
    factor_shapes s;
} row_case;

static void check_row(fixture *f, const row_case *c, sy_dtype dtype)
{
    const syi_field *field = &fields[dtype == SY_DTYPE_I32];
    syi_array x, y, shape, outs[SYI_OUTPUT_MAX];
    syi_inference result = {.outs = outs};
    const syi_op *op = syi_op_get(c->op);
    sy_value args[2], bound[SYI_ARGUMENT_MAX];
    syi_bilinear b;
    sy_error err = SY_ERROR_INIT;
    int x_at, y_at;
    shape = shape_of(c->s.x_ndim, c->s.x);
    shape.dtype = dtype;
    make(f, field, &shape, PACKED, &x);
    shape = shape_of(c->s.y_ndim, c->s.y);
    shape.dtype = dtype;
    make(f, field, &shape, REVERSED, &y);
    args[0] = (sy_value){.kind = (sy_value_kind)SYI_VALUE_ARRAY, .as.internal = &x};
    args[1] = (sy_value){.kind = (sy_value_kind)SYI_VALUE_ARRAY, .as.internal = &y};
    assert_ok(syi_ops_bind(f->ops, op, args, 2, NULL, 0, bound, &err), &err);
    assert_ok(syi_bilinear_of_row(&b, op, bound, field, &x_at, &y_at, &err), &err);
    assert_true(x_at == 0 && y_at == 1);
    assert_ok(syi_op_infer(op, bound, &result, &err), &err);
    const void *handle = f->cpu->klass->resolve(f->cpu, op);
    assert_ok(f->cpu->klass->run(f->cpu, handle, op, bound, false, outs, 1, NULL, &err), &err);
    assert_true(syi_array_same_shape(&outs[0], &b.z) && outs[0].dtype == b.z.dtype);
    void *z = calloc((size_t)syi_array_numel(&b.z) + 1, field->width);
    assert_ok(syi_bilinear_add(f->context, &b, field, z, &x, &y, &err), &err);
    compare(op->name, field, z, syi_array_data(&outs[0]), syi_array_numel(&b.z));
    free(z);
    syi_array_fini(&outs[0]);
    syi_array_fini(&x);
    syi_array_fini(&y);
}

static void test_rows(void **state)
{
    static const row_case cases[] = {
        {SYI_OP_mul, {3, {4, 1, 6}, 2, {5, 6}}},
        {SYI_OP_matmul, {4, {2, 1, 9, 17}, 3, {3, 17, 11}}},
        {SYI_OP_matmul, {1, {8}, 3, {3, 8, 2}}},
        {SYI_OP_mm, {2, {40, 30}, 2, {30, 50}}},
        {SYI_OP_bmm, {3, {5, 4, 3}, 3, {5, 3, 6}}},
        {SYI_OP_mv, {2, {30, 20}, 1, {20}}},
        {SYI_OP_dot, {1, {100}, 1, {100}}},
        {SYI_OP_outer, {1, {9}, 1, {13}}},
        {SYI_OP_conv1d, {3, {2, 3, 20}, 3, {4, 3, 5}}},
        {SYI_OP_conv2d, {4, {3, 2, 12, 13}, 4, {5, 2, 4, 3}}},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        check_row(*state, &cases[k], SY_DTYPE_I64);
        check_row(*state, &cases[k], SY_DTYPE_I32);
    }
}

/* Refusals */

static void assert_says(const sy_error *err, const char *words)
{
    if (strstr(err->message, words) == NULL) {
        fail_msg("'%s' is not in '%s'", words, err->message);
    }
}

static void refuse_row(fixture *f, syi_op_id id, const sy_value *args, size_t count,
                       sy_status status, const char *words)
{
    sy_value bound[SYI_ARGUMENT_MAX];
    syi_bilinear b;
    sy_error err = SY_ERROR_INIT;
    int x_at, y_at;
    assert_ok(syi_ops_bind(f->ops, syi_op_get(id), args, count, NULL, 0, bound, &err), &err);
    assert_status(syi_bilinear_of_row(&b, syi_op_get(id), bound, &fields[0], &x_at, &y_at, &err),
                  status, &err);
    assert_says(&err, words);
}

static void test_refused_rows(void **state)
{
    fixture *f = *state;
    syi_array m = shape_of(2, (const int64_t[]){3, 4}), v = shape_of(1, (const int64_t[]){5});
    syi_array floats = m;
    floats.dtype = SY_DTYPE_F32;
    const sy_value a = {.kind = (sy_value_kind)SYI_VALUE_ARRAY, .as.internal = &m};
    const sy_value b = {.kind = (sy_value_kind)SYI_VALUE_ARRAY, .as.internal = &v};
    const sy_value c = {.kind = (sy_value_kind)SYI_VALUE_ARRAY, .as.internal = &floats};
    const sy_value three[3] = {a, a, a};
    refuse_row(f, SYI_OP_add, (const sy_value[]){a, a}, 2, SY_ENOTSUP, "add: not a product");
    refuse_row(f, SYI_OP_mul, (const sy_value[]){a, sy_value_int(2)}, 2, SY_ENOTSUP,
               "mul: factor 2 is no tensor");
    refuse_row(f, SYI_OP_mul, (const sy_value[]){c, a}, 2, SY_EDTYPE,
               "mul: factor 1 is float32, shares of this field are int64");
    refuse_row(f, SYI_OP_mul, (const sy_value[]){a, b}, 2, SY_ESHAPE, "mul: ");
    refuse_row(f, SYI_OP_mm, (const sy_value[]){a, b}, 2, SY_ESHAPE, "mm: 3x4 by 5: both must be");
    refuse_row(f, SYI_OP_matmul, (const sy_value[]){a, a}, 2, SY_ESHAPE, "matmul: 3x4 by 3x4");
    refuse_row(f, SYI_OP_conv2d, (const sy_value[]){a, a}, 2, SY_ESHAPE, "conv2d: ");
    refuse_row(f, SYI_OP_einsum,
               (const sy_value[]){sy_value_string("ij,ij,ij->i"), sy_value_list(three, 3)}, 2,
               SY_ENOTSUP, "einsum: 3 factors");
    refuse_row(f, SYI_OP_einsum,
               (const sy_value[]){sy_value_string("ij,jk->ik"), sy_value_list(three, 2)}, 2,
               SY_ESHAPE, "einsum: label j is 4 and 3");
    char text[200];
    memset(text, ' ', sizeof text);
    memcpy(text + 190, "ij,ij->i", 9);
    refuse_row(f, SYI_OP_einsum, (const sy_value[]){sy_value_string(text), sy_value_list(three, 2)},
               2, SY_ENOTSUP, "einsum: an equation of 198 characters");
}

static void test_refused_names(void **state)
{
    (void)state;
    const int64_t shape[SY_DIM_MAX + 1] = {3, 4}, huge[2] = {INT64_MAX / 2, 8};
    const int64_t square[2] = {4, 3};
    syi_bilinear b;
    sy_error err = SY_ERROR_INIT;
    assert_status(syi_bilinear_of_name(&b, "add", &fields[0], 2, shape, 2, shape, &err), SY_EINVAL,
                  &err);
    assert_says(&err, "\"add\" is no product");
    assert_status(syi_bilinear_of_name(&b, "matmul", &fields[0], 2, shape, 2, shape, &err),
                  SY_ESHAPE, &err);
    assert_status(syi_bilinear_of_name(&b, "ij,ji->i,", &fields[0], 2, shape, 2, square, &err),
                  SY_EINVAL, &err);
    assert_status(syi_bilinear_of_name(&b, "mul", &fields[0], 2, huge, 2, huge, &err), SY_ESHAPE,
                  &err);
}

static void test_work(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        factor_shapes s;
        uint64_t work;
    } cases[] = {
        {"mul", {2, {3, 1}, 1, {5}}, 15 + 3 + 5},
        {"matmul", {3, {2, 3, 4}, 2, {4, 5}}, 2 * 3 * 4 * 5 + 24 + 20},
        {"ij,kl->ik", {2, {3, 1000}, 2, {5, 2000}}, 15 + 3000 + 10000},
        {"ij,kl->ik", {2, {3, 0}, 2, {5, 2000}}, 0},
        {"conv2d", {4, {2, 3, 6, 7}, 4, {4, 3, 3, 2}}, 2 * 4 * 4 * 6 * 18},
        {"conv2d", {4, {0, 3, 6, 7}, 4, {4, 3, 3, 2}}, 0},
        {"i,i->", {1, {INT64_MAX / 8}, 1, {INT64_MAX / 8}}, 3 * (uint64_t)(INT64_MAX / 8)},
        {"ijk,jkl->il",
         {3, {1 << 20, 1 << 19, 1 << 19}, 3, {1 << 19, 1 << 19, 1 << 20}},
         UINT64_MAX},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        const factor_shapes *s = &cases[k].s;
        syi_bilinear b;
        sy_error err = SY_ERROR_INIT;
        assert_ok(syi_bilinear_of_name(&b, cases[k].name, &fields[0], s->x_ndim, s->x, s->y_ndim,
                                       s->y, &err),
                  &err);
        assert_true(syi_bilinear_work(&b) == cases[k].work);
    }
}

/* Reading */

static size_t write_product(fixture *f, const char *name, const factor_shapes *s,
                            uint8_t bytes[SYI_BILINEAR_BYTES])
{
    syi_bilinear b;
    syi_buffer buffer;
    sy_error err = SY_ERROR_INIT;
    assert_ok(syi_bilinear_of_name(&b, name, &fields[0], s->x_ndim, s->x, s->y_ndim, s->y, &err),
              &err);
    syi_buffer_init(&buffer, f->context, SYI_BILINEAR_BYTES);
    syi_bilinear_write(&b, &buffer);
    assert_ok(syi_buffer_check(&buffer, "product", &err), &err);
    memcpy(bytes, buffer.data, buffer.length);
    const size_t length = buffer.length;
    syi_buffer_fini(&buffer);
    return length;
}

/* Read, it is either refused with a sentence, or a product whose z is what its row makes of it. */
static bool read_bytes(const uint8_t *bytes, size_t length)
{
    syi_bilinear b;
    sy_error err = SY_ERROR_INIT;
    size_t size = length;
    uint8_t *own = malloc(length + (length == 0)); /* exactly, for the sanitizer */
    if (length > 0) {
        memcpy(own, bytes, length);
    }
    const sy_status status = syi_bilinear_read(&b, &fields[0], own, &size, &err);
    free(own);
    if (status != SY_OK) {
        assert_true(status == SY_EFORMAT || status == SY_ESHAPE);
        assert_int_equal(err.status, status);
        assert_says(&err, "product: ");
        return false;
    }
    assert_true(size <= length);
    assert_true(b.z.storage == NULL && syi_array_numel(&b.z) >= 0);
    (void)syi_bilinear_work(&b);
    return true;
}

static const struct {
    const char *name;
    factor_shapes s;
} written[] = {
    {"mul", {2, {3, 4}, 1, {4}}},
    {"matmul", {3, {2, 3, 4}, 2, {4, 5}}},
    {"conv1d", {3, {2, 3, 9}, 3, {4, 3, 3}}},
    {"conv2d", {4, {2, 3, 6, 7}, 4, {4, 3, 3, 2}}},
    {"bij,bjk->bik", {3, {2, 3, 4}, 3, {2, 4, 5}}},
};
enum { WRITTEN = sizeof written / sizeof *written };

static void test_truncated(void **state)
{
    uint8_t bytes[SYI_BILINEAR_BYTES];
    for (size_t k = 0; k < WRITTEN; k++) {
        const size_t length = write_product(*state, written[k].name, &written[k].s, bytes);
        for (size_t size = 0; size < length; size++) {
            assert_false(read_bytes(bytes, size));
        }
        assert_true(read_bytes(bytes, length));
    }
}

static void test_mutated(void **state)
{
    fixture *f = *state;
    uint8_t bytes[SYI_BILINEAR_BYTES], changed[SYI_BILINEAR_BYTES];
    for (size_t k = 0; k < WRITTEN; k++) {
        const size_t length = write_product(f, written[k].name, &written[k].s, bytes);
        for (size_t at = 0; at < length; at++) {
            for (unsigned value = 0; value < 256; value += TEST_SLOWNESS) {
                memcpy(changed, bytes, length);
                changed[at] = (uint8_t)value;
                read_bytes(changed, length);
            }
        }
        for (long turn = property_iterations(5000 / TEST_SLOWNESS); turn > 0; turn--) {
            memcpy(changed, bytes, length);
            for (int m = (int)property_between(&f->random, 1, 4); m > 0; m--) {
                changed[(size_t)property_next(&f->random) % length] =
                    (uint8_t)property_next(&f->random);
            }
            read_bytes(changed, length);
        }
    }
}

/* Shapes whose products are beyond 63 bits, one by one. */
static void test_impossible(void **state)
{
    (void)state;
    static const factor_shapes cases[] = {
        {2, {INT64_C(1) << 40, 1}, 2, {1, INT64_C(1) << 40}},
        {2, {INT64_C(1) << 40, 0}, 2, {0, INT64_C(1) << 40}},
        {1, {INT64_MAX}, 1, {INT64_MAX}},
        {2, {-1, 4}, 2, {4, -1}},
    };
    static const syi_bilinear_kind kinds[] = {SYI_BILINEAR_MUL, SYI_BILINEAR_MATMUL};
    for (size_t k = 0; k < 8; k++) {
        const factor_shapes *s = &cases[k / 2];
        uint8_t bytes[64] = {(uint8_t)kinds[k % 2]};
        size_t at = 1;
        bytes[at++] = (uint8_t)s->x_ndim;
        for (int d = 0; d < s->x_ndim; d++, at += 8) {
            syi_put_u64le(bytes + at, (uint64_t)s->x[d]);
        }
        bytes[at++] = (uint8_t)s->y_ndim;
        for (int d = 0; d < s->y_ndim; d++, at += 8) {
            syi_put_u64le(bytes + at, (uint64_t)s->y[d]);
        }
        assert_false(read_bytes(bytes, at));
    }
}

/* Memory */

static sy_status add_once(sy_context *context, void *argument, sy_error *err)
{
    const char *const *name = argument;
    static const int64_t x_shape[4] = {2, 3, 6, 6}, y_shape[4] = {2, 3, 3, 3};
    static uint64_t x_words[500], y_words[500], z[2000];
    syi_bilinear b;
    syi_storage x_storage = {.data = (uint8_t *)x_words}, y_storage = {.data = (uint8_t *)y_words};
    SY_TRY(syi_bilinear_of_name(&b, *name, &fields[0], 4, x_shape, 4, y_shape, err));
    syi_array x = b.x, y = b.y;
    x.storage = &x_storage;
    y.storage = &y_storage;
    x.strides[3] = 2; /* not packed */
    y.strides[3] = 2;
    return syi_bilinear_add(context, &b, &fields[0], z, &x, &y, err);
}

static void test_no_memory(void **state)
{
    (void)state;
    const char *names[] = {"conv2d", "abcd,efgh->ae", "abcd,ebgh->ab"};
    for (size_t k = 0; k < 3; k++) {
        assert_true(memory_faults_sweep(add_once, &names[k]) > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mul),
        cmocka_unit_test(test_matmul),
        cmocka_unit_test(test_einsum),
        cmocka_unit_test(test_convolution),
        cmocka_unit_test(test_large_convolution),
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_refused_rows),
        cmocka_unit_test(test_refused_names),
        cmocka_unit_test(test_work),
        cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_mutated),
        cmocka_unit_test(test_impossible),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
