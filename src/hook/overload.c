#include "hook/overload.h"

#include <ctype.h>
#include <string.h>

#include "core/error.h"
#include "hook/hook.h"

typedef struct syi_overloads {
    syi_overload *rows[SYI_OP_COUNT];
    syi_overload *others; /* names without row */
} syi_overloads;

bool syi_is_dotted(const char *name, size_t length)
{
    return memchr(name, '.', length) != NULL;
}

/* Finding */

const syi_overload *syi_overload_find(const sy_hook *hook, const syi_op *op, bool inplace,
                                      const syi_mode *mode, const syi_interpreter *type)
{
    const bool function = mode->called != NULL;
    const syi_overload *best = NULL;
    int best_fit = -1;
    for (const syi_overload *o = hook->overloads->rows[op->id]; o != NULL; o = o->next) {
        if (o->answerer.type != type || (o->only_inplace && !inplace)) {
            continue;
        }
        /* The in-place form's own one first, then the one of the form that was called. */
        const int fit = (o->only_inplace ? 2 : 0) + (o->function == function ? 1 : 0);
        if (fit > best_fit) {
            best = o;
            best_fit = fit;
        }
    }
    return best;
}

const syi_overload *syi_overload_find_name(const sy_hook *hook, const char *name, size_t length,
                                           const syi_interpreter *type)
{
    const syi_overload *o = hook->overloads != NULL ? hook->overloads->others : NULL;
    while (o != NULL && (o->answerer.type != type || o->name_length != length ||
                         memcmp(o->name, name, length) != 0)) {
        o = o->next;
    }
    return o;
}

/* Registering */

static bool is_well_formed(const char *name, size_t length)
{
    if (length == 0 || length >= SYI_OPERATION_NAME_SIZE) {
        return false;
    }
    for (size_t k = 0; k < length; k++) {
        const unsigned char c = (unsigned char)name[k];
        const bool start = k == 0 || name[k - 1] == '.';
        const bool dot = c == '.' && !start && k + 1 < length;
        if (!dot && c != '_' && !isalpha(c) && (start || !isdigit(c))) {
            return false;
        }
    }
    return true;
}

static sy_status check(const sy_hook *hook, const syi_interpreter *type, const char *name,
                       sy_operation_fn fn, sy_error *err)
{
    if (hook == NULL || type == NULL || name == NULL || fn == NULL) {
        return syi_fail(err, SY_EINVAL, "overload of %s: hook, type or function is NULL",
                        name != NULL ? name : "nothing");
    }
    if (type->rewrap == NULL) {
        return syi_fail(err, SY_EINVAL,
                        "overload of %s: a %s has no child whose results could be wrapped", name,
                        type->name);
    }
    if (!is_well_formed(name, strlen(name))) {
        return syi_fail(err, SY_EINVAL, "overload: \"%.80s\" is no name", name);
    }
    if (sy_is_excluded(name)) {
        return syi_fail(err, SY_EFORBIDDEN, "overload of %s: it is never hooked", name);
    }
    return SY_OK;
}

static sy_status make(sy_hook *hook, const syi_overload *like, const char *name,
                      syi_overload **made, sy_error *err)
{
    const size_t length = strlen(name);
    *made = syi_alloc(hook->context, sizeof **made + length + 1);
    if (*made == NULL) {
        return SYI_ENOMEM(err, "overload");
    }
    **made = *like;
    memcpy((*made)->name, name, length + 1);
    (*made)->name_length = length;
    (*made)->own = (syi_op){
        .id = SYI_OP_COUNT, .name = (*made)->name, .schema = "", .outputs = -1, .aliases = ""};
    return SY_OK;
}

static sy_status add(sy_hook *hook, const syi_overload *like, const char *name, sy_error *err)
{
    const size_t length = strlen(name);
    const syi_interpreter *type = like->answerer.type;
    const syi_op *op = NULL;
    bool inplace = false;
    syi_overload *made = NULL;
    if (hook->overloads == NULL) {
        hook->overloads = syi_alloc(hook->context, sizeof *hook->overloads);
        if (hook->overloads == NULL) {
            return SYI_ENOMEM(err, "overloads");
        }
    }
    syi_overload **list = &hook->overloads->others;
    if (syi_ops_find(hook->ops, name, length, &op, &inplace)) {
        list = &hook->overloads->rows[op->id];
        inplace = inplace && !(op->flags & SYI_OP_ONLY_INPLACE);
    }
    for (const syi_overload *o = *list; o != NULL; o = o->next) {
        const bool same = op != NULL ? o->function == like->function && o->only_inplace == inplace
                                     : strcmp(o->name, name) == 0;
        if (same && o->answerer.type == type) {
            return syi_fail(err, SY_EEXIST, "overload of %s: a %s has one, %s", name, type->name,
                            o->name);
        }
    }
    SY_TRY(make(hook, like, name, &made, err));
    made->only_inplace = op != NULL && inplace;
    made->inplace = op == NULL && syi_is_inplace_name(name);
    made->answerer.next = op != NULL ? type->call : NULL;
    made->next = *list;
    *list = made;
    return SY_OK;
}

