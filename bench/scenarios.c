/* scenarios.c - the table of scenarios. Goals: docs/reference/performance.md. */
#include "bench.h"

#define KIB ((size_t)1024)
#define MIB ((size_t)1024 * 1024)

/* Of one tensor over one transport: how long sending and fetching take, and at what memory. */
#define TRANSFER(transport_, limit_, label, size_, goal_, most_)                       \
    &(const bench_scenario){.name = "send_" transport_ "_" label,                      \
                            .summary = "send a tensor of " label " over " transport_,  \
                            .unit = "us",                                              \
                            .limit_name = limit_,                                      \
                            .goal = goal_,                                             \
                            .most = most_,                                             \
                            .run = bench_run_transfer,                                 \
                            .transport = transport_,                                   \
                            .size = size_},                                            \
        &(const bench_scenario)                                                        \
    {                                                                                  \
        .name = "get_" transport_ "_" label,                                           \
        .summary = "get a tensor of " label " over " transport_, .unit = "us",         \
        .limit_name = limit_, .goal = goal_, .most = most_, .run = bench_run_transfer, \
        .transport = transport_, .size = size_, .fetch = true                          \
    }

#define LAYERS(batch_)                                                             \
    &(const bench_scenario)                                                        \
    {                                                                              \
        .name = "tcp_plan_layers_" #batch_,                                        \
        .summary = "a plan of 100 linear layers of 64 with relu, " #batch_         \
                   " rows, at a worker over tcp; both ends spin",                  \
        .unit = "us", .limit_name = "the same plan here", .run = bench_run_layers, \
        .transport = "tcp", .size = batch_, .spin_us = 50                          \
    }

#define MEMORY(transport_)                                                                        \
    &(const bench_scenario){                                                                      \
        .name = "send_" transport_ "_64MiB_memory",                                               \
        .summary = "the worker's peak memory while it takes a tensor of 64 MiB over " transport_, \
        .unit = "MB",                                                                             \
        .limit_name = "tensor + one receive buffer (256 KiB)",                                    \
        .goal = BENCH_MOST_RATIO,                                                                 \
        .most = 1,                                                                                \
        .run = bench_run_transfer,                                                                \
        .transport = transport_,                                                                  \
        .size = 64 * MIB,                                                                         \
        .memory = true},                                                                          \
        &(const bench_scenario)                                                                   \
    {                                                                                             \
        .name = "get_" transport_ "_64MiB_memory",                                                \
        .summary = "the worker's peak memory while it gives a tensor of 64 MiB over " transport_, \
        .unit = "MB", .limit_name = "tensor + one receive buffer (256 KiB)",                      \
        .goal = BENCH_MOST_RATIO, .most = 1, .run = bench_run_transfer, .transport = transport_,  \
        .size = 64 * MIB, .fetch = true, .memory = true                                           \
    }

