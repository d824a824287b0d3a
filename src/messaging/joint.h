/*
 * joint.h - commands that several workers carry out together: the client sends each of them the same command with the name
 * of the session that they have with each other and the command's number in it. A request with SYI_FLAG_JOINT begins with
 * [session, sequence, family, round_trip_us]; its ordinary body follows. Test: joint_test.c.
 */
#ifndef SYI_MESSAGING_JOINT_H
#define SYI_MESSAGING_JOINT_H

#include "serde/msgpack/msgpack.h"

#define SYI_JOINT_SESSION_SIZE 16
#define SYI_JOINT_TEXT_SIZE (2 * SYI_JOINT_SESSION_SIZE + 1)

typedef struct syi_joint {
    uint8_t session[SYI_JOINT_SESSION_SIZE];
    uint64_t sequence;      /* from 1 on; every holder carries commands out in this order */
    uint8_t family;         /* how numbers are compared (crypto/comparison.h) */
    uint32_t round_trip_us; /* between the holders, as it was measured; 0: it was not */
    void *run; /* at a worker, while the command runs: of the room that runs such commands */
} syi_joint;

void syi_joint_write(syi_buffer *out, const syi_joint *joint);
/* SY_EFORMAT; a sequence of 0 is none. */
sy_status syi_joint_read(syi_msgpack_cursor *cursor, syi_joint *joint, sy_error *err);

/* A session as text (hexadecimal), for arguments and sentences; and back: SY_EFORMAT. */
const char *syi_joint_format(const uint8_t session[SYI_JOINT_SESSION_SIZE],
                             char text[SYI_JOINT_TEXT_SIZE]);
sy_status syi_joint_parse(const char *text, uint8_t session[SYI_JOINT_SESSION_SIZE], sy_error *err);

#endif
