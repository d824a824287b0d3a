/*
 * material_test.c - what the provider deals is what it says, whatever the holders, fields and views are; its messages alternate
 * and its memory is small; streams differ; demands survive their bytes, and no bytes survive being wrong.
 */
#include "crypto/kept_masks.h"
#include "crypto/rounding.h"
#include "support/party_scene.h"

static const syi_field fields[] = {SYI_FIELD_64,           SYI_FIELD_32,          {256, 8},
                                   {UINT64_C(1) << 62, 8}, {UINT64_C(0) - 59, 8}, {67, 8}};
enum { FIELDS = sizeof fields / sizeof *fields };

/* --- dealing ----------------------------------------------------------------------------------- */

/* A dealer with its holders, and what it gave them. */
typedef struct dealing {
    failing_allocator memory;
    sy_context *context;
    syi_dealer dealer;
    const syi_demand *demand;
    uint64_t tiles;
    uint64_t fails_at; /* tile */
    size_t bytes[PARTY_THREADS_MAX];
    uint8_t *messages[16];
    sy_error err;
} dealing;

static void dealing_open(dealing *d, int holders)
{
    memset(d, 0, sizeof *d);
    d->context = memory_faults_context(&d->memory);
    d->dealer.context = d->context;
    d->dealer.holders = holders;
    d->fails_at = UINT64_MAX;
    for (int h = 0; h < holders; h++) {
        memset(d->dealer.seeds[h], h + 1, SYI_SEED_SIZE);
    }
}

static void dealing_clear(dealing *d)
{
    for (size_t k = 0; k < d->tiles; k++) {
        free(d->messages[k]);
    }
    memset(d->bytes, 0, sizeof d->bytes);
    d->tiles = 0;
}

static void dealing_close(dealing *d)
{
    dealing_clear(d);
    memory_faults_context_free(&d->memory, d->context);
}

static sy_status give(void *user, int holder, const syi_item *item, const void *bytes, size_t size,
                      sy_error *err)
{
    dealing *d = user;
    if (d->tiles == d->fails_at) {
        (void)err;
        return SY_ECLOSED;
    }
    assert_true(d->tiles < 16);
    assert_true(syi_item_same(item, &d->demand->item));
    assert_int_equal(holder,
                     (item->sequence + item->number + d->tiles) % (uint64_t)d->dealer.holders);
    assert_int_equal(size, syi_material_message(d->demand, d->tiles));
    d->messages[d->tiles] = malloc(size + 1);
    memcpy(d->messages[d->tiles++], bytes, size);
    d->bytes[holder] += size;
    return SY_OK;
}

static void deal(dealing *d, const syi_demand *demand)
{
    dealing_clear(d);
    d->demand = demand;
    assert_ok(syi_deal(&d->dealer, demand, give, d, &d->err), &d->err);
    assert_int_equal(d->tiles, syi_material_tiles(demand));
}

/* All of a part of one holder's stream, as words. */
static uint64_t *stream_of(dealing *d, int holder, const syi_field *field, syi_material_kind kind,
                           const syi_item *item, unsigned part, size_t count)
{
    const syi_material material = {.context = d->context, .holders = d->dealer.holders};
    syi_material own = material;
    syi_generator g;
    uint64_t *words = calloc(count + 1, sizeof *words);
    memcpy(own.seed, d->dealer.seeds[holder], SYI_SEED_SIZE);
    memcpy(own.session, d->dealer.session, sizeof own.session);
    assert_ok(syi_material_open(&own, &g, kind, item, part, &d->err), &d->err);
    assert_ok(syi_field_draw(field, &g, 0, words, count, &d->err), &d->err);
    syi_generator_fini(&g);
    return words;
}

/* What a free part is. */
static uint64_t *sum_of(dealing *d, const syi_field *field, syi_material_kind kind,
                        const syi_item *item, unsigned part, size_t count)
{
    uint64_t *sum = calloc(count + 1, sizeof *sum);
    for (int h = 0; h < d->dealer.holders; h++) {
        uint64_t *words = stream_of(d, h, field, kind, item, part, count);
        for (size_t k = 0; k < count; k++) {
            scene_set(field, sum, k,
                      scene_add(field, scene_get(field, sum, k), scene_get(field, words, k)));
        }
        free(words);
    }
    return sum;
}

