/*
 * test.h - what a cmocka program starts with: the headers that cmocka needs before it, and assertions
 * on statuses. Main thread only, as all of cmocka's.
 */
#ifndef CSYFT_TESTS_TEST_H
#define CSYFT_TESTS_TEST_H

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <csyft/status.h>

/* Prints both names, and the sentence of `err`, when the status is another. */
#define assert_status(expr, expected, err)                                               \
    do {                                                                                 \
        const sy_status test_status = (expr);                                            \
        if (test_status != (expected)) {                                                 \
            print_error("%s: %s, expected %s: %s\n", #expr, sy_status_name(test_status), \
                        sy_status_name(expected), (err)->message);                       \
        }                                                                                \
        assert_int_equal(test_status, (expected));                                       \
    } while (0)

/* That status, and these words in its sentence. */
#define assert_fails_saying(expr, expected, err, words)             \
    do {                                                            \
        assert_status(expr, expected, err);                         \
        if (strstr((err)->message, words) == NULL) {                \
            fail_msg("'%s' is not in '%s'", words, (err)->message); \
        }                                                           \
    } while (0)

#define assert_ok(expr, err) assert_status(expr, SY_OK, err)

#endif
