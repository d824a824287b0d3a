/*
 * op_line.h - calls of operations written as text, for tests of names, binding and shape rules:
 * "matmul float32[3,4] other=float32[4]". The tokens are those of tests/vectors/ops/generate_infer.py and, with
 * elements and a tolerance, of generate_kernels.py: "add ~0,0 float32[2]:1,2 3 1". Tensors without elements share one
 * small storage whose bytes nothing looks at. A tensor with a * in front of it is marked.
 */
#ifndef CSYFT_TESTS_OP_LINE_H
#define CSYFT_TESTS_OP_LINE_H

#include "ops/ops.h"
#include "support/test.h"

enum { OP_LINE_ARRAYS = 80, OP_LINE_ITEMS = 200, OP_LINE_TEXTS = 8 };

/* What the tokens of one line became. */
typedef struct op_line {
    const char *name;
    size_t name_length;
    const char *at;            /* next character */
    double relative, absolute; /* "~relative,absolute" */
    syi_array arrays[OP_LINE_ARRAYS];
    bool marked[OP_LINE_ARRAYS];
    int array_count;
    sy_value items[OP_LINE_ITEMS];
    int item_count;
    char texts[OP_LINE_TEXTS][32];
    int text_count;
    sy_value args[SYI_ARGUMENT_MAX + 4]; /* room for too many */
    size_t arg_count;
    sy_named_value kwargs[SYI_ARGUMENT_MAX];
    size_t kwarg_count;
} op_line;

extern sy_context *op_line_context;
extern syi_ops *op_line_ops;
extern syi_storage *op_line_storage;

/* Group fixtures; teardown fails when a tensor's storage leaked. */
int op_line_setup(void **state);
int op_line_teardown(void **state);

void op_line_open(op_line *c, const char *text);
/* Up to the end, or behind " =". */
void op_line_read_arguments(op_line *c);

/* Parts of what follows. */
bool op_line_take(op_line *c, char expected);
int64_t op_line_read_int(op_line *c);
int op_line_read_ints(op_line *c, char close, int64_t *values); /* "3,4]" up to `close` */
syi_array *op_line_read_array(op_line *c);

/* Binds and infers. For an in-place name the result is checked against self, and self put in its place. */
sy_status op_line_infer(op_line *c, syi_inference *result, sy_error *err);
void op_line_free(op_line *c, syi_inference *result);

/* Runs the call. `text` is the results ("float32[3] int64[3]", views with "@offset{strides}", or
 * "unknown") when SY_OK is expected, and the sentence otherwise. */
void op_line_expect(const char *call, sy_status expected, const char *text);

static inline void expect_result(const char *call, const char *results)
{
    op_line_expect(call, SY_OK, results);
}

static inline void expect_refusal(const char *call, sy_status status, const char *sentence)
{
    op_line_expect(call, status, sentence);
}

#endif
