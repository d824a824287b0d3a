/*
 * callers.c - who asks a worker, and what each may do: tokens, certificates' names, permissions and their lists, what
 * results inherit, limits per caller, and the lines about refusals. Over every transport; the transports themselves
 * are tested in src/transport.
 */
#include <sys/stat.h>

#include <csyft/caller.h>
#include <csyft/tls.h>

#include "support/folder.h"
#include "support/places.h"
#include "workers/commands.h"
#include "workers/link.h"

#define ALICE "alice-alice-alice"
#define CAROL "carol-carol-carol"
#define DAVE "dave-dave-dave-dave"

/* --- a worker that keeps its log ----------------------------------------------------------------- */

typedef struct log_lines {
    pthread_mutex_t lock;
    char text[1 << 16];
    size_t length;
} log_lines;

static void take_line(void *user, sy_log_level level, const char *component, const char *worker,
                      uint64_t message_id, const char *message)
{
    log_lines *lines = user;
    (void)level;
    (void)message_id;
    pthread_mutex_lock(&lines->lock);
    const size_t room = sizeof lines->text - lines->length;
    const int length =
        snprintf(lines->text + lines->length, room, "%s %s: %s\n", component, worker, message);
    lines->length += (size_t)length < room ? (size_t)length : room - 1;
    pthread_mutex_unlock(&lines->lock);
}

static bool has_line(log_lines *lines, const char *const *parts, size_t count)
{
    pthread_mutex_lock(&lines->lock);
    bool found = false;
    for (const char *line = lines->text; *line != '\0' && !found; line = strchr(line, '\n') + 1) {
        char one[2048];
        snprintf(one, sizeof one, "%.*s", (int)(strchr(line, '\n') - line), line);
        found = true;
        for (size_t k = 0; k < count; k++) {
            found = found && strstr(one, parts[k]) != NULL;
        }
    }
    pthread_mutex_unlock(&lines->lock);
    return found;
}

#define assert_line(lines, ...)                                                            \
    do {                                                                                   \
        const char *const parts_[] = {__VA_ARGS__};                                        \
        if (!has_line((lines), parts_, sizeof parts_ / sizeof parts_[0])) {                \
            fail_msg("no line with \"%s\" and the rest in\n%s", parts_[0], (lines)->text); \
        }                                                                                  \
    } while (0)

typedef struct scene {
    const char *kind; /* "tcp", ...; "virtual" */
    log_lines lines;
    test_folder folder;
    test_place there;            /* bob's, unless virtual */
    test_place homes[4];         /* alice's, carol's, dave's, nobody's */
    sy_worker *serving, *bob[4]; /* as each of them reaches him; NULL: not at all */
    const char *url;
    const char *ca;
    sy_error err;
} scene;

enum { IS_ALICE, IS_CAROL, IS_DAVE, IS_NOBODY };
static const char *const names[] = {"alice", "carol", "dave", "nobody"};
static const char *const tokens[] = {ALICE, CAROL, DAVE, NULL};

static void open_logged(scene *s, test_place *p)
{
    sy_context_options options = SY_CONTEXT_OPTIONS_INIT;
    sy_hook_options hook_options = SY_HOOK_OPTIONS_INIT;
    p->memory = calloc(1, sizeof *p->memory);
    options.allocator = failing_allocator_get(p->memory);
    options.pool_threads = 2;
    options.log = take_line;
    options.log_user = &s->lines;
    options.log_filter = "info,workers=debug";
    hook_options.local_worker_id = "bob";
    assert_ok(sy_context_new(&p->context, &options, &s->err), &s->err);
    assert_ok(sy_hook_new(p->context, &p->hook, &hook_options, &s->err), &s->err);
    p->worker = sy_hook_get_local_worker(p->hook);
}

static void make_keys(scene *s)
{
    static const char *const hosts[] = {"127.0.0.1"};
    assert_true(test_folder_make(&s->folder));
    s->ca = test_folder_path(&s->folder, "ca.pem");
    const char *ca_key = test_folder_path(&s->folder, "ca.key");
    const char *bob = test_folder_path(&s->folder, "bob.pem");
    const char *bob_key = test_folder_path(&s->folder, "bob.key");
    assert_ok(sy_tls_make_authority(s->there.context, s->ca, ca_key, "tests", 10, &s->err),
              &s->err);
    assert_ok(sy_tls_make_certificate(s->there.context, bob, bob_key, s->ca, ca_key, "bob", hosts,
                                      1, 10, &s->err),
              &s->err);
    sy_tls_options options = SY_TLS_OPTIONS_INIT;
    options.ca_file = s->ca;
    options.certificate_file = bob;
    options.key_file = bob_key;
    assert_ok(sy_hook_set_tls(s->there.hook, &options, &s->err), &s->err);
}

static sy_status reach(scene *s, int who, const char *token, sy_error *err)
{
    sy_connect_options options = SY_CONNECT_OPTIONS_INIT;
    options.token = token;
    options.timeout_ms = 20000;
    return sy_worker_connect(s->homes[who].hook, &s->bob[who], s->url, &options, err);
}

static bool is_encrypted(const char *kind)
{
    return strcmp(kind, "tls") == 0 || strcmp(kind, "wss") == 0;
}

