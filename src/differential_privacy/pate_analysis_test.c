/* pate_analysis_test.c - PATE of 2017 over many examples: PySyft's published results, arrays and tensors, rows, warnings, what is
 * refused, refused allocations. */
#include <csyft/pate.h>

#include "support/local_hook.h"
#include "support/privacy_vectors.h"
#include "support/property.h"

enum { TEACHERS = 100, EXAMPLES = 100, CLASSES = 10 };

/* All teachers agree; example k is a k mod 10. */
static int64_t *unanimous(size_t teachers, size_t examples)
{
    int64_t *labels = malloc(teachers * examples * sizeof *labels);
    for (size_t k = 0; k < teachers * examples; k++) {
        labels[k] = (int64_t)(k % examples % CLASSES);
    }
    return labels;
}

/* Each example has 90, 5 and 5 votes. */
static int64_t *nine_to_one(size_t examples)
{
    int64_t *labels = malloc(100 * examples * sizeof *labels);
    for (size_t teacher = 0; teacher < 100; teacher++) {
        for (size_t example = 0; example < examples; example++) {
            labels[teacher * examples + example] = teacher < 90 ? 0 : teacher < 95 ? 1 : 2;
        }
    }
    return labels;
}

static sy_pate_analysis analyze(local_hook *l, const int64_t *labels, size_t examples,
                                const int64_t *indices, const sy_pate_options *options)
{
    sy_pate_analysis analysis = {0};
    assert_ok(sy_pate_perform_analysis(l->context, &analysis, labels, 100, examples, indices,
                                       options, &l->err),
              &l->err);
    return analysis;
}

/* The numbers that PySyft prints for 100 teachers who agree (Udacity's notebook on private learning). */
static void test_published(void **state)
{
    local_hook *l = *state;
    int64_t *labels = unanimous(TEACHERS, EXAMPLES), rows[EXAMPLES];
    sy_pate_options options = SY_PATE_OPTIONS_INIT;
    sy_pate_analysis analysis = analyze(l, labels, EXAMPLES, NULL, NULL);
    assert_close(analysis.data_dependent_epsilon, 1.52655213289881, 1e-9, 0);
    assert_close(analysis.data_independent_epsilon, 11.756462732485115, 1e-9, 0);
    assert_true(analysis.data_dependent_epsilon < analysis.data_independent_epsilon);
    assert_int_equal(analysis.warnings, SY_PATE_MORE_MOMENTS);
    assert_int_equal(analysis.data_dependent_moment, 8);
    assert_int_equal(analysis.classes, CLASSES);
    property_random random = property_start("rows");
    for (size_t k = 0; k < EXAMPLES;
         k++) { /* as PySyft's tests: random labels where rows are meant */
        rows[k] = property_between(&random, 0, 9);
    }
    analysis = analyze(l, labels, EXAMPLES, rows, NULL);
    assert_close(analysis.data_dependent_epsilon, 1.52655213289881, 1e-9, 0);
    options.moments = 20;
    analysis = analyze(l, labels, EXAMPLES, NULL, &options);
    assert_close(analysis.data_dependent_epsilon, 0.9029013677789843, 1e-9, 0);
    free(labels);
}

static void test_data_independent(void **state)
{
    local_hook *l = *state;
    const struct {
        size_t examples;
        double epsilon;
    } cases[] = {{50, 7.837641821656743}, {100, 11.756462732485115}, {1000, 51.51292546497024}};
    for (size_t k = 0; k < 3; k++) {
        int64_t *labels = unanimous(100, cases[k].examples);
        const sy_pate_analysis analysis = analyze(l, labels, cases[k].examples, NULL, NULL);
        assert_close(analysis.data_independent_epsilon, cases[k].epsilon, 1e-9, 0);
        free(labels);
    }
}

