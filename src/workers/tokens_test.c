/* tokens_test.c - the list of tokens, and lines of a token file. What a worker does with them: tests/integration/callers.c. */
#include "support/property.h"
#include "support/test.h"
#include "workers/tokens.h"

typedef struct fixture {
    sy_context *context;
    syi_tokens tokens;
    sy_error err;
} fixture;

static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    *state = f;
    return sy_context_new(&f->context, NULL, &f->err);
}

static int tear_down(void **state)
{
    fixture *f = *state;
    syi_tokens_fini(f->context, &f->tokens);
    sy_context_free(f->context);
    free(f);
    return 0;
}

static void test_found_by_the_whole_token(void **state)
{
    fixture *f = *state;
    char token[40];
    char name[24];
    for (int k = 0; k < 100; k++) {
        snprintf(token, sizeof token, "token-of-client-%03d", k);
        snprintf(name, sizeof name, "client%d", k / 2);
        assert_ok(syi_tokens_add(f->context, &f->tokens, name, token, k == 7 ? 1000 : 0, &f->err),
                  &f->err);
    }
    for (int k = 0; k < 100; k++) {
        snprintf(token, sizeof token, "token-of-client-%03d", k);
        snprintf(name, sizeof name, "client%d", k / 2);
        const syi_token *found = syi_tokens_find(&f->tokens, token, 999);
        assert_non_null(found);
        assert_string_equal(found->name, name);
        token[k % 19] ^= 0x40; /* any other character */
        assert_null(syi_tokens_find(&f->tokens, token, 999));
    }
    assert_null(syi_tokens_find(&f->tokens, "token-of-client-0001", 999));
    assert_null(syi_tokens_find(&f->tokens, "token-of-client-00", 999));
    assert_null(syi_tokens_find(&f->tokens, "", 999));
    assert_null(
        syi_tokens_find(&f->tokens, "token-of-client-007", 1000)); /* the second it expires */
    /* Nothing of a token lies in the list. */
    for (size_t k = 0; k + 5 < f->tokens.count * sizeof *f->tokens.items; k++) {
        assert_memory_not_equal((const char *)f->tokens.items + k, "token", 5);
    }
}

static void test_no_tokens(void **state)
{
    fixture *f = *state;
    assert_null(syi_tokens_find(&f->tokens, "token-of-client-007", 0));
}

/* Two workers have keys of their own: equal tokens have other hashes. */
static void test_keys_differ(void **state)
{
    fixture *f = *state;
    syi_tokens other = {.count = 0};
    assert_ok(syi_tokens_add(f->context, &f->tokens, "a", "the-same-long-token", 0, &f->err),
              &f->err);
    assert_ok(syi_tokens_add(f->context, &other, "a", "the-same-long-token", 0, &f->err), &f->err);
    assert_memory_not_equal(f->tokens.items[0].digest, other.items[0].digest, 32);
    syi_tokens_fini(f->context, &other);
}

static void test_lines(void **state)
{
    (void)state;
    static const struct {
        const char *line, *wrong, *name, *token;
        int64_t expires;
    } cases[] = {
        {"", NULL, NULL, NULL, 0},
        {"  \t\r\n", NULL, NULL, NULL, 0},
        {"# alice token\n", NULL, NULL, NULL, 0},
        {"alice t\n", NULL, "alice", "t", 0},
        {"\talice   t\r\n", NULL, "alice", "t", 0},
        {"alice #t 1970-01-02\n", NULL, "alice", "#t", 86400},
        {"alice t 2000-02-29", NULL, "alice", "t", 951782400},
        {"alice t 2026-11-21T15:35:00Z", NULL, "alice", "t", 1795275300}, /* date -u +%s */
        {"alice t 2100-03-01", NULL, "alice", "t", 4107542400},
        {"alice", "NAME TOKEN", NULL, NULL, 0},
        {"alice t 2000-01-01 x", "NAME TOKEN", NULL, NULL, 0},
        {"alice t soon", "no time", NULL, NULL, 0},
        {"alice t 2000-01-01T", "no time", NULL, NULL, 0},
        {"alice t 2000-01-01T10:00:00", "no time", NULL, NULL, 0},
        {"alice t 2000-01-01T10:00:00Zx", "no time", NULL, NULL, 0},
        {"alice t 1969-12-31", "no time", NULL, NULL, 0},
        {"alice t 2000-13-01", "no time", NULL, NULL, 0},
    };
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        char line[100];
        char *name, *token;
        int64_t expires;
        snprintf(line, sizeof line, "%s", cases[k].line);
        const char *wrong = syi_tokens_parse_line(line, &name, &token, &expires);
        if (cases[k].wrong != NULL) {
            assert_non_null(wrong);
            assert_non_null(strstr(wrong, cases[k].wrong));
            continue;
        }
        assert_null(wrong);
        assert_int_equal(name != NULL, cases[k].name != NULL);
        if (name != NULL) {
            assert_string_equal(name, cases[k].name);
            assert_string_equal(token, cases[k].token);
            assert_int_equal(expires, cases[k].expires);
        }
    }
}

#define with_tokens(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_tokens(test_found_by_the_whole_token),
        with_tokens(test_no_tokens),
        with_tokens(test_keys_differ),
        cmocka_unit_test(test_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
