/*
 * training_log.h - what is in a log of rounds, for those who draw it (training_plot.c). Face: <csyft/training_log.h>.
 * Test: training_log_test.c.
 */
#ifndef SYI_FEDERATED_TRAINING_LOG_H
#define SYI_FEDERATED_TRAINING_LOG_H

#include <csyft/training_log.h>

typedef struct syi_logged_round {
    double round, loss, test_loss, test_accuracy; /* NAN: not known */
} syi_logged_round;

typedef struct syi_logged_rounds {
    sy_context *context;
    syi_logged_round *items;
    size_t count, capacity;
} syi_logged_rounds;

/* Whole lines only: one that is being written, or was cut short, is not seen. fini is due in any case. */
sy_status syi_logged_rounds_read(syi_logged_rounds *rounds, sy_context *context, const char *path,
                                 sy_error *err);
void syi_logged_rounds_fini(syi_logged_rounds *rounds);

#endif
