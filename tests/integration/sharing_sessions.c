/*
 * sharing_sessions.c - sessions of shared values among workers: many at once, clients that go, counts of messages and bytes
 * against theory, and that nothing is opened twice. What goes wrong is in sharing_failures.c.
 */
#include "support/sharing_parties.h"

/* --- many at once ------------------------------------------------------------------------------ */

enum { CLIENTS = 16, ROUNDS = 4 };

typedef struct crowd {
    party_client clients[CLIENTS];
} crowd;

static sy_status use_client(party_client *c, sy_error *err)
{
    for (int round = 0; round < ROUNDS; round++) {
        TEST_TRY(client_try(c, err));
    }
    return SY_OK;
}

static sy_status crowd_main(test_thread *self, sy_error *err)
{
    crowd *all = self->shared;
    const sy_status status = use_client(&all->clients[self->index], err);
    return status == SY_EBUSY ? SY_OK : status; /* refused, by name */
}

static void test_crowd(void **state)
{
    (void)state;
    parties p;
    crowd *all = calloc(1, sizeof *all);
    test_thread threads[CLIENTS];
    parties_open(&p, 3);
    for (unsigned k = 0; k < CLIENTS; k++) {
        char id[16];
        snprintf(id, sizeof id, "client%u", k);
        client_open(&all->clients[k], &p, id, k % 2 == 0, 20000);
    }
    threads_start(threads, CLIENTS, all, crowd_main);
    threads_finish(threads, CLIENTS);
    for (unsigned k = 0; k < CLIENTS; k++) {
        client_close(&all->clients[k]);
    }
    assert_true(wait_until_clean(&p, 8000));
    parties_close(&p);
    free(all);
}

/* Threads of one client take turns in one session. */
static sy_status group_main(test_thread *self, sy_error *err)
{
    return use_client(self->shared, err);
}

static void test_threads_of_a_group(void **state)
{
    (void)state;
    parties p;
    party_client c;
    test_thread threads[6];
    for (int james = 0; james < 2; james++) {
        parties_open(&p, 3);
        client_open(&c, &p, "client", james, 20000);
        threads_start(threads, 6, &c, group_main);
        threads_finish(threads, 6);
        assert_int_equal(room_sessions(p.at[0].hook), 1);
        client_close(&c);
        assert_true(wait_until_clean(&p, 8000));
        parties_close(&p);
    }
}

/* --- costs ------------------------------------------------------------------------------------- */

static sy_sharing_cost cost_of(party_client *c, size_t holder)
{
    sy_error err = SY_ERROR_INIT;
    sy_sharing_cost cost;
    assert_ok(sy_sharing_get_cost(c->holders, c->count, c->provider, holder, &cost, &err), &err);
    return cost;
}

typedef struct counts {
    sy_sharing_cost cost[PARTIES_HOLDERS_MAX];
    sy_traffic traffic[PARTIES_HOLDERS_MAX];
} counts;

static void count_all(party_client *c, counts *now)
{
    for (size_t k = 0; k < c->count; k++) {
        now->cost[k] = cost_of(c, k);
        now->traffic[k] = sy_worker_get_traffic(c->holders[k]);
    }
}

typedef sy_tensor *(*operation)(sy_scope *s, sy_tensor *x, sy_tensor *y);

static sy_tensor *op_mul(sy_scope *s, sy_tensor *x, sy_tensor *y)
{
    return sy_mul(s, x, y);
}
static sy_tensor *op_square(sy_scope *s, sy_tensor *x, sy_tensor *y)
{
    (void)y;
    return sy_square(s, x);
}

/* One message to each holder and one back; `bytes` per element to every other holder, in one round. */
static void expect_cost(party_client *c, sy_tensor *x, sy_tensor *y, int64_t count, operation op,
                        uint64_t bytes)
{
    sy_error err = SY_ERROR_INIT;
    counts before, after;
    count_all(c, &before);
    sy_scope *s = sy_scope_begin(c->home.hook);
    sy_tensor *z = op(s, x, y);
    for (size_t k = 0; k < c->count; k++) {
        after.traffic[k] = sy_worker_get_traffic(c->holders[k]);
    }
    assert_ok(sy_scope_get_status(s), &err);
    assert_non_null(z);
    for (size_t k = 0; k < c->count; k++) {
        after.cost[k] = cost_of(c, k);
        assert_int_equal(after.traffic[k].messages_sent - before.traffic[k].messages_sent, 1);
        assert_int_equal(after.traffic[k].messages_received - before.traffic[k].messages_received,
                         1);
        assert_int_equal(after.cost[k].rounds - before.cost[k].rounds, 1);
        assert_int_equal(after.cost[k].bytes_sent - before.cost[k].bytes_sent,
                         bytes * (uint64_t)count);
        assert_int_equal(after.cost[k].bytes_received - before.cost[k].bytes_received,
                         bytes * (uint64_t)count * (c->count - 1));
    }
    assert_ok(sy_scope_end(s, &err), &err);
}

