/* session_test.c - what a holder keeps of sessions: the room and its limits, why one failed, letters and what is refused of
 * them, sentences that name the party at fault. Sessions at work: tests/integration/sharing_sessions.c. */
#include "interpreters/sharing/letters.h"
#include "interpreters/sharing/share.h"

#include <string.h>

#include "support/places.h"

typedef struct rig {
    test_place at;
    sy_error err;
} rig;

static syi_sharing_session *new_session(rig *r, uint8_t name, const void *opener)
{
    syi_sharing_session *s = NULL;
    assert_ok(syi_sharing_session_new(r->at.worker, &s, 2, &r->err), &r->err);
    memset(s->material.session, name, sizeof s->material.session);
    s->opener = opener;
    strcpy(s->peers[0].name, "alice");
    strcpy(s->peers[1].name, "bob");
    strcpy(s->peers[2].name, "james");
    return s;
}

/* The caller has a reference, too. */
static syi_sharing_session *install(rig *r, uint8_t name, const void *opener)
{
    syi_sharing_session *s = new_session(r, name, opener);
    atomic_fetch_add(&s->refs, 1);
    assert_ok(syi_sharing_install(s, &r->err), &r->err);
    return s;
}

static sy_status find(rig *r, uint8_t name)
{
    uint8_t wanted[SYI_SHARING_SESSION_SIZE];
    syi_sharing_session *s = NULL;
    memset(wanted, name, sizeof wanted);
    const sy_status status = syi_sharing_find(r->at.worker, wanted, &s, &r->err);
    syi_sharing_session_unref(s);
    return status;
}

static sy_status put(rig *r, syi_sharing_session *s, int from, uint64_t sequence, uint32_t number,
                     int64_t size)
{
    const syi_item item = {sequence, number};
    syi_array bytes = SYI_ARRAY_INIT;
    assert_ok(syi_array_new(r->at.context, &bytes, SY_DTYPE_U8, 1, &size, NULL, &r->err), &r->err);
    const sy_status status = syi_sharing_deliver(s, from, &item, &bytes, false, &r->err);
    syi_array_fini(&bytes);
    return status;
}

static void test_room(void **state)
{
    rig r;
    static const char one, two;
    (void)state;
    place_open(&r.at, "worker", false, 1);
    syi_sharing_session *a = install(&r, 1, &one), *b = install(&r, 2, &two);
    syi_sharing_session *again = new_session(&r, 1, &two);
    assert_status(syi_sharing_install(again, &r.err), SY_EEXIST, &r.err);
    syi_sharing_session_unref(again);
    assert_ok(find(&r, 1), &r.err);
    assert_status(find(&r, 3), SY_ENOTFOUND, &r.err);
    sy_error why = SY_ERROR_INIT;
    why.status = syi_fail(&why, SY_ECLOSED, "it is gone");
    syi_sharing_sessions_gone(syi_sharing_room_of(r.at.hook), &one, &why);
    assert_ok(find(&r, 2), &r.err);
    assert_status(find(&r, 1), SY_ECLOSED, &r.err); /* and why is remembered */
    assert_string_equal(r.err.message, "provider james failed in a joint command: it is gone");
    again = new_session(&r, 1, &two); /* nor does the name come back */
    assert_status(syi_sharing_install(again, &r.err), SY_EEXIST, &r.err);
    syi_sharing_session_unref(again);
    assert_status(put(&r, a, 0, 1, 0, 8), SY_ECLOSED, &r.err);
    why.status = syi_fail(&why, SY_EIO, "first");
    syi_sharing_fail(b, SY_EIO, &why);
    why.status = syi_fail(&why, SY_ENOMEM, "second");
    syi_sharing_fail(b, SY_ENOMEM, &why);
    assert_status(find(&r, 2), SY_EIO, &r.err);
    assert_string_equal(r.err.message, "first");
    syi_sharing_session_unref(a);
    syi_sharing_session_unref(b);
    place_close(&r.at);
}

/* A caller's idle sessions make place for its own, not for those of others. */
static void test_limit_of_a_caller(void **state)
{
    rig r;
    static const char one, two;
    (void)state;
    place_open(&r.at, "worker", false, 1);
    syi_sharing_session *other = install(&r, 255, &two);
    for (int k = 0; k < SYI_SHARING_OPENED_MAX + 3; k++) {
        syi_sharing_session *s = new_session(&r, 7, &one);
        s->material.session[0] = (uint8_t)k;
        s->material.session[1] = (uint8_t)(k >> 8);
        s->used_at = (uint64_t)k + 1;
        s->running = k == 0;
        assert_ok(syi_sharing_install(s, &r.err), &r.err);
    }
    const syi_sharing_room *room = syi_sharing_room_of(r.at.hook);
    assert_int_equal(room->session_count, SYI_SHARING_OPENED_MAX + 1);
    assert_ok(find(&r, 255), &r.err);
    for (int k = 0; k < 6; k++) { /* the first is at work; the three after it had to go */
        uint8_t name[SYI_SHARING_SESSION_SIZE];
        syi_sharing_session *s = NULL;
        memset(name, 7, sizeof name);
        name[0] = (uint8_t)k;
        name[1] = 0;
        assert_int_equal(syi_sharing_find(r.at.worker, name, &s, &r.err),
                         k >= 1 && k <= 3 ? SY_ENOTFOUND : SY_OK);
        syi_sharing_session_unref(s);
    }
    for (syi_sharing_session *s = room->sessions; s != NULL; s = s->next) {
        s->running = true;
    }
    syi_sharing_session *more = new_session(&r, 9, &one);
    assert_status(syi_sharing_install(more, &r.err), SY_ELIMIT, &r.err);
    syi_sharing_session_unref(more);
    syi_sharing_session_unref(other);
    place_close(&r.at);
}

