/* houses.c - see houses.h. */
#include "houses.h"

#include <math.h>
#include <string.h>

/* One column, by the rows that are trained on. */
static void standardize(float (*x)[FEATURES], int column)
{
    double sum = 0, squares = 0;
    for (int k = 0; k < TRAINED; k++) {
        sum += x[k][column];
    }
    for (int k = 0; k < TRAINED; k++) {
        squares += pow(x[k][column] - sum / TRAINED, 2);
    }
    for (int k = 0; k < ROWS; k++) {
        x[k][column] = (float)((x[k][column] - sum / TRAINED) / sqrt(squares / (TRAINED - 1)));
    }
}

sy_status houses_load(sy_hook *hook, const char *path, sy_tensor **x, sy_tensor **y, sy_error *err)
{
    const int64_t x_shape[] = {ROWS, FEATURES}, y_shape[] = {ROWS, 1};
    static float table[ROWS][FEATURES + 1], features[ROWS][FEATURES], prices[ROWS];
    sy_tensor *loaded = NULL, *rows = NULL;
    sy_status status = sy_tensor_load(hook, &loaded, path, err);
    if (status == SY_OK) {
        sy_scope *s = sy_scope_begin(hook);
        rows = sy_scope_keep(s, sy_to(s, loaded, SY_DTYPE_F32));
        status = sy_scope_end(s, err);
    }
    if (status == SY_OK) {
        status = sy_tensor_copy_data(rows, table, sizeof table, err);
    }
    for (int k = 0; k < ROWS; k++) {
        memcpy(features[k], table[5 * k % ROWS], sizeof features[k]);
        prices[k] = table[5 * k % ROWS][FEATURES];
    }
    for (int column = 0; column < FEATURES; column++) {
        if (column != 3) {
            standardize(features, column);
        }
    }
    if (status == SY_OK) {
        status = sy_tensor_new(hook, x, SY_DTYPE_F32, 2, x_shape, features, err);
    }
    if (status == SY_OK) {
        status = sy_tensor_new(hook, y, SY_DTYPE_F32, 2, y_shape, prices, err);
    }
    sy_tensor_unref(rows);
    sy_tensor_unref(loaded);
    return status;
}

sy_status houses_cut(sy_hook *hook, sy_tensor *all, int64_t from, int64_t count, sy_tensor **part,
                     sy_error *err)
{
    sy_scope *s = sy_scope_begin(hook);
    *part = sy_scope_keep(s, sy_clone(s, sy_narrow(s, all, 0, from, count)));
    return sy_scope_end(s, err);
}