/* A number of `size` bytes. */
static uint64_t load(const uint8_t *bytes, size_t size)
{
    uint64_t word = 0;
    memcpy(&word, bytes, size);
    return word;
}

/* What a derived part is: the corrected holder's message and the others' streams. Modulo 2^(8 size) where it is narrow. */
static uint64_t *derived_of(dealing *d, unsigned part)
{
    const syi_demand *demand = d->demand;
    const size_t size = syi_material_element(demand, SYI_PART_C + part),
                 first = syi_material_element(demand, SYI_PART_C);
    const bool narrow = demand->kind == SYI_MATERIAL_SHIFT && part == 1;
    const syi_field bytes = {size < 8 ? UINT64_C(1) << 8 * size : 0, 8};
    const syi_field *field = narrow ? &bytes : &demand->field;
    uint64_t *sum = calloc(demand->count + 1, sizeof *sum);
    uint8_t *streams[PARTY_THREADS_MAX];
    for (int h = 0; h < d->dealer.holders; h++) {
        syi_generator g;
        streams[h] = calloc(demand->count + 1, 8);
        assert_ok(syi_stream_open(&g, d->dealer.session, d->dealer.seeds[h], demand->kind,
                                  &demand->item, SYI_PART_C + part, &d->err),
                  &d->err);
        assert_ok(narrow ? syi_generator_fill(&g, 0, streams[h], demand->count * size, &d->err)
                         : syi_field_draw(field, &g, 0, streams[h], demand->count, &d->err),
                  &d->err);
        syi_generator_fini(&g);
    }
    for (size_t k = 0; k < demand->count; k++) {
        const uint64_t tile = k / SYI_TILE;
        const int corrected = syi_material_corrected(&demand->item, tile, d->dealer.holders);
        const size_t before = part == 0 ? 0 : syi_material_tile(demand, tile) * first;
        for (int h = 0; h < d->dealer.holders; h++) {
            const uint8_t *from = h == corrected ? d->messages[tile] + before + k % SYI_TILE * size
                                                 : streams[h] + k * size;
            sum[k] = scene_add(field, sum[k], load(from, size));
        }
    }
    for (int h = 0; h < d->dealer.holders; h++) {
        free(streams[h]);
    }
    return sum;
}

static void check_words(const uint64_t *words, const uint64_t *expected, size_t count,
                        const char *what)
{
    for (size_t k = 0; k < count; k++) {
        if (words[k] != expected[k]) {
            fail_msg("%s, element %zu of %zu: %" PRIu64 ", expected %" PRIu64, what, k, count,
                     words[k], expected[k]);
        }
    }
}

/* Square, shift, divide, zero: by the definition of each. */
static void check_simple(dealing *d, const syi_demand *demand)
{
    const syi_field *field = &demand->field;
    const size_t count = demand->count;
    deal(d, demand);
    uint64_t *r = sum_of(d, field, demand->kind, &demand->item, SYI_PART_A, count);
    uint64_t *expected[2] = {calloc(count + 1, 8), calloc(count + 1, 8)};
    for (size_t k = 0; k < count; k++) {
        const uint64_t mask = scene_get(field, r, k);
        if (demand->kind == SYI_MATERIAL_SQUARE) {
            expected[0][k] = scene_mul(field, mask, mask);
        } else if (demand->kind == SYI_MATERIAL_SHIFT) {
            expected[0][k] = mask >> demand->shift;
            expected[1][k] = scene_signed(field, mask) < 0 ? 1 : 0;
        } else if (demand->kind == SYI_MATERIAL_DIVIDE) {
            expected[0][k] = mask / demand->divisor;
            expected[1][k] = scene_of(
                field, scene_floor(scene_signed(field, mask), (scene_number)demand->divisor));
        }
    }
    for (unsigned part = 0; part < syi_material_derived(demand->kind); part++) {
        uint64_t *words = derived_of(d, part);
        for (size_t k = 0; demand->kind == SYI_MATERIAL_SHIFT && part == 1 && k < count; k++) {
            words[k] &= (UINT64_C(1) << demand->shift) - 1; /* no more of them counts */
        }
        check_words(words, expected[part], count, part == 0 ? "first part" : "second part");
        free(words);
        free(expected[part]);
    }
    if (syi_material_derived(demand->kind) == 1) {
        free(expected[1]);
    }
    free(r);
}

