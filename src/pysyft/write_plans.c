/* write_plans.c - plans as PySyft has them: what it recorded, with the state as it is now, or composed (compose_plans.c). */
#include "core/memory.h"
#include "pysyft/fields.h"
#include "pysyft/plans.h"
#include "serde/codes.h"
#include "serde/serde.h"

typedef struct giver {
    syi_pysyft_writer *writer;
    const syi_pysyft_fields *object;
    syi_msgpack_cursor *states; /* where their tensors begin */
    size_t count;
} giver;

/* [[name, captured, tensor], ...] */
sy_status syi_pysyft_find_plan_states(sy_context *context, syi_msgpack_cursor at,
                                      syi_msgpack_cursor **states, size_t *count, sy_error *err)
{
    size_t there = 0;
    SY_TRY(syi_msgpack_read_array(&at, &there, err));
    *states = syi_alloc_array(context, there, sizeof **states);
    if (*states == NULL) {
        return SYI_ENOMEM(err, "plan");
    }
    *count = there;
    for (size_t k = 0; k < there; k++) {
        SY_TRY(syi_msgpack_read_tuple(&at, 3, "state of a plan", err));
        SY_TRY(syi_msgpack_skip(&at, err));
        SY_TRY(syi_msgpack_skip(&at, err));
        (*states)[k] = at;
        SY_TRY(syi_msgpack_skip(&at, err));
        syi_msgpack_leave(&at);
    }
    return SY_OK;
}

/* `inner` is none where a tensor belongs, and no Parameter. */
static sy_status put_state(giver *g, size_t index, const sy_id *inner, sy_error *err)
{
    syi_pysyft_writer *w = g->writer;
    const syi_msgpack_cursor saved = w->cursor;
    if (index >= g->count) {
        return syi_fail(err, SY_EFORMAT, "message: a plan of %zu state tensors has place for more",
                        g->count);
    }
    w->cursor = g->states[index];
    const sy_status status = sy_id_is_none(inner) ? syi_pysyft_write_value(w, err)
                                                  : syi_pysyft_write_parameter(w, inner, err);
    w->cursor = saved;
    return status;
}

/* As it came, with the tensors where their markers are. */
static sy_status copy_with(giver *g, syi_msgpack_cursor *at, sy_error *err)
{
    size_t count = 0;
    int64_t code = 0, index = 0;
    sy_id inner = SY_ID_INIT;
    syi_buffer *out = g->writer->out;
    if (syi_msgpack_peek(at) != SYI_MSGPACK_ARRAY) {
        return syi_pysyft_copy(at, out, err);
    }
    syi_msgpack_cursor marker = *at;
    if (syi_pysyft_open_pair(&marker, &code, NULL) == SY_OK && code == SYI_PYSYFT_STATE_TENSOR &&
        syi_msgpack_read_array(&marker, &count, NULL) == SY_OK && count > 0 &&
        syi_msgpack_read_int(&marker, &index, NULL) == SY_OK && index >= 0) {
        SY_TRY(syi_msgpack_skip(at, err));
        SY_TRY(count > 1 ? syi_pysyft_read_id(&marker, &inner, err) : SY_OK);
        return put_state(g, (size_t)index, &inner, err);
    }
    SY_TRY(syi_msgpack_read_array(at, &count, err));
    syi_msgpack_write_array(out, count);
    for (size_t k = 0; k < count; k++) {
        SY_TRY(copy_with(g, at, err));
    }
    syi_msgpack_leave(at);
    return syi_buffer_check(out, "message", err);
}

/* Tags and description are the object's, which may have changed; none and an empty set are one to PySyft. */
static sy_status put_label(giver *g, size_t field, syi_msgpack_cursor *at, sy_error *err)
{
    if (syi_pysyft_is_nil(g->object, field)) {
        return syi_pysyft_copy(at, g->writer->out, err);
    }
    SY_TRY(syi_msgpack_skip(at, err));
    return syi_pysyft_copy_field(g->object, field, g->writer->out, err);
}

static sy_status put_id(giver *g, syi_msgpack_cursor *at, sy_error *err)
{
    syi_pysyft_writer *w = g->writer;
    SY_TRY(syi_msgpack_skip(at, err));
    if (w->id != NULL) {
        syi_encode_id(w->out, w->id);
        w->id = NULL;
        return SY_OK;
    }
    return syi_pysyft_copy_field(g->object, 0, w->out, err);
}

