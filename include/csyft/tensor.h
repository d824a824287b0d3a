/*
 * tensor.h - tensors: reference-counted handles on a chain of nodes.
 *
 * A handle whose chain starts with native storage is a native tensor; any other is a wrapper: it has
 * a child and no storage, and its text starts with "(Wrapper)>". Handles are used by one thread at a
 * time; sy_tensor_ref and sy_tensor_unref are safe from any. Dropping the last handle on a pointer that
 * owns its remote object asks the remote worker to delete it; that never blocks.
 */
#ifndef CSYFT_TENSOR_H
#define CSYFT_TENSOR_H

#include <csyft/dlpack.h>
#include <csyft/hook.h>

SY_BEGIN_DECLS

/* A new native tensor. `data`: row-major elements, copied; NULL gives zeros. SY_ESHAPE for a bad shape,
 * SY_ELIMIT, SY_ENOMEM. */
SY_API sy_status sy_tensor_new(sy_hook *hook, sy_tensor **tensor, sy_dtype dtype, int ndim,
                               const int64_t *shape, const void *data, sy_error *err);
/* A 1-d f32 tensor of `count` elements; the shortest way to the examples of the reference. */
SY_API sy_status sy_tensor_from_floats(sy_hook *hook, sy_tensor **tensor, const float *data,
                                       int64_t count, sy_error *err);
SY_API sy_tensor *sy_tensor_ref(sy_tensor *tensor);
SY_API void sy_tensor_unref(sy_tensor *tensor); /* NULL is nothing */

/* DLPack, zero copy. Import takes `managed` only on success. Export holds the storage until its deleter
 * runs. SY_ENOTSUP for a wrapper, a device other than CPU or a dtype outside dtype.h. */
SY_API sy_status sy_tensor_from_dlpack(sy_hook *hook, sy_tensor **tensor, DLManagedTensor *managed,
                                       sy_error *err);
SY_API sy_status sy_tensor_to_dlpack(sy_tensor *tensor, DLManagedTensor **managed, sy_error *err);

/* Files: NPY, and CSV (by the ending .csv). */
SY_API sy_status sy_tensor_load(sy_hook *hook, sy_tensor **tensor, const char *path, sy_error *err);
SY_API sy_status sy_tensor_save(sy_tensor *tensor, const char *path, sy_error *err); /* NPY */

/* Identity. The id is drawn when first asked for. */
SY_API sy_id sy_tensor_get_id(sy_tensor *tensor);
SY_API sy_status sy_tensor_set_id(sy_tensor *tensor, const sy_id *id, sy_error *err);
SY_API sy_worker *sy_tensor_get_owner(const sy_tensor *tensor);
SY_API sy_hook *sy_tensor_get_hook(const sy_tensor *tensor);
/* Adds a tag (a set: twice is once). SY_EINVAL when empty or over 255 bytes. */
SY_API sy_status sy_tensor_tag(sy_tensor *tensor, const char *tag, sy_error *err);
SY_API sy_status sy_tensor_describe(sy_tensor *tensor, const char *description, sy_error *err);
SY_API size_t sy_tensor_get_tag_count(const sy_tensor *tensor);
SY_API const char *sy_tensor_get_tag(const sy_tensor *tensor,
                                     size_t index);                    /* borrowed; NULL beyond */
SY_API const char *sy_tensor_get_description(const sy_tensor *tensor); /* borrowed; may be NULL */

/* Shape and dtype. For a pointer they are known from the last reply, or asked for once. */
SY_API sy_status sy_tensor_get_shape(sy_tensor *tensor, int *ndim, int64_t shape[SY_DIM_MAX],
                                     sy_error *err);
SY_API sy_status sy_tensor_get_dtype(sy_tensor *tensor, sy_dtype *dtype, sy_error *err);
SY_API bool sy_tensor_is_wrapper(const sy_tensor *tensor);

/* len(): the length of the first dim, 0 for a scalar. */
SY_API sy_status sy_tensor_get_length(sy_tensor *tensor, int64_t *length, sy_error *err);

/* A tensor of the same contents with an id of its own (self + 0 in the original, of the same dtype here);
 * of a pointer, a new object at its worker. Recorded like any operation. */
