/*
 * hook.h - the hook: what the originals keep process-wide hangs here (003: TorchHook).
 *
 * A hook owns the table of operations, a framework, the source of ids, the directory of known workers
 * and the local worker. Two hooks in one process do not meet. A hook may be used by several threads;
 * a sy_tensor may not be used by two threads at once.
 */
#ifndef CSYFT_HOOK_H
#define CSYFT_HOOK_H

#include <csyft/context.h>
#include <csyft/id.h>
#include <csyft/value.h>

SY_BEGIN_DECLS

typedef struct sy_hook_options {
    size_t size;                 /* sizeof(sy_hook_options) */
    const char *local_worker_id; /* NULL: "me"; digits give an integer id */
    bool is_client;              /* default true: the local worker registers nothing by itself */
    bool verbose; /* default true (003): one log line per operation, and the two hooking lines */
    uint64_t memory_limit; /* bytes the local worker may hold for others; 0: no limit */
    /* 003: how many messages may be held back before they are sent. 0 (the default): an operation on a pointer
     * is sent at once and waits for its answer. n: operations wait for no answer, at most n of them (and at
     * most 32) are held back per worker and leave together, earlier when an answer is needed; what failed is
     * told at the end of its scope, or by sy_hook_synchronize. */
    unsigned queue_size;
} sy_hook_options;

#define SY_HOOK_OPTIONS_INIT                                                \
    {                                                                       \
        .size = sizeof(sy_hook_options), .is_client = true, .verbose = true \
    }

/* `options` NULL: the defaults. Makes the local worker. When verbose logs the reference's two lines
 * "Hooking into Torch..." and "Overloading Complete." at info level (003). */
SY_API sy_status sy_hook_new(sy_context *context, sy_hook **hook, const sy_hook_options *options,
                             sy_error *err);
/* Closes every worker made from the hook. Every tensor must be gone before. NULL is nothing. */
SY_API void sy_hook_free(sy_hook *hook);

SY_API sy_worker *sy_hook_get_local_worker(const sy_hook *hook);
SY_API sy_context *sy_hook_get_context(const sy_hook *hook);
/* The source of ids of this hook's tensors and pointers. Borrowed. */
SY_API sy_id_provider *sy_hook_get_id_provider(const sy_hook *hook);
/* Restarts the generator of rand, randn, randint, randperm. Not for secrets. */
SY_API void sy_hook_manual_seed(sy_hook *hook, uint64_t seed);

/* TorchAttributes (003). The native name: "torch.add" -> "torch.native_add"; returns buffer. */
SY_API const char *sy_get_native_torch_name(const char *name, char *buffer, size_t size);
/* Ends in '_' and has no "__": "add_" yes, "add" and "__iadd__" no. */
SY_API bool sy_is_inplace_method(const char *name);
/* Names that are never hooked (TorchAttributes.exclude): what they do is not asked of the tensors they are
 * given, so no interpreter sees them and no overload may have them. Dotted names, too. */
SY_API bool sy_is_excluded(const char *name);
/* SY_OK when `name` is an operation a peer may ask for; otherwise SY_EFORBIDDEN with the reference's
 * sentence `Command "X" is not a supported Torch operation.` */
SY_API sy_status sy_hook_command_guard(const sy_hook *hook, const char *name, sy_error *err);
/* The guard with get_native (004): the name of the native command, which sy_call takes for tensors that are
 * native themselves ("torch.add" gives "torch.native_add"; SY_EINVAL there for a wrapper). A name that the
 * guard refuses is refused here, SY_ELIMIT when the buffer is too small. */
SY_API sy_status sy_hook_get_native_command(const sy_hook *hook, const char *name, char *buffer,
                                            size_t size, sy_error *err);

SY_END_DECLS

#endif
