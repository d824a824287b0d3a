/*
 * federated_resume.c - processes of a training that die. A coordinator that trains at workers in processes of their own is killed in the middle of rounds, at moments
 * drawn from a seed, and begun anew each time: in the end it has the parameters of one that nobody killed, to the bit, with a log of every
 * round once; the checkpoint is whole whenever it is looked at, and the workers keep nothing of those that died. A worker that is killed is left
 * out until it is started anew. This program is the coordinator, too.
 */
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include <csyft/training_log.h>

#include "support/folder.h"
#include "support/places.h"
#include "support/program.h"

enum { WORKERS = 3, ROWS = 400, FEATURES = 6, CLASSES = 3, ROUNDS = 14, KILLS = 4 };

/* --- the coordinator ----------------------------------------------------------------------------- */

/* Every way that has a state of its own. */
typedef struct way {
    const char *name;
    sy_strategy strategy;
    double fraction;
    bool over_shares;
} way;
static const way ways[] = {
    {"average", SY_STRATEGY_AVERAGE, 0.67, false},
    {"adam", SY_STRATEGY_ADAM, 1, false},
    {"shares", SY_STRATEGY_ADAM, 1, true},
};

typedef struct training {
    sy_context *context;
    sy_hook *hook;
    sy_module *model;
    sy_trainer *trainer;
} training;

static sy_status make_model(sy_hook *hook, sy_module **model, sy_error *err)
{
    sy_module *layers[3] = {NULL};
    sy_hook_manual_seed(hook, 4);
    sy_status status = sy_module_new_linear(hook, &layers[0], FEATURES, 24, true, err);
    if (status == SY_OK) {
        status = sy_module_new_relu(hook, &layers[1], err);
    }
    if (status == SY_OK) {
        status = sy_module_new_linear(hook, &layers[2], 24, CLASSES, true, err);
    }
    if (status == SY_OK) {
        status = sy_module_new_sequential(hook, model, layers, 3, err);
    }
    for (int k = 0; k < 3; k++) {
        sy_module_unref(layers[k]);
    }
    return status;
}

static sy_status training_open(training *t, sy_error *err)
{
    const sy_plan_shape input = {SY_DTYPE_F32, 2, {-1, FEATURES}}, target = {SY_DTYPE_I64, 1, {-1}};
    sy_training_options options = SY_TRAINING_OPTIONS_INIT;
    sy_sgd_options sgd = SY_SGD_OPTIONS_INIT;
    sgd.lr = 0.05;
    sgd.momentum = 0.9;
    options.sgd = &sgd;
    memset(t, 0, sizeof *t);
    sy_status status = sy_context_new(&t->context, NULL, err);
    if (status == SY_OK) {
        status = sy_hook_new(t->context, &t->hook, NULL, err);
    }
    if (status == SY_OK) {
        status = make_model(t->hook, &t->model, err);
    }
    return status == SY_OK ? sy_trainer_new(&t->trainer, t->model, &input, &target, &options, err)
                           : status;
}

static void training_close(training *t)
{
    sy_trainer_free(t->trainer);
    sy_module_unref(t->model);
    sy_hook_free(t->hook);
    sy_context_free(t->context);
}

static sy_status train(training *t, const way *how, const char *checkpoint, const char *csv,
                       char **urls, sy_error *err)
{
    sy_worker *owners[WORKERS];
    sy_shard shards[WORKERS];
    sy_training_log *log = NULL;
    sy_round_report report;
    sy_shard_report reports[WORKERS];
    sy_round_options options = SY_ROUND_OPTIONS_INIT;
    options.strategy = how->strategy;
    options.fraction = how->fraction;
    options.min_workers = how->fraction < 1 ? 2 : WORKERS;
    options.seed = 11;
    options.fit.seed = 12;
    options.fit.batch_size = 10;
    options.fit.epochs = 2;
    options.holders = how->over_shares ? owners : NULL;
    options.holder_count = how->over_shares ? WORKERS : 0;
    sy_status status = SY_OK;
    for (int k = 0; status == SY_OK && k < WORKERS; k++) {
        status = sy_worker_connect(t->hook, &owners[k], urls[k], NULL, err);
        shards[k] = (sy_shard){owners[k], "points"};
    }
    if (status == SY_OK && access(checkpoint, F_OK) == 0) {
        status = sy_trainer_load(t->trainer, checkpoint, err);
    }
    if (status == SY_OK) {
        status = sy_training_log_open(&log, t->context, csv, NULL,
                                      sy_trainer_get_rounds(t->trainer), err);
    }
    while (status == SY_OK && sy_trainer_get_rounds(t->trainer) < ROUNDS) {
        (void)getchar(); /* at its end every round may begin */
        puts("a round begins");
        fflush(stdout);
        status = sy_trainer_round(t->trainer, shards, WORKERS, &options, &report, reports, err);
        if (status == SY_OK) {
            status = sy_training_log_add(log, sy_trainer_get_rounds(t->trainer), &report, shards,
                                         reports, WORKERS, NULL, err);
        }
        if (status == SY_OK) {
            status = sy_trainer_save(t->trainer, checkpoint, err);
        }
    }
    sy_training_log_close(log);
    return status;
}

