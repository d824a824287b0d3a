#include "messaging/joint.h"

#include <stdio.h>
#include <string.h>

#include "core/error.h"

void syi_joint_write(syi_buffer *out, const syi_joint *joint)
{
    syi_msgpack_write_array(out, 4);
    syi_msgpack_write_bin(out, joint->session, sizeof joint->session);
    syi_msgpack_write_uint(out, joint->sequence);
    syi_msgpack_write_uint(out, joint->family);
    syi_msgpack_write_uint(out, joint->round_trip_us);
}

sy_status syi_joint_read(syi_msgpack_cursor *cursor, syi_joint *joint, sy_error *err)
{
    const uint8_t *bytes = NULL;
    size_t size = 0;
    uint64_t family = 0, round_trip_us = 0;
    SY_TRY(syi_msgpack_read_tuple(cursor, 4, "joint command", err));
    SY_TRY(syi_msgpack_read_bin(cursor, &bytes, &size, err));
    if (size != sizeof joint->session) {
        return syi_fail(err, SY_EFORMAT, "joint command: a session of %zu bytes", size);
    }
    memcpy(joint->session, bytes, size);
    SY_TRY(syi_msgpack_read_uint(cursor, &joint->sequence, err));
    SY_TRY(syi_msgpack_read_uint(cursor, &family, err));
    SY_TRY(syi_msgpack_read_uint(cursor, &round_trip_us, err));
    syi_msgpack_leave(cursor);
    if (family > UINT8_MAX) {
        return syi_fail(err, SY_EFORMAT, "joint command: a family that is none");
    }
    joint->family = (uint8_t)family;
    joint->round_trip_us = round_trip_us < UINT32_MAX ? (uint32_t)round_trip_us : UINT32_MAX;
    joint->run = NULL;
    return joint->sequence > 0 && joint->sequence <= INT64_MAX
               ? SY_OK
               : syi_fail(err, SY_EFORMAT, "joint command: a sequence that is none");
}

const char *syi_joint_format(const uint8_t session[SYI_JOINT_SESSION_SIZE],
                             char text[SYI_JOINT_TEXT_SIZE])
{
    static const char digits[] =
        "0123456789abcdef"; /* with every letter: snprintf takes a microsecond for all */
    for (int k = 0; k < SYI_JOINT_SESSION_SIZE; k++) {
        text[2 * k] = digits[session[k] >> 4];
        text[2 * k + 1] = digits[session[k] & 15];
    }
    text[2 * SYI_JOINT_SESSION_SIZE] = '\0';
    return text;
}

static int digit_of(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

sy_status syi_joint_parse(const char *text, uint8_t session[SYI_JOINT_SESSION_SIZE], sy_error *err)
{
    bool good = text != NULL && strlen(text) == SYI_JOINT_TEXT_SIZE - 1;
    for (int k = 0; k < SYI_JOINT_SESSION_SIZE && good; k++) {
        const int high = digit_of(text[2 * k]), low = digit_of(text[2 * k + 1]);
        good = high >= 0 && low >= 0;
        session[k] = (uint8_t)(good ? high * 16 + low : 0);
    }
    return good ? SY_OK : syi_fail(err, SY_EFORMAT, "the name of a session is not one");
}
