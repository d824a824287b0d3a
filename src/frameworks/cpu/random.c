/*
 * random.c - rand, randn, randint, randperm and dropout. NOT for secrets: a statistics generator (xoshiro256++,
 * Blackman and Vigna, "Scrambled linear pseudorandom number generators", 2021). Each call draws from a
 * stream of its own, made from the framework's seed and the number of the call, so that any threads may
 * draw at once and a seed followed by the same calls gives the same numbers. Test: random_test.c.
 */
#include <math.h>

#include "frameworks/cpu/cpu.h"

typedef struct stream {
    uint64_t state[4];
} stream;

static uint64_t rotate(uint64_t x, int by)
{
    return x << by | x >> (64 - by);
}

static uint64_t next(stream *from)
{
    uint64_t *s = from->state;
    const uint64_t result = rotate(s[0] + s[3], 23) + s[0];
    const uint64_t shifted = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = rotate(s[3], 45);
    return result;
}

/* splitmix64 (Steele, Lea, Flood, 2014): spreads a counter over all bits. */
static uint64_t mix(uint64_t *counter)
{
    uint64_t z = (*counter += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static stream open_stream(const syi_cpu_call *call)
{
    syi_cpu *cpu = call->cpu;
    pthread_mutex_lock(&cpu->lock);
    uint64_t seed = cpu->seed;
    uint64_t number = cpu->draws++;
    pthread_mutex_unlock(&cpu->lock);
    uint64_t counter = mix(&number) ^ seed;
    stream made;
    for (int i = 0; i < 4; i++) {
        made.state[i] = mix(&counter);
    }
    return made;
}

/* [0, 1), every multiple of 2^-53 */
static double draw_unit(stream *from)
{
    return (double)(next(from) >> 11) * 0x1p-53;
}

sy_status syi_cpu_rand(const syi_cpu_call *call)
{
    syi_array *out = &call->outs[0];
    const int64_t n = syi_array_numel(out);
    stream from = open_stream(call);
    if (out->dtype == SY_DTYPE_F32) {
        float *to = syi_array_data(out);
        for (int64_t i = 0; i < n; i++) {
            to[i] = (float)(next(&from) >> 40) * 0x1p-24f; /* 24 bits: 1 is never rounded to */
        }
    } else {
        double *to = syi_array_data(out);
        for (int64_t i = 0; i < n; i++) {
            to[i] = draw_unit(&from);
        }
    }
    return SY_OK;
}

/* Two independent normal numbers (Marsaglia's polar method). */
static void draw_normal_pair(stream *from, double pair[2])
{
    double x, y, square;
    do {
        x = 2 * draw_unit(from) - 1;
        y = 2 * draw_unit(from) - 1;
        square = x * x + y * y;
    } while (square >= 1 || square == 0);
    double factor = sqrt(-2 * log(square) / square);
    pair[0] = x * factor;
    pair[1] = y * factor;
}

sy_status syi_cpu_randn(const syi_cpu_call *call)
{
    syi_array *out = &call->outs[0];
    const int64_t n = syi_array_numel(out);
    stream from = open_stream(call);
    float *singles = syi_array_data(out);
    double *doubles = syi_array_data(out);
    double pair[2] = {0, 0};
    for (int64_t i = 0; i < n; i++) {
        if (i % 2 == 0) {
            draw_normal_pair(&from, pair);
        }
        if (out->dtype == SY_DTYPE_F32) {
            singles[i] = (float)pair[i % 2];
        } else {
            doubles[i] = pair[i % 2];
        }
    }
    return SY_OK;
}

/* [0, range), unbiased (Lemire, "Fast random integer generation in an interval", 2019); 0: any. */
static uint64_t draw_below(stream *from, uint64_t range)
{
    if (range == 0) {
        return next(from);
    }
    unsigned __int128 product = (unsigned __int128)next(from) * range;
    if ((uint64_t)product < range) {
        const uint64_t excess = (0 - range) % range;
        while ((uint64_t)product < excess) {
            product = (unsigned __int128)next(from) * range;
        }
    }
    return (uint64_t)(product >> 64);
}

sy_status syi_cpu_randint(const syi_cpu_call *call)
{
    enum { BLOCK = 512 };
    const syi_array *out = &call->outs[0];
    int64_t low = call->args[0].as.integer, high = call->args[1].as.integer;
    if (call->op->id == SYI_OP_randint_like) { /* (like, high) or (like, low, high) */
        const bool both = call->args[2].kind == SY_VALUE_INT;
        low = both ? call->args[1].as.integer : 0;
        high = call->args[both ? 2 : 1].as.integer;
    }
    const int64_t n = syi_array_numel(out);
    const int64_t size = (int64_t)sy_dtype_size(out->dtype);
    stream from = open_stream(call);
    for (int64_t done = 0; done < n; done += BLOCK) {
        int64_t now = n - done < BLOCK ? n - done : BLOCK;
        int64_t block[BLOCK];
        for (int64_t i = 0; i < now; i++) {
            block[i] = (int64_t)((uint64_t)low + draw_below(&from, (uint64_t)high - (uint64_t)low));
        }
        syi_convert_row(now, (char *)syi_array_data(out) + done * size, out->dtype, size, block,
                        SY_DTYPE_I64, sizeof block[0]);
    }
    return SY_OK;
}

/* Fisher and Yates, Durstenfeld's order. */
sy_status syi_cpu_randperm(const syi_cpu_call *call)
{
    const syi_array *out = &call->outs[0];
    int64_t *to = syi_array_data(out);
    const int64_t n = syi_array_numel(out);
    stream from = open_stream(call);
    for (int64_t i = 0; i < n; i++) {
        int64_t j = (int64_t)draw_below(&from, (uint64_t)i + 1);
        if (j != i) {
            to[i] = to[j];
        }
        to[j] = i;
    }
    return SY_OK;
}

/* Where the mask is set, in * scale; 0 elsewhere, whatever stands there. */
#define DEFINE_MASKED(name, T)                                                            \
    static void masked_##name(int64_t n, void *to, const void *from, const uint8_t *mask, \
                              double scale)                                               \
    {                                                                                     \
        T *out = to;                                                                      \
        const T *in = from, by = (T)scale;                                                \
        for (int64_t i = 0; i < n; i++) {                                                 \
            out[i] = mask[i] != 0 ? in[i] * by : 0;                                       \
        }                                                                                 \
    }
DEFINE_MASKED(F32, float)
DEFINE_MASKED(F64, double)

/* outs[0] = in where the mask is set */
static sy_status apply_mask(const syi_cpu_call *call, const syi_array *in, const uint8_t *mask,
                            double scale)
{
    const syi_array *out = &call->outs[0];
    syi_array packed = SYI_ARRAY_INIT;
    SY_TRY(syi_cpu_convert(call, &packed, in, out->dtype, true));
    (out->dtype == SY_DTYPE_F32 ? masked_F32 : masked_F64)(
        syi_array_numel(out), syi_array_data(out), syi_array_data(&packed), mask, scale);
    syi_array_fini(&packed);
    return SY_OK;
}

/* Each element is kept with probability 1 - p and grows by 1 / (1 - p) (Srivastava and others, "Dropout", 2014). */
sy_status syi_cpu_native_dropout(const syi_cpu_call *call)
{
    const double p = call->args[1].as.real;
    const bool train = call->args[2].as.boolean && p > 0;
    uint8_t *mask = syi_array_data(&call->outs[1]);
    const int64_t n = syi_array_numel(&call->outs[1]);
    const uint64_t kept = (uint64_t)((1 - p) * 0x1p53);
    stream from = open_stream(call);
    for (int64_t i = 0; i < n; i++) {
        mask[i] = !train || next(&from) >> 11 < kept;
    }
    const double scale = !train ? 1 : p < 1 ? 1 / (1 - p) : 0;
    return apply_mask(call, syi_cpu_array(&call->args[0]), mask, scale);
}

sy_status syi_cpu_dropout_backward(const syi_cpu_call *call)
{
    syi_array mask = SYI_ARRAY_INIT;
    SY_TRY(syi_cpu_convert(call, &mask, syi_cpu_array(&call->args[1]), SY_DTYPE_BOOL, true));
    const sy_status status = apply_mask(call, syi_cpu_array(&call->args[0]), syi_array_data(&mask),
                                        call->args[2].as.real);
    syi_array_fini(&mask);
    return status;
}
