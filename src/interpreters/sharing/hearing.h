/*
 * hearing.h - what holders report to a session's provider while it deals (syi_hear_fn of crypto/material.h): letters that have
 * come, or are fetched of holders that cannot reach it. Part of dealing.c's. Tests: tests/integration/sharing_channel.c,
 * sharing_failures.c.
 *
 * Whoever keeps silent is asked every half second whether it lives, and given up before the others give the provider up.
 * Threads: delivering and stopping may be done by any; one hears at a time.
 */
#ifndef SYI_INTERPRETERS_SHARING_HEARING_H
#define SYI_INTERPRETERS_SHARING_HEARING_H

#include "interpreters/sharing/session.h"

#define SYI_SHARING_REPORTED_MAX (UINT64_C(16) << 20) /* bytes of a holder that wait */

typedef struct syi_sharing_hearing {
    sy_worker *provider;
    sy_worker *const *workers; /* the holders; borrowed */
    const uint8_t *session;    /* its name; borrowed */
    int holders;
    bool pushes[SYI_HOLDERS_MAX];       /* it reports by itself; otherwise it is asked */
    syi_letter *heard[SYI_HOLDERS_MAX]; /* what `hear` gave out; who hears */

    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t changed;
    syi_letters letters;
    uint64_t held[SYI_HOLDERS_MAX]; /* bytes, by holder */
    uint64_t sequence, until; /* of the command that was reported about last: when to give up */
    bool stopped;
} syi_sharing_hearing;

void syi_sharing_hearing_init(syi_sharing_hearing *hearing, sy_worker *provider,
                              sy_worker *const *workers, const uint8_t *session, int holders);
void syi_sharing_hearing_fini(syi_sharing_hearing *hearing);
/* Whoever hears fails: SY_ECANCELED. */
void syi_sharing_hearing_stop(syi_sharing_hearing *hearing);
/* A report has come, of a holder that waits for `left_ms` more; the bytes are taken over, and are its `own` when nobody else
 * has them. SY_ELIMIT, SY_ECANCELED, SY_ENOMEM. */
sy_status syi_sharing_hearing_deliver(syi_sharing_hearing *hearing, int from, const syi_item *item,
                                      const syi_array *bytes, bool own, uint64_t left_ms,
                                      sy_error *err);
/* Material of earlier items is no longer dealt: what waits about them is dropped. */
void syi_sharing_hearing_forget(syi_sharing_hearing *hearing, const syi_item *before);
/* syi_hear_fn, of the hearing. Failures name the holder. */
sy_status syi_sharing_hear(syi_sharing_hearing *hearing, int holder, const syi_item *item,
                           void **bytes, size_t size, sy_error *err);

#endif
