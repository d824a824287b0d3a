/*
 * sharing_trial.h - a shared value and its parties (sharing_parties.h): what a joint command that fails must leave behind.
 */
#ifndef CSYFT_TESTS_SUPPORT_SHARING_TRIAL_H
#define CSYFT_TESTS_SUPPORT_SHARING_TRIAL_H

#include "shared_values.h"
#include "sharing_parties.h"

typedef struct trial {
    parties p;
    party_client c;
    sy_tensor *x; /* shared: 3, -4, 5 */
    sy_error err;
} trial;

static const int64_t TRIAL_DATA[] = {3, -4, 5}, TRIAL_SQUARES[] = {9, 16, 25},
                     TRIAL_RELU[] = {3, 0, 5};

static inline void trial_open(trial *t, size_t holders, bool james, uint32_t timeout_ms)
{
    memset(t, 0, sizeof *t);
    parties_open(&t->p, holders);
    client_open(&t->c, &t->p, "client", james, timeout_ms);
    assert_ok(client_share(&t->c, &t->x, 3, TRIAL_DATA, &t->err), &t->err);
    assert_ok(client_try(&t->c, &t->err), &t->err); /* a session is open */
}

static inline void trial_close(trial *t)
{
    sy_tensor_unref(t->x);
    client_close(&t->c);
    assert_true(wait_until_clean(&t->p, 10000));
    parties_close(&t->p);
}

static inline sy_status trial_square(trial *t)
{
    sy_tensor *z = NULL;
    sy_status status = client_mul(&t->c, &z, t->x, t->x, &t->err);
    if (status == SY_OK) {
        status = client_look(z, 3, TRIAL_SQUARES, &t->err);
    }
    sy_tensor_unref(z);
    return status;
}

/* Of several rounds, unlike the square. */
static inline sy_status trial_relu(trial *t)
{
    sy_scope *s = sy_scope_begin(t->c.home.hook);
    sy_tensor *z = sy_scope_keep(s, sy_relu(s, t->x));
    sy_status status = sy_scope_end(s, &t->err);
    if (status == SY_OK) {
        status = client_look(z, 3, TRIAL_RELU, &t->err);
    }
    sy_tensor_unref(z);
    return status;
}

/* It has failed: the culprit is named, the value is what it was, and the next command works. */
static inline void trial_assert_failed(trial *t, sy_status status, const char *culprit)
{
    assert_int_not_equal(status, SY_OK);
    assert_names(&t->err, culprit);
    assert_ok(client_look(t->x, 3, TRIAL_DATA, &t->err), &t->err);
    assert_ok(trial_square(t), &t->err);
}

#endif
