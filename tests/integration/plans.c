/*
 * plans.c - plans at workers: sent, run there in one message, fetched, searched, kept, trained, refused. What plans are
 * here: src/execution/plan*_test.c.
 */
#include <string.h>

#include <csyft/plan.h>

#include "support/plan_functions.h"
#include "support/worker_kinds.h"

static sy_plan *make_plan(workers *w, const char *name, sy_plan_fn forward, sy_tensor *const *state,
                          size_t state_count)
{
    static double rate = 0.05; /* of training */
    return plan_of(w->hook, name, forward, &rate, state, state_count, &w->err);
}

static void build(workers *w, sy_plan *plan, const sy_plan_shape *shapes, size_t count)
{
    assert_ok(sy_plan_build_shapes(plan, shapes, count, &w->err), &w->err);
}

static sy_pointer_plan *send(workers *w, sy_plan *plan, sy_worker *location)
{
    sy_pointer_plan *pointer = NULL;
    assert_ok(sy_plan_send(plan, &pointer, &location, 1, false, &w->err), &w->err);
    return pointer;
}

/* One result, the scope's. */
static sy_tensor *run(workers *w, sy_pointer_plan *plan, sy_tensor *const *args, size_t count)
{
    sy_value values[8] = {{SY_VALUE_NONE, {0}}};
    sy_tensor *result = NULL;
    size_t made = 0;
    for (size_t k = 0; k < count; k++) {
        values[k] = sy_value_tensor(args[k]);
    }
    assert_ok(sy_pointer_plan_run(plan, values, count, NULL, &result, 1, &made, &w->err), &w->err);
    assert_int_equal(made, 1);
    return sy_scope_adopt(w->s, result);
}
#define RUN(plan, ...)                         \
    run(w, plan, (sy_tensor *[]){__VA_ARGS__}, \
        sizeof((sy_tensor *[]){__VA_ARGS__}) / sizeof(void *))

/* A plan with state [1] at a worker: f([1, 2]) = [3, 5] at three batches. */
static void test_send_and_run(void **state)
{
    workers *w = *state;
    sy_tensor *bias = FLOATS(w, 1);
    sy_plan *plan = make_plan(w, "biased", plan_biased, &bias, 1);
    sy_pointer_plan *pointer = NULL;
    assert_fails(w, sy_plan_send(plan, &pointer, &w->bob, 1, false, &w->err), SY_EINVAL,
                 "needs to be built before being sent", "biased");
    assert_null(pointer);
    build(w, plan, &plan_vector, 1);
    pointer = send(w, plan, w->bob);
    assert_count(w, w->bob_serving, 1);
    sy_tensor *y = RUN(pointer, workers_send(w, FLOATS(w, 1, 2), w->bob));
    assert_true(sy_tensor_is_pointer(y));
    assert_ptr_equal(sy_tensor_get_location(y), w->bob);
    assert_floats(w, workers_get(w, y), 3, 5);
    assert_floats(w, workers_get(w, RUN(pointer, workers_send(w, FLOATS(w, 7), w->bob))), 15);
    assert_floats(w, workers_get(w, RUN(pointer, workers_send(w, FLOATS(w, 1, 2, 3), w->bob))), 3,
                  5, 7);
    sy_scope_clear(w->s);
    assert_count(w, w->bob_serving, 1); /* the plan */
    sy_plan_unref(plan);
    sy_pointer_plan_unref(pointer);
    assert_count(w, w->bob_serving, 0);
}

static void test_sent_once(void **state)
{
    workers *w = *state;
    sy_tensor *bias = FLOATS(w, 1);
    sy_plan *plan = make_plan(w, "biased", plan_biased, &bias, 1);
    build(w, plan, &plan_vector, 1);
    sy_pointer_plan *first = send(w, plan, w->bob), *second = send(w, plan, w->bob);
    assert_ptr_equal(first, second);
    sy_pointer_plan *other = send(w, plan, w->alice);
    assert_ptr_not_equal(first, other);
    assert_count(w, w->bob_serving, 1);
    assert_count(w, w->alice_serving, 1);
    sy_pointer_plan_unref(first);
    sy_pointer_plan_unref(second);
    sy_pointer_plan_unref(other);
    assert_count(w, w->bob_serving, 1); /* the plan knows where it is */
    sy_plan_unref(plan);
    assert_count(w, w->bob_serving, 0);
    assert_count(w, w->alice_serving, 0);
}

