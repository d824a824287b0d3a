/* autograd.h - AutogradTensor: operations are recorded by who holds it, whatever is below. See autograd.c. */
#ifndef SYI_INTERPRETERS_AUTOGRAD_H
#define SYI_INTERPRETERS_AUTOGRAD_H

#include "hook/dispatch.h"

extern const syi_interpreter syi_autograd_type;
sy_status syi_autograd_register(sy_hook *hook, sy_error *err);

#endif
