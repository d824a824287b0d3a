/*
 * holder_commands.h - what the worker commands of holders are made of: arguments, words and results of a joint command.
 * share_commands.c and securenn_commands.c. This folder only.
 */
#ifndef SYI_INTERPRETERS_SHARING_HOLDER_COMMANDS_H
#define SYI_INTERPRETERS_SHARING_HOLDER_COMMANDS_H

#include "interpreters/sharing/share.h"

/* SY_EINVAL, SY_EFORMAT. */
sy_status syi_holder_read_field(const sy_value *modulus, const sy_value *width, syi_field *field,
                                sy_error *err);
sy_status syi_holder_read_shape(const sy_value *value, int *ndim, int64_t *shape, sy_error *err);
/* A share, perhaps under other nodes. */
sy_status syi_holder_read_share(const sy_value *value, syi_share **share, sy_error *err);
/* The joint command that the request is; kin nullable: of its holders. */
sy_status syi_holder_find_run(const sy_request *request, const syi_kin *kin, syi_sharing_run **run,
                              sy_error *err);
/* Words of the field, not filled. */
sy_status syi_holder_new_words(const sy_request *request, const syi_field *field, int ndim,
                               const int64_t *shape, syi_array *words, sy_error *err);
/* What shares of a session's values have in common. */
sy_status syi_holder_kin(const syi_sharing_session *session, const syi_field *field, syi_kin **kin,
                         sy_error *err);
/* Registers words as a share, or as they are (kin NULL), and answers with the descriptor; takes them. */
sy_status syi_holder_give(const sy_request *request, syi_kin *kin, syi_array *words,
                          const sy_id *id, sy_error *err);

/* securenn_commands.c */
sy_status syi_securenn_handle(const sy_request *request, sy_error *err);

#endif
