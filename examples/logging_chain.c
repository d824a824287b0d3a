/*
 * logging_chain.c - a chain of three: a LoggingTensor over a PlusIsMinusTensor over numbers. Each node sees
 * what passes, and the chain is put back around every result; at a worker, too.
 */
#include <csyft/csyft.h>
#include <stdio.h>
#include <string.h>

#define TRY(call)        \
    if ((call) != SY_OK) \
    goto done

/* The library is silent; its lines come here. */
static void print_line(void *user, sy_log_level level, const char *component, const char *worker,
                       uint64_t message_id, const char *message)
{
    (void)user;
    (void)level;
    (void)message_id;
    if (strcmp(component, "interpreters") == 0)
        printf("  %s%s%s\n", message, worker[0] != '\0' ? " at " : "", worker);
}

static sy_status print(const char *what, sy_tensor *tensor, sy_error *err)
{
    char *text = NULL;
    const sy_status status = sy_tensor_to_text(tensor, &text, err);
    if (status == SY_OK)
        printf("%s = %s\n", what, text);
    sy_string_free(sy_tensor_get_hook(tensor), text);
    return status;
}

int main(void)
{
    sy_error err = SY_ERROR_INIT;
    sy_context_options options = SY_CONTEXT_OPTIONS_INIT;
    sy_context *context = NULL;
    sy_hook *hook = NULL;
    sy_worker *bob = NULL;
    sy_tensor *x = NULL, *minus = NULL, *chain = NULL, *y = NULL, *chain_ptr = NULL, *z = NULL;
    sy_scope *s;

    options.log = print_line;
    options.log_filter = "interpreters=info";
    TRY(sy_context_new(&context, &options, &err));
    TRY(sy_hook_new(context, &hook, NULL, &err));
    TRY(sy_virtual_worker_new(hook, &bob, "bob", &err));
    TRY(sy_tensor_from_floats(hook, &x, (float[]){1, 2, 3}, 3, &err));
    TRY(sy_tensor_plus_is_minus(x, &minus, &err));
    TRY(sy_tensor_log(minus, &chain, &err));
    TRY(print("chain", chain, &err));

    s = sy_scope_begin(hook);
    y = sy_scope_keep(s, sy_mul_int(s, sy_add(s, chain, sy_mul_int(s, x, 3)), 2));
    TRY(sy_scope_end(s, &err));
    TRY(print("(x + 3 x) * 2", y, &err));

    TRY(sy_tensor_send(chain, &chain_ptr, bob, &err));
    s = sy_scope_begin(hook);
    z = sy_scope_keep(s, sy_relu(s, sy_add_int(s, chain_ptr, 2)));
    TRY(sy_scope_end(s, &err));
    TRY(sy_tensor_get_(z, &err));
    TRY(print("relu(x + 2)", z, &err));

done:
    fputs(err.message, stderr);
    sy_tensor_unref(z);
    sy_tensor_unref(chain_ptr);
    sy_tensor_unref(y);
    sy_tensor_unref(chain);
    sy_tensor_unref(minus);
    sy_tensor_unref(x);
    sy_hook_free(hook);
    sy_context_free(context);
    return err.status == SY_OK ? 0 : 1;
}
