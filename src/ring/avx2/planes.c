#define SYI_RING_SET avx2
#include "ring/plane_loops.h"