/* Bob listens and has tokens for three; all three have come. */
static void scene_open(scene *s, const char *kind, const sy_listen_options *options)
{
    memset(s, 0, sizeof *s);
    pthread_mutex_init(&s->lines.lock, NULL);
    s->kind = kind;
    open_logged(s, &s->there);
    s->serving = s->there.worker;
    for (int k = 0; k < 4; k++) {
        place_open(&s->homes[k], names[k], true, 1);
    }
    if (is_encrypted(kind)) {
        make_keys(s);
        sy_tls_options trusting = SY_TLS_OPTIONS_INIT;
        trusting.ca_file = s->ca;
        for (int k = 0; k < 4; k++) {
            assert_ok(sy_hook_set_tls(s->homes[k].hook, &trusting, &s->err), &s->err);
        }
    }
    for (int k = 0; k < 3; k++) {
        assert_ok(sy_worker_add_token(s->serving, names[k], tokens[k], 0, &s->err), &s->err);
    }
    char url[64];
    snprintf(url, sizeof url, "%s://127.0.0.1:0", kind);
    s->url = place_listen(&s->there, url, options);
    for (int k = 0; k < 3; k++) {
        assert_ok(reach(s, k, tokens[k], &s->err), &s->err);
    }
}

static void scene_close(scene *s)
{
    for (int k = 0; k < 4; k++) {
        place_close(&s->homes[k]);
    }
    place_close(&s->there);
    if (is_encrypted(s->kind)) {
        test_folder_remove(&s->folder);
    }
    pthread_mutex_destroy(&s->lines.lock);
}

static const char *const kinds[] = {"tcp", "tls", "ws", "wss"};

/* --- tokens -------------------------------------------------------------------------------------- */

static void test_who_is_let_in(void **state)
{
    (void)state;
    for (int k = 0; k < 4; k++) {
        scene s;
        sy_error err = SY_ERROR_INIT;
        scene_open(&s, kinds[k], NULL);
        assert_status(reach(&s, IS_NOBODY, NULL, &err), SY_EPERM, &err);
        assert_non_null(strstr(err.message, "takes nobody without a token"));
        assert_status(reach(&s, IS_NOBODY, "alice-alice-alicf", &err), SY_EPERM, &err);
        assert_non_null(strstr(err.message, "does not take this token"));
        assert_null(strstr(err.message, "alice"));
        char *text = NULL;
        assert_ok(sy_worker_whoami(s.bob[IS_ALICE], &text, &s.err), &s.err); /* others are served */
        sy_string_free(s.homes[IS_ALICE].hook, text);
        assert_line(&s.lines, "audit", "caller=\"anonymous\"", "action=\"hello\"",
                    "status=SY_EPERM");
        assert_line(&s.lines, "workers bob", "is carol");
        const char *const secret[] = {"alice-alice"};
        assert_false(has_line(&s.lines, secret, 1)); /* no token in any line */
        scene_close(&s);
    }
}

static void test_tokens_expire(void **state)
{
    (void)state;
    scene s;
    sy_error err = SY_ERROR_INIT;
    char *text = NULL;
    scene_open(&s, "tcp", NULL);
    assert_ok(sy_worker_add_token(s.serving, "erin", "erin-erin-erin-old", 1000000000, &s.err),
              &s.err);
    assert_status(reach(&s, IS_NOBODY, "erin-erin-erin-old", &err), SY_EPERM, &err);
    const int64_t soon = (int64_t)time(NULL) + 2;
    assert_ok(sy_worker_add_token(s.serving, "erin", "erin-erin-erin-new", soon, &s.err), &s.err);
    assert_ok(reach(&s, IS_NOBODY, "erin-erin-erin-new", &s.err), &s.err);
    assert_ok(sy_worker_whoami(s.bob[IS_NOBODY], &text, &s.err), &s.err);
    sy_string_free(s.homes[IS_NOBODY].hook, text);
    while (time(NULL) < soon) {
        nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    }
    /* Also on the connection that is there. */
    assert_status(sy_worker_whoami(s.bob[IS_NOBODY], &text, &err), SY_EPERM, &err);
    assert_non_null(strstr(err.message, "token of erin has expired"));
    scene_close(&s);
}

static void test_bad_tokens(void **state)
{
    (void)state;
    scene s;
    sy_error err = SY_ERROR_INIT;
    static const char *const bad[] = {"",
                                      "short",
                                      "fifteen-bytes-x",
                                      "with blanks in it",
                                      "tab\tin-the-middle",
                                      "umlaut-\xc3\xa4-in-the-middle"};
    scene_open(&s, "tcp", NULL);
    for (size_t k = 0; k < sizeof bad / sizeof bad[0]; k++) {
        assert_status(sy_worker_add_token(s.serving, "erin", bad[k], 0, &err), SY_EINVAL, &err);
        assert_true(bad[k][0] == '\0' || strstr(err.message, bad[k]) == NULL);
        assert_status(reach(&s, IS_NOBODY, bad[k], &err), SY_EINVAL, &err);
    }
    char long_token[300];
    memset(long_token, 'x', sizeof long_token);
    long_token[257] = '\0';
    assert_status(sy_worker_add_token(s.serving, "erin", long_token, 0, &err), SY_EINVAL, &err);
    long_token[256] = '\0';
    assert_ok(sy_worker_add_token(s.serving, "erin", long_token, 0, &s.err), &s.err);
    assert_ok(reach(&s, IS_NOBODY, long_token, &s.err), &s.err);
    assert_status(sy_worker_add_token(s.serving, "frank", ALICE, 0, &err), SY_EEXIST, &err);
    assert_status(sy_worker_add_token(s.serving, "anonymous", DAVE DAVE, 0, &err), SY_EINVAL, &err);
    assert_status(sy_worker_add_token(s.serving, "a,b", DAVE DAVE, 0, &err), SY_EINVAL, &err);
    assert_status(sy_worker_add_token(s.serving, "", DAVE DAVE, 0, &err), SY_EINVAL, &err);
    assert_status(sy_worker_add_token(s.serving, "erin", DAVE DAVE, -1, &err), SY_EINVAL, &err);
    assert_status(sy_worker_add_token(s.bob[0], "erin", DAVE DAVE, 0, &err), SY_EINVAL, &err);
    scene_close(&s);
}

