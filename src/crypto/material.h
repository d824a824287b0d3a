/*
 * material.h - correlated randomness: what it is called, where its streams are, and what the provider (the dealer) sends.
 * Source: docs/internals/party-programs.md. Test: material_test.c, spdz_test.c.
 *
 * Every holder shares a seed with the provider, for one session. An item of material is named by (session, sequence of the
 * command, number within it). It has parts; of each part a holder's share is either
 *   free     a stream of its own seed; nobody sends anything, and the provider adds up what they come to, or
 *   derived  a stream of its own seed as well, but for one holder, the corrected one, whose share the provider sends: the
 *            value minus all other shares.
 * Derived parts come in tiles of SYI_TILE elements, so that the corrected holder alternates: tile t of an item is corrected
 * at holder (sequence + number + t) mod holders. A stream's name is
 *   "csyft/1|" session (16 bytes) kind (1) sequence (8, little-endian) number (4) part (1)
 * so that no two parts of anything share a stream. No item is used for two openings, except that the mask of an operand
 * (a factor's part of PRODUCT) stays while the operand does: see syi_mask.
 *
 * Adversary: holders, all but one together, honest but curious; the provider, honest, colludes with nobody and does not see
 * what the holders send each other. A holder's view: its streams, and corrections, each of which lacks a stream it does not
 * know.
 */
#ifndef SYI_CRYPTO_MATERIAL_H
#define SYI_CRYPTO_MATERIAL_H

#include "crypto/bilinear.h"
#include "crypto/sharing.h"

#define SYI_TILE 65536 /* elements */
#define SYI_SHARING_SESSION_SIZE 16

/* Kinds of material; numbers are in stream names and messages. */
typedef enum syi_material_kind {
    SYI_MATERIAL_PRODUCT = 1, /* free a, b; derived c = Bil(a, b) */
    SYI_MATERIAL_SQUARE = 2,  /* free a; derived q = a^2 */
    SYI_MATERIAL_SHIFT = 3,   /* free r; derived u = r >> shift, v = msb(r) modulo 2^shift */
    SYI_MATERIAL_DIVIDE = 4,  /* free r; derived u0 = floor(r/d), u1 = floor(signed(r)/d) */
    SYI_MATERIAL_ZERO = 5,    /* derived 0 */
    /* Of comparisons: what they consist of, and their streams, are said in the family's header. */
    SYI_MATERIAL_BITS_SIGN = 6, /* bits.h, levels.h */
    SYI_MATERIAL_BITS_EQUAL = 7,
    SYI_MATERIAL_FSS_SIGN = 8, /* fss.h */
    SYI_MATERIAL_FSS_EQUAL = 9,
    /* Of SecureNN, made with what holders report. */
    SYI_MATERIAL_SNN_COMPARE = 10, /* snn.h */
    SYI_MATERIAL_SNN_MSB = 11,
    SYI_MATERIAL_SNN_CONVERT = 12,
    SYI_MATERIAL_SNN_ONE_HOT = 13,
    SYI_MATERIAL_CARRY_SIGN = 14, /* carry.h */
    SYI_MATERIAL_CARRY_EQUAL = 15,
} syi_material_kind;
#define SYI_MATERIAL_LAST SYI_MATERIAL_CARRY_EQUAL

/* What a comparison gives, with b = [x < 0] (comparison.h); numbers are in messages. */
typedef enum syi_outcome {
    SYI_OUTCOME_NONE = 0,        /* no comparison */
    SYI_OUTCOME_BIT = 1,         /* 1 - b; of equality [x = 0] */
    SYI_OUTCOME_RELU = 2,        /* (1 - b) x */
    SYI_OUTCOME_RELU_SHIFT = 3,  /* (1 - b) (x / 2^shift) */
    SYI_OUTCOME_RELU_DIVIDE = 4, /* (1 - b) (x / divisor) */
} syi_outcome;
#define SYI_OUTCOME_LAST SYI_OUTCOME_RELU_DIVIDE

typedef struct syi_item {
    uint64_t sequence; /* of the command; from SYI_ITEM_AHEAD on: made ahead, a number of its own */
    uint32_t number;   /* within the command */
} syi_item;
#define SYI_ITEM_AHEAD (UINT64_C(1) << 63)
static inline bool syi_item_same(const syi_item *a, const syi_item *b)
{
    return a->sequence == b->sequence && a->number == b->number;
}

/* Where the mask of a factor is: part `part` of a PRODUCT item, `words` long, seen through a view. */
typedef struct syi_operand {
    syi_item item;
    uint8_t part; /* SYI_PART_A or _B */
    uint64_t words;
    int64_t offset;
    int64_t strides[SY_DIM_MAX]; /* of the product's x or y */
} syi_operand;
enum { SYI_PART_A = 0, SYI_PART_B = 1, SYI_PART_C = 2, SYI_PART_V = 3 };

/* What holders want the provider to deal. */
typedef struct syi_demand {
    syi_material_kind kind;
    syi_item item;
    syi_field field;
    uint64_t count;       /* elements of the result */
    unsigned shift;       /* SHIFT, RELU_SHIFT: 1 to k - 2; SNN_COMPARE: bits, 1 to 64 */
    uint64_t divisor;     /* DIVIDE, RELU_DIVIDE: 1 to a quarter of the modulus */
    syi_outcome outcome;  /* of comparisons */
    unsigned range;       /* of comparisons: 0, or what syi_comparison says */
    syi_bilinear product; /* PRODUCT */
    syi_operand x, y;     /* PRODUCT */
} syi_demand;

