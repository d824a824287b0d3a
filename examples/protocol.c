/*
 * protocol.c - two steps at two workers, designed by one, found and applied by another.
 *
 *     protocol                                                     three virtual workers in this process
 *     protocol tcp://HOST:PORT tcp://HOST:PORT tcp://HOST:PORT     running workers: two that compute, one that holds
 *
 * Celsius to Fahrenheit: one worker multiplies, the other adds. Only the last result comes back.
 */
#include <csyft/csyft.h>
#include <stdio.h>

enum { FIRST, SECOND, HOLDER, WORKERS, READINGS = 3 };

static sy_status times_1_8(sy_plan_frame *f, sy_scope *s, void *user, sy_error *err)
{
    (void)user;
    return sy_plan_frame_return(f, sy_mul_scalar(s, sy_plan_frame_argument(f, 0), 1.8), err);
}

static sy_status plus_32(sy_plan_frame *f, sy_scope *s, void *user, sy_error *err)
{
    (void)user;
    return sy_plan_frame_return(f, sy_add_scalar(s, sy_plan_frame_argument(f, 0), 32), err);
}

static sy_status make_plan(sy_hook *hook, sy_plan **plan, const char *name, sy_plan_fn forward,
                           sy_error *err)
{
    const sy_plan_shape any_length = {SY_DTYPE_F32, 1, {-1}};
    sy_plan_options options = SY_PLAN_OPTIONS_INIT;
    options.name = name;
    options.forward = forward;
    const sy_status status = sy_plan_new(hook, plan, &options, err);
    return status == SY_OK ? sy_plan_build_shapes(*plan, &any_length, 1, err) : status;
}

/* The protocol, without workers yet, goes to the holder. */
static sy_status publish(sy_hook *hook, sy_worker *holder, sy_error *err)
{
    sy_plan *scale = NULL, *shift = NULL;
    sy_protocol *protocol = NULL;
    sy_protocol_options options = SY_PROTOCOL_OPTIONS_INIT;
    options.tags = (const char *[]){"#fahrenheit"};
    options.tag_count = 1;
    sy_status status = make_plan(hook, &scale, "times_1_8", times_1_8, err);
    if (status == SY_OK) {
        status = make_plan(hook, &shift, "plus_32", plus_32, err);
    }
    if (status == SY_OK) {
        const sy_protocol_pair pairs[] = {{.name = "scaler", .plan = scale},
                                          {.name = "shifter", .plan = shift}};
        status = sy_protocol_new(hook, &protocol, pairs, 2, &options, err);
    }
    if (status == SY_OK) {
        status = sy_protocol_send(protocol, holder, err);
    }
    sy_protocol_unref(protocol);
    sy_plan_unref(scale);
    sy_plan_unref(shift);
    return status;
}

/* Somebody finds it by its tag; the names are still there. */
static sy_status fetch(sy_worker *holder, sy_protocol **protocol, sy_error *err)
{
    sy_tensor **found = NULL;
    size_t count = 0;
    sy_pointer_protocol *pointer = NULL;
    sy_status status =
        sy_worker_search(holder, &found, &count, (const char *[]){"#fahrenheit"}, 1, err);
    if (status != SY_OK || count == 0) {
        return status;
    }
    status = sy_pointer_protocol_from(found[0], &pointer, err);
    if (status == SY_OK) {
        status = sy_pointer_protocol_get(pointer, protocol, true, err);
    }
    sy_pointer_protocol_unref(pointer);
    sy_tensors_free(sy_worker_get_hook(holder), found, count);
    return status;
}

/* Three runs at once: while one worker shifts a reading, the other scales the next. */
static sy_status convert(sy_hook *hook, sy_protocol *protocol, sy_error *err)
{
    static const float celsius[READINGS] = {-40, 0, 100};
    sy_tensor *readings[READINGS] = {NULL}, *results[READINGS] = {NULL};
    sy_value arguments[READINGS];
    sy_protocol_input inputs[READINGS];
    sy_status status = SY_OK;
    for (int k = 0; k < READINGS && status == SY_OK; k++) {
        status = sy_tensor_from_floats(hook, &readings[k], &celsius[k], 1, err);
        arguments[k] = sy_value_tensor(readings[k]);
        inputs[k] = (sy_protocol_input){&arguments[k], 1, NULL, 0, &results[k], 1, 0};
    }
    if (status == SY_OK) {
        status = sy_protocol_run_many(protocol, inputs, READINGS, err);
    }
    for (int k = 0; k < READINGS && status == SY_OK; k++) {
        double fahrenheit = 0;
        status = sy_tensor_get_(results[k], err); /* it was a pointer to the second worker */
        if (status == SY_OK) {
            status = sy_tensor_item(results[k], &fahrenheit, err);
        }
        if (status == SY_OK) {
            printf("%g C = %.1f F\n", (double)celsius[k], fahrenheit);
        }
    }
    for (int k = 0; k < READINGS; k++) {
        sy_tensor_unref(readings[k]);
        sy_tensor_unref(results[k]);
    }
    return status;
}

static sy_status run(sy_hook *hook, sy_worker *const *workers, sy_error *err)
{
    sy_protocol *protocol = NULL;
    sy_status status = publish(hook, workers[HOLDER], err);
    if (status == SY_OK) {
        status = fetch(workers[HOLDER], &protocol, err);
    }
    if (status == SY_OK && protocol == NULL) {
        printf("nothing was found\n");
        return SY_OK;
    }
    if (status == SY_OK) {
        status = sy_protocol_deploy(protocol, workers, 2, err);
    }
    if (status == SY_OK) {
        status = convert(hook, protocol, err);
    }
    sy_protocol_unref(protocol);
    return status;
}

int main(int argc, char **argv)
{
    static const char *const names[WORKERS] = {"alice", "bob", "james"};
    sy_error err = SY_ERROR_INIT;
    sy_context *context = NULL;
    sy_hook *hook = NULL;
    sy_worker *workers[WORKERS] = {NULL};
    sy_status status = sy_context_new(&context, NULL, &err);
    if (status == SY_OK) {
        status = sy_hook_new(context, &hook, NULL, &err);
    }
    for (int k = 0; k < WORKERS && status == SY_OK; k++) {
        status = argc > WORKERS ? sy_worker_connect(hook, &workers[k], argv[1 + k], NULL, &err)
                                : sy_virtual_worker_new(hook, &workers[k], names[k], &err);
    }
    if (status == SY_OK) {
        status = run(hook, workers, &err);
    }
    if (status != SY_OK) {
        fprintf(stderr, "%s: %s\n", sy_status_name(status), err.message);
    }
    sy_hook_free(hook);
    sy_context_free(context);
    return status == SY_OK ? 0 : 1;
}
