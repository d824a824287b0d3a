/* demand.c - demands for material as bytes. A peer may have written them. Test: material_test.c. */
#include <inttypes.h>
#include <string.h>

#include "core/error.h"
#include "crypto/comparison.h"
#include "crypto/digits.h"
#include "crypto/rounding.h"

/* What is in front of a product, or of the range of a comparison that has one: kind, item, field, count, shift, divisor, outcome. */
enum { HEAD = 1 + 12 + 9 + 8 + 1 + 8 + 1, OPERAND = 12 + 1 + 8 + 8 };

static void put_item(uint8_t *p, const syi_item *item)
{
    syi_put_u64le(p, item->sequence);
    syi_put_u32le(p + 8, item->number);
}

static syi_item get_item(const uint8_t *p)
{
    return (syi_item){.sequence = syi_get_u64le(p), .number = syi_get_u32le(p + 8)};
}

static void write_operand(const syi_operand *operand, int ndim, syi_buffer *out)
{
    uint8_t *p = syi_buffer_extend(out, OPERAND + 8 * (size_t)ndim);
    if (p == NULL) {
        return;
    }
    put_item(p, &operand->item);
    p[12] = operand->part;
    syi_put_u64le(p + 13, operand->words);
    syi_put_u64le(p + 21, (uint64_t)operand->offset);
    for (int k = 0; k < ndim; k++) {
        syi_put_u64le(p + OPERAND + 8 * k, (uint64_t)operand->strides[k]);
    }
}

static bool has_shift(const syi_demand *demand)
{
    return demand->kind == SYI_MATERIAL_SHIFT ||
           (syi_material_is_comparison(demand->kind) && demand->outcome == SYI_OUTCOME_RELU_SHIFT);
}

static bool has_divisor(const syi_demand *demand)
{
    return demand->kind == SYI_MATERIAL_DIVIDE ||
           (syi_material_is_comparison(demand->kind) && demand->outcome == SYI_OUTCOME_RELU_DIVIDE);
}

static bool has_bits(const syi_demand *demand)
{
    return demand->kind == SYI_MATERIAL_SNN_COMPARE;
}

void syi_demand_write(const syi_demand *demand, syi_buffer *out)
{
    uint8_t *p = syi_buffer_extend(out, HEAD);
    if (p == NULL) {
        return;
    }
    p[0] = (uint8_t)demand->kind;
    put_item(p + 1, &demand->item);
    syi_put_u64le(p + 13, demand->field.modulus);
    p[21] = (uint8_t)demand->field.width;
    syi_put_u64le(p + 22, demand->count);
    p[30] = has_shift(demand) || has_bits(demand) ? (uint8_t)demand->shift : 0;
    syi_put_u64le(p + 31, has_divisor(demand) ? demand->divisor : 0);
    p[39] = syi_material_is_comparison(demand->kind) ? (uint8_t)demand->outcome : 0;
    if (syi_material_is_comparison(demand->kind) && demand->range != 0) {
        syi_buffer_put(out, (uint8_t)demand->range);
    }
    if (demand->kind == SYI_MATERIAL_PRODUCT) {
        syi_bilinear_write(&demand->product, out);
        write_operand(&demand->x, demand->product.x.ndim, out);
        write_operand(&demand->y, demand->product.y.ndim, out);
    }
}

static sy_status malformed(const char *what, sy_error *err)
{
    return syi_fail(err, SY_EFORMAT, "demand for material: %s", what);
}

static sy_status check_field(const syi_field *field, sy_error *err)
{
    if (field->width == 4 ? field->modulus == 0
                          : field->width == 8 && (field->modulus == 0 || field->modulus >= 4)) {
        return SY_OK;
    }
    return syi_fail(err, SY_ERANGE,
                    "demand for material: no field has a modulus of %" PRIu64
                    " in words of %u bytes",
                    field->modulus, field->width);
}

