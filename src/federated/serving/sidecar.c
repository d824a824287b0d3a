#include "federated/serving/sidecar.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include <csyft/caller.h>

#include "core/memory.h"
#include "federated/serving/transforms.h"
#include "formats/file.h"

enum { SIZE_MAX_OF_FILE = 64 << 10 };

/* Values: each of these checks one when it is read, so that the line is known. */

static sy_status check_transform(const char *value, sy_error *err)
{
    syi_transforms one;
    return syi_transforms_read(&one, &value, 1, err);
}

static sy_status check_allow(const char *value, sy_error *err)
{
    unsigned permissions;
    const char *callers;
    return sy_permissions_from_text(value, &permissions, &callers, err);
}

static sy_status add(syi_sidecar_list *list, const char *value,
                     sy_status (*check)(const char *value, sy_error *err), sy_error *err)
{
    list->given = true;
    if (value[0] == '\0') {
        return SY_OK;
    }
    if (list->count == SYI_SIDECAR_LIST_MAX) {
        return syi_fail(err, SY_ELIMIT, "more than %d of them", SYI_SIDECAR_LIST_MAX);
    }
    list->values[list->count++] = value;
    return check != NULL ? check(value, err) : SY_OK;
}

static sy_status set_rows(syi_sidecar *s, const char *value, sy_error *err)
{
    char *after = NULL;
    const long long rows = isdigit((unsigned char)value[0]) ? strtoll(value, &after, 10) : 0;
    if (rows < 1 || rows == INT64_MAX || *after != '\0') {
        return syi_fail(err, SY_EINVAL, "\"%.40s\" is no number of rows, 1 or more", value);
    }
    if (s->release_rows != 0) {
        return syi_fail(err, SY_EINVAL, "it is said twice");
    }
    s->release_rows = rows;
    return SY_OK;
}

static sy_status set_description(syi_sidecar *s, const char *value, sy_error *err)
{
    if (s->description != NULL) {
        return syi_fail(err, SY_EINVAL, "it is said twice");
    }
    s->description = value;
    return SY_OK;
}

static sy_status set_budget(syi_sidecar *s, const char *value, sy_error *err)
{
    return s->budget.size == 0 ? sy_budget_from_text(value, &s->budget, err)
                               : syi_fail(err, SY_EINVAL, "it is said twice");
}

static sy_status take(syi_sidecar *s, const char *word, const char *value, sy_error *err)
{
    if (strcmp(word, "tag") == 0) {
        return add(&s->tags, value, NULL, err);
    }
    if (strcmp(word, "transform") == 0) {
        return add(&s->transforms, value, check_transform, err);
    }
    if (strcmp(word, "target-transform") == 0) {
        return add(&s->target_transforms, value, check_transform, err);
    }
    if (strcmp(word, "allow") == 0) {
        return add(&s->allow, value, check_allow, err);
    }
    if (strcmp(word, "release-rows") == 0) {
        return set_rows(s, value, err);
    }
    if (strcmp(word, "describe") == 0) {
        return set_description(s, value, err);
    }
    if (strcmp(word, "budget") == 0) {
        return set_budget(s, value, err);
    }
    return syi_fail(err, SY_EFORMAT,
                    "no such word; there are tag, describe, release-rows, transform, "
                    "target-transform, budget and allow");
}

/* Lines */

static char *trim(char *text)
{
    size_t length = strlen(text);
    while (length > 0 && isspace((unsigned char)text[length - 1])) {
        text[--length] = '\0';
    }
    return text + strspn(text, " \t");
}

static sy_status take_line(syi_sidecar *s, char *line, sy_error *err)
{
    char *word = trim(line);
    if (word[0] == '\0' || word[0] == '#') {
        return SY_OK;
    }
    char *value = word + strcspn(word, " \t");
    if (*value != '\0') {
        *value++ = '\0';
    }
    const sy_status status = take(s, word, trim(value), err);
    return status == SY_OK ? SY_OK : syi_error_prefix(err, status, "%.40s", word);
}

static sy_status read_text(syi_sidecar *s, const char *path, sy_error *err)
{
    syi_file file;
    SY_TRY(syi_file_open(&file, path, err));
    sy_status status = SY_OK;
    if (file.size > SIZE_MAX_OF_FILE) {
        status = syi_fail_object(err, SY_EFORMAT, path, "%s: more than 64 KiB", path);
    } else {
        s->size = (size_t)file.size + 1;
        s->text = syi_alloc(s->context, s->size);
        status = s->text != NULL ? syi_file_read(&file, s->text, s->size - 1, err)
                                 : SYI_ENOMEM(err, path);
    }
    syi_file_close(&file);
    return status;
}

static sy_status read_lines(syi_sidecar *s, const char *path, sy_error *err)
{
    const char *end = s->text + s->size - 1;
    unsigned number = 1;
    for (char *line = s->text; line < end; number++) {
        char *newline = memchr(line, '\n', (size_t)(end - line));
        char *next = newline != NULL ? newline : s->text + s->size - 1;
        *next = '\0';
        const sy_status status = strlen(line) == (size_t)(next - line)
                                     ? take_line(s, line, err)
                                     : syi_fail(err, SY_EFORMAT, "a zero byte");
        if (status != SY_OK) {
            syi_error_prefix(err, status, "%s, line %u", path, number);
            if (err != NULL) {
                err->status = SY_EFORMAT;
            }
            return SY_EFORMAT;
        }
        line = next + 1;
    }
    return SY_OK;
}

sy_status syi_sidecar_read(sy_context *context, syi_sidecar *s, const char *path, sy_error *err)
{
    memset(s, 0, sizeof *s);
    s->context = context;
    sy_status status = read_text(s, path, err);
    if (status == SY_OK) {
        status = read_lines(s, path, err);
    }
    if (status != SY_OK) {
        syi_sidecar_fini(s);
    }
    return status;
}

void syi_sidecar_fini(syi_sidecar *s)
{
    syi_free(s->context, s->text, s->size);
    memset(s, 0, sizeof *s);
}

static void apply(const syi_sidecar_list *list, const char *const **values, size_t *count)
{
    if (list->given) {
        *values = list->values;
        *count = list->count;
    }
}

void syi_sidecar_apply(const syi_sidecar *s, sy_serve_options *o)
{
    apply(&s->tags, &o->tags, &o->tag_count);
    apply(&s->transforms, &o->transforms, &o->transform_count);
    apply(&s->target_transforms, &o->target_transforms, &o->target_transform_count);
    apply(&s->allow, &o->allow, &o->allow_count);
    o->description = s->description != NULL ? s->description : o->description;
    o->budget = s->budget.size != 0 ? &s->budget : o->budget;
    o->release_rows = s->release_rows != 0 ? s->release_rows : o->release_rows;
}