/* A token does not go over the network in the clear, unless that is meant. */
static void test_a_token_in_the_clear(void **state)
{
    (void)state;
    test_place home;
    sy_error err = SY_ERROR_INIT;
    sy_worker *worker = NULL;
    sy_connect_options options = SY_CONNECT_OPTIONS_INIT;
    options.token = ALICE;
    options.connect_timeout_ms = 200;
    place_open(&home, "home", true, 1);
    assert_status(sy_worker_connect(home.hook, &worker, "tcp://192.0.2.1:7", &options, &err),
                  SY_EPERM, &err);
    assert_non_null(strstr(err.message, "in the clear"));
    assert_status(sy_worker_connect(home.hook, &worker, "ws://192.0.2.1:7", &options, &err),
                  SY_EPERM, &err);
    options.insecure = true;
    const sy_status status =
        sy_worker_connect(home.hook, &worker, "tcp://192.0.2.1:7", &options, &err);
    assert_int_not_equal(status, SY_OK);
    assert_int_not_equal(status, SY_EPERM);
    place_close(&home);
}

static void test_a_file_of_tokens(void **state)
{
    (void)state;
    scene s;
    test_folder folder;
    sy_error err = SY_ERROR_INIT;
    scene_open(&s, "tcp", NULL);
    assert_true(test_folder_make(&folder));
    const char *path = test_folder_path(&folder, "tokens");
    static const struct {
        const char *text;
        mode_t mode;
        sy_status status;
        const char *sentence;
    } cases[] = {
        {"erin erin-erin-erin-1\n", 0644, SY_EPERM, "chmod 600"},
        {"# words\n\n  erin erin-erin-erin-1 2999-01-31\nerin\terin-erin-erin-2 "
         "2999-01-31T10:00:00Z",
         0600, SY_OK, ""},
        {"frank frank-frank-frank\nerin\n", 0600, SY_EFORMAT, "line 2: it is not NAME TOKEN"},
        {"frank frank-frank-frank 2999-13-01\n", 0600, SY_EFORMAT, "line 1: its third word"},
        {"frank frank-frank-frank 2999-01-01 x\n", 0600, SY_EFORMAT, "line 1"},
        {"\nfrank short\n", 0600, SY_EFORMAT, "line 2"},
        {"alice " ALICE "\n", 0600, SY_EEXIST, "line 1"},
    };
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        FILE *file = fopen(path, "w");
        fputs(cases[k].text, file);
        fclose(file);
        assert_int_equal(chmod(path, cases[k].mode), 0);
        assert_status(sy_worker_load_tokens(s.serving, path, &err), cases[k].status, &err);
        if (cases[k].status != SY_OK && strstr(err.message, cases[k].sentence) == NULL) {
            fail_msg("\"%s\" lacks \"%s\"", err.message, cases[k].sentence);
        }
        assert_null(strstr(err.message, "frank-frank"));
    }
    assert_status(sy_worker_load_tokens(s.serving, "/nonexistent", &err), SY_EIO, &err);
    assert_ok(reach(&s, IS_NOBODY, "erin-erin-erin-2", &s.err), &s.err);
    sy_worker_close(s.bob[IS_NOBODY]);
    assert_status(reach(&s, IS_DAVE, "frank-frank-frank", &err), SY_EPERM,
                  &err); /* all or nothing */
    test_folder_remove(&folder);
    scene_close(&s);
}

static void write_tokens(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    fputs(text, file);
    fclose(file);
    assert_int_equal(chmod(path, 0600), 0);
}

static sy_status ask_bob(scene *s, int who, sy_error *err)
{
    char *text = NULL;
    const sy_status status = sy_worker_whoami(s->bob[who], &text, err);
    sy_string_free(s->homes[who].hook, text);
    return status;
}

/* The tokens of a running worker in place of the old ones: who lost his is out at once, the others notice nothing. */
static void test_tokens_are_read_anew(void **state)
{
    const char *kind = *state;
    scene s;
    test_folder folder;
    sy_error err = SY_ERROR_INIT;
    scene_open(&s, kind, NULL);
    assert_true(test_folder_make(&folder));
    const char *path = test_folder_path(&folder, "tokens");
    write_tokens(path, "alice " ALICE "\nerin erin-erin-erin-1\ncarol dave-dave-dave-dave\n");
    const sy_traffic before = sy_worker_get_traffic(s.bob[IS_ALICE]);
    assert_ok(sy_worker_reload_tokens(s.serving, path, &err), &err);
    assert_line(&s.lines, "tokens were read anew", "2 connections");
    assert_ok(ask_bob(&s, IS_ALICE, &err), &err);
    const sy_traffic after = sy_worker_get_traffic(s.bob[IS_ALICE]);
    assert_int_equal(after.messages_sent - before.messages_sent, 1); /* no new greeting */
    /* Carol's token is gone, dave's is somebody else's now. */
    (void)ask_bob(&s, IS_CAROL,
                  &err); /* hears that the connection is closed, or is refused already */
    assert_status(ask_bob(&s, IS_CAROL, &err), SY_EPERM, &err);
    (void)ask_bob(&s, IS_DAVE, &err);
    assert_ok(ask_bob(&s, IS_DAVE, &err), &err); /* as carol */
    assert_line(&s.lines, "is carol");
    /* All of it or nothing; and never a door that is suddenly open. */
    static const struct {
        const char *text;
        sy_status status;
    } bad[] = {{"# nobody\n\n", SY_EINVAL}, {"alice x\n", SY_EFORMAT}, {"", SY_EINVAL}};
    for (size_t k = 0; k < sizeof bad / sizeof bad[0]; k++) {
        write_tokens(path, bad[k].text);
        assert_status(sy_worker_reload_tokens(s.serving, path, &err), bad[k].status, &err);
        assert_ok(ask_bob(&s, IS_ALICE, &err), &err);
    }
    assert_status(sy_worker_reload_tokens(s.serving, "/nonexistent", &err), SY_EIO, &err);
    assert_status(sy_worker_reload_tokens(s.bob[IS_ALICE], path, &err), SY_EINVAL, &err);
    assert_ok(ask_bob(&s, IS_ALICE, &err), &err);
    test_folder_remove(&folder);
    scene_close(&s);
}

