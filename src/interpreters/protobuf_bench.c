/*
 * protobuf_bench.c - tensors to messages of syft-proto and back, against a copy of their elements, csyft's own serialized
 * form, and PySyft's list of values in MessagePack, in the same run. Ratios: how many times as long as the copy into memory
 * that is there; and, since bytes are always made anew, as the copy into memory that is new.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <csyft/protobuf.h>

#include "hook/tensor.h"
#include "pysyft/contents.h"

enum { ROUNDS = 9 };

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void require(sy_status status, const sy_error *err)
{
    if (status != SY_OK) {
        fprintf(stderr, "protobuf_bench: %s\n", err->message);
        exit(1);
    }
}

typedef struct work {
    sy_context *context;
    sy_hook *hook;
    sy_tensor *tensor;
    size_t size; /* bytes of its elements */
    void *place; /* as many */
    void *bytes; /* the message */
    size_t length;
    const char *type;
    void *own; /* sy_tensor_serialize's */
    size_t own_length;
    sy_error err;
} work;

static void copy_there(work *w)
{
    memcpy(w->place, syi_array_data(syi_node_array(w->tensor->node)), w->size);
    __asm__ volatile("" : : "r"(w->place) : "memory");
}

static void copy_new(work *w)
{
    void *fresh = malloc(w->size);
    if (fresh == NULL) {
        exit(1);
    }
    memcpy(fresh, syi_array_data(syi_node_array(w->tensor->node)), w->size);
    __asm__ volatile("" : : "r"(fresh) : "memory");
    free(fresh);
}

static void bufferize(work *w)
{
    void *bytes = NULL;
    size_t size = 0;
    const sy_value value = sy_value_tensor(w->tensor);
    require(sy_bufferize(sy_hook_get_local_worker(w->hook), &bytes, &size, NULL, &value, &w->err),
            &w->err);
    sy_bytes_free(w->hook, bytes, size);
}

static void unbufferize(work *w)
{
    sy_protobuf_object *object = NULL;
    require(sy_unbufferize(sy_hook_get_local_worker(w->hook), &object, w->type, w->bytes, w->length,
                           &w->err),
            &w->err);
    sy_protobuf_object_free(object);
}

static void serialize(work *w)
{
    void *bytes = NULL;
    size_t size = 0;
    require(sy_tensor_serialize(w->tensor, &bytes, &size, &w->err), &w->err);
    sy_bytes_free(w->hook, bytes, size);
}

static void deserialize(work *w)
{
    sy_tensor *tensor = NULL;
    require(sy_tensor_deserialize(w->hook, &tensor, w->own, w->own_length, &w->err), &w->err);
    sy_tensor_unref(tensor);
}

static void list_of_values(work *w)
{
    const syi_pysyft_contents how = {.all = true};
    syi_buffer out;
    syi_buffer_init(&out, w->context, (size_t)1 << 30);
    require(
        syi_pysyft_write_contents(w->context, &out, syi_node_array(w->tensor->node), &how, &w->err),
        &w->err);
    syi_buffer_fini(&out);
}

/* The fastest of the rounds. */
static double measure(work *w, void (*run)(work *w))
{
    double best = 1e9;
    for (int round = 0; round < ROUNDS; round++) {
        const double start = seconds();
        run(w);
        const double took = seconds() - start;
        best = took < best ? took : best;
    }
    return best;
}

static void bench(sy_context *context, sy_dtype dtype, int64_t count)
{
    static const struct {
        const char *name;
        void (*run)(work *w);
    } runs[] = {{"bufferize", bufferize},
                {"unbufferize", unbufferize},
                {"serialize (csyft)", serialize},
                {"deserialize (csyft)", deserialize},
                {"MessagePack, list of values", list_of_values}};
    work w = {.context = context};
    sy_hook_options options = SY_HOOK_OPTIONS_INIT;
    options.verbose = false;
    require(sy_hook_new(context, &w.hook, &options, &w.err), &w.err);
    require(sy_tensor_new(w.hook, &w.tensor, dtype, 1, &count, NULL, &w.err), &w.err);
    w.size = (size_t)count * sy_dtype_size(dtype);
    w.place = calloc(1, w.size);
    if (w.place == NULL) {
        exit(1);
    }
    memset(w.place, 1, w.size);
    const sy_value value = sy_value_tensor(w.tensor);
    require(sy_bufferize(sy_hook_get_local_worker(w.hook), &w.bytes, &w.length, &w.type, &value,
                         &w.err),
            &w.err);
    require(sy_tensor_serialize(w.tensor, &w.own, &w.own_length, &w.err), &w.err);
    const double there = measure(&w, copy_there), fresh = measure(&w, copy_new);
    printf("%lld of %s: copy %.3f ms, into new memory %.3f ms\n", (long long)count,
           sy_dtype_name(dtype), there * 1e3, fresh * 1e3);
    for (size_t k = 0; k < sizeof runs / sizeof runs[0]; k++) {
        const double took = measure(&w, runs[k].run);
        printf("  %-28s %9.3f ms  %6.2f copies  %6.2f into new memory\n", runs[k].name, took * 1e3,
               took / there, took / fresh);
    }
    sy_bytes_free(w.hook, w.bytes, w.length);
    sy_bytes_free(w.hook, w.own, w.own_length);
    free(w.place);
    sy_tensor_unref(w.tensor);
    sy_hook_free(w.hook);
}

int main(void)
{
    sy_context *context = NULL;
    sy_error err = SY_ERROR_INIT;
    require(sy_context_new(&context, NULL, &err), &err);
    bench(context, SY_DTYPE_F32, 1000000);
    bench(context, SY_DTYPE_F32, 10000000);
    bench(context, SY_DTYPE_I64, 1000000);
    bench(context, SY_DTYPE_U8, 1000000);
    sy_context_free(context);
    return 0;
}
