/*
 * commands.c - what workers ask each other in sharing sessions, and what of it a holder and a provider answer. Every one
 * names the session first, as hexadecimal text: who does not know that is told that there is none. Part of session.h.
 */
#include <inttypes.h>
#include <string.h>

#include "core/error.h"
#include "interpreters/sharing/dealing.h"
#include "interpreters/sharing/letters.h"
#include "workers/session.h"

#define TELL_NS UINT64_C(2000000000)
#define TELL_ANSWER_NS UINT64_C(20000000)
#define TELL_LATE_NS \
    UINT64_C(100000000) /* whoever is at fault may not even take a connection; the client waits */

/* A caller that went while its request was at work is not told to be gone once more: what it opened goes at once. */
static sy_status check_caller(const sy_request *request, sy_error *err)
{
    syi_sharing_room *room = syi_sharing_room_of(request->worker->hook);
    sy_error why = SY_ERROR_INIT;
    pthread_mutex_lock(&request->worker->strand);
    const bool ended = request->session->ended;
    pthread_mutex_unlock(&request->worker->strand);
    if (!ended) {
        return SY_OK;
    }
    why.status = syi_fail(&why, SY_ECLOSED, "who opened the sharing session is gone");
    syi_sharing_dealings_stop(room, request->session);
    syi_sharing_sessions_gone(room, request->session, &why);
    return syi_fail(err, SY_ECLOSED, "%s", why.message);
}

/* Arguments */

static sy_status read_session(const sy_request *request, uint8_t name[SYI_SHARING_SESSION_SIZE],
                              sy_error *err)
{
    return syi_joint_parse(
        request->args[0].kind == SY_VALUE_STRING ? request->args[0].as.string : NULL, name, err);
}

static sy_status find_session(const sy_request *request, syi_sharing_session **session,
                              sy_error *err)
{
    uint8_t name[SYI_SHARING_SESSION_SIZE];
    *session = NULL;
    SY_TRY(read_session(request, name, err));
    return syi_sharing_find(request->worker, name, session, err);
}

static sy_status int_argument(const sy_request *request, size_t index, int64_t least, int64_t most,
                              int64_t *value, sy_error *err)
{
    const sy_value *argument = &request->args[index];
    *value = argument->kind == SY_VALUE_INT ? argument->as.integer : 0;
    return argument->kind == SY_VALUE_INT && *value >= least && *value <= most
               ? SY_OK
               : syi_fail(err, SY_EINVAL,
                          "sharing: argument %zu is no number from %" PRId64 " to %" PRId64, index,
                          least, most);
}

static sy_status bytes_argument(const sy_request *request, size_t index, const syi_array **bytes,
                                sy_error *err)
{
    const sy_value *value = &request->args[index];
    *bytes = value->kind == SY_VALUE_TENSOR && syi_tensor_is_native(value->as.tensor)
                 ? syi_node_array(value->as.tensor->node)
                 : NULL;
    return *bytes != NULL && (*bytes)->dtype == SY_DTYPE_U8 && (*bytes)->ndim == 1 &&
                   syi_array_is_contiguous(*bytes)
               ? SY_OK
               : syi_fail(err, SY_EINVAL, "sharing: argument %zu is no vector of bytes", index);
}

static sy_status list_argument(const sy_request *request, size_t index, size_t least, size_t most,
                               const sy_value **items, size_t *count, sy_error *err)
{
    const sy_value *value = &request->args[index];
    if (value->kind != SY_VALUE_LIST || value->as.list.count < least ||
        value->as.list.count > most) {
        return syi_fail(err, SY_EINVAL, "sharing: argument %zu is no list of %zu to %zu items",
                        index, least, most);
    }
    *items = value->as.list.items;
    *count = value->as.list.count;
    return SY_OK;
}

static sy_status answer_none(const sy_request *request, sy_error *err)
{
    syi_msgpack_write_nil(request->reply->out);
    return syi_buffer_check(request->reply->out, "message body", err);
}

static sy_status answer_bytes(const sy_request *request, const syi_array *bytes, sy_error *err)
{
    sy_tensor *tensor = NULL;
    SY_TRY(syi_sharing_letter_value(request->worker->hook, bytes, &tensor, err));
    const sy_value value = sy_value_tensor(tensor);
    const sy_status status = syi_encode_value(request->reply, &value, err);
    sy_tensor_unref(tensor);
    return status;
}

