/*
 * rows.h - one operation on fixed precision nodes: the arguments as operands of child operations, checks of
 * magnitudes, and handing over results. The table of rows is in rows.c. Room interpreters/precision only.
 *
 * A rule never returns a status: it works in the scope `s`, which latches the first failure (scope.h).
 */
#ifndef SYI_INTERPRETERS_PRECISION_ROWS_H
#define SYI_INTERPRETERS_PRECISION_ROWS_H

#include "interpreters/precision/fixed.h"

typedef struct syi_fixed_run {
    syi_call *call;
    sy_scope *s; /* records no gradients: the tape is above the chain */
    const syi_fixed *like;
    const syi_fixed_attributes *at; /* of `like`, and so of every result */
} syi_fixed_run;

typedef void (*syi_fixed_rule)(syi_fixed_run *r);

/* What a child operation gets of an argument. */
typedef struct syi_fixed_operand {
    sy_value value;         /* a tensor of integers, or an INT */
    const syi_fixed *fixed; /* where it came from a node; nullable */
    uint64_t most;          /* bound of the magnitudes, or UNKNOWN */
    bool scaled;            /* encoded: stands for value / scale */
} syi_fixed_operand;

/*
 * Argument k as an operand. Floats are encoded with the precision of the others; integers, too, when `scale`
 * asks for it, and are taken as they are otherwise (so is a float that is whole). A fixed precision of other
 * attributes, a pointer beside a local one and whatever is no number are refused. false after a failure.
 */
bool syi_fixed_take(syi_fixed_run *r, int k, bool scale, syi_fixed_operand *operand);
/* The same of any value. */
bool syi_fixed_take_value(syi_fixed_run *r, const sy_value *value, bool scale,
                          syi_fixed_operand *operand);
/* The exact bound of an operand that is here; UNKNOWN elsewhere. */
uint64_t syi_fixed_look(const syi_fixed_operand *operand);
sy_tensor *syi_fixed_operand_tensor(const syi_fixed_operand *operand); /* NULL: a number */

/* Argument k as a handle: of fixed precision, or what it is. For rules written on rows of their own. */
sy_tensor *syi_fixed_handle(syi_fixed_run *r, int k);

/* Hands over a child as the next result (in place: writes it into self's). */
void syi_fixed_emit(syi_fixed_run *r, sy_tensor *child, uint64_t most);
/* Hands over a handle of fixed precision as the next result. */
void syi_fixed_emit_handle(syi_fixed_run *r, sy_tensor *fixed);
/* Elements of a tensor; false after a failure. */
bool syi_fixed_numel(syi_fixed_run *r, sy_tensor *tensor, int64_t *count);

/* a * b + c, saturating below UNKNOWN; UNKNOWN when a or b is. */
uint64_t syi_fixed_bound_mul(uint64_t a, uint64_t b);
uint64_t syi_fixed_bound_add(uint64_t a, uint64_t b);

/* The child of a row by name on operands' values. */
sy_tensor *syi_fixed_child_pair(syi_fixed_run *r, syi_op_id id, const syi_fixed_operand *a,
                                const syi_fixed_operand *b);
/* child / divisor toward zero. */
sy_tensor *syi_fixed_divide(sy_scope *s, sy_tensor *child, int64_t divisor);
/* Integers (also bool) to what the field is kept in. */
sy_tensor *syi_fixed_store(syi_fixed_run *r, sy_tensor *child);

/*
 * The magnitude of a op b for op add, mul, matmul (`terms` products each; 1 for mul): from the bounds; when
 * those pass the field, from the exact magnitudes; when those pass it, too, in double. Refuses (and returns 0)
 * what passes the field; UNKNOWN where an operand is not here.
 */
uint64_t syi_fixed_check(syi_fixed_run *r, syi_op_id op, const syi_fixed_operand *a,
                         const syi_fixed_operand *b, uint64_t terms);

/* The interpreter's call, and the COMPOSITE rows among its own. */
bool syi_fixed_answers_whole(const syi_op *op);
sy_status syi_fixed_call(syi_call *call, sy_error *err);

/* arithmetic.c */
void syi_fixed_add(syi_fixed_run *r);
void syi_fixed_sub(syi_fixed_run *r);
void syi_fixed_rsub(syi_fixed_run *r);
void syi_fixed_sign(syi_fixed_run *r);
void syi_fixed_ones_like(syi_fixed_run *r);
void syi_fixed_constant(syi_fixed_run *r);
void syi_fixed_compare(syi_fixed_run *r);
void syi_fixed_where(syi_fixed_run *r);
void syi_fixed_to(syi_fixed_run *r);
void syi_fixed_copy_(syi_fixed_run *r);
void syi_fixed_fill_(syi_fixed_run *r);
void syi_fixed_sgd_(syi_fixed_run *r);
void syi_fixed_index_add(syi_fixed_run *r);
/* products.c */
void syi_fixed_mul(syi_fixed_run *r);
void syi_fixed_div(syi_fixed_run *r);
void syi_fixed_pow(syi_fixed_run *r);
void syi_fixed_matmul(syi_fixed_run *r);
void syi_fixed_addmm(syi_fixed_run *r);
void syi_fixed_linear(syi_fixed_run *r);
void syi_fixed_convolution(syi_fixed_run *r);
void syi_fixed_square(syi_fixed_run *r);
void syi_fixed_mse_loss(syi_fixed_run *r);
void syi_fixed_mse_loss_backward(syi_fixed_run *r);
void syi_fixed_sigmoid_backward(syi_fixed_run *r);
void syi_fixed_tanh_backward(syi_fixed_run *r);
/* reductions.c */
void syi_fixed_sum(syi_fixed_run *r);
void syi_fixed_mean(syi_fixed_run *r);
void syi_fixed_sum_to_size(syi_fixed_run *r);
void syi_fixed_cumsum(syi_fixed_run *r);
void syi_fixed_extremum(syi_fixed_run *r);
void syi_fixed_arg_extremum(syi_fixed_run *r);
void syi_fixed_pool(syi_fixed_run *r);
/* approximations.c */
void syi_fixed_function(syi_fixed_run *r);

#endif
