/*
 * caller.h - who asks a worker, and what they may do with its objects.
 *
 * A caller has a name: that of the token it greets with, otherwise the common name of the certificate that it showed
 * and that was verified (tls.h), otherwise it is anonymous. In one process there is nobody to authenticate: the
 * caller of a virtual worker is called as the worker that sends. A token and a certificate of one name are one caller.
 *
 * Permissions are lists of names per object; without a list everybody may. Results carry the strictest of what their
 * arguments carry. Adversary: a client that knows the protocol and any id. Not covered: what a caller with `get` does
 * with what it got (SECURITY.md).
 */
#ifndef CSYFT_CALLER_H
#define CSYFT_CALLER_H

#include <csyft/worker.h>

SY_BEGIN_DECLS

/*
 * Lets who greets with `token` in as `name`, until `expires` (seconds since 1970; 0: forever). From the first token
 * on the worker takes nobody anonymous: others need a token or a verified certificate. A token has 16 to 256 printable
 * ASCII characters without blanks; the worker keeps a keyed hash of it only. Several tokens may have one name.
 * SY_EINVAL for a bad name or token (which the sentence does not repeat), SY_EEXIST when the token is there already.
 */
SY_API sy_status sy_worker_add_token(sy_worker *worker, const char *name, const char *token,
                                     int64_t expires, sy_error *err);
/*
 * From a file: one a line, NAME TOKEN [EXPIRES], EXPIRES as 2027-01-31 or 2027-01-31T12:00:00Z (UTC); empty lines and
 * lines that start with # are skipped. All of it is taken, or nothing. SY_EPERM when others than its owner may read the
 * file, SY_EIO, SY_EFORMAT naming file and line.
 */
SY_API sy_status sy_worker_load_tokens(sy_worker *worker, const char *file, sy_error *err);

/*
 * The same, in place of all tokens that the worker took so far: all of it, or nothing changes. Connections whose token is
 * not in the file under its name any more are closed, as are anonymous ones; what they hold goes with its lease. SY_EINVAL
 * for a file without a token, which would let anybody in.
 */
SY_API sy_status sy_worker_reload_tokens(sy_worker *worker, const char *file, sy_error *err);

/*
 * Who may administer the worker: read and switch its log of messages (message_log.h), and see which workers it knows.
 * Only the callers of these names, from wherever they come; no names: nobody. Before the first call whoever reaches
 * the worker from its own machine may. SY_EINVAL for a bad name or a worker that is not in this process, SY_ELIMIT as
 * sy_tensor_permit.
 */
SY_API sy_status sy_worker_permit_administration(sy_worker *worker, const char *const *callers,
                                                 size_t count, sy_error *err);

typedef enum sy_permission {
    SY_PERMISSION_GET = 1,    /* contents may come to the caller, in whatever way */
    SY_PERMISSION_USE = 2,    /* operations on it; also those that write to it */
    SY_PERMISSION_SEARCH = 4, /* to be found by a search */
    SY_PERMISSION_DELETE = 8, /* to remove it; who put it there always may */
} sy_permission;

/*
 * From now on only these callers have the permissions (a sum of sy_permission) on the tensor's object; no names:
 * nobody. Before the tensor is published or sent. Who may not use may not get. Results of operations carry get, use
 * and search on, for the callers that have them on every argument; a declared release lifts them. What
 * only some may get is private for all others (worker.h); it moves to another worker for who may get and delete it, and the
 * lists go along, by name. Permissions on DELETE do not pass on to results. SY_EINVAL for a pointer, permissions that do not exist, or a bad name; SY_ELIMIT: all lists of a
 * hook together name at most 63 callers.
 */
SY_API sy_status sy_tensor_permit(sy_tensor *tensor, unsigned permissions,
                                  const char *const *callers, size_t count, sy_error *err);
/*
 * Reads "get,use=alice,bob", as csyft worker --allow takes it: the words become a sum of permissions, *callers is what stands behind the "=".
 * SY_EINVAL quotes a text that is none.
 */
SY_API sy_status sy_permissions_from_text(const char *text, unsigned *permissions,
                                          const char **callers, sy_error *err);
/* sy_tensor_permit by such a text: names with commas between them; none: nobody. */
SY_API sy_status sy_tensor_permit_text(sy_tensor *tensor, const char *text, sy_error *err);
/* Does the caller have this permission on it (allow(user) of the originals)? For a local tensor. */
SY_API bool sy_tensor_permits(sy_tensor *tensor, sy_permission permission, const char *caller);

SY_END_DECLS

#endif
