/*
 * trainer.h - what the parts of federated training share: the worker commands (training_commands.c), one request from the client (trainer.c),
 * rounds (rounds.c, strategies.c). Face: <csyft/federated.h>. Tests: tests/integration/federated_training.c.
 */
#ifndef SYI_FEDERATED_TRAINER_H
#define SYI_FEDERATED_TRAINER_H

#include <csyft/federated.h>

#include "federated/training/aggregation.h"
#include "hook/hook.h"
#include "workers/commands.h"
#include "workers/link.h"

#define SYI_COMMAND_FIT "fit"
#define SYI_COMMAND_EVALUATE "evaluate"
#define SYI_EVALUATION_CLASSES_MAX 4096 /* of histograms */

/* How workers that fit contribute to a sum instead of answering with their parameters. */
typedef struct syi_secure_fit {
    const syi_aggregation *aggregation; /* NULL: they answer */
    size_t least;
    double clip; /* the greatest L2 norm of a change; 0: no limit */
} syi_secure_fit;

/* Of the last pass; loss is their sum, and of an answer the mean. */
typedef struct syi_fit_tally {
    double loss;
    int64_t rows, batches;
} syi_fit_tally;

typedef enum syi_trainer_plan { SYI_TRAINER_FIT, SYI_TRAINER_EVALUATE } syi_trainer_plan;

/* The plans that a worker has. */
typedef struct syi_trainer_place {
    struct syi_trainer_place *next;
    sy_worker *worker;                               /* borrowed */
    sy_pointer_plan *plans[2];                       /* NULL: not sent yet */
    sy_worker *holders[SYI_AGGREGATION_HOLDERS_MAX]; /* it was told where they are; borrowed */
    size_t holder_count;
} syi_trainer_place;

struct sy_trainer {
    sy_hook *hook;
    sy_module *module; /* a reference */
    sy_plan *plans[2]; /* of a batch and its targets: the loss; outputs and loss */
    syi_trainer_place *places;
    size_t parameter_count, buffer_count; /* of the module; buffers are running statistics */
    int64_t rounds;
    uint64_t seed;        /* of what is drawn */
    double *m, *v;        /* of ADAM: element by element of all parameters; NULL: not begun */
    size_t element_count; /* of all parameters */
    size_t state_count;   /* of all parameters and then all buffers */
};

/* One fit at a worker, under way. */
typedef struct syi_fit {
    syi_exchange exchange;
    bool begun, noisy;
    uint64_t deadline;
} syi_fit;

/* What is known of a worker; made when there is nothing yet. SY_ENOMEM. */
sy_status syi_trainer_place_of(sy_trainer *trainer, sy_worker *worker, syi_trainer_place **place,
                               sy_error *err);
/*
 * Asks for a command about the dataset with a plan of the trainer's, sent when it is not there yet, and the model as it is; args[3..count) are the
 * caller's. The exchange is to be waited for. A failure names worker and dataset.
 */
sy_status syi_trainer_begin(sy_trainer *trainer, const sy_shard *shard, syi_trainer_plan which,
                            const char *command, sy_value *args, size_t count, uint64_t deadline,
                            syi_exchange *exchange, sy_error *err);
/* The worker has lost it: it was started anew, say. */
void syi_trainer_forget_plan(sy_trainer *trainer, sy_worker *worker, syi_trainer_plan which);

/* Sends the request; a plan that is not there is sent before. */
sy_status syi_fit_begin(sy_trainer *trainer, const sy_shard *shard, const sy_fit_options *options,
                        const syi_secure_fit *secure, syi_fit *fit, sy_error *err);
/*
 * Waits for the answer. `state`: room for the elements of all parameters and buffers, one after the other; finite, and of the module's shapes, or
 * SY_EPROTO; NULL: there are none. Ends a fit that was begun.
 */
sy_status syi_fit_finish(sy_trainer *trainer, const sy_shard *shard, syi_fit *fit, double *state,
                         sy_fit_result *result, sy_error *err);
/* All elements of all parameters and then buffers, one after the other; and back. */
sy_status syi_trainer_read(const sy_trainer *trainer, double *state, sy_error *err);
sy_status syi_trainer_write(sy_trainer *trainer, const double *state, sy_error *err);
/* The caller's version of the struct, checked: SY_EINVAL names the option. */
sy_status syi_fit_options_read(const sy_fit_options *given, sy_fit_options *all, sy_error *err);

sy_status syi_training_commands_register(sy_hook *hook, sy_error *err);

#endif
