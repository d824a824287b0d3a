/*
 * tool.h - the course of a hand tool: options, operands, connection, work, end.
 *
 *     cli_tool t = cli_tool_begin(verb, argc, argv);
 *     while ((key = cli_tool_next(&t)) != CLI_END) { ... own options ... }
 *     if (cli_tool_expect(&t, 1, 1) && cli_tool_connect(&t)) { ... t.session.worker ... }
 *     return cli_tool_end(&t);
 *
 * A step that fails says why and sets the exit code; the later ones then do nothing.
 */
#ifndef CSYFT_PROGRAM_TOOL_H
#define CSYFT_PROGRAM_TOOL_H

#include "cli.h"

typedef struct cli_tool {
    const cli_verb *verb;
    cli_parser parser;
    cli_session session;
    char **operands; /* operands[0] is the URL */
    int operand_count;
    const char *log;
    double timeout;
    sy_tls_options tls;
    const char *token_file;
    bool insecure;
    int exit_code;
} cli_tool;

/* First rows of every tool's table; the tool's own follow, with keys from CLI_TOOL_OWN. */
#define CLI_TOOL_OPTIONS CLI_LOG_OPTION, CLI_TIMEOUT_OPTION, CLI_TLS_OPTIONS, CLI_TOKEN_OPTIONS
enum {
    CLI_TOOL_LOG,
    CLI_TOOL_TIMEOUT,
    CLI_TOOL_CA,
    CLI_TOOL_CERTIFICATE,
    CLI_TOOL_KEY,
    CLI_TOOL_TOKEN,
    CLI_TOOL_INSECURE,
    CLI_TOOL_OWN
};

enum { CLI_ID_SIZE = 64 }; /* of an id as text */

cli_tool cli_tool_begin(const cli_verb *verb, int argc, char **argv);
/* The key of the tool's next own option, or CLI_END. */
int cli_tool_next(cli_tool *tool);
bool cli_tool_expect(cli_tool *tool, int min, int max);
bool cli_tool_parse_id(cli_tool *tool, const char *text, sy_id *id);
bool cli_tool_connect(cli_tool *tool);
/* Reports a failure of the library and sets the exit code. */
void cli_tool_report(cli_tool *tool, const sy_error *err);
/* Closes the session; returns the exit code. */
int cli_tool_end(cli_tool *tool);

#endif