/* WAY CHECKPOINT CSV URL URL URL */
static int coordinate(char **argv)
{
    training t;
    sy_error err = SY_ERROR_INIT;
    const way *how = ways;
    while (strcmp(how->name, argv[0]) != 0) {
        how++;
    }
    sy_status status = training_open(&t, &err);
    if (status == SY_OK) {
        status = train(&t, how, argv[1], argv[2], argv + 3, &err);
    }
    training_close(&t);
    if (status != SY_OK) {
        fprintf(stderr, "coordinator: %s\n", err.message);
    }
    return status == SY_OK ? 0 : 1;
}

/* --- the scene ----------------------------------------------------------------------------------- */

typedef struct scene {
    test_folder folder;
    const char *rows[WORKERS]; /* files */
    program workers[WORKERS];
    test_place home;
    sy_worker *at[WORKERS];
    pid_t coordinator; /* 0: none */
    FILE *said;
    int allowed; /* rounds that it may begin are written there */
    sy_error err;
} scene;

/* Points around three corners, a class each. */
static const char *write_rows(scene *s, int worker)
{
    char name[32];
    property_random random = {(uint64_t)worker + 1};
    snprintf(name, sizeof name, "%d.csv", worker);
    const char *path = test_folder_path(&s->folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    for (int row = 0; row < ROWS; row++) {
        const int class = (int)(property_next(&random) % CLASSES);
        for (int k = 0; k < FEATURES; k++) {
            const double noise = (double)(property_next(&random) % 1000) / 500 - 1;
            fprintf(file, "%.4f,", noise + (k % CLASSES == class ? 1 : 0));
        }
        fprintf(file, "%d\n", class);
    }
    assert_int_equal(fclose(file), 0);
    return path;
}

static void start_worker(scene *s, int k, const char *url)
{
    static const char *const names[WORKERS] = {"alice", "bob", "charlie"};
    char dataset[400];
    snprintf(dataset, sizeof dataset, "points=%s", s->rows[k]);
    const char *const argv[] = {"csyft",
                                "worker",
                                "--id",
                                names[k],
                                "--listen",
                                url,
                                "--dataset",
                                dataset,
                                "--transform",
                                "float32",
                                "--target-transform",
                                "int64",
                                "--release-rows",
                                "5",
                                "--grace",
                                "1",
                                NULL};
    program_start(&s->workers[k], argv, 1);
}

static int setup(void **state)
{
    scene *s = calloc(1, sizeof *s);
    *state = s;
    assert_true(test_folder_make(&s->folder));
    place_open(&s->home, "home", true, 1);
    for (int k = 0; k < WORKERS; k++) {
        s->rows[k] = write_rows(s, k);
        start_worker(s, k, "tcp://127.0.0.1:0");
        s->at[k] = place_connect(&s->home, s->workers[k].urls[0], 20000);
    }
    return 0;
}

static int teardown(void **state)
{
    scene *s = *state;
    if (s->coordinator != 0) { /* a failed test */
        (void)kill(s->coordinator, SIGKILL);
        (void)waitpid(s->coordinator, NULL, 0);
    }
    place_close(&s->home);
    for (int k = 0; k < WORKERS; k++) {
        if (s->workers[k].pid != 0) {
            program_stop(&s->workers[k]);
        }
    }
    const bool removed = test_folder_remove(&s->folder);
    free(s);
    return removed ? 0 : -1;
}

/* It begins so many rounds, so that it is in the last of them when it is killed, however fast it is; 0: all. */
static void start_coordinator(scene *s, const way *how, const char *checkpoint, const char *csv,
                              size_t rounds)
{
    static const char may[ROUNDS];
    const char *const argv[] = {"federated_resume",
                                "coordinate",
                                how->name,
                                checkpoint,
                                csv,
                                s->workers[0].urls[0],
                                s->workers[1].urls[0],
                                s->workers[2].urls[0],
                                NULL};
    char own[256];
    int ends[2], allowed[2];
    posix_spawn_file_actions_t actions;
    const ssize_t length = readlink("/proc/self/exe", own, sizeof own - 1);
    assert_true(length > 0);
    own[length] = '\0';
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(pipe2(allowed, O_CLOEXEC), 0);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, allowed[0], STDIN_FILENO);
    assert_int_equal(posix_spawn(&s->coordinator, own, &actions, NULL,
                                 (char *const *)(const void *)argv, environ),
                     0);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    close(allowed[0]);
    s->said = fdopen(ends[0], "r");
    assert_int_equal(write(allowed[1], may, rounds), rounds);
    s->allowed = allowed[1];
    if (rounds == 0) {
        close(s->allowed);
        s->allowed = -1;
    }
}

