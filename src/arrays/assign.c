/*
 * assign.c - copies with dtype conversion between any two layouts. Dims are reordered and merged so
 * that the inner loop is long and, where possible, contiguous; one generated loop per pair of dtypes
 * does the rest. Test: assign_test.c.
 */
#include <assert.h>
#include <string.h>

#include "arrays/array.h"
#include "core/clones.h"

/* What lies in memory. A bool is read as a byte: foreign memory may hold more than 0 and 1. */
typedef uint8_t cell_BOOL;
typedef uint8_t cell_U8;
typedef int8_t cell_I8;
typedef int16_t cell_I16;
typedef int32_t cell_I32;
typedef int64_t cell_I64;
typedef float cell_F32;
typedef double cell_F64;

/* C's float to integer conversion, saturated where C leaves it undefined; NaN becomes 0. Selections instead of
 * branches, and what is converted is always inside: the loops are for the vectoriser. */
#define SATURATE(ID, LOW, HIGH)                                                \
    static inline cell_##ID saturate_##ID(double v)                            \
    {                                                                          \
        const double inside = v > (double)(LOW) && v < (double)(HIGH) ? v : 0; \
        const cell_##ID whole = (cell_##ID)inside;                             \
        const cell_##ID low = v <= (double)(LOW) ? (cell_##ID)(LOW) : whole;   \
        return v >= (double)(HIGH) ? (cell_##ID)(HIGH) : low;                  \
    }
SATURATE(U8, 0, UINT8_MAX)
SATURATE(I8, INT8_MIN, INT8_MAX)
SATURATE(I16, INT16_MIN, INT16_MAX)
SATURATE(I32, INT32_MIN, INT32_MAX)
SATURATE(I64, INT64_MIN, INT64_MAX)

#define READ_BOOL(v) ((v) != 0)
#define READ_U8(v) (v)
#define READ_I8(v) (v)
#define READ_I16(v) (v)
#define READ_I32(v) (v)
#define READ_I64(v) (v)
#define READ_F32(v) (v)
#define READ_F64(v) (v)

/* Integers wrap, floats saturate. */
/* clang-format off */
#define TO_INTEGER(ID, v)                      \
    _Generic((v),                              \
        float: saturate_##ID((double)(v)),     \
        double: saturate_##ID((double)(v)),    \
        default: (cell_##ID)(v))
/* clang-format on */
#define WRITE_BOOL(v) ((uint8_t)((v) != 0))
#define WRITE_U8(v) TO_INTEGER(U8, v)
#define WRITE_I8(v) TO_INTEGER(I8, v)
#define WRITE_I16(v) TO_INTEGER(I16, v)
#define WRITE_I32(v) TO_INTEGER(I32, v)
#define WRITE_I64(v) TO_INTEGER(I64, v)
#define WRITE_F32(v) ((float)(v))
#define WRITE_F64(v) ((double)(v))

/* Copies n elements; strides in elements. */
typedef void copy_fn(void *to, int64_t to_stride, const void *from, int64_t from_stride, int64_t n);

#define COPY_FUNCTION(TO, FROM)                                                   \
    static void copy_##TO##_##FROM(void *to, int64_t to_stride, const void *from, \
                                   int64_t from_stride, int64_t n)                \
    {                                                                             \
        cell_##TO *restrict t = to;                                               \
        const cell_##FROM *restrict f = from;                                     \
        if (to_stride == 1 && from_stride == 1) {                                 \
            for (int64_t i = 0; i < n; i++) {                                     \
                t[i] = WRITE_##TO(READ_##FROM(f[i]));                             \
            }                                                                     \
        } else {                                                                  \
            for (int64_t i = 0; i < n; i++) {                                     \
                t[i * to_stride] = WRITE_##TO(READ_##FROM(f[i * from_stride]));   \
            }                                                                     \
        }                                                                         \
    }

/*
 * Floats to int64 and back in pieces: no instruction before AVX-512 converts several. Where all floats of a piece fit
 * int32, which is the rule, there is one for that (1e7 f32: 26 ms became 11); where all integers are below 2^51, they
 * become doubles by an addition to the bits of 1.5 2^52, exactly, and floats by one rounding (1e7: 9.5 ms became 7.5).
 */
#define NEAR_PIECE 256
#define NEAR_ROUNDER 0x1.8p52
#define NEAR_ROUNDER_BITS INT64_C(0x4338000000000000)
#define COPY_NEAR(FROM, T)                                                                 \
    SYI_CLONES static bool try_near_I64_##FROM(int64_t *restrict t, const T *restrict f,   \
                                               int64_t n)                                  \
    {                                                                                      \
        int far = 0;                                                                       \
        for (int64_t i = 0; i < n; i++) {                                                  \
            far |= !(f[i] > (T)-0x1p30 && f[i] < (T)0x1p30);                               \
        }                                                                                  \
        for (int64_t i = 0; !far && i < n; i++) {                                          \
            t[i] = (int32_t)f[i];                                                          \
        }                                                                                  \
        return !far;                                                                       \
    }                                                                                      \
    SYI_CLONES static bool try_near_##FROM##_I64(T *restrict t, const int64_t *restrict f, \
                                                 int64_t n)                                \
    {                                                                                      \
        uint64_t far = 0;                                                                  \
        for (int64_t i = 0; i < n; i++) {                                                  \
            far |= ((uint64_t)f[i] + (UINT64_C(1) << 51)) >> 52;                           \
        }                                                                                  \
        for (int64_t i = 0; far == 0 && i < n; i++) {                                      \
            const uint64_t bits = (uint64_t)f[i] + (uint64_t)NEAR_ROUNDER_BITS;            \
            double shifted;                                                                \
            memcpy(&shifted, &bits, sizeof shifted);                                       \
            t[i] = (T)(shifted - NEAR_ROUNDER);                                            \
        }                                                                                  \
        return far == 0;                                                                   \
    }                                                                                      \
    COPY_IN_PIECES(I64, int64_t, FROM, T)                                                  \
    COPY_IN_PIECES(FROM, T, I64, int64_t)
