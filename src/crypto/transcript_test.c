/*
 * transcript_test.c - what holders of shared values see of a command: every opened element is hidden by the mask of its item and
 * place, and none is opened twice; opened words, single messages and corrections are uniform whatever the secret is; another
 * secret under the same masks changes them by the difference of the secrets.
 */
#include "crypto/rounding.h"
#include "crypto/spdz.h"
#include "support/party_scene.h"

/* --- a recorder: (item, part) -> what was opened of it ----------------------------------------- */

enum { OPENINGS_MAX = 64 };

typedef struct opening {
    syi_material_kind kind;
    syi_item item;
    unsigned part;
    size_t words;
    uint64_t *opened; /* by element */
} opening;

typedef struct recorder {
    opening openings[OPENINGS_MAX];
    size_t count;
    size_t place; /* bytes of the transcript that are assigned */
} recorder;

/* All holders' words at a place of what they sent. */
static uint64_t opened_at(const scene *s, const syi_field *field, size_t place)
{
    uint64_t sum = 0;
    for (int h = 0; h < s->holders; h++) {
        size_t size;
        const uint8_t *sent = party_threads_sent(s->threads, h, &size);
        assert_true(place + field->width <= size);
        sum = scene_add(field, sum, scene_get(field, sent + place, 0));
    }
    return sum;
}

/* A part that is opened now; it must not have been. */
static opening *record(recorder *r, const syi_demand *demand, const syi_item *item, unsigned part,
                       size_t words)
{
    for (size_t k = 0; k < r->count; k++) {
        const opening *o = &r->openings[k];
        if (o->kind == demand->kind && syi_item_same(&o->item, item) && o->part == part) {
            fail_msg("kind %d, item %" PRIu64 ".%" PRIu32 ", part %u: opened twice",
                     (int)demand->kind, item->sequence, item->number, part);
        }
    }
    assert_true(r->count < OPENINGS_MAX);
    opening *o = &r->openings[r->count++];
    *o = (opening){demand->kind, *item, part, words, calloc(words + 1, sizeof(uint64_t))};
    return o;
}

static void take(const scene *s, recorder *r, const syi_field *field, opening *o, size_t first,
                 size_t n)
{
    for (size_t k = 0; k < n; k++, r->place += field->width) {
        o->opened[first + k] = opened_at(s, field, r->place);
    }
}

/* Of a product: masks of the demand's own item. Streamed ones go tile by tile, both factors in turns. */
static void record_product(const scene *s, recorder *r, const syi_demand *d, bool streamed)
{
    const syi_operand *operands[] = {&d->x, &d->y};
    opening *openings[2] = {NULL, NULL};
    for (int k = 0; k < 2; k++) {
        const syi_operand *o = operands[k];
        const bool again = k == 1 && openings[0] != NULL && openings[0]->part == o->part;
        if (syi_item_same(&o->item, &d->item) && !again) {
            openings[k] = record(r, d, &o->item, o->part, o->words);
        }
    }
    for (size_t first = 0; streamed && first < d->count; first += SYI_TILE) {
        const size_t n = d->count - first < SYI_TILE ? d->count - first : SYI_TILE;
        take(s, r, &d->field, openings[0], first, n);
        take(s, r, &d->field, openings[1], first, n);
    }
    for (int k = 0; !streamed && k < 2; k++) {
        if (openings[k] != NULL) {
            take(s, r, &d->field, openings[k], 0, operands[k]->words);
        }
    }
}

/* Everything that the last run's holders sent belongs to a demand. */
static void record_run(const scene *s, recorder *r, bool streamed)
{
    const party_demand *demands;
    const size_t count = party_threads_demands(s->threads, &demands);
    size_t size;
    (void)party_threads_sent(s->threads, 0, &size);
    r->place = 0;
    for (size_t k = 0; k < count; k++) {
        const syi_demand *d = &demands[k].demand;
        assert_int_equal(demands[k].sent_before, r->place);
        if (d->kind == SYI_MATERIAL_PRODUCT) {
            record_product(s, r, d, streamed);
        } else if (d->kind != SYI_MATERIAL_ZERO) {
            take(s, r, &d->field, record(r, d, &d->item, SYI_PART_A, d->count), 0, d->count);
        }
    }
    assert_int_equal(r->place, size);
}

