/* module.h - the inside of a module. Public face: <csyft/nn.h>. This room uses public headers only, and
 * core for memory and errors. Tests: module_test.c, layers_test.c. */
#ifndef SYI_NN_MODULE_H
#define SYI_NN_MODULE_H

#include <stdatomic.h>

#include <csyft/nn.h>

typedef struct syi_module_class {
    const char *name;
    const char *const
        *parameter_names; /* of its own parameters; NULL: it has none but its layers' */
    sy_tensor *(*forward)(sy_scope *scope, sy_module *module, sy_tensor *input);
} syi_module_class;

struct sy_module {
    atomic_uint refs;
    int dim;   /* LogSoftmax */
    int depth; /* of layers in layers */
    sy_hook *hook;
    const syi_module_class *klass;
    sy_tensor **parameters; /* own ones, or its layers' without repetitions; one reference each */
    size_t parameter_count;
    size_t parameter_capacity;
    sy_module **layers; /* one reference each */
    size_t layer_count;
};

/* With room for `parameters` and `layers`, which are still to be filled. NULL when out of memory. */
sy_module *syi_module_new(sy_hook *hook, const syi_module_class *klass, size_t parameters,
                          size_t layers);
/* Takes the reference, or drops it when the tensor is there already. */
void syi_module_add_parameter(sy_module *module, sy_tensor *parameter);

#endif
