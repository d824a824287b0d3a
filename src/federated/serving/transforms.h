/*
 * transforms.h - what is done to each batch of a served dataset, declared by name, so that no code travels. The names are those of
 * sy_serve_options (<csyft/federated.h>). Test: transforms_test.c.
 */
#ifndef SYI_FEDERATED_TRANSFORMS_H
#define SYI_FEDERATED_TRANSFORMS_H

#include <csyft/scope.h>

#include "core/error.h"

#define SYI_TRANSFORMS_MAX 16

typedef enum syi_transform_kind {
    SYI_TRANSFORM_SCALE,
    SYI_TRANSFORM_STANDARDIZE,
    SYI_TRANSFORM_FLATTEN,
    SYI_TRANSFORM_RESHAPE,
    SYI_TRANSFORM_ONE_HOT,
    SYI_TRANSFORM_TO,
} syi_transform_kind;

typedef struct syi_transform {
    syi_transform_kind kind;
    double numbers[2];         /* SCALE: by; STANDARDIZE: mean, deviation */
    sy_dtype dtype;            /* TO */
    int ndim;                  /* RESHAPE: of a row */
    int64_t shape[SY_DIM_MAX]; /* RESHAPE; ONE_HOT: its first is the number of classes */
} syi_transform;

typedef struct syi_transforms {
    size_t count;
    syi_transform items[SYI_TRANSFORMS_MAX];
} syi_transforms;

/* SY_EINVAL quotes the text that is none; SY_ELIMIT for more than SYI_TRANSFORMS_MAX. */
sy_status syi_transforms_read(syi_transforms *transforms, const char *const *texts, size_t count,
                              sy_error *err);
/* One after the other; NULL as of an operation that failed. The result may be the batch itself. */
sy_tensor *syi_transforms_apply(const syi_transforms *transforms, sy_scope *scope,
                                sy_tensor *batch);

#endif
