/* protocol_test.c - protocols here: pairs, whom deploy gives which name, texts, bytes. Runs: tests/integration/protocols.c. */
#include "execution/protocol.h"

#include <string.h>

#include <csyft/operations.h>

#include "execution/plan.h"
#include "serde/serde.h"
#include "support/local_hook.h"

typedef struct scene {
    local_hook base;
    sy_worker *alice, *bob, *carol;
    sy_plan *plan; /* x + 1 */
} scene;

static scene *s;
#define ERR (&s->base.err)

static sy_status plus_one(sy_plan_frame *f, sy_scope *scope, void *user, sy_error *err)
{
    (void)user;
    return sy_plan_frame_return(f, sy_add_scalar(scope, sy_plan_frame_argument(f, 0), 1), err);
}

static int setup(void **state)
{
    const sy_plan_shape shape = {SY_DTYPE_F32, 1, {-1}};
    sy_plan_options o = SY_PLAN_OPTIONS_INIT;
    sy_hook_options options = SY_HOOK_OPTIONS_INIT;
    o.name = "plus_one";
    o.forward = plus_one;
    options.verbose = false;
    s = calloc(1, sizeof *s);
    s->base.context = memory_faults_context(&s->base.memory);
    assert_ok(sy_hook_new(s->base.context, &s->base.hook, &options, ERR), ERR);
    assert_ok(sy_virtual_worker_new(s->base.hook, &s->alice, "alice", ERR), ERR);
    assert_ok(sy_virtual_worker_new(s->base.hook, &s->bob, "bob", ERR), ERR);
    assert_ok(sy_virtual_worker_new(s->base.hook, &s->carol, "7", ERR), ERR);
    assert_ok(sy_plan_new(s->base.hook, &s->plan, &o, ERR), ERR);
    assert_ok(sy_plan_build_shapes(s->plan, &shape, 1, ERR), ERR);
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    sy_plan_unref(s->plan);
    sy_hook_free(s->base.hook);
    memory_faults_context_free(&s->base.memory, s->base.context);
    free(s);
    return 0;
}

static void assert_said(sy_status status, sy_status expected, const char *first, const char *second)
{
    assert_status(status, expected, ERR);
    if (strstr(ERR->message, first) == NULL || strstr(ERR->message, second) == NULL) {
        print_error("said: %s\nnot said: %s, %s\n", ERR->message, first, second);
    }
    assert_non_null(strstr(ERR->message, first));
    assert_non_null(strstr(ERR->message, second));
}

/* A name that begins with '@' is a real worker. */
static sy_worker *worker_of(const char *name)
{
    return strcmp(name, "alice") == 0 ? s->alice : strcmp(name, "bob") == 0 ? s->bob : s->carol;
}

static sy_protocol *make(const char *const *names)
{
    sy_protocol *protocol = NULL;
    sy_protocol_pair pairs[8] = {{NULL, NULL, NULL, NULL}};
    size_t count = 0;
    for (; names[count] != NULL; count++) {
        pairs[count].plan = s->plan;
        if (names[count][0] == '@') {
            pairs[count].worker = worker_of(names[count] + 1);
        } else {
            pairs[count].name = names[count];
        }
    }
    assert_ok(sy_protocol_new(s->base.hook, &protocol, pairs, count, NULL, ERR), ERR);
    return protocol;
}
#define MAKE(...) make((const char *const[]){__VA_ARGS__, NULL})

static sy_status deploy(sy_protocol *protocol, const char *const *names)
{
    sy_worker *workers[8] = {NULL};
    size_t count = 0;
    for (; names[count] != NULL; count++) {
        workers[count] = worker_of(names[count]);
    }
    return sy_protocol_deploy(protocol, workers, count, ERR);
}
#define DEPLOY(protocol, ...) deploy(protocol, (const char *const[]){__VA_ARGS__, NULL})

/* The workers of the plans, in order; the protocol ends. */
static void expect(sy_protocol *protocol, const char *const *names)
{
    size_t count = 0;
    assert_true(sy_protocol_is_resolved(protocol));
    for (; names[count] != NULL; count++) {
        assert_ptr_equal(sy_protocol_get_worker(protocol, count), worker_of(names[count]));
    }
    assert_int_equal(sy_protocol_get_plan_count(protocol), count);
    sy_protocol_unref(protocol);
}
#define EXPECT(protocol, ...) expect(protocol, (const char *const[]){__VA_ARGS__, NULL})

