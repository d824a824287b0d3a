/* A tensor goes to a worker, is computed with there, and the result comes back. */
#include <csyft/csyft.h>
#include <stdio.h>

#define TRY(call)        \
    if ((call) != SY_OK) \
    goto done

int main(void)
{
    sy_error err = SY_ERROR_INIT;
    sy_context *context = NULL;
    sy_hook *hook = NULL;
    sy_worker *bob = NULL;
    sy_tensor *x = NULL, *x_ptr = NULL, *y = NULL;
    sy_scope *s;
    float sum[3];

    TRY(sy_context_new(&context, NULL, &err));
    TRY(sy_hook_new(context, &hook, NULL, &err));
    TRY(sy_virtual_worker_new(hook, &bob, "bob", &err));
    TRY(sy_tensor_from_floats(hook, &x, (float[]){1, 2, 3}, 3, &err));
    TRY(sy_tensor_send(x, &x_ptr, bob, &err)); /* x_ptr points to bob's copy */
    s = sy_scope_begin(hook);
    y = sy_scope_keep(s, sy_add(s, x_ptr, x_ptr)); /* bob adds; y points to his result */
    TRY(sy_scope_end(s, &err));
    TRY(sy_tensor_get_(y, &err)); /* now y is the sum itself */
    TRY(sy_tensor_copy_data(y, sum, sizeof sum, &err));
    printf("%g %g %g\n", sum[0], sum[1], sum[2]);

done:
    fputs(err.message, stderr); /* nothing when all went well */
    sy_tensor_unref(y);
    sy_tensor_unref(x_ptr); /* bob drops his copy */
    sy_tensor_unref(x);
    sy_hook_free(hook);
    sy_context_free(context);
    return err.status == SY_OK ? 0 : 1;
}
