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
    &(const bench_scenario){.name = "federated_round",
                            .summary = "a round over two workers: 784-128-10, 1024 rows each",
                            .unit = "ms",
                            .limit_name = "the same steps here, one after the other",
                            .goal = BENCH_MOST_RATIO,
                            .most = 1.15,
                            .run = bench_run_federated},
    &(const bench_scenario){.name = "federated_noisy_fit",
                            .summary = "as many steps with noise at a virtual worker, row by row",
                            .unit = "ms",
                            .limit_name = "the same steps without noise",
                            .run = bench_run_noisy_fit},
    &(const bench_scenario){.name = "federated_100",
                            .summary = "a round of a model of 1e6 over 100 virtual workers",
                            .unit = "ms",
                            .limit_name = "adding up 100 models in memory",
                            .run = bench_run_federated_many},
    &(const bench_scenario){.name = "federated_100_shares",
                            .summary = "the same, summed over shares of two holders",
                            .unit = "ms",
                            .limit_name = "adding up 100 models in memory",
                            .run = bench_run_federated_many,
                            .shares = true},
    &(const bench_scenario){.name = "virtual_workers_1e4",
                            .summary = "memory of 10,000 virtual workers, each with an object",
                            .unit = "MB",
                            .limit_name = "as many objects at one worker",
                            .run = bench_run_virtual_workers,
                            .size = 10000},
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
