/*
 * served_directory.c - all datasets of a directory (<csyft/federated.h>): which files make one, and serving them all or none. Test:
 * served_directory_test.c.
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "federated/serving/served.h"
#include "federated/serving/sidecar.h"
#include "workers/worker.h"

typedef enum part { NO_PART, ROWS_WITH_TARGETS, ROWS, TARGETS, SIDECAR } part;

/* By the end of its name; *stem is how long the rest is. The first one that fits. */
static part part_of(const char *name, size_t *stem)
{
    static const struct {
        const char *ending;
        part is;
    } all[] = {
        {".targets.npy", TARGETS},
        {".targets.csv", TARGETS},
        {".targets.idx", TARGETS},
        {".targets.npz", TARGETS},
        {"-labels-idx1-ubyte", TARGETS},
        {"-labels.idx1-ubyte", TARGETS},
        {"-images-idx3-ubyte", ROWS},
        {"-images.idx3-ubyte", ROWS},
        {".npy", ROWS},
        {".idx", ROWS},
        {".csv", ROWS_WITH_TARGETS},
        {".npz", ROWS_WITH_TARGETS},
        {".dataset", SIDECAR},
    };
    const size_t length = strlen(name);
    for (size_t k = 0; k < sizeof all / sizeof all[0] && name[0] != '.'; k++) {
        const size_t ending = strlen(all[k].ending);
        if (length > ending && strcmp(name + length - ending, all[k].ending) == 0) {
            *stem = length - ending;
            return all[k].is;
        }
    }
    *stem = length;
    return NO_PART;
}

static int is_part(const struct dirent *entry)
{
    size_t stem;
    return part_of(entry->d_name, &stem) != NO_PART;
}

/* By key, so that what belongs together follows each other. */
static int compare(const struct dirent **a, const struct dirent **b)
{
    size_t x, y;
    (void)part_of((*a)->d_name, &x);
    (void)part_of((*b)->d_name, &y);
    const int order = memcmp((*a)->d_name, (*b)->d_name, x < y ? x : y);
    return order != 0 ? order : x != y ? (x < y ? -1 : 1) : strcmp((*a)->d_name, (*b)->d_name);
}

typedef struct folder {
    sy_context *context;
    const char *path;
    struct dirent **entries;
    size_t count;
} folder;

static char *path_in(const folder *f, const char *name)
{
    const size_t length = strlen(f->path), size = length + 1 + strlen(name) + 1;
    char *path = syi_alloc(f->context, size);
    if (path != NULL) {
        memcpy(path, f->path, length);
        path[length] = '/';
        memcpy(path + length + 1, name, size - length - 1);
    }
    return path;
}

static sy_status folder_read(folder *f, sy_context *context, const char *path, sy_error *err)
{
    char text[128];
    *f = (folder){.context = context, .path = path};
    const int count = scandir(path, &f->entries, is_part, compare);
    if (count < 0) {
        const int code = errno;
        return syi_fail_object(err, code == ENOENT ? SY_ENOTFOUND : SY_EIO, path,
                               "%s: cannot list: %s", path, strerror_r(code, text, sizeof text));
    }
    f->count = (size_t)count;
    return SY_OK;
}

static void folder_free(folder *f)
{
    for (size_t k = 0; k < f->count; k++) {
        free(f->entries[k]);
    }
    free(f->entries);
}

static sy_status is_directory(const folder *f, const char *name, bool *is, sy_error *err)
{
    struct stat info;
    char *path = path_in(f, name);
    if (path == NULL) {
        return SYI_ENOMEM(err, "serve");
    }
    *is = stat(path, &info) == 0 && S_ISDIR(info.st_mode);
    syi_string_free(f->context, path);
    return SY_OK;
}

/* Sets of files */

typedef struct set {
    char key[sizeof((syi_served *)0)->key];
    const char *names[3]; /* of rows, targets and sidecar, as far as there are; the folder's */
    bool with_targets;    /* rows that need no file of targets */
} set;
enum { SET_ROWS, SET_TARGETS, SET_SIDECAR };

static sy_status set_add(const folder *f, set *s, const char *name, part is, sy_error *err)
{
    const int place = is == TARGETS ? SET_TARGETS : is == SIDECAR ? SET_SIDECAR : SET_ROWS;
    if (s->names[place] != NULL) {
        return syi_fail_object(err, SY_EEXIST, f->path, "%s: both %s and %s are the %s of %s",
                               f->path, s->names[place], name,
                               place == SET_ROWS ? "rows" : "targets", s->key);
    }
    s->names[place] = name;
    s->with_targets |= is == ROWS_WITH_TARGETS;
    return SY_OK;
}

static sy_status set_check(const folder *f, const set *s, sy_error *err)
{
    const char *alone =
        s->names[SET_TARGETS] != NULL ? s->names[SET_TARGETS] : s->names[SET_SIDECAR];
    if (s->names[SET_ROWS] == NULL) {
        return syi_fail_object(err, SY_ENOTFOUND, f->path,
                               "%s/%s: the rows that belong to it are not there", f->path, alone);
    }
    return s->names[SET_TARGETS] != NULL || s->with_targets
               ? SY_OK
               : syi_fail_object(err, SY_ENOTFOUND, f->path,
                                 "%s/%s: the targets that belong to it, as %s.targets.npy, are not "
                                 "there",
                                 f->path, s->names[SET_ROWS], s->key);
}

