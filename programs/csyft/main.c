/* main.c - the table of verbs of the program csyft. Each verb is described and run by its own file. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "cli.h"

static const cli_verb help_verb, version_verb;

static const cli_verb *const verbs[] = {
    &cli_worker, &cli_keys, &cli_demo,  &cli_whoami,   &cli_ls,       &cli_search, &cli_send,
    &cli_call,   &cli_get,  &cli_rm,    &cli_peers,    &cli_messages, &cli_query,  &cli_ledger,
#ifdef CSYFT_PROGRAM_HAS_BENCH
    &cli_bench,
#endif
    &cli_model,  &cli_plan, &cli_train, &version_verb, &help_verb,
};
enum { VERB_COUNT = sizeof verbs / sizeof verbs[0] };

static const cli_verb *find_verb(const char *name)
{
    for (size_t k = 0; k < VERB_COUNT; k++) {
        if (strcmp(verbs[k]->name, name) == 0) {
            return verbs[k];
        }
    }
    return NULL;
}

static void print_overview(FILE *file)
{
    fputs("usage: csyft VERB [OPTION...] ...\n\n"
          "Tensors that live in other processes: run a worker, or talk to one.\n\n"
          "verbs:\n",
          file);
    for (size_t k = 0; k < VERB_COUNT; k++) {
        fprintf(file, "  %-8s %s\n", verbs[k]->name, verbs[k]->summary);
    }
    fputs("\nA URL is tcp://, tls://, ws:// or wss://HOST:PORT. 'csyft help VERB' says "
          "more.\n"
          "Exit codes: 0 success, 1 failure, 2 wrong command line.\n",
          file);
}

static int run_help(const cli_verb *verb, int argc, char **argv)
{
    cli_parser parser = cli_parse(verb, argc, argv);
    while (cli_next(&parser) != CLI_END) {
    }
    if (parser.over || !cli_expect_operands(&parser, 0, 1)) {
        return parser.exit_code;
    }
    if (parser.operand == argc) {
        print_overview(stdout);
        return CLI_OK;
    }
    const cli_verb *about = find_verb(argv[parser.operand]);
    if (about == NULL) {
        return cli_misuse(NULL, "%s: there is no such verb", argv[parser.operand]);
    }
    cli_print_help(stdout, about);
    return CLI_OK;
}

static int run_version(const cli_verb *verb, int argc, char **argv)
{
    cli_parser parser = cli_parse(verb, argc, argv);
    while (cli_next(&parser) != CLI_END) {
    }
    if (parser.over || !cli_expect_operands(&parser, 0, 0)) {
        return parser.exit_code;
    }
    printf("csyft %s, wire %d-%d\n", sy_version(), SY_WIRE_REVISION_MIN, SY_WIRE_REVISION_MAX);
    return CLI_OK;
}

static const cli_verb help_verb = {
    .name = "help",
    .operands = "[VERB]",
    .summary = "explain a verb",
    .run = run_help,
};

static const cli_verb version_verb = {
    .name = "version",
    .operands = "",
    .summary = "print the versions of library and wire format",
    .run = run_version,
};

/* Results of 0.3 to 16 MB come and go with every operation. By default glibc gives such memory back to the system
 * each time, and touching it anew costs more than computing it (add_1e6 of `csyft bench`: a third less with this).
 * What is kept is at most 32 MB. MALLOC_TRIM_THRESHOLD_ and MALLOC_MMAP_THRESHOLD_ still override it. */
static void keep_freed_memory(void)
{
#ifdef __GLIBC__
    if (getenv("MALLOC_TRIM_THRESHOLD_") == NULL && getenv("MALLOC_MMAP_THRESHOLD_") == NULL) {
        mallopt(M_MMAP_THRESHOLD, 16 << 20);
        mallopt(M_TRIM_THRESHOLD, 32 << 20);
    }
#endif
}

int main(int argc, char **argv)
{
    keep_freed_memory();
    if (argc < 2) {
        print_overview(stderr);
        return CLI_USAGE;
    }
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
        name = "help";
    } else if (strcmp(name, "--version") == 0) {
        name = "version";
    }
    const cli_verb *verb = find_verb(name);
    if (verb == NULL) {
        return cli_misuse(NULL, "%s: there is no such verb", name);
    }
    const int code = verb->run(verb, argc - 1, argv + 1);
    /* A full disk shows only now. */
    if (fflush(stdout) != 0 || ferror(stdout)) {
        return cli_fail(verb, "standard output: %s", strerror(errno));
    }
    return code;
}
