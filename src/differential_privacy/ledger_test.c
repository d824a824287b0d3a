/* ledger_test.c - budgets are kept: sums as the accountants say, refusals that change nothing, files that survive what happens to them. */
#include <csyft/ledger.h>

#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "support/folder.h"
#include "support/memory_faults.h"

typedef struct scene {
    failing_allocator memory;
    sy_context *context;
    test_folder folder;
    const char *path;
    sy_error err;
} scene;

static int setup(void **state)
{
    scene *c = calloc(1, sizeof *c);
    c->context = memory_faults_context(&c->memory);
    assert_true(test_folder_make(&c->folder));
    c->path = test_folder_path(&c->folder, "spent.ledger");
    *state = c;
    return 0;
}

static int teardown(void **state)
{
    scene *c = *state;
    memory_faults_context_free(&c->memory, c->context);
    assert_true(test_folder_remove(&c->folder));
    free(c);
    return 0;
}

static sy_ledger *open_at(scene *c, const char *path)
{
    sy_ledger *ledger = NULL;
    assert_ok(sy_ledger_open(c->context, &ledger, path, &c->err), &c->err);
    return ledger;
}

static sy_charge gaussian(double multiplier, double rate, uint64_t steps)
{
    sy_charge charge = SY_CHARGE_INIT;
    charge.noise_multiplier = multiplier;
    charge.sampling_rate = rate;
    charge.steps = steps;
    return charge;
}

static sy_charge laplace(double epsilon)
{
    sy_charge charge = SY_CHARGE_INIT;
    charge.kind = SY_NOISE_LAPLACE;
    charge.noise_multiplier = 1 / epsilon;
    return charge;
}

static sy_budget budget(double epsilon, double epsilon_all)
{
    return (sy_budget){sizeof(sy_budget), epsilon, 1e-6, epsilon_all};
}

static sy_status charge(scene *c, sy_ledger *ledger, const char *data, const char *caller,
                        sy_charge what, double epsilon)
{
    const sy_budget b = budget(epsilon, 0);
    return sy_ledger_charge(ledger, data, caller, &what, &b, &c->err);
}

static sy_spending spending(scene *c, sy_ledger *ledger, const char *data, const char *caller)
{
    sy_spending s;
    assert_ok(sy_ledger_get_spending(ledger, data, caller, 1e-6, &s, &c->err), &c->err);
    return s;
}

/* What is spent is what the accountants say of the same mechanisms. */
static void test_sums(void **state)
{
    scene *c = *state;
    sy_ledger *ledger = open_at(c, NULL);
    sy_rdp *rdp = NULL;
    double epsilon = 0;
    assert_ok(sy_rdp_new(c->context, &rdp, NULL, 0, &c->err), &c->err);
    assert_ok(sy_rdp_add_gaussian(rdp, 5, 3, &c->err), &c->err);
    assert_ok(sy_rdp_add_subsampled_gaussian(rdp, 0.01, 1.1, 500, &c->err), &c->err);
    assert_ok(sy_rdp_add_laplace(rdp, 10, 1, &c->err), &c->err);
    assert_ok(sy_rdp_get_epsilon(rdp, SY_RDP_IMPROVED, 1e-6, &epsilon, NULL, &c->err), &c->err);
    sy_rdp_free(rdp);
    assert_ok(charge(c, ledger, "d", "a", gaussian(5, 1, 2), 100), &c->err);
    assert_ok(charge(c, ledger, "d", "a", gaussian(1.1, 0.01, 500), 100), &c->err);
    assert_ok(charge(c, ledger, "d", "a", laplace(0.1), 100), &c->err);
    assert_ok(charge(c, ledger, "d", "a", gaussian(5, 1, 1), 100), &c->err);
    const sy_spending s = spending(c, ledger, "d", "a");
    assert_true(fabs(s.epsilon - epsilon) < 1e-12 * epsilon);
    assert_int_equal(s.charges, 4);
    sy_ledger_unref(ledger);
}

/* What needs no delta adds up to its epsilons, and no more: ten tenths are one. */
static void test_pure(void **state)
{
    scene *c = *state;
    sy_ledger *ledger = open_at(c, NULL);
    const sy_charge quarter = laplace(0.25);
    const sy_budget b = {sizeof b, 1, 1e-300, 0};
    for (int k = 0; k < 4; k++) {
        assert_ok(sy_ledger_charge(ledger, "d", "a", &quarter, &b, &c->err), &c->err);
    }
    assert_status(sy_ledger_charge(ledger, "d", "a", &quarter, &b, &c->err), SY_EPERM, &c->err);
    sy_spending s;
    assert_ok(sy_ledger_get_spending(ledger, "d", "a", 1e-300, &s, &c->err), &c->err);
    assert_true(s.epsilon == 1);
    sy_ledger_unref(ledger);
}

