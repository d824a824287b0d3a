#include "interpreters/sharing/group.h"

#include <string.h>

#include "core/error.h"
#include "interpreters/sharing/letters.h"

/* Life */

static void tell_over(syi_sharing_group *group, const sy_error *why)
{
    syi_sharing_tell(group->hook->local_worker, group->workers, (size_t)group->holders + 1,
                     group->holders, group->session, -1,
                     why->status != SY_OK ? why->status : SY_ECANCELED, why);
}

/* Lock held. The session is over for everybody who can be told. */
static void close_session(syi_sharing_group *group, const sy_error *why)
{
    if (!group->open) {
        return;
    }
    group->open = false;
    if (group->dealing != NULL) {
        syi_sharing_dealing_stop(group->dealing);
        syi_sharing_dealing_unref(group->dealing);
        group->dealing = NULL;
    }
    tell_over(group, why);
}

void syi_sharing_groups_free(syi_sharing_room *room)
{
    while (room->groups != NULL) {
        syi_sharing_group *group = room->groups;
        room->groups = group->next;
        syi_sharing_dealing_unref(group->dealing);
        pthread_mutex_destroy(&group->lock);
        syi_free(room->hook->context, group, sizeof *group);
    }
}

static sy_status check_workers(const sy_hook *hook, sy_worker *const *holders, size_t count,
                               const sy_worker *provider, sy_error *err)
{
    if (count < 2 || count > SYI_HOLDERS_MAX) {
        return syi_fail(err, SY_EINVAL, "share: %zu workers; 2 to %d are possible", count,
                        SYI_HOLDERS_MAX);
    }
    for (size_t k = 0; k < count; k++) {
        if (holders[k] == NULL || holders[k]->hook != hook || provider->hook != hook) {
            return syi_fail(err, SY_EINVAL, "share: a worker is NULL or of another hook");
        }
        if (holders[k] == provider) {
            return syi_fail(err, SY_EINVAL,
                            "share: the crypto provider %s is a holder, too; it would know the "
                            "masks of what it sees",
                            provider->name);
        }
        for (size_t i = 0; i < k; i++) {
            if (holders[i] == holders[k]) {
                return syi_fail(err, SY_EINVAL, "share: worker %s is given twice",
                                holders[k]->name);
            }
        }
    }
    return SY_OK;
}

static bool is_of(const syi_sharing_group *group, sy_worker *const *holders, size_t count,
                  const sy_worker *provider, syi_family family)
{
    bool same = group->holders == (int)count && group->family == family &&
                syi_sharing_group_provider(group) == provider;
    for (size_t k = 0; k < count && same; k++) {
        same = group->workers[k] == holders[k];
    }
    return same;
}

sy_status syi_sharing_group_get(sy_hook *hook, syi_sharing_group **group, sy_worker *const *holders,
                                size_t count, sy_worker *provider, syi_family family, sy_error *err)
{
    *group = NULL;
    SY_TRY(check_workers(hook, holders, count, provider, err));
    SY_TRY(syi_family_check(family, (int)count, err));
    syi_sharing_room *room = syi_sharing_room_of(hook);
    pthread_mutex_lock(&room->lock);
    syi_sharing_group *g = room->groups;
    while (g != NULL && !is_of(g, holders, count, provider, family)) {
        g = g->next;
    }
    if (g == NULL) {
        g = syi_alloc(hook->context, sizeof *g);
        if (g != NULL) {
            g->hook = hook;
            g->holders = (int)count;
            memcpy(g->workers, holders, count * sizeof *holders);
            g->workers[count] = provider;
            g->family = family;
            pthread_mutex_init(&g->lock, NULL);
            g->next = room->groups;
            room->groups = g;
        }
    }
    pthread_mutex_unlock(&room->lock);
    *group = g;
    return g != NULL ? SY_OK : SYI_ENOMEM(err, "share");
}

int syi_sharing_group_index(const syi_sharing_group *group, const sy_id *worker)
{
    for (int k = 0; k < group->holders; k++) {
        if (sy_id_equal(&group->workers[k]->id, worker)) {
            return k;
        }
    }
    return -1;
}

/* Opening */

/* Does `from` reach `to`? Introduces it, where both are elsewhere or `to` listens here. */
static sy_status reaches(sy_worker *from, sy_worker *to, bool *reach, sy_error *err)
{
    *reach = syi_worker_is_here(from);
    if (*reach) {
        return SY_OK;
    }
    sy_error why = SY_ERROR_INIT;
    const sy_status status = sy_worker_introduce(from, to, NULL, &why);
    *reach = status == SY_OK || status == SY_EEXIST; /* it knows another way */
    if (*reach || status == SY_EINVAL || status == SY_EFORBIDDEN) {
        return SY_OK;
    }
    if (err != NULL) {
        *err = why;
    }
    return status;
}

