#define SYI_RING_SET avx2
#define SYI_RING_BYTES 32
#include "ring/plane_loops.h"