static void test_refusals(void **state)
{
    scene *c = *state;
    sy_ledger *ledger = open_at(c, c->path);
    double one = 0;
    assert_ok(charge(c, ledger, "d", "a", gaussian(10, 1, 1), 1), &c->err);
    one = spending(c, ledger, "d", "a").epsilon;
    struct stat before, after;
    assert_int_equal(stat(c->path, &before), 0);
    assert_fails_saying(charge(c, ledger, "d", "a", gaussian(1, 1, 1), 1), SY_EPERM, &c->err,
                        "budget of caller a for d");
    assert_string_equal(c->err.object, "d");
    assert_fails_saying(charge(c, ledger, "d", "", gaussian(1, 1, 1), 1), SY_EPERM, &c->err,
                        "(anonymous)");
    assert_int_equal(stat(c->path, &after), 0);
    assert_int_equal(before.st_size, after.st_size);
    assert_true(spending(c, ledger, "d", "a").epsilon == one);
    assert_int_equal(spending(c, ledger, "d", "").charges, 0);
    /* others, and other data, have their own */
    assert_ok(charge(c, ledger, "d", "b", gaussian(10, 1, 1), 1), &c->err);
    assert_ok(charge(c, ledger, "e", "a", gaussian(10, 1, 1), 1), &c->err);
    assert_true(spending(c, ledger, "d", "b").epsilon == one);
    /* all together have less than the sum, and more than one; their budget is refused without a word about others */
    const double all = spending(c, ledger, "d", NULL).epsilon;
    assert_true(all > one && all < 2 * one);
    const sy_charge more = gaussian(10, 1, 1);
    const sy_budget together = budget(100, all);
    assert_fails_saying(sy_ledger_charge(ledger, "d", "new", &more, &together, &c->err), SY_EPERM,
                        &c->err, "all callers together");
    assert_int_equal(spending(c, ledger, "d", "new").charges, 0);
    assert_int_equal(spending(c, ledger, "d", NULL).charges, 2);
    sy_ledger_unref(ledger);
}

static void count_lines(void *user, const char *data, const char *caller, const sy_spending *s)
{
    (void)data;
    (void)caller;
    *(uint64_t *)user += s->charges;
}

/* Opened again, the same is spent, whatever the names are made of. */
static void test_file(void **state)
{
    char long_name[256];
    memset(long_name, '\n', 255);
    long_name[255] = '\0';
    const char *const names[] = {"a", "-", "--", "%41", "a\tb", "\xc3\xa9 x", long_name};
    enum { NAMES = sizeof names / sizeof *names };
    scene *c = *state;
    sy_spending before[NAMES];
    for (int round = 0; round < 3; round++) {
        sy_ledger *ledger = open_at(c, c->path), *look = NULL;
        for (int k = 0; k < NAMES; k++) {
            if (round > 0) {
                const sy_spending now = spending(c, ledger, names[k], names[NAMES - 1 - k]);
                assert_true(now.epsilon == before[k].epsilon);
                assert_int_equal(now.charges, round);
            }
            assert_ok(charge(c, ledger, names[k], names[NAMES - 1 - k],
                             round == 1 ? gaussian(3, 0.1, 5) : laplace(0.01 * (k + 1)), 100),
                      &c->err);
            before[k] = spending(c, ledger, names[k], names[NAMES - 1 - k]);
        }
        assert_status(sy_ledger_open(c->context, &look, c->path, &c->err), SY_EBUSY, &c->err);
        assert_null(look);
        assert_ok(sy_ledger_read(c->context, &look, c->path, &c->err), &c->err);
        uint64_t charges = 0;
        assert_ok(sy_ledger_list(look, 1e-6, count_lines, &charges, &c->err), &c->err);
        assert_int_equal(charges, NAMES * (round + 1));
        assert_status(charge(c, look, "d", "a", laplace(0.1), 100), SY_EPERM, &c->err);
        sy_ledger_unref(look);
        sy_ledger_unref(sy_ledger_ref(ledger));
        sy_ledger_unref(ledger);
    }
    struct stat about;
    assert_int_equal(stat(c->path, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0600);
}

static size_t read_bytes(const char *path, char *bytes, size_t most)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    const size_t size = fread(bytes, 1, most, file);
    fclose(file);
    return size;
}

static void write_bytes(const char *path, const char *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    fclose(file);
}

