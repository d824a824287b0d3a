/*
 * query_commands.c - what a worker answers about the rows of a dataset, with noise and from the budget of who asks. Part of queries.h. A row that its transforms
 * do not take counts for nothing, and nobody hears of it. Test: tests/integration/federated_privacy.c.
 */
#include <math.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "differential_privacy/noisy_sum.h"
#include "federated/numbers.h"
#include "federated/serving/queries.h"
#include "federated/serving/served_requests.h"
#include "hook/scope.h"
#include "workers/session.h"

#define BATCH_VALUES 131072 /* read at once */
#define COLUMNS_MOST ((int64_t)1 << 22)

typedef struct question {
    const sy_request *request;
    const syi_served *served;
    syi_mode mode;
    bool targets;
    int64_t column;  /* -1: all */
    int64_t columns; /* of a row */
    sy_charge charge;
    double lower, upper; /* means */
    const double *edges; /* histograms: count + 1 of them */
    size_t count;        /* numbers of the answer */
    double *values;      /* of a batch; after them one row of contributions */
    int64_t batch;       /* rows */
    syi_noisy_sum sum;
} question;

/* Batches */

/* As numbers; those of a batch that fails are read one by one. */
static sy_status read_rows(question *q, const int64_t *places, size_t count, sy_error *err)
{
    sy_tensor *parts[2];
    sy_scope *s = sy_scope_begin(q->request->worker->hook);
    if (s == NULL) {
        return SYI_ENOMEM(err, "query");
    }
    s->mode = q->mode;
    const sy_status status =
        syi_served_batch(q->served, s, places, count, &parts[0], &parts[1], err);
    if (status == SY_OK) {
        (void)syi_numbers_read(syi_node_array(parts[q->targets ? 1 : 0]->node), q->values);
    }
    (void)sy_scope_end(s, NULL);
    return status;
}

/* What a row adds to a mean's sums: how far it is from the middle of the bounds. */
static void contribute_values(const question *q, const double *row, double *out)
{
    const double middle = q->lower + (q->upper - q->lower) / 2, half = q->upper - middle;
    for (size_t c = 0; c < q->count; c++) {
        const double x = row[q->column >= 0 ? (size_t)q->column : c] - middle;
        out[c] = isnan(x) ? 0 : fmax(-half, fmin(half, x));
    }
}

static void contribute_bin(const question *q, const double *row, double *out)
{
    const double x = row[q->column];
    size_t low = 0, high = q->count;
    memset(out, 0, q->count * sizeof *out);
    if (!(x >= q->edges[0] && x <= q->edges[q->count])) {
        return;
    }
    while (high - low > 1) {
        const size_t middle = low + (high - low) / 2;
        *(x >= q->edges[middle] ? &low : &high) = middle;
    }
    out[low] = 1;
}

static void add_rows(question *q, int64_t rows)
{
    double *out = q->values + q->batch * q->columns;
    for (int64_t k = 0; k < rows; k++) {
        const double *row = q->values + k * q->columns;
        if (q->edges != NULL) {
            contribute_bin(q, row, out);
        } else {
            contribute_values(q, row, out);
        }
        syi_noisy_sum_add(&q->sum, out);
    }
}

static sy_status add_all(question *q, int64_t *places, sy_error *err)
{
    const int64_t rows = syi_rows_get_count(q->served->data);
    for (int64_t from = 0; from < rows; from += q->batch) {
        const int64_t here = rows - from < q->batch ? rows - from : q->batch;
        SY_TRY(syi_served_check_asker(q->request, err));
        for (int64_t k = 0; k < here; k++) {
            places[k] = from + k;
        }
        const sy_status status = read_rows(q, places, (size_t)here, err);
        if (status == SY_OK) {
            add_rows(q, here);
        }
        for (int64_t k = 0; k < here && status == SY_ERANGE; k++) {
            if (read_rows(q, &places[k], 1, NULL) == SY_OK) {
                add_rows(q, 1);
            }
        }
        SY_TRY(status == SY_ERANGE ? SY_OK : status);
    }
    return SY_OK;
}

