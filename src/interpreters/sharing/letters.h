/*
 * letters.h - how letters are found, left, fetched and written as arguments: what run.c, commands.c, dealing.c and hearing.c share. Nobody else
 * includes it.
 */
#ifndef SYI_INTERPRETERS_SHARING_LETTERS_H
#define SYI_INTERPRETERS_SHARING_LETTERS_H

#include "interpreters/sharing/session.h"

/* Session lock held: takes the first such letter out of the list; NULL: there is none. */
syi_letter *syi_sharing_find_letter(syi_sharing_session *session, syi_letters *letters, int party,
                                    const syi_item *item);
/* For a party that fetches. */
sy_status syi_sharing_leave(syi_sharing_session *session, int to, const syi_item *item,
                            const syi_array *bytes, sy_error *err);

/* Gives it back; *letter is NULL then. NULL is none. */
void syi_sharing_drop_letter(sy_context *context, syi_letter **letter);
/* Whoever is given the bytes may write to them: nobody else has them afterwards, and they are aligned to 64. */
sy_status syi_sharing_own_letter(sy_worker *worker, syi_letter *letter, sy_error *err);
/* Of a party that cannot reach this worker: its letter to party `to`, as soon as there is one. */
sy_status syi_sharing_fetch_letter(sy_worker *worker, sy_worker *party,
                                   const uint8_t session[SYI_SHARING_SESSION_SIZE], int to,
                                   const syi_item *item, uint64_t deadline, syi_letter **letter,
                                   sy_error *err);

/* sharing_report(..., milliseconds): as sharing_send, with how long the holder will wait for an answer */
#define SYI_SHARING_REPORT_ARGS 6
/* sharing_send(session, from, sequence, number, bytes) */
#define SYI_SHARING_SEND_ARGS 5
void syi_sharing_send_arguments(const uint8_t session[SYI_SHARING_SESSION_SIZE], int from,
                                const syi_item *item, sy_tensor *bytes,
                                sy_value args[SYI_SHARING_SEND_ARGS],
                                char text[SYI_JOINT_TEXT_SIZE]);
/*
 * sharing_fail(session, from, status, sentence) to all of `parties` that are not NULL; the provider is the one at `holders`.
 * Who does not answer soon is left alone, whoever is at fault sooner: it may be gone, or not know that it is.
 */
void syi_sharing_tell(sy_worker *teller, sy_worker *const *parties, size_t count, int holders,
                      const uint8_t session[SYI_SHARING_SESSION_SIZE], int from, sy_status status,
                      const sy_error *why);
/* One value that is a vector of bytes here, as a new reference. SY_EPROTO. */
sy_status syi_sharing_read_bytes(syi_decoder *decoder, sy_tensor **bytes, sy_error *err);

#endif
