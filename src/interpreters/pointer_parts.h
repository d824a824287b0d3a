/*
 * pointer_parts.h - what the files of PointerTensor share: pointer.c, pointer_object.c, pointer_moving.c, sending.c.
 * Nobody else includes it.
 */
#ifndef SYI_INTERPRETERS_POINTER_PARTS_H
#define SYI_INTERPRETERS_POINTER_PARTS_H

#include "interpreters/pointer.h"

/* pointer.c: a message of that kind about the object; the exchange is the caller's to end. */
sy_status syi_pointer_ask(syi_pointer *pointer, syi_kind kind, syi_exchange *exchange,
                          sy_error *err);
/* SY_EINVAL, naming `what`, when the handle is none. */
sy_status syi_pointer_need(sy_tensor *tensor, const char *what, syi_pointer **pointer,
                           sy_error *err);

/* pointer_object.c: a worker command on the object, with up to SYI_POINTER_MORE_MAX arguments after it; the exchange is the
 * caller's to end. */
#define SYI_POINTER_MORE_MAX 7
sy_status syi_pointer_command(syi_pointer *pointer, const char *name, const sy_value *more,
                              size_t more_count, syi_exchange *exchange, sy_error *err);
/* Members of the type. */
sy_status syi_pointer_set_requires_grad(syi_node *node, bool requires_grad, sy_error *err);
sy_status syi_pointer_attribute(syi_node *node, const char *path, syi_node **attribute,
                                sy_error *err);
sy_status syi_pointer_is_none(syi_node *node, bool *none, sy_error *err);
sy_status syi_pointer_get_grad(syi_node *node, sy_tensor **grad, sy_error *err);
sy_status syi_pointer_set_grad(syi_node *node, sy_tensor *grad, sy_error *err);
sy_status syi_pointer_before_travel(syi_node *node, sy_error *err);

/* pointer_moving.c: a pointer to be, which owns nothing yet: it is made before what it will own. */
sy_status syi_pointer_prepare(sy_worker *owner, sy_worker *location, syi_pointer **pointer,
                              sy_error *err);
/* Reads one descriptor: the pointer owns that. On failure it is dropped. */
sy_status syi_pointer_read_descriptor(const syi_message *reply, syi_pointer **pointer,
                                      sy_error *err);

#endif
