/*
 * doors.h - the connections on which other parties speak to a worker, its doors, for a thread that waits for what they say: it reads
 * them itself (syi_peer_borrow), which spares a wake-up and a turn of the loop thread for every letter. What comes is
 * handed on as ever; a bell wakes the thread when it came by another way. Where a transport cannot be borrowed there is no
 * door to look at, and the thread waits as others do. Test: tests/integration/sharing_channel.c.
 */
#ifndef SYI_INTERPRETERS_SHARING_DOORS_H
#define SYI_INTERPRETERS_SHARING_DOORS_H

#include "crypto/material.h"
#include "workers/session.h"

/* What wakes a thread that sleeps at doors. */
typedef struct syi_bell {
    int fd;             /* -1: none yet; guarded by the lock of what has the bell */
    atomic_bool asleep; /* set with that lock */
} syi_bell;

void syi_bell_init(syi_bell *bell);
/* Lock held. Can it be rung? Not where the system has no descriptor left. */
bool syi_bell_hang(syi_bell *bell);
void syi_bell_fini(syi_bell *bell);
/* Lock held. */
void syi_bell_ring(syi_bell *bell);

/* The doors that a thread looks at. */
typedef struct syi_doors {
    size_t count;
    syi_peer *peers[SYI_HOLDERS_MAX + 1]; /* references, borrowed */
    int fds[SYI_HOLDERS_MAX + 1];
} syi_doors;

/* Lock of what `known` belongs to held: remembers a reference on the session in which a party speaks. Returns one that is to be
 * dropped without the lock, or NULL. */
syi_session *syi_doors_know(syi_session **known, syi_session *session);
/* The same lock: looks at this one, too. NULL, and what cannot be borrowed, is left alone. */
void syi_doors_open(syi_doors *doors, syi_session *known);
/* Reads what is there, without waiting, and hands it on; no locks held. true: something came. */
bool syi_doors_read(syi_doors *doors);
/* Sleeps until something comes, the bell rings or `ns` are over, and reads; no locks held. bell->asleep was set with the lock,
 * after looking whether there is anything to wait for; it is false afterwards. */
void syi_doors_sleep(syi_doors *doors, syi_bell *bell, uint64_t ns);
/* `now`: what comes is for the loop thread from here on. */
void syi_doors_close(syi_doors *doors, bool now);

#endif
