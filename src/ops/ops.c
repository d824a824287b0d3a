/* ops.c - the rows of ops.def, and the parsed table made of them. Test: ops_test.c. */
#include "ops/ops.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "ops/infer.h"
#include "ops/schema.h"

/* The words of the flags column. */
enum {
    INPLACE = SYI_OP_INPLACE,
    ONLY_INPLACE = SYI_OP_ONLY_INPLACE,
    VIEW = SYI_OP_VIEW,
    COMPOSITE = SYI_OP_COMPOSITE,
    VALUE = SYI_OP_VALUE,
    RANDOM = SYI_OP_RANDOM,
    PEER = SYI_OP_PEER,
    OVERWRITE = SYI_OP_OVERWRITE,
    WRITES = SYI_OP_WRITES,
};

/* In the order of syi_op_id, which expands the same list. */
static const syi_op rows_table[SYI_OP_COUNT] = {
#define SY_OP(name, form, schema, infer, outputs, flags, rows, cost, aliases)     \
    {SYI_OP_##name,   #name,           schema, syi_infer_##infer, outputs, flags, \
     SYI_ROWS_##rows, SYI_COST_##cost, aliases},
#include <csyft/ops.def>
#undef SY_OP
};

const syi_op *syi_op_get(syi_op_id id)
{
    assert((unsigned)id < SYI_OP_COUNT);
    return &rows_table[id];
}

static sy_status parse_row(syi_ops *ops, const syi_op *op, sy_error *err)
{
    sy_status status =
        syi_schema_parse(op->schema, ops->parameters[op->id], &ops->counts[op->id], err);
    if (status == SY_OK) {
        status = syi_names_add_row(&ops->names, op, err);
    }
    return status == SY_OK ? SY_OK : syi_error_prefix(err, status, "ops.def: %s", op->name);
}

sy_status syi_ops_new(sy_context *context, syi_ops **ops, sy_error *err)
{
    *ops = NULL;
    syi_ops *made = syi_alloc(context, sizeof *made);
    if (made == NULL) {
        return SYI_ENOMEM(err, "table of operations");
    }
    made->context = context;
    for (int id = 0; id < SYI_OP_COUNT; id++) {
        sy_status status = parse_row(made, &rows_table[id], err);
        if (status != SY_OK) {
            syi_ops_free(made);
            return status;
        }
    }
    *ops = made;
    return SY_OK;
}

void syi_ops_free(syi_ops *ops)
{
    if (ops != NULL) {
        syi_free(ops->context, ops, sizeof *ops);
    }
}

const syi_parameter *syi_ops_get_parameters(const syi_ops *ops, syi_op_id id, int *count)
{
    assert((unsigned)id < SYI_OP_COUNT);
    *count = ops->counts[id];
    return ops->parameters[id];
}

bool syi_ops_find(const syi_ops *ops, const char *name, size_t length, const syi_op **op,
                  bool *inplace)
{
    return syi_names_find(&ops->names, name, length, op, inplace);
}

const char *syi_native_name(const char *name, char *buffer, size_t size)
{
    const char *dot = strrchr(name, '.');
    int path = dot == NULL ? 0 : (int)(dot + 1 - name);
    snprintf(buffer, size, "%.*snative_%s", path, name, name + path);
    return buffer;
}

bool syi_is_inplace_name(const char *name)
{
    size_t length = strlen(name);
    return length > 0 && name[length - 1] == '_' && strstr(name, "__") == NULL;
}
