/*
 * protocol.h (internal) - the protocol behind sy_protocol: what it is made of, its place in a chain, and how it runs.
 * Public face: <csyft/protocol.h>. Tests: protocol_test.c, tests/integration/protocols.c, tests/reference/001_*.c.
 */
#ifndef SYI_EXECUTION_PROTOCOL_H
#define SYI_EXECUTION_PROTOCOL_H

#include <csyft/protocol.h>

#include "hook/dispatch.h"

#define SYI_CODE_PROTOCOL 24
#define SYI_PROTOCOL_PLANS_MAX 256
#define SYI_PROTOCOL_NAME_MAX 255
#define SYI_PROTOCOL_INPUTS_MAX 64 /* of one request */

typedef struct syi_protocol_stage {
    char *name;        /* as it was made with; the id of a real worker */
    sy_worker *worker; /* NULL: not resolved. Borrowed */
    sy_tensor *plan;   /* a plan, or a pointer to one */
} syi_protocol_stage;

/* What a protocol is. Not changed once a node has it; shared by nodes and threads. */
typedef struct syi_protocol_body {
    sy_hook *hook;
    atomic_uint refs;
    syi_protocol_stage *stages;
    size_t count;
} syi_protocol_body;

typedef struct syi_protocol_node {
    syi_node base;
    syi_protocol_body *body; /* a reference */
} syi_protocol_node;
extern const syi_interpreter syi_protocol_type;

sy_status syi_protocol_register(sy_hook *hook, sy_error *err);

/* Empty stages. */
sy_status syi_protocol_body_new(sy_hook *hook, syi_protocol_body **body, size_t count,
                                sy_error *err);
void syi_protocol_body_unref(syi_protocol_body *body); /* NULL is nothing */
/* One stage; copies the name, takes a reference to the plan. */
sy_status syi_protocol_body_set(syi_protocol_body *body, size_t index, const char *name,
                                sy_worker *worker, sy_tensor *plan, sy_error *err);
bool syi_protocol_body_is_resolved(const syi_protocol_body *body);
/* Of a handle; NULL when it is no protocol. Borrowed. */
syi_protocol_body *syi_protocol_body_of(const sy_tensor *object);
/* A node on it, which takes the body when it succeeds. */
sy_status syi_protocol_node_new(syi_protocol_body *body, syi_node **node, sy_error *err);

/* Takes the object when it succeeds. SY_EINVAL when it is no protocol. */
sy_status syi_protocol_from_object(sy_protocol **protocol, sy_tensor *object, sy_error *err);
sy_tensor *syi_protocol_get_object(const sy_protocol *protocol); /* borrowed */
/* Its plan in the place, borrowed; NULL: only the stage's pointer is here. */
sy_plan *syi_protocol_plan_at(const sy_protocol *protocol, size_t index);
/* Another body for the handle, which it takes in any case. */
sy_status syi_protocol_replace_body(sy_protocol *protocol, syi_protocol_body *body, sy_error *err);
void syi_protocol_set_location(sy_protocol *protocol, sy_worker *location);

/* protocol_deploy.c: sends what is still here of the plans of a resolved protocol. */
sy_status syi_protocol_deploy_rest(sy_protocol *protocol, sy_error *err);

/* protocol_run.c: runs a resolved body from `here`. */
typedef struct syi_protocol_run {
    const syi_protocol_body *body;
    sy_worker *here; /* a worker of this process */
    const syi_mode *mode;
    bool for_peer; /* somebody else asks: state of this worker is guarded */
    sy_protocol_input *inputs;
    size_t count;
} syi_protocol_run;
sy_status syi_protocol_execute(const syi_protocol_run *run, sy_error *err);

/* pointer_protocol.c: asks the worker of the pointer to run it. */
sy_status syi_protocol_ask(sy_tensor *pointer, sy_protocol_input *inputs, size_t count,
                           sy_error *err);

/* protocol_commands.c */
sy_status syi_protocol_commands_register(sy_hook *hook, sy_error *err);
#define SYI_PROTOCOL_COMMAND_RUN "run_protocol"

/* protocol_wire.c */
sy_status syi_protocol_simplify(syi_node *node, struct syi_encoder *encoder, sy_error *err);
sy_status syi_protocol_detail(struct syi_decoder *decoder, syi_node **node, sy_error *err);

#endif