static void test_by_name(void **state)
{
    (void)state;
    sy_protocol *p = MAKE("alice", "bob", "7");
    assert_ok(DEPLOY(p, "7", "alice", "bob"), ERR); /* in another order */
    EXPECT(p, "alice", "bob", "7");
    p = MAKE("bob", "alice", "bob");
    assert_ok(DEPLOY(p, "alice", "bob"), ERR);
    EXPECT(p, "bob", "alice", "bob");
    p = MAKE("bob", "alice", "bob");
    assert_ok(DEPLOY(p, "alice", "bob", "alice"), ERR);
    EXPECT(p, "bob", "alice", "bob");
}

static void test_by_position(void **state)
{
    (void)state;
    sy_protocol *p = MAKE("a", "b", "c");
    assert_ok(DEPLOY(p, "7", "alice", "bob"), ERR);
    EXPECT(p, "7", "alice", "bob");
    p = MAKE("a", "b", "a");
    assert_ok(DEPLOY(p, "alice", "bob", "alice"), ERR);
    EXPECT(p, "alice", "bob", "alice");
}

static void test_by_first_appearance(void **state)
{
    (void)state;
    sy_protocol *p = MAKE("z", "a", "z", "b", "a");
    assert_ok(DEPLOY(p, "alice", "bob", "7"), ERR);
    EXPECT(p, "alice", "bob", "alice", "7", "bob");
}

/* Without workers: those that are known by these names. */
static void test_by_known_ids(void **state)
{
    (void)state;
    sy_protocol *p = MAKE("bob", "7", "bob");
    assert_ok(sy_protocol_deploy(p, NULL, 0, ERR), ERR);
    EXPECT(p, "bob", "7", "bob");
    p = MAKE("bob", "nobody");
    assert_said(sy_protocol_deploy(p, NULL, 0, ERR), SY_EINVAL, "2 workers", "0 were provided");
    assert_false(sy_protocol_is_resolved(p));
    sy_protocol_unref(p);
}

static void test_real_workers(void **state)
{
    (void)state;
    sy_protocol *p = MAKE("@alice", "@bob");
    assert_said(DEPLOY(p, "alice", "bob"), SY_EINVAL, "already deployed to alice, bob", "");
    EXPECT(p, "alice", "bob");
    p = MAKE("@alice", "b");
    assert_false(sy_protocol_is_resolved(p));
    assert_said(DEPLOY(p, "bob", "alice"), SY_EINVAL, "plan 1 is for worker alice", "bob");
    assert_ok(DEPLOY(p, "alice", "bob"), ERR);
    EXPECT(p, "alice", "bob");
}

static void test_refused(void **state)
{
    (void)state;
    sy_tensor *result = NULL, *x = local_hook_floats(&s->base, 1, (const float[]){1});
    const sy_value arg = sy_value_tensor(x);
    sy_protocol *p = MAKE("w1", "w2", "w3");
    assert_said(DEPLOY(p, "alice", "bob"), SY_EINVAL, "designed for 3 workers", "2 were provided");
    assert_said(DEPLOY(p, "alice"), SY_EINVAL, "1 were provided", "3 plans");
    assert_said(DEPLOY(p, "alice", "bob", "bob"), SY_EINVAL, "w2 and w3 are two workers",
                "bob is given for both");
    assert_said(sy_protocol_run(p, &arg, 1, NULL, 0, &result, 1, NULL, ERR), SY_EINVAL,
                "Plans have not been allocated to existing workers.",
                "Call deploy(*workers) to do so.");
    assert_said(sy_protocol_check_resolved(p, ERR), SY_EINVAL, "Plans have not been", "deploy");
    sy_protocol_unref(p);
    p = MAKE("w1", "w2", "w1");
    assert_said(DEPLOY(p, "alice", "bob", "7"), SY_EINVAL, "w1 is one worker",
                "alice for plan 1, 7 for plan 3");
    assert_said(sy_protocol_deploy(p, (sy_worker *[]){s->alice, NULL}, 2, ERR), SY_EINVAL,
                "worker 2", "NULL");
    assert_int_equal(sy_worker_get_object_count(s->alice), 0);
    assert_ok(DEPLOY(p, "alice", "bob"), ERR);
    assert_ok(sy_protocol_check_resolved(p, ERR), ERR);
    sy_protocol_unref(p);
    assert_ok(sy_protocol_new(s->base.hook, &p, NULL, 0, NULL, ERR), ERR);
    assert_said(DEPLOY(p, "alice"), SY_EINVAL, "0 workers", "1 were");
    assert_said(sy_protocol_deploy(p, NULL, 0, ERR), SY_EINVAL, "0 workers", "0 were");
    assert_false(sy_protocol_is_resolved(p));
    sy_protocol_unref(p);
    sy_tensor_unref(x);
}