#define COPY_IN_PIECES(TO, R, FROM, T)                                                 \
    static void copy_near_##TO##_##FROM(void *to, int64_t to_stride, const void *from, \
                                        int64_t from_stride, int64_t n)                \
    {                                                                                  \
        R *t = to;                                                                     \
        const T *f = from;                                                             \
        if (to_stride != 1 || from_stride != 1) {                                      \
            copy_##TO##_##FROM(to, to_stride, from, from_stride, n);                   \
            return;                                                                    \
        }                                                                              \
        for (int64_t done = 0; done < n; done += NEAR_PIECE) {                         \
            const int64_t now = n - done < NEAR_PIECE ? n - done : NEAR_PIECE;         \
            if (!try_near_##TO##_##FROM(t + done, f + done, now)) {                    \
                copy_##TO##_##FROM(t + done, 1, f + done, 1, now);                     \
            }                                                                          \
        }                                                                              \
    }

/* A macro cannot expand itself, so the second level of the square names its row. */
#define COPY_BOOL(FROM, ctype, torch_name, bytes, npy) COPY_FUNCTION(BOOL, FROM)
#define COPY_U8(FROM, ctype, torch_name, bytes, npy) COPY_FUNCTION(U8, FROM)
#define COPY_I8(FROM, ctype, torch_name, bytes, npy) COPY_FUNCTION(I8, FROM)
#define COPY_I16(FROM, ctype, torch_name, bytes, npy) COPY_FUNCTION(I16, FROM)
#define COPY_I32(FROM, ctype, torch_name, bytes, npy) COPY_FUNCTION(I32, FROM)
#define COPY_I64(FROM, ctype, torch_name, bytes, npy) COPY_FUNCTION(I64, FROM)
#define COPY_F32(FROM, ctype, torch_name, bytes, npy) COPY_FUNCTION(F32, FROM)
#define COPY_F64(FROM, ctype, torch_name, bytes, npy) COPY_FUNCTION(F64, FROM)
SY_DTYPE_MAP(COPY_BOOL)
SY_DTYPE_MAP(COPY_U8)
SY_DTYPE_MAP(COPY_I8)
SY_DTYPE_MAP(COPY_I16)
SY_DTYPE_MAP(COPY_I32)
SY_DTYPE_MAP(COPY_I64)
SY_DTYPE_MAP(COPY_F32)
SY_DTYPE_MAP(COPY_F64)

COPY_NEAR(F32, float)
COPY_NEAR(F64, double)

