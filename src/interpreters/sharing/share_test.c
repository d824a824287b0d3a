/*
 * share_test.c - shares and shared values as bytes: there and back, cut off, with every byte changed, and in fields that are
 * none. What operations do: tests/integration/sharing*.c.
 */
#include "interpreters/sharing/share.h"

#include <string.h>

#include "interpreters/sharing/additive_shared.h"
#include "serde/serde.h"
#include "support/local_hook.h"

#define hook_test(test) cmocka_unit_test_setup_teardown(test, local_hook_setup, local_hook_teardown)

static syi_kin *kin_of(local_hook *local, const syi_field *field, int holders, int index)
{
    syi_kin *kin = NULL;
    assert_ok(syi_kin_new(local->context, &kin, holders, &local->err), &local->err);
    kin->field = *field;
    kin->index = index;
    kin->provider = sy_id_from_int(99);
    for (int k = 0; k < holders; k++) {
        kin->ids[k] = sy_id_from_int(k + 1);
    }
    return kin;
}

static syi_node *words_of(local_hook *local, const syi_field *field, int64_t count)
{
    syi_array array = SYI_ARRAY_INIT;
    syi_node *node = NULL;
    assert_ok(syi_array_new(local->context, &array, syi_field_dtype(field), 1, &count,
                            &local->hook->account, &local->err),
              &local->err);
    for (int64_t k = 0; k < count; k++) {
        syi_array_set_int(&array, k, 3 * k + 1);
    }
    assert_ok(syi_native_node_new(local->hook, &node, &array, &local->err), &local->err);
    return node;
}

static syi_node *share_of(local_hook *local, const syi_field *field, int holders, int index,
                          bool seeded)
{
    syi_kin *kin = kin_of(local, field, holders, index);
    syi_node *node = NULL;
    if (seeded) {
        static const uint8_t seed[SYI_SEED_SIZE] = {7};
        const int64_t sizes[] = {2, 3};
        syi_array shape = SYI_ARRAY_INIT;
        assert_ok(syi_array_describe(&shape, syi_field_dtype(field), 2, sizes, &local->err),
                  &local->err);
        assert_ok(syi_share_new_seeded(local->hook, &node, kin, seed, &shape, &local->err),
                  &local->err);
    } else {
        assert_ok(
            syi_share_new(local->hook, &node, kin, words_of(local, field, 6), NULL, &local->err),
            &local->err);
    }
    syi_kin_unref(kin);
    return node;
}

static void encode(local_hook *local, syi_node *node, syi_message *message)
{
    syi_message_init(message, local->context, 1u << 16);
    syi_encoder encoder = {.hook = local->hook, .out = &message->body, .message = message};
    assert_ok(syi_encode_node(&encoder, node, &local->err), &local->err);
}

static sy_status decode(local_hook *local, const syi_message *message, syi_node **node)
{
    syi_decoder decoder;
    *node = NULL;
    syi_decoder_init(&decoder, local->hook, sy_hook_get_local_worker(local->hook), message);
    sy_status status = syi_decode_node(&decoder, node, &local->err);
    if (status == SY_OK) {
        status = syi_msgpack_finish(&decoder.cursor, "share", &local->err);
        if (status != SY_OK) {
            syi_node_unref(*node);
            *node = NULL;
        }
    }
    syi_decoder_fini(&decoder);
    return status;
}

static const syi_field fields[] = {
    SYI_FIELD_64, SYI_FIELD_32, {UINT64_C(1) << 62, 8}, {1000003, 8}};
enum { FIELDS = sizeof fields / sizeof fields[0] };

