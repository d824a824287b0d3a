/* grid.c - searching several workers as one (spec workers.md, VirtualGrid). Tests: tests/integration/grid.c. */
#include <csyft/grid.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/buffer.h"
#include "core/error.h"
#include "core/memory.h"
#include "interpreters/search.h"
#include "workers/link.h"

#define TEXT_MAX ((size_t)16 << 20)
#define WORKER_TAGS 3 /* in a worker's line */

struct sy_grid {
    sy_hook *hook;
    size_t count;
    sy_worker **workers;
};

sy_status sy_grid_new(sy_hook *hook, sy_grid **grid, sy_worker *const *workers, size_t count,
                      sy_error *err)
{
    *grid = NULL;
    for (size_t k = 0; k < count; k++) {
        if (workers[k] == NULL || workers[k]->hook != hook) {
            return syi_fail(err, SY_EINVAL, "grid: worker %zu %s", k,
                            workers[k] == NULL ? "is NULL" : "belongs to another hook");
        }
        for (size_t other = 0; other < k; other++) {
            if (workers[other] == workers[k]) {
                return syi_fail(err, SY_EINVAL, "grid: worker %s is there twice", workers[k]->name);
            }
        }
    }
    sy_grid *made = syi_alloc(hook->context, sizeof *made);
    if (made == NULL) {
        return SYI_ENOMEM(err, "grid");
    }
    made->hook = hook;
    made->count = count;
    if (count > 0) {
        made->workers = syi_alloc_array(hook->context, count, sizeof(sy_worker *));
        if (made->workers == NULL) {
            sy_grid_free(made);
            return SYI_ENOMEM(err, "grid");
        }
        memcpy(made->workers, workers, count * sizeof(sy_worker *));
    }
    *grid = made;
    return SY_OK;
}

void sy_grid_free(sy_grid *grid)
{
    if (grid != NULL) {
        if (grid->workers != NULL) {
            syi_free(grid->hook->context, grid->workers, grid->count * sizeof(sy_worker *));
        }
        syi_free(grid->hook->context, grid, sizeof *grid);
    }
}

size_t sy_grid_get_worker_count(const sy_grid *grid)
{
    return grid->count;
}

/* Counting */

/* Tags of all results, at most so many different ones. */
static size_t tags_of(const sy_grid_answer *answers, size_t count)
{
    size_t tags = 0;
    for (size_t k = 0; k < count; k++) {
        for (size_t i = 0; i < answers[k].count; i++) {
            tags += sy_tensor_get_tag_count(answers[k].pointers[i]);
        }
    }
    return tags;
}

typedef struct seen_tag {
    const char *tag;
    size_t count, first; /* the place of the first one */
} seen_tag;

static int by_tag(const void *a, const void *b)
{
    const seen_tag *x = a;
    const seen_tag *y = b;
    const int order = strcmp(x->tag, y->tag);
    return order != 0 ? order : (x->first > y->first) - (x->first < y->first);
}

static int by_count(const void *a, const void *b)
{
    const seen_tag *x = a;
    const seen_tag *y = b;
    return x->count != y->count ? (x->count < y->count) - (x->count > y->count)
                                : (x->first > y->first) - (x->first < y->first);
}

static size_t list_tags(const sy_grid_answer *answers, size_t count, seen_tag *seen)
{
    size_t listed = 0;
    for (size_t k = 0; k < count; k++) {
        for (size_t i = 0; i < answers[k].count; i++) {
            const sy_tensor *found = answers[k].pointers[i];
            for (size_t t = 0; t < sy_tensor_get_tag_count(found); t++, listed++) {
                seen[listed] = (seen_tag){sy_tensor_get_tag(found, t), 1, listed};
            }
        }
    }
    return listed;
}

/* The most frequent first, equal ones as they were found first. *tags has room for all of them, *room; freed by the
 * caller. Workers may have sent a great many. */
