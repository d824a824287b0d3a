/* parties.c - see parties.h. */
#include "parties.h"

#include <string.h>

/* A far network's scenarios take long: so many seconds of samples are enough. */
#define PATIENCE 5.0

/* Processes and connections */

/* Where the others and the client find a process. */
static int find_door(bench_parties *p, const char *url, char door[BENCH_RELAY_URL])
{
    if (p->relay == NULL) {
        snprintf(door, BENCH_RELAY_URL, "%s", url);
        return CLI_OK;
    }
    const int code = bench_relay_add(p->relay, url, door);
    return code == 0 ? CLI_OK : cli_fail(p->b.verb, "relay to %s: %s", url, strerror(code));
}

static int connect_all(bench_parties *p)
{
    sy_connect_options options = SY_CONNECT_OPTIONS_INIT;
    sy_error err = SY_ERROR_INIT;
    options.spin_us = p->scenario->spin_us;
    for (int k = 0; k < BENCH_PARTIES; k++) {
        char door[BENCH_RELAY_URL];
        const int code = find_door(p, p->processes[k].url, door);
        if (code != CLI_OK) {
            return code;
        }
        if (sy_worker_connect(p->session.hook, &p->workers[k], door, &options, &err) != SY_OK) {
            return cli_report(p->b.verb, &err);
        }
    }
    return CLI_OK;
}

int bench_parties_open(const bench *b, const bench_scenario *scenario, bench_parties *p)
{
    static const char *const ids[] = {"alice", "bob", "crypto"};
    const cli_session_options options = {0};
    *p = (bench_parties){.scenario = scenario, .b = *b, .wire = {.fd = -1}};
    p->b.seconds = scenario->network != NULL ? PATIENCE : 0;
    int code = cli_session_open(&p->session, b->verb, &options);
    if (code == CLI_OK && scenario->network != NULL) {
        const int failed = bench_relay_open(&p->relay, scenario->network);
        code = failed == 0 ? CLI_OK : cli_fail(b->verb, "relay: %s", strerror(failed));
    }
    for (int k = 0; k < BENCH_PARTIES && code == CLI_OK; k++) {
        code = bench_start_worker_named(b, &p->processes[k], "tcp", scenario->spin_us, ids[k]);
    }
    return code == CLI_OK ? connect_all(p) : code;
}

void bench_parties_close(bench_parties *p)
{
    bench_raw_close(&p->wire);
    cli_session_close(&p->session);
    for (int k = 0; k < BENCH_PARTIES; k++) {
        bench_stop(&p->processes[k]);
    }
    bench_relay_close(p->relay);
    p->relay = NULL;
}

/* Values */

static const char *protocol_of(const bench_scenario *scenario)
{
    return scenario->protocol != NULL ? scenario->protocol : "bits";
}

sy_share_options bench_parties_options(const bench_parties *p)
{
    sy_share_options options = SY_SHARE_OPTIONS_INIT;
    options.crypto_provider = p->workers[BENCH_HOLDERS];
    options.protocol = protocol_of(p->scenario);
    options.range =
        p->scenario->range > 0 ? p->scenario->range - 1 : 0; /* of each of two numbers */
    return options;
}

sy_status bench_parties_share(bench_parties *p, sy_tensor *plain, bool fixed, sy_tensor **shared,
                              sy_error *err)
{
    const sy_share_options options = bench_parties_options(p);
    sy_tensor *encoded = NULL;
    if (!fixed) {
        return sy_tensor_share_with(plain, shared, p->workers, BENCH_HOLDERS, &options, err);
    }
    sy_status status = sy_tensor_fix_precision(plain, &encoded, NULL, err);
    if (status == SY_OK) {
        status = sy_tensor_share_with(encoded, shared, p->workers, BENCH_HOLDERS, &options, err);
    }
    sy_tensor_unref(encoded);
    return status;
}

static sy_status get(sy_tensor *shared, sy_tensor **value, sy_error *err)
{
    sy_tensor *reals = NULL;
    sy_status status = sy_tensor_get(shared, value, err);
    if (status == SY_OK && sy_tensor_is_fixed_precision(*value)) {
        status = sy_tensor_float_precision(*value, &reals, err);
        sy_tensor_unref(*value);
        *value = reals;
    }
    return status;
}

sy_status bench_parties_compare(bench_parties *p, sy_tensor *shared, sy_tensor *plain,
                                double *largest, sy_error *err)
{
    sy_tensor *value = NULL;
    sy_status status = get(shared, &value, err);
    if (status != SY_OK) {
        return status;
    }
    sy_scope *s = sy_scope_begin(p->session.hook);
    sy_tensor *off = sy_sub(s, sy_to(s, value, SY_DTYPE_F64), sy_to(s, plain, SY_DTYPE_F64));
    off = sy_max(s, sy_abs(s, off));
    status = off != NULL ? sy_tensor_item(off, largest, err) : SY_OK;
    const sy_status ended = sy_scope_end(s, status == SY_OK ? err : NULL);
    sy_tensor_unref(value);
    return status == SY_OK ? ended : status;
}

