#include "federated/rows.h"

#include <string.h>

#include "core/memory.h"
#include "formats/csv.h"
#include "formats/idx.h"
#include "formats/npy.h"

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

typedef enum file_kind { A_CSV, A_NPY, A_NPY_IN_ORDER, AN_IDX } file_kind;

/* By its first bytes; *array describes what is read row by row. */
static sy_status describe(sy_context *context, syi_file *file, file_kind *kind, syi_array *array,
                          sy_error *err)
{
    uint8_t magic[6] = {0};
    *kind = A_CSV;
    if (file->size < sizeof magic) {
        return SY_OK;
    }
    SY_TRY(syi_file_read_at(file, 0, magic, sizeof magic, err));
    if (syi_idx_is_magic(magic, sizeof magic)) {
        *kind = AN_IDX;
        return syi_idx_read_header(file, array, err);
    }
    if (memcmp(magic, "\x93NUMPY", 6) == 0) {
        SY_TRY(syi_npy_read_header(context, file, array, err));
        const bool as_it_is = syi_array_is_contiguous(array) && array->dtype != SY_DTYPE_BOOL;
        *kind = as_it_is ? A_NPY_IN_ORDER : A_NPY;
    }
    return SY_OK;
}

static sy_status keep_file(syi_rows *rows, const syi_file *file, const char *path, bool big_endian,
                           sy_error *err)
{
    rows->path = syi_string_copy(rows->context, path);
    if (rows->path == NULL) {
        return SYI_ENOMEM(err, "rows");
    }
    rows->file = *file;
    rows->file.path = rows->path;
    rows->lazy = true;
    rows->big_endian = big_endian;
    rows->first = file->size - syi_array_bytes(&rows->array);
    return SY_OK;
}

static sy_status load(sy_context *context, syi_rows **rows, const char *path, file_kind kind,
                      sy_error *err)
{
    syi_array array;
    SY_TRY(kind == A_NPY ? syi_npy_load(context, &array, path, NULL, err)
                         : syi_csv_load(context, &array, path, NULL, NULL, err));
    return rows_new(context, rows, &array, err);
}

sy_status syi_rows_open(sy_context *context, syi_rows **rows, const char *path, sy_error *err)
{
    syi_file file;
    syi_array array = SYI_ARRAY_INIT;
    file_kind kind;
    *rows = NULL;
    SY_TRY(syi_file_open(&file, path, err));
    sy_status status = describe(context, &file, &kind, &array, err);
    if (status == SY_EFORMAT) {
        status = syi_error_prefix(err, status, "%s", path);
    }
    if (status == SY_OK && (kind == A_NPY || kind == A_CSV)) {
        syi_file_close(&file);
        return load(context, rows, path, kind, err);
    }
    if (status == SY_OK) {
        status = rows_new(context, rows, &array, err);
    }
    if (status == SY_OK) {
        status = keep_file(*rows, &file, path, kind == AN_IDX, err);
    }
    if (status != SY_OK) {
        syi_file_close(&file);
        syi_rows_unref(*rows);
        *rows = NULL;
    }
    return status;
}

sy_status syi_rows_split(const syi_rows *rows, syi_rows **data, syi_rows **targets, sy_error *err)
{
    syi_array part = SYI_ARRAY_INIT;
    const int64_t columns = rows->array.ndim == 2 ? rows->array.shape[1] : 0;
    *data = *targets = NULL;
    if (columns < 2 || rows->lazy) {
        return syi_fail(err, SY_ESHAPE,
                        "without a file of targets the data are a matrix in a CSV file, whose last "
                        "column they are");
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
    if (status != SY_OK) {
        syi_rows_unref(*data);
        *data = NULL;
    }
    return status;
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
