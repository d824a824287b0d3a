#include "crypto/exchange.h"

#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "crypto/rounding.h"

_Static_assert(SYI_TILE % SYI_EXCHANGE_BLOCK == 0, "tiles are whole blocks");

static sy_status receive_all(syi_party *party, syi_received *received, size_t size, sy_error *err)
{
    syi_channel *channel = party->channel;
    for (int from = 0; from < channel->holders; from++) {
        if (from != channel->index) {
            void *bytes = NULL;
            SY_TRY(syi_channel_receive(channel, from, &bytes, size, err));
            received->bytes[from] = bytes;
        }
    }
    return SY_OK;
}

sy_status syi_exchange(syi_party *party, uint64_t tiles, const syi_exchange_steps *steps,
                       void *data, sy_error *err)
{
    syi_received received = {{NULL}};
    size_t sizes[SYI_EXCHANGE_AHEAD];
    uint64_t sent = 0;
    if (tiles == 0) {
        return SY_OK;
    }
    syi_channel_round(party->channel);
    for (uint64_t tile = 0; tile < tiles; tile++) {
        for (; sent < tiles && sent < tile + SYI_EXCHANGE_AHEAD; sent++) {
            const void *bytes = NULL;
            size_t *size = &sizes[sent % SYI_EXCHANGE_AHEAD];
            SY_TRY(steps->prepare(data, sent, &bytes, size, err));
            SY_TRY(syi_channel_send(party->channel, bytes, *size, err));
        }
        SY_TRY(receive_all(party, &received, sizes[tile % SYI_EXCHANGE_AHEAD], err));
        SY_TRY(steps->finish(data, tile, &received, err));
    }
    return SY_OK;
}

void syi_exchange_add(const syi_party *party, const syi_field *field, void *words,
                      const syi_received *received, size_t at, size_t n)
{
    const syi_channel *channel = party->channel;
    for (int from = 0; from < channel->holders; from++) {
        if (from != channel->index) {
            syi_field_add(field, words, words, received->bytes[from] + at, n);
        }
    }
}

/* Where an element in the array's order lies; its indices come back. */
static uint64_t place_of(const syi_array *array, uint64_t element, int64_t *index)
{
    uint64_t place = (uint64_t)array->offset;
    for (int d = array->ndim - 1; d >= 0; d--) {
        index[d] = (int64_t)(element % (uint64_t)array->shape[d]);
        element /= (uint64_t)array->shape[d];
        place += (uint64_t)(index[d] * array->strides[d]);
    }
    return place;
}

const void *syi_exchange_elements(const syi_array *array, unsigned width, uint64_t first, size_t n,
                                  void *room)
{
    const uint8_t *words = array->storage->data;
    if (n == 0 || syi_array_is_contiguous(array)) {
        return words + ((uint64_t)array->offset + first) * width;
    }
    int64_t index[SY_DIM_MAX];
    uint64_t place = place_of(array, first, index);
    const int last = array->ndim - 1;
    for (size_t k = 0; k < n; k++) {
        if (width == 8) {
            ((uint64_t *)room)[k] = ((const uint64_t *)(const void *)words)[place];
        } else {
            ((uint32_t *)room)[k] = ((const uint32_t *)(const void *)words)[place];
        }
        place += (uint64_t)array->strides[last];
        index[last]++;
        for (int d = last; d > 0 && index[d] == array->shape[d]; d--) { /* the next row */
            place += (uint64_t)(array->strides[d - 1] - index[d] * array->strides[d]);
            index[d] = 0;
            index[d - 1]++;
        }
    }
    return room;
}

/* --- derived parts ----------------------------------------------------------------------------- */

sy_status syi_derived_open(syi_derived *derived, syi_party *party, const syi_demand *demand,
                           sy_error *err)
{
    const syi_channel *channel = party->channel;
    memset(derived, 0, sizeof *derived);
    derived->party = party;
    derived->demand = demand;
    /* A single tile that the provider corrects here needs no stream. */
    if (syi_material_tiles(demand) == 0 ||
        (syi_material_tiles(demand) == 1 &&
         syi_material_corrected(&demand->item, 0, channel->holders) == channel->index)) {
        return SY_OK;
    }
    for (unsigned part = 0; part < syi_material_derived(demand->kind); part++) {
        SY_TRY(syi_material_open(party->material, &derived->streams[part], demand->kind,
                                 &demand->item, SYI_PART_C + part, err));
    }
    return SY_OK;
}

void syi_derived_close(syi_derived *derived)
{
    syi_generator_fini(&derived->streams[0]);
    syi_generator_fini(&derived->streams[1]);
}

