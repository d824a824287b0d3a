#include "transport/transport_class.h"
sy_status syi_websocket_connect(sy_context *context, syi_connection **connection,
                                const syi_url *url, const syi_connect_options *options,
                                sy_error *err)
{
    (void)context;
    (void)connection;
    (void)url;
    (void)options;
    return syi_fail(err, SY_ENOTSUP, "websocket: not yet");
}
sy_status syi_websocket_listen(sy_context *context, syi_listener **listener, const syi_url *url,
                               const syi_listen_options *options, const syi_service *service,
                               sy_error *err)
{
    (void)context;
    (void)listener;
    (void)url;
    (void)options;
    (void)service;
    return syi_fail(err, SY_ENOTSUP, "websocket: not yet");
}
