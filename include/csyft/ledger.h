/*
 * ledger.h - who has spent how much privacy of which data: a book that says no.
 *
 * A budget is worth something when it is kept by the owner of the data, for each caller, over all that the caller ever asks, also after a
 * crash. An answer is charged before it leaves: sy_ledger_charge writes a line to the file, and to the disk, and only when it returns SY_OK
 * may noise be drawn and an answer sent.
 *
 *     sy_ledger_open(context, &ledger, "spent.ledger", err);
 *     sy_charge charge = SY_CHARGE_INIT;                         Gaussian noise of 4 times the sensitivity, once
 *     charge.noise_multiplier = 4;
 *     sy_budget budget = {.size = sizeof budget, .epsilon = 1, .delta = 1e-6};
 *     sy_ledger_charge(ledger, "salaries", "alice", &charge, &budget, err);    SY_EPERM: it would be more than that
 *
 * Charges of one data set and caller are added up as Renyi curves (accountants.h), so that many small ones cost less than the sum of
 * their epsilons. The budget may be spent on whatever is asked next, knowing all answers so far: a charge is taken while there is an
 * order at which all of them together stay within (epsilon, delta), which is the privacy filter of Lecuyer 2021 ("Practical Privacy Filters and
 * Odometers with Renyi Differential Privacy", Theorem 1; Feldman and Zrnic 2021). Callers who tell each other their answers have
 * together what they have spent together: `epsilon_all` bounds that.
 *
 * Neighbours, what one person is, and the sensitivity: of the mechanism that is charged. Served datasets (federated.h) charge
 * by themselves.
 *
 * The file is text, one line for each charge, each with a checksum of all before it: time, data set, caller, mechanism and its numbers; names are
 * percent-encoded. Keep it where the data is, and in its backups: who can put back an old file gives everybody a new
 * budget. A ledger may be used from any thread.
 */
#ifndef CSYFT_LEDGER_H
#define CSYFT_LEDGER_H

#include <csyft/accountants.h>

SY_BEGIN_DECLS

typedef struct sy_ledger sy_ledger;

/*
 * Opens or makes the file, and reads what was spent. NULL: a ledger in memory, which forgets; for simulations and tests. A last line
 * that is not whole, which was never followed by an answer, is taken away. SY_EBUSY: another process has it open; SY_EFORMAT names the line that is not
 * as it was written; SY_EIO; SY_ENOMEM. The context outlives it.
 */
SY_API sy_status sy_ledger_open(sy_context *context, sy_ledger **ledger, const char *path,
                                sy_error *err);
/* To look at, also while a worker has it open: charges are refused with SY_EPERM. SY_ENOTFOUND. */
SY_API sy_status sy_ledger_read(sy_context *context, sy_ledger **ledger, const char *path,
                                sy_error *err);
SY_API sy_ledger *sy_ledger_ref(sy_ledger *ledger);
SY_API void
sy_ledger_unref(sy_ledger *ledger); /* closes with the last reference; NULL is nothing */

typedef enum sy_noise_kind {
    SY_NOISE_GAUSSIAN = 0,
    SY_NOISE_LAPLACE = 1,
} sy_noise_kind;

/* Runs of one mechanism. */
typedef struct sy_charge {
    size_t size;
    sy_noise_kind kind;
    double
        noise_multiplier; /* deviation (Gaussian) or scale (Laplace: 1 / epsilon) / sensitivity */
    double
        sampling_rate; /* Gaussian: each person is in a run with this probability, independently */
    uint64_t steps;
} sy_charge;
#define SY_CHARGE_INIT                                              \
    {                                                               \
        .size = sizeof(sy_charge), .sampling_rate = 1.0, .steps = 1 \
    }

/* What may be spent of one data set. */
typedef struct sy_budget {
    size_t size;
    double epsilon, delta; /* by each caller */
    double epsilon_all;    /* by all of them together, with the same delta; 0: no limit */
} sy_budget;

/* Reads "EPSILON,DELTA" or "EPSILON,DELTA,ALL", as csyft worker --budget takes it. SY_EINVAL. */
SY_API sy_status sy_budget_from_text(const char *text, sy_budget *budget, sy_error *err);
/* SY_EINVAL names the field that cannot be. */
SY_API sy_status sy_budget_check(const sy_budget *budget, sy_error *err);

/*
 * Takes it, durably, or changes nothing. `data` and `caller` are names of 1 to 255 bytes, `caller` may be "": all who did not say who they
 * are. SY_EPERM: the budget does not suffice; the sentence says what was spent and what this would make of it (for `epsilon_all`: nothing of
 * other callers). SY_EINVAL names a field; SY_EIO: it could not be written, and is not charged; SY_ENOMEM. Blocks on the disk.
 */
SY_API sy_status sy_ledger_charge(sy_ledger *ledger, const char *data, const char *caller,
                                  const sy_charge *charge, const sy_budget *budget, sy_error *err);

/* Epsilon at `delta` of all that the caller has been charged for this data; caller NULL: all callers together. 0: nothing. */
typedef struct sy_spending {
    double epsilon;
    uint64_t charges;
} sy_spending;
SY_API sy_status sy_ledger_get_spending(sy_ledger *ledger, const char *data, const char *caller,
                                        double delta, sy_spending *spending, sy_error *err);

/* Every data set and caller, in the order of their first charges. The names are borrowed until `see` returns, which must not use the ledger. */
typedef void (*sy_ledger_see)(void *user, const char *data, const char *caller,
                              const sy_spending *spending);
SY_API sy_status sy_ledger_list(sy_ledger *ledger, double delta, sy_ledger_see see, void *user,
                                sy_error *err);

SY_END_DECLS

#endif
