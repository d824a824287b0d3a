/* identity.h - the TLS configuration of a hook. */
#ifndef SYI_WORKERS_IDENTITY_H
#define SYI_WORKERS_IDENTITY_H

#include "hook/hook.h"
#include "transport/tls/tls.h"

/* What sy_hook_set_tls has set last, as a new reference; NULL: nothing, so the defaults. Any thread. */
syi_tls_config *syi_identity_ref(sy_hook *hook);

#endif
