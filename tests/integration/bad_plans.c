/*
 * bad_plans.c - plans that no csyft client sends, and runs that nobody asks for, at workers of every kind: each is refused with
 * a sentence, and the worker serves the next request with the store it had before. Plans of clients: plans.c.
 */
#include <csyft/plan.h>

#include <stdio.h>

#include "execution/plan.h"
#include "support/notation.h"
#include "support/plan_functions.h"
#include "support/raw_client.h"
#include "support/worker_kinds.h"

enum { X = 500, PLAN = 600, RESULT = 700 };

typedef struct stranger {
    workers *w;
    raw_client c;
} stranger;

static stranger meet(workers *w)
{
    stranger s = {.w = w};
    raw_open(&s.c, w->places[0].context, w->bob_serving, w->kind->url != NULL ? w->bob->url : NULL);
    assert_ok(raw_greet(&s.c, "stranger", NULL), &s.c.said);
    raw_put_object(&s.c, X, 3, (const float[]){1, 2, 3});
    assert_ok(raw_request(&s.c, SYI_KIND_OBJECT), &s.c.said);
    return s;
}

/* OBJECT: [PLAN, [14, [PLAN, nil, [21, body]]]] */
static void put_plan_head(raw_client *c)
{
    syi_msgpack_write_array(&c->body, 2);
    syi_msgpack_write_int(&c->body, PLAN);
    notation_pair(&c->body, SYI_CODE_TENSOR);
    syi_msgpack_write_array(&c->body, 3);
    syi_msgpack_write_int(&c->body, PLAN);
    syi_msgpack_write_nil(&c->body);
    notation_pair(&c->body, SYI_CODE_PLAN);
}

static sy_status send_plan(raw_client *c, const char *body)
{
    put_plan_head(c);
    assert_int_equal(*notation_gap(notation_one(&c->body, body)), '\0');
    return raw_request(c, SYI_KIND_OBJECT);
}

/* One vector of any length, these steps and results. */
static sy_status send_steps(raw_client *c, const char *steps, const char *results)
{
    char body[2048];
    snprintf(body, sizeof body, "[1 'p' F [[N 'float32' [-1]]] [] %s %s 4]", steps, results);
    return send_plan(c, body);
}

static sy_status run(raw_client *c, const char *arguments, const char *names, const char *ids)
{
    raw_put_worker_command(c, "run", 4);
    raw_put_pointer(c, PLAN, NULL);
    notation_one(&c->body, arguments);
    notation_one(&c->body, names);
    notation_one(&c->body, ids);
    return raw_request(c, SYI_KIND_WORKER_COMMAND);
}

static void assert_refused(raw_client *c, sy_status status, sy_status expected, const char *words,
                           const char *what)
{
    if (status != expected || strstr(c->said.message, words) == NULL) {
        print_error("%s: %s (%s), expected %s and \"%s\"\n", what, sy_status_name(status),
                    c->said.message, sy_status_name(expected), words);
        fail();
    }
    assert_string_equal(c->said.worker, "bob");
}

static void drop_plan(raw_client *c)
{
    raw_put_worker_command(c, "delete", 1);
    syi_msgpack_write_int(&c->body, PLAN);
    assert_ok(raw_request(c, SYI_KIND_WORKER_COMMAND), &c->said);
}

/* Nothing was added, and an honest plan runs. */
static void leave(stranger *s)
{
    workers *w = s->w;
    raw_client *c = &s->c;
    assert_int_equal(sy_worker_get_object_count(w->bob_serving), 1);
    assert_ok(send_steps(c, "[['add' F [#0 #0 1] 1]]", "(#1)"), &c->said);
    assert_ok(run(c, "([25 [N 500 N N]])", "()", "(700)"), &c->said);
    raw_put_object_request(c, RESULT, false);
    assert_ok(raw_request(c, SYI_KIND_OBJECT_REQUEST), &c->said);
    assert_int_equal(sy_worker_get_object_count(w->bob_serving), 2);
    raw_close(c);
}

