/* router.c - what each kind of request does. Phases: session.h. */
#include <string.h>

#include "core/error.h"
#include "hook/estimate.h"
#include "workers/access.h"
#include "workers/callers.h"
#include "workers/descriptor.h"
#include "workers/resolve.h"
#include "workers/room.h"
#include "workers/session.h"

/* Decoding for this worker */

static void open_body(syi_session *session, syi_job *job)
{
    sy_worker *worker = session->worker;
    syi_decoder_init(&job->decoder, worker->hook, worker, &job->message);
    job->decoder.account = &session->who->account;
    job->bit = syi_session_bit(session);
    job->decoder.caller = job->bit;
    syi_resolve_with_strand(&job->decoder);
    job->decoding = true;
    job->encoder = (syi_encoder){.hook = worker->hook,
                                 .out = &job->reply.body,
                                 .message = &job->reply,
                                 .recipient = &session->caller,
                                 .caller = job->bit};
}

static sy_status read_head(syi_job *job, size_t count, sy_error *err)
{
    return syi_msgpack_read_tuple(&job->decoder.cursor, count, syi_kind_text(job->message.kind),
                                  err);
}

/* What several workers carry out together waits for them. */
static sy_status read_joint(syi_session *session, syi_job *job, sy_error *err)
{
    if (!(job->message.flags & SYI_FLAG_JOINT)) {
        return SY_OK;
    }
    if (session->worker->hook->workers->joint.begin == NULL) {
        return syi_fail(err, SY_ENOTSUP, "joint commands are not known here");
    }
    SY_TRY(syi_joint_read(&job->decoder.cursor, &job->joint, err));
    job->is_joint = true;
    job->waits = true;
    return SY_OK;
}

/* They run outside the gate, beside others. */
static sy_status check_joint(const syi_job *job, bool writes, sy_error *err)
{
    return job->is_joint && writes
               ? syi_fail(err, SY_EINVAL,
                          "a command that writes cannot be carried out with other workers")
               : SY_OK;
}

/* COMMAND: [name, args, kwargs, result ids] */

static bool value_waits(const sy_value *value)
{
    if (value->kind == SY_VALUE_TENSOR) {
        return syi_node_is_remote(value->as.tensor->node);
    }
    for (size_t k = 0; value->kind == SY_VALUE_LIST && k < value->as.list.count; k++) {
        if (value_waits(&value->as.list.items[k])) {
            return true;
        }
    }
    return false;
}

static bool value_is_private(const sy_value *value)
{
    if (value->kind == SY_VALUE_TENSOR) {
        return syi_tensor_is_private(value->as.tensor);
    }
    for (size_t k = 0; value->kind == SY_VALUE_LIST && k < value->as.list.count; k++) {
        if (value_is_private(&value->as.list.items[k])) {
            return true;
        }
    }
    return false;
}

static sy_status read_kwargs(syi_job *job, sy_named_value *kwargs, size_t *count, sy_error *err)
{
    syi_decoder *decoder = &job->decoder;
    SY_TRY(syi_msgpack_read_map(&decoder->cursor, count, err));
    if (*count > SYI_ARGUMENT_MAX) {
        return syi_fail(err, SY_EINVAL, "command: %zu named arguments, at most %d", *count,
                        SYI_ARGUMENT_MAX);
    }
    for (size_t k = 0; k < *count; k++) {
        SY_TRY(syi_decode_text(decoder, &kwargs[k].name, err));
        if (kwargs[k].name == NULL) {
            return syi_fail(err, SY_EFORMAT, "command: an argument without a name");
        }
        SY_TRY(syi_decode_value(decoder, &kwargs[k].value, err));
    }
    syi_msgpack_leave(&decoder->cursor);
    return SY_OK;
}

