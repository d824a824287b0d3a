/*
 * sharing_failures.c - parties of a joint command that say what they must not, or refuse it: the command fails everywhere in
 * bounded time, with a sentence that names the culprit; shares stay what they are, the next command works in a new session,
 * and nothing is left. Parties that say nothing: sharing_outages.c; in processes of their own: sharing_processes.c.
 */
#include "interpreters/sharing/hearing.h"
#include "support/sharing_trial.h"

static syi_sharing_session *session_at(trial *t, size_t holder)
{
    syi_sharing_session *session = NULL;
    assert_ok(
        syi_sharing_find(t->p.at[holder].worker, client_group(&t->c)->session, &session, &t->err),
        &t->err);
    return session;
}

static sy_status deliver(trial *t, size_t to, int from, uint64_t sequence, uint32_t number,
                         int64_t size)
{
    syi_sharing_session *session = session_at(t, to);
    sy_context *context = t->p.at[to].context;
    const syi_item item = {sequence, number};
    syi_array bytes = SYI_ARRAY_INIT;
    assert_ok(syi_array_new(context, &bytes, SY_DTYPE_U8, 1, &size, NULL, &t->err), &t->err);
    const sy_status status = syi_sharing_deliver(session, from, &item, &bytes, false, &t->err);
    syi_array_fini(&bytes);
    syi_sharing_session_unref(session);
    return status;
}

/* --- letters ----------------------------------------------------------------------------------- */

static void test_wrong_length(void **state)
{
    (void)state;
    for (int from = 0; from < 3; from++) {
        trial t;
        trial_open(&t, 3, true, 20000);
        const uint64_t next = client_group(&t.c)->next_sequence;
        assert_ok(deliver(&t, from == 0 ? 1 : 0, from, next, 0, 5), &t.err);
        const sy_status status = trial_square(&t);
        assert_int_equal(status, SY_EPROTO);
        trial_assert_failed(&t, status, party_names[from]);
        trial_close(&t);
    }
}

static void test_wrong_length_of_the_provider(void **state)
{
    (void)state;
    for (int james = 0; james < 2; james++) {
        trial t;
        trial_open(&t, 3, james, 20000);
        const uint64_t next = client_group(&t.c)->next_sequence;
        const syi_item item = {next, 0};
        assert_ok(deliver(&t, (size_t)syi_material_corrected(&item, 0, 3), 3, next, 0, 5), &t.err);
        const sy_status status = trial_square(&t);
        assert_int_equal(status, SY_EPROTO);
        trial_assert_failed(&t, status, james ? "james" : "client");
        trial_close(&t);
    }
}

/* The same with workers of every kind. */
static void test_wrong_length_everywhere(void **state)
{
    workers *w = *state;
    const sharing s = sharing_of(w, 2, true);
    const int64_t size = 5;
    syi_sharing_group *group = NULL;
    syi_sharing_session *session = NULL;
    syi_array bytes = SYI_ARRAY_INIT;
    sy_tensor *x = SHARED(&s, 1, 2, -3);
    assert_shared(&s, OP(w, "mul", TENSOR(x), TENSOR(x)), 1, 4, 9);
    assert_ok(
        syi_sharing_group_get(w->hook, &group, s.holders, 2, s.provider, SYI_FAMILY_AUTO, &w->err),
        &w->err);
    assert_ok(syi_sharing_find(s.serving[0], group->session, &session, &w->err), &w->err);
    const syi_item item = {group->next_sequence, 0};
    assert_ok(
        syi_array_new(s.serving[0]->hook->context, &bytes, SY_DTYPE_U8, 1, &size, NULL, &w->err),
        &w->err);
    assert_ok(syi_sharing_deliver(session, 1, &item, &bytes, false, &w->err), &w->err);
    syi_array_fini(&bytes);
    syi_sharing_session_unref(session);
    assert_fails(w, CALL(w, "mul", TENSOR(x), TENSOR(x)), SY_EPROTO, "holder alice", "5 bytes");
    assert_shared(&s, OP(w, "mul", TENSOR(x), TENSOR(x)), 1, 4, 9);
    assert_shared(&s, x, 1, 2, -3);
}