/* Sent unbuilt by force, then built: what is sent next is the built one. */
static void test_sent_before_it_is_built(void **state)
{
    workers *w = *state;
    sy_tensor *bias = FLOATS(w, 1);
    sy_plan *plan = make_plan(w, "biased", plan_biased, &bias, 1);
    sy_pointer_plan *unbuilt = NULL;
    assert_ok(sy_plan_send(plan, &unbuilt, &w->bob, 1, true, &w->err), &w->err);
    build(w, plan, &plan_vector, 1);
    sy_pointer_plan *pointer = send(w, plan, w->bob);
    assert_floats(w, workers_get(w, RUN(pointer, workers_send(w, FLOATS(w, 1), w->bob))), 3);
    sy_pointer_plan_unref(unbuilt); /* the object there is another one's now */
    assert_floats(w, workers_get(w, RUN(pointer, workers_send(w, FLOATS(w, 2), w->bob))), 5);
    sy_pointer_plan_unref(pointer);
    sy_plan_unref(plan);
    sy_scope_clear(w->s);
    assert_count(w, w->bob_serving, 0);
}

/* At two workers: run with data at either; elsewhere it is refused by name. */
static void test_two_locations(void **state)
{
    workers *w = *state;
    sy_tensor *bias = FLOATS(w, 1);
    sy_plan *plan = make_plan(w, "biased", plan_biased, &bias, 1);
    sy_pointer_plan *both = NULL, **each = NULL;
    sy_worker *const locations[] = {w->alice, w->bob};
    size_t count = 0;
    char *text = NULL;
    build(w, plan, &plan_vector, 1);
    assert_ok(sy_plan_send(plan, &both, locations, 2, false, &w->err), &w->err);
    assert_int_equal(sy_pointer_plan_get_location_count(both), 2);
    assert_floats(w, workers_get(w, RUN(both, workers_send(w, FLOATS(w, 1), w->alice))), 3);
    assert_floats(w, workers_get(w, RUN(both, workers_send(w, FLOATS(w, 2), w->bob))), 5);
    assert_ok(sy_pointer_plan_to_text(both, &text, &w->err), &w->err);
    assert_non_null(strstr(text, "[PointerPlan | me:"));
    assert_non_null(strstr(text, " -> alice:"));
    assert_non_null(strstr(text, "\n[PointerPlan | me:"));
    sy_string_free(w->hook, text);
    sy_tensor **parameters = NULL;
    assert_fails(w, sy_pointer_plan_get_parameters(both, &parameters, &count, &w->err), SY_EINVAL,
                 "2 workers");
    assert_ok(sy_pointer_plan_split(both, &each, &count, &w->err), &w->err);
    assert_int_equal(count, 2);
    assert_floats(w, workers_get(w, RUN(each[1], workers_send(w, FLOATS(w, 2), w->bob))), 5);
    sy_tensor *result = NULL, *at_bob = workers_send(w, FLOATS(w, 2), w->bob);
    sy_value arg = sy_value_tensor(at_bob);
    assert_fails(w, sy_pointer_plan_run(each[0], &arg, 1, NULL, &result, 1, NULL, &w->err),
                 SY_ECOLLOCATION, "bob", "alice");
    arg = sy_value_tensor(bias);
    assert_fails(w, sy_pointer_plan_run(both, &arg, 1, NULL, &result, 1, NULL, &w->err),
                 SY_ECOLLOCATION, "argument 1", "send it");
    sy_pointer_plans_free(w->hook, each, count);
    sy_pointer_plan_unref(both);
    sy_plan_unref(plan);
}

