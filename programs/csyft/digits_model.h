/*
 * digits_model.h - the demo's model, a 64-64-10 network (ReLU, log_softmax, mean negative log likelihood), how right it is, and plain
 * training without any worker, step by step: the measure of what workers do.
 */
#ifndef CSYFT_PROGRAM_DIGITS_MODEL_H
#define CSYFT_PROGRAM_DIGITS_MODEL_H

#include <csyft/federated.h>

#include "digits.h"

enum { DIGITS_ROWS_MIN = 8 }; /* of a batch; what the workers' release asks for */

typedef struct digits_course { /* what all ways of training share */
    sy_hook *hook;
    int64_t rounds;
    int64_t batch; /* rows of one step */
    double lr;
    uint64_t seed;              /* of the parameters and of the order of rows */
    sy_tensor *test_x, *test_y; /* the held-out rows */
} digits_course;

/* Equal seeds give equal parameters. */
sy_status digits_model_new(const digits_course *course, sy_module **model, sy_error *err);
sy_status digits_trainer_new(const digits_course *course, sy_module *model, sy_trainer **trainer,
                             sy_error *err);
/* On the held-out rows; histograms are not filled. */
sy_status digits_measure(const digits_course *course, sy_module *model, sy_evaluation *evaluation,
                         sy_error *err);
/* One step per batch, in the order of the rows, shard after shard; the last batch of a shard is left out when it is below DIGITS_ROWS_MIN. */
sy_status digits_train_plainly(const digits_course *course, const digits *data,
                               sy_evaluation *evaluation, sy_error *err);

#endif