static sy_status prepare_command(syi_session *session, syi_job *job, sy_error *err)
{
    sy_hook *hook = session->worker->hook;
    syi_decoder *decoder = &job->decoder;
    const char *name = NULL;
    size_t name_length = 0;
    size_t id_count = 0;
    size_t kwarg_count = 0;
    sy_value args;
    SY_TRY(read_joint(session, job, err));
    SY_TRY(read_head(job, 4, err));
    SY_TRY(syi_msgpack_read_str(&decoder->cursor, &name, &name_length, err));
    if (!syi_ops_find(hook->ops, name, name_length, &job->op, &job->inplace) ||
        !(job->op->flags & SYI_OP_PEER)) {
        return syi_fail(err, SY_EFORBIDDEN, "Command \"%.*s\" is not a supported Torch operation.",
                        (int)(name_length < 80 ? name_length : 80), name);
    }
    job->inplace |= (job->op->flags & SYI_OP_ONLY_INPLACE) != 0;
    job->called = memchr(name, '.', name_length) != NULL ? name : NULL;
    job->called_length = name_length;
    SY_TRY(syi_decode_value(decoder, &args, err));
    if (args.kind != SY_VALUE_LIST) {
        return syi_fail(err, SY_EFORMAT, "command %s: the arguments are no list", job->op->name);
    }
    SY_TRY(read_kwargs(job, job->kwargs, &kwarg_count, err));
    SY_TRY(syi_msgpack_read_array(&decoder->cursor, &id_count, err));
    if (id_count > SYI_OUTPUT_MAX) {
        return syi_fail(err, SY_EFORMAT, "command %s: %zu result ids", job->op->name, id_count);
    }
    for (size_t k = 0; k < id_count; k++) {
        SY_TRY(syi_decode_id(decoder, &job->return_ids[k], err));
    }
    job->return_count = (int)id_count;
    SY_TRY(syi_ops_bind(hook->ops, job->op, args.as.list.items, args.as.list.count, job->kwargs,
                        kwarg_count, job->bound, err));
    int count = 0;
    (void)syi_ops_get_parameters(hook->ops, job->op->id, &count);
    for (int k = 0; k < count; k++) {
        job->waits |= value_waits(&job->bound[k]);
    }
    const bool writes =
        job->inplace || job->op->id == SYI_OP_backward || (job->op->flags & SYI_OP_WRITES);
    SY_TRY(check_joint(job, writes, err));
    job->writes = !job->waits && writes;
    job->cost = job->waits || session->direct ? 0 : syi_call_cost(job->op, job->bound, count);
    return SY_OK;
}

static syi_mode mode_of(syi_job *job)
{
    const syi_session *session = job->session;
    const sy_worker *worker = session->worker;
    const syi_mode mode = {
        .grad = !(job->message.flags & SYI_FLAG_NO_GRAD),
        .account = &session->who->account,
        .caller = job->bit,
        .deadline = job->deadline,
        .worker = worker->name,
        .message_id = job->message.id,
        .release_rows = worker->release_rows,
        .called = job->called,
        .called_length = job->called_length,
        .joint = job->is_joint ? &job->joint : NULL,
    };
    return mode;
}

static sy_status execute_command(syi_session *session, syi_job *job, sy_error *err)
{
    sy_worker *worker = session->worker;
    const syi_mode mode = mode_of(job);
    sy_status status =
        syi_dispatch(worker->hook, job->op, job->inplace, job->bound, &mode, &job->results, err);
    if (status == SY_ERANGE) {
        /* Such sentences quote elements; those of private objects stay here. */
        int count = 0;
        (void)syi_ops_get_parameters(worker->hook->ops, job->op->id, &count);
        for (int k = 0; k < count; k++) {
            if (value_is_private(&job->bound[k])) {
                return syi_fail(err, SY_ERANGE,
                                "%s: a value is out of range (it is private and not shown)",
                                job->op->name);
            }
        }
    }
    return status;
}

/* What a job changed in the store, until the answer is on its way: then what was replaced or taken is dropped.
 * Without an answer nothing has happened. */
typedef struct change {
    sy_id id;
    uint64_t generation; /* of what was put; 0: something was taken away */
    syi_object *old;     /* replaced or taken; nullable */
    sy_tensor *deleted;  /* for good; nullable */
} change;