/* fetch_plan: by pointer and by id, with its state as it is there; it runs from its operations here. */
static void test_fetch(void **state)
{
    workers *w = *state;
    sy_tensor *bias = FLOATS(w, 1);
    sy_plan *plan = make_plan(w, "biased", plan_biased, &bias, 1), *fetched = NULL, *copy = NULL;
    build(w, plan, &plan_vector, 1);
    assert_ok(sy_plan_tag(plan, "#p", &w->err), &w->err);
    assert_ok(sy_plan_describe(plan, "a bias", &w->err), &w->err);
    sy_pointer_plan *pointer = send(w, plan, w->bob);
    const sy_id id = sy_pointer_plan_get_id_at_location(pointer, 0);
    assert_ok(sy_worker_fetch_plan(w->bob, &fetched, &id, false, &w->err), &w->err);
    assert_ok(sy_worker_fetch_plan(w->bob, &copy, &id, true, &w->err), &w->err);
    assert_true(sy_plan_is_built(fetched));
    assert_string_equal(sy_plan_get_name(fetched), "biased");
    assert_string_equal(sy_plan_get_tag(fetched, 0), "#p");
    assert_string_equal(sy_plan_get_description(fetched), "a bias");
    const sy_id same = sy_plan_get_id(fetched), other = sy_plan_get_id(copy);
    assert_true(sy_id_equal(&id, &same));
    assert_false(sy_id_equal(&id, &other));
    sy_tensor *x = FLOATS(w, 1, 2), *result = NULL;
    const sy_value arg = sy_value_tensor(x);
    assert_ok(sy_plan_run(fetched, &arg, 1, NULL, &result, 1, NULL, &w->err), &w->err);
    assert_floats(w, sy_scope_adopt(w->s, result), 3, 5);
    assert_ok(sy_plan_run(copy, &arg, 1, NULL, &result, 1, NULL, &w->err), &w->err);
    assert_floats(w, sy_scope_adopt(w->s, result), 3, 5);
    sy_plan_unref(fetched);
    sy_plan_unref(copy);
    const sy_id unknown = sy_id_from_int(12345);
    assert_fails(w, sy_worker_fetch_plan(w->bob, &fetched, &unknown, false, &w->err), SY_ENOTFOUND,
                 "12345", "bob");
    sy_tensor *no_plan = workers_send(w, x, w->bob);
    const sy_id tensor_id = sy_tensor_get_id_at_location(no_plan);
    assert_fails(w, sy_worker_fetch_plan(w->bob, &fetched, &tensor_id, false, &w->err), SY_EINVAL,
                 "no plan");
    assert_ok(sy_pointer_plan_get(pointer, &fetched, true, &w->err), &w->err);
    sy_tensor *at_bob = workers_send(w, FLOATS(w, 1), w->bob);
    const sy_value there = sy_value_tensor(at_bob);
    assert_fails(w, sy_pointer_plan_run(pointer, &there, 1, NULL, &result, 1, NULL, &w->err),
                 SY_ENOTFOUND, "bob");
    sy_plan_unref(fetched);
    sy_pointer_plan_unref(pointer);
    pointer = send(w, plan, w->bob); /* anew */
    assert_floats(w, workers_get(w, RUN(pointer, at_bob)), 3);
    sy_pointer_plan_unref(pointer);
    sy_plan_unref(plan);
}

static void test_search(void **state)
{
    workers *w = *state;
    sy_tensor *bias = FLOATS(w, 1), **found = NULL;
    sy_plan *plan = make_plan(w, "biased", plan_biased, &bias, 1);
    sy_pointer_plan *pointer = NULL;
    size_t count = 0;
    build(w, plan, &plan_vector, 1);
    assert_ok(sy_plan_tag(plan, "#model", &w->err), &w->err);
    sy_pointer_plan *sent = send(w, plan, w->bob);
    assert_ok(sy_worker_search(w->bob, &found, &count, (const char *const[]){"#model"}, 1, &w->err),
              &w->err);
    assert_int_equal(count, 1);
    assert_ok(sy_pointer_plan_from(found[0], &pointer, &w->err), &w->err);
    assert_floats(w, workers_get(w, RUN(pointer, workers_send(w, FLOATS(w, 4), w->bob))), 9);
    sy_pointer_plan_unref(pointer);
    const sy_id id = sy_pointer_plan_get_id_at_location(sent, 0);
    assert_ok(sy_plan_create_pointer(w->hook, &pointer, w->bob, &id, &w->err), &w->err);
    assert_floats(w, workers_get(w, RUN(pointer, workers_send(w, FLOATS(w, 4), w->bob))), 9);
    sy_pointer_plan_unref(pointer); /* owns nothing */
    assert_floats(w, workers_get(w, RUN(sent, workers_send(w, FLOATS(w, 4), w->bob))), 9);
    sy_tensors_free(w->hook, found, count);
    sy_plan_unref(plan);
    sy_pointer_plan_unref(sent);
}