static void test_simple(void **state)
{
    (void)state;
    static const size_t counts[] = {1, 7, 2048, SYI_TILE, SYI_TILE + 1, 3 * SYI_TILE + 5};
    for (int holders = 2; holders <= (SCENE_WATCHED ? 3 : 5); holders += holders == 2 ? 1 : 2) {
        dealing d;
        dealing_open(&d, holders);
        for (size_t f = 0; f < FIELDS; f++) {
            const unsigned bits = syi_field_bits(&fields[f]);
            syi_demand demand = {.field = fields[f], .item = {9, (uint32_t)f}, .count = counts[f]};
            demand.kind = SYI_MATERIAL_SQUARE;
            check_simple(&d, &demand);
            demand.kind = SYI_MATERIAL_ZERO;
            check_simple(&d, &demand);
            demand.kind = SYI_MATERIAL_DIVIDE;
            demand.divisor = f % 2 == 0 ? 3 : syi_rounding_quarter(&fields[f]);
            check_simple(&d, &demand);
            demand.kind = SYI_MATERIAL_SHIFT;
            for (unsigned shift = 1; bits > 0 && shift <= bits - 2;
                 shift += 1 + shift / (SCENE_WATCHED ? 1 : 4)) {
                demand.shift = shift;
                demand.count = counts[(f + shift) % (SCENE_WATCHED ? 4 : 5)];
                check_simple(&d, &demand);
            }
        }
        dealing_close(&d);
    }
}

static syi_demand product_demand(dealing *d, const char *name, const syi_field *field, int x_ndim,
                                 const int64_t *x, int y_ndim, const int64_t *y)
{
    syi_demand demand = {.kind = SYI_MATERIAL_PRODUCT, .item = {3, 4}, .field = *field};
    assert_ok(syi_bilinear_of_name(&demand.product, name, field, x_ndim, x, y_ndim, y, &d->err),
              &d->err);
    demand.count = (uint64_t)syi_array_numel(&demand.product.z);
    demand.x = syi_operand_of(&demand.item, SYI_PART_A, &demand.product.x);
    demand.y = syi_operand_of(&demand.item, SYI_PART_B, &demand.product.y);
    return demand;
}

/* c is the product of the masks as the operands view them. */
static void check_product(dealing *d, const syi_demand *demand)
{
    const syi_operand *operands[] = {&demand->x, &demand->y};
    const syi_field *field = &demand->field;
    syi_array views[2] = {demand->product.x, demand->product.y};
    uint64_t *masks[2], *c = calloc(demand->count + 1, 8);
    deal(d, demand);
    for (int k = 0; k < 2; k++) {
        const syi_operand *o = operands[k];
        masks[k] = sum_of(d, field, demand->kind, &o->item, o->part, o->words);
        views[k].offset = o->offset;
        memcpy(views[k].strides, o->strides, sizeof o->strides);
        assert_ok(syi_storage_wrap(d->context, &views[k].storage, masks[k], o->words * field->width,
                                   NULL, NULL, &d->err),
                  &d->err);
    }
    assert_ok(
        syi_bilinear_add(d->context, &demand->product, field, c, &views[0], &views[1], &d->err),
        &d->err);
    uint64_t *words = derived_of(d, 0);
    for (size_t k = 0; k < demand->count; k++) {
        assert_int_equal(words[k], scene_get(field, c, k));
    }
    for (int k = 0; k < 2; k++) {
        syi_array_fini(&views[k]);
        free(masks[k]);
    }
    free(words);
    free(c);
}