/* Room for one more; NULL when there is none. Valid until the next. */
static change *note(syi_job *job)
{
    change *made = (void *)syi_buffer_extend(&job->changes, sizeof *made);
    if (made != NULL) {
        memset(made, 0, sizeof *made);
    }
    return made;
}

static size_t count_changes(const syi_job *job)
{
    return job->changes.length / sizeof(change);
}

static change *nth_change(syi_job *job, size_t n)
{
    return (change *)(void *)job->changes.data + n;
}

/* Strand held: registers with the session's lease and writes the descriptor. */
static sy_status put(syi_job *job, const sy_id *id, sy_tensor *tensor, sy_error *err)
{
    syi_session *session = job->session;
    sy_worker *worker = session->worker;
    if (session->ended) {
        return syi_fail(err, SY_ECLOSED, "the session is over");
    }
    const bool shared = (job->message.flags & SYI_FLAG_KEPT) != 0;
    const syi_object *there = shared ? syi_store_get(worker, id) : NULL;
    if (there != NULL && !there->shared) {
        char text[72];
        sy_id_format(id, text, sizeof text);
        return syi_fail_object(err, SY_EEXIST, text,
                               "Object \"%s\" already exists on worker %s and is not yours", text,
                               worker->name);
    }
    change *made = note(job);
    if (made == NULL) {
        return SYI_ENOMEM(err, "object store");
    }
    made->id = *id;
    sy_status status = syi_store_put(worker, id, tensor, shared ? NULL : session, &made->generation,
                                     &made->old, err);
    if (status != SY_OK) {
        job->changes.length -= sizeof *made;
        return status;
    }
    if (made->old != NULL) {
        syi_store_get(worker, id)->exact = true;
    }
    if (shared) {
        syi_store_get(worker, id)->shared = true;
    }
    return syi_encode_descriptor(&job->encoder, tensor, id, made->generation, err);
}

/* Strand held: the object is taken away. */
static sy_status take(syi_job *job, const sy_id *id, sy_error *err)
{
    change *made = note(job);
    if (made == NULL) {
        return SYI_ENOMEM(err, "object store");
    }
    made->id = *id;
    made->old = syi_store_remove(job->session->worker, id, 0);
    return SY_OK;
}

/* May an object with that lease be in the store? The session may have ended while the object was away. */
static bool lease_lives(const sy_worker *worker, const syi_session *lease)
{
    const syi_session *s = worker->sessions;
    while (lease != NULL && s != NULL && s != lease) {
        s = s->next;
    }
    return lease == NULL || (s != NULL && !s->ended);
}

void syi_router_undo(syi_job *job)
{
    sy_worker *worker = job->session->worker;
    job->undone = true;
    for (size_t k = count_changes(job); k > 0; k--) {
        change *c = nth_change(job, k - 1);
        const syi_object *now = syi_store_get(worker, &c->id);
        const bool back = c->old != NULL && lease_lives(worker, c->old->lease);
        if (c->generation != 0 && now != NULL && now->generation == c->generation) {
            syi_store_undo(worker, &c->id, back ? c->old : NULL);
            c->old = back ? NULL : c->old;
        } else if (c->generation == 0 && now == NULL && back &&
                   syi_store_return(worker, &c->id, c->old)) {
            c->old = NULL;
        }
        c->generation = 0;
    }
}

void syi_router_settle(syi_job *job)
{
    const bool handed_over = job->message.kind == SYI_KIND_OBJECT_REQUEST && !job->undone;
    for (size_t k = 0; k < count_changes(job); k++) {
        sy_tensor *old = syi_store_forget(job->session->worker, nth_change(job, k)->old);
        if (handed_over && old != NULL) {
            syi_node_hand_over(old->node, &job->session->caller);
        }
        sy_tensor_unref(old);
        sy_tensor_unref(nth_change(job, k)->deleted);
    }
    syi_buffer_clear(&job->changes);
}

