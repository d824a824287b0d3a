/*
 * demo.c - csyft demo: three workers serve private thirds of the digits; a model is trained on all of them, from worker to worker, by
 * averaging, and by averaging over shares, and compared with plain training on the same rows.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "demo.h"

static volatile sig_atomic_t interrupted;

static void note_signal(int number)
{
    interrupted = number;
}

int demo_report(const demo *d, const sy_error *err)
{
    /* An interrupted worker or request is no news to who pressed the key. */
    return interrupted ? CLI_FAILED : cli_report(d->session.verb, err);
}

/* --- command line ----------------------------------------------------------------------------- */

enum {
    OPTION_WORKERS,
    OPTION_SHARDS,
    OPTION_STRATEGY,
    OPTION_TRANSPORT,
    OPTION_ROUNDS,
    OPTION_BATCH,
    OPTION_LR,
    OPTION_SEED,
    OPTION_METRICS,
    OPTION_LOG = OPTION_METRICS + METRICS_OPTION_COUNT,
};
static const cli_option options[] = {
    {"workers", 0, "URL,URL,URL", "train at these running workers instead of starting three"},
    {"shards", 0, "FOLDER", "only write the three shards there, for workers of your own"},
    {"strategy", 0, "NAME", "sequential, fedavg, secure or all (default)"},
    {"transport", 0, "NAME", "tcp (default) or ws, to the workers it starts"},
    {"rounds", 0, "N", "rounds of training; default: 40"},
    {"batch", 0, "N", "rows of one step, at least 8; default: 64"},
    {"lr", 0, "X", "learning rate; default: 0.3"},
    {"seed", 0, "N", "of the parameters and the order of rows; default: 1"},
    METRICS_OPTIONS,
    CLI_LOG_OPTION,
    {0},
};

static int choose(const cli_verb *verb, const char *option, const char *value,
                  const char *const *choices, const char **chosen)
{
    for (; *choices != NULL; choices++) {
        if (strcmp(*choices, value) == 0) {
            *chosen = value;
            return CLI_OK;
        }
    }
    return cli_misuse(verb, "--%s %s: there is no such %s", option, value, option);
}

/* "URL,URL,URL" */
static int split_urls(const cli_verb *verb, settings *s, const char *list)
{
    s->has_urls = true;
    for (int k = 0; k < DIGITS_SHARDS; k++) {
        const size_t length = strcspn(list, ",");
        const bool last = k == DIGITS_SHARDS - 1;
        if (length == 0 || length >= CREW_URL_SIZE || (list[length] == '\0') != last) {
            return cli_misuse(verb, "--workers: expected %d URLs with commas between",
                              DIGITS_SHARDS);
        }
        memcpy(s->urls[k], list, length);
        s->urls[k][length] = '\0';
        list += length + !last;
    }
    return CLI_OK;
}

static int take_option(const cli_verb *verb, settings *s, int key, const char *value)
{
    static const char *const schemes[] = {"tcp", "ws", NULL};
    static const char *const strategies[] = {"sequential", "fedavg", "secure", "all", NULL};
    int64_t number = 0;
    bool good = true;
    switch (key) {
    case OPTION_WORKERS:
        return split_urls(verb, s, value);
    case OPTION_SHARDS:
        s->shards = value;
        break;
    case OPTION_STRATEGY:
        return choose(verb, "strategy", value, strategies, &s->strategy_name);
    case OPTION_TRANSPORT:
        return choose(verb, "transport", value, schemes, &s->scheme);
    case OPTION_ROUNDS:
        good = cli_parse_integer(verb, "--rounds", value, 1, 100000, &s->course.rounds);
        break;
    case OPTION_BATCH:
        good = cli_parse_integer(verb, "--batch", value, DIGITS_ROWS_MIN, 400, &s->course.batch);
        break;
    case OPTION_LR:
        good = cli_parse_real(verb, "--lr", value, 1e-6, 100, &s->course.lr);
        break;
    case OPTION_SEED:
        good = cli_parse_integer(verb, "--seed", value, 0, INT64_MAX, &number);
        s->course.seed = (uint64_t)number;
        break;
    case OPTION_LOG:
        s->log = value;
        break;
    default:
        metrics_take(&s->metrics, key - OPTION_METRICS, value);
    }
    return good ? CLI_OK : CLI_USAGE;
}

/* --- the workers and their rows ---------------------------------------------------------------- */

