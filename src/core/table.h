/*
 * table.h - an open-addressing hash table from sy_id to pointer, used by object stores and
 * directories. Insertion order is kept for iteration (search answers in registry order).
 * Not synchronised: its owner's lock guards it.
 */
#ifndef SYI_CORE_TABLE_H
#define SYI_CORE_TABLE_H

#include <csyft/context.h>
#include <csyft/id.h>

typedef struct syi_table syi_table;

/* SY_ENOMEM; SY_EIO when the context's randomness fails (the hash is keyed, as peers choose ids). */
sy_status syi_table_new(sy_context *context, syi_table **table, sy_error *err);
void syi_table_free(syi_table *table); /* values are the owner's to release first */

/* Inserts or replaces; *old (nullable) receives the value replaced, or NULL. SY_ENOMEM leaves the
 * table as it was, SY_EINVAL is for the none id. value is not NULL. */
sy_status syi_table_put(syi_table *table, const sy_id *key, void *value, void **old, sy_error *err);
void *syi_table_get(const syi_table *table, const sy_id *key); /* NULL when absent */
void *syi_table_remove(syi_table *table, const sy_id *key);    /* the value, or NULL */
size_t syi_table_count(const syi_table *table);
void syi_table_clear(syi_table *table);

/* Iterates in insertion order: start with *cursor = 0; false at the end. The table may not be
 * changed meanwhile, except that the entry just returned may be removed. */
bool syi_table_next(const syi_table *table, size_t *cursor, const sy_id **key, void **value);

#endif