static void test_there_and_back(void **state)
{
    local_hook *local = *state;
    for (int f = 0; f < FIELDS; f++) {
        for (int seeded = 0; seeded < 2; seeded++) {
            syi_node *node = share_of(local, &fields[f], 3, 1, seeded == 1), *back = NULL;
            syi_message message;
            encode(local, node, &message);
            assert_ok(decode(local, &message, &back), &local->err);
            const syi_share *share = syi_share_of(back);
            assert_false(syi_share_get_bounds(share).known);
            assert_non_null(share);
            assert_true(syi_field_same(&share->kin->field, &fields[f]));
            assert_int_equal(share->kin->holders, 3);
            assert_int_equal(share->kin->index, 1);
            assert_int_equal(share->kin->provider.number, 99);
            assert_int_equal(share->kin->ids[2].number, 3);
            const syi_array *words = syi_node_array(share->base.child);
            assert_true(words->storage->secret);
            assert_int_equal(syi_array_numel(words), 6);
            if (seeded == 0) {
                assert_int_equal(syi_array_get_int(words, 5), 16);
            } else {
                uint64_t expected[6];
                static const uint8_t seed[SYI_SEED_SIZE] = {7};
                assert_ok(syi_share_expand(&fields[f], expected, seed, 6, &local->err),
                          &local->err);
                assert_memory_equal(syi_array_data(words), expected, 6 * fields[f].width);
            }
            syi_node_unref(back);
            syi_node_unref(node);
            syi_message_fini(&message);
        }
    }
}

/* What is known of the numbers goes along, in fields that have ranges; after a write to the words it is not known any more. */
static void test_bounds(void **state)
{
    local_hook *local = *state;
    for (int f = 0; f < FIELDS; f++) {
        const bool has = syi_field_bits(&fields[f]) > 0;
        for (int seeded = 0; seeded < 2; seeded++) {
            syi_node *node = share_of(local, &fields[f], 3, 1, seeded == 1), *back = NULL;
            syi_message message;
            syi_share_set_bounds(syi_share_of(node), syi_bounds_of(-7, 1000));
            encode(local, node, &message);
            assert_ok(decode(local, &message, &back), &local->err);
            const syi_share *share = syi_share_of(back);
            assert_int_equal(syi_share_get_bounds(share).known, has);
            assert_int_equal(syi_share_get_bounds(share).low, has ? -7 : 0);
            assert_int_equal(syi_share_get_bounds(share).high, has ? 1000 : 0);
            assert_int_equal(syi_array_numel(syi_node_array(share->base.child)), 6);
            atomic_fetch_add(&syi_node_array(share->base.child)->storage->version, 1);
            assert_false(syi_share_get_bounds(share).known);
            syi_message_fini(&message);
            encode(local, back, &message);
            syi_node_unref(back);
            assert_ok(decode(local, &message, &back), &local->err);
            assert_false(syi_share_get_bounds(syi_share_of(back)).known);
            syi_message_fini(&message);
            syi_node_unref(back);
            syi_node_unref(node);
        }
    }
}

/* What a peer may have changed or cut off is a share, or refused; nothing else happens. */
static void test_hostile_bytes(void **state)
{
    local_hook *local = *state;
    for (int f = 0; f < FIELDS; f++) {
        for (int seeded = 0; seeded < 2; seeded++) {
            syi_node *node = share_of(local, &fields[f], 2, 0, seeded == 1), *back = NULL;
            syi_message message;
            syi_share_set_bounds(syi_share_of(node), syi_bounds_of(-300, 5));
            encode(local, node, &message);
            const size_t length = message.body.length;
            for (size_t cut = 0; cut < length; cut++) {
                message.body.length = cut;
                assert_int_not_equal(decode(local, &message, &back), SY_OK);
            }
            message.body.length = length;
            for (size_t at = 0; at < length; at++) {
                const uint8_t was = message.body.data[at];
                for (int change = 1; change < 256; change += 5) {
                    message.body.data[at] = (uint8_t)(was + change);
                    if (decode(local, &message, &back) == SY_OK) {
                        const syi_share *share = syi_share_of(back);
                        assert_true(share == NULL || (share->kin->index < share->kin->holders &&
                                                      share->kin->holders >= 2));
                        const syi_bounds of =
                            share != NULL ? syi_share_get_bounds(share) : SYI_BOUNDS_NONE;
                        assert_true(!of.known || syi_bounds_bits(of, &share->kin->field) > 0);
                        syi_node_unref(back);
                    }
                }
                message.body.data[at] = was;
            }
            syi_node_unref(node);
            syi_message_fini(&message);
        }
    }
}

