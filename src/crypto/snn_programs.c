/* snn_programs.c - what is made of share_convert, msb and products: snn.h. Test: snn_test.c. */
#include <inttypes.h>
#include <string.h>

#include "core/blocks.h"
#include "core/error.h"
#include "crypto/exchange.h"
#include "crypto/snn_words.h"

/* Rooms of as many words each, wiped when they are given back. */
typedef struct rooms {
    uint8_t *memory;
    size_t room, size;
} rooms;

static sy_status rooms_open(rooms *r, const syi_party *party, unsigned count, uint64_t words,
                            const char *name, sy_error *err)
{
    r->room = (size_t)(words * 8 + 63) / 64 * 64;
    r->size = count * r->room;
    r->memory =
        words < SIZE_MAX / 8 / (count + 1) ? syi_block_alloc(party->context, r->size) : NULL;
    return r->memory != NULL ? SY_OK : SYI_ENOMEM(err, name);
}

static void *room_of(const rooms *r, unsigned number)
{
    return r->memory + number * r->room;
}

static void rooms_close(rooms *r, const syi_party *party)
{
    if (r->memory != NULL) {
        syi_block_free_secret(party->context, r->memory, r->size);
    }
}

/* --- products ---------------------------------------------------------------------------------- */

static void keep(void *user)
{
    (void)user;
}

/* Words as a vector; the storage is all that is made. */
static sy_status view_of(const syi_party *party, const syi_field *field, syi_array *view,
                         const void *words, uint64_t count, sy_error *err)
{
    *view = (syi_array){.dtype = field->width == 4 ? SY_DTYPE_I32 : SY_DTYPE_I64,
                        .ndim = 1,
                        .shape = {(int64_t)count},
                        .strides = {1}};
    return syi_storage_wrap(party->context, &view->storage, (void *)(uintptr_t)words,
                            (size_t)count * field->width, keep, NULL, err);
}

sy_status syi_snn_multiply(syi_party *party, const syi_field *field, void *z, const void *x,
                           const void *y, uint64_t count, sy_error *err)
{
    const int64_t shape = (int64_t)count;
    syi_array views[2] = {SYI_ARRAY_INIT, SYI_ARRAY_INIT};
    syi_bilinear product;
    SY_TRY(syi_bilinear_of_name(&product, "mul", field, 1, &shape, 1, &shape, err));
    sy_status status = view_of(party, field, &views[0], x, count, err);
    if (status == SY_OK) {
        status = view_of(party, field, &views[1], y, count, err);
    }
    if (status == SY_OK) {
        const syi_factor a = {&views[0], NULL}, b = {&views[1], NULL};
        status = syi_spdz_product(party, field, &product, z, &a, &b, err);
    }
    syi_storage_unref(views[0].storage);
    syi_storage_unref(views[1].storage);
    return status;
}

/* --- signs ------------------------------------------------------------------------------------- */

/* out = a less its lowest bit, which is the sum of the shares' without a carry: l0 + l1 - 2 l0 l1. */
static sy_status clear_lowest(syi_party *party, const syi_field *field, void *out, const void *a,
                              void *room[3], uint64_t count, sy_error *err)
{
    const bool lead = party->channel->index == 0;
    const size_t size = (size_t)count * field->width;
    uint8_t *own = room[lead ? 0 : 1], *product = room[2];
    memset(room[lead ? 1 : 0], 0, size);
    for (uint64_t k = 0; k < count; k++) {
        if (field->width == 4) {
            ((uint32_t *)(void *)own)[k] = ((const uint32_t *)a)[k] & 1;
        } else {
            ((uint64_t *)(void *)own)[k] = ((const uint64_t *)a)[k] & 1;
        }
    }
    SY_TRY(syi_snn_multiply(party, field, product, room[0], room[1], count, err));
    syi_field_add(field, product, product, product, count);
    syi_field_sub(field, out, a, own, count);
    syi_field_add(field, out, out, product, count);
    return SY_OK;
}

/* z = 1 - [a < 0] */
static sy_status sign(syi_party *party, const syi_field *field, void *z, const void *a,
                      const rooms *r, uint64_t count, sy_error *err)
{
    void *room[3] = {room_of(r, 0), room_of(r, 1), room_of(r, 2)};
    void *even = room_of(r, 3);
    SY_TRY(clear_lowest(party, field, even, a, room, count, err));
    SY_TRY(syi_snn_share_convert(party, field, room[0], even, count, err));
    SY_TRY(syi_snn_msb(party, field, even, room[0], count, err));
    syi_field_neg(field, z, even, count);
    syi_field_add_public(field, z, z, party->channel->index == 0 ? 1 : 0, count);
    return SY_OK;
}

