/*
 * access.h - permissions of callers on objects, and the lines that say who was refused what. The masks are in the
 * policy of an object (hook/policy.h): bit 0 stands for everybody whom no list names, the others for the names in the
 * order in which lists first named them; all lists of a hook share one order. Test: tests/integration/callers.c.
 */
#ifndef SYI_WORKERS_ACCESS_H
#define SYI_WORKERS_ACCESS_H

#include <csyft/caller.h>

#include "workers/session.h"

#define SYI_ACCESS_NAMES 63

/* The caller's bit in the masks. Strand held (it is remembered in the session). */
uint64_t syi_session_bit(syi_session *session);
/* SY_EPERM "use of object X at worker W is refused: ..." */
sy_status syi_access_check_use(const sy_worker *worker, sy_tensor *object, const sy_id *id,
                               uint64_t bit, sy_error *err);
/* Strand held. What a caller put there it may delete. */
sy_status syi_access_check_delete(syi_session *session, const syi_object *object, const sy_id *id,
                                  sy_error *err);
/* May the caller administer the worker? SY_EPERM. */
sy_status syi_access_check_administration(const sy_request *request, sy_error *err);
/* access_lists.c */
/* The lists of `policy` for the object that `owner` has just sent to `target`, as that session's; nothing without lists. */
sy_status syi_access_send_lists(sy_worker *owner, sy_worker *target, const sy_id *id,
                                uint64_t generation, const syi_policy *policy, sy_error *err);
static inline bool syi_access_has_lists(const syi_policy *policy)
{
    return policy->getters != 0 || policy->no_use != 0 || policy->no_search != 0 ||
           policy->no_delete != 0;
}
/* The names whose bits are in the mask, borrowed for the hook's life; their number. */
size_t syi_access_get_names(sy_hook *hook, uint64_t mask, const char *names[SYI_ACCESS_NAMES]);
bool syi_access_may_find(const syi_object *object, uint64_t bit);

/* One line for a refusal: who, what, which object, when, why; never contents. `what` e.g. "command add". */
void syi_audit(syi_session *session, uint64_t message_id, const char *what, const sy_error *why);

#endif
