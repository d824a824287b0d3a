/* model_public.c - <csyft/model.h>: model files as the public sees them. Test: model_file_test.c. */
#include "formats/model_file.h"

struct sy_model {
    syi_model contents;
    sy_model_format format;
};

sy_status sy_model_load(sy_context *context, sy_model **model, const char *path, sy_error *err)
{
    *model = NULL;
    sy_model *made = syi_alloc(context, sizeof *made);
    if (made == NULL) {
        return SYI_ENOMEM(err, path);
    }
    const sy_status status = syi_model_load(context, &made->contents, path,
                                            syi_context_get_account(context), &made->format, err);
    if (status != SY_OK) {
        syi_free(context, made, sizeof *made);
        return status;
    }
    *model = made;
    return SY_OK;
}

sy_status sy_model_save(const sy_model *model, const char *path, sy_model_format format,
                        sy_error *err)
{
    return syi_model_save(model->contents.context, &model->contents, path, format, err);
}

void sy_model_free(sy_model *model)
{
    if (model != NULL) {
        sy_context *context = model->contents.context;
        syi_model_fini(&model->contents);
        syi_free(context, model, sizeof *model);
    }
}

sy_model_format sy_model_get_format(const sy_model *model)
{
    return model->format;
}

size_t sy_model_get_tensor_count(const sy_model *model)
{
    return model->contents.tensor_count;
}

size_t sy_model_get_other_count(const sy_model *model)
{
    return model->contents.others;
}

sy_status sy_model_get_tensor(const sy_model *model, size_t index, sy_model_tensor *tensor)
{
    if (tensor->size != sizeof *tensor) {
        return SY_EINVAL;
    }
    if (index >= model->contents.tensor_count) {
        return SY_ERANGE;
    }
    const syi_model_tensor *from = &model->contents.tensors[index];
    tensor->name = from->name;
    tensor->dtype = from->array.dtype;
    tensor->ndim = from->array.ndim;
    memcpy(tensor->shape, from->array.shape, sizeof tensor->shape);
    tensor->bytes = syi_array_bytes(&from->array);
    tensor->storage = from->group;
    tensor->parameter = from->parameter;
    tensor->requires_grad = from->requires_grad;
    return SY_OK;
}

sy_status sy_model_copy_data(const sy_model *model, size_t index, void *buffer, size_t size,
                             sy_error *err)
{
    if (index >= model->contents.tensor_count) {
        return syi_fail(err, SY_ERANGE, "tensor %zu of a model of %zu", index,
                        model->contents.tensor_count);
    }
    const syi_model_tensor *from = &model->contents.tensors[index];
    syi_array dense = SYI_ARRAY_INIT;
    if (size != syi_array_bytes(&from->array)) {
        return syi_fail(err, SY_EINVAL, "tensor '%.100s' has %zu bytes, the buffer %zu", from->name,
                        syi_array_bytes(&from->array), size);
    }
    if (syi_array_is_contiguous(&from->array)) {
        syi_array_copy_view(&dense, &from->array);
    } else {
        SY_TRY(syi_array_clone(model->contents.context, &dense, &from->array, NULL, err));
    }
    if (size > 0) {
        memcpy(buffer, syi_array_data(&dense), size);
    }
    syi_array_fini(&dense);
    return SY_OK;
}

bool sy_model_get_note(const sy_model *model, size_t index, const char **key, const char **value)
{
    if (index >= model->contents.note_count) {
        return false;
    }
    *key = model->contents.notes[index].key;
    *value = model->contents.notes[index].value;
    return true;
}
