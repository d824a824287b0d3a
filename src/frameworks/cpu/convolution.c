/*
 * convolution.c - conv1d, conv2d, convolution and convolution_backward. A tile of places becomes a matrix (patches.h)
 * that stays in the second cache, and a product does the rest; pieces of batch, groups and tiles go to the
 * pool. Windows of one element need no matrix; groups of few channels are summed directly. The pieces do not depend
 * on how many threads there are, so neither do the bits of the result. Test: convolution_test.c; answers of torch:
 * tests/vectors/ops/kernels/convolution.txt.
 */
#include <string.h>

#include "frameworks/cpu/cpu.h"
#include "frameworks/cpu/gemm.h"
#include "frameworks/cpu/loops.h"
#include "frameworks/cpu/parallel.h"
#include "frameworks/cpu/patches.h"

#define BLAS_FROM (32 * 32 * 32) /* multiplications; below, a call costs more than it saves */
#define TILE_BYTES (256 * 1024)  /* of a matrix of patches */
#define PRODUCTS_PER_NS 16.0
#define DIRECT_CHANNELS 3 /* per group, in and out: at most so many are summed without a matrix */
#define SUMS_MAX 4        /* parts of the batch whose weight gradients are summed apart */

/* One call: its geometry, and arguments that are packed and of one dtype. */
typedef struct problem {
    const syi_cpu_call *call;
    syi_convolution c;
    sy_dtype dtype;
    int64_t size;                /* of an element */
    int64_t patch;               /* rows of the matrix: elements under one window */
    int64_t places, in_places;   /* per plane, out and in */
    int64_t group_in, group_out; /* channels */
    bool bare;                   /* the input itself is the matrix */
    int64_t tile_rows, tile_columns;
    int64_t tiles_down, tiles_across;
    syi_array input, weight, bias, grad;
    char *out;         /* result, or gradient of the input */
    char *sums;        /* gradients of the weight, parts x weight */
    int64_t parts;     /* of the batch */
    syi_array buffers; /* bytes, one piece per worker */
    int64_t buffer, scratch_at, workspace_at;
} problem;

