/*
 * out_of_memory.c - every allocation of a remote request is refused in turn, at the client and at the worker: each
 * failure has its status and sentence, nothing is half done, nothing leaks, and the worker serves the next request.
 */
#include "support/scene.h"

/* Blocks that may be there in between: rooms kept for the next request, sessions that can still be resumed. All
 * of them are back when the scene closes. */
enum { GROWTH = 150 };

/* One step under faults. It has what it needs in `c` and `p`; `made` and `value` are its results. */
typedef struct memory_step {
    scene *c;
    sy_tensor *local, *p;
    sy_tensor *made;
    bool drops_p; /* success takes p's object away */
} memory_step;

static sy_status step_send(memory_step *m, sy_error *err)
{
    return sy_tensor_send(m->local, &m->made, m->c->bob, err);
}

static sy_status step_operate(memory_step *m, sy_error *err)
{
    return add_twice(m->c->hook, m->p, &m->made, err);
}

static sy_status step_in_place(memory_step *m, sy_error *err)
{
    const sy_value args[] = {sy_value_tensor(m->p), sy_value_int(0)};
    sy_scope *s = sy_scope_begin(m->c->hook);
    (void)sy_scope_call(s, "add_", args, 2);
    return sy_scope_end(s, err);
}

static sy_status step_pipelined(memory_step *m, sy_error *err)
{
    sy_scope *s = sy_scope_begin(m->c->hook);
    sy_scope_set_pipelined(s, true);
    (void)sy_add(s, m->p, sy_add(s, m->p, m->p));
    return sy_scope_end(s, err);
}

static sy_status step_copy(memory_step *m, sy_error *err)
{
    return sy_tensor_copy_get(m->p, &m->made, err);
}

static sy_status step_get(memory_step *m, sy_error *err)
{
    m->drops_p = true;
    return sy_tensor_get(m->p, &m->made, err);
}

static sy_status step_search(memory_step *m, sy_error *err)
{
    sy_tensor **found = NULL;
    size_t count = 0;
    const sy_status status = sy_worker_search(m->c->bob, &found, &count, NULL, 0, err);
    sy_tensors_free(m->c->hook, found, count);
    return status == SY_OK && count != 2 ? test_says(err, "not all were found") : status;
}

static sy_status step_delete(memory_step *m, sy_error *err)
{
    const sy_id id = sy_tensor_get_id_at_location(m->p);
    m->drops_p = true;
    return sy_worker_delete(m->c->bob, &id, err);
}

static sy_status step_keep(memory_step *m, sy_error *err)
{
    const sy_status status = sy_tensor_keep(m->p, err);
    if (status == SY_OK) {
        sy_tensor_set_garbage_collect(m->p, true);
    }
    return status;
}

static const struct {
    const char *name;
    sy_status (*run)(memory_step *m, sy_error *err);
} memory_steps[] = {
    {"send", step_send},        {"operate", step_operate}, {"in place", step_in_place},
    {"posted", step_pipelined}, {"copy", step_copy},       {"get", step_get},
    {"search", step_search},    {"delete", step_delete},   {"keep", step_keep},
};

/*
 * The nth allocation from now on is refused, for n = 1, 2, ... until none is. A step that fails has changed
 * nothing; one that could do without that memory has done all. Either way the worker serves, and in the end
 * nothing was lost. The one exception: what `get` brought and the client has no memory for is gone.
 */