void syi_sharing_send_arguments(const uint8_t session[SYI_SHARING_SESSION_SIZE], int from,
                                const syi_item *item, sy_tensor *bytes,
                                sy_value args[SYI_SHARING_SEND_ARGS],
                                char text[SYI_JOINT_TEXT_SIZE])
{
    args[0] = sy_value_string(syi_joint_format(session, text));
    args[1] = sy_value_int(from);
    args[2] = sy_value_int((int64_t)item->sequence);
    args[3] = sy_value_int(item->number);
    args[4] = sy_value_tensor(bytes);
}

/* Or it has said so: then it may be gone, too. */
static bool is_at_fault(const sy_worker *party, bool provider, const sy_error *why)
{
    return syi_sharing_blames(why, provider, party->name) || strcmp(why->worker, party->name) == 0;
}

void syi_sharing_tell(sy_worker *teller, sy_worker *const *parties, size_t count, int holders,
                      const uint8_t session[SYI_SHARING_SESSION_SIZE], int from, sy_status status,
                      const sy_error *why)
{
    syi_exchange exchanges[SYI_HOLDERS_MAX + 1];
    bool told[SYI_HOLDERS_MAX + 1] = {false};
    char text[SYI_JOINT_TEXT_SIZE];
    sy_context *context = teller->hook->context;
    const uint64_t now = syi_clock_now(context);
    const sy_value args[] = {
        sy_value_string(syi_joint_format(session, text)),
        sy_value_int(from),
        sy_value_int((int64_t)status),
        sy_value_string(why->message),
    };
    for (int late = 0; late < 2; late++) {
        for (size_t k = 0; k < count; k++) {
            if (parties[k] == NULL ||
                is_at_fault(parties[k], (int)k == holders, why) != (late == 1)) {
                continue;
            }
            sy_error ignored = SY_ERROR_INIT;
            told[k] = syi_command_start(teller, parties[k], SYI_SHARING_FAIL, args, 4, NULL,
                                        now + (late == 1 ? TELL_LATE_NS : TELL_NS), &exchanges[k],
                                        &ignored) == SY_OK;
            if (!told[k]) {
                syi_log(context, SY_LOG_INFO, "sharing", teller->name, 0,
                        "%s could not be told that a joint command failed: %s", parties[k]->name,
                        ignored.message);
            }
        }
    }
    /* Nobody needs the answers, and whoever told this is waited for itself. */
    const uint64_t soon = syi_clock_now(context) + TELL_ANSWER_NS;
    for (size_t k = 0; k < count; k++) {
        if (told[k]) {
            exchanges[k].deadline = exchanges[k].deadline < soon ? exchanges[k].deadline : soon;
            (void)syi_link_wait(&exchanges[k], NULL);
            syi_link_end(&exchanges[k]);
        }
    }
}

sy_status syi_sharing_read_bytes(syi_decoder *decoder, sy_tensor **bytes, sy_error *err)
{
    *bytes = NULL;
    SY_TRY(syi_decode_tensor(decoder, bytes, err));
    const syi_array *array = syi_tensor_is_native(*bytes) ? syi_node_array((*bytes)->node) : NULL;
    if (array == NULL || array->dtype != SY_DTYPE_U8 || array->ndim != 1 ||
        !syi_array_is_contiguous(array)) {
        sy_tensor_unref(*bytes);
        *bytes = NULL;
        return syi_fail(err, SY_EPROTO, "a letter is no vector of bytes");
    }
    return SY_OK;
}

/* Is the caller that party? */
static sy_status check_party(const sy_request *request, const syi_sharing_session *session,
                             int64_t party, sy_error *err)
{
    return sy_id_equal(request->caller, &session->peers[party].id)
               ? SY_OK
               : syi_fail(err, SY_EPERM, "only worker %s may speak for party %" PRId64 " here",
                          session->peers[party].name, party);
}

/* Holders */

