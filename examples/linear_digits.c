/* linear_digits.c - see linear_digits.h. */
#include "linear_digits.h"

sy_status linear_cut(sy_hook *hook, sy_tensor *table, int64_t from, int64_t count, sy_tensor **x,
                     sy_tensor **y, sy_error *err)
{
    sy_scope *s = sy_scope_begin(hook);
    sy_tensor *rows = sy_narrow(s, table, 0, from, count);
    sy_tensor *pixels = sy_div_scalar(s, sy_narrow(s, rows, 1, 0, PIXELS), 16);
    *x = sy_scope_keep(s, sy_to(s, pixels, SY_DTYPE_F32));
    *y = sy_scope_keep(s, sy_to(s, sy_select(s, rows, 1, PIXELS), SY_DTYPE_I64));
    return sy_scope_end(s, err);
}

sy_status linear_learn(sy_hook *hook, sy_module **model, sy_tensor *x, sy_tensor *y, int steps,
                       sy_error *err)
{
    sy_status status = sy_module_new_linear(hook, model, PIXELS, DIGITS, true, err);
    for (int k = 0; k < steps && status == SY_OK; k++) {
        sy_scope *s = sy_scope_begin(hook);
        sy_tensor *loss = sy_cross_entropy(s, sy_module_forward(s, *model, x), y);
        status = loss == NULL ? SY_OK : sy_tensor_backward(loss, NULL, err);
        const sy_status latched = sy_scope_end(s, status == SY_OK ? err : NULL);
        status = status == SY_OK ? latched : status;
        if (status == SY_OK) {
            status = sy_module_sgd_step(*model, 0.5, err);
        }
        if (status == SY_OK) {
            status = sy_module_zero_grad(*model, err);
        }
    }
    return status;
}

sy_status linear_read(sy_hook *hook, sy_module *model, sy_tensor *x, int64_t *labels, size_t count,
                      sy_error *err)
{
    sy_scope *s = sy_scope_begin(hook);
    sy_scope_set_grad_enabled(s, false);
    sy_tensor *read = sy_argmax_dim(s, sy_module_forward(s, model, x), 1, false);
    sy_status status =
        read == NULL ? SY_OK : sy_tensor_copy_data(read, labels, count * sizeof *labels, err);
    const sy_status latched = sy_scope_end(s, status == SY_OK ? err : NULL);
    return status == SY_OK ? latched : status;
}

sy_status linear_teach(sy_hook *hook, sy_tensor *table, int64_t from, int64_t own, int64_t teachers,
                       sy_tensor *queries, int64_t *predictions, size_t count, sy_error *err)
{
    sy_status status = SY_OK;
    for (int64_t k = 0; k < teachers && status == SY_OK; k++) {
        sy_tensor *x = NULL, *y = NULL;
        sy_module *model = NULL;
        status = linear_cut(hook, table, from + k * own, own, &x, &y, err);
        if (status == SY_OK) {
            status = linear_learn(hook, &model, x, y, 50, err);
        }
        if (status == SY_OK) {
            status =
                linear_read(hook, model, queries, predictions + k * (int64_t)count, count, err);
        }
        sy_module_unref(model);
        sy_tensor_unref(y);
        sy_tensor_unref(x);
    }
    return status;
}

double linear_right(const int64_t *labels, const int64_t *truth, size_t count)
{
    size_t equal = 0;
    for (size_t k = 0; k < count; k++) {
        equal += labels[k] == truth[k];
    }
    return 100.0 * (double)equal / (double)count;
}