static void test_an_open_door_has_to_be_meant(void **state)
{
    (void)state;
    test_place there;
    sy_error err = SY_ERROR_INIT;
    const char *bound = NULL;
    place_open(&there, "bob", false, 1);
    sy_listen_options options = SY_LISTEN_OPTIONS_INIT;
    static const char *const urls[] = {"tcp://0.0.0.0:0", "ws://0.0.0.0:0", "tcp://[::]:0"};
    for (int k = 0; k < 3; k++) {
        assert_status(sy_worker_listen(there.worker, urls[k], &options, &bound, &err), SY_EPERM,
                      &err);
        assert_non_null(strstr(err.message, "nothing would be encrypted and anybody taken"));
    }
    assert_ok(sy_worker_add_token(there.worker, "alice", ALICE, 0, &err), &err);
    assert_status(sy_worker_listen(there.worker, urls[0], &options, &bound, &err), SY_EPERM, &err);
    assert_non_null(strstr(err.message, "nothing would be encrypted; use"));
    options.insecure = true;
    assert_ok(sy_worker_listen(there.worker, urls[0], &options, &bound, &err), &err);
    place_close(&there);
}

/* --- permissions --------------------------------------------------------------------------------- */

/* [1, 2, 3] at bob; contents for alice, use for alice and carol, search for alice, carol; nobody removes it. */
static sy_id publish(scene *s)
{
    sy_tensor *x = NULL;
    static const char *const both[] = {"alice", "carol"};
    assert_ok(sy_tensor_from_floats(s->there.hook, &x, (float[]){1, 2, 3}, 3, &s->err), &s->err);
    assert_ok(sy_tensor_tag(x, "#ages", &s->err), &s->err);
    assert_ok(sy_tensor_permit(x, SY_PERMISSION_GET, both, 1, &s->err), &s->err);
    assert_ok(sy_tensor_permit(x, SY_PERMISSION_USE | SY_PERMISSION_SEARCH, both, 2, &s->err),
              &s->err);
    assert_ok(sy_tensor_permit(x, SY_PERMISSION_DELETE, NULL, 0, &s->err), &s->err);
    assert_true(sy_tensor_permits(x, SY_PERMISSION_GET, "alice"));
    assert_false(sy_tensor_permits(x, SY_PERMISSION_GET, "carol"));
    assert_true(sy_tensor_permits(x, SY_PERMISSION_USE, "carol"));
    assert_false(sy_tensor_permits(x, SY_PERMISSION_USE, "dave"));
    assert_false(sy_tensor_permits(x, SY_PERMISSION_USE, NULL));
    assert_false(sy_tensor_permits(x, SY_PERMISSION_DELETE, "alice"));
    assert_ok(sy_worker_publish(s->serving, x, false, &s->err), &s->err);
    const sy_id id = sy_tensor_get_id(x);
    sy_tensor_unref(x);
    return id;
}

static size_t count_found(scene *s, int who)
{
    static const char *const terms[] = {"#ages"};
    sy_object_info *infos = NULL;
    size_t count = 0;
    assert_ok(sy_worker_find(s->bob[who], &infos, &count, terms, 1, &s->err), &s->err);
    if (count > 0) {
        assert_int_equal(infos[0].private_, who != IS_ALICE);
    }
    sy_object_infos_free(s->homes[who].hook, infos, count);
    return count;
}

static sy_tensor *point(scene *s, int who, const sy_id *id)
{
    sy_tensor *p = NULL;
    assert_ok(sy_tensor_point_to(s->homes[who].hook, &p, s->bob[who], id, &s->err), &s->err);
    return p;
}

static sy_status copy(sy_tensor *p, float out[3], sy_error *err)
{
    sy_tensor *mine = NULL;
    SY_TRY(sy_tensor_copy_get(p, &mine, err));
    const sy_status status = sy_tensor_copy_data(mine, out, 3 * sizeof *out, err);
    sy_tensor_unref(mine);
    return status;
}

static sy_tensor *twice(sy_tensor *p, sy_error *err)
{
    sy_scope *s = sy_scope_begin(sy_tensor_get_hook(p));
    sy_tensor *sum = sy_scope_keep(s, sy_add(s, p, p));
    return sy_scope_end(s, err) == SY_OK ? sum : NULL;
}

