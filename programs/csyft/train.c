/* train.c - csyft train: trains a network on datasets that running workers serve; the command line. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "train.h"

enum {
    OPTION_DATASET = CLI_TOOL_OWN,
    OPTION_LAYERS,
    OPTION_MODEL,
    OPTION_START,
    OPTION_TEST,
    OPTION_EVERY,
    OPTION_LOSS,
    OPTION_ROUNDS,
    OPTION_BATCH,
    OPTION_EPOCHS,
    OPTION_OPTIMIZER,
    OPTION_LR,
    OPTION_MOMENTUM,
    OPTION_DECAY,
    OPTION_PROXIMAL,
    OPTION_STRATEGY,
    OPTION_SERVER_LR,
    OPTION_FRACTION,
    OPTION_MIN_WORKERS,
    OPTION_UPDATE_MAX,
    OPTION_HOLDERS,
    OPTION_NOISE,
    OPTION_CLIP,
    OPTION_SEED,
    OPTION_METRICS,
    OPTION_JSON = OPTION_METRICS + METRICS_OPTION_COUNT,
};
static const cli_option options[] = {
    CLI_TOOL_OPTIONS,
    {"dataset", 0, "KEY", "of the dataset at each worker (csyft worker --dataset)"},
    {"layers", 0, "LAYERS",
     "the network, with commas between: N is a fully connected layer of N\n"
     "outputs, with relu between two; also: linear N, relu, sigmoid, tanh,\n"
     "flatten, batchnorm, conv CHANNELS KERNEL [STRIDE [PADDING]],\n"
     "maxpool KERNEL, avgpool KERNEL"},
    {"model", 'o', "FILE",
     "safetensors, saved after each round; where it is there, the training\n"
     "goes on from it"},
    {"start", 0, "FILE", "begin with the parameters in this model file; default: drawn"},
    {"test", 0, "KEY", "evaluate on this dataset at each worker that has it"},
    {"evaluate-every", 0, "N", "rounds; default: 1"},
    {"loss", 0, "NAME",
     "cross_entropy (default for int64 targets), mse (default for others),\n"
     "l1, binary_cross_entropy (of logits)"},
    {"rounds", 0, "N", "train until so many are done; default: 20"},
    {"batch", 0, "N", "rows of one step; default: 32"},
    {"epochs", 0, "N", "passes over the rows of a worker in each round; default: 1"},
    {"optimizer", 0, "NAME", "sgd (default) or adam, at the workers"},
    {"lr", 0, "X", "its learning rate; default: 0.01 of sgd, 0.001 of adam"},
    {"momentum", 0, "X", "of sgd; default: 0"},
    {"weight-decay", 0, "X", "default: 0"},
    {"proximal", 0, "X",
     "FedProx: how far each step goes back towards the round's model;\n"
     "default: 0"},
    {"strategy", 0, "NAME", "average (FedAvg, default) or adam (FedAdam)"},
    {"server-lr", 0, "X", "of --strategy adam; default: 0.01"},
    {"fraction", 0, "X", "of the workers that take part in a round; default: 1"},
    {"min-workers", 0, "N", "a round needs so many answers; default: 1"},
    {"update-max", 0, "X",
     "leave out a larger change of the model, with --holders clip it;\n"
     "default: 0, no limit"},
    {"holders", 0, "N",
     "the first N workers, 2 or more, add up shares of all changes, so that\n"
     "nobody sees one worker's; default: 0, changes come here"},
    {"noise", 0, "X",
     "DP-SGD: noise of each step as a multiple of --clip, for what workers\n"
     "give from a budget (csyft worker --budget); default: 0"},
    {"clip", 0, "X", "what one row may change in a step, as an L2 norm"},
    {"seed", 0, "N", "of parameters, order of rows, choice of workers; default: 1"},
    METRICS_OPTIONS,
    {"json", 0, NULL, "print a line of JSON for each round"},
    {0}};

static bool is_one_of(const cli_verb *verb, const char *option, const char *value,
                      const char *const *names)
{
    for (const char *const *name = names; *name != NULL; name++) {
        if (strcmp(*name, value) == 0) {
            return true;
        }
    }
    cli_misuse(verb, "--%s %s: there is no such %s", option, value, option);
    return false;
}

/* Names and files. */
static bool take_text(const cli_verb *verb, train_settings *s, int key, const char *value)
{
    static const char *const losses[] = {"cross_entropy", "mse", "l1", "binary_cross_entropy",
                                         NULL};
    static const char *const optimizers[] = {"sgd", "adam", NULL};
    static const char *const strategies[] = {"average", "adam", NULL};
    switch (key) {
    case OPTION_DATASET:
        s->dataset = value;
        return true;
    case OPTION_LAYERS:
        s->layers = value;
        return true;
    case OPTION_MODEL:
        s->model = value;
        return true;
    case OPTION_START:
        s->start = value;
        return true;
    case OPTION_TEST:
        s->test = value;
        return true;
    case OPTION_LOSS:
        s->loss = value;
        return is_one_of(verb, "loss", value, losses);
    case OPTION_OPTIMIZER:
        s->optimizer = value;
        return is_one_of(verb, "optimizer", value, optimizers);
    case OPTION_STRATEGY:
        s->strategy = value;
        return is_one_of(verb, "strategy", value, strategies);
    case OPTION_JSON:
        s->json = true;
        return true;
    default:
        metrics_take(&s->metrics, key - OPTION_METRICS, value);
        return true;
    }
}

