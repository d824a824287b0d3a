/*
 * layers.h - COMPOSITE rows of neural networks: one command that does several rows where its arguments live, some of
 * which write more than one argument (running statistics, states of optimizers). Room hook only, for composites.c.
 * Test: layers_test.c.
 */
#ifndef SYI_HOOK_LAYERS_H
#define SYI_HOOK_LAYERS_H

#include "hook/dispatch.h"

bool syi_layer_is_composite(const syi_op *op);
/* As syi_composite_call. */
sy_status syi_layer_call(sy_hook *hook, const syi_op *op, const sy_value *bound,
                         const syi_mode *mode, syi_results *results, sy_error *err);

#endif
