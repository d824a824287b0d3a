/* arena.c - memory of one translation. */
#include "pysyft/protobuf/arena.h"

#include "core/blocks.h"

#define CHUNK_SMALLEST ((size_t)4 << 10)
#define CHUNK_LARGEST ((size_t)256 << 10)

typedef struct syi_protobuf_chunk {
    struct syi_protobuf_chunk *next;
    size_t size; /* with this header */
    size_t used;
    size_t padding; /* what follows stays 16-byte aligned */
} chunk;

/* Large chunks, lists of elements mostly, come and go in the same sizes. */
static chunk *chunk_alloc(sy_context *context, size_t size)
{
    return size >= SYI_BLOCK_SMALLEST ? syi_block_alloc(context, size)
                                      : syi_alloc_aligned(context, size, 16);
}

static void chunk_free(sy_context *context, chunk *old)
{
    if (old->size >= SYI_BLOCK_SMALLEST) {
        syi_block_free(context, old, old->size);
    } else {
        syi_free(context, old, old->size);
    }
}

static void *arena_alloc(void *arena, size_t size)
{
    return syi_protobuf_arena_alloc(arena, size);
}

static void arena_free(void *arena, void *memory)
{
    (void)arena; /* all of it goes at once */
    (void)memory;
}

void syi_protobuf_arena_init(syi_protobuf_arena *arena, sy_context *context, syi_account *account,
                             size_t maximum)
{
    *arena = (syi_protobuf_arena){
        .context = context,
        .account = account,
        .maximum = maximum,
        .allocator = {.alloc = arena_alloc, .free = arena_free, .allocator_data = arena},
    };
}

void syi_protobuf_arena_fini(syi_protobuf_arena *arena)
{
    while (arena->chunks != NULL) {
        chunk *first = arena->chunks;
        arena->chunks = first->next;
        chunk_free(arena->context, first);
    }
    if (arena->account != NULL) {
        syi_account_release(arena->account, arena->used);
    }
    arena->used = 0;
}

/* A chunk with room for `size` bytes, at the front of the list. */
static chunk *grow(syi_protobuf_arena *arena, size_t size)
{
    size_t room = arena->used < CHUNK_SMALLEST ? CHUNK_SMALLEST : arena->used;
    room = room > CHUNK_LARGEST ? CHUNK_LARGEST : room;
    room = size > room ? size : room;
    arena->limited = arena->used + room + sizeof(chunk) > arena->maximum;
    if (arena->limited) {
        return NULL;
    }
    room += sizeof(chunk);
    if (arena->account != NULL && syi_account_charge(arena->account, room, NULL) != SY_OK) {
        arena->limited = true;
        return NULL;
    }
    chunk *fresh = chunk_alloc(arena->context, room);
    if (fresh == NULL) {
        if (arena->account != NULL) {
            syi_account_release(arena->account, room);
        }
        return NULL;
    }
    *fresh = (chunk){.next = arena->chunks, .size = room, .used = sizeof(chunk)};
    arena->chunks = fresh;
    arena->used += room;
    return fresh;
}

void *syi_protobuf_arena_alloc(syi_protobuf_arena *arena, size_t size)
{
    chunk *first = arena->chunks;
    if (size > arena->maximum) {
        arena->limited = true;
        return NULL;
    }
    size = (size + 15) & ~(size_t)15;
    if (first == NULL || first->size - first->used < size) {
        first = grow(arena, size);
        if (first == NULL) {
            return NULL;
        }
    }
    void *memory = (uint8_t *)first + first->used;
    first->used += size;
    return memory;
}

sy_status syi_protobuf_arena_refused(const syi_protobuf_arena *arena, sy_error *err)
{
    return arena->limited ? syi_fail(err, SY_ELIMIT,
                                     "protobuf: the message needs more memory than it may take "
                                     "(%zu bytes so far)",
                                     arena->used)
                          : SYI_ENOMEM(err, "protobuf message");
}
