/*
 * peers.c - looking at a worker as a whole, from afar: which workers it knows, how many objects it has, and clearing
 * them. Tests: tests/integration/administration.c.
 */
#include <math.h>
#include <string.h>

#include <csyft/caller.h>

#include "core/error.h"
#include "core/utf8.h"
#include "workers/access.h"
#include "workers/link.h"

#define PEERS_MAX 65536
#define PENDING_MAX 3600.0 /* seconds */

/* peers(): [[id, kind, address], ...] */

/* Workers stay until the hook goes. */
static size_t list_known(sy_hook *hook, sy_worker **known, size_t room)
{
    size_t count = 0;
    size_t cursor = 0;
    const sy_id *id = NULL;
    void *value = NULL;
    pthread_mutex_lock(&hook->directory_lock);
    while (syi_table_next(hook->directory, &cursor, &id, &value)) {
        if (count < room) {
            known[count] = value;
        }
        count++;
    }
    pthread_mutex_unlock(&hook->directory_lock);
    return count;
}

static sy_worker_kind kind_of(sy_hook *hook, const sy_worker *worker)
{
    if (worker->url[0] == '\0') {
        return worker->kind;
    }
    sy_worker *owner = hook->local_worker;
    pthread_mutex_lock(&owner->links_lock);
    const bool reached = syi_table_get(owner->links, &worker->id) != NULL;
    pthread_mutex_unlock(&owner->links_lock);
    return reached ? worker->kind : SY_WORKER_REGISTERED;
}

static sy_status handle_peers(const sy_request *request, sy_error *err)
{
    sy_hook *hook = request->worker->hook;
    syi_buffer *out = request->reply->out;
    SY_TRY(syi_access_check_administration(request, err));
    const size_t room = list_known(hook, NULL, 0);
    sy_worker **known = syi_alloc_array(hook->context, room, sizeof *known);
    if (known == NULL) {
        return SYI_ENOMEM(err, "known workers");
    }
    const size_t found = list_known(hook, known, room);
    const size_t count = found < room ? found : room; /* one may have been added meanwhile */
    syi_msgpack_write_array(out, count);
    for (size_t k = 0; k < count; k++) {
        syi_msgpack_write_array(out, 3);
        syi_encode_id(out, &known[k]->id);
        syi_msgpack_write_int(out, kind_of(hook, known[k]));
        syi_msgpack_write_str(out, known[k]->url, strlen(known[k]->url));
    }
    syi_free(hook->context, known, room * sizeof *known);
    return syi_buffer_check(out, "message body", err);
}

/* clear(): the number of objects that were removed */

/* Strand held. The next object, at or behind the cursor, that the caller may delete. */
static bool next_deletable(const sy_request *request, size_t *cursor, sy_id *found)
{
    const sy_id *id = NULL;
    void *value = NULL;
    while (syi_table_next(request->worker->objects, cursor, &id, &value)) {
        if (syi_access_check_delete(request->session, value, id, NULL) == SY_OK) {
            *found = *id;
            return true;
        }
    }
    return false;
}

static sy_status handle_clear(const sy_request *request, sy_error *err)
{
    sy_worker *worker = request->worker;
    uint64_t removed = 0;
    for (;;) {
        sy_tensor *tensors[64];
        size_t count = 0;
        size_t cursor = 0;
        sy_id id;
        pthread_mutex_lock(&worker->strand);
        while (count < 64 && next_deletable(request, &cursor, &id)) {
            tensors[count++] = syi_store_take(worker, &id, 0);
            cursor = 0; /* taking may have moved the others */
        }
        pthread_mutex_unlock(&worker->strand);
        for (size_t k = 0; k < count; k++) {
            sy_tensor_unref(tensors[k]);
        }
        removed += count;
        if (count == 0) {
            break;
        }
    }
    syi_msgpack_write_uint(request->reply->out, removed);
    return syi_buffer_check(request->reply->out, "message body", err);
}

static const syi_worker_command commands[] = {
    {"peers", 0, 0, 0, handle_peers},
    {"clear", 0, 0, SYI_COMMAND_WRITES, handle_clear},
};

sy_status syi_commands_register_peers(sy_hook *hook, sy_error *err)
{
    return syi_commands_register(hook, commands, sizeof commands / sizeof commands[0], err);
}

/* Asking */