/* The specification's vectors: votes 90/5/5 for 20 examples, all indices 0. */
static void test_reference(void **state)
{
    local_hook *l = *state;
    int64_t *labels = nine_to_one(20), rows[20] = {0};
    sy_pate_options options = SY_PATE_OPTIONS_INIT;
    sy_pate_analysis analysis = analyze(l, labels, 20, rows, NULL);
    assert_close(analysis.data_dependent_epsilon, 1.4543608981405847, 1e-9, 0);
    assert_close(analysis.data_independent_epsilon, 4.702585092994046, 1e-9, 0);
    assert_int_equal(analysis.warnings, SY_PATE_MORE_MOMENTS);
    double smooth = 0;
    const double counts[] = {90, 5, 5};
    assert_ok(sy_pate_smoothed_sens(&smooth, counts, 3, 0.1, 8, 0.09, NULL, &l->err), &l->err);
    assert_close(analysis.smooth_sensitivity, 20 * smooth / 8, 1e-12, 0);
    assert_close(analysis.smooth_scale, 2 / (2 * 0.09 * log(1e5)), 1e-12, 0);
    options.moments = 20;
    analysis = analyze(l, labels, 20, rows, &options);
    assert_close(analysis.data_dependent_epsilon, 0.6357963261956122, 1e-9, 0);
    assert_close(analysis.data_independent_epsilon, 4.575646273248511, 1e-9, 0);
    assert_int_equal(analysis.warnings, SY_PATE_MORE_MOMENTS);
    options.moments = 25; /* 21 and above are too high for 0.1 */
    options.smooth = true;
    analysis = analyze(l, labels, 20, rows, &options);
    assert_true(analysis.warnings & SY_PATE_MOMENT_TOO_HIGH);
    free(labels);
}

/* perform_analysis is the sum that its parts say, on votes of all kinds. */
static void test_sum_of_parts(void **state)
{
    local_hook *l = *state;
    enum { N = 30, EX = 12, M = 4 };
    property_random random = property_start("votes");
    for (int round = 0; round < 20; round++) {
        int64_t labels[N * EX], rows[EX];
        double votes[EX * M];
        const int64_t drawn = property_between(&random, 1, M - 1);
        for (int k = 0; k < N * EX; k++) {
            labels[k] = property_between(&random, 0, drawn) * property_between(&random, 0, 1);
        }
        for (int k = 0; k < EX; k++) {
            rows[k] = property_between(&random, 0, EX - 1);
        }
        sy_pate_options options = SY_PATE_OPTIONS_INIT;
        options.classes = M;
        options.noise_eps = 0.05 * (double)(1 + round % 5);
        sy_pate_analysis analysis = {0};
        assert_ok(
            sy_pate_perform_analysis(l->context, &analysis, labels, N, EX, rows, &options, &l->err),
            &l->err);
        assert_ok(sy_pate_count_votes(votes, labels, N, EX, M, &l->err), &l->err);
        const double at = analysis.data_dependent_moment;
        double logmgf = 0, smooth = 0, part = 0;
        for (int k = 0; k < EX; k++) {
            const double *counts = votes + rows[k] * M;
            assert_ok(
                sy_pate_logmgf_from_counts(&part, counts, M, options.noise_eps, at, NULL, &l->err),
                &l->err);
            logmgf += part;
            assert_ok(sy_pate_smoothed_sens(&part, counts, M, options.noise_eps, at, options.beta,
                                            NULL, &l->err),
                      &l->err);
            smooth += part;
        }
        assert_close(analysis.data_dependent_epsilon, (logmgf - log(options.delta)) / at, 1e-12, 0);
        assert_close(analysis.smooth_sensitivity, smooth / at, 1e-9, 1e-15);
    }
}

static sy_tensor *tensor_of(local_hook *l, sy_dtype dtype, int64_t rows, int64_t columns,
                            const void *data)
{
    sy_tensor *tensor = NULL;
    const int64_t shape[] = {rows, columns};
    assert_ok(sy_tensor_new(l->hook, &tensor, dtype, columns == 0 ? 1 : 2, shape, data, &l->err),
              &l->err);
    return tensor;
}

