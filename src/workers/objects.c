/* objects.c - objects of workers as the public interface sees them, here and over the wire. */
#include <stdio.h>
#include <string.h>

#include "core/error.h"
#include "workers/commands.h"
#include "workers/descriptor.h"
#include "workers/link.h"
#include "workers/search.h"

static sy_status must_be_here(const sy_worker *worker, const char *what, sy_error *err)
{
    if (syi_worker_is_here(worker)) {
        return SY_OK;
    }
    return syi_fail(err, SY_EINVAL, "%s: worker %s is not in this process", what, worker->name);
}

size_t sy_worker_get_object_count(sy_worker *worker)
{
    if (worker->objects == NULL) {
        return 0;
    }
    pthread_mutex_lock(&worker->strand);
    size_t count = syi_table_count(worker->objects);
    pthread_mutex_unlock(&worker->strand);
    return count;
}

static sy_status store(sy_worker *worker, sy_tensor *tensor, const sy_id *id, sy_error *err)
{
    sy_id chosen = id != NULL && !sy_id_is_none(id) ? *id : sy_tensor_get_id(tensor);
    uint64_t generation = 0;
    syi_object *old = NULL;
    pthread_mutex_lock(&worker->strand);
    sy_status status = syi_store_put(worker, &chosen, tensor, NULL, &generation, &old, err);
    pthread_mutex_unlock(&worker->strand);
    sy_tensor_unref(syi_store_forget(worker, old));
    return status;
}

sy_status sy_worker_register_object(sy_worker *worker, sy_tensor *tensor, const sy_id *id,
                                    sy_error *err)
{
    SY_TRY(must_be_here(worker, "register", err));
    return worker->is_client ? SY_OK : store(worker, tensor, id, err);
}

sy_status sy_worker_get_object(sy_worker *worker, sy_tensor **tensor, const sy_id *id,
                               sy_error *err)
{
    *tensor = NULL;
    SY_TRY(must_be_here(worker, "get_obj", err));
    pthread_mutex_lock(&worker->strand);
    syi_object *object = syi_store_get(worker, id);
    sy_status status = object != NULL ? SY_OK : syi_object_missing(worker, id, err);
    if (object != NULL) {
        *tensor = sy_tensor_ref(object->tensor);
    }
    pthread_mutex_unlock(&worker->strand);
    return status;
}

void sy_worker_remove_object(sy_worker *worker, const sy_id *id)
{
    if (worker->objects == NULL) {
        return;
    }
    pthread_mutex_lock(&worker->strand);
    sy_tensor *taken = syi_store_take(worker, id, 0);
    pthread_mutex_unlock(&worker->strand);
    sy_tensor_unref(taken);
}

sy_status sy_worker_deregister_object(sy_worker *worker, sy_tensor *tensor, sy_error *err)
{
    SY_TRY(must_be_here(worker, "de_register", err));
    if (!sy_id_is_none(&tensor->id)) {
        sy_id id = tensor->id;
        sy_worker_remove_object(worker, &id);
    }
    return SY_OK;
}

void sy_worker_clear_objects(sy_worker *worker)
{
    for (;;) {
        size_t cursor = 0;
        const sy_id *id = NULL;
        void *value = NULL;
        sy_tensor *taken = NULL;
        pthread_mutex_lock(&worker->strand);
        if (syi_table_next(worker->objects, &cursor, &id, &value)) {
            sy_id first = *id;
            taken = syi_store_take(worker, &first, 0);
        }
        pthread_mutex_unlock(&worker->strand);
        if (taken == NULL) {
            return;
        }
        sy_tensor_unref(taken);
    }
}

sy_status sy_worker_load_data(sy_worker *worker, sy_tensor *const *tensors, size_t count,
                              sy_error *err)
{
    for (size_t k = 0; k < count; k++) {
        SY_TRY(sy_worker_register_object(worker, tensors[k], NULL, err));
        tensors[k]->owner = worker;
    }
    return SY_OK;
}

