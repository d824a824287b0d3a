/*
 * checkpoint.c - a trainer in a file, so that a training goes on after its coordinator was killed: a model file with the module's
 * state and, beside it, the strategy's. Part of trainer.h. Test: tests/integration/federated_training.c.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "federated/numbers.h"
#include "federated/training/trainer.h"
#include "formats/model_file.h"
#include "nn/files.h"

static const char rounds_note[] = "csyft.federated.rounds", m_name[] = "csyft.federated.m",
                  v_name[] = "csyft.federated.v";

static sy_status add_numbers(syi_model *model, const char *name, const double *numbers,
                             size_t count, sy_error *err)
{
    syi_array array;
    const int64_t length = (int64_t)count;
    SY_TRY(syi_array_new(model->context, &array, SY_DTYPE_F64, 1, &length, NULL, err));
    (void)syi_numbers_write(&array, numbers);
    const sy_status status = syi_model_add(model, name, strlen(name), &array, NULL, err);
    syi_array_fini(&array);
    return status;
}

static sy_status fill(const sy_trainer *t, syi_model *model, sy_error *err)
{
    char rounds[24];
    const int length = snprintf(rounds, sizeof rounds, "%" PRId64, t->rounds);
    SY_TRY(
        syi_model_add_note(model, rounds_note, strlen(rounds_note), rounds, (size_t)length, err));
    if (t->m == NULL || t->v == NULL) {
        return SY_OK;
    }
    SY_TRY(add_numbers(model, m_name, t->m, t->element_count, err));
    return add_numbers(model, v_name, t->v, t->element_count, err);
}

sy_status sy_trainer_save(sy_trainer *trainer, const char *path, sy_error *err)
{
    syi_model model;
    if (path == NULL) {
        return syi_fail(err, SY_EINVAL, "sy_trainer_save: path is NULL");
    }
    SY_TRY(syi_module_state(trainer->module, &model, err));
    sy_status status = fill(trainer, &model, err);
    if (status == SY_OK) {
        status = syi_model_save(trainer->hook->context, &model, path, SY_MODEL_SAFETENSORS, err);
    }
    syi_model_fini(&model);
    return status;
}

/* Whatever the module has is there; what is there beside it is the strategy's. */
static sy_status check_names(const sy_trainer *t, const syi_model *model, sy_error *err)
{
    syi_model wanted;
    SY_TRY(syi_module_state(t->module, &wanted, err));
    sy_status status = SY_OK;
    for (size_t k = 0; k < wanted.tensor_count && status == SY_OK; k++) {
        if (syi_model_find(model, wanted.tensors[k].name) == NULL) {
            status = syi_fail(err, SY_ENOTFOUND, "checkpoint: '%.100s' is not in it",
                              wanted.tensors[k].name);
        }
    }
    syi_model_fini(&wanted);
    return status;
}

static sy_status read_rounds(const syi_model *model, int64_t *rounds, sy_error *err)
{
    const char *text = NULL;
    char *end = NULL;
    for (size_t k = 0; k < model->note_count; k++) {
        text = strcmp(model->notes[k].key, rounds_note) == 0 ? model->notes[k].value : text;
    }
    *rounds = text != NULL ? strtoll(text, &end, 10) : -1;
    return text != NULL && end != text && *end == '\0' && *rounds >= 0
               ? SY_OK
               : syi_fail(err, SY_EFORMAT, "checkpoint: it does not say after how many rounds");
}

/* *numbers NULL: it is not there. */
static sy_status read_numbers(const sy_trainer *t, const syi_model *model, const char *name,
                              double **numbers, sy_error *err)
{
    const syi_model_tensor *tensor = syi_model_find(model, name);
    *numbers = NULL;
    if (tensor == NULL) {
        return SY_OK;
    }
    const syi_array *array = &tensor->array;
    if (array->dtype != SY_DTYPE_F64 || array->ndim != 1 ||
        (size_t)array->shape[0] != t->element_count) {
        return syi_fail(err, SY_ESHAPE, "checkpoint: %s is of another model", name);
    }
    *numbers = syi_alloc_array(t->hook->context, t->element_count, sizeof **numbers);
    if (*numbers == NULL) {
        return SYI_ENOMEM(err, "checkpoint");
    }
    (void)syi_numbers_read(array, *numbers);
    return SY_OK;
}

static void drop_numbers(const sy_trainer *t, double *numbers)
{
    syi_free(t->hook->context, numbers, t->element_count * sizeof *numbers);
}

/* Everything is read before anything changes. */
static sy_status take(sy_trainer *t, const syi_model *model, const char *path, sy_error *err)
{
    sy_module_load_options options = SY_MODULE_LOAD_OPTIONS_INIT;
    int64_t rounds = 0;
    double *m = NULL, *v = NULL;
    options.strict = false;
    SY_TRY(check_names(t, model, err));
    SY_TRY(read_rounds(model, &rounds, err));
    sy_status status = read_numbers(t, model, m_name, &m, err);
    if (status == SY_OK) {
        status = read_numbers(t, model, v_name, &v, err);
    }
    if (status == SY_OK && (m == NULL) != (v == NULL)) {
        status = syi_fail(err, SY_EFORMAT, "checkpoint: half of the strategy's state is missing");
    }
    if (status == SY_OK) {
        status = sy_module_load(t->module, path, &options, err);
    }
    if (status != SY_OK) {
        drop_numbers(t, m);
        drop_numbers(t, v);
        return status;
    }
    drop_numbers(t, t->m);
    drop_numbers(t, t->v);
    t->m = m;
    t->v = v;
    t->rounds = rounds;
    return SY_OK;
}

sy_status sy_trainer_load(sy_trainer *trainer, const char *path, sy_error *err)
{
    syi_model model;
    if (path == NULL) {
        return syi_fail(err, SY_EINVAL, "sy_trainer_load: path is NULL");
    }
    SY_TRY(syi_model_load(trainer->hook->context, &model, path, NULL, NULL, err));
    const sy_status status = take(trainer, &model, path, err);
    syi_model_fini(&model);
    const bool named = err != NULL && strncmp(err->message, path, strlen(path)) == 0;
    return status == SY_OK || named ? status : syi_error_prefix(err, status, "%s", path);
}
