/* train.h - what the parts of csyft train share: its command line (train.c), and the training (train_run.c). */
#ifndef CSYFT_PROGRAM_TRAIN_H
#define CSYFT_PROGRAM_TRAIN_H

#include "tool.h"
#include "training.h"

enum { TRAIN_WORKERS_MAX = 1024 };

typedef struct train_settings {
    const char *dataset; /* at each worker */
    const char *test;    /* dataset to evaluate on; NULL: none */
    const char *layers;  /* layers.h */
    const char *model;   /* file: the checkpoint, and the result */
    const char *start;   /* model file to begin with; NULL: drawn */
    const char *loss;    /* NULL: by the targets */
    const char *strategy, *optimizer;
    double lr, momentum, weight_decay; /* lr 0: the optimizer's usual one */
    int64_t rounds, evaluate_every, seed, holders;
    sy_round_options round;
    metrics metrics;
    bool json;
} train_settings;

typedef struct train {
    cli_tool *tool;
    train_settings set;
    size_t count;
    sy_worker **workers;
    sy_shard *shards, *tests;
    bool *left_out;       /* in the round before */
    sy_dataset_info info; /* of all datasets, but for their rows */
    int64_t batch_max;    /* the greatest release_rows among those to evaluate on */
    sy_module *model;
    training training;
} train;

/* With a connection to each of the workers. An exit code, after saying what is wrong. */
int train_run(train *t);
/* A line of JSON about a round, on standard output (train_json.c). */
void train_print_json(const train *t, const sy_shard_report *reports, bool evaluated);

#endif
