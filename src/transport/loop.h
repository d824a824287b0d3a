/*
 * loop.h - a loop that the program drives (csyft/loop.h): libuv's, shared by listeners of tcp:// and ws://. A listener
 * on one is "hosted": it has no thread, and what other listeners do on theirs it does in the program's steps. Test:
 * tests/integration/loop.c.
 */
#ifndef SYI_TRANSPORT_LOOP_H
#define SYI_TRANSPORT_LOOP_H

#include <pthread.h>
#include <signal.h>
#include <uv.h>

#include <csyft/loop.h>

struct sy_loop {
    sy_context *context;
    uv_loop_t uv;
    pthread_t thread;
    /* its thread's */
    bool stepping;
    unsigned listeners;
};

/* Are we in a step? Any thread may ask. */
static inline bool syi_loop_is_own_thread(const sy_loop *loop)
{
    return pthread_equal(pthread_self(), loop->thread) != 0 && loop->stepping;
}
/* Around what a listener does on the loop's thread: it counts as a step, and writing to a socket whose other end has
 * gone raises no SIGPIPE in the program's thread (the library's own threads take no signals). */
typedef struct syi_loop_guard {
    sigset_t mask;
    bool raised_before;
} syi_loop_guard;
void syi_loop_enter(sy_loop *loop, syi_loop_guard *guard);
void syi_loop_leave(sy_loop *loop, const syi_loop_guard *guard);
/* On its thread, not in a step: lets closed handles go, and what is due happen. */
void syi_loop_turn(sy_loop *loop);
/* May a listener begin here? SY_EINVAL: another thread, or another context. */
sy_status syi_loop_check(const sy_loop *loop, const sy_context *context, sy_error *err);

#endif