/* No view is longer than what the words are, and nothing of it lies beyond them. */
static sy_status check_operand(const syi_operand *operand, const syi_array *shape,
                               uint64_t elements_max, sy_error *err)
{
    const int64_t numel = syi_array_numel(shape);
    uint64_t last = (uint64_t)operand->offset;
    bool inside = operand->offset >= 0 && last <= operand->words;
    if (operand->part != SYI_PART_A && operand->part != SYI_PART_B) {
        return malformed("a factor's mask is part a or b", err);
    }
    if (operand->words > elements_max || (uint64_t)numel > elements_max) {
        return syi_fail(err, SY_ELIMIT,
                        "demand for material: a factor of %" PRId64 " elements in %" PRIu64
                        " words, at most %" PRIu64 " are allowed",
                        numel, operand->words, elements_max);
    }
    for (int k = 0; numel > 0 && inside && k < shape->ndim; k++) {
        uint64_t reach;
        inside = operand->strides[k] >= 0 &&
                 !__builtin_mul_overflow((uint64_t)operand->strides[k],
                                         (uint64_t)shape->shape[k] - 1, &reach) &&
                 !__builtin_add_overflow(last, reach, &last);
    }
    if (!inside || (numel > 0 && last >= operand->words)) {
        return syi_fail(err, SY_ERANGE,
                        "demand for material: a factor's view leaves its %" PRIu64 " words",
                        operand->words);
    }
    return SY_OK;
}

static sy_status read_operand(syi_operand *operand, const syi_array *shape, const uint8_t **bytes,
                              size_t *size, uint64_t elements_max, sy_error *err)
{
    const size_t needed = OPERAND + 8 * (size_t)shape->ndim;
    const uint8_t *p = *bytes;
    if (*size < needed) {
        return malformed("its end is missing", err);
    }
    operand->item = get_item(p);
    operand->part = p[12];
    operand->words = syi_get_u64le(p + 13);
    operand->offset = (int64_t)syi_get_u64le(p + 21);
    for (int k = 0; k < shape->ndim; k++) {
        operand->strides[k] = (int64_t)syi_get_u64le(p + OPERAND + 8 * k);
    }
    *bytes += needed;
    *size -= needed;
    return check_operand(operand, shape, elements_max, err);
}

/* What the largest square matrices take: their elements by the root of it. Few elements may ask for much more. */
static sy_status check_work(const syi_demand *demand, uint64_t elements_max, sy_error *err)
{
    const uint64_t work = syi_bilinear_work(&demand->product);
    uint64_t root = UINT32_MAX;
    while (root > 1 && root > elements_max / root) {
        root = (root + elements_max / root) / 2; /* Newton's, from above */
    }
    uint64_t most;
    if (__builtin_mul_overflow(elements_max, root + 1, &most) || work <= most) {
        return SY_OK;
    }
    return syi_fail(err, SY_ELIMIT,
                    "demand for material: a product of %" PRIu64
                    " multiplications, at most %" PRIu64 " are allowed",
                    work, most);
}

static sy_status read_product(syi_demand *demand, const uint8_t *bytes, size_t size,
                              uint64_t elements_max, sy_error *err)
{
    size_t used = size;
    SY_TRY(syi_bilinear_read(&demand->product, &demand->field, bytes, &used, err));
    bytes += used;
    size -= used;
    SY_TRY(read_operand(&demand->x, &demand->product.x, &bytes, &size, elements_max, err));
    SY_TRY(read_operand(&demand->y, &demand->product.y, &bytes, &size, elements_max, err));
    if (size != 0) {
        return malformed("it goes on after its end", err);
    }
    SY_TRY(check_work(demand, elements_max, err));
    const int64_t count = syi_array_numel(&demand->product.z);
    return (uint64_t)count == demand->count
               ? SY_OK
               : syi_fail(err, SY_EFORMAT,
                          "demand for material: %" PRIu64 " elements of a product of %" PRId64,
                          demand->count, count);
}

/* What quotients are right for. */
static sy_status check_amounts(const syi_demand *demand, sy_error *err)
{
    const unsigned bits = syi_field_bits(&demand->field);
    const uint64_t quarter = syi_rounding_quarter(&demand->field);
    const bool shift = has_shift(demand), divide = has_divisor(demand);
    if (has_bits(demand)) {
        if (demand->shift < 1 || demand->shift > SYI_DIGIT_BITS_MAX) {
            return syi_fail(err, SY_ERANGE, "demand for material: a comparison of %u bits",
                            demand->shift);
        }
    } else if (shift ? bits < 3 || demand->shift < 1 || demand->shift > bits - 2
                     : demand->shift != 0) {
        return syi_fail(err, SY_ERANGE,
                        "demand for material: a shift by %u with a modulus of %u bits",
                        demand->shift, bits);
    }
    if (divide ? demand->divisor < 1 || demand->divisor > quarter : demand->divisor != 0) {
        return syi_fail(err, SY_ERANGE,
                        "demand for material: a division by %" PRIu64 ", at most %" PRIu64,
                        demand->divisor, quarter);
    }
    return SY_OK;
}