/* The shards lie on disk only until the workers have read them. */
static int start_crew(demo *d)
{
    const char *parent = getenv("TMPDIR");
    char folder[DIGITS_PATH_SIZE / 2];
    const int length = snprintf(folder, sizeof folder, "%s/csyft-demo-XXXXXX",
                                parent != NULL && parent[0] != '\0' ? parent : "/tmp");
    if (length >= (int)sizeof folder || mkdtemp(folder) == NULL) {
        return cli_fail(d->session.verb, "a folder for the shards, %s: %s", folder,
                        strerror(errno));
    }
    int code = digits_write_shards(&d->session, &d->data, folder);
    if (code == CLI_OK) {
        code = crew_start(&d->crew, d->session.verb, folder, d->set.scheme, DIGITS_ROWS_MIN);
    }
    for (int k = 0; k < DIGITS_SHARDS; k++) {
        char path[DIGITS_PATH_SIZE];
        unlink(digits_shard_path(path, folder, k, 'x'));
        unlink(digits_shard_path(path, folder, k, 'y'));
    }
    if (rmdir(folder) != 0) {
        cli_warn(d->session.verb, "%s: %s", folder, strerror(errno));
    }
    return code;
}

static int connect_to(demo *d, int k, const char *url)
{
    sy_error err = SY_ERROR_INIT;
    sy_connect_options how = SY_CONNECT_OPTIONS_INIT;
    cli_session_use_token(&d->session, &how); /* $CSYFT_TOKEN */
    if (sy_worker_connect(d->session.hook, &d->workers[k], url, &how, &err) != SY_OK) {
        return demo_report(d, &err);
    }
    const sy_id id = sy_worker_get_id(d->workers[k]);
    sy_id_format(&id, d->names[k], sizeof d->names[k]);
    for (int j = 0; j < k; j++) {
        if (d->workers[j] == d->workers[k]) {
            return cli_misuse(d->session.verb, "--workers: %s is worker %s again", url,
                              d->names[k]);
        }
    }
    return CLI_OK;
}

static int connect_to_workers(demo *d)
{
    int code = CLI_OK;
    for (int k = 0; code == CLI_OK && k < DIGITS_SHARDS; k++) {
        code = connect_to(d, k, d->set.has_urls ? d->set.urls[k] : d->crew.urls[k]);
    }
    return code;
}

/* The worker's one dataset with the tag; checks that it is a shard of the digits. */
static int find_dataset(demo *d, int k)
{
    static const char *const terms[] = {"#digits"};
    sy_object_info *found = NULL;
    size_t count = 0;
    sy_dataset_info info;
    sy_error err = SY_ERROR_INIT;
    if (sy_worker_find(d->workers[k], &found, &count, terms, 1, &err) != SY_OK) {
        return demo_report(d, &err);
    }
    if (count == 1) {
        d->ids[k] = found[0].id;
    }
    sy_object_infos_free(d->session.hook, found, count);
    if (count != 1) {
        return cli_fail(d->session.verb,
                        "worker %s: %zu objects are tagged #digits, expected one dataset; start it "
                        "with the files of --shards",
                        d->names[k], count);
    }
    sy_id_format(&d->ids[k], d->keys[k], sizeof d->keys[k]);
    d->shards[k] = (sy_shard){d->workers[k], d->keys[k]};
    const sy_status status = sy_shard_get_info(&d->shards[k], &info, &err);
    if (status == SY_ENOTFOUND) {
        return cli_fail(d->session.verb,
                        "worker %s: what is tagged #digits is no dataset; start it with --dataset",
                        d->names[k]);
    }
    if (status != SY_OK) {
        return demo_report(d, &err);
    }
    if (info.ndim != 2 || info.shape[1] != DIGITS_PIXELS || info.dtype != SY_DTYPE_F32 ||
        info.target_ndim != 1 || info.target_dtype != SY_DTYPE_I64) {
        return cli_fail(d->session.verb, "worker %s: dataset %s is no shard of the digits",
                        d->names[k], d->keys[k]);
    }
    printf("  %-8s %5lld rows in the dataset %s, found by search for #digits\n", d->names[k],
           (long long)info.rows, d->keys[k]);
    d->rows += info.rows;
    return CLI_OK;
}

static int find_rows(demo *d)
{
    int64_t expected = 0;
    for (int k = 0; k < DIGITS_SHARDS; k++) {
        const int code = find_dataset(d, k);
        if (code != CLI_OK) {
            return code;
        }
        expected += d->data.shards[k].count;
    }
    if (d->rows != expected) {
        return cli_fail(d->session.verb,
                        "the workers hold %lld rows together, the demo's shards %lld: start them "
                        "with the files of --shards",
                        (long long)d->rows, (long long)expected);
    }
    return CLI_OK;
}

