/*
 * announcements.c - what the older workers print when they start and attach (004:27-29, 41-42, 47), as lines of the log
 * of a verbose hook. Tests: tests/reference/004_server.c, 004_client.c.
 */
#include "core/surroundings.h"
#include "workers/worker.h"

static void say(const sy_worker *worker, const char *line)
{
    if (worker->hook->verbose) {
        syi_log(worker->hook->context, SY_LOG_INFO, "workers", worker->name, 0, "%s", line);
    }
}

static bool is_websocket(const syi_url *url)
{
    return url->scheme == SYI_SCHEME_WS || url->scheme == SYI_SCHEME_WSS;
}

/* The document shows a client's websocket worker start as a socket worker. */
void syi_worker_say_starting(const sy_worker *worker, const syi_url *url)
{
    say(worker, is_websocket(url) && !worker->is_client ? "Starting a Websocket Worker...."
                                                        : "Starting Socket Worker...");
}

void syi_worker_say_ready(const sy_worker *worker, const syi_url *url)
{
    if (worker->is_client) {
        say(worker, "Ready!");
    } else if (is_websocket(url)) { /* the code prints "recieve" */
        say(worker, "Ready to receive commands....");
        say(worker, "Server Socket has been initialized");
    } else {
        say(worker, "Ready to receive commands...");
    }
}

/* The code prints WebSocket for some; the document writes Socket. */
void syi_worker_say_attaching(const sy_worker *worker)
{
    say(worker, "Attaching Pointer to Socket Worker...");
}