static void test_product(void **state)
{
    (void)state;
    const int64_t vector[] = {SYI_TILE + 100}, square[] = {12, 12}, large[] = {190, 200};
    for (int holders = 2; holders <= (SCENE_WATCHED ? 2 : 5); holders += holders == 2 ? 1 : 2) {
        dealing d;
        dealing_open(&d, holders);
        for (size_t f = 0; f < FIELDS; f++) {
            syi_demand demand = product_demand(&d, "mul", &fields[f], 1, vector, 1, vector);
            check_product(&d, &demand);
            demand = product_demand(&d, "matmul", &fields[f], 2, square, 2, square);
            check_product(&d, &demand);
            /* Both factors are views of one mask of another item: W[:, 1:13] by its transpose. */
            demand.x =
                (syi_operand){.item = {1, 1}, .part = SYI_PART_B, .words = 12 * 13, .offset = 1};
            demand.x.strides[0] = 13;
            demand.x.strides[1] = 1;
            demand.y = demand.x;
            demand.y.strides[0] = 1;
            demand.y.strides[1] = 13;
            check_product(&d, &demand);
            demand = product_demand(&d, "mul", &fields[f], 2, square, 2, square);
            demand.y.strides[0] = 0; /* every row the first one */
            check_product(&d, &demand);
        }
        syi_demand demand = product_demand(&d, "mul", &fields[0], 2, large, 1, &large[1]);
        check_product(&d, &demand);
        dealing_close(&d);
    }
}

/* A 12 x 12 view of the mask of an earlier item, by one of this item. */
static syi_demand with_earlier_mask(dealing *d, const syi_field *field, uint64_t sequence,
                                    uint64_t words)
{
    const int64_t square[] = {12, 12};
    syi_demand demand = product_demand(d, "matmul", field, 2, square, 2, square);
    demand.y.item = (syi_item){sequence, 0};
    demand.y.words = words;
    return demand;
}

/* Masks that are kept are what they were, also those that made place for others, and of any of the same name in another field;
 * they take no more memory than they may, and are given back. */
static void test_kept_masks(void **state)
{
    (void)state;
    enum { MASKS = SYI_KEPT_MASKS + 4 };
    const uint64_t mebibyte = UINT64_C(1) << 17; /* words of it */
    dealing d;
    syi_kept_masks kept = {.bytes = 0};
    dealing_open(&d, 2);
    const size_t before = d.memory.live_bytes;
    d.dealer.kept = &kept;
    for (unsigned turn = 0; turn < 3; turn++) {
        for (unsigned k = 0; k < MASKS; k++) {
            const unsigned which = (k + turn * 7) % MASKS;
            const syi_demand demand =
                with_earlier_mask(&d, &fields[which % 2], 1 + which / 2, 144 + which);
            check_product(&d, &demand);
            check_product(&d, &demand);
        }
    }
    const syi_operand own = with_earlier_mask(&d, &fields[0], 3, 144).x;
    assert_null(syi_kept_masks_get(&kept, &own, &fields[0])); /* of the demanded item: used once */
    for (unsigned k = 0; k < (SCENE_WATCHED ? 1 : MASKS); k++) {
        const uint64_t words = k == 5 ? SYI_KEPT_MASKS_BYTES / 8 + 1 : 3 * mebibyte;
        const syi_demand demand = with_earlier_mask(&d, &fields[0], 1, words + k);
        deal(&d, &demand);
        assert_true(kept.bytes <= SYI_KEPT_MASKS_BYTES);
        assert_true(k < 6 || kept.bytes > SYI_KEPT_MASKS_BYTES - 4 * mebibyte * 8);
        syi_storage *there = syi_kept_masks_get(&kept, &demand.y, &fields[0]);
        assert_int_equal(there != NULL, k != 5);
        syi_storage_unref(there);
    }
    dealing_clear(&d);
    syi_kept_masks_fini(&kept);
    assert_int_equal(kept.bytes, 0);
    assert_int_equal(d.memory.live_bytes, before);
    d.dealer.kept = NULL;
    dealing_close(&d);
}

/* Tiles alternate, so that no holder gets more than its part and a tile; the memory does not grow with the count. */
static void test_small(void **state)
{
    (void)state;
    const int64_t count = 16 * SYI_TILE;
    dealing d;
    dealing_open(&d, 3);
    const syi_demand demand = product_demand(&d, "mul", &fields[0], 1, &count, 1, &count);
    const size_t before = d.memory.live_bytes;
    deal(&d, &demand);
    for (int h = 0; h < 3; h++) {
        assert_in_range(d.bytes[h], 5 * SYI_TILE * 8, 6 * SYI_TILE * 8);
    }
    assert_true(d.memory.peak_bytes - before < 4 * SYI_TILE * 8); /* of the 16 tiles */
    dealing_close(&d);
}

