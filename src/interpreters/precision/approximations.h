/*
 * approximations.h - exp, sigmoid, tanh, log, reciprocal, inverse and sqrt of fixed precision tensors, out of
 * sums, products and comparisons, so that they run on any child.
 *
 * They compute on a finer scale, the largest power of the base up to 10^7 (or the tensor's own, when that is
 * finer), in the field of 2^64, and truncate once at the end. Greatest errors, with a scale of 10^7 or 2^23 and
 * against the function of the encoded argument; one unit of the result's own scale comes to each:
 *
 *   function    method               interval           error
 *   exp         limit (8)            [-250, 0]          0.0001
 *                                    [0, 4]             0.0003 of the value
 *                                    [0, 10]            0.003 of the value
 *   sigmoid     chebyshev (32)       all                0.0003
 *               exp                  all                0.0001
 *               maclaurin            [-8, 8]            0.065
 *   tanh        chebyshev (32)       all                0.0005
 *               sigmoid              all                0.0002
 *   log         householder (3)      [0.1, 250]         0.001
 *   reciprocal  NR (10)              +-[0.01, 250]      0.0001 of the value
 *               newton (80)          +-[0.3, 4]         0.002 of the value
 *               division             all but 0          one unit
 *               log                  +-[0.1, 250]       0.003 of the value
 *   sqrt        NR (8)               [0.01, 150]        0.0002
 *   inverse     newton (8)           the largest element of 1 - X A stays below 0.01, or it is refused:
 *                                    eigenvalues of about 0.2 to 19.8
 *
 * The first method of each is the default; the number of iterations is in parentheses. Outside of the interval
 * SY_ERANGE, where the child is a native tensor here; elsewhere nobody looks, and the result means nothing. exp
 * of less than -250 is 0 (elsewhere: means nothing). Sources: the reference's formulas (tensors.md, precision),
 * with a second-order limit for exp and Newton's iteration for the quotient in sigmoid; CrypTen
 * (arXiv:2109.00984) for the first guesses of reciprocal and sqrt. Test: approximations_test.c measures the table.
 */
#ifndef SYI_INTERPRETERS_PRECISION_APPROXIMATIONS_H
#define SYI_INTERPRETERS_PRECISION_APPROXIMATIONS_H

#include "interpreters/precision/fixed.h"

/* method NULL, iterations 0: the defaults. x is of fixed precision; so is the result, with its attributes. */
sy_tensor *syi_fixed_approximate(sy_scope *scope, sy_tensor *x, const char *function,
                                 const char *method, int64_t iterations);

#endif
