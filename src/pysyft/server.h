/*
 * server.h - the end of a PySyft 0.2.9 client at a worker. It stands between a plain connection and the worker's own
 * service: to the worker it is one more peer that speaks csyft.v1, to the client a websocket server worker. Requests
 * are taken one after the other; each has one answer. What the original answers by dropping the connection is logged
 * and closes it with code 1000. docs/reference/pysyft-wire.md, decision 0009. Tests: pysyft_test.c,
 * tests/interop/pysyft_replay.py.
 */
#ifndef SYI_PYSYFT_SERVER_H
#define SYI_PYSYFT_SERVER_H

#include <csyft/id.h>

#include "ops/ops.h"
#include "transport/transport.h"

typedef struct syi_pysyft_gate {
    sy_context *context;
    syi_service inner;  /* the worker's */
    const syi_ops *ops; /* the hook's */
    sy_id worker;
    char name[64];        /* for logs */
    syi_journal *journal; /* of the client's messages; nullable */
} syi_pysyft_gate;

/* The gate must live as long as its listener. */
syi_service syi_pysyft_service(syi_pysyft_gate *gate);

#endif