static sy_status ask_provider(const syi_sharing_group *group, const syi_sharing_plan *plan,
                              sy_error *err)
{
    sy_context *context = group->hook->context;
    const size_t parties = (size_t)plan->holders + 1, cells = parties * parties;
    char text[SYI_JOINT_TEXT_SIZE];
    sy_value ids[SYI_HOLDERS_MAX];
    sy_value *reach = syi_alloc_array(context, cells, sizeof *reach);
    if (reach == NULL) {
        return SYI_ENOMEM(err, "share");
    }
    for (size_t k = 0; k + 1 < parties; k++) {
        ids[k] = syi_id_value(&plan->workers[k]->id);
    }
    for (size_t k = 0; k < cells; k++) {
        reach[k] = sy_value_bool(plan->reaches[k]);
    }
    const sy_value args[] = {sy_value_string(syi_joint_format(plan->session, text)),
                             sy_value_list(ids, parties - 1), sy_value_list(reach, cells)};
    const sy_status status = syi_command_tell(
        group->hook->local_worker, syi_sharing_group_provider(group), "sharing_open", args, 3, err);
    syi_free(context, reach, cells * sizeof *reach);
    return status;
}

static sy_status open_session(syi_sharing_group *group, sy_error *err)
{
    syi_sharing_plan plan;
    const int parties = group->holders + 1;
    memset(&plan, 0, sizeof plan);
    plan.holders = group->holders;
    memcpy(plan.workers, group->workers, (size_t)parties * sizeof plan.workers[0]);
    SY_TRY(syi_random_bytes(group->hook->context, plan.session, sizeof plan.session, err));
    for (int i = 0; i < parties; i++) {
        for (int k = 0; k < parties; k++) {
            if (i != k) {
                SY_TRY(reaches(group->workers[i], group->workers[k], &plan.reaches[i * parties + k],
                               err));
            }
        }
    }
    sy_worker *provider = syi_sharing_group_provider(group);
    for (int k = 0; k < group->holders; k++) {
        if (!plan.reaches[group->holders * parties + k]) {
            return syi_fail(err, SY_EINVAL,
                            "share: the crypto provider %s cannot reach holder %s, which listens "
                            "nowhere",
                            provider->name, group->workers[k]->name);
        }
    }
    SY_TRY(syi_worker_is_here(provider) ? syi_sharing_deal_open(&plan, err)
                                        : ask_provider(group, &plan, err));
    memcpy(group->session, plan.session, sizeof plan.session);
    group->round_trip_us = group->family == SYI_FAMILY_AUTO && group->holders == 2
                               ? syi_sharing_measure(group, &plan)
                               : 0;
    group->dealing = syi_sharing_dealing_find(provider, plan.session);
    group->next_sequence = 1;
    group->open = true;
    return SY_OK;
}

static sy_status tell_force(syi_sharing_group *group, bool force, sy_error *err)
{
    char text[SYI_JOINT_TEXT_SIZE];
    const sy_value args[] = {sy_value_string(syi_joint_format(group->session, text)),
                             sy_value_bool(force)};
    for (int k = 0; k < group->holders; k++) {
        SY_TRY(syi_command_tell(group->hook->local_worker, group->workers[k], "sharing_force", args,
                                2, err));
    }
    return SY_OK;
}

/* Lock held. */
static sy_status need_session(syi_sharing_group *group, sy_error *err)
{
    if (group->open) {
        return SY_OK;
    }
    SY_TRY(open_session(group, err));
    return group->force ? tell_force(group, true, err) : SY_OK;
}

sy_status syi_sharing_group_open(syi_sharing_group *group, sy_error *err)
{
    pthread_mutex_lock(&group->lock);
    const sy_status status = need_session(group, err);
    pthread_mutex_unlock(&group->lock);
    return status;
}

sy_status syi_sharing_group_family(syi_sharing_group *group, unsigned bits, uint64_t count,
                                   syi_family *family, sy_error *err)
{
    pthread_mutex_lock(&group->lock);
    const sy_status status = need_session(group, err);
    *family = group->family == SYI_FAMILY_AUTO
                  ? syi_family_fastest(bits, group->holders, count, group->round_trip_us, true)
                  : group->family;
    pthread_mutex_unlock(&group->lock);
    return status;
}

/* Joint commands */

sy_status syi_sharing_group_begin(syi_sharing_group *group, syi_joint *joint, sy_error *err)
{
    pthread_mutex_lock(&group->lock);
    const sy_status status = need_session(group, err);
    if (status == SY_OK) {
        memcpy(joint->session, group->session, sizeof joint->session);
        joint->sequence = group->next_sequence++;
        joint->family = (uint8_t)group->family;
        joint->round_trip_us = group->round_trip_us;
        joint->run = NULL;
        if (group->dealing != NULL) {
            syi_sharing_dealing_busy(group->dealing, 1);
        }
    }
    pthread_mutex_unlock(&group->lock);
    return status;
}

