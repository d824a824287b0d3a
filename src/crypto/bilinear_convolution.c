/*
 * bilinear_convolution.c - convolutions of shared values: what the window sees at a tile of places becomes a matrix
 * (frameworks/cpu/patches.h), and a group's weights times that is added to the result.
 */
#include "core/blocks.h"
#include "core/error.h"
#include "crypto/bilinear_parts.h"
#include "frameworks/cpu/patches.h"

/* Of a matrix of patches: it stays in the second cache. */
enum { TILE_BYTES = 256 * 1024, PLACES_LEAST = 16 };

typedef struct problem {
    sy_context *context;
    const syi_field *field;
    syi_convolution c;
    const syi_array *x;
    size_t patch;               /* elements under one window: rows of the matrix */
    size_t places, in_places;   /* of a plane */
    size_t group_in, group_out; /* channels */
    size_t tile_rows, tile_columns;
    bool bare;           /* the input's planes are the matrix */
    bool packed;         /* the planes of a group lie one after the other */
    const char *filters; /* out_channels x patch */
    char *planes, *patches;
} problem;

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static void measure(problem *p)
{
    const syi_window *w = &p->c.window;
    p->group_in = (size_t)(p->c.in_channels / p->c.groups);
    p->group_out = (size_t)(p->c.out_channels / p->c.groups);
    p->patch = p->group_in * (size_t)(w->kernel[0] * w->kernel[1]);
    p->places = (size_t)(w->out[0] * w->out[1]);
    p->in_places = (size_t)(w->in[0] * w->in[1]);
    p->bare = true;
    for (int d = 0; d < 2; d++) {
        p->bare &= w->kernel[d] == 1 && w->stride[d] == 1 && w->padding[d] == 0;
    }
    /* Whole rows where a few fit, parts of one where they are too long; bare planes are used as they lie. */
    const size_t fit = larger(TILE_BYTES / (p->patch * p->field->width), PLACES_LEAST);
    p->tile_columns = p->bare ? (size_t)w->out[1] : smaller((size_t)w->out[1], fit);
    p->tile_rows = p->bare ? (size_t)w->out[0]
                           : smaller((size_t)w->out[0], larger(fit / (size_t)w->out[1], 1));
}

/* As labels: the last dims of x, from the channels on, of one group. */
static int planes_labels(const problem *p, syi_label labels[3])
{
    const int first = p->c.batched;
    for (int d = first; d < p->x->ndim; d++) {
        labels[d - first] = (syi_label){.size = d == first ? p->group_in : (size_t)p->x->shape[d],
                                        .x = (size_t)p->x->strides[d]};
    }
    return p->x->ndim - first;
}

static bool are_packed(const problem *p)
{
    syi_label labels[3];
    size_t stride = 1;
    for (int d = planes_labels(p, labels) - 1; d >= 0; d--) {
        if (labels[d].x != stride && labels[d].size != 1) {
            return false;
        }
        stride *= labels[d].size;
    }
    return true;
}

static const char *take_planes(const problem *p, size_t image, size_t group)
{
    syi_label labels[3];
    const int count = planes_labels(p, labels);
    const size_t width = p->field->width;
    const size_t offset =
        (p->c.batched ? image * (size_t)p->x->strides[0] : 0) + group * p->group_in * labels[0].x;
    const char *from = (const char *)syi_array_data(p->x) + offset * width;
    if (p->packed) {
        return from;
    }
    syi_labels_gather(p->field, labels, count, from, 0, p->group_in * p->in_places, p->planes);
    return p->planes;
}

/* One group of one image. */
static sy_status convolve_group(const problem *p, char *z, const char *planes, const char *filters,
                                sy_error *err)
{
    const syi_window *w = &p->c.window;
    const size_t width = p->field->width, rows = (size_t)w->out[0], columns = (size_t)w->out[1];
    const syi_field_matrix a = {filters, p->patch, 1};
    for (size_t row = 0; row < rows; row += p->tile_rows) {
        for (size_t column = 0; column < columns; column += p->tile_columns) {
            const syi_tile tile = {(int64_t)row, (int64_t)smaller(row + p->tile_rows, rows),
                                   (int64_t)column,
                                   (int64_t)smaller(column + p->tile_columns, columns)};
            const size_t places = (size_t)syi_tile_places(&tile);
            if (!p->bare) {
                syi_patches_gather(width, w, (int64_t)p->group_in, planes, &tile, p->patches);
            }
            const syi_field_matrix b = {p->bare ? planes : p->patches, places, 1};
            SY_TRY(syi_field_matmul_rows(p->context, p->field, z + (row * columns + column) * width,
                                         p->places, a, b, p->group_out, places, p->patch, err));
        }
    }
    return SY_OK;
}

static sy_status convolve(const problem *p, char *z, sy_error *err)
{
    const size_t width = p->field->width, groups = (size_t)p->c.groups;
    for (size_t image = 0; image < (size_t)p->c.batch; image++) {
        for (size_t group = 0; group < groups; group++) {
            SY_TRY(convolve_group(p, z, take_planes(p, image, group),
                                  p->filters + group * p->group_out * p->patch * width, err));
            z += p->group_out * p->places * width;
        }
    }
    return SY_OK;
}

static void pack_filters(const syi_field *field, const syi_array *y, void *out)
{
    syi_label labels[SY_DIM_MAX];
    for (int d = 0; d < y->ndim; d++) {
        labels[d] = (syi_label){.size = (size_t)y->shape[d], .x = (size_t)y->strides[d]};
    }
    syi_labels_gather(field, labels, y->ndim, syi_array_data(y), 0, (size_t)syi_array_numel(y),
                      out);
}

sy_status syi_bilinear_convolve(sy_context *context, const syi_bilinear *bilinear,
                                const syi_field *field, void *z, const syi_array *x,
                                const syi_array *y, sy_error *err)
{
    problem p = {.context = context, .field = field, .x = x};
    SY_TRY(syi_bilinear_window(bilinear, &p.c, err));
    measure(&p);
    p.packed = are_packed(&p);
    const bool straight = syi_array_is_contiguous(y);
    const size_t width = field->width;
    const size_t filters = straight ? 0 : syi_array_bytes(y);
    const size_t planes = p.packed ? 0 : p.group_in * p.in_places * width;
    const size_t patches = p.bare ? 0 : p.patch * p.tile_rows * p.tile_columns * width;
    const size_t bytes = filters + planes + patches;
    char *memory = syi_block_alloc(context, bytes + 1);
    if (memory == NULL) {
        return SYI_ENOMEM(err, "convolution of shares");
    }
    p.patches = memory;
    p.planes = memory + patches;
    p.filters = straight ? syi_array_data(y) : memory + patches + planes;
    if (!straight) {
        pack_filters(field, y, memory + patches + planes);
    }
    const sy_status status = convolve(&p, z, err);
    syi_block_free_secret(context, memory, bytes + 1);
    return status;
}