sy_status syi_snn_relu_deriv(syi_party *party, const syi_field *field, void *z, const void *a,
                             uint64_t count, sy_error *err)
{
    rooms r = {NULL, 0, 0};
    SY_TRY(syi_snn_check(party, field, err));
    if (count == 0) {
        return SY_OK;
    }
    SY_TRY(rooms_open(&r, party, 4, count, "relu_deriv", err));
    const sy_status status = sign(party, field, z, a, &r, count, err);
    rooms_close(&r, party);
    return status;
}

sy_status syi_snn_relu(syi_party *party, const syi_field *field, void *z, const void *a,
                       uint64_t count, sy_error *err)
{
    rooms r = {NULL, 0, 0};
    SY_TRY(syi_snn_check(party, field, err));
    if (count == 0) {
        return SY_OK;
    }
    SY_TRY(rooms_open(&r, party, 2, count, "relu", err));
    void *positive = room_of(&r, 0), *product = room_of(&r, 1);
    sy_status status = syi_snn_relu_deriv(party, field, positive, a, count, err);
    if (status == SY_OK) {
        status = syi_snn_multiply(party, field, product, a, positive, count, err);
    }
    if (status == SY_OK) {
        memcpy(z, product, (size_t)count * field->width);
        status = syi_snn_refresh(party, field, z, count, err);
    }
    rooms_close(&r, party);
    return status;
}

sy_status syi_snn_select_share(syi_party *party, const syi_field *field, void *z, const void *alpha,
                               const void *x, const void *y, uint64_t count, sy_error *err)
{
    rooms r = {NULL, 0, 0};
    SY_TRY(syi_snn_check(party, NULL, err));
    if (count == 0) {
        return SY_OK;
    }
    SY_TRY(rooms_open(&r, party, 2, count, "select_share", err));
    void *difference = room_of(&r, 0), *product = room_of(&r, 1);
    syi_field_sub(field, difference, y, x, count);
    sy_status status = syi_snn_multiply(party, field, product, alpha, difference, count, err);
    if (status == SY_OK) {
        syi_field_add(field, z, x, product, count);
        status = syi_snn_refresh(party, field, z, count, err);
    }
    rooms_close(&r, party);
    return status;
}

sy_status syi_snn_compare(syi_party *party, const syi_comparison *comparison,
                          const syi_field *field, void *z, const void *x, uint64_t count,
                          sy_error *err)
{
    if (comparison->outcome == SYI_OUTCOME_BIT) {
        return syi_snn_relu_deriv(party, field, z, x, count, err);
    }
    SY_TRY(syi_snn_relu(party, field, z, x, count, err));
    switch (comparison->outcome) {
    case SYI_OUTCOME_RELU_SHIFT:
        return syi_spdz_shift(party, field, z, z, count, comparison->shift, err);
    case SYI_OUTCOME_RELU_DIVIDE:
        return syi_spdz_divide(party, field, z, z, count, comparison->divisor, err);
    default:
        return SY_OK;
    }
}

/* Neither x nor -x is negative: of the least number both are. */
sy_status syi_snn_equal(syi_party *party, const syi_field *field, void *z, const void *x,
                        uint64_t count, sy_error *err)
{
    rooms r = {NULL, 0, 0};
    const size_t size = (size_t)count * field->width;
    SY_TRY(syi_snn_check(party, field, err));
    if (count == 0) {
        return SY_OK;
    }
    SY_TRY(rooms_open(&r, party, 2, 2 * count, "equality", err));
    uint8_t *both = room_of(&r, 0), *product = room_of(&r, 1);
    memcpy(both, x, size);
    syi_field_neg(field, both + size, x, count);
    sy_status status = syi_snn_relu_deriv(party, field, both, both, 2 * count, err);
    if (status == SY_OK) {
        status = syi_snn_multiply(party, field, product, both, both + size, count, err);
    }
    if (status == SY_OK) {
        memcpy(z, product, size);
        status = syi_snn_refresh(party, field, z, count, err);
    }
    rooms_close(&r, party);
    return status;
}

/* --- division ---------------------------------------------------------------------------------- */