/* --- streams ----------------------------------------------------------------------------------- */

static void test_streams_differ(void **state)
{
    (void)state;
    enum { COUNT = 8 };
    uint64_t starts[COUNT][2];
    const uint8_t sessions[2][SYI_SHARING_SESSION_SIZE] = {{0}, {1}},
                  seeds[2][SYI_SEED_SIZE] = {{0}, {1}};
    const struct {
        int session, seed;
        syi_material_kind kind;
        syi_item item;
        unsigned part;
    } names[COUNT] = {
        {0, 0, SYI_MATERIAL_PRODUCT, {1, 1}, 0},
        {1, 0, SYI_MATERIAL_PRODUCT, {1, 1}, 0},
        {0, 1, SYI_MATERIAL_PRODUCT, {1, 1}, 0},
        {0, 0, SYI_MATERIAL_SQUARE, {1, 1}, 0},
        {0, 0, SYI_MATERIAL_PRODUCT, {2, 1}, 0},
        {0, 0, SYI_MATERIAL_PRODUCT, {1, 2}, 0},
        {0, 0, SYI_MATERIAL_PRODUCT, {1, 1}, 1},
        {0, 0, SYI_MATERIAL_PRODUCT, {SYI_ITEM_AHEAD, 1}, 0},
    };
    for (size_t k = 0; k < COUNT; k++) {
        syi_generator g;
        sy_error err = SY_ERROR_INIT;
        assert_ok(syi_stream_open(&g, sessions[names[k].session], seeds[names[k].seed],
                                  names[k].kind, &names[k].item, names[k].part, &err),
                  &err);
        assert_ok(syi_generator_fill(&g, 0, starts[k], 16, &err), &err);
        syi_generator_fini(&g);
        for (size_t before = 0; before < k; before++) {
            assert_memory_not_equal(starts[before], starts[k], 16);
        }
    }
}

/* --- failures ---------------------------------------------------------------------------------- */

static sy_status deal_once(sy_context *context, void *argument, sy_error *err)
{
    dealing *d = argument;
    d->dealer.context = context;
    return syi_deal(&d->dealer, d->demand, give, d, err);
}

static void test_failures(void **state)
{
    (void)state;
    const int64_t shape[] = {6, 6};
    dealing d;
    dealing_open(&d, 3);
    const syi_demand demand = product_demand(&d, "matmul", &fields[0], 2, shape, 2, shape);
    d.demand = &demand;
    assert_true(memory_faults_sweep(deal_once, &d) >= 7);
    d.dealer.context = d.context;
    dealing_clear(&d);
    const syi_demand zeros = {
        .kind = SYI_MATERIAL_ZERO, .field = SYI_FIELD_64, .count = 5 * SYI_TILE};
    d.demand = &zeros;
    d.fails_at = 2;
    assert_status(syi_deal(&d.dealer, &zeros, give, &d, &d.err), SY_ECLOSED, &d.err);
    assert_int_equal(d.tiles, 2);
    dealing_close(&d);
}

/* --- bytes ------------------------------------------------------------------------------------- */

enum { ELEMENTS_MAX = 1 << 20 };

static void write_demand(dealing *d, const syi_demand *demand, syi_buffer *bytes)
{
    syi_buffer_init(bytes, d->context, SYI_DEMAND_BYTES);
    syi_demand_write(demand, bytes);
    assert_ok(syi_buffer_check(bytes, "demand", &d->err), &d->err);
}

static sy_status read_back(dealing *d, const syi_demand *demand, syi_demand *back)
{
    syi_buffer bytes;
    write_demand(d, demand, &bytes);
    const sy_status status = syi_demand_read(back, bytes.data, bytes.length, ELEMENTS_MAX, &d->err);
    syi_buffer_fini(&bytes);
    return status;
}

