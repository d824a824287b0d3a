/*
 * metrics.h - what a verb that trains keeps of its rounds for the user: --metrics, --metrics-workers, --plot (csyft/training_log.h).
 * The plot is drawn after the first round, every few seconds, and at the end, so that it can be looked at meanwhile.
 */
#ifndef CSYFT_PROGRAM_METRICS_H
#define CSYFT_PROGRAM_METRICS_H

#include <csyft/training_log.h>

#include "cli.h"

enum { METRICS_PATH_SIZE = 256 };

typedef struct metrics {
    const char *path, *workers_path, *plot_path; /* NULL: not wanted */
    const char *title;                           /* of the plot */
    sy_context *context;
    sy_training_log *log;              /* NULL: nothing is wanted */
    char temporary[METRICS_PATH_SIZE]; /* the plot's numbers when nobody wants them; "": none */
    bool drawn;                        /* all that is in the log */
    double drawn_at;
} metrics;

/* Rows for a verb's table of options, and their keys from `first` on. */
#define METRICS_OPTIONS                                                                        \
    {"metrics", 0, "FILE",                                                                     \
     "write a line per round to this CSV file: seconds, loss, accuracy, ..."},                 \
        {"metrics-workers", 0, "FILE", "a line per round and worker: rows, loss, or why not"}, \
    {                                                                                          \
        "plot", 0, "FILE", "draw loss and accuracy over the rounds to this SVG file"           \
    }
enum { METRICS_FILE, METRICS_WORKERS, METRICS_PLOT, METRICS_OPTION_COUNT };
void metrics_take(metrics *m, int option, const char *value);

/* `rounds`: how many are done, and stay in files that are there (sy_training_log_open). close is due in any case. */
sy_status metrics_open(metrics *m, sy_context *context, int64_t rounds, sy_error *err);
sy_status metrics_add(metrics *m, int64_t round, const sy_round_report *report,
                      const sy_shard *shards, const sy_shard_report *reports, size_t count,
                      const sy_evaluation *evaluation, sy_error *err);
/* Draws what is not drawn yet. */
sy_status metrics_close(metrics *m, sy_error *err);

#endif
