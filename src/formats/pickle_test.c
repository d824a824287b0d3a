/*
 * pickle_test.c - pickles written by CPython, protocols 0 to 5, hold what CPython says (tests/vectors/pickle);
 * the globals' list; limits; malformed streams.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "formats/pickle.h"
#include "support/memory_faults.h"

typedef struct fixture {
    failing_allocator memory;
    sy_context *context;
} fixture;

static int setup(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    f->context = failing_allocator_context(&f->memory);
    *state = f;
    return f->context != NULL ? 0 : -1;
}

static int teardown(void **state)
{
    fixture *f = *state;
    sy_context_free(f->context);
    const bool broken = f->memory.live != 0 || f->memory.broken;
    free(f);
    return broken;
}

static const syi_pickle_rules nothing = {0};

/* --- CPython's -------------------------------------------------------------------------------- */

static void put_hex(FILE *out, char letter, const char *bytes, size_t length)
{
    fputc(letter, out);
    for (size_t k = 0; k < length; k++) {
        fprintf(out, "%02x", (unsigned char)bytes[k]);
    }
}

static void put_value(FILE *out, const syi_pickle_value *v)
{
    static const char brackets[][3] = {[SYI_PICKLE_LIST] = "[]",
                                       [SYI_PICKLE_TUPLE] = "()",
                                       [SYI_PICKLE_DICT] = "{}",
                                       [SYI_PICKLE_SET] = "<>"};
    uint64_t bits;
    switch (v->kind) {
    case SYI_PICKLE_NONE:
        fputs("None", out);
        break;
    case SYI_PICKLE_BOOL:
        fputs(v->as.boolean ? "True" : "False", out);
        break;
    case SYI_PICKLE_INT:
        fprintf(out, "%" PRId64, v->as.integer);
        break;
    case SYI_PICKLE_FLOAT:
        memcpy(&bits, &v->as.real, sizeof bits);
        fprintf(out, "f%016" PRIx64, bits);
        break;
    case SYI_PICKLE_STRING:
        put_hex(out, 's', v->as.text.data, v->as.text.length);
        break;
    case SYI_PICKLE_BYTES:
        put_hex(out, 'b', v->as.text.data, v->as.text.length);
        break;
    case SYI_PICKLE_LIST:
    case SYI_PICKLE_TUPLE:
    case SYI_PICKLE_DICT:
    case SYI_PICKLE_SET:
        fputc(brackets[v->kind][0], out);
        for (size_t k = 0; k < v->as.list.count; k++) {
            put_value(out, v->as.list.items[k]);
            fputc(',', out);
        }
        fputc(brackets[v->kind][1], out);
        break;
    default:
        fputs("?", out);
    }
}

static size_t from_hex(const char *hex, uint8_t *bytes)
{
    size_t n = 0;
    for (; hex[0] != '\0'; hex += 2) {
        const char pair[3] = {hex[0], hex[1], 0};
        bytes[n++] = (uint8_t)strtoul(pair, NULL, 16);
    }
    return n;
}

enum { EDGE = 300 }; /* bytes from either end at which a case is cut everywhere */

static void check_case(fixture *f, const char *hex, const char *expected)
{
    uint8_t *bytes = malloc(strlen(hex) / 2 + 1);
    const size_t size = from_hex(hex, bytes);
    bytes = realloc(bytes, size); /* a sanitizer sees its end */
    char *text = NULL;
    size_t length = 0;
    syi_pickle p;
    sy_error err = SY_ERROR_INIT;
    assert_ok(syi_pickle_read(f->context, &p, bytes, size, &nothing, &err), &err);
    assert_int_equal(p.size, size);
    FILE *out = open_memstream(&text, &length);
    put_value(out, p.root);
    fclose(out);
    assert_string_equal(text, expected);
    free(text);
    syi_pickle_fini(&p);
    /* Every prefix; of the few long ones, whose middle repeats itself, every 13th of the middle. */
    for (size_t cut = 0; cut < size; cut += cut < EDGE || size - cut <= EDGE ? 1 : 13) {
        assert_int_equal(syi_pickle_read(f->context, &p, bytes, cut, &nothing, &err), SY_EFORMAT);
        assert_true(p.cut);
        assert_null(p.chunks);
    }
    free(bytes);
}

