/*
 * ledger_file.h - the lines of a ledger (csyft/ledger.h): reading them all, and appending one so that it is on the disk. Part of ledger.c.
 */
#ifndef SYI_DIFFERENTIAL_PRIVACY_LEDGER_FILE_H
#define SYI_DIFFERENTIAL_PRIVACY_LEDGER_FILE_H

#include <csyft/ledger.h>

#include "core/xxh64.h"

#define SYI_LEDGER_NAME_MAX 255

typedef struct syi_ledger_file {
    sy_context *context;
    char *path;
    int descriptor;
    bool broken; /* a line could neither be written nor taken back */
    uint64_t size;
    syi_xxh64 hash; /* of all bytes */
} syi_ledger_file;

/* One that was charged before. */
typedef sy_status (*syi_ledger_replay)(void *user, const char *data, const char *caller,
                                       const sy_charge *charge, sy_error *err);

/* See sy_ledger_open; reads only: sy_ledger_read. On failure nothing is open. */
sy_status syi_ledger_file_open(sy_context *context, syi_ledger_file *file, const char *path,
                               bool reads_only, syi_ledger_replay replay, void *user,
                               sy_error *err);
void syi_ledger_file_close(syi_ledger_file *file);
/* SY_EIO: it is not in the file. */
sy_status syi_ledger_file_append(syi_ledger_file *file, const char *data, const char *caller,
                                 const sy_charge *charge, sy_error *err);

#endif