sy_status sy_overload_method(sy_hook *hook, const sy_interpreter *type, const char *name,
                             sy_operation_fn fn, void *user, sy_error *err)
{
    SY_TRY(check(hook, type, name, fn, err));
    if (syi_is_dotted(name, strlen(name))) {
        return syi_fail(err, SY_EINVAL, "overload of %s: that is a function's name", name);
    }
    const syi_overload like = {.answerer = {.type = type, .fn = fn, .user = user}};
    return add(hook, &like, name, err);
}

sy_status sy_overload_function(sy_hook *hook, const sy_interpreter *type, const char *name,
                               sy_operation_fn fn, void *user, sy_error *err)
{
    SY_TRY(check(hook, type, name, fn, err));
    const syi_overload like = {.answerer = {.type = type, .fn = fn, .user = user},
                               .function = true};
    return add(hook, &like, name, err);
}

/* Modules */

enum { MODULE_DEPTH_MAX = 4 }; /* torch.nn.functional and one more */

static sy_status add_entries(sy_hook *hook, const syi_interpreter *type, const char *module,
                             const sy_overload_entry *entries, int depth, sy_error *err)
{
    if (depth > MODULE_DEPTH_MAX) {
        return syi_fail(err, SY_ELIMIT, "overload of %s: deeper than %d modules", module,
                        MODULE_DEPTH_MAX);
    }
    for (const sy_overload_entry *e = entries; e->name != NULL; e++) {
        char name[SYI_OPERATION_NAME_SIZE];
        const size_t length = strlen(module);
        if (length + 1 + strlen(e->name) >= sizeof name || (e->fn == NULL) == (e->module == NULL)) {
            return syi_fail(err, SY_EINVAL,
                            "overload of %s.%.40s: an entry is a function or a module of a short "
                            "name",
                            module, e->name);
        }
        memcpy(name, module, length);
        name[length] = '.';
        memcpy(name + length + 1, e->name, strlen(e->name) + 1);
        if (e->module != NULL) {
            SY_TRY(add_entries(hook, type, name, e->module, depth + 1, err));
            continue;
        }
        SY_TRY(check(hook, type, name, e->fn, err));
        const syi_overload like = {
            .answerer = {.type = type, .raw = !e->unwrapped, .fn = e->fn, .user = e->user},
            .function = true};
        SY_TRY(add(hook, &like, name, err));
    }
    return SY_OK;
}

/* Overloads are put in front of their lists: taking away what stands before the marks undoes. */
static void cut(sy_hook *hook, syi_overload **list, const syi_overload *mark)
{
    while (*list != mark) {
        syi_overload *o = *list;
        *list = o->next;
        syi_free(hook->context, o, sizeof *o + o->name_length + 1);
    }
}

sy_status sy_overload_module(sy_hook *hook, const sy_interpreter *type, const char *name,
                             const sy_overload_entry *entries, sy_error *err)
{
    if (hook == NULL || type == NULL || name == NULL || entries == NULL ||
        !is_well_formed(name, strlen(name))) {
        return syi_fail(err, SY_EINVAL,
                        "overload of a module: hook, type, name or entries are not "
                        "valid");
    }
    const syi_overloads none = {0};
    const syi_overloads before = hook->overloads != NULL ? *hook->overloads : none;
    const sy_status status = add_entries(hook, type, name, entries, 1, err);
    if (status != SY_OK && hook->overloads != NULL) {
        for (int id = 0; id < SYI_OP_COUNT; id++) {
            cut(hook, &hook->overloads->rows[id], before.rows[id]);
        }
        cut(hook, &hook->overloads->others, before.others);
    }
    return status;
}

bool sy_overload_exists(const sy_hook *hook, const sy_interpreter *type, const char *name)
{
    const syi_op *op = NULL;
    bool inplace = false;
    if (hook == NULL || type == NULL || name == NULL || hook->overloads == NULL) {
        return false;
    }
    if (!syi_ops_find(hook->ops, name, strlen(name), &op, &inplace)) {
        return syi_overload_find_name(hook, name, strlen(name), type) != NULL;
    }
    const syi_mode mode = {.called = syi_is_dotted(name, strlen(name)) ? name : NULL};
    return syi_overload_find(hook, op, inplace, &mode, type) != NULL;
}

void syi_overloads_free(sy_hook *hook)
{
    if (hook->overloads == NULL) {
        return;
    }
    for (int id = 0; id < SYI_OP_COUNT; id++) {
        cut(hook, &hook->overloads->rows[id], NULL);
    }
    cut(hook, &hook->overloads->others, NULL);
    syi_free(hook->context, hook->overloads, sizeof *hook->overloads);
}