/* The twins on tensors say the same, whatever the dtype. */
static void test_tensors(void **state)
{
    local_hook *l = *state;
    enum { N = 100, EX = 20 };
    int64_t *labels = nine_to_one(EX), rows[EX] = {0};
    float floats[N * EX];
    double doubles[N * EX];
    uint8_t bytes[N * EX];
    for (int k = 0; k < N * EX; k++) {
        floats[k] = (float)labels[k];
        doubles[k] = (double)labels[k];
        bytes[k] = (uint8_t)labels[k];
    }
    const struct {
        sy_dtype dtype;
        const void *data;
    } kinds[] = {{SY_DTYPE_I64, labels},
                 {SY_DTYPE_F32, floats},
                 {SY_DTYPE_F64, doubles},
                 {SY_DTYPE_U8, bytes}};
    for (size_t k = 0; k < 4; k++) {
        sy_tensor *predictions = tensor_of(l, kinds[k].dtype, N, EX, kinds[k].data);
        sy_tensor *indices = tensor_of(l, SY_DTYPE_I64, EX, 0, rows);
        sy_pate_analysis with = {0}, without = {0};
        assert_ok(sy_pate_perform_analysis_torch(&with, predictions, indices, NULL, &l->err),
                  &l->err);
        assert_ok(sy_pate_perform_analysis_torch(&without, predictions, NULL, NULL, &l->err),
                  &l->err);
        assert_close(with.data_dependent_epsilon, 1.4543608981405847, 1e-9, 0);
        assert_close(with.data_independent_epsilon, 4.702585092994046, 1e-9, 0);
        assert_close(without.data_dependent_epsilon, 1.4543608981405847, 1e-9, 0);
        sy_tensor_unref(predictions);
        sy_tensor_unref(indices);
    }
    free(labels);
}

static void test_tensors_of_counts(void **state)
{
    local_hook *l = *state;
    const double counts[] = {90, 5, 5}, one = 0.01;
    sy_tensor *tensor = tensor_of(l, SY_DTYPE_F64, 3, 0, counts);
    sy_tensor *q = tensor_of(l, SY_DTYPE_F64, 1, 0, &one);
    double value = 0;
    unsigned warnings = 0;
    sy_error *err = &l->err;
    assert_ok(sy_pate_compute_q_noisy_max_torch(&value, tensor, 0.1, err), err);
    assert_close(value, 0.001068208937305882, 1e-9, 0);
    assert_ok(sy_pate_logmgf_exact_torch(&value, q, 0.2, 8, &warnings, err), err);
    assert_close(value, 0.0558339965866015, 1e-9, 0);
    assert_ok(sy_pate_logmgf_from_counts_torch(&value, tensor, 0.1, 8, &warnings, err), err);
    assert_close(value, 0.00609808600772245, 1e-9, 0);
    assert_ok(sy_pate_sens_at_k_torch(&value, tensor, 0.1, 8, 10, &warnings, err), err);
    assert_close(value, 4.12430077413373e-3, 1e-9, 0);
    assert_ok(sy_pate_smooth_sens_torch(&value, tensor, 0.1, 8, 0.09, &warnings, err), err);
    assert_close(value, 4.29131900735451e-3, 1e-9, 0);
    assert_int_equal(warnings, 0);
    assert_ok(sy_pate_sens_at_k_torch(&value, tensor, 0.1, 21, 0, &warnings, err), err);
    assert_int_equal(warnings, SY_PATE_MOMENT_TOO_HIGH);
    sy_tensor_unref(tensor);
    sy_tensor_unref(q);
}

#define assert_refused(call, status, words)                         \
    do {                                                            \
        l->err = (sy_error)SY_ERROR_INIT;                           \
        assert_status(call, status, &l->err);                       \
        if (strstr(l->err.message, words) == NULL) {                \
            fail_msg("'%s' is not in '%s'", words, l->err.message); \
        }                                                           \
    } while (0)

