/*
 * spdz.h - programs that every holder of shared values runs: opening, products, squares, truncation and division by public
 * numbers. Source: docs/internals/party-programs.md; Damgard, Pastro, Smart, Zakarias, "Multiparty
 * computation from somewhat homomorphic encryption" (CRYPTO 2012) for products by triples (Beaver 1991); spec of the
 * originals: spdz_mul. Products are in product.c, divisions in truncation.c, what all are made of in exchange.h. Test:
 * spdz_test.c, truncation_test.c. Bench: spdz_bench.c.
 *
 * Adversary: as in material.h. Opened: x - a and y - b in products and squares, x + offset + r in truncation, with a, b and r
 * uniform and used for nothing else: the opened values are uniform and independent of x and y. Nothing branches on shares.
 *
 * A program is plain sequential code on this holder's shares; the other holders run the same one at the same time. Words are
 * contiguous elements of the field, aligned to their size; results may be operands unless said otherwise. On failure the
 * result's elements are of no use, and the operands are what they were. Scratch memory is wiped.
 */
#ifndef SYI_CRYPTO_SPDZ_H
#define SYI_CRYPTO_SPDZ_H

#include "crypto/channel.h"

/* One holder in one command. */
typedef struct syi_party {
    sy_context *context;
    syi_channel *channel;
    const syi_material *material;
    uint64_t sequence;
    uint32_t next_number; /* of items in this command */
    bool
        check_range; /* test mode: what is divided, or compared with a range, is opened, and fails beyond its bound */
    bool has_common;
    uint8_t common
        [SYI_SEED_SIZE]; /* of this command, the holders' own: snn.h. Who made the party wipes it */
} syi_party;

/*
 * The mask of an operand that is used again: opened once, for as long as the operand's words do not change. The words are
 * all of a storage; views of it share the mask. Owned by whoever owns the operand; a changed operand needs a new one, and so
 * does one that a command which failed has opened, as some holders may have it and others not.
 */
typedef struct syi_mask {
    syi_item item;
    uint8_t part;
    uint64_t words;
    void *opened; /* NULL: not yet; syi_mask_size bytes, syi_alloc_aligned, 64 */
    void *
        own; /* this holder's share of it, of the same size; NULL: is drawn when it is used again */
} syi_mask;
static inline size_t syi_mask_size(uint64_t words, const syi_field *field)
{
    return words > 0 ? words * field->width : 1;
}
void syi_mask_fini(sy_context *context, syi_mask *mask, const syi_field *field);

typedef struct syi_factor {
    const syi_array *share; /* any strides; int64, or int32 in Z_2^32 */
    /* NULL: masked for this product only. Otherwise, when nothing is opened yet, all `words` elements of the share's
     * storage are opened now and stay in the mask (also when the product fails later). */
    syi_mask *mask;
} syi_factor;

/* Everybody learns the values. 1 round, one element each way. */
sy_status syi_spdz_open(syi_party *party, const syi_field *field, void *values, const void *shares,
                        uint64_t count, sy_error *err);
/* z = Bil(x, y), contiguous; neither factor's words. 1 round; x's elements and y's, less what is opened already. Elementwise
 * products of factors of one shape without masks are streamed, tile by tile. */
sy_status syi_spdz_product(syi_party *party, const syi_field *field, const syi_bilinear *product,
                           void *z, const syi_factor *x, const syi_factor *y, sy_error *err);
/* z = x^2. 1 round, one element. */
sy_status syi_spdz_square(syi_party *party, const syi_field *field, void *z, const void *x,
                          uint64_t count, sy_error *err);
/*
 * z = x / 2^shift or x / divisor, for numbers read as signed, rounded down or up (up with the probability of the rest):
 * the result is off by less than 1, and exact for multiples. 1 round, one element. `shift`: 2^shift at most a quarter of the
 * modulus, which is a power of 2; 0 copies. Right for |x| below a quarter of the modulus (divide: from -O to modulus/2 - O
 * with O = divisor * floor(modulus / 4 / divisor)); beyond it the result is anything, and only check_range, a test mode that
 * reveals x to the holders, says so: SY_ERANGE.
 */
sy_status syi_spdz_shift(syi_party *party, const syi_field *field, void *z, const void *x,
                         uint64_t count, unsigned shift, sy_error *err);
sy_status syi_spdz_divide(syi_party *party, const syi_field *field, void *z, const void *x,
                          uint64_t count, uint64_t divisor, sy_error *err);
/* In the test mode: opens x, and fails where it is not at least -offset and below width - offset; SY_ERANGE, which names `what` and the element's
 * place. Otherwise nothing. */
sy_status syi_spdz_check_range(syi_party *party, const syi_field *field, const void *x,
                               uint64_t count, uint64_t offset, uint64_t width, const char *what,
                               sy_error *err);
/* Fresh shares of zero. No round. */
sy_status syi_spdz_zero(syi_party *party, const syi_field *field, void *z, uint64_t count,
                        sy_error *err);
/* This holder's shares of a fresh triple: a, b uniform, c = Bil(a, b). No round. */
sy_status syi_spdz_triple(syi_party *party, const syi_field *field, const syi_bilinear *product,
                          void *a, void *b, void *c, sy_error *err);

#endif
