/*
 * sharing_parties.h - the parties of shared values in hooks of their own ("processes", places.h) over tcp://: up to five
 * holders and a provider with pools of one thread, a client that reaches them; and looks into what they keep of sessions.
 */
#ifndef CSYFT_TESTS_SHARING_PARTIES_H
#define CSYFT_TESTS_SHARING_PARTIES_H

#include <csyft/operations.h>
#include <csyft/sharing.h>

#include "interpreters/sharing/group.h"
#include "interpreters/sharing/letters.h"
#include "support/places.h"

enum {
    PARTIES_HOLDERS_MAX = 5,
    PARTIES_GRACE_MS = 300,
    PARTIES_RECONNECT_MS = 700,
    /* Where a connection is expected back on a busy machine. What a client leaves goes after the grace, at the end of a test. */
    PARTIES_LONG_GRACE_MS = 3000,
    PARTIES_PATIENCE_MS = 20000,
};

static const char *const party_names[] = {"alice", "bob", "carol", "dave", "eve"};

typedef struct parties {
    size_t count;
    test_place at[PARTIES_HOLDERS_MAX], at_provider;
    const char *urls[PARTIES_HOLDERS_MAX], *provider_url;
} parties;

/* A client: in a thread of its own, or the test. */
typedef struct party_client {
    test_place home;
    size_t count;
    sy_worker *holders[PARTIES_HOLDERS_MAX];
    sy_worker *provider; /* NULL: the client provides */
} party_client;

static inline void parties_open_for(parties *p, size_t count, uint32_t grace_ms)
{
    sy_listen_options options = SY_LISTEN_OPTIONS_INIT;
    options.lease_grace_ms = grace_ms;
    memset(p, 0, sizeof *p);
    p->count = count;
    for (size_t k = 0; k < count; k++) {
        place_open(&p->at[k], party_names[k], false, 1);
        p->urls[k] = place_listen(&p->at[k], "tcp://127.0.0.1:0", &options);
    }
    place_open(&p->at_provider, "james", false, 1);
    p->provider_url = place_listen(&p->at_provider, "tcp://127.0.0.1:0", &options);
}

static inline void parties_open(parties *p, size_t count)
{
    parties_open_for(p, count, PARTIES_GRACE_MS);
}

/* What is connected to others first: so nothing waits for a peer that is gone. */
static inline void parties_close(parties *p)
{
    place_close(&p->at_provider);
    for (size_t k = 0; k < p->count; k++) {
        place_close(&p->at[k]);
    }
}

/* Who sees the letters that the holders send each other; NULL: nobody. */
static inline void parties_watch(parties *p, syi_sharing_watch_fn watch)
{
    for (size_t k = 0; k < p->count; k++) {
        atomic_store(&syi_sharing_room_of(p->at[k].hook)->watch, watch);
    }
}

static inline void client_open_for(party_client *c, const parties *p, const char *id, bool james,
                                   uint32_t timeout_ms, uint32_t reconnect_ms)
{
    memset(c, 0, sizeof *c);
    c->count = p->count;
    place_open(&c->home, id, true, 1);
    for (size_t k = 0; k < p->count; k++) {
        c->holders[k] = place_connect_for(&c->home, p->urls[k], timeout_ms, reconnect_ms);
    }
    c->provider =
        james ? place_connect_for(&c->home, p->provider_url, timeout_ms, reconnect_ms) : NULL;
}

static inline void client_open(party_client *c, const parties *p, const char *id, bool james,
                               uint32_t timeout_ms)
{
    client_open_for(c, p, id, james, timeout_ms, PARTIES_RECONNECT_MS);
}

static inline void client_close(party_client *c)
{
    place_close(&c->home);
}

/* No cmocka in these: they are for threads, too. */

static inline sy_status client_share(party_client *c, sy_tensor **shared, int64_t count,
                                     const int64_t *data, sy_error *err)
{
    sy_tensor *tensor = NULL;
    *shared = NULL;
    TEST_TRY(sy_tensor_new(c->home.hook, &tensor, SY_DTYPE_I64, 1, &count, data, err));
    const sy_status status =
        sy_tensor_share(tensor, shared, c->holders, c->count, c->provider, err);
    sy_tensor_unref(tensor);
    return status;
}