static int64_t divide_up(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Whole rows where a few fit; parts of one row where they are too long. */
static void choose_tiles(problem *p)
{
    const syi_window *w = &p->c.window;
    const int64_t fit = larger(TILE_BYTES / (p->patch * p->size), 16);
    p->tile_columns = smaller(w->out[1], fit);
    p->tile_rows = smaller(w->out[0], larger(fit / larger(w->out[1], 1), 1));
    p->tiles_down = divide_up(w->out[0], p->tile_rows);
    p->tiles_across = divide_up(w->out[1], p->tile_columns);
}

static syi_tile tile_at(const problem *p, int64_t index)
{
    const syi_window *w = &p->c.window;
    syi_tile tile;
    tile.row = index / p->tiles_across * p->tile_rows;
    tile.column = index % p->tiles_across * p->tile_columns;
    tile.row_end = smaller(tile.row + p->tile_rows, w->out[0]);
    tile.column_end = smaller(tile.column + p->tile_columns, w->out[1]);
    return tile;
}

/* Everything but the arrays; `weight` gives the filters' shape. */
static void measure(problem *p)
{
    const syi_window *w = &p->c.window;
    p->dtype = p->c.input->dtype;
    p->size = (int64_t)sy_dtype_size(p->dtype);
    p->group_in = p->c.in_channels / p->c.groups;
    p->group_out = p->c.out_channels / p->c.groups;
    p->patch = p->group_in * w->kernel[0] * w->kernel[1];
    p->places = w->out[0] * w->out[1];
    p->in_places = w->in[0] * w->in[1];
    p->bare = true;
    for (int d = 0; d < 2; d++) {
        p->bare &= w->kernel[d] == 1 && w->stride[d] == 1 && w->padding[d] == 0;
    }
    choose_tiles(p);
}

static double running_time(const problem *p)
{
    return (double)p->c.batch * (double)p->c.out_channels * (double)p->patch * (double)p->places /
           PRODUCTS_PER_NS;
}

/* Products */

typedef struct product {
    int64_t m, n, k;
    const void *a, *b;
    int64_t a_strides[2], b_strides[2];
    char *c;
    int64_t c_stride;
    bool add;
} product;

#define LANES 16
#define SUM_OF_U8 uint64_t
#define SUM_OF_I8 uint64_t
#define SUM_OF_I16 uint64_t
#define SUM_OF_I32 uint64_t
#define SUM_OF_I64 uint64_t
#define SUM_OF_F32 double
#define SUM_OF_F64 double
#define DEFINE_SUM(name, T, W, unused)                                    \
    static void sum_##name(int64_t n, void *to, const void *from)         \
    {                                                                     \
        T *out = to;                                                      \
        const T *in = from;                                               \
        SYI_INDEPENDENT                                                   \
        for (int64_t i = 0; i < n; i++) {                                 \
            out[i] = (T)((W)out[i] + (W)in[i]);                           \
        }                                                                 \
    }                                                                     \
    /* *to += the sum of n elements, in lanes so that it is vectorised */ \
    static void total_##name(int64_t n, void *to, const void *from)       \
    {                                                                     \
        const T *in = from;                                               \
        SUM_OF_##name sum = 0, lanes[LANES] = {0};                        \
        int64_t i = 0;                                                    \
        for (; i + LANES <= n; i += LANES) {                              \
            for (int l = 0; l < LANES; l++) {                             \
                lanes[l] += (SUM_OF_##name)in[i + l];                     \
            }                                                             \
        }                                                                 \
        for (; i < n; i++) {                                              \
            sum += (SUM_OF_##name)in[i];                                  \
        }                                                                 \
        for (int l = 0; l < LANES; l++) {                                 \
            sum += lanes[l];                                              \
        }                                                                 \
        *(T *)to = (T)((SUM_OF_##name) * (T *)to + sum);                  \
    }                                                                     \
    static void fill_##name(int64_t n, void *to, const void *from)        \
    {                                                                     \
        const T value = *(const T *)from;                                 \
        for (int64_t i = 0; i < n; i++) {                                 \
            ((T *)to)[i] = value;                                         \
        }                                                                 \
    }
SYI_CPU_INTEGERS(DEFINE_SUM, )
SYI_CPU_FLOATS(DEFINE_SUM, )
typedef void (*row_fn)(int64_t n, void *to, const void *from);
#define SUM_ENTRY(name, T, W, unused) SYI_LOOP_AT(SY_DTYPE_##name, sum_##name)
#define TOTAL_ENTRY(name, T, W, unused) SYI_LOOP_AT(SY_DTYPE_##name, total_##name)
#define FILL_ENTRY(name, T, W, unused) SYI_LOOP_AT(SY_DTYPE_##name, fill_##name)
static const row_fn sums[SY_DTYPE_COUNT] = {SYI_CPU_INTEGERS(SUM_ENTRY, )
                                                SYI_CPU_FLOATS(SUM_ENTRY, )};
static const row_fn totals[SY_DTYPE_COUNT] = {SYI_CPU_INTEGERS(TOTAL_ENTRY, )
                                                  SYI_CPU_FLOATS(TOTAL_ENTRY, )};
static const row_fn fills[SY_DTYPE_COUNT] = {SYI_CPU_INTEGERS(FILL_ENTRY, )
                                                 SYI_CPU_FLOATS(FILL_ENTRY, )};

static bool multiply_by_blas(const problem *p, const product *x)
{
    syi_blas *blas = &p->call->cpu->blas;
    if (x->m == 1 || x->n == 1 || (double)x->m * (double)x->n * (double)x->k <= BLAS_FROM) {
        return false;
    }
    switch (p->dtype) {
    case SY_DTYPE_F32:
        return syi_blas_multiply_f32(blas, x->m, x->n, x->k, x->a, x->a_strides, x->b, x->b_strides,
                                     (float *)(void *)x->c, x->c_stride, x->add);
    case SY_DTYPE_F64:
        return syi_blas_multiply_f64(blas, x->m, x->n, x->k, x->a, x->a_strides, x->b, x->b_strides,
                                     (double *)(void *)x->c, x->c_stride, x->add);
    default:
        return false;
    }
}

/* `buffer`: the worker's. */
static void multiply(const problem *p, const product *x, char *buffer)
{
    if (multiply_by_blas(p, x)) {
        return;
    }
    const bool direct = !x->add && x->c_stride == x->n;
    char *made = direct ? x->c : buffer + p->scratch_at;
    syi_gemm(p->dtype, x->m, x->n, x->k, x->a, x->a_strides, x->b, x->b_strides, made,
             buffer + p->workspace_at);
    for (int64_t i = 0; !direct && i < x->m; i++) {
        char *to = x->c + i * x->c_stride * p->size;
        const char *from = made + i * x->n * p->size;
        if (x->add) {
            sums[p->dtype](x->n, to, from);
        } else {
            memcpy(to, from, (size_t)(x->n * p->size));
        }
    }
}

/* Room for a matrix of patches, a product of at most m x n and what syi_gemm asks for. */
static sy_status make_buffers(problem *p, int workers, int64_t m, int64_t n, int64_t k,
                              const int64_t b_strides[2])
{
    const int64_t tile = smaller(p->tile_rows * p->tile_columns, p->places);
    const int64_t matrix = p->bare ? 0 : divide_up(p->patch * tile * p->size, 64) * 64;
    const int64_t scratch = divide_up(m * n * p->size, 64) * 64;
    p->scratch_at = matrix;
    p->workspace_at = matrix + scratch;
    const int64_t workspace =
        divide_up((int64_t)syi_gemm_workspace(p->dtype, m, n, k, b_strides), 64) * 64;
    p->buffer = larger(p->workspace_at + workspace, 64);
    const int64_t bytes = p->buffer * workers;
    return syi_cpu_temporary(p->call, &p->buffers, SY_DTYPE_U8, 1, &bytes);
}

static char *buffer_of(const problem *p, int worker)
{
    return (char *)syi_array_data(&p->buffers) + worker * p->buffer;
}

/* Of channel 0 of a group in one image. */
static char *planes_of(const problem *p, const void *base, int64_t image, int64_t group, bool out)
{
    const int64_t channels = out ? p->c.out_channels : p->c.in_channels;
    const int64_t per_group = out ? p->group_out : p->group_in;
    const int64_t places = out ? p->places : p->in_places;
    return (char *)(uintptr_t)base + (image * channels + group * per_group) * places * p->size;
}

static int64_t place_of(const problem *p, const syi_tile *tile)
{
    return tile->row * p->c.window.out[1] + tile->column;
}

/* The matrix of a tile: the right side of a product. Bare inputs are used as they lie. */
static const char *take_patches(const problem *p, const char *planes, const syi_tile *tile,
                                char *buffer, int64_t *stride)
{
    if (p->bare) {
        *stride = p->places;
        return planes + place_of(p, tile) * p->size;
    }
    *stride = syi_tile_places(tile);
    syi_patches_gather((size_t)p->size, &p->c.window, p->group_in, planes, tile, buffer);
    return buffer;
}

/* Forward */

/* out = weights of a group times patches of a tile, plus bias */
static void run_forward(void *user, int64_t piece, int worker)
{
    const problem *p = user;
    const int64_t tiles = p->tiles_down * p->tiles_across;
    const syi_tile tile = tile_at(p, piece % tiles);
    const int64_t group = piece / tiles % p->c.groups, image = piece / tiles / p->c.groups;
    char *buffer = buffer_of(p, worker);
    product x = {.m = p->group_out, .n = syi_tile_places(&tile), .k = p->patch};
    x.a = (const char *)syi_array_data(&p->weight) + group * p->group_out * p->patch * p->size;
    x.a_strides[0] = p->patch;
    x.a_strides[1] = 1;
    x.b = take_patches(p, planes_of(p, syi_array_data(&p->input), image, group, false), &tile,
                       buffer, &x.b_strides[0]);
    x.b_strides[1] = 1;
    x.c = planes_of(p, p->out, image, group, true) + place_of(p, &tile) * p->size;
    x.c_stride = p->places;
    if (p->c.bias != NULL) {
        const char *bias = (const char *)syi_array_data(&p->bias) + group * p->group_out * p->size;
        for (int64_t o = 0; o < x.m; o++) {
            fills[p->dtype](x.n, x.c + o * p->places * p->size, bias + o * p->size);
        }
        x.add = true;
    }
    multiply(p, &x, buffer);
}

/* out[k] += weight in[k stride], one row of places under one element of the window */
#define DEFINE_TAP(name, T, W, unused)                                                       \
    SYI_CLONES static void tap_##name(int64_t n, void *to, const void *from, int64_t stride, \
                                      const void *weight)                                    \
    {                                                                                        \
        T *out = to;                                                                         \
        const T *in = from;                                                                  \
        const W w = (W) * (const T *)weight;                                                 \
        if (stride == 1) {                                                                   \
            SYI_INDEPENDENT                                                                  \
            for (int64_t i = 0; i < n; i++) {                                                \
                const W kept = (W)out[i], more = (W)in[i];                                   \
                out[i] = (T)(kept + w * more);                                               \
            }                                                                                \
        } else {                                                                             \
            for (int64_t i = 0; i < n; i++) {                                                \
                const W kept = (W)out[i], more = (W)in[i * stride];                          \
                out[i] = (T)(kept + w * more);                                               \
            }                                                                                \
        }                                                                                    \
    }
SYI_CPU_INTEGERS(DEFINE_TAP, )
SYI_CPU_FLOATS(DEFINE_TAP, )
typedef void (*tap_fn)(int64_t n, void *to, const void *from, int64_t stride, const void *weight);
#define TAP_ENTRY(name, T, W, unused) SYI_LOOP_AT(SY_DTYPE_##name, tap_##name)
static const tap_fn taps[SY_DTYPE_COUNT] = {SYI_CPU_INTEGERS(TAP_ENTRY, )
                                                SYI_CPU_FLOATS(TAP_ENTRY, )};

/* One plane of the input under one filter plane, added to one plane of the result. */
static void add_plane(const problem *p, char *out, const char *in, const char *filter)
{
    const syi_window *w = &p->c.window;
    for (int64_t y = 0; y < w->kernel[0]; y++) {
        int64_t row, row_end;
        syi_window_valid(w, 0, y * w->dilation[0], 0, w->out[0], &row, &row_end);
        for (int64_t x = 0; x < w->kernel[1]; x++, filter += p->size) {
            int64_t first, last;
            syi_window_valid(w, 1, x * w->dilation[1], 0, w->out[1], &first, &last);
            const int64_t column = first * w->stride[1] - w->padding[1] + x * w->dilation[1];
            for (int64_t k = row; k < row_end && first < last; k++) {
                const int64_t from = k * w->stride[0] - w->padding[0] + y * w->dilation[0];
                taps[p->dtype](last - first, out + (k * w->out[1] + first) * p->size,
                               in + (from * w->in[1] + column) * p->size, w->stride[1], filter);
            }
        }
    }
}

/* One output channel of one image. */
static void run_direct(void *user, int64_t piece, int worker)
{
    (void)worker;
    const problem *p = user;
    const int64_t image = piece / p->c.out_channels, channel = piece % p->c.out_channels;
    const char *in = planes_of(p, syi_array_data(&p->input), image, channel / p->group_out, false);
    const char *filter = (const char *)syi_array_data(&p->weight) + channel * p->patch * p->size;
    char *out = p->out + piece * p->places * p->size;
    const int64_t zero = 0;
    const void *start = &zero;
    if (p->c.bias != NULL) {
        start = (const char *)syi_array_data(&p->bias) + channel * p->size;
    }
    fills[p->dtype](p->places, out, start);
    const int64_t filter_bytes = p->c.window.kernel[0] * p->c.window.kernel[1] * p->size;
    for (int64_t c = 0; c < p->group_in; c++) {
        add_plane(p, out, in + c * p->in_places * p->size, filter + c * filter_bytes);
    }
}

static void close_problem(problem *p)
{
    syi_array_fini(&p->buffers);
    syi_array_fini(&p->grad);
    syi_array_fini(&p->bias);
    syi_array_fini(&p->weight);
    syi_array_fini(&p->input);
}

sy_status syi_cpu_convolution(const syi_cpu_call *call)
{
    problem p = {.call = call};
    sy_context *context = call->cpu->base.context;
    sy_status status;
    SY_TRY(syi_convolution_read(&p.c, call->op, call->args, call->err));
    measure(&p);
    if (syi_array_numel(&call->outs[0]) == 0) {
        return SY_OK;
    }
    SY_GOTO(done, syi_cpu_convert(call, &p.input, p.c.input, p.dtype, true));
    SY_GOTO(done, syi_cpu_convert(call, &p.weight, p.c.weight, p.dtype, true));
    if (p.c.bias != NULL) {
        SY_GOTO(done, syi_cpu_convert(call, &p.bias, p.c.bias, p.dtype, true));
    }
    p.out = syi_array_data(&call->outs[0]);
    if (p.group_in <= DIRECT_CHANNELS && p.group_out <= DIRECT_CHANNELS) {
        const int64_t planes = p.c.batch * p.c.out_channels;
        syi_parallel_run(context, planes, syi_parallel_workers(context, planes, running_time(&p)),
                         run_direct, &p);
        goto done;
    }
    const int64_t pieces = p.c.batch * p.c.groups * p.tiles_down * p.tiles_across;
    const int workers = syi_parallel_workers(context, pieces, running_time(&p));
    const int64_t tile = smaller(p.tile_rows * p.tile_columns, p.places);
    SY_GOTO(done, make_buffers(&p, workers, p.group_out, tile, p.patch,
                               (const int64_t[]){p.bare ? p.places : tile, 1}));
    syi_parallel_run(context, pieces, workers, run_forward, &p);
done:
    close_problem(&p);
    return status;
}

/* Backward */

/* Gradient of the input, one group of one image: weights turned, times the gradient of the places. */
static void run_backward_input(void *user, int64_t piece, int worker)
{
    const problem *p = user;
    const int64_t group = piece % p->c.groups, image = piece / p->c.groups;
    char *buffer = buffer_of(p, worker), *planes = planes_of(p, p->out, image, group, false);
    const char *grad = planes_of(p, syi_array_data(&p->grad), image, group, true);
    if (!p->bare) {
        memset(planes, 0, (size_t)(p->group_in * p->in_places * p->size));
    }
    for (int64_t k = 0; k < p->tiles_down * p->tiles_across; k++) {
        const syi_tile tile = tile_at(p, k);
        const int64_t at = place_of(p, &tile) * p->size;
        product x = {.m = p->patch, .n = syi_tile_places(&tile), .k = p->group_out};
        x.a = (const char *)syi_array_data(&p->weight) + group * p->group_out * p->patch * p->size;
        x.a_strides[0] = 1;
        x.a_strides[1] = p->patch;
        x.b = grad + at;
        x.b_strides[0] = p->places;
        x.b_strides[1] = 1;
        x.c = p->bare ? planes + at : buffer;
        x.c_stride = p->bare ? p->places : x.n;
        multiply(p, &x, buffer);
        if (!p->bare) {
            syi_patches_scatter(p->dtype, &p->c.window, p->group_in, planes, &tile, buffer);
        }
    }
}

/* Gradient of the weights of one group over one part of the batch. */
static void run_backward_weight(void *user, int64_t piece, int worker)
{
    const problem *p = user;
    const int64_t group = piece % p->c.groups, part = piece / p->c.groups;
    const int64_t filters = p->group_out * p->patch * p->size;
    char *buffer = buffer_of(p, worker);
    product x = {.m = p->group_out, .n = p->patch};
    x.c = p->sums + (part * p->c.groups + group) * filters;
    x.c_stride = p->patch;
    x.a_strides[0] = p->places;
    x.a_strides[1] = x.b_strides[0] = 1;
    for (int64_t image = p->c.batch * part / p->parts; image < p->c.batch * (part + 1) / p->parts;
         image++) {
        for (int64_t k = 0; k < p->tiles_down * p->tiles_across; k++) {
            const syi_tile tile = tile_at(p, k);
            x.k = syi_tile_places(&tile);
            x.a = planes_of(p, syi_array_data(&p->grad), image, group, true) +
                  place_of(p, &tile) * p->size;
            x.b = take_patches(p, planes_of(p, syi_array_data(&p->input), image, group, false),
                               &tile, buffer, &x.b_strides[1]);
            multiply(p, &x, buffer);
            x.add = true;
        }
    }
}

static sy_status backward_input(problem *p, const syi_array *out)
{
    sy_context *context = p->call->cpu->base.context;
    const int64_t pieces = p->c.batch * p->c.groups;
    const int workers = syi_parallel_workers(context, pieces, running_time(p));
    const int64_t tile = smaller(p->tile_rows * p->tile_columns, p->places);
    p->out = syi_array_data(out);
    SY_TRY(make_buffers(p, workers, p->patch, tile, p->group_out, (const int64_t[]){p->places, 1}));
    syi_parallel_run(context, pieces, workers, run_backward_input, p);
    syi_array_fini(&p->buffers);
    return SY_OK;
}

static sy_status backward_weight(problem *p, const syi_array *out)
{
    sy_context *context = p->call->cpu->base.context;
    syi_array apart = SYI_ARRAY_INIT;
    const int64_t numel = syi_array_numel(out);
    p->parts = p->c.groups >= SUMS_MAX ? 1 : smaller(p->c.batch, SUMS_MAX);
    p->sums = syi_array_data(out);
    sy_status status;
    if (p->parts > 1) {
        const int64_t shape[2] = {p->parts, numel};
        SY_TRY(syi_cpu_temporary(p->call, &apart, p->dtype, 2, shape));
        p->sums = syi_array_data(&apart);
    }
    const int workers = syi_parallel_workers(context, p->parts * p->c.groups, running_time(p));
    const int64_t tile = smaller(p->tile_rows * p->tile_columns, p->places);
    SY_GOTO(done, make_buffers(p, workers, p->group_out, p->patch, tile,
                               (const int64_t[]){1, p->bare ? p->places : tile}));
    syi_parallel_run(context, p->parts * p->c.groups, workers, run_backward_weight, p);
    if (p->parts > 1) {
        memcpy(syi_array_data(out), p->sums, (size_t)(numel * p->size));
        for (int64_t k = 1; k < p->parts; k++) {
            sums[p->dtype](numel, syi_array_data(out), p->sums + k * numel * p->size);
        }
    }
done:
    syi_array_fini(&p->buffers);
    syi_array_fini(&apart);
    return status;
}

/* Per channel, over batch and places. */
static void backward_bias(const problem *p, const syi_array *out)
{
    char *to = syi_array_data(out);
    const char *grad = syi_array_data(&p->grad);
    memset(to, 0, syi_array_bytes(out));
    for (int64_t k = 0; k < p->c.batch * p->c.out_channels; k++) {
        totals[p->dtype](p->places, to + k % p->c.out_channels * p->size,
                         grad + k * p->places * p->size);
    }
}

sy_status syi_cpu_convolution_backward(const syi_cpu_call *call)
{
    problem p = {.call = call};
    sy_status status;
    SY_TRY(syi_convolution_read(&p.c, call->op, call->args, call->err));
    measure(&p);
    if (p.c.batch == 0) {
        for (int k = 0; k < 3; k++) {
            syi_cpu_clear(&call->outs[k]);
        }
        return SY_OK;
    }
    SY_GOTO(done, syi_cpu_convert(call, &p.grad, syi_cpu_array(&call->args[0]), p.dtype, true));
    if (syi_array_numel(&call->outs[0]) > 0) {
        SY_GOTO(done, syi_cpu_convert(call, &p.weight, p.c.weight, p.dtype, true));
        SY_GOTO(done, backward_input(&p, &call->outs[0]));
    }
    if (syi_array_numel(&call->outs[1]) > 0) {
        SY_GOTO(done, syi_cpu_convert(call, &p.input, p.c.input, p.dtype, true));
        SY_GOTO(done, backward_weight(&p, &call->outs[1]));
    }
    if (syi_array_numel(&call->outs[2]) > 0) {
        backward_bias(&p, &call->outs[2]);
    }
done:
    close_problem(&p);
    return status;
}
