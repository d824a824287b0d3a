/* vision.c - Conv1d, Conv2d and pooling. Test: optimizer_test.c, layers_test.c. */
#include "nn/module.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "core/error.h"

/* Two numbers as a list value, on the caller's stack. */
typedef struct pair {
    sy_value items[2];
} pair;

static sy_value numbers(pair *room, const int64_t *values, size_t count)
{
    for (size_t k = 0; k < count; k++) {
        room->items[k] = sy_value_int(values[k]);
    }
    return sy_value_list(room->items, count);
}

static sy_status check_positive(const char *module, const char *what, const int64_t *values,
                                size_t count, int64_t least, sy_error *err)
{
    for (size_t k = 0; k < count; k++) {
        if (values[k] < least) {
            return syi_fail(err, SY_ESHAPE, "%s: %s is %" PRId64 ", expected at least %" PRId64,
                            module, what, values[k], least);
        }
    }
    return SY_OK;
}

/* Convolution */

static sy_tensor *convolve(sy_scope *scope, sy_module *module, sy_tensor *input, const char *name,
                           size_t spatial)
{
    const syi_layer_settings *s = &module->settings;
    sy_tensor *const *own = module->parameters.items;
    pair stride, padding, dilation;
    const sy_value args[] = {
        sy_value_tensor(input),
        sy_value_tensor(own[0]),
        module->parameters.count > 1 ? sy_value_tensor(own[1]) : sy_value_none(),
        numbers(&stride, s->stride, spatial),
        numbers(&padding, s->padding, spatial),
        numbers(&dilation, s->dilation, spatial),
        sy_value_int(s->groups),
    };
    return sy_scope_call(scope, name, args, sizeof args / sizeof args[0]);
}

static sy_tensor *conv1d_forward(sy_scope *scope, sy_module *module, sy_tensor *input)
{
    return convolve(scope, module, input, "conv1d", 1);
}

static sy_tensor *conv2d_forward(sy_scope *scope, sy_module *module, sy_tensor *input)
{
    return convolve(scope, module, input, "conv2d", 2);
}

static const char *const filter_names[] = {"weight", "bias"};
static const syi_module_class conv1d_class = {"Conv1d", filter_names, NULL, conv1d_forward};
static const syi_module_class conv2d_class = {"Conv2d", filter_names, NULL, conv2d_forward};

static sy_status check_options(const char *name, int64_t in_channels, int64_t out_channels,
                               const int64_t *kernel, const sy_conv_options *o, size_t spatial,
                               sy_error *err)
{
    SY_TRY(check_positive(name, "in_channels", &in_channels, 1, 1, err));
    SY_TRY(check_positive(name, "out_channels", &out_channels, 1, 1, err));
    SY_TRY(check_positive(name, "kernel_size", kernel, spatial, 1, err));
    SY_TRY(check_positive(name, "stride", o->stride, spatial, 1, err));
    SY_TRY(check_positive(name, "padding", o->padding, spatial, 0, err));
    SY_TRY(check_positive(name, "dilation", o->dilation, spatial, 1, err));
    SY_TRY(check_positive(name, "groups", &o->groups, 1, 1, err));
    if (in_channels % o->groups != 0 || out_channels % o->groups != 0) {
        return syi_fail(err, SY_ESHAPE,
                        "%s: %" PRId64 " groups do not divide %" PRId64 " channels in and %" PRId64
                        " out",
                        name, o->groups, in_channels, out_channels);
    }
    return SY_OK;
}

static sy_status new_convolution(sy_hook *hook, sy_module **module, const syi_module_class *klass,
                                 int64_t in_channels, int64_t out_channels, const int64_t *kernel,
                                 const sy_conv_options *given, size_t spatial, sy_error *err)
{
    sy_conv_options o = SY_CONV_OPTIONS_INIT;
    *module = NULL;
    if (given != NULL) {
        memcpy(&o, given, given->size < sizeof o ? given->size : sizeof o);
    }
    SY_TRY(check_options(klass->name, in_channels, out_channels, kernel, &o, spatial, err));
    sy_module *made = syi_module_new(hook, klass, o.bias ? 2 : 1, 0, 0);
    if (made == NULL) {
        return SYI_ENOMEM(err, klass->name);
    }
    int64_t shape[4] = {out_channels, in_channels / o.groups};
    double fan_in = (double)shape[1];
    for (size_t k = 0; k < spatial; k++) {
        shape[2 + k] = kernel[k];
        fan_in *= (double)kernel[k];
        made->settings.stride[k] = o.stride[k];
        made->settings.padding[k] = o.padding[k];
        made->settings.dilation[k] = o.dilation[k];
    }
    made->settings.groups = o.groups;
    const double bound = 1 / sqrt(fan_in);
    sy_status status = syi_module_draw_parameter(made, (int)spatial + 2, shape, bound, err);
    if (status == SY_OK && o.bias) {
        status = syi_module_draw_parameter(made, 1, shape, bound, err);
    }
    return syi_module_finish(made, module, status);
}

