/* digits.c - see digits.h. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "digits.h"

const char *const digits_parties[DIGITS_SHARDS] = {"alice", "bob", "charlie"};

enum { HELD_OUT_EVERY = 4, COLUMNS = DIGITS_PIXELS + 1, PIXEL_MAX = 16 };

/* --- finding and reading the file ------------------------------------------------------------- */

/* share/csyft as it lies to this program, wherever both were installed; "" when that is not known. */
static void find_installed(char folder[DIGITS_PATH_SIZE])
{
    char program[DIGITS_PATH_SIZE / 2];
    const ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    program[length > 0 ? length : 0] = '\0';
    char *name = strrchr(program, '/');
    folder[0] = '\0';
    if (name != NULL && length < (ssize_t)sizeof program - 1) {
        *name = '\0';
        snprintf(folder, DIGITS_PATH_SIZE, "%s/%s", program, CSYFT_PROGRAM_DATA_FROM_BIN);
    }
}

/* The first of the folders that has the file; false when none has. */
static bool find_file(char path[DIGITS_PATH_SIZE])
{
    char installed[DIGITS_PATH_SIZE];
    find_installed(installed);
    const char *folders[] = {getenv("CSYFT_DATA_DIR"), installed, CSYFT_PROGRAM_DATA_SOURCE};
    for (size_t k = 0; k < sizeof folders / sizeof folders[0]; k++) {
        if (folders[k] != NULL &&
            snprintf(path, DIGITS_PATH_SIZE, "%s/digits.csv", folders[k]) < DIGITS_PATH_SIZE &&
            access(path, R_OK) == 0) {
            return true;
        }
    }
    return false;
}

/* The whole table as integers; *table is the caller's. */
static int read_table(const cli_session *session, const char *path, int64_t **table, int64_t *rows)
{
    sy_tensor *tensor = NULL;
    sy_error err = SY_ERROR_INIT;
    sy_dtype dtype = SY_DTYPE_F64;
    int ndim = 0, code = CLI_OK;
    int64_t shape[SY_DIM_MAX] = {0};
    sy_status status = sy_tensor_load(session->hook, &tensor, path, &err);
    if (status == SY_OK) {
        status = sy_tensor_get_shape(tensor, &ndim, shape, &err);
    }
    if (status == SY_OK) {
        status = sy_tensor_get_dtype(tensor, &dtype, &err);
    }
    if (status != SY_OK) {
        code = cli_report(session->verb, &err);
    } else if (ndim != 2 || shape[1] != COLUMNS || dtype != SY_DTYPE_I64) {
        code = cli_fail(session->verb, "%s: expected %d columns of whole numbers", path, COLUMNS);
    } else {
        *rows = shape[0];
        const size_t size = (size_t)shape[0] * COLUMNS * sizeof(int64_t);
        *table = malloc(size + 1);
        if (*table == NULL) {
            code = cli_fail(session->verb, "out of memory");
        } else if (sy_tensor_copy_data(tensor, *table, size, &err) != SY_OK) {
            code = cli_report(session->verb, &err);
        }
    }
    sy_tensor_unref(tensor);
    return code;
}

static int check_table(const cli_session *session, const char *path, const int64_t *table,
                       int64_t rows)
{
    if (rows < 100) {
        return cli_fail(session->verb, "%s: only %lld rows", path, (long long)rows);
    }
    for (int64_t k = 0; k < rows * COLUMNS; k++) {
        const int64_t max = k % COLUMNS < DIGITS_PIXELS ? PIXEL_MAX : DIGITS_CLASSES - 1;
        if (table[k] < 0 || table[k] > max) {
            return cli_fail(session->verb, "%s: row %lld, column %lld: %lld is not from 0 to %lld",
                            path, (long long)(k / COLUMNS + 1), (long long)(k % COLUMNS + 1),
                            (long long)table[k], (long long)max);
        }
    }
    return CLI_OK;
}

/* --- the cut ---------------------------------------------------------------------------------- */

static bool make_rows(digits_rows *rows, int64_t capacity)
{
    rows->pixels = calloc((size_t)capacity * DIGITS_PIXELS, sizeof(float));
    rows->labels = calloc((size_t)capacity, sizeof(int64_t));
    return rows->pixels != NULL && rows->labels != NULL;
}