/* From the top bit down: what 2^i y still goes into is taken away. */
static sy_status divide(syi_party *party, const syi_field *field, uint8_t *quotient, uint8_t *rest,
                        const uint8_t *y, const rooms *r, unsigned bits, uint64_t count,
                        sy_error *err)
{
    uint8_t *left = room_of(r, 3), *goes = room_of(r, 4), *taken = room_of(r, 5);
    memset(quotient, 0, (size_t)count * field->width);
    for (unsigned bit = bits; bit-- > 0;) {
        const uint64_t factor = UINT64_C(1) << bit;
        syi_field_mul_public(field, taken, y, factor, count);
        syi_field_sub(field, left, rest, taken, count);
        SY_TRY(syi_snn_relu_deriv(party, field, goes, left, count, err));
        SY_TRY(syi_snn_multiply(party, field, taken, goes, y, count, err));
        syi_field_mul_public(field, taken, taken, factor, count);
        syi_field_sub(field, rest, rest, taken, count);
        syi_field_mul_public(field, goes, goes, factor, count);
        syi_field_add(field, quotient, quotient, goes, count);
    }
    return syi_snn_refresh(party, field, quotient, count, err);
}

sy_status syi_snn_division(syi_party *party, const syi_field *field, void *z, const void *x,
                           const void *y, bool one, unsigned bits, uint64_t count, sy_error *err)
{
    const size_t width = field->width, size = (size_t)count * width;
    rooms r = {NULL, 0, 0};
    SY_TRY(syi_snn_check(party, field, err));
    if (bits < 1 || bits >= syi_field_bits(field)) {
        return syi_fail(err, SY_ERANGE, "division: a quotient of %u bits, 1 to %u are possible",
                        bits, syi_field_bits(field) - 1);
    }
    if (count == 0) {
        return SY_OK;
    }
    SY_TRY(rooms_open(&r, party, 6, count, "division", err));
    uint8_t *quotient = room_of(&r, 0), *rest = room_of(&r, 1), *divisor = room_of(&r, 2);
    memcpy(rest, x, size);
    for (uint64_t k = 0; one && k < count; k++) {
        memcpy(divisor + k * width, y, width);
    }
    const sy_status status =
        divide(party, field, quotient, rest, one ? divisor : y, &r, bits, count, err);
    memcpy(z, quotient, size);
    rooms_close(&r, party);
    return status;
}

/* --- max pooling ------------------------------------------------------------------------------- */

/* A level of the tree: `left` of each row are to be compared in pairs; an odd one goes through. */
typedef struct level {
    const syi_field *field;
    uint64_t rows, left, pairs;
} level;

static void copy_pairs(const level *l, uint8_t *out, const uint8_t *in, uint64_t second)
{
    const size_t width = l->field->width;
    for (uint64_t row = 0; row < l->rows; row++) {
        for (uint64_t k = 0; k < l->pairs; k++) {
            memcpy(out + (row * l->pairs + k) * width,
                   in + (row * l->left + 2 * k + second) * width, width);
        }
    }
}

/* What was chosen of each pair, and the odd one behind them, in place of the level's. */
static void put_chosen(const level *l, uint8_t *out, const uint8_t *chosen)
{
    const size_t width = l->field->width;
    const uint64_t next = l->left - l->pairs;
    for (uint64_t row = 0; row < l->rows; row++) {
        const uint8_t *odd = out + (row * l->left + l->left - 1) * width;
        uint8_t last[8];
        memcpy(last, odd, width);
        memmove(out + row * next * width, chosen + row * l->pairs * width,
                (size_t)l->pairs * width);
        if (next > l->pairs) {
            memcpy(out + (row * next + l->pairs) * width, last, width);
        }
    }
}

/* Of pairs (earlier, later) later where later - earlier >= 0: of equal ones the later. */
static sy_status choose_level(syi_party *party, const level *l, uint8_t *max, uint8_t *index,
                              const rooms *r, sy_error *err)
{
    const uint64_t pairs = l->rows * l->pairs, all = index != NULL ? 2 * pairs : pairs;
    const size_t size = (size_t)pairs * l->field->width;
    uint8_t *earlier = room_of(r, 2), *later = room_of(r, 3), *alpha = room_of(r, 4);
    copy_pairs(l, earlier, max, 0);
    copy_pairs(l, later, max, 1);
    syi_field_sub(l->field, alpha, later, earlier, pairs);
    SY_TRY(syi_snn_relu_deriv(party, l->field, alpha, alpha, pairs, err));
    if (index != NULL) {
        memcpy(alpha + size, alpha, size);
        copy_pairs(l, earlier + size, index, 0);
        copy_pairs(l, later + size, index, 1);
    }
    SY_TRY(syi_snn_select_share(party, l->field, earlier, alpha, earlier, later, all, err));
    put_chosen(l, max, earlier);
    if (index != NULL) {
        put_chosen(l, index, earlier + size);
    }
    return SY_OK;
}