/* Within the function of a plan a protocol is not run: it would not be recorded. */
static sy_status runs_a_protocol(sy_plan_frame *f, sy_scope *scope, void *user, sy_error *err)
{
    sy_tensor *result = NULL;
    const sy_value arg = sy_plan_frame_value(f, 0);
    (void)scope;
    return sy_protocol_run(user, &arg, 1, NULL, 0, &result, 1, NULL, err);
}

static void test_not_while_a_plan_is_built(void **state)
{
    (void)state;
    const sy_plan_shape shape = {SY_DTYPE_F32, 1, {1}};
    sy_protocol *p = MAKE("@alice", "@bob");
    sy_plan *plan = NULL;
    sy_plan_options o = SY_PLAN_OPTIONS_INIT;
    o.forward = runs_a_protocol;
    o.user = p;
    assert_ok(sy_plan_new(s->base.hook, &plan, &o, ERR), ERR);
    assert_said(sy_plan_build_shapes(plan, &shape, 1, ERR), SY_ENOTSUP, "cannot be run",
                "while a plan is built");
    sy_plan_unref(plan);
    sy_protocol_unref(p);
}

/* A plan that cannot be sent: the workers before it keep nothing. */
static void test_nothing_is_deployed(void **state)
{
    (void)state;
    sy_plan *unbuilt = NULL;
    sy_protocol *p = NULL;
    sy_plan_options o = SY_PLAN_OPTIONS_INIT;
    o.name = "raw";
    o.forward = plus_one;
    assert_ok(sy_plan_new(s->base.hook, &unbuilt, &o, ERR), ERR);
    const sy_protocol_pair pairs[] = {{.name = "a", .plan = s->plan},
                                      {.name = "b", .plan = unbuilt}};
    assert_ok(sy_protocol_new(s->base.hook, &p, pairs, 2, NULL, ERR), ERR);
    assert_said(DEPLOY(p, "alice", "bob"), SY_EINVAL, "plan 2 to worker bob", "raw is not");
    assert_false(sy_protocol_is_resolved(p));
    (void)sy_hook_synchronize(s->base.hook, NULL);
    for (int k = 0; k < 200 && sy_worker_get_object_count(s->alice) > 0; k++) {
        nanosleep(&(struct timespec){0, 5000000}, NULL);
    }
    assert_int_equal(sy_worker_get_object_count(s->alice), 0);
    sy_protocol_unref(p);
    sy_plan_unref(unbuilt);
}

