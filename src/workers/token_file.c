/* token_file.c - tokens of a worker from a file (csyft/caller.h). Test: tests/integration/callers.c. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csyft/caller.h>

#include "core/error.h"
#include "workers/callers.h"
#include "workers/session.h"

#define LINE_MAX_BYTES 1024

static sy_status open_file(FILE **file, const char *path, sy_error *err)
{
    struct stat status;
    char text[128];
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &status) != 0 || (*file = fdopen(fd, "r")) == NULL) {
        const int code = errno;
        if (fd >= 0) {
            close(fd);
        }
        return syi_fail_object(err, SY_EIO, path, "token file \"%s\": %s", path,
                               strerror_r(code, text, sizeof text));
    }
    if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        fclose(*file);
        return syi_fail_object(err, SY_EPERM, path,
                               "token file \"%s\" may be read by others (mode %03o): chmod 600",
                               path, (unsigned)(status.st_mode & 0777));
    }
    return SY_OK;
}

static sy_status read_line(sy_context *context, syi_tokens *tokens, char *line, const char *path,
                           unsigned number, sy_error *err)
{
    char *name = NULL;
    char *token = NULL;
    int64_t expires = 0;
    const char *wrong = strchr(line, '\n') == NULL && strlen(line) == LINE_MAX_BYTES - 1
                            ? "it is too long"
                            : syi_tokens_parse_line(line, &name, &token, &expires);
    if (wrong != NULL) {
        return syi_fail_object(err, SY_EFORMAT, path, "token file \"%s\", line %u: %s", path,
                               number, wrong);
    }
    if (name == NULL) {
        return SY_OK;
    }
    const sy_status status = syi_tokens_add(context, tokens, name, token, expires, err);
    if (status == SY_OK) {
        return SY_OK;
    }
    syi_error_prefix(err, status, "token file \"%s\", line %u", path, number);
    if (err != NULL && status == SY_EINVAL) {
        err->status = SY_EFORMAT;
    }
    return status == SY_EINVAL ? SY_EFORMAT : status;
}

/* The file's tokens, behind those that there are when `add`, in a list of its own: all of it, or nothing. */
static sy_status read_file(sy_worker *worker, syi_tokens *all, bool add, FILE *file,
                           const char *path, sy_error *err)
{
    sy_context *context = worker->hook->context;
    const size_t kept = add ? worker->tokens.count : 0;
    char line[LINE_MAX_BYTES];
    sy_status status = SY_OK;
    memcpy(all->key, worker->tokens.key, sizeof all->key);
    all->keyed = worker->tokens.keyed;
    if (kept > 0) {
        all->items = syi_alloc_array(context, kept, sizeof *all->items);
        if (all->items == NULL) {
            return SYI_ENOMEM(err, "token file");
        }
        all->count = all->capacity = kept;
        memcpy(all->items, worker->tokens.items, kept * sizeof *all->items);
    }
    for (unsigned number = 1; status == SY_OK && fgets(line, sizeof line, file) != NULL; number++) {
        status = read_line(context, all, line, path, number, err);
    }
    syi_wipe(line, sizeof line);
    if (status == SY_OK && ferror(file)) {
        return syi_fail_object(err, SY_EIO, path, "token file \"%s\" cannot be read", path);
    }
    if (status == SY_OK && !add && all->count == 0) {
        return syi_fail_object(err, SY_EINVAL, path,
                               "token file \"%s\" has no token: worker %s would take anybody", path,
                               worker->name);
    }
    return status;
}

/* Strand held. Who is here by a token that is not taken any more, or by none where one is needed now, is sent away; what
 * it has under way is not answered. */
static unsigned send_away(sy_worker *worker)
{
    unsigned count = 0;
    for (syi_session *s = worker->sessions; s != NULL; s = s->next) {
        const syi_token *token =
            s->has_token ? syi_tokens_find_digest(&worker->tokens, s->token_digest) : NULL;
        if (token != NULL && strcmp(token->name, s->name) == 0) {
            s->expires = token->expires;
        } else if (s->greeted && !s->direct && (s->has_token || s->name[0] == '\0')) {
            s->expires = 1;
            syi_peer_close(s->peer, 0);
            count++;
        }
    }
    return count;
}

static sy_status take_file(sy_worker *worker, const char *path, bool add, sy_error *err)
{
    FILE *file = NULL;
    unsigned gone = 0;
    syi_tokens all = {.count = 0};
    if (!syi_worker_is_here(worker)) {
        return syi_fail(err, SY_EINVAL, "token: worker %s is not in this process", worker->name);
    }
    SY_TRY(open_file(&file, path, err));
    pthread_mutex_lock(&worker->strand);
    const sy_status status = read_file(worker, &all, add, file, path, err);
    if (status == SY_OK) {
        const syi_tokens before = worker->tokens;
        worker->tokens = all;
        all = before;
        gone = add ? 0 : send_away(worker);
    }
    pthread_mutex_unlock(&worker->strand);
    fclose(file);
    syi_tokens_fini(worker->hook->context, &all);
    if (status == SY_OK && !add) {
        syi_log(worker->hook->context, SY_LOG_INFO, "workers", worker->name, 0,
                "tokens were read anew; %u connections of others were closed", gone);
    }
    return status;
}

sy_status sy_worker_load_tokens(sy_worker *worker, const char *path, sy_error *err)
{
    return take_file(worker, path, true, err);
}

sy_status sy_worker_reload_tokens(sy_worker *worker, const char *path, sy_error *err)
{
    return take_file(worker, path, false, err);
}