static sy_status count_tags(sy_hook *hook, const sy_grid_answer *answers, size_t count,
                            sy_tag_count **tags, size_t *tag_count, size_t *room, sy_error *err)
{
    *tags = NULL;
    *tag_count = 0;
    *room = tags_of(answers, count);
    if (*room == 0) {
        return SY_OK;
    }
    seen_tag *seen = syi_alloc_array(hook->context, *room, sizeof *seen);
    *tags = syi_alloc_array(hook->context, *room, sizeof **tags);
    if (seen == NULL || *tags == NULL) {
        if (seen != NULL) {
            syi_free(hook->context, seen, *room * sizeof *seen);
        }
        return SYI_ENOMEM(err, "tags of a grid search");
    }
    const size_t listed = list_tags(answers, count, seen);
    size_t different = 0;
    qsort(seen, listed, sizeof *seen, by_tag);
    for (size_t k = 0; k < listed; k++) {
        if (different > 0 && strcmp(seen[different - 1].tag, seen[k].tag) == 0) {
            seen[different - 1].count++;
        } else {
            seen[different++] = seen[k];
        }
    }
    qsort(seen, different, sizeof *seen, by_count);
    for (size_t k = 0; k < different; k++) {
        (*tags)[k] = (sy_tag_count){seen[k].tag, seen[k].count};
    }
    *tag_count = different;
    syi_free(hook->context, seen, *room * sizeof *seen);
    return SY_OK;
}

static sy_status sum_up(sy_hook *hook, sy_grid_results *results, size_t *room, sy_error *err)
{
    for (size_t k = 0; k < results->answer_count; k++) {
        results->found += results->answers[k].count;
        results->failed += results->answers[k].status != SY_OK ? 1 : 0;
    }
    return count_tags(hook, results->answers, results->answer_count, &results->tags,
                      &results->tag_count, room, err);
}

/* Asking */

typedef struct grid_results { /* what the caller sees, and what it takes to free it */
    sy_grid_results shown;    /* first */
    size_t tag_room;
} grid_results;

static void read_answer(sy_worker *worker, syi_exchange *exchange, sy_grid_answer *answer)
{
    syi_pointer_list list = {.worker = worker};
    answer->status = syi_search_finish(worker, exchange, syi_pointer_list_expect,
                                       syi_pointer_list_add, &list, &answer->error);
    if (answer->status != SY_OK) {
        syi_pointer_list_drop(&list);
        return;
    }
    answer->pointers = list.pointers;
    answer->count = list.count;
}

static void ask_all(sy_grid *grid, sy_grid_answer *answers, syi_exchange *exchanges,
                    const char *const *terms, size_t term_count)
{
    for (size_t k = 0; k < grid->count; k++) {
        answers[k].worker = grid->workers[k];
        answers[k].status =
            syi_search_start(grid->workers[k], terms, term_count, &exchanges[k], &answers[k].error);
    }
    for (size_t k = 0; k < grid->count; k++) {
        if (answers[k].status == SY_OK) {
            read_answer(grid->workers[k], &exchanges[k], &answers[k]);
        }
        if (answers[k].status != SY_OK) {
            answers[k].error.status = answers[k].status;
            syi_error_at_worker(&answers[k].error, grid->workers[k]->name);
        }
    }
}

static sy_status search(sy_grid *grid, grid_results *made, const char *const *terms,
                        size_t term_count, sy_error *err)
{
    sy_context *context = grid->hook->context;
    sy_grid_results *results = &made->shown;
    if (grid->count == 0) {
        return SY_OK;
    }
    syi_exchange *exchanges = syi_alloc_array(context, grid->count, sizeof *exchanges);
    results->answers = syi_alloc_array(context, grid->count, sizeof *results->answers);
    if (exchanges == NULL || results->answers == NULL) {
        if (exchanges != NULL) {
            syi_free(context, exchanges, grid->count * sizeof *exchanges);
        }
        results->answer_count = results->answers != NULL ? grid->count : 0;
        return SYI_ENOMEM(err, "grid search");
    }
    results->answer_count = grid->count;
    ask_all(grid, results->answers, exchanges, terms, term_count);
    syi_free(context, exchanges, grid->count * sizeof *exchanges);
    SY_TRY(sum_up(grid->hook, results, &made->tag_room, err));
    if (results->failed == grid->count) { /* nobody is there */
        if (err != NULL) {
            *err = results->answers[0].error;
        }
        return results->answers[0].status;
    }
    return SY_OK;
}

