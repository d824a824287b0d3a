/*
 * requests.h - requests of PySyft 0.2.9 as requests of csyft.v1, for a worker that is asked. Nothing here decides
 * what is allowed: the router does, as for every other peer. docs/reference/pysyft-wire.md, section 4. Tests:
 * pysyft_test.c, fuzz: tests/fuzz/pysyft.c.
 */
#ifndef SYI_PYSYFT_REQUESTS_H
#define SYI_PYSYFT_REQUESTS_H

#include <csyft/id.h>

#include "messaging/kinds.h"
#include "pysyft/objects.h"

/* Type codes of messages. */
enum {
    SYI_PYSYFT_COMMAND = 33,
    SYI_PYSYFT_OBJECT = 34,
    SYI_PYSYFT_OBJECT_REQUEST = 35,
    SYI_PYSYFT_IS_NONE = 36,
    SYI_PYSYFT_GET_SHAPE = 37,
    SYI_PYSYFT_DELETE = 38,
    SYI_PYSYFT_SEARCH = 39,
    SYI_PYSYFT_PLAN_COMMAND = 40,
    SYI_PYSYFT_NOT_PERMITTED = 41,
    SYI_PYSYFT_SIGNATURE = 42,
    SYI_PYSYFT_WORKER_COMMAND = 53,
    SYI_PYSYFT_COMPUTATION = 54,
    SYI_PYSYFT_COMMUNICATION = 55,
    SYI_PYSYFT_EMPTY_STORE = 69,
};

/* What becomes of the worker's answer. */
typedef enum syi_pysyft_answer {
    SYI_PYSYFT_ANSWERS_NONE,
    SYI_PYSYFT_ANSWERS_COMMAND, /* none, a plain value, the results, or ResponseSignatureError */
    SYI_PYSYFT_ANSWERS_VALUE,
    SYI_PYSYFT_ANSWERS_SHAPE,
    SYI_PYSYFT_ANSWERS_SEARCH,
    SYI_PYSYFT_ANSWERS_POINTER, /* of a moved object */
    SYI_PYSYFT_ANSWERS_RUN,     /* of a plan: none, or ResponseSignatureError */
} syi_pysyft_answer;

#define SYI_PYSYFT_RETURN_MAX 16

typedef struct syi_pysyft_request {
    int64_t code;  /* of the message */
    bool asks;     /* `message` is to be sent to the worker; otherwise the answer is none at once */
    bool answered; /* the worker answers it (not a deletion) */
    bool stores;   /* an object */
    bool return_value;
    syi_pysyft_answer answer;
    sy_id id;       /* the object's, where one is meant */
    sy_id location; /* where it goes */
    size_t return_count;
    bool saw_tensor, all; /* form of the last tensor in it */
    bool saw_plan;
} syi_pysyft_request;

/* `message` is empty. `opaque`: an object to be stored goes as an opaque one. SY_EFORMAT, SY_ELIMIT, SY_ENOTSUP,
 * SY_EFORBIDDEN. */
sy_status syi_pysyft_read_request(sy_context *context, const uint8_t *body, size_t size,
                                  bool opaque, syi_account *account, syi_pysyft_request *request,
                                  syi_message *message, sy_error *err);
/* OBJECT_REQUEST that leaves the object there. */
sy_status syi_pysyft_ask_for_copy(const sy_id *id, syi_message *message, sy_error *err);

const char *syi_pysyft_message_name(int64_t code); /* "ObjectMessage"; "a message" */

#endif
