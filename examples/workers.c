/*
 * workers.c - the same program at three kinds of workers: only the line that makes bob differs.
 *
 *     workers virtual                        in this process
 *     workers tcp://127.0.0.1:7700           a socket worker in another process
 *     workers ws://127.0.0.1:7701            a websocket worker in another process
 *
 * Without an argument it makes all three itself; the two others then listen on loopback in this process.
 */
#include <csyft/csyft.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* mean(x @ x.t()) of a 2x2 matrix, computed by bob. */
static sy_status compute(sy_hook *hook, sy_worker *bob, double *answer, sy_error *err)
{
    const int64_t shape[] = {2, 2};
    const float data[] = {1, 2, 3, 4};
    sy_tensor *x = NULL, *x_ptr = NULL, *mean_ptr = NULL, *mean = NULL;
    sy_status status = sy_tensor_new(hook, &x, SY_DTYPE_F32, 2, shape, data, err);
    if (status == SY_OK) {
        status = sy_tensor_send(x, &x_ptr, bob, err);
    }
    if (status == SY_OK) {
        sy_scope *s = sy_scope_begin(hook);
        sy_tensor *product = sy_matmul(s, x_ptr, sy_t(s, x_ptr));
        mean_ptr = sy_scope_keep(s, sy_mean(s, product));
        status = sy_scope_end(s, err);
    }
    if (status == SY_OK) {
        status = sy_tensor_get(mean_ptr, &mean, err);
    }
    if (status == SY_OK) {
        status = sy_tensor_item(mean, answer, err);
    }
    sy_tensor_unref(mean);
    sy_tensor_unref(mean_ptr);
    sy_tensor_unref(x_ptr);
    sy_tensor_unref(x);
    return status;
}

/* `where`: "virtual" or the URL of a running worker. */
static int run(sy_context *context, const char *where)
{
    sy_error err = SY_ERROR_INIT;
    sy_hook *hook = NULL;
    sy_worker *bob = NULL;
    double answer = 0;
    sy_status status = sy_hook_new(context, &hook, NULL, &err);
    if (status == SY_OK) {
        status = strcmp(where, "virtual") == 0 ? sy_virtual_worker_new(hook, &bob, "bob", &err)
                                               : sy_worker_connect(hook, &bob, where, NULL, &err);
    }
    if (status == SY_OK) {
        status = compute(hook, bob, &answer, &err);
    }
    if (status == SY_OK) {
        char text[128];
        printf("%g from %s\n", answer, sy_worker_to_text(bob, text, sizeof text));
    } else {
        fprintf(stderr, "%s: %s\n", where, err.message);
    }
    sy_hook_free(hook);
    return status == SY_OK && fabs(answer - 13) < 1e-6 ? 0 : 1;
}

/* A worker in another process would be `csyft worker --id bob --listen tcp://127.0.0.1:0`. */
static int run_everywhere(sy_context *context)
{
    static const char *const listen[] = {"tcp://127.0.0.1:0", "ws://127.0.0.1:0"};
    sy_error err = SY_ERROR_INIT;
    sy_hook *server = NULL;
    sy_hook_options options = SY_HOOK_OPTIONS_INIT;
    options.local_worker_id = "bob";
    options.is_client = false;
    int code = run(context, "virtual");
    if (sy_hook_new(context, &server, &options, &err) != SY_OK) {
        code = 1;
    }
    for (int k = 0; code == 0 && k < 2; k++) {
        const char *url = NULL;
        sy_worker *bob = sy_hook_get_local_worker(server);
        code = sy_worker_listen(bob, listen[k], NULL, &url, &err) == SY_OK ? run(context, url) : 1;
    }
    if (err.status != SY_OK) {
        fprintf(stderr, "%s\n", err.message);
    }
    sy_hook_free(server);
    return code;
}

int main(int argc, char **argv)
{
    sy_error err = SY_ERROR_INIT;
    sy_context *context = NULL;
    if (sy_context_new(&context, NULL, &err) != SY_OK) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    const int code = argc > 1 ? run(context, argv[1]) : run_everywhere(context);
    sy_context_free(context);
    return code;
}
