/* kernels.c - ring kernels of processors with AVX-512, which multiplies words of 64 bits. */
#include <string.h>

#define SYI_RING_SET avx512
#define SYI_RING_BYTES 64
#include "ring/loops.h"
