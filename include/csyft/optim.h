/*
 * optim.h - optimizers with a state per parameter: SGD with momentum, and Adam, as in PyTorch 1.13 (torch.optim).
 *
 *     sy_adam_options options = SY_ADAM_OPTIONS_INIT;
 *     options.lr = 0.01;
 *     sy_optimizer_new_adam(&optimizer, net, &options, err);
 *     ... backward ...
 *     sy_optimizer_step(optimizer, err);
 *     sy_optimizer_zero_grad(optimizer, err);
 *
 * The state lives where its parameter lives: made there by the first step, updated there by one message per parameter
 * and step, and brought after the parameter when that was sent, moved or taken back in between, also in the middle of
 * a training (from worker to worker directly). What a worker holds back as private stays there: the step is refused
 * with its sentence. Parameters without a gradient are left alone.
 *
 * An optimizer belongs to one thread. Its functions return SY_ENOMEM, and what the operations in them return; the first
 * failure ends a step, and parameters before it are updated.
 */
#ifndef CSYFT_OPTIM_H
#define CSYFT_OPTIM_H

#include <csyft/nn.h>

SY_BEGIN_DECLS

typedef struct sy_optimizer sy_optimizer;

typedef struct sy_sgd_options {
    size_t size;         /* sizeof(sy_sgd_options) */
    double lr;           /* learning rate, at least 0 */
    double momentum;     /* at least 0; 0: no state */
    double dampening;    /* of the gradient in the momentum, from the second step on */
    double weight_decay; /* at least 0: the gradient grows by weight_decay * parameter */
    bool nesterov;       /* needs momentum, and no dampening */
} sy_sgd_options;
#define SY_SGD_OPTIONS_INIT                           \
    {                                                 \
        sizeof(sy_sgd_options), 0.01, 0, 0, 0, false, \
    }

typedef struct sy_adam_options {
    size_t size;         /* sizeof(sy_adam_options) */
    double lr;           /* at least 0 */
    double beta1, beta2; /* in [0, 1) */
    double eps;          /* at least 0 */
    double weight_decay; /* at least 0: the gradient grows by weight_decay * parameter */
    bool amsgrad;        /* divide by the largest average of squares so far */
} sy_adam_options;
#define SY_ADAM_OPTIONS_INIT                                        \
    {                                                               \
        sizeof(sy_adam_options), 0.001, 0.9, 0.999, 1e-8, 0, false, \
    }

/* For all parameters of the module, of which it takes references (not of the module). `options` may be NULL.
 * SY_EINVAL names the option that is out of range. */
SY_API sy_status sy_optimizer_new_sgd(sy_optimizer **optimizer, sy_module *module,
                                      const sy_sgd_options *options, sy_error *err);
SY_API sy_status sy_optimizer_new_adam(sy_optimizer **optimizer, sy_module *module,
                                       const sy_adam_options *options, sy_error *err);
/* The same for any parameters of one hook. */
SY_API sy_status sy_optimizer_new_sgd_of(sy_hook *hook, sy_optimizer **optimizer,
                                         sy_tensor *const *parameters, size_t count,
                                         const sy_sgd_options *options, sy_error *err);
SY_API sy_status sy_optimizer_new_adam_of(sy_hook *hook, sy_optimizer **optimizer,
                                          sy_tensor *const *parameters, size_t count,
                                          const sy_adam_options *options, sy_error *err);
/* Drops the states, also at workers. NULL is nothing. */
SY_API void sy_optimizer_free(sy_optimizer *optimizer);

SY_API sy_status sy_optimizer_step(sy_optimizer *optimizer, sy_error *err);
/* Sets every grad to none, also at other workers. */
SY_API sy_status sy_optimizer_zero_grad(sy_optimizer *optimizer, sy_error *err);
/* Brings every state to where its parameter is now; a step does so by itself. */
SY_API sy_status sy_optimizer_follow(sy_optimizer *optimizer, sy_error *err);

SY_API double sy_optimizer_get_lr(const sy_optimizer *optimizer);
/* SY_EINVAL for a learning rate that is negative or not finite. */
SY_API sy_status sy_optimizer_set_lr(sy_optimizer *optimizer, double lr, sy_error *err);
/* Part of the state of one parameter, borrowed: "momentum_buffer"; "exp_avg", "exp_avg_sq", "max_exp_avg_sq". NULL when
 * there is none (yet). */
SY_API sy_tensor *sy_optimizer_get_state(const sy_optimizer *optimizer, size_t parameter,
                                         const char *name);
/* Steps that one parameter has taken. */
SY_API int64_t sy_optimizer_get_step(const sy_optimizer *optimizer, size_t parameter);

/* A loss of a module's output and a target: sy_cross_entropy, sy_mse_loss, ..., or one of your own. */
typedef sy_tensor *(*sy_loss_fn)(sy_scope *scope, sy_tensor *output, sy_tensor *target);

typedef struct sy_training_options {
    size_t size;      /* sizeof(sy_training_options) */
    const char *name; /* of the plan; NULL: "train" */
    sy_loss_fn loss;  /* NULL: sy_cross_entropy */
    /* One of the two, or none: plain SGD with a learning rate of 0.01. Not in SGD: dampening. */
    const sy_sgd_options *sgd;
    const sy_adam_options *adam;
} sy_training_options;
#define SY_TRAINING_OPTIONS_INIT            \
    {                                       \
        .size = sizeof(sy_training_options) \
    }

/*
 * One step of training as a plan (plan.h): takes a batch and its targets, computes the loss and its gradients, updates the
 * parameters and gives the loss. Run at a worker it is one message per step. State: the module's parameters and buffers,
 * then the optimizer's ("momentum_buffer.0.weight"; "exp_avg.0.weight", "exp_avg_sq.", "max_exp_avg_sq.", and "step"),
 * which starts anew. Leave the first dim of both shapes open for a last batch that is shorter. The steps are those of
 * sy_optimizer_step; Adam's differ from them in the last bits. SY_EINVAL as sy_optimizer_new_*.
 */
SY_API sy_status sy_module_to_training_plan(sy_module *module, sy_plan **plan,
                                            const sy_plan_shape *input, const sy_plan_shape *target,
                                            const sy_training_options *options, sy_error *err);

SY_END_DECLS

#endif