static inline sy_status client_mul(party_client *c, sy_tensor **z, sy_tensor *x, sy_tensor *y,
                                   sy_error *err)
{
    sy_scope *s = sy_scope_begin(c->home.hook);
    *z = sy_mul(s, x, y);
    *z = *z != NULL ? sy_tensor_ref(*z) : NULL;
    return sy_scope_end(s, err);
}

/* What it holds, which stays. */
static inline sy_status client_look(sy_tensor *shared, int64_t count, const int64_t *expected,
                                    sy_error *err)
{
    sy_tensor *value = NULL;
    int64_t got[64];
    TEST_TRY(sy_tensor_copy_get(shared, &value, err));
    const sy_status status = sy_tensor_copy_data(value, got, (size_t)count * sizeof *got, err);
    sy_tensor_unref(value);
    TEST_TRY(status);
    return memcmp(got, expected, (size_t)count * sizeof *got) == 0
               ? SY_OK
               : test_says(err, "another value than expected");
}

/* x * x is right, in a session that works. */
static inline sy_status client_try(party_client *c, sy_error *err)
{
    static const int64_t data[] = {3, -4, 5}, squares[] = {9, 16, 25};
    sy_tensor *x = NULL, *z = NULL;
    sy_status status = client_share(c, &x, 3, data, err);
    if (status == SY_OK) {
        status = client_mul(c, &z, x, x, err);
    }
    if (status == SY_OK) {
        status = client_look(z, 3, squares, err);
    }
    sy_tensor_unref(z);
    sy_tensor_unref(x);
    return status;
}

static inline sy_worker *client_provider(const party_client *c)
{
    return c->provider != NULL ? c->provider : c->home.worker;
}

static inline syi_sharing_group *client_group(party_client *c)
{
    sy_error err = SY_ERROR_INIT;
    syi_sharing_group *group = NULL;
    assert_ok(syi_sharing_group_get(c->home.hook, &group, c->holders, c->count, client_provider(c),
                                    SYI_FAMILY_AUTO, &err),
              &err);
    return group;
}

/* What a worker's hook keeps. */
static inline size_t room_sessions(const sy_hook *hook)
{
    syi_sharing_room *room = syi_sharing_room_of(hook);
    pthread_mutex_lock(&room->lock);
    const size_t count = room->session_count;
    pthread_mutex_unlock(&room->lock);
    return count;
}

static inline size_t room_threads(const sy_hook *hook)
{
    syi_sharing_room *room = syi_sharing_room_of(hook);
    pthread_mutex_lock(&room->lock);
    const size_t count = room->dealing_threads + room->dealing_count;
    pthread_mutex_unlock(&room->lock);
    return count;
}

/* Nothing is left of any session at the workers. */
static inline bool parties_are_clean(const parties *p)
{
    size_t left = room_threads(p->at_provider.hook);
    for (size_t k = 0; k < p->count; k++) {
        left += room_sessions(p->at[k].hook) + sy_worker_get_object_count(p->at[k].worker);
    }
    return left == 0;
}

static inline bool wait_until_clean(const parties *p, unsigned ms)
{
    const uint64_t until = test_now_ms() + ms;
    while (!parties_are_clean(p)) {
        if (test_now_ms() >= until) {
            for (size_t k = 0; k < p->count; k++) {
                print_error("%s: %zu sessions, %zu objects\n", party_names[k],
                            room_sessions(p->at[k].hook),
                            sy_worker_get_object_count(p->at[k].worker));
            }
            print_error("james: %zu threads and dealings\n", room_threads(p->at_provider.hook));
            return false;
        }
        test_sleep_ms(2);
    }
    return true;
}

/* The operation must fail with a sentence that names the culprit. */
#define assert_names(err, name)                                                              \
    do {                                                                                     \
        if (strstr((err)->message, (name)) == NULL && strcmp((err)->worker, (name)) != 0) {  \
            fail_msg("\"%s\" [%s] does not name %s", (err)->message, (err)->worker, (name)); \
        }                                                                                    \
    } while (0)

#endif