/* Answers */

/* [rows, numbers] */
static sy_status tell(question *q, sy_error *err)
{
    sy_hook *hook = q->request->worker->hook;
    const int64_t count = (int64_t)q->count;
    syi_array array;
    sy_tensor *numbers = NULL;
    SY_TRY(syi_array_new(hook->context, &array, SY_DTYPE_F64, 1, &count, q->mode.account, err));
    sy_status status = syi_noisy_sum_tell(&q->sum, syi_array_data(&array), err);
    if (status != SY_OK) {
        syi_array_fini(&array);
        return status;
    }
    SY_TRY(syi_tensor_from_array(hook, &numbers, &array, err));
    const sy_value items[] = {sy_value_int(syi_rows_get_count(q->served->data)),
                              sy_value_tensor(numbers)};
    const sy_value list = sy_value_list(items, 2);
    status = syi_encode_value(q->request->reply, &list, err);
    sy_tensor_unref(numbers);
    return status;
}

static sy_status answer_with(question *q, sy_noise *noise, double sensitivity, sy_error *err)
{
    sy_context *context = q->request->worker->hook->context;
    int64_t *places = syi_alloc_array(context, (size_t)q->batch, sizeof *places);
    const size_t values = (size_t)(q->batch * q->columns) + q->count;
    q->values = syi_alloc_array(context, values, sizeof *q->values);
    sy_status status = places != NULL && q->values != NULL ? SY_OK : SYI_ENOMEM(err, "query");
    if (status == SY_OK) {
        status =
            syi_noisy_sum_open(&q->sum, noise, q->charge.kind, q->count, sensitivity,
                               nextafter(sensitivity * q->charge.noise_multiplier, INFINITY), err);
    }
    if (status == SY_OK) {
        status = syi_served_charge(q->served, q->request, &q->charge, err);
        status = status == SY_OK ? add_all(q, places, err) : status;
        status = status == SY_OK ? tell(q, err) : status;
        syi_noisy_sum_close(&q->sum);
    }
    syi_free(context, places, (size_t)q->batch * sizeof *places);
    syi_free_secret(context, q->values, values * sizeof *q->values);
    return status;
}

/* Reading requests */

/* Numbers of a row: the product of the dims behind the first, after transforms. */
static sy_status count_columns(question *q, sy_error *err)
{
    sy_tensor *parts[2];
    sy_scope *s = sy_scope_begin(q->request->worker->hook);
    if (s == NULL) {
        return SYI_ENOMEM(err, "query");
    }
    s->mode = q->mode;
    sy_status status = syi_served_batch(q->served, s, NULL, 0, &parts[0], &parts[1], err);
    if (status == SY_OK) {
        const syi_array *kind = syi_node_array(parts[q->targets ? 1 : 0]->node);
        q->columns = 1;
        for (int k = 1; k < kind->ndim && q->columns <= COLUMNS_MOST; k++) {
            q->columns *= kind->shape[k];
        }
    }
    (void)sy_scope_end(s, NULL);
    return status;
}

static sy_status check_column(question *q, sy_error *err)
{
    if (q->columns < 1 || q->columns > COLUMNS_MOST || q->column < -1 || q->column >= q->columns) {
        return syi_fail(err, SY_ESHAPE, "column %lld of rows of %lld", (long long)q->column,
                        (long long)q->columns);
    }
    if (q->edges != NULL && q->column < 0 && q->columns > 1) {
        return syi_fail(err, SY_ESHAPE, "a histogram is of one column, rows have %lld",
                        (long long)q->columns);
    }
    q->column = q->edges != NULL && q->column < 0 ? 0 : q->column;
    return SY_OK;
}

