/* version.c - the library's version at run time. Core room. Test: version_test.c. */
#include <csyft/version.h>

const char *sy_version(void)
{
    return SY_VERSION_STRING;
}
