#define SYI_RING_SET avx512
#include "ring/plane_loops.h"
