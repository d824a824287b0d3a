/*
 * model_store.c - random programs of two clients at two workers, against a model: send, send again under the
 * same id, operate, in place, pipelined, drop, move, get, copy, pointers to pointers, closed connections,
 * while the workers stop for a moment now and then. Each client knows what its own objects must hold, bit for
 * bit; what both add to must hold the sum. CSYFT_TEST_SEED repeats a program, CSYFT_TEST_ITERS is its length.
 */
#include <math.h>
#include <sched.h>

#include "support/places.h"

#define SLOTS 10
#define STALE 8
#define ELEMENTS 4
#define USUAL_STEPS 250

/* What a client believes. */
typedef struct slot {
    sy_tensor *pointer; /* NULL: free */
    int at;             /* 0 alice, 1 bob */
    float data[ELEMENTS];
} slot;

typedef struct client {
    sy_hook *hook;
    sy_worker *workers[2];
    property_random random;
    slot slots[SLOTS];
    sy_tensor *stale[STALE]; /* pointers whose object was sent again: they own nothing */
    sy_tensor *shared[2];    /* both clients add to these */
    long added[2];           /* what this one added */
    long steps;
} client;

static int64_t draw(client *c, int64_t high)
{
    return property_between(&c->random, 0, high);
}

static slot *any_slot(client *c)
{
    return &c->slots[draw(c, SLOTS - 1)];
}

static slot *used_slot(client *c, int at)
{
    const int64_t start = draw(c, SLOTS - 1);
    for (int k = 0; k < SLOTS; k++) {
        slot *s = &c->slots[(start + k) % SLOTS];
        if (s->pointer != NULL && (at < 0 || s->at == at)) {
            return s;
        }
    }
    return NULL;
}

static void drop(slot *s)
{
    sy_tensor_unref(s->pointer);
    s->pointer = NULL;
}

static sy_status wrong(sy_error *err, const char *what, const float *expected, const float *actual)
{
    char text[200];
    snprintf(text, sizeof text, "%s: expected %g %g %g %g, actual %g %g %g %g", what,
             (double)expected[0], (double)expected[1], (double)expected[2], (double)expected[3],
             (double)actual[0], (double)actual[1], (double)actual[2], (double)actual[3]);
    return test_says(err, text);
}

static sy_status compare(sy_tensor *tensor, const float *expected, const char *what, sy_error *err)
{
    float actual[ELEMENTS];
    TEST_TRY(sy_tensor_copy_data(tensor, actual, sizeof actual, err));
    return memcmp(actual, expected, sizeof actual) == 0 ? SY_OK
                                                        : wrong(err, what, expected, actual);
}

/* --- steps ------------------------------------------------------------------------------------- */

static sy_status new_tensor(client *c, sy_tensor **x, float *data, sy_error *err)
{
    for (int k = 0; k < ELEMENTS; k++) {
        data[k] = (float)(draw(c, 2000) - 1000);
    }
    return sy_tensor_from_floats(c->hook, x, data, ELEMENTS, err);
}

static sy_status step_send(client *c, sy_error *err)
{
    slot *s = any_slot(c);
    sy_tensor *x = NULL;
    drop(s);
    s->at = (int)draw(c, 1);
    TEST_TRY(new_tensor(c, &x, s->data, err));
    const sy_status status = sy_tensor_send(x, &s->pointer, c->workers[s->at], err);
    sy_tensor_unref(x);
    return status;
}

/* Under the same id; the pointer from before stays for a while, and must not delete what is there now. */
static sy_status step_send_again(client *c, sy_error *err)
{
    slot *s = used_slot(c, -1);
    sy_tensor *x = NULL;
    sy_tensor *p = NULL;
    if (s == NULL) {
        return SY_OK;
    }
    const sy_id id = sy_tensor_get_id_at_location(s->pointer);
    float data[ELEMENTS];
    TEST_TRY(new_tensor(c, &x, data, err));
    sy_status status = sy_tensor_set_id(x, &id, err);
    if (status == SY_OK) {
        status = sy_tensor_send(x, &p, c->workers[s->at], err);
    }
    sy_tensor_unref(x);
    TEST_TRY(status);
    sy_tensor **seat = &c->stale[draw(c, STALE - 1)];
    sy_tensor_unref(*seat);
    *seat = s->pointer;
    s->pointer = p;
    memcpy(s->data, data, sizeof data);
    return SY_OK;
}

