/* heard.h - the lines that a context logs at info and above, for tests that look at their order. */
#ifndef CSYFT_TESTS_HEARD_H
#define CSYFT_TESTS_HEARD_H

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <csyft/context.h>

typedef struct heard_lines {
    pthread_mutex_t lock;
    size_t count;
    char lines[64][120];
} heard_lines;

static inline void heard_take(void *user, sy_log_level level, const char *component,
                              const char *worker, uint64_t message_id, const char *message)
{
    heard_lines *heard = user;
    (void)level;
    (void)component;
    (void)worker;
    (void)message_id;
    pthread_mutex_lock(&heard->lock);
    if (heard->count < sizeof heard->lines / sizeof heard->lines[0]) {
        snprintf(heard->lines[heard->count++], sizeof heard->lines[0], "%s", message);
    }
    pthread_mutex_unlock(&heard->lock);
}

/* Are these lines there, in this order? Ended by NULL. */
static inline bool heard_in_order(heard_lines *heard, const char *const *expected)
{
    pthread_mutex_lock(&heard->lock);
    size_t k = 0;
    for (; *expected != NULL && k < heard->count; k++) {
        expected += strcmp(heard->lines[k], *expected) == 0;
    }
    pthread_mutex_unlock(&heard->lock);
    if (*expected != NULL) {
        fprintf(stderr, "not said, or not in its place: %s\n", *expected);
    }
    return *expected == NULL;
}

#endif
