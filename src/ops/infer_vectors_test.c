/*
 * infer_vectors_test.c - replays tests/vectors/ops/infer.txt and infer/: shapes, dtypes, views and refusals of
 * PyTorch 1.13 for calls as users write them. The format is described in generate_infer.py there.
 */
#include <string.h>

#include "support/op_vectors.h"

/* "@offset{strides}": a view must be one in PyTorch too and the other way round. A tensor as an index
 * is not looked at here, so that csyft finds no view where PyTorch finds one. */
static const char *compare_layout(op_line *c, const syi_array *out)
{
    int64_t strides[SY_DIM_MAX];
    bool shares = op_line_take(c, '@');
    if (!shares) {
        return out->storage == NULL || syi_array_numel(out) == 0 ? NULL : "it is no view";
    }
    int64_t offset = op_line_read_int(c);
    assert_true(op_line_take(c, '{'));
    op_line_read_ints(c, '}', strides);
    if (out->storage == NULL) {
        for (int i = 0; i < c->array_count; i++) {
            if (i > 0 && c->arrays[i].ndim == 0) {
                return NULL;
            }
        }
        return "it is a view";
    }
    for (int i = 0; i < out->ndim; i++) {
        if (out->shape[i] != 1 && out->strides[i] != strides[i]) {
            return "the strides differ";
        }
    }
    return out->offset == offset ? NULL : "the offset differs";
}

/* The difference between what came and what the rest of the line says, or NULL. */
static const char *compare(op_line *c, const syi_inference *result)
{
    int used = c->array_count;
    for (int i = 0; i < result->count; i++) {
        const syi_array *out = &result->outs[i];
        if (!op_line_take(c, ' ')) {
            return "too many results";
        }
        const syi_array *expected = op_line_read_array(c);
        c->array_count = used;
        syi_storage_unref(op_line_storage);
        if (expected->dtype != out->dtype || !syi_array_same_shape(expected, out)) {
            return "shape or dtype differs";
        }
        const char *difference = compare_layout(c, out);
        if (difference != NULL) {
            return difference;
        }
    }
    return *c->at == '\n' ? NULL : "results are missing";
}

static const char *replay(const char *line, syi_inference *result, sy_error *err)
{
    op_line c;
    op_line_open(&c, line);
    op_line_read_arguments(&c);
    bool refused = strcmp(c.at, " error\n") == 0;
    bool unknown = strcmp(c.at, " unknown\n") == 0;
    const char *difference = NULL;
    if (op_line_infer(&c, result, err) != SY_OK) {
        /* The sentence names the operation, without the underscore of in place. */
        bool orderly =
            strncmp(err->message, line, c.name_length - (line[c.name_length - 1] == '_')) == 0;
        difference = !refused ? "refused" : orderly && result->count == 0 ? NULL : "wrong sentence";
    } else {
        difference = refused                      ? "must be refused"
                     : unknown != result->unknown ? "only one of both is unknown"
                     : unknown                    ? NULL
                                                  : compare(&c, result);
    }
    op_line_free(&c, result);
    return difference;
}

static void replay_line(const char *line, void *user)
{
    (void)user;
    static syi_array outs[SYI_OUTPUT_MAX];
    syi_inference result = {.outs = outs};
    sy_error err = SY_ERROR_INIT;
    const char *difference = replay(line, &result, &err);
    if (difference != NULL) {
        op_vectors_fail("%.*s    %s (%s)", (int)strcspn(line, "\n"), line, difference, err.message);
    }
    assert_int_equal(atomic_load(&op_line_storage->refs), 1);
}

static void test_vectors(void **state)
{
    (void)state;
    const int lines =
        op_vectors_each(CSYFT_TEST_SOURCE_DIR "/tests/vectors/ops", replay_line, NULL) +
        op_vectors_each(CSYFT_TEST_SOURCE_DIR "/tests/vectors/ops/infer", replay_line, NULL);
    print_message("%d calls\n", lines);
    assert_true(lines > 4000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_vectors)};
    return cmocka_run_group_tests(tests, op_line_setup, op_line_teardown);
}
