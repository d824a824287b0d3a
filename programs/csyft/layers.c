/* layers.c - see layers.h. */
#include "layers.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LAYERS_MAX = 64, NUMBERS_MAX = 4, NAME_SIZE = 16, LAYER_SIZE = 80 };
static const int64_t number_max = 1 << 20;

typedef struct layer { /* as typed */
    char name[NAME_SIZE];
    int64_t numbers[NUMBERS_MAX];
    int count;
} layer;

typedef struct building {
    sy_hook *hook;
    sy_module *layers[LAYERS_MAX];
    size_t count;
    sy_tensor *sample; /* what the layers so far make of one row of zeros */
    int ndim;
    int64_t shape[SY_DIM_MAX];
    bool plain; /* the layer before was a number */
} building;

/* --- kinds ---------------------------------------------------------------------------------------- */

static sy_status make_linear(const building *b, const layer *l, sy_module **m, sy_error *err)
{
    return sy_module_new_linear(b->hook, m, b->shape[b->ndim - 1], l->numbers[0], true, err);
}

static sy_status make_relu(const building *b, const layer *l, sy_module **m, sy_error *err)
{
    (void)l;
    return sy_module_new_relu(b->hook, m, err);
}

static sy_status make_sigmoid(const building *b, const layer *l, sy_module **m, sy_error *err)
{
    (void)l;
    return sy_module_new_sigmoid(b->hook, m, err);
}

static sy_status make_tanh(const building *b, const layer *l, sy_module **m, sy_error *err)
{
    (void)l;
    return sy_module_new_tanh(b->hook, m, err);
}

static sy_status make_flatten(const building *b, const layer *l, sy_module **m, sy_error *err)
{
    (void)l;
    return sy_module_new_flatten(b->hook, m, 1, -1, err);
}

static sy_status make_batch_norm(const building *b, const layer *l, sy_module **m, sy_error *err)
{
    (void)l;
    return sy_module_new_batch_norm(b->hook, m, b->shape[1], NULL, err);
}

static sy_status make_conv(const building *b, const layer *l, sy_module **m, sy_error *err)
{
    sy_conv_options options = SY_CONV_OPTIONS_INIT;
    const int64_t kernel[2] = {l->numbers[1], l->numbers[1]};
    options.stride[0] = options.stride[1] = l->count > 2 ? l->numbers[2] : 1;
    options.padding[0] = options.padding[1] = l->count > 3 ? l->numbers[3] : 0;
    return sy_module_new_conv2d(b->hook, m, b->shape[1], l->numbers[0], kernel, &options, err);
}

static sy_status make_max_pool(const building *b, const layer *l, sy_module **m, sy_error *err)
{
    const int64_t kernel[2] = {l->numbers[0], l->numbers[0]};
    return sy_module_new_max_pool2d(b->hook, m, kernel, NULL, err);
}

static sy_status make_avg_pool(const building *b, const layer *l, sy_module **m, sy_error *err)
{
    const int64_t kernel[2] = {l->numbers[0], l->numbers[0]};
    return sy_module_new_avg_pool2d(b->hook, m, kernel, NULL, err);
}

typedef struct kind {
    const char *name, *usage;
    int count_min, count_max; /* of numbers behind it */
    int ndim;                 /* of what it takes; 0: any */
    sy_status (*make)(const building *b, const layer *l, sy_module **module, sy_error *err);
} kind;
static const kind kinds[] = {
    {"linear", "linear N", 1, 1, 0, make_linear},
    {"relu", "relu", 0, 0, 0, make_relu},
    {"sigmoid", "sigmoid", 0, 0, 0, make_sigmoid},
    {"tanh", "tanh", 0, 0, 0, make_tanh},
    {"flatten", "flatten", 0, 0, 0, make_flatten},
    {"batchnorm", "batchnorm", 0, 0, 0, make_batch_norm},
    {"conv", "conv CHANNELS KERNEL [STRIDE [PADDING]]", 2, 4, 4, make_conv},
    {"maxpool", "maxpool KERNEL", 1, 1, 4, make_max_pool},
    {"avgpool", "avgpool KERNEL", 1, 1, 4, make_avg_pool},
};
enum { KIND_COUNT = sizeof kinds / sizeof kinds[0] };

/* --- text ----------------------------------------------------------------------------------------- */

SY_PRINTF(2, 3) static sy_status refuse(sy_error *err, const char *format, ...)
{
    va_list arguments;
    *err = (sy_error){.status = SY_EINVAL};
    va_start(arguments, format);
    vsnprintf(err->message, sizeof err->message, format, arguments);
    va_end(arguments);
    return SY_EINVAL;
}