static sy_status finish_command(syi_session *session, syi_job *job, sy_error *err)
{
    sy_worker *worker = session->worker;
    syi_buffer *out = job->encoder.out;
    sy_status status = SY_OK;
    const int count = job->inplace ? 0 : job->results.count;
    syi_msgpack_write_array(out, 2);
    syi_msgpack_write_array(out, (size_t)count);
    for (int k = 0; k < count && status == SY_OK; k++) {
        sy_id id = k < job->return_count ? job->return_ids[k] : syi_hook_fresh_id(worker->hook);
        status = put(job, &id, job->results.tensors[k], err);
    }
    return status == SY_OK ? syi_encode_value(&job->encoder, &job->results.value, err) : status;
}

/* OBJECT: [id or nil, object] */

static sy_status prepare_object(syi_session *session, syi_job *job, sy_error *err)
{
    (void)session;
    SY_TRY(read_head(job, 2, err));
    SY_TRY(syi_decode_id(&job->decoder, &job->object_id, err));
    SY_TRY(syi_decode_tensor(&job->decoder, &job->object, err));
    if (atomic_load(&job->object->refs) > 1) {
        /* A bare pointer to an object of this worker: another handle on it, with an id of its own. */
        sy_tensor *alias = NULL;
        SY_TRY(syi_tensor_alias(job->object, &alias, err));
        sy_tensor_unref(job->object);
        job->object = alias;
    }
    if (job->message.flags & SYI_FLAG_PRIVATE) {
        char text[72];
        syi_policy policy = {0};
        const sy_id own = sy_tensor_get_id(job->object);
        syi_policy_set_private(&policy, sy_id_format(&own, text, sizeof text), 0);
        syi_tensor_set_policy(job->object, &policy);
    }
    return SY_OK;
}

static sy_status finish_object(syi_job *job, sy_error *err)
{
    sy_id id = !sy_id_is_none(&job->object_id) ? job->object_id : sy_tensor_get_id(job->object);
    return put(job, &id, job->object, err);
}

/* OBJECT_REQUEST: [id, keep] */

static sy_status check_public(const syi_session *session, const syi_job *job, sy_error *err)
{
    const syi_policy policy = syi_tensor_policy(job->object);
    char text[72];
    return syi_policy_hides(&policy, job->bit)
               ? syi_policy_refuse(&policy, "get", sy_id_format(&job->object_id, text, sizeof text),
                                   session->worker->name, err)
               : SY_OK;
}

static sy_status prepare_object_request(syi_session *session, syi_job *job, sy_error *err)
{
    SY_TRY(read_head(job, 2, err));
    SY_TRY(syi_decode_id(&job->decoder, &job->object_id, err));
    SY_TRY(syi_msgpack_read_bool(&job->decoder.cursor, &job->keep, err));
    SY_TRY(syi_resolve_object(session->worker, &job->object_id, NULL, 0, &job->object, err));
    SY_TRY(check_public(session, job, err));
    /* It takes the object away. */
    return job->keep
               ? SY_OK
               : syi_access_check_delete(session, syi_store_get(session->worker, &job->object_id),
                                         &job->object_id, err);
}

/* Does nobody but the store and this job hold the object or its contents? */
static bool is_alone(const sy_tensor *object, unsigned holders)
{
    if (!syi_tensor_is_native(object) || object->grad != NULL) {
        return false;
    }
    const syi_array *array = syi_node_array(object->node);
    return atomic_load(&object->refs) <= holders && atomic_load(&object->node->refs) == 1 &&
           atomic_load(&array->storage->refs) == 1;
}

static sy_status execute_object_request(syi_session *session, syi_job *job, sy_error *err)
{
    SY_TRY(check_public(session, job, err)); /* a writer that was before may have changed that */
    job->encoder.copy = job->keep;
    /* A direct answer is copied while the gate is held. Others leave later, from the contents themselves:
     * nobody may write there meanwhile. */
    job->encoder.snapshot = !session->direct && (job->keep || !is_alone(job->object, 2));
    return syi_encode_tensor(&job->encoder, job->object, err);
}

