/* bench.c - csyft bench: measures csyft against its limits. The scenarios are in bench/. */
#include "bench.h"

#include <string.h>

enum { OPTION_JSON, OPTION_QUICK, OPTION_LIST };

static const cli_option options[] = {
    [OPTION_JSON] = {"json", 0, NULL, "one line of JSON per scenario instead of a table"},
    [OPTION_QUICK] = {"quick", 0, NULL, "a few short samples: does everything work?"},
    [OPTION_LIST] = {"list", 0, NULL, "print the scenarios and end"},
    {NULL, 0, NULL, NULL},
};

static const bench_scenario *find_scenario(const char *name)
{
    for (size_t k = 0; k < bench_scenario_count; k++) {
        if (strcmp(bench_scenarios[k]->name, name) == 0) {
            return bench_scenarios[k];
        }
    }
    return NULL;
}

static void print_list(void)
{
    for (size_t k = 0; k < bench_scenario_count; k++) {
        printf("%-24s %s\n", bench_scenarios[k]->name, bench_scenarios[k]->summary);
    }
}

static int run_one(const bench *b, const bench_scenario *scenario, bool json)
{
    bench_result result = {.check = false};
    int code = scenario->run(b, scenario, &result);
    if (code != CLI_OK) {
        return code;
    }
    if (json) {
        bench_print_json(scenario, &result);
    } else {
        bench_print_row(scenario, &result);
    }
    return result.check ? CLI_OK : cli_fail(b->verb, "%s: the result is wrong", scenario->name);
}

/* The named ones in the order in which they are named, or all. A wrong result does not stop the others. */
static int run_all(const bench *b, char *const *names, int name_count, bool json)
{
    int code = CLI_OK;
    if (!json) {
        bench_print_header();
    }
    const size_t count = name_count > 0 ? (size_t)name_count : bench_scenario_count;
    for (size_t k = 0; k < count; k++) {
        const int one =
            run_one(b, name_count > 0 ? find_scenario(names[k]) : bench_scenarios[k], json);
        code = code == CLI_OK ? one : code;
    }
    return code;
}

static int run_bench(const cli_verb *verb, int argc, char **argv)
{
    bench b = {.verb = verb};
    bool json = false, list = false;
    cli_parser parser = cli_parse(verb, argc, argv);
    int key;
    while ((key = cli_next(&parser)) != CLI_END) {
        json |= key == OPTION_JSON;
        b.quick |= key == OPTION_QUICK;
        list |= key == OPTION_LIST;
    }
    if (parser.over || !cli_expect_operands(&parser, 0, -1)) {
        return parser.exit_code;
    }
    for (int k = parser.operand; k < argc; k++) {
        if (find_scenario(argv[k]) == NULL) {
            return cli_misuse(verb, "%s: there is no such scenario; --list prints them", argv[k]);
        }
    }
    if (list) {
        print_list();
        return CLI_OK;
    }
    return run_all(&b, argv + parser.operand, argc - parser.operand, json);
}

const cli_verb cli_bench = {
    .name = "bench",
    .operands = "[SCENARIO...]",
    .summary = "measure csyft against what the machine could do",
    .details =
        "Each scenario is measured in turns with its limit: raw sockets with equal bytes, a bare\n"
        "libwebsockets server, memcpy, OpenBLAS. Workers and servers are processes of their own "
        "on\n"
        "loopback. Every result is checked; a wrong one is exit code 1, a missed goal is not.\n",
    .options = options,
    .run = run_bench,
};
