/*
 * callers.h - who the clients of a worker are, what each of them holds, and how much each may ask for. A caller that
 * said who it is counts under its name, from wherever it comes; the others count under their address. Entries stay as
 * long as the worker; beyond SYI_CALLERS_MAX, newcomers share one. Test: tests/integration/callers.c.
 */
#ifndef SYI_WORKERS_CALLERS_H
#define SYI_WORKERS_CALLERS_H

#include "workers/tokens.h"
#include "workers/worker.h"

#define SYI_CALLERS_MAX 4096
#define SYI_CALLER_KEY_SIZE 160 /* a name, or an address */

typedef struct syi_caller {
    struct syi_caller *next;
    char key[SYI_CALLER_KEY_SIZE];
    char label[SYI_CALLER_KEY_SIZE + 100]; /* for sentences: "caller alice at worker bob" */
    syi_account account;                   /* of what it makes the worker hold */
    /* the strand's */
    unsigned connections;
    unsigned away; /* sessions whose client is not connected, in their time of grace */
    size_t objects;
    uint64_t credit; /* of its token bucket: thousandths of a request */
    uint64_t refilled;
} syi_caller;

/* Strand held for all. `name` "": by the address. NULL: no memory. */
syi_caller *syi_callers_find(sy_worker *worker, const char *name, const char *address);
/* Takes one request out of the caller's bucket. SY_EBUSY names limit and value. */
sy_status syi_caller_pay(sy_worker *worker, syi_caller *caller, sy_error *err);
/* May it have one more object? SY_ELIMIT. */
sy_status syi_caller_may_hold(const sy_worker *worker, const syi_caller *caller, sy_error *err);
/* May it have one more connection? SY_ELIMIT. */
sy_status syi_caller_may_connect(const sy_worker *worker, const syi_caller *caller, sy_error *err);
/* Sessions of one caller that wait for their clients, for each connection it may have: a client that connects anew each
 * time, and never comes back, leaves no more behind. */
#define SYI_AWAY_PER_CONNECTION 4
/* The session's client has gone: its caller may be waited for in so many. true: the oldest one ends now instead. */
bool syi_caller_leaves(sy_worker *worker, syi_session *session, uint64_t now);
/* It is back, or its time is over. */
void syi_caller_is_back(syi_session *session);
/* The limits changed. */
void syi_callers_update(sy_worker *worker);
void syi_callers_free(sy_worker *worker);

/* Who greets: fills session->name, session->expires and session->who. SY_EPERM for a token that is not taken here, and
 * for nobody in particular where that is not enough. `bearer` "": no token. */
sy_status syi_session_identify(syi_session *session, const char *bearer, sy_error *err);
/* Seconds since 1970. */
int64_t syi_time_now(void);

#endif
