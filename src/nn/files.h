/* files.h - modules to and from model files; public face: <csyft/nn.h>. Unlike the rest of this room it looks
 * into native tensors (hook/tensor.h), so that nothing is copied on the way. Test: files_test.c. */
#ifndef SYI_NN_FILES_H
#define SYI_NN_FILES_H

#include <csyft/nn.h>

#include "formats/model.h"

/* The state dict of a module, in PyTorch's order and with its names; a layer that stands in several places
 * is named in each. SY_EPERM for a parameter that is elsewhere or private. `model` is initialised here. */
sy_status syi_module_state(sy_module *module, syi_model *model, sy_error *err);

#endif