static void test_cpython(void **state)
{
    static char line[65536], hex[65536], expected[65536];
    FILE *file = fopen(CSYFT_TEST_SOURCE_DIR "/tests/vectors/pickle/cases.txt", "r");
    assert_non_null(file);
    int count = 0, protocol;
    while (fgets(line, sizeof line, file) != NULL) {
        assert_int_equal(sscanf(line, "%d %65535s %65535s", &protocol, hex, expected), 3);
        check_case(*state, hex, expected);
        count++;
    }
    fclose(file);
    assert_true(count > 300);
}

static sy_status read_text(fixture *f, syi_pickle *p, const char *bytes, size_t size,
                           const syi_pickle_rules *rules, sy_error *err)
{
    return syi_pickle_read(f->context, p, (const uint8_t *)bytes, size, rules, err);
}
#define READ(f, p, text, rules, err) read_text(f, p, text, sizeof(text) - 1, rules, err)

static void test_big_integers(void **state)
{
    fixture *f = *state;
    syi_pickle p;
    sy_error err = SY_ERROR_INIT;
    static const uint8_t magic[] = {0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19};
    assert_ok(READ(f, &p, "L119547037146038801333356L\n.", &nothing, &err), &err);
    assert_int_equal(p.root->kind, SYI_PICKLE_BIG);
    assert_int_equal(p.root->as.text.length, sizeof magic);
    assert_memory_equal(p.root->as.text.data, magic, sizeof magic);
    syi_pickle_fini(&p);
    assert_ok(READ(f, &p, "L-9223372036854775809L\n.", &nothing, &err), &err);
    assert_int_equal(p.root->kind, SYI_PICKLE_BIG);
    assert_memory_equal(p.root->as.text.data, "\xff\xff\xff\xff\xff\xff\xff\x7f\xff", 9);
    syi_pickle_fini(&p);
    assert_int_equal(READ(f, &p, "I1x\n.", &nothing, &err), SY_EFORMAT);
    assert_int_equal(READ(f, &p, "I\n.", &nothing, &err), SY_EFORMAT);
    assert_int_equal(READ(f, &p, "I-\n.", &nothing, &err), SY_EFORMAT);
}

/* --- globals ---------------------------------------------------------------------------------- */

static const syi_pickle_global globals[] = {
    {"collections", "OrderedDict", SYI_PICKLE_ROLE_DICT, 0},
    {"m", "call", SYI_PICKLE_ROLE_CALL, 1},
    {"m", "name", SYI_PICKLE_ROLE_CONSTANT, 2},
};
static const syi_pickle_rules rules = {.globals = globals, .global_count = 3};

static void test_globals(void **state)
{
    fixture *f = *state;
    syi_pickle p;
    sy_error err = SY_ERROR_INIT;
    assert_ok(READ(f, &p, "cm\ncall\n(K\5cm\nname\ntR(db.", &rules, &err), &err);
    assert_int_equal(p.root->kind, SYI_PICKLE_OBJECT);
    assert_int_equal(p.root->as.object.global->tag, 1);
    assert_int_equal(p.root->as.object.args->as.list.items[0]->as.integer, 5);
    assert_int_equal(p.root->as.object.args->as.list.items[1]->as.global->tag, 2);
    assert_int_equal(p.root->state->kind, SYI_PICKLE_DICT);
    syi_pickle_fini(&p);
    /* OrderedDict as Python 3 and as Python 2 make it. */
    assert_ok(
        READ(f, &p, "ccollections\nOrderedDict\n)R(X\1\0\0\0aK\1X\1\0\0\0bK\2u.", &rules, &err),
        &err);
    assert_int_equal(p.root->kind, SYI_PICKLE_DICT);
    assert_int_equal(syi_pickle_get(p.root, "b")->as.integer, 2);
    assert_null(syi_pickle_get(p.root, "c"));
    syi_pickle_fini(&p);
    assert_ok(READ(f, &p, "ccollections\nOrderedDict\n(](](U\1aK\7eetR.", &rules, &err), &err);
    assert_int_equal(syi_pickle_get(p.root, "a")->as.integer, 7);
    syi_pickle_fini(&p);
    assert_ok(READ(f, &p, "\x80\2U\3keyQ.", &rules, &err), &err);
    assert_int_equal(p.root->kind, SYI_PICKLE_PERSISTENT);
    assert_true(syi_pickle_is_text(p.root->as.object.args, "key"));
    syi_pickle_fini(&p);
    assert_ok(READ(f, &p, "Pkey\n.", &rules, &err), &err);
    assert_true(syi_pickle_is_text(p.root->as.object.args, "key"));
    syi_pickle_fini(&p);
}

