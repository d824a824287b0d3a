/* plan_placeholders.c - the values of a plan under the tags of the reference. Part of plan.h. Test: tests/reference/002_plan.c. */
#include <stdlib.h>

#include "core/error.h"
#include "core/memory.h"
#include "execution/plan.h"
#include "interpreters/placeholder.h"

/* What the slot is called; the same slot may be argument and result. */
static syi_placeholder_tags tags_of(const syi_tape *tape, size_t slot)
{
    const syi_slot *s = &tape->slots[slot];
    syi_placeholder_tags tags = SYI_PLACEHOLDER_TAGS_INIT;
    tags.input = s->kind == SYI_SLOT_INPUT ? s->index : SYI_PLACEHOLDER_NONE;
    tags.state = s->kind == SYI_SLOT_STATE;
    tags.number = s->number > 0 ? s->number : SYI_PLACEHOLDER_NONE;
    for (size_t k = tape->result_count; k > 0; k--) {
        if (tape->results[k - 1] == (int32_t)slot) {
            tags.output = (int32_t)(k - 1);
        }
    }
    return tags;
}

static bool matches(const sy_tensor *placeholder, const char *const *terms, size_t count)
{
    for (size_t k = 0; k < count; k++) {
        if (syi_placeholder_matches(placeholder, terms[k])) {
            return true;
        }
    }
    return count == 0;
}

static int compare(const void *a, const void *b)
{
    return syi_placeholder_compare(*(sy_tensor *const *)a, *(sy_tensor *const *)b);
}

sy_status sy_plan_find_placeholders(sy_plan *plan, sy_tensor ***placeholders, size_t *count,
                                    const char *const *terms, size_t term_count, sy_error *err)
{
    const syi_plan_body *body = syi_plan_body_of(syi_plan_get_object(plan));
    const syi_tape *tape = body->tape;
    sy_context *context = body->hook->context;
    size_t found = 0;
    *placeholders = NULL;
    *count = 0;
    if (tape == NULL) {
        return syi_fail(err, SY_EINVAL, "plan %s is not built: it has no values yet", body->name);
    }
    sy_tensor **all = syi_alloc_array(context, tape->slot_count, sizeof *all);
    if (all == NULL) {
        return SYI_ENOMEM(err, "plan");
    }
    sy_status status = SY_OK;
    for (size_t k = 0; k < tape->slot_count && status == SY_OK; k++) {
        const syi_placeholder_tags tags = tags_of(tape, k);
        status = syi_placeholder_new(body->hook, &all[found], NULL, &tags, err);
        if (status == SY_OK && matches(all[found], terms, term_count)) {
            found++;
        } else if (status == SY_OK) {
            sy_tensor_unref(all[found]);
        }
    }
    sy_tensor **exact =
        status == SY_OK && found > 0 ? syi_alloc_array(context, found, sizeof *exact) : NULL;
    if (status == SY_OK && found > 0 && exact == NULL) {
        status = SYI_ENOMEM(err, "plan");
    }
    if (status == SY_OK) {
        qsort(all, found, sizeof *all, compare);
        *count = found;
        *placeholders = exact;
    }
    for (size_t k = 0; k < found; k++) {
        if (status == SY_OK) {
            exact[k] = all[k];
        } else {
            sy_tensor_unref(all[k]);
        }
    }
    syi_free(context, all, tape->slot_count * sizeof *all);
    return status;
}
