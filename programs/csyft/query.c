/* query.c - noisy answers about datasets (query), and what callers have spent (ledger). */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <csyft/queries.h>

#include "tool.h"

enum { EDGES_MAX = 1025 };

/* --- query ------------------------------------------------------------------------------------- */

enum {
    QUERY_MEAN = CLI_TOOL_OWN,
    QUERY_HISTOGRAM,
    QUERY_COLUMN,
    QUERY_TARGETS,
    QUERY_NOISE,
    QUERY_LAPLACE
};
static const cli_option query_options[] = {
    CLI_TOOL_OPTIONS,
    {"mean", 0, "LOWER,UPPER", "means of values that are cut to these bounds"},
    {"histogram", 0, "EDGE,...", "how many rows have a value between these edges"},
    {"column", 0, "N", "of this column, from 0 on; default: all (mean), the only one"},
    {"targets", 0, NULL, "of the targets instead of the rows"},
    {"noise", 0, "M",
     "deviation of the noise, in units of how far one row can move the\n"
     "answer; default: 10"},
    {"laplace", 0, NULL, "Laplace noise, which costs epsilon 1/M, instead of Gaussian"},
    {0},
};

typedef struct query {
    double numbers[EDGES_MAX]; /* bounds or edges */
    size_t count;
    bool histogram, asked;
    sy_query_options options;
    sy_shard shard;
} query;

static bool take_numbers(query *q, const cli_verb *verb, const char *text, bool histogram)
{
    const char *what = histogram ? "--histogram" : "--mean";
    char *copy = strdup(text), *rest = copy;
    bool good = copy != NULL;
    q->count = 0;
    q->histogram = histogram;
    for (const char *one; good && (one = strsep(&rest, ",")) != NULL;) {
        if (q->count == EDGES_MAX) {
            (void)cli_misuse(verb, "%s: more than %d edges", what, EDGES_MAX);
            good = false;
        } else {
            good = cli_parse_real(verb, what, one, -1e100, 1e100, &q->numbers[q->count++]);
        }
    }
    free(copy);
    if (good && (histogram ? q->count < 2 : q->count != 2)) {
        (void)cli_misuse(verb, "%s %s: expected %s", what, text,
                         histogram ? "two edges or more" : "LOWER,UPPER");
        good = false;
    }
    if (good && q->asked) {
        (void)cli_misuse(verb, "one of --mean and --histogram, once");
        good = false;
    }
    q->asked = true;
    return good;
}

static bool take_option(query *q, cli_tool *t, int key)
{
    const char *value = t->parser.value;
    switch (key) {
    case QUERY_MEAN:
    case QUERY_HISTOGRAM:
        return take_numbers(q, t->verb, value, key == QUERY_HISTOGRAM);
    case QUERY_COLUMN:
        return cli_parse_integer(t->verb, "--column", value, 0, INT64_MAX, &q->options.column);
    case QUERY_TARGETS:
        q->options.targets = true;
        return true;
    case QUERY_NOISE:
        return cli_parse_real(t->verb, "--noise", value, 0x1p-18, 0x1p18,
                              &q->options.noise_multiplier);
    default:
        q->options.noise = SY_NOISE_LAPLACE;
        return true;
    }
}

static sy_status print_means(const query *q, sy_error *err)
{
    sy_dataset_info info;
    size_t count = 1;
    double deviation = 0;
    sy_status status = sy_shard_get_info(&q->shard, &info, err);
    const int ndim = q->options.targets ? info.target_ndim : info.ndim;
    for (int k = 1; status == SY_OK && k < ndim && q->options.column < 0; k++) {
        count *= (size_t)(q->options.targets ? info.target_shape[k] : info.shape[k]);
    }
    double *means = calloc(count + 1, sizeof *means);
    if (means == NULL) {
        *err = (sy_error){.status = SY_ENOMEM};
        snprintf(err->message, sizeof err->message, "no memory for %zu means", count);
        status = SY_ENOMEM;
    }
    if (status == SY_OK) {
        status = sy_shard_mean(&q->shard, &q->options, q->numbers[0], q->numbers[1], means, count,
                               &deviation, err);
    }
    for (size_t k = 0; k < count && status == SY_OK; k++) {
        printf("%.9g\t%.3g\n", means[k], deviation);
    }
    free(means);
    return status;
}