static void test_costs(void **state)
{
    (void)state;
    enum { COUNT = 50 };
    for (size_t n = 2; n <= 3; n++) {
        parties p;
        party_client c;
        sy_error err = SY_ERROR_INIT;
        sy_tensor *x = NULL, *y = NULL;
        int64_t data[COUNT];
        for (int k = 0; k < COUNT; k++) {
            data[k] = k - 20;
        }
        parties_open(&p, n);
        client_open(&c, &p, "client", true, 20000);
        assert_ok(client_share(&c, &x, COUNT, data, &err), &err);
        assert_ok(client_share(&c, &y, COUNT, data, &err), &err);
        assert_ok(client_try(&c, &err), &err); /* a session, so that its costs can be asked */
        expect_cost(&c, x, y, COUNT, op_mul, 16);
        expect_cost(&c, x, y, COUNT, op_square, 8);
        sy_tensor_unref(x);
        sy_tensor_unref(y);
        client_close(&c);
        parties_close(&p);
    }
}

/* --- clients that go --------------------------------------------------------------------------- */

static void test_client_goes(void **state)
{
    (void)state;
    for (int james = 0; james < 2; james++) {
        parties p;
        party_client c;
        sy_error err = SY_ERROR_INIT;
        parties_open(&p, 3);
        client_open(&c, &p, "client", james, 20000);
        assert_ok(client_try(&c, &err), &err);
        assert_int_equal(room_sessions(p.at[1].hook), 1);
        assert_int_equal(room_threads(p.at_provider.hook), james ? 2 : 0);
        client_close(&c);
        assert_true(wait_until_clean(&p, 8000));
        parties_close(&p);
    }
}

/* The client is a holder, too, and can be reached by nobody: it fetches its letters. So are the demands, where the holder that
 * leads cannot reach the provider, which is with the client. */
static void test_client_holds(void **state)
{
    (void)state;
    for (size_t index = 0; index < 3; index++) { /* it leads, and it does not */
        parties p;
        party_client c;
        sy_error err = SY_ERROR_INIT;
        parties_open(&p, 3);
        client_open(&c, &p, "client", false, 20000);
        assert_ok(sy_virtual_worker_new(c.home.hook, &c.provider, "james", &err), &err);
        sy_worker *others[] = {c.holders[0], c.holders[1]};
        for (size_t k = 0, next = 0; k < 3; k++) {
            c.holders[k] = k == index ? c.home.worker : others[next++];
        }
        assert_ok(use_client(&c, &err), &err);
        client_close(&c);
        assert_true(wait_until_clean(&p, 8000));
        parties_close(&p);
    }
}

/* A provider elsewhere cannot send to it. */
static void test_client_holds_and_provider_is_away(void **state)
{
    (void)state;
    parties p;
    party_client c;
    sy_error err = SY_ERROR_INIT;
    parties_open(&p, 2);
    client_open(&c, &p, "client", true, 20000);
    c.holders[1] = c.home.worker;
    assert_status(client_try(&c, &err), SY_EINVAL, &err);
    assert_names(&err, "client");
    assert_names(&err, "james");
    client_close(&c);
    parties_close(&p);
}

/* --- nothing is opened twice ------------------------------------------------------------------- */

typedef struct opened {
    const syi_sharing_session *session;
    uint64_t sequence;
    size_t size;
    int64_t words[8];
} opened;

enum { OPENED_MAX = 4096 };
static struct {
    pthread_mutex_t lock;
    size_t count;
    opened all[OPENED_MAX];
} transcript = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void note(const syi_sharing_session *session, uint64_t sequence, const void *bytes,
                 size_t size)
{
    pthread_mutex_lock(&transcript.lock);
    if (transcript.count < OPENED_MAX) {
        opened *one = &transcript.all[transcript.count++];
        *one = (opened){.session = session, .sequence = sequence, .size = size};
        memcpy(one->words, bytes, size < sizeof one->words ? size : sizeof one->words);
    }
    pthread_mutex_unlock(&transcript.lock);
}

/* What the holders together opened in word `k` of their letters number `turn`. */
static uint64_t opened_word(size_t holders, size_t turn, size_t k)
{
    uint64_t sum = 0;
    size_t found = 0;
    for (size_t i = 0; i < transcript.count; i++) {
        size_t before = 0; /* letters of the same holder */
        for (size_t j = 0; j < i; j++) {
            before += transcript.all[j].session == transcript.all[i].session ? 1 : 0;
        }
        if (before == turn) {
            sum += (uint64_t)transcript.all[i].words[k];
            found++;
        }
    }
    assert_int_equal(found, holders);
    return sum;
}

/* No letter comes twice in a session, and so no item is opened twice. */
static void assert_no_letter_twice(void)
{
    for (size_t i = 0; i < transcript.count; i++) {
        for (size_t k = 0; k < i; k++) {
            const opened *a = &transcript.all[i], *b = &transcript.all[k];
            if (a->size >= 8 && a->size == b->size &&
                memcmp(a->words, b->words, a->size < sizeof a->words ? a->size : sizeof a->words) ==
                    0) {
                fail_msg("letters %zu and %zu are the same", i, k);
            }
        }
    }
}