/* The greatest of each row of `max`, which is used up, comes to the beginning. */
static sy_status choose(syi_party *party, const syi_field *field, uint8_t *max, uint8_t *index,
                        const rooms *r, uint64_t rows, uint64_t columns, sy_error *err)
{
    for (uint64_t left = columns; left > 1; left -= left / 2) {
        const level l = {field, rows, left, left / 2};
        SY_TRY(choose_level(party, &l, max, index, r, err));
    }
    return SY_OK;
}

/* Indices are public at first: the first holder's share is the number. */
static void put_indices(const syi_party *party, const syi_field *field, uint8_t *out, uint64_t rows,
                        uint64_t columns)
{
    const uint64_t lead = party->channel->index == 0 ? 1 : 0;
    for (uint64_t k = 0; k < rows * columns; k++) {
        const uint64_t place = lead * (k % columns);
        syi_snn_narrow(field, out + k * field->width, &place, 1);
    }
}

sy_status syi_snn_maxpool(syi_party *party, const syi_field *field, void *max, void *index,
                          const void *x, uint64_t rows, uint64_t columns, sy_error *err)
{
    const size_t width = field->width;
    rooms r = {NULL, 0, 0};
    SY_TRY(syi_snn_check(party, field, err));
    if (columns == 0) {
        return syi_fail(err, SY_ESHAPE, "maxpool: nothing has no greatest element");
    }
    if (rows == 0) {
        return SY_OK;
    }
    SY_TRY(rooms_open(&r, party, 5, rows * columns, "maxpool", err));
    uint8_t *values = room_of(&r, 0), *places = room_of(&r, 1);
    memcpy(values, x, (size_t)(rows * columns) * width);
    put_indices(party, field, places, rows, columns);
    sy_status status =
        choose(party, field, values, index != NULL ? places : NULL, &r, rows, columns, err);
    if (status == SY_OK) {
        memcpy(max, values, (size_t)rows * width);
        status = syi_snn_refresh(party, field, max, rows, err);
    }
    if (status == SY_OK && index != NULL) {
        memcpy(index, places, (size_t)rows * width);
        status = syi_snn_refresh(party, field, index, rows, err);
    }
    rooms_close(&r, party);
    return status;
}

/* --- one-hot ----------------------------------------------------------------------------------- */

/* Words go down by `places`, the first ones to the end; no address tells how far. */
static void roll(const syi_field *field, uint8_t *words, uint8_t *room, uint64_t count,
                 uint64_t places)
{
    for (uint64_t step = 1; step < count; step *= 2) {
        const uint64_t moved = 0 - (places / step & 1);
        for (uint64_t k = 0; k < count; k++) {
            const uint64_t from = (k + step) & (count - 1);
            if (field->width == 4) {
                const uint32_t *in = (const uint32_t *)(void *)words;
                ((uint32_t *)(void *)room)[k] = in[k] ^ ((in[k] ^ in[from]) & (uint32_t)moved);
            } else {
                const uint64_t *in = (const uint64_t *)(void *)words;
                ((uint64_t *)(void *)room)[k] = in[k] ^ ((in[k] ^ in[from]) & moved);
            }
        }
        memcpy(words, room, (size_t)count * field->width);
    }
}

static sy_status take_row(syi_party *party, const syi_demand *demand, uint8_t *row, sy_error *err)
{
    const syi_field *field = &demand->field;
    syi_generator stream;
    sy_status status = SY_OK;
    SY_TRY(
        syi_material_open(party->material, &stream, demand->kind, &demand->item, SYI_PART_C, err));
    for (uint64_t tile = 0; tile < syi_material_tiles(demand) && status == SY_OK; tile++) {
        const size_t n = syi_material_tile(demand, tile);
        uint8_t *to = row + tile * SYI_SNN_TILE * field->width;
        if (syi_material_corrected(&demand->item, tile, 2) != party->channel->index) {
            status = syi_field_draw(field, &stream, tile * SYI_SNN_TILE, to, n, err);
            continue;
        }
        void *bytes = NULL;
        status = syi_channel_dealt(party->channel, &demand->item, &bytes,
                                   syi_snn_message(demand, n), err);
        if (status == SY_OK) {
            memcpy(to, bytes, n * field->width);
        }
    }
    syi_generator_fini(&stream);
    return status;
}

/* row = 1 at the place that the index is, `length` of them, a power of 2: the provider makes it for index + r, and it is rolled
 * back by r, which the holders know. */
