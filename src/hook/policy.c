/*
 * policy.c - how private status and the count of rows pass on to results (policy.h; ops.def, column
 * rows). Every rule starts from MIXED and must argue its way up; what it cannot see (a tensor without a
 * local array, a shape that does not fit) stays MIXED. Test: policy_test.c.
 */
#include "hook/policy.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/error.h"
#include "core/utf8.h"

void syi_policy_set_private(syi_policy *policy, const char *origin, int64_t rows)
{
    *policy = (syi_policy){.private_ = true};
    policy->spread = rows > 0 ? SYI_SPREAD_DATA : SYI_SPREAD_MIXED;
    policy->rows = rows > 0 ? rows : 0;
    syi_utf8_store(policy->origin, sizeof policy->origin, origin);
}

/* One operation, as the rules see it. Tensors before `first` do not matter (they are overwritten). */
typedef struct setting {
    const syi_op *op;
    const sy_value *bound;
    int bound_count;
    const syi_policy *const *policies;
    const syi_array *const *arrays;
    const syi_array *result;
    int first;
    int count;
    int privates, data, aggregates; /* how many are ... */
    int64_t rows;                   /* the least of the private ones that are not MIXED */
} setting;

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static bool is_data(const setting *s, int k)
{
    return k < s->count && s->policies[k]->private_ && s->policies[k]->spread == SYI_SPREAD_DATA &&
           s->arrays[k] != NULL && s->arrays[k]->ndim > 0;
}

static bool is_public(const setting *s, int k)
{
    return !s->policies[k]->private_;
}

/* The first dim of the result is that of argument k. */
static bool keeps_first_dim(const setting *s, int k)
{
    return s->result != NULL && s->result->ndim > 0 && s->arrays[k]->ndim > 0 &&
           s->result->shape[0] == s->arrays[k]->shape[0];
}

static void become(syi_policy *policy, syi_spread spread, int64_t rows)
{
    if (rows > 0) {
        policy->spread = (uint8_t)spread;
        policy->rows = rows;
    }
}

/* Rows of a result that is as long as its first dim; never more than that. */
static void become_data(syi_policy *policy, const setting *s, int64_t rows)
{
    become(policy, SYI_SPREAD_DATA, least(rows, s->result->shape[0]));
}

/* The rules, one per value of the column. *policy comes in as private and MIXED. */

/* A public operand that differs from row to row could pick rows out (a mask), so it may not reach the
 * first dim; a private one must have its rows there. */
static void rule_each(const setting *s, syi_policy *policy)
{
    if (s->aggregates == s->privates) {
        become(policy, SYI_SPREAD_AGGREGATE, s->rows);
        return;
    }
    if (s->data != s->privates || s->result == NULL || s->result->ndim == 0) {
        return;
    }
    for (int k = s->first; k < s->count; k++) {
        const syi_array *array = s->arrays[k];
        if (array == NULL) {
            return;
        }
        const bool reaches = array->ndim == s->result->ndim;
        if (is_public(s, k) ? reaches && array->shape[0] != 1
                            : !reaches || array->shape[0] != s->result->shape[0]) {
            return;
        }
    }
    become_data(policy, s, s->rows);
}

/* Rows on the left, weights on the right; a bias may not reach the rows. */
static void rule_matmul(const setting *s, syi_policy *policy)
{
    if (!is_data(s, 0) || s->privates != 1 || s->arrays[0]->ndim != 2 || !keeps_first_dim(s, 0)) {
        return;
    }
    for (int k = 1; k < s->count; k++) {
        const int most = k == 1 ? 2 : 1;
        if (s->arrays[k] == NULL || s->arrays[k]->ndim > most) {
            return;
        }
    }
    become_data(policy, s, s->rows);
}

/*
 * batch_norm that trains: a result row depends on its own row and, the same for all of them, on means over all rows; so it counts as that row,
 * and a mean over the result is one over as many rows as before. Means and variances, of the batch or moved by it, are aggregates, and join the
 * running ones, which are so after the first batch.
 */
