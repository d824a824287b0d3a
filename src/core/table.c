/*
 * table.c - the table from sy_id to pointer. Core room. Test: table_test.c.
 *
 * Entries lie densely in insertion order; `slots` is an open-addressing index into them with linear
 * probing, at most half full. Removal shifts the slots behind it back, so the index holds no
 * tombstones; it leaves a hole among the entries, which a later put squeezes out when half of them or
 * more are holes. Peers choose ids, so the hash has a key of the table's own: SipHash-1-3 for texts, and
 * for numbers, which nearly all are, a product of 128 bits folded in half. Nothing shows a peer what a
 * hash was, so it cannot choose ids that meet.
 */
#include "core/table.h"

#include <assert.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "core/surroundings.h"

#define FIRST_CAPACITY 8u
#define LAST_CAPACITY (UINT32_C(1) << 30) /* entry numbers and hashes are kept in 32 bits */

typedef struct table_entry {
    sy_id key;
    void *value; /* NULL: a hole */
} table_entry;

typedef struct table_slot {
    uint32_t hash;
    uint32_t entry; /* number + 1, 0: empty */
} table_slot;

struct syi_table {
    sy_context *context;
    uint64_t hash_key[2];
    table_entry *entries; /* `capacity` of them, a power of two or 0 */
    table_slot *slots;    /* twice as many */
    uint32_t capacity;
    uint32_t used; /* entries, holes included; the last one is no hole */
    uint32_t count;
};

static inline uint64_t rotate(uint64_t x, int bits)
{
    return x << bits | x >> (64 - bits);
}

static inline void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[0] = rotate(v[0], 32);
    v[2] += v[3];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[2] = rotate(v[2], 32);
}

static inline void sip_word(uint64_t v[4], uint64_t word)
{
    v[3] ^= word;
    sip_round(v);
    v[0] ^= word;
}

/* SipHash (Aumasson, Bernstein, 2012) with one round per word and three at the end. The words are the
 * text filled up with zeros; the last is kind and length, so no two texts agree. */