static sy_status read_seed(const sy_value *value, uint8_t seed[SYI_SEED_SIZE], sy_error *err)
{
    char half[SYI_JOINT_TEXT_SIZE];
    const char *text = value->kind == SY_VALUE_STRING ? value->as.string : "";
    sy_status status =
        strlen(text) == 2 * SYI_SEED_SIZE ? SY_OK : syi_fail(err, SY_EFORMAT, "a seed is none");
    for (int k = 0; k < 2 && status == SY_OK; k++) {
        memcpy(half, text + k * SYI_SEED_SIZE, SYI_SEED_SIZE);
        half[SYI_SEED_SIZE] = '\0';
        status = syi_joint_parse(half, seed + k * SYI_SEED_SIZE / 2, err);
    }
    syi_wipe(half, sizeof half);
    if (value->kind ==
        SY_VALUE_STRING) { /* what was decoded is the request's, which is not wiped */
        syi_wipe((char *)(uintptr_t)text, strlen(text));
    }
    return status;
}

static sy_status read_peer(const sy_request *request, syi_sharing_peer *peer, const sy_value *id,
                           const sy_value *push, const sy_value *pushes, sy_error *err)
{
    SY_TRY(syi_value_read_id(id, &peer->id, err));
    sy_id_format(&peer->id, peer->name, sizeof peer->name);
    if (push->kind != SY_VALUE_BOOL || pushes->kind != SY_VALUE_BOOL) {
        return syi_fail(err, SY_EINVAL, "sharing: who reaches whom is no truth value");
    }
    peer->push = push->as.boolean;
    peer->pushes = pushes->as.boolean;
    peer->worker = syi_directory_find(request->worker->hook, &peer->id);
    if (peer->worker == NULL && (peer->push || !peer->pushes)) {
        return syi_fail_object(err, SY_ENOTFOUND, peer->name,
                               "worker %s is not known at worker %s; introduce it first",
                               peer->name, request->worker->name);
    }
    return SY_OK;
}

/* sharing_join(session, index, [holders and provider], seed, [this sends to them], [they send here]), by the provider */
static sy_status handle_join(const sy_request *request, sy_error *err)
{
    uint8_t name[SYI_SHARING_SESSION_SIZE];
    const sy_value *ids = NULL, *push = NULL, *pushes = NULL;
    size_t parties = 0, count = 0;
    int64_t index = 0;
    syi_sharing_session *session = NULL;
    SY_TRY(read_session(request, name, err));
    SY_TRY(list_argument(request, 2, 3, SYI_HOLDERS_MAX + 1, &ids, &parties, err));
    SY_TRY(list_argument(request, 4, parties, parties, &push, &count, err));
    SY_TRY(list_argument(request, 5, parties, parties, &pushes, &count, err));
    SY_TRY(int_argument(request, 1, 0, (int64_t)parties - 2, &index, err));
    SY_TRY(syi_sharing_session_new(request->worker, &session, (int)parties - 1, err));
    session->opener = request->session;
    session->index = (int)index;
    session->material.index = (int)index;
    memcpy(session->material.session, name, sizeof name);
    sy_status status = read_seed(&request->args[3], session->material.seed, err);
    for (size_t k = 0; k < parties && status == SY_OK; k++) {
        if ((int64_t)k == index) { /* itself */
            status = syi_value_read_id(&ids[k], &session->peers[k].id, err);
            memcpy(session->peers[k].name, request->worker->name, SY_ERROR_NAME_SIZE);
            continue;
        }
        status = read_peer(request, &session->peers[k], &ids[k], &push[k], &pushes[k], err);
    }
    for (size_t k = 1; k < parties && status == SY_OK; k++) {
        for (size_t i = 0; i < k && status == SY_OK; i++) {
            if (sy_id_equal(&session->peers[i].id, &session->peers[k].id)) {
                status = syi_fail(err, SY_EINVAL, "sharing: worker %s is there twice",
                                  session->peers[k].name);
            }
        }
    }
    if (status == SY_OK && !sy_id_equal(&session->peers[index].id, &request->worker->id)) {
        status = syi_fail(err, SY_EINVAL, "sharing: worker %s is not holder %" PRId64 " of it",
                          request->worker->name, index);
    }
    if (status == SY_OK) {
        status = check_party(request, session, (int64_t)parties - 1, err);
    }
    if (status == SY_OK) {
        status = syi_sharing_install(session, err);
    }
    if (status != SY_OK) {
        syi_sharing_session_unref(session);
        return status;
    }
    SY_TRY(check_caller(request, err));
    return answer_none(request, err);
}

