/*
 * sharing_channel.c - the contract of crypto/channel.h on workers: holders and the provider in hooks of their own over tcp, the
 * commands begun and ended as a client's joint commands are.
 */
#include "support/channel_contract.h"
#include "support/sharing_parties.h"

/* A holder's part of a command, on a thread of its own. */
typedef struct holder {
    sy_worker *worker;
    syi_joint joint;
    uint64_t deadline;
    channel_program program;
    void *user;
    sy_status status;
    sy_error err;
    syi_cost cost;
} holder;

static void *holder_main(void *argument)
{
    holder *h = argument;
    h->status = syi_sharing_begin(h->worker, &h->joint, h->deadline, &h->err);
    if (h->status == SY_OK) {
        syi_sharing_run *run = h->joint.run;
        h->status = h->program(&run->party, h->user, &h->err);
        h->cost = run->channel.cost;
        syi_sharing_end(h->worker, &h->joint, h->status, &h->err);
    }
    return NULL;
}

static void run_on(bool james, int count, uint64_t deadline_ms, channel_program program, void *user,
                   channel_outcome *outcome)
{
    parties p;
    party_client c;
    holder holders[CHANNEL_HOLDERS_MAX];
    pthread_t threads[CHANNEL_HOLDERS_MAX];
    syi_joint joint;
    sy_error err = SY_ERROR_INIT;
    parties_open(&p, (size_t)count);
    client_open(&c, &p, "client", james, 30000);
    syi_sharing_group *group = client_group(&c);
    assert_ok(syi_sharing_group_begin(group, &joint, &err), &err);
    const uint64_t deadline = syi_clock_now(c.home.context) + deadline_ms * 1000000;
    for (int k = 0; k < count; k++) {
        holders[k] = (holder){.worker = p.at[k].worker,
                              .joint = joint,
                              .deadline = deadline,
                              .program = program,
                              .user = user};
        assert_int_equal(pthread_create(&threads[k], NULL, holder_main, &holders[k]), 0);
    }
    sy_status status = SY_OK;
    for (int k = 0; k < count; k++) {
        pthread_join(threads[k], NULL);
        outcome->status[k] = holders[k].status;
        outcome->err[k] = holders[k].err;
        outcome->cost[k] = holders[k].cost;
        status = status == SY_OK ? holders[k].status : status;
    }
    syi_sharing_group_end(group, &joint, status, status == SY_OK ? &err : &outcome->err[0]);
    client_close(&c);
    parties_close(&p);
}

static void run_on_workers(int count, uint64_t deadline_ms, channel_program program, void *user,
                           channel_outcome *outcome)
{
    run_on(true, count, deadline_ms, program, user, outcome);
}

/* The client provides, and listens nowhere: it fetches demands and reports. */
static void run_on_client(int count, uint64_t deadline_ms, channel_program program, void *user,
                          channel_outcome *outcome)
{
    run_on(false, count, deadline_ms, program, user, outcome);
}

static const channel_contract workers_contract = {
    .run = run_on_workers, .names = {"alice", "bob", "carol", "dave", "eve"}};
static const channel_contract client_contract = {.run = run_on_client,
                                                 .names = {"alice", "bob", "carol", "dave", "eve"}};

static int by_the_client(void **state)
{
    (void)state;
    the_contract = &client_contract;
    return 0;
}

int main(void)
{
    the_contract = &workers_contract;
    const struct CMUnitTest tests[] = {CHANNEL_CONTRACT_TESTS};
    const struct CMUnitTest fetched[] = {CHANNEL_REPORT_TESTS};
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return failed + cmocka_run_group_tests(fetched, by_the_client, NULL);
}
