/* log_test.c - what the filter lets through, and what the callback is given. */
#include "core/surroundings.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "support/test.h"

typedef struct log_lines {
    atomic_int count;
    atomic_int torn;
    sy_log_level level;
    char component[64];
    char worker[128];
    uint64_t message_id;
    char message[2048];
} log_lines;

static void keep_line(void *user, sy_log_level level, const char *component, const char *worker,
                      uint64_t message_id, const char *message)
{
    log_lines *lines = user;
    lines->level = level;
    snprintf(lines->component, sizeof lines->component, "%s", component);
    snprintf(lines->worker, sizeof lines->worker, "%s", worker);
    lines->message_id = message_id;
    snprintf(lines->message, sizeof lines->message, "%s", message);
    lines->count++;
}

static sy_context *logging_context(log_lines *lines, const char *filter)
{
    sy_context_options options = SY_CONTEXT_OPTIONS_INIT;
    options.log = keep_line;
    options.log_user = lines;
    options.log_filter = filter;
    sy_context *context = NULL;
    sy_error err = SY_ERROR_INIT;
    assert_ok(sy_context_new(&context, &options, &err), &err);
    return context;
}

static void test_filter(void **state)
{
    (void)state;
    /* How many of error, warning, info, debug pass for each component. */
    static const struct {
        const char *filter;
        int core, transport, workers;
    } cases[] = {
        {NULL, 2, 2, 2},
        {"", 2, 2, 2},
        {"off", 0, 0, 0},
        {"error", 1, 1, 1},
        {"warning", 2, 2, 2},
        {"info", 3, 3, 3},
        {"debug", 4, 4, 4},
        {"transport=debug,workers=info", 2, 4, 3},
        {"error,transport=debug", 1, 4, 1},
        {"transport=debug,error", 1, 4, 1},
        {"debug,workers=off", 4, 4, 0},
        {"workers=error,workers=debug", 2, 2, 4},
        {"info,error", 1, 1, 1},
        {"trans=debug,transports=debug,nobody=off", 2, 2, 2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        log_lines lines = {0};
        sy_context *context = logging_context(&lines, cases[i].filter);
        static const char *const components[] = {"core", "transport", "workers"};
        const int expected[] = {cases[i].core, cases[i].transport, cases[i].workers};
        for (int c = 0; c < 3; c++) {
            for (int level = SY_LOG_ERROR; level <= SY_LOG_DEBUG; level++) {
                const int before = lines.count;
                syi_log(context, (sy_log_level)level, components[c], "", 0, "line");
                const bool passed = lines.count != before;
                if (passed != (level < expected[c]) ||
                    passed != syi_log_enabled(context, (sy_log_level)level, components[c])) {
                    fail_msg("filter \"%s\": %s at level %d %s", cases[i].filter, components[c],
                             level, passed ? "passed" : "was held back");
                }
            }
        }
        sy_context_free(context);
    }
}

static void test_wrong_filters_are_refused(void **state)
{
    (void)state;
    static const char *const filters[] = {
        "loud",
        ",",
        "info,",
        ",info",
        "=info",
        "transport=",
        "transport",
        "transport=loud",
        "a=b=info",
        "INFO",
        " info",
        "info ",
        "transport=info workers=info",
        "errorx",
        "erro",
        "a-component-name-with-32-letters=info",
    };
    for (size_t i = 0; i < sizeof filters / sizeof filters[0]; i++) {
        sy_context_options options = SY_CONTEXT_OPTIONS_INIT;
        options.log_filter = filters[i];
        sy_context *context = NULL;
        sy_error err = SY_ERROR_INIT;
        if (sy_context_new(&context, &options, &err) != SY_EINVAL) {
            fail_msg("filter \"%s\" is accepted", filters[i]);
        }
        assert_memory_equal(err.message, "log filter: ", 12);
        assert_null(context);
    }
}

static void test_filter_holds_32_components(void **state)
{
    (void)state;
    char filter[1024] = "off";
    for (int i = 0; i < 33; i++) {
        char rule[32];
        snprintf(rule, sizeof rule, ",room%d=info", i);
        strcat(filter, rule);
        sy_context_options options = SY_CONTEXT_OPTIONS_INIT;
        log_lines lines = {0};
        options.log = keep_line;
        options.log_user = &lines;
        options.log_filter = filter;
        sy_context *context = NULL;
        assert_int_equal(sy_context_new(&context, &options, NULL), i < 32 ? SY_OK : SY_EINVAL);
        if (i == 31) {
            assert_true(syi_log_enabled(context, SY_LOG_INFO, "room0"));
            assert_true(syi_log_enabled(context, SY_LOG_INFO, "room31"));
            assert_false(syi_log_enabled(context, SY_LOG_INFO, "room32"));
        }
        sy_context_free(context);
    }
}

static void test_line_reaches_the_callback_whole(void **state)
{
    (void)state;
    log_lines lines = {0};
    sy_context *context = logging_context(&lines, "debug");
    syi_log(context, SY_LOG_INFO, "workers", "alice", 77, "%s stored, %d live", "tensor 5", 3);
    assert_int_equal(lines.count, 1);
    assert_int_equal(lines.level, SY_LOG_INFO);
    assert_string_equal(lines.component, "workers");
    assert_string_equal(lines.worker, "alice");
    assert_int_equal(lines.message_id, 77);
    assert_string_equal(lines.message, "tensor 5 stored, 3 live");
    syi_log(context, SY_LOG_ERROR, "core", NULL, 0, "x");
    assert_string_equal(lines.worker, "");
    sy_context_free(context);
}

static void test_one_line_stays_one_line(void **state)
{
    (void)state;
    log_lines lines = {0};
    sy_context *context = logging_context(&lines, NULL);
    syi_log(context, SY_LOG_ERROR, "core", "al\nice", 0, "peer says %s", "\r\nERROR forged \xFF");
    assert_string_equal(lines.message, "peer says ??ERROR forged ?");
    assert_string_equal(lines.worker, "al?ice");
    sy_context_free(context);
}

static void test_long_line_is_cut_between_characters(void **state)
{
    (void)state;
    log_lines lines = {0};
    sy_context *context = logging_context(&lines, NULL);
    char text[2001];
    for (size_t i = 0; i < 2000; i += 2) {
        memcpy(text + i, "\xC3\xA9", 2);
    }
    text[2000] = '\0';
    syi_log(context, SY_LOG_ERROR, "core", "", 0, "%s", text);
    assert_int_equal(strlen(lines.message), 1022);
    assert_memory_equal(lines.message, text, 1022);
    syi_log(context, SY_LOG_ERROR, "core", "", 0, "-%s", text);
    assert_int_equal(strlen(lines.message), 1023);
    sy_context_free(context);
}

static void test_silent_without_callback(void **state)
{
    (void)state;
    sy_context_options options = SY_CONTEXT_OPTIONS_INIT;
    options.log_filter = "debug";
    sy_context *context = NULL;
    assert_int_equal(sy_context_new(&context, &options, NULL), SY_OK);
    assert_false(syi_log_enabled(context, SY_LOG_ERROR, "core"));
    syi_log(context, SY_LOG_ERROR, "core", "", 0, "nobody listens");
    sy_context_free(context);
}

/* Lines of four threads arrive uncut; the callback compares each with what its number says. */
static void check_line(void *user, sy_log_level level, const char *component, const char *worker,
                       uint64_t message_id, const char *message)
{
    (void)level;
    (void)component;
    log_lines *lines = user;
    char expected[64];
    snprintf(expected, sizeof expected, "line %" PRIu64 " of %s", message_id, worker);
    lines->torn += strcmp(expected, message) != 0;
    lines->count++;
}

static void *log_many(void *argument)
{
    for (uint64_t i = 0; i < 1000; i++) {
        syi_log(argument, SY_LOG_ERROR, "core", "bob", i, "line %" PRIu64 " of %s", i, "bob");
        syi_log(argument, SY_LOG_INFO, "core", "bob", i, "held back");
    }
    return NULL;
}

static void test_threads(void **state)
{
    (void)state;
    log_lines lines = {0};
    sy_context_options options = SY_CONTEXT_OPTIONS_INIT;
    options.log = check_line;
    options.log_user = &lines;
    sy_context *context = NULL;
    assert_int_equal(sy_context_new(&context, &options, NULL), SY_OK);
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, log_many, context), 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_int_equal(lines.count, 4000);
    assert_int_equal(lines.torn, 0);
    sy_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_filter),
        cmocka_unit_test(test_wrong_filters_are_refused),
        cmocka_unit_test(test_filter_holds_32_components),
        cmocka_unit_test(test_line_reaches_the_callback_whole),
        cmocka_unit_test(test_one_line_stays_one_line),
        cmocka_unit_test(test_long_line_is_cut_between_characters),
        cmocka_unit_test(test_silent_without_callback),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
