/* digits_net.c - see digits_net.h. */
#include "digits_net.h"

static const sy_conv_options padded = {.size = sizeof(sy_conv_options),
                                       .stride = {1, 1},
                                       .padding = {1, 1},
                                       .dilation = {1, 1},
                                       .groups = 1,
                                       .bias = true};

sy_status digits_make_net(sy_hook *hook, sy_module **model, sy_error *err)
{
    enum { LAYERS = 13 };
    const int64_t three[] = {3, 3}, two[] = {2, 2};
    sy_module *l[LAYERS] = {NULL};
    sy_status s[LAYERS];
    size_t count = 0;
    for (int block = 0; block < 2; block++) {
        s[count] = sy_module_new_conv2d(hook, &l[count], block == 0 ? 1 : 8, block == 0 ? 8 : 16,
                                        three, &padded, err);
        count++;
        s[count] = sy_module_new_batch_norm(hook, &l[count], block == 0 ? 8 : 16, NULL, err);
        count++;
        s[count] = sy_module_new_relu(hook, &l[count], err);
        count++;
        s[count] = sy_module_new_max_pool2d(hook, &l[count], two, NULL, err);
        count++;
    }
    s[count] = sy_module_new_flatten(hook, &l[count], 1, -1, err);
    count++;
    s[count] = sy_module_new_linear(hook, &l[count], 64, 32, true, err);
    count++;
    s[count] = sy_module_new_relu(hook, &l[count], err);
    count++;
    s[count] = sy_module_new_dropout(hook, &l[count], 0.2, err);
    count++;
    s[count] = sy_module_new_linear(hook, &l[count], 32, 10, true, err);
    count++;
    sy_status status = SY_OK;
    for (size_t k = 0; k < count && status == SY_OK; k++) {
        status = s[k];
    }
    if (status == SY_OK) {
        status = sy_module_new_sequential(hook, model, l, count, err);
    }
    for (size_t k = 0; k < count; k++) {
        sy_module_unref(l[k]);
    }
    return status;
}

sy_status digits_cut(sy_hook *hook, sy_tensor *table, int64_t from, int64_t count, sy_tensor **x,
                     sy_tensor **y, sy_error *err)
{
    const int64_t shape[] = {count, 1, 8, 8};
    sy_scope *s = sy_scope_begin(hook);
    sy_tensor *rows = sy_narrow(s, table, 0, from, count);
    sy_tensor *pixels =
        sy_to(s, sy_div_scalar(s, sy_narrow(s, rows, 1, 0, PIXELS), 16), SY_DTYPE_F32);
    *x = sy_scope_keep(s, sy_reshape(s, pixels, 4, shape));
    *y = sy_scope_keep(s, sy_to(s, sy_select(s, rows, 1, PIXELS), SY_DTYPE_I64));
    return sy_scope_end(s, err);
}
