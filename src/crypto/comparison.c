#include "crypto/comparison.h"

#include <inttypes.h>
#include <string.h>

#include "core/error.h"
#include "crypto/bits.h"
#include "crypto/carry.h"
#include "crypto/exchange.h"
#include "crypto/fss.h"
#include "crypto/rounding.h"
#include "crypto/snn.h"

/* A family runs what it is dealt, or is made of programs. */
typedef struct known {
    const char *name;
    int holders_max;
    syi_family_material material;
    sy_status (*run)(syi_party *party, const syi_demand *demand, void *z, const void *x,
                     sy_error *err);
    sy_status (*compare)(syi_party *party, const syi_comparison *comparison, const syi_field *field,
                         void *z, const void *x, uint64_t count, sy_error *err);
    sy_status (*equal)(syi_party *party, const syi_field *field, void *z, const void *x,
                       uint64_t count, sy_error *err);
} known;

static const known families[] = {
    [SYI_FAMILY_BITS] = {.name = "bits",
                         .holders_max = SYI_HOLDERS_MAX,
                         .material = {SYI_MATERIAL_BITS_SIGN, SYI_MATERIAL_BITS_EQUAL,
                                      SYI_LEVELS_TILE, syi_bits_message, syi_bits_deal},
                         .run = syi_bits_run},
    [SYI_FAMILY_FSS] = {.name = "fss",
                        .holders_max = 2,
                        .material = {SYI_MATERIAL_FSS_SIGN, SYI_MATERIAL_FSS_EQUAL, SYI_FSS_TILE,
                                     syi_fss_message, syi_fss_deal},
                        .run = syi_fss_run},
    [SYI_FAMILY_SNN] = {.name = "snn",
                        .holders_max = 2,
                        .compare = syi_snn_compare,
                        .equal = syi_snn_equal},
    [SYI_FAMILY_CARRY] = {.name = "carry",
                          .holders_max = SYI_HOLDERS_MAX,
                          .material = {SYI_MATERIAL_CARRY_SIGN, SYI_MATERIAL_CARRY_EQUAL,
                                       SYI_LEVELS_TILE, syi_carry_message, syi_carry_deal},
                          .run = syi_carry_run},
};
enum { FAMILIES = sizeof families / sizeof families[0] };
_Static_assert(FAMILIES == SYI_FAMILIES, "a family without its row");

/* NULL: there is none with that number. */
static const known *find(syi_family of)
{
    const unsigned number = of == SYI_FAMILY_AUTO ? SYI_FAMILY_BITS : (unsigned)of;
    return number < FAMILIES && families[number].name != NULL ? &families[number] : NULL;
}

/* What a number takes longer by keys than by masked bits, in thousandths of a nanosecond, for each of its bits: to compute, when
 * they are there; to make them, send 14 bytes at 100 Mbit/s and read them, when they are not. */
enum { EACH_AHEAD_PS = 5500, EACH_PS = 27000 + 14 * 80000 };

syi_family syi_family_fastest(unsigned bits, int holders, uint64_t count, uint64_t round_trip_us,
                              bool ahead)
{
    const uint64_t each = (uint64_t)bits * (ahead ? EACH_AHEAD_PS : EACH_PS);
    const uint64_t saved = round_trip_us < UINT32_MAX ? round_trip_us * 1000000 : UINT64_MAX;
    return holders == 2 && each > 0 && count < saved / each ? SYI_FAMILY_FSS : SYI_FAMILY_BITS;
}

const char *syi_family_name(syi_family of)
{
    if (of == SYI_FAMILY_AUTO) {
        return "auto";
    }
    const known *found = find(of);
    return found != NULL ? found->name : NULL;
}

bool syi_family_of_name(const char *name, syi_family *found)
{
    *found = SYI_FAMILY_AUTO;
    if (name == NULL || name[0] == '\0' || strcmp(name, "auto") == 0) {
        return true;
    }
    for (unsigned k = 0; k < FAMILIES; k++) {
        if (families[k].name != NULL && strcmp(families[k].name, name) == 0) {
            *found = (syi_family)k;
            return true;
        }
    }
    return false;
}

sy_status syi_family_check(syi_family of, int holders, sy_error *err)
{
    const known *found = find(of);
    if (found == NULL) {
        return syi_fail(err, SY_ENOTSUP, "there is no protocol of comparisons with number %d",
                        (int)of);
    }
    return holders <= found->holders_max
               ? SY_OK
               : syi_fail(err, SY_ENOTSUP,
                          "protocol \"%s\" is for %d holders, not for %d; use \"bits\"",
                          found->name, found->holders_max, holders);
}