sy_status sy_worker_publish(sy_worker *worker, sy_tensor *tensor, bool private_, sy_error *err)
{
    SY_TRY(must_be_here(worker, "publish", err));
    if (private_) {
        char origin[72];
        sy_id id = sy_tensor_get_id(tensor);
        const char *tag = sy_tensor_get_tag(tensor, 0);
        int ndim = 0;
        int64_t shape[SY_DIM_MAX];
        SY_TRY(sy_tensor_get_shape(tensor, &ndim, shape, err));
        const syi_policy before = syi_tensor_policy(tensor);
        syi_policy policy;
        syi_policy_set_private(&policy,
                               tag != NULL ? tag : sy_id_format(&id, origin, sizeof origin),
                               ndim > 0 ? shape[0] : 0);
        policy.no_use = before.no_use; /* the lists stay; but nobody gets it */
        policy.no_search = before.no_search;
        policy.no_delete = before.no_delete;
        syi_tensor_set_policy(tensor, &policy);
        syi_storage *storage = syi_node_storage(tensor->node);
        if (storage != NULL) {
            /* Other handles on these elements are private from now on, too. */
            atomic_store(&storage->private_, true);
        }
    }
    return store(worker, tensor, NULL, err);
}

/* Asking any worker */

#define TAGS_MAX 1024

static sy_status read_found(syi_decoder *decoder, syi_found *found, const char **tags,
                            sy_error *err)
{
    syi_msgpack_cursor *cursor = &decoder->cursor;
    SY_TRY(syi_msgpack_read_tuple(cursor, 4, "search result", err));
    SY_TRY(syi_decode_descriptor(decoder, &found->id, &found->generation, &found->dtype,
                                 &found->ndim, found->shape, err));
    SY_TRY(syi_msgpack_read_array(cursor, &found->tag_count, err));
    if (found->tag_count > TAGS_MAX) {
        return syi_fail(err, SY_EFORMAT, "search: an object with %zu tags", found->tag_count);
    }
    for (size_t k = 0; k < found->tag_count; k++) {
        SY_TRY(syi_decode_text(decoder, &tags[k], err));
        tags[k] = tags[k] != NULL ? tags[k] : "";
    }
    syi_msgpack_leave(cursor);
    found->tags = tags;
    SY_TRY(syi_decode_text(decoder, &found->description, err));
    SY_TRY(syi_msgpack_read_bool(cursor, &found->private_, err));
    syi_msgpack_leave(cursor);
    return SY_OK;
}

sy_status syi_search_start(sy_worker *worker, const char *const *terms, size_t term_count,
                           syi_exchange *exchange, sy_error *err)
{
    syi_link *link = NULL;
    SY_TRY(syi_link_get(worker->hook->local_worker, worker, &link, err));
    SY_TRY(syi_link_begin(link, exchange, SYI_KIND_SEARCH, err));
    syi_msgpack_write_array(&exchange->message->body, term_count);
    for (size_t k = 0; k < term_count; k++) {
        syi_encode_text(&exchange->message->body, terms[k]);
    }
    const sy_status status = syi_link_start(exchange, 0, err);
    if (status != SY_OK) {
        syi_link_end(exchange);
    }
    return status;
}

static sy_status read_all(sy_worker *worker, const syi_exchange *exchange,
                          sy_status (*expect)(void *user, size_t count, sy_error *err),
                          sy_status (*each)(void *user, const syi_found *found, sy_error *err),
                          void *user, sy_error *err)
{
    sy_hook *hook = worker->hook;
    const char *tags[TAGS_MAX];
    syi_decoder decoder;
    size_t count = 0;
    syi_decoder_init(&decoder, hook, hook->local_worker, exchange->reply);
    sy_status status = syi_msgpack_read_array(&decoder.cursor, &count, err);
    if (status == SY_OK) {
        status = expect(user, count, err);
    }
    for (size_t k = 0; k < count && status == SY_OK; k++) {
        syi_found found = {.id = SY_ID_INIT};
        status = read_found(&decoder, &found, tags, err);
        if (status == SY_OK) {
            status = each(user, &found, err);
        }
    }
    syi_decoder_fini(&decoder);
    return status;
}

sy_status syi_search_finish(sy_worker *worker, syi_exchange *exchange,
                            sy_status (*expect)(void *user, size_t count, sy_error *err),
                            sy_status (*each)(void *user, const syi_found *found, sy_error *err),
                            void *user, sy_error *err)
{
    sy_status status = syi_link_wait(exchange, err);
    if (status == SY_OK) {
        status = read_all(worker, exchange, expect, each, user, err);
    }
    syi_link_end(exchange);
    return status;
}