/* dataset, targets, column, kind of noise, multiplier */
static sy_status read_question(question *q, const sy_request *request, sy_error *err)
{
    const sy_value *args = request->args;
    int64_t kind = 0;
    *q = (question){.request = request, .charge = SY_CHARGE_INIT};
    SY_TRY(syi_served_read_dataset(request, &q->served, err));
    SY_TRY(syi_served_read_number(request, 2, -1, &q->column, err));
    SY_TRY(syi_served_read_number(request, 3, 0, &kind, err));
    q->targets = args[1].kind == SY_VALUE_BOOL && args[1].as.boolean;
    q->charge.kind = kind == SY_NOISE_LAPLACE ? SY_NOISE_LAPLACE : SY_NOISE_GAUSSIAN;
    q->charge.noise_multiplier = args[4].kind == SY_VALUE_FLOAT ? args[4].as.real : 0;
    if (kind > SY_NOISE_LAPLACE ||
        !(q->charge.noise_multiplier >= 0x1p-18 && q->charge.noise_multiplier <= 0x1p18)) {
        return syi_fail(err, SY_EINVAL, "noise of kind %lld and multiplier %g", (long long)kind,
                        q->charge.noise_multiplier);
    }
    if (syi_rows_get_count(q->served->data) == 0) {
        return syi_fail(err, SY_ERANGE, "there are no rows");
    }
    syi_request_get_mode(request, &q->mode);
    return count_columns(q, err);
}

static sy_status answer(question *q, double sensitivity, sy_error *err)
{
    sy_noise *noise = NULL;
    q->batch = BATCH_VALUES / q->columns > 0 ? BATCH_VALUES / q->columns : 1;
    SY_TRY(sy_noise_new(q->request->worker->hook->context, &noise, err));
    const sy_status status = answer_with(q, noise, sensitivity, err);
    sy_noise_free(noise);
    return status;
}

static sy_status name_dataset(const question *q, sy_status status, sy_error *err)
{
    return status == SY_OK || q->served == NULL
               ? status
               : syi_error_prefix(err, status, "dataset %s at worker %s", q->served->key,
                                  q->request->worker->name);
}

static sy_status answer_means(question *q, sy_error *err)
{
    const sy_value *bounds = &q->request->args[5];
    SY_TRY(check_column(q, err));
    q->lower = bounds[0].kind == SY_VALUE_FLOAT ? bounds[0].as.real : 0;
    q->upper = bounds[1].kind == SY_VALUE_FLOAT ? bounds[1].as.real : 0;
    if (!(q->lower < q->upper && q->upper - q->lower <= 1e100 && q->upper - q->lower >= 1e-100)) {
        return syi_fail(err, SY_EINVAL, "bounds %g to %g", q->lower, q->upper);
    }
    q->count = q->column >= 0 ? 1 : (size_t)q->columns;
    const double count = (double)q->count;
    return answer(
        q, (q->upper - q->lower) / 2 * (q->charge.kind == SY_NOISE_LAPLACE ? count : sqrt(count)),
        err);
}

/* dataset_means(dataset, targets, column, noise, multiplier, lower, upper): [rows, sums of distances from the middle] */
static sy_status handle_means(const sy_request *request, sy_error *err)
{
    question q;
    sy_status status = read_question(&q, request, err);
    status = status == SY_OK ? answer_means(&q, err) : status;
    return name_dataset(&q, status, err);
}

static sy_status answer_counts(question *q, sy_error *err)
{
    const sy_value *given = &q->request->args[5];
    const syi_array *edges = syi_served_array_of(given);
    if (edges == NULL || edges->dtype != SY_DTYPE_F64 || edges->ndim != 1 || edges->shape[0] < 2 ||
        edges->shape[0] > SY_HISTOGRAM_BINS_MAX + 1 || !syi_array_is_contiguous(edges)) {
        return syi_fail(err, SY_EINVAL, "edges of bins are 2 to %d doubles",
                        SY_HISTOGRAM_BINS_MAX + 1);
    }
    q->edges = syi_array_data(edges);
    q->count = (size_t)edges->shape[0] - 1;
    for (size_t k = 0; k < q->count; k++) {
        if (!(isfinite(q->edges[k]) && q->edges[k] < q->edges[k + 1] &&
              isfinite(q->edges[k + 1]))) {
            return syi_fail(err, SY_EINVAL, "edges of bins do not ascend");
        }
    }
    SY_TRY(check_column(q, err));
    return answer(q, 1, err);
}

