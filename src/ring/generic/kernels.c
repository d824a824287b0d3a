/* kernels.c - ring kernels of any processor. */
#include <string.h>

#define SYI_RING_SET generic
#define SYI_RING_BYTES 16
#include "ring/loops.h"
