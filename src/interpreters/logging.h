/* logging.h - LoggingTensor: says each operation that passes through it, and changes nothing. */
#ifndef SYI_INTERPRETERS_LOGGING_H
#define SYI_INTERPRETERS_LOGGING_H

#include "hook/dispatch.h"

extern const syi_interpreter syi_logging_type;
sy_status syi_logging_register(sy_hook *hook, sy_error *err);

#endif
