/* descriptors.h - how many files and connections the system lets this process have open. Tests: tests/cli/worker.py. */
#ifndef CSYFT_PROGRAM_DESCRIPTORS_H
#define CSYFT_PROGRAM_DESCRIPTORS_H

#include <stdint.h>

#include "cli.h"

/* Raises the soft limit to `connections` and what else a worker has open, as far as the hard limit lets it. With `say`, on
 * standard error, what it did; nothing where the limit is high enough. */
void cli_raise_descriptors(const cli_verb *verb, uint64_t connections, bool say);

#endif
