/*
 * training.h - rounds of federated training as a verb runs them: each is shown, measured, logged and saved before the next begins.
 */
#ifndef CSYFT_PROGRAM_TRAINING_H
#define CSYFT_PROGRAM_TRAINING_H

#include <signal.h>

#include <csyft/federated.h>

#include "metrics.h"
#include "progress.h"

typedef struct training {
    sy_trainer *trainer;
    const sy_shard *shards;
    size_t count;
    sy_round_options options; /* of each round */
    bool sequential; /* instead: a round is a fit at one shard after the other, by options.fit */
    int64_t rounds;  /* until so many are done */
    /* Of the model as it is; NULL: nothing is measured. */
    sy_status (*evaluate)(void *user, sy_evaluation *evaluation, sy_error *err);
    void *user;
    int64_t evaluate_every; /* rounds; the last one is measured in any case */
    metrics *metrics;       /* NULL: none */
    const char *checkpoint; /* NULL: none */
    const volatile sig_atomic_t *interrupted;
    /* Told of each round before it is shown; NULL: nobody. Before it prints it calls progress_end(bar). */
    void (*tell)(const struct training *t, const sy_shard_report *reports, bool evaluated);
    progress bar;
    /* what has become of it */
    int64_t done;
    sy_round_report report;   /* of the last round */
    sy_evaluation evaluation; /* the last one; no rows: there was none */
} training;

/* From the rounds that the trainer has done. SY_ECANCELED when interrupted, after the round that was under way. */
sy_status training_run(training *t, const char *title, sy_error *err);

#endif
