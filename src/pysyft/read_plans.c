/* read_plans.c - plans of PySyft, their state taken out. */
#include <string.h>

#include "core/memory.h"
#include "pysyft/fields.h"
#include "pysyft/plans.h"
#include "serde/codes.h"

/* Finding */

static sy_status find_state(syi_pysyft_plan_fields *plan, syi_msgpack_cursor at, sy_error *err)
{
    syi_pysyft_fields f;
    int64_t code = 0;
    SY_TRY(syi_pysyft_open_pair(&at, &code, err));
    if (code != SYI_PYSYFT_STATE) {
        return syi_fail(err, SY_EFORMAT, "message: a plan with type code %lld for its state",
                        (long long)code);
    }
    SY_TRY(syi_pysyft_find_fields(&at, &f, 2, 2, "State", err));
    plan->state_placeholders = f.at[0];
    plan->state_tensors = f.at[1];
    return SY_OK;
}

/* [58, [id, actions, state, placeholders, input ids, output ids]] */
static sy_status find_role(syi_pysyft_plan_fields *plan, syi_msgpack_cursor at, sy_error *err)
{
    syi_pysyft_fields f;
    int64_t code = 0;
    SY_TRY(syi_pysyft_open_pair(&at, &code, err));
    if (code != SYI_PYSYFT_CODE_ROLE) {
        return syi_fail(err, SY_EFORMAT, "message: a plan with type code %lld for its role",
                        (long long)code);
    }
    SY_TRY(syi_pysyft_find_fields(&at, &f, 6, 6, "Role", err));
    plan->actions = f.at[1];
    plan->placeholders = f.at[3];
    plan->inputs = f.at[4];
    plan->outputs = f.at[5];
    return find_state(plan, f.at[2], err);
}

static sy_status find_labels(syi_pysyft_plan_fields *plan, const syi_pysyft_fields *f,
                             size_t include_state, size_t name, sy_error *err)
{
    syi_msgpack_cursor at = f->at[include_state];
    SY_TRY(syi_msgpack_read_bool(&at, &plan->include_state, err));
    at = f->at[name];
    SY_TRY(syi_pysyft_read_text(&at, &plan->name, &plan->name_length, err));
    plan->id = f->at[0];
    plan->tags = f->at[name + 1];
    plan->description = f->at[name + 2];
    return SY_OK;
}

static sy_status check_framework(syi_msgpack_cursor at, sy_error *err)
{
    const char *framework = NULL;
    size_t length = 0;
    SY_TRY(syi_pysyft_read_text(&at, &framework, &length, err));
    return framework != NULL && length == 5 && memcmp(framework, "torch", 5) == 0
               ? SY_OK
               : syi_fail(err, SY_ENOTSUP, "message: a plan of another framework than torch");
}

sy_status syi_pysyft_find_plan(const uint8_t *bytes, size_t size, syi_pysyft_plan_fields *plan,
                               sy_error *err)
{
    syi_msgpack_cursor at;
    syi_pysyft_fields f;
    int64_t code = 0;
    *plan = (syi_pysyft_plan_fields){.name = NULL};
    syi_msgpack_cursor_init(&at, bytes, size, SYI_MSGPACK_DEPTH_MAX, 0);
    SY_TRY(syi_pysyft_open_pair(&at, &code, err));
    if (code != SYI_PYSYFT_PLAN) {
        return syi_fail(err, SY_EFORMAT, "message: type code %lld where a plan is expected",
                        (long long)code);
    }
    SY_TRY(syi_pysyft_find_fields(&at, &f, 9, 10, "plan", err));
    plan->old = f.count == 9;
    if (!plan->old) {
        SY_TRY(find_labels(plan, &f, 2, 3, err));
        SY_TRY(check_framework(f.at[8], err));
        return find_role(plan, f.at[1], err);
    }
    SY_TRY(find_labels(plan, &f, 3, 5, err));
    plan->actions = f.at[1];
    plan->placeholders = f.at[8];
    return find_state(plan, f.at[2], err);
}

/* Taking the state out */

typedef struct piece {
    const uint8_t *bytes;
    size_t size;
} piece;

