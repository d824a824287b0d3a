/* names.c - the inproc:// names of a context, in a slot of it. Test: inproc_test.c. */
#include "transport/inproc/names.h"

#include <pthread.h>
#include <string.h>

#include "core/surroundings.h"

typedef struct registry {
    sy_context *context;
    pthread_mutex_t lock;
    inproc_name *first;
} registry;

static void registry_free(void *value)
{
    registry *names = value;
    pthread_mutex_destroy(&names->lock);
    syi_free(names->context, names, sizeof *names);
}

static registry *registry_make(sy_context *context)
{
    registry *names = syi_context_get_slot(context, SYI_CONTEXT_SLOT_INPROC);
    if (names != NULL) {
        return names;
    }
    names = syi_alloc(context, sizeof *names);
    if (names == NULL) {
        return NULL;
    }
    names->context = context;
    pthread_mutex_init(&names->lock, NULL);
    registry *there = syi_context_set_slot(context, SYI_CONTEXT_SLOT_INPROC, names, registry_free);
    if (there != names) {
        registry_free(names);
    }
    return there;
}

/* Where a name stands in the list, or its end. Under the lock. */
static inproc_name **place_of(registry *names, const char *text)
{
    inproc_name **at = &names->first;
    while (*at != NULL && strcmp((*at)->text, text) != 0) {
        at = &(*at)->next;
    }
    return at;
}

sy_status syi_inproc_names_add(sy_context *context, inproc_name *name, sy_error *err)
{
    registry *names = registry_make(context);
    if (names == NULL) {
        return SYI_ENOMEM(err, "inproc names");
    }
    pthread_mutex_lock(&names->lock);
    inproc_name **at = place_of(names, name->text);
    const bool taken = *at != NULL;
    if (!taken) {
        name->next = NULL;
        *at = name;
    }
    pthread_mutex_unlock(&names->lock);
    return taken ? syi_fail_object(err, SY_EEXIST, name->text,
                                   "inproc://%s: this name is listened on already", name->text)
                 : SY_OK;
}

void syi_inproc_names_remove(sy_context *context, inproc_name *name)
{
    registry *names = syi_context_get_slot(context, SYI_CONTEXT_SLOT_INPROC);
    pthread_mutex_lock(&names->lock);
    inproc_name **at = place_of(names, name->text);
    if (*at == name) {
        *at = name->next;
    }
    pthread_mutex_unlock(&names->lock);
}

inproc_name *syi_inproc_names_find(sy_context *context, const char *text,
                                   void (*hold)(inproc_name *name))
{
    registry *names = syi_context_get_slot(context, SYI_CONTEXT_SLOT_INPROC);
    if (names == NULL) {
        return NULL;
    }
    pthread_mutex_lock(&names->lock);
    inproc_name *found = *place_of(names, text);
    if (found != NULL) {
        hold(found);
    }
    pthread_mutex_unlock(&names->lock);
    return found;
}
