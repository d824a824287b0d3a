/* identity.c - what the workers of a hook show and trust on tls:// (csyft/tls.h). Test: tests/integration/tls.c. */
#include <csyft/tls.h>

#include "workers/identity.h"
#include "workers/room.h"
#include "workers/worker.h"

sy_status sy_hook_set_tls(sy_hook *hook, const sy_tls_options *options, sy_error *err)
{
    syi_tls_config *made = NULL;
    SY_TRY(syi_tls_config_new(hook->context, &made, options, err));
    pthread_mutex_lock(&hook->directory_lock);
    syi_tls_config *before = hook->workers->tls;
    hook->workers->tls = made;
    pthread_mutex_unlock(&hook->directory_lock);
    syi_tls_config_unref(before);
    return SY_OK;
}

syi_tls_config *syi_identity_ref(sy_hook *hook)
{
    pthread_mutex_lock(&hook->directory_lock);
    syi_tls_config *config = syi_tls_config_ref(hook->workers->tls);
    pthread_mutex_unlock(&hook->directory_lock);
    return config;
}
