/*
 * client.h - the way to a PySyft 0.2.9 websocket server worker, as a connection that speaks csyft.v1 to the link above
 * it: requests are translated as they leave, answers as they come. What the original cannot say (its id, sessions,
 * generations) is answered here. docs/reference/pysyft-wire.md, section 6. Test: tests/interop/pysyft_client.c.
 */
#ifndef SYI_PYSYFT_CLIENT_H
#define SYI_PYSYFT_CLIENT_H

#include <csyft/id.h>

#include "ops/ops.h"
#include "transport/transport.h"

#define SYI_PYSYFT_URL "pysyft+" /* in front of ws:// */

typedef struct syi_pysyft_url {
    char url[512]; /* without prefix and id */
    char id[64];   /* "": none was given */
} syi_pysyft_url;
/* pysyft+ws://[ID@]HOST:PORT; false for other urls, and for those that are too long. */
bool syi_pysyft_url_parse(syi_pysyft_url *parsed, const char *url);
/* `url` has no prefix. `worker` is what the server calls itself: it never says so. `ops` outlives the connection. */
sy_status syi_pysyft_connect(sy_context *context, syi_connection **connection, const char *url,
                             const sy_id *worker, const syi_ops *ops,
                             const syi_connect_options *options, sy_error *err);

#endif