typedef struct taker {
    syi_pysyft_reader *reader;
    piece *tensors;
    size_t count;
    syi_buffer out; /* the plan without them */
} taker;

static sy_status take_piece(syi_msgpack_cursor *at, piece *p, sy_error *err)
{
    p->bytes = at->next;
    SY_TRY(syi_msgpack_skip(at, err));
    p->size = (size_t)(at->next - p->bytes);
    return SY_OK;
}

static sy_status open_list(syi_msgpack_cursor *at, size_t *count, sy_error *err)
{
    int64_t code = 0;
    SY_TRY(syi_pysyft_open_pair(at, &code, err));
    return code == SYI_CODE_LIST || code == SYI_CODE_TUPLE
               ? syi_msgpack_read_array(at, count, err)
               : syi_fail(err, SY_EFORMAT, "message: type code %lld where a list is expected",
                          (long long)code);
}

static sy_status find_tensors(taker *t, syi_msgpack_cursor at, sy_error *err)
{
    size_t count = 0;
    SY_TRY(open_list(&at, &count, err));
    t->tensors = syi_alloc_array(t->reader->context, count, sizeof *t->tensors);
    if (t->tensors == NULL) {
        return SYI_ENOMEM(err, "plan");
    }
    t->count = count;
    for (size_t k = 0; k < count; k++) {
        SY_TRY(take_piece(&at, &t->tensors[k], err));
    }
    return SY_OK;
}

/* Of a Parameter, [13, [id, [14, [inner id, ...]], ...]], the inner id stays. */
static sy_status put_marker(taker *t, size_t index, sy_error *err)
{
    syi_msgpack_cursor at;
    int64_t code = 0;
    size_t count = 0;
    syi_msgpack_cursor_init(&at, t->tensors[index].bytes, t->tensors[index].size,
                            SYI_MSGPACK_DEPTH_MAX, 0);
    SY_TRY(syi_pysyft_open_pair(&at, &code, err));
    const bool parameter = code == SYI_PYSYFT_CODE_PARAMETER;
    syi_pysyft_put_pair(&t->out, SYI_PYSYFT_STATE_TENSOR, parameter ? 2 : 1);
    syi_msgpack_write_uint(&t->out, index);
    if (!parameter) {
        return SY_OK;
    }
    SY_TRY(syi_msgpack_read_array(&at, &count, err));
    SY_TRY(syi_msgpack_skip(&at, err));
    SY_TRY(syi_pysyft_open_pair(&at, &code, err));
    SY_TRY(syi_msgpack_read_array(&at, &count, err));
    return syi_pysyft_copy(&at, &t->out, err);
}

static sy_status copy_without(taker *t, syi_msgpack_cursor *at, sy_error *err);

/* The tensors of a State: those that are the plan's own become markers. Roles repeat them. */
static sy_status copy_tensors(taker *t, syi_msgpack_cursor *at, sy_error *err)
{
    int64_t code = 0;
    size_t count = 0;
    syi_msgpack_cursor list = *at;
    if (syi_pysyft_open_pair(&list, &code, NULL) != SY_OK ||
        syi_msgpack_read_array(&list, &count, NULL) != SY_OK) {
        return syi_pysyft_copy(at, &t->out, err);
    }
    syi_pysyft_put_pair(&t->out, (int)code, count);
    for (size_t k = 0; k < count; k++) {
        piece p;
        SY_TRY(take_piece(&list, &p, err));
        if (k < t->count && p.size == t->tensors[k].size &&
            memcmp(p.bytes, t->tensors[k].bytes, p.size) == 0) {
            SY_TRY(put_marker(t, k, err));
        } else {
            syi_buffer_append(&t->out, p.bytes, p.size);
        }
    }
    return syi_msgpack_skip(at, err);
}