typedef struct bad {
    const char *bytes;
    size_t size;
    sy_status status;
    const char *word;
} bad;
#define BAD(text, status, word)              \
    {                                        \
        text, sizeof(text) - 1, status, word \
    }

static void test_refused(void **state)
{
    fixture *f = *state;
    static const bad cases[] = {
        BAD("cos\nsystem\n(U\2lstR.", SY_EFORBIDDEN, "os.system"),
        BAD("\x80\4\x8c\2os\x8c\6system\x93.", SY_EFORBIDDEN, "os.system"),
        BAD("cm\ncall.x\n.", SY_EFORBIDDEN, "m.call.x"),
        BAD("cm.call\n\n.", SY_EFORBIDDEN, "m.call."),
        BAD("cm\nname\n)R.", SY_EFORBIDDEN, "m.name may not be called"),
        BAD("K\5)R.", SY_EFORBIDDEN, "an int may not be called"),
        BAD("cm\ncall\n)R)R.", SY_EFORBIDDEN, "an object of m.call"),
        BAD("cm\ncall\nK\5R.", SY_EFORMAT, "no tuple"),
        BAD("cm\ncall\n)}\x92.", SY_ENOTSUP, "NEWOBJ_EX"),
        BAD("(im\ncall\n.", SY_ENOTSUP, "INST"),
        BAD("(cm\ncall\no.", SY_ENOTSUP, "OBJ"),
        BAD("\x82\1.", SY_ENOTSUP, "EXT1"),
        BAD("\x97.", SY_ENOTSUP, "NEXT_BUFFER"),
        BAD("\x80\6.", SY_ENOTSUP, "protocol 6"),
        BAD("\xff", SY_EFORMAT, "0xff at 0"),
        BAD("N\xff", SY_EFORMAT, "at 1"),
        BAD(".", SY_EFORMAT, "nothing is on the stack"),
        BAD("(.", SY_EFORMAT, "nothing is on the stack"),
        BAD("N(a.", SY_EFORMAT, "nothing is on the stack"),
        BAD("NNa.", SY_EFORMAT, "nothing can be added to None"),
        BAD("]NNs.", SY_EFORMAT, "nothing can be added to a list"),
        BAD("}(Nu.", SY_EFORMAT, "no value"),
        BAD("(Nd.", SY_EFORMAT, "no value"),
        BAD("t.", SY_EFORMAT, "no mark"),
        BAD("Nb.", SY_EFORMAT, "nothing is on the stack"),
        BAD("]Nb.", SY_EFORMAT, "has no state"),
        BAD("}Nb.", SY_EFORMAT, "has no state"),
        BAD("h\5.", SY_EFORMAT, "memo entry 5"),
        BAD("g7\n.", SY_EFORMAT, "memo entry 7"),
        BAD("Npx\n.", SY_EFORMAT, "'x'"),
        BAD("Np\n.", SY_EFORMAT, "missing"),
        BAD("Np99999999999\n.", SY_EFORMAT, "no memo entry"),
        BAD("X\2\0\0\0\xff\xff.", SY_EFORMAT, "UTF-8"),
        BAD("S'a\n.", SY_EFORMAT, "quotes"),
        BAD("S'\\q'\n.", SY_EFORMAT, "escape"),
        BAD("S'\\x4'\n.", SY_EFORMAT, "escape"),
        BAD("V\\u12\n.", SY_EFORMAT, "escape"),
        BAD("V\\ud800\n.", SY_EFORMAT, "escape"),
        BAD("V\\U00110000\n.", SY_EFORMAT, "escape"),
        BAD("F1.5x\n.", SY_EFORMAT, "1.5x"),
        BAD("\x8b\0\4\0\x7f.", SY_ELIMIT, "integer"),
        BAD("\x95\5\0\0\0\0\0\0\0N.", SY_EFORMAT, "frame"),
        BAD("ccollections\nOrderedDict\nK\1\x85R.", SY_EFORMAT, "pairs"),
        BAD("ccollections\nOrderedDict\n(](]aetR.", SY_EFORMAT, "nothing"),
        BAD("ccollections\nOrderedDict\n]]a\x85R.", SY_EFORMAT, "no pair"),
        BAD("NK\1\x93.", SY_EFORMAT, "no strings"),
    };
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        syi_pickle p;
        sy_error err = SY_ERROR_INIT;
        const sy_status status = read_text(f, &p, cases[k].bytes, cases[k].size, &rules, &err);
        if (status != cases[k].status || strstr(err.message, cases[k].word) == NULL) {
            print_error("case %zu: %s: '%s' should hold '%s'\n", k, sy_status_name(status),
                        err.message, cases[k].word);
        }
        assert_int_equal(status, cases[k].status);
        assert_non_null(strstr(err.message, cases[k].word));
        assert_null(p.chunks);
    }
}

