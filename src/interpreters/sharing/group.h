/*
 * group.h - the client's side of sharing: the holders of shared values and their provider, and the session that they have
 * with each other now. One for all values of the same holders, in the same order, with the same provider and the same family
 * of comparisons. A session is
 * opened when the first joint command needs one, and again after one that failed. Test: tests/integration/sharing.c.
 */
#ifndef SYI_INTERPRETERS_SHARING_GROUP_H
#define SYI_INTERPRETERS_SHARING_GROUP_H

#include <csyft/sharing.h>

#include "crypto/comparison.h"
#include "interpreters/sharing/dealing.h"

typedef struct syi_sharing_group {
    struct syi_sharing_group *next; /* of the room */
    sy_hook *hook;
    int holders;
    sy_worker *workers[SYI_HOLDERS_MAX + 1]; /* the provider behind them; borrowed */
    pthread_mutex_t lock;                    /* held while a session is opened */
    syi_family family;                       /* how their values are compared */
    uint32_t
        round_trip_us; /* between the two holders of the session, where AUTO needs to know; 0: nobody does */
    bool open;
    bool force; /* of every session to come */
    uint8_t session[SYI_SHARING_SESSION_SIZE];
    uint64_t next_sequence;
    syi_sharing_dealing *dealing; /* where the provider is in this process; a reference */
} syi_sharing_group;

static inline sy_worker *syi_sharing_group_provider(const syi_sharing_group *group)
{
    return group->workers[group->holders];
}

/* The group of these, which lives as long as the hook. SY_EINVAL: fewer than 2 holders, one twice, the provider among them, workers of
 * another hook or a kind that cannot; SY_ENOTSUP: a family that is not for so many holders; SY_ENOMEM. Asks nobody. */
sy_status syi_sharing_group_get(sy_hook *hook, syi_sharing_group **group, sy_worker *const *holders,
                                size_t count, sy_worker *provider, syi_family family,
                                sy_error *err);
/* All of the hook. */
void syi_sharing_groups_free(syi_sharing_room *room);
int syi_sharing_group_index(const syi_sharing_group *group, const sy_id *worker); /* -1: none */

/* The name and number of the next joint command; opens a session if there is none. May wait for peers. Every one that
 * began with success ends, with its outcome: one that failed closes the session. */
sy_status syi_sharing_group_begin(syi_sharing_group *group, syi_joint *joint, sy_error *err);
/* Between: the command has left for these, in the order of the holders (NULL among them: one that is answered already); `status` says whether for all. Until
 * their answers can be taken without delay. When a holder is lost on the way, the others are told, and it becomes NULL. */
void syi_sharing_group_attend(syi_sharing_group *group, const syi_joint *joint,
                              syi_exchange **exchanges, size_t count, sy_status status,
                              const sy_error *why);
void syi_sharing_group_end(syi_sharing_group *group, const syi_joint *joint, sy_status status,
                           const sy_error *why);
/* Opens a session if there is none. */
sy_status syi_sharing_group_open(syi_sharing_group *group, sy_error *err);
/* The family for material that is made ahead for so many numbers: the group's own, or the fastest. Opens a session. */
sy_status syi_sharing_group_family(syi_sharing_group *group, unsigned bits, uint64_t count,
                                   syi_family *family, sy_error *err);
/* Of the session, as that holder counts; zeros when none is open. */
sy_status syi_sharing_group_cost(syi_sharing_group *group, int holder, sy_sharing_cost *cost,
                                 sy_error *err);
sy_status syi_sharing_group_force(syi_sharing_group *group, bool force, sy_error *err);
sy_status syi_sharing_group_prepare(syi_sharing_group *group, const syi_demand *demand,
                                    uint64_t count, sy_error *err);

/* round_trip.c: of a session that is just open. 0: it could not be measured, and the log says why. */
uint32_t syi_sharing_measure(const syi_sharing_group *group, const syi_sharing_plan *plan);
sy_status syi_sharing_round_trip_register(sy_hook *hook, sy_error *err);

#endif
