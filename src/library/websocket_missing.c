/* Temporary: lets the tree link while the websocket listener is being finished. Removed with it. */
#include "core/error.h"
#include "transport/transport_class.h"
__attribute__((weak)) sy_status syi_websocket_connect(sy_context *c, syi_connection **o, const syi_url *u, const syi_connect_options *p, sy_error *err) { (void)c; (void)u; (void)p; *o = NULL; return syi_fail(err, SY_ENOTSUP, "websocket: not yet"); }
__attribute__((weak)) sy_status syi_websocket_listen(sy_context *c, syi_listener **o, const syi_url *u, const syi_listen_options *p, const syi_service *s, sy_error *err) { (void)c; (void)u; (void)p; (void)s; *o = NULL; return syi_fail(err, SY_ENOTSUP, "websocket: not yet"); }
