/* progress.h - how far a long work has come: a bar on a terminal, otherwise one line per step. On stderr. */
#ifndef CSYFT_PROGRAM_PROGRESS_H
#define CSYFT_PROGRAM_PROGRESS_H

#include <csyft/api.h>

typedef struct progress {
    const char *title;
    int64_t total;
    bool on_terminal;
    double started; /* seconds of the monotonic clock */
    double drawn;
} progress;

double progress_clock(void);
void progress_begin(progress *p, const char *title, int64_t total);
/* `done` of `total`; `note` stands behind it. On a terminal drawn at most ten times a second. */
void progress_show(progress *p, int64_t done, const char *note);
/* Takes the bar away. */
void progress_end(progress *p);

#endif
