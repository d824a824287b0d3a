/* room.h - what the workers room keeps per hook. */
#ifndef SYI_WORKERS_ROOM_H
#define SYI_WORKERS_ROOM_H

#include "transport/tls/tls.h"
#include "workers/commands.h"
#include "workers/janitor.h"

#define SYI_COMMANDS_MAX 64

typedef struct syi_workers_room {
    sy_hook *hook;
    syi_janitor *janitor;
    syi_tls_config *tls; /* nullable; guarded by the hook's directory_lock (identity.h) */
    atomic_bool closing; /* the hook is being freed: no link connects any more */
    char named
        [63]
        [SYI_CALLER_NAME_SIZE]; /* in lists of permissions (access.c); grown under the directory_lock */
    atomic_uint named_count;
    syi_joint_class joint; /* who runs joint commands; NULL functions: nobody does */
    const syi_worker_command *commands[SYI_COMMANDS_MAX];
    size_t command_count;
} syi_workers_room;

#endif
