#include "worker_data.h"

#include <stdlib.h>
#include <string.h>

bool worker_data_init(worker_data *data, size_t count)
{
    data->files = calloc(count, sizeof *data->files);
    data->tags = calloc(count, sizeof *data->tags);
    data->releases = calloc(count, sizeof *data->releases);
    data->allowances = calloc(count, sizeof *data->allowances);
    return data->files && data->tags && data->releases && data->allowances;
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
    for (size_t k = 0; k < data->allowance_count; k++) {
        free(data->allowances[k].text);
    }
    free(data->allowances);
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

static bool parse_permissions(const char *text, size_t length, unsigned *permissions)
{
    static const struct {
        const char *name;
        unsigned permission;
    } all[] = {{"get", SY_PERMISSION_GET},
               {"use", SY_PERMISSION_USE},
               {"search", SY_PERMISSION_SEARCH},
               {"delete", SY_PERMISSION_DELETE}};
    for (const char *word = text;; word++) {
        const size_t size = strcspn(word, ",=");
        unsigned found = 0;
        for (size_t k = 0; k < sizeof all / sizeof all[0]; k++) {
            if (strlen(all[k].name) == size && strncmp(all[k].name, word, size) == 0) {
                found = all[k].permission;
            }
        }
        if (found == 0) {
            return false;
        }
        *permissions |= found;
        word += size;
        if (word >= text + length) {
            return true;
        }
    }
}

/* "get,use=alice,bob" */
static int add_allowance(const cli_verb *verb, worker_data *s, const char *text)
{
    data_file *file = &s->files[s->file_count - 1];
    allowance *made = &s->allowances[s->allowance_count];
    const char *equals = strchr(text, '=');
    if (equals == NULL || !parse_permissions(text, (size_t)(equals - text), &made->permissions)) {
        return cli_misuse(verb, "--allow %s: expected get, use, search or delete, and =NAMES",
                          text);
    }
    made->text = strdup(equals + 1);
    if (made->text == NULL) {
        return cli_fail(verb, "out of memory");
    }
    s->allowance_count++;
    char *rest = NULL;
    for (char *name = strtok_r(made->text, ",", &rest); name != NULL;
         name = strtok_r(NULL, ",", &rest)) {
        if (made->name_count == WORKER_DATA_NAMES_MAX) {
            return cli_misuse(verb, "--allow: more than %d names", WORKER_DATA_NAMES_MAX);
        }
        made->names[made->name_count++] = name;
    }
    file->allowances = file->allowance_count == 0 ? made : file->allowances;
    file->allowance_count++;
    return CLI_OK;
}

static int add_file(const cli_verb *verb, worker_data *s, const char *path)
{
    data_file *file = &s->files[s->file_count];
    *file = (data_file){.path = strdup(path), .tags = s->tags + s->tag_count};
    if (file->path == NULL) {
        return cli_fail(verb, "out of memory");
    }
    s->file_count++;
    return CLI_OK;
}

/* "digits=images.idx,labels.idx", "patients=rows.csv" */
static int add_dataset(const cli_verb *verb, worker_data *s, const char *text)
{
    const char *equals = strchr(text, '=');
    if (equals == NULL || equals == text || equals[1] == '\0' || equals[1] == ',') {
        return cli_misuse(verb, "--dataset %s: expected KEY=ROWS or KEY=ROWS,TARGETS", text);
    }
    const char *comma = strchr(equals, ',');
    data_file *file = &s->files[s->file_count++];
    *file = (data_file){.key = strndup(text, (size_t)(equals - text)),
                        .path = strndup(equals + 1, comma != NULL ? (size_t)(comma - equals - 1)
                                                                  : strlen(equals + 1)),
                        .targets = comma != NULL ? strdup(comma + 1) : NULL,
                        .tags = s->tags + s->tag_count};
    return file->key != NULL && file->path != NULL && (comma == NULL || file->targets != NULL)
               ? CLI_OK
               : cli_fail(verb, "out of memory");
}

static int add_transform(const cli_verb *verb, data_file *file, int which, const char *text)
{
    if (file->transform_count[which] == WORKER_DATA_TRANSFORMS_MAX) {
        return cli_misuse(verb, "--dataset %s: more than %d transforms", file->key,
                          WORKER_DATA_TRANSFORMS_MAX);
    }
    file->transforms[which][file->transform_count[which]++] = text;
    return CLI_OK;
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
                                        [WORKER_DATA_ALLOW] = "allow"};
    const bool either = option == WORKER_DATA_TAG || option == WORKER_DATA_ALLOW;
    const bool of_tensor = option == WORKER_DATA_PRIVATE;
    const char *wanted = either ? "--data or --dataset" : of_tensor ? "--data" : "--dataset";
    const data_file *file = s->file_count > 0 ? &s->files[s->file_count - 1] : NULL;
    return file != NULL && (either || of_tensor == (file->key == NULL))
               ? CLI_OK
               : cli_misuse(verb, "--%s: belongs behind a %s", names[option], wanted);
}

