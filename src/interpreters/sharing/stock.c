#include "interpreters/sharing/stock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/error.h"

/* What is in stock: a demand written without names of items. */
struct syi_stock_entry {
    syi_stock_entry *next;
    uint64_t first, count; /* not taken yet */
    size_t size;
    uint8_t key[];
};

void syi_stock_init(syi_stock *stock, sy_context *context)
{
    *stock = (syi_stock){.context = context, .next = SYI_ITEM_AHEAD};
}

void syi_stock_fini(syi_stock *stock)
{
    while (stock->entries != NULL) {
        syi_stock_entry *entry = stock->entries;
        stock->entries = entry->next;
        syi_free(stock->context, entry, sizeof *entry + entry->size);
    }
}

static bool same_item(const syi_item *a, const syi_item *b)
{
    return a->sequence == b->sequence && a->number == b->number;
}

/* Are both factors masked for this product only? */
static bool is_fresh(const syi_demand *demand)
{
    return demand->kind != SYI_MATERIAL_PRODUCT ||
           (same_item(&demand->x.item, &demand->item) && same_item(&demand->y.item, &demand->item));
}

static void name(syi_demand *demand, uint64_t sequence)
{
    demand->item = (syi_item){sequence, 0};
    if (demand->kind == SYI_MATERIAL_PRODUCT) {
        demand->x.item = demand->item;
        demand->y.item = demand->item;
    }
}

static sy_status write_key(const syi_stock *stock, const syi_demand *demand, syi_buffer *key,
                           sy_error *err)
{
    syi_demand nameless = *demand;
    name(&nameless, 0);
    syi_buffer_init(key, stock->context, SYI_DEMAND_BYTES);
    syi_demand_write(&nameless, key);
    return syi_buffer_check(key, "crypto store", err);
}

static syi_stock_entry *find(const syi_stock *stock, const syi_buffer *key)
{
    syi_stock_entry *entry = stock->entries;
    while (entry != NULL && (entry->count == 0 || entry->size != key->length ||
                             memcmp(entry->key, key->data, key->length) != 0)) {
        entry = entry->next;
    }
    return entry;
}

/* NULL: there is none. */
static sy_status find_for(const syi_stock *stock, const syi_demand *demand, syi_stock_entry **entry,
                          sy_error *err)
{
    syi_buffer key;
    const sy_status status = write_key(stock, demand, &key, err);
    *entry = status == SY_OK ? find(stock, &key) : NULL;
    syi_buffer_fini(&key);
    return status;
}

sy_status syi_stock_add(syi_stock *stock, const syi_demand *demand, uint64_t first, uint64_t count,
                        sy_error *err)
{
    syi_buffer key;
    if (syi_material_is_interactive(demand->kind)) {
        return syi_fail(err, SY_EPROTO, "the crypto store: such material is never made ahead");
    }
    if (first < stock->next || count > SYI_STOCK_INSTANCES_MAX || first > UINT64_MAX - count) {
        return syi_fail(err, SY_EPROTO, "the crypto store: %llu instances from %llu on, after %llu",
                        (unsigned long long)count, (unsigned long long)first,
                        (unsigned long long)stock->next);
    }
    if (stock->bytes >= SYI_STOCK_BYTES_MAX) {
        return syi_fail(err, SY_ELIMIT, "the crypto store notes %llu bytes, the limit is %llu",
                        (unsigned long long)stock->bytes, (unsigned long long)SYI_STOCK_BYTES_MAX);
    }
    sy_status status = write_key(stock, demand, &key, err);
    syi_stock_entry *entry =
        status == SY_OK ? syi_alloc(stock->context, sizeof *entry + key.length) : NULL;
    if (status == SY_OK && entry == NULL) {
        status = SYI_ENOMEM(err, "crypto store");
    }
    if (entry != NULL) {
        entry->first = first;
        entry->count = count;
        entry->size = key.length;
        memcpy(entry->key, key.data, key.length);
        syi_stock_entry **end = &stock->entries;
        while (*end != NULL) {
            end = &(*end)->next;
        }
        *end = entry;
        stock->made += count;
        stock->next = first + count;
        stock->bytes += sizeof *entry + key.length;
    }
    syi_buffer_fini(&key);
    return status;
}

static void drop_empty(syi_stock *stock)
{
    syi_stock_entry **at = &stock->entries;
    while (*at != NULL) {
        syi_stock_entry *entry = *at;
        if (entry->count > 0) {
            at = &entry->next;
            continue;
        }
        *at = entry->next;
        stock->bytes -= sizeof *entry + entry->size;
        syi_free(stock->context, entry, sizeof *entry + entry->size);
    }
}

static const char *product_text(const syi_bilinear *product)
{
    switch (product->kind) {
    case SYI_BILINEAR_MUL:
        return "mul";
    case SYI_BILINEAR_MATMUL:
        return "matmul";
    case SYI_BILINEAR_CONVOLUTION:
        return product->spatial == 1 ? "conv1d" : "conv2d";
    case SYI_BILINEAR_EINSUM:
        return product->equation;
    }
    return "product";
}

