/*
 * objects.c - hand tools on the objects of a running worker: whoami, ls, search, send, get, rm.
 * An object that a tool makes stays at the worker until it is removed.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tool.h"

static const cli_option common_options[] = {CLI_TOOL_OPTIONS, {0}};

/* --- whoami ----------------------------------------------------------------------------------- */

static int run_whoami(const cli_verb *verb, int argc, char **argv)
{
    cli_tool t = cli_tool_begin(verb, argc, argv);
    while (cli_tool_next(&t) != CLI_END) {
    }
    if (cli_tool_expect(&t, 1, 1) && cli_tool_connect(&t)) {
        sy_error err = SY_ERROR_INIT;
        char *text = NULL;
        if (sy_worker_whoami(t.session.worker, &text, &err) == SY_OK) {
            cli_print_clean(stdout, text);
            putchar('\n');
            sy_string_free(t.session.hook, text);
        } else {
            cli_tool_report(&t, &err);
        }
    }
    return cli_tool_end(&t);
}

const cli_verb cli_whoami = {
    .name = "whoami",
    .operands = "URL",
    .summary = "ask a worker for its id, type and versions",
    .options = common_options,
    .run = run_whoami,
};

/* --- ls, search ------------------------------------------------------------------------------- */

enum { SHAPE_SIZE = SY_DIM_MAX * 21 };

static const char *format_shape(const sy_object_info *info, char *buffer, size_t size)
{
    size_t length = 0;
    if (info->ndim <= 0) { /* below: no array, or its worker does not say */
        snprintf(buffer, size, "%s", info->ndim == 0 ? "scalar" : "?");
    }
    for (int k = 0; k < info->ndim && length < size; k++) {
        length += (size_t)snprintf(buffer + length, size - length, "%s%" PRId64, k > 0 ? "x" : "",
                                   info->shape[k]);
    }
    return buffer;
}

static void print_ids(const sy_object_info *infos, size_t count)
{
    for (size_t k = 0; k < count; k++) {
        char id[CLI_ID_SIZE];
        cli_print_clean(stdout, sy_id_format(&infos[k].id, id, sizeof id));
        putchar('\n');
    }
}

static void print_table(const sy_object_info *infos, size_t count)
{
    char id[CLI_ID_SIZE], shape[SHAPE_SIZE];
    int id_width = 2, shape_width = 5;
    for (size_t k = 0; k < count; k++) {
        const int id_length = (int)strlen(sy_id_format(&infos[k].id, id, sizeof id));
        const int shape_length = (int)strlen(format_shape(&infos[k], shape, sizeof shape));
        id_width = id_length > id_width ? id_length : id_width;
        shape_width = shape_length > shape_width ? shape_length : shape_width;
    }
    printf("%-*s  %-7s  %-*s  %-7s  %s\n", id_width, "ID", "DTYPE", shape_width, "SHAPE", "ACCESS",
           "TAGS, DESCRIPTION");
    for (size_t k = 0; k < count; k++) {
        const sy_object_info *info = &infos[k];
        sy_id_format(&info->id, id, sizeof id);
        cli_print_clean(stdout, id);
        const bool bare = info->tags[0] == '\0' && info->description[0] == '\0';
        const char *access = info->private_ ? "private" : "public";
        printf("%*s  %-7s  %-*s  %-*s", id_width - (int)strlen(id), "", sy_dtype_name(info->dtype),
               shape_width, format_shape(info, shape, sizeof shape), bare ? 0 : 7, access);
        if (info->tags[0] != '\0') {
            fputs("  ", stdout);
            cli_print_clean(stdout, info->tags);
        }
        if (info->description[0] != '\0') {
            fputs("  ", stdout);
            cli_print_clean(stdout, info->description);
        }
        putchar('\n');
    }
}

/* The objects that match every term. */
static int run_find(const cli_verb *verb, int argc, char **argv)
{
    const bool has_terms = verb == &cli_search;
    cli_tool t = cli_tool_begin(verb, argc, argv);
    bool ids_only = false;
    while (cli_tool_next(&t) != CLI_END) {
        ids_only = true; /* the only own option */
    }
    if (cli_tool_expect(&t, has_terms ? 2 : 1, has_terms ? -1 : 1) && cli_tool_connect(&t)) {
        sy_error err = SY_ERROR_INIT;
        sy_object_info *infos = NULL;
        size_t count = 0;
        const char *const *terms = (const char *const *)(t.operands + 1);
        if (sy_worker_find(t.session.worker, &infos, &count, terms, (size_t)t.operand_count - 1,
                           &err) != SY_OK) {
            cli_tool_report(&t, &err);
        } else if (ids_only) {
            print_ids(infos, count);
        } else {
            print_table(infos, count);
        }
        sy_object_infos_free(t.session.hook, infos, count);
    }
    return cli_tool_end(&t);
}

