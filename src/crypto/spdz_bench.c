/*
 * spdz_bench.c - two holders and the provider on threads of one process, what each command takes from its beginning until the
 * first holder has its share, and of processor time all of it: spdz_mul_1e6, spdz_square_1e6, spdz_matmul_256, spdz_shift_1e6, spdz_divide_1e6, and comparisons:
 * spdz_compare_1e5, spdz_relu_1e5, spdz_relu_shift_1e5, spdz_equal_1e5 (2^64). And what
 * the provider takes for the same by itself: deal_...
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "core/surroundings.h"
#include "crypto/comparison.h"
#include "support/party_threads.h"

enum { TURNS = 41, WARM = 5, HOLDERS = 2 };

typedef struct job {
    const char *name;
    size_t count;
    sy_status (*turn)(const struct job *j, syi_party *party, sy_error *err);
    syi_demand demand; /* of the same */
    syi_array x[HOLDERS], y[HOLDERS];
    void *z[HOLDERS];
    sy_context *context;
    double times[TURNS]; /* ms */
    double processor;    /* ms of all threads in all turns */
} job;

static const syi_field field = SYI_FIELD_64;

static sy_status turn_product(const job *j, syi_party *party, sy_error *err)
{
    const int h = party->channel->index;
    const syi_factor x = {&j->x[h], NULL}, y = {&j->y[h], NULL};
    return syi_spdz_product(party, &field, &j->demand.product, j->z[h], &x, &y, err);
}

static sy_status turn_square(const job *j, syi_party *party, sy_error *err)
{
    const int h = party->channel->index;
    return syi_spdz_square(party, &field, j->z[h], j->x[h].storage->data, j->count, err);
}

static sy_status turn_shift(const job *j, syi_party *party, sy_error *err)
{
    const int h = party->channel->index;
    return syi_spdz_shift(party, &field, j->z[h], j->x[h].storage->data, j->count, 16, err);
}

static sy_status turn_divide(const job *j, syi_party *party, sy_error *err)
{
    const int h = party->channel->index;
    return syi_spdz_divide(party, &field, j->z[h], j->x[h].storage->data, j->count, 1000, err);
}

static sy_status turn_comparison(const job *j, syi_party *party, sy_error *err)
{
    const int h = party->channel->index;
    const void *x = j->x[h].storage->data;
    const syi_comparison comparison = {.outcome = j->demand.outcome, .shift = j->demand.shift};
    return j->demand.kind == SYI_MATERIAL_BITS_EQUAL
               ? syi_compare_zero(party, SYI_FAMILY_AUTO, 0, &field, j->z[h], x, j->count, err)
               : syi_compare(party, &comparison, &field, j->z[h], x, j->count, err);
}

static double processor_ms(void)
{
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    return (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) * 1e3 +
           (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) * 1e-3;
}

/* A turn begins when both are there. */
static sy_status meet(syi_party *party, sy_error *err)
{
    const char word = 1;
    void *got = NULL;
    const sy_status status = syi_channel_send(party->channel, &word, 1, err);
    return status == SY_OK
               ? syi_channel_receive(party->channel, 1 - party->channel->index, &got, 1, err)
               : status;
}

