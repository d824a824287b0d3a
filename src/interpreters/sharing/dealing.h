/*
 * dealing.h - a session's provider at work: joins the holders, then deals what the leading holder asks for, on a thread of
 * its own. The provider is a worker of this process; holders are wherever they are. Demands come as requests where the
 * leading holder can reach the provider, and are fetched from it otherwise (a client that listens nowhere): then only while
 * the client has joint commands under way. Tests: tests/integration/sharing_sessions.c.
 *
 * What a provider learns: shapes, kinds, counts and times of what is computed. It must not see what the holders send each
 * other: it knows their masks.
 */
#ifndef SYI_INTERPRETERS_SHARING_DEALING_H
#define SYI_INTERPRETERS_SHARING_DEALING_H

#include "interpreters/sharing/session.h"

#define SYI_SHARING_DEALINGS_MAX 256
#define SYI_SHARING_DEALINGS_EACH 64                 /* of them, those that one caller opened */
#define SYI_SHARING_ELEMENTS_MAX (UINT64_C(1) << 31) /* of one demand */

typedef struct syi_sharing_dealing syi_sharing_dealing;

/* Who reaches whom: [from * (holders + 1) + to], the provider behind the holders. */
typedef struct syi_sharing_plan {
    uint8_t session[SYI_SHARING_SESSION_SIZE];
    int holders;
    sy_worker *workers[SYI_HOLDERS_MAX + 1]; /* the provider behind them */
    bool reaches[(SYI_HOLDERS_MAX + 1) * (SYI_HOLDERS_MAX + 1)];
    const void *opener; /* the caller's session that asks for it; NULL: this process */
} syi_sharing_plan;

/* Draws the seeds, joins the holders, starts. May wait for peers. SY_EINVAL for a provider that is a holder; what joining
 * gives, naming the holder; SY_ELIMIT, SY_EBUSY, SY_ENOMEM. On failure the holders that had joined are told. */
sy_status syi_sharing_deal_open(const syi_sharing_plan *plan, sy_error *err);
/* The dealing of that session by `provider`, with a reference; NULL: there is none. */
syi_sharing_dealing *syi_sharing_dealing_find(sy_worker *provider,
                                              const uint8_t session[SYI_SHARING_SESSION_SIZE]);
void syi_sharing_dealing_unref(syi_sharing_dealing *dealing);
/* Is it the leading holder, who asks? */
bool syi_sharing_dealing_is_lead(const syi_sharing_dealing *dealing, const sy_id *caller);
/* Demands that have come: copied. `door`: the session in which the leading holder speaks here; NULL: they were fetched. */
sy_status syi_sharing_dealing_ask(syi_sharing_dealing *dealing, syi_session *door,
                                  const void *bytes, size_t size, sy_error *err);
/* Is it that holder? */
bool syi_sharing_dealing_is_holder(const syi_sharing_dealing *dealing, int64_t holder,
                                   const sy_id *caller);
/* syi_sharing_hearing_deliver */
sy_status syi_sharing_dealing_report(syi_sharing_dealing *dealing, int from, const syi_item *item,
                                     const syi_array *bytes, bool own, uint64_t left_ms,
                                     sy_error *err);
/* The client's joint commands begin and end. */
void syi_sharing_dealing_busy(syi_sharing_dealing *dealing, int change);
/* Makes `count` instances ahead and waits until every holder has them. */
sy_status syi_sharing_dealing_prepare(syi_sharing_dealing *dealing, const syi_demand *demand,
                                      uint64_t count, sy_error *err);
/* A demand as bytes, to be sent with a command; on the account (nullable). */
sy_status syi_sharing_demand_tensor(sy_hook *hook, syi_account *account, const syi_demand *demand,
                                    sy_tensor **tensor, sy_error *err);
/* No more is dealt; does not wait. Its memory goes with the last reference. */
void syi_sharing_dealing_stop(syi_sharing_dealing *dealing);
/* The same because a holder says that it failed; the other holders are told what it said. */
void syi_sharing_dealing_fail(syi_sharing_dealing *dealing, sy_status status, const sy_error *why);
/* Stops all that this caller's session opened, who is gone; their holders are told. NULL: all, the hook is being freed. */
void syi_sharing_dealings_stop(syi_sharing_room *room, const void *opener);
/* Waits for the threads of all of the hook; after the links were closed. */
void syi_sharing_dealings_join(syi_sharing_room *room);

#endif
