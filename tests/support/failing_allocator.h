/*
 * failing_allocator.h - a sy_allocator that refuses one chosen call, sees leaks and wrong sizes, and
 * counts bytes. `fail_at` counts calls from the moment `calls` was set to 0. Any thread, except that
 * `seen` is the test's own. Fresh memory is not zero.
 */
#ifndef CSYFT_TESTS_FAILING_ALLOCATOR_H
#define CSYFT_TESTS_FAILING_ALLOCATOR_H

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <csyft/context.h>

typedef struct failing_allocator {
    atomic_size_t calls;
    atomic_size_t fail_at;    /* refuse this call (first is 1); 0: none */
    atomic_size_t refused;    /* calls refused so far */
    atomic_size_t live;       /* blocks not yet released */
    atomic_size_t live_bytes; /* their sizes */
    atomic_size_t peak_bytes; /* the most they ever were */
    atomic_bool
        broken; /* a block came back with another size, or an alignment was not a power of two */
    void (*seen)(void *user, const void *memory, size_t size); /* nullable; before each release */
    void *seen_user;
} failing_allocator;

/* Lies right before the memory handed out. */
typedef struct failing_allocator_header {
    size_t size;
    size_t offset; /* from the block's start to the memory */
} failing_allocator_header;

static inline void *failing_allocator_allocate(void *user, size_t size, size_t alignment)
{
    failing_allocator *self = user;
    if (alignment == 0 || (alignment & (alignment - 1)) != 0) {
        self->broken = true;
        return NULL;
    }
    const size_t call = atomic_fetch_add(&self->calls, 1) + 1;
    if (call == self->fail_at) {
        self->refused++;
        return NULL;
    }
    const failing_allocator_header header = {.size = size,
                                             .offset = alignment < 64 ? 64 : alignment};
    void *block = NULL;
    if (size > SIZE_MAX - header.offset ||
        posix_memalign(&block, header.offset, header.offset + size) != 0) {
        return NULL;
    }
    memset(block, 0xa5, header.offset + size); /* nobody may count on zeros */
    char *memory = (char *)block + header.offset;
    memcpy(memory - sizeof header, &header, sizeof header);
    self->live++;
    const size_t bytes = atomic_fetch_add(&self->live_bytes, size) + size;
    size_t peak = self->peak_bytes;
    while (peak < bytes && !atomic_compare_exchange_weak(&self->peak_bytes, &peak, bytes)) {
    }
    return memory;
}

static inline void failing_allocator_release(void *user, void *memory, size_t size)
{
    failing_allocator *self = user;
    failing_allocator_header header;
    memcpy(&header, (char *)memory - sizeof header, sizeof header);
    if (header.size != size) {
        self->broken = true;
    }
    if (self->seen != NULL) {
        self->seen(self->seen_user, memory, size);
    }
    self->live--;
    self->live_bytes -= header.size;
    free((char *)memory - header.offset);
}

static inline sy_allocator failing_allocator_get(failing_allocator *self)
{
    sy_allocator allocator = {self, failing_allocator_allocate, failing_allocator_release};
    return allocator;
}

/* A context on this allocator, NULL when it could not be made. */
static inline sy_context *failing_allocator_context(failing_allocator *self)
{
    sy_context_options options = SY_CONTEXT_OPTIONS_INIT;
    options.allocator = failing_allocator_get(self);
    sy_context *context = NULL;
    (void)sy_context_new(&context, &options, NULL);
    return context;
}

#endif