/* Results: several, an argument among them, under ids that the caller chose. */
static void test_results(void **state)
{
    workers *w = *state;
    sy_plan *plan = make_plan(w, "several", plan_several, NULL, 0);
    build(w, plan, &plan_vector, 1);
    sy_pointer_plan *pointer = send(w, plan, w->bob);
    sy_tensor *x = workers_send(w, FLOATS(w, 1, 2), w->bob), *results[3] = {NULL};
    const sy_value arg = sy_value_tensor(x);
    const sy_id ids[] = {sy_id_from_int(1001), sy_id_from_int(1002), sy_id_from_int(1003)};
    size_t count = 0;
    sy_plan_run_options o = SY_PLAN_RUN_OPTIONS_INIT;
    assert_fails(w, sy_pointer_plan_run(pointer, &arg, 1, &o, results, 2, &count, &w->err),
                 SY_ESIGNATURE, "3 results", "room for 2");
    assert_count(w, w->bob_serving, 2); /* plan and x: nothing is left of the others */
    o.result_ids = ids;
    o.result_id_count = 2;
    assert_fails(w, sy_pointer_plan_run(pointer, &arg, 1, &o, results, 3, &count, &w->err),
                 SY_ESIGNATURE, "3 results", "2 ids");
    assert_count(w, w->bob_serving, 2);
    o.result_id_count = 3;
    assert_ok(sy_pointer_plan_run(pointer, &arg, 1, &o, results, 3, &count, &w->err), &w->err);
    assert_int_equal(count, 3);
    for (size_t k = 0; k < 3; k++) {
        const sy_id id = sy_tensor_get_id_at_location(sy_scope_adopt(w->s, results[k]));
        assert_true(sy_id_equal(&id, &ids[k]));
        (void)workers_object(w, w->bob_serving, &ids[k]);
    }
    assert_floats(w, workers_get(w, results[0]), 4, 9);
    assert_floats(w, workers_get(w, results[1]), 2, 3);
    assert_floats(w, workers_get(w, results[2]), 1, 2);
    assert_floats(w, workers_get(w, x), 1, 2); /* still there: it was another handle */
    sy_pointer_plan_unref(pointer);
    sy_plan_unref(plan);
}

static void test_by_name(void **state)
{
    workers *w = *state;
    sy_tensor *bias = FLOATS(w, 1), *result = NULL;
    sy_plan *plan = make_plan(w, "biased", plan_biased, &bias, 1);
    build(w, plan, &plan_vector, 1);
    sy_pointer_plan *pointer = send(w, plan, w->bob);
    sy_named_value kwarg = {"arg_1", sy_value_tensor(workers_send(w, FLOATS(w, 2), w->bob))};
    sy_plan_run_options o = SY_PLAN_RUN_OPTIONS_INIT;
    o.kwargs = &kwarg;
    o.kwarg_count = 1;
    assert_ok(sy_pointer_plan_run(pointer, NULL, 0, &o, &result, 1, NULL, &w->err), &w->err);
    assert_floats(w, workers_get(w, sy_scope_adopt(w->s, result)), 5);
    kwarg.name = "x";
    assert_fails(w, sy_pointer_plan_run(pointer, NULL, 0, &o, &result, 1, NULL, &w->err),
                 SY_ESIGNATURE, "biased", "no argument x", "bob");
    assert_fails(w, sy_pointer_plan_run(pointer, NULL, 0, NULL, &result, 1, NULL, &w->err),
                 SY_ESIGNATURE, "biased", "missing");
    sy_pointer_plan_unref(pointer);
    sy_plan_unref(plan);
}

