/* version.h - library and wire versions; they move separately. */
#ifndef CSYFT_VERSION_H
#define CSYFT_VERSION_H

#include <csyft/api.h>

#define SY_VERSION_MAJOR 0
#define SY_VERSION_MINOR 1
#define SY_VERSION_PATCH 0
#define SY_VERSION_STRING "0.1.0"

/* Lowest and highest revision of the `csyft.v1` wire format that this library speaks. */
#define SY_WIRE_REVISION_MIN 1
#define SY_WIRE_REVISION_MAX 1

SY_BEGIN_DECLS

/* The version of the library at run time, "MAJOR.MINOR.PATCH". Static storage, any thread. */
SY_API const char *sy_version(void);

SY_END_DECLS

#endif