/* "conv 8 3"; false: the words are none. */
static bool read_layer(layer *l, const char *text)
{
    char word[LAYER_SIZE];
    int length = 0;
    *l = (layer){.count = 0};
    while (sscanf(text, "%79s%n", word, &length) == 1) {
        char *end;
        text += length;
        errno = 0;
        const long long number = strtoll(word, &end, 10);
        if (*end == '\0' && errno == 0 && number >= 0 && number <= number_max &&
            l->count < NUMBERS_MAX) {
            l->numbers[l->count++] = number;
        } else if (l->name[0] == '\0' && l->count == 0 && strlen(word) < NAME_SIZE &&
                   isalpha((unsigned char)word[0])) {
            memcpy(l->name, word, strlen(word) + 1);
        } else {
            return false;
        }
    }
    return l->name[0] != '\0' || l->count == 1;
}

static const kind *find_kind(const char *name)
{
    for (size_t k = 0; k < KIND_COUNT; k++) {
        if (strcmp(kinds[k].name, name) == 0) {
            return &kinds[k];
        }
    }
    return NULL;
}

/* --- building -------------------------------------------------------------------------------------- */

/* The layer, and what it makes of the sample. */
static sy_status add(building *b, const layer *l, const char *text, sy_error *err)
{
    const kind *found = find_kind(l->name);
    if (found == NULL) {
        return refuse(err, "there is no layer '%.*s'", NAME_SIZE, l->name);
    }
    if (l->count < found->count_min || l->count > found->count_max) {
        return refuse(err, "layer '%s': expected %s", text, found->usage);
    }
    if (found->ndim != 0 && b->ndim != found->ndim) {
        return refuse(err,
                      "layer '%s': takes images of channels x height x width, and gets rows of %d "
                      "dims; csyft worker --transform 'reshape 1xHxW' makes images",
                      text, b->ndim - 1);
    }
    if (b->count == LAYERS_MAX) {
        return refuse(err, "more than %d layers", LAYERS_MAX);
    }
    sy_module *module = NULL;
    sy_error why = SY_ERROR_INIT;
    sy_status status = found->make(b, l, &module, &why);
    if (status == SY_OK) {
        b->layers[b->count++] = module;
        sy_scope *s = sy_scope_begin(b->hook);
        sy_scope_set_grad_enabled(s, false);
        sy_module_train(module, false); /* one row has no variance, and its statistics are none */
        sy_tensor *next = sy_scope_keep(s, sy_module_forward(s, module, b->sample));
        sy_module_train(module, true);
        status = sy_scope_end(s, &why);
        sy_tensor_unref(b->sample);
        b->sample = next;
    }
    if (status == SY_OK) {
        status = sy_tensor_get_shape(b->sample, &b->ndim, b->shape, &why);
    }
    return status == SY_OK ? SY_OK : refuse(err, "layer '%s': %.400s", text, why.message);
}

/* A number alone. */
static sy_status add_plain(building *b, const layer *given, const char *text, sy_error *err)
{
    layer linear = {.name = "linear", .count = given->count};
    const layer relu = {.name = "relu"}, flatten = {.name = "flatten"};
    memcpy(linear.numbers, given->numbers, sizeof linear.numbers);
    sy_status status = SY_OK;
    if (b->plain) {
        status = add(b, &relu, text, err);
    } else if (b->ndim > 2) {
        status = add(b, &flatten, text, err);
    }
    return status == SY_OK ? add(b, &linear, text, err) : status;
}

static sy_status add_all(building *b, const char *text, sy_error *err)
{
    for (;;) {
        char typed[LAYER_SIZE];
        layer l;
        const size_t length = strcspn(text, ",");
        snprintf(typed, sizeof typed, "%.*s", (int)(length < LAYER_SIZE ? length : LAYER_SIZE),
                 text);
        const char *one = typed + strspn(typed, " ");
        if (length >= LAYER_SIZE || !read_layer(&l, one)) {
            return refuse(err, "'%s' is no layer", one);
        }
        const bool plain = l.name[0] == '\0';
        const sy_status status = plain ? add_plain(b, &l, one, err) : add(b, &l, one, err);
        if (status != SY_OK || text[length] == '\0') {
            return status;
        }
        b->plain = plain;
        text += length + 1;
    }
}

sy_status layers_build(sy_hook *hook, const char *text, const sy_plan_shape *rows,
                       sy_module **module, sy_error *err)
{
    building b = {.hook = hook, .ndim = rows->ndim};
    memcpy(b.shape, rows->shape, sizeof b.shape);
    b.shape[0] = 1;
    *module = NULL;
    sy_status status = sy_tensor_new(hook, &b.sample, rows->dtype, b.ndim, b.shape, NULL, err);
    if (status == SY_OK) {
        status = add_all(&b, text, err);
    }
    if (status == SY_OK) {
        status = sy_module_new_sequential(hook, module, b.layers, b.count, err);
    }
    for (size_t k = 0; k < b.count; k++) {
        sy_module_unref(b.layers[k]);
    }
    sy_tensor_unref(b.sample);
    return status;
}
