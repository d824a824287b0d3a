/*
 * sharing_bad_input.c - worker commands of sharing with any arguments, by somebody who knows the session's name and by
 * somebody who does not; and joint commands while a holder's or provider's memory is refused. Nothing crashes or hangs, and the
 * next command works.
 */
#include "support/property.h"
#include "support/sharing_parties.h"

static const int64_t DATA[] = {3, -4, 5};

/* --- arguments --------------------------------------------------------------------------------- */

typedef struct command {
    const char *name;
    size_t args;
} command;

static const command commands[] = {
    {"sharing_join", 6},    {"sharing_send", 5},
    {"sharing_fetch", 4},   {"sharing_demands", 2},
    {"sharing_stock", 4},   {"sharing_force", 2},
    {"sharing_alive", 1},   {"sharing_cost", 1},
    {"sharing_fail", 4},    {"sharing_open", 3},
    {"sharing_demand", 2},  {"sharing_prepare", 3},
    {"sharing_refresh", 2}, {"sharing_reconstruct", 2},
    {"sharing_triple", 6},  {"sharing_adopt", 6},
    {"share", 5},           {"sharing_report", 6},
};
enum { COMMANDS = sizeof commands / sizeof *commands, ITEMS = 10 };

typedef struct monkey {
    property_random *rng;
    sy_tensor *tensors[4]; /* what arguments may be: bytes, a demand, integers, a pointer's like */
    char session[SYI_JOINT_TEXT_SIZE];
    sy_value items[ITEMS];
} monkey;

static size_t below(property_random *random, size_t count)
{
    return (size_t)(property_next(random) % count);
}

static sy_value any_number(monkey *m)
{
    static const int64_t numbers[] = {0,   1,         2,         3,         -1,         64,
                                      65,  INT64_MAX, INT64_MIN, 1 << 20,   UINT32_MAX, 4096,
                                      -64, 1000,      60000,     INT32_MIN, 7,          8};
    return sy_value_int(numbers[below(m->rng, sizeof numbers / sizeof *numbers)]);
}

static sy_value any_value(monkey *m, bool nested)
{
    static const char *const texts[] = {"",       "alice",     "bob",
                                        "client", "mul",       "matmul",
                                        "abcd",   "ij,jk->ik", "00112233445566778899aabbccddeeff"};
    switch (below(m->rng, nested ? 6 : 8)) {
    case 0:
        return sy_value_none();
    case 1:
        return sy_value_bool(below(m->rng, 2) == 0);
    case 2:
        return sy_value_string(m->session);
    case 3:
        return sy_value_string(texts[below(m->rng, sizeof texts / sizeof *texts)]);
    case 4:
        return sy_value_tensor(m->tensors[below(m->rng, 4)]);
    case 5:
        return any_number(m);
    default: {
        const size_t count = below(m->rng, ITEMS + 1);
        for (size_t k = 0; k < count; k++) {
            m->items[k] = any_value(m, true);
        }
        return sy_value_list(m->items, count);
    }
    }
}

static void say_anything(monkey *m, party_client *c, sy_worker *to)
{
    const command *one = &commands[below(m->rng, COMMANDS)];
    sy_value args[6];
    syi_exchange exchange;
    sy_error err = SY_ERROR_INIT;
    syi_joint joint = {.sequence = 1 + below(m->rng, 5)};
    for (size_t k = 0; k < one->args; k++) {
        args[k] =
            k == 0 && below(m->rng, 3) > 0 ? sy_value_string(m->session) : any_value(m, false);
    }
    if (syi_joint_parse(m->session, joint.session, NULL) != SY_OK) {
        return;
    }
    const uint64_t soon =
        syi_clock_now(c->home.context) + 50000000u; /* some wait, as they should */
    if (syi_command_start(c->home.worker, to, one->name, args, one->args,
                          below(m->rng, 4) == 0 ? &joint : NULL, soon, &exchange, &err) == SY_OK) {
        (void)syi_link_wait(&exchange, &err);
        syi_link_end(&exchange);
    }
}

