/*
 * plans.h - plans of PySyft 0.2.9 and 0.2.4 into csyft.v1's form and back. What PySyft recorded is read where the table of
 * operations and tapes are (execution/plan_pysyft.c); here its state is taken out of it, so that tensors stay tensors, and
 * put back. Plans that csyft recorded are written as PySyft's. docs/reference/pysyft-wire.md, section 3. Tests:
 * pysyft_test.c, execution/plan_pysyft_test.c, tests/interop/pysyft_plans.py.
 */
#ifndef SYI_PYSYFT_PLANS_H
#define SYI_PYSYFT_PLANS_H

#include "pysyft/fields.h"

enum {
    SYI_PYSYFT_PLAN = 21,
    SYI_PYSYFT_STATE = 22,
    SYI_PYSYFT_PLACEHOLDER_ID = 56,
    SYI_PYSYFT_TYPE = 61,
    SYI_PYSYFT_TYPES = 62,
    /* csyft's: [253, [k]] in the bytes of a plan is where its state tensor k belongs; [253, [k, id]] where it belongs
     * as a Parameter of the tensor `id`. */
    SYI_PYSYFT_STATE_TENSOR = 253,
};

/* csyft.v1's [21, [0, bytes of the plan without its state's tensors, [tensors]]]. */
#define SYI_PYSYFT_PLAN_REVISION 0
/* What csyft.v1's plan has behind its fields when PySyft recorded it: those bytes. */
#define SYI_PYSYFT_PLAN_ORIGIN 8

/* Most positional arguments of an action, its target among them. */
#define SYI_PYSYFT_ACTION_MAX 64

/* Where things are in a plan's bytes; the tensors may be markers. */
typedef struct syi_pysyft_plan_fields {
    bool old; /* 0.2.4 */
    bool include_state;
    const char *name; /* borrowed, not terminated; NULL: none */
    size_t name_length;
    syi_msgpack_cursor actions, state_placeholders, state_tensors, placeholders;
    syi_msgpack_cursor inputs, outputs; /* 0.2.9 */
    syi_msgpack_cursor id, tags, description;
} syi_pysyft_plan_fields;

/* SY_EFORMAT; SY_ENOTSUP for a plan of another framework than torch. */
sy_status syi_pysyft_find_plan(const uint8_t *bytes, size_t size, syi_pysyft_plan_fields *plan,
                               sy_error *err);

/* The plan at `begin`, of `size` bytes, as an object of csyft.v1: [14, [id, nil, [21, ...], nil, tags, description]]. */
sy_status syi_pysyft_read_plan(syi_pysyft_reader *reader, const uint8_t *begin, size_t size,
                               sy_error *err);

/* Of a tensor's fields in csyft.v1, whose chain is a plan: as PySyft has it. SY_ENOTSUP when it has no form there. */
sy_status syi_pysyft_write_plan(syi_pysyft_writer *writer, const syi_pysyft_fields *fields,
                                sy_error *err);
/* Where the tensors of csyft.v1's states begin, in memory of *count cursors that the caller frees, also after a failure. */
sy_status syi_pysyft_find_plan_states(sy_context *context, syi_msgpack_cursor at,
                                      syi_msgpack_cursor **states, size_t *count, sy_error *err);
sy_status syi_pysyft_compose_plan(syi_pysyft_writer *writer, const syi_pysyft_fields *object,
                                  const syi_pysyft_fields *plan, sy_error *err);

/* The tensor at the cursor as a Parameter around the tensor `inner`. */
sy_status syi_pysyft_write_parameter(syi_pysyft_writer *writer, const sy_id *inner, sy_error *err);

#endif
