/* hook.h (internal) - the hook's parts, and what upper rooms register with it. */
#ifndef SYI_HOOK_HOOK_H
#define SYI_HOOK_HOOK_H

#include <pthread.h>

#include <csyft/hook.h>

#include "core/surroundings.h"
#include "core/table.h"
#include "frameworks/framework.h"
#include "hook/node.h"
#include "hook/trace.h"

#define SYI_INTERPRETER_MAX 64

struct syi_mode; /* hook/dispatch.h */
struct syi_results;
/* Answers a COMPOSITE row for handles whose chains take it apart. Sets the policies of its results. */
typedef sy_status (*syi_composite_fn)(sy_hook *hook, const syi_op *op, const sy_value *bound,
                                      const struct syi_mode *mode, struct syi_results *results,
                                      sy_error *err);

struct sy_hook {
    sy_context *context;
    syi_ops *ops;
    syi_framework *framework;
    const void *handles[SYI_OP_COUNT]; /* the framework's kernels, resolved once */
    sy_id_provider *ids;
    bool verbose;
    bool is_client;
    unsigned queue_size;
    sy_worker *local_worker; /* set by the workers room */
    syi_account account;     /* storage of local tensors */

    const syi_interpreter *interpreters[SYI_INTERPRETER_MAX];
    size_t interpreter_count;
    syi_composite_fn composites[SYI_OP_COUNT]; /* those of rooms above; NULL: this room's */

    struct syi_overloads *overloads; /* NULL until there are any; overload.c */
    syi_trace trace;                 /* trace.h */

    /* The directory of known workers: id -> sy_worker, one for all workers of the hook. The workers room
     * fills it and guards it with the lock. */
    syi_table *directory;
    pthread_mutex_t directory_lock;

    struct syi_workers_room *workers; /* janitor and worker commands; the workers room's */
    struct syi_sharing_room *sharing; /* sessions of secret sharing; interpreters/sharing's */
    /* Lets posted remote operations finish; set by the workers room. */
    sy_status (*synchronize)(sy_hook *hook, sy_error *err);

    /* Upper rooms' state, with its release, called in reverse order of registration. */
    struct {
        void *state;
        void (*free)(void *state);
    } rooms[8];
    size_t room_count;
};

/* The parts of this room; sy_hook_new (src/library) then lets every room register. */
sy_status syi_hook_new(sy_context *context, sy_hook **hook, const sy_hook_options *options,
                       sy_error *err);
void syi_hook_free(sy_hook *hook);
sy_status syi_hook_register_interpreter(sy_hook *hook, const syi_interpreter *type, sy_error *err);
/* A COMPOSITE row that a room above answers. */
void syi_hook_register_composite(sy_hook *hook, syi_op_id id, syi_composite_fn answer);
/* By wire code; NULL when unknown. */
const syi_interpreter *syi_hook_find_interpreter(const sy_hook *hook, int code);
const syi_interpreter *syi_hook_find_interpreter_named(const sy_hook *hook, const char *name);
sy_status syi_hook_register_room(sy_hook *hook, void *state, void (*free)(void *state),
                                 sy_error *err);
sy_id syi_hook_fresh_id(sy_hook *hook);

#endif
