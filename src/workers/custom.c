/* custom.c - workers that are reached through a class from outside of the library. Tests: tests/integration/custom_worker.c,
 * tests/support/worker_kinds.c (the contract of all kinds). */
#include "transport/custom/custom.h"

#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "workers/worker.h"

static bool same_way(const sy_worker *known, const sy_worker *made)
{
    return known->custom != NULL && known->custom->user == made->custom->user &&
           strcmp(known->custom->name, made->custom->name) == 0;
}

static sy_status check(const sy_custom_worker_class *klass, const sy_connect_options *options,
                       sy_error *err)
{
    if (klass->size != sizeof *klass) {
        return syi_fail(err, SY_EINVAL, "sy_custom_worker_class: size is %zu, not %zu", klass->size,
                        sizeof *klass);
    }
    if (klass->name == NULL || klass->name[0] == '\0' ||
        strlen(klass->name) >= sizeof((syi_custom_way *)NULL)->name) {
        return syi_fail(err, SY_EINVAL, "sy_custom_worker_class: the name has 1 to 47 bytes");
    }
    if (klass->send_msg == NULL) {
        return syi_fail(err, SY_EINVAL, "%s: send_msg is missing", klass->name);
    }
    if (options->size != sizeof *options) {
        return syi_fail(err, SY_EINVAL, "sy_connect_options: start with SY_CONNECT_OPTIONS_INIT");
    }
    if (options->token != NULL && !syi_token_is_good(options->token)) {
        return syi_fail(err, SY_EINVAL, "%s: the token is no token", klass->name);
    }
    return SY_OK;
}

/* `made` with its way; whoever frees it does not free the user. */
static sy_status new_worker(sy_hook *hook, sy_worker **made, const sy_id *id,
                            const sy_custom_worker_class *klass, void *user,
                            const sy_connect_options *options, sy_error *err)
{
    SY_TRY(syi_worker_new(hook, made, id, SY_WORKER_CUSTOM, err));
    syi_custom_way *way = syi_alloc(hook->context, sizeof *way);
    if (way == NULL) {
        syi_worker_free(*made);
        return SYI_ENOMEM(err, "custom worker");
    }
    way->klass = *klass;
    way->klass.name = way->name;
    way->klass.free = NULL;
    memcpy(way->name, klass->name, strlen(klass->name) + 1);
    way->user = user;
    (*made)->custom = way;
    syi_worker_use_options(*made, options);
    return SY_OK;
}

sy_status sy_custom_worker_new(sy_hook *hook, sy_worker **worker,
                               const sy_custom_worker_class *klass, void *user,
                               const sy_connect_options *options, sy_error *err)
{
    static const sy_connect_options defaults = SY_CONNECT_OPTIONS_INIT;
    sy_worker *made = NULL;
    sy_id id = SY_ID_INIT;
    *worker = NULL;
    options = options != NULL ? options : &defaults;
    SY_TRY(check(klass, options, err));
    if (options->id != NULL) {
        SY_TRY(sy_id_parse(&id, options->id, err));
    }
    SY_TRY(new_worker(hook, &made, options->id != NULL ? &id : NULL, klass, user, options, err));
    sy_worker *known = options->id != NULL ? syi_directory_find(hook, &id) : NULL;
    if (known == NULL) {
        SY_TRY(syi_worker_make_contact(made, klass->name, same_way, worker, err));
        if (*worker == made) {
            made->custom->klass.free = klass->free;
        }
        return SY_OK;
    }
    const bool same = same_way(known, made);
    syi_worker_free(made);
    if (!same) {
        return syi_fail_object(err, SY_EEXIST, known->name, "worker %s exists already at %s",
                               known->name, known->url[0] != '\0' ? known->url : "this process");
    }
    SY_TRY(syi_worker_greet_known(known, err));
    *worker = known;
    return SY_OK;
}
