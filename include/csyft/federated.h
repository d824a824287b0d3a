/*
 * federated.h - training where the data live: a worker serves datasets that nobody can fetch, others find them by search and
 * train on them; models travel, rows do not.
 *
 *     at the hospital:   sy_worker_serve_files(worker, "breast-cancer", "rows.npy", "labels.npy", &options, err);
 *     at the client:     sy_trainer_new(&trainer, model, &input, &target, &training, err);
 *                        sy_trainer_round(trainer, shards, 3, &round, &report, err);      FedAvg over three hospitals
 *
 * Training at a worker is one message and one answer, whatever the number of rows and steps: the worker goes through its
 * rows in batches, in as many passes as it is asked for, and answers with the parameters. Batches that stay where they are,
 * one message each: datasets.h. PySyft 0.2: FederatedClient and TrainConfig (syft/federated); differences and reasons:
 * docs/guide/federated.md.
 *
 * What a served dataset gives away. Its key, tags, description, number and shape of rows: to whoever may search it
 * (caller.h). Its rows: to nobody. What depends on means over `release_rows` rows or more: parameters after steps of a mean
 * loss, running statistics of batch norms, that loss, numbers of right answers, histograms. SECURITY.md says what that does not promise: a client chooses the model.
 * Where there is a `budget`, noisy answers, for which differential privacy holds whatever the client chooses: neighbours are datasets of equal
 * length, one of which has a row that counts for nothing in the place of somebody's (the number of rows is no secret; "zero-out" in Ponomareva and
 * others 2023, "How to DP-fy ML", section 2.1). One person is one row. With `release_rows` 0 these are the only ones.
 *
 * Threads: trainers belong to one thread; served datasets to none: workers use them from any.
 */
#ifndef CSYFT_FEDERATED_H
#define CSYFT_FEDERATED_H

#include <csyft/ledger.h>
#include <csyft/optim.h>
#include <csyft/worker.h>

SY_BEGIN_DECLS

/* --- at the worker that has the data ----------------------------------------------------------- */

typedef struct sy_serve_options {
    size_t size;
    const char *const *tags;
    size_t tag_count;
    const char *description; /* nullable */
    /* What is computed from the rows leaves when it is a mean over so many of them or more; 0: nothing does, and training is
     * refused. Batches must be as large; a last batch of fewer rows is left out. */
    int64_t release_rows;
    /*
     * What is done to each batch, in this order, by name: "scale BY" (divides), "standardize MEAN DEVIATION", "flatten" (all dims but the first), "reshape DxDx..." (of one row),
     * "one_hot N", "float32", "int64". SY_EINVAL names the one that is none. NULL: nothing.
     */
    const char *const *transforms;
    size_t transform_count;
    const char *const *target_transforms;
    size_t target_transform_count;
    /* Who may search, use and delete it: "use,search=alice,bob" each (sy_tensor_permit_text). NULL: anybody may search and use it, nobody delete. */
    const char *const *allow;
    size_t allow_count;
    /*
     * Noisy answers: training with noise (sy_fit_options.noise_multiplier) and queries (queries.h), each charged to who asks before it leaves, and refused when
     * the budget is spent. NULL: none; a budget needs a ledger. The ledger is referenced as long as the dataset is served, and knows it by its key, so
     * that other rows need another key.
     */
    sy_ledger *ledger;
    const sy_budget *budget;
} sy_serve_options;
#define SY_SERVE_OPTIONS_INIT            \
    {                                    \
        .size = sizeof(sy_serve_options) \
    }

/*
 * FederatedClient.add_dataset: rows and targets, native, of equal length, which may be 0. `key` is the dataset's id at the worker. The tensors are copied. SY_EEXIST: the key is taken; SY_ESHAPE: the lengths; SY_EINVAL: a worker that is not
 * here, a key that is none, an option; SY_ENOMEM.
 */
SY_API sy_status sy_worker_serve_dataset(sy_worker *worker, const char *key, sy_tensor *data,
                                         sy_tensor *targets, const sy_serve_options *options,
                                         sy_error *err);
