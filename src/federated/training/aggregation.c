#include "federated/training/aggregation.h"

#include <inttypes.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "crypto/sharing.h"
#include "hook/dispatch.h"
#include "interpreters/pointer_parts.h"
#include "workers/link.h"

static const syi_field ring = {.width = 8};

typedef struct contribution {
    struct contribution *next;
    sy_id from;
    bool added;                  /* to the sum that is told */
    uint8_t seed[SYI_SEED_SIZE]; /* where seeds come */
} contribution;

/* At a holder. */
typedef struct aggregate {
    sy_context *context;
    pthread_mutex_t lock;
    syi_array sum; /* int64; of what came so far */
    bool takes_words, opened;
    size_t least, count;
    contribution *first;
} aggregate;

typedef struct aggregate_node {
    syi_node base;
    aggregate *aggregate;
} aggregate_node;

/* The object */

static void aggregate_free(syi_node *node)
{
    aggregate *a = ((aggregate_node *)(void *)node)->aggregate;
    if (a == NULL) {
        return;
    }
    while (a->first != NULL) {
        contribution *one = a->first;
        a->first = one->next;
        syi_free_secret(a->context, one, sizeof *one);
    }
    syi_array_fini(&a->sum);
    pthread_mutex_destroy(&a->lock);
    syi_free(a->context, a, sizeof *a);
}

static sy_status aggregate_call(syi_call *call, sy_error *err)
{
    return syi_fail(err, SY_EPERM, "%s: an argument is an aggregate, which tells its sum only",
                    call->op->name);
}

static void aggregate_describe(const syi_node *node, syi_buffer *text)
{
    (void)node;
    syi_buffer_append(text, "<Aggregate>", 11);
}

static sy_status aggregate_shape(syi_node *node, syi_array *shape, sy_error *err)
{
    (void)node;
    (void)shape;
    return syi_fail(err, SY_EINVAL, "an aggregate has no shape");
}

static sy_status aggregate_simplify(syi_node *node, struct syi_encoder *encoder, sy_error *err)
{
    (void)node;
    (void)encoder;
    return syi_fail(err, SY_EPERM, "an aggregate does not leave its worker; ask for its sum");
}

static sy_status aggregate_detail(struct syi_decoder *decoder, syi_node **node, sy_error *err)
{
    (void)decoder;
    *node = NULL;
    return syi_fail(err, SY_EFORMAT, "message: an aggregate, which does not travel");
}

static const syi_interpreter aggregate_type = {
    .name = "Aggregate",
    .code = SYI_CODE_AGGREGATE,
    .call = aggregate_call,
    .describe = aggregate_describe,
    .shape = aggregate_shape,
    .simplify = aggregate_simplify,
    .detail = aggregate_detail,
    .free = aggregate_free,
};

static aggregate *aggregate_of(const sy_value *value)
{
    const sy_tensor *object = value->kind == SY_VALUE_TENSOR ? value->as.tensor : NULL;
    return object != NULL && object->node->type == &aggregate_type
               ? ((aggregate_node *)(void *)object->node)->aggregate
               : NULL;
}

static sy_status aggregate_new(const sy_request *request, int64_t elements, bool takes_words,
                               size_t least, sy_tensor **object, sy_error *err)
{
    sy_hook *hook = request->worker->hook;
    syi_mode mode;
    *object = NULL;
    syi_request_get_mode(request, &mode);
    aggregate_node *node =
        (aggregate_node *)(void *)syi_node_new(hook, &aggregate_type, sizeof *node, NULL);
    aggregate *a = node != NULL ? syi_alloc(hook->context, sizeof *a) : NULL;
    if (a == NULL) {
        if (node != NULL) {
            syi_node_unref(&node->base);
        }
        return SYI_ENOMEM(err, "aggregate");
    }
    a->context = hook->context;
    a->takes_words = takes_words;
    a->least = least;
    pthread_mutex_init(&a->lock, NULL);
    node->aggregate = a;
    const sy_status status =
        syi_array_new(hook->context, &a->sum, SY_DTYPE_I64, 1, &elements, mode.account, err);
    if (status != SY_OK) {
        syi_node_unref(&node->base);
        return status;
    }
    memset(syi_array_data(&a->sum), 0, syi_array_bytes(&a->sum));
    return syi_tensor_wrap(hook, object, &node->base, err);
}