/* As `speaker`, by its own connection to `to`. */
static sy_status say(trial *t, test_place *speaker, sy_worker *to, const char *command,
                     const sy_value *args, size_t count, const syi_joint *joint)
{
    syi_exchange exchange;
    (void)speaker;
    sy_status status =
        syi_command_start(speaker->worker, to, command, args, count, joint, 0, &exchange, &t->err);
    if (status == SY_OK) {
        status = syi_link_wait(&exchange, &t->err);
        syi_link_end(&exchange);
    }
    return status;
}

static sy_status send_letter(trial *t, const char *session, int64_t from, int64_t sequence,
                             int64_t number)
{
    const int64_t size = 24;
    sy_tensor *bytes = NULL;
    uint8_t zeros[24] = {0};
    assert_ok(sy_tensor_new(t->c.home.hook, &bytes, SY_DTYPE_U8, 1, &size, zeros, &t->err),
              &t->err);
    const sy_value args[] = {sy_value_string(session), sy_value_int(from), sy_value_int(sequence),
                             sy_value_int(number), sy_value_tensor(bytes)};
    const sy_status status = say(t, &t->c.home, t->c.holders[0], SYI_SHARING_SEND, args, 5, NULL);
    sy_tensor_unref(bytes);
    return status;
}

/* The client provides, and so may speak for the provider; for nobody else. */
static void test_letters_that_are_refused(void **state)
{
    (void)state;
    trial t;
    char name[SYI_JOINT_TEXT_SIZE];
    trial_open(&t, 2, false, 20000);
    const int64_t next = (int64_t)client_group(&t.c)->next_sequence;
    syi_joint_format(client_group(&t.c)->session, name);
    assert_status(send_letter(&t, name, 1, next, 0), SY_EPERM, &t.err);
    assert_names(&t.err, "bob");
    assert_status(send_letter(&t, name, 0, next, 0), SY_EPERM, &t.err);
    assert_status(send_letter(&t, name, 3, next, 0), SY_EINVAL, &t.err);
    assert_status(send_letter(&t, name, -1, next, 0), SY_EINVAL, &t.err);
    assert_status(send_letter(&t, name, 2, 1, 0), SY_EPROTO, &t.err);
    assert_status(send_letter(&t, name, 2, next + 5000, 0), SY_EPROTO, &t.err);
    assert_status(send_letter(&t, "00112233445566778899aabbccddeeff", 2, next, 0), SY_ENOTFOUND,
                  &t.err);
    assert_status(send_letter(&t, "", 2, next, 0), SY_EFORMAT, &t.err);
    assert_status(deliver(&t, 0, 1, (uint64_t)next, 7, 8), SY_EPROTO, &t.err);
    assert_status(deliver(&t, 0, 1, SYI_ITEM_AHEAD, 0, 8), SY_EPROTO, &t.err);
    assert_ok(trial_square(&t), &t.err); /* nothing of it has done any harm */
    assert_int_equal(client_group(&t.c)->next_sequence, next + 1);
    trial_close(&t);
}

/* --- demands ----------------------------------------------------------------------------------- */

static sy_status demand(trial *t, test_place *speaker, const char *session, int64_t size)
{
    sy_tensor *bytes = NULL;
    uint8_t junk[5000];
    sy_error err = SY_ERROR_INIT;
    sy_worker *provider = syi_directory_find(speaker->hook, &t->p.at_provider.worker->id);
    memset(junk, 0xa7, sizeof junk);
    assert_non_null(provider);
    assert_ok(sy_tensor_new(speaker->hook, &bytes, SY_DTYPE_U8, 1, &size, junk, &err), &err);
    const sy_value args[] = {sy_value_string(session), sy_value_tensor(bytes)};
    const sy_status status = say(t, speaker, provider, "sharing_demand", args, 2, NULL);
    sy_tensor_unref(bytes);
    return status;
}

