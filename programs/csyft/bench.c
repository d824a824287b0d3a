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

/* The scenarios that go by one name; those without one are run when nothing is named. */
static const struct suite {
    const char *name;
    const bench_scenario *const *scenarios;
    const size_t *count;
} suites[] = {
    {NULL, bench_scenarios, &bench_scenario_count},
    {"mpc", bench_mpc_scenarios, &bench_mpc_scenario_count},
    {"mpc_networks", bench_network_scenarios, &bench_network_scenario_count},
};
enum { SUITES = sizeof suites / sizeof suites[0] };

static const struct suite *find_suite(const char *name)
{
    for (size_t k = 1; k < SUITES; k++) {
        if (strcmp(suites[k].name, name) == 0) {
            return &suites[k];
        }
    }
    return NULL;
}

static const bench_scenario *find_scenario(const char *name)
{
    for (size_t i = 0; i < SUITES; i++) {
        for (size_t k = 0; k < *suites[i].count; k++) {
            if (strcmp(suites[i].scenarios[k]->name, name) == 0) {
                return suites[i].scenarios[k];
            }
        }
    }
    return NULL;
}

static void print_list(void)
{
    for (size_t i = 0; i < SUITES; i++) {
        for (size_t k = 0; k < *suites[i].count; k++) {
            const bench_scenario *scenario = suites[i].scenarios[k];
            printf("%-24s %s%s%s\n", scenario->name, scenario->summary,
                   suites[i].name != NULL ? "; of the suite " : "",
                   suites[i].name != NULL ? suites[i].name : "");
        }
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

static int run_suite(const bench *b, const struct suite *suite, bool json)
{
    int code = CLI_OK;
    for (size_t k = 0; k < *suite->count; k++) {
        const int one = run_one(b, suite->scenarios[k], json);
        code = code == CLI_OK ? one : code;
    }
    return code;
}

/* The named ones in the order in which they are named, or all that belong to no suite. A wrong result does not stop the
 * others. */
static int run_all(const bench *b, char *const *names, int name_count, bool json)
{
    int code = CLI_OK;
    if (!json) {
        bench_print_header();
    }
    if (name_count == 0) {
        return run_suite(b, &suites[0], json);
    }
    for (int k = 0; k < name_count; k++) {
        const struct suite *suite = find_suite(names[k]);
        const int one =
            suite != NULL ? run_suite(b, suite, json) : run_one(b, find_scenario(names[k]), json);
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
        if (find_scenario(argv[k]) == NULL && find_suite(argv[k]) == NULL) {
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
    .operands = "[SCENARIO|SUITE...]",
    .summary = "measure csyft against what the machine could do",
    .details =
        "Each scenario is measured in turns with its limit: raw sockets with equal bytes, a bare\n"
        "libwebsockets server, memcpy, OpenBLAS. Workers and servers are processes of their own "
        "on\n"
        "loopback. Every result is checked; a wrong one is exit code 1, a missed goal is not.\n"
        "The suite mpc measures secret sharing, and mpc_networks the same on networks that a "
        "relay\n"
        "makes slow; they are run when they are named.\n",
    .options = options,
    .run = run_bench,
};
