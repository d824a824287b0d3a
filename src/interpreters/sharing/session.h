/*
 * session.h - a holder's side of a sharing session: what it has in common with the other holders and the provider, letters
 * that have come for its party programs, and whose turn it is. The seam channel.h of crypto/ is answered here, by workers.
 * docs/internals/sharing.md has the drawing. Tests: tests/integration/sharing_sessions.c, sharing_failures.c, sharing_channel.c.
 *
 * A session is made by its provider, who joins every holder to it (commands.c). It belongs to one client, which numbers its
 * joint commands; every holder carries them out in this order, one at a time. A joint command that fails anywhere ends the
 * session at every holder: what was dealt for it is not used again. Shares do not belong to a session and live on.
 *
 * Who may speak: the name of a session is 16 random bytes that only its client, provider and holders know.
 * Threads: a session's lock is short, and never held while computing, sending or waiting for a peer.
 */
#ifndef SYI_INTERPRETERS_SHARING_SESSION_H
#define SYI_INTERPRETERS_SHARING_SESSION_H

#include "crypto/comparison.h"
#include "interpreters/sharing/doors.h"
#include "interpreters/sharing/stock.h"
#include "messaging/joint.h"
#include "workers/commands.h"
#include "workers/link.h"

#define SYI_SHARING_SESSIONS_MAX 4096            /* at the workers of a hook */
#define SYI_SHARING_OPENED_MAX 256               /* of them, those that one caller opened */
#define SYI_SHARING_HELD_MAX (UINT64_C(2) << 30) /* bytes of letters that wait in a session */
#define SYI_SHARING_AHEAD_MAX \
    1024                        /* commands that a letter, or a command, may be ahead of its turn */
#define SYI_SHARING_EPITAPHS 64 /* sessions that failed whose reason is kept, per hook */

/* A message of one party to another. */
typedef struct syi_letter {
    struct syi_letter *next;
    int party; /* from whom, or (going out) to whom; `holders`: the provider */
    syi_item
        item; /* the command's sequence; of the provider's, and those to it, the item they belong to */
    syi_array bytes; /* uint8, one dim, contiguous */
    bool own;        /* nobody else has the bytes */
} syi_letter;

typedef struct syi_letters {
    syi_letter *first, *last;
} syi_letters;

typedef struct syi_sharing_peer {
    sy_id id;
    char name[SY_ERROR_NAME_SIZE];
    sy_worker *worker; /* borrowed of the directory */
    bool push;         /* this holder sends to it; otherwise it fetches */
    bool pushes;       /* it sends here; otherwise this holder fetches */
    syi_session *
        door; /* in which it last did; a reference, guarded by the sharing session's lock; nullable */
} syi_sharing_peer;

/* Outlives its session for those who keep something for it: the last who has it is alone, the session is gone. */
typedef struct syi_sharing_life {
    atomic_uint refs;
    sy_context *context;
} syi_sharing_life;
syi_sharing_life *syi_sharing_life_ref(syi_sharing_life *life);
void syi_sharing_life_unref(syi_sharing_life *life);
static inline bool syi_sharing_life_is_over(const syi_sharing_life *life)
{
    return atomic_load_explicit(&life->refs, memory_order_acquire) == 1;
}

typedef struct syi_sharing_session {
    struct syi_sharing_session *next; /* of the room */
    atomic_uint refs;
    syi_sharing_life *life;
    sy_worker *worker;  /* whose session it is */
    const void *opener; /* the caller's session that joined it: it ends with that */
    syi_material material;
    int holders, index;
    syi_sharing_peer *peers; /* holders of them, and the provider behind them */

    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t changed;
    uint64_t next_sequence; /* whose turn it is */
    bool running;
    sy_status failed; /* SY_OK: it lives */
    sy_error why;
    syi_letters inbox, outbox;
    syi_letters shelf; /* what was dealt ahead */
    uint64_t held;     /* bytes in all of them */
    syi_buffer
        demands;   /* of the leading holder, for a provider that fetches: u32 size, demand, ... */
    syi_cost cost; /* of all commands so far */
    uint64_t compared[SYI_FAMILIES]; /* numbers, by family */
    syi_stock stock;
    uint64_t used_at;     /* clock */
    syi_bell bell;        /* of who waits for letters at doors */
    bool near;            /* the thread of the command that runs reads its letters there */
    atomic_uint arrivals; /* letters and failures so far: to look without the lock */
} syi_sharing_session;

/* Why a session is over: who comes with a letter for it is told the same as everybody. */
typedef struct syi_sharing_epitaph {
    const sy_worker *worker; /* NULL: no session */
    uint8_t session[SYI_SHARING_SESSION_SIZE];
    sy_error why;
} syi_sharing_epitaph;

struct syi_sharing_dealing; /* dealing.h */
struct syi_sharing_group;   /* group.h */

/* For tests: sees every letter that a holder of the hook sends to the others, which is its part of what is opened. */
typedef void (*syi_sharing_watch_fn)(const syi_sharing_session *session, uint64_t sequence,
                                     const void *bytes, size_t size);

/* What the folder keeps per hook. */
typedef struct syi_sharing_room {
    sy_hook *hook;
    pthread_mutex_t lock;
    syi_sharing_session *sessions;
    size_t session_count;
    syi_sharing_epitaph *epitaphs; /* SYI_SHARING_EPITAPHS; NULL until there is one */
    size_t next_epitaph;
    struct syi_sharing_dealing *dealings;
    size_t dealing_count;
    size_t dealing_threads; /* that still use anything */
    pthread_cond_t dealt;   /* one less */
    struct syi_sharing_group *groups;
    bool closing;
    atomic_bool check_range; /* test mode */
    _Atomic(syi_sharing_watch_fn) watch;
} syi_sharing_room;