static void check_permissions(scene *s)
{
    sy_error err = SY_ERROR_INIT;
    float out[3] = {0};
    const sy_id id = publish(s);
    assert_int_equal(count_found(s, IS_ALICE), 1);
    assert_int_equal(count_found(s, IS_CAROL), 1);
    assert_int_equal(count_found(s, IS_DAVE), 0);

    sy_tensor *p[3];
    for (int k = 0; k < 3; k++) {
        p[k] = point(s, k, &id);
    }
    assert_ok(copy(p[IS_ALICE], out, &s->err), &s->err);
    assert_true(out[2] == 3);
    assert_status(copy(p[IS_CAROL], out, &err), SY_EPERM, &err);
    assert_status(copy(p[IS_DAVE], out, &err), SY_EPERM, &err);
    bool allowed = false;
    assert_ok(sy_tensor_is_allowed_to_get(p[IS_ALICE], &allowed, &s->err), &s->err);
    assert_true(allowed);
    assert_ok(sy_tensor_is_allowed_to_get(p[IS_CAROL], &allowed, &s->err), &s->err);
    assert_false(allowed);

    /* What is computed has the strictest lists of its arguments, whoever computes it. */
    sy_tensor *by_carol = twice(p[IS_CAROL], &s->err);
    assert_non_null(by_carol);
    assert_status(copy(by_carol, out, &err), SY_EPERM, &err);
    const sy_id made = sy_tensor_get_id_at_location(by_carol);
    sy_tensor *for_alice = point(s, IS_ALICE, &made);
    assert_ok(copy(for_alice, out, &s->err), &s->err);
    assert_true(out[2] == 6);
    sy_tensor *for_dave = point(s, IS_DAVE, &made);
    assert_null(twice(for_dave, &err));
    assert_int_equal(err.status, SY_EPERM);
    assert_null(twice(p[IS_DAVE], &err));
    assert_non_null(strstr(err.message, "use of object"));

    /* ... also when a public one is the other argument, or is written to. */
    sy_tensor *plain = NULL;
    sy_tensor *sent = NULL;
    assert_ok(
        sy_tensor_from_floats(s->homes[IS_CAROL].hook, &plain, (float[]){1, 1, 1}, 3, &s->err),
        &s->err);
    assert_ok(sy_tensor_send(plain, &sent, s->bob[IS_CAROL], &s->err), &s->err);
    assert_ok(copy(sent, out, &s->err), &s->err);
    sy_scope *scope = sy_scope_begin(s->homes[IS_CAROL].hook);
    sy_add_(scope, sent, p[IS_CAROL]);
    assert_ok(sy_scope_end(scope, &s->err), &s->err);
    assert_status(copy(sent, out, &err), SY_EPERM, &err);
    sy_tensor_unref(sent);
    sy_tensor_unref(plain);

    /* Nobody removes it; get would. What one made oneself goes. */
    sy_tensor *gone = NULL;
    assert_status(sy_worker_delete(s->bob[IS_ALICE], &id, &err), SY_EPERM, &err);
    assert_status(sy_tensor_get(p[IS_ALICE], &gone, &err), SY_EPERM, &err);
    assert_non_null(strstr(err.message, "delete of object"));
    assert_ok(sy_worker_delete(s->bob[IS_CAROL], &made, &s->err), &s->err);
    assert_ok(copy(p[IS_ALICE], out, &s->err), &s->err); /* it is still there */

    /* An item is contents. */
    double item = 0;
    scope = sy_scope_begin(s->homes[IS_CAROL].hook);
    sy_tensor *sum = sy_scope_keep(scope, sy_sum(scope, p[IS_CAROL]));
    assert_ok(sy_scope_end(scope, &s->err), &s->err);
    assert_int_not_equal(sy_tensor_item(sum, &item, &err), SY_OK);
    sy_tensor_unref(sum);

    assert_line(&s->lines, "audit bob: refused caller=\"carol\"", "action=\"object request\"",
                "status=SY_EPERM", "time=20");
    assert_line(&s->lines, "audit bob: refused caller=\"dave\"", "action=\"command add\"",
                "reason=\"use of object");
    for (int k = 0; k < 3; k++) {
        sy_tensor_unref(p[k]);
    }
    sy_tensor_unref(by_carol);
    sy_tensor_unref(for_alice);
    sy_tensor_unref(for_dave);
}

static void test_permissions(void **state)
{
    (void)state;
    for (int k = 0; k < 4; k++) {
        scene s;
        scene_open(&s, kinds[k], NULL);
        check_permissions(&s);
        scene_close(&s);
    }
}

/* In one process the caller is called as the worker that sends. */
static void test_permissions_of_virtual_workers(void **state)
{
    (void)state;
    static const char *const all[] = {"alice", "carol"};
    for (int k = 0; k < 3; k++) {
        test_place home;
        sy_worker *bob = NULL;
        sy_tensor *x = NULL, *p = NULL;
        float out[3] = {0};
        sy_error err = SY_ERROR_INIT;
        place_open(&home, names[k], true, 1);
        assert_ok(sy_virtual_worker_new(home.hook, &bob, "bob", &err), &err);
        assert_ok(sy_tensor_from_floats(home.hook, &x, (float[]){1, 2, 3}, 3, &err), &err);
        assert_ok(sy_tensor_permit(x, SY_PERMISSION_GET, all, 1, &err), &err);
        assert_ok(sy_tensor_permit(x, SY_PERMISSION_USE, all, 2, &err), &err);
        assert_ok(sy_worker_publish(bob, x, false, &err), &err);
        const sy_id id = sy_tensor_get_id(x);
        assert_ok(sy_tensor_point_to(home.hook, &p, bob, &id, &err), &err);
        assert_int_equal(copy(p, out, &err), k == IS_ALICE ? SY_OK : SY_EPERM);
        sy_tensor *sum = twice(p, &err);
        assert_int_equal(sum != NULL, k != IS_DAVE);
        if (sum != NULL) {
            assert_int_equal(copy(sum, out, &err), k == IS_ALICE ? SY_OK : SY_EPERM);
        }
        sy_tensor_unref(sum);
        sy_tensor_unref(p);
        sy_tensor_unref(x);
        place_close(&home);
    }
}

/* --- moving -------------------------------------------------------------------------------------- */

/* A second worker, "there", with tokens for the same people; bob knows it, and so do alice and carol. Bob has a token of
 * his own for it. */
typedef struct second {
    test_place place;
    const char *url;
    sy_worker *seen[4];
} second;