static void test_demands_that_are_refused(void **state)
{
    (void)state;
    trial t;
    char name[SYI_JOINT_TEXT_SIZE];
    trial_open(&t, 2, true, 20000);
    syi_joint_format(client_group(&t.c)->session, name);
    for (int64_t size = 0; size < 5000; size += 499) {
        assert_int_not_equal(demand(&t, &t.p.at[0], name, size), SY_OK);
    }
    syi_demand good;
    syi_buffer bytes;
    const syi_demand zero = {.kind = SYI_MATERIAL_ZERO,
                             .item = {client_group(&t.c)->next_sequence, 0},
                             .field = SYI_FIELD_64,
                             .count = 3};
    syi_buffer_init(&bytes, t.c.home.context, SYI_DEMAND_BYTES);
    syi_demand_write(&zero, &bytes);
    assert_ok(syi_demand_read(&good, bytes.data, bytes.length, 10, &t.err), &t.err);
    const int64_t length = (int64_t)bytes.length;
    sy_tensor *tensor = NULL;
    assert_ok(sy_tensor_new(t.c.home.hook, &tensor, SY_DTYPE_U8, 1, &length, bytes.data, &t.err),
              &t.err);
    const sy_value args[] = {sy_value_string(name), sy_value_tensor(tensor)};
    assert_status(say(&t, &t.c.home, t.c.provider, "sharing_demand", args, 2, NULL), SY_EPERM,
                  &t.err); /* well formed, but not of the holder that leads */
    sy_tensor_unref(tensor);
    syi_buffer_fini(&bytes);
    assert_ok(trial_square(&t), &t.err);
    trial_close(&t);
}

/* --- reports ----------------------------------------------------------------------------------- */

static sy_status report(trial *t, test_place *speaker, const char *session, int64_t from,
                        int64_t sequence, int64_t size)
{
    sy_tensor *bytes = NULL;
    sy_error err = SY_ERROR_INIT;
    sy_worker *provider = syi_directory_find(speaker->hook, &t->p.at_provider.worker->id);
    uint8_t *zeros = calloc(1, (size_t)size + 1);
    assert_non_null(provider);
    assert_ok(sy_tensor_new(speaker->hook, &bytes, SY_DTYPE_U8, 1, &size, zeros, &err), &err);
    const sy_value args[] = {sy_value_string(session), sy_value_int(from),
                             sy_value_int(sequence),   sy_value_int(0),
                             sy_value_tensor(bytes),   sy_value_int(1000)};
    const sy_status status = say(t, speaker, provider, "sharing_report", args, 6, NULL);
    sy_tensor_unref(bytes);
    free(zeros);
    return status;
}

/* They must be of the holder that they name, and wait until their item is dealt, or another one is: so many that it matters. */
static void test_reports_that_are_refused(void **state)
{
    (void)state;
    enum { LARGE = SYI_SHARING_REPORTED_MAX / 3 };
    trial t;
    char name[SYI_JOINT_TEXT_SIZE];
    trial_open(&t, 2, true, 20000);
    syi_joint_format(client_group(&t.c)->session, name);
    const int64_t next = (int64_t)client_group(&t.c)->next_sequence;
    for (int64_t from = -1; from <= 3; from++) {
        for (int speaker = 0; speaker < 2; speaker++) {
            const sy_status expected = from == speaker ? SY_OK : from < 0 ? SY_EINVAL : SY_EPERM;
            assert_status(report(&t, &t.p.at[speaker], name, from, next, 10), expected, &t.err);
        }
        assert_int_not_equal(report(&t, &t.c.home, name, from, next, 10), SY_OK);
    }
    assert_status(report(&t, &t.p.at[0], "00112233445566778899aabbccddeeff", 0, next, 10),
                  SY_ENOTFOUND, &t.err);
    assert_status(report(&t, &t.p.at[0], name, 0, -1, 10), SY_EINVAL, &t.err);
    for (int turn = 0; turn < 2; turn++) {
        assert_ok(report(&t, &t.p.at[0], name, 0, next + turn, LARGE), &t.err);
        assert_ok(report(&t, &t.p.at[0], name, 0, next + turn, LARGE), &t.err);
        assert_status(report(&t, &t.p.at[0], name, 0, next + turn, LARGE), SY_ELIMIT, &t.err);
        assert_ok(report(&t, &t.p.at[1], name, 1, next + turn, LARGE), &t.err); /* has its own */
        assert_ok(trial_square(&t), &t.err);
        assert_ok(trial_square(&t), &t.err); /* of a later command: what waited is gone */
    }
    trial_close(&t);
}

