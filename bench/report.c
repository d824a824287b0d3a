/* report.c - the lines that `csyft bench` prints. Read by bench/table and tests/cli/bench.py. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"

#if defined(__clang__)
#define COMPILER "clang " __clang_version__
#else
#define COMPILER "gcc " __VERSION__
#endif

double bench_ratio(const bench_result *result)
{
    return result->limit > 0 ? result->median / result->limit : 0;
}

bool bench_is_met(const bench_scenario *scenario, const bench_result *result)
{
    switch (scenario->goal) {
    case BENCH_MOST:
        return result->median <= scenario->most;
    case BENCH_MOST_RATIO:
        return result->limit > 0 && bench_ratio(result) <= scenario->most;
    default:
        return true;
    }
}

static void format_goal(const bench_scenario *scenario, char *text, size_t size)
{
    text[0] = '\0';
    if (scenario->goal == BENCH_MOST) {
        snprintf(text, size, "<= %g %s", scenario->most, scenario->unit);
    } else if (scenario->goal == BENCH_MOST_RATIO) {
        snprintf(text, size, "<= %.3g x limit", scenario->most);
    }
}

/* "AMD EPYC, 2 cores" */
static void find_machine(char *text, size_t size)
{
    char line[256];
    char name[128] = "unknown processor";
    FILE *file = fopen("/proc/cpuinfo", "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, "model name", 10) == 0 && strchr(line, ':') != NULL) {
            const char *at = strchr(line, ':') + 1;
            at += strspn(at, " ");
            snprintf(name, sizeof name, "%.*s", (int)strcspn(at, "\n"), at);
            break;
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    snprintf(text, size, "%s, %ld cores", name, sysconf(_SC_NPROCESSORS_ONLN));
}

/* The instruction set that csyft's kernels choose here. */
static const char *kernel_set(void)
{
    const char *cap = getenv("CSYFT_KERNELS");
#if defined(__x86_64__)
    const bool wide = cap == NULL || strcmp(cap, "avx512") == 0;
    if (wide && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq")) {
        return "avx512";
    }
    if ((wide || strcmp(cap, "avx2") == 0) && __builtin_cpu_supports("avx2") &&
        __builtin_cpu_supports("fma")) {
        return "avx2";
    }
#endif
    (void)cap;
    return "generic";
}

/* Our own texts and a processor's name: nothing in them but quotes and backslashes needs an escape. */
static void print_text(const char *key, const char *text)
{
    printf("\"%s\": ", key);
    if (text[0] == '\0') {
        printf("null, ");
        return;
    }
    putchar('"');
    for (const char *at = text; *at != '\0'; at++) {
        if (*at == '"' || *at == '\\') {
            putchar('\\');
        }
        putchar((unsigned char)*at < 0x20 ? ' ' : *at);
    }
    printf("\", ");
}

static const char *met_text(const bench_scenario *scenario, const bench_result *result)
{
    if (scenario->goal == BENCH_NO_GOAL) {
        return "null";
    }
    return bench_is_met(scenario, result) ? "true" : "false";
}

void bench_print_json(const bench_scenario *scenario, const bench_result *result)
{
    char goal[64];
    char machine[192];
    double load = 0;
    format_goal(scenario, goal, sizeof goal);
    find_machine(machine, sizeof machine);
    (void)getloadavg(&load, 1);
    putchar('{');
    print_text("scenario", scenario->name);
    printf("\"median\": %.6g, \"min\": %.6g, ", result->median, result->min);
    print_text("unit", scenario->unit);
    print_text("limit_name", scenario->limit_name);
    if (result->limit > 0) {
        printf("\"limit\": %.6g, \"ratio\": %.4g, ", result->limit, bench_ratio(result));
    } else {
        printf("\"limit\": null, \"ratio\": null, ");
    }
    print_text("goal", goal);
    printf("\"met\": %s, \"bytes\": %llu, \"rounds\": %g, ", met_text(scenario, result),
           (unsigned long long)result->bytes, result->rounds);
    printf("\"dealt\": %llu, \"offline\": %g, ", (unsigned long long)result->dealt,
           result->offline);
    print_text("kernels", kernel_set());
    print_text("machine", machine);
    print_text("compiler", COMPILER ", " CSYFT_BENCH_FLAGS);
    printf("\"load\": %.2f, \"check\": %s}\n", load, result->check ? "true" : "false");
    fflush(stdout);
}

#define ROW "%-24s %10s %10s %-3s %10s %7s  %-16s %-6s %s\n"

void bench_print_header(void)
{
    char machine[192];
    find_machine(machine, sizeof machine);
    printf("%s; %s; kernels %s\n\n", machine, COMPILER ", " CSYFT_BENCH_FLAGS, kernel_set());
    printf(ROW, "scenario", "median", "min", "", "limit", "ratio", "goal", "met", "limit is");
}

/* Four digits, without an exponent. */
static void format_value(double value, char *text, size_t size)
{
    snprintf(text, size, value >= 1000 ? "%.0f" : "%.4g", value);
}

void bench_print_row(const bench_scenario *scenario, const bench_result *result)
{
    char median[32], min[32], limit[32], ratio[32], goal[64];
    format_value(result->median, median, sizeof median);
    format_value(result->min, min, sizeof min);
    format_value(result->limit, limit, sizeof limit);
    snprintf(ratio, sizeof ratio, "%.3g", bench_ratio(result));
    format_goal(scenario, goal, sizeof goal);
    const char *met = scenario->goal == BENCH_NO_GOAL  ? ""
                      : bench_is_met(scenario, result) ? "yes"
                                                       : "NO";
    printf(ROW, scenario->name, median, min, scenario->unit, result->limit > 0 ? limit : "-",
           result->limit > 0 ? ratio : "-", goal, result->check ? met : "WRONG",
           scenario->limit_name);
    fflush(stdout);
}
