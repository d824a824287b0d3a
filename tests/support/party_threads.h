/*
 * party_threads.h - crypto/channel.h between threads of this process: as many holders as wanted, and a provider that deals
 * what they demand. Demands travel as bytes and are read back. What is sent may be kept, and a fault may be planted. No
 * cmocka here: also for benches.
 */
#ifndef CSYFT_TESTS_PARTY_THREADS_H
#define CSYFT_TESTS_PARTY_THREADS_H

#include "crypto/spdz.h"

enum { PARTY_PROVIDER = -1, PARTY_THREADS_MAX = 8, PARTY_DEMANDS_MAX = 4096 };

/* What a party does wrong from its message `at` (0: the first) on. Holders' messages are counted when sent. */
typedef enum party_fault_kind {
    PARTY_FAULT_NONE,
    PARTY_FAULT_DIE,   /* goes away without a word */
    PARTY_FAULT_SHORT, /* sends one byte less */
    PARTY_FAULT_LONG,  /* one more */
    PARTY_FAULT_STALL, /* sends nothing for longer than the deadline */
} party_fault_kind;

typedef struct party_fault {
    party_fault_kind kind;
    int party;   /* or PARTY_PROVIDER */
    uint64_t at; /* what they report counts as well */
} party_fault;

typedef struct party_threads_options {
    int holders;
    uint64_t seed;        /* seeds and session are made of it */
    uint64_t deadline_ms; /* 0: 20 s */
    size_t ahead;      /* bytes under way on a link before a sender waits; 0: SYI_CHANNEL_AHEAD */
    uint64_t sequence; /* of the command */
    bool keep;         /* what is sent and demanded */
    bool made_ahead;   /* demands are answered by material of other items */
    bool check_range;
    party_fault fault;
    /* For memcheck, or NULL: called with every seed, and with what is received of holders. */
    void (*mark_secret)(void *bytes, size_t size);
    void (*mark_public)(void *bytes, size_t size);
} party_threads_options;

/* Run by every holder on a thread of its own: party->channel->index says which one it is. */
typedef sy_status (*party_program)(syi_party *party, void *user, sy_error *err);

typedef struct party_result {
    sy_status status;
    sy_error err;
    syi_cost cost;
} party_result;

/* A demand, and how many bytes a holder had sent before it. */
typedef struct party_demand {
    syi_demand demand;
    size_t sent_before;
} party_demand;

typedef struct party_threads party_threads;

/* NULL without memory. */
party_threads *party_threads_new(sy_context *context, const party_threads_options *options);
void party_threads_free(party_threads *threads);

/* Runs a command. The same sequence must not be run twice. True when all holders and the provider succeeded, and every
 * message was received. */
bool party_threads_run(party_threads *threads, party_program program, void *user);
const party_result *party_threads_result(const party_threads *threads, int holder);
/* The first failure's sentence, or "". */
const char *party_threads_failure(const party_threads *threads);

/* With `keep`: of the last run. */
const uint8_t *party_threads_sent(const party_threads *threads, int holder, size_t *size);
size_t party_threads_demands(const party_threads *threads, const party_demand **demands);
/* What the provider sent a holder. */
const uint8_t *party_threads_dealt(const party_threads *threads, int holder, size_t *size);

/* What a holder reported to the provider. */
const uint8_t *party_threads_reported(const party_threads *threads, int holder, size_t *size);

/* For the next runs. */
void party_threads_set(party_threads *threads, const party_threads_options *options);
const syi_material *party_threads_material(const party_threads *threads, int holder);

/* What a mask is: the sum of all holders' streams. `count` words of the field's width. */
sy_status party_threads_mask(const party_threads *threads, const syi_field *field,
                             syi_material_kind kind, const syi_item *item, unsigned part,
                             void *words, size_t count, sy_error *err);

#endif
