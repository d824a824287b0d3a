/*
 * datasets.h - rows with what is to be learned about them, at one worker or spread over several, and batches of them.
 *
 *     sy_dataset_new(&digits, images, labels, err);
 *     sy_dataset_federate(digits, workers, 3, &spread, err);      a third of the rows to each
 *     sy_federated_loader_new(&loader, spread, &options, err);
 *     while (sy_federated_loader_next(loader, &batch, 1, &count, err) == SY_OK && count > 0) {
 *         ... batch.data and batch.targets are at batch.location ...
 *         sy_federated_batch_fini(&batch);
 *     }
 *
 * What it is for: the loops of PySyft's tutorials, where a client goes through batches that stay where they are. A batch
 * is one message for its rows and one for its targets, whatever its size.
 *
 * PySyft 0.2: syft/frameworks/torch/fl (BaseDataset, FederatedDataset, FederatedDataLoader, utils). Where csyft differs,
 * and why: docs/guide/federated.md.
 *
 * Ownership: get functions give borrowed references; what comes back through `**` belongs to the caller and is NULL
 * after a failure. A dataset refs its tensors, a federated dataset its datasets, a loader its federated dataset.
 * Threads: each object belongs to one at a time. Functions that ask workers return what such requests return
 * (pointer.h), and all of them SY_ENOMEM.
 */
#ifndef CSYFT_DATASETS_H
#define CSYFT_DATASETS_H

#include <csyft/nn.h>
#include <csyft/precision.h>
#include <csyft/sharing.h>

SY_BEGIN_DECLS

/* --- one dataset ------------------------------------------------------------------------------- */

typedef struct sy_dataset sy_dataset;

/*
 * BaseDataset(data, targets): both here, or both pointers to one worker, or both shared by the same holders, with fixed
 * precision or not; of equal length along their first dim, which may be 0. SY_EINVAL: a scalar, or NULL; SY_ESHAPE: the
 * lengths, both of which are said; SY_ECOLLOCATION: where they are.
 */
SY_API sy_status sy_dataset_new(sy_dataset **dataset, sy_tensor *data, sy_tensor *targets,
                                sy_error *err);
SY_API sy_dataset *sy_dataset_ref(sy_dataset *dataset);
SY_API void sy_dataset_unref(sy_dataset *dataset); /* NULL is nothing */

SY_API int64_t sy_dataset_get_length(const sy_dataset *dataset);
SY_API sy_tensor *sy_dataset_get_data(const sy_dataset *dataset);
SY_API sy_tensor *sy_dataset_get_targets(const sy_dataset *dataset);
/* The worker that both are at; NULL: here, or shared. (location) */
SY_API sy_worker *sy_dataset_get_location(const sy_dataset *dataset);

/* dataset[index], views of both where the dataset is. Negative: from the end. SY_ERANGE. */
SY_API sy_status sy_dataset_get_item(sy_dataset *dataset, int64_t index, sy_tensor **data,
                                     sy_tensor **target, sy_error *err);
/* Copies of these rows, in this order, where the dataset is: default_collate of the items, in two messages instead of
 * two for each. Negative as above; `count` may be 0. SY_ERANGE names the index that is out of range. */
SY_API sy_status sy_dataset_get_batch(sy_dataset *dataset, const int64_t *indices, size_t count,
                                      sy_tensor **data, sy_tensor **targets, sy_error *err);

/*
 * In place, for every holder of these tensors: both of them, or neither, whatever fails. send: both to the worker; get:
 * both here, and what their pointers own there goes. Data that are where they should be already: SY_EINVAL.
 */
SY_API sy_status sy_dataset_send(sy_dataset *dataset, sy_worker *location, sy_error *err);
SY_API sy_status sy_dataset_get(sy_dataset *dataset, sy_error *err);
/* options nullable, as in sy_tensor_fix_precision; targets are encoded, too. */
SY_API sy_status sy_dataset_fix_precision(sy_dataset *dataset, const sy_precision_options *options,
                                          sy_error *err);
SY_API sy_status sy_dataset_float_precision(sy_dataset *dataset, sy_error *err);
/* options nullable, as in sy_tensor_share_with. */
SY_API sy_status sy_dataset_share(sy_dataset *dataset, sy_worker *const *owners, size_t count,
                                  const sy_share_options *options, sy_error *err);

/* data = function(data), of data that is native and here only, and gives such: SY_EINVAL otherwise (the reference's
 * TypeError). The length must stay: SY_ESHAPE. The function's operations belong to `scope`, and what fails there is
 * returned; the old tensor stays as it is. */
