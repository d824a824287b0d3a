/*
 * scenarios_mpc.c - the suites of secret sharing: "mpc", where the parties are on loopback, and "mpc_networks", where a relay
 * delays what they say to each other. Goals: docs/reference/performance.md.
 */
#include "bench.h"

#define MPC_LIMIT "the same on plain numbers here, and its rounds as raw TCP echoes of equal bytes"

/* One protocol of comparisons. */
#define BY(name_, summary_, limit_, run_, op_, size_, network_, spin_, protocol_, ahead_)       \
    &(const bench_scenario)                                                                     \
    {                                                                                           \
        .name = name_, .summary = summary_, .unit = "ms", .limit_name = limit_, .run = run_,    \
        .op = op_, .size = size_, .network = network_, .spin_us = spin_, .protocol = protocol_, \
        .ahead = ahead_                                                                         \
    }
/* All but masked bits without anything ahead, in whose name there is no protocol. SecureNN has nothing to make ahead. */
#define OTHERS(name_, summary_, ...)                                                          \
    BY(name_ "_ahead", summary_ ", material made ahead", __VA_ARGS__, NULL, true),            \
        BY(name_ "_fss", summary_ ", by function secret sharing", __VA_ARGS__, "fss", false), \
        BY(name_ "_fss_ahead", summary_ ", by function secret sharing, keys made ahead",      \
           __VA_ARGS__, "fss", true),                                                         \
        BY(name_ "_carry", summary_ ", by a tree of carries", __VA_ARGS__, "carry", false),   \
        BY(name_ "_carry_ahead", summary_ ", by a tree of carries, material made ahead",      \
           __VA_ARGS__, "carry", true),                                                       \
        BY(name_ "_snn", summary_ ", by SecureNN", __VA_ARGS__, "snn", false)
#define HERE_OTHERS(name_, summary_, run_, op_, size_) \
    OTHERS("mpc_" name_, summary_, MPC_LIMIT, run_, op_, size_, NULL, 50)
#define HERE(name_, summary_, run_, op_, size_)                                     \
    BY("mpc_" name_, summary_, MPC_LIMIT, run_, op_, size_, NULL, 50, NULL, false), \
        HERE_OTHERS(name_, summary_, run_, op_, size_)

/* Of numbers known to be small, so that their difference has 32 bits. */
#define RANGE(name_, summary_, op_, size_, protocol_, ahead_)                                 \
    &(const bench_scenario)                                                                   \
    {                                                                                         \
        .name = name_, .summary = summary_, .unit = "ms", .limit_name = MPC_LIMIT,            \
        .run = bench_run_mpc, .op = op_, .size = size_, .spin_us = 50, .protocol = protocol_, \
        .ahead = ahead_, .range = 32                                                          \
    }
#define NARROW(name_, summary_, op_, size_)                                                      \
    RANGE("mpc_" name_ "_range32", summary_, op_, size_, NULL, false),                           \
        RANGE("mpc_" name_ "_range32_ahead", summary_ ", material made ahead", op_, size_, NULL, \
              true),                                                                             \
        RANGE("mpc_" name_ "_range32_fss", summary_ ", by function secret sharing", op_, size_,  \
              "fss", false),                                                                     \
        RANGE("mpc_" name_ "_range32_fss_ahead",                                                 \
              summary_ ", by function secret sharing, keys made ahead", op_, size_, "fss", true)

/* Two holders and a provider. Goals: docs/reference/performance.md. */
#define MPC(name_, summary_, op_, size_, fixed_, ahead_, goal_, most_)                            \
    &(const bench_scenario)                                                                       \
    {                                                                                             \
        .name = name_, .summary = summary_, .unit = "ms", .limit_name = MPC_LIMIT, .goal = goal_, \
        .most = most_, .run = bench_run_mpc, .op = op_, .size = size_, .fixed = fixed_,           \
        .ahead = ahead_, .spin_us = 50                                                            \
    }

#define MPC_NET(name_, summary_, net_, rows_, goal_, most_)                                       \
    &(const bench_scenario)                                                                       \
    {                                                                                             \
        .name = name_, .summary = summary_, .unit = "ms", .limit_name = MPC_LIMIT, .goal = goal_, \
        .most = most_, .run = bench_run_mpc_net, .op = net_, .size = rows_, .spin_us = 50         \
    }

