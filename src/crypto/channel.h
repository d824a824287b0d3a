/*
 * channel.h - the seam between party programs and whatever carries their messages: the holders of a shared value send words
 * to each other, and the provider sends corrections to them. Implementations: threads of one process for tests
 * (tests/support/party_threads.h), workers (interpreters/sharing/). Contract test: tests/support/channel_contract.h.
 *
 * A channel belongs to one party and lives during one command; one thread uses it. Every party of the command goes through
 * the same messages in the same order, and knows their sizes before they come.
 *
 *  - send gives the bytes to all other holders; they may be overwritten when it returns. It does not wait for them to be
 *    received, unless more than SYI_CHANNEL_AHEAD bytes are under way. (The programs have at most 8 MiB under
 *    way.)
 *  - receive is the next message of that holder. It has exactly `size` bytes: a message of another length is SY_EPROTO. The
 *    bytes, aligned to 64, are borrowed until the next receive from the same party, and may be written.
 *  - dealt is the next message of the provider for the item; the same otherwise, but that the bytes are borrowed until the
 *    SYI_CHANNEL_KEPT-th dealt after it.
 *  - report is a message to the provider about an item that the holder has demanded, in the order in which the item's dealing
 *    hears them (syi_hear_fn). The bytes may be overwritten when it returns; it does not wait for them to be heard.
 * A party that went away, that fails or that keeps silent beyond the deadline fails all of these with a sentence that names
 * it, at every party. After a failure the channel is of no use.
 */
#ifndef SYI_CRYPTO_CHANNEL_H
#define SYI_CRYPTO_CHANNEL_H

#include "crypto/material.h"

#define SYI_CHANNEL_AHEAD (64u << 20)
#define SYI_CHANNEL_KEPT 8

typedef struct syi_channel syi_channel;

typedef struct syi_channel_class {
    sy_status (*send)(syi_channel *channel, const void *bytes, size_t size, sy_error *err);
    sy_status (*receive)(syi_channel *channel, int from, void **bytes, size_t size, sy_error *err);
    sy_status (*dealt)(syi_channel *channel, const syi_item *item, void **bytes, size_t size,
                       sy_error *err);
    /*
     * The holder will need this of the provider. Every holder calls it, in the same order; it does not wait. An
     * implementation that has such material ready gives the demand its item by syi_demand_rename.
     */
    sy_status (*demand)(syi_channel *channel, syi_demand *demand, sy_error *err);
    /* NULL, or: would receive return at once? Programs then rather go on with what is there than run ahead. */
    bool (*ready)(syi_channel *channel, int from);
    sy_status (*report)(syi_channel *channel, const syi_item *item, const void *bytes, size_t size,
                        sy_error *err);
} syi_channel_class;

/* What it cost: payloads only. */
typedef struct syi_cost {
    uint64_t rounds;
    uint64_t sent;     /* bytes, to each of the other holders */
    uint64_t received; /* bytes, from all of them */
    uint64_t dealt;    /* bytes, from the provider */
    uint64_t reported; /* bytes, to the provider */
} syi_cost;

struct syi_channel {
    const syi_channel_class *klass;
    int holders; /* at least 2 */
    int index;   /* of this one; 0 leads: it alone adds what is public */
    syi_cost cost;
};

/* The class' functions, counted. A program says where a round begins. */
static inline void syi_channel_round(syi_channel *channel)
{
    channel->cost.rounds++;
}
static inline sy_status syi_channel_send(syi_channel *channel, const void *bytes, size_t size,
                                         sy_error *err)
{
    channel->cost.sent += size;
    return channel->klass->send(channel, bytes, size, err);
}
static inline sy_status syi_channel_receive(syi_channel *channel, int from, void **bytes,
                                            size_t size, sy_error *err)
{
    channel->cost.received += size;
    return channel->klass->receive(channel, from, bytes, size, err);
}
static inline sy_status syi_channel_dealt(syi_channel *channel, const syi_item *item, void **bytes,
                                          size_t size, sy_error *err)
{
    channel->cost.dealt += size;
    return channel->klass->dealt(channel, item, bytes, size, err);
}
static inline sy_status syi_channel_report(syi_channel *channel, const syi_item *item,
                                           const void *bytes, size_t size, sy_error *err)
{
    channel->cost.reported += size;
    return channel->klass->report(channel, item, bytes, size, err);
}
static inline sy_status syi_channel_demand(syi_channel *channel, syi_demand *demand, sy_error *err)
{
    return channel->klass->demand(channel, demand, err);
}

#endif
