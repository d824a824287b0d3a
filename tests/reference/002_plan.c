/*
 * 002_plan.c - the life of a plan as the reference tells it (002:72-138, T17): built, its placeholders found by their tags,
 * called twice, sent (refused unbuilt, unless forced), run there, fetched and run from its operations.
 */
#include <string.h>

#include <csyft/plan.h>

#include "support/plan_functions.h"
#include "support/worker_kinds.h"

static sy_plan *make_plan(workers *w, bool build)
{
    sy_tensor *bias = FLOATS(w, 1);
    sy_plan *plan = plan_of(w->hook, "plan_double", plan_biased, NULL, &bias, 1, &w->err);
    if (build) {
        assert_ok(sy_plan_build_shapes(plan, &plan_vector, 1, &w->err), &w->err);
    }
    return plan;
}

static void assert_found(workers *w, sy_plan *plan, const char *term, const char *const *texts,
                         size_t expected)
{
    sy_tensor **found = NULL;
    size_t count = 0;
    assert_ok(sy_plan_find_placeholders(plan, &found, &count, &term, term != NULL ? 1 : 0, &w->err),
              &w->err);
    assert_int_equal(count, expected);
    for (size_t k = 0; k < count; k++) {
        char *text = NULL;
        assert_ok(sy_tensor_to_text(found[k], &text, &w->err), &w->err);
        if (strstr(text, texts[k]) == NULL) {
            print_error("placeholder %zu of %s: %s, expected %s\n", k, term, text, texts[k]);
        }
        assert_non_null(strstr(text, texts[k]));
        sy_string_free(w->hook, text);
    }
    sy_tensors_free(w->hook, found, count);
}

static void test_placeholders(void **state)
{
    workers *w = *state;
    sy_plan *plan = make_plan(w, false);
    sy_tensor **found = NULL;
    size_t count = 0;
    assert_fails(w, sy_plan_find_placeholders(plan, &found, &count, NULL, 0, &w->err), SY_EINVAL,
                 "plan_double", "not built");
    sy_plan_unref(plan);
    plan = make_plan(w, true);
    /* The state first, then by operation: x, 2x, and the result. */
    assert_found(w, plan, "#input-0", (const char *[]){"PlaceHolder[Tags:#input-0 #2]"}, 1);
    assert_found(w, plan, "#output-0", (const char *[]){"PlaceHolder[Tags:#output-0 #4]"}, 1);
    assert_found(w, plan, "#state", (const char *[]){"PlaceHolder[Tags:#state #1]"}, 1);
    assert_found(w, plan, "#3", (const char *[]){"PlaceHolder[Tags:#3]"}, 1);
    assert_found(w, plan, "#input-1", NULL, 0);
    assert_found(w, plan, NULL,
                 (const char *[]){"#input-0", "#output-0", "#state #1", "PlaceHolder[Tags:#3]"}, 4);
    sy_plan_unref(plan);
}

static void test_called_twice(void **state)
{
    workers *w = *state;
    sy_plan *plan = make_plan(w, true);
    for (int k = 0; k < 2; k++) {
        sy_tensor *result = NULL;
        const sy_value x = sy_value_tensor(FLOATS(w, 1, 2));
        assert_ok(sy_plan_run(plan, &x, 1, NULL, &result, 1, NULL, &w->err), &w->err);
        assert_floats(w, sy_scope_adopt(w->s, result), 3, 5);
    }
    sy_plan_unref(plan);
}

