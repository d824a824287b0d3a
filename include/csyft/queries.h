/*
 * queries.h - noisy answers about datasets that workers serve: means, sums and histograms of rows that nobody sees, each of which counts against
 * the caller's budget (federated.h: sy_serve_options.budget; ledger.h).
 *
 *     sy_shard_get_budget(&shard, &budget, &spent, err);
 *     sy_query_options about = SY_QUERY_OPTIONS_INIT;             Gaussian noise, the targets
 *     about.targets = true;
 *     about.noise_multiplier = 20;
 *     sy_shard_mean(&shard, &about, 0, 50, &mean, 1, &deviation, err);
 *
 * Differential privacy holds for each row against whoever reads the answers (what neighbours are: federated.h): noise is drawn by the worker,
 * exactly (mechanisms.h), after the charge is on its disk; values are cut to bounds that the caller gives without looking at them. The number of
 * rows is public, so a mean has noise in its sum only. Timing is not covered: how long an answer takes depends on the noise.
 *
 * Noise: SY_NOISE_GAUSSIAN, or SY_NOISE_LAPLACE of scale noise_multiplier times the sensitivity, which costs epsilon 1 / noise_multiplier; one
 * Gaussian answer of many columns costs as much as one of one column with the same multiplier, and has sqrt(columns) times its noise.
 *
 * Errors: SY_EPERM: there is no budget, or this would be more than is left; nothing is charged then. SY_EINVAL names an option; SY_ESHAPE: another
 * number of columns; SY_ERANGE: no rows; SY_ENOTFOUND. The sentence names worker and dataset. Any thread that may use the shard's worker.
 */
#ifndef CSYFT_QUERIES_H
#define CSYFT_QUERIES_H

#include <csyft/federated.h>

SY_BEGIN_DECLS

typedef struct sy_query_options {
    size_t size;
    bool targets; /* of the targets instead of the data */
    int64_t
        column; /* of a row, flattened, after transforms; -1: each of them (not for histograms) */
    sy_noise_kind noise;
    double noise_multiplier; /* 2^-18 to 2^18 */
} sy_query_options;
#define SY_QUERY_OPTIONS_INIT                                                                     \
    {                                                                                             \
        .size = sizeof(sy_query_options), .column = -1, .noise_multiplier = 0 /* must be given */ \
    }

/*
 * Means of `count` columns: 1 for a given one, otherwise as many as a row has. Values are cut to lower .. upper; what is not a number counts as
 * their middle. `deviation`, nullable: the standard deviation of the noise of each mean. A mean may be out of the bounds, by noise. The sum is rows
 * times the mean.
 */
SY_API sy_status sy_shard_mean(const sy_shard *shard, const sy_query_options *options, double lower,
                               double upper, double *means, size_t count, double *deviation,
                               sy_error *err);

#define SY_HISTOGRAM_BINS_MAX 65536
/*
 * How many rows have a value from edges[k] to below edges[k + 1], the last bin with its upper edge: `bins` counts of one column, rounded, which may be
 * negative by noise. Others are not counted. `edges`: bins + 1 finite numbers that ascend. A row is in one bin, so that
 * the whole histogram costs as much as one count. A dataset of one column needs no options.column.
 */
SY_API sy_status sy_shard_histogram(const sy_shard *shard, const sy_query_options *options,
                                    const double *edges, size_t bins, int64_t *counts,
                                    double *deviation, sy_error *err);

/* What the worker allows this caller to spend of the dataset, and what is spent; the former is all 0 where there is no budget. epsilon_all is not told. */
SY_API sy_status sy_shard_get_budget(const sy_shard *shard, sy_budget *budget,
                                     sy_spending *spending, sy_error *err);

SY_END_DECLS

#endif
