/* options.c - the options and numbers of a command line, by the table of the verb. */
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

enum { OPTION_MAX = 48, KEY_FIRST = 256, KEY_HELP = KEY_FIRST + OPTION_MAX };

cli_parser cli_parse(const cli_verb *verb, int argc, char **argv)
{
    optind = 0; /* glibc: start anew */
    opterr = 0;
    return (cli_parser){.verb = verb, .argc = argc, .argv = argv, .operand = argc};
}

/* What getopt_long wants to know of the verb's table. Keys are KEY_FIRST + index; returns their number. */
static int make_tables(const cli_verb *verb, struct option longs[OPTION_MAX + 2],
                       char letters[2 * OPTION_MAX + 4])
{
    int count = 0;
    size_t length = 0;
    letters[length++] = ':'; /* tells a missing value from an unknown option */
    for (const cli_option *row = verb->options; row != NULL && row->name != NULL; row++) {
        if (count == OPTION_MAX) {
            break;
        }
        longs[count] =
            (struct option){row->name, row->value == NULL ? no_argument : required_argument, NULL,
                            KEY_FIRST + count};
        count++;
        if (row->letter != 0) {
            letters[length++] = row->letter;
            if (row->value != NULL) {
                letters[length++] = ':';
            }
        }
    }
    letters[length++] = 'h';
    letters[length] = '\0';
    longs[count] = (struct option){"help", no_argument, NULL, KEY_HELP};
    longs[count + 1] = (struct option){NULL, 0, NULL, 0};
    return count;
}

static int stop(cli_parser *parser, int exit_code)
{
    parser->over = true;
    parser->exit_code = exit_code;
    return CLI_END;
}

int cli_next(cli_parser *parser)
{
    const cli_verb *verb = parser->verb;
    struct option longs[OPTION_MAX + 2];
    char letters[2 * OPTION_MAX + 4];
    const int count = make_tables(verb, longs, letters);
    const int before = optind == 0 ? 1 : optind;
    const int key = getopt_long(parser->argc, parser->argv, letters, longs, NULL);
    parser->value = optarg;
    if (key == -1) {
        parser->operand = optind;
        return CLI_END;
    }
    if (key == 'h' || key == KEY_HELP) {
        cli_print_help(stdout, verb);
        return stop(parser, CLI_OK);
    }
    if (key >= KEY_FIRST) {
        return key - KEY_FIRST;
    }
    for (int k = 0; k < count && key != ':' && key != '?'; k++) {
        if (verb->options[k].letter == key) {
            return k;
        }
    }
    /* A cluster of letters does not move optind before its end. */
    const char *word = parser->argv[optind > before ? optind - 1 : before];
    if (key == ':') {
        return stop(parser, cli_misuse(verb, "%s: a value must follow", word));
    }
    return stop(parser,
                cli_misuse(verb, "%s: there is no such option, or it takes no value", word));
}

bool cli_expect_operands(cli_parser *parser, int min, int max)
{
    const int count = parser->argc - parser->operand;
    if (count >= min && (max < 0 || count <= max)) {
        return true;
    }
    const char *operands = parser->verb->operands;
    if (max == 0) {
        cli_misuse(parser->verb, "%s: takes options only", parser->argv[parser->operand]);
    } else {
        cli_misuse(parser->verb, "%s: expected %s",
                   count < min ? "too few words" : "too many words", operands);
    }
    stop(parser, CLI_USAGE);
    return false;
}

bool cli_parse_integer(const cli_verb *verb, const char *what, const char *text, int64_t min,
                       int64_t max, int64_t *number)
{
    char *end;
    errno = 0;
    const long long value = strtoll(text, &end, 10);
    if (end == text || *end != '\0' || errno != 0 || value < min || value > max) {
        cli_misuse(verb, "%s %s: expected a whole number from %lld to %lld", what, text,
                   (long long)min, (long long)max);
        return false;
    }
    *number = value;
    return true;
}

bool cli_parse_real(const cli_verb *verb, const char *what, const char *text, double min,
                    double max, double *number)
{
    char *end;
    errno = 0;
    const double value = strtod(text, &end);
    if (end == text || *end != '\0' || errno != 0 || isnan(value) || value < min || value > max) {
        cli_misuse(verb, "%s %s: expected a number from %g to %g", what, text, min, max);
        return false;
    }
    *number = value;
    return true;
}

bool cli_parse_bytes(const cli_verb *verb, const char *what, const char *text, uint64_t *bytes)
{
    static const struct {
        const char *suffix;
        uint64_t factor;
    } units[] = {{"", 1},
                 {"k", UINT64_C(1) << 10},
                 {"K", UINT64_C(1) << 10},
                 {"M", UINT64_C(1) << 20},
                 {"G", UINT64_C(1) << 30},
                 {"T", UINT64_C(1) << 40}};
    char *end;
    errno = 0;
    const unsigned long long value = strtoull(text, &end, 10);
    if (end != text && errno == 0 && text[0] >= '0' && text[0] <= '9') {
        for (size_t k = 0; k < sizeof units / sizeof units[0]; k++) {
            if (strcmp(end, units[k].suffix) == 0 && value <= UINT64_MAX / units[k].factor) {
                *bytes = value * units[k].factor;
                return true;
            }
        }
    }
    cli_misuse(verb, "%s %s: expected a number of bytes, with k, M, G or T for powers of 1024",
               what, text);
    return false;
}