static void test_steps(void **state)
{
    stranger s = meet(*state);
    static const struct {
        const char *steps, *results;
        sy_status status;
        const char *words;
    } cases[] = {
        /* values that are not there, or not yet: a step that reads its own result is a cycle */
        {"[['add' F [#9 #0 1] 1]]", "(#1)", SY_EFORMAT, "before it is there"},
        {"[['add' F [#1 #0 1] 1]]", "(#1)", SY_EFORMAT, "before it is there"},
        {"[['add' F [#2 #0 1] 1] ['add' F [#1 #0 1] 1]]", "(#1)", SY_EFORMAT, "before it is there"},
        {"[['add' F [#-1 #0 1] 1]]", "(#1)", SY_EFORMAT, "before it is there"},
        {"[['add' F [#9223372036854775807 #0 1] 1]]", "(#1)", SY_EFORMAT, "before it is there"},
        {"[]", "(#1)", SY_EFORMAT, "before it is there"},
        /* operations */
        {"[['system' F [#0] 1]]", "(#1)", SY_EFORBIDDEN, "not a supported Torch operation"},
        {"[['item' F [#0] 1]]", "(#1)", SY_EFORBIDDEN, "not a supported Torch operation"},
        {"[['' F [#0] 1]]", "(#1)", SY_EFORBIDDEN, "not a supported Torch operation"},
        {"[['$item' F [#0] 1]]", "(#1)", SY_EFORBIDDEN, "not a supported Torch operation"},
        /* arguments and results */
        {"[['add' F [#0 #0] 1]]", "(#1)", SY_EFORMAT, "2 arguments for add, which takes 3"},
        {"[['add' F [#0 'x' 1] 1]]", "(#1)", SY_EINVAL, ""},
        {"[['add' F [#0 #0 1] 2]]", "(#1)", SY_EINVAL, "has 2 results, at most 1"},
        {"[['add' F [#0 #0 1] -1]]", "(#1)", SY_EFORMAT, "too many results"},
        {"[['add' F [#0 #0 1] 65]]", "(#1)", SY_EFORMAT, "too many results"},
        {"[['add_' F [1 #0 1] 0]]", "(#0)", SY_EINVAL, ""},
        {"[['numel' F [#0] 1] ['add_' F [#1 #0 1] 0]]", "(#0)", SY_EINVAL, ""},
        {"[['reshape' F [#0 ((#0))] 1]]", "(#1)", SY_EINVAL, ""},
        {"[['add' F [#0 #0 1] 1]]", "(#0 (#1 ((((((((#1))))))))))", SY_EFORMAT, "too deep"},
        {"[['add' F [#0 #0 1] 1]]", "#1", SY_EFORMAT, "results that are no list"},
        {"[['add' F 5 1]]", "(#0)", SY_EFORMAT, ""},
        {"[5]", "(#0)", SY_EFORMAT, ""},
        /* steps that are no operations */
        {"[['$grad' F [1] 1]]", "(#1)", SY_EINVAL, "has other arguments"},
        {"[['numel' F [#0] 1] ['$grad' F [#1] 1]]", "(#1)", SY_EINVAL, "does not take"},
        {"[['numel' F [#0] 1] ['$set_grad' F [#0 #1] 0]]", "(#0)", SY_EINVAL, "does not take"},
        {"[['$requires_grad' F [#0 1] 0]]", "(#0)", SY_EINVAL, "does not take"},
        {"[['$add' F [#0 1] 1]]", "(#0)", SY_EINVAL, "does not take"},
        {"[['$mul' F [2 0.5] 1]]", "(#0)", SY_EINVAL, "does not take"},
        {"[['$mod' F [2 1] 2]]", "(#0)", SY_EINVAL, "has other arguments"},
        {"[['$mod' F [2] 1]]", "(#0)", SY_EINVAL, "has other arguments"},
        /* bounds of slices */
        {"[['index' F [#0 (<0.5 #0 1>)] 1]]", "(#1)", SY_EFORMAT, "bounds are no numbers"},
        {"[['index' F [#0 (<N #0 1>)] 1]]", "(#1)", SY_EINVAL, "does not take"},
        {"[['index' F [#0 (<N #9 1>)] 1]]", "(#1)", SY_EFORMAT, "before it is there"},
        {"[['index' F [#0 (<1 2>)] 1]]", "(#1)", SY_EFORMAT, "slice"},
        {"[['numel' F [#0] 1]]", "(<N #1 1>)", SY_EINVAL, "slice with an open bound"},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        const sy_status status = send_steps(&s.c, cases[k].steps, cases[k].results);
        assert_refused(&s.c, status, cases[k].status, cases[k].words, cases[k].steps);
    }
    leave(&s);
}

