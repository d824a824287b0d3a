/*
 * worker_data.h - what csyft worker publishes and serves: --data, --dataset and --datasets, what follows them on the command line, and
 * --release.
 */
#ifndef CSYFT_PROGRAM_WORKER_DATA_H
#define CSYFT_PROGRAM_WORKER_DATA_H

#include <csyft/federated.h>

#include "cli.h"

enum { WORKER_DATA_TRANSFORMS_MAX = 16 };

typedef enum data_kind { DATA_TENSOR, DATA_SET, DATA_DIRECTORY } data_kind;

/* A --data FILE, a --dataset KEY=FILE[,FILE] or a --datasets DIRECTORY, and what follows it. */
typedef struct data_file {
    data_kind kind;
    char *key; /* of a DATA_SET */
    char *path, *targets;
    const char **tags; /* borrowed from the lists below */
    size_t tag_count;
    const char **allow;
    size_t allow_count;
    bool is_private;
    int64_t release_rows;
    sy_budget budget; /* size 0: none */
    const char *description;
    const char *transforms[2][WORKER_DATA_TRANSFORMS_MAX]; /* of rows, of targets */
    size_t transform_count[2];
} data_file;

typedef struct release {
    char *name;
    int64_t rows;
} release;

/* The lists have room for all of argv. */
typedef struct worker_data {
    data_file *files;
    size_t file_count;
    const char **tags;
    size_t tag_count;
    const char **allow;
    size_t allow_count;
    release *releases;
    size_t release_count;
    const char *ledger; /* a path; NULL: none */
} worker_data;

enum {
    WORKER_DATA_FILE,
    WORKER_DATA_SET,
    WORKER_DATA_SETS,
    WORKER_DATA_TAG,
    WORKER_DATA_DESCRIBE,
    WORKER_DATA_PRIVATE,
    WORKER_DATA_ROWS,
    WORKER_DATA_TRANSFORM,
    WORKER_DATA_TARGETS,
    WORKER_DATA_BUDGET,
    WORKER_DATA_ALLOW,
    WORKER_DATA_LEDGER,
    WORKER_DATA_RELEASE,
    WORKER_DATA_OPTIONS
};
/* The rows of a table of options whose first ones they are. */
#define WORKER_DATA_OPTION_ROWS                                                         \
    {"data", 0, "FILE", "publish the tensor in this NPY or CSV file; may be repeated"}, \
        {"dataset", 0, "KEY=ROWS,TARGETS",                                              \
         "let others train on the rows in these NPY, NPZ, IDX or CSV files,\n"          \
         "which nobody gets; FILE.npz:NAME is a member; KEY=ROWS: both are in\n"        \
         "an NPZ file, or a CSV file's last column is the target; may be\nrepeated"},   \
        {"datasets", 0, "DIR",                                                          \
         "the same with every dataset in this directory: NAME.csv, NAME.npz,\n"         \
         "NAME.npy with NAME.targets.npy, NAME-images-idx3-ubyte with\n"                \
         "NAME-labels-idx1-ubyte; options are for all of them, and those in\n"          \
         "NAME.dataset, as lines WORD VALUE, for one; may be repeated"},                \
        {"tag", 0, "TAG",                                                               \
         "give the --data, --dataset or --datasets before this tag; may be\n"           \
         "repeated"},                                                                   \
        {"describe", 0, "TEXT", "describe the --dataset before"},                       \
        {"private", 0, NULL, "the contents of the preceding --data never leave"},       \
        {"release-rows", 0, "N",                                                        \
         "means over so many rows of the --dataset before may leave; without\n"         \
         "it nothing may, and nobody trains"},                                          \
        {"transform", 0, "HOW",                                                         \
         "done to its rows: \"scale 255\", \"standardize MEAN DEVIATION\",\n"           \
         "\"flatten\", \"reshape 1x28x28\", \"one_hot 10\", \"float32\", \"int64\";\n"  \
         "may be repeated"},                                                            \
        {"target-transform", 0, "HOW", "the same to its targets"},                      \
        {"budget", 0, "EPSILON,DELTA",                                                  \
         "noisy answers about it: what each caller may spend; with a third\n"           \
         "number, epsilon of all callers together. Needs --ledger"},                    \
        {"allow", 0, "WHAT=NAMES",                                                      \
         "only these callers may do that with what is before: get, use, search,\n"      \
         "delete; several: commas; no name: nobody; may be repeated"},                  \
        {"ledger", 0, "FILE",                                                           \
         "keeps what callers have spent of budgets; made when it is not there"},        \
    {                                                                                   \
        "release", 0, "OP:ROWS",                                                        \
            "what OP makes of private data may leave when it depends on an\n"           \
            "average over ROWS rows or more; may be repeated"                           \
    }

/* Room for `count` of everything. */
bool worker_data_init(worker_data *data, size_t count);
void worker_data_fini(worker_data *data);
/* One of these options; CLI_USAGE after saying what is wrong. */
int worker_data_take(const cli_verb *verb, worker_data *data, int option, const char *value);
/* All of it at the session's worker; CLI_FAILED after saying what failed. */
int worker_data_publish(const cli_session *session, const worker_data *data);

#endif
