/* descriptors.c - see descriptors.h. */
#include "descriptors.h"

#include <inttypes.h>
#include <sys/resource.h>

enum { SPARE = 256 }; /* listeners, loops, threads, peers, files that are being read */

void cli_raise_descriptors(const cli_verb *verb, uint64_t connections, bool say)
{
    struct rlimit limit;
    const uint64_t wanted = connections + SPARE;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY ||
        limit.rlim_cur >= wanted) {
        return;
    }
    const uint64_t before = limit.rlim_cur;
    limit.rlim_cur =
        limit.rlim_max == RLIM_INFINITY || limit.rlim_max >= wanted ? wanted : limit.rlim_max;
    if (limit.rlim_cur > before && setrlimit(RLIMIT_NOFILE, &limit) == 0) {
        if (say) {
            cli_note(verb, "raised the limit of open files from %" PRIu64 " to %" PRIu64, before,
                     (uint64_t)limit.rlim_cur);
        }
    } else {
        limit.rlim_cur = before;
    }
    if (say && limit.rlim_cur < wanted) {
        cli_warn(verb,
                 "%" PRIu64 " connections take %" PRIu64
                 " open files, and the system allows %" PRIu64 ": it will accept fewer",
                 connections, wanted, (uint64_t)limit.rlim_cur);
    }
}
