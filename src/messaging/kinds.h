/*
 * kinds.h - the kinds of frames of `csyft.v1`. Requests carry the message codes of PySyft 0.2.9; kinds
 * below 32 belong to the envelope. docs/reference/wire.md lists the bodies.
 */
#ifndef SYI_MESSAGING_KINDS_H
#define SYI_MESSAGING_KINDS_H

/* X(name, code, spelling, answered) */
#define SYI_KIND_MAP(X)                           \
    X(HELLO, 1, "hello", true)                    \
    X(REPLY, 2, "reply", false)                   \
    X(ERROR, 3, "error", false)                   \
    X(PING, 4, "ping", true)                      \
    X(PONG, 5, "pong", false)                     \
    X(REPEAT, 6, "repeat", true)                  \
    X(REST, 7, "rest", false)                     \
    X(COMMAND, 33, "command", true)               \
    X(OBJECT, 34, "object", true)                 \
    X(OBJECT_REQUEST, 35, "object request", true) \
    X(IS_NONE, 36, "is_none", true)               \
    X(GET_SHAPE, 37, "get_shape", true)           \
    X(DELETE, 38, "delete", false)                \
    X(SEARCH, 39, "search", true)                 \
    X(WORKER_COMMAND, 53, "worker command", true)

typedef enum syi_kind {
#define SYI_KIND_ENUM(name, code, spelling, answered) SYI_KIND_##name = (code),
    SYI_KIND_MAP(SYI_KIND_ENUM)
#undef SYI_KIND_ENUM
} syi_kind;

/* Frame flags of requests. */
enum {
    SYI_FLAG_NO_GRAD = 1u << 0, /* run with gradient recording off */
    /* The sender goes on without waiting for the answer: what follows must not overtake it. A request
     * without this flag that has to wait for another worker may be overtaken. */
    SYI_FLAG_ORDERED = 1u << 1,
    /* What the request stores is kept and belongs to every client that says so, as PySyft's objects do: it may
     * be overwritten, and DELETE removes it whatever its generation. */
    SYI_FLAG_KEPT = 1u << 2,
    /* OBJECT: it is private from the first moment on. */
    SYI_FLAG_PRIVATE = 1u << 3,
    /* OBJECT_REQUEST: a plan is asked for, which PySyft has a message of its own for. */
    SYI_FLAG_PLAN = 1u << 4,
    /* COMMAND, WORKER_COMMAND: several workers carry it out together; the body begins as joint.h says. */
    SYI_FLAG_JOINT = 1u << 5,
};
/* The upper half of a request's flags, in a session that resumes: of how many of the last requests, this one included,
 * the sender may not have the answers yet; 0xffff: it does not say. */
#define SYI_FLAGS_WINDOW_SHIFT 16
#define SYI_WINDOW_UNSAID 0xffffu

#endif