typedef sy_tensor *(*sy_transform_fn)(sy_scope *scope, sy_tensor *data, void *user);
SY_API sy_status sy_dataset_transform(sy_dataset *dataset, sy_transform_fn function, void *user,
                                      sy_error *err);

/*
 * default_collate of tensors: stacked along a new first dim, where they are. SY_EINVAL: none; SY_ESHAPE, SY_EDTYPE: two
 * that are not alike. Numbers make a tensor of one dim: int64 or float64.
 */
SY_API sy_status sy_collate_tensors(sy_tensor *const *items, size_t count, sy_tensor **batch,
                                    sy_error *err);
SY_API sy_status sy_collate_integers(sy_hook *hook, const int64_t *items, size_t count,
                                     sy_tensor **batch, sy_error *err);
SY_API sy_status sy_collate_reals(sy_hook *hook, const double *items, size_t count,
                                  sy_tensor **batch, sy_error *err);

/* --- datasets of several workers --------------------------------------------------------------- */

typedef struct sy_federated_dataset sy_federated_dataset;

/*
 * dataset_federate: rows in order, ceil(length / count) to each worker in turn, so that the last ones may get fewer, or
 * none: 5 rows over 4 workers are 2, 2, 1, and the fourth has no dataset. The dataset stays as it is; copies of its
 * rows are sent. Says at level info to whom. SY_EINVAL: it is not here, or has no rows; no worker, one twice. Nothing
 * stays anywhere after a failure.
 */
SY_API sy_status sy_dataset_federate(sy_dataset *dataset, sy_worker *const *workers, size_t count,
                                     sy_federated_dataset **federated, sy_error *err);
/*
 * FederatedDataset(datasets): each at a worker. Several may be at one worker: their rows follow each other there (the
 * reference keeps the last one only). SY_EINVAL: one that is at no worker, or none at all; SY_ESHAPE, SY_EDTYPE: rows
 * that are not alike; workers and shapes are said.
 */
SY_API sy_status sy_federated_dataset_new(sy_federated_dataset **federated,
                                          sy_dataset *const *datasets, size_t count, sy_error *err);
SY_API sy_federated_dataset *sy_federated_dataset_ref(sy_federated_dataset *federated);
SY_API void sy_federated_dataset_unref(sy_federated_dataset *federated); /* NULL is nothing */

/* workers: in the order in which they came first. */
SY_API size_t sy_federated_dataset_get_worker_count(const sy_federated_dataset *federated);
SY_API sy_worker *sy_federated_dataset_get_worker(const sy_federated_dataset *federated,
                                                  size_t index); /* NULL beyond the last */
/* federated[worker]: its datasets; NULL beyond the last, or for a worker that has none. */
SY_API size_t sy_federated_dataset_get_count(const sy_federated_dataset *federated,
                                             const sy_worker *worker);
SY_API sy_dataset *sy_federated_dataset_get(const sy_federated_dataset *federated,
                                            const sy_worker *worker, size_t index);
/* Rows, of all workers. */
SY_API int64_t sy_federated_dataset_get_length(const sy_federated_dataset *federated);
/* Rows at one worker. */
SY_API int64_t sy_federated_dataset_get_rows(const sy_federated_dataset *federated,
                                             const sy_worker *worker);
/* The three lines of the reference's repr; freed with sy_string_free. */
SY_API sy_status sy_federated_dataset_to_text(const sy_federated_dataset *federated, char **text,
                                              sy_error *err);

/* --- batches ----------------------------------------------------------------------------------- */

typedef struct sy_federated_loader sy_federated_loader;

typedef struct sy_loader_options {
    size_t size;          /* sizeof(sy_loader_options) */
    int64_t batch_size;   /* 1 or more */
    bool shuffle;         /* the rows of each worker, anew in every pass */
    bool drop_last;       /* of each worker: a batch that is not full */
    bool iter_per_worker; /* a step has a batch of every worker that has any left */
    int num_iterators; /* batches in a step, of different workers; 1 or more, at most workers - 1 count (1 of one
                          worker) */
    uint64_t seed; /* of shuffling; 0: drawn from the context's randomness */
} sy_loader_options;
#define SY_LOADER_OPTIONS_INIT                                                 \
    {                                                                          \
        .size = sizeof(sy_loader_options), .batch_size = 8, .num_iterators = 1 \
    }

/*
 * FederatedDataLoader. One iterator: all batches of the first worker, then those of the second, ... num_iterators n: n
 * of them, each of which goes through all workers by itself and begins at another one, so that a pass gives every row n
 * times; none is at a worker where another one is at work: it waits. iter_per_worker: in every step one batch of each
 * worker that has one left; it goes on until the last worker is done (the reference stops with the shortest, and where
 * an iterator would have to wait).
 *
 * Shuffled: every order of a worker's rows is as likely as any other, and another one in each pass and for each
 * iterator. The same seed, options and datasets give the same orders, on any machine.
 *
 * options nullable. SY_EINVAL names the option.
 */
