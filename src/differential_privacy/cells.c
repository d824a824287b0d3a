/* cells.c - see cells.h. Numbers below 1 are of 256 bits, those from 1 on have a fifth limb. Each product loses less than 2^-256, all
 * of them together less than 2^-230 of a sum. */
#include "differential_privacy/cells.h"

#include "differential_privacy/wide.h"

enum { FRACTION = 4 }; /* limbs */

static syi_wide drop_limbs(const syi_wide *a, unsigned count)
{
    syi_wide rest = {0};
    for (unsigned i = count; i < a->used; i++) {
        rest.limbs[i - count] = a->limbs[i];
    }
    rest.used = a->used > count ? a->used - count : 0;
    return rest;
}

static syi_wide multiply(const syi_wide *a, const syi_wide *b)
{
    const syi_wide product = syi_wide_multiply(a, b);
    return drop_limbs(&product, FRACTION);
}

static syi_wide divide(const syi_wide *a, uint64_t by)
{
    syi_wide quotient = {0};
    uint64_t rest = 0;
    for (unsigned i = a->used; i-- > 0;) {
        const syi_u128 part = (syi_u128)rest << 64 | a->limbs[i];
        quotient.limbs[i] = (uint64_t)(part / by);
        rest = (uint64_t)(part % by);
        if (quotient.used == 0 && quotient.limbs[i] != 0) {
            quotient.used = i + 1;
        }
    }
    return quotient;
}

static syi_wide add(const syi_wide *a, const syi_wide *b)
{
    syi_wide sum = {.used = FRACTION + 1};
    uint64_t carry = 0;
    for (unsigned i = 0; i <= FRACTION; i++) {
        const syi_u128 part = (syi_u128)a->limbs[i] + b->limbs[i] + carry;
        sum.limbs[i] = (uint64_t)part;
        carry = (uint64_t)(part >> 64);
    }
    while (sum.used > 0 && sum.limbs[sum.used - 1] == 0) {
        sum.used--;
    }
    return sum;
}

static syi_wide one(void)
{
    const syi_wide unit = syi_wide_from(1);
    return syi_wide_shift(&unit, 64 * FRACTION);
}

/* exp(-1/512), by its series: the 24th term is below 2^-290. */
static syi_wide smallest_root(void)
{
    syi_wide term = one(), sums[2] = {term, {.used = 0}};
    for (unsigned k = 1; k < 24; k++) {
        term = divide(&term, 512 * (uint64_t)k);
        sums[k % 2] = add(&sums[k % 2], &term);
    }
    return syi_wide_subtract(&sums[0], &sums[1]);
}

/* exp(-(c+1)^2/512) is exp(-c^2/512) times the (2c+1)-th power of the root. */
static void sum_weights(syi_wide sums[SYI_CELLS])
{
    const syi_wide root = smallest_root(), square = multiply(&root, &root);
    syi_wide weight = one(), power = root;
    sums[0] = weight;
    for (unsigned c = 1; c < SYI_CELLS; c++) {
        weight = multiply(&weight, &power);
        power = multiply(&power, &square);
        sums[c] = add(&sums[c - 1], &weight);
    }
}

void syi_cells_init(syi_cells *cells)
{
    syi_wide sums[SYI_CELLS];
    sum_weights(sums);
    /* all are scaled by the same number of 64 bits, so that the last one is 1 but for less than 2^-55, and never more */
    const syi_wide *all = &sums[SYI_CELLS - 1];
    const uint64_t rounded = (all->limbs[FRACTION] << 56 | all->limbs[FRACTION - 1] >> 8) + 1;
    const syi_wide scale = syi_wide_from(((syi_u128)1 << 120) / rounded);
    for (unsigned c = 0; c < SYI_CELLS; c++) {
        const syi_wide scaled = syi_wide_multiply(&sums[c], &scale);
        for (unsigned i = 0; i <= SYI_CELLS_WORDS; i++) {
            cells->ends[c][i] = scaled.limbs[FRACTION - i];
        }
        cells->tops[c] = cells->ends[c][0];
    }
    for (unsigned byte = 0, c = 0; byte < 256; byte++) {
        while (c < SYI_CELLS && cells->tops[c] < (uint64_t)byte << 56) {
            c++;
        }
        cells->first[byte] = (uint16_t)c;
    }
}

static int compare(const uint64_t *a, const uint64_t *b, unsigned words)
{
    for (unsigned i = 0; i < words; i++) {
        if (a[i] != b[i]) {
            return a[i] < b[i] ? -1 : 1;
        }
    }
    return 0;
}

bool syi_cells_find(const syi_cells *cells, const uint64_t *words, unsigned have, unsigned *cell)
{
    unsigned c = cells->first[words[0] >> 56];
    int against = 1;
    while (c < SYI_CELLS && (against = compare(words, cells->ends[c], have)) > 0) {
        c++;
    }
    *cell = c;
    return against != 0;
}
