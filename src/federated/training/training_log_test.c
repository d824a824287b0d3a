/*
 * training_log_test.c - what is in the files to the byte, where a log goes on, that a kill at any moment leaves a log that goes on
 * without a line missing or twice, and that nothing else is taken for a log. The reader of other programs: tests/cli/training.py.
 */
#include "federated/training/training_log.h"

#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/folder.h"
#include "support/local_hook.h"
#include "support/property.h"

#define ROUND_NAMES "round,seconds,asked,counted,rows,loss,test_rows,test_loss,test_accuracy\n"
#define SHARD_NAMES "round,worker,dataset,counted,rows,batches,loss,why\n"

typedef struct scene {
    local_hook *local;
    test_folder folder;
    const char *rounds, *shards;
    sy_training_log *log;
    sy_error err;
} scene;

static void scene_open(scene *s, void **state)
{
    *s = (scene){.local = *state};
    assert_true(test_folder_make(&s->folder));
    s->rounds = test_folder_path(&s->folder, "rounds.csv");
    s->shards = test_folder_path(&s->folder, "shards.csv");
}

static void scene_close(scene *s)
{
    sy_training_log_close(s->log);
    assert_true(test_folder_remove(&s->folder));
}

static void begin(scene *s, int64_t rounds)
{
    sy_training_log_close(s->log);
    assert_ok(
        sy_training_log_open(&s->log, s->local->context, s->rounds, s->shards, rounds, &s->err),
        &s->err);
}

static void add(scene *s, int64_t round)
{
    const sy_round_report report = {.counted = 2, .rows = 10, .loss = 0.5, .seconds = 1};
    assert_ok(sy_training_log_add(s->log, round, &report, NULL, NULL, 0, NULL, &s->err), &s->err);
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
}

static void assert_file(const char *path, const char *expected)
{
    char text[8192];
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    assert_string_equal(text, expected);
}

static sy_shard shard_of(scene *s, const char *name, const char *key)
{
    sy_worker *worker = NULL;
    assert_ok(sy_virtual_worker_new(s->local->hook, &worker, name, &s->err), &s->err);
    return (sy_shard){worker, key};
}

/* --- what is in it -------------------------------------------------------------------------------- */

static void test_lines(void **state)
{
    scene s;
    scene_open(&s, state);
    const sy_shard shards[] = {shard_of(&s, "alice", "digits"), shard_of(&s, "bob", "digits"),
                               shard_of(&s, "charlie", "digits")};
    const sy_round_report report = {.counted = 1, .rows = 33, .loss = 0.1, .seconds = 0.25};
    sy_shard_report reports[3] = {
        {.asked = true, .counted = true, .result = {.loss = 1.0 / 3, .rows = 33, .batches = 7}},
        {.asked = true},
        {.asked = false}};
    const sy_evaluation e = {.rows = 8, .right = 6, .loss = -2},
                        of_numbers = {.rows = 8, .right = -1, .loss = (double)NAN};
    snprintf(reports[1].why.message, sizeof reports[1].why.message, "worker bob: \"no\",\nnot now");
    begin(&s, 0);
    assert_ok(sy_training_log_add(s.log, 1, &report, shards, reports, 3, &e, &s.err), &s.err);
    assert_ok(sy_training_log_add(s.log, 2, &report, NULL, NULL, 0, &of_numbers, &s.err), &s.err);
    assert_ok(sy_training_log_add(s.log, 9, &report, NULL, NULL, 0, NULL, &s.err), &s.err);
    assert_file(s.rounds, ROUND_NAMES "1,0.25,2,1,33,0.1,8,-2.0,0.75\n"
                                      "2,0.25,,1,33,0.1,8,,\n"
                                      "9,0.25,,1,33,0.1,,,\n");
    assert_file(s.shards,
                SHARD_NAMES "1,\"alice\",\"digits\",1,33,7,0.3333333333333333,\n"
                            "1,\"bob\",\"digits\",0,,,,\"worker bob: \"\"no\"\",?not now\"\n");
    scene_close(&s);
}

/* A worker calls itself what it likes: no field becomes a formula, also where a program takes ';' for the separator. */
static void test_foreign_names(void **state)
{
    static const struct {
        const char *name, *field;
    } cases[] = {
        {"=cmd|' /C calc'!A0", "\"'=cmd|' /C calc'!A0\""},
        {"+1", "\"'+1\""},
        {"-1", "\"'-1\""},
        {"@SUM(A1)", "\"'@SUM(A1)\""},
        {"  =1", "\"  '=1\""},
        {"a,=1", "\"a,'=1\""},
        {"a; -1", "\"a; '-1\""},
        {"\"=1\"", "\"\"\"'=1\"\"\""},
        {"a-b=c", "\"a-b=c\""},
        {"\xc3\xa4\xff\x01", "\"\xc3\xa4??\""},
    };
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        char expected[256];
        scene s;
        scene_open(&s, state);
        const sy_shard shard = {
            s.local->hook != NULL ? sy_hook_get_local_worker(s.local->hook) : NULL, cases[k].name};
        const sy_round_report report = {.counted = 0};
        sy_shard_report one = {.asked = true};
        begin(&s, 0);
        assert_ok(sy_training_log_add(s.log, 1, &report, &shard, &one, 1, NULL, &s.err), &s.err);
        snprintf(expected, sizeof expected, SHARD_NAMES "1,\"me\",%s,0,,,,\"\"\n", cases[k].field);
        assert_file(s.shards, expected);
        scene_close(&s);
    }
}

