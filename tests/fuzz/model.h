/* model.h - what the fuzz targets of model files share: a model that was read can be written in every format
 * and read again. */
#ifndef CSYFT_FUZZ_MODEL_H
#define CSYFT_FUZZ_MODEL_H

#include <stdlib.h>

#include "formats/safetensors.h"
#include "formats/torch_legacy.h"
#include "formats/torch_zip.h"

typedef sy_status (*fuzz_read)(sy_context *context, syi_model *model, const syi_source *source,
                               syi_account *account, sy_error *err);

enum { FUZZ_LIMIT = 1 << 24 };

/* A broken promise stops the fuzzer. */
static inline void fuzz_require(bool promise)
{
    if (!promise) {
        abort();
    }
}

static inline sy_status fuzz_plan(const syi_model *model, syi_model_plan *plan, int format,
                                  sy_error *err)
{
    return format == 0   ? syi_safetensors_plan(model, plan, err)
           : format == 1 ? syi_torch_zip_plan(model, plan, "archive", err)
                         : syi_torch_legacy_plan(model, plan, 0, err);
}

static inline void fuzz_check(const syi_model *model, fuzz_read read, int format)
{
    syi_model back;
    syi_model_plan plan;
    syi_buffer out;
    sy_error err = SY_ERROR_INIT;
    syi_model_plan_init(&plan, model->context);
    syi_buffer_init(&out, model->context, FUZZ_LIMIT * 4);
    const sy_status status = fuzz_plan(model, &plan, format, &err);
    if (status == SY_OK && syi_model_plan_append(&plan, &out, &err) == SY_OK) {
        const syi_source source = syi_source_from_bytes(out.data, out.length);
        fuzz_require(read(model->context, &back, &source, NULL, &err) == SY_OK);
        fuzz_require(back.tensor_count == model->tensor_count);
        for (size_t k = 0; k < back.tensor_count; k++) {
            fuzz_require(syi_array_same_shape(&back.tensors[k].array, &model->tensors[k].array));
        }
        syi_model_fini(&back);
    } else {
        /* Only a tensor called __metadata__ and the limit above are in the way. */
        fuzz_require(status == SY_OK || status == SY_EINVAL || status == SY_ELIMIT);
    }
    syi_buffer_fini(&out);
    syi_model_plan_fini(&plan);
}

static inline int fuzz_one(const uint8_t *data, size_t size, fuzz_read read, int format)
{
    sy_context *context;
    syi_account account;
    syi_model model;
    if (sy_context_new(&context, NULL, NULL) != SY_OK) {
        return 0;
    }
    syi_account_init(&account, "fuzz", FUZZ_LIMIT, NULL);
    const syi_source source = syi_source_from_bytes(data, size);
    if (read(context, &model, &source, &account, NULL) == SY_OK) {
        fuzz_check(&model, read, format);
        syi_model_fini(&model);
    }
    fuzz_require(model.tensor_count == 0 && atomic_load(&account.used) == 0);
    sy_context_free(context);
    return 0;
}

#endif
