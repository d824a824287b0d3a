/*
 * error.h - making and passing on failures. Core room; included by every layer.
 * Functions that fail fill *err once, at the place that knows the object and the values. Sentences and
 * names may quote a peer: what is not printable UTF-8 becomes '?', and a cut falls between characters.
 * The arguments may point into *err. Test: error_test.c.
 */
#ifndef SYI_CORE_ERROR_H
#define SYI_CORE_ERROR_H

#include <csyft/status.h>

/* Returns the status of `expr` from this function when it failed; only where nothing is held. */
#define SY_TRY(expr)                      \
    do {                                  \
        sy_status sy_try_status = (expr); \
        if (sy_try_status != SY_OK) {     \
            return sy_try_status;         \
        }                                 \
    } while (0)

/* Stores the status of `expr` in the local `status` and goes to the cleanup label when it failed. */
#define SY_GOTO(label, expr)   \
    do {                       \
        status = (expr);       \
        if (status != SY_OK) { \
            goto label;        \
        }                      \
    } while (0)

/* Fills *err (nullable) and returns `status`, so that `return syi_fail(err, SY_ESHAPE, ...)` reads
 * well. worker and object are emptied. */
sy_status syi_fail(sy_error *err, sy_status status, const char *format, ...) SY_PRINTF(3, 4);

/* As syi_fail, naming the object. */
sy_status syi_fail_object(sy_error *err, sy_status status, const char *object, const char *format,
                          ...) SY_PRINTF(4, 5);

/* "<prefix>: <old message>", keeping status, worker and object; an error nobody filled takes
 * `status`. Returns err->status (or `status` when err is NULL). */
sy_status syi_error_prefix(sy_error *err, sy_status status, const char *format, ...)
    SY_PRINTF(3, 4);

/* An error without failure and with empty strings. On the paths that every operation takes: SY_ERROR_INIT
 * clears all 660 bytes, which takes longer than most steps of one. */
static inline void syi_error_empty(sy_error *err)
{
    err->status = SY_OK;
    err->message[0] = '\0';
    err->worker[0] = '\0';
    err->object[0] = '\0';
}

/* Sets the worker of an error that has none yet. */
void syi_error_at_worker(sy_error *err, const char *worker);

/* Status of a wire code; SY_EREMOTE for one this build does not know. */
sy_status syi_status_from_wire(int64_t code);

#define SYI_ENOMEM(err, what) syi_fail((err), SY_ENOMEM, "%s: out of memory", (what))

#endif
