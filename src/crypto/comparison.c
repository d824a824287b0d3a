#include "crypto/comparison.h"

#include <string.h>

#include "core/error.h"
#include "crypto/bits.h"
#include "crypto/snn.h"

const char *syi_family_name(syi_family family)
{
    return family == SYI_FAMILY_BITS ? "bits" : family == SYI_FAMILY_SNN ? "snn" : NULL;
}

bool syi_family_of_name(const char *name, syi_family *family)
{
    *family = SYI_FAMILY_DEFAULT;
    if (name == NULL || name[0] == '\0') {
        return true;
    }
    if (strcmp(name, "bits") == 0) {
        *family = SYI_FAMILY_BITS;
        return true;
    }
    if (strcmp(name, "snn") == 0) {
        *family = SYI_FAMILY_SNN;
        return true;
    }
    return false;
}

sy_status syi_comparison_check(const syi_comparison *comparison, const syi_field *field,
                               int holders, sy_error *err)
{
    const unsigned bits = syi_field_bits(field);
    const bool shifts = comparison->outcome == SYI_OUTCOME_RELU_SHIFT;
    if (comparison->family == SYI_FAMILY_SNN && holders != 2) {
        return syi_fail(err, SY_ENOTSUP, "SecureNN is for 2 holders, not %d", holders);
    }
    if (bits < 3) {
        return syi_fail(
            err, SY_ENOTSUP,
            "comparisons need a field that is a power of two, 2^64 or 2^32 for example");
    }
    if (shifts ? comparison->shift < 1 || comparison->shift > bits - 2 : comparison->shift != 0) {
        return syi_fail(err, SY_ERANGE, "a comparison with a shift by %u, 1 to %u is possible",
                        comparison->shift, bits - 2);
    }
    return SY_OK;
}

sy_status syi_compare(syi_party *party, const syi_comparison *comparison, const syi_field *field,
                      void *z, const void *x, uint64_t count, sy_error *err)
{
    SY_TRY(syi_comparison_check(comparison, field, party->channel->holders, err));
    if (comparison->family == SYI_FAMILY_SNN) {
        return syi_snn_compare(party, comparison, field, z, x, count, err);
    }
    return syi_bits_compare(party, comparison, field, z, x, count, err);
}

sy_status syi_compare_zero(syi_party *party, syi_family family, const syi_field *field, void *z,
                           const void *x, uint64_t count, sy_error *err)
{
    const syi_comparison comparison = {family, SYI_OUTCOME_BIT, 0};
    SY_TRY(syi_comparison_check(&comparison, field, party->channel->holders, err));
    if (family == SYI_FAMILY_SNN) {
        return syi_snn_equal(party, field, z, x, count, err);
    }
    return syi_bits_equal(party, field, z, x, count, err);
}
