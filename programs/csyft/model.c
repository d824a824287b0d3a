/* model.c - the verb model: what a model file holds, and the same in another format. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <csyft/model.h>

#include "cli.h"

enum { SHAPE_SIZE = SY_DIM_MAX * 21 };

static const char *format_shape(const sy_model_tensor *tensor, char *buffer, size_t size)
{
    size_t length = 0;
    snprintf(buffer, size, "scalar");
    for (int k = 0; k < tensor->ndim && length < size; k++) {
        length += (size_t)snprintf(buffer + length, size - length, "%s%" PRId64, k > 0 ? "x" : "",
                                   tensor->shape[k]);
    }
    return buffer;
}

/* By number of the storage: the first tensor that looks at it. NULL when out of memory. */
static size_t *find_first(const sy_model *model)
{
    const size_t count = sy_model_get_tensor_count(model);
    sy_model_tensor tensor = SY_MODEL_TENSOR_INIT;
    size_t last = 0;
    for (size_t k = 0; k < count; k++) {
        sy_model_get_tensor(model, k, &tensor);
        last = tensor.storage > last ? tensor.storage : last;
    }
    size_t *first = calloc(last + 1, sizeof *first);
    for (size_t k = count; first != NULL && k > 0; k--) {
        sy_model_get_tensor(model, k - 1, &tensor);
        first[tensor.storage] = k - 1;
    }
    return first;
}

static void print_tensors(const sy_model *model, const size_t *first_of)
{
    char shape[SHAPE_SIZE];
    int name_width = 4, shape_width = 5;
    const size_t count = sy_model_get_tensor_count(model);
    sy_model_tensor tensor = SY_MODEL_TENSOR_INIT;
    for (size_t k = 0; k < count; k++) {
        sy_model_get_tensor(model, k, &tensor);
        const int name_length = (int)strlen(tensor.name);
        const int shape_length = (int)strlen(format_shape(&tensor, shape, sizeof shape));
        name_width = name_length > name_width && name_length < 60 ? name_length : name_width;
        shape_width = shape_length > shape_width ? shape_length : shape_width;
    }
    printf("%-*s  %-7s  %-*s  %12s\n", name_width, "NAME", "DTYPE", shape_width, "SHAPE", "BYTES");
    for (size_t k = 0; k < count; k++) {
        sy_model_get_tensor(model, k, &tensor);
        cli_print_clean(stdout, tensor.name);
        const int pad = name_width - (int)strlen(tensor.name);
        printf("%*s  %-7s  %-*s  %12" PRIu64, pad > 0 ? pad : 0, "", sy_dtype_name(tensor.dtype),
               shape_width, format_shape(&tensor, shape, sizeof shape), tensor.bytes);
        const size_t first = first_of[tensor.storage];
        if (first != k) {
            sy_model_tensor other = SY_MODEL_TENSOR_INIT;
            sy_model_get_tensor(model, first, &other);
            fputs("  shares ", stdout);
            cli_print_clean(stdout, other.name);
        }
        putchar('\n');
    }
}

static void print_rest(const sy_model *model, const size_t *first_of)
{
    const char *key, *value;
    for (size_t k = 0; sy_model_get_note(model, k, &key, &value); k++) {
        fputs(k == 0 ? "metadata: " : "          ", stdout);
        cli_print_clean(stdout, key);
        fputs(" = ", stdout);
        cli_print_clean(stdout, value);
        putchar('\n');
    }
    uint64_t bytes = 0;
    const size_t count = sy_model_get_tensor_count(model);
    for (size_t k = 0; k < count; k++) {
        sy_model_tensor tensor = SY_MODEL_TENSOR_INIT;
        sy_model_get_tensor(model, k, &tensor);
        bytes += first_of[tensor.storage] == k ? tensor.bytes : 0;
    }
    printf("%s, %zu tensor%s, %" PRIu64 " bytes", sy_model_format_name(sy_model_get_format(model)),
           count, count == 1 ? "" : "s", bytes);
    if (sy_model_get_other_count(model) > 0) {
        printf(", %zu other values", sy_model_get_other_count(model));
    }
    putchar('\n');
}

