/*
 * sharing.h - additive secret sharing: values that several workers hold in shares and compute on, while none of them sees
 * anything (PySyft: AdditiveSharingTensor, SPDZ).
 *
 *     sy_tensor_fix_precision(x, &fixed, NULL, err);
 *     sy_tensor_share(fixed, &shared, holders, 2, provider, err);
 *     y = sy_matmul(s, shared, w);                      two shared factors: the holders talk to each other
 *     sy_tensor_get(y, &fixed, err);                    shares come here, and add up
 *
 * A shared tensor holds integers of a field (2^64 if nothing else is said); over it, a fixed precision node makes reals of
 * them. Its chain ends in one pointer per holder. An operation goes as one message to each holder; what needs the other
 * holders (products of shared values, divisions) they do among each other, with material from the crypto provider, which is
 * no holder. Who may learn what: SECURITY.md. How it works: docs/internals/sharing.md. Guide: docs/guide/sharing.md.
 *
 * Adversary: holders that are honest but curious, all but one of them together; a provider that is honest, colludes with
 * nobody and does not see what the holders send each other.
 *
 * What another operand is. Shared with the same holders in the same field: as it is. A tensor or number that is here: in
 * add, sub, cat, stack and copy_ it is shared with the command, and the holders do not learn it; so is a tensor, but not a number,
 * that values are compared with. In products, divisions and as an index it is public, and they do. A multi-pointer to the same holders is public, too. Floats are refused: use
 * fix_precision.
 *
 * Errors: an operation that has no form for shares is refused by name (SY_ENOTSUP), never run on the shares. When a party
 * dies, stalls or sends nonsense, the operation fails everywhere with a sentence that names it, and all shares stay what
 * they were; the next operation makes a new session. Numbers out of the range that an operation states give wrong results
 * that nobody can see: products need |x y| (times the length of a sum) below a quarter of the field where a division
 * follows, as in fixed precision.
 *
 * Threads: as for other tensors; shared tensors of one group of holders take turns at the holders.
 */
#ifndef CSYFT_SHARING_H
#define CSYFT_SHARING_H

#include <csyft/multi_pointer.h>
#include <csyft/precision.h>

SY_BEGIN_DECLS

typedef struct sy_share_options {
    size_t size;
    sy_worker *crypto_provider; /* NULL: the hook's local worker */
    sy_precision_dtype dtype;   /* LONG: 2^64; INT: 2^32; CUSTOM: `field` */
    uint64_t field; /* CUSTOM: 4 or more, else 0. A fixed precision tensor's own counts */
    /* How values are compared. NULL or "auto": for each comparison the fastest of "bits" and "fss", by what was made ahead, how many
     * numbers there are and how long a message takes between the holders, which is measured (docs/guide/sharing.md);
     * sy_sharing_get_cost says what was chosen. By name: "bits" (any number of holders, 4 rounds, little material), "fss" (2 holders, 2 rounds, 0.9 kB of
     * material per element: for far links, with material made ahead), "snn" (SecureNN: 2 holders, 9 rounds, the provider takes part), or "carry"
     * (any number of holders, 8 rounds: from plain products of bits, an answer that shares nothing with "bits" but r). Values of different protocols do not mix. */
    const char *protocol;
    /* Bits: the client says that every integer shared is below 2^(range - 1) in magnitude, so that comparisons of it, and of what is made of it,
     * look at fewer bits and cost less; 2 to one less than the field's. Of fixed precision the scaled integers are meant: 1.5 with three decimals is 1500, which
     * takes 12 bits. The holders learn the range, but no value. 0: the range of the dtype, where it has less bits than the field (bool, uint8, int8,
     * int16, int32), else none. */
    unsigned range;
} sy_share_options;
#define SY_SHARE_OPTIONS_INIT            \
    {                                    \
        .size = sizeof(sy_share_options) \
    }

/*
 * Shares a tensor of integers, or one of fixed precision (its child is shared, and stays under it), among 2 to 64 distinct
 * workers: all but the last are sent a seed of 32 bytes. A pointer: its worker shares what it points to, and *shared points
 * there. SY_EINVAL for the number of workers, one twice, a provider among them, an unknown protocol; SY_ENOTSUP for one that is
 * not for so many workers; SY_EDTYPE for floats; SY_ERANGE for integers
 * that the field does not hold, or that are beyond the range, and for a range that is none; SY_ENOTSUP for one in a field that is no power of two; SY_EPERM for private contents; what sending gives. On failure nothing stays anywhere.
 */
