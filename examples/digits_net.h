/*
 * digits_net.h - the convolutional net of remote_cnn.c, which trains it on the handwritten digits (data/digits.csv), and of
 * private_digits.c, which uses it on digits that nobody sees.
 */
#ifndef CSYFT_EXAMPLES_DIGITS_NET_H
#define CSYFT_EXAMPLES_DIGITS_NET_H

#include <csyft/csyft.h>

/* Rows of the data: the first are trained on, the others tried. */
enum { TRAINED = 1500, TRIED = 297, SIDE = 8, PIXELS = SIDE * SIDE };

/* Two convolutions with batch norms, each halved by pooling, and two linear layers. */
sy_status digits_make_net(sy_hook *hook, sy_module **model, sy_error *err);

/* Rows [from, from + count) as images 1x8x8 of 0 to 1, and their classes. */
sy_status digits_cut(sy_hook *hook, sy_tensor *table, int64_t from, int64_t count, sy_tensor **x,
                     sy_tensor **y, sy_error *err);

#endif
