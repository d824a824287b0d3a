/*
 * sharing_processes.c - parties of joint commands in processes of their own, which are killed, stopped and continued; this
 * program is all of them. A worker that ends looks whether anything is left of a session.
 */
#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "support/sharing_parties.h"

/* --- the processes ----------------------------------------------------------------------------- */

/* Connects to the others, so that it does not wait for long for one that is gone; serves until it is told to end. */
static int worker_main(const char *id, char **others)
{
    test_place here;
    sigset_t end;
    int got = 0;
    sy_listen_options options = SY_LISTEN_OPTIONS_INIT;
    options.lease_grace_ms = PARTIES_GRACE_MS;
    sigemptyset(&end);
    sigaddset(&end, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &end, NULL); /* before any thread starts */
    place_open(&here, id, false, 1);
    for (size_t k = 0; others[k] != NULL; k++) {
        (void)place_connect_for(&here, others[k], 20000, 300);
    }
    printf("listening on %s\n", place_listen(&here, "tcp://127.0.0.1:0", &options));
    fflush(stdout);
    sigwait(&end, &got);
    const uint64_t until = test_now_ms() + 8000;
    bool clean = false;
    while (!clean && test_now_ms() < until) {
        clean = room_sessions(here.hook) == 0 && room_threads(here.hook) == 0 &&
                sy_worker_get_object_count(here.worker) == 0;
        test_sleep_ms(5);
    }
    place_close(&here);
    return clean ? 0 : 3;
}

/* Never ends by itself. */
static int client_main(char **urls)
{
    parties p = {.count = 3, .urls = {urls[0], urls[1], urls[2]}, .provider_url = urls[3]};
    party_client c;
    sy_error err = SY_ERROR_INIT;
    client_open(&c, &p, "client", true, 20000);
    for (bool said = false; client_try(&c, &err) == SY_OK; said = true) {
        if (!said) {
            printf("listening on it\n");
            fflush(stdout);
        }
    }
    return 4;
}

typedef struct process {
    pid_t pid;
    char said[128];
} process;