SY_API sy_status sy_tensor_share(sy_tensor *tensor, sy_tensor **shared, sy_worker *const *owners,
                                 size_t count, sy_worker *crypto_provider, sy_error *err);
SY_API sy_status sy_tensor_share_with(sy_tensor *tensor, sy_tensor **shared,
                                      sy_worker *const *owners, size_t count,
                                      const sy_share_options *options, sy_error *err);
/* In place: the handle keeps its id and tags. Unchanged on failure. */
SY_API sy_status sy_tensor_share_(sy_tensor *tensor, sy_worker *const *owners, size_t count,
                                  sy_worker *crypto_provider, sy_error *err);
SY_API sy_status sy_tensor_share_with_(sy_tensor *tensor, sy_worker *const *owners, size_t count,
                                       const sy_share_options *options, sy_error *err);

/* AdditiveSharingTensor(shares): one handle for shares that are there already: pointers to integers at distinct workers. They
 * become the holders' shares of a value. options nullable. SY_EINVAL, SY_ESHAPE, SY_EDTYPE. */
SY_API sy_status sy_additive_shared_new(sy_tensor **shared, sy_tensor *const *pointers,
                                        size_t count, const sy_share_options *options,
                                        sy_error *err);

/* Is it shared, itself or below other nodes? The functions below look there, too. */
SY_API bool sy_tensor_is_shared(const sy_tensor *tensor);
/* locations, in the order of sharing; 0 and NULL for anything else. */
SY_API size_t sy_shared_get_holder_count(const sy_tensor *tensor);
SY_API sy_worker *sy_shared_get_holder(const sy_tensor *tensor, size_t index);
SY_API sy_worker *sy_shared_get_provider(const sy_tensor *tensor);
/* get_class_attributes: provider, field and the protocol by its name (static); n_bits is the field's size in bits, rounded. SY_EINVAL when it is not shared. */
SY_API sy_status sy_shared_get_attributes(const sy_tensor *tensor, sy_share_options *options,
                                          int *n_bits, sy_error *err);
/* A pointer to one holder's share; no second owner. */
SY_API sy_status sy_shared_get_child(sy_tensor *tensor, sy_tensor **child, size_t index,
                                     sy_error *err);

/* The value from the registries of virtual workers, without a message and without removing the shares. SY_ENOTSUP
 * otherwise. sy_tensor_get brings and removes all shares, or none; sy_tensor_copy_get leaves them. */
SY_API sy_status sy_shared_virtual_get(sy_tensor *tensor, sy_tensor **value, sy_error *err);
/* Every holder learns the value, which is for masked values only: a multi-pointer to it. The shares stay. */
SY_API sy_status sy_shared_reconstruct(sy_tensor *tensor, sy_tensor **values, sy_error *err);
/* Fresh shares of zeros in the shape, and of the same value. */
SY_API sy_status sy_shared_zero(sy_tensor *tensor, sy_tensor **zero, sy_error *err);
SY_API sy_status sy_shared_refresh(sy_tensor *tensor, sy_tensor **fresh, sy_error *err);

/*
 * positive: 1 where the value is not negative, else 0; of fixed precision as reals. SY_ENOTSUP in a field that is no power of two.
 *
 * By name, or by their functions in operations.h, shared values also answer: gt, ge, lt, le, eq, ne (0 and 1), relu, abs, sign, maximum,
 * minimum, clamp, max, min, amax, amin, argmax, argmin (any dims; of equal elements the first), sort, argsort, topk (equal elements stay in their order;
 * of m elements magnitudes below a quarter of the field over m, rounded up to a power of 2), max_pool2d, avg_pool2d, where (also
 * by a shared condition of 0 and 1), floor_divide and remainder by public numbers (exact), div by shared ones (toward zero; quotient
 * and divisor below 2^31 in 2^64). What is compared must be below a quarter of the field in magnitude; relu and positive take everything.
 */
SY_API sy_status sy_shared_positive(sy_tensor *tensor, sy_tensor **bits, sy_error *err);

/*
 * generate_shares: splits a native tensor of integers into `count` that add up to it in the field (options nullable; 1 share
 * is refused as the reference does). Nothing is sent. shares[0..count) are the caller's.
 */
