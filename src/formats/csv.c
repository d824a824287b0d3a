/*
 * csv.c - numeric CSV. Two passes over the bytes: the first finds the records and counts their fields,
 * so that the matrix is allocated once and never larger than the text justifies; the second reads the
 * numbers. Integers are written in place until a field is no integer, then all become doubles in place.
 * Test: csv_test.c, fuzz: tests/fuzz/csv.c.
 */
#include "formats/csv.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "formats/decimal.h"
#include "formats/file.h"

typedef struct reader {
    const char *at, *end;
    size_t line; /* of `at`, from 1 */
} reader;

/* A field without its quotes and the blanks around it. */
typedef struct field {
    const char *text;
    size_t length;
    bool quoted;
    bool
        torn; /* bytes after the closing quote, or no closing quote: no number, whatever it holds */
    bool last; /* of its record */
} field;

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool at_line_end(const reader *r)
{
    return r->at == r->end || *r->at == '\n' || *r->at == '\r';
}

/* Past LF, CRLF or CR; nothing at the end of the bytes. */
static void skip_line_end(reader *r)
{
    if (r->at < r->end && *r->at == '\r') {
        r->at++;
        if (r->at == r->end || *r->at != '\n') {
            r->line++;
            return;
        }
    }
    if (r->at < r->end) {
        r->at++;
        r->line++;
    }
}

/* Past lines with nothing but blanks; false at the end of the bytes. */
static bool skip_empty_lines(reader *r)
{
    while (r->at < r->end) {
        const char *start = r->at;
        while (r->at < r->end && is_blank(*r->at)) {
            r->at++;
        }
        if (!at_line_end(r)) {
            r->at = start;
            return true;
        }
        skip_line_end(r);
    }
    return false;
}

/* A field that starts at its opening quote, up to the closing one. */
static field quoted_field(reader *r)
{
    field f = {.text = ++r->at, .quoted = true};
    while (r->at < r->end && (*r->at != '"' || (r->at + 1 < r->end && r->at[1] == '"'))) {
        r->line += *r->at == '\n' ? 1 : 0;
        r->at += *r->at == '"' ? 2 : 1;
    }
    f.length = (size_t)(r->at - f.text);
    f.torn = r->at == r->end;
    r->at += f.torn ? 0 : 1;
    return f;
}

/* The next field of a record, and past the comma or line end behind it. */
static field next_field(reader *r)
{
    field f = {0};
    while (r->at < r->end && is_blank(*r->at)) {
        r->at++;
    }
    if (r->at < r->end && *r->at == '"') {
        f = quoted_field(r);
    } else {
        f.text = r->at;
    }
    const char *rest = r->at;
    while (!at_line_end(r) && *r->at != ',') {
        f.torn = f.torn || (f.quoted && !is_blank(*r->at));
        r->at++;
    }
    if (!f.quoted) {
        f.length = (size_t)(r->at - rest);
    }
    while (f.length > 0 && is_blank(f.text[f.length - 1])) {
        f.length--;
    }
    while (f.length > 0 && is_blank(f.text[0])) {
        f.text++;
        f.length--;
    }
    f.last = at_line_end(r);
    if (f.last) {
        skip_line_end(r);
    } else {
        r->at++;
    }
    return f;
}

static syi_decimal field_number(const field *f)
{
    syi_decimal none = {.kind = SYI_DECIMAL_NONE};
    return f->torn ? none : syi_decimal_parse(f->text, f->length);
}

/* ---- The header ---- */

/* One name, in quotes only when it needs them. */
static bool name_needs_quotes(const field *f)
{
    for (size_t i = 0; i < f->length; i++) {
        if (strchr(",\"\r\n", f->text[i]) != NULL) {
            return true;
        }
    }
    return false;
}

