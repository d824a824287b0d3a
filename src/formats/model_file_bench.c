/*
 * model_file_bench.c - loading and saving 64 MiB of tensors, against plain read and write of the same bytes
 * in the same run, through the page cache. Ratios: how many times as long as the plain way.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "formats/model_file.h"

enum { ROUNDS = 7, TENSORS = 16, SIDE = 1024 }; /* 16 matrices of 4 MiB */

static const size_t total = (size_t)TENSORS * SIDE * SIDE * sizeof(float);

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void require(bool good)
{
    if (!good) {
        perror("model_file_bench");
        exit(1);
    }
}

static void fill(syi_model *model, sy_context *context)
{
    const int64_t shape[] = {SIDE, SIDE};
    syi_model_init(model, context);
    for (int k = 0; k < TENSORS; k++) {
        char name[24];
        syi_array array;
        require(syi_array_new(context, &array, SY_DTYPE_F32, 2, shape, NULL, NULL) == SY_OK);
        float *data = syi_array_data(&array);
        for (int i = 0; i < SIDE * SIDE; i++) {
            data[i] = (float)(i * (k + 1));
        }
        snprintf(name, sizeof name, "layer.%d.weight", k);
        require(syi_model_add(model, name, strlen(name), &array, NULL, NULL) == SY_OK);
    }
}

/* What any way of reading must do: memory, and the bytes in it. */
static void read_plain(const char *path)
{
    const int descriptor = open(path, O_RDONLY);
    char *room = malloc(total);
    require(descriptor >= 0 && room != NULL);
    for (size_t done = 0; done < total;) {
        const ssize_t n = read(descriptor, room + done, total - done);
        require(n > 0);
        done += (size_t)n;
    }
    free(room);
    close(descriptor);
}

/* What any way of writing safely must do: beside it, flushed, renamed. */
static void write_plain(const char *path, const char *bytes)
{
    char beside[300];
    snprintf(beside, sizeof beside, "%s.plain", path);
    const int descriptor = open(beside, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    require(descriptor >= 0);
    for (size_t done = 0; done < total;) {
        const ssize_t n = write(descriptor, bytes + done, total - done);
        require(n > 0);
        done += (size_t)n;
    }
    require(fsync(descriptor) == 0 && close(descriptor) == 0 && rename(beside, path) == 0);
}

typedef struct best {
    double plain_read, plain_write, load, save;
} best;

static void least(double *best_one, double start)
{
    const double took = seconds() - start;
    *best_one = *best_one == 0 || took < *best_one ? took : *best_one;
}

/* In turns, so that what the machine does besides falls on all alike. */
static best measure(sy_context *context, const syi_model *model, const char *path,
                    const char *plain_path, const char *bytes, sy_model_format format)
{
    best b = {0};
    for (int round = 0; round < ROUNDS; round++) {
        syi_model back;
        double start = seconds();
        write_plain(plain_path, bytes);
        least(&b.plain_write, start);
        start = seconds();
        require(syi_model_save(context, model, path, format, NULL) == SY_OK);
        least(&b.save, start);
        start = seconds();
        read_plain(plain_path);
        least(&b.plain_read, start);
        start = seconds();
        require(syi_model_load(context, &back, path, NULL, NULL, NULL) == SY_OK);
        syi_model_fini(&back);
        least(&b.load, start);
    }
    return b;
}

int main(int argc, char **argv)
{
    static const sy_model_format formats[] = {SY_MODEL_SAFETENSORS, SY_MODEL_TORCH,
                                              SY_MODEL_TORCH_LEGACY};
    char path[280], plain_path[280];
    const char *folder = argc > 1 ? argv[1] : "/tmp";
    sy_context *context;
    syi_model model;
    require(sy_context_new(&context, NULL, NULL) == SY_OK);
    snprintf(path, sizeof path, "%s/csyft-bench-%ld.model", folder, (long)getpid());
    snprintf(plain_path, sizeof plain_path, "%s/csyft-bench-%ld.plain", folder, (long)getpid());
    fill(&model, context);
    char *bytes = malloc(total);
    require(bytes != NULL);
    memset(bytes, 7, total);
    printf("%zu MiB in %d tensors, %s; milliseconds, best of %d\n", total >> 20, TENSORS, folder,
           ROUNDS);
    printf("%-22s %10s %10s %6s %10s %10s %6s\n", "format", "load", "read", "ratio", "save",
           "write", "ratio");
    for (size_t k = 0; k < 3; k++) {
        const best b = measure(context, &model, path, plain_path, bytes, formats[k]);
        printf("%-22s %10.1f %10.1f %6.2f %10.1f %10.1f %6.2f\n", sy_model_format_name(formats[k]),
               b.load * 1e3, b.plain_read * 1e3, b.load / b.plain_read, b.save * 1e3,
               b.plain_write * 1e3, b.save / b.plain_write);
    }
    unlink(path);
    unlink(plain_path);
    free(bytes);
    syi_model_fini(&model);
    sy_context_free(context);
    return 0;
}