static void monkey_open(monkey *m, party_client *c)
{
    const int64_t sizes[] = {24, 0, 3, 1};
    sy_error err = SY_ERROR_INIT;
    syi_buffer bytes;
    const syi_demand zero = {
        .kind = SYI_MATERIAL_ZERO, .item = {3, 0}, .field = SYI_FIELD_64, .count = 3};
    uint8_t junk[24] = {1, 2, 3};
    syi_buffer_init(&bytes, c->home.context, SYI_DEMAND_BYTES);
    syi_demand_write(&zero, &bytes);
    const int64_t length = (int64_t)bytes.length;
    assert_ok(sy_tensor_new(c->home.hook, &m->tensors[0], SY_DTYPE_U8, 1, &sizes[0], junk, &err),
              &err);
    assert_ok(
        sy_tensor_new(c->home.hook, &m->tensors[1], SY_DTYPE_U8, 1, &length, bytes.data, &err),
        &err);
    assert_ok(sy_tensor_new(c->home.hook, &m->tensors[2], SY_DTYPE_I64, 1, &sizes[2], DATA, &err),
              &err);
    assert_ok(sy_tensor_new(c->home.hook, &m->tensors[3], SY_DTYPE_I64, 1, &sizes[3], DATA, &err),
              &err);
    syi_buffer_fini(&bytes);
}

/* The session's own client, and one who provides for nobody. */
static void test_any_arguments(void **state)
{
    (void)state;
    property_random rng = property_start("sharing commands");
    parties p;
    party_client c, stranger;
    sy_error err = SY_ERROR_INIT;
    parties_open(&p, 2);
    client_open(&c, &p, "client", true, 4000);
    client_open(&stranger, &p, "stranger", true, 4000);
    monkey m = {.rng = &rng};
    monkey_open(&m, &stranger);
    const long rounds = test_rounds(1500);
    for (long k = 0; k < rounds; k++) {
        if (k % 40 == 0) {
            assert_ok(client_try(&c, &err), &err);
        }
        if (client_group(&c)->open) {
            syi_joint_format(client_group(&c)->session, m.session);
        }
        const size_t to = below(&rng, 3);
        say_anything(&m, &stranger, to < 2 ? stranger.holders[to] : stranger.provider);
        if (k % 40 == 39) {
            (void)client_try(&c, &err); /* its session may have been ended: the next one works */
        }
    }
    for (int k = 0; k < 4; k++) {
        sy_tensor_unref(m.tensors[k]);
    }
    client_close(&stranger);
    client_close(&c);
    assert_true(wait_until_clean(&p, 10000));
    parties_close(&p);
}

/* --- memory ------------------------------------------------------------------------------------ */

static void test_without_memory(void **state)
{
    const char *name = *state;
    parties p;
    party_client c;
    sy_error err = SY_ERROR_INIT;
    parties_open(&p, 2);
    client_open(&c, &p, "client", true, 8000);
    assert_ok(client_try(&c, &err), &err);
    test_place *poor =
        strcmp(name, "james") == 0 ? &p.at_provider : &p.at[strcmp(name, "bob") == 0 ? 1 : 0];
    const long rounds = test_rounds(60);
    for (long k = 1; k <= rounds; k++) {
        poor->memory->refused = 0;
        poor->memory->fail_at = poor->memory->calls + (size_t)k;
        const uint64_t began = test_now_ms();
        const sy_status status = client_try(&c, &err);
        poor->memory->fail_at = 0;
        if (status != SY_OK && poor->memory->refused == 0) {
            fail_msg("refusal %ld: nothing was refused, and yet: %s", k, err.message);
        }
        if (test_now_ms() - began > 4000) {
            fail_msg("refusal %ld: it took %d ms: %s", k, (int)(test_now_ms() - began),
                     err.message);
        }
        if (status != SY_OK) {
            (void)client_try(&c,
                             &err); /* a session that nobody could be told of may fail once more */
            assert_ok(client_try(&c, &err), &err);
        }
    }
    client_close(&c);
    assert_true(wait_until_clean(&p, 10000));
    parties_close(&p);
}

#define WITHOUT_MEMORY(name)                                               \
    {                                                                      \
        "test_without_memory [" name "]", test_without_memory, NULL, NULL, \
            (void *)(uintptr_t)(name)                                      \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_arguments),
        WITHOUT_MEMORY("alice"),
        WITHOUT_MEMORY("bob"),
        WITHOUT_MEMORY("james"),
    };
    return workers_run(tests);
}
