/*
 * stock.h - what a holder knows of material that was made ahead: which kind, with which parameters, how many instances are
 * left. Every holder is told the same and draws in the same order, so that all draw the same instance. The originals'
 * crypto store (PrimitiveStorage). Guarded by the session's lock. Test: stock_test.c.
 */
#ifndef SYI_INTERPRETERS_SHARING_STOCK_H
#define SYI_INTERPRETERS_SHARING_STOCK_H

#include "crypto/material.h"

#define SYI_STOCK_INSTANCES_MAX (1 << 20)        /* made at once */
#define SYI_STOCK_BYTES_MAX (UINT64_C(16) << 20) /* of what a stock notes; not of the material */

typedef struct syi_stock_entry syi_stock_entry;

typedef struct syi_stock {
    sy_context *context;
    syi_stock_entry *entries;
    bool force; /* force_preprocessing: nothing is dealt on demand */
    uint64_t made, taken;
    uint64_t next;  /* names below it were announced before */
    uint64_t bytes; /* of the notes */
} syi_stock;

void syi_stock_init(syi_stock *stock, sy_context *context);
void syi_stock_fini(syi_stock *stock);
/* `count` instances of what `demand` asks for, named (first, 0), (first + 1, 0), ... No name comes twice: SY_EPROTO for one
 * that is no name of material made ahead, or not above all that were announced. SY_ELIMIT for too many notes, SY_ENOMEM. */
sy_status syi_stock_add(syi_stock *stock, const syi_demand *demand, uint64_t first, uint64_t count,
                        sy_error *err);
/* (Material of SecureNN is never in stock, and always dealt.) Takes one: the demand's item, and those of its fresh factors, become that of the instance. A
 * comparison with a range takes one that was made for it, else one for any numbers, and has no range any more. *drawn false: there is none;
 * SY_EEMPTY then when nothing may be dealt on demand (zeros always may). Products with kept masks are never in stock. */
sy_status syi_stock_draw(syi_stock *stock, syi_demand *demand, bool *drawn, sy_error *err);
/* Instances left of that kind and these parameters. */
uint64_t syi_stock_left(const syi_stock *stock, const syi_demand *demand);

/* "matmul of 2x3 and 3x4", "division by 1000 of 6 elements"; gives text. */
#define SYI_STOCK_TEXT 288
const char *syi_stock_describe(const syi_demand *demand, char *text, size_t size);

#endif