const bench_scenario *const bench_mpc_scenarios[] = {
    MPC("mpc_mul_1", "one product of shared integers: what a joint command takes at least", "mul",
        1, false, false, BENCH_NO_GOAL, 0),
    MPC("mpc_mul_1_ahead", "the same, its triple made ahead", "mul", 1, false, true, BENCH_NO_GOAL,
        0),
    MPC("mpc_mul_1e5", "shared integers, 1e5 products", "mul", 100000, false, false, BENCH_NO_GOAL,
        0),
    MPC("mpc_mul_1e6", "shared integers, 1e6 products", "mul", 1000000, false, false, BENCH_MOST,
        10),
    MPC("mpc_mul_1e6_ahead", "the same, triples made ahead", "mul", 1000000, false, true,
        BENCH_NO_GOAL, 0),
    MPC("mpc_fixed_mul_1e5", "shared reals, 1e5 products", "mul", 100000, true, false,
        BENCH_NO_GOAL, 0),
    MPC("mpc_fixed_mul_1e6", "shared reals, 1e6 products", "mul", 1000000, true, false, BENCH_MOST,
        16),
    MPC("mpc_fixed_mul_1e6_ahead", "the same, material made ahead", "mul", 1000000, true, true,
        BENCH_NO_GOAL, 0),
    MPC("mpc_matmul_128", "product of two shared 128 x 128 matrices of reals", "matmul", 128, true,
        false, BENCH_MOST, 0.8),
    MPC("mpc_matmul_128_ahead", "the same, material made ahead", "matmul", 128, true, true,
        BENCH_NO_GOAL, 0),
    MPC("mpc_matmul_256", "product of two shared 256 x 256 matrices of reals", "matmul", 256, true,
        false, BENCH_MOST, 3),
    MPC("mpc_matmul_256_ahead", "the same, material made ahead", "matmul", 256, true, true,
        BENCH_NO_GOAL, 0),
    MPC("mpc_matmul_512", "product of two shared 512 x 512 matrices of reals", "matmul", 512, true,
        false, BENCH_MOST, 16),
    MPC("mpc_matmul_512_ahead", "the same, material made ahead", "matmul", 512, true, true,
        BENCH_NO_GOAL, 0),
    MPC("mpc_conv2d_1", "16 shared kernels of 5 x 5 on one shared image of 28 x 28", "conv2d", 1,
        true, false, BENCH_NO_GOAL, 0),
    MPC("mpc_conv2d_32", "the same on 32 images", "conv2d", 32, true, false, BENCH_NO_GOAL, 0),
    HERE("ge_1", "one comparison of shared integers of 64 bits", bench_run_mpc, "ge", 1),
    HERE("ge_1e3", "1e3 of them", bench_run_mpc, "ge", 1000),
    MPC("mpc_ge_1e4", "shared integers of 64 bits, 1e4 comparisons", "ge", 10000, false, false,
        BENCH_NO_GOAL, 0),
    HERE_OTHERS("ge_1e4", "the same", bench_run_mpc, "ge", 10000),
    MPC("mpc_ge_1e5", "the same, 1e5", "ge", 100000, false, false, BENCH_NO_GOAL, 0),
    HERE_OTHERS("ge_1e5", "the same", bench_run_mpc, "ge", 100000),
    NARROW("ge_1e4", "1e4 of integers below 2^30", "ge", 10000),
    NARROW("ge_1e5", "1e5 of integers below 2^30", "ge", 100000),
    MPC("mpc_relu_1e4", "relu of 1e4 shared integers of 64 bits", "relu", 10000, false, false,
        BENCH_NO_GOAL, 0),
    HERE_OTHERS("relu_1e4", "the same", bench_run_mpc, "relu", 10000),
    MPC("mpc_relu_1e5", "the same of 1e5", "relu", 100000, false, false, BENCH_MOST, 3.5),
    HERE_OTHERS("relu_1e5", "the same", bench_run_mpc, "relu", 100000),
    MPC("mpc_max_pool2d_32", "greatest of 2 x 2, on 32 shared images of 24 x 24 with 16 channels",
        "max_pool2d", 32, true, false, BENCH_NO_GOAL, 0),
    MPC_NET("mpc_linear_plan_1",
            "a linear layer of 784 to 128 with shared weights, opened already, as a plan: one row",
            "linear", 1, BENCH_NO_GOAL, 0),
    MPC_NET("mpc_linear_plan_128", "the same for 128 rows", "linear", 128, BENCH_NO_GOAL, 0),
    MPC_NET("mpc_net_a_1", "784-128-128-10 with relu, likewise: one row", "net_a", 1, BENCH_MOST,
            0.8),
    HERE_OTHERS("net_a_1", "the same", bench_run_mpc_net, "net_a", 1),
    MPC_NET("mpc_net_a_128", "the same for 128 rows", "net_a", 128, BENCH_MOST, 6),
    MPC_NET("mpc_net_b_1", "two times 16 of 5x5, pooled, and 256-100-10: one image of 28x28",
            "net_b", 1, BENCH_MOST, 2.5),
    MPC_NET("mpc_net_b_128", "the same for 128 images", "net_b", 128, BENCH_MOST, 100),
    MPC_NET("mpc_net_c_1", "20 and 50 of 5x5, pooled, and 800-500-10: one image", "net_c", 1,
            BENCH_MOST, 5),
    MPC_NET("mpc_net_c_128", "the same for 128 images", "net_c", 128, BENCH_MOST, 150),
    MPC_NET("mpc_net_d_1", "5 of 5x5 with stride 2, and 980-100-10: one image", "net_d", 1,
            BENCH_MOST, 1),
    MPC_NET("mpc_net_d_128", "the same for 128 images", "net_d", 128, BENCH_MOST, 15),
};
const size_t bench_mpc_scenario_count = sizeof bench_mpc_scenarios / sizeof bench_mpc_scenarios[0];