static sy_status finish_object_request(syi_session *session, syi_job *job, sy_error *err)
{
    if (job->keep) {
        return SY_OK;
    }
    const syi_object *object = syi_store_get(session->worker, &job->object_id);
    if (object == NULL || object->tensor != job->object) { /* another client was quicker */
        return syi_object_missing(session->worker, &job->object_id, err);
    }
    if (!session->direct && !job->encoder.snapshot &&
        atomic_load(&job->object->refs) > 2) { /* a writer came that waits for its turn */
        syi_message_clear(&job->reply);
        job->reply.kind = SYI_KIND_REPLY;
        job->encoder.snapshot = true;
        SY_TRY(syi_encode_tensor(&job->encoder, job->object, err));
    }
    return take(job, &job->object_id, err);
}

/* IS_NONE and GET_SHAPE: [id, attribute or nil] */

static sy_status prepare_question(syi_session *session, syi_job *job, sy_error *err)
{
    const char *attribute = NULL;
    SY_TRY(read_head(job, 2, err));
    SY_TRY(syi_decode_id(&job->decoder, &job->object_id, err));
    SY_TRY(syi_decode_text(&job->decoder, &attribute, err));
    SY_TRY(syi_resolve_object(session->worker, &job->object_id, attribute, job->bit, &job->object,
                              err));
    if (job->message.kind == SYI_KIND_IS_NONE) { /* an attribute of a pointer: its worker knows */
        job->waits =
            attribute != NULL && job->object != NULL && job->object->node->type->is_none != NULL;
    } else {
        if (job->object == NULL) {
            return job->decoder.resolve(&job->decoder, &job->object_id, attribute, &job->object,
                                        err);
        }
        job->waits = syi_node_is_remote(job->object->node);
    }
    return SY_OK;
}

static sy_status execute_question(syi_session *session, syi_job *job, sy_error *err)
{
    (void)session;
    syi_buffer *out = job->encoder.out;
    if (job->message.kind == SYI_KIND_IS_NONE) {
        bool none = job->object == NULL;
        if (job->waits) {
            SY_TRY(job->object->node->type->is_none(job->object->node, &none, err));
        }
        syi_msgpack_write_bool(out, none);
        return syi_buffer_check(out, "message body", err);
    }
    syi_array shape = SYI_ARRAY_INIT;
    SY_TRY(syi_node_shape(job->object->node, &shape, err));
    syi_msgpack_write_array(out, 2);
    syi_msgpack_write_str(out, sy_dtype_name(shape.dtype), strlen(sy_dtype_name(shape.dtype)));
    syi_msgpack_write_array(out, (size_t)shape.ndim);
    for (int k = 0; k < shape.ndim; k++) {
        syi_msgpack_write_int(out, shape.shape[k]);
    }
    return syi_buffer_check(out, "message body", err);
}

/* SEARCH: [terms]; answers [[descriptor, [tags], description, private], ...] */

#define SEARCH_TERMS_MAX 64

static bool finds(const syi_job *job, const syi_object *object, const sy_id *id,
                  const char *const *terms, size_t term_count)
{
    return syi_access_may_find(object, job->bit) &&
           syi_store_matches(object, id, terms, term_count);
}

