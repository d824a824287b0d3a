/* demo.h - what the parts of csyft demo share: its workers (demo.c), and the ways of training (demo_training.c). */
#ifndef CSYFT_PROGRAM_DEMO_H
#define CSYFT_PROGRAM_DEMO_H

#include "crew.h"
#include "digits_model.h"
#include "training.h"

typedef struct settings {
    bool has_urls; /* of running workers; otherwise the demo starts its own */
    char urls[DIGITS_SHARDS][CREW_URL_SIZE];
    const char *shards; /* only write the shard files there */
    const char *scheme;
    const char *strategy_name;
    const char *log;
    digits_course course;
    metrics metrics;
} settings;

typedef struct demo {
    cli_session session;
    settings set;
    digits data;
    crew crew;
    sy_worker *workers[DIGITS_SHARDS];
    char names[DIGITS_SHARDS][SY_ERROR_NAME_SIZE];
    char keys[DIGITS_SHARDS][sizeof((sy_dataset_info *)NULL)->key];
    sy_id ids[DIGITS_SHARDS]; /* of the datasets */
    sy_shard shards[DIGITS_SHARDS];
    int64_t rows; /* of all */
    const volatile sig_atomic_t *interrupted;
} demo;

/* An exit code, after saying what is wrong where that is news to the user. */
int demo_report(const demo *d, const sy_error *err);
/* All chosen ways; prints their results beside plain training's, and fails when they are not as good as promised. */
int demo_train(demo *d);

#endif