/* The names of the first record as one line; NULL when memory is refused. */
static char *copy_names(sy_context *context, reader r)
{
    syi_buffer names;
    field f = {0};
    syi_buffer_init(&names, context, (size_t)(r.end - r.at) + 1);
    while (!f.last) {
        f = next_field(&r);
        bool quotes = f.quoted && name_needs_quotes(&f);
        syi_buffer_append(&names, "\"", quotes ? 1 : 0);
        syi_buffer_append(&names, f.text, f.length);
        syi_buffer_append(&names, "\"", quotes ? 1 : 0);
        syi_buffer_append(&names, f.last ? "" : ",", 1);
    }
    char *copy = names.status == SY_OK ? syi_string_copy(context, (const char *)names.data) : NULL;
    syi_buffer_fini(&names);
    return copy;
}

/* Is the record at `r` a header: does a field hold something that is no number? A missing value is no
 * sign of one, or a first row with a gap would be lost in silence. */
static bool is_header(reader r)
{
    field f = {0};
    while (!f.last) {
        f = next_field(&r);
        if (f.length > 0 && field_number(&f).kind == SYI_DECIMAL_NONE) {
            return true;
        }
    }
    return false;
}

/* ---- The rows ---- */

typedef struct extent {
    int64_t rows, columns; /* columns 0: not known yet */
} extent;

/* First pass. */
static sy_status count_rows(reader r, extent *size, sy_error *err)
{
    while (skip_empty_lines(&r)) {
        const size_t line = r.line;
        int64_t columns = 0;
        field f = {0};
        while (!f.last) {
            f = next_field(&r);
            columns++;
        }
        if (size->columns == 0) {
            size->columns = columns;
        }
        if (columns != size->columns) {
            return syi_fail(err, SY_EFORMAT,
                            "csv: line %zu: %" PRId64 " fields, %" PRId64 " expected", line,
                            columns, size->columns);
        }
        size->rows++;
    }
    if (size->rows == 0) {
        return syi_fail(err, SY_EFORMAT, "csv: no rows");
    }
    return SY_OK;
}

static sy_status fail_field(const field *f, size_t line, int64_t column, sy_error *err)
{
    if (f->length == 0) {
        return syi_fail(err, SY_EFORMAT, "csv: line %zu, column %" PRId64 ": the value is missing",
                        line, column);
    }
    const int shown = f->length > 40 ? 40 : (int)f->length;
    return syi_fail(err, SY_EFORMAT, "csv: line %zu, column %" PRId64 ": '%.*s%s' is not a number",
                    line, column, shown, f->text, shown < (int)f->length ? "..." : "");
}

/* The first `count` cells were integers; from now on all are doubles. */
static void become_real(void *cells, int64_t count)
{
    uint8_t *at = cells;
    for (int64_t i = 0; i < count; i++, at += 8) {
        int64_t integer;
        memcpy(&integer, at, sizeof integer);
        double real = (double)integer;
        memcpy(at, &real, sizeof real);
    }
}

/* Second pass, into rows x columns cells of 8 bytes. */
static sy_status read_rows(reader r, const extent *size, void *cells, sy_dtype *dtype,
                           sy_error *err)
{
    uint8_t *at = cells;
    int64_t done = 0;
    *dtype = SY_DTYPE_I64;
    while (skip_empty_lines(&r)) {
        for (int64_t column = 1; column <= size->columns; column++, done++, at += 8) {
            const size_t line = r.line;
            field f = next_field(&r);
            syi_decimal number = field_number(&f);
            if (number.kind == SYI_DECIMAL_NONE) {
                return fail_field(&f, line, column, err);
            }
            if (number.kind == SYI_DECIMAL_REAL && *dtype == SY_DTYPE_I64) {
                become_real(cells, done);
                *dtype = SY_DTYPE_F64;
            }
            if (*dtype == SY_DTYPE_I64) {
                memcpy(at, &number.integer, sizeof number.integer);
            } else {
                memcpy(at, &number.real, sizeof number.real);
            }
        }
    }
    return SY_OK;
}