static sy_status prepare_search(syi_session *session, syi_job *job, sy_error *err)
{
    sy_worker *worker = session->worker;
    syi_buffer *out = job->encoder.out;
    const char *terms[SEARCH_TERMS_MAX];
    size_t term_count = 0;
    SY_TRY(syi_msgpack_read_array(&job->decoder.cursor, &term_count, err));
    if (term_count > SEARCH_TERMS_MAX) {
        return syi_fail(err, SY_ELIMIT, "search: %zu terms, at most %d", term_count,
                        SEARCH_TERMS_MAX);
    }
    for (size_t k = 0; k < term_count; k++) {
        SY_TRY(syi_decode_text(&job->decoder, &terms[k], err));
        if (terms[k] == NULL) {
            return syi_fail(err, SY_EFORMAT, "search: a term is nil");
        }
    }
    size_t matches = 0;
    size_t cursor = 0;
    const sy_id *id = NULL;
    void *value = NULL;
    while (syi_table_next(worker->objects, &cursor, &id, &value)) {
        matches += finds(job, value, id, terms, term_count) ? 1 : 0;
    }
    syi_msgpack_write_array(out, matches);
    cursor = 0;
    while (syi_table_next(worker->objects, &cursor, &id, &value)) {
        syi_object *object = value;
        if (!finds(job, object, id, terms, term_count)) {
            continue;
        }
        size_t tags = sy_tensor_get_tag_count(object->tensor);
        syi_msgpack_write_array(out, 4);
        SY_TRY(syi_encode_descriptor(&job->encoder, object->tensor, id, object->generation, err));
        syi_msgpack_write_array(out, tags);
        for (size_t k = 0; k < tags; k++) {
            syi_encode_text(out, sy_tensor_get_tag(object->tensor, k));
        }
        syi_encode_text(out, sy_tensor_get_description(object->tensor));
        const syi_policy policy = syi_tensor_policy(object->tensor);
        syi_msgpack_write_bool(out, syi_policy_hides(&policy, job->bit));
    }
    return syi_buffer_check(out, "answer to a search", err);
}

/* DELETE: [[id, generation], ...] */

static void delete_one(void *user, const syi_deletion *deletion)
{
    syi_job *job = user;
    const syi_session *session = job->session;
    sy_worker *worker = session->worker;
    syi_object *object = syi_store_get(worker, &deletion->id);
    if (object == NULL) {
        return; /* gone already: fine */
    }
    if (job->message.flags & SYI_FLAG_KEPT
            ? !object->shared
            : deletion->generation == 0 && (object->lease != session || object->exact)) {
        return; /* without a generation only what this session put there first */
    }
    sy_error why = SY_ERROR_INIT;
    if ((deletion->generation == 0 || object->generation == deletion->generation) &&
        syi_access_check_delete(job->session, object, &deletion->id, &why) != SY_OK) {
        syi_audit(job->session, job->message.id, "delete", &why); /* a deletion has no answer */
        return;
    }
    change *made = note(job);
    sy_tensor *taken = syi_store_take(worker, &deletion->id, deletion->generation);
    if (made != NULL) {
        made->deleted = taken;
    } else {
        sy_tensor_unref(taken); /* no memory to do it later */
    }
}

static sy_status prepare_delete(syi_job *job, sy_error *err)
{
    return syi_deletions_decode(job->message.body.data, job->message.body.length, delete_one, job,
                                err);
}

/* WORKER_COMMAND: [name, [arguments]] */

static sy_status prepare_worker_command(syi_session *session, syi_job *job, sy_error *err)
{
    const char *name = NULL;
    SY_TRY(read_joint(session, job, err));
    SY_TRY(read_head(job, 2, err));
    SY_TRY(syi_decode_text(&job->decoder, &name, err));
    job->command = name != NULL ? syi_commands_find(session->worker->hook, name) : NULL;
    if (job->command == NULL) {
        return syi_fail(err, SY_EFORBIDDEN, "worker command \"%.60s\" is not supported",
                        name != NULL ? name : "nil");
    }
    SY_TRY(syi_decode_value(&job->decoder, &job->args, err));
    if (job->args.kind != SY_VALUE_LIST || job->args.as.list.count < job->command->arg_min ||
        job->args.as.list.count > job->command->arg_max) {
        return syi_fail(err, SY_EINVAL, "worker command %s takes %zu to %zu arguments", name,
                        job->command->arg_min, job->command->arg_max);
    }
    job->waits |= (job->command->flags & SYI_COMMAND_WAITS) != 0;
    job->writes = (job->command->flags & SYI_COMMAND_WRITES) != 0;
    SY_TRY(check_joint(job, job->writes, err));
    if (job->command->flags & SYI_COMMAND_COMPUTES) {
        const sy_value *what = &job->args.as.list.items[0];
        const syi_node *node = what->kind == SY_VALUE_TENSOR ? what->as.tensor->node : NULL;
        job->waits |= value_waits(&job->args);
        job->writes =
            !job->waits && node != NULL && node->type->changes != NULL && node->type->changes(node);
        job->budgeted = (job->command->flags & SYI_COMMAND_BUDGETED) && !job->writes;
        job->cost = job->waits || session->direct || job->budgeted ? 0 : SYI_COST_UNKNOWN;
        job->deadline = syi_message_deadline(&job->message, session->worker->hook->context);
    }
    return SY_OK;
}

