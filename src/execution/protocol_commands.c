/* protocol_commands.c - what a worker does with protocols that are asked for: run_protocol. Part of protocol.h. Test:
 * tests/integration/protocols.c. */
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "execution/plan.h"
#include "execution/protocol.h"
#include "workers/commands.h"

/* The inputs of a request, with their results. */
typedef struct batch {
    sy_protocol_input *inputs;
    sy_named_value *names; /* of all inputs */
    sy_tensor **results;   /* likewise */
    size_t count, name_count, names_each;
} batch;

static bool is_list(const sy_value *value)
{
    return value->kind == SY_VALUE_LIST;
}

/* Private objects stay here: their contents would go to the first worker. */
static sy_status check_private(const sy_request *request, const sy_value *value, sy_error *err)
{
    if (value->kind != SY_VALUE_TENSOR || !syi_tensor_is_private(value->as.tensor)) {
        return SY_OK;
    }
    char text[72];
    const sy_id id = value->as.tensor->id;
    const syi_policy policy = syi_tensor_policy(value->as.tensor);
    return syi_policy_refuse(&policy, "run_protocol", sy_id_format(&id, text, sizeof text),
                             request->worker->name, err);
}

static sy_status read_input(const sy_request *request, batch *b, size_t index, sy_error *err)
{
    const sy_value *values = &request->args[1].as.list.items[index];
    const sy_value *names = &request->args[2];
    sy_protocol_input *input = &b->inputs[index];
    if (!is_list(values) || values->as.list.count < b->names_each ||
        values->as.list.count > SYI_TAPE_INPUTS_MAX) {
        return syi_fail(err, SY_EINVAL,
                        "run_protocol: input %zu is no list of arguments, at least %zu and at most "
                        "%d",
                        index + 1, b->names_each, SYI_TAPE_INPUTS_MAX);
    }
    input->arguments = values->as.list.items;
    input->count = values->as.list.count - b->names_each;
    input->kwargs = &b->names[index * b->names_each];
    input->kwarg_count = b->names_each;
    input->results = &b->results[index * SYI_TAPE_OUTPUTS_MAX];
    input->capacity = SYI_TAPE_OUTPUTS_MAX;
    for (size_t k = 0; k < values->as.list.count; k++) {
        SY_TRY(check_private(request, &values->as.list.items[k], err));
    }
    for (size_t k = 0; k < b->names_each; k++) {
        sy_named_value *named = &b->names[index * b->names_each + k];
        if (names->as.list.items[k].kind != SY_VALUE_STRING) {
            return syi_fail(err, SY_EINVAL, "run_protocol: a name is no text");
        }
        named->name = names->as.list.items[k].as.string;
        named->value = values->as.list.items[input->count + k];
    }
    return SY_OK;
}

static sy_status run(const sy_request *request, const syi_protocol_body *body, batch *b,
                     sy_error *err)
{
    syi_mode mode;
    for (size_t k = 0; k < b->count; k++) {
        SY_TRY(read_input(request, b, k, err));
    }
    syi_request_get_mode(request, &mode);
    const syi_protocol_run run = {.body = body,
                                  .here = request->worker,
                                  .mode = &mode,
                                  .for_peer = true,
                                  .inputs = b->inputs,
                                  .count = b->count};
    return syi_protocol_execute(&run, err);
}

/* [[descriptor, ...], ...]: the results are objects here, pointers to the last worker. */
static sy_status answer(const sy_request *request, const batch *b, sy_error *err)
{
    syi_buffer *out = request->reply->out;
    syi_msgpack_write_array(out, b->count);
    for (size_t i = 0; i < b->count; i++) {
        const sy_protocol_input *input = &b->inputs[i];
        syi_msgpack_write_array(out, input->result_count);
        for (size_t k = 0; k < input->result_count; k++) {
            const sy_id id = syi_hook_fresh_id(request->worker->hook);
            SY_TRY(syi_request_register(request, input->results[k], &id, err));
        }
    }
    return syi_buffer_check(out, "message body", err);
}

static void batch_fini(sy_context *context, batch *b)
{
    for (size_t i = 0; b->inputs != NULL && i < b->count; i++) {
        for (size_t k = 0; k < b->inputs[i].result_count; k++) {
            sy_tensor_unref(b->inputs[i].results[k]);
        }
    }
    syi_free(context, b->inputs, b->count * sizeof *b->inputs);
    syi_free(context, b->names, b->name_count * sizeof *b->names);
    syi_free(context, b->results, b->count * SYI_TAPE_OUTPUTS_MAX * sizeof *b->results);
}

/* run_protocol(protocol, [[arguments of an input], ...], [names of the last ones]) */
static sy_status handle_run(const sy_request *request, sy_error *err)
{
    const sy_value *args = request->args;
    sy_context *context = request->worker->hook->context;
    const syi_protocol_body *body =
        args[0].kind == SY_VALUE_TENSOR ? syi_protocol_body_of(args[0].as.tensor) : NULL;
    if (body == NULL) {
        return syi_fail(err, SY_EINVAL, "the object is no protocol");
    }
    if (!is_list(&args[1]) || !is_list(&args[2]) ||
        args[1].as.list.count > SYI_PROTOCOL_INPUTS_MAX ||
        args[2].as.list.count > SYI_TAPE_INPUTS_MAX) {
        return syi_fail(err, SY_EINVAL, "run_protocol: inputs and names are lists, of at most %d",
                        SYI_PROTOCOL_INPUTS_MAX);
    }
    if (!syi_protocol_body_is_resolved(body)) {
        return syi_fail(err, SY_EINVAL,
                        "Plans have not been allocated to existing workers. Call "
                        "deploy(*workers) to do so.");
    }
    batch b = {.count = args[1].as.list.count, .names_each = args[2].as.list.count};
    b.name_count = b.count * b.names_each;
    b.inputs = syi_alloc_array(context, b.count, sizeof *b.inputs);
    b.names = syi_alloc_array(context, b.name_count, sizeof *b.names);
    b.results = syi_alloc_array(context, b.count * SYI_TAPE_OUTPUTS_MAX, sizeof *b.results);
    sy_status status = b.inputs != NULL && b.names != NULL && b.results != NULL
                           ? run(request, body, &b, err)
                           : SYI_ENOMEM(err, "protocol");
    if (status == SY_OK) {
        status = answer(request, &b, err);
    }
    batch_fini(context, &b);
    return status;
}

static const syi_worker_command commands[] = {
    {SYI_PROTOCOL_COMMAND_RUN, 3, 3, SYI_COMMAND_WAITS, handle_run},
};

sy_status syi_protocol_commands_register(sy_hook *hook, sy_error *err)
{
    return syi_commands_register(hook, commands, sizeof commands / sizeof commands[0], err);
}
