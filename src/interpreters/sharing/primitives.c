/* primitives.c - what is dealt, asked for by the client: triples, material ahead of its use, its cost. Face: <csyft/sharing.h>. Test: tests/integration/sharing_primitives.c. */
#include <csyft/sharing.h>

#include <string.h>

#include <csyft/operations.h>

#include "core/error.h"
#include "interpreters/sharing/additive_shared.h"
#include "workers/descriptor.h"

/* Triples */

typedef struct triple_request {
    const char *cmd;
    syi_field field;
    sy_value a[SY_DIM_MAX], b[SY_DIM_MAX], ids[3];
    int a_ndim, b_ndim;
} triple_request;

static void fill_triple(void *user, int holder, sy_value *args, size_t *count)
{
    const triple_request *t = user;
    (void)holder;
    args[0] = sy_value_string(t->cmd);
    args[1] = sy_value_int((int64_t)t->field.modulus);
    args[2] = sy_value_int(t->field.width);
    args[3] = sy_value_list(t->a, (size_t)t->a_ndim);
    args[4] = sy_value_list(t->b, (size_t)t->b_ndim);
    args[5] = sy_value_list(t->ids, 3);
    *count = 6;
}

static sy_status generate_triple(syi_sharing_group *group, triple_request *t, sy_tensor *triple[3],
                                 sy_error *err)
{
    syi_multi_pointer *parts[3] = {NULL};
    const syi_joint_request request = {
        .group = group, .name = "sharing_triple", .fill = fill_triple, .user = t, .results = 3};
    SY_TRY(syi_joint_request_run(&request, parts, err));
    sy_status status = SY_OK;
    for (int k = 0; k < 3; k++) {
        syi_node *node = NULL;
        if (status == SY_OK) {
            status = syi_additive_shared_new(group->hook, &node, group, &t->field, parts[k], err);
            parts[k] = status == SY_OK ? NULL : parts[k];
        }
        if (status == SY_OK) {
            status = syi_tensor_wrap(group->hook, &triple[k], node, err);
        }
        if (parts[k] != NULL) {
            syi_node_unref(&parts[k]->base);
        }
    }
    for (int k = 0; k < 3 && status != SY_OK; k++) {
        sy_tensor_unref(triple[k]);
        triple[k] = NULL;
    }
    return status;
}

sy_status sy_worker_generate_triple(sy_worker *provider, sy_tensor *triple[3], const char *cmd,
                                    int a_ndim, const int64_t *a_size, int b_ndim,
                                    const int64_t *b_size, sy_worker *const *locations,
                                    size_t count, const sy_share_options *options, sy_error *err)
{
    sy_share_options o;
    triple_request t;
    syi_sharing_group *group = NULL;
    syi_bilinear product;
    memset(triple, 0, 3 * sizeof *triple);
    memset(&t, 0, sizeof t);
    if (provider == NULL || cmd == NULL || a_ndim < 0 || b_ndim < 0 || a_ndim > SY_DIM_MAX ||
        b_ndim > SY_DIM_MAX) {
        return syi_fail(err, SY_EINVAL, "generate_triple: an argument is NULL or a shape is none");
    }
    SY_TRY(syi_share_options_read(options, provider->hook, &o, err));
    SY_TRY(syi_field_of_options(o.dtype, o.field, &t.field, err));
    SY_TRY(syi_bilinear_of_name(&product, cmd, &t.field, a_ndim, a_size, b_ndim, b_size, err));
    t.cmd = cmd;
    t.a_ndim = a_ndim;
    t.b_ndim = b_ndim;
    for (int k = 0; k < a_ndim; k++) {
        t.a[k] = sy_value_int(a_size[k]);
    }
    for (int k = 0; k < b_ndim; k++) {
        t.b[k] = sy_value_int(b_size[k]);
    }
    sy_id ids[3];
    for (int k = 0; k < 3; k++) {
        ids[k] = syi_hook_fresh_id(provider->hook);
        t.ids[k] = syi_id_value(&ids[k]);
    }
    SY_TRY(syi_sharing_group_get(provider->hook, &group, locations, count, provider,
                                 syi_share_options_family(&o), err));
    const sy_status status = generate_triple(group, &t, triple, err);
    return status;
}

