/*
 * crew.h - the demo's worker processes: `csyft worker` of this very program, one per shard, on loopback.
 * They end with crew_stop, and with this process however it ends.
 */
#ifndef CSYFT_PROGRAM_CREW_H
#define CSYFT_PROGRAM_CREW_H

#include <sys/types.h>

#include "digits.h"

enum { CREW_URL_SIZE = 128 };

typedef struct crew {
    const cli_verb *verb;
    pid_t pids[DIGITS_SHARDS]; /* 0: not started */
    char urls[DIGITS_SHARDS][CREW_URL_SIZE];
} crew;

/* Starts one worker per shard in `folder`, each with its dataset, releasing means over `release_rows` rows, and
 * waits until they listen. `scheme`: "tcp" or "ws". Returns an exit code after saying what is wrong;
 * crew_stop is due in any case. */
int crew_start(crew *c, const cli_verb *verb, const char *folder, const char *scheme,
               int release_rows);
/* Ends the workers and waits for them; a failure when one did not end well. */
int crew_stop(crew *c);

#endif