static void second_open(second *t, scene *s)
{
    sy_worker *from_bob = NULL;
    sy_connect_options options = SY_CONNECT_OPTIONS_INIT;
    memset(t, 0, sizeof *t);
    place_open(&t->place, "there", false, 2);
    for (int k = 0; k < 3; k++) {
        assert_ok(sy_worker_add_token(t->place.worker, names[k], tokens[k], 0, &s->err), &s->err);
    }
    assert_ok(sy_worker_add_token(t->place.worker, "bob", "bob-bob-bob-bob-bob", 0, &s->err),
              &s->err);
    t->url = place_listen(&t->place, "tcp://127.0.0.1:0", NULL);
    options.token = "bob-bob-bob-bob-bob";
    assert_ok(sy_worker_connect(s->there.hook, &from_bob, t->url, &options, &s->err), &s->err);
    for (int k = 0; k < 3; k++) {
        options.token = tokens[k];
        assert_ok(sy_worker_connect(s->homes[k].hook, &t->seen[k], t->url, &options, &s->err),
                  &s->err);
    }
}

static sy_id publish_for(scene *s, bool may_delete)
{
    sy_tensor *x = NULL;
    static const char *const both[] = {"alice", "carol"};
    assert_ok(sy_tensor_from_floats(s->there.hook, &x, (float[]){1, 2, 3}, 3, &s->err), &s->err);
    assert_ok(sy_tensor_tag(x, "#ages", &s->err), &s->err);
    assert_ok(sy_tensor_permit(x, SY_PERMISSION_GET, both, 1, &s->err), &s->err);
    assert_ok(sy_tensor_permit(x, SY_PERMISSION_USE | SY_PERMISSION_SEARCH, both, 2, &s->err),
              &s->err);
    assert_ok(sy_tensor_permit(x, SY_PERMISSION_DELETE, both, may_delete ? 1 : 0, &s->err),
              &s->err);
    assert_ok(sy_worker_publish(s->serving, x, false, &s->err), &s->err);
    const sy_id id = sy_tensor_get_id(x);
    sy_tensor_unref(x);
    return id;
}

static sy_status send_permit(sy_worker *from, sy_worker *to, const sy_id *id, int64_t generation,
                             sy_value get, sy_error *err)
{
    syi_exchange exchange;
    const sy_value args[] = {sy_value_int(id->number), sy_value_int(generation), get,
                             sy_value_none(),          sy_value_none(),          sy_value_none()};
    SY_TRY(syi_command_request(from, to, "permit", args, 6, &exchange, err));
    syi_link_end(&exchange);
    return SY_OK;
}

/* Who may get may move; the lists go along, for everybody. */
static void test_a_move_keeps_the_lists(void **state)
{
    (void)state;
    scene s;
    second t;
    sy_error err = SY_ERROR_INIT;
    float out[3] = {0};
    scene_open(&s, "tcp", NULL);
    second_open(&t, &s);
    const sy_id id = publish_for(&s, true);
    sy_tensor *p = point(&s, IS_ALICE, &id);
    sy_tensor *not_allowed = point(&s, IS_CAROL, &id);
    assert_status(sy_tensor_move_(not_allowed, t.seen[IS_CAROL], &err), SY_EPERM, &err);
    assert_non_null(strstr(err.message, "move"));
    sy_tensor_unref(not_allowed);
    assert_ok(sy_tensor_move_(p, t.seen[IS_ALICE], &s.err), &s.err);
    assert_int_equal(sy_worker_get_object_count(s.serving), 0);
    assert_int_equal(sy_worker_get_object_count(t.place.worker), 1);

    assert_ok(copy(p, out, &s.err), &s.err);
    assert_true(out[2] == 3);
    const sy_id moved = sy_tensor_get_id_at_location(p);
    sy_tensor *for_carol = NULL;
    sy_tensor *for_dave = NULL;
    assert_ok(
        sy_tensor_point_to(s.homes[IS_CAROL].hook, &for_carol, t.seen[IS_CAROL], &moved, &s.err),
        &s.err);
    assert_status(copy(for_carol, out, &err), SY_EPERM, &err);
    sy_tensor *made = twice(for_carol, &s.err); /* she may use it, and has nothing from it */
    assert_non_null(made);
    assert_status(copy(made, out, &err), SY_EPERM, &err);
    sy_tensor_unref(made);
    assert_status(sy_worker_delete(t.seen[IS_CAROL], &moved, &err), SY_EPERM, &err);
    assert_ok(sy_tensor_point_to(s.homes[IS_DAVE].hook, &for_dave, t.seen[IS_DAVE], &moved, &s.err),
              &s.err);
    assert_null(twice(for_dave, &err));
    assert_int_equal(err.status, SY_EPERM);
    sy_object_info *infos = NULL;
    size_t count = 7;
    static const char *const terms[] = {"#ages"};
    assert_ok(sy_worker_find(t.seen[IS_DAVE], &infos, &count, terms, 1, &s.err), &s.err);
    assert_int_equal(count, 0);
    assert_ok(sy_worker_find(t.seen[IS_CAROL], &infos, &count, terms, 1, &s.err), &s.err);
    assert_int_equal(count, 1);
    assert_true(infos[0].private_);
    const int64_t generation = (int64_t)infos[0].generation;
    sy_object_infos_free(s.homes[IS_CAROL].hook, infos, count);

    /* Nobody widens them: neither who owns it now, nor who sent it, nor a stranger. */
    const sy_value dave = sy_value_string("dave");
    const sy_value list = sy_value_list(&dave, 1);
    sy_worker *there = NULL;
    assert_ok(sy_worker_get_worker(s.serving, &there, "there", true, &s.err), &s.err);
    assert_status(
        send_permit(s.homes[IS_ALICE].worker, t.seen[IS_ALICE], &moved, generation, list, &err),
        SY_EPERM, &err);
    assert_status(send_permit(s.serving, there, &moved, generation, list, &err), SY_EPERM, &err);
    assert_status(
        send_permit(s.homes[IS_DAVE].worker, t.seen[IS_DAVE], &moved, generation, list, &err),
        SY_EPERM, &err);
    assert_status(
        send_permit(s.homes[IS_ALICE].worker, t.seen[IS_ALICE], &moved, generation + 9, list, &err),
        SY_ENOTFOUND, &err);
    sy_tensor_unref(for_carol);
    sy_tensor_unref(for_dave);
    sy_tensor_unref(p);
    place_close(&t.place);
    scene_close(&s);
}

