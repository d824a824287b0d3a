#include "federated/serving/rows.h"

#include <string.h>
#include <unistd.h>

#include "core/memory.h"
#include "formats/csv.h"
#include "formats/idx.h"
#include "formats/npz.h"

struct syi_rows {
    atomic_uint refs;
    sy_context *context;
    syi_array array; /* all of them; of a file without storage */
    size_t row_size; /* bytes */
    bool lazy, big_endian;
    syi_file file; /* lazy */
    char *path;    /* lazy; the file's */
    uint64_t first;
};

/* Life */

/* Takes the array. */
static sy_status rows_new(sy_context *context, syi_rows **rows, syi_array *array, sy_error *err)
{
    syi_rows *made = array->ndim > 0 ? syi_alloc(context, sizeof *made) : NULL;
    *rows = made;
    if (made == NULL) {
        const bool scalar = array->ndim == 0;
        syi_array_fini(array);
        return scalar ? syi_fail(err, SY_ESHAPE, "one number has no rows")
                      : SYI_ENOMEM(err, "rows");
    }
    atomic_init(&made->refs, 1);
    made->context = context;
    made->file.descriptor = -1;
    made->array = *array;
    made->row_size = sy_dtype_size(array->dtype);
    for (int k = 1; k < array->ndim; k++) {
        made->row_size *= (size_t)array->shape[k];
    }
    return SY_OK;
}

sy_status syi_rows_of_array(sy_context *context, syi_rows **rows, const syi_array *array,
                            sy_error *err)
{
    syi_array mine;
    *rows = NULL;
    if (syi_array_is_contiguous(array)) {
        syi_array_copy_view(&mine, array);
    } else {
        SY_TRY(syi_array_clone(context, &mine, array, NULL, err));
    }
    return rows_new(context, rows, &mine, err);
}

syi_rows *syi_rows_ref(syi_rows *rows)
{
    atomic_fetch_add_explicit(&rows->refs, 1, memory_order_relaxed);
    return rows;
}

