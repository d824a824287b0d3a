/*
 * share.h - a holder's part of a shared value: a node over ring storage that knows which of the holders it belongs to. A
 * tensor with such a node is an ordinary object of its worker, so that plans run on it with the ordinary executor and
 * `FixedPrecision > share` is an ordinary chain. Linear operations are done here (share_linear.c); products, divisions and
 * what else needs the other holders are party programs (share_products.c), which run in joint commands only; whatever has
 * no row is refused, and never reaches the words. Tests: share_test.c (bytes), tests/integration/sharing*.c.
 */
#ifndef SYI_INTERPRETERS_SHARING_SHARE_H
#define SYI_INTERPRETERS_SHARING_SHARE_H

#include <csyft/operations.h>

#include "hook/scope.h"
#include "interpreters/sharing/bounds.h"
#include "interpreters/sharing/session.h"

#define SYI_CODE_SHARE 252

/* What all parts of a value have in common, and which one this is. Not changed; shared by nodes. */
typedef struct syi_kin {
    atomic_uint refs;
    sy_context *context;
    syi_field field;
    sy_id provider;
    int holders, index;
    sy_id ids[]; /* of the holders */
} syi_kin;
sy_status syi_kin_new(sy_context *context, syi_kin **kin, int holders, sy_error *err);
syi_kin *syi_kin_ref(syi_kin *kin);
void syi_kin_unref(syi_kin *kin);
/* Are these parts at one holder of values that the same holders share in one field? */
bool syi_kin_same(const syi_kin *a, const syi_kin *b);

/* Masks of one storage that stay opened (crypto/spdz.h, syi_mask), one per session that used it as a factor. Shared by all
 * nodes that view the storage. */
typedef struct syi_share_memo syi_share_memo;
syi_share_memo *syi_share_memo_ref(syi_share_memo *memo);
void syi_share_memo_unref(syi_share_memo *memo);

typedef struct syi_share {
    syi_node
        base; /* the child is native, of the field's dtype; NULL while only the seed is known, at the client */
    syi_kin *kin;
    syi_share_memo *memo;
    uint64_t
        divisor; /* 0, or a quotient that waits: the value is what the words are of, over this */
    syi_bounds bounds; /* of what the words are of; while their storage has that version */
    unsigned bounds_version;
    uint8_t seed[SYI_SEED_SIZE]; /* without child: the words are the stream of this */
    syi_array shape;             /* without child */
} syi_share;
extern const syi_interpreter syi_share_type;

static inline syi_share *syi_share_of(const syi_node *node)
{
    return node->type == &syi_share_type ? (syi_share *)(void *)node : NULL;
}
static inline sy_dtype syi_field_dtype(const syi_field *field)
{
    return field->width == 4 ? SY_DTYPE_I32 : SY_DTYPE_I64;
}

/* Takes the child when it succeeds; refs the kin and the memo (nullable). */
sy_status syi_share_new(sy_hook *hook, syi_node **node, syi_kin *kin, syi_node *child,
                        syi_share_memo *memo, sy_error *err);
/* Without words: for sending. */
sy_status syi_share_new_seeded(sy_hook *hook, syi_node **node, syi_kin *kin,
                               const uint8_t seed[SYI_SEED_SIZE], const syi_array *shape,
                               sy_error *err);
/* What is known of the numbers, of which this is a share; of a quotient that waits, of what is to be divided. After a write by somebody else
 * to the words nothing is. Setting says it of the words as they are now. */
syi_bounds syi_share_get_bounds(const syi_share *share);
void syi_share_set_bounds(syi_share *share, syi_bounds bounds);
/* The mask of the share's storage in this session as its words are now, made when there is none; *mask NULL: it is not
 * worth keeping (the share is a small part of its storage). Valid while the command runs. */
sy_status syi_share_mask(syi_share *share, const syi_sharing_session *session, syi_mask **mask,
                         sy_error *err);

/*
 * Quotients that wait. Inside a plan on shares a division by a public number is done where its result is used: a ReLU of it takes
 * the division along (crypto/comparison.h: no round and no byte of its own), and the pool of a quotient is that of what is divided,
 * which is a fraction of it. Whatever else uses one settles it first; so does leaving the plan. The command's holders do the same, as
 * each of them sees the same plan. A division that was made ahead is done at once, unless a ReLU that takes it along was made ahead,
 * too; so is every one where the range is checked.
 */
/* From here on in the joint command of that mode. */
void syi_share_defer(const syi_mode *mode);
/* Joint: a node whose quotient waits gets its words; nothing for others. */
sy_status syi_share_settle(syi_share *share, const syi_mode *mode, sy_error *err);
/* Other words for a node; SY_ENOMEM. */
sy_status syi_share_replace(syi_share *share, syi_node *child, sy_error *err);

sy_status syi_share_call(syi_call *call, sy_error *err);
sy_status syi_share_register(sy_hook *hook, sy_error *err);

#endif
