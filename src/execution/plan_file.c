/* plan_file.c - plans in files. Part of plan.h. Test: plan_test.c, tests/cli/plan.py. */
#include "core/error.h"
#include "core/memory.h"
#include "execution/plan.h"
#include "formats/file.h"

#define FILE_MAX (UINT64_C(1) << 31)

sy_status sy_plan_save_as(sy_plan *plan, const char *path, sy_plan_format format, sy_error *err)
{
    void *bytes = NULL;
    size_t size = 0;
    if (plan == NULL || path == NULL) {
        return syi_fail(err, SY_EINVAL, "sy_plan_save: plan or path is NULL");
    }
    sy_hook *hook = sy_plan_get_hook(plan);
    SY_TRY(sy_plan_serialize(plan, format, &bytes, &size, err));
    const syi_bytes part = {bytes, size};
    const sy_status status = syi_file_replace(hook->context, path, &part, 1, err);
    sy_bytes_free(hook, bytes, size);
    return status;
}

sy_status sy_plan_save(sy_plan *plan, const char *path, sy_error *err)
{
    return sy_plan_save_as(plan, path, SY_PLAN_CSYFT, err);
}

static sy_status read_whole(sy_context *context, const char *path, void **bytes, size_t *size,
                            sy_error *err)
{
    syi_file file;
    SY_TRY(syi_file_open(&file, path, err));
    sy_status status = SY_OK;
    if (file.size > FILE_MAX) {
        status = syi_fail(err, SY_ELIMIT, "%s: %llu bytes are no plan", path,
                          (unsigned long long)file.size);
    } else {
        *size = (size_t)file.size;
        *bytes = syi_alloc_array(context, *size, 1);
        status = *bytes != NULL ? syi_file_read(&file, *bytes, *size, err) : SYI_ENOMEM(err, path);
    }
    syi_file_close(&file);
    if (status != SY_OK) {
        syi_free(context, *bytes, *size);
        *bytes = NULL;
    }
    return status;
}

sy_status sy_plan_load(sy_hook *hook, sy_plan **plan, const char *path, sy_error *err)
{
    void *bytes = NULL;
    size_t size = 0;
    if (plan == NULL || hook == NULL || path == NULL) {
        return syi_fail(err, SY_EINVAL, "sy_plan_load: hook, plan or path is NULL");
    }
    *plan = NULL;
    SY_TRY(read_whole(hook->context, path, &bytes, &size, err));
    const sy_status status = sy_plan_deserialize(hook, plan, bytes, size, err);
    syi_free(hook->context, bytes, size);
    return status == SY_OK ? SY_OK : syi_error_prefix(err, status, "%s", path);
}