/*
 * Two steps like those of training: (x w), then w changes in place, then (x w) again. The weight is opened once as long as it
 * stays; after the change a new mask hides it, and what is opened does not differ by what the weight changed by.
 */
static void test_steps_do_not_show_the_difference(void **state)
{
    (void)state;
    const int64_t square[] = {2, 2}, values[] = {1, 2, 3, 4}, change[] = {10, 20, 30, 40};
    parties p;
    party_client c;
    sy_error err = SY_ERROR_INIT;
    parties_open(&p, 2);
    client_open(&c, &p, "client", true, 20000);
    sy_scope *s = sy_scope_begin(c.home.hook);
    sy_tensor *shared[3];
    for (int k = 0; k < 3; k++) {
        sy_tensor *plain = NULL;
        assert_ok(sy_tensor_new(c.home.hook, &plain, SY_DTYPE_I64, 2, square,
                                k == 2 ? change : values, &err),
                  &err);
        assert_ok(sy_tensor_share(plain, &shared[k], c.holders, 2, c.provider, &err), &err);
        sy_tensor_unref(plain);
    }
    sy_tensor *x = shared[0], *w = shared[1];
    transcript.count = 0;
    parties_watch(&p, note);
    assert_non_null(sy_matmul(s, x, w)); /* both are opened: 64 bytes */
    assert_non_null(sy_matmul(s, x, w)); /* neither */
    const size_t first = transcript.count;
    assert_non_null(sy_add_(s, w, shared[2]));
    assert_non_null(sy_matmul(s, x, w)); /* the weight */
    parties_watch(&p, NULL);
    assert_ok(sy_scope_end(s, &err), &err);
    assert_int_equal(first, 4); /* of each holder one for x and one for w */
    assert_int_equal(transcript.count, 6);
    for (size_t k = 0; k < transcript.count; k++) {
        assert_int_equal(transcript.all[k].size, 32);
    }
    for (size_t k = 0; k < 4; k++) {
        for (size_t turn = 0; turn < 2; turn++) { /* of w or of x, whichever */
            assert_int_not_equal(opened_word(2, 2, k) - opened_word(2, turn, k),
                                 (uint64_t)change[k]);
        }
    }
    assert_no_letter_twice();
    for (int k = 0; k < 3; k++) {
        sy_tensor_unref(shared[k]);
    }
    client_close(&c);
    parties_close(&p);
}

/* --- freeing, and what is refused -------------------------------------------------------------- */

static sy_status mul_main(test_thread *self, sy_error *err)
{
    return client_try(self->shared, err);
}

/* A holder's hook is freed while a joint command waits there for another one, which is stalled. */
static void test_free_while_waiting(void **state)
{
    (void)state;
    parties p;
    party_client c;
    sy_error err = SY_ERROR_INIT;
    test_thread thread;
    parties_open(&p, 2);
    client_open(&c, &p, "client", true, 15000);
    assert_ok(client_try(&c, &err), &err);
    worker_stall(p.at[1].worker);
    threads_start(&thread, 1, &c, mul_main);
    test_sleep_ms(200);
    const uint64_t began = test_now_ms();
    sy_hook_free(p.at_provider.hook); /* it deals for nobody any more */
    assert_true(test_now_ms() - began < 12000);
    worker_unstall(p.at[1].worker);
    threads_join(&thread, 1);
    assert_int_not_equal(thread.status, SY_OK);
    sy_context_free(p.at_provider.context);
    assert_int_equal(p.at_provider.memory->live, 0);
    free(p.at_provider.memory);
    client_close(&c);
    for (size_t k = 0; k < 2; k++) {
        place_close(&p.at[k]);
    }
}

static void test_provider_holds(void **state)
{
    (void)state;
    const int64_t data[] = {1, 2};
    parties p;
    party_client c;
    sy_error err = SY_ERROR_INIT;
    sy_tensor *x = NULL;
    parties_open(&p, 3);
    client_open(&c, &p, "client", false, 15000);
    c.provider = c.holders[2];
    assert_status(client_share(&c, &x, 2, data, &err), SY_EINVAL, &err);
    assert_names(&err, "carol");
    c.provider = NULL;
    c.holders[2] = c.home.worker; /* who provides where nobody is named */
    assert_status(client_share(&c, &x, 2, data, &err), SY_EINVAL, &err);
    assert_names(&err, "client");
    client_close(&c);
    parties_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crowd),
        cmocka_unit_test(test_threads_of_a_group),
        cmocka_unit_test(test_costs),
        cmocka_unit_test(test_client_goes),
        cmocka_unit_test(test_client_holds),
        cmocka_unit_test(test_client_holds_and_provider_is_away),
        cmocka_unit_test(test_steps_do_not_show_the_difference),
        cmocka_unit_test(test_free_while_waiting),
        cmocka_unit_test(test_provider_holds),
    };
    return workers_run(tests);
}
