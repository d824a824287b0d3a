/*
 * lifetime.c - remote results that come and go by the thousand, also on the paths of errors: the store ends
 * empty, the worker's account is where it was, and nothing grows, at the client or at the worker.
 * CSYFT_TEST_ITERS is the number of results (the long test makes 100 000 of each kind).
 */
#include "support/places.h"
#include "support/property.h"

#define USUAL 3000
#define AT_ONCE 200 /* held together */

typedef struct garden {
    test_pair pair;
    sy_hook *hook;
    sy_tensor *p;       /* 3 elements at bob */
    sy_tensor *q;       /* 4 elements there */
    sy_tensor *secret;  /* private there */
    sy_tensor *unknown; /* to nothing */
} garden;

/* Where everything stands. */
typedef struct standing {
    size_t objects;
    uint64_t account;
    uint64_t context[2]; /* the client's, the worker's */
    size_t blocks[2], bytes[2];
    size_t heap;
} standing;

static void garden_open(garden *g, const worker_kind *kind)
{
    sy_error err = SY_ERROR_INIT;
    sy_tensor *x = NULL;
    pair_open(&g->pair, kind, 2, 20000, NULL);
    g->hook = g->pair.home.hook;
    assert_ok(sy_tensor_from_floats(g->hook, &x, (float[]){1, 2, 3}, 3, &err), &err);
    assert_ok(sy_tensor_send(x, &g->p, g->pair.bob, &err), &err);
    sy_tensor_unref(x);
    assert_ok(sy_tensor_from_floats(g->hook, &x, (float[]){1, 2, 3, 4}, 4, &err), &err);
    assert_ok(sy_tensor_send(x, &g->q, g->pair.bob, &err), &err);
    sy_tensor_unref(x);
    assert_ok(sy_tensor_from_floats(sy_worker_get_hook(g->pair.bob_serving), &x, (float[]){7, 7, 7},
                                    3, &err),
              &err);
    assert_ok(sy_worker_publish(g->pair.bob_serving, x, true, &err), &err);
    sy_id id = sy_tensor_get_id(x);
    sy_tensor_unref(x);
    assert_ok(sy_tensor_point_to(g->hook, &g->secret, g->pair.bob, &id, &err), &err);
    id = sy_id_from_int(-1);
    assert_ok(sy_tensor_point_to(g->hook, &g->unknown, g->pair.bob, &id, &err), &err);
}

static void garden_close(garden *g)
{
    sy_tensor_unref(g->p);
    sy_tensor_unref(g->q);
    sy_tensor_unref(g->secret);
    sy_tensor_unref(g->unknown);
    assert_true(wait_for_count(g->pair.bob_serving, 1, 5000)); /* what is published */
    pair_close(&g->pair);
}

/* A few requests take waiting deletions along; their answers acknowledge those. */
static void settle(garden *g)
{
    sy_error err = SY_ERROR_INIT;
    (void)sy_hook_synchronize(g->hook, &err);
    for (int k = 0; k < 3; k++) {
        char *text = NULL;
        assert_ok(sy_worker_whoami(g->pair.bob, &text, &err), &err);
        sy_string_free(g->hook, text);
    }
}

static standing look(garden *g)
{
    test_place *worker = g->pair.kind->url == NULL ? &g->pair.home : &g->pair.at_bob;
    settle(g);
    return (standing){
        .objects = sy_worker_get_object_count(g->pair.bob_serving),
        .account = g->pair.bob_serving->account.used,
        .context = {sy_context_get_memory_use(g->pair.home.context).used,
                    sy_context_get_memory_use(worker->context).used},
        .blocks = {g->pair.home.memory->live, worker->memory->live},
        .bytes = {g->pair.home.memory->live_bytes, worker->memory->live_bytes},
        .heap = heap_in_use(),
    };
}

/* At most `more` than before; less is no fault. */
static void assert_flat(const char *what, size_t before, size_t after, size_t more)
{
    if (after > before + more) {
        print_error("%s: %zu before, %zu after\n", what, before, after);
    }
    assert_true(after <= before + more);
}

/* `grow` makes and drops that many results. Once to warm up (tables keep room for the most they held), then
 * nothing may be left. */