static void test_heads(void **state)
{
    stranger s = meet(*state);
    static const struct {
        const char *body;
        sy_status status;
        const char *words;
    } cases[] = {
        {"[2 'p' F [] [] [] N 0]", SY_ENOTSUP, "revision 2"},
        {"[1 N F [] [] [] N 0]", SY_EFORMAT, "no name"},
        {"[1 '' F [] [] [] N 0]", SY_EFORMAT, "name that cannot be one"},
        {"[1 'p' 1 [] [] [] N 0]", SY_EFORMAT, ""},
        {"[1 'p' F [[N 'float32' [-2]]] [] [] () 4]", SY_EFORMAT, "negative length"},
        {"[1 'p' F [[N 'float32' [1 1 1 1 1 1 1 1 1]]] [] [] () 4]", SY_EFORMAT, "too many dims"},
        {"[1 'p' F [[N 'float31' [1]]] [] [] () 4]", SY_EFORMAT, "unknown dtype"},
        {"[1 'p' F [[N]] [] [] () 4]", SY_EFORMAT, "argument that is none"},
        {"[1 'p' F [] [] [] N 4]", SY_EFORMAT, "results that are no list"},
        /* a constant, of whatever kind, where a number is wanted */
        {"[1 'p' F [[N 'float32' [-1]] [N 'abc']] [] [['narrow' F [#0 0 #1 1] 1]] (#2) 4]",
         SY_EINVAL, "constant"},
        {"[1 'p' F [[N 'float32' [-1]] [N (1 2)]] [] [['add' F [#0 #1 1] 1]] (#2) 4]", SY_EINVAL,
         "constant"},
        {"[1 'p' F [[N 'abc']] [] [] (#0) 4]", SY_EINVAL, "constant"},
        /* state that is not there, here or at a worker that nobody knows */
        {"[1 'p' F [] [[N F [14 [1 N [25 [N 4711 N N]]]]]] [] () 4]", SY_ENOTFOUND, "4711"},
        {"[1 'p' F [] [[N F 5]] [] () 4]", SY_EFORMAT, ""},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        const sy_status status = send_plan(&s.c, cases[k].body);
        assert_refused(&s.c, status, cases[k].status, cases[k].words, cases[k].body);
    }
    leave(&s);
}

