/* table_bench.c - nanoseconds per get, put and remove of integer ids, at several table sizes. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/surroundings.h"
#include "core/table.h"

enum { OPERATIONS = 4000000 };

static double per_operation(uint64_t start, uint64_t end)
{
    return (double)(end - start) / OPERATIONS;
}

static bool measure(sy_context *context, uint64_t entries)
{
    syi_table *table = NULL;
    if (syi_table_new(context, &table, NULL) != SY_OK) {
        return false;
    }
    const uint64_t mask = entries - 1; /* an odd factor visits all keys in a scattered order */
    for (uint64_t i = 0; i < entries; i++) {
        const sy_id key = sy_id_from_int((int64_t)((i * 0x9E3779B1) & mask));
        if (syi_table_put(table, &key, table, NULL, NULL) != SY_OK) {
            syi_table_free(table);
            return false;
        }
    }
    uint64_t found = 0;
    const uint64_t start = syi_clock_now(context);
    for (uint64_t i = 0; i < OPERATIONS; i++) {
        const sy_id key = sy_id_from_int((int64_t)((i * 0x85EBCA77) & mask));
        found += syi_table_get(table, &key) != NULL;
    }
    const uint64_t got = syi_clock_now(context);
    for (uint64_t i = 0; i < OPERATIONS; i++) {
        const sy_id fresh = sy_id_from_int((int64_t)(i + entries));
        const sy_id old = sy_id_from_int((int64_t)((i * 0x9E3779B1) & mask));
        found += syi_table_put(table, &fresh, table, NULL, NULL) == SY_OK;
        syi_table_remove(table, i < entries ? &old : &fresh);
    }
    const uint64_t end = syi_clock_now(context);
    printf("%8" PRIu64 " entries: get %6.1f ns, put and remove %6.1f ns (%" PRIu64 " found)\n",
           entries, per_operation(start, got), per_operation(got, end), found);
    syi_table_free(table);
    return true;
}

int main(void)
{
    sy_context *context = NULL;
    if (sy_context_new(&context, NULL, NULL) != SY_OK) {
        return EXIT_FAILURE;
    }
    bool ok = true;
    for (uint64_t entries = 16; entries <= UINT64_C(1) << 20 && ok; entries *= 16) {
        ok = measure(context, entries);
    }
    sy_context_free(context);
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
