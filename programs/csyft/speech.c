/* speech.c - what the program says: sentences about failures, help, text that came from a peer. */
#include <stdarg.h>
#include <string.h>

#include "cli.h"

/* Length of the well-formed UTF-8 sequence at `text`, 0 when there is none. */
static size_t sequence_length(const unsigned char *text)
{
    const size_t length = text[0] < 0x80   ? 1
                          : text[0] < 0xc2 ? 0
                          : text[0] < 0xe0 ? 2
                          : text[0] < 0xf0 ? 3
                          : text[0] < 0xf5 ? 4
                                           : 0;
    for (size_t k = 1; k < length; k++) {
        if ((text[k] & 0xc0) != 0x80) {
            return 0;
        }
    }
    return length;
}

void cli_print_clean(FILE *file, const char *text)
{
    const unsigned char *at = (const unsigned char *)text;
    while (*at != 0) {
        const size_t length = sequence_length(at);
        const bool control = at[0] < 0x20 || at[0] == 0x7f || (at[0] == 0xc2 && at[1] < 0xa0);
        if (length == 0 || control) {
            fputc('?', file);
        } else {
            fwrite(at, 1, length, file);
        }
        at += length == 0 ? 1 : length;
    }
}

SY_PRINTF(3, 0)
static void say(const cli_verb *verb, const char *kind, const char *format, va_list arguments)
{
    char sentence[2048];
    vsnprintf(sentence, sizeof sentence, format, arguments);
    flockfile(stderr);
    if (verb == NULL) {
        fprintf(stderr, "csyft: %s", kind);
    } else {
        fprintf(stderr, "csyft %s: %s", verb->name, kind);
    }
    cli_print_clean(stderr, sentence);
    fputc('\n', stderr);
    funlockfile(stderr);
}

int cli_fail(const cli_verb *verb, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say(verb, "", format, arguments);
    va_end(arguments);
    return CLI_FAILED;
}

void cli_warn(const cli_verb *verb, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say(verb, "warning: ", format, arguments);
    va_end(arguments);
}

void cli_note(const cli_verb *verb, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say(verb, "", format, arguments);
    va_end(arguments);
}

int cli_misuse(const cli_verb *verb, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say(verb, "", format, arguments);
    va_end(arguments);
    fprintf(stderr, "Try 'csyft help%s%s'.\n", verb == NULL ? "" : " ",
            verb == NULL ? "" : verb->name);
    return CLI_USAGE;
}

int cli_report(const cli_verb *verb, const sy_error *err)
{
    const char *sentence = err->message[0] != '\0' ? err->message : sy_status_text(err->status);
    const bool add_worker = err->worker[0] != '\0' && strstr(sentence, err->worker) == NULL;
    const bool add_object = err->object[0] != '\0' && strstr(sentence, err->object) == NULL;
    return cli_fail(verb, "%s%s%s%s%s%s%s", add_worker ? "worker " : "",
                    add_worker ? err->worker : "", add_worker ? ": " : "",
                    add_object ? "object " : "", add_object ? err->object : "",
                    add_object ? ": " : "", sentence);
}

/* The help of an option may have several lines. */
static void print_option(FILE *file, const cli_option *option)
{
    enum { COLUMN = 30 };
    char left[64];
    const int length = snprintf(
        left, sizeof left, "  %c%c%s --%s%s%s", option->letter != 0 ? '-' : ' ',
        option->letter != 0 ? option->letter : ' ', option->letter != 0 ? "," : " ", option->name,
        option->value != NULL ? " " : "", option->value != NULL ? option->value : "");
    fprintf(file, "%s%s%*s", left, length < COLUMN ? "" : "\n",
            length < COLUMN ? COLUMN - length : COLUMN, "");
    for (const char *at = option->help; *at != '\0'; at++) {
        fputc(*at, file);
        if (*at == '\n') {
            fprintf(file, "%*s", COLUMN, "");
        }
    }
    fputc('\n', file);
}

void cli_print_help(FILE *file, const cli_verb *verb)
{
    const bool has_operands = verb->operands != NULL && verb->operands[0] != '\0';
    fprintf(file, "usage: csyft %s [OPTION...]%s%s\n\n%s\n", verb->name, has_operands ? " " : "",
            has_operands ? verb->operands : "", verb->summary);
    if (verb->details != NULL) {
        fprintf(file, "\n%s", verb->details);
    }
    fputs("\noptions:\n", file);
    for (const cli_option *option = verb->options; option != NULL && option->name; option++) {
        print_option(file, option);
    }
    print_option(file, &(cli_option){"help", 'h', NULL, "print this text"});
}
