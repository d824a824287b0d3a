/*
 * comparison.h - comparing shared numbers, by families of protocols that all give the same: shares of 1 - b, of (1 - b) x, or
 * of (1 - b) (x / 2^shift) or (1 - b) (x / divisor), with b = [x < 0], numbers read as signed. Everything else (x < y, max, abs, clamps) is made of
 * these by whoever calls. Source: docs/internals/comparison.md. Test: comparison_test.c, which runs every family.
 *
 * Adversary: as in material.h. Opened are x + r and bits xor'ed with bits that are used for nothing else: uniform, and
 * independent of x.
 *
 * As in spdz.h: plain sequential code on this holder's contiguous shares, the other holders run the same; z may be x. Moduli
 * are powers of 2: 2^64, 2^32 or 2^k in words of 8 bytes, k from 3 on; others are refused with SY_ENOTSUP. Right for every x
 * where the outcome is no quotient (the least number included); RELU_SHIFT and RELU_DIVIDE: for x in the range of syi_spdz_shift
 * and syi_spdz_divide, and the quotient is rounded down or up as there, never negative.
 *
 * Range: who knows that every x is at least -2^(t-1) and less than 2^(t-1) says t, and then t bits are looked at instead of k, for less material and
 * fewer bytes; X is x + r in all k bits as ever. For another x the outcome means nothing, and nothing shows it; what is opened is uniform all
 * the same. SecureNN works on all k bits and takes no notice.
 */
#ifndef SYI_CRYPTO_COMPARISON_H
#define SYI_CRYPTO_COMPARISON_H

#include "crypto/spdz.h"

/* Numbers are in messages. */
typedef enum syi_family {
    SYI_FAMILY_AUTO = 0, /* whoever runs comparisons chooses for each (syi_family_fastest) */
    SYI_FAMILY_BITS =
        1, /* masked bits in radix 4 (bits.h): any number of holders; 4 rounds, 13 bytes */
    SYI_FAMILY_FSS =
        2, /* function secret sharing (fss.h): 2 holders; 2 rounds, 8.2 bytes, and keys of 0.9 kB */
    SYI_FAMILY_SNN =
        3, /* SecureNN (snn.h): 2 holders, a provider who takes part; 9 rounds, 40 bytes and more with the provider */
    SYI_FAMILY_CARRY =
        4, /* a tree of carries (carry.h): any number of holders, from plain AND triples; 8 rounds, 31 bytes */
} syi_family;
#define SYI_FAMILIES 5

/* "auto", "bits", "fss", "snn", "carry"; and back: false for a name that no family has. NULL or "" is "auto". */
const char *syi_family_name(syi_family family);
bool syi_family_of_name(const char *name, syi_family *family);

/*
 * The fastest family for so many numbers of so many bits at once (the field's, or of a range; 0 where nothing is compared), where a message and its answer take `round_trip_us` between the holders: BITS or FSS.
 * `ahead`: for material that is made before it is needed; otherwise it has to come, at a rate of 100 Mbit/s at least. In whole numbers,
 * so that all holders come to the same. 0 us, not known: BITS. Source: docs/internals/comparison.md, what each takes on a network.
 */
syi_family syi_family_fastest(unsigned bits, int holders, uint64_t count, uint64_t round_trip_us,
                              bool ahead);
/* Is it for so many holders? SY_ENOTSUP; also for a number that no family has. */
sy_status syi_family_check(syi_family family, int holders, sy_error *err);

/* What the provider deals to a family, in messages about tiles. */
typedef struct syi_family_material {
    syi_material_kind sign, equal;
    size_t tile; /* elements */
    /* Bytes of the message about a tile to its corrected holder. */
    size_t (*message)(const syi_demand *demand, size_t count);
    sy_status (*deal)(const syi_dealer *dealer, const syi_demand *demand, syi_give_fn give,
                      void *user, sy_error *err);
} syi_family_material;

/* NULL where what is dealt is not a family's alone: SecureNN's, which its programs ask for one by one. */
const syi_family_material *syi_family_get_material(syi_family family);
/* Of a kind: NULL for those that are no comparisons. */
const syi_family_material *syi_family_material_of(syi_material_kind kind);

#define SYI_RANGE_LEAST 2 /* -2 to 1 */

typedef struct syi_comparison {
    syi_family family;
    syi_outcome outcome; /* not NONE */
    unsigned shift;      /* RELU_SHIFT: 1 to k - 2; else 0 */
    uint64_t divisor;    /* RELU_DIVIDE: 1 to a quarter of the modulus; else 0 */
    unsigned range;      /* 0: x is any number; else t as above, SYI_RANGE_LEAST to k - 1 */
} syi_comparison;

/* SY_ERANGE: it is none of such a field. */
sy_status syi_range_check(unsigned range, const syi_field *field, sy_error *err);
/* Is there such a comparison for so many holders? SY_ENOTSUP, with what is possible; SY_ERANGE for shift, divisor and range. */
sy_status syi_comparison_check(const syi_comparison *comparison, const syi_field *field,
                               int holders, sy_error *err);
/* z = the outcome for x; AUTO is BITS here. Rounds modulo 2^64: bits 4, fss 2, carry 8, snn 9, 10 and 11 of BIT, RELU and RELU_SHIFT. */
sy_status syi_compare(syi_party *party, const syi_comparison *comparison, const syi_field *field,
                      void *z, const void *x, uint64_t count, sy_error *err);
/* z = [x = 0], for x of the range, 0 or as above. Rounds modulo 2^64: bits 4, fss 2, carry 8, snn 10. */
sy_status syi_compare_zero(syi_party *party, syi_family family, unsigned range,
                           const syi_field *field, void *z, const void *x, uint64_t count,
                           sy_error *err);

#endif
