/*
 * round_trip.c - how long a message and its answer take between the two holders of a session, for the choice of a protocol
 * (share_choice.c). The client asks, one of the holders measures. Part of group.h.
 */
#include "core/error.h"
#include "interpreters/sharing/group.h"

enum { TRIES = 4, TRIES_FAR = 2 }; /* the first may have to make a connection */
#define FAR_NS UINT64_C(10000000)
#define PATIENCE_NS UINT64_C(2000000000)

static sy_status once(sy_worker *worker, sy_worker *peer, const sy_value *session, uint64_t *took,
                      sy_error *err)
{
    sy_context *context = worker->hook->context;
    const uint64_t from = syi_clock_now(context);
    syi_exchange exchange;
    SY_TRY(syi_command_start(worker, peer, "sharing_alive", session, 1, NULL, from + PATIENCE_NS,
                             &exchange, err));
    const sy_status status = syi_link_wait(&exchange, err);
    syi_link_end(&exchange);
    *took = syi_clock_now(context) - from;
    return status;
}

static sy_status measure(const syi_sharing_session *session, uint64_t *least, sy_error *err)
{
    const syi_sharing_peer *peer = &session->peers[1 - session->index];
    char text[SYI_JOINT_TEXT_SIZE];
    const sy_value name = sy_value_string(syi_joint_format(session->material.session, text));
    if (session->holders != 2 || !peer->push) {
        return syi_fail(err, SY_ENOTSUP, "worker %s cannot ask the other holder how far it is",
                        session->worker->name);
    }
    *least = UINT64_MAX;
    for (int k = 0; k < (*least < FAR_NS ? TRIES : TRIES_FAR); k++) {
        uint64_t took = 0;
        SY_TRY(once(session->worker, peer->worker, &name, &took, err));
        *least = took < *least ? took : *least;
    }
    return SY_OK;
}

/* sharing_round_trip(session): microseconds */
static sy_status handle(const sy_request *request, sy_error *err)
{
    uint8_t name[SYI_SHARING_SESSION_SIZE];
    syi_sharing_session *session = NULL;
    uint64_t least = 0;
    const char *text = request->args[0].kind == SY_VALUE_STRING ? request->args[0].as.string : NULL;
    SY_TRY(syi_joint_parse(text, name, err));
    SY_TRY(syi_sharing_find(request->worker, name, &session, err));
    const sy_status status = measure(session, &least, err);
    syi_sharing_session_unref(session);
    SY_TRY(status);
    const sy_value answer = sy_value_int((int64_t)(least / 1000));
    return syi_encode_value(request->reply, &answer, err);
}

sy_status syi_sharing_round_trip_register(sy_hook *hook, sy_error *err)
{
    static const syi_worker_command command = {"sharing_round_trip", 1, 1, SYI_COMMAND_WAITS,
                                               handle};
    return syi_commands_register(hook, &command, 1, err);
}

static sy_status ask(const syi_sharing_group *group, sy_worker *holder, uint32_t *round_trip_us,
                     sy_error *err)
{
    char text[SYI_JOINT_TEXT_SIZE];
    const sy_value name = sy_value_string(syi_joint_format(group->session, text));
    syi_exchange exchange;
    syi_decoder decoder;
    sy_value value;
    SY_TRY(syi_command_request(group->hook->local_worker, holder, "sharing_round_trip", &name, 1,
                               &exchange, err));
    syi_decoder_init(&decoder, group->hook, group->hook->local_worker, exchange.reply);
    sy_status status = syi_decode_value(&decoder, &value, err);
    if (status == SY_OK && (value.kind != SY_VALUE_INT || value.as.integer < 0)) {
        status = syi_fail(err, SY_EPROTO, "sharing_round_trip: an answer of another kind");
    }
    if (status == SY_OK) {
        const int64_t us = value.as.integer;
        *round_trip_us = us < UINT32_MAX ? (uint32_t)us : UINT32_MAX;
    }
    syi_decoder_fini(&decoder);
    syi_link_end(&exchange);
    return status;
}

uint32_t syi_sharing_measure(const syi_sharing_group *group, const syi_sharing_plan *plan)
{
    sy_context *context = group->hook->context;
    const int parties = plan->holders + 1;
    uint32_t round_trip_us = 0;
    sy_error why = SY_ERROR_INIT;
    const int who = plan->reaches[0 * parties + 1] ? 0 : 1;
    if (plan->holders != 2 || !plan->reaches[who * parties + 1 - who] ||
        ask(group, plan->workers[who], &round_trip_us, &why) != SY_OK) {
        syi_log(context, SY_LOG_INFO, "sharing", group->hook->local_worker->name, 0,
                "how far the holders are from each other was not measured: %s", why.message);
        return 0;
    }
    syi_log(context, SY_LOG_INFO, "sharing", group->hook->local_worker->name, 0,
            "holders %s and %s: %u us there and back", plan->workers[0]->name,
            plan->workers[1]->name, (unsigned)round_trip_us);
    return round_trip_us;
}