SY_API sy_status sy_tensor_copy(sy_tensor *tensor, sy_tensor **copy, sy_error *err);
/* The same with the same id, tags and description. Of a pointer or multi-pointer it is a second pointer to
 * the same objects, and neither of the two deletes them any more. */
SY_API sy_status sy_tensor_clone(sy_tensor *tensor, sy_tensor **clone, sy_error *err);
/* tensor.data = data: the handle takes over the chain (no copy); id, tags, gradient and requires_grad
 * stay. Setting the data of a wrapper drops its child. SY_EDTYPE when a gradient is required of what cannot
 * have one, SY_EINVAL for a computed tensor. The data of a tensor: sy_detach, or sy_tensor_attr "data". */
SY_API sy_status sy_tensor_set_data(sy_tensor *tensor, sy_tensor *data, sy_error *err);

/* Bytes that hold the tensor with its whole chain, gradient, tags and flags (docs/reference/wire.md, pair 14,
 * behind a byte of 40); a pointer inside stays a pointer and owns nothing. At most 1 GiB; SY_EPERM for what
 * is private. The caller frees them with sy_bytes_free. */
SY_API sy_status sy_tensor_serialize(sy_tensor *tensor, void **bytes, size_t *size, sy_error *err);
SY_API void sy_bytes_free(sy_hook *hook, void *bytes, size_t size);
/* The other way; the bytes may come from anybody. Pointers to the local worker become its objects. */
SY_API sy_status sy_tensor_deserialize(sy_hook *hook, sy_tensor **tensor, const void *bytes,
                                       size_t size, sy_error *err);

/* Contents; native tensors only (SY_EPERM for a pointer: get it first). copy_data writes row-major
 * elements of the tensor's dtype; `size` must be exactly their bytes. */
SY_API sy_status sy_tensor_copy_data(sy_tensor *tensor, void *buffer, size_t size, sy_error *err);
/* The one element of a tensor with one element, converted. SY_ESHAPE otherwise. */
SY_API sy_status sy_tensor_item(sy_tensor *tensor, double *value, sy_error *err);
SY_API sy_status sy_tensor_item_int(sy_tensor *tensor, int64_t *value, sy_error *err);

/*
 * The readable form, one line per node ("(Wrapper)>[PointerTensor | me:1 -> bob:2]"). A native tensor
 * prints its values, tags, description and shape. *text is freed with sy_string_free.
 */
SY_API sy_status sy_tensor_to_text(sy_tensor *tensor, char **text, sy_error *err);
SY_API void sy_string_free(sy_hook *hook, char *text);

/* Gradients: one tape, that of the chain. `requires_grad` on a pointer is set at its worker. */
SY_API sy_status sy_tensor_set_requires_grad(sy_tensor *tensor, bool requires_grad, sy_error *err);
SY_API bool sy_tensor_get_requires_grad(const sy_tensor *tensor);
/* *grad NULL with SY_OK when there is none yet. For a pointer: an attribute pointer to `.grad`, which
 * never deletes anything (and NULL when the remote says it is none). The caller owns *grad. */
SY_API sy_status sy_tensor_get_grad(sy_tensor *tensor, sy_tensor **grad, sy_error *err);
SY_API sy_status sy_tensor_set_grad(sy_tensor *tensor, sy_tensor *grad, sy_error *err);
/* Runs the tape from here; `gradient` NULL means 1 and needs a tensor of one element. On a pointer it
 * runs at the pointer's worker. SY_ENOGRAD when nothing here requires a gradient. */
SY_API sy_status sy_tensor_backward(sy_tensor *tensor, sy_tensor *gradient, sy_error *err);

/* Calls an operation by name ("add", "torch.mm", "__getitem__", "add_", ...). Tensors come back in
 * results[0..*count) (owned by the caller; room for `capacity`), a plain answer in *value (text and
 * lists are not returned this way). Any of the two may be NULL. */
SY_API sy_status sy_call(sy_hook *hook, const char *name, const sy_value *args, size_t arg_count,
                         const sy_named_value *kwargs, size_t kwarg_count, sy_tensor **results,
                         size_t capacity, size_t *count, sy_value *value, sy_error *err);

SY_END_DECLS

#endif