/* A training step in one message, the last batch shorter; the state that was trained is there, and can be fetched. */
static void test_training(void **state)
{
    workers *w = *state;
    sy_tensor *weights = MATRIX(w, 2, 1, 0.5f, -0.5f);
    assert_ok(sy_tensor_set_requires_grad(weights, true, &w->err), &w->err);
    sy_plan *plan = make_plan(w, "step", plan_train_step, &weights, 1);
    build(w, plan, plan_train_shapes, 2);
    sy_pointer_plan *pointer = send(w, plan, w->bob);
    sy_tensor *xs[2], *ys[2];
    xs[0] = MATRIX(w, 3, 2, 1, 0, 0, 1, 1, 1);
    ys[0] = MATRIX(w, 3, 1, 2, 3, 5);
    xs[1] = MATRIX(w, 1, 2, 2, -1);
    ys[1] = MATRIX(w, 1, 1, 1);
    sy_tensor *x_ptrs[2], *y_ptrs[2];
    for (int k = 0; k < 2; k++) {
        x_ptrs[k] = workers_send(w, xs[k], w->bob);
        y_ptrs[k] = workers_send(w, ys[k], w->bob);
    }
    for (int k = 0; k < 200; k++) {
        sy_tensor *result = NULL, *local = NULL;
        const sy_value there[] = {sy_value_tensor(x_ptrs[k % 2]), sy_value_tensor(y_ptrs[k % 2])};
        const sy_value here[] = {sy_value_tensor(xs[k % 2]), sy_value_tensor(ys[k % 2])};
        assert_ok(sy_pointer_plan_run(pointer, there, 2, NULL, &result, 1, NULL, &w->err), &w->err);
        assert_ok(sy_plan_run(plan, here, 2, NULL, &local, 1, NULL, &w->err), &w->err);
        sy_tensor_unref(local);
        sy_tensor_unref(result);
    }
    /* The same steps here and there */
    sy_tensor **parameters = NULL;
    size_t count = 0;
    float here[2], there[2];
    assert_ok(sy_pointer_plan_get_parameters(pointer, &parameters, &count, &w->err), &w->err);
    assert_int_equal(count, 1);
    assert_false(sy_tensor_get_garbage_collect(parameters[0]));
    sy_tensor *trained = workers_copy_get(w, parameters[0]);
    assert_ok(sy_tensor_copy_data(trained, there, sizeof there, &w->err), &w->err);
    assert_ok(sy_tensor_copy_data(weights, here, sizeof here, &w->err), &w->err);
    assert_memory_equal(here, there, sizeof here);
    assert_true(there[0] > 1.9f && there[0] < 2.1f && there[1] > 2.9f && there[1] < 3.1f);
    sy_tensors_free(w->hook, parameters, count);
    sy_plan *fetched = NULL;
    assert_ok(sy_pointer_plan_get(pointer, &fetched, false, &w->err), &w->err);
    assert_ok(sy_tensor_copy_data(sy_plan_get_state(fetched, 0), here, sizeof here, &w->err),
              &w->err);
    assert_memory_equal(here, there, sizeof here);
    sy_plan_unref(fetched);
    sy_pointer_plan_unref(pointer);
    sy_plan_unref(plan);
}

/* What happens in a plan is as private as what it reads. */
static void test_private(void **state)
{
    workers *w = *state;
    static const float rows[] = {1, 2, 3};
    sy_tensor *bias = FLOATS(w, 1), *got = NULL;
    sy_plan *plan = make_plan(w, "biased", plan_biased, &bias, 1);
    build(w, plan, &plan_vector, 1);
    sy_pointer_plan *pointer = send(w, plan, w->bob);
    sy_tensor *data = workers_publish(w, w->bob, w->bob_serving, "50", "#rows", true, 1,
                                      (const int64_t[]){3}, SY_DTYPE_F32, rows);
    sy_tensor *y = RUN(pointer, data);
    assert_fails(w, sy_tensor_get(y, &got, &w->err), SY_EPERM, "private");
    /* Trained on private rows, its state is private, and neither it nor the plan leaves. */
    sy_tensor *weights = MATRIX(w, 2, 1, 0, 0);
    assert_ok(sy_tensor_set_requires_grad(weights, true, &w->err), &w->err);
    sy_plan *training = make_plan(w, "step", plan_train_step, &weights, 1), *fetched = NULL;
    build(w, training, plan_train_shapes, 2);
    sy_pointer_plan *step = send(w, training, w->bob);
    static const float xs[] = {1, 2, 3, 4}, ys[] = {1, 2};
    sy_tensor *x = workers_publish(w, w->bob, w->bob_serving, "51", "#x", true, 2,
                                   (const int64_t[]){2, 2}, SY_DTYPE_F32, xs);
    sy_tensor *target = workers_publish(w, w->bob, w->bob_serving, "52", "#y", true, 2,
                                        (const int64_t[]){2, 1}, SY_DTYPE_F32, ys);
    (void)RUN(step, x, target);
    assert_fails(w, sy_pointer_plan_get(step, &fetched, false, &w->err), SY_EPERM, "private");
    assert_null(fetched);
    sy_tensor **parameters = NULL;
    size_t count = 0;
    assert_ok(sy_pointer_plan_get_parameters(step, &parameters, &count, &w->err), &w->err);
    assert_fails(w, sy_tensor_copy_get(parameters[0], &got, &w->err), SY_EPERM, "private");
    sy_tensors_free(w->hook, parameters, count);
    sy_pointer_plan_unref(step);
    sy_plan_unref(training);
    sy_pointer_plan_unref(pointer);
    sy_plan_unref(plan);
}

