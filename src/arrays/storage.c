/* storage.c - reference-counted bytes, charged to an account. Test: storage_test.c. */
#include <assert.h>

#include "arrays/array.h"
#include "core/blocks.h"

/* Header and data are one allocation: the header fills whole alignment units, the data follow. */
enum {
    ALIGN = SYI_STORAGE_ALIGNMENT,
    HEADER_SIZE = (sizeof(syi_storage) + ALIGN - 1) / ALIGN * ALIGN,
    /* Up to here a plain block with room to shift is asked for: malloc takes those from the thread's
     * cache, which aligned requests bypass (20 instead of 60 ns). */
    SHIFTED_SIZE = 1024,
    PLAIN_ALIGN = 16,
    SHIFT_ROOM = ALIGN - PLAIN_ALIGN,
    FOREIGN = ALIGN, /* as `lead`: the data are not ours */
};
_Static_assert(SYI_STORAGE_ALIGNMENT == SYI_BLOCK_ALIGNMENT, "storage lies in blocks");

/* Bytes of the allocation behind `size` bytes of data, and its alignment. */
static size_t allocation_size(size_t size, size_t *alignment)
{
    bool shifted = HEADER_SIZE + size + SHIFT_ROOM <= SHIFTED_SIZE;
    *alignment = shifted ? PLAIN_ALIGN : ALIGN;
    return HEADER_SIZE + size + (shifted ? SHIFT_ROOM : 0);
}

static void storage_init(syi_storage *storage, sy_context *context, void *data, size_t size)
{
    *storage = (syi_storage){.context = context, .size = size, .data = data};
    atomic_init(&storage->refs, 1);
    atomic_init(&storage->version, 0);
}

sy_status syi_storage_new(sy_context *context, syi_storage **storage, size_t size,
                          syi_account *account, sy_error *err)
{
    *storage = NULL;
    if (size > (size_t)INT64_MAX - HEADER_SIZE - SHIFT_ROOM) {
        return syi_fail(err, SY_ENOMEM, "tensor storage of %zu bytes: out of memory", size);
    }
    if (account != NULL) {
        SY_TRY(syi_account_charge(account, size, err));
    }
    size_t alignment;
    size_t total = allocation_size(size, &alignment);
    uint8_t *memory = alignment == ALIGN ? syi_block_alloc(context, total)
                                         : syi_alloc_aligned(context, total, alignment);
    if (memory == NULL) {
        if (account != NULL) {
            syi_account_release(account, size);
        }
        return syi_fail(err, SY_ENOMEM, "tensor storage of %zu bytes: out of memory", size);
    }
    size_t lead = -(uintptr_t)memory % ALIGN;
    syi_storage *made = (void *)(memory + lead);
    storage_init(made, context, memory + lead + HEADER_SIZE, size);
    made->lead = (uint8_t)lead;
    made->account = account;
    *storage = made;
    return SY_OK;
}

sy_status syi_storage_wrap(sy_context *context, syi_storage **storage, void *data, size_t size,
                           void (*release)(void *user), void *user, sy_error *err)
{
    *storage = NULL;
    syi_storage *made = syi_alloc(context, sizeof *made);
    if (made == NULL) {
        return SYI_ENOMEM(err, "tensor storage");
    }
    storage_init(made, context, data, size);
    made->lead = FOREIGN;
    made->release = release;
    made->release_user = user;
    *storage = made;
    return SY_OK;
}

syi_storage *syi_storage_ref(syi_storage *storage)
{
    if (storage != NULL) {
        unsigned before = atomic_fetch_add_explicit(&storage->refs, 1, memory_order_relaxed);
        assert(before > 0);
        (void)before;
    }
    return storage;
}

void syi_storage_unref(syi_storage *storage)
{
    if (storage == NULL ||
        atomic_fetch_sub_explicit(&storage->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    if (storage->lead == FOREIGN) {
        /* Foreign memory may live on at its owner, secret or not, so it is the owner who wipes it. */
        if (storage->release != NULL) {
            storage->release(storage->release_user);
        }
        syi_free(storage->context, storage, sizeof *storage);
        return;
    }
    if (storage->account != NULL) {
        syi_account_release(storage->account, storage->size);
    }
    size_t alignment;
    size_t total = allocation_size(storage->size, &alignment);
    uint8_t *memory = (uint8_t *)storage - storage->lead;
    if (storage->secret) {
        syi_block_free_secret(storage->context, memory, total);
    } else {
        syi_block_free(storage->context, memory, total);
    }
}