void syi_request_get_mode(const sy_request *request, syi_mode *mode)
{
    *mode = mode_of(request->job);
}

uint64_t syi_request_get_budget(const sy_request *request)
{
    return request->job->budget;
}

void syi_request_postpone(const sy_request *request)
{
    request->job->postponed = request->job->budget > 0;
}

void syi_request_hurry(const sy_request *request)
{
    request->job->hurried = true;
}

bool syi_request_is_direct(const sy_request *request)
{
    return request->session->direct;
}

bool syi_request_waits(const sy_request *request)
{
    return request->job->waits;
}

sy_status syi_request_show(const sy_request *request, sy_tensor *tensor, sy_error *err)
{
    sy_worker *worker = request->worker;
    syi_job *job = request->job;
    sy_id id = sy_tensor_get_id(tensor);
    sy_tensor *shown = sy_tensor_ref(tensor);
    sy_status status = SY_OK;
    pthread_mutex_lock(&worker->strand);
    const syi_object *there = syi_store_get(worker, &id);
    if (there != NULL && there->tensor != tensor) { /* the id means something else here */
        sy_tensor_unref(shown);
        id = syi_hook_fresh_id(worker->hook);
        status = syi_tensor_alias(tensor, &shown, err);
        if (status == SY_OK) {
            const syi_policy policy = syi_tensor_policy(tensor);
            syi_tensor_set_policy(shown, &policy);
        }
        there = NULL;
    }
    if (status == SY_OK) {
        status = syi_access_check_use(worker, tensor, &id, request->bit, err);
    }
    if (status == SY_OK && there == NULL) {
        change *made = note(job);
        status = made != NULL ? SY_OK : SYI_ENOMEM(err, "object store");
        if (made != NULL) {
            made->id = id;
            status = syi_store_put(worker, &id, shown, request->session, &made->generation,
                                   &made->old, err);
            job->changes.length -= status == SY_OK ? 0 : sizeof *made;
        }
    }
    if (status == SY_OK) {
        status = syi_encode_descriptor(request->reply, shown, &id, 0, err);
    }
    pthread_mutex_unlock(&worker->strand);
    sy_tensor_unref(shown);
    return status;
}

static sy_status execute_worker_command(syi_session *session, syi_job *job, sy_error *err)
{
    sy_request request = {
        .worker = session->worker,
        .session = session,
        .job = job,
        .bit = job->bit,
        .caller = &session->caller,
        .trusted_link = session->trusted,
        .message_id = job->message.id,
        .deadline = job->deadline,
        .args = job->args.as.list.items,
        .arg_count = job->args.as.list.count,
        .reply = &job->encoder,
    };
    return job->command->handle(&request, err);
}

sy_status syi_request_remove(const sy_request *request, const sy_id *id, sy_error *err)
{
    sy_worker *worker = request->worker;
    pthread_mutex_lock(&worker->strand);
    const syi_object *object = syi_store_get(worker, id);
    sy_status status = object == NULL ? syi_object_missing(worker, id, err)
                                      : syi_access_check_delete(request->session, object, id, err);
    if (status == SY_OK) {
        status = take(request->job, id, err);
    }
    pthread_mutex_unlock(&worker->strand);
    return status;
}

sy_status syi_request_register(const sy_request *request, sy_tensor *tensor, const sy_id *id,
                               sy_error *err)
{
    sy_id chosen = id != NULL && !sy_id_is_none(id) ? *id : sy_tensor_get_id(tensor);
    pthread_mutex_lock(&request->worker->strand);
    const sy_status status = put(request->job, &chosen, tensor, err);
    pthread_mutex_unlock(&request->worker->strand);
    return status;
}

