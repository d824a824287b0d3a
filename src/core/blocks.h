/*
 * blocks.h - large blocks of memory that are used again: results of operations come and go in the same sizes, and what
 * malloc gives back to the system has to be made anew, page by page (a chain of sums of 1 MiB took 813 us each, and 60
 * with blocks that stay). Test: blocks_test.c.
 *
 * A context keeps the blocks that were freed last, at most SYI_BLOCKS_KEPT of SYI_BLOCKS_BYTES together; those that are not
 * asked for soon are given back, and so are all with syi_blocks_trim and the context's end. Contexts with an allocator of
 * their own keep none, nor do builds with the address sanitizer, which looks for use after free.
 *
 * What is in a block is what was there: secrets are wiped by who frees them (syi_block_free_secret).
 */
#ifndef SYI_CORE_BLOCKS_H
#define SYI_CORE_BLOCKS_H

#include <pthread.h>

#include <csyft/context.h>

#define SYI_BLOCK_SMALLEST ((size_t)64 << 10) /* below, malloc keeps them itself */
#define SYI_BLOCK_LARGEST ((size_t)16 << 20)
#define SYI_BLOCKS_KEPT 24
#define SYI_BLOCKS_BYTES ((size_t)32 << 20)
#define SYI_BLOCK_ALIGNMENT 64

typedef struct syi_blocks {
    pthread_mutex_t lock;
    struct {
        void *memory;
        size_t size;
        uint64_t since; /* turn in which it was freed */
    } kept[SYI_BLOCKS_KEPT];
    unsigned count;
    size_t bytes;
    uint64_t turn; /* allocations so far */
} syi_blocks;

void syi_blocks_init(syi_blocks *blocks);
void syi_blocks_fini(sy_context *context, syi_blocks *blocks);

/* Not zeroed, aligned to SYI_BLOCK_ALIGNMENT. NULL when refused. Freed with the same size. Any thread. */
void *syi_block_alloc(sy_context *context, size_t size);
void syi_block_free(sy_context *context, void *memory, size_t size);
void syi_block_free_secret(sy_context *context, void *memory, size_t size);
/* Gives all that is kept back to the system. */
void syi_blocks_trim(sy_context *context);

#endif