void syi_sharing_group_end(syi_sharing_group *group, const syi_joint *joint, sy_status status,
                           const sy_error *why)
{
    pthread_mutex_lock(&group->lock);
    const bool current =
        group->open && memcmp(group->session, joint->session, sizeof joint->session) == 0;
    if (current && group->dealing != NULL) {
        syi_sharing_dealing_busy(group->dealing, -1);
    }
    if (current && status != SY_OK) {
        sy_error said = why != NULL ? *why : (sy_error)SY_ERROR_INIT;
        said.status = status;
        close_session(group, &said);
    }
    pthread_mutex_unlock(&group->lock);
}

void syi_sharing_group_attend(syi_sharing_group *group, const syi_joint *joint,
                              syi_exchange **exchanges, size_t count, sy_status status,
                              const sy_error *why)
{
    sy_error lost = SY_ERROR_INIT;
    size_t failed = 0;
    if (status != SY_OK) { /* those who have it need not wait for those who have not */
        syi_sharing_group_end(group, joint, status, why);
    }
    while ((status = syi_link_attend(exchanges, count, &failed, &lost)) != SY_OK) {
        exchanges[failed] = NULL;
        (void)syi_sharing_blame(false, group->workers[failed]->name, status, &lost);
        syi_sharing_group_end(group, joint, status, &lost);
    }
}

/* What else is asked of a session */

sy_status syi_sharing_group_cost(syi_sharing_group *group, int holder, sy_sharing_cost *cost,
                                 sy_error *err)
{
    uint64_t *const numbers[] = {
        &cost->rounds,           &cost->bytes_sent,     &cost->bytes_received,
        &cost->bytes_dealt,      &cost->bytes_reported, &cost->primitives_made,
        &cost->primitives_taken, &cost->compared_bits,  &cost->compared_fss,
        &cost->compared_snn,     &cost->compared_carry};
    const size_t count = sizeof numbers / sizeof numbers[0];
    char text[SYI_JOINT_TEXT_SIZE];
    syi_exchange exchange;
    syi_decoder decoder;
    sy_value list;
    memset(cost, 0, sizeof *cost);
    pthread_mutex_lock(&group->lock);
    const bool open = group->open;
    const sy_value args[] = {sy_value_string(syi_joint_format(group->session, text))};
    const uint32_t round_trip_us = open ? group->round_trip_us : 0;
    pthread_mutex_unlock(&group->lock);
    cost->round_trip_us = round_trip_us;
    if (!open) {
        return SY_OK;
    }
    SY_TRY(syi_command_request(group->hook->local_worker, group->workers[holder], "sharing_cost",
                               args, 1, &exchange, err));
    syi_decoder_init(&decoder, group->hook, group->hook->local_worker, exchange.reply);
    sy_status status = syi_decode_value(&decoder, &list, err);
    if (status == SY_OK && (list.kind != SY_VALUE_LIST || list.as.list.count != count)) {
        status = syi_fail(err, SY_EPROTO, "sharing_cost: an answer of another kind");
    }
    for (size_t k = 0; k < count && status == SY_OK; k++) {
        const sy_value *item = &list.as.list.items[k];
        *numbers[k] = item->kind == SY_VALUE_INT ? (uint64_t)item->as.integer : 0;
    }
    syi_decoder_fini(&decoder);
    syi_link_end(&exchange);
    return status;
}

sy_status syi_sharing_group_force(syi_sharing_group *group, bool force, sy_error *err)
{
    pthread_mutex_lock(&group->lock);
    const sy_status status = group->open ? tell_force(group, force, err) : SY_OK;
    group->force = status == SY_OK ? force : group->force;
    pthread_mutex_unlock(&group->lock);
    return status;
}

static sy_status prepare_there(syi_sharing_group *group, const syi_demand *demand, uint64_t count,
                               sy_error *err)
{
    sy_hook *hook = group->hook;
    sy_tensor *letter = NULL;
    char text[SYI_JOINT_TEXT_SIZE];
    SY_TRY(syi_sharing_demand_tensor(hook, &hook->account, demand, &letter, err));
    const sy_value args[] = {sy_value_string(syi_joint_format(group->session, text)),
                             sy_value_tensor(letter), sy_value_int((int64_t)count)};
    const sy_status status = syi_command_tell(hook->local_worker, syi_sharing_group_provider(group),
                                              "sharing_prepare", args, 3, err);
    sy_tensor_unref(letter);
    return status;
}

sy_status syi_sharing_group_prepare(syi_sharing_group *group, const syi_demand *demand,
                                    uint64_t count, sy_error *err)
{
    pthread_mutex_lock(&group->lock);
    sy_status status = need_session(group, err);
    if (status == SY_OK) {
        status = group->dealing != NULL
                     ? syi_sharing_dealing_prepare(group->dealing, demand, count, err)
                     : prepare_there(group, demand, count, err);
        if (status != SY_OK) { /* some holders may have it in stock, and others not */
            sy_error said = err != NULL ? *err : (sy_error)SY_ERROR_INIT;
            said.status = status;
            close_session(group, &said);
        }
    }
    pthread_mutex_unlock(&group->lock);
    return status;
}