/* [252, [modulus, width, index, [holders], provider, seed, [shape]]] with one thing wrong. */
static void test_refused(void **state)
{
    local_hook *local = *state;
#define SEED "0123456789abcdef0123456789abcdef"
#define SHARE(modulus, width, index, holders, size, shape) \
    "\x92\xcc\xfc\x97" modulus width index holders "\x63\xc4" size SEED "\x92\x0b" shape
#define BOUNDED(items, modulus, width, bounds)                                            \
    "\x92\xcc\xfc" items modulus width "\x00\x92\x01\x02\x63\xc4\x20" SEED "\x92\x0b\x91" \
    "\x01" bounds
    static const struct {
        const char *bytes;
        size_t size;
        const char *says;
    } cases[] = {
#define CASE(bytes, says) {bytes, sizeof(bytes) - 1, says}
        CASE(SHARE("\x00", "\x05", "\x00", "\x92\x01\x02", "\x20", "\x91\x01"), "field"),
        CASE(SHARE("\x03", "\x08", "\x00", "\x92\x01\x02", "\x20", "\x91\x01"), "field"),
        CASE(SHARE("\x07", "\x04", "\x00", "\x92\x01\x02", "\x20", "\x91\x01"), "field"),
        CASE(SHARE("\x00", "\x08", "\x02", "\x92\x01\x02", "\x20", "\x91\x01"), "share 3 of 2"),
        CASE(SHARE("\x00", "\x08", "\x00", "\x91\x01", "\x20", "\x91\x01"), "of 1"),
        CASE(SHARE("\x00", "\x08", "\x00", "\xdc\xff\xff", "\x20", "\x91\x01"), ""),
        CASE(SHARE("\x00", "\x08", "\x00", "\x92\x01\x02", "\x20", "\x91\xff"), ""), /* -1 */
        CASE(SHARE("\x00", "\x08", "\x00", "\x92\x01\x02", "\x20",
                   "\x92\xcf\x7f\xff\xff\xff\xff\xff\xff\xff\x02"),
             ""), /* more than there is memory */
        CASE(BOUNDED("\x98", "\x00", "\x08", "\x01"), "8 items"),
        CASE(BOUNDED("\x99", "\x00", "\x08", "\x02\x01"), "from 2 to 1"),
        CASE(BOUNDED("\x99", "\x00", "\x08", "\x00\xcf\x40\x00\x00\x00\x00\x00\x00\x00"),
             "no range"),
        CASE(BOUNDED("\x99", "\x00", "\x08", "\xd3\x80\x00\x00\x00\x00\x00\x00\x00\x00"),
             "no range"),
        CASE(BOUNDED("\x99", "\x00", "\x08", "\x00\xcf\xff\xff\xff\xff\xff\xff\xff\xff"), ""),
        CASE(BOUNDED("\x99", "\x00", "\x04", "\x00\xce\x40\x00\x00\x00"), "no range"),
        CASE(BOUNDED("\x99", "\x0b", "\x08", "\x00\x01"), "no range"), /* modulo 11 */
        CASE(BOUNDED("\x99", "\x00", "\x08", "\x00\xc0"), ""),         /* nil */
    };
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        syi_message message;
        syi_node *back = NULL;
        syi_message_init(&message, local->context, 4096);
        syi_buffer_append(&message.body, cases[k].bytes, cases[k].size);
        local->err = (sy_error)SY_ERROR_INIT;
        assert_int_not_equal(decode(local, &message, &back), SY_OK);
        assert_non_null(strstr(local->err.message, cases[k].says));
        syi_message_fini(&message);
    }
    /* words beyond the modulus */
    static const syi_field small = {11, 8};
    syi_node *node = share_of(local, &small, 2, 0, false), *back = NULL;
    syi_message message;
    encode(local, node, &message);
    assert_status(decode(local, &message, &back), SY_EFORMAT, &local->err);
    assert_non_null(strstr(local->err.message, "beyond its field"));
    syi_node_unref(node);
    syi_message_fini(&message);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        hook_test(test_there_and_back),
        hook_test(test_bounds),
        hook_test(test_hostile_bytes),
        hook_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