static sy_tensor *combine(sy_scope *scope, int which, sy_tensor *a, sy_tensor *b)
{
    switch (which) {
    case 0:
        return sy_add(scope, a, b);
    case 1:
        return sy_sub(scope, a, b);
    case 2:
        return sy_neg(scope, a);
    default:
        return sy_abs(scope, a);
    }
}

static void combine_model(int which, float *to, const float *a, const float *b)
{
    for (int k = 0; k < ELEMENTS; k++) {
        to[k] = which == 0   ? a[k] + b[k]
                : which == 1 ? a[k] - b[k]
                : which == 2 ? -a[k]
                             : fabsf(a[k]);
    }
}

/* Several in one scope, perhaps without waiting for each. */
static sy_status step_operate(client *c, bool pipelined, sy_error *err)
{
    const int at = (int)draw(c, 1);
    sy_scope *scope = sy_scope_begin(c->hook);
    sy_scope_set_pipelined(scope, pipelined);
    for (int64_t k = draw(c, 5); k >= 0; k--) {
        const slot *a = used_slot(c, at);
        const slot *b = used_slot(c, at);
        slot *to = any_slot(c);
        if (a == NULL) {
            break;
        }
        const int which = (int)draw(c, 3);
        float data[ELEMENTS];
        combine_model(which, data, a->data, b->data);
        sy_tensor *result = sy_scope_keep(scope, combine(scope, which, a->pointer, b->pointer));
        if (result == NULL) {
            break;
        }
        drop(to);
        to->pointer = result;
        to->at = at;
        memcpy(to->data, data, sizeof data);
    }
    return sy_scope_end(scope, err);
}

static sy_status step_in_place(client *c, bool pipelined, sy_error *err)
{
    const int at = (int)draw(c, 1);
    slot *a = used_slot(c, at);
    const slot *b = used_slot(c, at);
    if (a == NULL) {
        return SY_OK;
    }
    const sy_value args[] = {sy_value_tensor(a->pointer), sy_value_tensor(b->pointer)};
    float data[ELEMENTS];
    combine_model(0, data, a->data, b->data);
    sy_scope *scope = sy_scope_begin(c->hook);
    sy_scope_set_pipelined(scope, pipelined);
    (void)sy_scope_call(scope, "add_", args, 2);
    memcpy(a->data, data, sizeof data);
    return sy_scope_end(scope, err);
}

static sy_status step_add_to_shared(client *c, sy_error *err)
{
    const int at = (int)draw(c, 1);
    const int64_t more = 1 + draw(c, 4);
    const sy_value args[] = {sy_value_tensor(c->shared[at]), sy_value_int(more)};
    sy_scope *scope = sy_scope_begin(c->hook);
    (void)sy_scope_call(scope, "add_", args, 2);
    c->added[at] += more;
    return sy_scope_end(scope, err);
}

static sy_status step_mix_workers(client *c, sy_error *err)
{
    const slot *a = used_slot(c, 0);
    const slot *b = used_slot(c, 1);
    if (a == NULL || b == NULL) {
        return SY_OK;
    }
    sy_scope *scope = sy_scope_begin(c->hook);
    (void)sy_add(scope, a->pointer, b->pointer);
    return sy_scope_end(scope, err) == SY_ECOLLOCATION ? SY_OK
                                                       : test_says(err, "two workers were mixed");
}

static sy_status step_move(client *c, sy_error *err)
{
    slot *s = used_slot(c, -1);
    if (s == NULL) {
        return SY_OK;
    }
    const sy_id id = sy_tensor_get_id_at_location(s->pointer);
    sy_tensor *old_place = NULL;
    TEST_TRY(sy_tensor_point_to(c->hook, &old_place, c->workers[s->at], &id, err));
    sy_status status = sy_tensor_move_(s->pointer, c->workers[1 - s->at], err);
    if (status == SY_OK) {
        s->at = 1 - s->at;
        bool none = false;
        status = sy_tensor_is_none(old_place, &none, err) == SY_ENOTFOUND
                     ? SY_OK
                     : test_says(err, "a moved object is still where it was");
    }
    sy_tensor_unref(old_place);
    return status;
}

