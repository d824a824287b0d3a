/*
 * fss_bench.c - comparisons by function secret sharing: two holders and the provider on threads of one process, what a command
 * takes from its beginning until the first holder has its share, and what the provider takes for the same by itself. The
 * results are checked. Keys alone: fss/fixed_keys_bench.c.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/surroundings.h"
#include "crypto/fss.h"
#include "support/party_threads.h"

enum { TURNS = 15, WARM = 2, HOLDERS = 2 };

typedef struct job {
    const char *name;
    syi_field field;
    syi_outcome outcome; /* NONE: equality */
    unsigned shift;
    size_t count;
    sy_context *context;
    uint64_t *x[HOLDERS], *z[HOLDERS];
    double times[TURNS]; /* ms */
} job;

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

static sy_status turn(const job *j, syi_party *party, sy_error *err)
{
    const int h = party->channel->index;
    const syi_comparison comparison = {
        .family = SYI_FAMILY_FSS, .outcome = j->outcome, .shift = j->shift};
    return j->outcome == SYI_OUTCOME_NONE
               ? syi_compare_zero(party, SYI_FAMILY_FSS, 0, &j->field, j->z[h], j->x[h], j->count,
                                  err)
               : syi_compare(party, &comparison, &j->field, j->z[h], j->x[h], j->count, err);
}

static sy_status run(syi_party *party, void *user, sy_error *err)
{
    job *j = user;
    sy_status status = SY_OK;
    for (int k = -WARM; k < TURNS && status == SY_OK; k++) {
        status = meet(party, err);
        const uint64_t start = syi_clock_now(j->context);
        status = status == SY_OK ? turn(j, party, err) : status;
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

/* ms, and the bytes to each holder on average. */
static double deal_alone(const job *j, size_t *bytes)
{
    const bool equal = j->outcome == SYI_OUTCOME_NONE;
    const syi_dealer dealer = {.context = j->context, .holders = HOLDERS};
    const syi_demand demand = {.kind = equal ? SYI_MATERIAL_FSS_EQUAL : SYI_MATERIAL_FSS_SIGN,
                               .item = {1, 1},
                               .field = j->field,
                               .count = j->count,
                               .shift = j->shift,
                               .outcome = equal ? SYI_OUTCOME_BIT : j->outcome};
    double times[TURNS];
    for (int k = 0; k < TURNS; k++) {
        const uint64_t start = syi_clock_now(j->context);
        *bytes = 0;
        if (syi_deal(&dealer, &demand, take, bytes, NULL) != SY_OK) {
            return 0;
        }
        times[k] = (double)(syi_clock_now(j->context) - start) * 1e-6;
    }
    *bytes /= HOLDERS;
    qsort(times, TURNS, sizeof *times, compare);
    return times[TURNS / 2];
}

static uint64_t word_at(const syi_field *field, const void *words, size_t k)
{
    return field->width == 4 ? ((const uint32_t *)words)[k] : ((const uint64_t *)words)[k];
}

/* x is 100 and -100 in turns. */
static void fill(const job *j)
{
    for (size_t k = 0; k < j->count; k++) {
        const int64_t x = k % 2 == 0 ? 100 : -100, share = (int64_t)(k * 0x9e3779b97f4a7c15);
        for (int h = 0; h < HOLDERS; h++) {
            const uint64_t word = (uint64_t)(h == 0 ? share : x) - (h == 0 ? 0 : (uint64_t)share);
            if (j->field.width == 4) {
                ((uint32_t *)j->x[h])[k] = (uint32_t)word;
            } else {
                j->x[h][k] = word;
            }
        }
    }
}

static bool is_right(const job *j)
{
    for (size_t k = 0; k < j->count; k++) {
        uint64_t z = word_at(&j->field, j->z[0], k) + word_at(&j->field, j->z[1], k);
        z = j->field.width == 4 ? (uint32_t)z : z;
        const bool positive = k % 2 == 0;
        const uint64_t expected = j->outcome == SYI_OUTCOME_NONE || !positive ? 0
                                  : j->outcome == SYI_OUTCOME_BIT             ? 1
                                                                              : 100 >> j->shift;
        if (z != expected &&
            !(j->outcome == SYI_OUTCOME_RELU_SHIFT && positive && z == expected + 1)) {
            fprintf(stderr, "%s: element %zu: %" PRIu64 "\n", j->name, k, z);
            return false;
        }
    }
    return true;
}

static bool measure(job *j)
{
    const party_threads_options options = {.holders = HOLDERS, .seed = 1};
    const size_t size = (j->count * 8 + 63) / 64 * 64;
    for (int h = 0; h < HOLDERS; h++) {
        j->x[h] = aligned_alloc(64, size);
        j->z[h] = aligned_alloc(64, size);
        memset(j->z[h], 0, size);
    }
    fill(j);
    party_threads *threads = party_threads_new(j->context, &options);
    bool good = party_threads_run(threads, run, j);
    if (!good) {
        fprintf(stderr, "%s: %s\n", j->name, party_threads_failure(threads));
    }
    good = good && is_right(j);
    party_threads_free(threads);
    qsort(j->times, TURNS, sizeof *j->times, compare);
    size_t bytes = 0;
    const double alone = deal_alone(j, &bytes);
    printf("fss_%-12s median %8.3f ms  best %8.3f ms   provider alone %8.3f ms  %6.1f B per "
           "element to a holder\n",
           j->name, j->times[TURNS / 2], j->times[0], alone, (double)bytes / (double)j->count);
    for (int h = 0; h < HOLDERS; h++) {
        free(j->x[h]);
        free(j->z[h]);
    }
    return good;
}

int main(int argc, char **argv)
{
    job jobs[] = {
        {"compare_1e5", SYI_FIELD_64, SYI_OUTCOME_BIT, .count = 100000},
        {"relu_1e3", SYI_FIELD_64, SYI_OUTCOME_RELU, .count = 1000},
        {"relu_1e4", SYI_FIELD_64, SYI_OUTCOME_RELU, .count = 10000},
        {"relu_1e5", SYI_FIELD_64, SYI_OUTCOME_RELU, .count = 100000},
        {"relu_shift_1e5", SYI_FIELD_64, SYI_OUTCOME_RELU_SHIFT, 3, .count = 100000},
        {"equal_1e5", SYI_FIELD_64, SYI_OUTCOME_NONE, .count = 100000},
        {"relu32_1e5", SYI_FIELD_32, SYI_OUTCOME_RELU, .count = 100000},
    };
    sy_context *context = NULL;
    bool good = sy_context_new(&context, NULL, NULL) == SY_OK;
    for (size_t k = 0; good && k < sizeof jobs / sizeof *jobs; k++) {
        jobs[k].context = context;
        if (argc < 2 || strstr(jobs[k].name, argv[1]) != NULL) {
            good = measure(&jobs[k]);
        }
    }
    sy_context_free(context);
    return good ? 0 : 1;
}