SY_API sy_status sy_federated_loader_new(sy_federated_loader **loader,
                                         sy_federated_dataset *federated,
                                         const sy_loader_options *options, sy_error *err);
SY_API void sy_federated_loader_free(sy_federated_loader *loader); /* NULL is nothing */

/* Batches that a pass gives in all (of one iterator: steps), as many as come: of each worker by its own rows. */
SY_API int64_t sy_federated_loader_get_length(const sy_federated_loader *loader);
/* Batches that a step has at most. */
SY_API size_t sy_federated_loader_get_width(const sy_federated_loader *loader);

/*
 * Rows are in the order of the dataset, or in that of the shuffle; where several datasets of one worker have a part in a
 * shuffled batch, those of the first come first. Shuffled rows are copies. Others are a view of the dataset, which costs
 * nothing at the worker, and an operation in place on it changes the dataset: clone it before (sy_clone).
 */
typedef struct sy_federated_batch {
    sy_worker *location;       /* borrowed */
    sy_tensor *data, *targets; /* pointers, owned */
    int64_t rows;
} sy_federated_batch;
SY_API void sy_federated_batch_fini(sy_federated_batch *batch); /* twice is once */
/* All of an array that sy_federated_loader_extract gave. NULL is nothing. */
SY_API void sy_federated_batches_free(sy_hook *hook, sy_federated_batch *batches, size_t count);

/*
 * The next step: its batches, of distinct workers; none (*count 0) at the end of the pass, and the step after that
 * begins the next one. All workers are asked before the first answer is waited for. SY_EINVAL: `capacity` below the
 * width; SY_ECOLLOCATION: a dataset is not where it was. On failure nothing is given, and the same step comes again.
 */
SY_API sy_status sy_federated_loader_next(sy_federated_loader *loader, sy_federated_batch *batches,
                                          size_t capacity, size_t *count, sy_error *err);
/* iter(loader): begins a pass anew; nothing when one has just begun. */
SY_API void sy_federated_loader_rewind(sy_federated_loader *loader);

/* extract_batches_per_worker: all batches of a new pass, in the order of workers; all stay there until they are
 * freed (sy_federated_batches_free). Nothing is left of them after a failure. SY_EINVAL: more iterators than one. */
SY_API sy_status sy_federated_loader_extract(sy_federated_loader *loader,
                                             sy_federated_batch **batches, size_t *count,
                                             sy_error *err);

/* --- models ------------------------------------------------------------------------------------ */

/*
 * add_model: dst += src, parameter by parameter, at their worker for pointers; buffers stay, and nothing is recorded.
 * SY_EINVAL: names or shapes that are not the same (both are said), SY_ECOLLOCATION: parameters at different places;
 * nothing is changed then. scale_model: parameters *= scale, which is finite. A worker that fails on the way leaves
 * the parameters before it changed.
 */
SY_API sy_status sy_module_add_model(sy_module *dst, sy_module *src, sy_error *err);
SY_API sy_status sy_module_scale_model(sy_module *module, double scale, sy_error *err);
/* federated_avg: the mean of the parameters, in the first model; the others are left. weights nullable: positive, of
 * rows for example. Errors as above, SY_EINVAL also for no models; all means are there before the first is taken over. */
SY_API sy_status sy_federated_avg(sy_module *const *models, size_t count, const double *weights,
                                  sy_error *err);
/* The part of rows (N, classes) whose greatest is at the target (N, integers); of pointers, their worker counts, and the
 * number comes here. SY_ESHAPE, SY_EDTYPE; SY_ERANGE for no rows. */
SY_API sy_status sy_accuracy(sy_tensor *predicted, sy_tensor *targets, double *accuracy,
                             sy_error *err);

/* --- toy data ---------------------------------------------------------------------------------- */

/* create_gaussian_mixture_toy_data: rows / 2 of N(0, 1) with target 0, then rows / 2 of N(2, 1) with 1, in 2 columns of
 * float32; targets int64. Drawn as sy_randn draws. SY_EINVAL for fewer than 2. */
SY_API sy_status sy_gaussian_mixture_toy_data(sy_hook *hook, int64_t rows, sy_dataset **dataset,
                                              sy_error *err);
/* iris_data_partial: 30 rows of Fisher's iris data, 10 of each kind, in 4 columns of float32; targets int64. */
SY_API sy_status sy_iris_data_partial(sy_hook *hook, sy_dataset **dataset, sy_error *err);

SY_END_DECLS

#endif
