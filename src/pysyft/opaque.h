/*
 * opaque.h - an object that arrived from PySyft and has no type here: kept as its bytes and given back unchanged.
 * Nothing can be computed with it. Tests: pysyft_test.c, tests/interop/pysyft_replay.py.
 */
#ifndef SYI_PYSYFT_OPAQUE_H
#define SYI_PYSYFT_OPAQUE_H

#include "hook/hook.h"

sy_status syi_opaque_register(sy_hook *hook, sy_error *err);

#endif