/* sharing_send(session, from, sequence, number, bytes) */
static sy_status handle_send(const sy_request *request, sy_error *err)
{
    syi_sharing_session *session = NULL;
    const syi_array *bytes = NULL;
    int64_t from = 0, sequence = 0, number = 0;
    SY_TRY(int_argument(request, 1, 0, SYI_HOLDERS_MAX, &from, err));
    SY_TRY(int_argument(request, 2, INT64_MIN, INT64_MAX, &sequence, err));
    SY_TRY(int_argument(request, 3, 0, UINT32_MAX, &number, err));
    SY_TRY(bytes_argument(request, 4, &bytes, err));
    SY_TRY(find_session(request, &session, err));
    sy_status status = from <= session->holders
                           ? check_party(request, session, from, err)
                           : syi_fail(err, SY_EINVAL, "sharing: there is no such party");
    const syi_item item = {(uint64_t)sequence, (uint32_t)number};
    if (status == SY_OK) {
        if (!syi_sharing_meet(session, (int)from, request->session) ||
            syi_array_bytes(bytes) > SYI_SHARING_NEAR_SIZE) {
            syi_request_hurry(request); /* the memory of large letters waits for it at the sender */
        }
        status = syi_sharing_deliver(session, (int)from, &item, bytes,
                                     !syi_request_is_direct(request), err);
    }
    syi_sharing_session_unref(session);
    SY_TRY(status);
    return answer_none(request, err);
}

/* sharing_fetch(session, to, sequence, number): the bytes, as soon as there are any */
static sy_status handle_fetch(const sy_request *request, sy_error *err)
{
    syi_sharing_session *session = NULL;
    syi_array bytes = SYI_ARRAY_INIT;
    int64_t to = 0, sequence = 0, number = 0;
    SY_TRY(int_argument(request, 1, 0, SYI_HOLDERS_MAX, &to, err));
    SY_TRY(int_argument(request, 2, INT64_MIN, INT64_MAX, &sequence, err));
    SY_TRY(int_argument(request, 3, 0, UINT32_MAX, &number, err));
    SY_TRY(find_session(request, &session, err));
    sy_status status = to <= session->holders
                           ? check_party(request, session, to, err)
                           : syi_fail(err, SY_EINVAL, "sharing: there is no such party");
    const syi_item item = {(uint64_t)sequence, (uint32_t)number};
    if (status == SY_OK) {
        status = syi_sharing_take_out(session, (int)to, &item, request->deadline, &bytes, err);
    }
    syi_sharing_session_unref(session);
    SY_TRY(status);
    status = answer_bytes(request, &bytes, err);
    syi_array_fini(&bytes);
    return status;
}

/* sharing_demands(session, milliseconds), by the provider, of the leading holder */
static sy_status handle_demands(const sy_request *request, sy_error *err)
{
    syi_sharing_session *session = NULL;
    sy_context *context = request->worker->hook->context;
    syi_array bytes = SYI_ARRAY_INIT;
    syi_buffer demands;
    int64_t hold_ms = 0;
    SY_TRY(int_argument(request, 1, 0, 60000, &hold_ms, err));
    SY_TRY(find_session(request, &session, err));
    const uint64_t until = syi_clock_now(context) + (uint64_t)hold_ms * 1000000u;
    syi_buffer_init(&demands, context, 1u << 20);
    sy_status status = check_party(request, session, session->holders, err);
    if (status == SY_OK) {
        status = syi_sharing_take_demands(session, until, &demands, err);
    }
    syi_sharing_session_unref(session);
    const int64_t length = (int64_t)demands.length;
    if (status == SY_OK) {
        status =
            syi_array_new(context, &bytes, SY_DTYPE_U8, 1, &length, &request->worker->account, err);
    }
    if (status == SY_OK) {
        if (demands.length > 0) { /* else there is no memory */
            syi_copy_bytes(bytes.storage->data, demands.data, demands.length);
        }
        status = answer_bytes(request, &bytes, err);
        syi_array_fini(&bytes);
    }
    syi_buffer_fini(&demands);
    return status;
}