const syi_family_material *syi_family_get_material(syi_family of)
{
    const known *found = find(of);
    return found != NULL && found->run != NULL ? &found->material : NULL;
}

const syi_family_material *syi_family_material_of(syi_material_kind kind)
{
    for (unsigned k = 0; k < FAMILIES; k++) {
        const known *family = &families[k];
        if (family->run != NULL &&
            (family->material.sign == kind || family->material.equal == kind)) {
            return &family->material;
        }
    }
    return NULL;
}

sy_status syi_range_check(unsigned range, const syi_field *field, sy_error *err)
{
    const unsigned bits = syi_field_bits(field);
    return range == 0 || (range >= SYI_RANGE_LEAST && range < bits)
               ? SY_OK
               : syi_fail(err, SY_ERANGE,
                          "a comparison with a range of %u bits, %d to %d are possible", range,
                          SYI_RANGE_LEAST, (int)bits - 1);
}

sy_status syi_comparison_check(const syi_comparison *comparison, const syi_field *field,
                               int holders, sy_error *err)
{
    const unsigned bits = syi_field_bits(field);
    const bool shifts = comparison->outcome == SYI_OUTCOME_RELU_SHIFT;
    SY_TRY(syi_family_check(comparison->family, holders, err));
    if (bits < 3) {
        return syi_fail(
            err, SY_ENOTSUP,
            "comparisons need a field that is a power of two, 2^64 or 2^32 for example");
    }
    if (shifts ? comparison->shift < 1 || comparison->shift > bits - 2 : comparison->shift != 0) {
        return syi_fail(err, SY_ERANGE, "a comparison with a shift by %u, 1 to %u is possible",
                        comparison->shift, bits - 2);
    }
    const uint64_t quarter = syi_rounding_quarter(field);
    if (comparison->outcome == SYI_OUTCOME_RELU_DIVIDE
            ? comparison->divisor < 1 || comparison->divisor > quarter
            : comparison->divisor != 0) {
        return syi_fail(err, SY_ERANGE,
                        "a comparison with a division by %" PRIu64 ", 1 to %" PRIu64 " is possible",
                        comparison->divisor, quarter);
    }
    return syi_range_check(comparison->range, field, err);
}

/* What is asked for of a comparison, or (outcome NONE) of equality with zero. */
static sy_status run(const known *family, syi_party *party, const syi_comparison *comparison,
                     const syi_field *field, void *z, const void *x, uint64_t count, sy_error *err)
{
    const bool equal = comparison->outcome == SYI_OUTCOME_NONE;
    if (count == 0) {
        return SY_OK;
    }
    syi_demand demand = syi_party_demand(
        party, field, equal ? family->material.equal : family->material.sign, count);
    demand.outcome = equal ? SYI_OUTCOME_BIT : comparison->outcome;
    demand.shift = comparison->shift;
    demand.divisor = comparison->divisor;
    demand.range = comparison->range;
    if (comparison->range > 0) {
        const uint64_t half = UINT64_C(1) << (comparison->range - 1);
        SY_TRY(syi_spdz_check_range(party, field, x, count, half, 2 * half, "comparison", err));
    }
    SY_TRY(syi_party_ask(party, &demand, err)); /* which may find other material for it */
    return family->run(party, &demand, z, x, err);
}

sy_status syi_compare(syi_party *party, const syi_comparison *comparison, const syi_field *field,
                      void *z, const void *x, uint64_t count, sy_error *err)
{
    SY_TRY(syi_comparison_check(comparison, field, party->channel->holders, err));
    const known *family = find(comparison->family);
    return family->run != NULL ? run(family, party, comparison, field, z, x, count, err)
                               : family->compare(party, comparison, field, z, x, count, err);
}

sy_status syi_compare_zero(syi_party *party, syi_family of, unsigned range, const syi_field *field,
                           void *z, const void *x, uint64_t count, sy_error *err)
{
    const syi_comparison equality = {.family = of, .outcome = SYI_OUTCOME_NONE, .range = range};
    SY_TRY(syi_comparison_check(&equality, field, party->channel->holders, err));
    const known *family = find(of);
    return family->run != NULL ? run(family, party, &equality, field, z, x, count, err)
                               : family->equal(party, field, z, x, count, err);
}