static bool take_number(const cli_verb *verb, train_settings *s, int key, const char *value)
{
    static const int64_t most = 1 << 30;
    const struct {
        int key;
        const char *what;
        int64_t min, max;
        int64_t *whole; /* or */
        double *real, from, to;
    } numbers[] = {
        {OPTION_EVERY, "--evaluate-every", 1, most, &s->evaluate_every, NULL, 0, 0},
        {OPTION_ROUNDS, "--rounds", 1, most, &s->rounds, NULL, 0, 0},
        {OPTION_BATCH, "--batch", 1, most, &s->round.fit.batch_size, NULL, 0, 0},
        {OPTION_EPOCHS, "--epochs", 1, most, &s->round.fit.epochs, NULL, 0, 0},
        {OPTION_HOLDERS, "--holders", 0, TRAIN_WORKERS_MAX, &s->holders, NULL, 0, 0},
        {OPTION_SEED, "--seed", 1, INT64_MAX, &s->seed, NULL, 0, 0},
        {OPTION_LR, "--lr", 0, 0, NULL, &s->lr, 1e-9, 1e3},
        {OPTION_MOMENTUM, "--momentum", 0, 0, NULL, &s->momentum, 0, 1},
        {OPTION_DECAY, "--weight-decay", 0, 0, NULL, &s->weight_decay, 0, 1},
        {OPTION_PROXIMAL, "--proximal", 0, 0, NULL, &s->round.fit.proximal, 0, 0.999999},
        {OPTION_SERVER_LR, "--server-lr", 0, 0, NULL, &s->round.lr, 1e-9, 1e3},
        {OPTION_FRACTION, "--fraction", 0, 0, NULL, &s->round.fraction, 1e-6, 1},
        {OPTION_NOISE, "--noise", 0, 0, NULL, &s->round.fit.noise_multiplier, 0, 1e6},
        {OPTION_CLIP, "--clip", 0, 0, NULL, &s->round.fit.clip, 1e-12, 1e12},
        {OPTION_UPDATE_MAX, "--update-max", 0, 0, NULL, &s->round.update_max, 0, 1e30},
    };
    int64_t workers;
    for (size_t k = 0; k < sizeof numbers / sizeof numbers[0]; k++) {
        if (numbers[k].key == key) {
            return numbers[k].whole != NULL
                       ? cli_parse_integer(verb, numbers[k].what, value, numbers[k].min,
                                           numbers[k].max, numbers[k].whole)
                       : cli_parse_real(verb, numbers[k].what, value, numbers[k].from,
                                        numbers[k].to, numbers[k].real);
        }
    }
    if (key != OPTION_MIN_WORKERS) {
        return take_text(verb, s, key, value);
    }
    if (!cli_parse_integer(verb, "--min-workers", value, 1, TRAIN_WORKERS_MAX, &workers)) {
        return false;
    }
    s->round.min_workers = (size_t)workers;
    return true;
}

