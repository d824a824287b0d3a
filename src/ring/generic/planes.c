#define SYI_RING_SET generic
#include "ring/plane_loops.h"
