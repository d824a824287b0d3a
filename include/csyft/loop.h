/*
 * loop.h - a worker's network on the caller's own thread and event loop (the `loop` of the reference's
 * WebsocketServerWorker). Without one each listener has a thread of the library.
 *
 *     sy_loop_new(context, &loop, err);
 *     options.loop = loop;                                    // sy_listen_options
 *     sy_worker_listen(worker, "ws://127.0.0.1:7701", &options, NULL, err);
 *     struct pollfd it = {.fd = sy_loop_get_fd(loop), .events = POLLIN};   // beside the program's own ones
 *     for (;;) {
 *         poll(&it, 1, sy_loop_get_timeout(loop));
 *         sy_loop_step(loop, err);
 *     }
 *
 * The descriptor is an epoll one: it goes into poll, epoll, select, or any event library. A loop belongs to the thread
 * that made it: listen with it, step, stop listening and free there, nowhere else. Accepting, TLS, reading, short requests
 * and what of the answers the system does not take at once are done in steps; long requests compute on the context's
 * pool as always, and those that wait for another worker on threads of their own. Who asks, from the loop's
 * thread, a worker that this same loop serves waits for himself: only until his timeout. The housekeeping of a hook
 * (deletions that nobody else sends, leases that end) keeps its thread.
 */
#ifndef CSYFT_LOOP_H
#define CSYFT_LOOP_H

#include <csyft/worker.h>

SY_BEGIN_DECLS

/* For any number of listeners of workers of this context. The calling thread owns it. SY_ENOMEM, SY_EIO. */
SY_API sy_status sy_loop_new(sy_context *context, sy_loop **loop, sy_error *err);
/* On its thread, after every listener has stopped (sy_worker_stop_listening, or sy_hook_free), before the context. NULL
 * is nothing. */
SY_API void sy_loop_free(sy_loop *loop);
/* Readable when there is something to do. Borrowed: for waiting only. */
SY_API int sy_loop_get_fd(const sy_loop *loop);
/* Milliseconds after which a step is due even if the descriptor stays silent; 0: now, -1: never. On its thread. */
SY_API int sy_loop_get_timeout(sy_loop *loop);
/* Does what there is to do and returns; does not wait. SY_EINVAL on another thread, or inside of a step. */
SY_API sy_status sy_loop_step(sy_loop *loop, sy_error *err);

SY_END_DECLS

#endif
