/*
 * answers.h - a worker's answers in csyft.v1 as PySyft 0.2.9 gives them. docs/reference/pysyft-wire.md, section 5.
 * Tests: pysyft_test.c.
 */
#ifndef SYI_PYSYFT_ANSWERS_H
#define SYI_PYSYFT_ANSWERS_H

#include "pysyft/requests.h"

/* What a server answers with. */
typedef struct syi_pysyft_voice {
    sy_context *context;
    sy_id worker; /* who answers: where pointers in answers point to */
    const syi_ops *ops;
    bool all; /* form of tensors */
} syi_pysyft_voice;

/* The results of a command, from its REPLY. At most SYI_OUTPUT_MAX ids. */
sy_status syi_pysyft_read_results(const syi_message *reply, sy_id *ids, size_t room, size_t *count,
                                  sy_error *err);
/* The answer to `request` from the REPLY, appended to `out`. */
sy_status syi_pysyft_write_answer(const syi_pysyft_voice *voice, const syi_pysyft_request *request,
                                  const syi_message *reply, syi_buffer *out, sy_error *err);
/* One value of a REPLY's body: an object. */
sy_status syi_pysyft_write_object(const syi_pysyft_voice *voice, const syi_message *reply,
                                  syi_buffer *out, sy_error *err);
/* GetNotPermittedError. `what` names the message, `sentence` says why (no paths, no values). */
sy_status syi_pysyft_write_refusal(const char *what, const char *sentence, syi_buffer *out,
                                   sy_error *err);

#endif
