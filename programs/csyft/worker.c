/*
 * worker.c - csyft worker: a worker of its own process. It publishes data, listens, and serves until
 * SIGTERM or SIGINT; then it lets running requests finish and exits with 0. SIGHUP makes it read its tokens anew.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <csyft/sharing.h>

#include "cli.h"
#include "descriptors.h"
#include "worker_data.h"

enum { DRAIN_MS = 5000, PEER_RETRY_SECONDS = 1, CONNECTIONS_USUAL = 1024 };

typedef struct peer { /* a --peer NAME=URL */
    char *name;
    const char *url;
    bool reached;
    bool reported; /* said once why it is not reached */
} peer;

typedef struct settings { /* the lists have room for all of argv */
    const char *id;
    const char *log;
    const char **urls;
    size_t url_count;
    worker_data data;
    peer *peers;
    size_t peer_count;
    uint64_t memory_limit;
    int64_t pool_threads;
    const char **admins; /* callers that may administer it */
    size_t admin_count;
    int64_t log_messages;   /* so many are kept; 0: no log */
    bool check_range;       /* of shared values */
    const char *token_file; /* tokens that it takes */
    const char *own_token;  /* file with the one that it shows to peers */
    sy_listen_options listening;
    sy_tls_options tls;
} settings;

/* --- command line ----------------------------------------------------------------------------- */

enum {
    OPTION_ID = WORKER_DATA_OPTIONS, /* behind those of worker_data.h */
    OPTION_LISTEN,
    OPTION_MEMORY_LIMIT,
    OPTION_CHECK_RANGE,
    OPTION_PEER,
    OPTION_ALLOW_INTRODUCTIONS,
    OPTION_POOL_THREADS,
    OPTION_SPIN,
    OPTION_CA,
    OPTION_CERTIFICATE,
    OPTION_KEY,
    OPTION_CLIENTS,
    OPTION_TOKEN_FILE,
    OPTION_TOKEN,
    OPTION_INSECURE,
    OPTION_MESSAGE_LIMIT,
    OPTION_CONNECTIONS,
    OPTION_CALLER_CONNECTIONS,
    OPTION_RATE,
    OPTION_BURST,
    OPTION_CALLER_MEMORY,
    OPTION_OBJECTS,
    OPTION_CALLER_OBJECTS,
    OPTION_QUEUE,
    OPTION_GRACE,
    OPTION_GREETING,
    OPTION_STALL,
    OPTION_ADMIN,
    OPTION_LOG_MESSAGES,
    OPTION_LOG,
};
static const cli_option options[] = {
    WORKER_DATA_OPTION_ROWS,
    {"id", 0, "NAME", "the worker's id"},
    {"listen", 0, "URL", "tcp, tls, ws or wss://HOST:PORT; port 0: any; may be repeated"},
    {"memory-limit", 0, "BYTES", "most that others may make it hold; k, M, G: powers of 1024"},
    {"check-range", 0, NULL, "test mode of sharing: opens values, to see that they fit"},
    {"peer", 0, "NAME=URL", "another worker it exchanges objects with; may be repeated"},
    {"allow-introductions", 0, NULL, "clients on other machines may tell it where workers are"},
    {"pool-threads", 0, "N", "threads that compute; default: one per processor"},
    {"spin", 0, "US", "look for the next request this many microseconds before sleeping"},
    CLI_TLS_OPTIONS,
    {"require-certificates", 0, NULL,
     "on tls:// and wss://, only clients with a certificate from --ca"},
    {"token-file", 0, "FILE",
     "only clients with a certificate or one of these tokens; lines\n"
     "NAME TOKEN [EXPIRES]; see csyft keys --token; SIGHUP: read it anew"},
    {"token", 0, "FILE", "file with the token to show to peers; default: $CSYFT_TOKEN"},
    {"insecure", 0, NULL, "other machines may reach it unencrypted, or unnamed"},
    {"message-limit", 0, "BYTES", "most of one message; default: the memory limit"},
    {"connections", 0, "N", "most at one time and listener; default: 1024"},
    {"caller-connections", 0, "N", "most of one caller, or address while anonymous; default: 256"},
    {"rate", 0, "N", "requests per second of one caller; default: no limit"},
    {"burst", 0, "N", "requests at once after a pause; default: those of a second"},
    {"caller-memory", 0, "BYTES", "most that one caller may make it hold; default: no limit"},
    {"objects", 0, "N", "most that clients may make it hold; default: 1048576"},
    {"caller-objects", 0, "N", "most of one caller; default: no limit"},
    {"send-queue", 0, "BYTES", "most that waits for a client that does not read; default: 1G"},
    {"grace", 0, "SECONDS", "objects of a client that went away live this long; default: 10"},
    {"greeting-time", 0, "SECONDS", "a client must have greeted within this; default: 10"},
    {"stall-time", 0, "SECONDS", "a message that began must bring 64 KiB in each; default: 30"},
    {"admin", 0, "NAME",
     "this caller may see its peers and its log of messages; default: who\n"
     "is on this machine; may be repeated"},
    {"log-messages", 0, "N", "keep a log of the last N messages; see csyft messages"},
    CLI_LOG_OPTION,
    {0},
};

