/*
 * operations.c - csyft-bench-operations: runs operations as it is told on standard input, one line a command, and
 * answers each with one line of JSON. bench/against-torch drives it, in turns with PyTorch. One thread.
 *
 *     load NAME FILE        a tensor, from NPY
 *     call OPERATION ARG...  what the next two speak of
 *     plan LAYERS NAME FILE  instead of a call: a plan of so many times relu(linear(x, w0, b0)), on the tensor NAME; it is
 *                           written to the file: {"bytes": ...}
 *     time COUNT            runs it so often: {"seconds": ...}
 *     save FILE             runs it once and writes its first result as NPY
 *     keep NAME             runs it once; its first result is a tensor like one that was loaded
 *     copy BYTES COUNT      memcpy, the limit: {"seconds": ...}
 *     drop                  forgets all tensors
 *
 * Arguments: $NAME, whole numbers, 0.5, true, false, none, 'text, a dtype's name, [a,b,...]. An operation spelled
 * sy_add, sy_add_, sy_sum or sy_relu is called by its C function, any other by name.
 */
#include <csyft/csyft.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum { NAMES = 256, VALUES = 256, ARGUMENTS = 24, LINE = 4096, RESULTS = 64 };

typedef sy_tensor *(*direct)(sy_scope *scope, const sy_value *args);

typedef struct runner {
    sy_context *context;
    sy_hook *hook;
    char names[NAMES][32];
    sy_tensor *tensors[NAMES];
    int count;
    char line[LINE]; /* of the call; its values point into it */
    const char *operation;
    direct function; /* or NULL */
    sy_value args[ARGUMENTS];
    size_t arg_count;
    sy_value pool[VALUES]; /* members of lists */
    size_t pooled;
    sy_plan *plan; /* or NULL */
    int layers;
    sy_error err;
} runner;

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void answer_error(const char *message)
{
    printf("{\"error\": \"");
    for (; *message != 0; message++) {
        printf(*message == '"' || *message == '\\' ? "\\%c" : "%c", *message);
    }
    printf("\"}\n");
}

/* --- reading a call ------------------------------------------------------------------------------ */

static sy_tensor *find(const runner *r, const char *name)
{
    for (int i = 0; i < r->count; i++) {
        if (strcmp(r->names[i], name) == 0) {
            return r->tensors[i];
        }
    }
    return NULL;
}

static bool read_value(runner *r, char *text, sy_value *value);

/* "a,b,c]" without lists in it. */
static bool read_list(runner *r, char *text, sy_value *value)
{
    const size_t first = r->pooled;
    char *rest = NULL;
    text[strcspn(text, "]")] = 0;
    for (char *at = strtok_r(text, ",", &rest); at != NULL; at = strtok_r(NULL, ",", &rest)) {
        if (r->pooled == VALUES || !read_value(r, at, &r->pool[r->pooled++])) {
            return false;
        }
    }
    *value = sy_value_list(r->pool + first, r->pooled - first);
    return true;
}

static bool read_value(runner *r, char *text, sy_value *value)
{
    sy_dtype dtype;
    char *end;
    if (text[0] == '[') {
        return read_list(r, text + 1, value);
    }
    if (text[0] == '$') {
        *value = sy_value_tensor(find(r, text + 1));
        return value->as.tensor != NULL;
    }
    if (text[0] == '\'') {
        *value = sy_value_string(text + 1);
    } else if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0) {
        *value = sy_value_bool(text[0] == 't');
    } else if (strcmp(text, "none") == 0) {
        *value = sy_value_none();
    } else if (sy_dtype_from_name(text, &dtype)) {
        *value = sy_value_dtype(dtype);
    } else if (strpbrk(text, ".e") != NULL) {
        *value = sy_value_float(strtod(text, &end));
        return *end == 0;
    } else {
        *value = sy_value_int(strtoll(text, &end, 10));
        return end != text && *end == 0;
    }
    return true;
}

static sy_tensor *direct_add(sy_scope *scope, const sy_value *args)
{
    return sy_add(scope, args[0].as.tensor, args[1].as.tensor);
}

static sy_tensor *direct_add_(sy_scope *scope, const sy_value *args)
{
    return sy_add_(scope, args[0].as.tensor, args[1].as.tensor);
}

