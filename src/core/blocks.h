/*
 * blocks.h - large blocks of memory that are used again: results of operations come and go in the same sizes, and what
 * malloc gives back to the system has to be made anew, page by page (a chain of sums of 1 MiB took 813 us each, and 60
 * with blocks that stay). Test: blocks_test.c.
 *
 * A context keeps the blocks that were freed last, at most SYI_BLOCKS_KEPT of them and
 *  - SYI_BLOCKS_BYTES together, or
 *  - as much as blocks in use and kept ones are together no more than what was in use at once lately, and at most
 *    SYI_BLOCKS_MOST: keeping never takes more memory than the work itself just did.
 * ("Lately" is the last SYI_BLOCKS_PERIOD to twice as many allocations; fresh memory for a result of 40 MB took 3 of the
 * 7 ms of a multiplication.) What is not asked for soon is given back, and so is everything with syi_blocks_trim, when
 * memory runs out, and at the context's end. Whole huge pages of kept blocks are the system's to take while they lie
 * idle (MADV_FREE, 15 us for 40 MiB). Contexts with an allocator of their own keep none, nor do builds with the address
 * sanitizer, which looks for use after free.
 *
 * What is in a block is what was there: secrets are wiped by who frees them (syi_block_free_secret).
 */
#ifndef SYI_CORE_BLOCKS_H
#define SYI_CORE_BLOCKS_H

#include <pthread.h>

#include <csyft/context.h>

#define SYI_BLOCK_SMALLEST ((size_t)64 << 10) /* below, malloc keeps them itself */
#define SYI_BLOCK_LARGEST ((size_t)256 << 20)
#define SYI_BLOCKS_KEPT 24
#define SYI_BLOCKS_BYTES ((size_t)32 << 20)
#define SYI_BLOCKS_MOST ((size_t)512 << 20)
#define SYI_BLOCKS_PERIOD 256 /* allocations */
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
    size_t used;              /* in blocks that are not free, of the sizes that are kept */
    size_t most, most_before; /* used at once in this period and the one before */
    uint64_t turn;            /* allocations so far */
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