static void test_bad_pairs(void **state)
{
    (void)state;
    sy_protocol *p = NULL;
    sy_pointer_plan *both = NULL;
    sy_worker *const two[] = {s->alice, s->bob};
    assert_ok(sy_plan_send(s->plan, &both, two, 2, false, ERR), ERR);
    const struct {
        sy_protocol_pair pair;
        const char *first, *second;
    } cases[] = {
        {{.plan = s->plan}, "pair 1", "a worker or a name"},
        {{.worker = s->bob, .name = "b", .plan = s->plan}, "pair 1", "one of both"},
        {{.name = "b"}, "This is not a valid Plan", "pair 1"},
        {{.name = "b", .plan = s->plan, .pointer = both}, "This is not a valid Plan", "one of"},
        {{.name = "", .plan = s->plan}, "pair 1", "1 to 255 bytes"},
        {{.name = "b", .pointer = both}, "at 2 workers", "split"},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        assert_said(sy_protocol_new(s->base.hook, &p, &cases[k].pair, 1, NULL, ERR), SY_EINVAL,
                    cases[k].first, cases[k].second);
        assert_null(p);
    }
    sy_pointer_plan_unref(both);
    assert_ok(sy_plan_send(s->plan, &both, &s->alice, 1, false, ERR), ERR);
    const sy_protocol_pair elsewhere = {.worker = s->bob, .pointer = both};
    assert_said(sy_protocol_new(s->base.hook, &p, &elsewhere, 1, NULL, ERR), SY_EINVAL,
                "names worker bob", "at worker alice");
    sy_pointer_plan_unref(both);
    /* Of another hook */
    sy_hook *other = NULL;
    sy_plan *foreign = NULL;
    sy_hook_options quiet = SY_HOOK_OPTIONS_INIT;
    quiet.verbose = false;
    assert_ok(sy_hook_new(s->base.context, &other, &quiet, ERR), ERR);
    assert_ok(sy_plan_new(other, &foreign, NULL, ERR), ERR);
    const sy_protocol_pair strange = {.name = "b", .plan = foreign};
    assert_said(sy_protocol_new(s->base.hook, &p, &strange, 1, NULL, ERR), SY_EINVAL, "pair 1",
                "another hook");
    sy_plan_unref(foreign);
    sy_hook_free(other);
    sy_protocol_pair *many = calloc(257, sizeof *many);
    for (size_t k = 0; k < 257; k++) {
        many[k] = (sy_protocol_pair){.name = "a", .plan = s->plan};
    }
    assert_status(sy_protocol_new(s->base.hook, &p, many, 257, NULL, ERR), SY_ELIMIT, ERR);
    free(many);
}

/* A pointer plan: used where it is, or brought to the worker it is deployed to. */
static void test_pointer_plans(void **state)
{
    (void)state;
    sy_pointer_plan *at_alice = NULL;
    sy_protocol *p = NULL;
    sy_tensor *x = local_hook_floats(&s->base, 1, (const float[]){1}), *y = NULL, *got = NULL;
    const sy_value arg = sy_value_tensor(x);
    assert_ok(sy_plan_send(s->plan, &at_alice, &s->alice, 1, false, ERR), ERR);
    const sy_protocol_pair pairs[] = {{.name = "a", .pointer = at_alice},
                                      {.name = "b", .pointer = at_alice}};
    assert_ok(sy_protocol_new(s->base.hook, &p, pairs, 2, NULL, ERR), ERR);
    assert_null(sy_protocol_get_plan(p, 0));
    assert_ok(DEPLOY(p, "alice", "bob"), ERR);
    assert_int_equal(sy_worker_get_object_count(s->alice), 1);
    assert_int_equal(sy_worker_get_object_count(s->bob), 1);
    assert_ok(sy_protocol_run(p, &arg, 1, NULL, 0, &y, 1, NULL, ERR), ERR);
    assert_ok(sy_tensor_get(y, &got, ERR), ERR);
    assert_floats(got, (const float[]){3}, 1);
    sy_tensor_unref(got);
    sy_tensor_unref(y);
    sy_tensor_unref(x);
    sy_protocol_unref(p);
    sy_pointer_plan_unref(at_alice);
}