static sy_tensor *direct_sum(sy_scope *scope, const sy_value *args)
{
    return sy_sum(scope, args[0].as.tensor);
}

static sy_tensor *direct_relu(sy_scope *scope, const sy_value *args)
{
    return sy_relu(scope, args[0].as.tensor);
}

static direct direct_named(const char *name)
{
    static const struct {
        const char *name;
        direct function;
    } functions[] = {{"sy_add", direct_add},
                     {"sy_add_", direct_add_},
                     {"sy_sum", direct_sum},
                     {"sy_relu", direct_relu}};
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        if (strcmp(name, functions[i].name) == 0) {
            return functions[i].function;
        }
    }
    return NULL;
}

static void read_call(runner *r, const char *text)
{
    char *rest = NULL;
    snprintf(r->line, sizeof r->line, "%s", text);
    r->pooled = r->arg_count = 0;
    r->operation = strtok_r(r->line, " \n", &rest);
    r->function = r->operation != NULL ? direct_named(r->operation) : NULL;
    for (char *at; (at = strtok_r(NULL, " \n", &rest)) != NULL; r->arg_count++) {
        if (r->arg_count == ARGUMENTS || !read_value(r, at, &r->args[r->arg_count])) {
            r->operation = NULL;
            answer_error("an argument cannot be read");
            return;
        }
    }
    printf("{}\n");
}

static sy_status layers(sy_plan_frame *frame, sy_scope *scope, void *user, sy_error *err)
{
    const runner *r = user;
    sy_tensor *x = sy_plan_frame_argument(frame, 0);
    for (int k = 0; k < r->layers; k++) {
        char w[16], b[16];
        snprintf(w, sizeof w, "w%d", k);
        snprintf(b, sizeof b, "b%d", k);
        x = sy_relu(scope, sy_linear(scope, x, find(r, w), find(r, b)));
    }
    return sy_plan_frame_return(frame, x, err);
}

static void drop_call(runner *r)
{
    sy_plan_unref(r->plan);
    r->plan = NULL;
    r->operation = NULL;
}

static void read_plan(runner *r, const char *text)
{
    char name[32] = "", path[1024] = "";
    sy_plan_options options = SY_PLAN_OPTIONS_INIT;
    sy_plan_shape shape = {SY_DTYPE_F32, 0, {0}};
    drop_call(r);
    if (sscanf(text, "%d %31s %1023s", &r->layers, name, path) != 3 || find(r, name) == NULL) {
        answer_error("plan LAYERS NAME FILE");
        return;
    }
    options.forward = layers;
    options.user = r;
    r->args[0] = sy_value_tensor(find(r, name));
    struct stat file = {0};
    sy_status status = sy_tensor_get_shape(r->args[0].as.tensor, &shape.ndim, shape.shape, &r->err);
    shape.shape[0] = -1;
    status = status == SY_OK ? sy_plan_new(r->hook, &r->plan, &options, &r->err) : status;
    status = status == SY_OK ? sy_plan_build_shapes(r->plan, &shape, 1, &r->err) : status;
    status = status == SY_OK ? sy_plan_save(r->plan, path, &r->err) : status;
    if (status != SY_OK || stat(path, &file) != 0) {
        answer_error(r->err.message);
        return;
    }
    r->operation = "plan";
    printf("{\"bytes\": %lld}\n", (long long)file.st_size);
}

/* --- running it ---------------------------------------------------------------------------------- */

/* Its first result, the scope's. */
static sy_tensor *run_once(const runner *r, sy_scope *scope)
{
    sy_tensor *results[RESULTS];
    if (r->plan != NULL) {
        return sy_plan_call(scope, r->plan, &r->args[0].as.tensor, 1);
    }
    if (r->function != NULL) {
        return r->function(scope, r->args);
    }
    const size_t made =
        sy_scope_call_many(scope, r->operation, r->args, r->arg_count, results, RESULTS);
    return made > 0 ? results[0] : NULL;
}

static void time_calls(runner *r, long count)
{
    sy_scope *scope = sy_scope_begin(r->hook);
    const double start = seconds();
    for (long i = 0; i < count; i++) {
        run_once(r, scope);
        sy_scope_clear(scope);
    }
    const double taken = seconds() - start;
    if (sy_scope_end(scope, &r->err) != SY_OK) {
        answer_error(r->err.message);
        return;
    }
    printf("{\"seconds\": %.9f}\n", taken);
}