static void rule_batch_norm(const setting *s, syi_policy *policy)
{
    if (!is_data(s, 0) || s->data != 1 || s->aggregates != s->privates - 1 || s->result == NULL) {
        return;
    }
    for (int k = 1, at = 1; k <= 2; k++) { /* weight and bias */
        if (s->bound[k].kind == SY_VALUE_TENSOR && !is_public(s, at++)) {
            return;
        }
    }
    if (s->result->ndim == 1) {
        become(policy, SYI_SPREAD_AGGREGATE, least(s->rows, s->arrays[0]->shape[0]));
    } else if (keeps_first_dim(s, 0)) {
        become_data(policy, s, s->rows);
    }
}

/* Each row alone, through weights that are the same for all rows. A dim before the channels is the batch; layer_norm
 * may normalize over it. */
static void rule_layer(const setting *s, syi_policy *policy)
{
    if (s->op->id == SYI_OP__native_batch_norm_legit_functional && s->bound[5].as.boolean) {
        rule_batch_norm(s, policy);
        return;
    }
    if (!is_data(s, 0) || s->privates != 1 || s->result == NULL || !keeps_first_dim(s, 0)) {
        return;
    }
    const syi_array *input = s->arrays[0];
    switch (s->op->id) {
    case SYI_OP_conv1d:
    case SYI_OP_conv2d:
    case SYI_OP_convolution:
        if (s->arrays[1] == NULL || input->ndim != s->arrays[1]->ndim) {
            return;
        }
        break;
    case SYI_OP_layer_norm:
    case SYI_OP_native_layer_norm:
        if (s->bound[1].kind != SY_VALUE_LIST || s->bound[1].as.list.count >= (size_t)input->ndim) {
            return;
        }
        break;
    case SYI_OP__native_batch_norm_legit_functional:
        if (s->result->ndim != input->ndim) {
            return;
        }
        break;
    default:
        return;
    }
    become_data(policy, s, s->rows);
}

/* Names `dim` a dim other than the first? Several: all of them. */
static bool spares_first(const sy_value *dim, int ndim)
{
    const sy_value *items = dim->kind == SY_VALUE_LIST ? dim->as.list.items : dim;
    const size_t count = dim->kind == SY_VALUE_LIST ? dim->as.list.count : 1;
    for (size_t k = 0; k < count; k++) {
        if (items[k].kind != SY_VALUE_INT || items[k].as.integer == 0 ||
            items[k].as.integer == -ndim) {
            return false;
        }
    }
    return count > 0;
}

static void rule_first(const setting *s, syi_policy *policy)
{
    if (is_data(s, 0) && s->count == 1 && spares_first(&s->bound[1], s->arrays[0]->ndim) &&
        keeps_first_dim(s, 0)) {
        become_data(policy, s, s->rows);
    }
}

/* Elements stay in row-major order and none is left out or repeated, so while the first dim keeps its length
 * every row holds the elements that it held. Flattening the first dim with others changes that length, unless
 * those are of length 1. An aggregate stays one in any shape. */
static void rule_reshape(const setting *s, syi_policy *policy)
{
    if (s->count != 1) {
        return;
    }
    if (s->aggregates == 1) {
        become(policy, SYI_SPREAD_AGGREGATE, s->rows);
    } else if (is_data(s, 0) && keeps_first_dim(s, 0) &&
               syi_array_numel(s->result) == syi_array_numel(s->arrays[0])) {
        become_data(policy, s, s->rows);
    }
}

/* How many different rows an index names; 0 when it cannot be told. */
static int64_t distinct(const syi_array *index, int64_t size)
{
    const int64_t count = syi_array_numel(index);
    if (index->storage == NULL || size <= 0 || count <= 0) {
        return 0;
    }
    sy_context *context = index->storage->context;
    const size_t bytes = (size_t)(size / 8 + 1);
    uint8_t *seen = syi_alloc(context, bytes);
    if (seen == NULL) {
        return 0;
    }
    int64_t found = 0;
    for (int64_t k = 0; k < count; k++) {
        int64_t at = syi_array_get_int(index, k);
        at = at < 0 ? at + size : at;
        if (at < 0 || at >= size) {
            found = 0;
            break;
        }
        uint8_t *byte = &seen[at / 8];
        const uint8_t bit = (uint8_t)(1u << (at % 8));
        found += (*byte & bit) == 0;
        *byte |= bit;
    }
    syi_free(context, seen, bytes);
    return found;
}