/* A power failure while the third line is written: it was not answered, and is gone; the others are not. */
static void test_torn(void **state)
{
    enum { MOST = 4096 };
    scene *c = *state;
    char bytes[MOST];
    size_t ends[3];
    sy_ledger *ledger = open_at(c, c->path);
    for (int k = 0; k < 3; k++) {
        assert_ok(charge(c, ledger, "d", "a", laplace(0.1), 100), &c->err);
        ends[k] = read_bytes(c->path, bytes, MOST);
    }
    sy_ledger_unref(ledger);
    for (size_t size = 0; size < ends[2]; size++) {
        const uint64_t lines = size < ends[0] ? 0 : size < ends[1] ? 1 : 2;
        write_bytes(c->path, bytes, size);
        ledger = open_at(c, c->path);
        assert_int_equal(spending(c, ledger, "d", "a").charges, lines);
        assert_ok(charge(c, ledger, "d", "a", laplace(0.1), 100), &c->err);
        sy_ledger_unref(ledger);
        ledger = open_at(c, c->path);
        assert_int_equal(spending(c, ledger, "d", "a").charges, lines + 1);
        sy_ledger_unref(ledger);
    }
}

/* A byte that is another one, a line that is missing or there twice, is not overlooked. */
static void test_changed(void **state)
{
    enum { MOST = 4096 };
    scene *c = *state;
    char bytes[MOST], other[MOST];
    size_t ends[4];
    sy_ledger *ledger = open_at(c, c->path), *none = NULL;
    for (int k = 0; k < 3; k++) {
        assert_ok(charge(c, ledger, "d", "a", laplace(0.1), 100), &c->err);
        ends[k] = read_bytes(c->path, bytes, MOST);
    }
    sy_ledger_unref(ledger);
    for (size_t k = 0; k + 1 < ends[2];
         k++) { /* the last newline says that the last line is whole */
        memcpy(other, bytes, ends[2]);
        other[k] ^= 1;
        write_bytes(c->path, other, ends[2]);
        assert_status(sy_ledger_open(c->context, &none, c->path, &c->err), SY_EFORMAT, &c->err);
        assert_null(none);
    }
    const size_t second = ends[1] - ends[0];
    memcpy(other, bytes, ends[0]);
    memcpy(other + ends[0], bytes + ends[1], ends[2] - ends[1]);
    write_bytes(c->path, other, ends[2] - second);
    assert_fails_saying(sy_ledger_open(c->context, &none, c->path, &c->err), SY_EFORMAT, &c->err,
                        "line 3");
    memcpy(other, bytes, ends[1]);
    memcpy(other + ends[1], bytes + ends[0], second);
    write_bytes(c->path, other, ends[1] + second);
    assert_fails_saying(sy_ledger_open(c->context, &none, c->path, &c->err), SY_EFORMAT, &c->err,
                        "line 4");
    assert_int_equal(read_bytes(c->path, other, MOST), ends[1] + second); /* and it is left alone */
}

/* No room on the disk: not charged, and the ledger goes on when there is. */
static void test_full_disk(void **state)
{
    scene *c = *state;
    struct rlimit usual, small;
    struct stat about;
    sy_ledger *ledger = open_at(c, c->path);
    assert_ok(charge(c, ledger, "d", "a", laplace(0.1), 100), &c->err);
    assert_int_equal(stat(c->path, &about), 0);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &usual), 0);
    small = usual;
    small.rlim_cur = (rlim_t)about.st_size + 10;
    void (*before)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    const sy_status status = charge(c, ledger, "d", "a", laplace(0.1), 100);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &usual), 0);
    (void)signal(SIGXFSZ, before);
    assert_status(status, SY_EIO, &c->err);
    assert_int_equal(spending(c, ledger, "d", "a").charges, 1);
    assert_ok(charge(c, ledger, "d", "a", laplace(0.1), 100), &c->err);
    sy_ledger_unref(ledger);
    ledger = open_at(c, c->path);
    assert_int_equal(spending(c, ledger, "d", "a").charges, 2);
    sy_ledger_unref(ledger);
}