static void grows_nothing(const worker_kind *kind, void (*grow)(garden *g, long count))
{
    garden g;
    garden_open(&g, kind);
    /* Never fewer: what is kept in reserve is full after about a thousand. */
    const long count = property_iterations(TEST_SLOWNESS > 1 ? USUAL / 3 : USUAL);
    grow(&g, count);
    assert_true(wait_for_count(g.pair.bob_serving, 3, 5000));
    const standing before = look(&g);
    grow(&g, count);
    settle(&g);
    assert_true(wait_for_count(g.pair.bob_serving, 3, 5000));
    const standing after = look(&g);
    assert_int_equal(after.objects, before.objects);
    assert_int_equal(after.account, before.account);
    for (int k = 0; k < 2; k++) {
        assert_int_equal(after.context[k], before.context[k]);
        /* Requests and frames in reserve, a buffer that grew. */
        assert_flat(k == 0 ? "client blocks" : "worker blocks", before.blocks[k], after.blocks[k],
                    100);
        assert_flat(k == 0 ? "client bytes" : "worker bytes", before.bytes[k], after.bytes[k],
                    256 * 1024);
    }
    assert_flat("heap", before.heap, after.heap, 512 * 1024);
    garden_close(&g);
}

/* --- results ----------------------------------------------------------------------------------- */

static void compute(garden *g, long count, bool pipelined)
{
    for (long done = 0; done < count; done += AT_ONCE) {
        sy_error err = SY_ERROR_INIT;
        sy_scope *s = sy_scope_begin(g->hook);
        sy_scope_set_pipelined(s, pipelined);
        for (long k = 0; k < AT_ONCE; k++) {
            (void)sy_add(s, g->p, g->p);
        }
        assert_ok(sy_scope_end(s, &err), &err);
    }
}

static void compute_sync(garden *g, long count)
{
    compute(g, count, false);
}

static void compute_pipelined(garden *g, long count)
{
    compute(g, count, true);
}

static void test_results(void **state)
{
    grows_nothing(*state, compute_sync);
}

static void test_pipelined_results(void **state)
{
    grows_nothing(*state, compute_pipelined);
}

/* All are held, and dropped at once: many more deletions than one message may have. */
static void hold_and_drop(garden *g, long count)
{
    sy_error err = SY_ERROR_INIT;
    sy_scope *s = sy_scope_begin(g->hook);
    sy_scope_set_pipelined(s, true);
    for (long k = 0; k < count; k++) {
        (void)sy_add(s, g->p, g->p);
    }
    sy_scope_clear(s);
    assert_ok(sy_scope_end(s, &err), &err);
    assert_true(wait_for_count(g->pair.bob_serving, 3, 20000)); /* nobody asks for it */
}

static void test_dropped_all_at_once(void **state)
{
    grows_nothing(*state, hold_and_drop);
}

/* --- objects sent and fetched -------------------------------------------------------------------- */

static void send_and_get(garden *g, long count)
{
    static const int64_t sizes[] = {3, 5000}; /* inline, and as a segment */
    for (long k = 0; k < count / 4; k++) {
        sy_error err = SY_ERROR_INIT;
        sy_tensor *x = NULL;
        sy_tensor *p = NULL;
        sy_tensor *back = NULL;
        assert_ok(sy_tensor_new(g->hook, &x, SY_DTYPE_F32, 1, &sizes[k % 2], NULL, &err), &err);
        assert_ok(sy_tensor_send(x, &p, g->pair.bob, &err), &err);
        if (k % 3 == 0) {
            assert_ok(sy_tensor_get(p, &back, &err), &err);
        } else if (k % 3 == 1) {
            assert_ok(sy_tensor_copy_get(p, &back, &err), &err);
        }
        sy_tensor_unref(back);
        sy_tensor_unref(p);
        sy_tensor_unref(x);
    }
}

static void test_objects(void **state)
{
    grows_nothing(*state, send_and_get);
}

/* The same tensor sent again and again: each time it takes the other's place. */
static void send_again(garden *g, long count)
{
    sy_error err = SY_ERROR_INIT;
    const int64_t size = 500;
    sy_tensor *x = NULL;
    sy_tensor *before = NULL;
    assert_ok(sy_tensor_new(g->hook, &x, SY_DTYPE_F32, 1, &size, NULL, &err), &err);
    for (long k = 0; k < count / 2; k++) {
        sy_tensor *p = NULL;
        assert_ok(sy_tensor_send(x, &p, g->pair.bob, &err), &err);
        sy_tensor_unref(before); /* deletes nothing any more */
        before = p;
    }
    sy_tensor *back = NULL;
    assert_ok(sy_tensor_get(before, &back, &err), &err);
    sy_tensor_unref(back);
    sy_tensor_unref(before);
    sy_tensor_unref(x);
}