static void memory_sweep(const worker_kind *kind, bool at_worker, int64_t elements)
{
    scene c;
    scene_open(&c, kind, false, 5000, 0);
    failing_allocator *memory = at_worker ? workers_memory(&c) : c.home.memory;
    sy_tensor *local = ones(c.hook, elements);
    sy_tensor *stays = send_ones(&c, 3);
    for (size_t k = 0; k < sizeof memory_steps / sizeof memory_steps[0]; k++) {
        unsigned clean = 0;
        settle(&c, 1);
        const size_t blocks = memory->live;
        for (size_t nth = 1; clean < 2; nth++) {
            memory_step m = {.c = &c, .local = local};
            sy_error err = SY_ERROR_INIT;
            m.p = send_ones(&c, elements);
            settle(&c, 2);
            const size_t refused_before = memory->refused;
            memory->fail_at = memory->calls + nth;
            const sy_status status = memory_steps[k].run(&m, &err);
            memory->fail_at = 0;
            const bool refused = memory->refused != refused_before;
            clean = refused ? 0 : clean + 1;
            if (!refused || status == SY_OK) {
                assert_status(status, SY_OK, &err);
            } else {
                assert_string_not_equal(err.message, "");
                const bool named = status == SY_ENOMEM || status == SY_ECLOSED ||
                                   status == SY_EIO || status == SY_EINDOUBT;
                if (!named) {
                    print_error("%s, allocation %zu: %s: %s\n", memory_steps[k].name, nth,
                                sy_status_name(status), err.message);
                }
                assert_true(named);
                assert_null(m.made);
            }
            const bool gone = m.drops_p && (status == SY_OK || !at_worker);
            if (gone && status != SY_OK) { /* perhaps */
                for (int i = 0; i < 3; i++) {
                    assert_serves(&c);
                }
            } else {
                const bool remote = m.made != NULL && sy_tensor_is_pointer(m.made);
                settle(&c, 2 + (size_t)remote - (size_t)gone);
            }
            sy_tensor_unref(m.made);
            sy_tensor_unref(m.p);
            settle(&c, 1);
            if (memory->live > blocks + GROWTH) {
                print_error("%s, allocation %zu: %zu blocks, %zu before\n", memory_steps[k].name,
                            nth, (size_t)memory->live, blocks);
                assert_true(memory->live <= blocks + GROWTH);
            }
            assert_in_range(nth, 1, 500);
        }
    }
    sy_tensor_unref(stays);
    sy_tensor_unref(local);
    settle(&c, 0);
    assert_int_equal(c.serving->account.used, 0);
    scene_close(&c);
}

static void test_no_memory_at_the_client(void **state)
{
    memory_sweep(*state, false, 3);
}

static void test_no_memory_at_the_client_for_segments(void **state)
{
    memory_sweep(*state, false, 2000);
}

static void test_no_memory_at_the_worker(void **state)
{
    memory_sweep(*state, true, 3);
}

static void test_no_memory_at_the_worker_for_segments(void **state)
{
    memory_sweep(*state, true, 2000);
}

/* Connecting, listening, making the workers. */
static void test_no_memory_for_a_client(void **state)
{
    scene c;
    scene_open(&c, *state, false, 5000, 0);
    for (size_t nth = 1, clean = 0; clean < 2; nth++) {
        test_place p;
        sy_error err = SY_ERROR_INIT;
        sy_worker *bob = NULL;
        sy_connect_options options = SY_CONNECT_OPTIONS_INIT;
        place_open(&p, "other", true, 1);
        const size_t blocks = p.memory->live;
        p.memory->fail_at = p.memory->calls + nth;
        const sy_status status = sy_worker_connect(p.hook, &bob, c.bob->url, &options, &err);
        p.memory->fail_at = 0;
        if (p.memory->refused == 0) {
            assert_status(status, SY_OK, &err);
            clean++;
        } else if (status != SY_OK) {
            assert_status(status, SY_ENOMEM, &err);
            assert_null(bob);
            if (bob == NULL) { /* it can be tried again */
                assert_ok(sy_worker_connect(p.hook, &bob, c.bob->url, &options, &err), &err);
            }
        }
        assert_true(p.memory->live >= blocks);
        assert_in_range(nth, 1, 500);
        place_close(&p);
    }
    assert_serves(&c);
    scene_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        KINDS(test_no_memory_at_the_client),
        KINDS(test_no_memory_at_the_client_for_segments),
        REMOTE_KINDS(test_no_memory_at_the_worker),
        REMOTE_KINDS(test_no_memory_at_the_worker_for_segments),
        REMOTE_KINDS(test_no_memory_for_a_client),
    };
    return workers_run(tests);
}