enum { OPTION_FORMAT, OPTION_MEMORY };

static const cli_option options[] = {
    {"format", 'f', "FORMAT", "convert: safetensors, torch or legacy; default: by OUT's ending"},
    {"memory-limit", 0, "BYTES", "refuse files that need more; default: none"},
    {0}};

static bool parse_format(const cli_verb *verb, const char *text, sy_model_format *format)
{
    static const struct {
        const char *name;
        sy_model_format format;
    } formats[] = {{"safetensors", SY_MODEL_SAFETENSORS},
                   {"torch", SY_MODEL_TORCH},
                   {"legacy", SY_MODEL_TORCH_LEGACY}};
    for (size_t k = 0; k < sizeof formats / sizeof formats[0]; k++) {
        if (strcmp(text, formats[k].name) == 0) {
            *format = formats[k].format;
            return true;
        }
    }
    cli_misuse(verb, "--format %s: expected safetensors, torch or legacy", text);
    return false;
}

typedef struct settings {
    sy_model_format format;
    uint64_t memory_limit;
} settings;

static int run(const cli_verb *verb, const settings *set, const char *in, const char *out)
{
    sy_context_options context_options = SY_CONTEXT_OPTIONS_INIT;
    sy_context *context = NULL;
    sy_model *model = NULL;
    sy_error err = SY_ERROR_INIT;
    context_options.memory_limit = set->memory_limit;
    sy_status status = sy_context_new(&context, &context_options, &err);
    if (status == SY_OK) {
        status = sy_model_load(context, &model, in, &err);
    }
    if (status == SY_OK && out == NULL) {
        size_t *first_of = find_first(model);
        if (first_of == NULL) {
            err.status = status = SY_ENOMEM;
        } else {
            print_tensors(model, first_of);
            print_rest(model, first_of);
        }
        free(first_of);
    }
    if (status == SY_OK && out != NULL) {
        if (sy_model_get_other_count(model) > 0) {
            cli_warn(verb, "%s: %zu values that are no tensors are left out", in,
                     sy_model_get_other_count(model));
        }
        status = sy_model_save(model, out, set->format, &err);
    }
    sy_model_free(model);
    sy_context_free(context);
    return status == SY_OK ? CLI_OK : cli_report(verb, &err);
}

static int run_model(const cli_verb *verb, int argc, char **argv)
{
    cli_parser parser = cli_parse(verb, argc, argv);
    settings set = {.format = SY_MODEL_BY_PATH};
    for (int option; (option = cli_next(&parser)) != CLI_END;) {
        const bool good =
            option == OPTION_FORMAT
                ? parse_format(verb, parser.value, &set.format)
                : cli_parse_bytes(verb, "--memory-limit", parser.value, &set.memory_limit);
        if (!good) {
            return CLI_USAGE;
        }
    }
    if (parser.over || !cli_expect_operands(&parser, 2, 3)) {
        return parser.exit_code;
    }
    char **words = argv + parser.operand;
    const int count = argc - parser.operand;
    if (strcmp(words[0], "show") == 0 && count == 2) {
        return run(verb, &set, words[1], NULL);
    }
    if (strcmp(words[0], "convert") == 0 && count == 3) {
        return run(verb, &set, words[1], words[2]);
    }
    return cli_misuse(verb, "%s: expected %s", words[0], verb->operands);
}

const cli_verb cli_model = {
    .name = "model",
    .operands = "show FILE | convert IN OUT",
    .summary = "show a model file, or convert it",
    .details =
        "Reads safetensors and what PyTorch's torch.save makes of a state dict, without Python\n"
        "and without running anything that the file says. Writes safetensors (OUT ends in\n"
        ".safetensors) and PyTorch's archive (.pt, .pth, .bin, .ckpt).\n",
    .options = options,
    .run = run_model,
};