/* `secret` plus or minus the part's mask, element by element. */
static void check_opening(scene *s, const opening *o, const syi_field *field, const void *secret,
                          uint64_t offset, bool minus)
{
    uint64_t *mask = calloc(o->words + 1, sizeof *mask);
    assert_ok(
        party_threads_mask(s->threads, field, o->kind, &o->item, o->part, mask, o->words, &s->err),
        &s->err);
    for (size_t k = 0; k < o->words; k++) {
        const uint64_t x = scene_add(field, scene_get(field, secret, k), offset),
                       r = scene_get(field, mask, k);
        const uint64_t expected = minus ? scene_sub(field, x, r) : scene_add(field, x, r);
        if (o->opened[k] != expected) {
            fail_msg("kind %d, part %u, element %zu: opened %" PRIu64 ", expected %" PRIu64,
                     (int)o->kind, o->part, k, o->opened[k], expected);
        }
    }
    free(mask);
}

static void recorder_free(recorder *r)
{
    for (size_t k = 0; k < r->count; k++) {
        free(r->openings[k].opened);
    }
}

/* --- the commands ------------------------------------------------------------------------------ */

typedef struct job {
    scene_value x, y, z;
    syi_bilinear product;
    syi_mask masks[PARTY_THREADS_MAX];
    bool masked;
} job;

static sy_status run_simple(syi_party *party, void *user, sy_error *err)
{
    const job *j = user;
    const int h = party->channel->index;
    const void *x = scene_words(&j->x, h);
    void *z = scene_words(&j->z, h);
    sy_status status = syi_spdz_square(party, &j->x.field, z, x, j->x.count, err);
    if (status == SY_OK && syi_field_bits(&j->x.field) != 0) {
        status = syi_spdz_shift(party, &j->x.field, z, x, j->x.count, 3, err);
    }
    if (status == SY_OK) {
        status = syi_spdz_divide(party, &j->x.field, z, x, j->x.count, 5, err);
    }
    return status == SY_OK ? syi_spdz_zero(party, &j->x.field, z, j->x.count, err) : status;
}

static sy_status run_product(syi_party *party, void *user, sy_error *err)
{
    job *j = user;
    const int h = party->channel->index;
    const syi_factor x = {&j->x.shares[h], NULL},
                     y = {&j->y.shares[h], j->masked ? &j->masks[h] : NULL};
    return syi_spdz_product(party, &j->x.field, &j->product, scene_words(&j->z, h), &x, &y, err);
}

static void job_open(scene *s, job *j, const syi_field *field, const char *name, int ndim,
                     const int64_t *shape)
{
    memset(j, 0, sizeof *j);
    scene_value_new(s, &j->x, field, ndim, shape);
    scene_value_new(s, &j->y, field, ndim, shape);
    assert_ok(syi_bilinear_of_name(&j->product, name, field, ndim, shape, ndim, shape, &s->err),
              &s->err);
    scene_value_blank(s, &j->z, field, j->product.z.ndim, j->product.z.shape);
}

static void job_close(scene *s, job *j)
{
    for (int h = 0; h < s->holders; h++) {
        syi_mask_fini(s->context, &j->masks[h], &j->x.field);
    }
    scene_value_free(s, &j->x);
    scene_value_free(s, &j->y);
    scene_value_free(s, &j->z);
}

static const syi_field fields[] = {
    SYI_FIELD_64, SYI_FIELD_32, {256, 8}, {UINT64_C(1) << 62, 8}, {UINT64_C(0) - 59, 8}};