/* --- where it goes on ------------------------------------------------------------------------------ */

static void test_goes_on(void **state)
{
    scene s;
    scene_open(&s, state);
    begin(&s, 0);
    for (int round = 1; round <= 3; round++) {
        add(&s, round);
    }
    begin(&s, 2); /* the checkpoint is of round 2 */
    assert_file(s.rounds, ROUND_NAMES "1,1.0,,2,10,0.5,,,\n2,1.0,,2,10,0.5,,,\n");
    assert_status(sy_training_log_add(s.log, 2, &(sy_round_report){0}, NULL, NULL, 0, NULL, &s.err),
                  SY_EINVAL, &s.err);
    add(&s, 3);
    begin(&s, 7); /* of later ones nothing is known */
    add(&s, 8);
    assert_file(s.rounds, ROUND_NAMES "1,1.0,,2,10,0.5,,,\n2,1.0,,2,10,0.5,,,\n3,1.0,,2,10,0.5,,,\n"
                                      "8,1.0,,2,10,0.5,,,\n");
    begin(&s, 0); /* anew */
    assert_file(s.rounds, ROUND_NAMES);
    assert_file(s.shards, SHARD_NAMES);
    scene_close(&s);
}

/* Wherever the last write ended, what is whole stays and nothing else. */
static void test_every_end(void **state)
{
    static const char whole[] = ROUND_NAMES "1,1.0,,2,10,0.5,,,\n12,1.0,,2,10,0.5,,,\n";
    const size_t names = strlen(ROUND_NAMES), one = strlen("1,1.0,,2,10,0.5,,,\n");
    scene s;
    scene_open(&s, state);
    for (size_t length = 0; length < sizeof whole; length++) {
        char cut[sizeof whole], expected[sizeof whole];
        snprintf(cut, sizeof cut, "%.*s", (int)length, whole);
        write_file(s.rounds, cut);
        const size_t kept = length == sizeof whole - 1 ? length
                            : length >= names + one    ? names + one
                                                       : names;
        snprintf(expected, sizeof expected, "%.*s", (int)kept, whole);
        begin(&s, 12);
        assert_file(s.rounds, expected);
    }
    scene_close(&s);
}

/* A process that writes is killed at some moment, over and over; each time it goes on from its "checkpoint". */
static void test_killed(void **state)
{
    property_random random = property_start("training_log");
    int64_t done = 0;
    scene s;
    scene_open(&s, state);
    const char *checkpoint = test_folder_path(&s.folder, "checkpoint");
    sy_shard shards[40];
    static sy_shard_report reports[40];
    for (int k = 0; k < 40; k++) {
        shards[k] = (sy_shard){sy_hook_get_local_worker(s.local->hook), "digits"};
        reports[k].asked = true;
        memset(reports[k].why.message, 'x', 200);
    }
    const int descriptor = open(checkpoint, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    for (int turn = 0; turn < 20; turn++) {
        const pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            sy_training_log *log = NULL;
            const sy_round_report report = {.counted = 0, .seconds = 1};
            bool good = sy_training_log_open(&log, s.local->context, s.rounds, s.shards, done,
                                             NULL) == SY_OK;
            for (int64_t round = done + 1; good; round++) {
                good = sy_training_log_add(log, round, &report, shards, reports, 40, NULL, NULL) ==
                           SY_OK &&
                       pwrite(descriptor, &round, sizeof round, 0) == sizeof round;
            }
            _exit(1);
        }
        int status = -1;
        usleep((useconds_t)(1000 + property_next(&random) % 20000));
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status));
        (void)!pread(descriptor, &done, sizeof done, 0);
    }
    assert_true(done > 20);
    begin(&s, done);
    FILE *file = fopen(s.rounds, "r");
    char line[16384];
    assert_non_null(fgets(line, sizeof line, file));
    for (int64_t round = 1; round <= done; round++) {
        char expected[64];
        snprintf(expected, sizeof expected, "%" PRId64 ",1.0,40,0,0,0.0,,,\n", round);
        assert_non_null(fgets(line, sizeof line, file));
        assert_string_equal(line, expected);
    }
    assert_null(fgets(line, sizeof line, file));
    fclose(file);
    file = fopen(s.shards, "r");
    assert_non_null(fgets(line, sizeof line, file));
    for (int64_t k = 0; k < done * 40; k++) {
        assert_non_null(fgets(line, sizeof line, file));
        assert_int_equal(strtoll(line, NULL, 10), k / 40 + 1);
        assert_int_equal(line[strlen(line) - 1], '\n');
    }
    assert_null(fgets(line, sizeof line, file));
    fclose(file);
    close(descriptor);
    scene_close(&s);
}