/* Material */

sy_status bench_parties_provide(bench_parties *p, const sy_primitive *primitives, size_t kinds,
                                size_t count, sy_error *err)
{
    sy_status status = SY_OK;
    const double start = bench_clock();
    for (size_t k = 0; k < kinds && status == SY_OK; k++) {
        sy_primitive one = primitives[k];
        one.protocol = protocol_of(p->scenario);
        status = sy_provide_primitives(&one, count, p->workers, BENCH_HOLDERS,
                                       p->workers[BENCH_HOLDERS], err);
    }
    p->offline += bench_clock() - start;
    p->ahead += count;
    return status;
}

double bench_parties_offline(const bench_parties *p)
{
    return p->ahead > 0 ? 1e3 * p->offline / (double)p->ahead : 0;
}

/* Costs */

bench_cost bench_cost_sum(bench_cost a, bench_cost b)
{
    return (bench_cost){a.rounds + b.rounds, a.sent + b.sent, a.dealt + b.dealt,
                        a.reported + b.reported};
}

/* Each bit is a plane of whole bytes: of masked bits 39 are opened, and 328 are dealt in corrections; of a tree of carries 181. */
bench_cost bench_comparison_cost(const char *protocol, unsigned range, bool relu, uint64_t count)
{
    const bool narrow = range == 32;
    const uint64_t plane = (count + 7) / 8, words = (relu ? 16 : 8) * count;
    if (protocol == NULL) {
        return (bench_cost){4, 8 * count + (narrow ? 19 : 39) * plane,
                            words + (narrow ? 150 : 328) * plane, 0};
    }
    if (strcmp(protocol, "carry") == 0) {
        const uint64_t planes = narrow ? 86 : 181;
        return (bench_cost){narrow ? 7 : 8, 8 * count + planes * plane, words + planes * plane, 0};
    }
    if (strcmp(protocol, "fss") == 0) {
        return (bench_cost){2, 8 * count + plane,
                            words + UINT64_C(2) * (narrow ? 400 : 912) * count, 0};
    }
    return relu ? (bench_cost){10, 56 * count, 184 * count, 136 * count}
                : (bench_cost){9, 40 * count, 176 * count, 136 * count};
}

/* SecureNN's holders draw a seed together. */
bench_cost bench_command_cost(const char *protocol)
{
    return protocol != NULL && strcmp(protocol, "snn") == 0 ? (bench_cost){1, 32, 0, 0}
                                                            : (bench_cost){0, 0, 0, 0};
}

const char *bench_parties_protocol(const bench_parties *p, const sy_sharing_cost *before,
                                   const sy_sharing_cost *after)
{
    const char *protocol = p->scenario->protocol;
    if (protocol != NULL && strcmp(protocol, "auto") == 0) {
        protocol = after->compared_fss > before->compared_fss ? "fss" : NULL;
    }
    return protocol;
}

sy_status bench_parties_count(bench_parties *p, sy_sharing_cost cost[BENCH_HOLDERS], sy_error *err)
{
    sy_status status = SY_OK;
    for (size_t k = 0; k < BENCH_HOLDERS && status == SY_OK; k++) {
        status = sy_sharing_get_cost(p->workers, BENCH_HOLDERS, p->workers[BENCH_HOLDERS], k,
                                     &cost[k], err);
    }
    return status;
}

int bench_parties_expect(bench_parties *p, const sy_sharing_cost *before,
                         const sy_sharing_cost *after, const bench_cost *expected,
                         bench_result *result)
{
    const uint64_t each = expected->sent / expected->rounds;
    const bench_shape round = {.request = each, .messages = 1, .reply = each};
    uint64_t dealt = 0, made = 0, left = 0;
    for (size_t k = 0; k < BENCH_HOLDERS; k++) {
        result->check = result->check &&
                        after[k].bytes_sent - before[k].bytes_sent == expected->sent &&
                        after[k].rounds - before[k].rounds == expected->rounds &&
                        after[k].bytes_reported - before[k].bytes_reported == expected->reported;
        dealt += after[k].bytes_dealt - before[k].bytes_dealt;
        made += after[k].primitives_made - before[k].primitives_made;
        left += after[k].primitives_made - after[k].primitives_taken;
    }
    result->check = result->check && (expected->dealt == 0 || dealt == expected->dealt) &&
                    left == 0 && (made > 0) == p->scenario->ahead;
    result->rounds = (double)(after->rounds - before->rounds);
    result->bytes = after->bytes_sent - before->bytes_sent;
    result->bytes += after->bytes_received - before->bytes_received;
    result->dealt = after->bytes_dealt - before->bytes_dealt;
    p->rounds = expected->rounds;
    return bench_raw_open(&p->b, &p->wire, "tcp", &round, p->scenario->spin_us, p->relay);
}

int bench_parties_echo(bench_parties *p, size_t count, double *seconds)
{
    double some = 0;
    const int code = bench_raw_echo(&p->wire, count * p->rounds, &some);
    *seconds += some;
    return code;
}