static const cli_option find_options[] = {
    CLI_TOOL_OPTIONS, {"ids", 'q', NULL, "print ids only, one per line"}, {0}};

const cli_verb cli_ls = {
    .name = "ls",
    .operands = "URL",
    .summary = "list the objects of a worker",
    .options = find_options,
    .run = run_find,
};

const cli_verb cli_search = {
    .name = "search",
    .operands = "URL TERM...",
    .summary = "list the objects that match every term",
    .details = "A term matches an object by its id, by one of its tags, or by a part of its\n"
               "description.\n",
    .options = find_options,
    .run = run_find,
};

/* --- send ------------------------------------------------------------------------------------- */

typedef struct send_labels {
    const char **tags; /* room for all of argv */
    size_t tag_count;
    const char *description;
} send_labels;

static sy_status send_file(const cli_session *session, const char *path, const send_labels *labels,
                           sy_id *id, sy_error *err)
{
    sy_tensor *tensor = NULL, *pointer = NULL;
    sy_status status = sy_tensor_load(session->hook, &tensor, path, err);
    for (size_t k = 0; status == SY_OK && k < labels->tag_count; k++) {
        status = sy_tensor_tag(tensor, labels->tags[k], err);
    }
    if (status == SY_OK && labels->description != NULL) {
        status = sy_tensor_describe(tensor, labels->description, err);
    }
    if (status == SY_OK) {
        status = sy_tensor_send(tensor, &pointer, session->worker, err);
    }
    if (status == SY_OK) {
        *id = sy_tensor_get_id_at_location(pointer);
        status = sy_tensor_keep(pointer, err);
    }
    sy_tensor_unref(pointer);
    sy_tensor_unref(tensor);
    return status;
}

enum { SEND_TAG = CLI_TOOL_OWN, SEND_DESCRIBE };
static const cli_option send_options[] = {
    CLI_TOOL_OPTIONS,
    {"tag", 't', "TAG", "give the object this tag; may be repeated"},
    {"describe", 'd', "TEXT", "give the object a description"},
    {0},
};

static int run_send(const cli_verb *verb, int argc, char **argv)
{
    send_labels labels = {.tags = calloc((size_t)argc, sizeof(char *))};
    if (labels.tags == NULL) {
        return cli_fail(verb, "out of memory");
    }
    cli_tool t = cli_tool_begin(verb, argc, argv);
    int key;
    while ((key = cli_tool_next(&t)) != CLI_END) {
        if (key == SEND_TAG) {
            labels.tags[labels.tag_count++] = t.parser.value;
        } else {
            labels.description = t.parser.value;
        }
    }
    if (cli_tool_expect(&t, 2, 2) && cli_tool_connect(&t)) {
        sy_id id = SY_ID_INIT;
        sy_error err = SY_ERROR_INIT;
        if (send_file(&t.session, t.operands[1], &labels, &id, &err) == SY_OK) {
            char text[CLI_ID_SIZE];
            printf("%s\n", sy_id_format(&id, text, sizeof text));
        } else {
            cli_tool_report(&t, &err);
        }
    }
    free(labels.tags);
    return cli_tool_end(&t);
}

const cli_verb cli_send = {
    .name = "send",
    .operands = "URL FILE",
    .summary = "send a tensor to a worker, print its id there",
    .details = "FILE is an NPY file, or a CSV file by its ending. The object stays at the worker\n"
               "until it is fetched or removed.\n",
    .options = send_options,
    .run = run_send,
};

/* --- get -------------------------------------------------------------------------------------- */

