/*
 * questions.h - requests of csyft.v1 as messages of PySyft 0.2.9, for a client of its server, and the server's
 * answers back. Test: tests/interop/pysyft_client.c.
 */
#ifndef SYI_PYSYFT_QUESTIONS_H
#define SYI_PYSYFT_QUESTIONS_H

#include "pysyft/requests.h"

/* What is known about a question while its answer is awaited. */
typedef struct syi_pysyft_question {
    uint64_t id, trace; /* of the request in csyft.v1 */
    uint16_t kind;
    bool silent;  /* nobody waits for the answer */
    bool inplace; /* a command without results */
    bool pointer; /* the answer is one, of an object that was moved */
    bool count;   /* the answer is a number, not none */
    bool run;     /* of a plan: the answer is its results' descriptors */
    size_t result_count;
    sy_id results[SYI_PYSYFT_RETURN_MAX];
    sy_id object;
    bool native; /* the object sent: its dtype and dims */
    sy_dtype dtype;
    int ndim;
    int64_t shape[SY_DIM_MAX];
} syi_pysyft_question;

/* The MessagePack of the message that asks what `message` asks, appended to `out`. *local: nothing is to be asked,
 * the body of the REPLY is in `out`. SY_ENOTSUP for what PySyft cannot be asked. `worker`: who is asked. */
sy_status syi_pysyft_write_question(sy_context *context, const syi_message *message,
                                    const sy_id *worker, const syi_ops *ops,
                                    syi_pysyft_question *question, bool *local, syi_buffer *out,
                                    sy_error *err);
/* A copy of an object: a command that makes one under `fresh`, before the question for that. */
sy_status syi_pysyft_write_copy(const sy_id *object, const sy_id *fresh, const sy_id *worker,
                                syi_buffer *out, sy_error *err);
/* REPLY or ERROR in `reply`, which is empty, from PySyft's answer. */
sy_status syi_pysyft_read_reply(sy_context *context, const uint8_t *body, size_t size,
                                const syi_pysyft_question *question, const sy_id *worker,
                                syi_account *account, syi_message *reply, sy_error *err);

#endif
