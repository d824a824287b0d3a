/* inproc_test.c - the transport contract inside one process, and anonymous pairs. */
#include "transport/inproc/inproc.h"

#include "support/transport_contract.h"

static const contract inproc = {
    .url = "inproc://bob",
    .address = "inproc://bob#",
    .waits_for_reading = true,
};

static void test_pair(void **state)
{
    (void)state;
    fixture f;
    fixture_open(&f, PROBE_ECHO, NULL);
    const syi_service service = {&f.probe, probe_opened, probe_received, probe_closed};
    syi_connection *connection;
    assert_ok(syi_inproc_pair(f.context, &connection, "bob#x", NULL, NULL, &service, &f.err),
              &f.err);
    f.url = "inproc://bob#x";
    assert_echo(&f, connection, 1);
    syi_peer *peer = syi_peer_ref(f.probe.sessions[0].peer);
    syi_inproc_peer_end(peer);
    assert_int_equal(f.probe.closed, 1);
    syi_inproc_peer_end(peer);
    syi_peer_unref(peer);
    assert_closed(&f, connection);
    syi_connection_close(connection);
    fixture_close(&f);
}

static void test_pair_refused(void **state)
{
    (void)state;
    fixture f;
    fixture_open(&f, PROBE_REFUSE, NULL);
    const syi_service service = {&f.probe, probe_opened, probe_received, probe_closed};
    syi_connection *connection;
    assert_status(syi_inproc_pair(f.context, &connection, "bob#x", NULL, NULL, &service, &f.err),
                  SY_ECLOSED, &f.err);
    assert_null(connection);
    fixture_close(&f);
}

/* Replies that came before the service closed are still there; memory circulates. */
static void test_no_allocation_when_warm(void **state)
{
    (void)state;
    fixture f;
    fixture_open(&f, PROBE_ECHO, NULL);
    syi_connection *connection = fixture_connect(&f);
    syi_message message;
    syi_message reply;
    make_message(&f, &message, 1, 100, NULL, 0);
    syi_message_init(&reply, f.context, 0);
    for (int i = 0; i < 100; i++) {
        if (i == 10) {
            f.memory.calls = 0;
        }
        message.id = (uint64_t)i + 1;
        assert_ok(send_one(&f, connection, &message), &f.err);
        assert_ok(receive_one(&f, connection, &reply), &f.err);
    }
    assert_int_equal(f.memory.calls, 0);
    assert_ok(send_one(&f, connection, &message), &f.err);
    syi_inproc_peer_end(f.probe.sessions[0].peer);
    assert_ok(receive_one(&f, connection, &reply), &f.err);
    assert_closed(&f, connection);
    syi_message_fini(&message);
    syi_message_fini(&reply);
    syi_connection_close(connection);
    fixture_close(&f);
}

static void test_names_belong_to_a_context(void **state)
{
    (void)state;
    fixture f;
    fixture other;
    fixture_open(&f, PROBE_ECHO, NULL);
    fixture_open(&other, PROBE_ECHO, NULL);
    syi_connection *connection = fixture_connect(&f);
    assert_echo(&f, connection, 1);
    assert_int_equal(other.probe.opened, 0);
    syi_connection_close(connection);
    fixture_close(&f);
    fixture_close(&other);
}

int main(void)
{
    the_contract = &inproc;
    const struct CMUnitTest tests[] = {
        TRANSPORT_CONTRACT_TESTS,
        cmocka_unit_test(test_pair),
        cmocka_unit_test(test_pair_refused),
        cmocka_unit_test(test_no_allocation_when_warm),
        cmocka_unit_test(test_names_belong_to_a_context),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
