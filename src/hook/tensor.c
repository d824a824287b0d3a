#include "hook/tensor.h"

#include <stdio.h>
#include <string.h>

#include "arrays/dlpack.h"
#include "core/error.h"
#include "formats/csv.h"
#include "formats/npy.h"
#include "hook/dispatch.h"
#include "hook/tape.h"

#define TAG_MAX 255
#define DESCRIPTION_MAX 4096

/* Birth and death */

sy_status syi_tensor_wrap(sy_hook *hook, sy_tensor **tensor, syi_node *node, sy_error *err)
{
    *tensor = NULL;
    sy_tensor *made = syi_alloc(hook->context, sizeof *made);
    if (made == NULL) {
        syi_node_unref(node);
        return SYI_ENOMEM(err, "tensor");
    }
    atomic_init(&made->refs, 1);
    made->hook = hook;
    made->node = node;
    made->owner = hook->local_worker;
    *tensor = made;
    return SY_OK;
}

sy_status syi_tensor_from_array(sy_hook *hook, sy_tensor **tensor, syi_array *array, sy_error *err)
{
    *tensor = NULL;
    syi_node *node = NULL;
    SY_TRY(syi_native_node_new(hook, &node, array, err));
    return syi_tensor_wrap(hook, tensor, node, err);
}

sy_status syi_tensor_alias(sy_tensor *from, sy_tensor **tensor, sy_error *err)
{
    SY_TRY(syi_tensor_wrap(from->hook, tensor, syi_node_ref(from->node), err));
    (*tensor)->policy = from->policy;
    (*tensor)->policy_version = from->policy_version;
    (*tensor)->owner = from->owner;
    return SY_OK;
}

sy_tensor *sy_tensor_ref(sy_tensor *tensor)
{
    if (tensor != NULL) {
        atomic_fetch_add_explicit(&tensor->refs, 1, memory_order_relaxed);
    }
    return tensor;
}

static void labels_free(sy_hook *hook, syi_labels *labels)
{
    if (labels == NULL) {
        return;
    }
    for (size_t k = 0; k < labels->tag_count; k++) {
        syi_string_free(hook->context, labels->tags[k]);
    }
    if (labels->tags != NULL) {
        syi_free(hook->context, labels->tags, labels->tag_capacity * sizeof *labels->tags);
    }
    syi_string_free(hook->context, labels->description);
    syi_free(hook->context, labels, sizeof *labels);
}

