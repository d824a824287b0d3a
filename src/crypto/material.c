#include "crypto/material.h"

#include <string.h>

#include "core/error.h"
#include "crypto/comparison.h"
#include "crypto/snn.h"

sy_status syi_stream_open(syi_generator *generator, const uint8_t session[SYI_SHARING_SESSION_SIZE],
                          const uint8_t seed[SYI_SEED_SIZE], syi_material_kind kind,
                          const syi_item *item, unsigned part, sy_error *err)
{
    static const char start[] = "csyft/1|";
    enum { START = sizeof start - 1, AT = START + SYI_SHARING_SESSION_SIZE };
    uint8_t name[AT + 14];
    memcpy(name, start, START);
    memcpy(name + START, session, SYI_SHARING_SESSION_SIZE);
    name[AT] = (uint8_t)kind;
    syi_put_u64le(name + AT + 1, item->sequence);
    syi_put_u32le(name + AT + 9, item->number);
    name[AT + 13] = (uint8_t)part;
    return syi_generator_init(generator, seed, name, sizeof name, err);
}

sy_status syi_material_open(const syi_material *material, syi_generator *generator,
                            syi_material_kind kind, const syi_item *item, unsigned part,
                            sy_error *err)
{
    return syi_stream_open(generator, material->session, material->seed, kind, item, part, err);
}

unsigned syi_material_derived(syi_material_kind kind)
{
    return kind == SYI_MATERIAL_SHIFT || kind == SYI_MATERIAL_DIVIDE ? 2 : 1;
}

size_t syi_material_element(const syi_demand *demand, unsigned part)
{
    return demand->kind == SYI_MATERIAL_SHIFT && part == SYI_PART_V ? (demand->shift + 7) / 8
                                                                    : demand->field.width;
}

size_t syi_material_span(const syi_demand *demand)
{
    if (syi_material_is_interactive(demand->kind)) {
        return SYI_SNN_TILE;
    }
    const syi_family_material *family = syi_family_material_of(demand->kind);
    return family != NULL ? family->tile : SYI_TILE;
}

uint64_t syi_material_tiles(const syi_demand *demand)
{
    const uint64_t span = syi_material_span(demand);
    return demand->count / span + (demand->count % span != 0 ? 1 : 0);
}

size_t syi_material_tile(const syi_demand *demand, uint64_t tile)
{
    const size_t span = syi_material_span(demand);
    const uint64_t rest = demand->count - tile * span;
    return rest < span ? (size_t)rest : span;
}

size_t syi_material_message(const syi_demand *demand, uint64_t tile)
{
    size_t element = 0;
    const syi_family_material *family = syi_family_material_of(demand->kind);
    if (family != NULL) {
        return family->message(demand, syi_material_tile(demand, tile));
    }
    if (syi_material_is_interactive(demand->kind)) {
        return syi_snn_message(demand, syi_material_tile(demand, tile));
    }
    for (unsigned part = 0; part < syi_material_derived(demand->kind); part++) {
        element += syi_material_element(demand, SYI_PART_C + part);
    }
    return element * syi_material_tile(demand, tile);
}

syi_operand syi_operand_of(const syi_item *item, unsigned part, const syi_array *shape)
{
    syi_operand operand = {
        .item = *item, .part = (uint8_t)part, .words = (uint64_t)syi_array_numel(shape)};
    int64_t stride = 1;
    for (int d = shape->ndim - 1; d >= 0; d--) {
        operand.strides[d] = stride;
        stride *= shape->shape[d] > 0 ? shape->shape[d] : 1;
    }
    return operand;
}

void syi_demand_rename(syi_demand *demand, const syi_item *item)
{
    if (syi_item_same(&demand->x.item, &demand->item)) {
        demand->x.item = *item;
    }
    if (syi_item_same(&demand->y.item, &demand->item)) {
        demand->y.item = *item;
    }
    demand->item = *item;
}