static void test_sent_and_fetched(void **state)
{
    workers *w = *state;
    sy_plan *unbuilt = make_plan(w, false), *plan = make_plan(w, true), *fetched = NULL;
    sy_pointer_plan *pointer = NULL, *forced = NULL;
    sy_tensor *result = NULL;
    assert_fails(w, sy_plan_send(unbuilt, &pointer, &w->bob, 1, false, &w->err), SY_EINVAL,
                 "A plan needs to be built before being sent to a worker");
    assert_ok(sy_plan_send(unbuilt, &forced, &w->bob, 1, true, &w->err), &w->err);
    assert_ok(sy_plan_send(plan, &pointer, &w->bob, 1, false, &w->err), &w->err);
    const sy_value x = sy_value_tensor(workers_send(w, FLOATS(w, 1, 2), w->bob));
    assert_ok(sy_pointer_plan_run(pointer, &x, 1, NULL, &result, 1, NULL, &w->err), &w->err);
    assert_floats(w, workers_get(w, sy_scope_adopt(w->s, result)), 3, 5);
    const sy_id id = sy_pointer_plan_get_id_at_location(pointer, 0);
    assert_ok(sy_worker_fetch_plan(w->bob, &fetched, &id, true, &w->err), &w->err);
    const sy_value here = sy_value_tensor(FLOATS(w, 1, 2));
    assert_ok(sy_plan_run(fetched, &here, 1, NULL, &result, 1, NULL, &w->err), &w->err);
    assert_floats(w, sy_scope_adopt(w->s, result), 3, 5);
    sy_plan_unref(fetched);
    sy_pointer_plan_unref(forced);
    sy_pointer_plan_unref(pointer);
    sy_plan_unref(plan);
    sy_plan_unref(unbuilt);
}

/*
 * What a plan of the reference does as a worker is its owner's: _known_workers, send_msg and request_obj ask the owner,
 * respond_to_obj_req gives up an object of the owner's store. location is an AttributeError: what was sent has one.
 */
static void test_asks_its_owner(void **state)
{
    workers *w = *state;
    sy_worker *dora = NULL, *known = NULL;
    sy_pointer_plan *pointer = NULL;
    sy_plan *plan = NULL;
    sy_tensor *bias = FLOATS(w, 1), *object = NULL;
    sy_plan_options options = SY_PLAN_OPTIONS_INIT;
    assert_ok(sy_virtual_worker_new(w->hook, &dora, "dora", &w->err), &w->err);
    options.name = "plan_double";
    options.forward = plan_biased;
    options.state = &bias;
    options.state_count = 1;
    options.owner = dora;
    assert_ok(sy_plan_new(w->hook, &plan, &options, &w->err), &w->err);
    assert_ok(sy_plan_build_shapes(plan, &plan_vector, 1, &w->err), &w->err);
    sy_worker *owner = sy_plan_get_owner(plan);
    assert_ptr_equal(owner, dora);
    assert_ok(sy_worker_get_worker(owner, &known, "bob", true, &w->err), &w->err);
    assert_ptr_equal(known, w->bob);
    /* Its state is in the owner's store: asked for by id, and given up. */
    const sy_id id = sy_tensor_get_id(bias);
    assert_ok(sy_worker_get_object(owner, &object, &id, &w->err), &w->err);
    assert_ptr_equal(object, bias);
    assert_ok(sy_worker_deregister_object(owner, object, &w->err), &w->err);
    sy_tensor_unref(object);
    assert_fails(w, sy_worker_get_object(owner, &object, &id, &w->err), SY_ENOTFOUND, "dora");
    /* State elsewhere is requested from there. */
    assert_ok(sy_tensor_send_(bias, w->alice, &w->err), &w->err);
    assert_ok(sy_plan_get_(plan, &w->err), &w->err);
    assert_floats(w, bias, 1);
    (void)workers_send(w, FLOATS(w, 1), w->bob); /* the first message greets */
    /* One message sends it; then it has a location. */
    const uint64_t before = sy_worker_get_traffic(w->bob).messages_sent;
    assert_ok(sy_plan_send(plan, &pointer, &w->bob, 1, false, &w->err), &w->err);
    assert_int_equal(sy_worker_get_traffic(w->bob).messages_sent, before + 1);
    assert_ptr_equal(sy_pointer_plan_get_location(pointer, 0), w->bob);
    sy_pointer_plan_unref(pointer);
    sy_plan_unref(plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORKER_KINDS(test_placeholders), WORKER_KINDS(test_called_twice),
        WORKER_KINDS(test_sent_and_fetched), WORKER_KINDS(test_asks_its_owner)};
    return workers_run(tests);
}
