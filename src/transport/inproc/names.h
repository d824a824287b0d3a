/* names.h - which inproc:// names are listened on in a context. inproc.c only. */
#ifndef SYI_TRANSPORT_INPROC_NAMES_H
#define SYI_TRANSPORT_INPROC_NAMES_H

#include "core/error.h"
#include "core/memory.h"

/* Embedded in its owner, which keeps it until it is removed. */
typedef struct inproc_name {
    const char *text;
    struct inproc_name *next;
} inproc_name;

/* SY_EEXIST when the name is taken, SY_ENOMEM. Any thread, as all here. */
sy_status syi_inproc_names_add(sy_context *context, inproc_name *name, sy_error *err);
void syi_inproc_names_remove(sy_context *context, inproc_name *name);
/* NULL when nobody has the name; `hold` is called on it before anybody can remove it. */
inproc_name *syi_inproc_names_find(sy_context *context, const char *text,
                                   void (*hold)(inproc_name *name));

#endif