/* Until so many rounds have begun, or it has ended. */
static void listen_to(scene *s, uint64_t rounds)
{
    char line[64];
    while (rounds > 0 && fgets(line, sizeof line, s->said) != NULL) {
        rounds--;
    }
}

/* Its status. */
static int end_coordinator(scene *s)
{
    int status = -1;
    assert_int_equal(waitpid(s->coordinator, &status, 0), s->coordinator);
    s->coordinator = 0;
    fclose(s->said);
    if (s->allowed >= 0) {
        close(s->allowed);
    }
    return status;
}

/* --- what must hold ------------------------------------------------------------------------------ */

/* The rounds in a checkpoint, which is whole; 0 without one. */
static int64_t look_at(const char *checkpoint)
{
    training t;
    sy_error err = SY_ERROR_INIT;
    int64_t rounds = 0;
    assert_ok(training_open(&t, &err), &err);
    if (access(checkpoint, F_OK) == 0) {
        assert_ok(sy_trainer_load(t.trainer, checkpoint, &err), &err);
        rounds = sy_trainer_get_rounds(t.trainer);
        assert_true(rounds > 0);
    }
    training_close(&t);
    return rounds;
}

static void assert_same_files(const char *first, const char *second)
{
    static char bytes[2][65536];
    size_t sizes[2];
    for (int k = 0; k < 2; k++) {
        FILE *file = fopen(k == 0 ? first : second, "r");
        assert_non_null(file);
        sizes[k] = fread(bytes[k], 1, sizeof bytes[k], file);
        assert_true(sizes[k] > 0 && sizes[k] < sizeof bytes[k]);
        fclose(file);
    }
    assert_int_equal(sizes[0], sizes[1]);
    assert_memory_equal(bytes[0], bytes[1], sizes[0]);
}

static void assert_every_round_once(const char *csv)
{
    char line[400];
    FILE *file = fopen(csv, "r");
    assert_non_null(file);
    assert_non_null(fgets(line, sizeof line, file));
    for (int round = 1; round <= ROUNDS; round++) {
        assert_non_null(fgets(line, sizeof line, file));
        assert_int_equal(strtol(line, NULL, 10), round);
    }
    assert_null(fgets(line, sizeof line, file));
    fclose(file);
}

/* Only the dataset is there, after the grace of a second at the latest. */
static void assert_nothing_is_left(scene *s)
{
    const uint64_t until = test_now_ms() + 10000;
    for (int k = 0; k < WORKERS; k++) {
        uint64_t count = 0;
        do {
            test_sleep_ms(5);
            assert_ok(sy_worker_count_objects(s->at[k], &count, &s->err), &s->err);
            assert_true(count == 1 || test_now_ms() < until);
        } while (count != 1);
    }
}

