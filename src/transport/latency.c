/* latency.c - holding back what arrives. Test: tests/integration/pending_time.c. */
#include "transport/latency.h"

#include "core/memory.h"
#include "core/surroundings.h"
#include "transport/transport_class.h"

static void free_late(sy_context *context, syi_late *late)
{
    syi_message_fini(&late->message);
    syi_free(context, late, sizeof *late);
}

void syi_latency_fini(sy_context *context, syi_latency *latency)
{
    while (latency->first != NULL) {
        syi_late *next = latency->first->next;
        free_late(context, latency->first);
        latency->first = next;
    }
}

static void hand_on(syi_connection *connection, syi_message *message)
{
    syi_latency *latency = &connection->latency;
    syi_late *late = latency->first;
    latency->first = late->next;
    if (latency->first == NULL) {
        latency->last = NULL;
    }
    syi_message_move(message, &late->message);
    free_late(connection->context, late);
}

/* Has something come already, as far as reading without waiting shows? */
static sy_status glance(syi_connection *connection, syi_message *message, sy_error *err)
{
    connection->glancing = true;
    const sy_status status =
        connection->klass->receive(connection, message, syi_clock_now(connection->context), err);
    connection->glancing = false;
    return status;
}

static void put_last(syi_latency *latency, syi_late *late)
{
    if (latency->last != NULL) {
        /* The time may have been shortened meanwhile; the order stays. */
        late->due = late->due > latency->last->due ? late->due : latency->last->due;
        latency->last->next = late;
    } else {
        latency->first = late;
    }
    latency->last = late;
}

/* One message more, if it comes before `deadline`. `patient`: when it does not, what has come of it stays. */
static sy_status take_in(syi_connection *connection, uint64_t deadline, bool patient, sy_error *err)
{
    syi_latency *latency = &connection->latency;
    syi_late *late = syi_alloc(connection->context, sizeof *late);
    if (late == NULL) {
        return SYI_ENOMEM(err, "held back message");
    }
    syi_message_init(&late->message, connection->context, SIZE_MAX / 2);
    uint64_t came = atomic_load(&latency->sent);
    sy_status status = glance(connection, &late->message, err);
    if (status == SY_ETIMEDOUT) {
        connection->glancing = patient;
        status = connection->klass->receive(connection, &late->message, deadline, err);
        connection->glancing = false;
        came = syi_clock_now(connection->context);
    }
    if (status != SY_OK) {
        free_late(connection->context, late);
        return status;
    }
    late->due = came + syi_latency_get(latency);
    put_last(latency, late);
    return SY_OK;
}

sy_status syi_latency_receive(syi_connection *connection, syi_message *message, uint64_t deadline,
                              sy_error *err)
{
    syi_latency *latency = &connection->latency;
    for (;;) {
        const syi_late *first = latency->first;
        /* A connection that broke, or is not slow any more, hands on at once what came before. */
        if (first != NULL && (latency->failed != SY_OK || syi_latency_get(latency) == 0 ||
                              first->due <= syi_clock_now(connection->context))) {
            hand_on(connection, message);
            return SY_OK;
        }
        if (latency->failed != SY_OK) {
            if (err != NULL) {
                *err = latency->why;
            }
            return latency->failed;
        }
        const bool theirs = first == NULL || (deadline != 0 && deadline < first->due);
        sy_error why = SY_ERROR_INIT;
        const sy_status status = take_in(connection, theirs ? deadline : first->due, !theirs, &why);
        if (status == SY_OK || (status == SY_ETIMEDOUT && !theirs)) {
            continue;
        }
        if (status != SY_ETIMEDOUT && status != SY_ENOMEM) {
            latency->failed = status;
            latency->why = why;
            continue;
        }
        if (err != NULL) {
            *err = why;
        }
        return status;
    }
}