/*
 * The same from files: NPY, NPZ, IDX (as MNIST's, not compressed) and CSV, by their contents. NPY files, members of NPZ files (numpy.savez) that are not compressed, and IDX
 * files are read batch by batch, and may be larger than memory; they must not be changed while they are served: a file that became shorter gives SY_EIO.
 * "PATH:NAME" is a member of an NPZ file, which may be left out where it has only one. `targets` NULL: of a CSV file, which is a matrix, the last column; of an NPZ file, `data` and
 * `targets` (or `labels`), `x` and `y`, `X` and `y`, `images` and `labels`, `features` and `labels` (or `targets`), `inputs` and `targets`, `x_train` and `y_train`, `X_train` and
 * `y_train`, `train_images` and `train_labels`, or `arr_0` and `arr_1`, when one of these pairs is there. SY_ENOTFOUND, SY_EIO, SY_EFORMAT, SY_ENOTSUP (packed in another way than
 * deflate) name the file, and the member.
 */
SY_API sy_status sy_worker_serve_files(sy_worker *worker, const char *key, const char *data,
                                       const char *targets, const sy_serve_options *options,
                                       sy_error *err);
/*
 * All datasets of a directory, in the order of their keys, which are the names of their files:
 *
 *     NAME.csv                      the last column is the target
 *     NAME.npz                      rows and targets in one, as above
 *     NAME.E and NAME.targets.F     E, F: npy, csv, idx or npz
 *     NAME-images-idx3-ubyte and NAME-labels-idx1-ubyte     as MNIST's files are named; also with a point: NAME-images.idx3-ubyte
 *
 * Other files, hidden ones and subdirectories are skipped. `options` are for all of them; a file NAME.dataset beside it overrides them for
 * one, in lines "word value" with the words of csyft worker: tag, describe, release-rows, transform, target-transform, budget, allow. A word that may be
 * repeated replaces all of that kind that `options` give, and with no value behind it leaves none; empty lines, and lines that begin with "#", say nothing.
 * *served, nullable: how many there are, which may be 0.
 * All or nothing: on failure none of this call stays served. SY_ENOTFOUND: no such directory, or a file without what belongs to it; SY_EEXIST: a
 * key that is taken, or two files for one; SY_EFORMAT names a file, and the line of a NAME.dataset; SY_EIO; otherwise as sy_worker_serve_files.
 */
SY_API sy_status sy_worker_serve_directory(sy_worker *worker, const char *path,
                                           const sy_serve_options *options, size_t *served,
                                           sy_error *err);
/* remove_dataset: absent, nothing. What is training on it goes on. */
SY_API void sy_worker_withdraw_dataset(sy_worker *worker, const char *key);

/* --- at any client ----------------------------------------------------------------------------- */

/* The data of one worker. */
typedef struct sy_shard {
    sy_worker *worker;
    const char *key;
} sy_shard;

typedef struct sy_dataset_info {
    char key[72];
    int64_t rows;
    sy_dtype dtype, target_dtype; /* of batches, after transforms */
    int ndim, target_ndim;        /* of batches; the first dim is -1 */
    int64_t shape[SY_DIM_MAX], target_shape[SY_DIM_MAX];
    int64_t release_rows;
} sy_dataset_info;
/* What a worker says of a dataset. SY_ENOTFOUND, SY_EPERM, SY_EINVAL: an object that is no dataset. */
SY_API sy_status sy_shard_get_info(const sy_shard *shard, sy_dataset_info *info, sy_error *err);

typedef struct sy_trainer sy_trainer;

/*
 * Of a module, whose parameters and buffers (running statistics) are the model, and how it is trained (sy_module_to_training_plan). The optimizer's
 * state is new in every pass over a dataset that is asked for. Refs the module. What sy_module_to_training_plan gives.
 */
SY_API sy_status sy_trainer_new(sy_trainer **trainer, sy_module *module, const sy_plan_shape *input,
                                const sy_plan_shape *target, const sy_training_options *options,
                                sy_error *err);
SY_API void sy_trainer_free(sy_trainer *trainer); /* NULL is nothing */

