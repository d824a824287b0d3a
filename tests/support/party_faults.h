/*
 * party_faults.h - a program of holders, run with a fault planted in one party, and with each allocation refused in turn: nobody hangs,
 * nothing stays, and whoever fails says whose fault it is. For tests of crypto/.
 */
#ifndef CSYFT_TESTS_PARTY_FAULTS_H
#define CSYFT_TESTS_PARTY_FAULTS_H

#include "support/party_scene.h"

typedef struct fault_trial {
    int holders;
    party_program program;
    void *data;                         /* the program's */
    void (*open)(scene *s, void *data); /* before each run, and after it; or NULL */
    void (*close)(scene *s, void *data);
    uint64_t stall_ms; /* deadline where somebody stalls */
} fault_trial;

static inline void fault_trial_open(const fault_trial *trial, scene *s,
                                    const party_threads_options *options)
{
    scene_open(s, trial->holders, options);
    if (trial->open != NULL) {
        trial->open(s, trial->data);
    }
}

static inline void fault_trial_close(const fault_trial *trial, scene *s)
{
    if (trial->close != NULL) {
        trial->close(s, trial->data);
    }
    scene_close(s);
}

typedef struct fault_seen {
    bool met; /* the run failed */
    size_t
        unharmed; /* other holders that succeeded all the same: they had all they needed before */
} fault_seen;

/* Every other holder's failure names the party. */
static inline fault_seen fault_trial_run(const fault_trial *trial, const party_fault *fault)
{
    const party_threads_options options = {
        .deadline_ms = fault->kind == PARTY_FAULT_STALL ? trial->stall_ms : 20000, .fault = *fault};
    fault_seen seen = {.met = false};
    char name[32];
    scene s;
    snprintf(name, sizeof name, fault->party == PARTY_PROVIDER ? "the provider" : "holder %d",
             fault->party);
    fault_trial_open(trial, &s, &options);
    seen.met = !party_threads_run(s.threads, trial->program, trial->data);
    for (int h = 0; seen.met && h < trial->holders; h++) {
        const party_result *result = party_threads_result(s.threads, h);
        if (h == fault->party) {
            continue;
        }
        seen.unharmed += result->status == SY_OK ? 1 : 0;
        if (result->status != SY_OK && strstr(result->err.message, name) == NULL) {
            fail_msg("holder %d, fault %d of %s at %d: \"%s\"", h, (int)fault->kind, name,
                     (int)fault->at, result->err.message);
        }
    }
    fault_trial_close(trial, &s);
    return seen;
}

/* Refuses the first allocation, that `every` further on, and so on, at a holder or at the provider, until none is refused: at least
 * `least` runs are. Holders that fail lack memory. */
static inline void fault_trial_memory(const fault_trial *trial, size_t every, size_t least)
{
    size_t refused = 0, failed = 0;
    for (size_t nth = 1;; nth += every) {
        scene s;
        fault_trial_open(trial, &s, NULL);
        s.memory.fail_at = s.memory.calls + nth;
        const bool good = party_threads_run(s.threads, trial->program, trial->data);
        const bool met = s.memory.refused != 0;
        s.memory.fail_at = 0;
        assert_true(good == !met);
        for (int h = 0; !good && h < trial->holders; h++) {
            const party_result *result = party_threads_result(s.threads, h);
            if (result->status != SY_OK) {
                assert_status(result->status, SY_ENOMEM, &result->err);
                failed++;
            }
        }
        fault_trial_close(trial, &s);
        if (!met) {
            break;
        }
        refused++;
    }
    assert_true(refused >= least);
    assert_true(failed >= refused); /* nobody goes on without what the others have not */
}

#endif
