/* session.c - the program's context, hook, log lines and connection. */
#include <stdlib.h>
#include <unistd.h>

#include "cli.h"

/* "warning: transport: bob: message 17: text" */
static void write_log_line(void *user, sy_log_level level, const char *component,
                           const char *worker, uint64_t message_id, const char *message)
{
    static const char *const names[] = {"error", "warning", "info", "debug"};
    (void)user;
    flockfile(stderr);
    fprintf(stderr, "%s: %s: ", names[level], component);
    if (worker[0] != '\0') {
        cli_print_clean(stderr, worker);
        fputs(": ", stderr);
    }
    if (message_id != 0) {
        fprintf(stderr, "message %llu: ", (unsigned long long)message_id);
    }
    cli_print_clean(stderr, message);
    fputc('\n', stderr);
    funlockfile(stderr);
}

/* The first word of the file. */
static int read_token(cli_session *session, const char *path)
{
    FILE *file = fopen(path, "r");
    const bool read = file != NULL && fscanf(file, "%257s", session->token) == 1;
    if (file != NULL) {
        fclose(file);
    }
    return read ? CLI_OK : cli_fail(session->verb, "%s: there is no token in it", path);
}

/* From a file, or from the environment: other users see the words of a command. */
static int find_token(cli_session *session, const cli_session_options *options)
{
    const char *token = getenv("CSYFT_TOKEN");
    session->insecure = options->insecure;
    if (options->token_file != NULL) {
        return read_token(session, options->token_file);
    }
    if (token != NULL) {
        snprintf(session->token, sizeof session->token, "%s", token);
    }
    return CLI_OK;
}

void cli_session_use_token(const cli_session *session, sy_connect_options *options)
{
    options->token = session->token[0] != '\0' ? session->token : NULL;
    options->insecure = session->insecure;
}

int cli_session_open(cli_session *session, const cli_verb *verb, const cli_session_options *options)
{
    *session = (cli_session){.verb = verb};
    const char *filter = options->log != NULL ? options->log : getenv("CSYFT_LOG");
    sy_error err = SY_ERROR_INIT;
    sy_context_options surroundings = SY_CONTEXT_OPTIONS_INIT;
    surroundings.log = write_log_line;
    surroundings.log_filter = filter;
    surroundings.pool_threads = options->pool_threads;
    if (sy_context_new(&session->context, &surroundings, &err) != SY_OK) {
        cli_report(verb, &err);
        return err.status == SY_EINVAL && filter != NULL ? CLI_USAGE : CLI_FAILED;
    }
    char id[32];
    snprintf(id, sizeof id, "csyft-%ld", (long)getpid());
    sy_hook_options hook = SY_HOOK_OPTIONS_INIT;
    hook.local_worker_id = options->id != NULL ? options->id : id;
    hook.is_client = !options->is_server;
    hook.verbose = filter != NULL;
    hook.memory_limit = options->memory_limit;
    if (sy_hook_new(session->context, &session->hook, &hook, &err) != SY_OK) {
        return cli_report(verb, &err);
    }
    const sy_tls_options *tls = &options->tls;
    if ((tls->ca_file != NULL || tls->certificate_file != NULL || tls->key_file != NULL ||
         tls->require_client_certificate) &&
        sy_hook_set_tls(session->hook, tls, &err) != SY_OK) {
        cli_report(verb, &err);
        return err.status == SY_EINVAL ? CLI_USAGE : CLI_FAILED;
    }
    return find_token(session, options);
}

int cli_session_connect(cli_session *session, const char *url, double timeout_seconds)
{
    sy_error err = SY_ERROR_INIT;
    sy_connect_options options = SY_CONNECT_OPTIONS_INIT;
    cli_session_use_token(session, &options);
    if (timeout_seconds > 0) {
        options.timeout_ms = (uint32_t)(timeout_seconds * 1000);
        options.connect_timeout_ms = options.timeout_ms;
    }
    if (sy_worker_connect(session->hook, &session->worker, url, &options, &err) != SY_OK) {
        cli_report(session->verb, &err);
        /* A text that is no URL is a slip of the fingers; anything else is the world's answer. */
        return err.status == SY_EINVAL ? CLI_USAGE : CLI_FAILED;
    }
    return CLI_OK;
}

void cli_session_close(cli_session *session)
{
    sy_hook_free(session->hook);
    sy_context_free(session->context);
    *session = (cli_session){.verb = session->verb};
}