/* A failing step is named, with the worker; nothing is left behind. */
static void test_failures(void **state)
{
    workers *w = *state;
    sy_tensor *bias = FLOATS(w, 1, 2), *result = NULL;
    sy_plan *plan = make_plan(w, "biased", plan_biased, &bias, 1);
    build(w, plan, &(sy_plan_shape){SY_DTYPE_F32, 1, {2}}, 1);
    sy_pointer_plan *pointer = send(w, plan, w->bob);
    sy_tensor *x = workers_send(w, FLOATS(w, 1, 2, 3), w->bob);
    sy_value arg = sy_value_tensor(x);
    assert_fails(w, sy_pointer_plan_run(pointer, &arg, 1, NULL, &result, 1, NULL, &w->err),
                 SY_ESHAPE, "plan biased", "step 2 (add)", "bob");
    assert_string_equal(w->err.worker, "bob");
    assert_count(w, w->bob_serving, 2);
    arg = sy_value_int(3);
    assert_fails(w, sy_pointer_plan_run(pointer, &arg, 1, NULL, &result, 1, NULL, &w->err),
                 SY_ESIGNATURE, "argument 1", "no tensor");
    const sy_value two[] = {sy_value_tensor(x), sy_value_tensor(x)};
    assert_fails(w, sy_pointer_plan_run(pointer, two, 2, NULL, &result, 1, NULL, &w->err),
                 SY_ESIGNATURE, "takes 1 arguments", "2 are given");
    /* More tensors than a message takes, and as many as it does */
    sy_value many[64];
    for (int k = 0; k < 64; k++) {
        many[k] = sy_value_tensor(x);
    }
    assert_fails(w, sy_pointer_plan_run(pointer, many, 64, NULL, &result, 1, NULL, &w->err),
                 SY_ELIMIT, "64 tensors", "at most 63");
    assert_fails(w, sy_pointer_plan_run(pointer, many, 63, NULL, &result, 1, NULL, &w->err),
                 SY_ESIGNATURE, "takes 1 arguments", "63 are given");
    /* Unbuilt, sent by force */
    sy_plan *unbuilt = make_plan(w, "unbuilt", plan_biased, &bias, 1);
    sy_pointer_plan *forced = NULL;
    assert_ok(sy_plan_send(unbuilt, &forced, &w->bob, 1, true, &w->err), &w->err);
    arg = sy_value_tensor(x);
    assert_fails(w, sy_pointer_plan_run(forced, &arg, 1, NULL, &result, 1, NULL, &w->err),
                 SY_EINVAL, "unbuilt", "not built");
    /* An operation on a plan */
    sy_tensor *object = NULL;
    const sy_id id = sy_pointer_plan_get_id_at_location(pointer, 0);
    assert_ok(sy_tensor_point_to(w->hook, &object, w->bob, &id, &w->err), &w->err);
    (void)sy_scope_adopt(w->s, object);
    assert_fails(w, CALL(w, "add", TENSOR(object), INT(1)), SY_EINVAL, "plan");
    sy_pointer_plan_unref(forced);
    sy_plan_unref(unbuilt);
    sy_pointer_plan_unref(pointer);
    sy_plan_unref(plan);
}

