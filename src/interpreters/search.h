/* search.h - the pointers that an answer to a search becomes (search.c, grid.c). */
#ifndef SYI_INTERPRETERS_SEARCH_H
#define SYI_INTERPRETERS_SEARCH_H

#include "workers/search.h"

typedef struct syi_pointer_list {
    sy_worker *worker;
    sy_tensor **pointers;
    size_t count; /* room */
    size_t filled;
} syi_pointer_list;

/* For syi_search; `user` is the list. */
sy_status syi_pointer_list_expect(void *user, size_t count, sy_error *err);
sy_status syi_pointer_list_add(void *user, const syi_found *found, sy_error *err);
/* Drops what it holds. */
void syi_pointer_list_drop(syi_pointer_list *list);

#endif