/* At holders */

static sy_status read_number(const sy_request *request, size_t index, int64_t most, int64_t *number,
                             sy_error *err)
{
    const sy_value *value = &request->args[index];
    *number = value->kind == SY_VALUE_INT ? value->as.integer : 0;
    return *number >= 1 && *number <= most
               ? SY_OK
               : syi_fail(err, SY_EINVAL, "aggregate: argument %zu is no number from 1 to %" PRId64,
                          index, most);
}

/* aggregate_open(elements, does it take words?, least): a descriptor */
static sy_status handle_open(const sy_request *request, sy_error *err)
{
    int64_t elements = 0, least = 0;
    sy_tensor *object = NULL;
    SY_TRY(read_number(request, 0, SYI_AGGREGATION_ELEMENTS_MAX, &elements, err));
    SY_TRY(read_number(request, 2, SYI_AGGREGATION_CONTRIBUTORS_MAX, &least, err));
    const bool words = request->args[1].kind == SY_VALUE_BOOL && request->args[1].as.boolean;
    SY_TRY(aggregate_new(request, elements, words, (size_t)least, &object, err));
    const sy_status status = syi_request_register(request, object, NULL, err);
    sy_tensor_unref(object);
    return status;
}

static contribution *find(const aggregate *a, const sy_id *from)
{
    contribution *one = a->first;
    while (one != NULL && !sy_id_equal(&one->from, from)) {
        one = one->next;
    }
    return one;
}

static const syi_array *bytes_of(const sy_value *value, sy_dtype dtype, int64_t count)
{
    const syi_array *array =
        value->kind == SY_VALUE_TENSOR && syi_tensor_is_native(value->as.tensor)
            ? syi_node_array(value->as.tensor->node)
            : NULL;
    return array != NULL && array->dtype == dtype && array->ndim == 1 && array->shape[0] == count &&
                   syi_array_is_contiguous(array)
               ? array
               : NULL;
}

/* Lock held. */
static sy_status put(aggregate *a, const sy_id *from, size_t least, const syi_array *given,
                     sy_error *err)
{
    char name[64];
    sy_id_format(from, name, sizeof name);
    if (a->opened || find(a, from) != NULL) {
        return syi_fail(err, SY_EEXIST, "aggregate: %s%s", a->opened ? "it was opened" : name,
                        a->opened ? " before" : " has contributed before");
    }
    if (a->count == SYI_AGGREGATION_CONTRIBUTORS_MAX) {
        return syi_fail(err, SY_ELIMIT, "aggregate: more than %d contributors",
                        SYI_AGGREGATION_CONTRIBUTORS_MAX);
    }
    contribution *one = syi_alloc(a->context, sizeof *one);
    if (one == NULL) {
        return SYI_ENOMEM(err, "aggregate");
    }
    one->from = *from;
    one->next = a->first;
    a->first = one;
    a->count++;
    a->least = least > a->least ? least : a->least;
    if (a->takes_words) {
        uint64_t *sum = syi_array_data(&a->sum);
        const uint64_t *words = syi_array_data(given);
        for (int64_t i = 0; i < a->sum.shape[0]; i++) {
            sum[i] += words[i];
        }
    } else {
        memcpy(one->seed, syi_array_data(given), sizeof one->seed);
    }
    return SY_OK;
}

/* aggregate_put(aggregate, least, seed or words), by a contributor */
static sy_status handle_put(const sy_request *request, sy_error *err)
{
    aggregate *a = aggregate_of(&request->args[0]);
    int64_t least = 0;
    if (a == NULL) {
        return syi_fail(err, SY_EINVAL, "the object is no aggregate");
    }
    SY_TRY(read_number(request, 1, SYI_AGGREGATION_CONTRIBUTORS_MAX, &least, err));
    const syi_array *given =
        bytes_of(&request->args[2], a->takes_words ? SY_DTYPE_I64 : SY_DTYPE_U8,
                 a->takes_words ? a->sum.shape[0] : SYI_SEED_SIZE);
    if (given == NULL) {
        return syi_fail(err, SY_ESHAPE, "aggregate: a share of another length or dtype");
    }
    pthread_mutex_lock(&a->lock);
    const sy_status status = put(a, request->caller, (size_t)least, given, err);
    pthread_mutex_unlock(&a->lock);
    SY_TRY(status);
    syi_msgpack_write_nil(request->reply->out);
    return syi_buffer_check(request->reply->out, "message body", err);
}

