/*
 * cli.h - what the verbs of the program share: a row of the table of verbs, options, exit codes, the
 * session with the library, and how something is said to the user. Tests: tests/cli/.
 *
 * Results go to standard output, everything else to standard error, one sentence per failure:
 * "csyft get: worker bob: object 42: ...". Text that came from a peer is printed without its control
 * characters.
 */
#ifndef CSYFT_PROGRAM_CLI_H
#define CSYFT_PROGRAM_CLI_H

#include <stdio.h>

#include <csyft/csyft.h>

enum {
    CLI_OK = 0,
    CLI_FAILED = 1, /* the library or the system said no */
    CLI_USAGE = 2,  /* the command line makes no sense */
};

typedef struct cli_option {
    const char *name;  /* "output", typed as --output */
    char letter;       /* 'o', typed as -o; 0: none */
    const char *value; /* what follows it, for the help ("FILE"); NULL: nothing follows */
    const char *help;
} cli_option;

typedef struct cli_verb {
    const char *name;
    const char *operands;      /* for the help: "URL ID..." */
    const char *summary;       /* one line */
    const char *details;       /* more help, ending in a newline; NULL: none */
    const cli_option *options; /* ended by a row without name; NULL: none */
    int (*run)(const struct cli_verb *verb, int argc, char **argv); /* argv[0] is the verb */
} cli_verb;

extern const cli_verb cli_worker, cli_demo, cli_keys;
extern const cli_verb cli_whoami, cli_ls, cli_search, cli_send, cli_call, cli_get, cli_rm;
extern const cli_verb cli_peers, cli_messages;
extern const cli_verb cli_query, cli_ledger;
#ifdef CSYFT_PROGRAM_HAS_BENCH
extern const cli_verb cli_bench; /* bench.c */
#endif
extern const cli_verb cli_model, cli_plan, cli_train;

/* Options every verb that talks to the library takes; rows for its table, keys for its switch. */
#define CLI_LOG_OPTION                                                         \
    {                                                                          \
        "log", 0, "FILTER",                                                    \
            "log lines on standard error: info, debug, transport=debug,...;\n" \
            "default: $CSYFT_LOG, or warning"                                  \
    }
#define CLI_TLS_OPTIONS                                                                   \
    {"ca", 0, "FILE", "PEM: authorities to trust on tls and wss; default: the system's"}, \
        {"certificate", 0, "FILE", "PEM: what to show on tls://, with --key"},            \
    {                                                                                     \
        "key", 0, "FILE", "PEM: its private key"                                          \
    }
#define CLI_TOKEN_OPTIONS                                                                     \
    {"token", 0, "FILE", "file with the token that says who this is; default: $CSYFT_TOKEN"}, \
    {                                                                                         \
        "insecure", 0, NULL, "the token may travel unencrypted to another machine"            \
    }
#define CLI_TIMEOUT_OPTION                                                           \
    {                                                                                \
        "timeout", 0, "SECONDS", "give up on a request after this long; default: 60" \
    }

/* Goes through argv: index of the next option in verb->options, or CLI_END. After CLI_END the operands
 * stand in argv[operand..argc), or the verb is over with `exit_code` (help was asked for, or misuse). */
enum { CLI_END = -1 };
typedef struct cli_parser {
    const cli_verb *verb;
    int argc;
    char **argv;
    const char *value;
    int operand;
    bool over;
    int exit_code;
} cli_parser;
cli_parser cli_parse(const cli_verb *verb, int argc, char **argv);
int cli_next(cli_parser *parser);
/* false after saying so when the number of operands is outside [min, max]; max -1: any. */
bool cli_expect_operands(cli_parser *parser, int min, int max);

/* Numbers as typed; false after saying what is wrong with them ("--rounds abc: ..."). */
bool cli_parse_integer(const cli_verb *verb, const char *what, const char *text, int64_t min,
                       int64_t max, int64_t *number);
bool cli_parse_real(const cli_verb *verb, const char *what, const char *text, double min,
                    double max, double *number);
bool cli_parse_bytes(const cli_verb *verb, const char *what, const char *text, uint64_t *bytes);

/* "csyft VERB: sentence" on standard error. Both return the exit code: CLI_FAILED, CLI_USAGE. */
int cli_fail(const cli_verb *verb, const char *format, ...) SY_PRINTF(2, 3);
int cli_misuse(const cli_verb *verb, const char *format, ...) SY_PRINTF(2, 3);
/* The same for a failure of the library: names worker and object where its sentence does not. */
int cli_report(const cli_verb *verb, const sy_error *err);
void cli_warn(const cli_verb *verb, const char *format, ...) SY_PRINTF(2, 3);
void cli_note(const cli_verb *verb, const char *format, ...) SY_PRINTF(2, 3); /* nothing is wrong */
/* Without control characters and malformed UTF-8. */
void cli_print_clean(FILE *file, const char *text);

void cli_print_help(FILE *file, const cli_verb *verb);

/* A context and a hook, and the worker that a hand tool talks to. */
typedef struct cli_session {
    const cli_verb *verb;
    sy_context *context;
    sy_hook *hook;
    sy_worker *worker; /* borrowed from the hook */
    char token[260];   /* "": none */
    bool insecure;
} cli_session;

typedef struct cli_session_options {
    const char *id;  /* of the local worker; NULL: one that no other client has */
    const char *log; /* NULL: $CSYFT_LOG */
    bool is_server;
    unsigned pool_threads;
    uint64_t memory_limit;
    sy_tls_options tls;
    const char *token_file; /* what to show to others; NULL: $CSYFT_TOKEN */
    bool insecure;
} cli_session_options;

/* All return CLI_OK, or another exit code after saying why; close is due in any case. */
int cli_session_open(cli_session *session, const cli_verb *verb,
                     const cli_session_options *options);
/* With the session's token. */
void cli_session_use_token(const cli_session *session, sy_connect_options *options);
int cli_session_connect(cli_session *session, const char *url, double timeout_seconds);
void cli_session_close(cli_session *session);

#endif
