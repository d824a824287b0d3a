/* search.c - pointers to what a worker holds (workers.md, search). They never delete anything. */
#include "interpreters/search.h"

#include "core/error.h"
#include "interpreters/pointer.h"

sy_status syi_pointer_list_expect(void *user, size_t count, sy_error *err)
{
    syi_pointer_list *list = user;
    if (count > 0) {
        list->pointers =
            syi_alloc_array(list->worker->hook->context, count, sizeof *list->pointers);
        if (list->pointers == NULL) {
            return SYI_ENOMEM(err, "search");
        }
        list->count = count;
    }
    return SY_OK;
}

sy_status syi_pointer_list_add(void *user, const syi_found *found, sy_error *err)
{
    syi_pointer_list *list = user;
    sy_hook *hook = list->worker->hook;
    syi_pointer *pointer = NULL;
    sy_tensor *tensor = NULL;
    SY_TRY(syi_pointer_new(hook, &pointer, hook->local_worker, list->worker, &found->id, err));
    atomic_store(&pointer->collect, false);
    pointer->generation = found->generation;
    syi_pointer_set_shape(pointer, found->dtype, found->ndim, found->shape);
    SY_TRY(syi_tensor_wrap(hook, &tensor, &pointer->base, err));
    list->pointers[list->filled++] = tensor;
    for (size_t k = 0; k < found->tag_count; k++) {
        SY_TRY(sy_tensor_tag(tensor, found->tags[k], err));
    }
    return found->description != NULL ? sy_tensor_describe(tensor, found->description, err) : SY_OK;
}

static void list_free(sy_hook *hook, sy_tensor **tensors, size_t filled, size_t room)
{
    for (size_t k = 0; k < filled; k++) {
        sy_tensor_unref(tensors[k]);
    }
    if (tensors != NULL) {
        syi_free(hook->context, tensors, room * sizeof *tensors);
    }
}

void syi_pointer_list_drop(syi_pointer_list *list)
{
    list_free(list->worker->hook, list->pointers, list->filled, list->count);
    list->pointers = NULL;
    list->count = 0;
    list->filled = 0;
}

sy_status sy_worker_search(sy_worker *worker, sy_tensor ***pointers, size_t *count,
                           const char *const *terms, size_t term_count, sy_error *err)
{
    syi_pointer_list list = {.worker = worker};
    *pointers = NULL;
    *count = 0;
    sy_status status = syi_search(worker, terms, term_count, syi_pointer_list_expect,
                                  syi_pointer_list_add, &list, err);
    if (status != SY_OK) {
        syi_pointer_list_drop(&list);
        return status;
    }
    *pointers = list.pointers;
    *count = list.count;
    return SY_OK;
}

void sy_tensors_free(sy_hook *hook, sy_tensor **tensors, size_t count)
{
    list_free(hook, tensors, count, count);
}