/* TrainConfig */
typedef struct sy_fit_options {
    size_t size;
    int64_t batch_size;  /* 1 or more: 32 */
    int64_t epochs;      /* passes: 1 */
    int64_t max_batches; /* of all passes together; -1: no limit */
    bool shuffle;        /* anew in every pass: true */
    uint64_t seed;       /* of shuffling; 0: drawn */
    uint32_t timeout_ms; /* 0: the worker's */
    /* FedProx: after each step the parameters go back towards where they began, by this part of how far they were before the step. 0: not.
     * With plain SGD it is the learning rate times mu of Li and others 2020; 0 to below 1. */
    double proximal;
    /*
     * DP-SGD (Abadi and others 2016), above 0: in each step every row takes part with probability batch_size / rows, drawn by the worker; what a step on that row alone would change is
     * clipped to the L2 norm `clip` (the learning rate times the norm of a gradient, with plain SGD); their sum, with Gaussian noise of noise_multiplier times clip, divided
     * by batch_size, is what changes the parameters. Steps are epochs * rows / batch_size, rounded up, or max_batches. It costs what sy_rdp_add_subsampled_gaussian
     * says, at once, from the worker's budget (sy_serve_options): SY_EPERM when that does not suffice. Rows on which the model fails count for nothing; the loss is not told (NaN). Not with
     * `proximal`, nor for modules with buffers; an optimizer's state begins anew with every row, so let it be plain SGD. One pass of the plan for each row.
     */
    double noise_multiplier, clip;
} sy_fit_options;
#define SY_FIT_OPTIONS_INIT                                                               \
    {                                                                                     \
        .size = sizeof(sy_fit_options), .batch_size = 32, .epochs = 1, .max_batches = -1, \
        .shuffle = true                                                                   \
    }

typedef struct sy_fit_result {
    double loss;     /* mean over the rows of the last pass; NaN: not told */
    int64_t rows;    /* that were trained on, in the last pass */
    int64_t batches; /* steps, of all passes */
} sy_fit_result;

/*
 * fit: the worker trains a copy of the model on its dataset; the module's parameters become what it learned, and its buffers the running statistics
 * that batches there have moved. SY_ENOTFOUND: no such
 * dataset; SY_EPERM: it releases nothing, or batches are too small for what it releases; SY_ESHAPE, SY_EDTYPE: rows that the
 * model does not take; SY_ERANGE: a loss that is not finite, a target out of range, or not one full batch; SY_ETIMEDOUT; SY_EPROTO: an answer that is
 * no model. The sentence names worker and dataset. On failure the module is as it was.
 */
SY_API sy_status sy_trainer_fit(sy_trainer *trainer, const sy_shard *shard,
                                const sy_fit_options *options, sy_fit_result *result,
                                sy_error *err);

typedef enum sy_strategy {
    SY_STRATEGY_AVERAGE, /* FedAvg (McMahan and others 2017, algorithm 1): the mean of the models, by rows */
    SY_STRATEGY_ADAM, /* FedAdam (Reddi and others 2021, algorithm 2): Adam at the client, by the mean of the changes */
} sy_strategy;

typedef struct sy_round_options {
    size_t size;
    sy_fit_options fit; /* at each worker */
    sy_strategy strategy;
    size_t min_workers; /* a round fails unless so many answered: 1. Others are left out of it */
    double
        fraction; /* of the shards that take part, drawn anew in each round, at least min_workers: 1 */
    uint64_t seed; /* of that; 0: drawn */
    double
        update_max; /* L2 norm of one worker's change of the parameters, above which the worker is left out; 0: no limit */
    double lr, beta1, beta2, tau; /* of ADAM: 0.01, 0.9, 0.99, 1e-3 */
    /*
     * Holders of a sum: two or more workers among whom every worker shares its change of the model, so that nobody sees it, and nobody but the
     * client the sum of all; NULL: workers answer with their models. The holders may be workers that take part. Where they are, each change is clipped to update_max at its
     * worker. Buffers are in the sum, too, and not clipped. A sum of fewer than aggregate_min changes is not told: 3. They are exact to 2^-24, times the rows.
     */
    sy_worker *const *holders;
    size_t holder_count, aggregate_min;
} sy_round_options;
#define SY_ROUND_OPTIONS_INIT                                                                   \
    {                                                                                           \
        .size = sizeof(sy_round_options), .fit = SY_FIT_OPTIONS_INIT, .min_workers = 1,         \
        .fraction = 1, .lr = 0.01, .beta1 = 0.9, .beta2 = 0.99, .tau = 1e-3, .aggregate_min = 3 \
    }

