/*
 * pickle.h - Python's pickle streams (protocols 0 to 5, documented in Lib/pickletools.py), read into a
 * tree of plain values. Nothing in a stream is ever run: a global must stand in the caller's list, and
 * "calling" one only notes that it was called and with what. Test: pickle_test.c, fuzz:
 * tests/fuzz/pickle.c.
 *
 * Values belong to their syi_pickle and live as long as it. A stream may make a value part of several
 * others, or of itself: whoever walks a tree bounds its depth and the number of values it visits.
 */
#ifndef SYI_FORMATS_PICKLE_H
#define SYI_FORMATS_PICKLE_H

#include "core/buffer.h"
#include "core/error.h"

typedef enum syi_pickle_kind {
    SYI_PICKLE_NONE,
    SYI_PICKLE_BOOL,
    SYI_PICKLE_INT,
    SYI_PICKLE_BIG, /* an integer beyond 64 bits: text, two's complement, little-endian */
    SYI_PICKLE_FLOAT,
    SYI_PICKLE_STRING, /* text, UTF-8 */
    SYI_PICKLE_BYTES,  /* text; also Python 2's strings that are not UTF-8 */
    SYI_PICKLE_LIST,
    SYI_PICKLE_TUPLE,
    SYI_PICKLE_DICT, /* list: key, value, key, value */
    SYI_PICKLE_SET,
    SYI_PICKLE_GLOBAL,
    SYI_PICKLE_OBJECT,     /* a global that was called */
    SYI_PICKLE_PERSISTENT, /* object.args is the persistent id */
} syi_pickle_kind;

/* What the stream may do with a global. */
typedef enum syi_pickle_role {
    SYI_PICKLE_ROLE_CONSTANT, /* name it */
    SYI_PICKLE_ROLE_CALL,     /* call it: gives an OBJECT */
    SYI_PICKLE_ROLE_DICT, /* call it: gives a DICT whose list is empty, or its argument's pairs */
} syi_pickle_role;

typedef struct syi_pickle_global {
    const char *module, *name;
    syi_pickle_role role;
    int tag; /* the caller's */
} syi_pickle_global;

typedef struct syi_pickle_value syi_pickle_value;
struct syi_pickle_value {
    syi_pickle_kind kind;
    union {
        bool boolean;
        int64_t integer;
        double real;
        struct {
            const char *data; /* terminated, but may hold NUL itself */
            size_t length;
        } text;
        struct {
            syi_pickle_value **items;
            size_t count, capacity;
        } list;
        struct {
            const syi_pickle_value *args;    /* a tuple */
            const syi_pickle_global *global; /* NULL for PERSISTENT */
        } object;
        const syi_pickle_global *global;
    } as;
    const syi_pickle_global *made_by; /* a DICT's global, or NULL for {} */
    const syi_pickle_value *state;    /* what BUILD gave to a DICT or OBJECT, or NULL */
};

/* 0: the default, in parentheses. */
typedef struct syi_pickle_limits {
    size_t opcodes; /* (4 million) */
    size_t memory;  /* bytes of values, stack and memo together (256 MiB) */
    size_t memo;    /* entries (1 million) */
    size_t marks;   /* open at once (1000) */
} syi_pickle_limits;

typedef struct syi_pickle_rules {
    const syi_pickle_global *globals; /* borrowed by the values */
    size_t global_count;
    syi_pickle_limits limits;
} syi_pickle_rules;

typedef struct syi_pickle {
    const syi_pickle_value *root;
    size_t size; /* bytes up to and with STOP */
    bool cut;    /* it failed because the bytes ended, and might succeed with more of them */
    sy_context *context;
    struct syi_pickle_chunk *chunks;
    size_t used; /* of limits.memory */
} syi_pickle;

/*
 * One stream from the start of `bytes`; what follows its STOP is not looked at. SY_EFORMAT: malformed.
 * SY_EFORBIDDEN names a global that is not in the list, or that may not be called. SY_ENOTSUP names an
 * opcode that makes objects in ways that are refused altogether (INST, OBJ, EXT, out-of-band buffers).
 * SY_ELIMIT names the limit. On failure nothing is left to free, but syi_pickle_fini may be called.
 */
sy_status syi_pickle_read(sy_context *context, syi_pickle *pickle, const uint8_t *bytes,
                          size_t size, const syi_pickle_rules *rules, sy_error *err);
void syi_pickle_fini(syi_pickle *pickle);

/* The value of a text key, the last one when it stands there twice, as in Python; NULL: not there, or no
 * dict. */
const syi_pickle_value *syi_pickle_get(const syi_pickle_value *dict, const char *key);
bool syi_pickle_is_text(const syi_pickle_value *value, const char *text);
/* "a tuple", "the global torch.FloatStorage": for sentences. Returns buffer. */
const char *syi_pickle_describe(const syi_pickle_value *value, char *buffer, size_t size);

#endif