/* Copies, saves, and only then removes: a full disk loses nothing. */
static sy_status get_object(const cli_session *session, const sy_id *id, const char *path,
                            bool keep, sy_error *err)
{
    sy_tensor *pointer = NULL, *tensor = NULL;
    sy_status status = sy_tensor_point_to(session->hook, &pointer, session->worker, id, err);
    if (status == SY_OK) {
        status = sy_tensor_copy_get(pointer, &tensor, err);
    }
    if (status == SY_OK) {
        status = sy_tensor_save(tensor, path, err);
    }
    if (status == SY_OK && !keep) {
        status = sy_worker_delete(session->worker, id, err);
    }
    sy_tensor_unref(tensor);
    sy_tensor_unref(pointer);
    return status;
}

enum { GET_OUTPUT = CLI_TOOL_OWN, GET_KEEP };
static const cli_option get_options[] = {
    CLI_TOOL_OPTIONS,
    {"output", 'o', "FILE", "write the tensor to this NPY file (must be given)"},
    {"keep", 'k', NULL, "leave the object at the worker"},
    {0},
};

static int run_get(const cli_verb *verb, int argc, char **argv)
{
    cli_tool t = cli_tool_begin(verb, argc, argv);
    const char *output = NULL;
    bool keep = false;
    int key;
    while ((key = cli_tool_next(&t)) != CLI_END) {
        if (key == GET_OUTPUT) {
            output = t.parser.value;
        } else {
            keep = true;
        }
    }
    sy_id id;
    if (!cli_tool_expect(&t, 2, 2)) {
        return t.exit_code;
    }
    if (output == NULL) {
        return cli_misuse(verb, "where to? -o FILE is missing");
    }
    if (cli_tool_parse_id(&t, t.operands[1], &id) && cli_tool_connect(&t)) {
        sy_error err = SY_ERROR_INIT;
        if (get_object(&t.session, &id, output, keep, &err) != SY_OK) {
            cli_tool_report(&t, &err);
        }
    }
    return cli_tool_end(&t);
}

const cli_verb cli_get = {
    .name = "get",
    .operands = "URL ID -o FILE",
    .summary = "fetch an object into an NPY file and remove it at the worker",
    .details = "The object is removed after the file has been written; --keep leaves it. Private\n"
               "objects are refused.\n",
    .options = get_options,
    .run = run_get,
};

/* --- rm --------------------------------------------------------------------------------------- */

/* Says how many went; what stays is not this caller's to delete. */
static int remove_all(cli_tool *t)
{
    sy_error err = SY_ERROR_INIT;
    uint64_t removed = 0;
    if (!cli_tool_connect(t)) {
        return cli_tool_end(t);
    }
    if (sy_worker_clear_remote(t->session.worker, &removed, &err) == SY_OK) {
        printf("%" PRIu64 "\n", removed);
    } else {
        cli_tool_report(t, &err);
    }
    return cli_tool_end(t);
}

static const cli_option rm_options[] = {
    CLI_TOOL_OPTIONS,
    {"all", 0, NULL, "every object that this caller may delete; prints how many"},
    {0},
};

static int run_rm(const cli_verb *verb, int argc, char **argv)
{
    cli_tool t = cli_tool_begin(verb, argc, argv);
    bool all = false;
    while (cli_tool_next(&t) != CLI_END) {
        all = true; /* the only own option */
    }
    if (!cli_tool_expect(&t, all ? 1 : 2, all ? 1 : -1)) {
        return t.exit_code;
    }
    if (all) {
        return remove_all(&t);
    }
    sy_id *ids = calloc((size_t)t.operand_count, sizeof *ids);
    bool valid = ids != NULL;
    if (ids == NULL) {
        t.exit_code = cli_fail(verb, "out of memory");
    }
    for (int k = 1; valid && k < t.operand_count; k++) {
        valid = cli_tool_parse_id(&t, t.operands[k], &ids[k]);
    }
    if (valid && cli_tool_connect(&t)) {
        for (int k = 1; k < t.operand_count; k++) {
            sy_error err = SY_ERROR_INIT;
            /* One that is missing does not keep the others. */
            if (sy_worker_delete(t.session.worker, &ids[k], &err) != SY_OK) {
                cli_tool_report(&t, &err);
            }
        }
    }
    free(ids);
    return cli_tool_end(&t);
}

const cli_verb cli_rm = {
    .name = "rm",
    .operands = "URL ID...",
    .summary = "remove objects from a worker",
    .details =
        "Ids that are not there are reported; the others are removed all the same. With --all, no\n"
        "ids: objects that others must not delete stay.\n",
    .options = rm_options,
    .run = run_rm,
};