static inline syi_sharing_room *syi_sharing_room_of(const sy_hook *hook)
{
    return hook->sharing;
}

sy_status syi_sharing_room_init(syi_sharing_room **room, sy_hook *hook, sy_error *err);
void syi_sharing_room_free(syi_sharing_room *room);

/* The session of that name at the worker, with a reference. SY_ENOTFOUND; why it failed, as long as that is remembered. */
sy_status syi_sharing_find(sy_worker *worker, const uint8_t name[SYI_SHARING_SESSION_SIZE],
                           syi_sharing_session **session, sy_error *err);
/* A caller is gone: so are the sessions that it joined. NULL: all sessions. */
void syi_sharing_sessions_gone(syi_sharing_room *room, const void *opener, const sy_error *why);
/* Takes `session` into the room. SY_EEXIST, SY_EBUSY when the hook is being freed; SY_ELIMIT when there are too many, and
 * none of the same caller is idle. */
sy_status syi_sharing_install(syi_sharing_session *session, sy_error *err);
/* No peers yet, but room for them. */
sy_status syi_sharing_session_new(sy_worker *worker, syi_sharing_session **session, int holders,
                                  sy_error *err);
void syi_sharing_session_unref(syi_sharing_session *session);
/* The first failure ends it: whoever waits is woken. Then it leaves the room. */
void syi_sharing_fail(syi_sharing_session *session, sy_status status, const sy_error *why);

/* A letter has come; the bytes are taken over, and are its `own` when nobody else has them. SY_EPROTO for a command that is over or far ahead, or an item that the
 * sender has no business with; SY_ELIMIT, SY_ENOMEM, or why the session failed. */
sy_status syi_sharing_deliver(syi_sharing_session *session, int from, const syi_item *item,
                              const syi_array *bytes, bool own, sy_error *err);
/* In this session of its caller the party speaks. Are letters read at doors at the time? */
bool syi_sharing_meet(syi_sharing_session *session, int party, syi_session *door);
/* Waits for a letter to `to` of the outbox, and takes it. */
sy_status syi_sharing_take_out(syi_sharing_session *session, int to, const syi_item *item,
                               uint64_t deadline, syi_array *bytes, sy_error *err);
/* Waits until there are demands, at most until `deadline`: appends them. None, when there are none by then. */
sy_status syi_sharing_take_demands(syi_sharing_session *session, uint64_t deadline,
                                   syi_buffer *demands, sy_error *err);

/*
 * Sentences about failures begin with whose fault it is, "holder bob failed in a joint command: ...", and stay what they are
 * from then on, at whatever party they are told. Does one name anybody; does it name this party?
 */
bool syi_sharing_is_blame(const sy_error *why);
bool syi_sharing_blames(const sy_error *why, bool provider, const char *name);
/* Gives *err (nullable) that form, unless it has it. Returns `status`. */
sy_status syi_sharing_blame(bool provider, const char *name, sy_status status, sy_error *err);

/* Session lock held: waits for a change, at most until `deadline`; false: it is over. */
bool syi_sharing_wait(syi_sharing_session *session, uint64_t deadline);

/* A holder in a joint command (run.c). */
typedef struct syi_sharing_run {
    syi_channel channel;
    syi_party party;
    syi_sharing_session *session; /* a reference */
    uint64_t deadline;
    syi_family family;                   /* of comparisons in this command */
    uint32_t round_trip_us;              /* between its holders; 0: not known */
    bool defers;                         /* quotients may wait (syi_share_defer) */
    bool spoke;                          /* something was sent, or the provider asked */
    bool reported;                       /* to the provider */
    unsigned far;                        /* so many more letters are not read at doors */
    struct syi_sharing_flight *flights;  /* per holder: letters on their way */
    syi_letter **received;               /* per holder: what receive gave out */
    syi_letter *dealt[SYI_CHANNEL_KEPT]; /* what dealt gave out */
    size_t dealt_count;                  /* so far */
} syi_sharing_run;

/* syi_joint_class */
sy_status syi_sharing_begin(sy_worker *worker, syi_joint *joint, uint64_t deadline, sy_error *err);
void syi_sharing_end(sy_worker *worker, syi_joint *joint, sy_status status, const sy_error *why);
void syi_sharing_refused(sy_worker *worker, const syi_joint *joint, const sy_error *why);
static inline syi_sharing_run *syi_sharing_run_of(const syi_mode *mode)
{
    return mode->joint != NULL ? mode->joint->run : NULL;
}

/* The folder's worker commands (commands.c). */
sy_status syi_sharing_commands_register(sy_hook *hook, sy_error *err);
#define SYI_SHARING_NEAR_SIZE (64 * 1024) /* bytes of a letter that is not large */
#define SYI_SHARING_SEND "sharing_send"
#define SYI_SHARING_FETCH "sharing_fetch"
#define SYI_SHARING_REPORT "sharing_report"
#define SYI_SHARING_FAIL "sharing_fail"

/* A letter's bytes as an argument: a handle on them. */
sy_status syi_sharing_letter_value(sy_hook *hook, const syi_array *bytes, sy_tensor **tensor,
                                   sy_error *err);

#endif
