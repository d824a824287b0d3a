/*
 * command.h - commands as the older workers passed them on: a list of keys rather than a call
 * (reference 004: _execute_call, _execute_numpy_call, handle_call).
 *
 * The command is guarded by the same list as everything else (sy_hook_command_guard), goes to the outermost
 * type among its tensors, and its results are wrapped again. Where it is executed by another worker than the
 * local one, its tensors must be pointers to that worker and its results stay there.
 */
#ifndef CSYFT_COMMAND_H
#define CSYFT_COMMAND_H

#include <csyft/pointer.h>

SY_BEGIN_DECLS

typedef struct sy_raw_command {
    size_t size;
    const char *command;  /* "add", "torch.add" */
    bool has_self;        /* a method of `self` */
    sy_value self;        /* with has_self: a tensor */
    const sy_value *args; /* without self */
    size_t arg_count;
    const sy_named_value *kwargs;
    size_t kwarg_count;
} sy_raw_command;
#define SY_RAW_COMMAND_INIT            \
    {                                  \
        .size = sizeof(sy_raw_command) \
    }

/* Results and value as with sy_call. SY_EUNKNOWNOP and SY_EFORBIDDEN for what the guard does not let pass,
 * SY_EINVAL for a command that contradicts itself. */
SY_API sy_status sy_worker_execute_call(sy_worker *worker, const sy_raw_command *command,
                                        sy_tensor **results, size_t capacity, size_t *count,
                                        sy_value *value, sy_error *err);

/* The same for plain arrays: arrays go in as the bytes of NPY files and stand before the command's other
 * arguments (which hold no tensor); each result comes out as one, to be freed with sy_bytes_free. */
typedef struct sy_npy_bytes {
    const void *data;
    size_t size;
} sy_npy_bytes;
typedef struct sy_npy_result {
    void *data;
    size_t size;
} sy_npy_result;
SY_API sy_status sy_worker_execute_numpy_call(sy_worker *worker, const sy_raw_command *command,
                                              const sy_npy_bytes *arrays, size_t array_count,
                                              sy_npy_result *results, size_t capacity,
                                              size_t *count, sy_value *value, sy_error *err);

SY_END_DECLS

#endif