sy_status sy_grid_search(sy_grid *grid, sy_grid_results **results, const char *const *terms,
                         size_t term_count, sy_error *err)
{
    *results = NULL;
    for (size_t k = 0; k < term_count; k++) {
        if (terms[k] == NULL) {
            return syi_fail(err, SY_EINVAL, "grid search: term %zu is NULL", k);
        }
    }
    grid_results *made = syi_alloc(grid->hook->context, sizeof *made);
    if (made == NULL) {
        return SYI_ENOMEM(err, "grid search");
    }
    const sy_status status = search(grid, made, terms, term_count, err);
    if (status != SY_OK) {
        sy_grid_results_free(grid->hook, &made->shown);
        return status;
    }
    *results = &made->shown;
    return SY_OK;
}

void sy_grid_results_free(sy_hook *hook, sy_grid_results *results)
{
    if (results == NULL) {
        return;
    }
    grid_results *made = (grid_results *)results;
    for (size_t k = 0; k < results->answer_count; k++) {
        sy_tensors_free(hook, results->answers[k].pointers, results->answers[k].count);
    }
    if (results->answers != NULL) {
        syi_free(hook->context, results->answers, results->answer_count * sizeof *results->answers);
    }
    if (results->tags != NULL) {
        syi_free(hook->context, results->tags, made->tag_room * sizeof *results->tags);
    }
    syi_free(hook->context, made, sizeof *made);
}

/* The original's words */

static void put(syi_buffer *text, const char *words)
{
    syi_buffer_append(text, words, strlen(words));
}

static void put_number(syi_buffer *text, size_t number)
{
    char digits[24];
    snprintf(digits, sizeof digits, "%zu", number);
    put(text, digits);
}

static sy_status put_answer(sy_hook *hook, syi_buffer *text, const sy_grid_answer *answer,
                            sy_error *err)
{
    char worker[700];
    sy_tag_count *tags = NULL;
    size_t count = 0;
    size_t room = 0;
    sy_worker_to_text(answer->worker, worker, sizeof worker);
    if (answer->status != SY_OK) {
        put(text, "No answer from ");
        put(text, worker);
        put(text, ": ");
        put(text, answer->error.message);
        put(text, "\n");
        return SY_OK;
    }
    const sy_status status = count_tags(hook, answer, 1, &tags, &count, &room, err);
    put(text, "Found ");
    put_number(text, answer->count);
    put(text, " results on ");
    put(text, worker);
    put(text, " - [");
    for (size_t k = 0; status == SY_OK && k < count && k < WORKER_TAGS; k++) {
        put(text, k > 0 ? ", ('" : "('");
        put(text, tags[k].tag);
        put(text, "', ");
        put_number(text, tags[k].count);
        put(text, ")");
    }
    put(text, "]\n");
    if (tags != NULL) {
        syi_free(hook->context, tags, room * sizeof *tags);
    }
    return status;
}

sy_status sy_grid_results_to_text(sy_hook *hook, const sy_grid_results *results, char **text,
                                  sy_error *err)
{
    syi_buffer words;
    sy_status status = SY_OK;
    *text = NULL;
    syi_buffer_init(&words, hook->context, TEXT_MAX);
    for (size_t k = 0; k < results->answer_count; k++) {
        SY_GOTO(done, put_answer(hook, &words, &results->answers[k], err));
    }
    put(&words, "\nFound ");
    put_number(&words, results->found);
    put(&words, " results in total.\n\nTag Profile:\n");
    for (size_t k = 0; k < results->tag_count; k++) {
        put(&words, "\t");
        put(&words, results->tags[k].tag);
        put(&words, " found ");
        put_number(&words, results->tags[k].count);
        put(&words, "\n");
    }
    syi_buffer_append(&words, "", 1);
    SY_GOTO(done, syi_buffer_check(&words, "text of a grid search", err));
    *text = syi_string_copy(hook->context, (const char *)words.data);
    status = *text != NULL ? SY_OK : SYI_ENOMEM(err, "text of a grid search");
done:
    syi_buffer_fini(&words);
    return status;
}
