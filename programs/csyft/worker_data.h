/*
 * worker_data.h - what csyft worker publishes and serves: --data and --dataset, what follows them on the command line, and
 * --release.
 */
#ifndef CSYFT_PROGRAM_WORKER_DATA_H
#define CSYFT_PROGRAM_WORKER_DATA_H

#include <csyft/federated.h>

#include "cli.h"

enum { WORKER_DATA_NAMES_MAX = 64, WORKER_DATA_TRANSFORMS_MAX = 16 };

/* An --allow PERMISSIONS=NAMES. */
typedef struct allowance {
    unsigned permissions;
    const char *names[WORKER_DATA_NAMES_MAX];
    size_t name_count;
    char *text; /* the names lie here */
} allowance;

/* A --data FILE, or a --dataset KEY=FILE[,FILE], and what follows it. */
typedef struct data_file {
    char *key; /* of a dataset; NULL: a tensor */
    char *path, *targets;
    const char **tags; /* borrowed from the lists below */
    size_t tag_count;
    bool is_private;
    int64_t release_rows;
    const char *description;
    const char *transforms[2][WORKER_DATA_TRANSFORMS_MAX]; /* of rows, of targets */
    size_t transform_count[2];
    allowance *allowances;
    size_t allowance_count;
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
    allowance *allowances;
    size_t allowance_count;
    release *releases;
    size_t release_count;
} worker_data;

enum {
    WORKER_DATA_FILE,
    WORKER_DATA_SET,
    WORKER_DATA_TAG,
    WORKER_DATA_DESCRIBE,
    WORKER_DATA_PRIVATE,
    WORKER_DATA_ROWS,
    WORKER_DATA_TRANSFORM,
    WORKER_DATA_TARGETS,
    WORKER_DATA_ALLOW,
    WORKER_DATA_RELEASE,
    WORKER_DATA_OPTIONS
};
/* The rows of a table of options whose first ones they are. */
#define WORKER_DATA_OPTION_ROWS                                                             \
    {"data", 0, "FILE", "publish the tensor in this NPY or CSV file; may be repeated"},     \
        {"dataset", 0, "KEY=ROWS,TARGETS",                                                  \
         "let others train on the rows in these NPY, IDX or CSV files, which\n"             \
         "nobody gets; KEY=ROWS: the last column is the target; may be\nrepeated"},         \
        {"tag", 0, "TAG", "give the --data or --dataset before this tag; may be repeated"}, \
        {"describe", 0, "TEXT", "describe the --dataset before"},                           \
        {"private", 0, NULL, "the contents of the preceding --data never leave"},           \
        {"release-rows", 0, "N",                                                            \
         "means over so many rows of the --dataset before may leave; without\n"             \
         "it nothing may, and nobody trains"},                                              \
        {"transform", 0, "HOW",                                                             \
         "done to its rows: \"scale 255\", \"standardize MEAN DEVIATION\",\n"               \
         "\"flatten\", \"reshape 1x28x28\", \"one_hot 10\", \"float32\", \"int64\";\n"      \
         "may be repeated"},                                                                \
        {"target-transform", 0, "HOW", "the same to its targets"},                          \
        {"allow", 0, "WHAT=NAMES",                                                          \
         "only these callers may do that with the --data or --dataset before:\n"            \
         "get, use, search, delete; several: commas; no name: nobody; may be\nrepeated"},   \
    {                                                                                       \
        "release", 0, "OP:ROWS",                                                            \
            "what OP makes of private data may leave when it depends on an\n"               \
            "average over ROWS rows or more; may be repeated"                               \
    }

/* Room for `count` of everything. */
bool worker_data_init(worker_data *data, size_t count);
void worker_data_fini(worker_data *data);
/* One of these options; CLI_USAGE after saying what is wrong. */
int worker_data_take(const cli_verb *verb, worker_data *data, int option, const char *value);
/* All of it at the session's worker; CLI_FAILED after saying what failed. */
int worker_data_publish(const cli_session *session, const worker_data *data);

#endif
