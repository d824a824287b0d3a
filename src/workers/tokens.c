/*
 * tokens.c - bearer tokens: what a name and a token may look like, hashing, the list of what a worker takes, and the lines
 * of a file of them. Test: tokens_test.c.
 */
#include "workers/tokens.h"

#include <string.h>
#include <time.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "core/error.h"
#include "core/memory.h"
#include "core/surroundings.h"

bool syi_caller_name_is_good(const char *name)
{
    const size_t length = strnlen(name, SYI_CALLER_NAME_SIZE);
    for (size_t k = 0; k < length; k++) {
        if (name[k] < ' ' || name[k] > '~' || name[k] == ',') {
            return false;
        }
    }
    return length > 0 && length < SYI_CALLER_NAME_SIZE && strcmp(name, "anonymous") != 0;
}

bool syi_token_is_good(const char *token)
{
    const size_t length = strnlen(token, SYI_BEARER_MAX + 1);
    for (size_t k = 0; k < length; k++) {
        if (token[k] <= ' ' || token[k] > '~') {
            return false;
        }
    }
    return length >= SYI_BEARER_MIN && length <= SYI_BEARER_MAX;
}

void syi_tokens_fini(sy_context *context, syi_tokens *tokens)
{
    if (tokens->items != NULL) {
        syi_wipe(tokens->items, tokens->capacity * sizeof *tokens->items);
        syi_free(context, tokens->items, tokens->capacity * sizeof *tokens->items);
    }
    syi_wipe(tokens, sizeof *tokens);
}

static bool digest(const syi_tokens *tokens, const char *token, uint8_t out[32])
{
    unsigned size = 0;
    return HMAC(EVP_sha256(), tokens->key, sizeof tokens->key, (const unsigned char *)token,
                strlen(token), out, &size) != NULL &&
           size == 32;
}

/* Every entry is looked at, whichever it is. */
static const syi_token *find(const syi_tokens *tokens, const uint8_t hashed[32])
{
    const syi_token *found = NULL;
    for (size_t k = 0; k < tokens->count; k++) {
        const bool same = CRYPTO_memcmp(tokens->items[k].digest, hashed, 32) == 0;
        found = same ? &tokens->items[k] : found;
    }
    return found;
}

static sy_status grow(sy_context *context, syi_tokens *tokens, sy_error *err)
{
    if (tokens->count < tokens->capacity) {
        return SY_OK;
    }
    if (tokens->count == SYI_TOKENS_MAX) {
        return syi_fail(err, SY_ELIMIT, "token: a worker takes at most %d", SYI_TOKENS_MAX);
    }
    const size_t capacity = tokens->capacity == 0 ? 16 : 2 * tokens->capacity;
    syi_token *items = syi_alloc_array(context, capacity, sizeof *items);
    if (items == NULL) {
        return SYI_ENOMEM(err, "token");
    }
    if (tokens->items != NULL) {
        memcpy(items, tokens->items, tokens->count * sizeof *items);
        syi_wipe(tokens->items, tokens->capacity * sizeof *items);
        syi_free(context, tokens->items, tokens->capacity * sizeof *items);
    }
    tokens->items = items;
    tokens->capacity = capacity;
    return SY_OK;
}

sy_status syi_tokens_add(sy_context *context, syi_tokens *tokens, const char *name,
                         const char *token, int64_t expires, sy_error *err)
{
    uint8_t hashed[32];
    if (!syi_caller_name_is_good(name)) {
        return syi_fail(err, SY_EINVAL,
                        "token: \"%.64s\" is no name: 1 to %d printable ASCII characters without a "
                        "comma, and not \"anonymous\"",
                        name, SYI_CALLER_NAME_SIZE - 1);
    }
    if (!syi_token_is_good(token)) {
        return syi_fail(err, SY_EINVAL,
                        "the token of %s is no token: %d to %d printable ASCII characters without "
                        "blanks",
                        name, SYI_BEARER_MIN, SYI_BEARER_MAX);
    }
    if (expires < 0) {
        return syi_fail(err, SY_EINVAL, "the token of %s expires before 1970", name);
    }
    if (!tokens->keyed) {
        SY_TRY(syi_random_bytes(context, tokens->key, sizeof tokens->key, err));
        tokens->keyed = true;
    }
    if (!digest(tokens, token, hashed)) {
        return syi_fail(err, SY_EIO, "token: SHA-256 is not available");
    }
    if (find(tokens, hashed) != NULL) {
        return syi_fail(err, SY_EEXIST, "the token of %s is there already", name);
    }
    SY_TRY(grow(context, tokens, err));
    syi_token *made = &tokens->items[tokens->count++];
    memset(made, 0, sizeof *made);
    memcpy(made->digest, hashed, sizeof hashed);
    memcpy(made->name, name, strlen(name) + 1);
    made->expires = expires;
    return SY_OK;
}

const syi_token *syi_tokens_find(const syi_tokens *tokens, const char *token, int64_t now)
{
    uint8_t hashed[32];
    if (tokens->count == 0 || !syi_token_is_good(token) || !digest(tokens, token, hashed)) {
        return NULL;
    }
    const syi_token *found = find(tokens, hashed);
    return found != NULL && (found->expires == 0 || now < found->expires) ? found : NULL;
}

const syi_token *syi_tokens_find_digest(const syi_tokens *tokens, const uint8_t hashed[32])
{
    return find(tokens, hashed);
}

/* Days from 1970 to that day of the Gregorian calendar. */
static int64_t days_of(int year, int month, int day)
{
    const int64_t y = month <= 2 ? year - 1 : year;
    const int64_t shifted = (month + 9) % 12;
    const int64_t of_year = (153 * shifted + 2) / 5 + day - 1;
    return y * 365 + y / 4 - y / 100 + y / 400 + of_year - 719468;
}

static bool parse_time(const char *text, int64_t *seconds)
{
    struct tm at = {0};
    const char *end = strptime(text, "%Y-%m-%d", &at);
    if (end != NULL && *end == 'T') {
        end = strptime(end + 1, "%H:%M:%S", &at);
        if (end == NULL || *end != 'Z') {
            return false;
        }
        end++;
    }
    if (end == NULL || *end != '\0' || at.tm_year < 70) {
        return false;
    }
    *seconds = days_of(at.tm_year + 1900, at.tm_mon + 1, at.tm_mday) * 86400 + at.tm_hour * 3600 +
               at.tm_min * 60 + at.tm_sec;
    return true;
}

const char *syi_tokens_parse_line(char *line, char **name, char **token, int64_t *expires)
{
    static const char blanks[] = " \t\r\n";
    char *rest = line;
    char *parts[4] = {NULL};
    *name = NULL;
    *token = NULL;
    *expires = 0;
    for (int k = 0; k < 4; k++) {
        rest += strspn(rest, blanks);
        if (*rest == '\0' || (k == 0 && *rest == '#')) {
            break;
        }
        parts[k] = rest;
        rest += strcspn(rest, blanks);
        if (*rest != '\0') {
            *rest++ = '\0';
        }
    }
    if (parts[0] == NULL) {
        return NULL;
    }
    if (parts[1] == NULL || parts[3] != NULL) {
        return "it is not NAME TOKEN [EXPIRES]";
    }
    if (parts[2] != NULL && !parse_time(parts[2], expires)) {
        return "its third word is no time like 2027-01-31 or 2027-01-31T12:00:00Z";
    }
    *name = parts[0];
    *token = parts[1];
    return NULL;
}
