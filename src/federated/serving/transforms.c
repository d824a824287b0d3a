#include "federated/serving/transforms.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <csyft/operations.h>

/* "28x28" */
static bool read_shape(const char *text, syi_transform *t)
{
    int used = 0;
    for (t->ndim = 0; t->ndim < SY_DIM_MAX - 1; text += used + 1) {
        int64_t *dim = &t->shape[t->ndim++];
        if (text[0] < '0' || text[0] > '9' || sscanf(text, "%9" SCNd64 "%n", dim, &used) != 1 ||
            *dim < 1) {
            return false;
        }
        if (text[used] == '\0') {
            return true;
        }
        if (text[used] != 'x') {
            return false;
        }
    }
    return false;
}

static bool read_numbers(const char *text, double *numbers, int count)
{
    for (int k = 0; k < count; k++) {
        int used = 0;
        if (sscanf(text, "%lf%n", &numbers[k], &used) != 1 || !isfinite(numbers[k])) {
            return false;
        }
        text += used;
    }
    return *text == '\0';
}

static bool read_one(const char *text, syi_transform *t)
{
    char word[24] = "";
    const size_t length = strcspn(text, " ");
    if (length == 0 || length >= sizeof word) {
        return false;
    }
    memcpy(word, text, length);
    const char *rest = text + length + (text[length] == ' ' ? 1 : 0);
    const bool alone = text[length] == '\0';
    memset(t, 0, sizeof *t);
    if (strcmp(word, "flatten") == 0) {
        t->kind = SYI_TRANSFORM_FLATTEN;
        return alone;
    }
    if (strcmp(word, "scale") == 0) {
        t->kind = SYI_TRANSFORM_SCALE;
        return read_numbers(rest, t->numbers, 1) && t->numbers[0] != 0;
    }
    if (strcmp(word, "standardize") == 0) {
        t->kind = SYI_TRANSFORM_STANDARDIZE;
        return read_numbers(rest, t->numbers, 2) && t->numbers[1] > 0;
    }
    if (strcmp(word, "reshape") == 0) {
        t->kind = SYI_TRANSFORM_RESHAPE;
        return read_shape(rest, t);
    }
    if (strcmp(word, "one_hot") == 0) {
        t->kind = SYI_TRANSFORM_ONE_HOT;
        return read_shape(rest, t) && t->ndim == 1;
    }
    t->kind = SYI_TRANSFORM_TO;
    t->dtype = strcmp(word, "float32") == 0 ? SY_DTYPE_F32 : SY_DTYPE_I64;
    return alone && (strcmp(word, "float32") == 0 || strcmp(word, "int64") == 0);
}

sy_status syi_transforms_read(syi_transforms *transforms, const char *const *texts, size_t count,
                              sy_error *err)
{
    transforms->count = 0;
    if (count > SYI_TRANSFORMS_MAX) {
        return syi_fail(err, SY_ELIMIT, "%zu transforms, the limit is %d", count,
                        SYI_TRANSFORMS_MAX);
    }
    for (size_t k = 0; k < count; k++) {
        if (texts == NULL || texts[k] == NULL || !read_one(texts[k], &transforms->items[k])) {
            return syi_fail(
                err, SY_EINVAL,
                "\"%.60s\" is no transform; there are \"scale BY\", \"standardize MEAN "
                "DEVIATION\", \"flatten\", \"reshape DxD\", \"one_hot N\", \"float32\", "
                "\"int64\"",
                texts != NULL && texts[k] != NULL ? texts[k] : "");
        }
    }
    transforms->count = count;
    return SY_OK;
}

static sy_tensor *reshape(const syi_transform *t, sy_scope *s, sy_tensor *batch)
{
    int64_t shape[SY_DIM_MAX] = {-1};
    int ndim = 0;
    if (sy_tensor_get_shape(batch, &ndim, shape, NULL) != SY_OK) {
        return NULL;
    }
    if (t->kind == SYI_TRANSFORM_FLATTEN) {
        for (int k = 2; k < ndim; k++) {
            shape[1] *= shape[k];
        }
        shape[1] = ndim < 2 ? 1 : shape[1];
        return sy_reshape(s, batch, 2, shape);
    }
    memcpy(shape + 1, t->shape, (size_t)t->ndim * sizeof *shape);
    return sy_reshape(s, batch, t->ndim + 1, shape);
}

/* In float32, as models are. */
static sy_tensor *real(sy_scope *s, sy_tensor *batch)
{
    return sy_to(s, batch, SY_DTYPE_F32);
}

sy_tensor *syi_transforms_apply(const syi_transforms *transforms, sy_scope *s, sy_tensor *batch)
{
    for (size_t k = 0; k < transforms->count && batch != NULL; k++) {
        const syi_transform *t = &transforms->items[k];
        switch (t->kind) {
        case SYI_TRANSFORM_SCALE:
            batch = sy_div_scalar(s, real(s, batch), t->numbers[0]);
            break;
        case SYI_TRANSFORM_STANDARDIZE:
            batch = sy_sub_scalar(s, real(s, batch), t->numbers[0]);
            batch = sy_div_scalar(s, batch, t->numbers[1]);
            break;
        case SYI_TRANSFORM_FLATTEN:
        case SYI_TRANSFORM_RESHAPE:
            batch = reshape(t, s, batch);
            break;
        case SYI_TRANSFORM_ONE_HOT:
            batch = real(s, sy_one_hot(s, sy_to(s, batch, SY_DTYPE_I64), t->shape[0]));
            break;
        case SYI_TRANSFORM_TO:
            batch = sy_to(s, batch, t->dtype);
            break;
        }
    }
    return batch;
}
