/*
 * id.h - identity of workers and objects: an integer or a short text, as in the reference
 * (000: "string or integer unique id"), and the source of fresh ids (IdProvider).
 */
#ifndef CSYFT_ID_H
#define CSYFT_ID_H

#include <csyft/status.h>

SY_BEGIN_DECLS

#define SY_ID_TEXT_SIZE 54 /* longest text id is 53 bytes */

typedef enum sy_id_kind {
    SY_ID_NONE = 0,
    SY_ID_INT = 1,
    SY_ID_TEXT = 2,
} sy_id_kind;

/* A value of 64 bytes; copy freely. Unused bytes are zero. */
typedef struct sy_id {
    int64_t number; /* SY_ID_INT only, otherwise 0 */
    uint8_t kind;   /* sy_id_kind */
    uint8_t length; /* of text, in bytes; SY_ID_TEXT only */
    char text[SY_ID_TEXT_SIZE];
} sy_id;

#define SY_ID_INIT \
    {              \
        0, 0, 0,   \
        {          \
            0      \
        }          \
    }

/* Fresh ids are drawn from [0, SY_ID_SPACE) as the originals do (000:363 and the code: 1e11). */
#define SY_ID_SPACE INT64_C(100000000000)

SY_API sy_id sy_id_from_int(int64_t number);

/* Text id; SY_EINVAL when empty, longer than 53 bytes, or not printable UTF-8 (controls, line
 * separators, bidirectional controls and noncharacters are not printable). *id is untouched then. */
SY_API sy_status sy_id_from_text(sy_id *id, const char *text, sy_error *err);

/* An all-digits text becomes an integer id, anything else a text id: how a user types an id. SY_ERANGE
 * for digits above INT64_MAX, otherwise as sy_id_from_text. */
SY_API sy_status sy_id_parse(sy_id *id, const char *text, sy_error *err);

SY_API bool sy_id_equal(const sy_id *a, const sy_id *b);
SY_API bool sy_id_is_none(const sy_id *id);

/* Writes the readable form (always terminated, at most size bytes) and returns buffer. 64 bytes are
 * always enough. A none id reads "none". */
SY_API const char *sy_id_format(const sy_id *id, char *buffer, size_t size);

/*
 * IdProvider (000: "Provide random ids and store them"). Preset ids are taken from the end of the
 * given list; when it is empty fresh integer ids follow, which this provider never repeats: they are
 * a keyed permutation of a counter, uniform over [0, SY_ID_SPACE), so that uniqueness costs no memory.
 * Given ids are remembered so that a fresh one never equals them. Safe from any thread.
 */
typedef struct sy_id_provider sy_id_provider;

/* `given` is copied. Two providers share nothing. SY_EEXIST when an id is given twice, SY_EINVAL for a none
 * id, SY_ENOMEM, SY_EIO when the context's randomness fails. */
SY_API sy_status sy_id_provider_new(sy_context *context, sy_id_provider **provider,
                                    const sy_id *given, size_t given_count, sy_error *err);
SY_API void sy_id_provider_free(sy_id_provider *provider);

/* The next id. SY_ENOMEM only while recording; then no id is used up. SY_ELIMIT after SY_ID_SPACE ids. */
SY_API sy_status sy_id_provider_pop(sy_id_provider *provider, sy_id *id, sy_error *err);

/* Appends to the preset list (so the last of `ids` comes out first). SY_EEXIST, naming the ids, when
 * one was generated or given before or is twice among `ids`; then nothing is added, nor for SY_EINVAL (a
 * none id) and SY_ENOMEM. */
SY_API sy_status sy_id_provider_set_next_ids(sy_id_provider *provider, const sy_id *ids,
                                             size_t count, sy_error *err);

/* From now on every popped id is kept; a call while recording starts anew. */
SY_API sy_status sy_id_provider_start_recording(sy_id_provider *provider, sy_error *err);

/* Ids recorded so far, in order. *ids is borrowed until the next call on this provider. */
SY_API size_t sy_id_provider_get_recorded(const sy_id_provider *provider, const sy_id **ids);
SY_API void sy_id_provider_stop_recording(sy_id_provider *provider);

SY_END_DECLS

#endif
