/*
 * array.h - n-dimensional arrays: dtype, shape, strides over shared storage. No chain, no hook.
 *
 * A syi_array is a value that owns one reference to its storage; syi_array_fini drops it. Several
 * arrays may view one storage. Strides count elements and may be 0 (expanded) or negative never.
 * Test: array_test.c, storage_test.c.
 */
#ifndef SYI_ARRAYS_ARRAY_H
#define SYI_ARRAYS_ARRAY_H

#include <csyft/value.h>

#include "core/error.h"
#include "core/memory.h"

#define SYI_STORAGE_ALIGNMENT 64

/* Bytes with an owner count. Charged to an account from birth to death. */
typedef struct syi_storage {
    atomic_uint refs;
    bool secret;         /* wiped on release; what an operation makes from it is secret too */
    uint8_t lead;        /* storage.c's: bytes of the allocation before this header */
    atomic_uint version; /* counts in-place writes; the tape compares it */
    atomic_bool
        private_; /* an in-place write brought private contents here: every view is private */
    sy_context *context;
    syi_account *account;        /* nullable */
    size_t size;                 /* bytes at data */
    uint8_t *data;               /* 64-byte aligned when allocated here */
    void (*release)(void *user); /* imported memory: called once, instead of freeing data */
    void *release_user;
} syi_storage;

/* Uninitialised bytes. SY_ELIMIT from the account, SY_ENOMEM. The account must outlive the storage. */
sy_status syi_storage_new(sy_context *context, syi_storage **storage, size_t size,
                          syi_account *account, sy_error *err);
/* Wraps foreign memory; `release(user)` is called when the last reference goes (not on failure). */
sy_status syi_storage_wrap(sy_context *context, syi_storage **storage, void *data, size_t size,
                           void (*release)(void *user), void *user, sy_error *err);
syi_storage *syi_storage_ref(syi_storage *storage);
void syi_storage_unref(syi_storage *storage);

typedef struct syi_array {
    syi_storage *storage; /* NULL: a shape only, as shape rules use it */
    sy_dtype dtype;
    int ndim;       /* 0..SY_DIM_MAX */
    int64_t offset; /* elements from storage->data */
    int64_t shape[SY_DIM_MAX];
    int64_t strides[SY_DIM_MAX]; /* elements */
} syi_array;

#define SYI_ARRAY_INIT \
    {                  \
        0              \
    }

/* A shape without storage, contiguous strides. SY_ESHAPE: negative dim, more than SY_DIM_MAX dims,
 * element count or byte count above INT64_MAX. */
sy_status syi_array_describe(syi_array *array, sy_dtype dtype, int ndim, const int64_t *shape,
                             sy_error *err);
/* Contiguous, uninitialised. */
sy_status syi_array_new(sy_context *context, syi_array *array, sy_dtype dtype, int ndim,
                        const int64_t *shape, syi_account *account, sy_error *err);
/* New reference to the same storage. */
void syi_array_copy_view(syi_array *array, const syi_array *from);
/* Drops the storage reference, leaves a zeroed array. */
void syi_array_fini(syi_array *array);

int64_t syi_array_numel(const syi_array *array); /* product of the shape; 1 for 0-dim */
size_t syi_array_bytes(const syi_array *array);  /* numel * element size */
bool syi_array_is_contiguous(const syi_array *array);
bool syi_array_same_shape(const syi_array *a, const syi_array *b);
/* Any two elements may share an address (stride 0 with size > 1, overlapping strides). */
bool syi_array_has_internal_overlap(const syi_array *array);
/* First element. */
void *syi_array_data(const syi_array *array);
/* Do the bytes [first, last] of the two arrays intersect? */
bool syi_array_overlaps(const syi_array *a, const syi_array *b);

/* Views: out shares storage (when there is one) and is built even for a shape-only array. `dim` may be
 * negative. All: SY_ESHAPE / SY_ERANGE with dims in the sentence; on failure *out is zeroed. */
sy_status syi_array_view(syi_array *out, const syi_array *in, int ndim, const int64_t *shape,
                         sy_error *err); /* one -1 allowed; SY_ESHAPE when strides do not permit */
sy_status syi_array_transpose(syi_array *out, const syi_array *in, int dim0, int dim1,
                              sy_error *err);
sy_status syi_array_permute(syi_array *out, const syi_array *in, const int64_t *dims, int ndim,
                            sy_error *err);
sy_status syi_array_select(syi_array *out, const syi_array *in, int dim, int64_t index,
                           sy_error *err); /* negative index counts from the end */
/* PyTorch/Python slice: start/stop clamped, negative from the end, SY_SLICE_OPEN; step >= 1 */
sy_status syi_array_slice(syi_array *out, const syi_array *in, int dim, int64_t start, int64_t stop,
                          int64_t step, sy_error *err);
sy_status syi_array_expand(syi_array *out, const syi_array *in, int ndim, const int64_t *shape,
                           sy_error *err); /* -1 keeps a dim */
sy_status syi_array_squeeze(syi_array *out, const syi_array *in, int dim, bool all, sy_error *err);
sy_status syi_array_unsqueeze(syi_array *out, const syi_array *in, int dim, sy_error *err);
/* The elements [.., i, .., i + offset, ..] of dims dim1 and dim2, which become one last dim. windows.c */
sy_status syi_array_diagonal(syi_array *out, const syi_array *in, int64_t offset, int64_t dim1,
                             int64_t dim2, sy_error *err);
/* All windows of `size` elements along dim, `step` apart; the window becomes a last dim. windows.c */
sy_status syi_array_unfold(syi_array *out, const syi_array *in, int64_t dim, int64_t size,
                           int64_t step, sy_error *err);

/* Shape arithmetic shared by shape rules and kernels. */
/* PyTorch broadcasting of two shapes; SY_ESHAPE "3x4 and 5x2 do not broadcast". */
sy_status syi_shape_broadcast(int *ndim, int64_t *shape, int a_ndim, const int64_t *a, int b_ndim,
                              const int64_t *b, sy_error *err);
/* 0 <= result < ndim (ndim 0 counts as 1); SY_ERANGE names dim and ndim. */
sy_status syi_dim_wrap(int *wrapped, int64_t dim, int ndim, sy_error *err);
/* "3x4", "scalar" for 0-dim; returns buffer (64 bytes are enough for messages). */
const char *syi_shape_format(int ndim, const int64_t *shape, char *buffer, size_t size);

/* Copies elements with conversion of dtype; shapes equal; any strides; regions must not overlap
 * partially. Float to integer truncates toward zero (out of range: as C's saturating cast), NaN to
 * integer is 0, to bool is true; anything nonzero to bool is true. */
void syi_array_assign(const syi_array *to, const syi_array *from);
/* A contiguous copy (also when it is contiguous already). */
sy_status syi_array_clone(sy_context *context, syi_array *out, const syi_array *in,
                          syi_account *account, sy_error *err);

/* One element by flat row-major index, converted. For text, tests and item(); not for loops. */
double syi_array_get_double(const syi_array *array, int64_t flat);
int64_t syi_array_get_int(const syi_array *array, int64_t flat);
void syi_array_set_double(const syi_array *array, int64_t flat, double value);
void syi_array_set_int(const syi_array *array, int64_t flat, int64_t value);

/* By the name itself, without prefixes and other names; it need not be terminated. */
bool syi_dtype_find(const char *name, size_t length, sy_dtype *dtype);

/* Dtype promotion (PyTorch's torch.promote_types). */
sy_dtype syi_dtype_promote(sy_dtype a, sy_dtype b);

#endif