/* The next set from *at on; *any: there is one. */
static sy_status set_next(const folder *f, size_t *at, set *s, bool *any, sy_error *err)
{
    *any = false;
    memset(s, 0, sizeof *s);
    for (; *at < f->count; (*at)++) {
        const char *name = f->entries[*at]->d_name;
        size_t stem;
        bool skipped = false;
        const part is = part_of(name, &stem);
        if (*any && (strlen(s->key) != stem || memcmp(s->key, name, stem) != 0)) {
            break;
        }
        SY_TRY(is_directory(f, name, &skipped, err));
        if (skipped) {
            continue;
        }
        if (stem >= sizeof s->key) {
            return syi_fail_object(err, SY_EINVAL, f->path, "%s/%s: a key has 1 to %zu bytes",
                                   f->path, name, sizeof s->key - 1);
        }
        memcpy(s->key, name, stem);
        *any = true;
        SY_TRY(set_add(f, s, name, is, err));
    }
    return *any ? set_check(f, s, err) : SY_OK;
}

/* Serving */

static sy_status serve_paths(sy_worker *worker, const set *s, char *const paths[3],
                             const sy_serve_options *options, sy_error *err)
{
    syi_sidecar sidecar;
    sy_serve_options o = *options;
    if (paths[SET_SIDECAR] == NULL) {
        return sy_worker_serve_files(worker, s->key, paths[SET_ROWS], paths[SET_TARGETS], &o, err);
    }
    SY_TRY(syi_sidecar_read(worker->hook->context, &sidecar, paths[SET_SIDECAR], err));
    syi_sidecar_apply(&sidecar, &o);
    const sy_status status =
        sy_worker_serve_files(worker, s->key, paths[SET_ROWS], paths[SET_TARGETS], &o, err);
    syi_sidecar_fini(&sidecar);
    return status;
}

static sy_status serve_set(sy_worker *worker, const folder *f, const set *s,
                           const sy_serve_options *options, sy_error *err)
{
    char *paths[3] = {NULL, NULL, NULL};
    sy_status status = SY_OK;
    for (int k = 0; k < 3 && status == SY_OK; k++) {
        if (s->names[k] != NULL && (paths[k] = path_in(f, s->names[k])) == NULL) {
            status = SYI_ENOMEM(err, "serve");
        }
    }
    if (status == SY_OK) {
        status = serve_paths(worker, s, paths, options, err);
        /* Whatever is wrong, one has to know in which directory. */
        if (status != SY_OK && err != NULL && strstr(err->message, f->path) == NULL) {
            syi_error_prefix(err, status, "%s", paths[SET_ROWS]);
        }
    }
    for (int k = 0; k < 3; k++) {
        syi_string_free(f->context, paths[k]);
    }
    return status;
}

/* All of them; *sets, of folder->count, is the caller's. */
static sy_status find_sets(const folder *f, set **sets, size_t *count, sy_error *err)
{
    *count = 0;
    *sets = syi_alloc_array(f->context, f->count, sizeof **sets);
    if (*sets == NULL && f->count > 0) {
        return SYI_ENOMEM(err, "serve");
    }
    for (size_t at = 0; at < f->count;) {
        bool any;
        SY_TRY(set_next(f, &at, *sets + *count, &any, err));
        *count += any;
    }
    return SY_OK;
}

static sy_status serve_sets(sy_worker *worker, const folder *f, const set *sets, size_t count,
                            const sy_serve_options *options, sy_error *err)
{
    for (size_t k = 0; k < count; k++) {
        const sy_status status = serve_set(worker, f, &sets[k], options, err);
        if (status != SY_OK) {
            while (k > 0) {
                sy_worker_withdraw_dataset(worker, sets[--k].key);
            }
            return status;
        }
    }
    return SY_OK;
}

static sy_status serve_folder(sy_worker *worker, const folder *f, const sy_serve_options *options,
                              size_t *served, sy_error *err)
{
    set *sets = NULL;
    sy_status status = find_sets(f, &sets, served, err);
    if (status == SY_OK) {
        status = serve_sets(worker, f, sets, *served, options, err);
    }
    syi_free(f->context, sets, f->count * sizeof *sets);
    return status;
}

sy_status sy_worker_serve_directory(sy_worker *worker, const char *path,
                                    const sy_serve_options *options, size_t *served, sy_error *err)
{
    sy_serve_options o = SY_SERVE_OPTIONS_INIT;
    folder f;
    size_t count = 0;
    if (served != NULL) {
        *served = 0;
    }
    if (worker == NULL || !syi_worker_is_here(worker) || path == NULL) {
        return syi_fail(err, SY_EINVAL,
                        path == NULL ? "serve: no directory"
                                     : "serve: the worker is not in this process");
    }
    if (options != NULL) {
        memcpy(&o, options, options->size < sizeof o ? options->size : sizeof o);
        o.size = sizeof o;
    }
    SY_TRY(folder_read(&f, worker->hook->context, path, err));
    const sy_status status = serve_folder(worker, &f, &o, &count, err);
    folder_free(&f);
    if (status == SY_OK && served != NULL) {
        *served = count;
    }
    return status;
}