/* A share that outlives many sessions keeps nothing of those that are gone, and the mask of one that is not. */
static void test_masks_of_the_gone(void **state)
{
    rig r;
    const int64_t count = 1000;
    syi_array array = SYI_ARRAY_INIT;
    syi_node *words = NULL, *node = NULL;
    syi_kin *kin = NULL;
    size_t after_first = 0;
    (void)state;
    place_open(&r.at, "worker", false, 1);
    assert_ok(syi_kin_new(r.at.context, &kin, 2, &r.err), &r.err);
    kin->field = (syi_field)SYI_FIELD_64;
    assert_ok(syi_array_new(r.at.context, &array, SY_DTYPE_I64, 1, &count, NULL, &r.err), &r.err);
    assert_ok(syi_native_node_new(r.at.hook, &words, &array, &r.err), &r.err);
    assert_ok(syi_share_new(r.at.hook, &node, kin, words, NULL, &r.err), &r.err);
    syi_share *share = syi_share_of(node);
    syi_sharing_session *lasting = new_session(&r, 200, NULL);
    syi_mask *kept = NULL, *mask = NULL;
    assert_ok(syi_share_mask(share, lasting, &kept, &r.err), &r.err);
    for (uint8_t k = 0; k < 20; k++) {
        syi_sharing_session *s = new_session(&r, k, NULL);
        assert_ok(syi_share_mask(share, s, &mask, &r.err), &r.err);
        assert_non_null(mask);
        assert_ptr_not_equal(mask, kept);
        syi_sharing_session_unref(s);
        const size_t now = r.at.memory->live;
        after_first = k == 0 ? now : after_first;
        assert_int_equal(now, after_first);
    }
    assert_ok(syi_share_mask(share, lasting, &mask, &r.err), &r.err);
    assert_ptr_equal(mask, kept);
    syi_sharing_session_unref(lasting);
    syi_node_unref(node);
    syi_kin_unref(kin);
    place_close(&r.at);
}

static void test_letters(void **state)
{
    rig r;
    (void)state;
    place_open(&r.at, "worker", false, 1);
    syi_sharing_session *s = install(&r, 1, NULL);
    s->next_sequence = 5;
    assert_status(put(&r, s, 1, 4, 0, 8), SY_EPROTO, &r.err);
    assert_status(put(&r, s, 1, 6 + SYI_SHARING_AHEAD_MAX, 0, 8), SY_EPROTO, &r.err);
    assert_status(put(&r, s, 1, UINT64_MAX, 0, 8), SY_EPROTO, &r.err);
    assert_status(put(&r, s, 1, SYI_ITEM_AHEAD, 0, 8), SY_EPROTO, &r.err);
    assert_status(put(&r, s, 1, 5, 1, 8), SY_EPROTO,
                  &r.err); /* only the provider says of material */
    assert_int_equal(s->held, 0);
    assert_ok(put(&r, s, 1, 5, 0, 8), &r.err);
    assert_ok(put(&r, s, 1, 5 + SYI_SHARING_AHEAD_MAX, 0, 8), &r.err);
    assert_ok(put(&r, s, 2, 5, 1, 8), &r.err);
    assert_ok(put(&r, s, 2, SYI_ITEM_AHEAD + 77, 0, 8), &r.err);
    assert_true(s->held > 32);
    const uint64_t held = s->held;
    assert_ok(put(&r, s, 1, 5, 0, 0), &r.err); /* an empty one takes something, too */
    assert_true(s->held > held);
    s->held = SYI_SHARING_HELD_MAX;
    assert_status(put(&r, s, 1, 5, 0, 0), SY_ELIMIT, &r.err);
    s->held = held;
    syi_sharing_session_unref(s);
    place_close(&r.at);
}

static void test_sentences(void **state)
{
    sy_error err = SY_ERROR_INIT;
    (void)state;
    syi_fail(&err, SY_EIO, "the disk is full");
    assert_false(syi_sharing_is_blame(&err));
    assert_int_equal(syi_sharing_blame(false, "bob", SY_EIO, &err), SY_EIO);
    assert_string_equal(err.message, "holder bob failed in a joint command: the disk is full");
    assert_true(syi_sharing_is_blame(&err));
    assert_true(syi_sharing_blames(&err, false, "bob"));
    assert_false(syi_sharing_blames(&err, true, "bob"));
    assert_false(syi_sharing_blames(&err, false, "bo"));
    assert_false(syi_sharing_blames(&err, false, "bobby"));
    assert_int_equal(syi_sharing_blame(true, "james", SY_EIO, &err),
                     SY_EIO); /* it stays what it is */
    assert_string_equal(err.message, "holder bob failed in a joint command: the disk is full");
    assert_int_equal(syi_sharing_blame(true, "james", SY_EIO, NULL), SY_EIO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_room),
        cmocka_unit_test(test_limit_of_a_caller),
        cmocka_unit_test(test_masks_of_the_gone),
        cmocka_unit_test(test_letters),
        cmocka_unit_test(test_sentences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