/* sharing_stock(session, demand, first, count), by the provider */
static sy_status handle_stock(const sy_request *request, sy_error *err)
{
    syi_sharing_session *session = NULL;
    const syi_array *bytes = NULL;
    syi_demand demand;
    int64_t first = 0, count = 0;
    SY_TRY(bytes_argument(request, 1, &bytes, err));
    SY_TRY(int_argument(request, 2, INT64_MIN, INT64_MAX, &first, err));
    SY_TRY(int_argument(request, 3, 1, SYI_STOCK_INSTANCES_MAX, &count, err));
    SY_TRY(syi_demand_read(&demand, syi_array_data(bytes), syi_array_bytes(bytes),
                           SYI_SHARING_ELEMENTS_MAX, err));
    SY_TRY(find_session(request, &session, err));
    sy_status status = check_party(request, session, session->holders, err);
    if (status == SY_OK) {
        pthread_mutex_lock(&session->lock);
        status = syi_stock_add(&session->stock, &demand, (uint64_t)first, (uint64_t)count, err);
        pthread_mutex_unlock(&session->lock);
    }
    syi_sharing_session_unref(session);
    SY_TRY(status);
    return answer_none(request, err);
}

/* sharing_force(session, flag): nothing is dealt on demand any more, or it is again */
static sy_status handle_force(const sy_request *request, sy_error *err)
{
    syi_sharing_session *session = NULL;
    if (request->args[1].kind != SY_VALUE_BOOL) {
        return syi_fail(err, SY_EINVAL, "sharing_force: the flag is no truth value");
    }
    SY_TRY(find_session(request, &session, err));
    pthread_mutex_lock(&session->lock);
    session->stock.force = request->args[1].as.boolean;
    pthread_mutex_unlock(&session->lock);
    syi_sharing_session_unref(session);
    return answer_none(request, err);
}

/* sharing_alive(session): SY_ENOTFOUND when it is over */
static sy_status handle_alive(const sy_request *request, sy_error *err)
{
    uint8_t name[SYI_SHARING_SESSION_SIZE];
    syi_sharing_session *session = NULL;
    SY_TRY(read_session(request, name, err));
    syi_sharing_dealing *dealing = syi_sharing_dealing_find(request->worker, name);
    if (dealing == NULL) {
        SY_TRY(syi_sharing_find(request->worker, name, &session, err));
    }
    syi_sharing_dealing_unref(dealing);
    syi_sharing_session_unref(session);
    return answer_none(request, err);
}

/* sharing_cost(session): [rounds, bytes sent, bytes received, bytes dealt, bytes reported, made ahead, taken of these, then numbers
 * compared by bits, fss, snn and carry] */
static sy_status handle_cost(const sy_request *request, sy_error *err)
{
    syi_sharing_session *session = NULL;
    SY_TRY(find_session(request, &session, err));
    pthread_mutex_lock(&session->lock);
    const syi_cost *cost = &session->cost;
    const uint64_t numbers[] = {cost->rounds,
                                cost->sent,
                                cost->received,
                                cost->dealt,
                                cost->reported,
                                session->stock.made,
                                session->stock.taken,
                                session->compared[SYI_FAMILY_BITS],
                                session->compared[SYI_FAMILY_FSS],
                                session->compared[SYI_FAMILY_SNN],
                                session->compared[SYI_FAMILY_CARRY]};
    pthread_mutex_unlock(&session->lock);
    syi_sharing_session_unref(session);
    sy_value items[sizeof numbers / sizeof numbers[0]];
    for (size_t k = 0; k < sizeof numbers / sizeof numbers[0]; k++) {
        items[k] = sy_value_int((int64_t)numbers[k]);
    }
    const sy_value list = sy_value_list(items, sizeof numbers / sizeof numbers[0]);
    return syi_encode_value(request->reply, &list, err);
}

