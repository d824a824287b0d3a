/* patches.c - windows as columns of a matrix. Test: patches_test.c. */
#include "frameworks/cpu/patches.h"

#include <string.h>

#include "frameworks/cpu/dtypes.h"

static int64_t within(int64_t x, int64_t low, int64_t high)
{
    return x < low ? low : x > high ? high : x;
}

void syi_window_valid(const syi_window *window, int dim, int64_t offset, int64_t begin, int64_t end,
                      int64_t *first, int64_t *last)
{
    const int64_t stride = window->stride[dim];
    const int64_t shift = window->padding[dim] - offset; /* place * stride >= shift */
    const int64_t low = shift <= 0 ? 0 : (shift + stride - 1) / stride;
    const int64_t room = window->in[dim] + shift; /* place * stride < room */
    const int64_t high = room <= 0 ? 0 : (room + stride - 1) / stride;
    *first = within(low, begin, end);
    *last = within(high, *first, end);
}

/* One row of the matrix: the window's element (y, x) of one plane at every place of the tile. */
typedef struct line {
    const syi_window *window;
    const syi_tile *tile;
    int64_t y, x;        /* offsets of the element in the input */
    int64_t first, last; /* columns that step on the input */
} line;

static line line_of(const syi_window *window, const syi_tile *tile, int64_t row, int64_t column)
{
    line l = {.window = window,
              .tile = tile,
              .y = row * window->dilation[0],
              .x = column * window->dilation[1]};
    syi_window_valid(window, 1, l.x, tile->column, tile->column_end, &l.first, &l.last);
    return l;
}

/* Row of the input under row `place` of places; false in the padding. */
static bool input_row(const line *l, int64_t place, int64_t *row)
{
    *row = place * l->window->stride[0] - l->window->padding[0] + l->y;
    return *row >= 0 && *row < l->window->in[0];
}

static int64_t input_column(const line *l, int64_t place)
{
    return place * l->window->stride[1] - l->window->padding[1] + l->x;
}

/* A row of a small image is a few words, for which a call of memcpy costs more than the copy (LeNet's second layer spent
 * two thirds of its time in such calls). */
static inline void copy_row(void *to, const void *from, size_t bytes)
{
    char *out = to;
    const char *in = from;
    if (bytes > 256 || bytes < 8) {
        memcpy(to, from, bytes);
    } else if (bytes < 16) { /* two that may overlap */
        memcpy(out, in, 8);
        memcpy(out + bytes - 8, in + bytes - 8, 8);
    } else {
        for (size_t i = 0; i + 16 < bytes; i += 16) {
            memcpy(out + i, in + i, 16);
        }
        memcpy(out + bytes - 16, in + bytes - 16, 16);
    }
}

#define DEFINE_GATHER(bytes, T)                                                                  \
    static void gather_##bytes(const line *l, const void *plane, void *to)                       \
    {                                                                                            \
        const int64_t width = l->tile->column_end - l->tile->column;                             \
        const int64_t before = l->first - l->tile->column, count = l->last - l->first;           \
        const int64_t stride = l->window->stride[1];                                             \
        T *out = to;                                                                             \
        for (int64_t place = l->tile->row; place < l->tile->row_end; place++, out += width) {    \
            int64_t row;                                                                         \
            if (!input_row(l, place, &row) || count == 0) {                                      \
                memset(out, 0, (size_t)width * sizeof *out);                                     \
                continue;                                                                        \
            }                                                                                    \
            const T *in = (const T *)plane + row * l->window->in[1] + input_column(l, l->first); \
            for (int64_t k = 0; k < before; k++) {                                               \
                out[k] = 0;                                                                      \
            }                                                                                    \
            if (stride == 1) {                                                                   \
                copy_row(out + before, in, (size_t)count * sizeof *out);                         \
            } else {                                                                             \
                for (int64_t k = 0; k < count; k++) {                                            \
                    out[before + k] = in[k * stride];                                            \
                }                                                                                \
            }                                                                                    \
            for (int64_t k = before + count; k < width; k++) {                                   \
                out[k] = 0;                                                                      \
            }                                                                                    \
        }                                                                                        \
    }
