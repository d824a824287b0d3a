/* row_order_test.c - every order is equally likely, each key has its own, and a key always the same. */
#include "federated/row_order.h"

#include <string.h>

#include "support/chi_square.h"
#include "support/property.h"

enum { ROWS = 1000, SMALL = 5, ORDERS = 120 };

static void test_every_row_once(void **state)
{
    (void)state;
    for (size_t count = 0; count <= ROWS; count += count < 20 ? 1 : 245) {
        int64_t places[ROWS];
        bool seen[ROWS] = {false};
        syi_row_order_fill(&(syi_row_order_key){1, 2, 3, 4}, places, count);
        for (size_t k = 0; k < count; k++) {
            assert_in_range(places[k], 0, count - 1);
            assert_false(seen[places[k]]);
            seen[places[k]] = true;
        }
    }
}

static void test_key(void **state)
{
    (void)state;
    const syi_row_order_key keys[] = {{1, 0, 0, 0}, {2, 0, 0, 0}, {1, 1, 0, 0},
                                      {1, 0, 1, 0}, {1, 0, 0, 1}, {1, 1, 1, 1}};
    enum { KEYS = sizeof keys / sizeof *keys };
    static int64_t places[KEYS][ROWS];
    int64_t again[ROWS];
    for (size_t k = 0; k < KEYS; k++) {
        syi_row_order_fill(&keys[k], places[k], ROWS);
        syi_row_order_fill(&keys[k], again, ROWS);
        assert_memory_equal(places[k], again, sizeof again);
        for (size_t i = 0; i < k; i++) {
            assert_memory_not_equal(places[k], places[i], sizeof again);
        }
    }
}

/* The number of an order among all of its rows (its Lehmer code). */
static size_t number_of(const int64_t *places)
{
    size_t number = 0;
    for (size_t k = 0; k < SMALL; k++) {
        size_t smaller = 0;
        for (size_t i = k + 1; i < SMALL; i++) {
            smaller += places[i] < places[k];
        }
        number = number * (SMALL - k) + smaller;
    }
    return number;
}

/* Of passes that follow each other, which is how they are used. */
static void test_fair(void **state)
{
    (void)state;
    property_random random = property_start("test_fair");
    syi_row_order_key key = {.seed = property_next(&random)};
    uint64_t seen[ORDERS] = {0};
    double probability[ORDERS];
    const long draws = property_iterations(40000);
    for (size_t k = 0; k < ORDERS; k++) {
        probability[k] = 1.0 / ORDERS;
    }
    for (long k = 0; k < draws; k++) {
        int64_t places[SMALL];
        key.pass = (uint64_t)k;
        syi_row_order_fill(&key, places, SMALL);
        seen[number_of(places)]++;
    }
    assert_distribution("orders of five rows", seen, probability, ORDERS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_row_once),
        cmocka_unit_test(test_key),
        cmocka_unit_test(test_fair),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