SY_API sy_status sy_generate_shares(sy_tensor *secret, sy_tensor **shares, size_t count,
                                    const sy_share_options *options, sy_error *err);

/*
 * generate_triple(cmd, field, a_size, b_size, locations) of a worker, as crypto provider: shared a and b, uniform, and
 * c = cmd(a, b), in the field. cmd: "mul", "matmul", "conv2d" or an einsum equation of two operands. triple[0..3) are the
 * caller's. options->crypto_provider is not looked at. SY_EINVAL for an unknown cmd, SY_ESHAPE.
 */
SY_API sy_status sy_worker_generate_triple(sy_worker *provider, sy_tensor *triple[3],
                                           const char *cmd, int a_ndim, const int64_t *a_size,
                                           int b_ndim, const int64_t *b_size,
                                           sy_worker *const *locations, size_t count,
                                           const sy_share_options *options, sy_error *err);
/* spdz_mul(cmd, x, y): a product by a triple, cmd as above. */
SY_API sy_status sy_spdz_mul(const char *cmd, sy_tensor *x, sy_tensor *y, sy_tensor **product,
                             sy_error *err);

/*
 * The crypto store: material made ahead, for a group of holders and their provider. provide_primitives makes `count`
 * instances for products of that cmd and these shapes ("square", "truncation" by `divisor` with the shape of a: see
 * sy_primitive). Every instance is used once; operations that find one use it, others ask the provider. A comparison of numbers with
 * a range takes one of the same range, else one for any numbers.
 */
typedef struct sy_primitive {
    size_t size;
    const char *
        op; /* "mul", "matmul", "conv2d", an equation, "square", "division", "zero", "comparison", "relu", "equality" */
    int a_ndim, b_ndim;
    const int64_t *a_shape, *b_shape;
    int64_t
        divisor; /* of divisions: 1000 for fixed precision of 3 decimals; of a relu that takes one along, or 0 */
    sy_precision_dtype dtype;
    uint64_t field; /* of CUSTOM */
    const char *
        protocol; /* of the values that will use it, as in sy_share_options; "auto": the faster material is made */
    unsigned
        range; /* of comparisons, relu and equality: bits of what is compared, which is one more than x and y have for x - y. 0: for any numbers */
} sy_primitive;
#define SY_PRIMITIVE_INIT            \
    {                                \
        .size = sizeof(sy_primitive) \
    }
SY_API sy_status sy_provide_primitives(const sy_primitive *primitive, size_t count,
                                       sy_worker *const *holders, size_t holder_count,
                                       sy_worker *crypto_provider, sy_error *err);
/* force_preprocessing: what is not in the store fails with SY_EEMPTY, which says what was needed. */
SY_API sy_status sy_force_preprocessing(bool force, sy_worker *const *holders, size_t holder_count,
                                        sy_worker *crypto_provider, sy_error *err);

/*
 * Test mode of all workers of a hook, to be set at every holder or at none: each division of shared values opens what it
 * divides to the holders, and fails with SY_ERANGE where that is beyond a quarter of the field, so that the result would mean
 * nothing; and so does each comparison of numbers that have a range, where they are beyond it. It gives the values away: never with data that count. Off at first; no peer can switch it on.
 */
SY_API void sy_hook_check_shared_range(sy_hook *hook, bool check);

/* What the joint operations of a group have cost one holder so far, in its present sessions (one for each protocol). Payloads, without framing. */
typedef struct sy_sharing_cost {
    uint64_t rounds;
    uint64_t bytes_sent;       /* to each other holder */
    uint64_t bytes_received;   /* from all other holders */
    uint64_t bytes_dealt;      /* from the provider */
    uint64_t bytes_reported;   /* to the provider: masked numbers of comparisons by protocol snn */
    uint64_t primitives_made;  /* ahead */
    uint64_t primitives_taken; /* of these */
    uint64_t compared_bits, compared_fss, compared_snn,
        compared_carry; /* numbers, by the protocol that compared them */
    uint64_t
        round_trip_us; /* between two holders, as protocol "auto" measured it when its session began; else 0 */
} sy_sharing_cost;
SY_API sy_status sy_sharing_get_cost(sy_worker *const *holders, size_t holder_count,
                                     sy_worker *crypto_provider, size_t holder,
                                     sy_sharing_cost *cost, sy_error *err);

SY_END_DECLS

#endif
