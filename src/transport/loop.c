/* loop.c - see loop.h. Test: tests/integration/loop.c. */
#include "transport/loop.h"

#include "core/error.h"
#include "core/memory.h"
#include "core/surroundings.h"

#define TURNS_MAX 16 /* of one step: then the program has its turn */

sy_status sy_loop_new(sy_context *context, sy_loop **loop, sy_error *err)
{
    *loop = NULL;
    sy_loop *made = syi_alloc(context, sizeof *made);
    if (made == NULL) {
        return SYI_ENOMEM(err, "loop");
    }
    const int code = uv_loop_init(&made->uv);
    if (code != 0) {
        syi_free(context, made, sizeof *made);
        return syi_fail(err, SY_EIO, "loop: %s", uv_strerror(code));
    }
    made->context = context;
    made->thread = pthread_self();
    *loop = made;
    return SY_OK;
}

void sy_loop_free(sy_loop *loop)
{
    if (loop == NULL) {
        return;
    }
    if (loop->listeners > 0) { /* they would go on in freed memory */
        syi_log(loop->context, SY_LOG_ERROR, "transport", NULL, 0,
                "loop: not freed: %u listeners are still on it", loop->listeners);
        return;
    }
    syi_loop_turn(loop);
    uv_loop_close(&loop->uv);
    syi_free(loop->context, loop, sizeof *loop);
}

int sy_loop_get_fd(const sy_loop *loop)
{
    return uv_backend_fd(&loop->uv);
}

int sy_loop_get_timeout(sy_loop *loop)
{
    if (!uv_loop_alive(&loop->uv)) {
        return -1;
    }
    uv_update_time(&loop->uv);
    return uv_backend_timeout(&loop->uv);
}

void syi_loop_enter(sy_loop *loop, syi_loop_guard *guard)
{
    sigset_t broken_pipe;
    sigset_t pending;
    sigemptyset(&broken_pipe);
    sigaddset(&broken_pipe, SIGPIPE);
    sigpending(&pending);
    guard->raised_before = sigismember(&pending, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &broken_pipe, &guard->mask);
    loop->stepping = true;
}

void syi_loop_leave(sy_loop *loop, const syi_loop_guard *guard)
{
    const struct timespec now = {0};
    sigset_t broken_pipe;
    loop->stepping = false;
    sigemptyset(&broken_pipe);
    sigaddset(&broken_pipe, SIGPIPE);
    while (!guard->raised_before && sigtimedwait(&broken_pipe, NULL, &now) == SIGPIPE) {
    }
    pthread_sigmask(SIG_SETMASK, &guard->mask, NULL);
}

void syi_loop_turn(sy_loop *loop)
{
    syi_loop_guard guard;
    syi_loop_enter(loop, &guard);
    /* What a callback begins to watch is told to the system in the next turn only. */
    for (int turn = 0; turn < TURNS_MAX; turn++) {
        if (uv_run(&loop->uv, UV_RUN_NOWAIT) == 0 || uv_backend_timeout(&loop->uv) != 0) {
            break;
        }
    }
    syi_loop_leave(loop, &guard);
}

sy_status sy_loop_step(sy_loop *loop, sy_error *err)
{
    if (pthread_equal(pthread_self(), loop->thread) == 0) {
        return syi_fail(err, SY_EINVAL, "loop: a step on another thread than that which made it");
    }
    if (loop->stepping) {
        return syi_fail(err, SY_EINVAL, "loop: a step inside of a step");
    }
    syi_loop_turn(loop);
    return SY_OK;
}

sy_status syi_loop_check(const sy_loop *loop, const sy_context *context, sy_error *err)
{
    if (loop->context != context) {
        return syi_fail(err, SY_EINVAL, "loop: it was made from another context");
    }
    return pthread_equal(pthread_self(), loop->thread) != 0
               ? SY_OK
               : syi_fail(err, SY_EINVAL,
                          "loop: a listener begins on another thread than that which made it");
}