static bool make_room(settings *s, size_t count)
{
    s->urls = calloc(count, sizeof *s->urls);
    s->peers = calloc(count, sizeof *s->peers);
    s->admins = calloc(count, sizeof *s->admins);
    return worker_data_init(&s->data, count) && s->admins && s->urls && s->peers;
}

static void settings_fini(settings *s)
{
    for (size_t k = 0; k < s->peer_count; k++) {
        free(s->peers[k].name);
    }
    worker_data_fini(&s->data);
    free(s->admins);
    free(s->urls);
    free(s->peers);
}

static int add_peer(const cli_verb *verb, settings *s, const char *text)
{
    const char *equals = strchr(text, '=');
    if (equals == NULL || equals == text || equals[1] == '\0') {
        return cli_misuse(verb, "--peer %s: expected NAME=URL", text);
    }
    char *name = strndup(text, (size_t)(equals - text));
    if (name == NULL) {
        return cli_fail(verb, "out of memory");
    }
    s->peers[s->peer_count++] = (peer){.name = name, .url = equals + 1};
    return CLI_OK;
}

static bool take_count(const cli_verb *verb, int key, const char *value, uint64_t most,
                       uint64_t *count)
{
    char what[32];
    int64_t number = 0;
    snprintf(what, sizeof what, "--%s", options[key].name);
    const bool good = cli_parse_integer(verb, what, value, 1, (int64_t)most, &number);
    *count = (uint64_t)number;
    return good;
}

static bool take_seconds(const cli_verb *verb, int key, const char *value, uint32_t *ms)
{
    char what[32];
    double seconds = 0;
    snprintf(what, sizeof what, "--%s", options[key].name);
    const bool good = cli_parse_real(verb, what, value, 0.001, 86400, &seconds);
    *ms = (uint32_t)(seconds * 1000);
    return good;
}

/* The limits of callers. */
static bool take_limit(const cli_verb *verb, sy_listen_options *how, int key, const char *value)
{
    uint64_t count = 0;
    switch (key) {
    case OPTION_MESSAGE_LIMIT:
        return cli_parse_bytes(verb, "--message-limit", value, &how->message_max);
    case OPTION_CALLER_MEMORY:
        return cli_parse_bytes(verb, "--caller-memory", value, &how->memory_per_caller);
    case OPTION_QUEUE:
        return cli_parse_bytes(verb, "--send-queue", value, &how->send_queue_max);
    case OPTION_GRACE:
        return take_seconds(verb, key, value, &how->lease_grace_ms);
    case OPTION_GREETING:
        return take_seconds(verb, key, value, &how->greeting_ms);
    case OPTION_STALL:
        return take_seconds(verb, key, value, &how->stall_ms);
    case OPTION_OBJECTS:
        return take_count(verb, key, value, INT64_MAX, &how->objects_max);
    case OPTION_CALLER_OBJECTS:
        return take_count(verb, key, value, INT64_MAX, &how->objects_per_caller);
    default:
        break;
    }
    if (!take_count(verb, key, value, 1000000, &count)) {
        return false;
    }
    if (key == OPTION_CONNECTIONS) {
        how->connections_max = (unsigned)count;
    } else if (key == OPTION_CALLER_CONNECTIONS) {
        how->connections_per_caller = (unsigned)count;
    } else if (key == OPTION_RATE) {
        how->requests_per_second = (uint32_t)count;
    } else {
        how->request_burst = (uint32_t)count;
    }
    return true;
}

