/*
 * parties.h - parties of examples that are processes of their own and find each other over the one that starts them; and what the
 * model owner and the data owner of private_inference.c and private_digits.c do with shared values. A provider deals what products
 * and comparisons of shared values need, and holds no share of anything.
 */
#ifndef CSYFT_EXAMPLES_PARTIES_H
#define CSYFT_EXAMPLES_PARTIES_H

#include <csyft/csyft.h>
#include <csyft/sharing.h>
#include <sys/types.h>

enum { DECIMALS = 4 }; /* of what is shared */

typedef struct party {
    const char *name; /* and the id of its worker */
    const char *path; /* of its file */
    int fd;           /* to the process that started it */
    sy_context *context;
    sy_hook *hook;
    sy_worker *self; /* listens on loopback */
    sy_worker *model_owner, *data_owner, *provider;
} party;

/* Talk between a party and the process that started it: all bytes, or false. */
bool party_tell(int fd, const void *bytes, size_t size);
bool party_hear(int fd, void *bytes, size_t size);

/* To another party, whose address comes from the process that started us. */
sy_status party_connect_next(party *p, sy_worker **worker, sy_error *err);
/* All that a provider does: its worker deals when it is asked. */
sy_status party_serve(party *p, sy_error *err);

/* The shares are held by the two owners, in this order. */
sy_status party_share(const party *p, sy_tensor *plain, sy_tensor **shared, sy_error *err);
/* Others find it by the tag. */
sy_status party_publish(const party *p, sy_tensor *tensor, const char *tag, sy_error *err);
/* The handle of the shares is published, the numbers are not. */
sy_status party_publish_shared(const party *p, sy_tensor *plain, const char *tag, sy_error *err);
/* What a worker has published. */
sy_status party_find_at(const party *p, sy_worker *worker, const char *tag, sy_tensor **found,
                        sy_error *err);
/* What the model owner has published. */
sy_status party_find(const party *p, const char *tag, sy_tensor **found, sy_error *err);
/* Opens a shared value of fixed precision at who asks: the others' shares come here. */
sy_status party_open(sy_tensor *shared, float *numbers, size_t size, sy_error *err);
/* The data owner's. */
sy_status party_get_cost(const party *p, sy_sharing_cost *cost, sy_error *err);

/* Seconds, from any start. */
double party_clock(void);

/* Processes of parties, as the one that starts them sees them. */
typedef struct address {
    char url[128];
} address;

typedef struct process {
    pid_t pid;
    int fd;
    address at;
} process;

/* all[k]: runs, and serves until the other end of its fd is closed. Before any thread is there. */
bool parties_start(process *all, int k, const char *name, const char *path,
                   sy_status (*run)(party *, sy_error *));
/* Tells it where another one is; it connects in the same order. */
bool parties_tell_address(const process *to, const process *of);
/* Two others' addresses. */
bool parties_introduce(const process *to, const process *first, const process *second);
/* All at once, as a machine that loses power. */
void parties_kill(process *one);
/* The last one first. Did all that were not killed go well? */
bool parties_end(process *all, int count);

#endif
