/*
 * training.h - the demo's training: one code for rows that lie here and for rows that lie at workers,
 * where x, y and the model are pointers and nothing but the finished parameters comes back.
 */
#ifndef CSYFT_PROGRAM_TRAINING_H
#define CSYFT_PROGRAM_TRAINING_H

#include <signal.h>

#include "digits.h"
#include "progress.h"

enum { TRAINING_ROWS_MIN = 8 }; /* of a batch; what the workers' release asks for */

typedef struct training_party { /* who holds rows */
    const char *name;
    sy_worker *worker; /* NULL: here */
    sy_tensor *x, *y;  /* f32 rows x 64, i64 rows; owned */
    int64_t rows;
    sy_tensor **x_batches, **y_batches; /* views of x and y; owned */
    int64_t batch_count;
} training_party;

typedef struct training_course { /* what all ways of training share */
    sy_hook *hook;
    int64_t rounds;
    int64_t batch;              /* rows of one step */
    double lr;                  /* of the first round; falls linearly to zero */
    uint64_t seed;              /* of the parameters and of the order of batches */
    sy_tensor *test_x, *test_y; /* the held-out rows */
    const volatile sig_atomic_t *interrupted;
} training_course;

/* Cuts the rows into batches; a rest below TRAINING_ROWS_MIN rows is left out. Takes x and y (also on
 * failure; NULL is nothing). training_party_fini is due in any case. */
sy_status training_party_init(training_party *party, const training_course *course,
                              const char *name, sy_worker *worker, sy_tensor *x, sy_tensor *y,
                              sy_error *err);
void training_party_fini(training_party *party);

/*
 * Both return the share of held-out rows that the trained model gets right. SY_ECANCELED when interrupted.
 *   sequential  one model goes from party to party; each round is one pass over everybody's rows. With
 *               `direct` it moves from worker to worker, otherwise through here.
 *   averaged    every party trains a copy for a pass over its rows, the copies are averaged; each round
 *               does that once per party, so that a model takes as many steps as in `sequential`. With `by_plan` the
 *               steps are the same, and each is one message: a plan that travels with the copy as its state.
 */
sy_status training_sequential(const training_course *course, training_party *parties, int count,
                              bool direct, progress *bar, double *accuracy, sy_error *err);
sy_status training_averaged(const training_course *course, training_party *parties, int count,
                            bool by_plan, progress *bar, double *accuracy, sy_error *err);

#endif