static void test_labels_and_text(void **state)
{
    (void)state;
    sy_protocol *p = NULL;
    char *text = NULL;
    const sy_id id = sy_id_from_int(42);
    const char *const tags[] = {"#a", "#b"};
    sy_protocol_options o = SY_PROTOCOL_OPTIONS_INIT;
    o.id = &id;
    o.tags = tags;
    o.tag_count = 2;
    o.description = "two steps";
    const sy_protocol_pair pairs[] = {{.name = "w1", .plan = s->plan},
                                      {.worker = s->bob, .plan = s->plan}};
    assert_ok(sy_protocol_new(s->base.hook, &p, pairs, 2, &o, ERR), ERR);
    const sy_id own = sy_protocol_get_id(p);
    assert_true(sy_id_equal(&own, &id));
    assert_int_equal(sy_protocol_get_tag_count(p), 2);
    assert_string_equal(sy_protocol_get_tag(p, 1), "#b");
    assert_string_equal(sy_protocol_get_description(p), "two steps");
    assert_string_equal(sy_protocol_get_name(p, 1), "bob");
    assert_null(sy_protocol_get_name(p, 2));
    assert_null(sy_protocol_get_worker(p, 2));
    assert_null(sy_protocol_get_plan(p, 2));
    assert_ptr_equal(sy_protocol_get_plan(p, 0), s->plan);
    assert_ptr_equal(sy_protocol_get_hook(p), s->base.hook);
    assert_ok(sy_protocol_to_text(p, &text, ERR), ERR);
    assert_memory_equal(text, "<Protocol id:42 owner:me>\n - w1: <Plan plus_one id:", 51);
    assert_non_null(strstr(text, " built>\n - bob: <Plan plus_one id:"));
    sy_string_free(s->base.hook, text);
    assert_ok(DEPLOY(p, "alice", "bob"), ERR);
    assert_ok(sy_protocol_to_text(p, &text, ERR), ERR);
    assert_memory_equal(text,
                        "<Protocol id:42 owner:me resolved>\n - alice: [PointerPlan | me:", 63);
    sy_string_free(s->base.hook, text);
    sy_tensor *x = local_hook_floats(&s->base, 1, (const float[]){1});
    const sy_value values[] = {sy_value_int(3), sy_value_tensor(x)};
    sy_worker *me = sy_hook_get_local_worker(s->base.hook);
    assert_ptr_equal(sy_protocol_find_arguments_location(s->base.hook, values, 2), me);
    assert_ok(sy_tensor_send_(x, s->bob, ERR), ERR);
    assert_ptr_equal(sy_protocol_find_arguments_location(s->base.hook, values, 2), s->bob);
    sy_tensor_unref(x);
    sy_protocol_unref(p);
}

/* Bytes of a peer: each must be refused, with these words. */
static void test_refused_bytes(void **state)
{
    (void)state;
    const struct {
        const char *bytes;
        size_t size;
        sy_status status;
        const char *words;
    } cases[] = {
        {"\x92\x18\x92\x02\x90", 5, SY_ENOTSUP, "revision 2"},
        {"\x92\x18\x91\x01", 4, SY_EFORMAT, "protocol"},
        {"\x92\x18\x92\x01\xdc\x01\x01", 7, SY_EFORMAT, ""},
        {"\x92\x18\x92\x01\x91\x93\xa0\xc0\xc0", 9, SY_EFORMAT, "name that cannot be one"},
        {"\x92\x18\x92\x01\x91\x93\xa2w\x00\xc0\xc0", 11, SY_EFORMAT, "name that cannot be one"},
        {"\x92\x18\x92\x01\x91\x93\xa1w\x08\x05", 10, SY_ENOTFOUND, "worker 8"},
        {"\x92\x18\x92\x01\x91\x93\xa1w\x07\xc0", 10, SY_EFORMAT, "has no id"},
        {"\x92\x18\x92\x01\x91\x93\xa1w\xc0\xc0", 10, SY_EFORMAT, ""},
        {"\x92\x18\x92\x01\x91\x93\xa1w\xc0\x92\x18\x92\x01\x90", 14, SY_EFORMAT, "is no plan"},
        {"\x92\x18\x92\x01\x91\x93\xa1w\xc0\x92\x19\x94\x01\x05\x07\xa4grad", 21, SY_EFORMAT,
         "is an attribute"},
        {"\x92\x18\x92\x01\x91\x92\xa1w\xc0", 9, SY_EFORMAT, "plan of a protocol"},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        syi_message message;
        syi_decoder decoder;
        sy_tensor *tensor = NULL;
        syi_message_init(&message, s->base.context, 1u << 20);
        syi_buffer_append(&message.body, cases[k].bytes, cases[k].size);
        syi_decoder_init(&decoder, s->base.hook, sy_hook_get_local_worker(s->base.hook), &message);
        *ERR = (sy_error)SY_ERROR_INIT;
        const sy_status status = syi_decode_tensor(&decoder, &tensor, ERR);
        syi_decoder_fini(&decoder);
        syi_message_fini(&message);
        if (status != cases[k].status) {
            print_error("case %zu\n", k);
        }
        assert_said(status, cases[k].status, cases[k].words, "");
        assert_null(tensor);
    }
}

