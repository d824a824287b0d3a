/*
 * pointer.h - PointerTensor: the node that stands for an object at another worker. Test: pointer_test.c.
 */
#ifndef SYI_INTERPRETERS_POINTER_H
#define SYI_INTERPRETERS_POINTER_H

#include <csyft/pointer.h>

#include "workers/commands.h"
#include "workers/link.h"

typedef struct syi_pointer {
    syi_node base;
    sy_worker *owner;    /* whose pointer it is; borrowed */
    sy_worker *location; /* where the object is; borrowed */
    syi_link *link;      /* owner to location */
    sy_id id;
    sy_id id_at_location;
    uint64_t generation; /* 0: not learned yet, or the pointer does not own */
    unsigned epoch;      /* of the link, when the pointer was made */
    atomic_bool collect; /* delete the object when this node goes */
    bool recorded;       /* a plan is there */
    char *attribute;     /* dotted path, NULL: the object itself */
    int ndim;            /* -1: not known */
    sy_dtype dtype;
    int64_t shape[SY_DIM_MAX];
} syi_pointer;

extern const syi_interpreter syi_pointer_type;

/* As an argument of a command: who is asked finds the object. Borrowed. */
static inline sy_value syi_pointer_value(syi_pointer *pointer)
{
    sy_value value = sy_value_none();
    value.kind = (sy_value_kind)SYI_VALUE_NODE;
    value.as.internal = &pointer->base;
    return value;
}
/* NULL when the handle is no pointer. */
syi_pointer *syi_pointer_of(const sy_tensor *tensor);
/* Owning unless `collect` is cleared afterwards; the shape is not known. */
sy_status syi_pointer_new(sy_hook *hook, syi_pointer **pointer, sy_worker *owner,
                          sy_worker *location, const sy_id *id_at_location, sy_error *err);
void syi_pointer_set_shape(syi_pointer *pointer, sy_dtype dtype, int ndim, const int64_t *shape);

/* A pointer beside `first`: same owner, same place. */
sy_status syi_pointer_beside(const syi_pointer *first, syi_pointer **pointer,
                             const sy_id *id_at_location, sy_error *err);

/* An operation on pointers, as two steps: the command leaves in the first and its answer is read in the
 * second. A begun trip must be finished; `call` must live until then. In a pipelined mode there is nothing
 * left to finish. */
typedef struct syi_pointer_trip {
    syi_call *call;
    syi_pointer *first;
    syi_exchange exchange;
    sy_id id;
    bool one;      /* one result, under `id` */
    bool answered; /* nothing to wait for */
} syi_pointer_trip;
/* One worker's part of a call that several of them get. */
typedef struct syi_pointer_part {
    syi_call call;
    syi_pointer_trip trip;
    sy_value items[SYI_OUTPUT_MAX]; /* of lists of tensors */
    syi_node *outs[SYI_OUTPUT_MAX];
} syi_pointer_part;
/* Drops the results that nobody took. */
void syi_pointer_part_drop(syi_pointer_part *part);
sy_status syi_pointer_begin(syi_pointer_trip *trip, syi_call *call, sy_error *err);
/* The same to where `first` points, whatever the arguments are: tensors that are here travel with the command. */
sy_status syi_pointer_begin_at(syi_pointer_trip *trip, syi_call *call, syi_pointer *first,
                               sy_error *err);
sy_status syi_pointer_finish(syi_pointer_trip *trip, sy_error *err);
sy_status syi_pointer_call(syi_call *call, sy_error *err);
/* A call without tensors, at that worker. */
sy_status syi_pointer_call_at(syi_call *call, sy_worker *owner, sy_worker *location, sy_error *err);

/* Sends `tensor` from `owner`; the new node points to it. remote_id nullable. */
sy_status syi_pointer_send(sy_worker *owner, syi_pointer **pointer, sy_tensor *tensor,
                           sy_worker *location, const sy_id *remote_id, sy_error *err);
/* Fetches what the pointer stands for, as the pointer's owner. */
sy_status syi_pointer_fetch(syi_pointer *pointer, bool keep, sy_tensor **tensor, sy_error *err);

/* The two halves of it, so that several can be fetched at once. What was begun must be finished. */
sy_status syi_pointer_fetch_begin(syi_pointer *pointer, bool keep, syi_exchange *exchange,
                                  sy_error *err);
sy_status syi_pointer_fetch_finish(syi_pointer *pointer, bool keep, syi_exchange *exchange,
                                   sy_tensor **tensor, sy_error *err);
/* The object goes, whoever owned it. */
sy_status syi_pointer_discard(syi_pointer *pointer, sy_error *err);

/* The type and its worker commands (move, mid_get). */
sy_status syi_pointer_register(sy_hook *hook, sy_error *err);

#endif
