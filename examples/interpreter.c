/*
 * interpreter.c - an interpreter written outside of the library, on the public headers only: a
 * ClippingTensor, whose values stay within bounds whatever is computed with it. The bounds are its
 * attributes; they go with every result and over the wire.
 */
#include <csyft/csyft.h>
#include <stdio.h>
#include <string.h>

#define TRY(call)        \
    if ((call) != SY_OK) \
    goto done

typedef struct bounds {
    double low, high;
} bounds;

/* One result, clipped; what holds no numbers of the kind (a comparison, positions) is left as it is. */
static sy_tensor *clip(sy_scope *s, sy_tensor *x, const bounds *b)
{
    sy_dtype dtype;
    if (x == NULL || sy_tensor_get_dtype(x, &dtype, NULL) != SY_OK || !sy_dtype_is_floating(dtype))
        return x;
    const sy_value lower[] = {sy_value_tensor(x), sy_value_float(b->low)};
    x = sy_scope_call(s, "maximum", lower, 2);
    const sy_value upper[] = {sy_value_tensor(x), sy_value_float(b->high)};
    return sy_scope_call(s, "minimum", upper, 2);
}

/* Every operation: run it on the children, clip what comes out. */
static sy_status call(sy_operation *operation, void *user, sy_error *err)
{
    const bounds *b = sy_operation_get_attributes(operation);
    sy_scope *s = sy_operation_get_scope(operation);
    const sy_value *args;
    const size_t count = sy_operation_get_arguments(operation, &args);
    sy_tensor *results[8];

    (void)user;
    const size_t made =
        sy_scope_call_many(s, sy_operation_get_name(operation), args, count, results, 8);
    if (made == 0) /* it failed, which the scope tells by itself, or is no operation on values */
        return SY_OK;
    for (size_t k = 0; k < made; k++)
        results[k] = clip(s, results[k], b);
    return sy_operation_answer(operation, results, made, err);
}

static int describe(const void *attributes, char *text, size_t size)
{
    const bounds *b = attributes;
    return snprintf(text, size, "ClippingTensor(%g..%g)", b->low, b->high);
}

static sy_status simplify(const void *attributes, sy_value *values, size_t *count, sy_error *err)
{
    const bounds *b = attributes;
    (void)err;
    values[0] = sy_value_float(b->low);
    values[1] = sy_value_float(b->high);
    *count = 2;
    return SY_OK;
}

/* A peer may have written this. */
static sy_status detail(void *attributes, const sy_value *values, size_t count, sy_error *err)
{
    bounds *b = attributes;
    if (count != 2 || values[0].kind != SY_VALUE_FLOAT || values[1].kind != SY_VALUE_FLOAT ||
        !(values[0].as.real <= values[1].as.real)) {
        if (err != NULL)
            *err = (sy_error){SY_EFORMAT, "ClippingTensor: two bounds in order", "", ""};
        return SY_EFORMAT;
    }
    b->low = values[0].as.real;
    b->high = values[1].as.real;
    return SY_OK;
}

static const sy_interpreter_class clipping = {
    .size = sizeof clipping,
    .name = "ClippingTensor",
    .code = 1000, /* both ends of a connection register the same */
    .attributes_size = sizeof(bounds),
    .call = call,
    .describe = describe,
    .simplify = simplify,
    .detail = detail,
};

static sy_status print(const char *what, sy_tensor *tensor, sy_error *err)
{
    char *text = NULL;
    const sy_status status = sy_tensor_to_text(tensor, &text, err);
    if (status == SY_OK)
        printf("%-8s%s\n", what, text);
    sy_string_free(sy_tensor_get_hook(tensor), text);
    return status;
}

int main(void)
{
    sy_error err = SY_ERROR_INIT;
    sy_context *context = NULL;
    sy_hook *hook = NULL;
    sy_worker *bob = NULL;
    const sy_interpreter *type = NULL;
    sy_tensor *x = NULL, *clipped = NULL, *sum = NULL, *x_ptr = NULL, *far = NULL;
    sy_scope *s;

    TRY(sy_context_new(&context, NULL, &err));
    TRY(sy_hook_new(context, &hook, NULL, &err));
    TRY(sy_virtual_worker_new(hook, &bob, "bob", &err));
    TRY(sy_interpreter_register(hook, &type, &clipping, &err));
    TRY(sy_tensor_from_floats(hook, &x, (float[]){-3, 0.5f, 2}, 3, &err));
    TRY(sy_tensor_wrap_with(x, &clipped, type, &(bounds){-4, 4}, &err));
    TRY(print("x", clipped, &err));

    s = sy_scope_begin(hook);
    sum = sy_scope_keep(s, sy_add(s, clipped, sy_mul_int(s, x, 2))); /* the plain x is no child */
    TRY(sy_scope_end(s, &err));
    TRY(print("3 x", sum, &err));

    /* At bob it is the same: he computes with the chain, and it comes back with its bounds. */
    TRY(sy_tensor_send(clipped, &x_ptr, bob, &err));
    s = sy_scope_begin(hook);
    far = sy_scope_keep(s, sy_mul(s, x_ptr, x_ptr));
    TRY(sy_scope_end(s, &err));
    TRY(sy_tensor_get_(far, &err));
    TRY(print("x * x", far, &err));

done:
    fputs(err.message, stderr);
    sy_tensor_unref(far);
    sy_tensor_unref(x_ptr);
    sy_tensor_unref(sum);
    sy_tensor_unref(clipped);
    sy_tensor_unref(x);
    sy_hook_free(hook);
    sy_context_free(context);
    return err.status == SY_OK ? 0 : 1;
}