/* Lock held: adds what a seed stands for. */
static sy_status add_seed(aggregate *a, const contribution *one, uint64_t *share, sy_error *err)
{
    uint64_t *sum = syi_array_data(&a->sum);
    const size_t count = (size_t)a->sum.shape[0];
    SY_TRY(syi_share_expand(&ring, share, one->seed, count, err));
    for (size_t i = 0; i < count; i++) {
        sum[i] += share[i];
    }
    return SY_OK;
}

/* Lock held. Each of the list, once, and no other. */
static sy_status add_listed(aggregate *a, const sy_value *list, sy_error *err)
{
    const size_t bytes = syi_array_bytes(&a->sum);
    const sy_value *items = list->as.list.items;
    sy_status status = SY_OK;
    uint64_t *share = syi_alloc(a->context, bytes);
    if (share == NULL) {
        return SYI_ENOMEM(err, "aggregate");
    }
    for (size_t k = 0; k < list->as.list.count && status == SY_OK; k++) {
        sy_id id = SY_ID_INIT;
        char name[64];
        status = syi_value_read_id(&items[k], &id, err);
        contribution *one = status == SY_OK ? find(a, &id) : NULL;
        if (status == SY_OK && (one == NULL || one->added)) {
            status =
                syi_fail(err, SY_ENOTFOUND, "aggregate: %s has contributed nothing, or is twice",
                         sy_id_format(&id, name, sizeof name));
        }
        if (status == SY_OK) {
            one->added = true;
            status = add_seed(a, one, share, err);
        }
    }
    syi_wipe(share, bytes);
    syi_free(a->context, share, bytes);
    if (status != SY_OK) { /* it can be asked for again */
        memset(syi_array_data(&a->sum), 0, bytes);
        for (contribution *one = a->first; one != NULL; one = one->next) {
            one->added = false;
        }
    }
    return status;
}

/* Lock held. */
static sy_status answer_sum(const sy_request *request, const aggregate *a, sy_error *err)
{
    sy_hook *hook = request->worker->hook;
    sy_value *ids = syi_alloc_array(hook->context, a->count, sizeof *ids);
    sy_tensor *words = NULL;
    syi_array view;
    if (ids == NULL) {
        return SYI_ENOMEM(err, "aggregate");
    }
    size_t count = 0;
    for (const contribution *one = a->first; one != NULL; one = one->next) {
        ids[count++] = syi_id_value(&one->from);
    }
    syi_array_copy_view(&view, &a->sum);
    sy_status status = syi_tensor_from_array(hook, &words, &view, err);
    if (status == SY_OK) {
        const sy_value items[] = {sy_value_list(ids, count), sy_value_tensor(words)};
        const sy_value list = sy_value_list(items, 2);
        status = syi_encode_value(request->reply, &list, err);
    }
    sy_tensor_unref(words);
    syi_free(hook->context, ids, a->count * sizeof *ids);
    return status;
}

static sy_status check_count(const aggregate *a, size_t count, sy_error *err)
{
    if (a->opened) {
        return syi_fail(err, SY_EPERM, "aggregate: it was opened before");
    }
    return count >= a->least ? SY_OK
                             : syi_fail(err, SY_EPERM,
                                        "aggregate: of %zu contributors; sums of fewer than %zu "
                                        "are not told",
                                        count, a->least);
}

/* aggregate_sum(aggregate, none, or the contributors): [contributors, words]. Once. */
static sy_status handle_sum(const sy_request *request, sy_error *err)
{
    aggregate *a = aggregate_of(&request->args[0]);
    const sy_value *list = &request->args[1];
    if (a == NULL || (list->kind == SY_VALUE_LIST) == a->takes_words) {
        return syi_fail(err, SY_EINVAL,
                        "the object is no aggregate, or one of seeds is asked without a list");
    }
    pthread_mutex_lock(&a->lock);
    sy_status status = check_count(a, a->takes_words ? a->count : list->as.list.count, err);
    if (status == SY_OK && !a->takes_words) {
        status = add_listed(a, list, err);
    }
    if (status == SY_OK) {
        a->opened = true;
        status = answer_sum(request, a, err);
    }
    pthread_mutex_unlock(&a->lock);
    return status;
}

