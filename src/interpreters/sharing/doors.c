#include "interpreters/sharing/doors.h"

#include <poll.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <unistd.h>

void syi_bell_init(syi_bell *bell)
{
    bell->fd = -1;
    atomic_init(&bell->asleep, false);
}

bool syi_bell_hang(syi_bell *bell)
{
    if (bell->fd < 0) {
        bell->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    }
    return bell->fd >= 0;
}

void syi_bell_fini(syi_bell *bell)
{
    if (bell->fd >= 0) {
        close(bell->fd);
    }
    bell->fd = -1;
}

void syi_bell_ring(syi_bell *bell)
{
    const uint64_t one = 1;
    if (atomic_exchange(&bell->asleep, false)) {
        (void)!write(bell->fd, &one, sizeof one);
    }
}

syi_session *syi_doors_know(syi_session **known, syi_session *session)
{
    syi_session *before = *known;
    if (before == session) {
        return NULL;
    }
    syi_session_ref(session);
    *known = session;
    return before;
}

void syi_doors_open(syi_doors *doors, syi_session *known)
{
    syi_frame_limits takes;
    syi_peer *peer = known != NULL ? syi_session_use_peer(known, &takes) : NULL;
    if (peer == NULL) {
        return;
    }
    if (!syi_peer_borrow(peer, &doors->fds[doors->count])) {
        syi_peer_unref(peer);
        return;
    }
    doors->peers[doors->count++] = peer;
}

static void leave(syi_doors *doors, size_t k, bool now)
{
    syi_peer_give_back(doors->peers[k], now);
    syi_peer_unref(doors->peers[k]);
    doors->count--;
    doors->peers[k] = doors->peers[doors->count];
    doors->fds[k] = doors->fds[doors->count];
}

bool syi_doors_read(syi_doors *doors)
{
    bool something = false;
    for (size_t k = doors->count; k > 0; k--) {
        const syi_came came = syi_peer_read(doors->peers[k - 1]);
        if (came == SYI_CAME_LAST) { /* the loop thread finds out what it is */
            leave(doors, k - 1, true);
        }
        something = something || came == SYI_CAME_SOMETHING;
    }
    return something;
}

void syi_doors_sleep(syi_doors *doors, syi_bell *bell, uint64_t ns)
{
    struct pollfd fds[SYI_HOLDERS_MAX + 2];
    for (size_t k = 0; k < doors->count; k++) {
        fds[k] = (struct pollfd){.fd = doors->fds[k], .events = POLLIN};
    }
    fds[doors->count] = (struct pollfd){.fd = bell->fd, .events = POLLIN};
    const int ready = poll(fds, doors->count + 1, (int)(ns / 1000000u) + 1);
    if (!atomic_exchange(&bell->asleep, false)) { /* it was rung, or is about to be heard */
        uint64_t rung = 0;
        (void)!read(bell->fd, &rung, sizeof rung);
    }
    if (ready > 0) {
        (void)syi_doors_read(doors);
    }
}

void syi_doors_close(syi_doors *doors, bool now)
{
    while (doors->count > 0) {
        leave(doors, doors->count - 1, now);
    }
}
