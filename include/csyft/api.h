/* api.h - export mark, attributes and the few helper macros of the public headers. */
#ifndef CSYFT_API_H
#define CSYFT_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define SY_BEGIN_DECLS extern "C" {
#define SY_END_DECLS }
#else
#define SY_BEGIN_DECLS
#define SY_END_DECLS
#endif

#if defined(__GNUC__)
#define SY_API __attribute__((visibility("default")))
#define SY_PRINTF(format_index, first_index) \
    __attribute__((format(printf, format_index, first_index)))
#define SY_MUST_CHECK __attribute__((warn_unused_result))
#else
#define SY_API
#define SY_PRINTF(format_index, first_index)
#define SY_MUST_CHECK
#endif

/* Opaque types of the public interface; each has its own header. */
typedef struct sy_context sy_context; /* context.h */
typedef struct sy_hook sy_hook;       /* hook.h */
typedef struct sy_worker sy_worker;   /* worker.h */
typedef struct sy_tensor sy_tensor;   /* tensor.h */
typedef struct sy_scope sy_scope;     /* scope.h */

#endif
