/*
 * resolve.h - pointers that arrive at the worker they point to become the object itself (000: recv_msg).
 */
#ifndef SYI_WORKERS_RESOLVE_H
#define SYI_WORKERS_RESOLVE_H

#include "serde/serde.h"
#include "workers/worker.h"

/* Strand held. A new reference to the object, or to the attribute at the dotted path (NULL: none). `caller`: SY_EPERM
 * when it may not use it; 0 asks nothing. */
sy_status syi_resolve_object(sy_worker *worker, const sy_id *id, const char *attribute,
                             uint64_t caller, sy_tensor **found, sy_error *err);

/* Lets the decoder resolve in its worker's store: for requests, decoded with the strand held ... */
void syi_resolve_with_strand(syi_decoder *decoder);
/* ... and for answers, decoded without it. */
void syi_resolve_without_strand(syi_decoder *decoder);

#endif
