/* blocks.c - see blocks.h. */
#include "core/blocks.h"

#include <sys/mman.h>

#include "core/context_internal.h"
#include "core/memory.h"

#define PAGE 4096
#define HUGE_PAGE ((size_t)2 << 20)
#define OFFERED_FROM ((size_t)8 << 20) /* as large as what memory.c lays on huge pages */

#if defined(__SANITIZE_ADDRESS__)
#define KEEPS 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define KEEPS 0
#else
#define KEEPS 1
#endif
#else
#define KEEPS 1
#endif

/* Whole pages, so that nearly equal sizes are equal. */
static size_t size_of_block(size_t size)
{
    return (size + PAGE - 1) / PAGE * PAGE;
}

static bool is_kept(const sy_context *context, size_t size)
{
    return KEEPS && context->allocator.allocate == NULL && size >= SYI_BLOCK_SMALLEST &&
           size <= SYI_BLOCK_LARGEST;
}

void syi_blocks_init(syi_blocks *blocks)
{
    pthread_mutex_init(&blocks->lock, NULL);
    blocks->count = 0;
    blocks->bytes = 0;
    blocks->used = blocks->most = blocks->most_before = 0;
    blocks->turn = 0;
}

/* Idle memory is there for others: pages of it may be taken until they are written again. Parts of huge pages would be
 * split from them. */
static void offer_to_system(void *memory, size_t size)
{
#ifdef MADV_FREE
    if (size >= OFFERED_FROM) {
        const size_t lead = -(uintptr_t)memory % HUGE_PAGE;
        madvise((char *)memory + lead, (size - lead) / HUGE_PAGE * HUGE_PAGE, MADV_FREE);
    }
#else
    (void)memory, (void)size;
#endif
}

/* Lock held: how many bytes may be kept. */
static size_t room_for_blocks(const syi_blocks *blocks)
{
    const size_t most = blocks->most > blocks->most_before ? blocks->most : blocks->most_before;
    size_t room = most - blocks->used; /* most is never less */
    room = room > SYI_BLOCKS_MOST ? SYI_BLOCKS_MOST : room;
    return room < SYI_BLOCKS_BYTES ? SYI_BLOCKS_BYTES : room;
}

/* Lock held. */
static void count_used(syi_blocks *blocks, size_t whole)
{
    blocks->used += whole;
    blocks->most = blocks->used > blocks->most ? blocks->used : blocks->most;
}

/* Lock held. */
static void begin_turn(syi_blocks *blocks)
{
    if (++blocks->turn % SYI_BLOCKS_PERIOD == 0) {
        blocks->most_before = blocks->most;
        blocks->most = blocks->used;
    }
}

/* Lock held. */
static void *take(syi_blocks *blocks, unsigned k)
{
    void *memory = blocks->kept[k].memory;
    blocks->bytes -= blocks->kept[k].size;
    blocks->kept[k] = blocks->kept[--blocks->count];
    return memory;
}

/* Lock held: one that has to go, NULL when none has. */
static void *take_stale(syi_blocks *blocks, size_t *size)
{
    unsigned oldest = 0;
    for (unsigned k = 1; k < blocks->count; k++) {
        oldest = blocks->kept[k].since < blocks->kept[oldest].since ? k : oldest;
    }
    if (blocks->count == 0 ||
        (blocks->count < SYI_BLOCKS_KEPT && blocks->bytes <= room_for_blocks(blocks) &&
         blocks->turn - blocks->kept[oldest].since < SYI_BLOCKS_PERIOD)) {
        return NULL;
    }
    *size = blocks->kept[oldest].size;
    return take(blocks, oldest);
}

/* Fresh memory; what is kept is never the reason that there is none. */
static void *allocate_anew(sy_context *context, size_t whole)
{
    void *memory = syi_alloc_aligned(context, whole, SYI_BLOCK_ALIGNMENT);
    if (memory == NULL && context->allocator.allocate == NULL) {
        syi_blocks_trim(context);
        memory = syi_alloc_aligned(context, whole, SYI_BLOCK_ALIGNMENT);
    }
    return memory;
}

void *syi_block_alloc(sy_context *context, size_t size)
{
    if (!is_kept(context, size)) {
        return allocate_anew(context, size);
    }
    syi_blocks *blocks = &context->blocks;
    const size_t whole = size_of_block(size);
    void *memory = NULL;
    pthread_mutex_lock(&blocks->lock);
    begin_turn(blocks);
    for (unsigned k = blocks->count; k > 0 && memory == NULL; k--) {
        memory = blocks->kept[k - 1].size == whole ? take(blocks, k - 1) : NULL;
    }
    if (memory == NULL) {
        pthread_mutex_unlock(&blocks->lock);
        memory = allocate_anew(context, whole);
        pthread_mutex_lock(&blocks->lock);
    }
    count_used(blocks, memory != NULL ? whole : 0);
    pthread_mutex_unlock(&blocks->lock);
    return memory;
}

void syi_block_free(sy_context *context, void *memory, size_t size)
{
    if (memory == NULL || !is_kept(context, size)) {
        syi_free(context, memory, size);
        return;
    }
    syi_blocks *blocks = &context->blocks;
    const size_t whole = size_of_block(size);
    void *stale = NULL;
    size_t stale_size = 0;
    offer_to_system(memory, whole);
    pthread_mutex_lock(&blocks->lock);
    blocks->used -= whole;
    stale = take_stale(blocks, &stale_size);
    blocks->kept[blocks->count].memory = memory;
    blocks->kept[blocks->count].size = whole;
    blocks->kept[blocks->count++].since = blocks->turn;
    blocks->bytes += whole;
    while (blocks->bytes > room_for_blocks(blocks)) { /* several small ones for a large one */
        syi_free(context, stale, stale_size);
        stale = take_stale(blocks, &stale_size);
    }
    pthread_mutex_unlock(&blocks->lock);
    syi_free(context, stale, stale_size);
}

void syi_block_free_secret(sy_context *context, void *memory, size_t size)
{
    if (memory != NULL) {
        syi_wipe(memory, size);
        syi_block_free(context, memory, size);
    }
}

void syi_blocks_trim(sy_context *context)
{
    syi_blocks *blocks = &context->blocks;
    pthread_mutex_lock(&blocks->lock);
    while (blocks->count > 0) {
        const size_t size = blocks->kept[0].size;
        syi_free(context, take(blocks, 0), size);
    }
    pthread_mutex_unlock(&blocks->lock);
}

void syi_blocks_fini(sy_context *context, syi_blocks *blocks)
{
    syi_blocks_trim(context);
    pthread_mutex_destroy(&blocks->lock);
}
