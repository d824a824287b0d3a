/*
 * additive_shared_request.c - worker commands that the holders of a group carry out together: opening, refreshing, triples.
 * Part of additive_shared.h.
 */
#include "core/error.h"
#include "interpreters/pointer_parts.h"
#include "interpreters/sharing/additive_shared.h"
#include "workers/descriptor.h"

/* Pointers for all that comes, before anything is asked for: what was made is never lost for want of memory. */
static sy_status prepare_results(const syi_joint_request *r, syi_multi_pointer **results,
                                 sy_error *err)
{
    sy_hook *hook = r->group->hook;
    for (int k = 0; k < r->results; k++) {
        SY_TRY(syi_multi_pointer_new(hook, &results[k], r->group->holders, err));
        for (int h = 0; h < r->group->holders; h++) {
            SY_TRY(syi_pointer_prepare(hook->local_worker, r->group->workers[h],
                                       &results[k]->children[h], err));
        }
    }
    return SY_OK;
}

static sy_status read_results(const syi_joint_request *r, syi_exchange *exchange, int holder,
                              syi_multi_pointer **results, sy_error *err)
{
    sy_hook *hook = r->group->hook;
    syi_decoder decoder;
    size_t count = 0;
    sy_status status = SY_OK;
    syi_decoder_init(&decoder, hook, hook->local_worker, exchange->reply);
    SY_GOTO(done, syi_msgpack_read_array(&decoder.cursor, &count, err));
    if (count != (size_t)r->results) {
        status = syi_fail(err, SY_EPROTO, "%s: %zu results from %s", r->name, count,
                          r->group->workers[holder]->name);
    }
    for (size_t k = 0; k < count && status == SY_OK; k++) {
        sy_id id = SY_ID_INIT;
        uint64_t generation = 0;
        sy_dtype dtype = SY_DTYPE_I64;
        int ndim = -1;
        int64_t shape[SY_DIM_MAX];
        syi_pointer *pointer = results[k]->children[holder];
        SY_GOTO(done, syi_decode_descriptor(&decoder, &id, &generation, &dtype, &ndim, shape, err));
        pointer->id_at_location = id;
        pointer->generation = generation;
        pointer->epoch = syi_link_get_epoch(pointer->link);
        syi_pointer_set_shape(pointer, dtype, ndim, shape);
        atomic_store(&pointer->collect, true);
    }
done:
    syi_decoder_fini(&decoder);
    return status;
}

sy_status syi_joint_request_run(const syi_joint_request *r, syi_multi_pointer **results,
                                sy_error *err)
{
    sy_hook *hook = r->group->hook;
    syi_exchange exchanges[SYI_HOLDERS_MAX], *started[SYI_HOLDERS_MAX] = {NULL};
    syi_joint joint;
    sy_status status = prepare_results(r, results, err);
    int begun = 0;
    bool together = false;
    if (status == SY_OK) {
        status = syi_sharing_group_begin(r->group, &joint, err);
        together = status == SY_OK;
    }
    while (begun < r->group->holders && status == SY_OK) {
        sy_value args[SYI_JOINT_ARGS_MAX];
        size_t count = 0;
        r->fill(r->user, begun, args, &count);
        status = syi_command_start(hook->local_worker, r->group->workers[begun], r->name, args,
                                   count, &joint, 0, &exchanges[begun], err);
        begun += status == SY_OK ? 1 : 0;
    }
    for (int k = 0; k < begun; k++) {
        started[k] = &exchanges[k];
    }
    if (together) {
        syi_sharing_group_attend(r->group, &joint, started, (size_t)begun, status, err);
    }
    for (int k = 0; k < begun; k++) {
        sy_status answered = syi_link_wait(&exchanges[k], status == SY_OK ? err : NULL);
        if (answered == SY_OK) {
            answered = read_results(r, &exchanges[k], k, results, status == SY_OK ? err : NULL);
        }
        syi_link_end(&exchanges[k]);
        status = status == SY_OK ? answered : status;
    }
    if (together) {
        syi_sharing_group_end(r->group, &joint, status, err);
    }
    for (int k = 0; k < r->results && status != SY_OK; k++) {
        if (results[k] != NULL) {
            syi_node_unref(&results[k]->base); /* what others have made is deleted */
            results[k] = NULL;
        }
    }
    return status;
}