sy_status sy_spdz_mul(const char *cmd, sy_tensor *x, sy_tensor *y, sy_tensor **product,
                      sy_error *err)
{
    *product = NULL;
    if (cmd == NULL || !sy_tensor_is_shared(x) || !sy_tensor_is_shared(y)) {
        return syi_fail(err, SY_EINVAL, "spdz_mul: both factors must be shared");
    }
    const sy_value pair[] = {sy_value_tensor(x), sy_value_tensor(y)};
    const sy_value einsum[] = {sy_value_string(cmd), sy_value_list(pair, 2)};
    const bool named = strcmp(cmd, "mul") == 0 || strcmp(cmd, "matmul") == 0 ||
                       strcmp(cmd, "conv1d") == 0 || strcmp(cmd, "conv2d") == 0;
    size_t count = 0;
    return sy_call(x->hook, named ? cmd : "einsum", named ? pair : einsum, 2, NULL, 0, product, 1,
                   &count, NULL, err);
}

/* Crypto store */

static sy_status put_divisor(const sy_primitive *p, syi_demand *demand, sy_error *err)
{
    const uint64_t d = (uint64_t)p->divisor;
    if (p->divisor < 2 || d > syi_field_most(&demand->field) / 2) {
        return syi_fail(err, SY_ERANGE, "provide_primitives: a division by %lld",
                        (long long)p->divisor);
    }
    const bool power = (d & (d - 1)) == 0 && syi_field_bits(&demand->field) > 0;
    demand->shift = power ? (unsigned)__builtin_ctzll(d) : 0;
    demand->divisor = power ? 0 : d;
    return SY_OK;
}

static sy_status comparison_of(const sy_primitive *p, syi_family family, syi_demand *demand,
                               sy_error *err)
{
    const bool equal = p->op[0] == 'e', relu = p->op[0] == 'r';
    const syi_family_material *material = syi_family_get_material(family);
    if (syi_field_bits(&demand->field) < 3) {
        return syi_fail(err, SY_ENOTSUP,
                        "provide_primitives: a %s in a field that is no power of two", p->op);
    }
    if (material == NULL) {
        return syi_fail(err, SY_ENOTSUP,
                        "provide_primitives: a %s of protocol %s cannot be made ahead", p->op,
                        syi_family_name(family));
    }
    demand->kind = equal ? material->equal : material->sign;
    demand->outcome = relu ? SYI_OUTCOME_RELU : SYI_OUTCOME_BIT;
    if (relu && p->divisor != 0) {
        SY_TRY(put_divisor(p, demand, err));
        demand->outcome = demand->shift > 0 ? SYI_OUTCOME_RELU_SHIFT : SYI_OUTCOME_RELU_DIVIDE;
    }
    demand->range = p->range;
    const sy_status status = syi_range_check(p->range, &demand->field, err);
    return status == SY_OK ? SY_OK : syi_error_prefix(err, status, "provide_primitives");
}

/* The caller's, whatever version it was built with. */
static sy_status read_primitive(const sy_primitive *p, sy_primitive *all, syi_family *family,
                                sy_error *err)
{
    *all = (sy_primitive)SY_PRIMITIVE_INIT;
    if (p == NULL) {
        return syi_fail(err, SY_EINVAL, "provide_primitives: the primitive is NULL");
    }
    memcpy(all, p, p->size < sizeof *all ? p->size : sizeof *all);
    if (all->op == NULL || all->a_ndim < 0 || all->a_ndim > SY_DIM_MAX || all->b_ndim < 0 ||
        all->b_ndim > SY_DIM_MAX) {
        return syi_fail(err, SY_EINVAL, "provide_primitives: no operation, or a shape is none");
    }
    return syi_family_of_name(all->protocol, family)
               ? SY_OK
               : syi_fail(err, SY_EINVAL, "provide_primitives: there is no protocol \"%.40s\"",
                          all->protocol);
}

static bool is_comparison(const sy_primitive *p)
{
    return strcmp(p->op, "comparison") == 0 || strcmp(p->op, "relu") == 0 ||
           strcmp(p->op, "equality") == 0;
}

/* All but what a comparison's family adds. */
static sy_status demand_of(const sy_primitive *p, syi_demand *demand, sy_error *err)
{
    syi_array shape = SYI_ARRAY_INIT;
    memset(demand, 0, sizeof *demand);
    SY_TRY(syi_field_of_options(p->dtype, p->field, &demand->field, err));
    SY_TRY(syi_array_describe(&shape, syi_field_dtype(&demand->field), p->a_ndim, p->a_shape, err));
    demand->count = (uint64_t)syi_array_numel(&shape);
    if (is_comparison(p)) {
        return SY_OK;
    }
    if (strcmp(p->op, "square") == 0) {
        demand->kind = SYI_MATERIAL_SQUARE;
        return SY_OK;
    }
    if (strcmp(p->op, "zero") == 0) {
        demand->kind = SYI_MATERIAL_ZERO;
        return SY_OK;
    }
    if (strcmp(p->op, "division") == 0) {
        SY_TRY(put_divisor(p, demand, err));
        demand->kind = demand->shift > 0 ? SYI_MATERIAL_SHIFT : SYI_MATERIAL_DIVIDE;
        return SY_OK;
    }
    demand->kind = SYI_MATERIAL_PRODUCT;
    SY_TRY(syi_bilinear_of_name(&demand->product, p->op, &demand->field, p->a_ndim, p->a_shape,
                                p->b_ndim, p->b_shape, err));
    demand->count = (uint64_t)syi_array_numel(&demand->product.z);
    demand->x = syi_operand_of(&demand->item, SYI_PART_A, &demand->product.x);
    demand->y = syi_operand_of(&demand->item, SYI_PART_B, &demand->product.y);
    return SY_OK;
}