/* --- limits ----------------------------------------------------------------------------------- */

static sy_status read_limited(fixture *f, const char *bytes, size_t size, syi_pickle_limits limits,
                              sy_error *err)
{
    const syi_pickle_rules limited = {.limits = limits};
    syi_pickle p;
    const sy_status status = read_text(f, &p, bytes, size, &limited, err);
    syi_pickle_fini(&p);
    return status;
}

static void test_limits(void **state)
{
    fixture *f = *state;
    sy_error err = SY_ERROR_INIT;
    const char nones[] = "NNNNNNNNN.";
    assert_int_equal(
        read_limited(f, nones, sizeof nones - 1, (syi_pickle_limits){.opcodes = 9}, &err),
        SY_ELIMIT);
    assert_non_null(strstr(err.message, "9 opcodes"));
    assert_int_equal(
        read_limited(f, nones, sizeof nones - 1, (syi_pickle_limits){.opcodes = 10}, &err), SY_OK);
    assert_int_equal(read_limited(f, "Nq\5.", 4, (syi_pickle_limits){.memo = 5}, &err), SY_ELIMIT);
    assert_int_equal(read_limited(f, "Nq\4.", 4, (syi_pickle_limits){.memo = 5}, &err), SY_OK);
    assert_int_equal(read_limited(f, "((l.", 4, (syi_pickle_limits){.marks = 1}, &err), SY_ELIMIT);
    char big[5005] = "B\x88\x13\0\0";
    big[sizeof big - 1] = 'x';
    assert_int_equal(read_limited(f, big, sizeof big, (syi_pickle_limits){.memory = 4000}, &err),
                     SY_ELIMIT);
    assert_non_null(strstr(err.message, "4000 bytes"));
    /* DUP and a memo entry cost a place on the stack only, and that is counted, too. */
    char dups[20000];
    memset(dups, '2', sizeof dups);
    dups[0] = 'N';
    assert_int_equal(read_limited(f, dups, sizeof dups, (syi_pickle_limits){.memory = 20000}, &err),
                     SY_ELIMIT);
    /* A place in the memo costs what lies below it. */
    assert_int_equal(
        read_limited(f, "Nr\xff\xff\xf\0.", 7, (syi_pickle_limits){.memory = 1 << 20}, &err),
        SY_ELIMIT);
}

static sy_status read_once(sy_context *context, void *argument, sy_error *err)
{
    syi_pickle p;
    static const char bytes[] = "\x80\2(K\1q\0h\0lccollections\nOrderedDict\n)R\x86q\x90.";
    (void)argument;
    SY_TRY(syi_pickle_read(context, &p, (const uint8_t *)bytes, sizeof bytes - 1, &rules, err));
    syi_pickle_fini(&p);
    return SY_OK;
}

static void test_refused_memory(void **state)
{
    (void)state;
    assert_int_equal(memory_faults_sweep(read_once, NULL), 5); /* chunk, stack, marks, memo twice */
}

#define FIXTURE_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_cpython), FIXTURE_TEST(test_big_integers),
        FIXTURE_TEST(test_globals), FIXTURE_TEST(test_refused),
        FIXTURE_TEST(test_limits),  cmocka_unit_test(test_refused_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
