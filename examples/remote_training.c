/*
 * remote_training.c - a linear model learns y = 2a - 3b from rows that lie at alice and bob. Rows and
 * model meet at the worker that has the rows; only the model comes back.
 */
#include <csyft/csyft.h>
#include <math.h>
#include <stdio.h>

enum { PARTIES = 2, ROWS = 8, PASSES = 60 };

typedef struct party {
    sy_worker *worker;
    sy_tensor *x, *y; /* pointers */
} party;

/* In real use the rows are there from the start: `csyft worker --data rows.npy --private`. */
static sy_status place_rows(sy_hook *hook, party *p, const char *name, int first, sy_error *err)
{
    float x[ROWS][2], y[ROWS][1];
    for (int k = 0; k < ROWS; k++) {
        x[k][0] = (float)((first + k) % 5) / 4 - 0.5f;
        x[k][1] = (float)((first + k) % 3) / 2 - 0.5f;
        y[k][0] = 2 * x[k][0] - 3 * x[k][1];
    }
    sy_tensor *x_here = NULL, *y_here = NULL;
    sy_status status = sy_virtual_worker_new(hook, &p->worker, name, err);
    if (status == SY_OK) {
        status = sy_tensor_new(hook, &x_here, SY_DTYPE_F32, 2, (int64_t[]){ROWS, 2}, x, err);
    }
    if (status == SY_OK) {
        status = sy_tensor_new(hook, &y_here, SY_DTYPE_F32, 2, (int64_t[]){ROWS, 1}, y, err);
    }
    if (status == SY_OK) {
        status = sy_tensor_send(x_here, &p->x, p->worker, err);
    }
    if (status == SY_OK) {
        status = sy_tensor_send(y_here, &p->y, p->worker, err);
    }
    sy_tensor_unref(x_here);
    sy_tensor_unref(y_here);
    return status;
}

/* The weights go to the worker, take one step there, and come back. */
static sy_status step(sy_hook *hook, const party *p, sy_tensor *weights, sy_error *err)
{
    sy_status status = sy_tensor_send_(weights, p->worker, err);
    sy_scope *s = sy_scope_begin(hook);
    sy_tensor *grad = NULL;
    if (status == SY_OK) {
        sy_tensor *loss = sy_mse_loss(s, sy_matmul(s, p->x, weights), p->y);
        status = loss == NULL ? sy_scope_get_status(s) : sy_tensor_backward(loss, NULL, err);
    }
    if (status == SY_OK) {
        status = sy_tensor_get_grad(weights, &grad, err);
    }
    if (status == SY_OK) {
        sy_sgd_(s, weights, sy_scope_adopt(s, grad), 0.8);
        status = sy_tensor_set_grad(weights, NULL, err);
    }
    const sy_status latched = sy_scope_end(s, status == SY_OK ? err : NULL);
    if (status == SY_OK) {
        status = latched;
    }
    return status == SY_OK ? sy_tensor_get_(weights, err) : status;
}

static sy_status learn(sy_hook *hook, party parties[PARTIES], float answer[2], sy_error *err)
{
    sy_tensor *weights = NULL;
    sy_status status = sy_tensor_new(hook, &weights, SY_DTYPE_F32, 2, (int64_t[]){2, 1}, NULL, err);
    if (status == SY_OK) {
        status = sy_tensor_set_requires_grad(weights, true, err);
    }
    for (int k = 0; status == SY_OK && k < PASSES * PARTIES; k++) {
        status = step(hook, &parties[k % PARTIES], weights, err);
    }
    if (status == SY_OK) {
        status = sy_tensor_copy_data(weights, answer, 2 * sizeof *answer, err);
    }
    sy_tensor_unref(weights);
    return status;
}

int main(void)
{
    sy_error err = SY_ERROR_INIT;
    sy_context *context = NULL;
    sy_hook *hook = NULL;
    party parties[PARTIES] = {0};
    float answer[2] = {0};
    sy_status status = sy_context_new(&context, NULL, &err);
    if (status == SY_OK) {
        status = sy_hook_new(context, &hook, NULL, &err);
    }
    for (int k = 0; status == SY_OK && k < PARTIES; k++) {
        status = place_rows(hook, &parties[k], k == 0 ? "alice" : "bob", k * ROWS, &err);
    }
    if (status == SY_OK) {
        status = learn(hook, parties, answer, &err);
    }
    if (status == SY_OK) {
        printf("y = %.3f a + %.3f b\n", answer[0], answer[1]);
    } else {
        fprintf(stderr, "%s\n", err.message);
    }
    for (int k = 0; k < PARTIES; k++) {
        sy_tensor_unref(parties[k].x);
        sy_tensor_unref(parties[k].y);
    }
    sy_hook_free(hook);
    sy_context_free(context);
    return status == SY_OK && fabsf(answer[0] - 2) < 0.01f && fabsf(answer[1] + 3) < 0.01f ? 0 : 1;
}