/* What belongs together. */
static bool check(const cli_verb *verb, const train_settings *s, int64_t workers)
{
    const char *missing = s->dataset == NULL  ? "--dataset KEY"
                          : s->layers == NULL ? "--layers LAYERS"
                          : s->model == NULL  ? "--model FILE"
                                              : NULL;
    const long long share = llround(s->round.fraction * (double)workers),
                    least = (long long)s->round.min_workers, asked = share > least ? share : least;
    if (missing != NULL) {
        cli_misuse(verb, "%s is missing", missing);
    } else if (s->momentum > 0 && strcmp(s->optimizer, "sgd") != 0) {
        cli_misuse(verb, "--momentum: belongs to --optimizer sgd");
    } else if ((s->round.fit.noise_multiplier > 0) != (s->round.fit.clip > 0)) {
        cli_misuse(verb, "--noise and --clip belong together");
    } else if (s->holders == 1 || s->holders > workers) {
        cli_misuse(verb, "--holders %lld: from 2 to the number of workers, %lld",
                   (long long)s->holders, (long long)workers);
    } else if (s->holders > 0 && asked < (long long)s->round.aggregate_min) {
        cli_misuse(verb,
                   "--holders: sums of fewer than %zu workers' changes are not told, and %lld take "
                   "part in a round",
                   s->round.aggregate_min, asked);
    } else if ((int64_t)s->round.min_workers > workers) {
        cli_misuse(verb, "--min-workers %zu: there are %lld", s->round.min_workers,
                   (long long)workers);
    } else {
        return true;
    }
    return false;
}

/* A round is one request: --timeout is for that, too. */
static bool connect_all(train *t)
{
    cli_tool *tool = t->tool;
    if (!cli_tool_connect(tool)) {
        return false;
    }
    for (size_t k = 0; k < t->count; k++) {
        if (k > 0) {
            tool->exit_code = cli_session_connect(&tool->session, tool->operands[k], tool->timeout);
        }
        if (tool->exit_code != CLI_OK) {
            return false;
        }
        t->workers[k] = tool->session.worker;
        for (size_t j = 0; j < k; j++) {
            if (t->workers[j] == t->workers[k]) {
                tool->exit_code = cli_misuse(tool->verb, "%s is the same worker as %s",
                                             tool->operands[k], tool->operands[j]);
                return false;
            }
        }
    }
    return true;
}

static int run_all(train *t)
{
    const size_t count = t->count;
    t->workers = calloc(count, sizeof *t->workers);
    t->shards = calloc(count, sizeof *t->shards);
    t->tests = calloc(count, sizeof *t->tests);
    t->left_out = calloc(count, sizeof *t->left_out);
    int code = CLI_FAILED;
    if (t->workers == NULL || t->shards == NULL || t->tests == NULL || t->left_out == NULL) {
        cli_fail(t->tool->verb, "out of memory");
    } else if (connect_all(t)) {
        code = train_run(t);
    } else {
        code = t->tool->exit_code;
    }
    free(t->workers);
    free(t->shards);
    free(t->tests);
    free(t->left_out);
    return code;
}

static int run_train(const cli_verb *verb, int argc, char **argv)
{
    cli_tool tool = cli_tool_begin(verb, argc, argv);
    train t = {.tool = &tool,
               .set = {.optimizer = "sgd",
                       .strategy = "average",
                       .rounds = 20,
                       .evaluate_every = 1,
                       .seed = 1,
                       .round = SY_ROUND_OPTIONS_INIT}};
    for (int key; (key = cli_tool_next(&tool)) != CLI_END;) {
        if (!take_number(verb, &t.set, key, tool.parser.value)) {
            return CLI_USAGE;
        }
    }
    if (!cli_tool_expect(&tool, 1, TRAIN_WORKERS_MAX)) {
        return cli_tool_end(&tool);
    }
    if (!check(verb, &t.set, tool.operand_count)) {
        return CLI_USAGE;
    }
    t.count = (size_t)tool.operand_count;
    tool.exit_code = run_all(&t);
    return cli_tool_end(&tool);
}

const cli_verb cli_train = {
    .name = "train",
    .operands = "URL...",
    .summary = "train a network on datasets that workers serve",
    .details =
        "All workers at the URLs train a copy of the model on their dataset at the same time,\n"
        "round after round, and the model becomes the mean of theirs. Rows stay where they are.\n"
        "The model is saved after each round; the same command goes on from there after it was\n"
        "interrupted or killed, and ends with the same parameters. Workers that fail are left\n"
        "out of a round, with a warning.\n",
    .options = options,
    .run = run_train,
};