static void test_coordinator_killed(void **state)
{
    scene *s = *state;
    property_random random = property_start("federated_resume");
    for (size_t k = 0; k < sizeof ways / sizeof ways[0]; k++) {
        char name[64];
        const char *paths[4];
        static const char *const endings[] = {"whole.safetensors", "whole.csv",
                                              "killed.safetensors", "killed.csv"};
        for (int i = 0; i < 4; i++) {
            snprintf(name, sizeof name, "%s-%s", ways[k].name, endings[i]);
            paths[i] = test_folder_path(&s->folder, name);
        }
        start_coordinator(s, &ways[k], paths[0], paths[1], 0);
        listen_to(s, UINT64_MAX);
        assert_int_equal(end_coordinator(s), 0);
        int64_t rounds = 0;
        for (int kill_number = 0; kill_number < KILLS; kill_number++) {
            const size_t begun = 1 + property_next(&random) % 3;
            start_coordinator(s, &ways[k], paths[2], paths[3], begun);
            listen_to(s, begun);
            usleep((useconds_t)(property_next(&random) % (4000u * TEST_SLOWNESS)));
            assert_int_equal(kill(s->coordinator, SIGKILL), 0);
            (void)end_coordinator(s);
            const int64_t now = look_at(paths[2]), more = now - rounds;
            assert_in_range(more, begun - 1, begun); /* the last one is done, or is not */
            rounds = now;
        }
        start_coordinator(s, &ways[k], paths[2], paths[3], 0);
        listen_to(s, UINT64_MAX);
        assert_int_equal(end_coordinator(s), 0);
        assert_int_equal(look_at(paths[2]), ROUNDS);
        assert_same_files(paths[0], paths[2]);
        assert_every_round_once(paths[1]);
        assert_every_round_once(paths[3]);
    }
    assert_nothing_is_left(s);
}

/* Rounds go on without a worker that was killed, and with it when it is there again, which has lost the plan. */
static void test_worker_killed(void **state)
{
    scene *s = *state;
    training t;
    sy_shard shards[WORKERS];
    sy_round_options options = SY_ROUND_OPTIONS_INIT;
    sy_round_report report;
    sy_shard_report reports[WORKERS];
    sy_evaluation evaluation = {0};
    char url[128];
    int rounds = 0;
    assert_ok(training_open(&t, &s->err), &s->err);
    for (int k = 0; k < WORKERS; k++) {
        sy_connect_options how = SY_CONNECT_OPTIONS_INIT;
        sy_worker *worker = NULL;
        how.reconnect_ms = 300;
        assert_ok(sy_worker_connect(t.hook, &worker, s->workers[k].urls[0], &how, &s->err),
                  &s->err);
        shards[k] = (sy_shard){worker, "points"};
    }
    assert_ok(sy_trainer_round(t.trainer, shards, WORKERS, &options, &report, reports, &s->err),
              &s->err);
    assert_int_equal(report.counted, WORKERS);
    assert_ok(sy_trainer_evaluate(t.trainer, &shards[1], 0, &evaluation, &s->err), &s->err);

    snprintf(url, sizeof url, "%s", s->workers[1].urls[0]);
    assert_int_equal(kill(s->workers[1].pid, SIGKILL), 0);
    assert_int_equal(waitpid(s->workers[1].pid, NULL, 0), s->workers[1].pid);
    s->workers[1].pid = 0;
    assert_ok(sy_trainer_round(t.trainer, shards, WORKERS, &options, &report, reports, &s->err),
              &s->err);
    assert_int_equal(report.counted, WORKERS - 1);
    assert_false(reports[1].counted);
    assert_string_not_equal(reports[1].why.message, "");

    start_worker(s, 1, url);
    do { /* it may be found a moment later */
        assert_ok(sy_trainer_round(t.trainer, shards, WORKERS, &options, &report, reports, &s->err),
                  &s->err);
        rounds++;
    } while (report.counted < WORKERS && rounds < 20);
    assert_int_equal(report.counted, WORKERS);
    assert_ok(sy_trainer_evaluate(t.trainer, &shards[1], 0, &evaluation, &s->err), &s->err);
    assert_int_equal(evaluation.rows, ROWS);
    training_close(&t);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_coordinator_killed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_worker_killed, setup, teardown),
    };
    if (argc == 8 && strcmp(argv[1], "coordinate") == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        return coordinate(argv + 2);
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