/* A move takes the object away: that is a deletion here. What cannot go there stays as it is. */
static void test_a_move_that_is_refused(void **state)
{
    (void)state;
    scene s;
    second t;
    sy_error err = SY_ERROR_INIT;
    float out[3] = {0};
    scene_open(&s, "tcp", NULL);
    second_open(&t, &s);
    const sy_id id = publish_for(&s, false);
    sy_tensor *p = point(&s, IS_ALICE, &id);
    assert_status(sy_tensor_move_(p, t.seen[IS_ALICE], &err), SY_EPERM, &err);
    assert_non_null(strstr(err.message, "delete of object"));
    sy_tensor_unref(p);
    /* All the names that the other hook has room for are taken. */
    const sy_id other = publish_for(&s, true);
    sy_tensor *x = NULL;
    assert_ok(sy_tensor_from_floats(t.place.hook, &x, (float[]){1}, 1, &s.err), &s.err);
    for (int k = 0; k < 63; k++) {
        char name[16];
        const char *const one = name;
        snprintf(name, sizeof name, "n%d", k);
        assert_ok(sy_tensor_permit(x, SY_PERMISSION_SEARCH, &one, 1, &s.err), &s.err);
    }
    sy_tensor_unref(x);
    p = point(&s, IS_ALICE, &other);
    assert_status(sy_tensor_move_(p, t.seen[IS_ALICE], &err), SY_ELIMIT, &err);
    assert_ok(copy(p, out, &s.err), &s.err);
    assert_true(out[2] == 3);
    assert_true(wait_for_count(t.place.worker, 0, 5000));
    sy_tensor_unref(p);
    place_close(&t.place);
    scene_close(&s);
}

static void test_permit_refuses(void **state)
{
    (void)state;
    scene s;
    sy_error err = SY_ERROR_INIT;
    sy_tensor *x = NULL;
    scene_open(&s, "tcp", NULL);
    const sy_id id = publish(&s);
    sy_tensor *p = point(&s, IS_ALICE, &id);
    assert_status(sy_tensor_permit(p, SY_PERMISSION_GET, NULL, 0, &err), SY_EINVAL, &err);
    assert_ok(sy_tensor_from_floats(s.there.hook, &x, (float[]){1}, 1, &s.err), &s.err);
    assert_status(sy_tensor_permit(x, 0, NULL, 0, &err), SY_EINVAL, &err);
    assert_status(sy_tensor_permit(x, 16, NULL, 0, &err), SY_EINVAL, &err);
    const char *bad = "anonymous";
    assert_status(sy_tensor_permit(x, SY_PERMISSION_GET, &bad, 1, &err), SY_EINVAL, &err);
    char many[64][24];
    const char *list[64];
    for (int k = 0; k < 64; k++) {
        snprintf(many[k], sizeof many[k], "caller%d", k);
        list[k] = many[k];
    }
    assert_status(sy_tensor_permit(x, SY_PERMISSION_GET, list, 64, &err), SY_ELIMIT, &err);
    assert_non_null(strstr(err.message, "63"));
    assert_ok(sy_tensor_permit(x, SY_PERMISSION_GET, list, 61, &s.err),
              &s.err); /* beside alice and carol */
    assert_true(sy_tensor_permits(x, SY_PERMISSION_GET, "caller60"));
    assert_false(sy_tensor_permits(x, SY_PERMISSION_GET, "caller61"));
    sy_tensor_unref(x);
    sy_tensor_unref(p);
    scene_close(&s);
}

/* --- limits -------------------------------------------------------------------------------------- */

static sy_status ask(scene *s, int who, sy_error *err)
{
    char *text = NULL;
    SY_TRY(sy_worker_whoami(s->bob[who], &text, err));
    sy_string_free(s->homes[who].hook, text);
    return SY_OK;
}

static void test_rate(void **state)
{
    (void)state;
    scene s;
    sy_error err = SY_ERROR_INIT;
    sy_listen_options options = SY_LISTEN_OPTIONS_INIT;
    options.requests_per_second = 20;
    options.request_burst = 40;
    scene_open(&s, "tcp", &options);
    int served = 0;
    while (served < 2000 && ask(&s, IS_ALICE, &err) == SY_OK) {
        served++;
    }
    assert_in_range(served, 40, 1000);
    assert_int_equal(err.status, SY_EBUSY);
    assert_non_null(strstr(err.message, "caller alice"));
    assert_non_null(strstr(err.message, "20 requests per second"));
    assert_ok(ask(&s, IS_CAROL, &s.err), &s.err); /* another's bucket is her own */
    sy_status status = SY_EBUSY;
    for (int k = 0; k < 100 && status != SY_OK; k++) {
        nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
        status = ask(&s, IS_ALICE, &err);
    }
    assert_ok(status, &err);
    assert_line(&s.lines, "audit", "caller=\"alice\"", "status=SY_EBUSY");
    scene_close(&s);
}