static void test_refused(void **state)
{
    local_hook *l = *state;
    sy_pate_analysis analysis = {.classes = -7};
    sy_pate_options options = SY_PATE_OPTIONS_INIT;
    const int64_t labels[] = {0, 1, 3, 0, 1, 0}, rows[] = {0, 1, 3}, below[] = {0, -1, 0};
    sy_context *c = l->context;
#define CALL(labels_, teachers, examples, rows_) \
    sy_pate_perform_analysis(c, &analysis, labels_, teachers, examples, rows_, &options, &l->err)
    assert_refused(CALL(labels, 2, 3, NULL), SY_EINVAL,
                   "label 3 of teacher 0, example 2 is not from 0 to 2, the number of different "
                   "labels; set classes");
    options.classes = 5; /* class 2 and 4 without votes are fine then */
    assert_ok(CALL(labels, 2, 3, NULL), &l->err);
    assert_int_equal(analysis.classes, 5);
    options.classes = 3;
    assert_refused(CALL(labels, 2, 3, NULL), SY_EINVAL, "label 3 of teacher 0, example 2");
    assert_refused(CALL(below, 1, 3, NULL), SY_EINVAL, "label -1 of teacher 0, example 1");
    options.classes = 4;
    assert_refused(CALL(labels, 2, 3, rows), SY_EINVAL,
                   "indices[2] is 3, must be the number of an example, 0 to 2");
    assert_refused(CALL(labels, 2, 3, below), SY_EINVAL, "indices[1] is -1");
    assert_refused(CALL(NULL, 2, 3, NULL), SY_EINVAL, "2 teachers for 3 examples are NULL");
    assert_refused(CALL(labels, 0, 3, NULL), SY_EINVAL, "0 teachers for 3 examples");
    assert_refused(CALL(labels, (size_t)1 << 31, 3, NULL), SY_ELIMIT, "at most 2^31 votes");
    options.classes = INT64_C(1) << 40;
    assert_refused(CALL(labels, 2, 3, NULL), SY_ELIMIT, "at most 2^31 counts");
    options.classes = 1;
    assert_refused(CALL(labels, 2, 3, NULL), SY_EINVAL, "classes is 1");
    options.classes = 0;
    assert_refused(CALL(labels, 1, 1, NULL), SY_EINVAL, "all labels are 0");
    options.moments = 0;
    assert_refused(CALL(labels, 2, 3, NULL), SY_EINVAL, "moments is 0, must be 1 to 10000");
    options.moments = 8;
    options.delta = 0;
    assert_refused(CALL(labels, 2, 3, NULL), SY_EINVAL, "perform_analysis: delta is 0");
    options.delta = 1e-5;
    options.beta = NAN;
    assert_refused(CALL(labels, 2, 3, NULL), SY_EINVAL, "beta is nan");
    options.beta = 0.09;
    options.noise_eps = -1;
    assert_refused(CALL(labels, 2, 3, NULL), SY_EINVAL, "noise_eps is -1");
    options.size = 8;
    assert_refused(CALL(labels, 2, 3, NULL), SY_EINVAL, "SY_PATE_OPTIONS_INIT");
    double votes[6];
    assert_refused(sy_pate_count_votes(votes, labels, 2, 3, 2, &l->err), SY_EINVAL,
                   "label 3 of teacher 0, example 2 is not from 0 to 1");
}

