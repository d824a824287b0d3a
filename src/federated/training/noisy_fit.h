/*
 * noisy_fit.h - a worker trains a model on a dataset with differential privacy (Abadi and others 2016, "Deep Learning with Differential Privacy",
 * algorithm 1): the plan runs on each row by itself, so that what one person changes is bounded whatever the plan does, and is charged before the
 * first row is looked at. Part of task.h. Test: tests/integration/federated_privacy.c.
 */
#ifndef SYI_FEDERATED_NOISY_FIT_H
#define SYI_FEDERATED_NOISY_FIT_H

#include "federated/training/task.h"

typedef struct syi_noisy_fit {
    double noise_multiplier, clip;
    int64_t epochs, most; /* of batches; -1: no limit */
    size_t parameters;    /* the first so many of the plan's state */
} syi_noisy_fit;

/* The parameters are what was learned, and public; `steps` were made. SY_EINVAL, SY_EPERM, SY_ERANGE: no rows; what the plan says of a row of zeros. */
sy_status syi_task_fit_noisily(syi_task *t, const syi_noisy_fit *fit, int64_t *steps,
                               sy_error *err);
/* Failures of a single row say something about it, and are nobody's: these are not failures of the row. */
bool syi_noisy_is_fatal(sy_status status);

#endif