/* Rows must not come out. */
static int show_refusal(const demo *d)
{
    for (int k = 0; k < DIGITS_SHARDS; k++) {
        sy_tensor *pointer = NULL, *rows = NULL;
        sy_error err = SY_ERROR_INIT;
        sy_status status =
            sy_tensor_point_to(d->session.hook, &pointer, d->workers[k], &d->ids[k], &err);
        if (status == SY_OK) {
            status = sy_tensor_copy_get(pointer, &rows, &err);
        }
        sy_tensor_unref(rows);
        sy_tensor_unref(pointer);
        if (status == SY_OK) {
            return cli_fail(d->session.verb, "worker %s gives its rows away", d->names[k]);
        }
        if (status != SY_EPERM) {
            return demo_report(d, &err);
        }
        if (k == 0) {
            fputs("\nasking for the rows themselves is refused:\n  ", stdout);
            cli_print_clean(stdout, err.message);
            putchar('\n');
        }
    }
    return CLI_OK;
}

/* --- the course of the demo --------------------------------------------------------------------- */

static int run_connected(demo *d)
{
    sy_error err = SY_ERROR_INIT;
    sy_tensor *test_x = NULL, *test_y = NULL;
    int code = connect_to_workers(d);
    if (code == CLI_OK) {
        puts(d->set.has_urls ? "three workers that serve private rows:"
                             : "started three workers that serve private rows:");
        code = find_rows(d);
    }
    if (code == CLI_OK) {
        code = show_refusal(d);
    }
    if (code == CLI_OK) {
        if (digits_make_tensors(d->session.hook, &d->data.held_out, &test_x, &test_y, &err) !=
            SY_OK) {
            code = demo_report(d, &err);
        }
        d->set.course.test_x = test_x;
        d->set.course.test_y = test_y;
    }
    if (code == CLI_OK) {
        code = demo_train(d);
    }
    sy_tensor_unref(test_x);
    sy_tensor_unref(test_y);
    return code;
}

static int write_shards(const demo *d)
{
    if (mkdir(d->set.shards, 0700) != 0 && errno != EEXIST) {
        return cli_fail(d->session.verb, "%s: %s", d->set.shards, strerror(errno));
    }
    const int code = digits_write_shards(&d->session, &d->data, d->set.shards);
    for (int k = 0; code == CLI_OK && k < DIGITS_SHARDS; k++) {
        for (const char *part = "xy"; *part != '\0'; part++) {
            char path[DIGITS_PATH_SIZE];
            puts(digits_shard_path(path, d->set.shards, k, *part));
        }
    }
    return code;
}

static int run_settings(const cli_verb *verb, const settings *set)
{
    demo d = {.set = *set, .interrupted = &interrupted};
    const struct sigaction on_signal = {.sa_handler = note_signal, .sa_flags = SA_RESTART};
    sigaction(SIGINT, &on_signal, NULL);
    sigaction(SIGTERM, &on_signal, NULL);

    const cli_session_options how = {.log = set->log, .pool_threads = 1};
    int code = cli_session_open(&d.session, verb, &how);
    d.set.course.hook = d.session.hook;
    if (code == CLI_OK) {
        code = digits_load(&d.session, &d.data);
    }
    if (code == CLI_OK && set->shards != NULL) {
        code = write_shards(&d);
    } else if (code == CLI_OK) {
        code = set->has_urls ? CLI_OK : start_crew(&d);
        if (code == CLI_OK) {
            code = run_connected(&d);
        }
    }
    digits_free(&d.data);
    cli_session_close(&d.session);
    const int end = crew_stop(&d.crew);
    if (interrupted) {
        /* End as the signal would have ended us, now that all is tidy. */
        signal(interrupted, SIG_DFL);
        raise(interrupted);
    }
    return code != CLI_OK ? code : end;
}

static int run_demo(const cli_verb *verb, int argc, char **argv)
{
    settings set = {
        .scheme = "tcp",
        .strategy_name = "all",
        .course = {.rounds = 40, .batch = 64, .lr = 0.3, .seed = 1},
    };
    cli_parser parser = cli_parse(verb, argc, argv);
    int key;
    while ((key = cli_next(&parser)) != CLI_END) {
        const int code = take_option(verb, &set, key, parser.value);
        if (code != CLI_OK) {
            return code;
        }
    }
    if (parser.over || !cli_expect_operands(&parser, 0, 0)) {
        return parser.exit_code;
    }
    return run_settings(verb, &set);
}

const cli_verb cli_demo = {
    .name = "demo",
    .operands = "",
    .summary = "train a model on the private rows of three workers",
    .details =
        "Starts the workers alice, bob and charlie on loopback, each with a private third of\n"
        "1348 handwritten digits. The model, a 64-64-10 network, is trained where the rows are:\n"
        "going from worker to worker, by averaging the workers' models, and by averaging over\n"
        "shares, where nobody sees one worker's model. All are compared with plain training on\n"
        "the same rows. Fails when the accuracy on 449 held-out rows is below 0.93 or more than\n"
        "half a point below plain training. Metrics and plot are of federated averaging, or of\n"
        "the one --strategy.\n",
    .options = options,
    .run = run_demo,
};
