/* files.c - modules to and from model files. Test: files_test.c. */
#include "nn/files.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/surroundings.h"
#include "formats/model_file.h"
#include "hook/tensor.h"
#include "nn/module.h"

enum { NAME_SIZE = 512 };

/* --- the state dict --------------------------------------------------------------------------- */

typedef sy_status (*visit_fn)(void *user, const char *name, sy_tensor *tensor, sy_error *err);

/* Where the walk over a module is: calls back for each tensor under its name. */
typedef struct walk {
    visit_fn visit;
    void *user;
    syi_model *versions; /* nullable: takes the modules' versions */
    char name[NAME_SIZE];
} walk;

/* What PyTorch notes of a module in _metadata: 2 for a BatchNorm that counts its batches, which ours does not,
 * else 1. PyTorch then counts from 0. */
enum { VERSION = 1 };

static sy_status walk_module(walk *w, sy_module *module, size_t length, sy_error *err)
{
    size_t count, buffer_count;
    sy_tensor *const *parameters = sy_module_get_parameters(module, &count);
    sy_tensor *const *buffers = sy_module_get_buffers(module, &buffer_count);
    if (w->versions != NULL) {
        SY_TRY(
            syi_model_add_version(w->versions, w->name, length > 0 ? length - 1 : 0, VERSION, err));
    }
    for (size_t k = 0; k < sy_module_get_layer_count(module); k++) {
        const int more = snprintf(w->name + length, NAME_SIZE - length, "%zu.", k);
        if (more < 0 || (size_t)more >= NAME_SIZE - length) {
            return syi_fail(err, SY_ELIMIT, "the name %s has no room", w->name);
        }
        SY_TRY(walk_module(w, sy_module_get_layer(module, k), length + (size_t)more, err));
    }
    if (sy_module_get_layer_count(module) > 0) {
        return SY_OK; /* its parameters and buffers are its layers' */
    }
    for (size_t k = 0; k < count; k++) {
        (void)sy_module_get_parameter_name(module, k, w->name + length, NAME_SIZE - length);
        SY_TRY(w->visit(w->user, w->name, parameters[k], err));
    }
    for (size_t k = 0; k < buffer_count; k++) {
        (void)sy_module_get_buffer_name(module, k, w->name + length, NAME_SIZE - length);
        SY_TRY(w->visit(w->user, w->name, buffers[k], err));
    }
    return SY_OK;
}

/* --- saving ----------------------------------------------------------------------------------- */

/* The array of a parameter that is here. */
static sy_status here(sy_tensor *tensor, const char *what, const char *name,
                      const syi_array **array, sy_error *err)
{
    if (sy_tensor_is_pointer(tensor)) {
        sy_worker *location = sy_tensor_get_location(tensor);
        char id[SY_ERROR_NAME_SIZE] = "another worker";
        if (location != NULL) {
            const sy_id at = sy_worker_get_id(location);
            sy_id_format(&at, id, sizeof id);
        }
        return syi_fail(err, SY_EPERM, "%s: '%.100s' is at %s; sy_module_get_ brings it here", what,
                        name, id);
    }
    const sy_status status = syi_tensor_native(tensor, what, array, err);
    return status == SY_OK ? SY_OK : syi_error_prefix(err, status, "'%.100s'", name);
}

static sy_status add_to_state(void *user, const char *name, sy_tensor *tensor, sy_error *err)
{
    const syi_array *array = NULL;
    syi_array view = SYI_ARRAY_INIT;
    SY_TRY(here(tensor, "save", name, &array, err));
    if (syi_tensor_is_private(tensor)) {
        const syi_policy policy = syi_tensor_policy(tensor);
        return syi_policy_refuse(&policy, "save", name, NULL, err);
    }
    syi_array_copy_view(&view, array);
    const sy_status status = syi_model_add(user, name, strlen(name), &view, NULL, err);
    syi_array_fini(&view);
    return status;
}

