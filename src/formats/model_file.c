/* model_file.c - model files by path. Test: model_file_test.c. */
#include "formats/model_file.h"

#include <strings.h>

#include "formats/safetensors.h"
#include "formats/torch_legacy.h"
#include "formats/torch_zip.h"

static const struct {
    const char *ending;
    sy_model_format format;
} endings[] = {
    {".safetensors", SY_MODEL_SAFETENSORS},
    {".pt", SY_MODEL_TORCH},
    {".pth", SY_MODEL_TORCH},
    {".bin", SY_MODEL_TORCH},
    {".ckpt", SY_MODEL_TORCH},
};

sy_model_format syi_model_format_of_path(const char *path)
{
    const size_t length = strlen(path);
    for (size_t k = 0; k < sizeof endings / sizeof endings[0]; k++) {
        const size_t size = strlen(endings[k].ending);
        if (length > size && strcasecmp(path + length - size, endings[k].ending) == 0) {
            return endings[k].format;
        }
    }
    return SY_MODEL_BY_PATH;
}

const char *sy_model_format_name(sy_model_format format)
{
    static const char *const names[] = {
        [SY_MODEL_BY_PATH] = "by path",
        [SY_MODEL_SAFETENSORS] = "safetensors",
        [SY_MODEL_TORCH] = "PyTorch archive",
        [SY_MODEL_TORCH_LEGACY] = "PyTorch legacy stream",
    };
    return (unsigned)format < sizeof names / sizeof names[0] ? names[format] : "?";
}

/* safetensors: a length whose upper half is nearly always 0, and a '{' behind it. */
static sy_model_format see(const uint8_t *bytes, size_t size)
{
    return syi_torch_zip_is(bytes, size)      ? SY_MODEL_TORCH
           : syi_torch_legacy_is(bytes, size) ? SY_MODEL_TORCH_LEGACY
           : size >= 9 && bytes[8] == '{'     ? SY_MODEL_SAFETENSORS
                                              : SY_MODEL_BY_PATH;
}

static sy_status load(sy_context *context, syi_model *model, const syi_source *source,
                      syi_account *account, sy_model_format *format, sy_error *err)
{
    uint8_t first[16];
    const size_t size = source->size < sizeof first ? (size_t)source->size : sizeof first;
    SY_TRY(syi_source_read(source, 0, first, size, err));
    *format = see(first, size);
    switch (*format) {
    case SY_MODEL_SAFETENSORS:
        return syi_safetensors_read(context, model, source, account, err);
    case SY_MODEL_TORCH:
        return syi_torch_zip_read(context, model, source, account, err);
    case SY_MODEL_TORCH_LEGACY:
        return syi_torch_legacy_read(context, model, source, account, err);
    default:
        return syi_fail(err, SY_EFORMAT, "neither safetensors nor a file of torch.save");
    }
}

sy_status syi_model_load(sy_context *context, syi_model *model, const char *path,
                         syi_account *account, sy_model_format *format, sy_error *err)
{
    syi_file file;
    sy_model_format seen;
    syi_model_init(model, context);
    SY_TRY(syi_file_open(&file, path, err));
    const syi_source source = syi_source_from_file(&file);
    const sy_status status =
        load(context, model, &source, account, format == NULL ? &seen : format, err);
    syi_file_close(&file);
    if (status == SY_EFORBIDDEN) {
        return syi_error_prefix(err, status,
                                "%s (only what torch.save makes of a state_dict() is read)", path);
    }
    return status == SY_OK || status == SY_EIO ? status : syi_error_prefix(err, status, "%s", path);
}

sy_status syi_model_save(sy_context *context, const syi_model *model, const char *path,
                         sy_model_format format, sy_error *err)
{
    syi_model_plan plan;
    sy_status status;
    format = format == SY_MODEL_BY_PATH ? syi_model_format_of_path(path) : format;
    syi_model_plan_init(&plan, context);
    switch (format) {
    case SY_MODEL_SAFETENSORS:
        status = syi_safetensors_plan(model, &plan, err);
        break;
    case SY_MODEL_TORCH:
        status = syi_torch_zip_plan(model, &plan, "archive", err);
        break;
    case SY_MODEL_TORCH_LEGACY:
        status = syi_torch_legacy_plan(model, &plan, 0, err);
        break;
    default:
        status =
            syi_fail(err, SY_EINVAL,
                     "the ending names no model format (.safetensors, .pt, .pth, .bin, .ckpt)");
    }
    if (status != SY_OK) {
        status = syi_error_prefix(err, status, "%s", path);
    } else {
        status = syi_model_plan_save(&plan, path, err);
    }
    syi_model_plan_fini(&plan);
    return status;
}