/* --- what fails ----------------------------------------------------------------------------------- */

static void test_other_files(void **state)
{
    static const char *const others[] = {
        "a,b\n1,2\n",
        "round,",    /* a beginning, and then something else */
        SHARD_NAMES, /* the other table */
        ROUND_NAMES "x,1.0\n",
        ROUND_NAMES ",1.0\n",
        ROUND_NAMES "1\n",
        ROUND_NAMES "2,1.0\n1,1.0\n",
        ROUND_NAMES "99999999999999999999,1\n",
    };
    scene s;
    scene_open(&s, state);
    for (size_t k = 0; k < sizeof others / sizeof others[0]; k++) {
        const bool torn = k == 1; /* as a kill leaves it */
        write_file(s.rounds, others[k]);
        assert_status(sy_training_log_open(&s.log, s.local->context, s.rounds, s.shards, 5, &s.err),
                      torn ? SY_OK : SY_EFORMAT, &s.err);
        if (!torn) {
            assert_non_null(strstr(s.err.message, "rounds.csv, line "));
            assert_null(s.log);
            assert_file(s.rounds, others[k]);
            assert_int_equal(access(s.shards, F_OK), -1);
        }
        sy_training_log_close(s.log);
        s.log = NULL;
        unlink(s.shards);
    }
    scene_close(&s);
}

static void test_bad_input(void **state)
{
    scene s;
    scene_open(&s, state);
    sy_context *context = s.local->context;
    assert_status(sy_training_log_open(&s.log, context, NULL, NULL, 0, &s.err), SY_EINVAL, &s.err);
    assert_status(sy_training_log_open(&s.log, context, s.rounds, NULL, -1, &s.err), SY_EINVAL,
                  &s.err);
    assert_fails_saying(sy_training_log_open(&s.log, context, s.rounds, s.rounds, 0, &s.err),
                        SY_EINVAL, &s.err, "two files");
    assert_int_equal(access(s.rounds, F_OK), -1);
    assert_status(sy_training_log_open(&s.log, context, s.rounds, "/nowhere/x", 0, &s.err),
                  SY_ENOTFOUND, &s.err);
    assert_int_equal(access(s.rounds, F_OK), -1);
    assert_status(sy_training_log_open(&s.log, context, "/", NULL, 0, &s.err), SY_EIO, &s.err);
    begin(&s, 0);
    assert_status(sy_training_log_add(s.log, 1, NULL, NULL, NULL, 0, NULL, &s.err), SY_EINVAL,
                  &s.err);
    assert_status(sy_training_log_add(s.log, 1, &(sy_round_report){0}, NULL, NULL, 1, NULL, &s.err),
                  SY_EINVAL, &s.err);
    assert_file(s.rounds, ROUND_NAMES);
    scene_close(&s);
}

/* On a full disk neither file has the round. */
static void test_full_disk(void **state)
{
    scene s;
    struct rlimit before, small;
    scene_open(&s, state);
    const sy_shard shard = {sy_hook_get_local_worker(s.local->hook), "digits"};
    const sy_shard_report one = {.asked = true};
    const sy_round_report report = {.counted = 1};
    begin(&s, 0);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = strlen(ROUND_NAMES) + 4; /* the shard's line goes in, the round's does not */
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    const sy_status status = sy_training_log_add(s.log, 1, &report, &shard, &one, 1, NULL, &s.err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, handler);
    assert_int_equal(status, SY_EIO);
    assert_non_null(strstr(s.err.message, "rounds.csv: cannot write"));
    assert_file(s.rounds, ROUND_NAMES);
    assert_file(s.shards, SHARD_NAMES);
    add(&s, 1);
    scene_close(&s);
}

static sy_status use_little(sy_context *context, void *argument, sy_error *err)
{
    const scene *s = argument;
    sy_training_log *log = NULL;
    const sy_round_report report = {.counted = 1};
    sy_status status = sy_training_log_open(&log, context, s->rounds, s->shards, 0, err);
    if (status == SY_OK) {
        status = sy_training_log_add(log, 1, &report, NULL, NULL, 0, NULL, err);
    }
    sy_training_log_close(log);
    return status;
}

static void test_no_memory(void **state)
{
    scene s;
    scene_open(&s, state);
    assert_true(memory_faults_sweep(use_little, &s) >= 4);
    scene_close(&s);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, local_hook_setup, local_hook_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_lines),     TEST(test_foreign_names), TEST(test_goes_on),
        TEST(test_every_end), TEST(test_killed),        TEST(test_other_files),
        TEST(test_bad_input), TEST(test_full_disk),     TEST(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