#define COPY_ROW(TO, ctype, torch_name, bytes, npy)                           \
    [SY_DTYPE_##TO] = {                                                       \
        [SY_DTYPE_BOOL] = copy_##TO##_BOOL, [SY_DTYPE_U8] = copy_##TO##_U8,   \
        [SY_DTYPE_I8] = copy_##TO##_I8,     [SY_DTYPE_I16] = copy_##TO##_I16, \
        [SY_DTYPE_I32] = copy_##TO##_I32,   [SY_DTYPE_I64] = copy_##TO##_I64, \
        [SY_DTYPE_F32] = copy_##TO##_F32,   [SY_DTYPE_F64] = copy_##TO##_F64, \
    },
static copy_fn *const copies[SY_DTYPE_COUNT][SY_DTYPE_COUNT] = {SY_DTYPE_MAP(COPY_ROW)};

static copy_fn *copy_function(sy_dtype to, sy_dtype from)
{
    if (to == SY_DTYPE_I64 && sy_dtype_is_floating(from)) {
        return from == SY_DTYPE_F32 ? copy_near_I64_F32 : copy_near_I64_F64;
    }
    if (from == SY_DTYPE_I64 && sy_dtype_is_floating(to)) {
        return to == SY_DTYPE_F32 ? copy_near_F32_I64 : copy_near_F64_I64;
    }
    return copies[to][from];
}

/* A loop nest, innermost dim last; strides in bytes. */
typedef struct nest {
    int ndim;
    int64_t shape[SY_DIM_MAX];
    int64_t to[SY_DIM_MAX];
    int64_t from[SY_DIM_MAX];
} nest;

/* Dims of size 1 are left out, the rest sorted by the target's stride (then the source's) and merged
 * where both sides continue. */
static void nest_init(nest *loops, const syi_array *to, const syi_array *from)
{
    int64_t to_size = (int64_t)sy_dtype_size(to->dtype);
    int64_t from_size = (int64_t)sy_dtype_size(from->dtype);
    int order[SY_DIM_MAX];
    int count = 0;
    for (int i = 0; i < to->ndim; i++) {
        if (to->shape[i] == 1) {
            continue;
        }
        int at = count++;
        for (; at > 0; at--) {
            int before = order[at - 1];
            if (to->strides[before] > to->strides[i] ||
                (to->strides[before] == to->strides[i] &&
                 from->strides[before] >= from->strides[i])) {
                break;
            }
            order[at] = before;
        }
        order[at] = i;
    }
    loops->ndim = 0;
    for (int k = 0; k < count; k++) {
        int i = order[k];
        int last = loops->ndim - 1;
        int64_t to_bytes = to->strides[i] * to_size;
        int64_t from_bytes = from->strides[i] * from_size;
        if (last >= 0 && loops->to[last] == to->shape[i] * to_bytes &&
            loops->from[last] == to->shape[i] * from_bytes) {
            loops->shape[last] *= to->shape[i];
        } else {
            last = loops->ndim++;
            loops->shape[last] = to->shape[i];
        }
        loops->to[last] = to_bytes;
        loops->from[last] = from_bytes;
    }
    if (loops->ndim == 0) {
        loops->ndim = 1;
        loops->shape[0] = 1;
        loops->to[0] = to_size;
        loops->from[0] = from_size;
    }
}

/* Both sides of one copy. */
typedef struct copying {
    copy_fn *copy;
    int64_t to_size, from_size;
    const nest *loops;
    bool runs;   /* rows are runs of the same bytes on both sides */
    bool secret; /* no copies on the stack */
} copying;

enum { TILE = 32 };

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/*
 * One tile of a transpose whose source runs along the outer dim: its runs are packed first, each read once and whole.
 * Read element by element, runs a power of two apart share the few places of one cache set, and every element is a miss
 * (2048x2048 f32: 22 ms became 10, both on a busy machine).
 */
static void copy_packed_tile(const copying *job, uint8_t *to, const uint8_t *from, int64_t rows,
                             int64_t n)
{
    _Alignas(64) uint8_t packed[TILE * TILE * sizeof(int64_t)];
    const nest *l = job->loops;
    const int inner = l->ndim - 1, outer = l->ndim - 2;
    const int64_t row = TILE * job->from_size;
    for (int64_t j = 0; j < n; j++) {
        memcpy(packed + j * row, from + j * l->from[inner], (size_t)(rows * job->from_size));
    }
    for (int64_t i = 0; i < rows; i++) {
        job->copy(to + i * l->to[outer], l->to[inner] / job->to_size, packed + i * job->from_size,
                  TILE, n);
    }
}

/* Innermost two dims when the source runs the other way (a transpose): in tiles, so that a cache line
 * of the source is used up before it is dropped. */
