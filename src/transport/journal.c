/* journal.c - the ring of noted messages. Test: journal_test.c. */
#include "transport/journal.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "core/utf8.h"

void syi_journal_init(syi_journal *journal, sy_context *context, const char *owner,
                      syi_journal_describe describe)
{
    memset(journal, 0, sizeof *journal);
    journal->context = context;
    journal->owner = owner;
    journal->describe = describe;
    atomic_init(&journal->open, false);
    atomic_init(&journal->verbose, false);
    pthread_mutex_init(&journal->lock, NULL);
}

static void drop_ring(syi_journal *journal)
{
    if (journal->ring != NULL) {
        syi_free(journal->context, journal->ring, journal->capacity * sizeof *journal->ring);
    }
    journal->ring = NULL;
    journal->capacity = 0;
}

void syi_journal_fini(syi_journal *journal)
{
    drop_ring(journal);
    pthread_mutex_destroy(&journal->lock);
}

sy_status syi_journal_open(syi_journal *journal, size_t capacity, bool verbose, sy_error *err)
{
    syi_journal_entry *ring = NULL;
    if (capacity > 0) {
        ring = syi_alloc_array(journal->context, capacity, sizeof *ring);
        if (ring == NULL) {
            return SYI_ENOMEM(err, "message log");
        }
    }
    pthread_mutex_lock(&journal->lock);
    drop_ring(journal);
    journal->ring = ring;
    journal->capacity = capacity;
    journal->first = 0;
    journal->count = 0;
    journal->numbers = 0;
    journal->sent = 0;
    journal->received = 0;
    atomic_store(&journal->verbose, verbose && capacity > 0);
    atomic_store(&journal->open, capacity > 0);
    pthread_mutex_unlock(&journal->lock);
    return SY_OK;
}

void syi_journal_prepare(const syi_journal *journal, syi_journal_entry *entry,
                         const syi_message *message, bool received, const char *peer,
                         const char *address)
{
    memset(entry, 0, sizeof *entry);
    entry->received = received;
    entry->message_id = message->id;
    entry->size = syi_frame_length(message);
    entry->segments = message->segment_count;
    journal->describe(message, entry);
    syi_utf8_store(entry->peer, sizeof entry->peer, peer != NULL ? peer : "");
    syi_utf8_store(entry->address, sizeof entry->address, address);
}

static void say(const syi_journal *journal, const syi_journal_entry *entry)
{
    syi_log(journal->context, SY_LOG_INFO, "messages", journal->owner, entry->message_id,
            "%s %s%s%s, %" PRIu64 " bytes, %s %s", entry->received ? "received" : "sent",
            entry->kind, entry->subject[0] != '\0' ? " " : "", entry->subject, entry->size,
            entry->received ? "from" : "to", entry->peer[0] != '\0' ? entry->peer : entry->address);
}

void syi_journal_note(syi_journal *journal, syi_journal_entry *entry)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    entry->time_us = (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
    pthread_mutex_lock(&journal->lock);
    if (journal->capacity > 0) {
        entry->number = journal->numbers++;
        entry->nth = entry->received ? journal->received++ : journal->sent++;
        if (journal->count == journal->capacity) {
            journal->first = (journal->first + 1) % journal->capacity;
            journal->count--;
        }
        journal->ring[(journal->first + journal->count++) % journal->capacity] = *entry;
    }
    pthread_mutex_unlock(&journal->lock);
    if (atomic_load_explicit(&journal->verbose, memory_order_relaxed)) {
        say(journal, entry);
    }
}

size_t syi_journal_read(syi_journal *journal, uint64_t from, syi_journal_entry *entries,
                        size_t room)
{
    size_t read = 0;
    pthread_mutex_lock(&journal->lock);
    const uint64_t oldest = journal->numbers - journal->count;
    size_t skip = from > oldest ? (size_t)(from - oldest) : 0;
    for (; skip < journal->count && read < room; skip++) {
        entries[read++] = journal->ring[(journal->first + skip) % journal->capacity];
    }
    pthread_mutex_unlock(&journal->lock);
    return read;
}

bool syi_journal_find(syi_journal *journal, bool received, int64_t nth, syi_journal_entry *entry)
{
    bool found = false;
    pthread_mutex_lock(&journal->lock);
    const uint64_t total = received ? journal->received : journal->sent;
    if (nth >= 0 || (uint64_t) - (nth + 1) < total) {
        const uint64_t wanted = nth >= 0 ? (uint64_t)nth : total - (uint64_t) - (nth + 1) - 1;
        for (size_t k = 0; k < journal->count && !found; k++) {
            const syi_journal_entry *at = &journal->ring[(journal->first + k) % journal->capacity];
            found = at->received == received && at->nth == wanted;
            if (found) {
                *entry = *at;
            }
        }
    }
    pthread_mutex_unlock(&journal->lock);
    return found;
}

void syi_journal_get_counts(syi_journal *journal, uint64_t *sent, uint64_t *received)
{
    pthread_mutex_lock(&journal->lock);
    *sent = journal->sent;
    *received = journal->received;
    pthread_mutex_unlock(&journal->lock);
}