/* Bits of a number that a comparison looks at: its range, else all of the modulus. */
static inline unsigned syi_demand_bits(const syi_demand *demand)
{
    return demand->range != 0 ? demand->range : syi_field_bits(&demand->field);
}
/* The mask of a factor of this shape that is masked for one product only: as many words as it has elements. */
syi_operand syi_operand_of(const syi_item *item, unsigned part, const syi_array *shape);
/* Gives the demand other material than its own: the item, and that of operands whose mask is the item's. */
void syi_demand_rename(syi_demand *demand, const syi_item *item);
/* For messages: at most SYI_DEMAND_BYTES. Reading checks everything: no part, operand or shape has more than `elements_max`
 * elements, no product takes more than square matrices of as many do, and views lie in their words. SY_EFORMAT, SY_ELIMIT, SY_ERANGE, SY_ESHAPE. demand.c */
#define SYI_DEMAND_BYTES 4096
void syi_demand_write(const syi_demand *demand, syi_buffer *out);
sy_status syi_demand_read(syi_demand *demand, const uint8_t *bytes, size_t size,
                          uint64_t elements_max, sy_error *err);

/* One holder's material in a session. */
typedef struct syi_material {
    sy_context *context;
    uint8_t session[SYI_SHARING_SESSION_SIZE];
    uint8_t seed[SYI_SEED_SIZE];
    int holders, index;
} syi_material;

static inline bool syi_material_is_comparison(syi_material_kind kind)
{
    return (kind >= SYI_MATERIAL_BITS_SIGN && kind <= SYI_MATERIAL_FSS_EQUAL) ||
           kind == SYI_MATERIAL_CARRY_SIGN || kind == SYI_MATERIAL_CARRY_EQUAL;
}
/* Does the provider hear holders while it deals it? Such is never made ahead. */
static inline bool syi_material_is_interactive(syi_material_kind kind)
{
    return kind >= SYI_MATERIAL_SNN_COMPARE && kind <= SYI_MATERIAL_SNN_ONE_HOT;
}
/* Which holder's share of a tile the provider sends. (Keys of FSS go to both.) */
static inline int syi_material_corrected(const syi_item *item, uint64_t tile, int holders)
{
    return (int)((item->sequence + item->number + tile) % (uint64_t)holders);
}
/* Opens the stream of a seed. */
sy_status syi_stream_open(syi_generator *generator, const uint8_t session[SYI_SHARING_SESSION_SIZE],
                          const uint8_t seed[SYI_SEED_SIZE], syi_material_kind kind,
                          const syi_item *item, unsigned part, sy_error *err);
/* Opens a part's stream of this holder. */
sy_status syi_material_open(const syi_material *material, syi_generator *generator,
                            syi_material_kind kind, const syi_item *item, unsigned part,
                            sy_error *err);
/* Bytes of a derived part's element in a message and in a stream: the field's width, but for SHIFT's v (part V): as many
 * bytes as hold `shift` bits. */
size_t syi_material_element(const syi_demand *demand, unsigned part);
/* Derived parts of a kind: C, or C and V. */
unsigned syi_material_derived(syi_material_kind kind);
/* Tiles of a demand, where one begins, elements of it, and bytes of the provider's message about it. */
size_t syi_material_span(const syi_demand *demand); /* elements of every tile but the last */
uint64_t syi_material_tiles(const syi_demand *demand);
size_t syi_material_tile(const syi_demand *demand, uint64_t tile);
size_t syi_material_message(const syi_demand *demand, uint64_t tile);

/*
 * The next that a holder reports about the item: waits for it. Exactly `size` bytes, else SY_EPROTO; borrowed until the holder is
 * heard again, and may be written. Failures name the holder.
 */
typedef sy_status (*syi_hear_fn)(void *user, int holder, const syi_item *item, void **bytes,
                                 size_t size, sy_error *err);

/* Says in front of the failure which holder is to blame for it; the status. */
typedef sy_status (*syi_blame_fn)(void *user, int holder, sy_status status, sy_error *err);

typedef struct syi_kept_masks syi_kept_masks; /* kept_masks.h */

/* The provider's side: every holder's seed. */
typedef struct syi_dealer {
    sy_context *context;
    uint8_t session[SYI_SHARING_SESSION_SIZE];
    uint8_t seeds[SYI_HOLDERS_MAX][SYI_SEED_SIZE];
    int holders;
    syi_hear_fn
        hear; /* with the user of syi_give_fn; NULL: nobody is heard, and nothing interactive dealt: SY_ENOTSUP */
    syi_blame_fn blame; /* with the same user; NULL: holders have no names but their numbers */
    syi_kept_masks
        *kept; /* borrowed; NULL: no masks are kept. With it, one thread deals at a time. */
} syi_dealer;

/*
 * Deals (dealer.c): for every tile, in order, one message to its corrected holder: all derived parts of the tile, one after the other
 * (interactive kinds: snn.h). `give` gets bytes that are its own until it returns. SY_ENOMEM, SY_EIO, what give returns. One thread per call; a dealer
 * may be used by several. Scratch memory is wiped.
 */
typedef sy_status (*syi_give_fn)(void *user, int holder, const syi_item *item, const void *bytes,
                                 size_t size, sy_error *err);
sy_status syi_deal(const syi_dealer *dealer, const syi_demand *demand, syi_give_fn give, void *user,
                   sy_error *err);

#endif