/* sharing_fail(session, from, status, sentence), by a party, which is checked where this worker is a holder; also by the client, as nobody (-1): it is over */
static sy_status handle_fail(const sy_request *request, sy_error *err)
{
    uint8_t name[SYI_SHARING_SESSION_SIZE];
    syi_sharing_session *session = NULL;
    sy_error why = SY_ERROR_INIT;
    int64_t from = 0, status = 0;
    SY_TRY(read_session(request, name, err));
    SY_TRY(int_argument(request, 1, -1, SYI_HOLDERS_MAX, &from, err));
    SY_TRY(int_argument(request, 2, 1, SY_EEMPTY, &status, err));
    if (request->args[3].kind != SY_VALUE_STRING) {
        return syi_fail(err, SY_EINVAL, "sharing_fail: the sentence is no text");
    }
    syi_fail(&why, (sy_status)status, "%.400s", request->args[3].as.string);
    if (syi_sharing_find(request->worker, name, &session, NULL) == SY_OK) {
        status = from < 0 ? SY_OK
                 : from <= session->holders
                     ? check_party(request, session, from, err)
                     : syi_fail(err, SY_EINVAL, "sharing: there is no such party");
        if (status == SY_OK) {
            syi_sharing_fail(session, why.status, &why);
        }
        syi_sharing_session_unref(session);
        SY_TRY((sy_status)status);
    }
    syi_sharing_dealing *dealing = syi_sharing_dealing_find(request->worker, name);
    if (dealing != NULL) {
        if (from < 0) {
            syi_sharing_dealing_stop(dealing);
        } else {
            syi_sharing_dealing_fail(dealing, why.status, &why);
        }
        syi_sharing_dealing_unref(dealing);
    }
    return answer_none(request, err);
}

/* Providers */

/* sharing_open(session, [holders], [who reaches whom, by rows, the provider behind the holders]), by the client */
static sy_status handle_open(const sy_request *request, sy_error *err)
{
    syi_sharing_plan plan;
    const sy_value *ids = NULL, *reaches = NULL;
    size_t holders = 0, cells = 0;
    memset(&plan, 0, sizeof plan);
    SY_TRY(read_session(request, plan.session, err));
    SY_TRY(list_argument(request, 1, 2, SYI_HOLDERS_MAX, &ids, &holders, err));
    const size_t parties = holders + 1;
    SY_TRY(list_argument(request, 2, parties * parties, parties * parties, &reaches, &cells, err));
    plan.holders = (int)holders;
    plan.opener = request->session;
    plan.workers[holders] = request->worker;
    for (size_t k = 0; k < holders; k++) {
        sy_id id = SY_ID_INIT;
        char text[72];
        SY_TRY(syi_value_read_id(&ids[k], &id, err));
        plan.workers[k] = syi_directory_find(request->worker->hook, &id);
        if (plan.workers[k] == NULL) {
            sy_id_format(&id, text, sizeof text);
            return syi_fail_object(err, SY_ENOTFOUND, text,
                                   "worker %s is not known at worker %s; introduce it first", text,
                                   request->worker->name);
        }
    }
    for (size_t k = 0; k < cells; k++) {
        plan.reaches[k] = reaches[k].kind == SY_VALUE_BOOL && reaches[k].as.boolean;
    }
    SY_TRY(syi_sharing_deal_open(&plan, err));
    SY_TRY(check_caller(request, err));
    return answer_none(request, err);
}

static sy_status find_dealing(const sy_request *request, syi_sharing_dealing **dealing,
                              sy_error *err)
{
    uint8_t name[SYI_SHARING_SESSION_SIZE];
    SY_TRY(read_session(request, name, err));
    *dealing = syi_sharing_dealing_find(request->worker, name);
    return *dealing != NULL
               ? SY_OK
               : syi_fail(err, SY_ENOTFOUND, "worker %s provides for no such sharing session",
                          request->worker->name);
}

/* sharing_demand(session, demand), by the leading holder */
static sy_status handle_demand(const sy_request *request, sy_error *err)
{
    syi_sharing_dealing *dealing = NULL;
    const syi_array *bytes = NULL;
    uint8_t framed[4 + SYI_DEMAND_BYTES];
    syi_demand demand;
    SY_TRY(bytes_argument(request, 1, &bytes, err));
    const size_t size = syi_array_bytes(bytes);
    if (size > SYI_DEMAND_BYTES) {
        return syi_fail(err, SY_ELIMIT, "a demand of %zu bytes", size);
    }
    SY_TRY(syi_demand_read(&demand, syi_array_data(bytes), size, SYI_SHARING_ELEMENTS_MAX, err));
    SY_TRY(find_dealing(request, &dealing, err));
    syi_put_u32le(framed, (uint32_t)size);
    memcpy(framed + 4, syi_array_data(bytes), size);
    const sy_status status =
        syi_sharing_dealing_is_lead(dealing, request->caller)
            ? syi_sharing_dealing_ask(dealing, request->session, framed, 4 + size, err)
            : syi_fail(err, SY_EPERM, "only the leading holder of a session may demand material");
    syi_sharing_dealing_unref(dealing);
    SY_TRY(status);
    return answer_none(request, err);
}