int worker_data_take(const cli_verb *verb, worker_data *s, int option, const char *value)
{
    switch (option) {
    case WORKER_DATA_FILE:
        return add_file(verb, s, value);
    case WORKER_DATA_SET:
        return add_dataset(verb, s, value);
    case WORKER_DATA_RELEASE:
        return add_release(verb, s, value);
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

static sy_status permit(sy_tensor *object, const data_file *file, sy_error *err)
{
    sy_status status = SY_OK;
    for (size_t k = 0; status == SY_OK && k < file->allowance_count; k++) {
        const allowance *a = &file->allowances[k];
        status = sy_tensor_permit(object, a->permissions, a->names, a->name_count, err);
    }
    return status;
}

static sy_status publish(const cli_session *session, const data_file *file, sy_error *err)
{
    sy_tensor *tensor = NULL;
    sy_status status = sy_tensor_load(session->hook, &tensor, file->path, err);
    for (size_t k = 0; status == SY_OK && k < file->tag_count; k++) {
        status = sy_tensor_tag(tensor, file->tags[k], err);
    }
    if (status == SY_OK) {
        status = permit(tensor, file, err);
    }
    if (status == SY_OK) {
        status = sy_worker_publish(session->worker, tensor, file->is_private, err);
    }
    sy_tensor_unref(tensor);
    return status;
}

static sy_status serve(const cli_session *session, const data_file *file, sy_error *err)
{
    sy_serve_options options = SY_SERVE_OPTIONS_INIT;
    sy_tensor *object = NULL;
    sy_id id = SY_ID_INIT;
    options.tags = file->tags;
    options.tag_count = file->tag_count;
    options.description = file->description;
    options.release_rows = file->release_rows;
    options.transforms = file->transforms[0];
    options.transform_count = file->transform_count[0];
    options.target_transforms = file->transforms[1];
    options.target_transform_count = file->transform_count[1];
    sy_status status =
        sy_worker_serve_files(session->worker, file->key, file->path, file->targets, &options, err);
    if (status == SY_OK) {
        status = sy_id_from_text(&id, file->key, err);
    }
    if (status == SY_OK) {
        status = sy_worker_get_object(session->worker, &object, &id, err);
    }
    if (status == SY_OK) {
        status = permit(object, file, err);
    }
    sy_tensor_unref(object);
    return status;
}

int worker_data_publish(const cli_session *session, const worker_data *data)
{
    sy_error err = SY_ERROR_INIT;
    for (size_t k = 0; k < data->file_count; k++) {
        const data_file *file = &data->files[k];
        if ((file->key != NULL ? serve : publish)(session, file, &err) != SY_OK) {
            return cli_report(session->verb, &err);
        }
    }
    for (size_t k = 0; k < data->release_count; k++) {
        if (sy_worker_declare_release(session->worker, data->releases[k].name,
                                      data->releases[k].rows, &err) != SY_OK) {
            return cli_report(session->verb, &err);
        }
    }
    return CLI_OK;
}
