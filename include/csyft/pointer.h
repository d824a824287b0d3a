/*
 * pointer.h - tensors that live at another worker: send, get, move, search.
 *
 * A pointer made by send, an operation or move owns its remote object: when its last handle goes, the
 * object is deleted. Pointers from search, attribute pointers and the copies made by pointer-to-pointer
 * sends do not (workers.md, GC). get takes the object away from its worker, as in the reference;
 * copy_get leaves it.
 */
#ifndef CSYFT_POINTER_H
#define CSYFT_POINTER_H

#include <csyft/worker.h>

SY_BEGIN_DECLS

/* Sends a copy of the tensor with its whole chain, gradient, tags and flags; the local one stays usable.
 * The remote object keeps the tensor's id; sending again makes a new generation and the older pointer
 * stops owning it. SY_ECLOSED, SY_ETIMEDOUT, SY_ELIMIT (the worker's memory) name the worker. */
SY_API sy_status sy_tensor_send(sy_tensor *tensor, sy_tensor **pointer, sy_worker *location,
                                sy_error *err);
/* In place: the handle itself becomes the pointer. On failure it is unchanged. */
SY_API sy_status sy_tensor_send_(sy_tensor *tensor, sy_worker *location, sy_error *err);

/* Worker-level send (000: send(obj, workers, ptr_id)): `remote_id` is the object's id at the worker
 * (nullable: the tensor's own). */
SY_API sy_status sy_worker_send(sy_worker *owner, sy_tensor **pointer, sy_tensor *tensor,
                                sy_worker *location, const sy_id *remote_id, sy_error *err);
/* 004: sends the object itself; with `remove` it is removed from the owner's registry, after the
 * remote has acknowledged it. */
SY_API sy_status sy_worker_send_object(sy_worker *owner, sy_tensor *tensor, sy_worker *location,
                                       bool remove, sy_error *err);

/* Brings the object here and removes it there. On a local chain (fixed precision, logging, ...) it
 * returns the chain without its outermost node; that of a fixed
 * precision tensor over a pointer is fetched and stays under it. SY_EPERM when it is private ("... is private"),
 * SY_ENOTFOUND when it is gone, SY_EINVAL for an attribute pointer (clone it first). */
SY_API sy_status sy_tensor_get(sy_tensor *pointer, sy_tensor **tensor, sy_error *err);
SY_API sy_status sy_tensor_get_(sy_tensor *pointer, sy_error *err); /* in place */
/* As get, but the object stays at its worker and the pointer stays valid. */
SY_API sy_status sy_tensor_copy_get(sy_tensor *pointer, sy_tensor **tensor, sy_error *err);

/* Moves the object to another worker, directly from worker to worker; the handle then points there.
 * Refused for private objects. On failure nothing has moved. */
SY_API sy_status sy_tensor_move_(sy_tensor *pointer, sy_worker *location, sy_error *err);
/* Pointer to pointer becomes pointer to data: the worker gets what its pointer stands for. */
SY_API sy_status sy_tensor_remote_get_(sy_tensor *pointer, sy_error *err);

/* The remote object lives until it is removed, beyond this client's session; the pointer no longer owns
 * it. SY_EPERM when it belongs to another client. */
SY_API sy_status sy_tensor_keep(sy_tensor *pointer, sy_error *err);

/* true when the remote value (an attribute such as .grad) is none; an id that does not exist is
 * SY_ENOTFOUND, not true. */
SY_API sy_status sy_tensor_is_none(sy_tensor *pointer, bool *none, sy_error *err);
/* A dotted attribute: "grad", "data", "child", "data.grad". On a pointer: a pointer to the attribute (grad
 * and data), which never deletes anything. On any other tensor: the attribute itself, NULL when it is none,
 * SY_ENOTFOUND for other names; a pointer on the way takes the rest of the path along. */
SY_API sy_status sy_tensor_attr(sy_tensor *pointer, sy_tensor **attribute, const char *name,
                                sy_error *err);

SY_API bool sy_tensor_is_pointer(const sy_tensor *tensor);
/* NULL / none id when it is no pointer. */
SY_API sy_worker *sy_tensor_get_location(const sy_tensor *pointer);
SY_API sy_id sy_tensor_get_id_at_location(const sy_tensor *pointer);
/* Does dropping this pointer delete the remote object? */
SY_API bool sy_tensor_get_garbage_collect(const sy_tensor *pointer);
SY_API void sy_tensor_set_garbage_collect(sy_tensor *pointer, bool garbage_collect);
/* A pointer to an object known by its id; does not own it, and asks nothing. */
SY_API sy_status sy_tensor_point_to(sy_hook *hook, sy_tensor **pointer, sy_worker *location,
                                    const sy_id *id_at_location, sy_error *err);

