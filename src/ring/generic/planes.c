#define SYI_RING_SET generic
#define SYI_RING_BYTES 16
#include "ring/plane_loops.h"
