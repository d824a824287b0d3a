/* model.c - named arrays in order, and the parts of the file they become. Test: model_file_test.c. */
#include "formats/model.h"

#include <stdlib.h>

#include "core/utf8.h"

enum { TEXT_LIMIT = 1 << 30 };

void syi_model_init(syi_model *model, sy_context *context)
{
    *model = (syi_model){.context = context};
}

void syi_model_fini(syi_model *model)
{
    sy_context *context = model->context;
    for (size_t k = 0; k < model->tensor_count; k++) {
        syi_string_free(context, model->tensors[k].name);
        syi_array_fini(&model->tensors[k].array);
    }
    for (size_t k = 0; k < model->note_count; k++) {
        syi_string_free(context, model->notes[k].key);
        syi_string_free(context, model->notes[k].value);
    }
    for (size_t k = 0; k < model->version_count; k++) {
        syi_string_free(context, model->versions[k].prefix);
    }
    syi_free(context, model->tensors, model->tensor_capacity * sizeof *model->tensors);
    syi_free(context, model->notes, model->note_capacity * sizeof *model->notes);
    syi_free(context, model->versions, model->version_capacity * sizeof *model->versions);
    syi_model_init(model, context);
}

/* Room for one more item behind `count`; the list moves. NULL when out of memory. */
static void *grow(sy_context *context, void *list, size_t count, size_t *capacity, size_t item)
{
    if (count < *capacity) {
        return list;
    }
    const size_t more = *capacity == 0 ? 8 : *capacity * 2;
    void *made = syi_alloc_array(context, more, item);
    if (made == NULL) {
        return NULL;
    }
    if (count > 0) {
        memcpy(made, list, count * item);
    }
    syi_free(context, list, *capacity * item);
    *capacity = more;
    return made;
}

/* An owned, terminated copy of text that is UTF-8 without NUL. */
static sy_status copy_text(sy_context *context, char **copy, const char *text, size_t length,
                           sy_error *err)
{
    *copy = NULL;
    for (size_t at = 0; at < length;) {
        const size_t n = syi_utf8_decode(text + at, length - at, NULL);
        if (n == 0 || text[at] == '\0') {
            return syi_fail(err, SY_EFORMAT, "the name '%.*s' is not UTF-8 text",
                            length < 100 ? (int)length : 100, text);
        }
        at += n;
    }
    char *made = syi_alloc(context, length + 1);
    if (made == NULL) {
        return SYI_ENOMEM(err, "model");
    }
    if (length > 0) {
        memcpy(made, text, length);
    }
    made[length] = '\0';
    *copy = made;
    return SY_OK;
}

sy_status syi_model_add(syi_model *model, const char *name, size_t length, syi_array *array,
                        syi_model_tensor **added, sy_error *err)
{
    void *list = grow(model->context, model->tensors, model->tensor_count, &model->tensor_capacity,
                      sizeof *model->tensors);
    if (list == NULL) {
        return SYI_ENOMEM(err, "model");
    }
    model->tensors = list;
    syi_model_tensor *made = &model->tensors[model->tensor_count];
    *made = (syi_model_tensor){.group = 0};
    SY_TRY(copy_text(model->context, &made->name, name, length, err));
    made->array = *array;
    *array = (syi_array)SYI_ARRAY_INIT;
    model->tensor_count++;
    if (added != NULL) {
        *added = made;
    }
    return SY_OK;
}

sy_status syi_model_add_note(syi_model *model, const char *key, size_t key_length,
                             const char *value, size_t value_length, sy_error *err)
{
    void *list = grow(model->context, model->notes, model->note_count, &model->note_capacity,
                      sizeof *model->notes);
    if (list == NULL) {
        return SYI_ENOMEM(err, "model");
    }
    model->notes = list;
    syi_model_note *made = &model->notes[model->note_count];
    SY_TRY(copy_text(model->context, &made->key, key, key_length, err));
    const sy_status status = copy_text(model->context, &made->value, value, value_length, err);
    if (status != SY_OK) {
        syi_string_free(model->context, made->key);
        return status;
    }
    model->note_count++;
    return SY_OK;
}