static sy_status replay(giver *g, const uint8_t *bytes, size_t size, sy_error *err)
{
    enum { TAGS = 4, DESCRIPTION = 5 }; /* of csyft.v1's tensor */
    syi_msgpack_cursor at;
    size_t count = 0;
    int64_t code = 0;
    syi_msgpack_cursor_init(&at, bytes, size, SYI_MSGPACK_DEPTH_MAX, 0);
    SY_TRY(syi_pysyft_open_pair(&at, &code, err));
    SY_TRY(syi_msgpack_read_array(&at, &count, err));
    const size_t tags = count == 9 ? 6 : 4;
    syi_pysyft_put_pair(g->writer->out, (int)code, count);
    for (size_t k = 0; k < count; k++) {
        SY_TRY(k == 0          ? put_id(g, &at, err)
               : k == tags     ? put_label(g, TAGS, &at, err)
               : k == tags + 1 ? put_label(g, DESCRIPTION, &at, err)
                               : copy_with(g, &at, err));
    }
    return SY_OK;
}

/* What came from PySyft, and has not been anywhere since, still has its own revision. */
static sy_status write_early(giver *g, const syi_pysyft_fields *plan, sy_error *err)
{
    const uint8_t *bytes = NULL;
    size_t size = 0, count = 0;
    syi_msgpack_cursor at = plan->at[1];
    SY_TRY(syi_msgpack_read_bin(&at, &bytes, &size, err));
    at = plan->at[2];
    SY_TRY(syi_msgpack_read_array(&at, &count, err));
    g->states = syi_alloc_array(g->writer->context, count, sizeof *g->states);
    if (g->states == NULL) {
        return SYI_ENOMEM(err, "plan");
    }
    g->count = count;
    for (size_t k = 0; k < count; k++) {
        g->states[k] = at;
        SY_TRY(syi_msgpack_skip(&at, err));
    }
    return replay(g, bytes, size, err);
}

static sy_status write_late(giver *g, const syi_pysyft_fields *plan, sy_error *err)
{
    enum { STATES = 4 };
    const uint8_t *bytes = NULL;
    size_t size = 0;
    syi_pysyft_plan_fields origin;
    const syi_pysyft_layout layout = g->writer->layout;
    if (plan->count <= SYI_PYSYFT_PLAN_ORIGIN) {
        return syi_pysyft_compose_plan(g->writer, g->object, plan, err);
    }
    syi_msgpack_cursor at = plan->at[SYI_PYSYFT_PLAN_ORIGIN];
    SY_TRY(syi_msgpack_read_bin(&at, &bytes, &size, err));
    SY_TRY(syi_pysyft_find_plan(bytes, size, &origin, err));
    if (layout != SYI_PYSYFT_AS_IT_CAME && origin.old != (layout == SYI_PYSYFT_0_2_4)) {
        return syi_pysyft_compose_plan(g->writer, g->object, plan, err);
    }
    SY_TRY(syi_pysyft_find_plan_states(g->writer->context, plan->at[STATES], &g->states, &g->count,
                                       err));
    return replay(g, bytes, size, err);
}

sy_status syi_pysyft_write_plan(syi_pysyft_writer *writer, const syi_pysyft_fields *fields,
                                sy_error *err)
{
    enum { FIELDS = 9 };
    syi_pysyft_fields plan;
    giver g = {.writer = writer, .object = fields};
    int64_t code = 0;
    syi_msgpack_cursor at = fields->at[SYI_FIELD_CHAIN];
    SY_TRY(syi_pysyft_open_pair(&at, &code, err));
    SY_TRY(syi_pysyft_find_fields(&at, &plan, 3, FIELDS, "plan", err));
    const sy_status status =
        plan.count == 3   ? write_early(&g, &plan, err)
        : plan.count >= 8 ? write_late(&g, &plan, err)
                          : syi_fail(err, SY_EFORMAT, "message: a plan of %zu fields", plan.count);
    syi_free(writer->context, g.states, g.count * sizeof *g.states);
    return status;
}