static void test_sent_again(void **state)
{
    grows_nothing(*state, send_again);
}

/* --- errors ------------------------------------------------------------------------------------ */

static void expect_failure(garden *g, bool pipelined, sy_tensor *a, sy_tensor *b,
                           sy_status expected)
{
    sy_error err = SY_ERROR_INIT;
    sy_scope *s = sy_scope_begin(g->hook);
    sy_scope_set_pipelined(s, pipelined);
    (void)sy_add(s, a, b);
    assert_status(sy_scope_end(s, &err), expected, &err);
}

static void meet_errors(garden *g, long count)
{
    for (long k = 0; k < count / 4; k++) {
        sy_error err = SY_ERROR_INIT;
        sy_tensor *got = NULL;
        switch (k % 6) {
        case 0:
            expect_failure(g, false, g->p, g->q, SY_ESHAPE);
            break;
        case 1:
            expect_failure(g, true, g->p, g->q, SY_ESHAPE);
            break;
        case 2:
            expect_failure(g, false, g->unknown, g->unknown, SY_ENOTFOUND);
            break;
        case 3:
            expect_failure(g, true, g->unknown, g->unknown, SY_ENOTFOUND);
            break;
        case 4:
            assert_status(sy_tensor_get(g->secret, &got, &err), SY_EPERM, &err);
            assert_null(got);
            break;
        default:
            assert_status(sy_tensor_copy_get(g->unknown, &got, &err), SY_ENOTFOUND, &err);
            assert_null(got);
            break;
        }
    }
}

static void test_failures(void **state)
{
    grows_nothing(*state, meet_errors);
}

/* A result too large for the worker, refused from the shapes; an object too large for it, refused as it
 * comes; one too large for the client, which stays where it is. */
static void test_limits(void **state)
{
    garden g;
    sy_error err = SY_ERROR_INIT;
    garden_open(&g, *state);
    const standing before = look(&g);
    sy_worker_set_memory_limit(g.pair.bob_serving, before.account + 100000);
    const int64_t column[] = {1000, 1};
    const int64_t large = 100000;
    sy_tensor *x = NULL;
    sy_tensor *p = NULL;
    assert_ok(sy_tensor_new(g.hook, &x, SY_DTYPE_F32, 2, column, NULL, &err), &err);
    assert_ok(sy_tensor_send(x, &p, g.pair.bob, &err), &err);
    sy_tensor_unref(x);
    for (int k = 0; k < 100; k++) {
        sy_scope *s = sy_scope_begin(g.hook);
        (void)sy_add(s, p, sy_t(s, p)); /* a million elements */
        assert_status(sy_scope_end(s, &err), SY_ELIMIT, &err);
        assert_string_equal(err.worker, "bob");
    }
    assert_ok(sy_tensor_new(g.hook, &x, SY_DTYPE_F32, 1, &large, NULL, &err), &err);
    for (int k = 0; k < 100; k++) {
        sy_tensor *refused = NULL;
        assert_status(sy_tensor_send(x, &refused, g.pair.bob, &err), SY_ELIMIT, &err);
        assert_string_equal(err.worker, "bob");
        assert_null(refused);
    }
    sy_worker_set_memory_limit(g.pair.bob_serving, 0);
    sy_tensor_unref(p);
    assert_ok(sy_tensor_send(x, &p, g.pair.bob, &err), &err);
    sy_tensor_unref(x);

    syi_account *mine = &g.hook->account;
    mine->limit = mine->used + 1000;
    for (int k = 0; k < 100; k++) {
        assert_status(sy_tensor_get(p, &x, &err), SY_ELIMIT, &err);
        assert_null(x);
    }
    mine->limit = 0;
    assert_ok(sy_tensor_get(p, &x, &err), &err); /* it is still there */
    sy_tensor_unref(x);
    sy_tensor_unref(p);
    assert_true(wait_for_count(g.pair.bob_serving, 3, 5000));
    const standing after = look(&g);
    assert_int_equal(after.account, before.account);
    assert_int_equal(after.context[0], before.context[0]);
    garden_close(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        KINDS(test_results), KINDS(test_pipelined_results), KINDS(test_dropped_all_at_once),
        KINDS(test_objects), KINDS(test_sent_again),        KINDS(test_failures),
        KINDS(test_limits),
    };
    return workers_run(tests);
}