static uint64_t hash_text(const syi_table *table, const sy_id *key)
{
    uint64_t v[4] = {
        table->hash_key[0] ^ UINT64_C(0x736f6d6570736575),
        table->hash_key[1] ^ UINT64_C(0x646f72616e646f6d),
        table->hash_key[0] ^ UINT64_C(0x6c7967656e657261),
        table->hash_key[1] ^ UINT64_C(0x7465646279746573),
    };
    assert(key->length < SY_ID_TEXT_SIZE);
    uint64_t words[(SY_ID_TEXT_SIZE + 7) / 8] = {0};
    memcpy(words, key->text, key->length);
    for (size_t i = 0; i < (key->length + 7u) / 8; i++) {
        sip_word(v, words[i]);
    }
    sip_word(v, (uint64_t)key->kind << 8 | key->length);
    v[2] ^= 0xFF;
    sip_round(v);
    sip_round(v);
    sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

__extension__ typedef unsigned __int128 wide;

/* The key's second half is odd, so no number is lost in the product. */
static inline uint64_t hash_number(const syi_table *table, const sy_id *key)
{
    const wide product = (wide)((uint64_t)key->number ^ table->hash_key[0]) * table->hash_key[1];
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint32_t hash_id(const syi_table *table, const sy_id *key)
{
    const uint64_t hash = key->kind == SY_ID_INT ? hash_number(table, key) : hash_text(table, key);
    return (uint32_t)(hash ^ hash >> 32);
}

static inline bool is_same(const sy_id *a, const sy_id *b)
{
    return a->kind == SY_ID_INT && b->kind == SY_ID_INT ? a->number == b->number
                                                        : sy_id_equal(a, b);
}

static inline uint32_t slot_mask(const syi_table *table)
{
    return 2 * table->capacity - 1;
}

/* The slot of `key`, or the empty one where its search ends. capacity is not 0. */
static inline table_slot *find_slot(const syi_table *table, const sy_id *key, uint32_t hash)
{
    const uint32_t mask = slot_mask(table);
    for (uint32_t at = hash & mask;; at = (at + 1) & mask) {
        table_slot *slot = &table->slots[at];
        if (slot->entry == 0 ||
            (slot->hash == hash && is_same(&table->entries[slot->entry - 1].key, key))) {
            return slot;
        }
    }
}

static void fill_slot(table_slot *slots, uint32_t mask, uint32_t hash, uint32_t entry)
{
    uint32_t at = hash & mask;
    while (slots[at].entry != 0) {
        at = (at + 1) & mask;
    }
    slots[at] = (table_slot){.hash = hash, .entry = entry + 1};
}

/* Empties a slot and moves back those behind it that its absence would hide. */
static void empty_slot(syi_table *table, table_slot *slot)
{
    const uint32_t mask = slot_mask(table);
    uint32_t hole = (uint32_t)(slot - table->slots);
    for (uint32_t at = (hole + 1) & mask; table->slots[at].entry != 0; at = (at + 1) & mask) {
        const uint32_t home = table->slots[at].hash & mask;
        if (((at - home) & mask) >= ((at - hole) & mask)) {
            table->slots[hole] = table->slots[at];
            hole = at;
        }
    }
    table->slots[hole] = (table_slot){0, 0};
}

static void release_arrays(syi_table *table)
{
    syi_free(table->context, table->entries, table->capacity * sizeof *table->entries);
    syi_free(table->context, table->slots, 2 * (size_t)table->capacity * sizeof *table->slots);
}

/* Copies the live entries, in order, to `entries` (which may be the table's own) and indexes them. */
static void pack(syi_table *table, table_entry *entries, table_slot *slots, uint32_t mask)
{
    uint32_t packed = 0;
    for (uint32_t i = 0; i < table->used; i++) {
        if (table->entries[i].value == NULL) {
            continue;
        }
        if (entries + packed != table->entries + i) {
            entries[packed] = table->entries[i];
        }
        fill_slot(slots, mask, hash_id(table, &entries[packed].key), packed);
        packed++;
    }
    table->used = packed;
}

static bool resize(syi_table *table, uint32_t capacity)
{
    table_entry *entries =
        syi_alloc_aligned(table->context, capacity * sizeof *entries, _Alignof(table_entry));
    table_slot *slots = syi_alloc_array(table->context, 2 * (size_t)capacity, sizeof *slots);
    if (entries == NULL || slots == NULL) {
        syi_free(table->context, entries, capacity * sizeof *entries);
        syi_free(table->context, slots, 2 * (size_t)capacity * sizeof *slots);
        return false;
    }
    pack(table, entries, slots, 2 * capacity - 1);
    release_arrays(table);
    table->entries = entries;
    table->slots = slots;
    table->capacity = capacity;
    return true;
}

static void pack_in_place(syi_table *table)
{
    memset(table->slots, 0, 2 * (size_t)table->capacity * sizeof *table->slots);
    pack(table, table->entries, table->slots, slot_mask(table));
}

/* The power of two that holds `count` entries and three times as many to come. */
static uint32_t roomy_capacity(uint32_t count)
{
    uint32_t capacity = FIRST_CAPACITY;
    while (capacity / 4 < count) {
        capacity *= 2;
    }
    return capacity;
}

/* Room for one more entry. Packing frees at least half of the entries, so it is paid for by as many
 * removals; a table that has become mostly empty also gives memory back, if it can have the smaller. */
static bool make_room(syi_table *table)
{
    const bool full = table->used == table->capacity;
    const bool sparse = table->capacity > FIRST_CAPACITY && table->count < table->capacity / 8;
    if (sparse && (full || table->used / 4 > table->count + FIRST_CAPACITY)) {
        if (!resize(table, roomy_capacity(table->count))) {
            pack_in_place(table);
        }
        return true;
    }
    if (!full) {
        return true;
    }
    if (table->capacity != 0 && table->count <= table->capacity / 2) {
        pack_in_place(table);
        return true;
    }
    if (table->capacity == LAST_CAPACITY) {
        return false;
    }
    return resize(table, table->capacity == 0 ? FIRST_CAPACITY : 2 * table->capacity);
}

sy_status syi_table_new(sy_context *context, syi_table **table, sy_error *err)
{
    *table = NULL;
    syi_table *made = syi_alloc(context, sizeof *made);
    if (made == NULL) {
        return SYI_ENOMEM(err, "table");
    }
    made->context = context;
    const sy_status status = syi_random_bytes(context, made->hash_key, sizeof made->hash_key, err);
    if (status != SY_OK) {
        syi_free(context, made, sizeof *made);
        return status;
    }
    made->hash_key[1] |= 1;
    *table = made;
    return SY_OK;
}

void syi_table_free(syi_table *table)
{
    if (table != NULL) {
        release_arrays(table);
        syi_free_secret(table->context, table, sizeof *table);
    }
}

sy_status syi_table_put(syi_table *table, const sy_id *key, void *value, void **old, sy_error *err)
{
    assert(value != NULL);
    if (old != NULL) {
        *old = NULL;
    }
    if (sy_id_is_none(key)) {
        return syi_fail(err, SY_EINVAL, "table: the none id is no key");
    }
    const uint32_t hash = hash_id(table, key);
    if (table->count != 0) {
        const table_slot *slot = find_slot(table, key, hash);
        if (slot->entry != 0) {
            table_entry *entry = &table->entries[slot->entry - 1];
            if (old != NULL) {
                *old = entry->value;
            }
            entry->value = value;
            return SY_OK;
        }
    }
    const sy_id kept = *key; /* `key` may lie among the entries that move now */
    if (!make_room(table)) {
        return syi_fail(err, SY_ENOMEM, "table: out of memory at %zu entries",
                        (size_t)table->count);
    }
    fill_slot(table->slots, slot_mask(table), hash, table->used);
    table->entries[table->used++] = (table_entry){.key = kept, .value = value};
    table->count++;
    return SY_OK;
}

void *syi_table_get(const syi_table *table, const sy_id *key)
{
    if (table->count == 0 || sy_id_is_none(key)) {
        return NULL;
    }
    const table_slot *slot = find_slot(table, key, hash_id(table, key));
    return slot->entry == 0 ? NULL : table->entries[slot->entry - 1].value;
}

void *syi_table_remove(syi_table *table, const sy_id *key)
{
    if (table->count == 0 || sy_id_is_none(key)) {
        return NULL;
    }
    table_slot *slot = find_slot(table, key, hash_id(table, key));
    if (slot->entry == 0) {
        return NULL;
    }
    table_entry *entry = &table->entries[slot->entry - 1];
    void *value = entry->value;
    empty_slot(table, slot);
    entry->value = NULL;
    table->count--;
    while (table->used != 0 && table->entries[table->used - 1].value == NULL) {
        table->used--;
    }
    return value;
}

size_t syi_table_count(const syi_table *table)
{
    return table->count;
}

void syi_table_clear(syi_table *table)
{
    release_arrays(table);
    table->entries = NULL;
    table->slots = NULL;
    table->capacity = 0;
    table->used = 0;
    table->count = 0;
}

bool syi_table_next(const syi_table *table, size_t *cursor, const sy_id **key, void **value)
{
    while (*cursor < table->used) {
        const table_entry *entry = &table->entries[(*cursor)++];
        if (entry->value != NULL) {
            *key = &entry->key;
            *value = entry->value;
            return true;
        }
    }
    return false;
}
