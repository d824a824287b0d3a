/*
 * names.h - inside of the ops room: a hash table from the names of operations to their rows.
 * Filled once, then only read; nothing is allocated. Test: names_test.c.
 */
#ifndef SYI_OPS_NAMES_H
#define SYI_OPS_NAMES_H

#include "ops/ops.h"

#define SYI_NAME_SLOTS 1024 /* a power of two, at least twice the names of ops.def */

typedef struct syi_name {
    const char *text; /* in ops.def's own strings; not terminated */
    uint8_t length;   /* 0: the slot is free */
    bool dunder;      /* an alias that exists as __text__ only */
    uint16_t id;
} syi_name;

/* All zero is empty. */
typedef struct syi_names {
    int count;
    syi_name slots[SYI_NAME_SLOTS];
} syi_names;

/* The row's name and aliases. SY_EEXIST when another row has one of them, SY_ELIMIT. */
sy_status syi_names_add_row(syi_names *names, const syi_op *op, sy_error *err);

/* See syi_ops_find(). */
bool syi_names_find(const syi_names *names, const char *name, size_t length, const syi_op **op,
                    bool *inplace);

#endif