static sy_status run(syi_party *party, void *user, sy_error *err)
{
    job *j = user;
    sy_status status = SY_OK;
    for (int k = -WARM; k < TURNS && status == SY_OK; k++) {
        status = meet(party, err);
        if (party->channel->index == 0 && k == 0) {
            j->processor = processor_ms();
        }
        const uint64_t start = syi_clock_now(j->context);
        status = status == SY_OK ? j->turn(j, party, err) : status;
        if (party->channel->index == 0 && k >= 0) {
            j->times[k] = (double)(syi_clock_now(j->context) - start) * 1e-6;
        }
    }
    return status;
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static sy_status take(void *user, int holder, const syi_item *item, const void *bytes, size_t size,
                      sy_error *err)
{
    (void)holder;
    (void)item;
    (void)bytes;
    (void)err;
    *(size_t *)user += size;
    return SY_OK;
}

static double deal_alone(const job *j)
{
    syi_dealer dealer = {.context = j->context, .holders = HOLDERS};
    double times[TURNS];
    size_t dealt = 0;
    for (int k = 0; k < TURNS; k++) {
        const uint64_t start = syi_clock_now(j->context);
        if (syi_deal(&dealer, &j->demand, take, &dealt, NULL) != SY_OK) {
            return 0;
        }
        times[k] = (double)(syi_clock_now(j->context) - start) * 1e-6;
    }
    qsort(times, TURNS, sizeof *times, compare);
    return times[TURNS / 2];
}

static bool measure(job *j, const char *product, int ndim, const int64_t *shape)
{
    const party_threads_options options = {.holders = HOLDERS, .seed = 1};
    sy_error err = SY_ERROR_INIT;
    j->count = 1;
    for (int d = 0; d < ndim; d++) {
        j->count *= (size_t)shape[d];
    }
    for (int h = 0; h < HOLDERS; h++) {
        if (syi_array_new(j->context, &j->x[h], SY_DTYPE_I64, ndim, shape, NULL, &err) != SY_OK ||
            syi_array_new(j->context, &j->y[h], SY_DTYPE_I64, ndim, shape, NULL, &err) != SY_OK) {
            return false;
        }
        memset(j->x[h].storage->data, h + 1, j->count * 8);
        memset(j->y[h].storage->data, h + 3, j->count * 8);
        j->z[h] = aligned_alloc(64, j->count * 8);
        memset(j->z[h], 0, j->count * 8);
    }
    j->demand.item = (syi_item){1, 1};
    j->demand.field = field;
    j->demand.count = j->count;
    if (product != NULL) {
        if (syi_bilinear_of_name(&j->demand.product, product, &field, ndim, shape, ndim, shape,
                                 &err) != SY_OK) {
            return false;
        }
        j->demand.x = syi_operand_of(&j->demand.item, SYI_PART_A, &j->demand.product.x);
        j->demand.y = syi_operand_of(&j->demand.item, SYI_PART_B, &j->demand.product.y);
    }
    party_threads *threads = party_threads_new(j->context, &options);
    const bool good = party_threads_run(threads, run, j);
    if (!good) {
        fprintf(stderr, "%s: %s\n", j->name, party_threads_failure(threads));
    }
    party_threads_free(threads);
    j->processor = processor_ms() - j->processor;
    qsort(j->times, TURNS, sizeof *j->times, compare);
    printf("spdz_%-12s median %8.3f ms  best %8.3f ms  processor %8.3f ms   deal_%-12s %8.3f ms\n",
           j->name, j->times[TURNS / 2], j->times[0], j->processor / TURNS, j->name, deal_alone(j));
    for (int h = 0; h < HOLDERS; h++) {
        syi_array_fini(&j->x[h]);
        syi_array_fini(&j->y[h]);
        free(j->z[h]);
    }
    return good;
}

int main(int argc, char **argv)
{
    const int64_t million = 1000000, many = 100000, square[] = {256, 256};
    const struct {
        job job;
        const char *product;
        int ndim;
        const int64_t *shape;
    } jobs[] = {
        {{.name = "mul_1e6", .turn = turn_product, .demand.kind = SYI_MATERIAL_PRODUCT},
         "mul",
         1,
         &million},
        {{.name = "square_1e6", .turn = turn_square, .demand.kind = SYI_MATERIAL_SQUARE},
         NULL,
         1,
         &million},
        {{.name = "matmul_256", .turn = turn_product, .demand.kind = SYI_MATERIAL_PRODUCT},
         "matmul",
         2,
         square},
        {{.name = "shift_1e6",
          .turn = turn_shift,
          .demand = {.kind = SYI_MATERIAL_SHIFT, .shift = 16}},
         NULL,
         1,
         &million},
        {{.name = "divide_1e6",
          .turn = turn_divide,
          .demand = {.kind = SYI_MATERIAL_DIVIDE, .divisor = 1000}},
         NULL,
         1,
         &million},
        {{.name = "compare_1e5",
          .turn = turn_comparison,
          .demand = {.kind = SYI_MATERIAL_BITS_SIGN, .outcome = SYI_OUTCOME_BIT}},
         NULL,
         1,
         &many},
        {{.name = "relu_1e5",
          .turn = turn_comparison,
          .demand = {.kind = SYI_MATERIAL_BITS_SIGN, .outcome = SYI_OUTCOME_RELU}},
         NULL,
         1,
         &many},
        {{.name = "relu_shift_1e5",
          .turn = turn_comparison,
          .demand = {.kind = SYI_MATERIAL_BITS_SIGN,
                     .outcome = SYI_OUTCOME_RELU_SHIFT,
                     .shift = 16}},
         NULL,
         1,
         &many},
        {{.name = "equal_1e5",
          .turn = turn_comparison,
          .demand = {.kind = SYI_MATERIAL_BITS_EQUAL, .outcome = SYI_OUTCOME_BIT}},
         NULL,
         1,
         &many},
    };
    sy_context *context = NULL;
    bool good = sy_context_new(&context, NULL, NULL) == SY_OK;
    for (size_t k = 0; good && k < sizeof jobs / sizeof *jobs; k++) {
        job j = jobs[k].job;
        j.context = context;
        if (argc < 2 || strstr(j.name, argv[1]) != NULL) {
            good = measure(&j, jobs[k].product, jobs[k].ndim, jobs[k].shape);
        }
    }
    sy_context_free(context);
    return good ? 0 : 1;
}