static sy_status read_matrix(sy_context *context, syi_array *array, reader r, extent size,
                             syi_account *account, sy_error *err)
{
    SY_TRY(count_rows(r, &size, err));
    const int64_t shape[] = {size.rows, size.columns};
    syi_array made;
    SY_TRY(syi_array_new(context, &made, SY_DTYPE_I64, 2, shape, account, err));
    sy_status status = read_rows(r, &size, syi_array_data(&made), &made.dtype, err);
    if (status != SY_OK) {
        syi_array_fini(&made);
        return status;
    }
    *array = made;
    return SY_OK;
}

sy_status syi_csv_decode(sy_context *context, syi_array *array, const char *bytes, size_t size,
                         syi_account *account, char **header, sy_error *err)
{
    memset(array, 0, sizeof *array);
    if (header != NULL) {
        *header = NULL;
    }
    if (size >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0) {
        bytes += 3;
        size -= 3;
    }
    if (size > 0 && memchr(bytes, 0, size) != NULL) {
        return syi_fail(err, SY_EFORMAT, "csv: the text has a zero byte");
    }
    reader r = {bytes, size > 0 ? bytes + size : bytes, 1};
    extent found = {0, 0};
    char *names = NULL;
    if (skip_empty_lines(&r) && is_header(r)) {
        if (header != NULL) {
            names = copy_names(context, r);
            if (names == NULL) {
                return SYI_ENOMEM(err, "csv");
            }
        }
        for (field f = {0}; !f.last; found.columns++) {
            f = next_field(&r);
        }
    }
    sy_status status = read_matrix(context, array, r, found, account, err);
    if (status != SY_OK) {
        syi_string_free(context, names);
    } else if (header != NULL) {
        *header = names;
    }
    return status;
}

sy_status syi_csv_load(sy_context *context, syi_array *array, const char *path,
                       syi_account *account, char **header, sy_error *err)
{
    memset(array, 0, sizeof *array);
    if (header != NULL) {
        *header = NULL;
    }
    syi_file file;
    SY_TRY(syi_file_open(&file, path, err));
    sy_status status = SY_OK;
    size_t size = (size_t)file.size;
    char *text = syi_alloc_aligned(context, size, 16);
    if (text == NULL) {
        status = SYI_ENOMEM(err, path);
        goto done;
    }
    SY_GOTO(done, syi_file_read(&file, text, size, err));
    status = syi_csv_decode(context, array, text, size, account, header, err);
    if (status == SY_EFORMAT) {
        status = syi_error_prefix(err, status, "%s", path);
    }
done:
    syi_free(context, text, size);
    syi_file_close(&file);
    return status;
}

/* ---- Writing ---- */

/* One element and the byte behind it. */
static void write_cell(const syi_array *array, int64_t flat, char after, syi_buffer *out)
{
    char text[SYI_DECIMAL_SIZE + 1];
    size_t length;
    if (array->dtype == SY_DTYPE_F64) {
        length = syi_decimal_format_double(text, syi_array_get_double(array, flat));
    } else if (array->dtype == SY_DTYPE_F32) {
        length = syi_decimal_format_float(text, (float)syi_array_get_double(array, flat));
    } else {
        length = (size_t)snprintf(text, sizeof text, "%" PRId64, syi_array_get_int(array, flat));
    }
    text[length] = after;
    syi_buffer_append(out, text, length + 1);
}

sy_status syi_csv_encode(const syi_array *array, syi_buffer *out, sy_error *err)
{
    char shape[64];
    if (array->storage == NULL) {
        return syi_fail(err, SY_EINVAL, "csv: the array has a shape but no data");
    }
    if (array->ndim > 2) {
        return syi_fail(err, SY_ESHAPE, "csv: shape %s is no matrix",
                        syi_shape_format(array->ndim, array->shape, shape, sizeof shape));
    }
    const int64_t count = syi_array_numel(array);
    const int64_t columns = array->ndim == 2 ? array->shape[1] : 1;
    for (int64_t i = 0; i < count && out->status == SY_OK; i++) {
        write_cell(array, i, (i + 1) % columns == 0 ? '\n' : ',', out);
    }
    return syi_buffer_check(out, "csv", err);
}