sy_status syi_module_state(sy_module *module, syi_model *model, sy_error *err)
{
    walk w = {.visit = add_to_state, .user = model, .versions = model};
    syi_model_init(model, sy_hook_get_context(module->hook));
    const sy_status status = walk_module(&w, module, 0, err);
    if (status != SY_OK) {
        syi_model_fini(model);
    }
    return status;
}

/* safetensors has no tensors that share their elements: each is kept under its first name. */
static void drop_repeated(syi_model *model)
{
    size_t kept = 0;
    for (size_t k = 0; k < model->tensor_count; k++) {
        syi_model_tensor *tensor = &model->tensors[k];
        bool repeated = false;
        for (size_t i = 0; i < kept && !repeated; i++) {
            const syi_array *other = &model->tensors[i].array;
            repeated = syi_array_bytes(other) > 0 && other->storage == tensor->array.storage &&
                       other->offset == tensor->array.offset &&
                       syi_array_same_shape(other, &tensor->array);
        }
        if (repeated) {
            syi_string_free(model->context, tensor->name);
            syi_array_fini(&tensor->array);
        } else {
            model->tensors[kept++] = *tensor;
        }
    }
    model->tensor_count = kept;
}

sy_status sy_module_save(sy_module *module, const char *path, sy_model_format format, sy_error *err)
{
    syi_model model;
    SY_TRY(syi_module_state(module, &model, err));
    format = format == SY_MODEL_BY_PATH ? syi_model_format_of_path(path) : format;
    if (format == SY_MODEL_SAFETENSORS) {
        drop_repeated(&model);
    }
    const sy_status status = syi_model_save(model.context, &model, path, format, err);
    syi_model_fini(&model);
    return status;
}

/* --- loading ---------------------------------------------------------------------------------- */

/* A tensor of the module, and what the file has for it. */
typedef struct slot {
    char *name; /* owned */
    sy_tensor *tensor;
    const syi_array *to;
    const syi_array *from; /* NULL: missing */
} slot;

typedef struct loading {
    sy_context *context;
    const char *path;
    slot *slots;
    size_t count, capacity;
    const syi_model_tensor **by_name; /* of the file, sorted */
    size_t file_count;                /* those below the prefix */
    size_t prefix;                    /* its length, with the dot */
} loading;

/* A list of names for a sentence: as many as fit, and how many there are. */
typedef struct names {
    char text[160];
    size_t length, count;
} names;

static void add_name(names *list, const char *name)
{
    list->count++;
    const size_t room = sizeof list->text - list->length;
    const int more =
        snprintf(list->text + list->length, room, "%s'%s'", list->count > 1 ? ", " : "", name);
    if (more < 0 || (size_t)more >= room) {
        snprintf(list->text + list->length, room, "...");
        list->length = sizeof list->text - 1; /* no more */
    } else {
        list->length += (size_t)more;
    }
}

static sy_status count_slot(void *user, const char *name, sy_tensor *tensor, sy_error *err)
{
    (void)name;
    (void)tensor;
    (void)err;
    ++*(size_t *)user;
    return SY_OK;
}

static sy_status add_slot(void *user, const char *name, sy_tensor *tensor, sy_error *err)
{
    loading *l = user;
    slot *made = &l->slots[l->count];
    *made = (slot){.tensor = tensor};
    SY_TRY(here(tensor, "load", name, &made->to, err));
    made->name = syi_string_copy(l->context, name);
    if (made->name == NULL) {
        return SYI_ENOMEM(err, "load");
    }
    l->count++;
    return SY_OK;
}

static int compare_names(const void *a, const void *b)
{
    const syi_model_tensor *const *x = a, *const *y = b;
    return strcmp((*x)->name, (*y)->name);
}

static int compare_with_name(const void *name, const void *tensor)
{
    return strcmp(name, (*(const syi_model_tensor *const *)tensor)->name);
}

