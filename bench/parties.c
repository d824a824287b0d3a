/* parties.c - see parties.h. */
#include "parties.h"

static sy_status connect_all(bench_parties *p, unsigned spin_us, sy_error *err)
{
    sy_connect_options options = SY_CONNECT_OPTIONS_INIT;
    options.spin_us = spin_us;
    for (int k = 0; k < BENCH_PARTIES; k++) {
        const sy_status status =
            sy_worker_connect(p->session.hook, &p->workers[k], p->processes[k].url, &options, err);
        if (status != SY_OK) {
            return status;
        }
    }
    return SY_OK;
}

int bench_parties_open(const bench *b, bench_parties *p, unsigned spin_us)
{
    static const char *const ids[] = {"alice", "bob", "crypto"};
    const cli_session_options options = {0};
    sy_error err = SY_ERROR_INIT;
    *p = (bench_parties){.b = b, .wire = {.fd = -1}};
    int code = cli_session_open(&p->session, b->verb, &options);
    for (int k = 0; k < BENCH_PARTIES && code == CLI_OK; k++) {
        code = bench_start_worker_named(b, &p->processes[k], "tcp", spin_us, ids[k]);
    }
    if (code != CLI_OK) {
        return code;
    }
    return connect_all(p, spin_us, &err) == SY_OK ? CLI_OK : cli_report(b->verb, &err);
}

void bench_parties_close(bench_parties *p)
{
    bench_raw_close(&p->wire);
    cli_session_close(&p->session);
    for (int k = 0; k < BENCH_PARTIES; k++) {
        bench_stop(&p->processes[k]);
    }
}

sy_status bench_parties_share(bench_parties *p, sy_tensor *plain, bool fixed, sy_tensor **shared,
                              sy_error *err)
{
    sy_worker *provider = p->workers[BENCH_HOLDERS];
    sy_tensor *encoded = NULL;
    if (!fixed) {
        return sy_tensor_share(plain, shared, p->workers, BENCH_HOLDERS, provider, err);
    }
    sy_status status = sy_tensor_fix_precision(plain, &encoded, NULL, err);
    if (status == SY_OK) {
        status = sy_tensor_share(encoded, shared, p->workers, BENCH_HOLDERS, provider, err);
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

sy_status bench_parties_cost(bench_parties *p, sy_sharing_cost *cost, sy_error *err)
{
    return sy_sharing_get_cost(p->workers, BENCH_HOLDERS, p->workers[BENCH_HOLDERS], 0, cost, err);
}

uint64_t bench_comparison_bytes(uint64_t count)
{
    return 8 * count + BENCH_COMPARISON_BITS * ((count + 7) / 8);
}

int bench_parties_expect(bench_parties *p, const sy_sharing_cost *before,
                         const sy_sharing_cost *after, size_t rounds, uint64_t sent,
                         unsigned spin_us, bench_result *result)
{
    const bench_shape round = {.request = sent / rounds, .messages = 1, .reply = sent / rounds};
    const uint64_t bytes = after->bytes_sent - before->bytes_sent;
    result->rounds = (double)(after->rounds - before->rounds);
    result->bytes = bytes + after->bytes_received - before->bytes_received;
    result->dealt = after->bytes_dealt - before->bytes_dealt;
    result->check = result->check && bytes == sent && result->rounds == (double)rounds;
    p->rounds = rounds;
    return bench_raw_open(p->b, &p->wire, "tcp", &round, spin_us);
}

int bench_parties_echo(bench_parties *p, size_t count, double *seconds)
{
    double some = 0;
    const int code = bench_raw_echo(&p->wire, count * p->rounds, &some);
    *seconds += some;
    return code;
}
