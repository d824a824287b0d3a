#include "workers/greeting.h"

#include <string.h>

#include <csyft/version.h>

void syi_greeting_init(syi_hello *mine, const sy_id *speaker, uint64_t message_max)
{
    const syi_frame_limits limits = SYI_FRAME_LIMITS_DEFAULT;
    *mine = (syi_hello){
        .wire_min = SY_WIRE_REVISION_MIN,
        .wire_max = SY_WIRE_REVISION_MAX,
        .worker = *speaker,
        .body_max = limits.body_max,
        .segments_max = limits.segments_max,
        .message_max = message_max,
    };
    memcpy(mine->library, SY_VERSION_STRING, sizeof SY_VERSION_STRING);
}

static uint32_t in_32_bits(uint64_t value)
{
    return value < UINT32_MAX ? (uint32_t)value : UINT32_MAX;
}

syi_frame_limits syi_greeting_limits(const syi_hello *theirs)
{
    return (syi_frame_limits){
        .body_max = in_32_bits(theirs->body_max),
        .segments_max = in_32_bits(theirs->segments_max),
        .frame_max = theirs->message_max,
    };
}