static void check_simple(scene *s, const syi_field *field)
{
    const int64_t count = SYI_TILE + 77;
    const uint64_t quarter = syi_rounding_quarter(field);
    recorder r = {.count = 0};
    size_t next = 0;
    job j;
    job_open(s, &j, field, "mul", 1, &count);
    scene_run(s, run_simple, &j);
    record_run(s, &r, true);
    check_opening(s, &r.openings[next++], field, j.x.secret, 0, true);
    if (syi_field_bits(field) != 0) {
        check_opening(s, &r.openings[next++], field, j.x.secret, quarter, false);
    }
    check_opening(s, &r.openings[next++], field, j.x.secret, quarter - quarter % 5, false);
    assert_int_equal(r.count, next);
    recorder_free(&r);
    job_close(s, &j);
}

/* Twice the same command, so that two items are seen; then, with a mask, two more that open y once. */
static void check_product(scene *s, const syi_field *field, const char *name, int ndim,
                          const int64_t *shape, bool streamed)
{
    recorder r = {.count = 0};
    job j;
    job_open(s, &j, field, name, ndim, shape);
    for (int turn = 0; turn < 4; turn++) {
        j.masked = turn >= 2;
        scene_run(s, run_product, &j);
        record_run(s, &r, streamed && !j.masked);
    }
    assert_int_equal(r.count, 4 + 2 + 1);
    for (size_t k = 0; k < r.count; k++) {
        check_opening(s, &r.openings[k], field,
                      r.openings[k].part == SYI_PART_A ? j.x.secret : j.y.secret, 0, true);
    }
    recorder_free(&r);
    job_close(s, &j);
}

static void test_masks(void **state)
{
    (void)state;
    const party_threads_options options = {.keep = true};
    const int64_t vector[] = {SYI_TILE + 77}, square[] = {30, 30};
    for (int holders = 2; holders <= (SCENE_WATCHED ? 2 : 3); holders++) {
        scene s;
        scene_open(&s, holders, &options);
        for (size_t f = 0; f<sizeof fields / sizeof *fields; f += TEST_SLOWNESS> 1 ? 4
                           : SCENE_WATCHED                                         ? 2
                                                                                   : 1) {
            check_simple(&s, &fields[f]);
            check_product(&s, &fields[f], "mul", 1, vector, true);
            check_product(&s, &fields[f], "matmul", 2, square, false);
        }
        scene_close(&s);
    }
}

/* --- uniform ----------------------------------------------------------------------------------- */

/* The bytes of opened words that can have any value: all, or the lowest. */
static double chi_of_words(const syi_field *field, const uint64_t *words, size_t count)
{
    const unsigned bits = syi_field_bits(field), whole = bits != 0 ? bits / 8 : 1;
    uint8_t *bytes = calloc(count, 8);
    size_t size = 0;
    for (size_t k = 0; k < count; k++) {
        for (unsigned b = 0; b < whole; b++) {
            bytes[size++] = (uint8_t)(words[k] >> 8 * b);
        }
    }
    const double chi = scene_chi_square(bytes, size);
    free(bytes);
    return chi;
}

static double chi_of_bytes(const syi_field *field, const uint8_t *words, size_t size)
{
    const size_t count = size / field->width;
    uint64_t *wide = calloc(count + 1, sizeof *wide);
    for (size_t k = 0; k < count; k++) {
        wide[k] = scene_get(field, words, k);
    }
    const double chi = chi_of_words(field, wide, count);
    free(wide);
    return chi;
}

static void fill_secrets(scene *s, job *j, int kind)
{
    const syi_field *f = &j->x.field;
    for (size_t k = 0; k < j->x.count; k++) {
        const scene_number number = kind == 0 ? 0 : kind == 1 ? -1 : (scene_number)(k % 50);
        scene_set(f, j->x.secret, k, scene_of(f, number));
        scene_set(f, j->y.secret, k, scene_of(f, number * 2));
    }
    scene_share(s, &j->x);
    scene_share(s, &j->y);
}

