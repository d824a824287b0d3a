/*
 * model_file.h - model files by path: which format, reading, writing; and what <csyft/model.h> shows of them.
 * Test: model_file_test.c.
 */
#ifndef SYI_FORMATS_MODEL_FILE_H
#define SYI_FORMATS_MODEL_FILE_H

#include <csyft/model.h>

#include "formats/model.h"

/* ".safetensors"; ".pt", ".pth", ".bin" and ".ckpt" for TORCH; else BY_PATH. */
sy_model_format syi_model_format_of_path(const char *path);

/* What it is is seen from its contents. The sentence begins with the path. SY_ENOTFOUND, SY_EIO. `model` is
 * initialised here; on failure it is empty. `format` is nullable. */
sy_status syi_model_load(sy_context *context, syi_model *model, const char *path,
                         syi_account *account, sy_model_format *format, sy_error *err);
/* BY_PATH: SY_EINVAL when its ending does not say. The file is whole or as it was before. */
sy_status syi_model_save(sy_context *context, const syi_model *model, const char *path,
                         sy_model_format format, sy_error *err);

#endif