/* Comes back as it was; no part of it is enough; changed bytes are refused or another demand, which can be dealt. */
static void check_bytes(dealing *d, const syi_demand *demand)
{
    syi_demand back;
    syi_buffer bytes;
    write_demand(d, demand, &bytes);
    assert_ok(syi_demand_read(&back, bytes.data, bytes.length, ELEMENTS_MAX, &d->err), &d->err);
    assert_int_equal(back.kind, demand->kind);
    assert_true(syi_item_same(&back.item, &demand->item));
    assert_true(syi_field_same(&back.field, &demand->field));
    assert_int_equal(back.count, demand->count);
    assert_int_equal(back.shift, demand->shift);
    assert_int_equal(back.divisor, demand->divisor);
    assert_int_equal(back.range, demand->range);
    assert_true(syi_item_same(&back.x.item, &demand->x.item));
    assert_true(syi_item_same(&back.y.item, &demand->y.item));
    assert_int_equal(back.y.part, demand->y.part);
    assert_int_equal(back.x.words, demand->x.words);
    assert_int_equal(back.y.offset, demand->y.offset);
    assert_memory_equal(back.x.strides, demand->x.strides,
                        (size_t)demand->product.x.ndim * sizeof *back.x.strides);
    /* (what lacks only its range is one of any numbers) */
    for (size_t size = 0; size < bytes.length - (demand->range != 0 ? 1 : 0); size++) {
        assert_status(syi_demand_read(&back, bytes.data, size, ELEMENTS_MAX, &d->err), SY_EFORMAT,
                      &d->err);
    }
    for (size_t k = 0; k < bytes.length; k++) {
        for (int bit = 0; bit < 8; bit++) {
            bytes.data[k] ^= (uint8_t)(1 << bit);
            if (syi_demand_read(&back, bytes.data, bytes.length, 2000, &d->err) == SY_OK) {
                deal(d, &back);
            } else {
                assert_string_not_equal(d->err.message, "");
            }
            bytes.data[k] ^= (uint8_t)(1 << bit);
        }
    }
    syi_buffer_put(&bytes, 0);
    assert_status(syi_demand_read(&back, bytes.data, bytes.length, ELEMENTS_MAX, &d->err),
                  SY_EFORMAT, &d->err);
    syi_buffer_fini(&bytes);
}

static void test_bytes(void **state)
{
    (void)state;
    const int64_t x[] = {3, 4}, y[] = {4, 5}, image[] = {1, 2, 5, 5}, weight[] = {3, 2, 2, 2};
    dealing d;
    dealing_open(&d, 2);
    for (size_t f = 0; f < FIELDS; f++) {
        syi_demand demand = {.kind = SYI_MATERIAL_SQUARE,
                             .item = {SYI_ITEM_AHEAD + 77, 5},
                             .field = fields[f],
                             .count = 1000};
        check_bytes(&d, &demand);
        demand.kind = SYI_MATERIAL_DIVIDE;
        demand.divisor = 10;
        check_bytes(&d, &demand);
    }
    const syi_demand shift = {
        .kind = SYI_MATERIAL_SHIFT, .field = SYI_FIELD_64, .count = 10, .shift = 62};
    check_bytes(&d, &shift);
    syi_demand demand = product_demand(&d, "matmul", &fields[0], 2, x, 2, y);
    check_bytes(&d, &demand);
    demand.y.item.sequence = 1;
    demand.y.words = 50;
    demand.y.offset = 7;
    check_bytes(&d, &demand);
    demand = product_demand(&d, "conv2d", &fields[1], 4, image, 4, weight);
    check_bytes(&d, &demand);
    demand = product_demand(&d, "ij,jk->ki", &fields[0], 2, x, 2, y);
    check_bytes(&d, &demand);
    for (unsigned range = 0; range < 64; range += range == 0 ? 2 : 61) {
        demand = (syi_demand){.kind = SYI_MATERIAL_BITS_EQUAL,
                              .field = SYI_FIELD_64,
                              .count = 10,
                              .outcome = SYI_OUTCOME_BIT,
                              .range = range};
        check_bytes(&d, &demand);
        demand.kind = SYI_MATERIAL_BITS_SIGN;
        demand.outcome = SYI_OUTCOME_RELU;
        check_bytes(&d, &demand);
    }
    dealing_close(&d);
}

static void refused(dealing *d, const syi_demand *demand, sy_status status)
{
    syi_demand back;
    assert_status(read_back(d, demand, &back), status, &d->err);
}

