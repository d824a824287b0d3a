/*
 * multi_pointer.h - one handle for tensors of one shape at several workers (MultiPointerTensor).
 *
 * An operation on it runs at every worker, on what is there: the requests leave together, then the answers
 * are collected. Its operands are multi-pointers of the same workers and plain values; a pointer or a local
 * tensor among them is refused by name (SY_ECOLLOCATION). When a worker fails, the error names it and the
 * results of the others are dropped; what an in-place operation has written elsewhere stays written.
 *
 *     a = x@bob combined with y@alice;  (a + a).get(sum) = 2x + 2y
 */
#ifndef CSYFT_MULTI_POINTER_H
#define CSYFT_MULTI_POINTER_H

#include <csyft/pointer.h>

SY_BEGIN_DECLS

/* Most workers of one multi-pointer. */
#define SY_MULTI_POINTER_MAX 64

/* One handle for these pointers, of different workers (two at one worker: SY_EEXIST, which names it), of one
 * shape (SY_ESHAPE; a shape that is not known yet is asked for). The pointers stay usable; the objects live
 * until all handles on them are gone. */
SY_API sy_status sy_combine_pointers(sy_tensor **combined, sy_tensor *const *pointers, size_t count,
                                     sy_error *err);
/* The same with `pointer` first: x.combine(y). */
SY_API sy_status sy_tensor_combine(sy_tensor *pointer, sy_tensor **combined,
                                   sy_tensor *const *others, size_t count, sy_error *err);
/* Sends a copy to each of the workers. On failure nothing stays anywhere. */
SY_API sy_status sy_tensor_send_to_many(sy_tensor *tensor, sy_tensor **combined,
                                        sy_worker *const *locations, size_t count, sy_error *err);

/* Worker-level send to a list of workers (000: send(obj, workers, ptr_id)): the same from `owner`, local or virtual, with
 * the object's id at every one of them (nullable: the tensor's own). SY_EEXIST where that id is another client's. */
SY_API sy_status sy_worker_send_to_many(sy_worker *owner, sy_tensor **combined, sy_tensor *tensor,
                                        sy_worker *const *locations, size_t count,
                                        const sy_id *remote_id, sy_error *err);

SY_API bool sy_tensor_is_multi_pointer(const sy_tensor *tensor);
/* 0 and NULL for anything else. In the order of combining. */
SY_API size_t sy_multi_pointer_get_count(const sy_tensor *tensor);
SY_API sy_worker *sy_multi_pointer_get_location(const sy_tensor *tensor, size_t index);
/* A pointer to the part at that place; the same object, so no second owner. */
SY_API sy_status sy_multi_pointer_get_child(sy_tensor *tensor, sy_tensor **child, size_t index,
                                            sy_error *err);

/* Brings every part here and removes it there; all of them, or none: parts[0..count) are the caller's,
 * in the order of combining. `capacity` must be enough. */
SY_API sy_status sy_multi_pointer_get(sy_tensor *tensor, sy_tensor **parts, size_t capacity,
                                      size_t *count, sy_error *err);
/* The same, added up: get(sum_results=True). */
SY_API sy_status sy_multi_pointer_get_sum(sy_tensor *tensor, sy_tensor **sum, sy_error *err);
/* Copies of the parts, read from the registries of virtual workers without a message; nothing is removed.
 * SY_ENOTSUP for a worker of another kind, SY_EPERM for private parts. */
SY_API sy_status sy_multi_pointer_virtual_get(sy_tensor *tensor, sy_tensor **parts, size_t capacity,
                                              size_t *count, sy_error *err);
SY_API sy_status sy_multi_pointer_virtual_get_sum(sy_tensor *tensor, sy_tensor **sum,
                                                  sy_error *err);

SY_END_DECLS

#endif