/* dataset_counts(dataset, targets, column, noise, multiplier, edges): [rows, counts] */
static sy_status handle_counts(const sy_request *request, sy_error *err)
{
    question q;
    sy_status status = read_question(&q, request, err);
    status = status == SY_OK ? answer_counts(&q, err) : status;
    return name_dataset(&q, status, err);
}

/* dtype, [dims] */
static void put_kind(sy_value items[2], sy_value *dims, sy_tensor *batch)
{
    int64_t shape[SY_DIM_MAX];
    int ndim = 0;
    sy_dtype dtype = SY_DTYPE_F32;
    (void)sy_tensor_get_shape(batch, &ndim, shape, NULL); /* it is here */
    (void)sy_tensor_get_dtype(batch, &dtype, NULL);
    for (int k = 0; k < ndim; k++) {
        dims[k] = sy_value_int(k == 0 ? -1 : shape[k]);
    }
    items[0] = sy_value_string(sy_dtype_name(dtype));
    items[1] = sy_value_list(dims, (size_t)ndim);
}

/* dataset_info(dataset): [key, rows, release_rows, dtype, [dims], dtype, [dims]], of batches */
static sy_status handle_info(const sy_request *request, sy_error *err)
{
    const syi_served *served = NULL;
    sy_tensor *data, *targets;
    sy_value dims[2][SY_DIM_MAX], items[7];
    int64_t first = 0;
    SY_TRY(syi_served_read_dataset(request, &served, err));
    const int64_t rows = syi_rows_get_count(served->data);
    sy_scope *s = sy_scope_begin(request->worker->hook);
    sy_status status = s != NULL ? SY_OK : SYI_ENOMEM(err, "dataset");
    if (status == SY_OK) {
        status = syi_served_batch(served, s, &first, rows > 0 ? 1 : 0, &data, &targets, err);
    }
    if (status == SY_OK) {
        items[0] = sy_value_string(served->key);
        items[1] = sy_value_int(rows);
        items[2] = sy_value_int(served->release_rows);
        put_kind(&items[3], dims[0], data);
        put_kind(&items[5], dims[1], targets);
        const sy_value list = sy_value_list(items, 7);
        status = syi_encode_value(request->reply, &list, err);
    }
    const sy_status ended = sy_scope_end(s, status == SY_OK ? err : NULL);
    return status == SY_OK ? ended : status;
}

/* dataset_budget(dataset): [epsilon, delta, spent, charges]; all 0: there is none */
static sy_status handle_budget(const sy_request *request, sy_error *err)
{
    const syi_served *served = NULL;
    sy_spending spent = {0, 0};
    SY_TRY(syi_served_read_dataset(request, &served, err));
    if (served->ledger != NULL) {
        SY_TRY(sy_ledger_get_spending(served->ledger, served->key, request->session->name,
                                      served->budget.delta, &spent, err));
    }
    const sy_value items[] = {sy_value_float(served->budget.epsilon),
                              sy_value_float(served->budget.delta), sy_value_float(spent.epsilon),
                              sy_value_int((int64_t)spent.charges)};
    const sy_value list = sy_value_list(items, 4);
    return syi_encode_value(request->reply, &list, err);
}

sy_status syi_query_commands_register(sy_hook *hook, sy_error *err)
{
    static const syi_worker_command commands[] = {
        {SYI_COMMAND_DATASET_INFO, 1, 1, SYI_COMMAND_WAITS, handle_info},
        {SYI_COMMAND_DATASET_MEANS, 7, 7, SYI_COMMAND_WAITS, handle_means},
        {SYI_COMMAND_DATASET_COUNTS, 6, 6, SYI_COMMAND_WAITS, handle_counts},
        {SYI_COMMAND_DATASET_BUDGET, 1, 1, SYI_COMMAND_WAITS, handle_budget},
    };
    return syi_commands_register(hook, commands, sizeof commands / sizeof commands[0], err);
}