sy_status sy_module_new_conv1d(sy_hook *hook, sy_module **module, int64_t in_channels,
                               int64_t out_channels, int64_t kernel, const sy_conv_options *options,
                               sy_error *err)
{
    return new_convolution(hook, module, &conv1d_class, in_channels, out_channels, &kernel, options,
                           1, err);
}

sy_status sy_module_new_conv2d(sy_hook *hook, sy_module **module, int64_t in_channels,
                               int64_t out_channels, const int64_t kernel[2],
                               const sy_conv_options *options, sy_error *err)
{
    return new_convolution(hook, module, &conv2d_class, in_channels, out_channels, kernel, options,
                           2, err);
}

/* Pooling */

/* With the places of the maxima, which its gradient then need not look for. */
static sy_tensor *max_pool_forward(sy_scope *scope, sy_module *module, sy_tensor *input)
{
    const syi_layer_settings *s = &module->settings;
    pair kernel, stride, padding, dilation;
    const sy_value args[] = {
        sy_value_tensor(input),
        numbers(&kernel, s->kernel, 2),
        numbers(&stride, s->stride, 2),
        numbers(&padding, s->padding, 2),
        numbers(&dilation, s->dilation, 2),
        sy_value_bool(s->ceil_mode),
    };
    sy_tensor *both[2] = {NULL, NULL};
    (void)sy_scope_call_many(scope, "max_pool2d_with_indices", args, 6, both, 2);
    return both[0];
}

static sy_tensor *avg_pool_forward(sy_scope *scope, sy_module *module, sy_tensor *input)
{
    const syi_layer_settings *s = &module->settings;
    pair kernel, stride, padding;
    const sy_value args[] = {
        sy_value_tensor(input),         numbers(&kernel, s->kernel, 2),
        numbers(&stride, s->stride, 2), numbers(&padding, s->padding, 2),
        sy_value_bool(s->ceil_mode),    sy_value_bool(s->count_include_pad),
    };
    return sy_scope_call(scope, "avg_pool2d", args, 6);
}

static sy_tensor *adaptive_forward(sy_scope *scope, sy_module *module, sy_tensor *input)
{
    pair places;
    const sy_value args[] = {sy_value_tensor(input), numbers(&places, module->settings.sizes, 2)};
    return sy_scope_call(scope, "adaptive_avg_pool2d", args, 2);
}

static const syi_module_class max_pool_class = {"MaxPool2d", NULL, NULL, max_pool_forward};
static const syi_module_class avg_pool_class = {"AvgPool2d", NULL, NULL, avg_pool_forward};
static const syi_module_class adaptive_class = {"AdaptiveAvgPool2d", NULL, NULL, adaptive_forward};

static sy_status new_pooling(sy_hook *hook, sy_module **module, const syi_module_class *klass,
                             const int64_t kernel[2], const sy_pool_options *given, sy_error *err)
{
    sy_pool_options o = SY_POOL_OPTIONS_INIT;
    *module = NULL;
    if (given != NULL) {
        memcpy(&o, given, given->size < sizeof o ? given->size : sizeof o);
    }
    SY_TRY(check_positive(klass->name, "kernel_size", kernel, 2, 1, err));
    SY_TRY(check_positive(klass->name, "stride", o.stride, 2, 0, err));
    SY_TRY(check_positive(klass->name, "padding", o.padding, 2, 0, err));
    SY_TRY(check_positive(klass->name, "dilation", o.dilation, 2, 1, err));
    sy_module *made = syi_module_new(hook, klass, 0, 0, 0);
    if (made == NULL) {
        return SYI_ENOMEM(err, klass->name);
    }
    for (int k = 0; k < 2; k++) {
        made->settings.kernel[k] = kernel[k];
        made->settings.stride[k] = o.stride[k] == 0 ? kernel[k] : o.stride[k];
        made->settings.padding[k] = o.padding[k];
        made->settings.dilation[k] = o.dilation[k];
    }
    made->settings.ceil_mode = o.ceil_mode;
    made->settings.count_include_pad = o.count_include_pad;
    *module = made;
    return SY_OK;
}

sy_status sy_module_new_max_pool2d(sy_hook *hook, sy_module **module, const int64_t kernel[2],
                                   const sy_pool_options *options, sy_error *err)
{
    return new_pooling(hook, module, &max_pool_class, kernel, options, err);
}

sy_status sy_module_new_avg_pool2d(sy_hook *hook, sy_module **module, const int64_t kernel[2],
                                   const sy_pool_options *options, sy_error *err)
{
    return new_pooling(hook, module, &avg_pool_class, kernel, options, err);
}

sy_status sy_module_new_adaptive_avg_pool2d(sy_hook *hook, sy_module **module,
                                            const int64_t output_size[2], sy_error *err)
{
    *module = NULL;
    SY_TRY(check_positive(adaptive_class.name, "output_size", output_size, 2, 1, err));
    sy_module *made = syi_module_new(hook, &adaptive_class, 0, 0, 0);
    if (made == NULL) {
        return SYI_ENOMEM(err, adaptive_class.name);
    }
    memcpy(made->settings.sizes, output_size, 2 * sizeof *output_size);
    *module = made;
    return SY_OK;
}