DEFINE_GATHER(1, uint8_t)
DEFINE_GATHER(2, uint16_t)
DEFINE_GATHER(4, uint32_t)
DEFINE_GATHER(8, uint64_t)

void syi_patches_gather(size_t element, const syi_window *window, int64_t channels,
                        const void *planes, const syi_tile *tile, void *to)
{
    static void (*const gathers[9])(const line *, const void *, void *) = {
        [1] = gather_1, [2] = gather_2, [4] = gather_4, [8] = gather_8};
    const int64_t plane = window->in[0] * window->in[1] * (int64_t)element;
    const int64_t step = syi_tile_places(tile) * (int64_t)element;
    char *out = to;
    for (int64_t c = 0; c < channels; c++) {
        for (int64_t y = 0; y < window->kernel[0]; y++) {
            for (int64_t x = 0; x < window->kernel[1]; x++, out += step) {
                const line l = line_of(window, tile, y, x);
                gathers[element](&l, (const char *)planes + c * plane, out);
            }
        }
    }
}

#define DEFINE_SCATTER(name, T, W, unused)                                                   \
    static void scatter_##name(const line *l, void *plane, const void *from)                 \
    {                                                                                        \
        const int64_t width = l->tile->column_end - l->tile->column;                         \
        const int64_t count = l->last - l->first, stride = l->window->stride[1];             \
        const T *in = (const T *)from + (l->first - l->tile->column);                        \
        for (int64_t place = l->tile->row; place < l->tile->row_end; place++, in += width) { \
            int64_t row;                                                                     \
            if (!input_row(l, place, &row) || count == 0) {                                  \
                continue;                                                                    \
            }                                                                                \
            T *out = (T *)plane + row * l->window->in[1] + input_column(l, l->first);        \
            if (stride == 1) {                                                               \
                SYI_INDEPENDENT                                                              \
                for (int64_t k = 0; k < count; k++) {                                        \
                    out[k] = (T)((W)out[k] + (W)in[k]);                                      \
                }                                                                            \
            } else {                                                                         \
                for (int64_t k = 0; k < count; k++) {                                        \
                    out[k * stride] = (T)((W)out[k * stride] + (W)in[k]);                    \
                }                                                                            \
            }                                                                                \
        }                                                                                    \
    }
SYI_CPU_INTEGERS(DEFINE_SCATTER, )
SYI_CPU_FLOATS(DEFINE_SCATTER, )

void syi_patches_scatter(sy_dtype dtype, const syi_window *window, int64_t channels, void *planes,
                         const syi_tile *tile, const void *from)
{
#define SCATTER_AT(place, function) [place] = function,
#define SCATTER_ENTRY(name, T, W, unused) SCATTER_AT(SY_DTYPE_##name, scatter_##name)
    static void (*const scatters[SY_DTYPE_COUNT])(const line *, void *, const void *) = {
        SYI_CPU_INTEGERS(SCATTER_ENTRY, ) SYI_CPU_FLOATS(SCATTER_ENTRY, )};
#undef SCATTER_ENTRY
#undef SCATTER_AT
    const int64_t element = (int64_t)sy_dtype_size(dtype);
    const int64_t plane = window->in[0] * window->in[1] * element;
    const int64_t step = syi_tile_places(tile) * element;
    const char *in = from;
    for (int64_t c = 0; c < channels; c++) {
        for (int64_t y = 0; y < window->kernel[0]; y++) {
            for (int64_t x = 0; x < window->kernel[1]; x++, in += step) {
                const line l = line_of(window, tile, y, x);
                scatters[dtype](&l, (char *)planes + c * plane, in);
            }
        }
    }
}