static int take_option(const cli_verb *verb, settings *s, int key, const char *value)
{
    switch (key) {
    case OPTION_ID:
        s->id = value;
        return CLI_OK;
    case OPTION_LISTEN:
        s->urls[s->url_count++] = value;
        return CLI_OK;
    case OPTION_PEER:
        return add_peer(verb, s, value);
    case OPTION_MEMORY_LIMIT:
        return cli_parse_bytes(verb, "--memory-limit", value, &s->memory_limit) ? CLI_OK
                                                                                : CLI_USAGE;
    case OPTION_POOL_THREADS:
        return cli_parse_integer(verb, "--pool-threads", value, 1, 1024, &s->pool_threads)
                   ? CLI_OK
                   : CLI_USAGE;
    case OPTION_SPIN: {
        int64_t spin_us = 0;
        const bool good = cli_parse_integer(verb, "--spin", value, 0, 1000000, &spin_us);
        s->listening.spin_us = (unsigned)spin_us;
        return good ? CLI_OK : CLI_USAGE;
    }
    case OPTION_MESSAGE_LIMIT:
    case OPTION_CONNECTIONS:
    case OPTION_CALLER_CONNECTIONS:
    case OPTION_RATE:
    case OPTION_BURST:
    case OPTION_CALLER_MEMORY:
    case OPTION_OBJECTS:
    case OPTION_CALLER_OBJECTS:
    case OPTION_QUEUE:
    case OPTION_GRACE:
    case OPTION_GREETING:
    case OPTION_STALL:
        return take_limit(verb, &s->listening, key, value) ? CLI_OK : CLI_USAGE;
    case OPTION_TOKEN_FILE:
        s->token_file = value;
        return CLI_OK;
    case OPTION_TOKEN:
        s->own_token = value;
        return CLI_OK;
    case OPTION_INSECURE:
        s->listening.insecure = true;
        return CLI_OK;
    case OPTION_CA:
        s->tls.ca_file = value;
        return CLI_OK;
    case OPTION_CERTIFICATE:
        s->tls.certificate_file = value;
        return CLI_OK;
    case OPTION_KEY:
        s->tls.key_file = value;
        return CLI_OK;
    case OPTION_CLIENTS:
        s->tls.require_client_certificate = true;
        return CLI_OK;
    case OPTION_ADMIN:
        s->admins[s->admin_count++] = value;
        return CLI_OK;
    case OPTION_LOG_MESSAGES:
        return cli_parse_integer(verb, "--log-messages", value, 1, 1 << 20, &s->log_messages)
                   ? CLI_OK
                   : CLI_USAGE;
    case OPTION_CHECK_RANGE:
        s->check_range = true;
        return CLI_OK;
    case OPTION_ALLOW_INTRODUCTIONS:
        s->listening.allow_introductions = true;
        return CLI_OK;
    case OPTION_LOG:
        s->log = value;
        return CLI_OK;
    default:
        return worker_data_take(verb, &s->data, key, value);
    }
}

/* --- serving ---------------------------------------------------------------------------------- */