static void save_result(runner *r, const char *path)
{
    sy_scope *scope = sy_scope_begin(r->hook);
    sy_tensor *made = run_once(r, scope);
    sy_status status = sy_scope_get_status(scope);
    if (status == SY_OK) {
        status = sy_tensor_save(made, path, &r->err);
    }
    const sy_status end = sy_scope_end(scope, status == SY_OK ? &r->err : NULL);
    if (status != SY_OK || end != SY_OK) {
        answer_error(r->err.message);
        return;
    }
    printf("{}\n");
}

static void keep_result(runner *r, const char *name)
{
    sy_scope *scope = sy_scope_begin(r->hook);
    sy_tensor *made = sy_scope_keep(scope, run_once(r, scope));
    if (sy_scope_end(scope, &r->err) != SY_OK || made == NULL || r->count == NAMES) {
        sy_tensor_unref(made);
        answer_error(r->count == NAMES ? "too many tensors" : r->err.message);
        return;
    }
    r->tensors[r->count] = made;
    snprintf(r->names[r->count++], sizeof r->names[0], "%s", name);
    printf("{}\n");
}

static void load(runner *r, const char *name, const char *path)
{
    if (r->count == NAMES) {
        answer_error("too many tensors");
    } else if (sy_tensor_load(r->hook, &r->tensors[r->count], path, &r->err) != SY_OK) {
        answer_error(r->err.message);
    } else {
        snprintf(r->names[r->count++], sizeof r->names[0], "%s", name);
        printf("{}\n");
    }
}

static void drop(runner *r)
{
    while (r->count > 0) {
        sy_tensor_unref(r->tensors[--r->count]);
    }
}

static void time_copies(size_t bytes, long count)
{
    char *to = malloc(bytes), *from = malloc(bytes);
    if (to == NULL || from == NULL) {
        answer_error("out of memory");
    } else {
        memset(to, 1, bytes);
        memset(from, 2, bytes);
        const double start = seconds();
        for (long i = 0; i < count; i++) {
            memcpy(to, from, bytes);
            __asm__ volatile("" : : "r"(to) : "memory"); /* every copy is made */
        }
        printf("{\"seconds\": %.9f}\n", seconds() - start);
    }
    free(to);
    free(from);
}

static void obey(runner *r, char *line)
{
    char verb[16] = "", first[32] = "", second[1024] = "";
    sscanf(line, "%15s %31s %1023s", verb, first, second);
    if (strcmp(verb, "plan") == 0) {
        read_plan(r, line + strlen("plan "));
    } else if (strcmp(verb, "load") == 0) {
        load(r, first, second);
    } else if (strcmp(verb, "call") == 0) {
        drop_call(r);
        read_call(r, line + strlen("call "));
    } else if (strcmp(verb, "copy") == 0) {
        time_copies(strtoull(first, NULL, 10), strtol(second, NULL, 10));
    } else if (strcmp(verb, "drop") == 0) {
        drop_call(r);
        drop(r);
        printf("{}\n");
    } else if (r->operation == NULL) {
        answer_error("no call was read");
    } else if (strcmp(verb, "time") == 0) {
        time_calls(r, strtol(first, NULL, 10));
    } else if (strcmp(verb, "keep") == 0) {
        keep_result(r, first);
    } else if (strcmp(verb, "save") == 0) {
        char path[1024] = "";
        sscanf(line, "%*s %1023s", path);
        save_result(r, path);
    } else {
        answer_error("no such command");
    }
    fflush(stdout);
}

int main(void)
{
    static runner r = {.err = SY_ERROR_INIT};
    char line[LINE];
    sy_context_options options = SY_CONTEXT_OPTIONS_INIT;
    options.pool_threads = 1;
    if (sy_context_new(&r.context, &options, &r.err) != SY_OK ||
        sy_hook_new(r.context, &r.hook, NULL, &r.err) != SY_OK) {
        fprintf(stderr, "csyft-bench-operations: %s\n", r.err.message);
        return 1;
    }
    while (fgets(line, sizeof line, stdin) != NULL) {
        obey(&r, line);
    }
    drop_call(&r);
    drop(&r);
    sy_hook_free(r.hook);
    sy_context_free(r.context);
    return 0;
}
