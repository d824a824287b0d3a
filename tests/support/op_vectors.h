/*
 * op_vectors.h - files of lines that say what an operation answers (op_line.h): reading them, and comparing arrays
 * with what a line expects.
 */
#ifndef CSYFT_TESTS_OP_VECTORS_H
#define CSYFT_TESTS_OP_VECTORS_H

#include "support/op_line.h"

/* `visit` for every line of every .txt file in the folder; returns how many there were. Fails at the end when one of
 * them was found wrong. */
int op_vectors_each(const char *folder, void (*visit)(const char *line, void *user), void *user);

/* The line at hand is wrong: tells "pointwise.txt:12: mul: ..." and goes on. */
__attribute__((format(printf, 1, 2))) void op_vectors_fail(const char *format, ...);

/* Equal dtype, shape and elements; floats within the line's tolerance. */
void op_vectors_check(const op_line *c, const char *what, const syi_array *actual,
                      const syi_array *expected);

#endif
