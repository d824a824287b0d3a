/* access_text.c - permissions as people write them: "get,use=alice,bob". Test: access_text_test.c. */
#include <string.h>

#include <csyft/caller.h>

#include "core/error.h"
#include "core/memory.h"
#include "hook/tensor.h"
#include "workers/access.h"

static unsigned permission_of(const char *word, size_t length)
{
    static const struct {
        const char *name;
        unsigned permission;
    } all[] = {{"get", SY_PERMISSION_GET},
               {"use", SY_PERMISSION_USE},
               {"search", SY_PERMISSION_SEARCH},
               {"delete", SY_PERMISSION_DELETE}};
    for (size_t k = 0; k < sizeof all / sizeof all[0]; k++) {
        if (strlen(all[k].name) == length && memcmp(all[k].name, word, length) == 0) {
            return all[k].permission;
        }
    }
    return 0;
}

sy_status sy_permissions_from_text(const char *text, unsigned *permissions, const char **callers,
                                   sy_error *err)
{
    const char *equals = text != NULL ? strchr(text, '=') : NULL;
    const char *word = text;
    unsigned sum = 0, found = equals != NULL ? 1 : 0;
    while (found != 0 && word < equals + 1) {
        const size_t length = strcspn(word, ",=");
        found = permission_of(word, length);
        sum |= found;
        word += length + 1;
    }
    if (found == 0) {
        return syi_fail(err, SY_EINVAL,
                        "\"%.80s\": expected get, use, search or delete, and =NAMES",
                        text != NULL ? text : "");
    }
    *permissions = sum;
    *callers = equals + 1;
    return SY_OK;
}

sy_status sy_tensor_permit_text(sy_tensor *tensor, const char *text, sy_error *err)
{
    const char *names[SYI_ACCESS_NAMES], *callers = NULL;
    unsigned permissions = 0;
    size_t count = 0;
    char *rest = NULL;
    SY_TRY(sy_permissions_from_text(text, &permissions, &callers, err));
    sy_context *context = tensor->hook->context;
    const size_t size = strlen(callers) + 1;
    char *copy = syi_alloc(context, size);
    if (copy == NULL) {
        return SYI_ENOMEM(err, "permit");
    }
    memcpy(copy, callers, size);
    sy_status status = SY_OK;
    for (char *name = strtok_r(copy, ",", &rest); name != NULL && status == SY_OK;
         name = strtok_r(NULL, ",", &rest)) {
        if (count == SYI_ACCESS_NAMES) {
            status = syi_fail(err, SY_ELIMIT, "permit: more than %d names", SYI_ACCESS_NAMES);
        } else {
            names[count++] = name;
        }
    }
    if (status == SY_OK) {
        status = sy_tensor_permit(tensor, permissions, names, count, err);
    }
    syi_free(context, copy, size);
    return status;
}
