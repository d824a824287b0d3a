#include "crypto/digits.h"

#include <string.h>

#include "core/error.h"
#include "core/memory.h"

__extension__ typedef unsigned __int128 wide;

/* From 0 to 133 to a digit: below 67 the difference wraps beyond it. */
static inline uint8_t cut(unsigned t)
{
    const uint8_t less = (uint8_t)(t - SYI_DIGIT_PRIME);
    return (uint8_t)t < less ? (uint8_t)t : less;
}

static inline uint8_t negative(uint8_t x)
{
    return cut((unsigned)SYI_DIGIT_PRIME - x);
}

/* Of two digits: 978 / 2^16 is a little below 1 / 67, so the quotient is right or one less. */
static inline uint8_t times(uint8_t a, uint8_t b)
{
    const uint16_t t = (uint16_t)((unsigned)a * b);
    const uint16_t quotient = (uint16_t)((uint32_t)t * 978 >> 16);
    return cut((uint16_t)(t - quotient * SYI_DIGIT_PRIME));
}

/* --- streams ----------------------------------------------------------------------------------- */

/* A block is a fraction of 128 bits; times the base its whole part is a digit, and the rest is a fraction again. */
static void expand(uint8_t *out, const uint8_t block[SYI_GENERATOR_BLOCK], unsigned base, size_t n)
{
    uint64_t low, high;
    memcpy(&low, block, 8);
    memcpy(&high, block + 8, 8);
    for (size_t k = 0; k < n; k++) {
        const wide below = (wide)low * base, above = (wide)high * base + (uint64_t)(below >> 64);
        low = (uint64_t)below;
        high = (uint64_t)above;
        out[k] = (uint8_t)(above >> 64);
    }
}

sy_status syi_digits_draw(const syi_generator *stream, uint64_t place, unsigned base, uint8_t *out,
                          size_t count, sy_error *err)
{
    enum { BLOCKS = 64 };
    uint8_t blocks[BLOCKS * SYI_GENERATOR_BLOCK];
    sy_status status = SY_OK;
    for (size_t at = 0; at < count && status == SY_OK; at += BLOCKS * SYI_DIGITS_OF_BLOCK) {
        const size_t left = count - at,
                     n = left < BLOCKS * SYI_DIGITS_OF_BLOCK ? left : BLOCKS * SYI_DIGITS_OF_BLOCK;
        const size_t used = (n + SYI_DIGITS_OF_BLOCK - 1) / SYI_DIGITS_OF_BLOCK;
        status = syi_generator_fill(stream, place + at / SYI_DIGITS_OF_BLOCK, blocks,
                                    used * SYI_GENERATOR_BLOCK, err);
        for (size_t k = 0; k < used; k++) {
            const size_t first = k * SYI_DIGITS_OF_BLOCK, rest = n - first;
            expand(out + at + first, blocks + k * SYI_GENERATOR_BLOCK, base,
                   rest < SYI_DIGITS_OF_BLOCK ? rest : SYI_DIGITS_OF_BLOCK);
        }
    }
    if (status != SY_OK) {
        memset(out, 0, count);
    }
    syi_wipe(blocks, sizeof blocks);
    return status;
}

/* --- arithmetic -------------------------------------------------------------------------------- */

void syi_digits_add(uint8_t *out, const uint8_t *a, const uint8_t *b, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        out[k] = cut((unsigned)a[k] + b[k]);
    }
}

void syi_digits_sub(uint8_t *out, const uint8_t *a, const uint8_t *b, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        out[k] = cut((unsigned)a[k] + SYI_DIGIT_PRIME - b[k]);
    }
}

bool syi_digits_check(const uint8_t *digits, size_t n)
{
    uint8_t most = 0;
    for (size_t k = 0; k < n; k++) {
        most = digits[k] > most ? digits[k] : most;
    }
    return most < SYI_DIGIT_PRIME;
}

/* Columns that are worked on at once, so that loops are on bytes that stay near the processor. */
enum { COLUMNS = 256 };

/* Byte `place` of the words. */
static void take_bytes(uint8_t *restrict out, const uint64_t *words, unsigned place, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        out[k] = (uint8_t)(words[k] >> 8 * place);
    }
}

static void take_bit(uint8_t *restrict out, const uint8_t *bytes, unsigned bit, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        out[k] = (uint8_t)(bytes[k] >> bit & 1);
    }
}

void syi_digits_split(uint8_t *planes, const uint64_t *words, unsigned bits, size_t n)
{
    uint8_t bytes[COLUMNS];
    for (size_t at = 0; at < n; at += COLUMNS) {
        const size_t some = n - at < COLUMNS ? n - at : COLUMNS;
        for (unsigned bit = 0; bit < bits; bit++) {
            if (bit % 8 == 0) {
                take_bytes(bytes, words + at, bit / 8, some);
            }
            take_bit(planes + bit * n + at, bytes, bit % 8, some);
        }
    }
    syi_wipe(bytes, sizeof bytes);
}

