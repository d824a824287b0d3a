/*
 * digits.h - the demo's data: the UCI optical digits (8x8 pixels of 0 to 16, and the digit), cut into
 * rows that the client keeps for testing and one shard per worker. The cut is the same in every run.
 */
#ifndef CSYFT_PROGRAM_DIGITS_H
#define CSYFT_PROGRAM_DIGITS_H

#include "cli.h"

enum { DIGITS_PIXELS = 64, DIGITS_CLASSES = 10, DIGITS_SHARDS = 3 };

typedef struct digits_rows {
    int64_t count;
    float *pixels;   /* count x 64, from 0 to 1 */
    int64_t *labels; /* count, 0 to 9 */
} digits_rows;

typedef struct digits {
    digits_rows held_out;              /* every fourth row of the file */
    digits_rows shards[DIGITS_SHARDS]; /* thirds of the others, shuffled */
} digits;

/* The names of the workers that hold the shards: alice, bob, charlie. */
extern const char *const digits_parties[DIGITS_SHARDS];

/* Looks in $CSYFT_DATA_DIR, the installed share/csyft and the source tree. Returns an exit code after
 * saying what is wrong; digits_free is due in any case. */
int digits_load(const cli_session *session, digits *data);
void digits_free(digits *data);

/* Tensors with these contents: x f32 count x 64, y i64 count. The caller owns both. */
sy_status digits_make_tensors(sy_hook *hook, const digits_rows *rows, sy_tensor **x, sy_tensor **y,
                              sy_error *err);

enum { DIGITS_PATH_SIZE = 512 };
/* "FOLDER/alice-x.npy"; part is 'x' or 'y'. Returns path. */
const char *digits_shard_path(char path[DIGITS_PATH_SIZE], const char *folder, int shard,
                              char part);
/* Writes the shards there. */
int digits_write_shards(const cli_session *session, const digits *data, const char *folder);

#endif
