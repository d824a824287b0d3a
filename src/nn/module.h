/* module.h - the inside of a module. Public face: <csyft/nn.h>. This room uses public headers only, and
 * core for memory and errors. Tests: module_test.c, layers_test.c, optimizer_test.c. */
#ifndef SYI_NN_MODULE_H
#define SYI_NN_MODULE_H

#include <stdatomic.h>

#include <csyft/nn.h>

typedef struct syi_module_class {
    const char *name;
    const char *const *parameter_names; /* of its own; NULL: it has none but its layers' */
    const char *const *buffer_names;
    sy_tensor *(*forward)(sy_scope *scope, sy_module *module, sy_tensor *input);
} syi_module_class;

/* What the layers were made with; each reads what its constructor filled. */
typedef struct syi_layer_settings {
    int dim; /* LogSoftmax, Softmax; first dim of Flatten */
    int last_dim;
    int64_t kernel[2], stride[2], padding[2], dilation[2];
    int64_t groups;
    int64_t padding_index;
    bool ceil_mode, count_include_pad;
    double p, eps, momentum;
    int ndim;
    int64_t sizes[SY_DIM_MAX]; /* normalized_shape; places of an adaptive pooling */
} syi_layer_settings;

/* Tensors in order, each once; one reference each. */
typedef struct syi_tensor_list {
    sy_tensor **items;
    size_t count, capacity;
} syi_tensor_list;

struct sy_module {
    atomic_uint refs;
    int depth; /* of layers in layers */
    bool training;
    sy_hook *hook;
    const syi_module_class *klass;
    syi_layer_settings settings;
    syi_tensor_list parameters, buffers; /* own ones, or its layers' without repetitions */
    sy_module **layers;                  /* one reference each */
    size_t layer_count;
};

/* With room for so many `parameters`, `buffers` and `layers`, which are still to be filled. NULL when out of
 * memory. */
sy_module *syi_module_new(sy_hook *hook, const syi_module_class *klass, size_t parameters,
                          size_t buffers, size_t layers);
/* Takes the reference, or drops it when the tensor is there already. */
void syi_tensor_list_add(syi_tensor_list *list, sy_tensor *tensor);

/* Adds an f32 parameter that requires a gradient. Uniform in [-bound, bound): kaiming_uniform_ with a = sqrt(5), which
 * is what PyTorch's reset_parameters of Linear and of convolutions comes to with bound = 1/sqrt(fan_in). */
sy_status syi_module_draw_parameter(sy_module *module, int ndim, const int64_t *shape, double bound,
                                    sy_error *err);
/* Adds a parameter, or with `buffer` a buffer, of one value. */
sy_status syi_module_fill(sy_module *module, bool buffer, int ndim, const int64_t *shape,
                          double value, sy_error *err);
/* Ends a constructor: hands the module over, or drops it after a failure. */
sy_status syi_module_finish(sy_module *made, sy_module **module, sy_status status);

#endif
