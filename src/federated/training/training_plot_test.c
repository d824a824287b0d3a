/*
 * training_plot_test.c - points and ticks are where the numbers say, of many rounds no extreme is lost, whatever numbers there are gives
 * a picture, and what is no log gives none. That it is XML: tests/cli/training.py.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "federated/training/training_log.h"
#include "support/folder.h"
#include "support/local_hook.h"

#define NAMES "round,seconds,asked,counted,rows,loss,test_rows,test_loss,test_accuracy\n"

typedef struct scene {
    local_hook *local;
    test_folder folder;
    const char *csv, *svg;
    char *text; /* of the picture */
    size_t length;
    sy_error err;
} scene;

static void scene_open(scene *s, void **state)
{
    *s = (scene){.local = *state};
    assert_true(test_folder_make(&s->folder));
    s->csv = test_folder_path(&s->folder, "rounds.csv");
    s->svg = test_folder_path(&s->folder, "rounds.svg");
}

static void scene_close(scene *s)
{
    free(s->text);
    assert_true(test_folder_remove(&s->folder));
}

static void write_csv(scene *s, const char *text)
{
    FILE *file = fopen(s->csv, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
}

static sy_status draw(scene *s, const char *title)
{
    return sy_training_log_plot(s->local->context, s->csv, s->svg, title, &s->err);
}

static void read_svg(scene *s)
{
    FILE *file = fopen(s->svg, "r");
    assert_non_null(file);
    free(s->text);
    s->text = NULL;
    size_t capacity = 0;
    const ssize_t length = getdelim(&s->text, &capacity, '\0', file);
    assert_true(length > 0);
    s->length = (size_t)length;
    fclose(file);
}

static void assert_has(const scene *s, const char *words)
{
    if (strstr(s->text, words) == NULL) {
        fail_msg("'%s' is not in %s", words, s->text);
    }
}

/* The x axis goes from pixel 72 (round 1) to 696 (round 3); without accuracy the y axis from 432 (0) up to 64 (2). */
static void test_places(void **state)
{
    scene s;
    scene_open(&s, state);
    write_csv(&s, NAMES "1,1.0,3,3,9,2.0,,,\n2,1.0,3,3,9,1.0,,,\n3,1.0,3,3,9,0.5,,,\n4,1.0,3,3");
    assert_ok(draw(&s, "a < b & \"c\""), &s.err);
    read_svg(&s);
    assert_has(&s, "points=\"72.0,64.0 384.0,248.0 696.0,340.0 \"");
    assert_has(&s, "x=\"64.0\" y=\"436.5\">0</text>");
    assert_has(&s, "x=\"64.0\" y=\"68.5\">2.0</text>");
    assert_has(&s, "x=\"72.0\" y=\"452.0\">1</text>");
    assert_has(&s, "x=\"696.0\" y=\"452.0\">3</text>");
    assert_has(&s, "a &lt; b &amp; &quot;c&quot;");
    assert_has(&s, "prefers-color-scheme:dark");
    assert_null(strstr(s.text, "test accuracy"));
    write_csv(&s, NAMES "10,1.0,3,3,9,-3.0,5,,0.25\n20,1.0,3,3,9,-1.0,5,-2.0,0.75\n");
    assert_ok(draw(&s, NULL), &s.err);
    read_svg(&s);
    assert_has(&s, "test accuracy");
    assert_has(&s, ">-3.0</text>");
    assert_has(&s, ">federated training</text>");
    scene_close(&s);
}

/* One round in 100000 that is far away from the others is seen; the picture does not grow. */
static void test_many_rounds(void **state)
{
    scene s;
    scene_open(&s, state);
    FILE *file = fopen(s.csv, "w");
    assert_non_null(file);
    fputs(NAMES, file);
    for (int round = 1; round <= 100000; round++) {
        fprintf(file, "%d,1.0,3,3,9,%d.0,,,\n", round, round == 77777 ? 100 : 1 + round % 3);
    }
    assert_int_equal(fclose(file), 0);
    assert_ok(draw(&s, NULL), &s.err);
    read_svg(&s);
    assert_has(&s, ",64.0 ");
    assert_true(s.length < 40000);
    assert_null(strstr(s.text, "<circle"));
    scene_close(&s);
}

/* Nothing that a picture's reader could not read: no nan, inf, exponent out of place, or endless ticks. */
static void test_odd_numbers(void **state)
{
    static const char *const losses[][2] = {
        {"nan", "nan"},
        {"inf", "1.0"},
        {"1e308", "-1e308"},
        {"0.0", "0.0"},
        {"5e-324", "1e-320"},
        {"1e299", "-1e300"},
        {"1.0", "1.0000000000000002"},
        {"-7.5", "-7.5"},
        {"1e-9", "3e-9"},
        {"123456789.0", "987654321.0"},
        {"", ""},
    };
    scene s;
    scene_open(&s, state);
    for (size_t k = 0; k < sizeof losses / sizeof losses[0]; k++) {
        char text[400];
        snprintf(text, sizeof text, NAMES "1,1.0,3,3,9,%s,,,\n2,1.0,3,3,9,%s,,,\n", losses[k][0],
                 losses[k][1]);
        write_csv(&s, text);
        assert_ok(draw(&s, NULL), &s.err);
        read_svg(&s);
        assert_true(s.length < 20000);
        assert_null(strstr(s.text, "\"nan"));
        assert_null(strstr(s.text, ">nan"));
        assert_null(strstr(s.text, "inf"));
        assert_has(&s, "</svg>\n");
    }
    scene_close(&s);
}

static void test_no_log(void **state)
{
    static const char *const others[] = {
        "",
        "round\n",
        "a,b\n1,2\n",
        NAMES "1,2,3\n",
        NAMES "1,1,1,1,1,x,1,1,1\n",
        NAMES "2,1,1,1,1,1,1,1,1\n2,1,1,1,1,1,1,1,1\n",
        NAMES ",1,1,1,1,1,1,1,1\n",
        NAMES "1,1,1,1,1,1,1,1,1,1\n",
    };
    scene s;
    scene_open(&s, state);
    assert_status(draw(&s, NULL), SY_ENOTFOUND, &s.err);
    for (size_t k = 0; k < sizeof others / sizeof others[0]; k++) {
        write_csv(&s, others[k]);
        assert_status(draw(&s, NULL), k == 0 ? SY_ERANGE : SY_EFORMAT, &s.err);
        assert_non_null(strstr(s.err.message, s.csv));
    }
    write_csv(&s, NAMES);
    assert_fails_saying(draw(&s, NULL), SY_ERANGE, &s.err, "no round");
    assert_int_equal(access(s.svg, F_OK), -1);
    write_csv(&s, NAMES "1,1.0,3,3,9,1.0,,,\n");
    assert_status(sy_training_log_plot(s.local->context, s.csv, "/nowhere/x.svg", NULL, &s.err),
                  SY_ENOTFOUND, &s.err);
    assert_status(sy_training_log_plot(s.local->context, NULL, s.svg, NULL, &s.err), SY_EINVAL,
                  &s.err);
    scene_close(&s);
}

static sy_status plot(sy_context *context, void *argument, sy_error *err)
{
    const scene *s = argument;
    return sy_training_log_plot(context, s->csv, s->svg, "t", err);
}

static void test_no_memory(void **state)
{
    scene s;
    scene_open(&s, state);
    write_csv(&s, NAMES "1,1.0,3,3,9,1.0,9,1.0,0.5\n");
    assert_true(memory_faults_sweep(plot, &s) >= 3);
    scene_close(&s);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, local_hook_setup, local_hook_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_places), TEST(test_many_rounds), TEST(test_odd_numbers),
        TEST(test_no_log), TEST(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