/* Sorts what stands below the prefix. */
static sy_status index_file(loading *l, const syi_model *model, const char *prefix, sy_error *err)
{
    l->by_name = syi_alloc_array(l->context, model->tensor_count, sizeof *l->by_name);
    if (l->by_name == NULL) {
        return SYI_ENOMEM(err, "load");
    }
    const size_t length = prefix == NULL ? 0 : strlen(prefix);
    for (size_t k = 0; k < model->tensor_count; k++) {
        const char *name = model->tensors[k].name;
        if (length == 0 || (strncmp(name, prefix, length) == 0 && name[length] == '.')) {
            l->by_name[l->file_count++] = &model->tensors[k];
        }
    }
    l->prefix = length == 0 ? 0 : length + 1;
    if (l->file_count > 0) {
        qsort(l->by_name, l->file_count, sizeof *l->by_name, compare_names);
    }
    if (length > 0 && l->file_count == 0) {
        return syi_fail(err, SY_ENOTFOUND, "%s: no tensor below '%s'", l->path, prefix);
    }
    return SY_OK;
}

static const syi_model_tensor *find(const loading *l, const char *prefix, const char *name)
{
    char full[NAME_SIZE * 2];
    const int length = snprintf(full, sizeof full, "%s%s%s", l->prefix > 0 ? prefix : "",
                                l->prefix > 0 ? "." : "", name);
    if (length < 0 || (size_t)length >= sizeof full || l->file_count == 0) {
        return NULL;
    }
    const syi_model_tensor **found =
        bsearch(full, l->by_name, l->file_count, sizeof *l->by_name, compare_with_name);
    return found == NULL ? NULL : *found;
}

/* Floating elements may become narrower floating ones, and integers anything; fractions are not dropped. */
static bool converts(sy_dtype from, sy_dtype to)
{
    return !sy_dtype_is_floating(from) || sy_dtype_is_floating(to);
}

static sy_status check_slot(const loading *l, const slot *s, sy_error *err)
{
    char there[64], wanted[64];
    if (!syi_array_same_shape(s->from, s->to)) {
        return syi_fail(err, SY_ESHAPE, "%s: '%.100s' is %s in the file, %s in the module", l->path,
                        s->name,
                        syi_shape_format(s->from->ndim, s->from->shape, there, sizeof there),
                        syi_shape_format(s->to->ndim, s->to->shape, wanted, sizeof wanted));
    }
    if (!converts(s->from->dtype, s->to->dtype)) {
        return syi_fail(err, SY_EDTYPE, "%s: '%.100s' is %s in the file, %s in the module", l->path,
                        s->name, sy_dtype_name(s->from->dtype), sy_dtype_name(s->to->dtype));
    }
    return SY_OK;
}

/* A layer that stands in several places needs one of its names only. */
static bool has_other_name(const loading *l, const slot *missing)
{
    for (size_t k = 0; k < l->count; k++) {
        if (l->slots[k].tensor == missing->tensor && l->slots[k].from != NULL) {
            return true;
        }
    }
    return false;
}

/* Finds for each tensor what the file has, and names what is missing. */
static sy_status match(loading *l, const char *prefix, names *missing, size_t *used, sy_error *err)
{
    for (size_t k = 0; k < l->count; k++) {
        const syi_model_tensor *found = find(l, prefix, l->slots[k].name);
        if (found != NULL) {
            l->slots[k].from = &found->array;
            SY_TRY(check_slot(l, &l->slots[k], err));
            ++*used;
        }
    }
    for (size_t k = 0; k < l->count; k++) {
        if (l->slots[k].from == NULL && !has_other_name(l, &l->slots[k])) {
            add_name(missing, l->slots[k].name);
        }
    }
    return SY_OK;
}

static bool is_used(const loading *l, const syi_array *array)
{
    for (size_t k = 0; k < l->count; k++) {
        if (l->slots[k].from == array) {
            return true;
        }
    }
    return false;
}

/* PyTorch's BatchNorm counts its batches, ours does not: the count beside a running_mean may be left over. */
static bool is_batch_count(const loading *l, const char *name)
{
    static const char count[] = "num_batches_tracked", mean[] = "running_mean";
    char sibling[NAME_SIZE * 2];
    const size_t length = strlen(name), end = sizeof count - 1;
    if (length < end || strcmp(name + length - end, count) != 0 || length >= sizeof sibling) {
        return false;
    }
    memcpy(sibling, name, length - end);
    memcpy(sibling + length - end, mean, sizeof mean);
    const syi_model_tensor **found =
        bsearch(sibling, l->by_name, l->file_count, sizeof *l->by_name, compare_with_name);
    return found != NULL && is_used(l, &(*found)->array);
}