static sy_status check_comparison(const syi_demand *demand, sy_error *err)
{
    const syi_family_material *family = syi_family_material_of(demand->kind);
    const bool compares = family != NULL, equal = compares && demand->kind == family->equal;
    const int outcome = (int)demand->outcome;
    if (compares && syi_field_bits(&demand->field) < 3) {
        return syi_fail(
            err, SY_ERANGE,
            "demand for material: comparisons need a modulus of 2^3 or a greater power");
    }
    const bool good = compares ? outcome >= SYI_OUTCOME_BIT && outcome <= SYI_OUTCOME_LAST &&
                                     (!equal || outcome == SYI_OUTCOME_BIT)
                               : outcome == SYI_OUTCOME_NONE;
    return good ? SY_OK
                : syi_fail(err, SY_EFORMAT, "demand for material: kind %d has no outcome %d",
                           (int)demand->kind, outcome);
}

/* Kinds of SecureNN but the first are of powers of 2, and a one-hot row is as long as one that divides the modulus. */
static sy_status check_interactive(const syi_demand *demand, sy_error *err)
{
    const unsigned bits = syi_field_bits(&demand->field);
    if (!syi_material_is_interactive(demand->kind) || demand->kind == SYI_MATERIAL_SNN_COMPARE) {
        return SY_OK;
    }
    if (bits < 3) {
        return syi_fail(err, SY_ERANGE,
                        "demand for material: SecureNN needs a modulus of 2^3 or a greater power");
    }
    if (demand->kind == SYI_MATERIAL_SNN_ONE_HOT &&
        (demand->count == 0 || (demand->count & (demand->count - 1)) != 0 ||
         (bits < 64 && demand->count >> bits > 1))) {
        return syi_fail(err, SY_ERANGE, "demand for material: a one-hot row of %" PRIu64,
                        demand->count);
    }
    return SY_OK;
}

/* There is none of 0: what is not said has no byte. */
static sy_status read_range(syi_demand *demand, uint8_t range, sy_error *err)
{
    demand->range = range;
    return range != 0 ? syi_range_check(range, &demand->field, err)
                      : malformed("it has a range of 0 bits", err);
}

sy_status syi_demand_read(syi_demand *demand, const uint8_t *bytes, size_t size,
                          uint64_t elements_max, sy_error *err)
{
    memset(demand, 0, sizeof *demand);
    if (size < HEAD) {
        return malformed("its end is missing", err);
    }
    if (bytes[0] < SYI_MATERIAL_PRODUCT || bytes[0] > SYI_MATERIAL_LAST) {
        return syi_fail(err, SY_EFORMAT, "demand for material: there is no kind %u", bytes[0]);
    }
    demand->kind = (syi_material_kind)bytes[0];
    demand->item = get_item(bytes + 1);
    demand->field = (syi_field){.modulus = syi_get_u64le(bytes + 13), .width = bytes[21]};
    demand->count = syi_get_u64le(bytes + 22);
    demand->shift = bytes[30];
    demand->divisor = syi_get_u64le(bytes + 31);
    demand->outcome = (syi_outcome)bytes[39];
    SY_TRY(check_field(&demand->field, err));
    SY_TRY(check_comparison(demand, err));
    if (demand->count > elements_max) {
        return syi_fail(err, SY_ELIMIT,
                        "demand for material: %" PRIu64 " elements, at most %" PRIu64
                        " are allowed",
                        demand->count, elements_max);
    }
    SY_TRY(check_amounts(demand, err));
    SY_TRY(check_interactive(demand, err));
    if (demand->kind == SYI_MATERIAL_PRODUCT) {
        return read_product(demand, bytes + HEAD, size - HEAD, elements_max, err);
    }
    if (size == HEAD + 1 && syi_material_is_comparison(demand->kind)) {
        return read_range(demand, bytes[HEAD], err);
    }
    return size == HEAD ? SY_OK : malformed("it goes on after its end", err);
}
