/*
 * arena.h - memory of one translation: the messages of a tree, given back at once. protobuf-c allocates from it, too, so
 * that hostile bytes cost what a context and an account allow and no more. Test: protobuf_test.c.
 */
#ifndef SYI_PYSYFT_PROTOBUF_ARENA_H
#define SYI_PYSYFT_PROTOBUF_ARENA_H

#include <protobuf-c/protobuf-c.h>

#include "core/error.h"
#include "core/memory.h"

struct syi_protobuf_chunk;

typedef struct syi_protobuf_arena {
    sy_context *context;
    syi_account *account; /* nullable */
    struct syi_protobuf_chunk *chunks;
    size_t used;    /* bytes of chunks */
    size_t maximum; /* of `used` */
    bool limited;   /* the last refusal was the maximum's or the account's, not the system's */
    ProtobufCAllocator allocator;
} syi_protobuf_arena;

void syi_protobuf_arena_init(syi_protobuf_arena *arena, sy_context *context, syi_account *account,
                             size_t maximum);
void syi_protobuf_arena_fini(syi_protobuf_arena *arena);
/* Not zeroed, 16-byte aligned; NULL when refused. */
void *syi_protobuf_arena_alloc(syi_protobuf_arena *arena, size_t size);
/* The status of a refusal, with a sentence. */
sy_status syi_protobuf_arena_refused(const syi_protobuf_arena *arena, sy_error *err);

#endif