/* sharing_report(session, from, sequence, number, bytes, milliseconds), by a holder that waits so long for the answer */
static sy_status handle_report(const sy_request *request, sy_error *err)
{
    syi_sharing_dealing *dealing = NULL;
    const syi_array *bytes = NULL;
    int64_t from = 0, sequence = 0, number = 0, left_ms = 0;
    SY_TRY(int_argument(request, 1, 0, SYI_HOLDERS_MAX, &from, err));
    SY_TRY(int_argument(request, 2, 0, INT64_MAX, &sequence, err));
    SY_TRY(int_argument(request, 3, 0, UINT32_MAX, &number, err));
    SY_TRY(bytes_argument(request, 4, &bytes, err));
    SY_TRY(int_argument(request, 5, 0, INT64_MAX, &left_ms, err));
    SY_TRY(find_dealing(request, &dealing, err));
    const syi_item item = {(uint64_t)sequence, (uint32_t)number};
    const sy_status status =
        syi_sharing_dealing_is_holder(dealing, from, request->caller)
            ? syi_sharing_dealing_report(dealing, (int)from, &item, bytes,
                                         !syi_request_is_direct(request), (uint64_t)left_ms, err)
            : syi_fail(err, SY_EPERM, "a report about material of another than holder %" PRId64,
                       from);
    syi_sharing_dealing_unref(dealing);
    SY_TRY(status);
    if (from >
        0) { /* the leading one's answers leave when its demand has been dealt for; others wait for theirs all the same */
        syi_request_hurry(request);
    }
    return answer_none(request, err);
}

/* sharing_prepare(session, demand, count), by the client */
static sy_status handle_prepare(const sy_request *request, sy_error *err)
{
    syi_sharing_dealing *dealing = NULL;
    const syi_array *bytes = NULL;
    syi_demand demand;
    int64_t count = 0;
    SY_TRY(bytes_argument(request, 1, &bytes, err));
    SY_TRY(int_argument(request, 2, 1, SYI_STOCK_INSTANCES_MAX, &count, err));
    SY_TRY(syi_demand_read(&demand, syi_array_data(bytes), syi_array_bytes(bytes),
                           SYI_SHARING_ELEMENTS_MAX, err));
    SY_TRY(find_dealing(request, &dealing, err));
    const sy_status status = syi_sharing_dealing_prepare(dealing, &demand, (uint64_t)count, err);
    syi_sharing_dealing_unref(dealing);
    SY_TRY(status);
    return answer_none(request, err);
}

static const syi_worker_command commands[] = {
    {"sharing_join", 6, 6, 0, handle_join},
    {SYI_SHARING_SEND, 5, 5, SYI_COMMAND_UNHURRIED, handle_send},
    {SYI_SHARING_FETCH, 4, 4, SYI_COMMAND_WAITS, handle_fetch},
    {"sharing_demands", 2, 2, SYI_COMMAND_WAITS, handle_demands},
    {"sharing_stock", 4, 4, 0, handle_stock},
    {"sharing_force", 2, 2, 0, handle_force},
    {"sharing_alive", 1, 1, 0, handle_alive},
    {"sharing_cost", 1, 1, 0, handle_cost},
    {SYI_SHARING_FAIL, 4, 4, 0, handle_fail},
    {"sharing_open", 3, 3, SYI_COMMAND_WAITS, handle_open},
    {"sharing_demand", 2, 2, SYI_COMMAND_UNHURRIED, handle_demand},
    {SYI_SHARING_REPORT, SYI_SHARING_REPORT_ARGS, SYI_SHARING_REPORT_ARGS, SYI_COMMAND_UNHURRIED,
     handle_report},
    {"sharing_prepare", 3, 3, SYI_COMMAND_WAITS, handle_prepare},
};

sy_status syi_sharing_commands_register(sy_hook *hook, sy_error *err)
{
    return syi_commands_register(hook, commands, sizeof commands / sizeof commands[0], err);
}
