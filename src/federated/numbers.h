/*
 * numbers.h - elements of parameters as doubles, and back: floats that lie in order are read in one go. Test: numbers_test.c.
 */
#ifndef SYI_FEDERATED_NUMBERS_H
#define SYI_FEDERATED_NUMBERS_H

#include "arrays/array.h"

/* All elements in the order of the shape; returns how many. */
size_t syi_numbers_read(const syi_array *array, double *numbers);
/* How far each of them is from `then`. */
size_t syi_numbers_read_change(const syi_array *array, const double *then, double *change);
/* The other way, rounded to the array's dtype; it is a float. */
size_t syi_numbers_write(const syi_array *array, const double *numbers);
bool syi_numbers_are_finite(const double *numbers, size_t count);

#endif
