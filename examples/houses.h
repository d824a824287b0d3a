/*
 * houses.h - what houses around Boston cost (data/boston_housing.csv), as boston_housing.c trains on it.
 */
#ifndef CSYFT_EXAMPLES_HOUSES_H
#define CSYFT_EXAMPLES_HOUSES_H

#include <csyft/csyft.h>

/* The first are trained on, the others tried. */
enum { ROWS = 506, FEATURES = 13, TRAINED = 400 };

/* ROWS x FEATURES and ROWS x 1, f32; in steps of five rows of the file, so that houses of all towns are everywhere. Features are standardized by the
 * rows that are trained on, as in PySyft's tutorial all but column 3, which is 0 or 1. In real use workers agree on means and deviations. */
sy_status houses_load(sy_hook *hook, const char *path, sy_tensor **x, sy_tensor **y, sy_error *err);

/* A copy of rows [from, from + count). */
sy_status houses_cut(sy_hook *hook, sy_tensor *all, int64_t from, int64_t count, sy_tensor **part,
                     sy_error *err);

#endif
