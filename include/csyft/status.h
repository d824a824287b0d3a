/*
 * status.h - the outcome of every structural call, and the sentence that explains a failure.
 *
 * A function that can fail returns a sy_status and takes a nullable `sy_error *err` as its last
 * argument. On failure every OUT argument is NULL (or untouched for value types) and *err, when
 * given, holds the status, one sentence that names the object and the values, and, for failures
 * at another worker, that worker's id. There is no thread-local "last error".
 */
#ifndef CSYFT_STATUS_H
#define CSYFT_STATUS_H

#include <csyft/api.h>

SY_BEGIN_DECLS

/*
 * X(name, wire code, text). The wire code travels in ERROR frames and never changes; new codes are
 * appended. A peer that receives an unknown code reports SY_EREMOTE and keeps the sentence.
 */
#define SY_STATUS_MAP(X)                            \
    X(OK, 0, "success")                             \
    X(EINVAL, 1, "invalid argument")                \
    X(ENOMEM, 2, "out of memory")                   \
    X(ELIMIT, 3, "limit exceeded")                  \
    X(ENOTFOUND, 4, "not found")                    \
    X(EEXIST, 5, "already exists")                  \
    X(ESHAPE, 6, "shape mismatch")                  \
    X(EDTYPE, 7, "dtype mismatch")                  \
    X(EUNKNOWNOP, 8, "unknown operation")           \
    X(EFORBIDDEN, 9, "operation not allowed")       \
    X(EPERM, 10, "not permitted")                   \
    X(ECOLLOCATION, 11, "tensors not collocated")   \
    X(EPROTO, 12, "protocol error")                 \
    X(ETIMEDOUT, 13, "deadline exceeded")           \
    X(ECLOSED, 14, "connection closed")             \
    X(EBUSY, 15, "busy")                            \
    X(EIO, 16, "input/output error")                \
    X(ENOTSUP, 17, "not supported")                 \
    X(ERANGE, 18, "value out of range")             \
    X(ESIGNATURE, 19, "response signature differs") \
    X(ENOGRAD, 20, "no gradient")                   \
    X(EFORMAT, 21, "malformed data")                \
    X(EREMOTE, 22, "failure at a peer")             \
    X(ECANCELED, 23, "canceled")                    \
    X(EINDOUBT, 24, "outcome unknown")              \
    X(EEMPTY, 25, "crypto store is empty")

typedef enum sy_status {
#define SY_STATUS_ENUM(name, code, text) SY_##name = (code),
    SY_STATUS_MAP(SY_STATUS_ENUM)
#undef SY_STATUS_ENUM
} sy_status;

#define SY_ERROR_MESSAGE_SIZE 512
#define SY_ERROR_NAME_SIZE 72

/* A value; needs no release. Start with SY_ERROR_INIT. Strings are always terminated UTF-8. */
typedef struct sy_error {
    sy_status status;
    char message[SY_ERROR_MESSAGE_SIZE]; /* one sentence: what, which object, the values, the fix */
    char worker[SY_ERROR_NAME_SIZE];     /* the worker where it happened, "" when here */
    char object[SY_ERROR_NAME_SIZE];     /* the object (id, file, url) it is about, may be "" */
} sy_error;

#define SY_ERROR_INIT    \
    {                    \
        SY_OK, {0}, {0}, \
        {                \
            0            \
        }                \
    }

/* The constant's own name, e.g. "SY_ENOTFOUND"; "SY_?" for an unknown value. Static, any thread. */
SY_API const char *sy_status_name(sy_status status);

/* A short text, e.g. "not found". Static storage, any thread. */
SY_API const char *sy_status_text(sy_status status);

SY_END_DECLS

#endif