static sy_status one_hot(syi_party *party, const syi_field *field, uint8_t *row, uint8_t *room,
                         const void *index, uint64_t length, sy_error *err)
{
    uint64_t own, masks[2];
    uint8_t report[8];
    SY_TRY(syi_snn_common_values(party, masks, length, 2, err));
    syi_demand demand = syi_party_demand(party, field, SYI_MATERIAL_SNN_ONE_HOT, length);
    SY_TRY(syi_party_ask(party, &demand, err));
    syi_snn_widen(field, &own, index, 1);
    syi_put_u64le(report, (own + masks[party->channel->index]) & (length - 1));
    party->channel->cost.rounds += 2;
    SY_TRY(syi_channel_report(party->channel, &demand.item, report, sizeof report, err));
    SY_TRY(take_row(party, &demand, row, err));
    roll(field, row, room, length, masks[0] + masks[1]);
    return SY_OK;
}

sy_status syi_snn_maxpool_deriv(syi_party *party, const syi_field *field, void *z, const void *x,
                                uint64_t count, sy_error *err)
{
    uint64_t length = 1, max[1], index[1];
    rooms r = {NULL, 0, 0};
    SY_TRY(syi_snn_check(party, field, err));
    while (length < count && length <= UINT32_MAX) {
        length *= 2;
    }
    if (syi_field_bits(field) < 64 && length >> syi_field_bits(field) > 1) {
        return syi_fail(err, SY_ESHAPE,
                        "maxpool_deriv: %" PRIu64 " elements, more than there are numbers", count);
    }
    SY_TRY(syi_snn_maxpool(party, field, max, index, x, 1, count, err));
    SY_TRY(rooms_open(&r, party, 2, length, "maxpool_deriv", err));
    uint8_t *row = room_of(&r, 0);
    sy_status status = one_hot(party, field, row, room_of(&r, 1), index, length, err);
    if (status == SY_OK) {
        memcpy(z, row, (size_t)count * field->width);
        status = syi_snn_refresh(party, field, z, count, err);
    }
    rooms_close(&r, party);
    return status;
}

/* --- windows ----------------------------------------------------------------------------------- */

sy_status syi_snn_windows_size(const syi_snn_windows *windows, uint64_t size[2], sy_error *err)
{
    const uint64_t in[2] = {windows->height, windows->width};
    for (int k = 0; k < 2; k++) {
        const uint64_t kernel = windows->kernel[k], padding = windows->padding[k];
        if (kernel == 0 || windows->stride[k] == 0 || padding > kernel / 2 ||
            in[k] + 2 * padding < kernel) {
            return syi_fail(err, SY_ESHAPE,
                            "maxpool2d: a kernel of %" PRIu64 " with a stride of %" PRIu64
                            " and a padding of %" PRIu64 " on %" PRIu64 " elements",
                            kernel, windows->stride[k], padding, in[k]);
        }
        size[k] = (in[k] + 2 * padding - kernel) / windows->stride[k] + 1;
    }
    return SY_OK;
}

/* The windows of an image, a row each; beyond the image zeros. */
static uint8_t *put_windows(const syi_snn_windows *w, const uint64_t size[2], unsigned width,
                            uint8_t *out, const uint8_t *image)
{
    for (uint64_t place = 0; place < size[0] * size[1]; place++) {
        const uint64_t top = place / size[1] * w->stride[0], left = place % size[1] * w->stride[1];
        for (uint64_t k = 0; k < w->kernel[0] * w->kernel[1]; k++) {
            /* below 0 they wrap, and are beyond the image, too */
            const uint64_t row = top + k / w->kernel[1] - w->padding[0],
                           column = left + k % w->kernel[1] - w->padding[1];
            if (row < w->height && column < w->width) {
                memcpy(out, image + (row * w->width + column) * width, width);
            } else {
                memset(out, 0, width);
            }
            out += width;
        }
    }
    return out;
}

sy_status syi_snn_maxpool2d(syi_party *party, const syi_field *field, void *max, const void *x,
                            const syi_snn_windows *windows, sy_error *err)
{
    uint64_t size[2];
    rooms r = {NULL, 0, 0};
    SY_TRY(syi_snn_check(party, field, err));
    SY_TRY(syi_snn_windows_size(windows, size, err));
    const uint64_t rows = windows->images * size[0] * size[1],
                   columns = windows->kernel[0] * windows->kernel[1];
    if (rows == 0) {
        return SY_OK;
    }
    SY_TRY(rooms_open(&r, party, 1, rows * columns, "maxpool2d", err));
    uint8_t *to = room_of(&r, 0);
    for (uint64_t image = 0; image < windows->images; image++) {
        to = put_windows(windows, size, field->width, to,
                         (const uint8_t *)x +
                             image * windows->height * windows->width * field->width);
    }
    const sy_status status =
        syi_snn_maxpool(party, field, max, NULL, room_of(&r, 0), rows, columns, err);
    rooms_close(&r, party);
    return status;
}