static sy_status find_group(sy_worker *const *holders, size_t count, sy_worker *provider,
                            syi_family family, syi_sharing_group **group, sy_error *err)
{
    *group = NULL;
    if (holders == NULL || count == 0 || holders[0] == NULL) {
        return syi_fail(err, SY_EINVAL, "sharing: no holders");
    }
    sy_hook *hook = holders[0]->hook;
    return syi_sharing_group_get(hook, group, holders, count,
                                 provider != NULL ? provider : hook->local_worker, family, err);
}

/* The group by that protocol; NULL: so many holders cannot have it. */
static sy_status find_each(int family, sy_worker *const *holders, size_t count, sy_worker *provider,
                           syi_sharing_group **group, sy_error *err)
{
    *group = NULL;
    return syi_family_check((syi_family)family, (int)count, NULL) == SY_OK
               ? find_group(holders, count, provider, (syi_family)family, group, err)
               : SY_OK;
}

sy_status sy_provide_primitives(const sy_primitive *primitive, size_t count,
                                sy_worker *const *holders, size_t holder_count,
                                sy_worker *crypto_provider, sy_error *err)
{
    syi_sharing_group *group = NULL;
    sy_primitive all;
    syi_demand demand;
    syi_family family = SYI_FAMILY_AUTO;
    SY_TRY(read_primitive(primitive, &all, &family, err));
    SY_TRY(demand_of(&all, &demand, err));
    SY_TRY(find_group(holders, holder_count, crypto_provider, family, &group, err));
    if (is_comparison(&all)) {
        SY_TRY(comparison_of(&all, family, &demand, err)); /* is it one? */
        SY_TRY(
            syi_sharing_group_family(group, syi_demand_bits(&demand), demand.count, &family, err));
        SY_TRY(comparison_of(&all, family, &demand, err));
    }
    return count > 0 ? syi_sharing_group_prepare(group, &demand, count, err) : SY_OK;
}

sy_status sy_force_preprocessing(bool force, sy_worker *const *holders, size_t holder_count,
                                 sy_worker *crypto_provider, sy_error *err)
{
    syi_sharing_group *group = NULL;
    for (int family = 0; family < SYI_FAMILIES; family++) {
        SY_TRY(find_each(family, holders, holder_count, crypto_provider, &group, err));
        SY_TRY(group != NULL ? syi_sharing_group_force(group, force, err) : SY_OK);
    }
    return SY_OK;
}

sy_status sy_sharing_get_cost(sy_worker *const *holders, size_t holder_count,
                              sy_worker *crypto_provider, size_t holder, sy_sharing_cost *cost,
                              sy_error *err)
{
    syi_sharing_group *group = NULL;
    sy_sharing_cost part;
    memset(cost, 0, sizeof *cost);
    if (holder >= holder_count) {
        return syi_fail(err, SY_EINVAL, "sharing cost: holder %zu of %zu", holder, holder_count);
    }
    for (int family = 0; family < SYI_FAMILIES; family++) {
        SY_TRY(find_each(family, holders, holder_count, crypto_provider, &group, err));
        if (group == NULL) {
            continue;
        }
        SY_TRY(syi_sharing_group_cost(group, (int)holder, &part, err));
        cost->rounds += part.rounds;
        cost->bytes_sent += part.bytes_sent;
        cost->bytes_received += part.bytes_received;
        cost->bytes_dealt += part.bytes_dealt;
        cost->bytes_reported += part.bytes_reported;
        cost->primitives_made += part.primitives_made;
        cost->primitives_taken += part.primitives_taken;
        cost->compared_bits += part.compared_bits;
        cost->compared_fss += part.compared_fss;
        cost->compared_snn += part.compared_snn;
        cost->compared_carry += part.compared_carry;
        cost->round_trip_us = part.round_trip_us > 0 ? part.round_trip_us : cost->round_trip_us;
    }
    return SY_OK;
}
