#include "worker_data.h"

#include <stdlib.h>
#include <string.h>

#include <csyft/caller.h>

bool worker_data_init(worker_data *data, size_t count)
{
    data->files = calloc(count, sizeof *data->files);
    data->tags = calloc(count, sizeof *data->tags);
    data->releases = calloc(count, sizeof *data->releases);
    data->allow = calloc(count, sizeof *data->allow);
    return data->files && data->tags && data->releases && data->allow;
}

void worker_data_fini(worker_data *data)
{
    for (size_t k = 0; k < data->file_count; k++) {
        free(data->files[k].key);
        free(data->files[k].path);
        free(data->files[k].targets);
    }
    for (size_t k = 0; k < data->release_count; k++) {
        free(data->releases[k].name);
    }
    free(data->allow);
    free(data->files);
    free(data->tags);
    free(data->releases);
}

/* --- command line ----------------------------------------------------------------------------- */

/* "sgd_:8" */
static int add_release(const cli_verb *verb, worker_data *s, const char *text)
{
    const char *colon = strrchr(text, ':');
    if (colon == NULL || colon == text) {
        return cli_misuse(verb, "--release %s: expected OP:ROWS", text);
    }
    int64_t rows;
    if (!cli_parse_integer(verb, "--release: the rows", colon + 1, 1, INT64_MAX, &rows)) {
        return CLI_USAGE;
    }
    char *name = strndup(text, (size_t)(colon - text));
    if (name == NULL) {
        return cli_fail(verb, "out of memory");
    }
    s->releases[s->release_count++] = (release){name, rows};
    return CLI_OK;
}

/* "get,use=alice,bob" */
static int add_allowance(const cli_verb *verb, worker_data *s, const char *text)
{
    unsigned permissions = 0;
    const char *callers = NULL;
    sy_error err = SY_ERROR_INIT;
    if (sy_permissions_from_text(text, &permissions, &callers, &err) != SY_OK) {
        return cli_misuse(verb, "--allow %s", err.message);
    }
    s->allow[s->allow_count++] = text;
    s->files[s->file_count - 1].allow_count++;
    return CLI_OK;
}

static data_file *next_file(worker_data *s, data_kind kind)
{
    data_file *file = &s->files[s->file_count++];
    *file = (data_file){
        .kind = kind, .tags = s->tags + s->tag_count, .allow = s->allow + s->allow_count};
    return file;
}

/* A tensor's, or a directory. */
static int add_path(const cli_verb *verb, worker_data *s, data_kind kind, const char *path)
{
    data_file *file = next_file(s, kind);
    file->path = strdup(path);
    return file->path != NULL ? CLI_OK : cli_fail(verb, "out of memory");
}

/* "digits=images.idx,labels.idx", "patients=rows.csv" */
static int add_dataset(const cli_verb *verb, worker_data *s, const char *text)
{
    const char *equals = strchr(text, '=');
    if (equals == NULL || equals == text || equals[1] == '\0' || equals[1] == ',') {
        return cli_misuse(verb, "--dataset %s: expected KEY=ROWS or KEY=ROWS,TARGETS", text);
    }
    const char *comma = strchr(equals, ',');
    const size_t length = comma != NULL ? (size_t)(comma - equals - 1) : strlen(equals + 1);
    data_file *file = next_file(s, DATA_SET);
    file->key = strndup(text, (size_t)(equals - text));
    file->path = strndup(equals + 1, length);
    file->targets = comma != NULL ? strdup(comma + 1) : NULL;
    return file->key != NULL && file->path != NULL && (comma == NULL || file->targets != NULL)
               ? CLI_OK
               : cli_fail(verb, "out of memory");
}

static int add_transform(const cli_verb *verb, data_file *file, int which, const char *text)
{
    if (file->transform_count[which] == WORKER_DATA_TRANSFORMS_MAX) {
        return cli_misuse(verb, "%s: more than %d transforms", file->path,
                          WORKER_DATA_TRANSFORMS_MAX);
    }
    file->transforms[which][file->transform_count[which]++] = text;
    return CLI_OK;
}

static int set_budget(const cli_verb *verb, data_file *file, const char *text)
{
    sy_error err = SY_ERROR_INIT;
    return sy_budget_from_text(text, &file->budget, &err) == SY_OK
               ? CLI_OK
               : cli_misuse(verb, "--budget: %s", err.message);
}

/* What belongs to the file before, and to which kind of file. */
static int check_place(const cli_verb *verb, const worker_data *s, int option)
{
    static const char *const names[] = {[WORKER_DATA_TAG] = "tag",
                                        [WORKER_DATA_DESCRIBE] = "describe",
                                        [WORKER_DATA_PRIVATE] = "private",
                                        [WORKER_DATA_ROWS] = "release-rows",
                                        [WORKER_DATA_TRANSFORM] = "transform",
                                        [WORKER_DATA_TARGETS] = "target-transform",
                                        [WORKER_DATA_BUDGET] = "budget",
                                        [WORKER_DATA_ALLOW] = "allow"};
    const bool either = option == WORKER_DATA_TAG || option == WORKER_DATA_ALLOW;
    const bool of_tensor = option == WORKER_DATA_PRIVATE;
    const char *wanted = either      ? "--data, --dataset or --datasets"
                         : of_tensor ? "--data"
                                     : "--dataset or --datasets";
    const data_file *file = s->file_count > 0 ? &s->files[s->file_count - 1] : NULL;
    return file != NULL && (either || of_tensor == (file->kind == DATA_TENSOR))
               ? CLI_OK
               : cli_misuse(verb, "--%s: belongs behind a %s", names[option], wanted);
}