/* A pointer to where no plan is, and to where another object is; state that is gone. */
static void test_gone(void **state)
{
    workers *w = *state;
    sy_tensor *x = workers_send(w, FLOATS(w, 1, 2), w->bob), *result = NULL;
    const sy_value arg = sy_value_tensor(x);
    const sy_id unknown = sy_id_from_int(4711), tensor = sy_tensor_get_id_at_location(x);
    sy_pointer_plan *pointer = NULL;
    assert_ok(sy_plan_create_pointer(w->hook, &pointer, w->bob, &unknown, &w->err), &w->err);
    assert_fails(w, sy_pointer_plan_run(pointer, &arg, 1, NULL, &result, 1, NULL, &w->err),
                 SY_ENOTFOUND, "4711", "bob");
    sy_pointer_plan_unref(pointer);
    assert_ok(sy_plan_create_pointer(w->hook, &pointer, w->bob, &tensor, &w->err), &w->err);
    assert_fails(w, sy_pointer_plan_run(pointer, &arg, 1, NULL, &result, 1, NULL, &w->err),
                 SY_EINVAL, "no plan");
    assert_string_equal(w->err.worker, "bob");
    sy_pointer_plan_unref(pointer);
    assert_null(result);
    /* State here that is a pointer, and its object is not there any more */
    sy_tensor *bias = workers_send(w, FLOATS(w, 1), w->bob);
    sy_plan *plan = make_plan(w, "biased", plan_biased, &bias, 1);
    assert_ok(sy_plan_build(plan, &arg, 1, &w->err), &w->err);
    const sy_id gone = sy_tensor_get_id_at_location(bias);
    assert_ok(sy_worker_delete(w->bob, &gone, &w->err), &w->err);
    assert_fails(w, sy_plan_run(plan, &arg, 1, NULL, &result, 1, NULL, &w->err), SY_ENOTFOUND,
                 "plan biased, step 2 (add)", "bob");
    assert_null(result);
    sy_plan_unref(plan);
}

/* The same plan over pointers that it is not at: message by message. */
static void test_over_pointers(void **state)
{
    workers *w = *state;
    sy_tensor *bias = workers_send(w, FLOATS(w, 1), w->bob), *result = NULL;
    sy_plan *plan = make_plan(w, "biased", plan_biased, &bias, 1);
    const sy_value arg = sy_value_tensor(workers_send(w, FLOATS(w, 1, 2), w->bob));
    assert_ok(sy_plan_build(plan, &arg, 1, &w->err), &w->err);
    assert_ok(sy_plan_run(plan, &arg, 1, NULL, &result, 1, NULL, &w->err), &w->err);
    (void)sy_scope_adopt(w->s, result);
    assert_true(sy_tensor_is_pointer(result));
    assert_floats(w, workers_get(w, result), 3, 5);
    sy_plan_unref(plan);
}

/* State elsewhere that is written while a plan is built, and is put back; or is not there any more by then. */
typedef struct written {
    workers *w;
    bool removes;
} written;

static sy_status writes_state(sy_plan_frame *f, sy_scope *s, void *user, sy_error *err)
{
    const written *how = user;
    sy_tensor *state = sy_plan_frame_state(f, 0);
    sy_tensor *sum = sy_add(s, sy_plan_frame_argument(f, 0), sy_add_int_(s, state, 1));
    if (how->removes) {
        const sy_id id = sy_tensor_get_id_at_location(state);
        sy_worker_remove_object(how->w->bob_serving, &id);
    }
    return sy_plan_frame_return(f, sum, err);
}

static void test_state_elsewhere(void **state)
{
    workers *w = *state;
    for (int removes = 0; removes < 2; removes++) {
        written how = {w, removes == 1};
        sy_tensor *bias = workers_send(w, FLOATS(w, 1), w->bob);
        sy_plan *plan = plan_of(w->hook, "writes", writes_state, &how, &bias, 1, &w->err);
        const sy_value arg = sy_value_tensor(workers_send(w, FLOATS(w, 1, 2), w->bob));
        if (removes) {
            assert_fails(w, sy_plan_build(plan, &arg, 1, &w->err), SY_ENOTFOUND, "plan writes",
                         "state 0 could not be put back");
            assert_false(sy_plan_is_built(plan));
        } else {
            assert_ok(sy_plan_build(plan, &arg, 1, &w->err), &w->err);
            assert_floats(w, workers_copy_get(w, bias), 1);
        }
        sy_plan_unref(plan);
    }
}