sy_status syi_aggregation_register(sy_hook *hook, sy_error *err)
{
    static const syi_worker_command commands[] = {
        {SYI_COMMAND_AGGREGATE_OPEN, 3, 3, 0, handle_open},
        {SYI_COMMAND_AGGREGATE_PUT, 3, 3, 0, handle_put},
        {SYI_COMMAND_AGGREGATE_SUM, 2, 2, SYI_COMMAND_WAITS, handle_sum},
    };
    SY_TRY(syi_hook_register_interpreter(hook, &aggregate_type, err));
    return syi_commands_register(hook, commands, sizeof commands / sizeof commands[0], err);
}

/* The coordinator */

static sy_status open_one(syi_aggregation *aggregation, sy_worker *holder, bool takes_words,
                          size_t least, syi_pointer **made, sy_error *err)
{
    sy_worker *me = aggregation->hook->local_worker;
    const sy_value args[] = {sy_value_int(aggregation->elements), sy_value_bool(takes_words),
                             sy_value_int((int64_t)least)};
    syi_exchange exchange;
    SY_TRY(syi_pointer_prepare(me, holder, made, err));
    sy_status status =
        syi_command_request(me, holder, SYI_COMMAND_AGGREGATE_OPEN, args, 3, &exchange, err);
    if (status != SY_OK) {
        syi_node_unref(&(*made)->base);
        *made = NULL;
        return status;
    }
    status = syi_pointer_read_descriptor(exchange.reply, made, err);
    syi_link_end(&exchange);
    *made = status == SY_OK ? *made : NULL;
    return status;
}

sy_status syi_aggregation_open(sy_hook *hook, syi_aggregation *aggregation,
                               sy_worker *const *holders, size_t count, int64_t elements,
                               size_t least, sy_error *err)
{
    memset(aggregation, 0, sizeof *aggregation);
    aggregation->hook = hook;
    aggregation->elements = elements;
    if (count < 2 || count > SYI_AGGREGATION_HOLDERS_MAX) {
        return syi_fail(err, SY_EINVAL, "aggregation: %zu holders; 2 to %d are possible", count,
                        SYI_AGGREGATION_HOLDERS_MAX);
    }
    for (size_t k = 0; k < count; k++) {
        for (size_t i = 0; i < k; i++) {
            if (holders[i] == holders[k]) {
                return syi_fail(err, SY_EINVAL, "aggregation: holder %s is given twice",
                                holders[k]->name);
            }
        }
    }
    sy_status status = SY_OK;
    for (size_t k = 0; k < count && status == SY_OK; k++) {
        status = open_one(aggregation, holders[k], k == count - 1, least, &aggregation->at[k], err);
        aggregation->holders += status == SY_OK ? 1 : 0;
    }
    if (status != SY_OK) {
        syi_aggregation_close(aggregation);
    }
    return status;
}

void syi_aggregation_close(syi_aggregation *aggregation)
{
    for (size_t k = 0; k < aggregation->holders; k++) {
        syi_node_unref(&aggregation->at[k]->base);
    }
    aggregation->holders = 0;
}

/* One holder's sum is added; `ids` goes on to the next ones. */
static sy_status add_sum(const syi_aggregation *aggregation, size_t k, const sy_value *list,
                         uint64_t *words, syi_decoder *decoder, syi_exchange *exchange,
                         sy_value *ids, sy_error *err)
{
    sy_worker *me = aggregation->hook->local_worker, *holder = aggregation->at[k]->location;
    const sy_value args[] = {syi_pointer_value(aggregation->at[k]), *list};
    sy_value answer;
    SY_TRY(syi_command_request(me, holder, SYI_COMMAND_AGGREGATE_SUM, args, 2, exchange, err));
    syi_decoder_init(decoder, aggregation->hook, me, exchange->reply);
    SY_TRY(syi_decode_value(decoder, &answer, err));
    const bool pair = answer.kind == SY_VALUE_LIST && answer.as.list.count == 2 &&
                      answer.as.list.items[0].kind == SY_VALUE_LIST;
    const syi_array *sum =
        pair ? bytes_of(&answer.as.list.items[1], SY_DTYPE_I64, aggregation->elements) : NULL;
    if (sum == NULL) {
        return syi_fail(err, SY_EPROTO, "aggregation: holder %s answered with something else",
                        holder->name);
    }
    const uint64_t *share = syi_array_data(sum);
    for (int64_t i = 0; i < aggregation->elements; i++) {
        words[i] += share[i];
    }
    *ids = answer.as.list.items[0];
    return SY_OK;
}

