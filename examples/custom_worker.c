/*
 * custom_worker.c - a worker over a pair of sockets that csyft knows nothing of: two functions bring messages there
 * and answers back. Any other way (HTTP, a queue, a serial line) takes the same two.
 */
#include <csyft/csyft.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- the way: each message and each answer is its length and its bytes --------------------------- */

static int put(int fd, const void *bytes, size_t length)
{
    for (const char *p = bytes; length > 0;) {
        const ssize_t done = write(fd, p, length);
        if (done <= 0) {
            return -1;
        }
        p += done;
        length -= (size_t)done;
    }
    return 0;
}

static int take(int fd, void *bytes, size_t length)
{
    for (char *p = bytes; length > 0;) {
        const ssize_t done = read(fd, p, length);
        if (done <= 0) {
            return -1;
        }
        p += done;
        length -= (size_t)done;
    }
    return 0;
}

static int put_message(int fd, const void *bytes, size_t length)
{
    const uint64_t size = length;
    return put(fd, &size, sizeof size) != 0 ? -1 : put(fd, bytes, length);
}

/* The message, to be freed; NULL at the end. At most 64 MiB: a peer may say anything. */
static void *take_message(int fd, size_t *length)
{
    uint64_t size = 0;
    if (take(fd, &size, sizeof size) != 0 || size > (64u << 20)) {
        return NULL;
    }
    void *bytes = malloc((size_t)size + 1);
    if (bytes != NULL && take(fd, bytes, (size_t)size) != 0) {
        free(bytes);
        bytes = NULL;
    }
    *length = (size_t)size;
    return bytes;
}

/* --- the client's function --------------------------------------------------------------------- */

static sy_status send_msg(void *user, const void *message, size_t length, uint32_t timeout_ms,
                          sy_answer *answer, sy_error *err)
{
    const int fd = *(const int *)user;
    size_t size = 0;
    (void)timeout_ms; /* a real way would keep it */
    void *bytes = put_message(fd, message, length) == 0 ? take_message(fd, &size) : NULL;
    if (bytes == NULL) {
        snprintf(err->message, sizeof err->message, "the other process has gone");
        return SY_ECLOSED;
    }
    const sy_status status = sy_answer_append(answer, bytes, size, err);
    free(bytes);
    return status;
}

/* --- the worker's process ---------------------------------------------------------------------- */

static void answer_all(int fd, sy_context *context, sy_custom_client *caller, sy_error *err)
{
    size_t length = 0;
    for (void *message; (message = take_message(fd, &length)) != NULL; free(message)) {
        sy_answer *answer = NULL;
        if (sy_answer_new(context, &answer, err) == SY_OK &&
            sy_custom_client_recv_msg(caller, message, length, answer, err) == SY_OK) {
            size_t size = 0;
            const void *bytes = sy_answer_get_bytes(answer, &size);
            (void)put_message(fd, bytes, size);
        }
        sy_answer_free(answer);
    }
}

static int serve(int fd)
{
    sy_error err = SY_ERROR_INIT;
    sy_context *context = NULL;
    sy_hook *hook = NULL;
    sy_custom_client *caller = NULL;
    sy_hook_options options = SY_HOOK_OPTIONS_INIT;
    options.local_worker_id = "bob";
    options.is_client = false;
    if (sy_context_new(&context, NULL, &err) == SY_OK &&
        sy_hook_new(context, &hook, &options, &err) == SY_OK &&
        sy_custom_client_new(sy_hook_get_local_worker(hook), &caller, "socketpair://parent",
                             &err) == SY_OK) {
        answer_all(fd, context, caller, &err);
    }
    sy_custom_client_free(caller);
    sy_hook_free(hook);
    sy_context_free(context);
    return err.status == SY_OK ? 0 : 1;
}

/* --- the client's process ---------------------------------------------------------------------- */

static sy_status compute(sy_hook *hook, int *fd, sy_error *err)
{
    static const sy_custom_worker_class klass = {sizeof klass, "SocketpairWorker", send_msg, NULL};
    sy_worker *bob = NULL;
    sy_tensor *x = NULL, *x_ptr = NULL, *y = NULL;
    float sum[3];
    char text[64];
    sy_status status = sy_custom_worker_new(hook, &bob, &klass, fd, NULL, err);
    if (status == SY_OK) {
        status = sy_tensor_from_floats(hook, &x, (float[]){1, 2, 3}, 3, err);
    }
    if (status == SY_OK) {
        status = sy_tensor_send(x, &x_ptr, bob, err);
    }
    if (status == SY_OK) {
        sy_scope *s = sy_scope_begin(hook);
        y = sy_scope_keep(s, sy_add(s, x_ptr, x_ptr));
        status = sy_scope_end(s, err);
    }
    if (status == SY_OK) {
        status = sy_tensor_get_(y, err);
    }
    if (status == SY_OK) {
        status = sy_tensor_copy_data(y, sum, sizeof sum, err);
    }
    if (status == SY_OK) {
        printf("%s: %g %g %g\n", sy_worker_to_text(bob, text, sizeof text), (double)sum[0],
               (double)sum[1], (double)sum[2]);
    }
    sy_tensor_unref(y);
    sy_tensor_unref(x_ptr);
    sy_tensor_unref(x);
    return status;
}

int main(void)
{
    int ends[2];
    sy_error err = SY_ERROR_INIT;
    sy_context *context = NULL;
    sy_hook *hook = NULL;
    int code = 1;
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) {
        return 1;
    }
    const pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        return serve(ends[1]);
    }
    close(ends[1]);
    if (child > 0 && sy_context_new(&context, NULL, &err) == SY_OK &&
        sy_hook_new(context, &hook, NULL, &err) == SY_OK) {
        (void)compute(hook, &ends[0], &err);
    }
    sy_hook_free(hook);
    sy_context_free(context);
    close(ends[0]); /* bob's process ends */
    if (child > 0 && waitpid(child, &code, 0) == child && err.status == SY_OK) {
        return WIFEXITED(code) ? WEXITSTATUS(code) : 1;
    }
    fputs(err.message, stderr);
    return 1;
}
