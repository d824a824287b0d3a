/* overload.h (internal) - which function answers an operation for a type. Face: <csyft/overload.h>. Test:
 * src/interpreters/overload_test.c. */
#ifndef SYI_HOOK_OVERLOAD_H
#define SYI_HOOK_OVERLOAD_H

#include <csyft/overload.h>

#include "hook/operation.h"

typedef struct syi_overload syi_overload;
struct syi_overload {
    syi_overload *next; /* of the same row; of those without row */
    syi_answerer answerer;
    bool function;     /* of the function's form: torch.add */
    bool only_inplace; /* of add_ */
    bool inplace;      /* without row: by its name */
    syi_op own;        /* the row of a name that has none; id SYI_OP_COUNT */
    size_t name_length;
    char name[]; /* terminated */
};

/* The best for this call and type, or NULL. There are overloads. */
const syi_overload *syi_overload_find(const sy_hook *hook, const syi_op *op, bool inplace,
                                      const syi_mode *mode, const syi_interpreter *type);
/* Of a name without row. */
const syi_overload *syi_overload_find_name(const sy_hook *hook, const char *name, size_t length,
                                           const syi_interpreter *type);
/* "torch.add" */
bool syi_is_dotted(const char *name, size_t length);
void syi_overloads_free(sy_hook *hook);

#endif