sy_status syi_aggregation_sum(syi_aggregation *aggregation, uint64_t *words, size_t *contributors,
                              sy_error *err)
{
    syi_decoder decoders[2] = {{0}};
    syi_exchange exchanges[2] = {{0}};
    sy_value ids = sy_value_none(), ignored;
    const size_t last = aggregation->holders - 1;
    memset(words, 0, (size_t)aggregation->elements * sizeof *words);
    sy_status status =
        add_sum(aggregation, last, &ids, words, &decoders[0], &exchanges[0], &ids, err);
    *contributors = status == SY_OK ? ids.as.list.count : 0;
    for (size_t k = 0; k < last && status == SY_OK; k++) {
        status = add_sum(aggregation, k, &ids, words, &decoders[1], &exchanges[1], &ignored, err);
        if (decoders[1].hook != NULL) {
            syi_decoder_fini(&decoders[1]);
        }
        syi_link_end(&exchanges[1]);
        memset(&decoders[1], 0, sizeof decoders[1]);
        memset(&exchanges[1], 0, sizeof exchanges[1]);
    }
    if (decoders[0].hook != NULL) {
        syi_decoder_fini(&decoders[0]);
    }
    syi_link_end(&exchanges[0]);
    return status;
}

/* A contributor */

static sy_status send_share(sy_worker *worker, const syi_aggregation_holder *to, size_t least,
                            syi_array *share, sy_error *err)
{
    sy_hook *hook = worker->hook;
    syi_pointer *aggregate_there = NULL;
    sy_tensor *letter = NULL;
    char name[64];
    sy_worker *holder = syi_directory_find(hook, &to->worker);
    if (holder == NULL) {
        syi_array_fini(share);
        return syi_fail(err, SY_ENOTFOUND,
                        "worker %s does not know holder %s of the aggregation; introduce it first",
                        worker->name, sy_id_format(&to->worker, name, sizeof name));
    }
    SY_TRY(syi_tensor_from_array(hook, &letter, share, err));
    sy_status status = syi_pointer_new(hook, &aggregate_there, worker, holder, &to->aggregate, err);
    if (status == SY_OK) {
        aggregate_there->collect = false;
        const sy_value args[] = {syi_pointer_value(aggregate_there), sy_value_int((int64_t)least),
                                 sy_value_tensor(letter)};
        status = syi_command_tell(worker, holder, SYI_COMMAND_AGGREGATE_PUT, args, 3, err);
        syi_node_unref(&aggregate_there->base);
    }
    sy_tensor_unref(letter);
    return status;
}

sy_status syi_aggregation_contribute(sy_worker *worker, const syi_aggregation_holder *holders,
                                     size_t count, const uint64_t *words, int64_t elements,
                                     size_t least, sy_error *err)
{
    static const int64_t seed_size = SYI_SEED_SIZE;
    sy_context *context = worker->hook->context;
    uint8_t seeds[SYI_AGGREGATION_HOLDERS_MAX][SYI_SEED_SIZE];
    syi_array last, seed;
    SY_TRY(syi_array_new(context, &last, SY_DTYPE_I64, 1, &elements, NULL, err));
    last.storage->secret = true;
    sy_status status = syi_generate_shares(context, &ring, syi_array_data(&last), seeds, words,
                                           (size_t)elements, count, err);
    for (size_t k = 0; k + 1 < count && status == SY_OK; k++) {
        status = syi_array_new(context, &seed, SY_DTYPE_U8, 1, &seed_size, NULL, err);
        if (status == SY_OK) {
            seed.storage->secret = true;
            memcpy(syi_array_data(&seed), seeds[k], SYI_SEED_SIZE);
            status = send_share(worker, &holders[k], least, &seed, err);
        }
    }
    syi_wipe(seeds, sizeof seeds);
    if (status != SY_OK) {
        syi_array_fini(&last);
        return status;
    }
    return send_share(worker, &holders[count - 1], least, &last, err);
}