void sy_tensor_unref(sy_tensor *tensor)
{
    if (tensor == NULL || atomic_fetch_sub_explicit(&tensor->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    syi_tape_node_unref(tensor->tape_node);
    sy_tensor_unref(tensor->grad);
    labels_free(tensor->hook, tensor->labels);
    syi_node_unref(tensor->node);
    syi_free(tensor->hook->context, tensor, sizeof *tensor);
}

void syi_tensor_set_node(sy_tensor *tensor, syi_node *node)
{
    syi_tape_node_unref(tensor->tape_node);
    tensor->tape_node = NULL;
    syi_node_unref(tensor->node);
    tensor->node = node;
}

void syi_tensor_become(sy_tensor *tensor, const sy_tensor *other)
{
    const syi_policy policy = syi_tensor_policy(other);
    sy_tensor *grad = tensor->grad;
    syi_tensor_set_node(tensor, syi_node_ref(other->node));
    syi_tensor_set_policy(tensor, &policy);
    tensor->requires_grad = other->requires_grad;
    tensor->id = other->id;
    tensor->grad = sy_tensor_ref(other->grad);
    sy_tensor_unref(grad);
}

syi_policy syi_tensor_policy(const sy_tensor *tensor)
{
    syi_policy policy = tensor->policy;
    if (!policy.private_) {
        if (syi_tensor_is_private(tensor)) {
            policy = (syi_policy){.private_ = true, .spread = SYI_SPREAD_MIXED};
            snprintf(policy.origin, sizeof policy.origin, "private data");
        }
        return policy;
    }
    const syi_storage *storage = syi_node_storage(tensor->node);
    if (storage != NULL &&
        atomic_load_explicit(&storage->version, memory_order_relaxed) != tensor->policy_version) {
        policy.spread = SYI_SPREAD_MIXED;
        policy.rows = 0;
        policy.getters = 0; /* whose contents came in nobody knows */
    }
    return policy;
}

void syi_tensor_set_policy(sy_tensor *tensor, const syi_policy *policy)
{
    const syi_storage *storage = syi_node_storage(tensor->node);
    tensor->policy = *policy;
    tensor->policy_version =
        storage != NULL ? atomic_load_explicit(&storage->version, memory_order_relaxed) : 0;
}

sy_status sy_tensor_new(sy_hook *hook, sy_tensor **tensor, sy_dtype dtype, int ndim,
                        const int64_t *shape, const void *data, sy_error *err)
{
    if (tensor == NULL) {
        return syi_fail(err, SY_EINVAL, "sy_tensor_new: tensor is NULL");
    }
    *tensor = NULL;
    if (hook == NULL || (ndim > 0 && shape == NULL) || sy_dtype_size(dtype) == 0) {
        return syi_fail(err, SY_EINVAL, "sy_tensor_new: hook, shape or dtype is not valid");
    }
    syi_array array = SYI_ARRAY_INIT;
    SY_TRY(syi_array_new(hook->context, &array, dtype, ndim, shape, &hook->account, err));
    if (data != NULL) {
        memcpy(syi_array_data(&array), data, syi_array_bytes(&array));
    } else {
        memset(syi_array_data(&array), 0, syi_array_bytes(&array));
    }
    return syi_tensor_from_array(hook, tensor, &array, err);
}

sy_status sy_tensor_from_floats(sy_hook *hook, sy_tensor **tensor, const float *data, int64_t count,
                                sy_error *err)
{
    return sy_tensor_new(hook, tensor, SY_DTYPE_F32, 1, &count, data, err);
}

/* Exchange */

sy_status sy_tensor_from_dlpack(sy_hook *hook, sy_tensor **tensor, DLManagedTensor *managed,
                                sy_error *err)
{
    *tensor = NULL;
    syi_array array = SYI_ARRAY_INIT;
    /* The handle is made first, so that nothing can fail once `managed` is taken. */
    syi_node *node = syi_node_new(hook, &syi_native, sizeof(syi_native_node), NULL);
    if (node == NULL) {
        return SYI_ENOMEM(err, "tensor");
    }
    sy_tensor *made = NULL;
    SY_TRY(syi_tensor_wrap(hook, &made, node, err));
    sy_status status = syi_dlpack_import(hook->context, &array, managed, err);
    if (status != SY_OK) {
        sy_tensor_unref(made);
        return status;
    }
    *syi_node_array(node) = array;
    *tensor = made;
    return SY_OK;
}

sy_status syi_tensor_native(sy_tensor *tensor, const char *what, const syi_array **array,
                            sy_error *err)
{
    if (tensor == NULL) {
        return syi_fail(err, SY_EINVAL, "%s: tensor is NULL", what);
    }
    if (!syi_tensor_is_native(tensor)) {
        return syi_fail(err, SY_EPERM,
                        "%s: this tensor is a %s and has no local contents; get it first", what,
                        tensor->node->type->name);
    }
    *array = syi_node_array(tensor->node);
    return SY_OK;
}

sy_status sy_tensor_to_dlpack(sy_tensor *tensor, DLManagedTensor **managed, sy_error *err)
{
    *managed = NULL;
    SYI_TRACE_DEED(tensor->hook, err, .kind = SYI_DEED_OTHER, .what = "to_dlpack", .self = tensor);
    const syi_array *array = NULL;
    SY_TRY(syi_tensor_native(tensor, "to_dlpack", &array, err));
    return syi_dlpack_export(tensor->hook->context, managed, array, err);
}

sy_status sy_tensor_load(sy_hook *hook, sy_tensor **tensor, const char *path, sy_error *err)
{
    *tensor = NULL;
    syi_array array = SYI_ARRAY_INIT;
    size_t length = strlen(path);
    if (length > 4 && strcmp(path + length - 4, ".csv") == 0) {
        SY_TRY(syi_csv_load(hook->context, &array, path, &hook->account, NULL, err));
    } else {
        SY_TRY(syi_npy_load(hook->context, &array, path, &hook->account, err));
    }
    return syi_tensor_from_array(hook, tensor, &array, err);
}

sy_status sy_tensor_save(sy_tensor *tensor, const char *path, sy_error *err)
{
    SYI_TRACE_DEED(tensor->hook, err, .kind = SYI_DEED_OTHER, .what = "save", .self = tensor);
    const syi_array *array = NULL;
    SY_TRY(syi_tensor_native(tensor, "save", &array, err));
    return syi_npy_save(tensor->hook->context, array, path, err);
}

/* Identity */

/* A pointer's id is its node's, as in the reference: a wrapper's id is its child's. */
static sy_id *identity(sy_tensor *tensor)
{
    return tensor->node->type->identity != NULL ? tensor->node->type->identity(tensor->node)
                                                : &tensor->id;
}

sy_id sy_tensor_get_id(sy_tensor *tensor)
{
    sy_id *id = identity(tensor);
    if (sy_id_is_none(id)) {
        *id = syi_hook_fresh_id(tensor->hook);
    }
    return *id;
}

sy_status sy_tensor_set_id(sy_tensor *tensor, const sy_id *id, sy_error *err)
{
    if (id == NULL || sy_id_is_none(id)) {
        return syi_fail(err, SY_EINVAL, "sy_tensor_set_id: the id is none");
    }
    *identity(tensor) = *id;
    return SY_OK;
}

sy_worker *sy_tensor_get_owner(const sy_tensor *tensor)
{
    return tensor->owner;
}

sy_hook *sy_tensor_get_hook(const sy_tensor *tensor)
{
    return tensor->hook;
}

static sy_status need_labels(sy_tensor *tensor, sy_error *err)
{
    if (tensor->labels == NULL) {
        tensor->labels = syi_alloc(tensor->hook->context, sizeof *tensor->labels);
        if (tensor->labels == NULL) {
            return SYI_ENOMEM(err, "tags");
        }
    }
    return SY_OK;
}

bool syi_tensor_has_tag(const sy_tensor *tensor, const char *tag, size_t length)
{
    for (size_t k = 0; tensor->labels != NULL && k < tensor->labels->tag_count; k++) {
        const char *have = tensor->labels->tags[k];
        if (strncmp(have, tag, length) == 0 && have[length] == '\0') {
            return true;
        }
    }
    return false;
}

sy_status sy_tensor_tag(sy_tensor *tensor, const char *tag, sy_error *err)
{
    size_t length = tag != NULL ? strlen(tag) : 0;
    if (length == 0 || length > TAG_MAX) {
        return syi_fail(err, SY_EINVAL, "tag: %zu bytes, 1 to %d are allowed", length, TAG_MAX);
    }
    if (syi_tensor_has_tag(tensor, tag, length)) {
        return SY_OK;
    }
    SY_TRY(need_labels(tensor, err));
    syi_labels *labels = tensor->labels;
    sy_context *context = tensor->hook->context;
    if (labels->tag_count == labels->tag_capacity) {
        size_t capacity = labels->tag_capacity == 0 ? 4 : labels->tag_capacity * 2;
        char **tags = syi_alloc_array(context, capacity, sizeof *tags);
        if (tags == NULL) {
            return SYI_ENOMEM(err, "tags");
        }
        if (labels->tags != NULL) {
            memcpy(tags, labels->tags, labels->tag_count * sizeof *tags);
            syi_free(context, labels->tags, labels->tag_capacity * sizeof *tags);
        }
        labels->tags = tags;
        labels->tag_capacity = capacity;
    }
    char *copy = syi_string_copy(context, tag);
    if (copy == NULL) {
        return SYI_ENOMEM(err, "tags");
    }
    labels->tags[labels->tag_count++] = copy;
    return SY_OK;
}

sy_status sy_tensor_describe(sy_tensor *tensor, const char *description, sy_error *err)
{
    if (description != NULL && strlen(description) > DESCRIPTION_MAX) {
        return syi_fail(err, SY_EINVAL, "description: %zu bytes, at most %d are allowed",
                        strlen(description), DESCRIPTION_MAX);
    }
    char *copy = NULL;
    if (description != NULL) {
        SY_TRY(need_labels(tensor, err));
        copy = syi_string_copy(tensor->hook->context, description);
        if (copy == NULL) {
            return SYI_ENOMEM(err, "description");
        }
    }
    if (tensor->labels != NULL) {
        syi_string_free(tensor->hook->context, tensor->labels->description);
        tensor->labels->description = copy;
    }
    return SY_OK;
}

sy_status syi_tensor_copy_labels(sy_tensor *to, const sy_tensor *from, sy_error *err)
{
    for (size_t k = 0; k < sy_tensor_get_tag_count(from); k++) {
        SY_TRY(sy_tensor_tag(to, sy_tensor_get_tag(from, k), err));
    }
    if (sy_tensor_get_description(from) != NULL) {
        return sy_tensor_describe(to, sy_tensor_get_description(from), err);
    }
    return SY_OK;
}

size_t sy_tensor_get_tag_count(const sy_tensor *tensor)
{
    return tensor->labels != NULL ? tensor->labels->tag_count : 0;
}

const char *sy_tensor_get_tag(const sy_tensor *tensor, size_t index)
{
    return index < sy_tensor_get_tag_count(tensor) ? tensor->labels->tags[index] : NULL;
}

const char *sy_tensor_get_description(const sy_tensor *tensor)
{
    return tensor->labels != NULL ? tensor->labels->description : NULL;
}

/* Shape and contents */

sy_status sy_tensor_get_shape(sy_tensor *tensor, int *ndim, int64_t shape[SY_DIM_MAX],
                              sy_error *err)
{
    SYI_TRACE_DEED(tensor->hook, err, .kind = SYI_DEED_SHAPE, .what = "get_shape", .self = tensor);
    syi_array described = SYI_ARRAY_INIT;
    SY_TRY(syi_node_shape(tensor->node, &described, err));
    *ndim = described.ndim;
    memcpy(shape, described.shape, (size_t)described.ndim * sizeof *shape);
    return SY_OK;
}

sy_status sy_tensor_get_dtype(sy_tensor *tensor, sy_dtype *dtype, sy_error *err)
{
    syi_array described = SYI_ARRAY_INIT;
    SY_TRY(syi_node_shape(tensor->node, &described, err));
    *dtype = described.dtype;
    return SY_OK;
}

bool sy_tensor_is_wrapper(const sy_tensor *tensor)
{
    return !syi_tensor_is_native(tensor);
}

sy_status sy_tensor_copy_data(sy_tensor *tensor, void *buffer, size_t size, sy_error *err)
{
    SYI_TRACE_DEED(tensor->hook, err, .kind = SYI_DEED_OTHER, .what = "copy_data", .self = tensor);
    const syi_array *array = NULL;
    SY_TRY(syi_tensor_native(tensor, "copy_data", &array, err));
    if (size != syi_array_bytes(array)) {
        return syi_fail(err, SY_EINVAL, "copy_data: the buffer has %zu bytes, the tensor %zu", size,
                        syi_array_bytes(array));
    }
    if (size == 0) {
        return SY_OK;
    }
    if (syi_array_is_contiguous(array)) {
        memcpy(buffer, syi_array_data(array), size);
        return SY_OK;
    }
    syi_array dense = SYI_ARRAY_INIT;
    SY_TRY(syi_array_clone(tensor->hook->context, &dense, array, NULL, err));
    memcpy(buffer, syi_array_data(&dense), size);
    syi_array_fini(&dense);
    return SY_OK;
}

static sy_status one_element(sy_tensor *tensor, const syi_array **array, sy_error *err)
{
    SY_TRY(syi_tensor_native(tensor, "item", array, err));
    if (syi_array_numel(*array) != 1) {
        char shape[64];
        return syi_fail(err, SY_ESHAPE,
                        "item: a tensor of shape %s has %lld elements; only one can be converted",
                        syi_shape_format((*array)->ndim, (*array)->shape, shape, sizeof shape),
                        (long long)syi_array_numel(*array));
    }
    return SY_OK;
}

sy_status sy_tensor_item(sy_tensor *tensor, double *value, sy_error *err)
{
    SYI_TRACE_DEED(tensor->hook, err, .kind = SYI_DEED_OTHER, .what = "item", .self = tensor);
    const syi_array *array = NULL;
    SY_TRY(one_element(tensor, &array, err));
    *value = syi_array_get_double(array, 0);
    return SY_OK;
}

sy_status sy_tensor_item_int(sy_tensor *tensor, int64_t *value, sy_error *err)
{
    SYI_TRACE_DEED(tensor->hook, err, .kind = SYI_DEED_OTHER, .what = "item", .self = tensor);
    const syi_array *array = NULL;
    SY_TRY(one_element(tensor, &array, err));
    *value = syi_array_get_int(array, 0);
    return SY_OK;
}

/* Text */

static void append(syi_buffer *text, const char *string)
{
    syi_buffer_append(text, string, strlen(string));
}

static void append_element(syi_buffer *text, const syi_array *array, int64_t flat)
{
    char number[40];
    if (array->dtype == SY_DTYPE_BOOL) {
        append(text, syi_array_get_int(array, flat) != 0 ? "True" : "False");
        return;
    }
    if (sy_dtype_is_floating(array->dtype)) {
        snprintf(number, sizeof number, "%.*g", array->dtype == SY_DTYPE_F32 ? 6 : 10,
                 syi_array_get_double(array, flat));
    } else {
        snprintf(number, sizeof number, "%lld", (long long)syi_array_get_int(array, flat));
    }
    append(text, number);
}

/* Nested brackets; long dims show their first and last three entries. */
static void append_elements(syi_buffer *text, const syi_array *array, int dim, int64_t flat)
{
    if (dim == array->ndim) {
        append_element(text, array, flat);
        return;
    }
    int64_t stride = 1;
    for (int d = dim + 1; d < array->ndim; d++) {
        stride *= array->shape[d];
    }
    append(text, "[");
    for (int64_t k = 0; k < array->shape[dim]; k++) {
        if (k > 0) {
            append(text, ", ");
        }
        if (array->shape[dim] > 8 && k == 3) {
            append(text, "..., ");
            k = array->shape[dim] - 3;
        }
        append_elements(text, array, dim + 1, flat + k * stride);
    }
    append(text, "]");
}

static void append_native(syi_buffer *text, const syi_array *array)
{
    append(text, "tensor(");
    append_elements(text, array, 0, 0);
    if (array->dtype != SY_DTYPE_F32 && array->dtype != SY_DTYPE_I64 &&
        array->dtype != SY_DTYPE_BOOL) {
        append(text, ", dtype=torch.");
        append(text, sy_dtype_name(array->dtype));
    }
    append(text, ")");
}

static void append_tags(syi_buffer *text, const sy_tensor *tensor)
{
    if (sy_tensor_get_tag_count(tensor) > 0) {
        append(text, "\n\tTags: ");
        for (size_t k = 0; k < sy_tensor_get_tag_count(tensor); k++) {
            append(text, sy_tensor_get_tag(tensor, k));
            append(text, " ");
        }
    }
}

static void append_description(syi_buffer *text, const sy_tensor *tensor)
{
    const char *description = sy_tensor_get_description(tensor);
    if (description != NULL) {
        append(text, "\n\tDescription: ");
        size_t line = strcspn(description, "\n");
        syi_buffer_append(text, description, line);
        if (description[line] != '\0') {
            append(text, "...");
        }
    }
}

static void append_shape(syi_buffer *text, const syi_array *array)
{
    char shape[80];
    append(text, "\n\tShape: ");
    append(text, syi_shape_format(array->ndim, array->shape, shape, sizeof shape));
}

/* A pointer has its shape behind the tags, and only with tags; a native tensor at the end. */
static void append_labels(syi_buffer *text, const sy_tensor *tensor)
{
    syi_array shape = SYI_ARRAY_INIT;
    const syi_node *node = tensor->node;
    append_tags(text, tensor);
    if (sy_tensor_get_tag_count(tensor) > 0 && node->type->known_shape != NULL &&
        node->type->known_shape(node, &shape)) {
        append_shape(text, &shape);
    }
    append_description(text, tensor);
    if (syi_tensor_is_native(tensor)) {
        append_shape(text, syi_node_array(tensor->node));
    }
}

sy_status sy_tensor_to_text(sy_tensor *tensor, char **text, sy_error *err)
{
    *text = NULL;
    SYI_TRACE_DEED(tensor->hook, err, .kind = SYI_DEED_OTHER, .what = "to_text", .self = tensor);
    sy_context *context = tensor->hook->context;
    syi_buffer out;
    syi_buffer_init(&out, context, 1u << 20);
    bool native = syi_tensor_is_native(tensor);
    if (!native) {
        append(&out, "(Wrapper)>");
    }
    for (syi_node *node = tensor->node; node != NULL; node = node->child) {
        if (syi_node_is_native(node)) {
            append_native(&out, syi_node_array(node));
        } else if (node->type->describe != NULL) {
            node->type->describe(node, &out);
        } else {
            append(&out, node->type->name);
        }
        if (node->child != NULL) {
            append(&out, ">");
        }
    }
    if (tensor->labels != NULL) {
        append_labels(&out, tensor);
    }
    syi_buffer_append(&out, "", 1);
    sy_status status = syi_buffer_check(&out, "text of a tensor", err);
    if (status == SY_OK) {
        *text = syi_string_copy(context, (const char *)out.data);
        status = *text != NULL ? SY_OK : SYI_ENOMEM(err, "text of a tensor");
    }
    syi_buffer_fini(&out);
    return status;
}

void sy_string_free(sy_hook *hook, char *text)
{
    if (text != NULL) {
        syi_string_free(hook->context, text);
    }
}

/* Gradients */

bool sy_tensor_get_requires_grad(const sy_tensor *tensor)
{
    return syi_tensor_is_tracked(tensor);
}

sy_status sy_tensor_set_requires_grad(sy_tensor *tensor, bool requires_grad, sy_error *err)
{
    SYI_TRACE_DEED(tensor->hook, err, .kind = SYI_DEED_REQUIRES_GRAD, .what = "set_requires_grad",
                   .self = tensor, .flag = requires_grad);
    const syi_interpreter *type = tensor->node->type;
    if (type->set_requires_grad != NULL) {
        SY_TRY(type->set_requires_grad(tensor->node, requires_grad, err));
    } else {
        if (tensor->tape_node != NULL && !requires_grad) {
            return syi_fail(err, SY_EINVAL,
                            "requires_grad of a computed tensor cannot be turned off; detach it");
        }
        syi_array shape = SYI_ARRAY_INIT;
        SY_TRY(syi_node_shape(tensor->node, &shape, err));
        if (requires_grad && !sy_dtype_is_floating(shape.dtype)) {
            return syi_fail(err, SY_EDTYPE, "a tensor of %s cannot require a gradient",
                            sy_dtype_name(shape.dtype));
        }
    }
    tensor->requires_grad = requires_grad;
    return SY_OK;
}

sy_status sy_tensor_get_grad(sy_tensor *tensor, sy_tensor **grad, sy_error *err)
{
    *grad = NULL;
    if (tensor->node->type->get_grad != NULL) {
        return tensor->node->type->get_grad(tensor->node, grad, err);
    }
    *grad = sy_tensor_ref(tensor->grad);
    return SY_OK;
}

sy_status sy_tensor_set_grad(sy_tensor *tensor, sy_tensor *grad, sy_error *err)
{
    SYI_TRACE_DEED(tensor->hook, err, .kind = SYI_DEED_SET_GRAD, .what = "set_grad", .self = tensor,
                   .other = grad);
    if (tensor->node->type->set_grad != NULL) {
        return tensor->node->type->set_grad(tensor->node, grad, err);
    }
    if (grad != NULL) {
        syi_array own = SYI_ARRAY_INIT;
        syi_array other = SYI_ARRAY_INIT;
        SY_TRY(syi_node_shape(tensor->node, &own, err));
        SY_TRY(syi_node_shape(grad->node, &other, err));
        if (!syi_array_same_shape(&own, &other) || own.dtype != other.dtype) {
            char a[64];
            char b[64];
            return syi_fail(
                err, SY_ESHAPE, "a gradient of %s %s for a tensor of %s %s",
                sy_dtype_name(other.dtype), syi_shape_format(other.ndim, other.shape, a, sizeof a),
                sy_dtype_name(own.dtype), syi_shape_format(own.ndim, own.shape, b, sizeof b));
        }
    }
    /* Without its history and its own handle: a gradient that leads back to its tensor would never go. */
    sy_tensor *detached = NULL;
    if (grad != NULL) {
        SY_TRY(syi_tensor_alias(grad, &detached, err));
        detached->policy = syi_tensor_policy(grad);
    }
    sy_tensor *old = tensor->grad;
    tensor->grad = detached;
    sy_tensor_unref(old);
    return SY_OK;
}

sy_status sy_tensor_backward(sy_tensor *tensor, sy_tensor *gradient, sy_error *err)
{
    const sy_value args[] = {sy_value_tensor(tensor),
                             gradient != NULL ? sy_value_tensor(gradient) : sy_value_none()};
    syi_mode mode = SYI_MODE_DEFAULT;
    syi_results results;
    SY_TRY(
        syi_dispatch(tensor->hook, syi_op_get(SYI_OP_backward), false, args, &mode, &results, err));
    syi_results_fini(&results);
    return SY_OK;
}
