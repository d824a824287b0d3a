/* train_json.c - a round of csyft train as a line of JSON, for programs that watch a training. */
#include <math.h>
#include <stdlib.h>

#include "train.h"

/* Text that may come from a peer, in quotes: without control characters and malformed UTF-8. */
static void print_text(const char *text)
{
    char *clean = NULL;
    size_t size = 0;
    FILE *memory = open_memstream(&clean, &size);
    putchar('"');
    if (memory != NULL) {
        cli_print_clean(memory, text);
        fclose(memory);
        for (size_t k = 0; k < size; k++) {
            if (clean[k] == '"' || clean[k] == '\\') {
                putchar('\\');
            }
            putchar(clean[k]);
        }
        free(clean);
    }
    putchar('"');
}

static void print_real(double value)
{
    if (isfinite(value)) {
        printf("%.9g", value);
    } else {
        fputs("null", stdout);
    }
}

static void print_left_out(const train *t, const sy_shard_report *reports)
{
    bool first = true;
    fputs(", \"left_out\": [", stdout);
    for (size_t k = 0; k < t->count; k++) {
        if (reports[k].asked && !reports[k].counted) {
            char name[CLI_ID_SIZE];
            const sy_id id = sy_worker_get_id(t->workers[k]);
            sy_id_format(&id, name, sizeof name);
            fputs(first ? "{\"worker\": " : ", {\"worker\": ", stdout);
            print_text(name);
            fputs(", \"why\": ", stdout);
            print_text(reports[k].why.message);
            putchar('}');
            first = false;
        }
    }
    putchar(']');
}

void train_print_json(const train *t, const sy_shard_report *reports, bool evaluated)
{
    const sy_round_report *round = &t->training.report;
    const sy_evaluation *e = &t->training.evaluation;
    size_t asked = 0;
    for (size_t k = 0; k < t->count; k++) {
        asked += reports[k].asked ? 1 : 0;
    }
    printf("{\"round\": %lld, \"seconds\": ", (long long)t->training.done);
    print_real(round->seconds);
    printf(", \"asked\": %zu, \"counted\": %zu, \"rows\": %lld, \"loss\": ", asked, round->counted,
           (long long)round->rows);
    print_real(round->loss);
    if (evaluated) {
        printf(", \"test_rows\": %lld, \"test_loss\": ", (long long)e->rows);
        print_real(e->loss);
        fputs(", \"test_accuracy\": ", stdout);
        print_real(e->right >= 0 ? (double)e->right / (double)e->rows : (double)NAN);
    }
    print_left_out(t, reports);
    puts("}");
    fflush(stdout);
}
