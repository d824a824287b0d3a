/*
 * janitor.h - the hook's housekeeping thread: flushes deletions that nobody else sends, ends leases whose grace
 * is over, and looks after idle connections. Started at the first need; asleep without timeout when there is nothing to do.
 */
#ifndef SYI_WORKERS_JANITOR_H
#define SYI_WORKERS_JANITOR_H

#include "workers/worker.h"

typedef struct syi_janitor syi_janitor;

sy_status syi_janitor_new(sy_hook *hook, syi_janitor **janitor, sy_error *err);
/* Joins the thread: nobody expires or flushes any more, and none starts. NULL is nothing. */
void syi_janitor_stop(syi_janitor *janitor);
void syi_janitor_free(syi_janitor *janitor); /* stopped or not */

/* Links to look after; they are forgotten when the janitor is freed, before the links are. */
sy_status syi_janitor_watch(sy_hook *hook, syi_link *link, sy_error *err);
/* Deletions wait. `now`: enough of them to flush at once. Never blocks for long. */
void syi_janitor_wake(sy_hook *hook, bool now);
/* Connections are to be looked at from `when` on (clock ns). */
void syi_janitor_alive(sy_hook *hook, uint64_t when);
/* A lease ends at `when` (clock ns): its worker is asked to look. */
void syi_janitor_lease(sy_hook *hook, uint64_t when);

#endif