static void copy_tiled(const copying *job, uint8_t *to, const uint8_t *from)
{
    const nest *l = job->loops;
    const int inner = l->ndim - 1, outer = l->ndim - 2;
    const bool runs = l->from[outer] == job->from_size && !job->secret;
    for (int64_t i0 = 0; i0 < l->shape[outer]; i0 += TILE) {
        const int64_t rows = smaller(TILE, l->shape[outer] - i0);
        for (int64_t j = 0; j < l->shape[inner]; j += TILE) {
            const int64_t n = smaller(TILE, l->shape[inner] - j);
            uint8_t *target = to + i0 * l->to[outer] + j * l->to[inner];
            const uint8_t *source = from + i0 * l->from[outer] + j * l->from[inner];
            if (runs) {
                copy_packed_tile(job, target, source, rows, n);
                continue;
            }
            for (int64_t i = 0; i < rows; i++) {
                job->copy(target + i * l->to[outer], l->to[inner] / job->to_size,
                          source + i * l->from[outer], l->from[inner] / job->from_size, n);
            }
        }
    }
}

static void copy_nest(const copying *job, int dim, uint8_t *to, const uint8_t *from)
{
    const nest *l = job->loops;
    if (dim == l->ndim - 1 && job->runs) {
        syi_copy_bytes(to, from, (size_t)(l->shape[dim] * job->to_size));
    } else if (dim == l->ndim - 1) {
        job->copy(to, l->to[dim] / job->to_size, from, l->from[dim] / job->from_size,
                  l->shape[dim]);
    } else if (dim == l->ndim - 2 && l->from[dim + 1] != job->from_size &&
               l->from[dim] < l->from[dim + 1]) {
        copy_tiled(job, to, from);
    } else {
        for (int64_t i = 0; i < l->shape[dim]; i++) {
            copy_nest(job, dim + 1, to + i * l->to[dim], from + i * l->from[dim]);
        }
    }
}

void syi_array_assign(const syi_array *to, const syi_array *from)
{
    assert(to->storage != NULL && from->storage != NULL && syi_array_same_shape(to, from));
    if (syi_array_numel(to) == 0) {
        return;
    }
    uint8_t *target = syi_array_data(to);
    const uint8_t *source = syi_array_data(from);
    nest loops;
    nest_init(&loops, to, from);
    int64_t to_size = (int64_t)sy_dtype_size(to->dtype);
    int64_t from_size = (int64_t)sy_dtype_size(from->dtype);
    if (to->dtype == from->dtype && loops.ndim == 1 && loops.to[0] == to_size &&
        loops.from[0] == to_size) {
        if (target != source) {
            syi_copy_bytes(target, source, (size_t)(loops.shape[0] * to_size));
        }
        return;
    }
    const int last = loops.ndim - 1;
    const bool runs = to->dtype == from->dtype && loops.to[last] == to_size &&
                      loops.from[last] == to_size && target != source;
    copying job = {copy_function(to->dtype, from->dtype),
                   to_size,
                   from_size,
                   &loops,
                   runs,
                   from->storage->secret};
    copy_nest(&job, 0, target, source);
}

/* Address of an element by flat row-major index. */
static void *element_at(const syi_array *array, int64_t flat)
{
    assert(array->storage != NULL && flat >= 0 && flat < syi_array_numel(array));
    int64_t at = array->offset;
    for (int i = array->ndim - 1; i >= 0; i--) {
        at += flat % array->shape[i] * array->strides[i];
        flat /= array->shape[i];
    }
    return array->storage->data + at * (int64_t)sy_dtype_size(array->dtype);
}

double syi_array_get_double(const syi_array *array, int64_t flat)
{
    double value;
    copies[SY_DTYPE_F64][array->dtype](&value, 1, element_at(array, flat), 1, 1);
    return value;
}

int64_t syi_array_get_int(const syi_array *array, int64_t flat)
{
    int64_t value;
    copies[SY_DTYPE_I64][array->dtype](&value, 1, element_at(array, flat), 1, 1);
    return value;
}

void syi_array_set_double(const syi_array *array, int64_t flat, double value)
{
    copies[array->dtype][SY_DTYPE_F64](element_at(array, flat), 1, &value, 1, 1);
}

void syi_array_set_int(const syi_array *array, int64_t flat, int64_t value)
{
    copies[array->dtype][SY_DTYPE_I64](element_at(array, flat), 1, &value, 1, 1);
}
