/* administration.c - looking after a running worker: the workers it knows (peers), its log of messages (messages). */
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "tool.h"

/* --- peers ------------------------------------------------------------------------------------ */

static void print_peers(const sy_worker_info *infos, size_t count)
{
    static const char *const kinds[] = {"local",     "virtual",    "socket",
                                        "websocket", "registered", "custom"};
    for (size_t k = 0; k < count; k++) {
        char id[CLI_ID_SIZE];
        cli_print_clean(stdout, sy_id_format(&infos[k].id, id, sizeof id));
        printf("\t%s\t", kinds[infos[k].kind]);
        cli_print_clean(stdout, infos[k].address[0] != '\0' ? infos[k].address : "-");
        putchar('\n');
    }
}

static int run_peers(const cli_verb *verb, int argc, char **argv)
{
    cli_tool t = cli_tool_begin(verb, argc, argv);
    while (cli_tool_next(&t) != CLI_END) {
    }
    if (cli_tool_expect(&t, 1, 1) && cli_tool_connect(&t)) {
        sy_error err = SY_ERROR_INIT;
        sy_worker_info *infos = NULL;
        size_t count = 0;
        if (sy_worker_find_peers(t.session.worker, &infos, &count, &err) == SY_OK) {
            print_peers(infos, count);
        } else {
            cli_tool_report(&t, &err);
        }
        sy_worker_infos_free(t.session.hook, infos, count);
    }
    return cli_tool_end(&t);
}

static const cli_option peers_options[] = {CLI_TOOL_OPTIONS, {0}};

const cli_verb cli_peers = {
    .name = "peers",
    .operands = "URL",
    .summary = "list the workers that a worker knows",
    .details =
        "A line per worker: id, kind, address. The worker answers who may administer it: clients\n"
        "on its own machine, or those of its --admin.\n",
    .options = peers_options,
    .run = run_peers,
};

/* --- messages --------------------------------------------------------------------------------- */

enum { MESSAGES_START = CLI_TOOL_OWN, MESSAGES_STOP, MESSAGES_FROM };
static const cli_option messages_options[] = {
    CLI_TOOL_OPTIONS,
    {"start", 0, NULL, "begin a new log"},
    {"stop", 0, NULL, "end the log and forget it"},
    {"from", 0, "N", "only messages from this number on"},
    {0},
};

static void print_message(const sy_logged_message *m)
{
    char when[32] = "";
    struct tm at;
    const time_t seconds = (time_t)(m->time_us / 1000000);
    if (gmtime_r(&seconds, &at) != NULL) {
        strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%S", &at);
    }
    printf("%" PRIu64 "\t%s.%06dZ\t%s\t", m->number, when, (int)(m->time_us % 1000000),
           m->received ? "received" : "sent");
    cli_print_clean(stdout, m->kind);
    putchar('\t');
    cli_print_clean(stdout, m->subject[0] != '\0' ? m->subject : "-");
    printf("\t%" PRIu64 "\t", m->size);
    cli_print_clean(stdout, m->peer[0] != '\0' ? m->peer : "-");
    putchar('\t');
    cli_print_clean(stdout, m->address);
    putchar('\n');
}

/* Asking makes messages, too: what is there now is read, not what comes meanwhile. */
static sy_status print_messages(const cli_session *session, uint64_t from, sy_error *err)
{
    uint64_t sent = 0;
    uint64_t received = 0;
    sy_status status = sy_worker_count_messages(session->worker, &sent, &received, err);
    const uint64_t end = sent + received;
    while (status == SY_OK && from < end) {
        sy_logged_message *messages = NULL;
        size_t count = 0;
        status = sy_worker_get_log(session->worker, &messages, &count, from, err);
        for (size_t k = 0; k < count && messages[k].number < end; k++) {
            print_message(&messages[k]);
        }
        from = count > 0 ? messages[count - 1].number + 1 : end;
        sy_logged_messages_free(session->hook, messages, count);
    }
    return status;
}

static int run_messages(const cli_verb *verb, int argc, char **argv)
{
    cli_tool t = cli_tool_begin(verb, argc, argv);
    bool start = false;
    bool stop = false;
    int64_t from = 0;
    int key;
    while ((key = cli_tool_next(&t)) != CLI_END) {
        if (key == MESSAGES_FROM &&
            !cli_parse_integer(verb, "--from", t.parser.value, 0, INT64_MAX, &from)) {
            return CLI_USAGE;
        }
        start = start || key == MESSAGES_START;
        stop = stop || key == MESSAGES_STOP;
    }
    if (!cli_tool_expect(&t, 1, 1)) {
        return t.exit_code;
    }
    if (start && stop) {
        return cli_misuse(verb, "--start or --stop, not both");
    }
    if (cli_tool_connect(&t)) {
        sy_error err = SY_ERROR_INIT;
        sy_worker *worker = t.session.worker;
        const sy_status status = start  ? sy_worker_log_messages(worker, NULL, &err)
                                 : stop ? sy_worker_stop_logging(worker, &err)
                                        : print_messages(&t.session, (uint64_t)from, &err);
        if (status != SY_OK) {
            cli_tool_report(&t, &err);
        }
    }
    return cli_tool_end(&t);
}

const cli_verb cli_messages = {
    .name = "messages",
    .operands = "URL",
    .summary = "print a worker's log of messages, or begin or end it",
    .details =
        "A line per message: number, time, direction, kind, subject, bytes, the worker at the\n"
        "other end as it calls itself, its address. Contents are not in the log. The worker\n"
        "answers who may administer it, as with peers.\n",
    .options = messages_options,
    .run = run_messages,
};