/* The phases */

static sy_status prepare_kind(syi_session *session, syi_job *job, sy_error *err)
{
    switch (job->message.kind) {
    case SYI_KIND_COMMAND:
        return prepare_command(session, job, err);
    case SYI_KIND_OBJECT:
        return prepare_object(session, job, err);
    case SYI_KIND_OBJECT_REQUEST:
        return prepare_object_request(session, job, err);
    case SYI_KIND_IS_NONE:
    case SYI_KIND_GET_SHAPE:
        return prepare_question(session, job, err);
    case SYI_KIND_SEARCH:
        return prepare_search(session, job, err);
    case SYI_KIND_DELETE:
        return prepare_delete(job, err);
    case SYI_KIND_WORKER_COMMAND:
        return prepare_worker_command(session, job, err);
    default:
        return syi_fail(err, SY_ENOTSUP, "requests of kind %d are not known here",
                        job->message.kind);
    }
}

sy_status syi_router_prepare(syi_session *session, syi_job *job, sy_error *err)
{
    open_body(session, job);
    SY_TRY(prepare_kind(session, job, err));
    if (job->message.kind == SYI_KIND_DELETE) {
        return SY_OK; /* read by a cursor of its own */
    }
    return syi_msgpack_finish(&job->decoder.cursor, syi_kind_text(job->message.kind), err);
}

static sy_status execute_kind(syi_session *session, syi_job *job, sy_error *err)
{
    switch (job->message.kind) {
    case SYI_KIND_COMMAND:
        return execute_command(session, job, err);
    case SYI_KIND_OBJECT_REQUEST:
        return execute_object_request(session, job, err);
    case SYI_KIND_IS_NONE:
    case SYI_KIND_GET_SHAPE:
        return execute_question(session, job, err);
    case SYI_KIND_WORKER_COMMAND:
        return execute_worker_command(session, job, err);
    default:
        return SY_OK;
    }
}

sy_status syi_router_execute(syi_session *session, syi_job *job, sy_error *err)
{
    if (!job->is_joint) {
        return execute_kind(session, job, err);
    }
    const syi_joint_class *joint = &session->worker->hook->workers->joint;
    SY_TRY(joint->begin(session->worker, &job->joint, job->deadline, err));
    const sy_status status = execute_kind(session, job, err);
    joint->end(session->worker, &job->joint, status, err);
    return status;
}

void syi_router_refuse(syi_job *job)
{
    const syi_joint_class *klass = &job->session->worker->hook->workers->joint;
    const uint16_t kind = job->message.kind;
    syi_msgpack_cursor cursor;
    syi_joint joint;
    if (!(job->message.flags & SYI_FLAG_JOINT) || klass->refused == NULL ||
        (kind != SYI_KIND_COMMAND && kind != SYI_KIND_WORKER_COMMAND)) {
        return;
    }
    syi_msgpack_cursor_init(&cursor, job->message.body.data, job->message.body.length, 8, 0);
    if (syi_joint_read(&cursor, &joint, NULL) == SY_OK) {
        sy_error why = job->error;
        why.status = job->status;
        klass->refused(job->session->worker, &joint, &why);
    }
}

sy_status syi_router_finish(syi_session *session, syi_job *job, sy_error *err)
{
    switch (job->message.kind) {
    case SYI_KIND_COMMAND:
        return finish_command(session, job, err);
    case SYI_KIND_OBJECT:
        return finish_object(job, err);
    case SYI_KIND_OBJECT_REQUEST:
        return finish_object_request(session, job, err);
    default:
        return SY_OK;
    }
}

void syi_router_release(syi_job *job)
{
    syi_results_fini(&job->results);
    sy_tensor_unref(job->object);
    job->object = NULL;
    if (job->decoding) {
        syi_decoder_fini(&job->decoder);
        job->decoding = false;
    }
}
