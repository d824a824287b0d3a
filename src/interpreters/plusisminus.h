/* plusisminus.h - PlusIsMinusTensor: plus executes minus. Test: plusisminus_test.c. */
#ifndef SYI_INTERPRETERS_PLUSISMINUS_H
#define SYI_INTERPRETERS_PLUSISMINUS_H

#include <csyft/interpreter.h>

sy_status syi_plusisminus_register(sy_hook *hook, sy_error *err);

#endif