static void append_row(digits_rows *rows, const int64_t *row)
{
    float *pixels = rows->pixels + rows->count * DIGITS_PIXELS;
    for (int k = 0; k < DIGITS_PIXELS; k++) {
        pixels[k] = (float)row[k] / PIXEL_MAX;
    }
    rows->labels[rows->count++] = row[DIGITS_PIXELS];
}

/* Knuth's linear congruential generator (MMIX); any fixed order will do here. */
static uint64_t next_number(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *state >> 33;
}

static bool cut(digits *data, const int64_t *table, int64_t rows)
{
    int64_t *order = malloc((size_t)rows * sizeof *order);
    bool made = order != NULL && make_rows(&data->held_out, rows / HELD_OUT_EVERY + 1);
    for (int k = 0; k < DIGITS_SHARDS; k++) {
        made = made && make_rows(&data->shards[k], rows / DIGITS_SHARDS + 1);
    }
    int64_t count = 0;
    for (int64_t row = 0; made && row < rows; row++) {
        if (row % HELD_OUT_EVERY == HELD_OUT_EVERY - 1) {
            append_row(&data->held_out, table + row * COLUMNS);
        } else {
            order[count++] = row;
        }
    }
    uint64_t state = 1;
    for (int64_t k = count - 1; made && k > 0; k--) {
        const int64_t other = (int64_t)(next_number(&state) % (uint64_t)(k + 1));
        const int64_t row = order[k];
        order[k] = order[other];
        order[other] = row;
    }
    for (int64_t k = 0; made && k < count; k++) {
        append_row(&data->shards[k * DIGITS_SHARDS / count], table + order[k] * COLUMNS);
    }
    free(order);
    return made;
}

int digits_load(const cli_session *session, digits *data)
{
    *data = (digits){0};
    char path[DIGITS_PATH_SIZE];
    if (!find_file(path)) {
        return cli_fail(session->verb,
                        "digits.csv: not found; $CSYFT_DATA_DIR may say where it is");
    }
    int64_t *table = NULL;
    int64_t rows = 0;
    int code = read_table(session, path, &table, &rows);
    if (code == CLI_OK) {
        code = check_table(session, path, table, rows);
    }
    if (code == CLI_OK && !cut(data, table, rows)) {
        code = cli_fail(session->verb, "out of memory");
    }
    free(table);
    return code;
}

void digits_free(digits *data)
{
    digits_rows *all[DIGITS_SHARDS + 1] = {&data->held_out};
    for (int k = 0; k < DIGITS_SHARDS; k++) {
        all[k + 1] = &data->shards[k];
    }
    for (int k = 0; k <= DIGITS_SHARDS; k++) {
        free(all[k]->pixels);
        free(all[k]->labels);
    }
    *data = (digits){0};
}

/* --- tensors and files ------------------------------------------------------------------------ */

sy_status digits_make_tensors(sy_hook *hook, const digits_rows *rows, sy_tensor **x, sy_tensor **y,
                              sy_error *err)
{
    *x = *y = NULL;
    const int64_t x_shape[] = {rows->count, DIGITS_PIXELS};
    sy_status status = sy_tensor_new(hook, x, SY_DTYPE_F32, 2, x_shape, rows->pixels, err);
    if (status == SY_OK) {
        status = sy_tensor_new(hook, y, SY_DTYPE_I64, 1, &rows->count, rows->labels, err);
    }
    if (status != SY_OK) {
        sy_tensor_unref(*x);
        *x = NULL;
    }
    return status;
}

const char *digits_shard_path(char path[DIGITS_PATH_SIZE], const char *folder, int shard, char part)
{
    snprintf(path, DIGITS_PATH_SIZE, "%s/%s-%c.npy", folder, digits_parties[shard], part);
    return path;
}

int digits_write_shards(const cli_session *session, const digits *data, const char *folder)
{
    for (int k = 0; k < DIGITS_SHARDS; k++) {
        char path[DIGITS_PATH_SIZE];
        sy_tensor *x = NULL, *y = NULL;
        sy_error err = SY_ERROR_INIT;
        sy_status status = digits_make_tensors(session->hook, &data->shards[k], &x, &y, &err);
        if (status == SY_OK) {
            status = sy_tensor_save(x, digits_shard_path(path, folder, k, 'x'), &err);
        }
        if (status == SY_OK) {
            status = sy_tensor_save(y, digits_shard_path(path, folder, k, 'y'), &err);
        }
        sy_tensor_unref(x);
        sy_tensor_unref(y);
        if (status != SY_OK) {
            return cli_report(session->verb, &err);
        }
    }
    return CLI_OK;
}
