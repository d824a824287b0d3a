/*
 * task.h - one request to train on a served dataset, or to evaluate a model by it: the dataset, the model's plan with parameters of its own, and
 * its rows batch by batch. What is told of results is checked here: a plan comes from a client, who may have built any. Part of trainer.h:
 * fit.c and evaluation.c are what is done with one. Test: tests/integration/federated_training.c.
 */
#ifndef SYI_FEDERATED_TASK_H
#define SYI_FEDERATED_TASK_H

#include "execution/plan.h"
#include "federated/serving/served_requests.h"
#include "hook/dispatch.h"
#include "workers/commands.h"

typedef struct syi_task {
    const sy_request *request;
    const syi_served *served;
    syi_plan_body *body; /* with parameters of its own */
    syi_mode mode;
    int64_t releases[SYI_OP_COUNT];
    int64_t batch_size;
    int64_t *places; /* of rows, in the order in which they come */
    size_t count;    /* of places */
    bool
        noisy; /* a batch is one row, of which the plan may do what it likes: noise is added to what comes of it */
} syi_task;

/* Of a request that begins with dataset, plan, [parameters], batch size. To be closed also when it fails. SY_EINVAL, SY_ESHAPE. */
sy_status syi_task_open(syi_task *t, const sy_request *request, sy_error *err);
void syi_task_close(syi_task *t);
/* SY_EPERM: the dataset releases nothing without noise. */
sy_status syi_task_check_release(const syi_task *t, sy_error *err);

/* Rows of the batch that begins with that place. */
size_t syi_task_batch_at(const syi_task *t, size_t from);
/* What the plan gave for a batch, and the batch's targets, as they are after transforms. */
typedef sy_status (*syi_task_see)(syi_task *t, void *user, size_t from, const sy_value *results,
                                  sy_tensor *targets, sy_error *err);
/* Runs the plan on that batch, in a scope of its own, so that memory stays flat. SY_ECANCELED, SY_ETIMEDOUT: nobody waits for it any more;
 * SY_EDTYPE, SY_ESHAPE: rows that the plan was not built for; what the plan, and `see`, give. */
sy_status syi_task_batch(syi_task *t, size_t from, syi_task_see see, void *user, sy_error *err);

/* Does the plan run at all? On one row of zeros, shaped as the dataset's: what it says depends on nobody's row. see: nullable. */
sy_status syi_task_try(syi_task *t, syi_task_see see, void *user, sy_error *err);
/* Copies of the plan's state, SYI_TAPE_INPUTS_MAX at most; *count so many were made, also when it fails. SY_ENOMEM. */
sy_status syi_task_save_states(const syi_task *t, syi_array *arrays, size_t *count, sy_error *err);
/* The plan's state becomes copies of these, so that nothing is left of what it did before. SY_ENOMEM. */
sy_status syi_task_set_states(syi_task *t, const syi_array *arrays, sy_error *err);

/* Does it depend on so many rows or more, and on all of them alike? DATA: each of its rows on one of these; AGGREGATE: a mean. */
bool syi_task_depends_on(const sy_value *result, syi_spread spread, size_t rows);
/* One number, a finite one, and the mean over all rows of the batch. SY_EINVAL, SY_EPERM, SY_ERANGE. */
sy_status syi_task_read_loss(const syi_task *t, const sy_value *result, size_t rows, double *loss,
                             sy_error *err);

/* fit.c, evaluation.c: what is left of the request, and the answer. */
sy_status syi_task_fit(syi_task *t, const sy_request *request, sy_error *err);
sy_status syi_task_evaluate(syi_task *t, const sy_request *request, sy_error *err);

#endif