/* Takes it away; asking for it again fails. */
static sy_status step_get(client *c, sy_error *err)
{
    slot *s = used_slot(c, -1);
    sy_tensor *value = NULL;
    sy_tensor *again = NULL;
    if (s == NULL) {
        return SY_OK;
    }
    TEST_TRY(sy_tensor_get(s->pointer, &value, err));
    sy_status status = compare(value, s->data, "get", err);
    sy_tensor_unref(value);
    if (status == SY_OK && sy_tensor_get(s->pointer, &again, err) != SY_ENOTFOUND) {
        sy_tensor_unref(again);
        status = test_says(err, "got twice");
    }
    drop(s);
    return status;
}

static sy_status step_copy(client *c, sy_error *err)
{
    const slot *s = used_slot(c, -1);
    sy_tensor *value = NULL;
    if (s == NULL) {
        return SY_OK;
    }
    TEST_TRY(sy_tensor_copy_get(s->pointer, &value, err));
    const sy_status status = compare(value, s->data, "copy", err);
    sy_tensor_unref(value);
    return status;
}

/* A pointer to it goes to the other worker, who is asked to double it, and for both. */
static sy_status step_round_trip(client *c, sy_error *err)
{
    slot *s = used_slot(c, -1);
    sy_tensor *outer = NULL;
    sy_tensor *inner = NULL;
    sy_tensor *value = NULL;
    if (s == NULL) {
        return SY_OK;
    }
    float doubled[ELEMENTS];
    combine_model(0, doubled, s->data, s->data);
    TEST_TRY(sy_tensor_send(s->pointer, &outer, c->workers[1 - s->at], err));
    drop(s); /* the other one owns it now */
    sy_scope *scope = sy_scope_begin(c->hook);
    sy_tensor *sum = sy_scope_keep(scope, sy_add(scope, outer, outer));
    sy_status status = sy_scope_end(scope, err);
    if (status == SY_OK) {
        status = sy_tensor_get(sum, &inner, err);
    }
    if (status == SY_OK) {
        status = sy_tensor_get(inner, &value, err);
    }
    if (status == SY_OK) {
        status = compare(value, doubled, "behind two pointers", err);
    }
    sy_tensor_unref(value);
    sy_tensor_unref(inner);
    sy_tensor_unref(sum);
    sy_tensor_unref(outer);
    return status;
}

static sy_status step(client *c, sy_error *err)
{
    if (draw(c, 9) == 0) {
        test_sleep_ms((unsigned)draw(c, 3));
    } else if (draw(c, 3) == 0) {
        sched_yield();
    }
    switch (draw(c, 19)) {
    case 0:
    case 1:
    case 2:
    case 3:
        return step_send(c, err);
    case 4:
    case 5:
        return step_send_again(c, err);
    case 6:
    case 7:
        return step_operate(c, false, err);
    case 8:
    case 9:
        return step_operate(c, true, err);
    case 10:
        return step_in_place(c, false, err);
    case 11:
        return step_in_place(c, true, err);
    case 12:
        return step_add_to_shared(c, err);
    case 13:
        return step_mix_workers(c, err);
    case 14:
        return step_move(c, err);
    case 15:
        return step_get(c, err);
    case 16:
        return step_round_trip(c, err);
    case 17:
        drop(any_slot(c));
        return SY_OK;
    case 18:
        if (draw(c, 4) == 0) {
            sy_worker_close(c->workers[draw(c, 1)]);
        }
        return SY_OK;
    default:
        return step_copy(c, err);
    }
}

static sy_status run_program(test_thread *self, sy_error *err)
{
    client *c = self->shared;
    sy_status status = SY_OK;
    for (long k = 0; k < c->steps && status == SY_OK; k++) {
        status = step(c, err);
        if (status != SY_OK) {
            char text[SY_ERROR_MESSAGE_SIZE];
            snprintf(text, sizeof text, "step %ld: %.400s", k, err->message);
            err->status = status;
            memcpy(err->message, text, sizeof text);
        }
    }
    for (int k = 0; k < SLOTS && status == SY_OK; k++) {
        sy_tensor *value = NULL;
        if (c->slots[k].pointer != NULL) {
            status = sy_tensor_copy_get(c->slots[k].pointer, &value, err);
            if (status == SY_OK) {
                status = compare(value, c->slots[k].data, "in the end", err);
            }
            sy_tensor_unref(value);
        }
    }
    return status;
}