/* Suite "mpc_networks" */

static const bench_network lan = {500, 0}, wan = {40000, 100000000};

#define FAR_LIMIT \
    "the same on plain numbers here, and its rounds as raw TCP echoes through the relay"
#define FAR(prefix_, network_, name_, summary_, run_, op_, size_)                              \
    BY(prefix_ name_, summary_, FAR_LIMIT, run_, op_, size_, network_, 0, NULL, false),        \
        OTHERS(prefix_ name_, summary_, FAR_LIMIT, run_, op_, size_, network_, 0),             \
        BY(prefix_ name_ "_auto", summary_ ", by what is chosen", FAR_LIMIT, run_, op_, size_, \
           network_, 0, "auto", false),                                                        \
        BY(prefix_ name_ "_auto_ahead", summary_ ", by what is chosen, material made ahead",   \
           FAR_LIMIT, run_, op_, size_, network_, 0, "auto", true)
#define ECHO(name_, summary_, size_, network_, most_)                                             \
    &(const bench_scenario)                                                                       \
    {                                                                                             \
        .name = name_, .summary = summary_, .unit = "ms", .limit_name = "what the relay is told", \
        .goal = BENCH_MOST_RATIO, .most = most_, .run = bench_run_network, .size = size_,         \
        .network = network_                                                                       \
    }
#define EACH(prefix_, where_, network_)                                                          \
    FAR(prefix_, network_, "ge_1", "one comparison of shared integers, " where_, bench_run_mpc,  \
        "ge", 1),                                                                                \
        FAR(prefix_, network_, "ge_1e3", "1e3 of them", bench_run_mpc, "ge", 1000),              \
        FAR(prefix_, network_, "ge_1e4", "1e4 of them", bench_run_mpc, "ge", 10000),             \
        FAR(prefix_, network_, "ge_1e5", "1e5 of them", bench_run_mpc, "ge", 100000),            \
        FAR(prefix_, network_, "relu_1e4", "relu of 1e4 of them", bench_run_mpc, "relu", 10000), \
        FAR(prefix_, network_, "net_a_1", "784-128-128-10 with relu, one row, " where_,          \
            bench_run_mpc_net, "net_a", 1)

const bench_scenario *const bench_network_scenarios[] = {
    ECHO("lan_echo", "an echo of one byte through the relay, round trips of 0.5 ms", 1, &lan, 1.5),
    ECHO("wan_echo", "the same, 40 ms and 100 Mbit/s", 1, &wan, 1.05),
    ECHO("wan_echo_1e6", "of 1 MB", 1000000, &wan, 1.05),
    EACH("lan_", "round trips of 0.5 ms", &lan),
    EACH("wan_", "round trips of 40 ms and 100 Mbit/s", &wan),
};
const size_t bench_network_scenario_count =
    sizeof bench_network_scenarios / sizeof bench_network_scenarios[0];