static bool is_loopback(const char *url)
{
    static const char *const hosts[] = {"127.", "localhost:", "localhost/", "[::1]"};
    const char *host = strstr(url, "://");
    for (size_t k = 0; host != NULL && k < sizeof hosts / sizeof hosts[0]; k++) {
        if (strncmp(host + 3, hosts[k], strlen(hosts[k])) == 0) {
            return true;
        }
    }
    return false;
}

static sy_status listen_at(const cli_session *session, const settings *s, const char *url,
                           sy_error *err)
{
    const char *bound = NULL;
    const sy_status status = sy_worker_listen(session->worker, url, &s->listening, &bound, err);
    if (status != SY_OK) {
        return status;
    }
    const bool encrypted = strncmp(bound, "tls://", 6) == 0 || strncmp(bound, "wss://", 6) == 0;
    const bool asks = s->token_file != NULL || (encrypted && s->tls.require_client_certificate);
    if (!is_loopback(bound) && !(encrypted && asks)) {
        cli_warn(session->verb, "%s: %s", bound,
                 encrypted
                     ? "clients need not say who they are: whoever reaches it may use this worker"
                 : asks ? "not encrypted: whoever is on the way reads tokens and data"
                        : "neither encrypted nor authenticated: whoever reaches it may use this "
                          "worker");
    }
    printf("listening on %s\n", bound);
    return SY_OK;
}

static sy_status set_administration(const cli_session *session, const settings *s, sy_error *err)
{
    sy_message_log_options logging = SY_MESSAGE_LOG_OPTIONS_INIT;
    logging.messages_max = (size_t)s->log_messages;
    sy_hook_check_shared_range(session->hook, s->check_range);
    logging.bytes_max = SIZE_MAX; /* the number bounds it */
    sy_status status = SY_OK;
    if (s->admin_count > 0) {
        status = sy_worker_permit_administration(session->worker, s->admins, s->admin_count, err);
    }
    if (status == SY_OK && s->log_messages > 0) {
        status = sy_worker_log_messages(session->worker, &logging, err);
    }
    return status;
}

/* Everything in its order: data and releases are there before the first client is. */
static int start(const cli_session *session, const settings *s)
{
    sy_error err = SY_ERROR_INIT;
    const int code = worker_data_publish(session, &s->data);
    if (code != CLI_OK) {
        return code;
    }
    if (s->token_file != NULL &&
        sy_worker_load_tokens(session->worker, s->token_file, &err) != SY_OK) {
        return cli_report(session->verb, &err);
    }
    if (set_administration(session, s, &err) != SY_OK) {
        return cli_report(session->verb, &err);
    }
    for (size_t k = 0; k < s->url_count; k++) {
        if (listen_at(session, s, s->urls[k], &err) != SY_OK) {
            cli_report(session->verb, &err);
            return err.status == SY_EINVAL ? CLI_USAGE
                                           : CLI_FAILED; /* no URL; or the system's no */
        }
    }
    if (fflush(stdout) != 0) {
        return cli_fail(session->verb, "standard output: %s", strerror(errno));
    }
    return CLI_OK;
}

/* Workers that name each other as peers start in any order, so each is tried until it is there. Returns
 * how many are still to be reached. */
static size_t reach_peers(const cli_session *session, settings *s)
{
    size_t missing = 0;
    for (size_t k = 0; k < s->peer_count; k++) {
        peer *p = &s->peers[k];
        if (p->reached) {
            continue;
        }
        sy_worker *worker = NULL;
        sy_error err = SY_ERROR_INIT;
        sy_connect_options how = SY_CONNECT_OPTIONS_INIT;
        how.id = p->name;
        how.connect_timeout_ms = 1000;
        cli_session_use_token(session, &how);
        p->reached = sy_worker_connect(session->hook, &worker, p->url, &how, &err) == SY_OK;
        if (!p->reached && !p->reported) {
            cli_warn(session->verb, "peer %s is not there yet, trying on: %s", p->name,
                     err.message);
            p->reported = true;
        }
        missing += !p->reached;
    }
    return missing;
}