/* --- the workers' own delays ---------------------------------------------------------------------- */

typedef struct hinderer {
    sy_worker *serving[2];
    atomic_bool over;
} hinderer;

static sy_status hinder(test_thread *self, sy_error *err)
{
    hinderer *h = self->shared;
    property_random random = {self->index + 99};
    (void)err;
    while (!atomic_load(&h->over)) {
        sy_worker *serving = h->serving[property_between(&random, 0, 1)];
        worker_stall(serving);
        if (property_between(&random, 0, 3) == 0) {
            test_sleep_ms(1);
        } else {
            sched_yield();
        }
        worker_unstall(serving);
        test_sleep_ms((unsigned)property_between(&random, 0, 4));
    }
    return SY_OK;
}

/* --- the test ---------------------------------------------------------------------------------- */

static void share(test_pair *pair, client *first, client *second)
{
    for (int k = 0; k < 2; k++) {
        sy_error err = SY_ERROR_INIT;
        sy_worker *serving = k == 0 ? pair->alice_serving : pair->bob_serving;
        sy_tensor *x = NULL;
        assert_ok(sy_tensor_from_floats(sy_worker_get_hook(serving), &x, (float[]){0, 0, 0, 0},
                                        ELEMENTS, &err),
                  &err);
        assert_ok(sy_worker_publish(serving, x, false, &err), &err);
        const sy_id id = sy_tensor_get_id(x);
        sy_tensor_unref(x);
        client *clients[] = {first, second};
        for (int i = 0; i < 2; i++) {
            client *c = clients[i];
            assert_ok(sy_tensor_point_to(c->hook, &c->shared[k], c->workers[k], &id, &err), &err);
        }
    }
}

static void client_close(client *c)
{
    for (int k = 0; k < SLOTS; k++) {
        drop(&c->slots[k]);
    }
    for (int k = 0; k < STALE; k++) {
        sy_tensor_unref(c->stale[k]);
    }
    for (int k = 0; k < 2; k++) {
        char *text = NULL;
        sy_error err = SY_ERROR_INIT;
        assert_ok(sy_worker_whoami(c->workers[k], &text, &err), &err); /* deletions go along */
        sy_string_free(c->hook, text);
        sy_tensor_unref(c->shared[k]);
    }
}

static void test_programs(void **state)
{
    test_pair pair;
    test_place other;
    test_thread threads[2];
    test_thread hinderers;
    sy_error err = SY_ERROR_INIT;
    property_random random = property_start("programs");
    pair_open(&pair, *state, 2, 20000, NULL);
    place_open(&other, "other", true, 2);
    client first = {.hook = pair.home.hook, .workers = {pair.alice, pair.bob}};
    client second = {.hook = other.hook};
    second.workers[0] = place_connect(&other, pair_url(&pair, pair.alice_serving), 20000);
    second.workers[1] = place_connect(&other, pair_url(&pair, pair.bob_serving), 20000);
    first.random.state = property_next(&random);
    second.random.state = property_next(&random);
    first.steps = second.steps = test_rounds(USUAL_STEPS);
    share(&pair, &first, &second);
    hinderer h = {.serving = {pair.alice_serving, pair.bob_serving}};
    threads_start(&hinderers, 1, &h, hinder);
    threads_start(threads, 1, &first, run_program);
    threads_start(threads + 1, 1, &second, run_program);
    threads_join(threads, 2);
    atomic_store(&h.over, true);
    threads_finish(&hinderers, 1);
    for (int k = 0; k < 2; k++) {
        assert_status(threads[k].status, SY_OK, &threads[k].err);
    }
    for (int k = 0; k < 2; k++) {
        sy_tensor *value = NULL;
        const float sum = (float)(first.added[k] + second.added[k]);
        assert_ok(sy_tensor_copy_get(first.shared[k], &value, &err), &err);
        assert_ok(compare(value, (float[]){sum, sum, sum, sum}, "what both added", &err), &err);
        sy_tensor_unref(value);
    }
    client_close(&first);
    client_close(&second);
    assert_true(wait_for_count(pair.alice_serving, 1, 5000));
    assert_true(wait_for_count(pair.bob_serving, 1, 5000));
    place_close(&other);
    pair_close(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        KINDS(test_programs),
    };
    return workers_run(tests);
}