/* More than there may be of everything. */
static void test_giants(void **state)
{
    stranger s = meet(*state);
    raw_client *c = &s.c;
    enum { STEPS = 100001, ITEMS = 600, ARGUMENTS = 257 };
    /* a million actions are promised, and do not come */
    put_plan_head(c);
    notation_one(&c->body, "[1 'p' F [] [] N N 4]");
    c->body.length -= 3; /* nil, nil, 4 */
    syi_msgpack_write_array(&c->body, 1000000);
    assert_refused(c, raw_request(c, SYI_KIND_OBJECT), SY_EFORMAT, "", "a million promised");
    /* one more than may be */
    put_plan_head(c);
    notation_one(&c->body, "[1 'p' F [] [] N N 4]");
    c->body.length -= 3;
    syi_msgpack_write_array(&c->body, STEPS);
    for (int k = 0; k < STEPS; k++) {
        notation_one(&c->body, "['$add' F [1 1] 1]");
    }
    notation_one(&c->body, "()");
    notation_one(&c->body, "4");
    assert_refused(c, raw_request(c, SYI_KIND_OBJECT), SY_ELIMIT, "", "100,001 steps");
    /* a list that is too long for one step */
    put_plan_head(c);
    notation_one(&c->body, "[1 'p' F [[N 'float32' [-1]]] [] N N 4]");
    c->body.length -= 3;
    syi_msgpack_write_array(&c->body, 1);
    syi_msgpack_write_array(&c->body, 4);
    raw_put_text(c, "index");
    notation_one(&c->body, "F");
    syi_msgpack_write_array(&c->body, 2);
    notation_one(&c->body, "#0");
    raw_put_list(c, ITEMS);
    for (int k = 0; k < ITEMS; k++) {
        notation_one(&c->body, "0");
    }
    notation_one(&c->body, "1");
    notation_one(&c->body, "(#1)");
    notation_one(&c->body, "4");
    assert_refused(c, raw_request(c, SYI_KIND_OBJECT), SY_EFORMAT, "too many values", "600 items");
    /* arguments */
    put_plan_head(c);
    notation_one(&c->body, "[1 'p' F N [] [] () 4]");
    c->body.length -= 6; /* nil, [], [], [1, []], 4 */
    c->body.length -= 1;
    syi_msgpack_write_array(&c->body, ARGUMENTS);
    for (int k = 0; k < ARGUMENTS; k++) {
        notation_one(&c->body, "[N 1]");
    }
    assert_refused(c, raw_request(c, SYI_KIND_OBJECT), SY_EFORMAT, "too many arguments",
                   "257 arguments");
    leave(&s);
}

/* Honest to look at, they ask for more than there is when they are run: sizes that square, results that double. */
static void test_runs_beyond_the_limit(void **state)
{
    stranger s = meet(*state);
    raw_client *c = &s.c;
    static const struct {
        const char *steps, *results;
        sy_status status;
        const char *words;
    } cases[] = {
        {"[['numel' F [#0] 1] ['$mul' F [#1 #1] 1] ['$mul' F [#2 #2] 1] ['$mul' F [#3 #3] 1]"
         " ['$mul' F [#4 #4] 1] ['$mul' F [#5 #5] 1] ['$mul' F [#6 #6] 1]]",
         "(#0)", SY_ERANGE, "plan p, step 7 (mul)"},
        {"[['zeros' F [(1099511627776) N] 1]]", "(#1)", SY_ELIMIT, "plan p, step 1 (zeros)"},
        {"[['numel' F [#0] 1] ['$mul' F [#1 1099511627776] 1] ['zeros' F [(#2) N] 1]]", "(#3)",
         SY_ELIMIT, "plan p, step 3 (zeros)"},
        {"[['zeros' F [(65536) N] 1] ['outer' F [#1 #1] 1]]", "(#2)", SY_ELIMIT,
         "plan p, step 2 (outer)"},
        {"[['numel' F [#0] 1] ['$floordiv' F [#1 0] 1]]", "(#0)", SY_ERANGE, "3 // 0"},
        {"[['numel' F [#0] 1] ['$sub' F [#1 4] 1] ['zeros' F [(#2) N] 1]]", "(#3)", SY_ESHAPE,
         "plan p, step 3 (zeros)"},
    };
    sy_worker_set_memory_limit(s.w->bob_serving, 1u << 24);
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        assert_ok(send_steps(c, cases[k].steps, cases[k].results), &c->said);
        assert_refused(c, run(c, "([25 [N 500 N N]])", "()", "()"), cases[k].status, cases[k].words,
                       cases[k].steps);
        assert_int_equal(sy_worker_get_object_count(s.w->bob_serving), 2); /* x and the plan */
        drop_plan(c);
    }
    leave(&s);
}