/* Designed, written, read again, labelled and run here; `x` is [1]. */
static sy_status whole_life(sy_tensor *x, sy_error *err)
{
    sy_worker *me = sy_hook_get_local_worker(s->base.hook);
    const sy_protocol_pair names[] = {{.name = "w1", .plan = s->plan},
                                      {.name = "w2", .plan = s->plan}};
    const sy_protocol_pair here[] = {{.worker = me, .plan = s->plan},
                                     {.worker = me, .plan = s->plan}};
    sy_protocol *p = NULL, *again = NULL;
    sy_tensor *object = NULL, *y = NULL;
    void *bytes = NULL;
    size_t size = 0;
    char *text = NULL;
    const sy_value arg = sy_value_tensor(x);
    sy_status status = sy_protocol_new(s->base.hook, &p, names, 2, NULL, err);
    status = status != SY_OK ? status : sy_protocol_tag(p, "#a", err);
    status = status != SY_OK ? status
                             : sy_tensor_serialize(syi_protocol_get_object(p), &bytes, &size, err);
    status =
        status != SY_OK ? status : sy_tensor_deserialize(s->base.hook, &object, bytes, size, err);
    if (status == SY_OK) {
        status = syi_protocol_from_object(&again, object, err);
        if (status != SY_OK) {
            sy_tensor_unref(object);
        }
    }
    status = status != SY_OK ? status : sy_protocol_to_text(again, &text, err);
    sy_protocol_unref(p);
    p = NULL;
    status = status != SY_OK ? status : sy_protocol_new(s->base.hook, &p, here, 2, NULL, err);
    status = status != SY_OK ? status : sy_protocol_run(p, &arg, 1, NULL, 0, &y, 1, NULL, err);
    if (status == SY_OK) {
        assert_string_equal(sy_protocol_get_name(again, 1), "w2");
        assert_string_equal(sy_protocol_get_tag(again, 0), "#a");
        assert_non_null(strstr(text, "\n - w2: <Plan plus_one id:"));
        assert_floats(y, (const float[]){3}, 1);
    }
    sy_tensor_unref(y);
    sy_protocol_unref(p);
    sy_protocol_unref(again);
    if (text != NULL) {
        sy_string_free(s->base.hook, text);
    }
    if (bytes != NULL) {
        sy_bytes_free(s->base.hook, bytes, size);
    }
    return status;
}

/* Each allocation refused in turn: SY_ENOMEM with a sentence, and nothing is left. */
static void test_out_of_memory(void **state)
{
    (void)state;
    sy_tensor *x = local_hook_floats(&s->base, 1, (const float[]){1});
    failing_allocator *memory = &s->base.memory;
    assert_ok(whole_life(x, ERR), ERR); /* what is made once is there */
    size_t nth = 0;
    bool refused = true;
    while (refused) {
        const size_t live = memory->live;
        *ERR = (sy_error)SY_ERROR_INIT;
        memory->refused = 0;
        memory->fail_at = memory->calls + ++nth;
        const sy_status status = whole_life(x, ERR);
        memory->fail_at = 0;
        refused = memory->refused != 0;
        assert_status(status, refused ? SY_ENOMEM : SY_OK, ERR);
        assert_int_equal(memory->live, live);
    }
    assert_true(nth > 30);
    sy_tensor_unref(x);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_by_name),
        TEST(test_by_position),
        TEST(test_by_first_appearance),
        TEST(test_by_known_ids),
        TEST(test_real_workers),
        TEST(test_refused),
        TEST(test_bad_pairs),
        TEST(test_nothing_is_deployed),
        TEST(test_pointer_plans),
        TEST(test_labels_and_text),
        TEST(test_refused_bytes),
        TEST(test_out_of_memory),
        TEST(test_not_while_a_plan_is_built),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
