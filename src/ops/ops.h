/*
 * ops.h - the table of operations: ids, names, argument binding, shape and promotion rules, cost.
 * Nothing here computes on elements. Rows: include/csyft/ops.def. Parts: ops.c (rows), names.c,
 * schema.c, bind.c, infer.c with a file of rules per subject, promote.c, cost.c; a test beside each.
 */
#ifndef SYI_OPS_OPS_H
#define SYI_OPS_OPS_H

#include "arrays/array.h"

typedef enum syi_op_id {
#define SY_OP(name, form, schema, infer, outputs, flags, rows, cost, aliases) SYI_OP_##name,
#include <csyft/ops.def>
#undef SY_OP
    SYI_OP_COUNT
} syi_op_id;

enum {
    SYI_OP_INPLACE = 1u << 0,
    SYI_OP_ONLY_INPLACE = 1u << 1,
    SYI_OP_VIEW = 1u << 2,
    SYI_OP_COMPOSITE = 1u << 3,
    SYI_OP_VALUE = 1u << 4,
    SYI_OP_RANDOM = 1u << 5,
    SYI_OP_PEER = 1u << 6,
    SYI_OP_OVERWRITE = 1u << 7,
    SYI_OP_WRITES = 1u << 8,
};

typedef enum syi_rows_rule {
    SYI_ROWS_NONE,
    SYI_ROWS_EACH,
    SYI_ROWS_MATMUL,
    SYI_ROWS_FIRST,
    SYI_ROWS_RESHAPE,
    SYI_ROWS_NARROW,
    SYI_ROWS_LOSS,
    SYI_ROWS_LAYER,
} syi_rows_rule;

typedef enum syi_cost_rule {
    SYI_COST_VIEW,
    SYI_COST_ELEMENTS,
    SYI_COST_COSTLY,
    SYI_COST_MATMUL,
} syi_cost_rule;

#define SYI_ARGUMENT_MAX 12 /* most parameters of a row */
#define SYI_OUTPUT_MAX 64   /* most tensors one operation returns */

/* Kinds of sy_value that stay inside the library. as.internal points to the thing. */
enum {
    SYI_VALUE_ARRAY = SY_VALUE_INTERNAL, /* const syi_array * : below the hook */
    SYI_VALUE_NODE,                      /* syi_node * : between interpreters */
};

typedef enum syi_parameter_type {
    SYI_PARAMETER_TENSOR,
    SYI_PARAMETER_TENSORS,
    SYI_PARAMETER_TENSOR_OR_SCALAR,
    SYI_PARAMETER_SCALAR,
    SYI_PARAMETER_INT,
    SYI_PARAMETER_INTS,
    SYI_PARAMETER_BOOL,
    SYI_PARAMETER_FLOAT,
    SYI_PARAMETER_DTYPE,
    SYI_PARAMETER_STRING,
    SYI_PARAMETER_INDEX,
} syi_parameter_type;

typedef struct syi_parameter {
    char name[24];
    syi_parameter_type type;
    bool optional;          /* none allowed and the default */
    bool has_default;       /* default_value holds it */
    sy_value default_value; /* INT, FLOAT, BOOL or STRING (static text) */
} syi_parameter;

/* What a rule says about the results. outs[k] with storage are finished (views of an argument);
 * without storage they are descriptions the framework fills. */
typedef struct syi_inference {
    int count;
    bool
        unknown; /* the shape depends on contents; only running tells: ndim 1, shape -1, no storage */
    syi_array *outs; /* the caller's room for SYI_OUTPUT_MAX arrays; unused entries untouched */
} syi_inference;

typedef struct syi_op syi_op;
typedef sy_status (*syi_infer_fn)(const syi_op *op, const sy_value *args, syi_inference *result,
                                  sy_error *err);

struct syi_op {
    syi_op_id id;
    const char *name;
    const char *schema;
    syi_infer_fn infer;
    int outputs; /* -1: the rule tells */
    unsigned flags;
    syi_rows_rule rows;
    syi_cost_rule cost;
    const char *aliases;
};

/* The parsed table: names, aliases and parameters. Immutable once made; any thread. One per hook. */
typedef struct syi_ops syi_ops;
sy_status syi_ops_new(sy_context *context, syi_ops **ops, sy_error *err);
void syi_ops_free(syi_ops *ops);

const syi_op *syi_op_get(syi_op_id id); /* static row; id in range */
const syi_parameter *syi_ops_get_parameters(const syi_ops *ops, syi_op_id id, int *count);

/* Row of a name as users and peers write it: "add", "add_", "torch.add", "torch.nn.functional.relu",
 * "__add__", "__iadd__" (in place), aliases. false when unknown; *inplace tells which form. The name
 * need not be terminated: `length` bytes. */
bool syi_ops_find(const syi_ops *ops, const char *name, size_t length, const syi_op **op,
                  bool *inplace);

/* "torch.add" -> "torch.native_add" (TorchAttributes.get_native_torch_name, 003). Returns buffer. */
const char *syi_native_name(const char *name, char *buffer, size_t size);
/* Last character '_' and no "__" inside (TorchAttributes.is_inplace_method, 003). */
bool syi_is_inplace_name(const char *name);

/*
 * Binds positional and named arguments to the row's parameters: bound[0..n) receives one value per
 * parameter, defaults filled in, an int accepted for i[], f, S; a bool for S; tensors for TS. Tensor
 * kinds TENSOR, NODE and ARRAY are all "a tensor" here. SY_EINVAL names operation, parameter, what came
 * and what is expected; too many, unknown or doubled names are refused, never dropped.
 *
 * As in PyTorch: view(2, 3) means view([2, 3]); arange(5) and randint(5, [2]) leave out their first
 * parameter; the names input, axis and keepdims stand for self, dim and keepdim.
 * bound[] borrows from args and kwargs (an int bound to i[] becomes a list of that very value), so it
 * may not be the same array, and does not outlive them.
 */
sy_status syi_ops_bind(const syi_ops *ops, const syi_op *op, const sy_value *args, size_t arg_count,
                       const sy_named_value *kwargs, size_t kwarg_count,
                       sy_value bound[SYI_ARGUMENT_MAX], sy_error *err);

/* Applies the row's rule to bound arguments whose tensors are ARRAY values (with or without storage).
 * Adds the operation's name to the sentence: "matmul: 3x4 by 5x2 ...". On failure no outs are held. */
sy_status syi_op_infer(const syi_op *op, const sy_value *args, syi_inference *result,
                       sy_error *err);

/* May the inferred result be stored in self? SY_ESHAPE when its shape is not exactly self's, SY_EDTYPE
 * when torch.can_cast refuses (float to integer, anything but bool to bool), SY_EINVAL when elements of
 * self share an address. */
sy_status syi_op_check_inplace(const syi_op *op, const syi_array *self, const syi_array *inferred,
                               sy_error *err);

/* Bytes of storage the results will newly need; 0 while unknown. UINT64_MAX when they cannot be counted. */
uint64_t syi_inference_bytes(const syi_inference *result);
/* Rough running time in ns on one core, for scheduling only. */
uint64_t syi_op_cost(const syi_op *op, const sy_value *args, const syi_inference *result);

/* The dtype in which a pointwise operation on these operands computes (PyTorch's result_type: tensors
 * with dims first, then 0-dim tensors, then plain numbers by category). Values are ARRAY, INT, FLOAT,
 * BOOL; others are ignored. */
sy_dtype syi_result_type(const sy_value *operands, size_t count);

#endif
