/*
 * journal.h - what passed at an end of connections: a bounded ring with an entry per message, sent or received. An
 * entry holds what the head of a frame says and a word about the body; no part of the body itself, so that nothing of
 * a tensor stays here. Off until it is opened; then an entry costs a lock. Test: journal_test.c.
 *
 * Functions are safe from any thread; init and fini are not.
 */
#ifndef SYI_TRANSPORT_JOURNAL_H
#define SYI_TRANSPORT_JOURNAL_H

#include <pthread.h>

#include "core/surroundings.h"
#include "transport/frame.h"

#define SYI_JOURNAL_TEXT 64
#define SYI_JOURNAL_ADDRESS 96

typedef struct syi_journal_entry {
    uint64_t number; /* of all entries so far; those that left the ring included */
    uint64_t nth;    /* the same among those of its direction */
    int64_t time_us; /* since 1970 */
    uint64_t message_id;
    uint64_t size; /* bytes, head included */
    uint32_t segments;
    bool received;
    char kind[32];
    char subject[SYI_JOURNAL_TEXT]; /* "add"; "" */
    char peer[SYI_JOURNAL_TEXT];    /* what the other end calls itself; "": it has not said yet */
    char address[SYI_JOURNAL_ADDRESS];
} syi_journal_entry;

/* Fills kind and subject from the message. Any thread. */
typedef void (*syi_journal_describe)(const syi_message *message, syi_journal_entry *entry);

typedef struct syi_journal {
    sy_context *context;
    const char *owner; /* the worker's name, for log lines; borrowed */
    syi_journal_describe describe;
    atomic_bool open;
    atomic_bool verbose;  /* each entry is a log line, too */
    pthread_mutex_t lock; /* guards the rest */
    syi_journal_entry *ring;
    size_t capacity, first, count;
    uint64_t numbers, sent, received;
} syi_journal;

void syi_journal_init(syi_journal *journal, sy_context *context, const char *owner,
                      syi_journal_describe describe);
void syi_journal_fini(syi_journal *journal);
/* Begins anew with room for `capacity` entries; 0 ends it and forgets all. SY_ENOMEM: as before. */
sy_status syi_journal_open(syi_journal *journal, size_t capacity, bool verbose, sy_error *err);
/* Is there anything to note? */
static inline bool syi_journal_is_open(const syi_journal *journal)
{
    return journal != NULL && atomic_load_explicit(&journal->open, memory_order_relaxed);
}
/* An entry about the message, not in the ring yet: sending takes the message away. */
void syi_journal_prepare(const syi_journal *journal, syi_journal_entry *entry,
                         const syi_message *message, bool received, const char *peer,
                         const char *address);
/* Numbers it and puts it into the ring; the oldest one leaves when that is full. */
void syi_journal_note(syi_journal *journal, syi_journal_entry *entry);
/* Copies up to `room` entries with numbers from `from` on, oldest first; returns how many. */
size_t syi_journal_read(syi_journal *journal, uint64_t from, syi_journal_entry *entries,
                        size_t room);
/* The nth of its direction; negative: from the end, -1 the last. false: it is not, or no longer, there. */
bool syi_journal_find(syi_journal *journal, bool received, int64_t nth, syi_journal_entry *entry);
/* How many there were since it was opened, those that have left included. */
void syi_journal_get_counts(syi_journal *journal, uint64_t *sent, uint64_t *received);

#endif