static void name_unexpected(const loading *l, size_t used, names *unexpected)
{
    if (used == l->file_count) {
        return; /* all of them: no need to look at each */
    }
    for (size_t k = 0; k < l->file_count; k++) {
        if (!is_used(l, &l->by_name[k]->array) && !is_batch_count(l, l->by_name[k]->name)) {
            add_name(unexpected, l->by_name[k]->name + l->prefix);
        }
    }
}

/* Strict: nothing may be missing or left over. */
static sy_status judge(const loading *l, const names *missing, const names *unexpected, bool strict,
                       sy_error *err)
{
    char text[SY_ERROR_MESSAGE_SIZE] = "";
    int at = 0;
    if (missing->count > 0) {
        at = snprintf(text, sizeof text, "%zu missing: %s", missing->count, missing->text);
    }
    if (unexpected->count > 0) {
        snprintf(text + at, sizeof text - (size_t)at, "%s%zu unexpected: %s", at > 0 ? "; " : "",
                 unexpected->count, unexpected->text);
    }
    if (text[0] == '\0') {
        return SY_OK;
    }
    if (strict) {
        return syi_fail(err, SY_ENOTFOUND, "%s does not fit the module: %s", l->path, text);
    }
    syi_log(l->context, SY_LOG_INFO, "nn", NULL, 0, "%s: %s", l->path, text);
    return SY_OK;
}

/* Nothing can fail any more, so a module is loaded whole or not at all. The tape sees that the contents
 * changed. */
static void assign_all(const loading *l)
{
    for (size_t k = 0; k < l->count; k++) {
        const slot *s = &l->slots[k];
        if (s->from != NULL) {
            syi_array_assign(s->to, s->from);
            atomic_fetch_add_explicit(&s->to->storage->version, 1, memory_order_relaxed);
        }
    }
}

static sy_status load(loading *l, sy_module *module, const syi_model *model,
                      const sy_module_load_options *options, sy_error *err)
{
    walk counting = {.visit = count_slot, .user = &l->capacity};
    walk adding = {.visit = add_slot, .user = l};
    names missing = {.count = 0}, unexpected = {.count = 0};
    size_t used = 0;
    SY_TRY(walk_module(&counting, module, 0, err));
    l->slots = syi_alloc_array(l->context, l->capacity, sizeof *l->slots);
    if (l->slots == NULL) {
        return SYI_ENOMEM(err, "load");
    }
    SY_TRY(walk_module(&adding, module, 0, err));
    SY_TRY(index_file(l, model, options->prefix, err));
    SY_TRY(match(l, options->prefix, &missing, &used, err));
    name_unexpected(l, used, &unexpected);
    SY_TRY(judge(l, &missing, &unexpected, options->strict, err));
    assign_all(l);
    return SY_OK;
}

sy_status sy_module_load(sy_module *module, const char *path, const sy_module_load_options *options,
                         sy_error *err)
{
    const sy_module_load_options defaults = SY_MODULE_LOAD_OPTIONS_INIT;
    syi_model model;
    options = options != NULL ? options : &defaults;
    if (options->size != sizeof *options) {
        return syi_fail(err, SY_EINVAL, "sy_module_load: options of %zu bytes, not %zu",
                        options->size, sizeof *options);
    }
    loading l = {.context = sy_hook_get_context(module->hook), .path = path};
    SY_TRY(syi_model_load(l.context, &model, path, syi_context_get_account(l.context), NULL, err));
    const sy_status status = load(&l, module, &model, options, err);
    for (size_t k = 0; k < l.count; k++) {
        syi_string_free(l.context, l.slots[k].name);
    }
    syi_free(l.context, l.slots, l.capacity * sizeof *l.slots);
    syi_free(l.context, l.by_name, model.tensor_count * sizeof *l.by_name);
    syi_model_fini(&model);
    return status;
}
