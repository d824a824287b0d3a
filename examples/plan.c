/*
 * plan.c - a plan: three operations recorded once, run here, and at a worker in one message.
 *
 *     plan                               bob is a virtual worker in this process
 *     plan tcp://127.0.0.1:7700          bob is a worker in another process
 *     plan URL net.plan                  saves the plan, too: see csyft plan show net.plan
 */
#include <csyft/csyft.h>
#include <stdio.h>
#include <string.h>

#define TRY(call)        \
    if ((call) != SY_OK) \
    goto done

/* relu(x @ weight + bias) for any number of rows. It runs once, when the plan is built. */
static sy_status layer(sy_plan_frame *f, sy_scope *s, void *user, sy_error *err)
{
    (void)user;
    sy_tensor *x = sy_plan_frame_argument(f, 0);
    sy_tensor *weight = sy_plan_frame_state_named(f, "weight");
    sy_tensor *bias = sy_plan_frame_state_named(f, "bias");
    return sy_plan_frame_return(f, sy_relu(s, sy_add(s, sy_matmul(s, x, weight), bias)), err);
}

static sy_status build(sy_hook *hook, sy_plan **plan, sy_error *err)
{
    static const float weights[] = {1, -1, 2, 0.5f}, biases[] = {0.5f, 0};
    static const char *const names[] = {"weight", "bias"}, *const arguments[] = {"x"};
    const sy_plan_shape x = {SY_DTYPE_F32, 2, {-1, 2}}; /* the number of rows stays open */
    sy_tensor *state[2] = {NULL};
    sy_status status =
        sy_tensor_new(hook, &state[0], SY_DTYPE_F32, 2, (int64_t[]){2, 2}, weights, err);
    if (status == SY_OK) {
        status = sy_tensor_from_floats(hook, &state[1], biases, 2, err);
    }
    if (status == SY_OK) {
        sy_plan_options options = SY_PLAN_OPTIONS_INIT;
        options.name = "layer";
        options.forward = layer;
        options.state = state;
        options.state_names = names;
        options.state_count = 2;
        options.argument_names = arguments;
        options.argument_count = 1;
        status = sy_plan_new(hook, plan, &options, err);
    }
    if (status == SY_OK) {
        status = sy_plan_build_shapes(*plan, &x, 1, err);
    }
    sy_tensor_unref(state[0]);
    sy_tensor_unref(state[1]);
    return status;
}

static sy_status print(const char *where, sy_tensor *tensor, sy_error *err)
{
    char *text = NULL;
    const sy_status status = sy_tensor_to_text(tensor, &text, err);
    if (status == SY_OK) {
        printf("%s %s\n", where, text);
        sy_string_free(sy_tensor_get_hook(tensor), text);
    }
    return status;
}

int main(int argc, char **argv)
{
    const char *url = argc > 1 && strcmp(argv[1], "virtual") != 0 ? argv[1] : NULL;
    static const float rows[] = {1, 2, -3, 1, 0, 0};
    sy_error err = SY_ERROR_INIT;
    sy_context *context = NULL;
    sy_hook *hook = NULL;
    sy_worker *bob = NULL;
    sy_plan *plan = NULL;
    sy_pointer_plan *at_bob = NULL;
    sy_tensor *x = NULL, *y = NULL, *x_ptr = NULL, *y_ptr = NULL;
    char *code = NULL;
    sy_hook_options quiet = SY_HOOK_OPTIONS_INIT;
    quiet.verbose = false;

    TRY(sy_context_new(&context, NULL, &err));
    TRY(sy_hook_new(context, &hook, &quiet, &err));
    TRY(url == NULL ? sy_virtual_worker_new(hook, &bob, "bob", &err)
                    : sy_worker_connect(hook, &bob, url, NULL, &err));
    TRY(build(hook, &plan, &err));
    TRY(sy_plan_get_code(plan, &code, &err));
    puts(code);
    if (argc > 2) {
        TRY(sy_plan_save(plan, argv[2], &err));
    }

    TRY(sy_tensor_new(hook, &x, SY_DTYPE_F32, 2, (int64_t[]){3, 2}, rows, &err));
    const sy_value here = sy_value_tensor(x);
    TRY(sy_plan_run(plan, &here, 1, NULL, &y, 1, NULL, &err));
    TRY(print("here", y, &err));

    TRY(sy_plan_send(plan, &at_bob, &bob, 1, false, &err)); /* its state goes along */
    TRY(sy_tensor_send(x, &x_ptr, bob, &err));
    const sy_value there = sy_value_tensor(x_ptr);
    TRY(sy_pointer_plan_run(at_bob, &there, 1, NULL, &y_ptr, 1, NULL, &err)); /* one message */
    TRY(sy_tensor_get_(y_ptr, &err));
    TRY(print("bob ", y_ptr, &err));

done:
    if (err.status != SY_OK) {
        fprintf(stderr, "%s\n", err.message);
    }
    sy_tensor_unref(y_ptr);
    sy_tensor_unref(x_ptr);
    sy_tensor_unref(y);
    sy_tensor_unref(x);
    sy_pointer_plan_unref(at_bob);
    sy_plan_unref(plan);
    if (hook != NULL) {
        sy_string_free(hook, code);
    }
    sy_hook_free(hook);
    sy_context_free(context);
    return err.status == SY_OK ? 0 : 1;
}