void syi_rows_unref(syi_rows *rows)
{
    if (rows == NULL || atomic_fetch_sub_explicit(&rows->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    if (rows->lazy) {
        syi_file_close(&rows->file);
    }
    syi_string_free(rows->context, rows->path);
    syi_array_fini(&rows->array);
    syi_free(rows->context, rows, sizeof *rows);
}

/* Opening */

/* Rows that stay in the file, from `first` on; takes the file. */
static sy_status keep(sy_context *context, syi_rows **rows, syi_file *file, syi_array *array,
                      uint64_t first, bool big_endian, sy_error *err)
{
    SY_TRY(rows_new(context, rows, array, err));
    syi_rows *made = *rows;
    made->path = syi_string_copy(context, file->path);
    if (made->path == NULL) {
        syi_rows_unref(made);
        *rows = NULL;
        return SYI_ENOMEM(err, "rows");
    }
    made->file = *file;
    made->file.path = made->path;
    made->lazy = true;
    made->big_endian = big_endian;
    made->first = first;
    file->descriptor = -1;
    return SY_OK;
}

/* Of a header: may rows be read as they lie there? */
static bool is_as_it_lies(const syi_array *array)
{
    return syi_array_is_contiguous(array) && array->dtype != SY_DTYPE_BOOL;
}

static sy_status open_idx(sy_context *context, syi_rows **rows, syi_file *file, sy_error *err)
{
    syi_array array = SYI_ARRAY_INIT;
    SY_TRY(syi_idx_read_header(file, &array, err));
    return keep(context, rows, file, &array, file->size - syi_array_bytes(&array), true, err);
}

static sy_status open_npy(sy_context *context, syi_rows **rows, syi_file *file, sy_error *err)
{
    syi_array array = SYI_ARRAY_INIT;
    const syi_npy_input input = syi_npy_input_of_file(file);
    SY_TRY(syi_npy_read_header(context, &input, &array, err));
    if (is_as_it_lies(&array)) {
        return keep(context, rows, file, &array, file->size - syi_array_bytes(&array), false, err);
    }
    SY_TRY(syi_npy_load(context, &array, file->path, NULL, err));
    return rows_new(context, rows, &array, err);
}

static sy_status find_member(const syi_zip *zip, const char *name, const syi_zip_entry **member,
                             sy_error *err)
{
    char there[128];
    *member = name != NULL ? syi_npz_find(zip, name, strlen(name)) : syi_npz_get_only(zip);
    if (*member != NULL) {
        return SY_OK;
    }
    syi_npz_list(zip, there, sizeof there);
    return name != NULL
               ? syi_fail(err, SY_ENOTFOUND, "no member '%s'; there are %s", name, there)
               : syi_fail(err, SY_ENOTFOUND, "which member? PATH:NAME says; there are %s", there);
}

static sy_status open_member(sy_context *context, syi_rows **rows, const syi_zip *zip,
                             syi_file *file, const char *name, sy_error *err)
{
    const syi_zip_entry *member;
    syi_array array = SYI_ARRAY_INIT;
    uint64_t at = 0;
    SY_TRY(find_member(zip, name, &member, err));
    SY_TRY(syi_npz_describe(zip, member, &array, &at, err));
    if (at != 0 && is_as_it_lies(&array)) {
        return keep(context, rows, file, &array, at, false, err);
    }
    SY_TRY(syi_npz_load(zip, member, &array, NULL, err));
    return rows_new(context, rows, &array, err);
}

static sy_status open_npz(sy_context *context, syi_rows **rows, syi_file *file, const char *name,
                          sy_error *err)
{
    const syi_file borrowed = *file; /* which may be taken */
    const syi_source source = syi_source_from_file(&borrowed);
    syi_zip zip;
    SY_TRY(syi_zip_open(context, &zip, &source, err));
    const sy_status status = open_member(context, rows, &zip, file, name, err);
    syi_zip_close(&zip);
    return status;
}

typedef enum file_kind { A_CSV, A_NPY, AN_NPZ, AN_IDX } file_kind;

static sy_status find_kind(const syi_file *file, file_kind *kind, sy_error *err)
{
    uint8_t magic[6] = {0};
    *kind = A_CSV;
    if (file->size < sizeof magic) {
        return SY_OK;
    }
    SY_TRY(syi_file_read_at(file, 0, magic, sizeof magic, err));
    *kind = syi_idx_is_magic(magic, sizeof magic)   ? AN_IDX
            : syi_npz_is_magic(magic, sizeof magic) ? AN_NPZ
            : memcmp(magic, "\x93NUMPY", 6) == 0    ? A_NPY
                                                    : A_CSV;
    return SY_OK;
}

/* Sentences without the path. */
static sy_status open_kind(sy_context *context, syi_rows **rows, syi_file *file, const char *member,
                           sy_error *err)
{
    file_kind kind;
    SY_TRY(find_kind(file, &kind, err));
    if (member != NULL && kind != AN_NPZ) {
        return syi_fail(err, SY_EFORMAT, "no NPZ file, and so without a member '%s'", member);
    }
    if (kind == AN_NPZ) {
        return open_npz(context, rows, file, member, err);
    }
    if (kind == AN_IDX) {
        return open_idx(context, rows, file, err);
    }
    if (kind == A_NPY) {
        return open_npy(context, rows, file, err);
    }
    syi_array array;
    SY_TRY(syi_csv_load(context, &array, file->path, NULL, NULL, err));
    return rows_new(context, rows, &array, err);
}

/* What others said of the file may have its path already. */
static sy_status name_path(sy_status status, const char *path, sy_error *err)
{
    return status == SY_OK || status == SY_ENOMEM ||
                   (err != NULL && strncmp(err->message, path, strlen(path)) == 0)
               ? status
               : syi_error_prefix(err, status, "%s", path);
}

static sy_status open_path(sy_context *context, syi_rows **rows, const char *path,
                           const char *member, sy_error *err)
{
    syi_file file;
    SY_TRY(syi_file_open(&file, path, err));
    const sy_status status = open_kind(context, rows, &file, member, err);
    syi_file_close(&file);
    return name_path(status, path, err);
}

sy_status syi_rows_open(sy_context *context, syi_rows **rows, const char *name, sy_error *err)
{
    const char *colon = strrchr(name, ':');
    *rows = NULL;
    if (colon == NULL || colon[1] == '\0' || access(name, F_OK) == 0) {
        return open_path(context, rows, name, NULL, err);
    }
    char *path = syi_string_copy(context, name);
    if (path == NULL) {
        return SYI_ENOMEM(err, "rows");
    }
    path[colon - name] = '\0';
    const sy_status status = open_path(context, rows, path, colon + 1, err);
    path[colon - name] = ':'; /* as long as it was made */
    syi_string_free(context, path);
    return status;
}

/* Two from one file */

static sy_status split(const syi_rows *rows, syi_rows **data, syi_rows **targets, sy_error *err)
{
    syi_array part = SYI_ARRAY_INIT;
    const int64_t columns = rows->array.ndim == 2 ? rows->array.shape[1] : 0;
    if (columns < 2 || rows->lazy) {
        return syi_fail(err, SY_ESHAPE,
                        "without a file of targets the data are a matrix in a CSV file, whose last "
                        "column they are, or an NPZ file with both");
    }
    SY_TRY(syi_array_slice(&part, &rows->array, 1, 0, columns - 1, 1, err));
    sy_status status = syi_rows_of_array(rows->context, data, &part, err);
    syi_array_fini(&part);
    if (status == SY_OK) {
        status = syi_array_select(&part, &rows->array, 1, columns - 1, err);
    }
    if (status == SY_OK) {
        status = syi_rows_of_array(rows->context, targets, &part, err);
        syi_array_fini(&part);
    }
    return status;
}

/* The one pair of names that is there. */
static sy_status find_pair(const syi_zip *zip, const char *names[2], sy_error *err)
{
    static const char *const pairs[][2] = {
        {"data", "targets"},
        {"data", "labels"},
        {"x", "y"},
        {"X", "y"},
        {"images", "labels"},
        {"features", "labels"},
        {"features", "targets"},
        {"inputs", "targets"},
        {"x_train", "y_train"},
        {"X_train", "y_train"},
        {"arr_0", "arr_1"},
        {"train_images", "train_labels"},
    };
    char there[128];
    int found = 0;
    for (size_t k = 0; k < sizeof pairs / sizeof pairs[0]; k++) {
        const char *const *pair = pairs[k];
        if (syi_npz_find(zip, pair[0], strlen(pair[0])) != NULL &&
            syi_npz_find(zip, pair[1], strlen(pair[1])) != NULL) {
            names[0] = pair[0];
            names[1] = pair[1];
            found++;
        }
    }
    return found == 1
               ? SY_OK
               : syi_fail(err, SY_ENOTFOUND,
                          "%s of its members are rows and targets by their names: %s; "
                          "PATH:NAME says which",
                          found == 0 ? "none" : "several", syi_npz_list(zip, there, sizeof there));
}

/* *is_npz: it is an NPZ file, and these are the names. */
static sy_status look_for_pair(sy_context *context, const char *path, bool *is_npz,
                               const char *names[2], sy_error *err)
{
    syi_file file;
    file_kind kind = A_CSV;
    syi_zip zip;
    SY_TRY(syi_file_open(&file, path, err));
    const syi_source source = syi_source_from_file(&file);
    sy_status status = find_kind(&file, &kind, err);
    *is_npz = kind == AN_NPZ;
    if (status == SY_OK && *is_npz) {
        status = syi_zip_open(context, &zip, &source, err);
        if (status == SY_OK) {
            status = find_pair(&zip, names, err);
            syi_zip_close(&zip);
        }
    }
    syi_file_close(&file);
    return name_path(status, path, err);
}

sy_status syi_rows_open_both(sy_context *context, syi_rows **data, syi_rows **targets,
                             const char *path, sy_error *err)
{
    const char *names[2] = {NULL, NULL};
    bool is_npz = false;
    syi_rows *all = NULL;
    *data = *targets = NULL;
    SY_TRY(look_for_pair(context, path, &is_npz, names, err));
    sy_status status =
        open_path(context, is_npz ? data : &all, path, is_npz ? names[0] : NULL, err);
    if (status == SY_OK) {
        status = is_npz ? open_path(context, targets, path, names[1], err)
                        : name_path(split(all, data, targets, err), path, err);
    }
    syi_rows_unref(all);
    if (status != SY_OK) {
        syi_rows_unref(*data);
        *data = NULL;
    }
    return status;
}

/* Looking */

int64_t syi_rows_get_count(const syi_rows *rows)
{
    return rows->array.shape[0];
}

sy_dtype syi_rows_get_dtype(const syi_rows *rows)
{
    return rows->array.dtype;
}

void syi_rows_describe(const syi_rows *rows, syi_array *shape)
{
    *shape = rows->array;
    shape->storage = NULL;
}

bool syi_rows_is_lazy(const syi_rows *rows)
{
    return rows->lazy;
}

/* How many places from here on follow each other. */
static size_t run_of(const int64_t *places, size_t count)
{
    size_t run = 1;
    while (run < count && places[run] == places[run - 1] + 1) {
        run++;
    }
    return run;
}

static sy_status read_run(const syi_rows *rows, int64_t place, size_t count, uint8_t *to,
                          sy_error *err)
{
    const size_t size = count * rows->row_size;
    const uint64_t at = (uint64_t)place * rows->row_size;
    if (!rows->lazy) {
        memcpy(to, (const uint8_t *)syi_array_data(&rows->array) + at, size);
        return SY_OK;
    }
    SY_TRY(syi_file_read_at(&rows->file, rows->first + at, to, size, err));
    if (rows->big_endian) {
        syi_idx_to_host(to, rows->array.dtype, size / sy_dtype_size(rows->array.dtype));
    }
    return SY_OK;
}

sy_status syi_rows_read(const syi_rows *rows, const int64_t *places, size_t count,
                        syi_account *account, syi_array *out, sy_error *err)
{
    int64_t shape[SY_DIM_MAX];
    memcpy(shape, rows->array.shape, sizeof shape);
    shape[0] = (int64_t)count;
    SY_TRY(syi_array_new(rows->context, out, rows->array.dtype, rows->array.ndim, shape, account,
                         err));
    uint8_t *to = syi_array_data(out);
    for (size_t k = 0; k < count && rows->row_size > 0;) {
        const size_t run = run_of(places + k, count - k);
        const sy_status status = read_run(rows, places[k], run, to, err);
        if (status != SY_OK) {
            syi_array_fini(out);
            return status;
        }
        to += run * rows->row_size;
        k += run;
    }
    return SY_OK;
}