sy_status syi_derived_tile(syi_derived *derived, uint64_t tile, sy_error *err)
{
    const syi_demand *demand = derived->demand;
    syi_channel *channel = derived->party->channel;
    void *bytes = NULL;
    if (syi_material_corrected(&demand->item, tile, channel->holders) == channel->index) {
        SY_TRY(syi_channel_dealt(channel, &demand->item, &bytes, syi_material_message(demand, tile),
                                 err));
    }
    derived->dealt = bytes;
    derived->offsets[1] =
        syi_material_tile(demand, tile) * syi_material_element(demand, SYI_PART_C);
    return SY_OK;
}

/* V of SHIFT: words of a few bytes each. */
static sy_status get_narrow(syi_derived *derived, uint64_t place, const uint8_t *dealt, size_t n,
                            void *room, sy_error *err)
{
    const size_t size = syi_material_element(derived->demand, SYI_PART_V);
    uint8_t drawn[SYI_EXCHANGE_BLOCK * 8];
    if (dealt != NULL) {
        syi_rounding_widen(&derived->demand->field, room, dealt, size, n);
        return SY_OK;
    }
    SY_TRY(syi_generator_fill(&derived->streams[1], place * size / SYI_GENERATOR_BLOCK, drawn,
                              n * size, err));
    syi_rounding_widen(&derived->demand->field, room, drawn, size, n);
    syi_wipe(drawn, n * size);
    return SY_OK;
}

sy_status syi_derived_get(syi_derived *derived, unsigned part, uint64_t tile, size_t at, size_t n,
                          void *room, void **words, sy_error *err)
{
    const syi_demand *demand = derived->demand;
    const uint64_t place = tile * SYI_TILE + at;
    uint8_t *dealt = derived->dealt;
    if (dealt != NULL) {
        dealt += derived->offsets[part] + at * syi_material_element(demand, SYI_PART_C + part);
    }
    *words = room;
    if (part == 1 && demand->kind == SYI_MATERIAL_SHIFT) {
        return get_narrow(derived, place, dealt, n, room, err);
    }
    if (dealt != NULL) {
        *words = dealt;
        return SY_OK;
    }
    return syi_field_draw(&demand->field, &derived->streams[part], place, room, n, err);
}

static sy_status derived_words(syi_derived *derived, uint8_t *words, uint8_t *room, bool add,
                               sy_error *err)
{
    const syi_demand *demand = derived->demand;
    const syi_field *field = &demand->field;
    for (uint64_t tile = 0; tile < syi_material_tiles(demand); tile++) {
        const size_t count = syi_material_tile(demand, tile);
        SY_TRY(syi_derived_tile(derived, tile, err));
        for (size_t at = 0; at < count; at += SYI_EXCHANGE_BLOCK) {
            const size_t n = count - at < SYI_EXCHANGE_BLOCK ? count - at : SYI_EXCHANGE_BLOCK;
            uint8_t *to = words + (tile * SYI_TILE + at) * field->width;
            void *got = NULL;
            SY_TRY(syi_derived_get(derived, 0, tile, at, n, add ? room : to, &got, err));
            if (add) {
                syi_field_add(field, to, to, got, n);
            } else if (got != to) {
                memcpy(to, got, n * field->width);
            }
        }
    }
    return SY_OK;
}

sy_status syi_derived_words(syi_party *party, const syi_demand *demand, void *words, bool add,
                            sy_error *err)
{
    uint64_t room[SYI_EXCHANGE_BLOCK];
    syi_derived derived;
    sy_status status = syi_derived_open(&derived, party, demand, err);
    if (status == SY_OK) {
        status = derived_words(&derived, words, (uint8_t *)room, add, err);
    }
    syi_derived_close(&derived);
    syi_wipe(room, sizeof room);
    return status;
}

/* --- demands ----------------------------------------------------------------------------------- */

syi_demand syi_party_demand(syi_party *party, const syi_field *field, syi_material_kind kind,
                            uint64_t count)
{
    return (syi_demand){.kind = kind,
                        .item = {party->sequence, party->next_number++},
                        .field = *field,
                        .count = count};
}

sy_status syi_party_ask(syi_party *party, syi_demand *demand, sy_error *err)
{
    syi_demand asked = *demand;
    SY_TRY(syi_channel_demand(party->channel, &asked, err));
    if (!syi_item_same(&asked.item, &demand->item)) {
        syi_demand_rename(demand, &asked.item);
    }
    return SY_OK;
}