static const sy_value *narrowed_dim(const setting *s)
{
    switch (s->op->id) {
    case SYI_OP_select:
    case SYI_OP_slice:
    case SYI_OP_narrow:
    case SYI_OP_unbind:
    case SYI_OP_index_select:
        return &s->bound[1];
    case SYI_OP_chunk:
    case SYI_OP_split:
    case SYI_OP_split_with_sizes:
    case SYI_OP_tensor_split:
        return &s->bound[2];
    default: /* index: on local chains its inner operations speak for it */
        return NULL;
    }
}

static void rule_narrow(const setting *s, syi_policy *policy)
{
    const sy_value *dim = narrowed_dim(s);
    if (!is_data(s, 0) || s->privates != 1 || dim == NULL) {
        return;
    }
    if (spares_first(dim, s->arrays[0]->ndim)) {
        if (keeps_first_dim(s, 0)) {
            become_data(policy, s, s->rows);
        }
        return;
    }
    if (s->op->id == SYI_OP_select || s->op->id == SYI_OP_unbind || s->result == NULL ||
        s->result->ndim == 0) {
        return;
    }
    const int64_t size = s->arrays[0]->shape[0];
    int64_t kept = s->result->shape[0];
    if (s->op->id == SYI_OP_index_select) {
        kept = s->arrays[1] != NULL ? distinct(s->arrays[1], size) : 0;
    }
    if (kept > 0) {
        /* Where rows were repeated before, the part may consist of repetitions: each place left out
         * may have held a row that is nowhere else. */
        const int64_t rows = least(s->rows, size) - (size - kept);
        become_data(policy, s, rows > 0 ? rows : 1);
    }
}

/* The one text among the arguments of a loss. */
static const sy_value *reduction_of(const setting *s)
{
    for (int k = 2; k < s->bound_count; k++) {
        if (s->bound[k].kind == SY_VALUE_STRING) {
            return &s->bound[k];
        }
    }
    return NULL;
}

/* The mean over all rows of what each row gave. Public class numbers are allowed: they are what the caller
 * asks each row to be (see SECURITY.md for what a caller may encode in them). */
static void rule_loss(const setting *s, syi_policy *policy)
{
    if (s->op->id == SYI_OP_sgd_) {
        if (s->aggregates == s->privates) {
            become(policy, SYI_SPREAD_AGGREGATE, s->rows);
        }
        return;
    }
    const sy_value *reduction = reduction_of(s);
    if (!is_data(s, 0) || s->count != 2 || s->arrays[1] == NULL || reduction == NULL ||
        strcmp(reduction->as.string, "mean") != 0) {
        return;
    }
    const syi_array *self = s->arrays[0], *target = s->arrays[1];
    const bool classes = s->op->id == SYI_OP_nll_loss || s->op->id == SYI_OP_cross_entropy;
    /* One class number per row; or for other losses a value per element, perhaps the same for each row. */
    const bool aligned =
        classes ? self->ndim > 1 && target->ndim == self->ndim - 1 : target->ndim == self->ndim;
    const bool row_by_row = aligned && target->ndim > 0 && target->shape[0] == self->shape[0];
    if (is_public(s, 1)) {
        const bool same_for_all =
            !classes && (target->ndim < self->ndim || (aligned && target->shape[0] == 1));
        /* A huge value in one row's target would make that row the whole gradient; class numbers have
         * no size. */
        if (classes ? !row_by_row : !same_for_all) {
            return;
        }
    } else if (!row_by_row || !is_data(s, 1) || s->policies[1]->rows != s->policies[0]->rows) {
        return;
    }
    become(policy, SYI_SPREAD_AGGREGATE, least(s->rows, self->shape[0]));
}