static const char *range_text(const syi_demand *demand, char *text, size_t size)
{
    text[0] = '\0';
    if (demand->range > 0) {
        snprintf(text, size, " of %u bits", demand->range);
    }
    return text;
}

static void describe_comparison(const syi_demand *demand, char *text, size_t size)
{
    char by[48] = "", range[32];
    if (demand->outcome == SYI_OUTCOME_RELU_SHIFT) {
        snprintf(by, sizeof by, " with division by 2^%u", demand->shift);
    } else if (demand->outcome == SYI_OUTCOME_RELU_DIVIDE) {
        snprintf(by, sizeof by, " with division by %" PRIu64, demand->divisor);
    }
    snprintf(text, size, "%s%s of %" PRIu64 " elements%s",
             demand->outcome == SYI_OUTCOME_BIT ? "comparison" : "relu", by, demand->count,
             range_text(demand, range, sizeof range));
}

const char *syi_stock_describe(const syi_demand *demand, char *text, size_t size)
{
    char x[64], y[64], range[32];
    switch (demand->kind) {
    case SYI_MATERIAL_PRODUCT:
        snprintf(text, size, "%.127s of %s and %s", product_text(&demand->product),
                 syi_shape_format(demand->product.x.ndim, demand->product.x.shape, x, sizeof x),
                 syi_shape_format(demand->product.y.ndim, demand->product.y.shape, y, sizeof y));
        break;
    case SYI_MATERIAL_SQUARE:
        snprintf(text, size, "square of %" PRIu64 " elements", demand->count);
        break;
    case SYI_MATERIAL_SHIFT:
        snprintf(text, size, "division by 2^%u of %" PRIu64 " elements", demand->shift,
                 demand->count);
        break;
    case SYI_MATERIAL_DIVIDE:
        snprintf(text, size, "division by %" PRIu64 " of %" PRIu64 " elements", demand->divisor,
                 demand->count);
        break;
    case SYI_MATERIAL_ZERO:
        snprintf(text, size, "zero of %" PRIu64 " elements", demand->count);
        break;
    case SYI_MATERIAL_BITS_SIGN:
    case SYI_MATERIAL_FSS_SIGN:
    case SYI_MATERIAL_CARRY_SIGN:
        describe_comparison(demand, text, size);
        break;
    case SYI_MATERIAL_BITS_EQUAL:
    case SYI_MATERIAL_FSS_EQUAL:
    case SYI_MATERIAL_CARRY_EQUAL:
        snprintf(text, size, "equality of %" PRIu64 " elements%s", demand->count,
                 range_text(demand, range, sizeof range));
        break;
    case SYI_MATERIAL_SNN_COMPARE:
    case SYI_MATERIAL_SNN_MSB:
    case SYI_MATERIAL_SNN_CONVERT:
    case SYI_MATERIAL_SNN_ONE_HOT:
        snprintf(text, size, "SecureNN of %" PRIu64 " elements", demand->count);
        break;
    }
    return text;
}

/* EmptyCryptoPrimitiveStoreError: how many there are, how many are needed, of what. */
static sy_status none_left(const syi_demand *demand, sy_error *err)
{
    char text[SYI_STOCK_TEXT];
    return syi_fail(
        err, SY_EEMPTY,
        "the crypto store has 0 instances of %s, 1 is needed; provide primitives ahead, "
        "or do not force preprocessing",
        syi_stock_describe(demand, text, sizeof text));
}

sy_status syi_stock_draw(syi_stock *stock, syi_demand *demand, bool *drawn, sy_error *err)
{
    *drawn = false;
    if (syi_material_is_interactive(demand->kind)) {
        return SY_OK; /* made with the holders, never ahead */
    }
    if (!stock->force && (stock->entries == NULL || !is_fresh(demand))) {
        return SY_OK;
    }
    if (is_fresh(demand) && stock->entries != NULL) {
        const unsigned range = demand->range;
        syi_stock_entry *entry = NULL;
        SY_TRY(find_for(stock, demand, &entry, err));
        if (entry == NULL && range > 0) {
            demand->range = 0;
            SY_TRY(find_for(stock, demand, &entry, err));
            demand->range = entry == NULL ? range : 0;
        }
        if (entry != NULL) {
            name(demand, entry->first++);
            entry->count--;
            stock->taken++;
            *drawn = true;
            drop_empty(stock);
            return SY_OK;
        }
    }
    /* Zeros are no primitive of the originals': whoever forces preprocessing does not count refreshes. */
    return stock->force && demand->kind != SYI_MATERIAL_ZERO ? none_left(demand, err) : SY_OK;
}

uint64_t syi_stock_left(const syi_stock *stock, const syi_demand *demand)
{
    syi_buffer key;
    uint64_t left = 0;
    if (write_key(stock, demand, &key, NULL) == SY_OK) {
        for (const syi_stock_entry *entry = stock->entries; entry != NULL; entry = entry->next) {
            if (entry->size == key.length && memcmp(entry->key, key.data, key.length) == 0) {
                left += entry->count;
            }
        }
    }
    syi_buffer_fini(&key);
    return left;
}