static void test_hostile(void **state)
{
    (void)state;
    const int64_t x[] = {3, 4}, y[] = {4, 5}, long_x[] = {1, INT64_C(1) << 40}, one[] = {1},
                  wide[] = {1000, 1000}, image[] = {1, 1, 1000, 1000}, weight[] = {1, 1, 500, 500};
    dealing d;
    dealing_open(&d, 2);
    const syi_demand good = product_demand(&d, "matmul", &fields[0], 2, x, 2, y);
    syi_demand demand = good;
    demand.x.words = 11; /* one too few */
    refused(&d, &demand, SY_ERANGE);
    demand = good;
    demand.x.offset = 1;
    refused(&d, &demand, SY_ERANGE);
    demand.x.offset = -1;
    demand.x.words = 1000;
    refused(&d, &demand, SY_ERANGE);
    demand = good;
    demand.y.strides[0] = -1;
    refused(&d, &demand, SY_ERANGE);
    demand.y.strides[0] = INT64_MAX; /* times 3 is past the end of the numbers */
    refused(&d, &demand, SY_ERANGE);
    demand = good;
    demand.y.words = ELEMENTS_MAX + 1;
    refused(&d, &demand, SY_ELIMIT);
    demand = good;
    demand.y.part = SYI_PART_C;
    refused(&d, &demand, SY_EFORMAT);
    demand = good;
    demand.count++;
    refused(&d, &demand, SY_EFORMAT);
    demand.count = ELEMENTS_MAX + 1;
    refused(&d, &demand, SY_ELIMIT);
    demand = product_demand(&d, "ij,k->k", &fields[0], 2, long_x, 1, one); /* all one word */
    memset(demand.x.strides, 0, sizeof demand.x.strides);
    demand.x.words = 1;
    refused(&d, &demand, SY_ELIMIT);
    demand = product_demand(&d, "conv2d", &fields[0], 4, image, 4, weight); /* 6e10 of them */
    refused(&d, &demand, SY_ELIMIT);
    assert_non_null(strstr(d.err.message, "62750250000 multiplications"));
    demand = product_demand(&d, "ij,jk->ik", &fields[0], 2, wide, 2, wide); /* 1e9 */
    syi_demand back;
    assert_ok(read_back(&d, &demand, &back), &d.err);
    dealing_close(&d);
}

/* Fields and amounts that do not exist. */
static void test_amounts(void **state)
{
    (void)state;
    const syi_demand good = {
        .kind = SYI_MATERIAL_SHIFT, .field = SYI_FIELD_64, .count = 1, .shift = 5};
    dealing d;
    dealing_open(&d, 2);
    syi_demand demand = good;
    demand.shift = 63;
    refused(&d, &demand, SY_ERANGE);
    demand.shift = 0;
    refused(&d, &demand, SY_ERANGE);
    demand = good;
    demand.field = (syi_field){67, 8};
    refused(&d, &demand, SY_ERANGE);
    demand.field = (syi_field){3, 8};
    refused(&d, &demand, SY_ERANGE);
    demand.field = (syi_field){67, 4};
    refused(&d, &demand, SY_ERANGE);
    demand.field = (syi_field){0, 3};
    refused(&d, &demand, SY_ERANGE);
    demand = good;
    demand.kind = SYI_MATERIAL_DIVIDE;
    demand.divisor = 0;
    refused(&d, &demand, SY_ERANGE);
    demand.divisor = (UINT64_C(1) << 62) + 1;
    refused(&d, &demand, SY_ERANGE);
    demand = good;
    demand.kind = (syi_material_kind)6;
    refused(&d, &demand, SY_EFORMAT);
    demand = (syi_demand){.kind = SYI_MATERIAL_CARRY_SIGN,
                          .field = SYI_FIELD_32,
                          .count = 1,
                          .outcome = SYI_OUTCOME_BIT,
                          .range = 32};
    refused(&d, &demand, SY_ERANGE);
    demand.range = 1;
    refused(&d, &demand, SY_ERANGE);
    demand.range = 255;
    refused(&d, &demand, SY_ERANGE);
    dealing_close(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_simple),     cmocka_unit_test(test_product),
        cmocka_unit_test(test_small),      cmocka_unit_test(test_streams_differ),
        cmocka_unit_test(test_failures),   cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_hostile),    cmocka_unit_test(test_amounts),
        cmocka_unit_test(test_kept_masks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
