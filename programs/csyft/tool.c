/* tool.c - see tool.h. */
#include "tool.h"

cli_tool cli_tool_begin(const cli_verb *verb, int argc, char **argv)
{
    return (cli_tool){
        .verb = verb, .parser = cli_parse(verb, argc, argv), .tls = SY_TLS_OPTIONS_INIT};
}

int cli_tool_next(cli_tool *tool)
{
    enum { LONGEST = 86400 };
    int key;
    while ((key = cli_next(&tool->parser)) != CLI_END && key < CLI_TOOL_OWN) {
        if (key == CLI_TOOL_LOG) {
            tool->log = tool->parser.value;
        } else if (key == CLI_TOOL_CA) {
            tool->tls.ca_file = tool->parser.value;
        } else if (key == CLI_TOOL_CERTIFICATE) {
            tool->tls.certificate_file = tool->parser.value;
        } else if (key == CLI_TOOL_KEY) {
            tool->tls.key_file = tool->parser.value;
        } else if (key == CLI_TOOL_TOKEN) {
            tool->token_file = tool->parser.value;
        } else if (key == CLI_TOOL_INSECURE) {
            tool->insecure = true;
        } else if (!cli_parse_real(tool->verb, "--timeout", tool->parser.value, 0.001, LONGEST,
                                   &tool->timeout)) {
            tool->parser.over = true;
            tool->parser.exit_code = CLI_USAGE;
            return CLI_END;
        }
    }
    return key;
}

bool cli_tool_expect(cli_tool *tool, int min, int max)
{
    cli_parser *parser = &tool->parser;
    if (parser->over || !cli_expect_operands(parser, min, max)) {
        tool->exit_code = parser->exit_code;
        return false;
    }
    tool->operands = parser->argv + parser->operand;
    tool->operand_count = parser->argc - parser->operand;
    return true;
}

bool cli_tool_parse_id(cli_tool *tool, const char *text, sy_id *id)
{
    sy_error err = SY_ERROR_INIT;
    if (sy_id_parse(id, text, &err) == SY_OK) {
        return true;
    }
    tool->exit_code = cli_misuse(tool->verb, "object %s: %s", text, err.message);
    return false;
}

bool cli_tool_connect(cli_tool *tool)
{
    const cli_session_options options = {.log = tool->log,
                                         .pool_threads = 1,
                                         .tls = tool->tls,
                                         .token_file = tool->token_file,
                                         .insecure = tool->insecure};
    tool->exit_code = cli_session_open(&tool->session, tool->verb, &options);
    if (tool->exit_code == CLI_OK) {
        tool->exit_code = cli_session_connect(&tool->session, tool->operands[0], tool->timeout);
    }
    return tool->exit_code == CLI_OK;
}

void cli_tool_report(cli_tool *tool, const sy_error *err)
{
    tool->exit_code = cli_report(tool->verb, err);
}

int cli_tool_end(cli_tool *tool)
{
    cli_session_close(&tool->session);
    return tool->exit_code;
}