sy_status syi_model_add_version(syi_model *model, const char *prefix, size_t length,
                                int64_t version, sy_error *err)
{
    void *list = grow(model->context, model->versions, model->version_count,
                      &model->version_capacity, sizeof *model->versions);
    if (list == NULL) {
        return SYI_ENOMEM(err, "model");
    }
    model->versions = list;
    syi_model_version *made = &model->versions[model->version_count];
    SY_TRY(copy_text(model->context, &made->prefix, prefix, length, err));
    made->version = version;
    model->version_count++;
    return SY_OK;
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Sorted, since a file with a million names must not cost a million squared. */
static sy_status check_distinct(const syi_model *model, const char **texts, size_t count,
                                const char *what, sy_error *err)
{
    sy_status status = SY_OK;
    qsort(texts, count, sizeof *texts, compare_texts);
    for (size_t k = 1; k < count && status == SY_OK; k++) {
        if (strcmp(texts[k - 1], texts[k]) == 0) {
            status = syi_fail(err, SY_EFORMAT, "%s '%.200s' stands there twice", what, texts[k]);
        }
    }
    syi_free(model->context, texts, count * sizeof *texts);
    return status;
}

sy_status syi_model_check_names(const syi_model *model, sy_error *err)
{
    const char **texts = syi_alloc_array(model->context, model->tensor_count, sizeof *texts);
    if (texts == NULL) {
        return SYI_ENOMEM(err, "model");
    }
    for (size_t k = 0; k < model->tensor_count; k++) {
        texts[k] = model->tensors[k].name;
    }
    SY_TRY(check_distinct(model, texts, model->tensor_count, "the tensor", err));
    texts = syi_alloc_array(model->context, model->note_count, sizeof *texts);
    if (texts == NULL) {
        return SYI_ENOMEM(err, "model");
    }
    for (size_t k = 0; k < model->note_count; k++) {
        texts[k] = model->notes[k].key;
    }
    return check_distinct(model, texts, model->note_count, "the metadata key", err);
}

const syi_model_tensor *syi_model_find(const syi_model *model, const char *name)
{
    for (size_t k = 0; k < model->tensor_count; k++) {
        if (strcmp(model->tensors[k].name, name) == 0) {
            return &model->tensors[k];
        }
    }
    return NULL;
}

/* --- the parts of a file ---------------------------------------------------------------------- */

void syi_model_plan_init(syi_model_plan *plan, sy_context *context)
{
    *plan = (syi_model_plan){.context = context};
    syi_buffer_init(&plan->text, context, TEXT_LIMIT);
}

void syi_model_plan_fini(syi_model_plan *plan)
{
    for (size_t k = 0; k < plan->clone_count; k++) {
        syi_array_fini(&plan->clones[k]);
    }
    syi_free(plan->context, plan->clones, plan->clone_capacity * sizeof *plan->clones);
    syi_free(plan->context, plan->parts, plan->capacity * sizeof *plan->parts);
    syi_buffer_fini(&plan->text);
}

static sy_status add_part(syi_model_plan *plan, const void *data, size_t size, sy_error *err)
{
    if (size == 0) {
        return SY_OK;
    }
    void *list =
        grow(plan->context, plan->parts, plan->count, &plan->capacity, sizeof *plan->parts);
    if (list == NULL) {
        return SYI_ENOMEM(err, "model");
    }
    plan->parts = list;
    plan->parts[plan->count++] = (syi_bytes){data, size};
    return SY_OK;
}

sy_status syi_model_plan_add(syi_model_plan *plan, const void *data, size_t size, sy_error *err)
{
    SY_TRY(syi_buffer_check(&plan->text, "model", err));
    /* The text may still move; its parts get their address at the end. */
    SY_TRY(add_part(plan, NULL, plan->text.length - plan->text_used, err));
    plan->text_used = plan->text.length;
    return add_part(plan, data, data == NULL ? 0 : size, err);
}

sy_status syi_model_plan_flatten(syi_model_plan *plan, const syi_array *array, const void **data,
                                 sy_error *err)
{
    if (array->storage == NULL) {
        return syi_fail(err, SY_EINVAL, "the array has a shape but no data");
    }
    if (syi_array_is_contiguous(array)) {
        *data = syi_array_data(array);
        return SY_OK;
    }
    syi_array clone = SYI_ARRAY_INIT;
    SY_TRY(syi_array_clone(plan->context, &clone, array, NULL, err));
    *data = syi_array_data(&clone);
    const sy_status status = syi_model_plan_keep(plan, &clone, err);
    syi_array_fini(&clone);
    return status;
}

sy_status syi_model_plan_keep(syi_model_plan *plan, syi_array *array, sy_error *err)
{
    void *list = grow(plan->context, plan->clones, plan->clone_count, &plan->clone_capacity,
                      sizeof *plan->clones);
    if (list == NULL) {
        return SYI_ENOMEM(err, "model");
    }
    plan->clones = list;
    plan->clones[plan->clone_count++] = *array;
    *array = (syi_array)SYI_ARRAY_INIT;
    return SY_OK;
}

static sy_status place_text(syi_model_plan *plan, sy_error *err)
{
    SY_TRY(syi_model_plan_add(plan, NULL, 0, err));
    const uint8_t *text = plan->text.data;
    for (size_t k = 0; k < plan->count; k++) {
        if (plan->parts[k].data == NULL) {
            plan->parts[k].data = text;
            text += plan->parts[k].size;
        }
    }
    return SY_OK;
}

sy_status syi_model_plan_append(syi_model_plan *plan, syi_buffer *out, sy_error *err)
{
    SY_TRY(place_text(plan, err));
    for (size_t k = 0; k < plan->count; k++) {
        syi_buffer_append(out, plan->parts[k].data, plan->parts[k].size);
    }
    return syi_buffer_check(out, "model", err);
}

sy_status syi_model_plan_save(syi_model_plan *plan, const char *path, sy_error *err)
{
    SY_TRY(place_text(plan, err));
    return syi_file_replace(plan->context, path, plan->parts, plan->count, err);
}