const bench_scenario *const bench_scenarios[] = {
    &(const bench_scenario){
        .name = "virtual_add",
        .summary = "add on a pointer to a virtual worker: 10 f32, every step, delete included",
        .unit = "us",
        .limit_name = "direct native add",
        .goal = BENCH_MOST,
        .most = 1.5,
        .run = bench_run_add},
    &(const bench_scenario){.name = "tcp_add",
                            .summary = "add on a pointer over tcp; both ends sleep while they wait",
                            .unit = "us",
                            .limit_name = "raw TCP echo of equal bytes, both ends asleep",
                            .goal = BENCH_MOST_RATIO,
                            .most = 1.2,
                            .run = bench_run_add,
                            .transport = "tcp"},
    &(const bench_scenario){.name = "tcp_add_spinning",
                            .summary =
                                "add on a pointer over tcp; both ends spin 50 us before they sleep",
                            .unit = "us",
                            .limit_name = "raw TCP echo of equal bytes, both ends spinning",
                            .goal = BENCH_MOST_RATIO,
                            .most = 1.2,
                            .run = bench_run_add,
                            .transport = "tcp",
                            .spin_us = 50},
    &(const bench_scenario){.name = "virtual_plan_20",
                            .summary = "a plan of 20 adds of 10 f32 at a virtual worker",
                            .unit = "us",
                            .limit_name = "the same plan here",
                            .run = bench_run_add,
                            .plan = true},
    &(const bench_scenario){.name = "tcp_plan_20",
                            .summary = "a plan of 20 adds at a worker, over tcp; both ends spin",
                            .unit = "us",
                            .limit_name = "one raw TCP echo of equal bytes, both ends spinning",
                            .run = bench_run_add,
                            .transport = "tcp",
                            .plan = true,
                            .spin_us = 50},
    &(const bench_scenario){.name = "ws_plan_20",
                            .summary = "a plan of 20 adds at a worker, over a websocket",
                            .unit = "us",
                            .limit_name = "one bare libwebsockets echo of equal frames",
                            .run = bench_run_add,
                            .transport = "ws",
                            .plan = true},
    LAYERS(1),
    LAYERS(32),
    LAYERS(256),
    &(const bench_scenario){.name = "plan_layers_size",
                            .summary = "the same plan as bytes, with its weights",
                            .unit = "MB",
                            .limit_name = "its weights, 4 bytes each",
                            .run = bench_run_plan_size},
    &(const bench_scenario){.name = "tcp_add_pipelined",
                            .summary = "adds on a pointer over tcp without waiting for each answer",
                            .unit = "us",
                            .limit_name = "raw TCP echo of equal bytes, equally pipelined",
                            .goal = BENCH_MOST,
                            .most = 2,
                            .run = bench_run_add,
                            .transport = "tcp",
                            .pipelined = true},
    &(const bench_scenario){.name = "ws_add",
                            .summary = "add on a pointer over websocket",
                            .unit = "us",
                            .limit_name = "bare libwebsockets echo of equal frames",
                            .goal = BENCH_MOST_RATIO,
                            .most = 1.3,
                            .run = bench_run_add,
                            .transport = "ws"},
    TRANSFER("tcp", "raw TCP transfer with answer", "1KiB", 1 * KIB, BENCH_NO_GOAL, 0),
    TRANSFER("tcp", "raw TCP transfer with answer", "1MiB", 1 * MIB, BENCH_NO_GOAL, 0),
    TRANSFER("tcp", "raw TCP transfer with answer", "64MiB", 64 * MIB, BENCH_MOST_RATIO, 1 / 0.7),
    MEMORY("tcp"),
    TRANSFER("ws", "bare libwebsockets transfer", "1KiB", 1 * KIB, BENCH_NO_GOAL, 0),
    TRANSFER("ws", "bare libwebsockets transfer", "1MiB", 1 * MIB, BENCH_NO_GOAL, 0),
    TRANSFER("ws", "bare libwebsockets transfer", "64MiB", 64 * MIB, BENCH_MOST_RATIO, 1 / 0.9),
    MEMORY("ws"),
    &(const bench_scenario){.name = "worker_start",
                            .summary = "from starting the program `csyft worker` to its ready line",
                            .unit = "ms",
                            .limit_name = "start of a bare libwebsockets server",
                            .goal = BENCH_MOST,
                            .most = 20,
                            .run = bench_run_worker_start},
    &(const bench_scenario){.name = "worker_rss",
                            .summary = "resident memory of an idle worker",
                            .unit = "MB",
                            .limit_name = "resident memory of a bare libwebsockets server",
                            .goal = BENCH_MOST,
                            .most = 8,
                            .run = bench_run_worker_memory},
    &(const bench_scenario){.name = "add_1e6",
                            .summary = "add of two tensors of 1e6 f32",
                            .unit = "us",
                            .limit_name = "memcpy that moves the same 12 MB",
                            .run = bench_run_elementwise,
                            .size = 1000000},
    &(const bench_scenario){.name = "sum_1e6",
                            .summary = "sum of a tensor of 1e6 f32",
                            .unit = "us",
                            .limit_name = "memcpy that moves the same 4 MB",
                            .run = bench_run_sum,
                            .size = 1000000},
    &(const bench_scenario){.name = "matmul_256",
                            .summary = "product of two 256 x 256 matrices, f32",
                            .unit = "us",
                            .limit_name = "OpenBLAS sgemm, one thread",
                            .run = bench_run_matmul,
                            .size = 256},
    &(const bench_scenario){.name = "matmul_512",
                            .summary = "product of two 512 x 512 matrices, f32",
                            .unit = "us",
                            .limit_name = "OpenBLAS sgemm, one thread",
                            .run = bench_run_matmul,
                            .size = 512},
    &(const bench_scenario){.name = "bufferize_1e6",
                            .summary = "a tensor of 1e6 f32 to a message of syft-proto",
                            .unit = "us",
                            .limit_name = "memcpy of the same 4 MB",
                            .run = bench_run_encoding,
                            .size = 1000000},
    &(const bench_scenario){.name = "unbufferize_1e6",
                            .summary = "a tensor of 1e6 f32 from a message of syft-proto",
                            .unit = "us",
                            .limit_name = "memcpy of the same 4 MB",
                            .run = bench_run_encoding,
                            .size = 1000000,
                            .fetch = true},
};
const size_t bench_scenario_count = sizeof bench_scenarios / sizeof bench_scenarios[0];

#define MPC_LIMIT "the same on plain numbers here, and its rounds as raw TCP echoes of equal bytes"

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
    MPC("mpc_ge_1e4", "shared integers of 64 bits, 1e4 comparisons", "ge", 10000, false, false,
        BENCH_NO_GOAL, 0),
    MPC("mpc_ge_1e5", "the same, 1e5", "ge", 100000, false, false, BENCH_NO_GOAL, 0),
    MPC("mpc_relu_1e4", "relu of 1e4 shared integers of 64 bits", "relu", 10000, false, false,
        BENCH_NO_GOAL, 0),
    MPC("mpc_relu_1e5", "the same of 1e5", "relu", 100000, false, false, BENCH_MOST, 3.5),
    MPC("mpc_max_pool2d_32", "greatest of 2 x 2, on 32 shared images of 24 x 24 with 16 channels",
        "max_pool2d", 32, true, false, BENCH_NO_GOAL, 0),
    MPC_NET("mpc_linear_plan_1",
            "a linear layer of 784 to 128 with shared weights, opened already, as a plan: one row",
            "linear", 1, BENCH_NO_GOAL, 0),
    MPC_NET("mpc_linear_plan_128", "the same for 128 rows", "linear", 128, BENCH_NO_GOAL, 0),
    MPC_NET("mpc_net_a_1", "784-128-128-10 with relu, likewise: one row", "net_a", 1, BENCH_MOST,
            0.8),
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