static sy_status ask_number(sy_worker *worker, const char *name, uint64_t *number, sy_error *err)
{
    syi_exchange exchange;
    sy_hook *hook = worker->hook;
    *number = 0;
    SY_TRY(syi_command_request(hook->local_worker, worker, name, NULL, 0, &exchange, err));
    syi_decoder decoder;
    syi_decoder_init(&decoder, hook, hook->local_worker, exchange.reply);
    const sy_status status = syi_msgpack_read_uint(&decoder.cursor, number, err);
    syi_decoder_fini(&decoder);
    syi_link_end(&exchange);
    return status;
}

sy_status sy_worker_count_objects(sy_worker *worker, uint64_t *count, sy_error *err)
{
    return ask_number(worker, "objects_count", count, err);
}

sy_status sy_worker_clear_remote(sy_worker *worker, uint64_t *removed, sy_error *err)
{
    uint64_t count = 0;
    const sy_status status = ask_number(worker, "clear", &count, err);
    if (removed != NULL) {
        *removed = count;
    }
    return status;
}

static sy_status read_peer(syi_decoder *decoder, sy_worker_info *info, sy_error *err)
{
    syi_msgpack_cursor *cursor = &decoder->cursor;
    int64_t kind = 0;
    const char *address = NULL;
    size_t length = 0;
    memset(info, 0, sizeof *info);
    SY_TRY(syi_msgpack_read_tuple(cursor, 3, "known worker", err));
    SY_TRY(syi_decode_id(decoder, &info->id, err));
    SY_TRY(syi_msgpack_read_int(cursor, &kind, err));
    if (kind < SY_WORKER_LOCAL || kind > SY_WORKER_CUSTOM) {
        return syi_fail(err, SY_EFORMAT, "a worker of kind %lld", (long long)kind);
    }
    info->kind = (sy_worker_kind)kind;
    SY_TRY(syi_msgpack_read_str(cursor, &address, &length, err));
    const size_t kept = syi_utf8_cut(address, length, sizeof info->address - 1);
    memcpy(info->address, address, kept);
    syi_utf8_clean(info->address, kept);
    syi_msgpack_leave(cursor);
    return SY_OK;
}

static sy_status read_peers(syi_decoder *decoder, sy_worker_info **infos, size_t *count,
                            sy_error *err)
{
    SY_TRY(syi_msgpack_read_array(&decoder->cursor, count, err));
    if (*count > PEERS_MAX) {
        const size_t many = *count;
        *count = 0;
        return syi_fail(err, SY_EFORMAT, "%zu known workers, at most %d", many, PEERS_MAX);
    }
    if (*count == 0) {
        return SY_OK;
    }
    *infos = syi_alloc_array(decoder->hook->context, *count, sizeof **infos);
    if (*infos == NULL) {
        *count = 0;
        return SYI_ENOMEM(err, "known workers");
    }
    for (size_t k = 0; k < *count; k++) {
        SY_TRY(read_peer(decoder, &(*infos)[k], err));
    }
    return SY_OK;
}

sy_status sy_worker_find_peers(sy_worker *worker, sy_worker_info **infos, size_t *count,
                               sy_error *err)
{
    syi_exchange exchange;
    sy_hook *hook = worker->hook;
    *infos = NULL;
    *count = 0;
    SY_TRY(syi_command_request(hook->local_worker, worker, "peers", NULL, 0, &exchange, err));
    syi_decoder decoder;
    syi_decoder_init(&decoder, hook, hook->local_worker, exchange.reply);
    const sy_status status = read_peers(&decoder, infos, count, err);
    syi_decoder_fini(&decoder);
    syi_link_end(&exchange);
    if (status != SY_OK) {
        sy_worker_infos_free(hook, *infos, *count);
        *infos = NULL;
        *count = 0;
    }
    return status;
}

void sy_worker_infos_free(sy_hook *hook, sy_worker_info *infos, size_t count)
{
    if (infos != NULL) {
        syi_free(hook->context, infos, count * sizeof *infos);
    }
}

/* Simulated latency: the connections look at it (transport/latency.h) */

sy_status sy_worker_set_message_pending_time(sy_worker *worker, double seconds, sy_error *err)
{
    if (!(seconds >= 0 && seconds <= PENDING_MAX)) {
        return syi_fail(err, SY_EINVAL, "worker %s: a message pending time of %g s; 0 to %g",
                        worker->name, seconds, PENDING_MAX);
    }
    atomic_store(&worker->pending_ns, (uint64_t)llround(seconds * 1e9));
    return SY_OK;
}

double sy_worker_get_message_pending_time(const sy_worker *worker)
{
    return (double)atomic_load(&worker->pending_ns) / 1e9;
}
