/* pointwise.h - how the files of pointwise kernels run their loops. Room frameworks/cpu only. */
#ifndef SYI_FRAMEWORKS_CPU_POINTWISE_H
#define SYI_FRAMEWORKS_CPU_POINTWISE_H

#include <string.h>

#include "frameworks/cpu/cpu.h"

typedef syi_loop syi_loop_table[SY_DTYPE_COUNT];

/* outs[0] = loop(args[0]), and loop(args[left], args[right]), in the result's dtype; SY_EDTYPE where the table has no
 * loop. */
sy_status syi_cpu_run_unary(const syi_cpu_call *call, const syi_loop_table loops,
                            const void *param);
sy_status syi_cpu_run_binary(const syi_cpu_call *call, const syi_loop_table loops, int left,
                             int right, const void *param);
/* outs[0] = loop(args[0], args[1], args[2]) */
sy_status syi_cpu_run_ternary(const syi_cpu_call *call, const syi_loop_table loops,
                              const void *param);

/* Plain numbers as a loop's parameter: an array of the dtype's elements. */
typedef union syi_numbers {
    uint8_t bytes[4 * sizeof(int64_t)];
    int64_t aligned;
} syi_numbers;
static inline void syi_numbers_set(syi_numbers *numbers, int place, const sy_value *value,
                                   sy_dtype dtype)
{
    const syi_element element = syi_element_from_value(value, dtype);
    const size_t size = sy_dtype_size(dtype);
    memcpy(numbers->bytes + (size_t)place * size, &element, size);
}

#endif