/* Openings, each holder's words, and the corrections that each holder gets. */
static void check_uniform(scene *s, const syi_field *field, job *j, party_program program,
                          bool streamed)
{
    recorder r = {.count = 0};
    scene_run(s, program, j);
    record_run(s, &r, streamed);
    for (size_t k = 0; k < r.count; k++) {
        assert_true(chi_of_words(field, r.openings[k].opened, r.openings[k].words) < 360);
    }
    for (int h = 0; h < s->holders; h++) {
        size_t size;
        const uint8_t *sent = party_threads_sent(s->threads, h, &size);
        assert_true(chi_of_bytes(field, sent, size) < 360);
        const uint8_t *dealt = party_threads_dealt(s->threads, h, &size);
        assert_true(size >= SYI_TILE &&
                    (field->width != 8 || chi_of_bytes(field, dealt, size) < 360));
    }
    recorder_free(&r);
}

/* One kind of secret after the other, and never a word that tells which. */
static void test_uniform(void **state)
{
    (void)state;
    const party_threads_options options = {.keep = true};
    const int64_t vector[] = {2 * SYI_TILE};
    scene s;
    job j;
    scene_open(&s, 2, &options);
    for (size_t f = 0; f < (SCENE_WATCHED ? 2 : 4); f++) {
        job_open(&s, &j, &fields[f], "mul", 1, vector);
        for (int kind = 0; kind < 3; kind++) {
            fill_secrets(&s, &j, kind);
            check_uniform(&s, &fields[f], &j, run_product, true);
        }
        job_close(&s, &j);
    }
    scene_close(&s);
}

/* --- differences ------------------------------------------------------------------------------- */

static void keep_openings(scene *s, job *j, uint64_t sequence, recorder *r, uint8_t **dealt)
{
    size_t size;
    s->options.sequence = sequence;
    scene_run(s, run_simple, j);
    record_run(s, r, true);
    const uint8_t *bytes = party_threads_dealt(s->threads, 0, &size);
    *dealt = malloc(size);
    memcpy(*dealt, bytes, size);
}

/* The same command on other numbers (which nobody may do but a test): the provider's messages are the same bytes, as it knows
 * nothing of the numbers, and what is opened moves by their difference. */
static void test_differences(void **state)
{
    (void)state;
    const party_threads_options options = {.keep = true};
    const int64_t vector[] = {SYI_TILE + 5};
    scene s;
    scene_open(&s, 3, &options);
    for (size_t f = 0; f<sizeof fields / sizeof *fields; f += TEST_SLOWNESS> 1 ? 4
                       : SCENE_WATCHED                                         ? 2
                                                                               : 1) {
        recorder first = {.count = 0}, second = {.count = 0};
        uint8_t *dealt[2];
        size_t size;
        job j;
        job_open(&s, &j, &fields[f], "mul", 1, vector);
        keep_openings(&s, &j, 50, &first, &dealt[0]);
        uint64_t *before = calloc(j.x.count + 1, sizeof *before);
        memcpy(before, j.x.secret, j.x.count * fields[f].width);
        fill_secrets(&s, &j, 2);
        keep_openings(&s, &j, 50, &second, &dealt[1]);
        (void)party_threads_dealt(s.threads, 0, &size);
        assert_memory_equal(dealt[0], dealt[1], size);
        assert_int_equal(first.count, second.count);
        for (size_t k = 0; k < second.count; k++) {
            for (size_t e = 0; e < second.openings[k].words; e++) {
                const uint64_t moved = scene_sub(&fields[f], first.openings[k].opened[e],
                                                 second.openings[k].opened[e]);
                assert_int_equal(moved, scene_sub(&fields[f], scene_get(&fields[f], before, e),
                                                  scene_get(&fields[f], j.x.secret, e)));
            }
        }
        free(before);
        free(dealt[0]);
        free(dealt[1]);
        recorder_free(&first);
        recorder_free(&second);
        job_close(&s, &j);
    }
    scene_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_masks),
        cmocka_unit_test(test_uniform),
        cmocka_unit_test(test_differences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