static sy_status print_counts(const query *q, sy_error *err)
{
    int64_t counts[EDGES_MAX];
    double deviation = 0;
    const size_t bins = q->count - 1;
    const sy_status status =
        sy_shard_histogram(&q->shard, &q->options, q->numbers, bins, counts, &deviation, err);
    for (size_t k = 0; k < bins && status == SY_OK; k++) {
        printf("%.9g\t%.9g\t%" PRId64 "\t%.3g\n", q->numbers[k], q->numbers[k + 1], counts[k],
               deviation);
    }
    return status;
}

static sy_status print_budget(const query *q, sy_error *err)
{
    sy_budget budget;
    sy_spending spent;
    const sy_status status = sy_shard_get_budget(&q->shard, &budget, &spent, err);
    if (status == SY_OK) {
        printf("%.6g\t%.6g\t%.3g\t%" PRIu64 "\n", spent.epsilon, budget.epsilon, budget.delta,
               spent.charges);
    }
    return status;
}

static int run_query(const cli_verb *verb, int argc, char **argv)
{
    query q = {.options = SY_QUERY_OPTIONS_INIT};
    cli_tool t = cli_tool_begin(verb, argc, argv);
    q.options.noise_multiplier = 10;
    for (int key; (key = cli_tool_next(&t)) != CLI_END;) {
        if (!take_option(&q, &t, key)) {
            return CLI_USAGE;
        }
    }
    if (cli_tool_expect(&t, 2, 2) && cli_tool_connect(&t)) {
        sy_error err = SY_ERROR_INIT;
        q.shard = (sy_shard){t.session.worker, t.operands[1]};
        const sy_status status = !q.asked      ? print_budget(&q, &err)
                                 : q.histogram ? print_counts(&q, &err)
                                               : print_means(&q, &err);
        if (status != SY_OK) {
            cli_tool_report(&t, &err);
        }
    }
    return cli_tool_end(&t);
}

const cli_verb cli_query = {
    .name = "query",
    .operands = "URL KEY",
    .summary = "ask about rows that a worker does not show, with noise",
    .details =
        "KEY is a dataset that the worker serves with a budget (csyft worker --budget).\n"
        "What an answer costs is taken from the caller's; when too little is left, there is no\n"
        "answer. A line per number:\n"
        "  --mean        mean, deviation of its noise; a line per column\n"
        "  --histogram   from, to, rows, deviation\n"
        "  neither       epsilon spent, allowed, delta, answers: nothing is charged\n\n"
        "  csyft query tcp://localhost:7700 patients --mean 0,120 --column 3\n"
        "  csyft query tcp://localhost:7700 patients --targets --histogram -0.5,0.5,1.5\n",
    .options = query_options,
    .run = run_query,
};

/* --- ledger ------------------------------------------------------------------------------------ */

static const cli_option ledger_options[] = {
    {"delta", 0, "D", "epsilon at this delta; default: 1e-6"},
    {0},
};

static void print_account(void *user, const char *data, const char *caller,
                          const sy_spending *spending)
{
    (void)user;
    cli_print_clean(stdout, data);
    putchar('\t');
    cli_print_clean(stdout, caller[0] != '\0' ? caller : "-");
    printf("\t%" PRIu64 "\t%.6g\n", spending->charges, spending->epsilon);
}

static int run_ledger(const cli_verb *verb, int argc, char **argv)
{
    cli_parser parser = cli_parse(verb, argc, argv);
    double delta = 1e-6;
    while (cli_next(&parser) != CLI_END) {
        if (!cli_parse_real(verb, "--delta", parser.value, 1e-300, 0.999, &delta)) {
            return CLI_USAGE;
        }
    }
    if (parser.over || !cli_expect_operands(&parser, 1, 1)) {
        return parser.exit_code;
    }
    sy_error err = SY_ERROR_INIT;
    sy_context *context = NULL;
    sy_ledger *ledger = NULL;
    sy_status status = sy_context_new(&context, NULL, &err);
    if (status == SY_OK) {
        status = sy_ledger_read(context, &ledger, argv[parser.operand], &err);
    }
    if (status == SY_OK) {
        status = sy_ledger_list(ledger, delta, print_account, NULL, &err);
    }
    sy_ledger_unref(ledger);
    sy_context_free(context);
    return status == SY_OK ? CLI_OK : cli_report(verb, &err);
}

const cli_verb cli_ledger = {
    .name = "ledger",
    .operands = "FILE",
    .summary = "list what callers have spent of the budgets of datasets",
    .details =
        "FILE is the --ledger of a worker, which may be running. A line per dataset and caller:\n"
        "dataset, caller (-: did not say who), answers, epsilon.\n",
    .options = ledger_options,
    .run = run_ledger,
};
