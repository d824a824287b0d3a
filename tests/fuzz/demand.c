/*
 * demand.c - demands for material as a peer writes them. What is read can be written, to the same bytes, and is dealt: as many
 * bytes as it says, to every corrected holder in turn.
 */
#include <stdlib.h>
#include <string.h>

#include "crypto/material.h"

enum { MOST = 4096 };

typedef struct given {
    const syi_demand *demand;
    uint64_t tiles;
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
    require(holder == syi_material_corrected(item, g->tiles, 3));
    require(size == syi_material_message(g->demand, g->tiles++));
    return SY_OK;
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
    const syi_dealer dealer = {.context = context, .holders = 3};
    given g = {.demand = &demand};
    require(syi_deal(&dealer, &demand, take, &g, &err) == SY_OK);
    require(g.tiles == syi_material_tiles(&demand));
    return 0;
}