static sy_status send_ones(scene *s, int who, int64_t count, sy_tensor **p, sy_error *err)
{
    sy_tensor *x = NULL;
    float *ones = calloc((size_t)count, sizeof *ones);
    sy_status status = sy_tensor_from_floats(s->homes[who].hook, &x, ones, count, err);
    if (status == SY_OK) {
        status = sy_tensor_send(x, p, s->bob[who], err);
    }
    sy_tensor_unref(x);
    free(ones);
    return status;
}

static void test_memory_and_objects_of_a_caller(void **state)
{
    (void)state;
    for (int kind = 0; kind < 4; kind++) {
        scene s;
        sy_error err = SY_ERROR_INIT;
        sy_listen_options options = SY_LISTEN_OPTIONS_INIT;
        options.memory_per_caller = 1 << 20;
        options.objects_per_caller = 5;
        scene_open(&s, kinds[kind], &options);
        sy_tensor *p[6] = {NULL};
        assert_status(send_ones(&s, IS_ALICE, 1 << 19, &p[0], &err), SY_ELIMIT, &err);
        assert_non_null(strstr(err.message, "caller alice"));
        assert_non_null(strstr(err.message, "1048576"));
        assert_ok(send_ones(&s, IS_ALICE, 150000, &p[0], &s.err), &s.err);
        assert_null(twice(p[0], &err)); /* 600 kB more */
        assert_int_equal(err.status, SY_ELIMIT);
        assert_ok(send_ones(&s, IS_CAROL, 150000, &p[5], &s.err), &s.err);
        for (int k = 1; k < 5; k++) {
            assert_ok(send_ones(&s, IS_ALICE, 10, &p[k], &s.err), &s.err);
        }
        sy_tensor *more = NULL;
        assert_status(send_ones(&s, IS_ALICE, 10, &more, &err), SY_ELIMIT, &err);
        assert_non_null(strstr(err.message, "5 objects, the limit is 5"));
        sy_tensor_unref(p[3]);
        p[3] = NULL;
        assert_ok(send_ones(&s, IS_ALICE, 10, &p[3], &s.err), &s.err); /* deletions go in front */
        for (int k = 0; k < 6; k++) {
            sy_tensor_unref(p[k]);
        }
        scene_close(&s);
    }
}

static void test_objects_of_a_worker(void **state)
{
    (void)state;
    scene s;
    sy_error err = SY_ERROR_INIT;
    sy_listen_options options = SY_LISTEN_OPTIONS_INIT;
    options.objects_max = 3;
    scene_open(&s, "tcp", &options);
    sy_tensor *p[4] = {NULL};
    for (int k = 0; k < 3; k++) {
        assert_ok(send_ones(&s, k % 2, 4, &p[k], &s.err), &s.err);
    }
    assert_status(send_ones(&s, IS_CAROL, 4, &p[3], &err), SY_ELIMIT, &err);
    assert_non_null(strstr(err.message, "worker bob holds 3 objects, the limit is 3"));
    assert_ok(ask(&s, IS_DAVE, &s.err), &s.err);
    for (int k = 0; k < 3; k++) {
        sy_tensor_unref(p[k]);
    }
    scene_close(&s);
}

static void test_connections_of_a_caller(void **state)
{
    (void)state;
    scene s;
    sy_error err = SY_ERROR_INIT;
    sy_listen_options options = SY_LISTEN_OPTIONS_INIT;
    options.connections_per_caller = 2;
    scene_open(&s, "tcp", &options);
    assert_ok(reach(&s, IS_NOBODY, ALICE, &s.err), &s.err); /* her second */
    test_place third;
    sy_worker *bob = NULL;
    sy_connect_options how = SY_CONNECT_OPTIONS_INIT;
    how.token = ALICE;
    place_open(&third, "third", true, 1);
    assert_status(sy_worker_connect(third.hook, &bob, s.url, &how, &err), SY_ELIMIT, &err);
    assert_non_null(strstr(err.message, "caller alice"));
    assert_non_null(strstr(err.message, "2 connections, the limit is 2"));
    how.token = CAROL;
    assert_ok(sy_worker_connect(third.hook, &bob, s.url, &how, &s.err), &s.err);
    place_close(&third);
    sy_worker_close(s.bob[IS_NOBODY]); /* the place is free again */
    place_open(&third, "third", true, 1);
    how.token = ALICE;
    sy_status status = SY_ELIMIT;
    for (int k = 0; k < 100 && status != SY_OK; k++) {
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
        status = sy_worker_connect(third.hook, &bob, s.url, &how, &err);
    }
    assert_ok(status, &err);
    place_close(&third);
    scene_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_is_let_in),
        cmocka_unit_test(test_tokens_expire),
        cmocka_unit_test(test_bad_tokens),
        cmocka_unit_test(test_a_token_in_the_clear),
        cmocka_unit_test(test_a_file_of_tokens),
        {"test_tokens_are_read_anew [tcp]", test_tokens_are_read_anew, NULL, NULL, (char *)"tcp"},
        {"test_tokens_are_read_anew [wss]", test_tokens_are_read_anew, NULL, NULL, (char *)"wss"},
        cmocka_unit_test(test_an_open_door_has_to_be_meant),
        cmocka_unit_test(test_permissions),
        cmocka_unit_test(test_permissions_of_virtual_workers),
        cmocka_unit_test(test_a_move_keeps_the_lists),
        cmocka_unit_test(test_a_move_that_is_refused),
        cmocka_unit_test(test_permit_refuses),
        cmocka_unit_test(test_rate),
        cmocka_unit_test(test_memory_and_objects_of_a_caller),
        cmocka_unit_test(test_objects_of_a_worker),
        cmocka_unit_test(test_connections_of_a_caller),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