int worker_data_take(const cli_verb *verb, worker_data *s, int option, const char *value)
{
    switch (option) {
    case WORKER_DATA_FILE:
        return add_path(verb, s, DATA_TENSOR, value);
    case WORKER_DATA_SETS:
        return add_path(verb, s, DATA_DIRECTORY, value);
    case WORKER_DATA_SET:
        return add_dataset(verb, s, value);
    case WORKER_DATA_RELEASE:
        return add_release(verb, s, value);
    case WORKER_DATA_LEDGER:
        s->ledger = value;
        return CLI_OK;
    default:
        break;
    }
    const int placed = check_place(verb, s, option);
    if (placed != CLI_OK) {
        return placed;
    }
    data_file *file = &s->files[s->file_count - 1];
    switch (option) {
    case WORKER_DATA_ALLOW:
        return add_allowance(verb, s, value);
    case WORKER_DATA_BUDGET:
        return set_budget(verb, file, value);
    case WORKER_DATA_PRIVATE:
        file->is_private = true;
        return CLI_OK;
    case WORKER_DATA_DESCRIBE:
        file->description = value;
        return CLI_OK;
    case WORKER_DATA_ROWS:
        return cli_parse_integer(verb, "--release-rows", value, 1, INT64_MAX, &file->release_rows)
                   ? CLI_OK
                   : CLI_USAGE;
    case WORKER_DATA_TRANSFORM:
        return add_transform(verb, file, 0, value);
    case WORKER_DATA_TARGETS:
        return add_transform(verb, file, 1, value);
    default: /* tag */
        s->tags[s->tag_count++] = value;
        file->tag_count++;
        return CLI_OK;
    }
}

/* --- publishing -------------------------------------------------------------------------------- */

static sy_status publish(const cli_session *session, const data_file *file, sy_error *err)
{
    sy_tensor *tensor = NULL;
    sy_status status = sy_tensor_load(session->hook, &tensor, file->path, err);
    for (size_t k = 0; status == SY_OK && k < file->tag_count; k++) {
        status = sy_tensor_tag(tensor, file->tags[k], err);
    }
    for (size_t k = 0; status == SY_OK && k < file->allow_count; k++) {
        status = sy_tensor_permit_text(tensor, file->allow[k], err);
    }
    if (status == SY_OK) {
        status = sy_worker_publish(session->worker, tensor, file->is_private, err);
    }
    sy_tensor_unref(tensor);
    return status;
}

/* ledger: nullable. */
static sy_status serve(const cli_session *session, const data_file *file, sy_ledger *ledger,
                       sy_error *err)
{
    sy_serve_options options = SY_SERVE_OPTIONS_INIT;
    size_t served = 0;
    options.tags = file->tags;
    options.tag_count = file->tag_count;
    options.description = file->description;
    options.release_rows = file->release_rows;
    options.transforms = file->transforms[0];
    options.transform_count = file->transform_count[0];
    options.target_transforms = file->transforms[1];
    options.target_transform_count = file->transform_count[1];
    options.allow = file->allow;
    options.allow_count = file->allow_count;
    options.ledger = ledger;
    options.budget = file->budget.size != 0 ? &file->budget : NULL;
    if (file->kind == DATA_SET) {
        return sy_worker_serve_files(session->worker, file->key, file->path, file->targets,
                                     &options, err);
    }
    const sy_status status =
        sy_worker_serve_directory(session->worker, file->path, &options, &served, err);
    if (status == SY_OK && served == 0) {
        cli_warn(session->verb, "%s: no datasets are there", file->path);
    }
    return status;
}

static sy_status publish_all(const cli_session *session, const worker_data *data, sy_error *err)
{
    sy_ledger *ledger = NULL; /* each dataset that it is kept for has a reference */
    sy_status status =
        data->ledger != NULL ? sy_ledger_open(session->context, &ledger, data->ledger, err) : SY_OK;
    for (size_t k = 0; k < data->file_count && status == SY_OK; k++) {
        const data_file *file = &data->files[k];
        status = file->kind == DATA_TENSOR ? publish(session, file, err)
                                           : serve(session, file, ledger, err);
    }
    sy_ledger_unref(ledger);
    return status;
}

int worker_data_publish(const cli_session *session, const worker_data *data)
{
    sy_error err = SY_ERROR_INIT;
    if (publish_all(session, data, &err) != SY_OK) {
        return cli_report(session->verb, &err);
    }
    for (size_t k = 0; k < data->release_count; k++) {
        if (sy_worker_declare_release(session->worker, data->releases[k].name,
                                      data->releases[k].rows, &err) != SY_OK) {
            return cli_report(session->verb, &err);
        }
    }
    return CLI_OK;
}
