/* scope.h (internal) - the scope behind the value-returning operations. Face: <csyft/scope.h>. */
#ifndef SYI_HOOK_SCOPE_H
#define SYI_HOOK_SCOPE_H

#include <csyft/scope.h>

#include "hook/dispatch.h"

struct sy_scope {
    sy_hook *hook;
    syi_mode mode;
    sy_error error; /* the first failure */
    bool posted;    /* was pipelined at some time: the end waits for the answers */
    const char *file;
    int line;
    sy_tensor **results;
    size_t count;
    size_t capacity;
    sy_tensor *first[64]; /* room for most scopes without an allocation */
};

/* A scope inside of a call, on the caller's stack; its pipelined operations are waited for outside. */
void syi_scope_init(sy_scope *scope, sy_hook *hook, const syi_mode *mode);
void syi_scope_fini(sy_scope *scope);

/* A row's operation on positional arguments; its first result. */
sy_tensor *syi_scope_run(sy_scope *scope, syi_op_id id, bool inplace, const sy_value *args,
                         size_t arg_count);
size_t syi_scope_run_many(sy_scope *scope, syi_op_id id, const sy_value *args, size_t arg_count,
                          sy_tensor **results, size_t capacity);

#endif
