/*
 * tokens.h - the bearer tokens that a worker takes. Of a token only HMAC-SHA-256 under a key drawn at the first one
 * stays; whatever is shown is compared with all of them in the same time. The strand guards them. Test: tokens_test.c.
 */
#ifndef SYI_WORKERS_TOKENS_H
#define SYI_WORKERS_TOKENS_H

#include <csyft/context.h>

#include "messaging/control.h"

#define SYI_CALLER_NAME_SIZE 65
#define SYI_TOKENS_MAX 100000

typedef struct syi_token {
    uint8_t digest[32];
    char name[SYI_CALLER_NAME_SIZE];
    int64_t expires; /* 0: never */
} syi_token;

typedef struct syi_tokens {
    uint8_t key[32];
    bool keyed; /* the key has been drawn */
    syi_token *items;
    size_t count, capacity;
} syi_tokens;

void syi_tokens_fini(sy_context *context, syi_tokens *tokens);
/* Statuses: sy_worker_add_token. */
sy_status syi_tokens_add(sy_context *context, syi_tokens *tokens, const char *name,
                         const char *token, int64_t expires, sy_error *err);
/* The entry behind a token that has not expired at `now` (seconds since 1970); NULL. */
const syi_token *syi_tokens_find(const syi_tokens *tokens, const char *token, int64_t now);
/* The entry with that digest, which was made under the same key; expired or not. NULL. */
const syi_token *syi_tokens_find_digest(const syi_tokens *tokens, const uint8_t hashed[32]);
/* 1 to 64 printable ASCII characters, no commas, none of the words that mean nobody in particular. */
bool syi_caller_name_is_good(const char *name);
/* Could this be a token? */
bool syi_token_is_good(const char *token);
/* One line of a file: its parts are cut out of it, *name NULL for a line that says nothing. NULL, or what is wrong. */
const char *syi_tokens_parse_line(char *line, char **name, char **token, int64_t *expires);

#endif