static void test_requests(void **state)
{
    stranger s = meet(*state);
    raw_client *c = &s.c;
    const char *const x = "([25 [N 500 N N]])";
    static const char several[] = "[['add' F [#0 #0 1] 1] ['neg' F [#0] 1]]";
    assert_refused(c, run(c, x, "()", "()"), SY_ENOTFOUND, "600", "no plan");
    assert_ok(send_steps(c, several, "(#1 #2)"), &c->said);
    assert_refused(c, run(c, "5", "()", "()"), SY_EINVAL, "no list", "no arguments");
    assert_refused(c, run(c, x, "5", "()"), SY_EINVAL, "no list", "no names");
    assert_refused(c, run(c, x, "()", "N"), SY_EINVAL, "no list", "no ids");
    assert_refused(c, run(c, x, "(1)", "()"), SY_EINVAL, "name is no text", "a name");
    assert_refused(c, run(c, x, "(1 2)", "()"), SY_EINVAL, "more names", "two names");
    assert_refused(c, run(c, "()", "()", "()"), SY_ESIGNATURE, "missing", "nothing given");
    assert_refused(c, run(c, "(5)", "()", "()"), SY_ESIGNATURE, "no tensor", "a number");
    assert_refused(c, run(c, "([25 [N 501 N N]])", "()", "()"), SY_ENOTFOUND, "501", "unknown");
    assert_refused(c, run(c, "([25 [N 600 N N]])", "()", "()"), SY_EINVAL, "plan", "itself");
    assert_refused(c, run(c, x, "()", "(700)"), SY_ESIGNATURE, "2 results, 1 ids", "one id");
    assert_refused(c, run(c, x, "()", "(700 0.5)"), SY_EINVAL, "no id", "half an id");
    assert_refused(c, run(c, x, "()", "(700 700)"), SY_EINVAL, "are the same", "an id twice");
    assert_int_equal(sy_worker_get_object_count(s.w->bob_serving), 2);
    drop_plan(c);
    leave(&s);
}

/* Arguments that a row takes in place of others, an int for a list and for a float, are what it makes of them. */
static void test_converted(void **state)
{
    stranger s = meet(*state);
    raw_client *c = &s.c;
    static const struct {
        const char *steps, *results;
        float expected;
    } cases[] = {
        {"[['sum' F [#0 0 F N] 1]]", "(#1)", 6},
        {"[['clone' F [#0] 1] ['sgd_' F [#1 #0 2] 0] ['sum' F [#1 N F N] 1]]", "(#1)", -1},
        {"[['zeros' F [4 N] 1] ['add' F [#1 1 1] 1] ['sum' F [#2 N F N] 1]]", "(#3)", 4},
        {"[['numel' F [#0] 1] ['ones' F [#1 N] 1] ['sum' F [#2 N F N] 1]]", "(#3)", 3},
        {"[['flip' F [#0 0] 1] ['select' F [#1 0 0] 1]]", "(#2)", 3},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        sy_tensor *result = NULL;
        float values[3] = {0};
        const sy_id id = sy_id_from_int(RESULT);
        assert_ok(send_steps(c, cases[k].steps, cases[k].results), &c->said);
        assert_ok(run(c, "([25 [N 500 N N]])", "()", "(700)"), &c->said);
        assert_ok(sy_worker_get_object(s.w->bob_serving, &result, &id, &s.w->err), &s.w->err);
        assert_ok(sy_tensor_copy_data(result, values, (k == 1 ? 3 : 1) * sizeof *values, &s.w->err),
                  &s.w->err);
        sy_tensor_unref(result);
        if (values[0] != cases[k].expected) {
            print_error("%s: %g\n", cases[k].steps, (double)values[0]);
        }
        assert_true(values[0] == cases[k].expected);
        raw_put_object_request(c, RESULT, false);
        assert_ok(raw_request(c, SYI_KIND_OBJECT_REQUEST), &c->said);
        drop_plan(c);
    }
    /* A size is an int, and no float. */
    assert_refused(c, send_steps(c, "[['numel' F [#0] 1] ['sgd_' F [#0 #0 #1] 0]]", "(#0)"),
                   SY_EINVAL, "sgd_", "a size for a float");
    leave(&s);
}

