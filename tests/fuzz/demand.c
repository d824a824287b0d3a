/*
 * demand.c - demands for material as a peer writes them. What is read can be written, to the same bytes, and is dealt: as many
 * bytes as it says, to every corrected holder in turn. Keys of comparisons go to the other one of two holders as well. Where the
 * provider hears holders, they say what else is in the input.
 */
#include <stdlib.h>
#include <string.h>

#include "crypto/fss.h"

enum { MOST = 4096 };

typedef struct given {
    const syi_demand *demand;
    int holders;
    uint64_t tiles, others;
    uint64_t bytes;
    const uint8_t *data; /* what is heard, over and over */
    size_t size;
    uint8_t said[2][64 * 1024];
} given;

static void require(bool promise)
{
    if (!promise) {
        abort();
    }
}

static void check_written(sy_context *context, const syi_demand *demand, const uint8_t *bytes,
                          size_t size)
{
    syi_buffer buffer;
    syi_buffer_init(&buffer, context, SYI_DEMAND_BYTES);
    syi_demand_write(demand, &buffer);
    require(buffer.status == SY_OK && buffer.length == size);
    require(memcmp(buffer.data, bytes, size) == 0);
    syi_buffer_fini(&buffer);
}

static sy_status take(void *user, int holder, const syi_item *item, const void *bytes, size_t size,
                      sy_error *err)
{
    given *g = user;
    (void)bytes;
    (void)err;
    require(syi_item_same(item, &g->demand->item));
    if (g->holders == 2 && size < syi_material_message(g->demand, (g->tiles + g->others) / 2)) {
        require(holder != syi_material_corrected(item, g->others, 2));
        require(size == syi_fss_keys(g->demand, syi_material_tile(g->demand, g->others++)));
        return SY_OK;
    }
    require(holder == syi_material_corrected(item, g->tiles, g->holders));
    require(size == syi_material_message(g->demand, g->tiles++));
    return SY_OK;
}

/* Tiles come in two messages, one behind the other's. */
static sy_status take_some(void *user, int holder, const syi_item *item, const void *bytes,
                           size_t size, sy_error *err)
{
    given *g = user;
    (void)bytes;
    (void)err;
    require(syi_item_same(item, &g->demand->item));
    require(holder == 0 || holder == 1);
    g->bytes += size;
    return SY_OK;
}

static sy_status hear(void *user, int holder, const syi_item *item, void **bytes, size_t size,
                      sy_error *err)
{
    given *g = user;
    (void)err;
    require(syi_item_same(item, &g->demand->item));
    require(size <= sizeof g->said[0]);
    for (size_t k = 0; k < size; k++) {
        g->said[holder][k] = g->data[(k + (size_t)holder) % g->size];
    }
    *bytes = g->said[holder];
    return SY_OK;
}

/* All its bytes, or digits that are none. */
static void deal_interactive(sy_context *context, given *g)
{
    const syi_demand *demand = g->demand;
    const syi_dealer dealer = {.context = context, .holders = 2, .hear = hear};
    sy_error err = SY_ERROR_INIT;
    uint64_t expected = 0;
    for (uint64_t tile = 0; tile < syi_material_tiles(demand); tile++) {
        expected += syi_material_message(demand, tile);
    }
    const sy_status status = syi_deal(&dealer, demand, take_some, g, &err);
    require(status == SY_EPROTO || (status == SY_OK && g->bytes == expected));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static sy_context *context;
    sy_error err = SY_ERROR_INIT;
    syi_demand demand;
    if (context == NULL) {
        require(sy_context_new(&context, NULL, NULL) == SY_OK);
    }
    if (syi_demand_read(&demand, data, size, MOST, &err) != SY_OK) {
        require(err.status != SY_OK && err.message[0] != '\0');
        return 0;
    }
    check_written(context, &demand, data, size);
    const bool keys = demand.kind == SYI_MATERIAL_FSS_SIGN || demand.kind == SYI_MATERIAL_FSS_EQUAL;
    static given g;
    g = (given){.demand = &demand, .holders = keys ? 2 : 3, .data = data, .size = size};
    const syi_dealer dealer = {.context = context, .holders = g.holders};
    if (syi_material_is_interactive(demand.kind)) {
        deal_interactive(context, &g);
        return 0;
    }
    require(syi_deal(&dealer, &demand, take, &g, &err) == SY_OK);
    require(g.tiles == syi_material_tiles(&demand));
    require(g.others == (keys ? g.tiles : 0));
    return 0;
}
