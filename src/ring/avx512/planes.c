#define SYI_RING_SET avx512
#define SYI_RING_BYTES 64
#include "ring/plane_loops.h"
