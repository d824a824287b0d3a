/*
 * memory.h - allocation through the context, overflow-checked sizes, and accounts.
 *
 * Structures come from syi_alloc/syi_free. Tensor storage is also charged to an account (a caller, a
 * worker, the context), which may refuse. Test: memory_test.c.
 */
#ifndef SYI_CORE_MEMORY_H
#define SYI_CORE_MEMORY_H

#include <stdatomic.h>

#include <csyft/context.h>

/* Zeroed memory of `size` bytes (size 0 gives a valid pointer), 16-byte aligned; NULL when refused.
 * syi_free takes the same size. Any thread. */
void *syi_alloc(sy_context *context, size_t size);
/* Not zeroed; alignment a power of two. */
void *syi_alloc_aligned(sy_context *context, size_t size, size_t alignment);
void syi_free(sy_context *context, void *memory, size_t size);
/* Wipes before release in a way the compiler keeps. */
void syi_free_secret(sy_context *context, void *memory, size_t size);
void syi_wipe(void *memory, size_t size);

/* memcpy. */
void syi_copy_bytes(void *to, const void *from, size_t size);

/* Array form; NULL on overflow of count * item. */
void *syi_alloc_array(sy_context *context, size_t count, size_t item);

/* Owned copy of a string (free with syi_string_free); NULL when refused or text is NULL. */
char *syi_string_copy(sy_context *context, const char *text);
void syi_string_free(sy_context *context, char *text);

/* false on overflow. */
bool syi_size_mul(size_t a, size_t b, size_t *product);
bool syi_size_add(size_t a, size_t b, size_t *sum);

/*
 * An account counts bytes of tensor storage and refuses above its limit. A charge goes to the account
 * and all its parents, or to none. Value type embedded in its owner; any thread.
 */
typedef struct syi_account {
    struct syi_account *parent; /* nullable; must outlive this account */
    const char *name;           /* for the refusal's sentence; borrowed */
    atomic_uint_fast64_t used;
    atomic_uint_fast64_t peak;
    uint64_t limit; /* 0: none */
} syi_account;

void syi_account_init(syi_account *account, const char *name, uint64_t limit, syi_account *parent);
/* SY_ELIMIT names the account, the bytes asked for, the bytes in use and the limit. */
sy_status syi_account_charge(syi_account *account, uint64_t bytes, sy_error *err);
/* As charge, but only asks. */
sy_status syi_account_check(const syi_account *account, uint64_t bytes, sy_error *err);
/* Refuses from a size alone what passes the account's limit or, where nobody set one, the machine: there are systems
 * that hand out address space that nothing stands behind. account: nullable. */
sy_status syi_account_check_room(const syi_account *account, uint64_t bytes, sy_error *err);
void syi_account_release(syi_account *account, uint64_t bytes);

/* The context's own account, parent of all others. */
syi_account *syi_context_get_account(sy_context *context);

#endif