static void process_start(process *p, const char *const *more)
{
    extern char **environ;
    const char *argv[8] = {"sharing_processes"};
    char own[256];
    int ends[2];
    posix_spawn_file_actions_t actions;
    for (size_t k = 0; more[k] != NULL; k++) {
        argv[k + 1] = more[k];
    }
    const ssize_t length = readlink("/proc/self/exe", own, sizeof own - 1);
    assert_true(length > 0);
    own[length] = '\0';
    assert_int_equal(pipe(ends), 0);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_addclose(&actions, ends[0]);
    posix_spawn_file_actions_addclose(&actions, ends[1]);
    assert_int_equal(
        posix_spawn(&p->pid, own, &actions, NULL, (char *const *)(const void *)argv, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    char line[200];
    FILE *said = fdopen(ends[0], "r");
    assert_non_null(fgets(line, sizeof line, said));
    assert_int_equal(sscanf(line, "listening on %127s", p->said), 1);
    fclose(said);
}

static void process_stop(const process *p)
{
    int status = 0;
    assert_int_equal(kill(p->pid, SIGSTOP), 0);
    assert_int_equal(waitpid(p->pid, &status, WUNTRACED), p->pid);
    assert_true(WIFSTOPPED(status));
}

static void process_kill(process *p)
{
    assert_int_equal(kill(p->pid, SIGKILL), 0);
    assert_int_equal(waitpid(p->pid, NULL, 0), p->pid);
    p->pid = 0;
}

static void process_end(const process *p)
{
    int status = -1;
    if (p->pid == 0) {
        return;
    }
    assert_int_equal(kill(p->pid, SIGTERM), 0);
    assert_int_equal(waitpid(p->pid, &status, 0), p->pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0); /* nothing was left */
}

/* --- the scene --------------------------------------------------------------------------------- */

enum { HOLDERS = 3 };

typedef struct scene {
    process workers[HOLDERS + 1]; /* the last one provides */
    parties p;                    /* where they are */
    party_client c;
    sy_tensor *x;
    sy_error err;
} scene;

static const int64_t DATA[] = {3, -4, 5}, SQUARES[] = {9, 16, 25};

static const char *name_of(size_t who)
{
    return who < HOLDERS ? party_names[who] : "james";
}

/* The provider first; each is connected to those before it; in the long run they have to find each other. */
static void workers_open(scene *s)
{
    memset(s, 0, sizeof *s);
    s->p.count = HOLDERS;
    const char *more[2 + HOLDERS + 1] = {"worker"};
    for (size_t k = 0; k <= HOLDERS; k++) {
        const size_t who = k == 0 ? HOLDERS : k - 1;
        more[1] = name_of(who);
        process_start(&s->workers[who], more);
        if (test_rounds(1) == 1 && k < HOLDERS) {
            more[2 + k] = s->workers[who].said;
        }
    }
    for (size_t k = 0; k < HOLDERS; k++) {
        s->p.urls[k] = s->workers[k].said;
    }
    s->p.provider_url = s->workers[HOLDERS].said;
}

static void scene_open(scene *s, uint32_t timeout_ms)
{
    workers_open(s);
    client_open(&s->c, &s->p, "client", true, timeout_ms);
    assert_ok(client_share(&s->c, &s->x, 3, DATA, &s->err), &s->err);
    assert_ok(client_try(&s->c, &s->err), &s->err);
}

static void scene_close(scene *s)
{
    sy_tensor_unref(s->x);
    client_close(&s->c);
    for (size_t k = HOLDERS + 1; k-- > 0;) {
        process_end(&s->workers[k]);
    }
}

static sy_status square(scene *s, sy_error *err)
{
    sy_tensor *z = NULL;
    sy_status status = client_mul(&s->c, &z, s->x, s->x, err);
    if (status == SY_OK) {
        status = client_look(z, 3, SQUARES, err);
    }
    sy_tensor_unref(z);
    return status;
}

static sy_status square_main(test_thread *self, sy_error *err)
{
    return square(self->shared, err);
}

/* --- tests ------------------------------------------------------------------------------------- */

/* In the midst of a command, for it was stopped before. */
static void test_killed(void **state)
{
    const size_t who = (size_t)(uintptr_t)*state;
    scene s;
    test_thread thread;
    scene_open(&s, 20000);
    process_stop(&s.workers[who]);
    threads_start(&thread, 1, &s, square_main);
    test_sleep_ms(150);
    const uint64_t began = test_now_ms();
    process_kill(&s.workers[who]);
    threads_join(&thread, 1);
    assert_true(test_now_ms() - began < 15000);
    assert_int_not_equal(thread.status, SY_OK);
    assert_names(&thread.err, name_of(who));
    if (who == HOLDERS) { /* what it provided for is still there, and another one may provide */
        assert_ok(client_look(s.x, 3, DATA, &s.err), &s.err);
        s.c.provider = NULL;
    } else {
        s.c.holders[who] = s.c.holders[HOLDERS - 1];
        s.c.count = HOLDERS - 1;
    }
    assert_ok(client_try(&s.c, &s.err), &s.err);
    scene_close(&s);
}

/* Beyond the deadline, and goes on then. */
static void test_stopped(void **state)
{
    const size_t who = (size_t)(uintptr_t)*state;
    scene s;
    scene_open(&s, TEST_SLOWNESS > 1 ? 6000 : 1200);
    process_stop(&s.workers[who]);
    const uint64_t began = test_now_ms();
    sy_error err = SY_ERROR_INIT;
    const sy_status status = square(&s, &err);
    const uint64_t took = test_now_ms() - began;
    assert_int_equal(kill(s.workers[who].pid, SIGCONT), 0);
    assert_true(took < 12000);
    assert_int_not_equal(status, SY_OK);
    assert_names(&err, name_of(who));
    assert_ok(client_look(s.x, 3, DATA, &s.err), &s.err);
    assert_ok(square(&s, &s.err), &s.err);
    scene_close(&s);
}

/* Its sessions, its dealing and its shares go; the workers serve others. */
static void test_client_killed(void **state)
{
    scene s;
    (void)state;
    workers_open(&s);
    for (unsigned k = 0; k < 3; k++) {
        const char *const more[] = {"client",    s.p.urls[0],      s.p.urls[1],
                                    s.p.urls[2], s.p.provider_url, NULL};
        process client;
        process_start(&client, more);
        test_sleep_ms(7 * k + 1);
        process_kill(&client);
    }
    client_open(&s.c, &s.p, "other", true, 20000);
    assert_ok(client_try(&s.c, &s.err), &s.err);
    scene_close(&s);
}

#define FOR_PARTY(test, index, name)                                      \
    {                                                                     \
#test " [" name "]", test, NULL, NULL, (void *)(uintptr_t)(index) \
    }
int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        FOR_PARTY(test_killed, 0, "alice"),
        FOR_PARTY(test_killed, HOLDERS, "james"),
        FOR_PARTY(test_stopped, 1, "bob"),
        cmocka_unit_test(test_client_killed),
    };
    const struct CMUnitTest more[] = {
        FOR_PARTY(test_killed, 1, "bob"),          FOR_PARTY(test_killed, 2, "carol"),
        FOR_PARTY(test_stopped, 0, "alice"),       FOR_PARTY(test_stopped, 2, "carol"),
        FOR_PARTY(test_stopped, HOLDERS, "james"),
    };
    if (argc > 1) { /* not longer than the test */
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    }
    if (argc >= 3 && strcmp(argv[1], "worker") == 0) {
        return worker_main(argv[2], &argv[3]);
    }
    if (argc == 6 && strcmp(argv[1], "client") == 0) {
        return client_main(&argv[2]);
    }
    const int failed = workers_run(tests);
    return failed == 0 && test_rounds(1) > 1 ? workers_run(more) : failed;
}