/* Short runs go on where they arrive, long ones begin again on the pool: nobody sees a difference. */
static sy_status many_adds(sy_plan_frame *f, sy_scope *s, void *user, sy_error *err)
{
    (void)user;
    sy_tensor *x = sy_plan_frame_argument(f, 0), *y = x;
    for (int k = 0; k < 400; k++) {
        y = sy_add(s, y, x);
    }
    return sy_plan_frame_return(f, y, err);
}

static void test_short_and_long(void **state)
{
    workers *w = *state;
    static const int64_t lengths[] = {1, 3000, 1, 3000, 2, 100};
    static float ones[3000];
    sy_plan *plan = make_plan(w, "adds", many_adds, NULL, 0);
    build(w, plan, &plan_vector, 1);
    sy_pointer_plan *pointer = send(w, plan, w->bob);
    for (size_t k = 0; k < 3000; k++) {
        ones[k] = 1;
    }
    for (size_t k = 0; k < sizeof lengths / sizeof *lengths; k++) {
        sy_tensor *x = NULL;
        float sums[3000];
        assert_ok(sy_tensor_new(w->hook, &x, SY_DTYPE_F32, 1, &lengths[k], ones, &w->err), &w->err);
        (void)sy_scope_adopt(w->s, x);
        sy_tensor *y = workers_get(w, RUN(pointer, workers_send(w, x, w->bob)));
        assert_ok(sy_tensor_copy_data(y, sums, (size_t)lengths[k] * sizeof *sums, &w->err),
                  &w->err);
        assert_true(sums[0] == 401 && sums[lengths[k] - 1] == 401);
        assert_count(w, w->bob_serving, 2 + k); /* the plan, and what was sent so far */
    }
    sy_pointer_plan_unref(pointer);
    sy_plan_unref(plan);
}

/* Fixed precision: the same operations on another chain, here and there. */
static void test_fixed_precision(void **state)
{
    workers *w = *state;
    sy_tensor *bias = FLOATS(w, 0.5f), *fixed = NULL, *result = NULL, *real = NULL;
    sy_plan *plan = make_plan(w, "biased", plan_biased, &bias, 1);
    build(w, plan, &plan_vector, 1);
    assert_ok(sy_plan_fix_precision_(plan, NULL, &w->err), &w->err);
    assert_true(sy_tensor_is_fixed_precision(sy_plan_get_state(plan, 0)));
    assert_ok(sy_tensor_fix_precision(FLOATS(w, 1.25f, 2), &fixed, NULL, &w->err), &w->err);
    (void)sy_scope_adopt(w->s, fixed);
    sy_value arg = sy_value_tensor(fixed);
    assert_ok(sy_plan_run(plan, &arg, 1, NULL, &result, 1, NULL, &w->err), &w->err);
    (void)sy_scope_adopt(w->s, result);
    assert_ok(sy_tensor_float_precision(result, &real, &w->err), &w->err);
    assert_floats(w, sy_scope_adopt(w->s, real), 3, 4.5);
    sy_pointer_plan *pointer = send(w, plan, w->bob);
    sy_tensor *there = RUN(pointer, workers_send(w, fixed, w->bob));
    assert_ok(sy_tensor_float_precision(workers_get(w, there), &real, &w->err), &w->err);
    assert_floats(w, sy_scope_adopt(w->s, real), 3, 4.5);
    assert_ok(sy_plan_float_precision_(plan, &w->err), &w->err);
    assert_floats(w, sy_plan_get_state(plan, 0), 0.5);
    sy_pointer_plan_unref(pointer);
    sy_plan_unref(plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORKER_KINDS(test_send_and_run),
        WORKER_KINDS(test_sent_once),
        WORKER_KINDS(test_sent_before_it_is_built),
        WORKER_KINDS(test_two_locations),
        WORKER_KINDS(test_fetch),
        WORKER_KINDS(test_search),
        WORKER_KINDS(test_results),
        WORKER_KINDS(test_by_name),
        WORKER_KINDS(test_training),
        WORKER_KINDS(test_private),
        WORKER_KINDS(test_failures),
        WORKER_KINDS(test_gone),
        WORKER_KINDS(test_over_pointers),
        WORKER_KINDS(test_state_elsewhere),
        WORKER_KINDS(test_short_and_long),
        WORKER_KINDS(test_fixed_precision),
    };
    return workers_run(tests);
}
