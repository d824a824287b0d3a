/*
 * schema.h - inside of the ops room: the schema column read into parameters, and the parsed table.
 * Test: schema_test.c.
 */
#ifndef SYI_OPS_SCHEMA_H
#define SYI_OPS_SCHEMA_H

#include "ops/names.h"

/* "self:T other:TS alpha:S=1" -> three parameters. A string default borrows the schema's end.
 * SY_EINVAL names the part that is wrong. */
sy_status syi_schema_parse(const char *schema, syi_parameter parameters[SYI_ARGUMENT_MAX],
                           int *count, sy_error *err);
/* Parameters of a well-formed schema. */
int syi_schema_count(const char *schema);

struct syi_ops {
    sy_context *context;
    syi_names names;
    int counts[SYI_OP_COUNT];
    syi_parameter parameters[SYI_OP_COUNT][SYI_ARGUMENT_MAX];
};

#endif