static void test_refused_tensors(void **state)
{
    local_hook *l = *state;
    const float labels[] = {0, 1, 2.5f, 0, 1, NAN}, rows[] = {0, 1, 2};
    sy_pate_analysis analysis = {0};
    sy_tensor *t = tensor_of(l, SY_DTYPE_F32, 2, 3, labels);
    sy_tensor *flat = tensor_of(l, SY_DTYPE_F32, 3, 0, rows);
    sy_tensor *good = tensor_of(l, SY_DTYPE_F32, 1, 3, rows);
    sy_tensor *two = tensor_of(l, SY_DTYPE_F32, 2, 0, rows);
    double value = -1;
    assert_refused(sy_pate_perform_analysis_torch(&analysis, t, NULL, NULL, &l->err), SY_EINVAL,
                   "perform_analysis: predictions: element 2 is 2.5, no whole number");
    assert_refused(sy_pate_perform_analysis_torch(&analysis, flat, NULL, NULL, &l->err), SY_ESHAPE,
                   "predictions has 1 dims, must have 2");
    assert_refused(sy_pate_perform_analysis_torch(&analysis, good, good, NULL, &l->err), SY_ESHAPE,
                   "indices has 2 dims, must have 1");
    assert_refused(sy_pate_perform_analysis_torch(&analysis, good, two, NULL, &l->err), SY_ESHAPE,
                   "2 indices for 3 examples");
    assert_refused(sy_pate_perform_analysis_torch(&analysis, NULL, NULL, NULL, &l->err), SY_EINVAL,
                   "predictions is NULL");
    assert_refused(sy_pate_compute_q_noisy_max_torch(&value, t, 0.1, &l->err), SY_ESHAPE,
                   "counts has 2 dims, must have 1");
    assert_refused(sy_pate_logmgf_exact_torch(&value, NULL, 0.1, 1, NULL, &l->err), SY_EINVAL,
                   "q is NULL");
    sy_tensor_unref(t);
    sy_tensor_unref(flat);
    sy_tensor_unref(good);
    sy_tensor_unref(two);
}

typedef struct heard {
    int lines;
    char last[256];
} heard;

static void hear(void *user, sy_log_level level, const char *component, const char *worker,
                 uint64_t message_id, const char *message)
{
    heard *h = user;
    (void)worker;
    (void)message_id;
    assert_int_equal(level, SY_LOG_WARNING);
    assert_string_equal(component, "differential_privacy");
    h->lines++;
    snprintf(h->last, sizeof h->last, "%s", message);
}

/* The log has each warning once, and the result has it, too. */
static void test_log(void **state)
{
    (void)state;
    heard h = {0};
    sy_error err = SY_ERROR_INIT;
    sy_context_options options = SY_CONTEXT_OPTIONS_INIT;
    options.log = hear;
    options.log_user = &h;
    sy_context *context = NULL;
    assert_ok(sy_context_new(&context, &options, &err), &err);
    int64_t *labels = nine_to_one(20);
    sy_pate_analysis analysis = {0};
    sy_pate_options with = SY_PATE_OPTIONS_INIT;
    assert_ok(sy_pate_perform_analysis(context, &analysis, labels, 100, 20, NULL, &with, &err),
              &err);
    assert_int_equal(h.lines, 1);
    assert_non_null(strstr(h.last, "the last of 8 moments is the best"));
    with.moments = 30;
    assert_ok(sy_pate_perform_analysis(context, &analysis, labels, 100, 20, NULL, &with, &err),
              &err);
    assert_non_null(strstr(h.last, "moments above 20 are too high for a sensitivity"));
    free(labels);
    sy_context_free(context);
}

static sy_status step_without_memory(sy_context *context, void *argument, sy_error *err)
{
    sy_pate_analysis analysis;
    return sy_pate_perform_analysis(context, &analysis, argument, 100, 20, NULL, NULL, err);
}

static void test_no_memory(void **state)
{
    (void)state;
    int64_t *labels = nine_to_one(20);
    assert_int_equal(memory_faults_sweep(step_without_memory, labels), 6);
    free(labels);
}

#define local_test(test) \
    cmocka_unit_test_setup_teardown(test, local_hook_setup, local_hook_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        local_test(test_published), local_test(test_data_independent),
        local_test(test_reference), local_test(test_sum_of_parts),
        local_test(test_tensors),   local_test(test_tensors_of_counts),
        local_test(test_refused),   local_test(test_refused_tensors),
        cmocka_unit_test(test_log), cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
