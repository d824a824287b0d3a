#include "crypto/exchange.h"

#include <string.h>

#include "core/blocks.h"
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

static bool all_ready(const syi_party *party)
{
    syi_channel *channel = party->channel;
    bool ready = channel->klass->ready != NULL;
    for (int from = 0; ready && from < channel->holders; from++) {
        ready = from == channel->index || channel->klass->ready(channel, from);
    }
    return ready;
}

/* Tiles under way, in their order, and free slots, the next one last. */
typedef struct window {
    uint64_t sent;
    size_t sizes[SYI_EXCHANGE_AHEAD];
    unsigned slots[SYI_EXCHANGE_AHEAD], free[SYI_EXCHANGE_AHEAD], free_count;
} window;

static sy_status send_tile(syi_party *party, window *w, const syi_exchange_steps *steps, void *data,
                           sy_error *err)
{
    const void *bytes = NULL;
    const size_t at = w->sent % SYI_EXCHANGE_AHEAD;
    w->slots[at] = w->free[--w->free_count];
    SY_TRY(steps->prepare(data, w->sent++, w->slots[at], &bytes, &w->sizes[at], err));
    return syi_channel_send(party->channel, bytes, w->sizes[at], err);
}

sy_status syi_exchange(syi_party *party, uint64_t tiles, const syi_exchange_steps *steps,
                       void *data, sy_error *err)
{
    syi_received received = {{NULL}};
    window w = {.free_count = SYI_EXCHANGE_AHEAD};
    if (tiles == 0) {
        return SY_OK;
    }
    for (unsigned k = 0; k < SYI_EXCHANGE_AHEAD; k++) {
        w.free[k] = SYI_EXCHANGE_AHEAD - 1 - k;
    }
    syi_channel_round(party->channel);
    for (uint64_t tile = 0; tile < tiles; tile++) {
        const size_t at = tile % SYI_EXCHANGE_AHEAD;
        while (w.sent < tiles && w.free_count > 0 &&
               (w.sent < tile + SYI_EXCHANGE_NEAR || !all_ready(party))) {
            SY_TRY(send_tile(party, &w, steps, data, err));
        }
        SY_TRY(receive_all(party, &received, w.sizes[at], err));
        SY_TRY(steps->finish(data, tile, w.slots[at], &received, err));
        w.free[w.free_count++] = w.slots[at];
    }
    return SY_OK;
}

sy_status syi_exchange_stages(syi_party *party, uint64_t tiles, unsigned rounds, syi_stage_fn step,
                              void *data, sy_error *err)
{
    syi_received received = {{NULL}};
    size_t sizes[SYI_STAGES_MAX];
    const unsigned slots = rounds + 1;
    party->channel->cost.rounds += tiles > 0 ? rounds : 0;
    /* In a wave each tile takes a stage, the last tile first: it waits for nobody. */
    for (uint64_t wave = 0; tiles > 0 && wave < tiles + rounds; wave++) {
        const uint64_t first = wave < rounds ? 0 : wave - rounds;
        for (uint64_t tile = wave < tiles ? wave : tiles - 1;; tile--) {
            const unsigned stage = (unsigned)(wave - tile), slot = (unsigned)(tile % slots);
            const void *bytes = NULL;
            if (stage > 0) {
                SY_TRY(receive_all(party, &received, sizes[slot], err));
            }
            SY_TRY(step(data, tile, slot, stage, &received, &bytes, &sizes[slot], err));
            if (stage < rounds) {
                SY_TRY(syi_channel_send(party->channel, bytes, sizes[slot], err));
            }
            if (tile == first) {
                break;
            }
        }
    }
    return SY_OK;
}

/* --- scratch memory ---------------------------------------------------------------------------- */

enum { ROOM = SYI_EXCHANGE_BLOCK * 8 };

sy_status syi_slots_open(syi_slots *slots, const syi_party *party, const syi_demand *demand,
                         size_t rooms, size_t words, const char *name, sy_error *err)
{
    const uint64_t tiles = syi_material_tiles(demand);
    const size_t tile = demand->count < SYI_TILE ? (size_t)demand->count : SYI_TILE;
    *slots = (syi_slots){.room = rooms * ROOM, .slot = tile * words * demand->field.width};
    slots->size = slots->room +
                  slots->slot * (tiles < SYI_EXCHANGE_AHEAD ? (size_t)tiles : SYI_EXCHANGE_AHEAD);
    slots->memory = syi_block_alloc(party->context, slots->size);
    return slots->memory != NULL ? SY_OK : SYI_ENOMEM(err, name);
}

void syi_slots_close(syi_slots *slots, const syi_party *party)
{
    if (slots->memory != NULL) {
        syi_wipe(slots->memory, slots->room + slots->used * slots->slot);
        syi_block_free(party->context, slots->memory, slots->size);
    }
}

uint8_t *syi_slots_room(const syi_slots *slots, size_t number)
{
    return slots->memory + number * ROOM;
}

uint8_t *syi_slots_get(syi_slots *slots, unsigned slot)
{
    slots->used = slot >= slots->used ? slot + 1 : slots->used;
    return slots->memory + slots->room + slot * slots->slot;
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
        demand->range = asked.range; /* what is in stock may be for more than was needed */
    }
    return SY_OK;
}