/* A private object as state, or as an argument: nothing that a plan makes of it comes out, no number either. */
static void test_private(void **state)
{
    stranger s = meet(*state);
    raw_client *c = &s.c;
    workers *w = s.w;
    enum { PRIVATE = 503 };
    sy_tensor *secret = NULL;
    const sy_id id = sy_id_from_int(PRIVATE);
    assert_ok(sy_tensor_from_floats(sy_worker_get_hook(w->bob_serving), &secret,
                                    (const float[]){421337, 421338, 421339}, 3, &w->err),
              &w->err);
    assert_ok(sy_tensor_set_id(secret, &id, &w->err), &w->err);
    assert_ok(sy_worker_publish(w->bob_serving, secret, true, &w->err), &w->err);
    sy_tensor_unref(secret);
    static const struct {
        const char *steps; /* #0 is private, #1 is x */
        const char *results;
    } cases[] = {
        {"[['add' F [#1 #0 1] 1]]", "(#2)"},
        {"[]", "(#0)"},
        {"[['sum' F [#0 N F N] 1]]", "(#2)"},
        {"[['copy_' F [#1 #0] 0]]", "(#1)"},
        {"[['clone' F [#1] 1] ['add_' F [#2 #0 1] 0] ['mul' F [#2 1] 1]]", "(#3)"},
        {"[['gt' F [#0 421338] 1] ['masked_select' F [#0 #2] 1] ['numel' F [#3] 1]"
         " ['full' F [() #4 [52 'int64']] 1]]",
         "(#5)"},
        {"[['nonzero' F [#0] 1] ['size' F [#2 0] 1] ['$mul' F [#3 1] 1]"
         " ['full' F [() #4 [52 'int64']] 1]]",
         "(#5)"},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        for (int as_argument = 0; as_argument < 2; as_argument++) {
            char body[1024];
            const char *const vector = "[N 'float32' [-1]]";
            if (as_argument) {
                snprintf(body, sizeof body, "[1 'p' F [%s %s] [] %s %s 4]", vector, vector,
                         cases[k].steps, cases[k].results);
            } else {
                snprintf(body, sizeof body,
                         "[1 'p' F [%s] [[N F [14 [1 N [25 [N 503 N N]]]]]] %s %s 4]", vector,
                         cases[k].steps, cases[k].results);
            }
            assert_ok(send_plan(c, body), &c->said);
            raw_put_object(c, X, 3, (const float[]){1, 2, 3}); /* what was written to is private */
            assert_ok(raw_request(c, SYI_KIND_OBJECT), &c->said);
            const sy_status status =
                run(c, as_argument ? "([25 [N 503 N N]] [25 [N 500 N N]])" : "([25 [N 500 N N]])",
                    "()", "(700)");
            if (status == SY_OK) { /* or it was refused: sizes that tell of contents */
                raw_put_object_request(c, RESULT, true);
                assert_refused(c, raw_request(c, SYI_KIND_OBJECT_REQUEST), SY_EPERM, "private",
                               cases[k].steps);
                raw_put_worker_command(c, "delete", 1);
                syi_msgpack_write_int(&c->body, RESULT);
                assert_ok(raw_request(c, SYI_KIND_WORKER_COMMAND), &c->said);
            } else {
                assert_true(k >= 5);
            }
            assert_null(strstr(c->said.message, "4213"));
            if (!as_argument) { /* the plan has it as state, and does not leave either */
                raw_put_object_request(c, PLAN, true);
                assert_refused(c, raw_request(c, SYI_KIND_OBJECT_REQUEST), SY_EPERM, "private",
                               "the plan");
            }
            drop_plan(c);
        }
    }
    sy_worker_remove_object(w->bob_serving, &id);
    leave(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIBRARY_WORKER_KINDS(test_steps),     LIBRARY_WORKER_KINDS(test_heads),
        LIBRARY_WORKER_KINDS(test_giants),    LIBRARY_WORKER_KINDS(test_runs_beyond_the_limit),
        LIBRARY_WORKER_KINDS(test_requests),  LIBRARY_WORKER_KINDS(test_private),
        LIBRARY_WORKER_KINDS(test_converted),
    };
    return workers_run(tests);
}
