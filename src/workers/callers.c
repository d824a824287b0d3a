#include "workers/callers.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <csyft/caller.h>

#include "core/error.h"
#include "workers/session.h"

int64_t syi_time_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec;
}

/* "tcp://10.0.0.1:4711" without scheme and port: neither gives a client a new allowance. */
static void key_of_address(char key[SYI_CALLER_KEY_SIZE], const char *address)
{
    const char *host = strstr(address, "://");
    host = host != NULL ? host + 3 : address;
    const char *colon = strrchr(host, ':');
    const size_t length = colon != NULL ? (size_t)(colon - host) : strlen(host);
    snprintf(key, SYI_CALLER_KEY_SIZE, "at %.*s", (int)length, host); /* names have no such start */
}

static syi_caller *make_caller(sy_worker *worker, const char *key, bool named)
{
    syi_caller *made = syi_alloc(worker->hook->context, sizeof *made);
    if (made == NULL) {
        return NULL;
    }
    memcpy(made->key, key, strlen(key) + 1);
    snprintf(made->label, sizeof made->label,
             named ? "caller %s at worker %s" : "clients %s at worker %s", named ? key + 1 : key,
             worker->name);
    syi_account_init(&made->account, made->label, worker->limits.memory_per_caller,
                     &worker->account);
    made->credit = UINT64_MAX; /* full, whatever that is */
    made->next = worker->callers;
    worker->callers = made;
    worker->caller_count++;
    return made;
}

syi_caller *syi_callers_find(sy_worker *worker, const char *name, const char *address)
{
    char key[SYI_CALLER_KEY_SIZE];
    const bool named = name[0] != '\0';
    if (named) {
        snprintf(key, sizeof key, "=%s", name);
    } else {
        key_of_address(key, address);
    }
    if (worker->caller_count >= SYI_CALLERS_MAX && !named) {
        snprintf(key, sizeof key, "at other addresses");
    }
    for (syi_caller *caller = worker->callers; caller != NULL; caller = caller->next) {
        if (strcmp(caller->key, key) == 0) {
            return caller;
        }
    }
    return make_caller(worker, key, named);
}

sy_status syi_caller_pay(sy_worker *worker, syi_caller *caller, sy_error *err)
{
    const uint64_t rate = worker->limits.requests_per_second;
    if (rate == 0) {
        return SY_OK;
    }
    const uint64_t burst = worker->limits.request_burst;
    const uint64_t now = syi_clock_now(worker->hook->context);
    const uint64_t passed = now - caller->refilled;
    const uint64_t full = burst * 1000;
    /* A second brings `rate` requests; what is older than it takes to fill the bucket does not matter. */
    const uint64_t longest = (burst / rate + 1) * UINT64_C(1000000000);
    const uint64_t gained = (passed < longest ? passed : longest) / 1000 * rate / 1000;
    if (caller->credit > full || gained > full - caller->credit) {
        caller->credit = full;
        caller->refilled = now;
    } else if (gained > 0) {
        caller->credit += gained;
        caller->refilled = now;
    }
    if (caller->credit < 1000) {
        return syi_fail(err, SY_EBUSY,
                        "%s: more than %" PRIu64 " requests per second (and %" PRIu64 " at once)",
                        caller->label, rate, burst);
    }
    caller->credit -= 1000;
    return SY_OK;
}

sy_status syi_caller_may_hold(const sy_worker *worker, const syi_caller *caller, sy_error *err)
{
    const uint64_t most = worker->limits.objects_per_caller;
    if (most != 0 && caller->objects >= most) {
        return syi_fail(err, SY_ELIMIT, "%s: it holds %zu objects, the limit is %" PRIu64,
                        caller->label, caller->objects, most);
    }
    const uint64_t all = worker->limits.objects_max;
    if (all != 0 && syi_table_count(worker->objects) >= all) {
        return syi_fail(err, SY_ELIMIT, "worker %s holds %zu objects, the limit is %" PRIu64,
                        worker->name, syi_table_count(worker->objects), all);
    }
    return SY_OK;
}

sy_status syi_caller_may_connect(const sy_worker *worker, const syi_caller *caller, sy_error *err)
{
    const unsigned most = worker->limits.connections_per_caller;
    if (most != 0 && caller->connections >= most) {
        return syi_fail(err, SY_ELIMIT, "%s: it has %u connections, the limit is %u", caller->label,
                        caller->connections, most);
    }
    return SY_OK;
}

bool syi_caller_leaves(sy_worker *worker, syi_session *session, uint64_t now)
{
    syi_caller *caller = session->who;
    const uint64_t most = (uint64_t)worker->limits.connections_per_caller * SYI_AWAY_PER_CONNECTION;
    syi_session *oldest = NULL;
    session->away_of = caller;
    caller->away++;
    if (most == 0 || caller->away <= most) {
        return false;
    }
    for (syi_session *s = worker->sessions; s != NULL; s = s->next) {
        oldest = s->away_of == caller ? s : oldest; /* the newest comes first */
    }
    if (oldest == NULL) {
        return false;
    }
    syi_log(worker->hook->context, SY_LOG_INFO, "workers", worker->name, 0,
            "%s: more than %" PRIu64 " sessions without a connection; the oldest ends",
            caller->label, most);
    syi_caller_is_back(oldest);
    oldest->lease_until = now;
    return true;
}

void syi_caller_is_back(syi_session *session)
{
    if (session->away_of != NULL) {
        session->away_of->away--;
        session->away_of = NULL;
    }
}

void syi_callers_update(sy_worker *worker)
{
    for (syi_caller *caller = worker->callers; caller != NULL; caller = caller->next) {
        caller->account.limit = worker->limits.memory_per_caller;
    }
}

void syi_callers_free(sy_worker *worker)
{
    while (worker->callers != NULL) {
        syi_caller *next = worker->callers->next;
        syi_free(worker->hook->context, worker->callers, sizeof *worker->callers);
        worker->callers = next;
    }
}

sy_status syi_session_identify(syi_session *session, const char *bearer, sy_error *err)
{
    sy_worker *worker = session->worker;
    if (session->direct) {
        sy_id_format(&session->caller, session->name, sizeof session->name);
        return SY_OK;
    }
    if (bearer[0] != '\0') {
        const syi_token *token = syi_tokens_find(&worker->tokens, bearer, syi_time_now());
        if (token == NULL) {
            return syi_fail(err, SY_EPERM, "worker %s does not take this token", worker->name);
        }
        memcpy(session->name, token->name, sizeof session->name);
        session->expires = token->expires;
        session->has_token = true;
        memcpy(session->token_digest, token->digest, sizeof session->token_digest);
        return SY_OK;
    }
    snprintf(session->name, sizeof session->name, "%s", syi_peer_get_certified(session->peer));
    if (session->name[0] == '\0' && worker->tokens.count > 0) {
        return syi_fail(err, SY_EPERM,
                        "worker %s takes nobody without a token or a certificate that it trusts",
                        worker->name);
    }
    return SY_OK;
}

/* Tokens of a worker */

sy_status sy_worker_add_token(sy_worker *worker, const char *name, const char *token,
                              int64_t expires, sy_error *err)
{
    if (!syi_worker_is_here(worker)) {
        return syi_fail(err, SY_EINVAL, "token: worker %s is not in this process", worker->name);
    }
    pthread_mutex_lock(&worker->strand);
    const sy_status status =
        syi_tokens_add(worker->hook->context, &worker->tokens, name, token, expires, err);
    pthread_mutex_unlock(&worker->strand);
    return status;
}