/* Of one shard. */
typedef struct sy_shard_report {
    bool asked, counted;  /* did it take part; is it in the model */
    sy_fit_result result; /* when counted */
    sy_error why;         /* when asked, and not counted */
} sy_shard_report;

typedef struct sy_round_report {
    size_t counted;
    int64_t rows; /* of those that are counted */
    double loss;  /* mean over these */
    double seconds;
} sy_round_report;

/*
 * One round: every shard that takes part trains a copy of the model, all of them at the same time; the module becomes what the
 * strategy makes of them, and buffers their mean by rows (of running variances, too: not the variance of all rows together). Workers that fail, answer too late (fit.timeout_ms), or with something that is no such model, with a number that is not finite, or with a change above update_max are left out, and `shards_reports[k].why` says why. SY_EINVAL names the
 * option; SY_ECANCELED: fewer than min_workers answered, with the first one's reason; then the module is as it was. reports, nullable: room for one per shard.
 */
SY_API sy_status sy_trainer_round(sy_trainer *trainer, const sy_shard *shards, size_t count,
                                  const sy_round_options *options, sy_round_report *report,
                                  sy_shard_report *shard_reports, sy_error *err);
/* Rounds so far. */
SY_API int64_t sy_trainer_get_rounds(const sy_trainer *trainer);

/*
 * A checkpoint: the module's state as sy_module_save writes it in safetensors, which other programs read, and beside it the rounds and what the
 * strategy keeps. The file is whole or as it was before: save after each round, and a coordinator that was killed goes on from the last one. The order of
 * rows and the choice of workers are drawn anew from the seed and the number of rounds.
 * load: into a trainer of a module of equal build; on failure nothing has changed. SY_ENOTFOUND: no file, or a parameter is not in it;
 * SY_EFORMAT: no checkpoint; SY_ESHAPE; SY_EIO.
 */
SY_API sy_status sy_trainer_save(sy_trainer *trainer, const char *path, sy_error *err);
SY_API sy_status sy_trainer_load(sy_trainer *trainer, const char *path, sy_error *err);

typedef struct sy_evaluation {
    int64_t rows, right; /* right: rows whose greatest output is at the target */
    double loss;         /* mean; of the trainer's loss */
    /* return_histograms: by class, of what the model says and of the targets; room for `classes` each. NULL: not wanted */
    int64_t classes;
    int64_t *predicted, *targets;
} sy_evaluation;
/*
 * evaluate: by the model as it is, in eval mode (batch norms by their running statistics), on all rows of a dataset in batches of batch_size (0: 256), one message. `evaluation`: classes and the two arrays are set by the
 * caller. Outputs of one dim per row are scores of classes, and targets their numbers; of others `right` is -1. Errors as for fit.
 */
SY_API sy_status sy_trainer_evaluate(sy_trainer *trainer, const sy_shard *shard, int64_t batch_size,
                                     sy_evaluation *evaluation, sy_error *err);
/*
 * The same at many workers at the same time: rows, right answers and histograms are added up, the loss is the mean over all rows. Workers that fail are left
 * out, and reports[k].why says why (nullable; room for one per shard; result: loss and rows). SY_ECANCELED: none has answered, with the first one's reason; the arrays are then
 * anything, the other fields as they were.
 */
SY_API sy_status sy_trainer_evaluate_all(sy_trainer *trainer, const sy_shard *shards, size_t count,
                                         int64_t batch_size, sy_evaluation *evaluation,
                                         sy_shard_report *reports, sy_error *err);
/*
 * The same from the budget: the number of right rows, and their loss, clipped to 0 to `loss_max` each, with Gaussian noise of deviation
 * sqrt(2) * noise_multiplier rows, and as much of the sum of losses / loss_max. Cut to what is possible. Without histograms. Charged as one Gaussian mechanism.
 */
SY_API sy_status sy_trainer_evaluate_with_noise(sy_trainer *trainer, const sy_shard *shard,
                                                double noise_multiplier, double loss_max,
                                                sy_evaluation *evaluation, sy_error *err);

SY_END_DECLS

#endif