syi_policy syi_policy_combine(const syi_op *op, const sy_value *bound, int bound_count,
                              const syi_policy *const *policies, const syi_array *const *arrays,
                              int tensor_count, const syi_array *result)
{
    setting s = {.op = op,
                 .bound = bound,
                 .bound_count = bound_count,
                 .policies = policies,
                 .arrays = arrays,
                 .result = result,
                 .first = op->flags & SYI_OP_OVERWRITE ? 1 : 0,
                 .count = tensor_count,
                 .rows = INT64_MAX};
    syi_policy policy = {.private_ = false};
    for (int k = s.first; k < tensor_count; k++) {
        const syi_policy *from = policies[k];
        if (!from->private_) {
            continue;
        }
        if (!policy.private_) {
            policy.private_ = true;
            policy.getters = UINT64_MAX;
            memcpy(policy.origin, from->origin, sizeof policy.origin);
        }
        syi_policy_join_lists(&policy, from);
        s.privates++;
        s.data += is_data(&s, k);
        s.aggregates += from->spread == SYI_SPREAD_AGGREGATE;
        if (from->spread != SYI_SPREAD_MIXED) {
            s.rows = least(s.rows, from->rows);
        }
    }
    if (!policy.private_) {
        return policy;
    }
    switch (op->rows) {
    case SYI_ROWS_EACH:
        rule_each(&s, &policy);
        break;
    case SYI_ROWS_MATMUL:
        rule_matmul(&s, &policy);
        break;
    case SYI_ROWS_LAYER:
        rule_layer(&s, &policy);
        break;
    case SYI_ROWS_FIRST:
        rule_first(&s, &policy);
        break;
    case SYI_ROWS_RESHAPE:
        rule_reshape(&s, &policy);
        break;
    case SYI_ROWS_NARROW:
        rule_narrow(&s, &policy);
        break;
    case SYI_ROWS_LOSS:
        rule_loss(&s, &policy);
        break;
    case SYI_ROWS_NONE:
        break;
    }
    return policy;
}

static void mix(syi_policy *policy)
{
    policy->spread = SYI_SPREAD_MIXED;
    policy->rows = 0;
}

syi_policy syi_policy_of_gradient(const syi_policy *loss, const syi_policy *other,
                                  const syi_policy *computed)
{
    syi_policy policy = loss->private_ ? *loss : *other;
    if (!policy.private_) {
        policy = *computed;
        policy.no_delete = 0;
        if (policy.private_) {
            mix(&policy);
        }
        return policy;
    }
    syi_policy_join_lists(&policy, loss);
    syi_policy_join_lists(&policy, other);
    syi_policy_join_lists(&policy, computed);
    policy.no_delete = 0;
    if (loss->private_ && other->private_) {
        policy.rows = least(loss->rows, other->rows);
    }
    if ((loss->private_ && loss->spread != SYI_SPREAD_AGGREGATE) ||
        (other->private_ && other->spread != SYI_SPREAD_AGGREGATE)) {
        mix(&policy);
    }
    return policy;
}

int syi_policy_shape_teller(const syi_op *op, const sy_value *bound)
{
    switch (op->id) {
    case SYI_OP_nonzero:
    case SYI_OP_bincount:
    case SYI_OP_unique:
    case SYI_OP_unique_consecutive:
        return 0;
    case SYI_OP_one_hot:
        return bound[1].kind == SY_VALUE_INT && bound[1].as.integer < 0 ? 0 : -1;
    case SYI_OP_masked_select:
    case SYI_OP_masked_scatter: /* not its shape, but whether the source is long enough */
        return 1;
    default:
        return -1;
    }
}

sy_status syi_policy_refuse(const syi_policy *policy, const char *what, const char *object,
                            const char *worker, sy_error *err)
{
    const char *origin = policy->origin[0] != '\0' ? policy->origin : "private data";
    char reason[160];
    switch ((syi_spread)policy->spread) {
    case SYI_SPREAD_DATA:
        snprintf(reason, sizeof reason, "it holds %" PRId64 " rows of %s, which is private",
                 policy->rows, origin);
        break;
    case SYI_SPREAD_AGGREGATE:
        snprintf(reason, sizeof reason,
                 "it is an aggregate over %" PRId64 " rows of %s, which is private", policy->rows,
                 origin);
        break;
    default:
        snprintf(reason, sizeof reason, "it depends on %s, which is private", origin);
        break;
    }
    const bool elsewhere = worker != NULL && worker[0] != '\0';
    syi_fail_object(err, SY_EPERM, object, "%s of object %s%s%s is refused: %s", what, object,
                    elsewhere ? " at worker " : "", elsewhere ? worker : "", reason);
    syi_error_at_worker(err, worker);
    return SY_EPERM;
}
