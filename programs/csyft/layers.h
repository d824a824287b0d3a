/*
 * layers.h - a network as typed on a command line, layers with commas between.
 *
 *     128,10                                        fully connected, relu between; rows of several dims are flattened before
 *     conv 8 3, relu, maxpool 2, flatten, 64, 10    on images of channels x height x width
 *
 * What a layer takes is what the one before gives; the first takes the rows of a dataset. A number is "linear N", with relu between two of
 * them that follow each other.
 */
#ifndef CSYFT_PROGRAM_LAYERS_H
#define CSYFT_PROGRAM_LAYERS_H

#include <csyft/csyft.h>

/* `rows`: f32, the first dim open. SY_EINVAL for text that is no network, and for layers that do not take what they get: the sentence names
 * the layer. */
sy_status layers_build(sy_hook *hook, const char *text, const sy_plan_shape *rows,
                       sy_module **module, sy_error *err);

#endif