/* As it is, but for states. */
static sy_status copy_without(taker *t, syi_msgpack_cursor *at, sy_error *err)
{
    size_t count = 0;
    int64_t code = 0;
    if (syi_msgpack_peek(at) != SYI_MSGPACK_ARRAY) {
        return syi_pysyft_copy(at, &t->out, err);
    }
    SY_TRY(syi_msgpack_read_array(at, &count, err));
    syi_msgpack_write_array(&t->out, count);
    syi_msgpack_cursor head = *at;
    const bool state = count == 2 && syi_msgpack_peek(&head) == SYI_MSGPACK_INT &&
                       syi_msgpack_read_int(&head, &code, NULL) == SY_OK &&
                       code == SYI_PYSYFT_STATE &&
                       syi_msgpack_read_tuple(&head, 2, "State", NULL) == SY_OK;
    if (state) {
        SY_TRY(syi_pysyft_copy(at, &t->out, err)); /* the code */
        SY_TRY(syi_msgpack_read_tuple(at, 2, "State", err));
        syi_msgpack_write_array(&t->out, 2);
        SY_TRY(syi_pysyft_copy(at, &t->out, err)); /* placeholders */
        SY_TRY(copy_tensors(t, at, err));
        syi_msgpack_leave(at);
    }
    for (size_t k = 0; !state && k < count; k++) {
        SY_TRY(copy_without(t, at, err));
    }
    syi_msgpack_leave(at);
    return SY_OK;
}

static sy_status put_states(taker *t, sy_error *err)
{
    syi_pysyft_reader *r = t->reader;
    const syi_msgpack_cursor saved = r->cursor;
    sy_status status = SY_OK;
    syi_msgpack_write_array(&r->out->body, t->count);
    for (size_t k = 0; k < t->count && status == SY_OK; k++) {
        int64_t code = 0;
        syi_msgpack_cursor_init(&r->cursor, t->tensors[k].bytes, t->tensors[k].size,
                                SYI_MSGPACK_DEPTH_MAX, 0);
        syi_msgpack_cursor at = r->cursor;
        status = syi_pysyft_open_pair(&at, &code, err);
        if (status == SY_OK && code != SYI_CODE_TENSOR && code != SYI_PYSYFT_CODE_PARAMETER) {
            status = syi_pysyft_unknown(code, err);
        }
        status = status == SY_OK ? syi_pysyft_read_value(r, err) : status;
    }
    r->cursor = saved;
    return status;
}

static sy_status put_plan(taker *t, const syi_pysyft_plan_fields *plan, sy_error *err)
{
    syi_buffer *out = &t->reader->out->body;
    syi_msgpack_cursor id = plan->id, tags = plan->tags, description = plan->description;
    syi_pysyft_put_pair(out, SYI_CODE_TENSOR, 6);
    SY_TRY(syi_pysyft_copy(&id, out, err));
    syi_msgpack_write_nil(out);
    syi_pysyft_put_pair(out, SYI_PYSYFT_PLAN, 3);
    syi_msgpack_write_int(out, SYI_PYSYFT_PLAN_REVISION);
    syi_msgpack_write_bin(out, t->out.data, t->out.length);
    SY_TRY(put_states(t, err));
    syi_msgpack_write_nil(out);
    SY_TRY(syi_pysyft_copy(&tags, out, err));
    SY_TRY(syi_pysyft_copy(&description, out, err));
    return syi_buffer_check(out, "message", err);
}

sy_status syi_pysyft_read_plan(syi_pysyft_reader *reader, const uint8_t *begin, size_t size,
                               sy_error *err)
{
    syi_pysyft_plan_fields plan;
    syi_msgpack_cursor at;
    taker t = {.reader = reader};
    SY_TRY(syi_pysyft_find_plan(begin, size, &plan, err));
    syi_buffer_init(&t.out, reader->context, size + 1024);
    syi_msgpack_cursor_init(&at, begin, size, SYI_MSGPACK_DEPTH_MAX, 0);
    sy_status status = find_tensors(&t, plan.state_tensors, err);
    status = status == SY_OK ? copy_without(&t, &at, err) : status;
    status = status == SY_OK ? syi_buffer_check(&t.out, "message", err) : status;
    status = status == SY_OK ? put_plan(&t, &plan, err) : status;
    syi_free(reader->context, t.tensors, t.count * sizeof *t.tensors);
    syi_buffer_fini(&t.out);
    return status;
}
