/*
 * exchange.h - what the programs of spdz.h are made of: a round's words go to the other holders in tiles, some tiles ahead of
 * the answers, and a tile is done with when everybody's words of it are there. So memory is bounded, nobody waits for a
 * message that was not sent before, and computing hides the wire. Room crypto only. Test: spdz_test.c.
 */
#ifndef SYI_CRYPTO_EXCHANGE_H
#define SYI_CRYPTO_EXCHANGE_H

#include "crypto/spdz.h"

/* Elements that are computed at once, so that all they need stays near the processor. Whole blocks of every stream. */
#define SYI_EXCHANGE_BLOCK 1024
/* Tiles under way: as many as far links want; when the answers are there, no more than near ones, so that what a tile left
 * near the processor is still there when it is finished. */
#define SYI_EXCHANGE_AHEAD 8
#define SYI_EXCHANGE_NEAR 3

/* What the others sent of one tile; index: nothing. */
typedef struct syi_received {
    const uint8_t *bytes[SYI_HOLDERS_MAX];
} syi_received;

/* The steps of a program, called with its data. A tile under way has one of SYI_EXCHANGE_AHEAD slots; the lowest ones are
 * used first. */
typedef struct syi_exchange_steps {
    /* Makes what this holder sends of a tile; it stays there until the tile is done. */
    sy_status (*prepare)(void *data, uint64_t tile, unsigned slot, const void **bytes, size_t *size,
                         sy_error *err);
    /* All have it. */
    sy_status (*finish)(void *data, uint64_t tile, unsigned slot, const syi_received *received,
                        sy_error *err);
} syi_exchange_steps;

/* Scratch memory: rooms of a block each, and slots. Only what was used of it is wiped when it is given back. */
typedef struct syi_slots {
    uint8_t *memory;
    size_t room, slot, size; /* bytes of all rooms, of a slot, of the whole */
    unsigned used;           /* slots */
} syi_slots;
/* `words` of each element of a tile are in a slot. */
sy_status syi_slots_open(syi_slots *slots, const syi_party *party, const syi_demand *demand,
                         size_t rooms, size_t words, const char *name, sy_error *err);
void syi_slots_close(syi_slots *slots, const syi_party *party);
uint8_t *syi_slots_room(const syi_slots *slots, size_t number);
uint8_t *syi_slots_get(syi_slots *slots, unsigned slot);

/* One round. */
sy_status syi_exchange(syi_party *party, uint64_t tiles, const syi_exchange_steps *steps,
                       void *data, sy_error *err);

/*
 * Several rounds, each of which needs what was opened in the one before: tiles follow each other, so that a tile's next round is
 * under way while those behind it are in theirs. `step` is called with stage 0 to `rounds` of every tile, stage by stage, with what the
 * others sent after the stage before; it makes what this holder sends, which stays there until the tile's next stage; after the
 * last stage nothing is sent. All others send as many bytes. A slot, below rounds + 1, is a tile's from its first stage to its last: there are
 * at most SYI_STAGES_MAX.
 */
typedef sy_status (*syi_stage_fn)(void *data, uint64_t tile, unsigned slot, unsigned stage,
                                  const syi_received *received, const void **bytes, size_t *size,
                                  sy_error *err);
#define SYI_STAGES_MAX 9
sy_status syi_exchange_stages(syi_party *party, uint64_t tiles, unsigned rounds, syi_stage_fn step,
                              void *data, sy_error *err);

/* words += what the others sent, from byte `at` on. */
void syi_exchange_add(const syi_party *party, const syi_field *field, void *words,
                      const syi_received *received, size_t at, size_t n);

/* Elements [first, first + n) of an array in their order: where they are when it is contiguous, else copied to `room`. */
const void *syi_exchange_elements(const syi_array *array, unsigned width, uint64_t first, size_t n,
                                  void *room);

/* This holder's shares of a demand's derived parts. */
typedef struct syi_derived {
    syi_party *party;
    const syi_demand *demand;
    syi_generator streams[2]; /* C and V */
    uint8_t *dealt;    /* the provider's message about the tile at hand; NULL: the streams' */
    size_t offsets[2]; /* of the parts in it */
} syi_derived;

sy_status syi_derived_open(syi_derived *derived, syi_party *party, const syi_demand *demand,
                           sy_error *err);
void syi_derived_close(syi_derived *derived);
/* Goes to a tile; waits for the provider where this holder is the corrected one. Each tile once, in their order. */
sy_status syi_derived_tile(syi_derived *derived, uint64_t tile, sy_error *err);
/* The words of a part (0: C, 1: V) of elements [at, at + n) of the tile, at where they are or in `room`; SHIFT's V always in
 * room. `at` is a multiple of the block. */
sy_status syi_derived_get(syi_derived *derived, unsigned part, uint64_t tile, size_t at, size_t n,
                          void *room, void **words, sy_error *err);

/* The words of the only part of all tiles: put into `words`, or added to them. */
sy_status syi_derived_words(syi_party *party, const syi_demand *demand, void *words, bool add,
                            sy_error *err);

/* The demand of a program's next item, not yet asked for. */
syi_demand syi_party_demand(syi_party *party, const syi_field *field, syi_material_kind kind,
                            uint64_t count);
/* Asks the provider for it; the demand's items are the material's afterwards. */
sy_status syi_party_ask(syi_party *party, syi_demand *demand, sy_error *err);

#endif