/* --- joint commands ---------------------------------------------------------------------------- */

static sy_status joint(trial *t, const uint8_t *session, uint64_t sequence)
{
    const sy_value args[] = {sy_value_int(1), sy_value_int(2)};
    syi_joint one = {.sequence = sequence};
    memcpy(one.session, session, sizeof one.session);
    return say(t, &t->c.home, t->c.holders[0], "sharing_refresh", args, 2, &one);
}

static void test_joint_commands_that_are_refused(void **state)
{
    (void)state;
    static const uint8_t nobody[SYI_SHARING_SESSION_SIZE] = {1, 2, 3};
    trial t;
    trial_open(&t, 2, true, 20000);
    syi_sharing_group *group = client_group(&t.c);
    uint8_t session[SYI_SHARING_SESSION_SIZE];
    const uint64_t next = group->next_sequence;
    memcpy(session, group->session, sizeof session);
    assert_status(joint(&t, nobody, 1), SY_ENOTFOUND, &t.err);
    assert_status(joint(&t, session, 0), SY_EFORMAT, &t.err);
    assert_status(joint(&t, session, UINT64_MAX), SY_EFORMAT, &t.err);
    assert_status(joint(&t, session, 1), SY_EEXIST, &t.err); /* used before */
    assert_ok(trial_square(&t), &t.err);
    assert_memory_equal(session, group->session, sizeof session); /* it lives */
    assert_int_equal(group->next_sequence, next + 1);
    assert_status(joint(&t, session, next + 100000), SY_EPROTO, &t.err); /* that ended it */
    assert_status(joint(&t, session, next + 1), SY_EPROTO, &t.err);      /* and so it stays */
    assert_int_not_equal(trial_square(&t), SY_OK);
    assert_ok(trial_square(&t), &t.err);
    assert_memory_not_equal(session, group->session, sizeof session);
    trial_close(&t);
}

/* One holder refuses before it begins: it does not know the object. The other one is not left waiting. */
static void test_refused_by_one(void **state)
{
    (void)state;
    for (size_t holder = 0; holder < 2; holder++) {
        trial t;
        sy_tensor *child = NULL;
        trial_open(&t, 2, true, 20000);
        assert_ok(sy_shared_get_child(t.x, &child, holder, &t.err), &t.err);
        sy_worker_clear_objects(t.p.at[holder].worker);
        const uint64_t began = test_now_ms();
        assert_int_not_equal(trial_square(&t), SY_OK);
        assert_true(test_now_ms() - began < 5000);
        assert_names(&t.err, party_names[holder]);
        sy_tensor_unref(child);
        assert_ok(client_try(&t.c, &t.err), &t.err);
        trial_close(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wrong_length),
        LIBRARY_WORKER_KINDS(test_wrong_length_everywhere),
        cmocka_unit_test(test_wrong_length_of_the_provider),
        cmocka_unit_test(test_letters_that_are_refused),
        cmocka_unit_test(test_demands_that_are_refused),
        cmocka_unit_test(test_reports_that_are_refused),
        cmocka_unit_test(test_joint_commands_that_are_refused),
        cmocka_unit_test(test_refused_by_one),
    };
    return workers_run(tests);
}