/* A pointer to where this tensor is, or is to be, stored (create_pointer). Asks and sends nothing. */
typedef struct sy_pointer_options {
    size_t size;
    sy_worker *owner;            /* NULL: the tensor's */
    sy_worker *location;         /* NULL: the tensor's owner */
    const sy_id *id_at_location; /* NULL: the tensor's id */
    const sy_id *id; /* of the pointer. NULL: the tensor's id, or a fresh one when the location is
                                    the owner itself */
    bool garbage_collect_data; /* dropping it deletes what the owner has put there under that id */
    sy_dtype dtype;            /* with a shape */
    int ndim;
    const int64_t *shape; /* NULL: shape and dtype of the tensor */
} sy_pointer_options;
#define SY_POINTER_OPTIONS_INIT                                          \
    {                                                                    \
        .size = sizeof(sy_pointer_options), .garbage_collect_data = true \
    }
/* Tags and description are copied. options nullable. */
SY_API sy_status sy_tensor_create_pointer(sy_tensor *tensor, sy_tensor **pointer,
                                          const sy_pointer_options *options, sy_error *err);

/* The handle becomes what it points to, under the pointer's id, and is registered under it at the pointer's
 * owner (unless that is a client). Removes the object at its worker, as get does. */
SY_API sy_status sy_tensor_mid_get_(sy_tensor *pointer, sy_error *err);

/* Would get be allowed? Not for what is private; a pointer asks its worker. */
SY_API sy_status sy_tensor_is_allowed_to_get(sy_tensor *tensor, bool *allowed, sy_error *err);

/* Pointers to all objects that match every term, in registry order; they do not own. Each *pointers[k]
 * is a reference for the caller; the array is freed with sy_tensors_free. */
SY_API sy_status sy_worker_search(sy_worker *worker, sy_tensor ***pointers, size_t *count,
                                  const char *const *terms, size_t term_count, sy_error *err);
/* Drops every reference and the array. */
SY_API void sy_tensors_free(sy_hook *hook, sy_tensor **tensors, size_t count);

/*
 * Wraps the tensor so that every operation on it is logged at info level, with the worker where it runs:
 * "Log method add" for a method or a C function, "Log function torch.add" when it was called by that name
 * (also torch.mul and torch.nn.functional.relu), "Default log torch.neg" for any other dotted name. Results
 * are those of the plain tensors, wrapped again.
 */
SY_API sy_status sy_tensor_log(sy_tensor *tensor, sy_tensor **logging, sy_error *err);

/* Wraps the tensor so that operations on it are recorded here, whatever its chain ends in: its gradient is
 * computed by its holder through that chain, instead of at the worker of a pointer (AutogradTensor). Set
 * requires_grad on the result. Bare pointers beside it are constants; with one that requires a gradient at its
 * worker it is refused (SY_EINVAL). What a gradient makes, zeros or indices, it makes where the data is. */
SY_API sy_status sy_tensor_autograd(sy_tensor *tensor, sy_tensor **recorded, sy_error *err);

/*
 * Runs an operation at a worker, as sy_call does here: bob.remote.torch.zeros(2, 3) is
 * sy_worker_call(bob, "torch.zeros", ...). The results are made and stay there, charged to that worker;
 * results[k] point to them. Besides every operation that a peer may ask for there is "tensor", which
 * makes a tensor of nested lists of numbers (its named argument dtype is optional). Tensors among the
 * arguments must be pointers to the worker (SY_ECOLLOCATION). SY_EUNKNOWNOP and SY_EFORBIDDEN name the
 * operation, other failures the worker. The local worker does it itself.
 */
SY_API sy_status sy_worker_call(sy_worker *worker, const char *name, const sy_value *args,
                                size_t arg_count, const sy_named_value *kwargs, size_t kwarg_count,
                                sy_tensor **results, size_t capacity, size_t *count,
                                sy_value *value, sy_error *err);

/* Waits until every pipelined operation of this hook was answered; the first failure, if any. */
SY_API sy_status sy_hook_synchronize(sy_hook *hook, sy_error *err);

SY_END_DECLS

#endif