/* --- comparisons ------------------------------------------------------------------------------- */

/* Of some columns: what is above the row at hand. */
typedef struct columns {
    uint8_t bytes[COLUMNS], v[COLUMNS], flip[COLUMNS], always[COLUMNS];
    uint8_t above[COLUMNS]; /* the sum of w */
    uint8_t c[COLUMNS];
} columns;

/* c = 1 + (v - x) + above, or flipped 1 + (x - v) + above; then w = x xor v comes to what is above. */
static void put_row(columns *restrict m, const uint8_t *restrict x, uint8_t lead, uint8_t always,
                    size_t n)
{
    for (size_t k = 0; k < n; k++) {
        const uint8_t v = m->v[k], flip = m->flip[k], set = (uint8_t)(0 - v);
        const uint8_t minus = negative(x[k]);
        const uint8_t one = (uint8_t)((flip & (1 - v)) | (~flip & (1 + v)));
        const uint8_t side = (uint8_t)((flip & x[k]) | (~flip & minus));
        const uint8_t plain = cut((unsigned)cut((unsigned)side + (lead & one)) + m->above[k]);
        m->c[k] = (uint8_t)((~m->always[k] & plain) | (m->always[k] & always));
        const uint8_t w = cut((unsigned)((set & (minus + (lead & 1))) | (~set & x[k])) & 0xff);
        m->above[k] = cut((unsigned)m->above[k] + w);
    }
}

static void blind_row(uint8_t *restrict out, const uint8_t *restrict c, const uint8_t *restrict s,
                      const uint8_t *restrict u, bool lead, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        out[k] = times(s[k], c[k]);
    }
    if (lead) {
        syi_digits_add(out, out, u, n);
    } else {
        syi_digits_sub(out, out, u, n);
    }
}

static void compare_columns(uint8_t *planes, const syi_digits_comparison *c, columns *m, size_t at,
                            size_t n)
{
    memset(m->above, 0, n);
    for (size_t k = 0; k < n; k++) {
        m->flip[k] = (uint8_t)(0 - c->flip[at + k]);
        m->always[k] = (uint8_t)(0 - c->always[at + k]);
    }
    take_bytes(m->bytes, c->v + at, (c->bits - 1) / 8, n);
    for (unsigned bit = c->bits; bit-- > 0;) {
        const size_t row = bit * c->n + at;
        take_bit(m->v, m->bytes, bit % 8, n);
        put_row(m, c->x + row, c->lead ? 0xff : 0, c->lead && bit > 0 ? 1 : 0, n);
        blind_row(planes + row, m->c, c->s + row, c->u + row, c->lead, n);
        if (bit % 8 == 0 && bit > 0) {
            take_bytes(m->bytes, c->v + at, bit / 8 - 1, n);
        }
    }
}

void syi_digits_compare(uint8_t *planes, const syi_digits_comparison *comparison)
{
    columns m;
    for (size_t at = 0; at < comparison->n; at += COLUMNS) {
        const size_t left = comparison->n - at;
        compare_columns(planes, comparison, &m, at, left < COLUMNS ? left : COLUMNS);
    }
    syi_wipe(&m, sizeof m);
}

static void choose_rows(uint8_t *restrict out, const uint8_t *a, const uint8_t *b,
                        const uint8_t *places, unsigned bit, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        const uint8_t moved = (uint8_t)(0 - (places[k] >> bit & 1));
        out[k] = (uint8_t)((a[k] & ~moved) | (b[k] & moved));
    }
}

void syi_digits_rotate(uint8_t *planes, uint8_t *room, const uint8_t *places, unsigned bits,
                       size_t n)
{
    for (unsigned bit = 0; 1u << bit < bits; bit++) {
        for (unsigned row = 0; row < bits; row++) {
            const unsigned from = (row + bits - (1u << bit) % bits) % bits;
            choose_rows(room + row * n, planes + row * n, planes + from * n, places, bit, n);
        }
        memcpy(planes, room, bits * n);
    }
}

void syi_digits_zeros(uint64_t *out, const uint8_t *a, const uint8_t *b, unsigned bits, size_t n)
{
    memset(out, 0, n * sizeof *out);
    for (unsigned bit = 0; bit < bits; bit++) {
        const uint8_t *x = a + bit * n, *y = b + bit * n;
        for (size_t k = 0; k < n; k++) {
            const uint8_t sum = cut((unsigned)x[k] + y[k]);
            out[k] += (uint64_t)((unsigned)sum - 1) >> 31 & 1;
        }
    }
}
