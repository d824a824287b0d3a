#include "core/blocks.h"

#include "core/context_internal.h"
#include "core/memory.h"

#define PAGE 4096
#define TURNS_KEPT 256 /* allocations after which a block that nobody asked for goes */

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
    blocks->turn = 0;
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
        (blocks->count < SYI_BLOCKS_KEPT && blocks->bytes <= SYI_BLOCKS_BYTES &&
         blocks->turn - blocks->kept[oldest].since < TURNS_KEPT)) {
        return NULL;
    }
    *size = blocks->kept[oldest].size;
    return take(blocks, oldest);
}

void *syi_block_alloc(sy_context *context, size_t size)
{
    if (!is_kept(context, size)) {
        return syi_alloc_aligned(context, size, SYI_BLOCK_ALIGNMENT);
    }
    syi_blocks *blocks = &context->blocks;
    const size_t whole = size_of_block(size);
    void *memory = NULL;
    pthread_mutex_lock(&blocks->lock);
    blocks->turn++;
    for (unsigned k = blocks->count; k > 0 && memory == NULL; k--) {
        memory = blocks->kept[k - 1].size == whole ? take(blocks, k - 1) : NULL;
    }
    pthread_mutex_unlock(&blocks->lock);
    return memory != NULL ? memory : syi_alloc_aligned(context, whole, SYI_BLOCK_ALIGNMENT);
}

void syi_block_free(sy_context *context, void *memory, size_t size)
{
    if (memory == NULL || !is_kept(context, size)) {
        syi_free(context, memory, size);
        return;
    }
    syi_blocks *blocks = &context->blocks;
    void *stale = NULL;
    size_t stale_size = 0;
    pthread_mutex_lock(&blocks->lock);
    stale = take_stale(blocks, &stale_size);
    blocks->kept[blocks->count].memory = memory;
    blocks->kept[blocks->count].size = size_of_block(size);
    blocks->kept[blocks->count++].since = blocks->turn;
    blocks->bytes += size_of_block(size);
    while (blocks->bytes > SYI_BLOCKS_BYTES) { /* several small ones for a large one */
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