/* A file that cannot be taken leaves everything as it was. */
static void reload_tokens(const cli_session *session, const settings *s)
{
    sy_error err = SY_ERROR_INIT;
    if (sy_worker_reload_tokens(session->worker, s->token_file, &err) != SY_OK) {
        cli_warn(session->verb, "the tokens stay as they were: %s", err.message);
    }
}

static void serve(const cli_session *session, settings *s, const sigset_t *signals)
{
    const struct timespec retry = {.tv_sec = PEER_RETRY_SECONDS};
    for (;;) {
        const size_t missing = reach_peers(session, s);
        const int signal_number =
            missing > 0 ? sigtimedwait(signals, NULL, &retry) : sigwaitinfo(signals, NULL);
        if (signal_number == SIGHUP) {
            reload_tokens(session, s);
        } else if (signal_number > 0) {
            return;
        }
    }
}

static int run_settings(const cli_verb *verb, settings *s)
{
    /* The signals are blocked before the library starts a thread, so that only serve sees them. */
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    if (s->token_file != NULL) {
        sigaddset(&signals, SIGHUP);
    }
    sigprocmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);

    const unsigned connections = s->listening.connections_max;
    cli_raise_descriptors(
        verb, (uint64_t)(connections != 0 ? connections : CONNECTIONS_USUAL) * s->url_count,
        connections != 0);

    cli_session session;
    const cli_session_options how = {.id = s->id,
                                     .log = s->log,
                                     .is_server = true,
                                     .pool_threads = (unsigned)s->pool_threads,
                                     .memory_limit = s->memory_limit,
                                     .token_file = s->own_token,
                                     .insecure = s->listening.insecure,
                                     .tls = s->tls};
    int code = cli_session_open(&session, verb, &how);
    if (code == CLI_OK) {
        session.worker = sy_hook_get_local_worker(session.hook);
        code = start(&session, s);
    }
    if (code == CLI_OK) {
        serve(&session, s, &signals);
    }
    /* Who asks twice does not want to wait. */
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    sigprocmask(SIG_UNBLOCK, &signals, NULL);
    if (session.worker != NULL) {
        sy_worker_stop_listening(session.worker, DRAIN_MS);
    }
    cli_session_close(&session);
    return code;
}

static int run_worker(const cli_verb *verb, int argc, char **argv)
{
    settings s = {.tls = SY_TLS_OPTIONS_INIT, .listening = SY_LISTEN_OPTIONS_INIT};
    cli_parser parser = cli_parse(verb, argc, argv);
    int code = make_room(&s, (size_t)argc) ? CLI_OK : cli_fail(verb, "out of memory");
    int key;
    while (code == CLI_OK && (key = cli_next(&parser)) != CLI_END) {
        code = take_option(verb, &s, key, parser.value);
    }
    if (code == CLI_OK && (parser.over || !cli_expect_operands(&parser, 0, 0))) {
        code = parser.exit_code;
    } else if (code == CLI_OK && (s.id == NULL || s.url_count == 0)) {
        code = cli_misuse(verb, "--%s is missing", s.id == NULL ? "id NAME" : "listen URL");
    } else if (code == CLI_OK) {
        code = run_settings(verb, &s);
    }
    settings_fini(&s);
    return code;
}

const cli_verb cli_worker = {
    .name = "worker",
    .operands = "",
    .summary = "run a worker until SIGTERM or SIGINT",
    .details = "Prints one line 'listening on URL' per --listen once it can be reached.\n\n"
               "  csyft worker --id bob --listen tcp://127.0.0.1:7700 \\\n"
               "      --data x.npy --tag '#digits' --tag '#x' --private --release sgd_:8\n"
               "  csyft worker --id alice --listen tcp://127.0.0.1:7701 \\\n"
               "      --dataset digits=images.idx,labels.idx --tag '#digits' \\\n"
               "      --transform 'scale 255' --transform flatten --target-transform int64 \\\n"
               "      --release-rows 32\n",
    .options = options,
    .run = run_worker,
};