sy_status syi_search(sy_worker *worker, const char *const *terms, size_t term_count,
                     sy_status (*expect)(void *user, size_t count, sy_error *err),
                     sy_status (*each)(void *user, const syi_found *found, sy_error *err),
                     void *user, sy_error *err)
{
    syi_exchange exchange;
    SY_TRY(syi_search_start(worker, terms, term_count, &exchange, err));
    return syi_search_finish(worker, &exchange, expect, each, user, err);
}

typedef struct info_list {
    sy_context *context;
    sy_object_info *infos;
    size_t count; /* room */
    size_t filled;
} info_list;

static sy_status expect_infos(void *user, size_t count, sy_error *err)
{
    info_list *list = user;
    if (count > 0) {
        list->infos = syi_alloc_array(list->context, count, sizeof *list->infos);
        if (list->infos == NULL) {
            return SYI_ENOMEM(err, "search");
        }
        list->count = count;
    }
    return SY_OK;
}

static sy_status add_info(void *user, const syi_found *found, sy_error *err)
{
    (void)err;
    info_list *list = user;
    sy_object_info *info = &list->infos[list->filled++];
    memset(info, 0, sizeof *info);
    info->id = found->id;
    info->generation = found->generation;
    info->dtype = found->dtype;
    info->ndim = found->ndim;
    if (found->ndim > 0) {
        memcpy(info->shape, found->shape, (size_t)found->ndim * sizeof *info->shape);
    }
    size_t used = 0;
    for (size_t k = 0; k < found->tag_count && used < sizeof info->tags; k++) {
        used += (size_t)snprintf(info->tags + used, sizeof info->tags - used, "%s%s",
                                 used > 0 ? " " : "", found->tags[k]);
    }
    if (used >= sizeof info->tags) {
        memcpy(info->tags + sizeof info->tags - 4, "...", 4);
    }
    if (found->description != NULL) {
        size_t room = sizeof info->description - 4;
        size_t line = strcspn(found->description, "\n");
        bool cut = line > room || found->description[line] != '\0';
        snprintf(info->description, sizeof info->description, "%.*s%s",
                 (int)(line < room ? line : room), found->description, cut ? "..." : "");
    }
    info->private_ = found->private_;
    return SY_OK;
}

sy_status sy_worker_find(sy_worker *worker, sy_object_info **infos, size_t *count,
                         const char *const *terms, size_t term_count, sy_error *err)
{
    info_list list = {.context = worker->hook->context};
    *infos = NULL;
    *count = 0;
    sy_status status = syi_search(worker, terms, term_count, expect_infos, add_info, &list, err);
    if (status != SY_OK) {
        sy_object_infos_free(worker->hook, list.infos, list.count);
        return status;
    }
    *infos = list.infos;
    *count = list.count;
    return SY_OK;
}

void sy_object_infos_free(sy_hook *hook, sy_object_info *infos, size_t count)
{
    if (infos != NULL) {
        syi_free(hook->context, infos, count * sizeof *infos);
    }
}

sy_status sy_worker_delete(sy_worker *worker, const sy_id *id, sy_error *err)
{
    sy_value arg = syi_id_value(id);
    return syi_command_tell(worker->hook->local_worker, worker, "delete", &arg, 1, err);
}

sy_status sy_worker_whoami(sy_worker *worker, char **text, sy_error *err)
{
    sy_hook *hook = worker->hook;
    syi_exchange exchange;
    *text = NULL;
    SY_TRY(syi_command_request(hook->local_worker, worker, "whoami", NULL, 0, &exchange, err));
    syi_decoder decoder;
    const char *said = NULL;
    syi_decoder_init(&decoder, hook, hook->local_worker, exchange.reply);
    sy_status status = syi_decode_text(&decoder, &said, err);
    if (status == SY_OK) {
        *text = syi_string_copy(hook->context, said != NULL ? said : "");
        status = *text != NULL ? SY_OK : SYI_ENOMEM(err, "whoami");
    }
    syi_decoder_fini(&decoder);
    syi_link_end(&exchange);
    return status;
}