static void test_bad_calls(void **state)
{
    scene *c = *state;
    sy_ledger *ledger = open_at(c, NULL), *none = NULL;
    static const double wrong[] = {0, -1, NAN, INFINITY};
    for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++) {
        assert_status(charge(c, ledger, "d", "a", gaussian(wrong[k], 1, 1), 1), SY_EINVAL, &c->err);
        assert_status(charge(c, ledger, "d", "a", laplace(1 / wrong[k]), 1), SY_EINVAL, &c->err);
        assert_status(charge(c, ledger, "d", "a", gaussian(1, 1, 1), wrong[k]), SY_EINVAL, &c->err);
        assert_status(charge(c, ledger, "d", "a", gaussian(1, wrong[k], 1), 1), SY_EINVAL, &c->err);
    }
    assert_status(charge(c, ledger, "d", "a", gaussian(1, 1.5, 1), 1), SY_EINVAL, &c->err);
    assert_status(charge(c, ledger, "d", "a", gaussian(1, 1, 0), 1), SY_EINVAL, &c->err);
    assert_status(charge(c, ledger, "", "a", gaussian(1, 1, 1), 1), SY_EINVAL, &c->err);
    assert_status(charge(c, ledger, "d", NULL, gaussian(1, 1, 1), 1), SY_EINVAL, &c->err);
    sy_budget b = budget(1, 0);
    const sy_charge fair = gaussian(10, 1, 1);
    b.delta = 0;
    assert_status(sy_ledger_charge(ledger, "d", "a", &fair, &b, &c->err), SY_EINVAL, &c->err);
    assert_int_equal(spending(c, ledger, "d", "a").charges, 0);
    sy_ledger_unref(ledger);
    sy_ledger_unref(NULL);
    assert_status(sy_ledger_read(c->context, &none, "/nowhere/at/all", &c->err), SY_ENOTFOUND,
                  &c->err);
    assert_status(sy_ledger_open(c->context, &none, c->folder.path, &c->err), SY_EIO, &c->err);
    write_bytes(c->path, "id,name\n1,x\n", 12);
    assert_fails_saying(sy_ledger_open(c->context, &none, c->path, &c->err), SY_EFORMAT, &c->err,
                        "no ledger");
}

static void test_budget_texts(void **state)
{
    static const char *const wrong[] = {
        "",    "1",   "1,",       ",1e-6",  "1,1e-6,",  "1;1e-6",  "a,b",     "0,1e-6",
        "1,0", "1,1", "1,1e-6,x", "-1,0.1", "1,.1,2,3", "nan,0.1", "inf,0.1", "1,0.1 "};
    scene *c = *state;
    sy_budget read = budget(7, 7);
    for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++) {
        assert_status(sy_budget_from_text(wrong[k], &read, &c->err), SY_EINVAL, &c->err);
        assert_true(read.epsilon == 7 && read.epsilon_all == 7);
    }
    assert_ok(sy_budget_from_text("1.5,1e-6", &read, &c->err), &c->err);
    assert_true(read.epsilon == 1.5 && read.delta == 1e-6 && read.epsilon_all == 0);
    assert_ok(sy_budget_from_text("1,0.001,20", &read, &c->err), &c->err);
    assert_true(read.epsilon == 1 && read.delta == 0.001 && read.epsilon_all == 20);
    assert_int_equal(read.size, sizeof read);
}

/* Whoever charges at the same time: no more than the budget allows one after the other. */
typedef struct spender {
    sy_ledger *ledger;
    unsigned taken;
} spender;

static void *spend(void *user)
{
    spender *s = user;
    const sy_charge one = laplace(0.25);
    const sy_budget b = {sizeof b, 10, 1e-300, 0};
    for (int k = 0; k < 20; k++) {
        s->taken += sy_ledger_charge(s->ledger, "d", "a", &one, &b, NULL) == SY_OK ? 1 : 0;
    }
    return NULL;
}

static void test_threads(void **state)
{
    enum { THREADS = 4 };
    scene *c = *state;
    sy_ledger *ledger = open_at(c, NULL);
    pthread_t threads[THREADS];
    spender spenders[THREADS];
    unsigned taken = 0;
    for (int k = 0; k < THREADS; k++) {
        spenders[k] = (spender){ledger, 0};
        assert_int_equal(pthread_create(&threads[k], NULL, spend, &spenders[k]), 0);
    }
    for (int k = 0; k < THREADS; k++) {
        pthread_join(threads[k], NULL);
        taken += spenders[k].taken;
    }
    assert_int_equal(taken, 40);
    sy_ledger_unref(ledger);
}

static sy_status open_and_charge(sy_context *context, void *argument, sy_error *err)
{
    sy_ledger *ledger = NULL;
    const sy_charge one = laplace(0.25);
    const sy_budget b = budget(10, 0);
    sy_status status = sy_ledger_open(context, &ledger, argument, err);
    if (status == SY_OK) {
        status = sy_ledger_charge(ledger, "d", "a", &one, &b, err);
    }
    sy_ledger_unref(ledger);
    return status;
}

static void test_no_memory(void **state)
{
    scene *c = *state;
    char path[300];
    snprintf(path, sizeof path, "%s", c->path);
    assert_true(memory_faults_sweep(open_and_charge, path) > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_sums, setup, teardown),
        cmocka_unit_test_setup_teardown(test_pure, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refusals, setup, teardown),
        cmocka_unit_test_setup_teardown(test_file, setup, teardown),
        cmocka_unit_test_setup_teardown(test_torn, setup, teardown),
        cmocka_unit_test_setup_teardown(test_changed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_full_disk, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad_calls, setup, teardown),
        cmocka_unit_test_setup_teardown(test_budget_texts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_threads, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_memory, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
