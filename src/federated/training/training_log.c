#include "federated/training/training_log.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/buffer.h"
#include "core/error.h"
#include "core/memory.h"
#include "core/utf8.h"
#include "federated/training/trainer.h"
#include "formats/decimal.h"
#include "formats/file.h"

static const char round_names[] =
    "round,seconds,asked,counted,rows,loss,test_rows,test_loss,test_accuracy\n";
static const char shard_names[] = "round,worker,dataset,counted,rows,batches,loss,why\n";
enum { ROUND_FIELDS = 9, LINE_MAX_SIZE = 1024, LINES_MAX_SIZE = 1 << 30 };

typedef struct table {
    syi_file file;
    const char *names; /* the first line */
    char *path;
    bool created;
    uint64_t kept; /* bytes that stay when the log is opened */
} table;

struct sy_training_log {
    sy_context *context;
    int64_t last; /* round */
    table rounds, shards;
    bool has_shards;
};

/* --- reading -------------------------------------------------------------------------------------- */

/* Goes through a file's whole lines, whatever their length. */
typedef struct scan {
    int64_t number; /* of the line, from 0 */
    uint64_t length;
    int64_t round, before;
    bool in_round; /* still in the line's first field */
    bool good;
} scan;

static void scan_begin_line(scan *s)
{
    s->number++;
    s->length = 0;
    s->round = 0;
    s->in_round = true;
}

/* One byte of a line other than the first. */
static void scan_byte(scan *s, char byte)
{
    if (s->in_round && byte >= '0' && byte <= '9' && s->round < INT64_MAX / 10 - 1) {
        s->round = s->round * 10 + (byte - '0');
    } else if (s->in_round) {
        s->good = byte == ',' && s->length > 0 && s->round >= s->before;
        s->in_round = false;
    }
}

/* Bytes of the lines up to round `rounds`; SY_EFORMAT names the line that is none. */
static sy_status find_kept(table *t, int64_t rounds, sy_error *err)
{
    char bytes[4096];
    scan s = {.good = true};
    uint64_t at = 0;
    t->kept = 0;
    while (at < t->file.size && s.good) {
        const uint64_t left = t->file.size - at;
        const size_t size = left < sizeof bytes ? (size_t)left : sizeof bytes;
        SY_TRY(syi_file_read_at(&t->file, at, bytes, size, err));
        for (size_t k = 0; k < size && s.good; k++, at++) {
            if (s.number == 0) {
                s.good = bytes[k] == t->names[s.length];
            } else {
                scan_byte(&s, bytes[k]);
            }
            s.length++;
            if (bytes[k] != '\n' || !s.good) {
                continue;
            }
            if (s.number > 0 && s.round > rounds) {
                return SY_OK;
            }
            t->kept = at + 1;
            s.before = s.round;
            scan_begin_line(&s);
        }
    }
    return s.good ? SY_OK
                  : syi_fail_object(err, SY_EFORMAT, t->path,
                                    "%s, line %" PRId64 ": no log of a training; remove the file "
                                    "or take another one",
                                    t->path, s.number + 1);
}

/* --- opening -------------------------------------------------------------------------------------- */

static void table_close(const sy_training_log *log, table *t, bool failed)
{
    if (t->path == NULL) {
        return;
    }
    syi_file_close(&t->file);
    if (failed && t->created) {
        (void)unlink(t->path);
    }
    syi_string_free(log->context, t->path);
}

static sy_status table_open(const sy_training_log *log, table *t, const char *path,
                            const char *names, sy_error *err)
{
    t->file.descriptor = -1;
    t->names = names;
    t->path = syi_string_copy(log->context, path);
    if (t->path == NULL) {
        return SYI_ENOMEM(err, path);
    }
    SY_TRY(syi_file_open_to_append(&t->file, t->path, &t->created, err));
    return find_kept(t, log->last, err);
}

static sy_status check_two(const sy_training_log *log, sy_error *err)
{
    struct stat first, second;
    const bool same = fstat(log->rounds.file.descriptor, &first) == 0 &&
                      fstat(log->shards.file.descriptor, &second) == 0 &&
                      first.st_dev == second.st_dev && first.st_ino == second.st_ino;
    return same ? syi_fail_object(err, SY_EINVAL, log->rounds.path,
                                  "%s: rounds and shards need two files", log->rounds.path)
                : SY_OK;
}

static sy_status table_begin(table *t, sy_error *err)
{
    SY_TRY(syi_file_cut(&t->file, t->kept, err));
    return t->kept > 0 ? SY_OK : syi_file_append(&t->file, t->names, strlen(t->names), err);
}

static sy_status open_tables(sy_training_log *log, const char *path, const char *shards_path,
                             sy_error *err)
{
    SY_TRY(table_open(log, &log->rounds, path, round_names, err));
    if (log->has_shards) {
        SY_TRY(table_open(log, &log->shards, shards_path, shard_names, err));
        SY_TRY(check_two(log, err));
        SY_TRY(table_begin(&log->shards, err));
    }
    return table_begin(&log->rounds, err);
}

static void close_log(sy_training_log *log, bool failed)
{
    table_close(log, &log->rounds, failed);
    table_close(log, &log->shards, failed);
    syi_free(log->context, log, sizeof *log);
}

sy_status sy_training_log_open(sy_training_log **log, sy_context *context, const char *path,
                               const char *shards_path, int64_t rounds, sy_error *err)
{
    if (log == NULL || context == NULL || path == NULL || rounds < 0) {
        return syi_fail(err, SY_EINVAL, "training log: %s",
                        rounds < 0 ? "rounds is negative" : "context or path is NULL");
    }
    *log = NULL;
    sy_training_log *made = syi_alloc(context, sizeof *made);
    if (made == NULL) {
        return SYI_ENOMEM(err, "training log");
    }
    *made =
        (sy_training_log){.context = context, .last = rounds, .has_shards = shards_path != NULL};
    const sy_status status = open_tables(made, path, shards_path, err);
    if (status != SY_OK) {
        close_log(made, true);
        return status;
    }
    *log = made;
    return SY_OK;
}

void sy_training_log_close(sy_training_log *log)
{
    if (log != NULL) {
        close_log(log, false);
    }
}

/* --- writing -------------------------------------------------------------------------------------- */

static void put_text(syi_buffer *b, const char *text)
{
    syi_buffer_append(b, text, strlen(text));
}

static void put_integer(syi_buffer *b, int64_t value)
{
    char text[24];
    syi_buffer_append(b, text, (size_t)snprintf(text, sizeof text, "%" PRId64, value));
}

/* A loss that the worker does not tell is NaN, and an empty field. */
static void put_real(syi_buffer *b, double value)
{
    char text[SYI_DECIMAL_SIZE];
    if (!isnan(value)) {
        syi_buffer_append(b, text, syi_decimal_format_double(text, value));
    }
}

/*
 * Foreign text in quotes (RFC 4180). A spreadsheet takes a field for a formula by its first character, and may see a
 * field wherever there is a separator or a quote, whatever stands around it (OWASP, CSV injection).
 */
static void put_foreign(syi_buffer *b, const char *text)
{
    char clean[sizeof((sy_error *)NULL)->message];
    bool begins = true;
    syi_utf8_store(clean, sizeof clean, text);
    syi_buffer_put(b, '"');
    for (const char *c = clean; *c != '\0'; c++) {
        if (begins && strchr("=+-@", *c) != NULL) {
            syi_buffer_put(b, '\'');
        }
        if (*c == '"') {
            syi_buffer_put(b, '"');
        }
        syi_buffer_put(b, (uint8_t)*c);
        begins = strchr(",;|\"", *c) != NULL || (begins && *c == ' ');
    }
    syi_buffer_put(b, '"');
}

static void put_round(syi_buffer *b, int64_t round, const sy_round_report *report,
                      const sy_shard_report *reports, size_t count, const sy_evaluation *e)
{
    size_t asked = 0;
    for (size_t k = 0; k < count; k++) {
        asked += reports[k].asked ? 1 : 0;
    }
    put_integer(b, round);
    syi_buffer_put(b, ',');
    put_real(b, (double)llround(report->seconds * 1e6) / 1e6);
    syi_buffer_put(b, ',');
    if (reports != NULL) {
        put_integer(b, (int64_t)asked);
    }
    syi_buffer_put(b, ',');
    put_integer(b, (int64_t)report->counted);
    syi_buffer_put(b, ',');
    put_integer(b, report->rows);
    syi_buffer_put(b, ',');
    put_real(b, report->loss);
    syi_buffer_put(b, ',');
    if (e != NULL) {
        put_integer(b, e->rows);
        syi_buffer_put(b, ',');
        put_real(b, e->loss);
        syi_buffer_put(b, ',');
        if (e->right >= 0 && e->rows > 0) {
            put_real(b, (double)e->right / (double)e->rows);
        }
    } else {
        put_text(b, ",,");
    }
    syi_buffer_put(b, '\n');
}

static void put_shard(syi_buffer *b, int64_t round, const sy_shard *shard,
                      const sy_shard_report *report)
{
    put_integer(b, round);
    syi_buffer_put(b, ',');
    put_foreign(b, shard->worker != NULL ? shard->worker->name : NULL);
    syi_buffer_put(b, ',');
    put_foreign(b, shard->key);
    put_text(b, report->counted ? ",1," : ",0,,,,");
    if (report->counted) {
        put_integer(b, report->result.rows);
        syi_buffer_put(b, ',');
        put_integer(b, report->result.batches);
        syi_buffer_put(b, ',');
        put_real(b, report->result.loss);
        syi_buffer_put(b, ',');
    } else {
        put_foreign(b, report->why.message);
    }
    syi_buffer_put(b, '\n');
}

static sy_status append(table *t, const syi_buffer *lines, sy_error *err)
{
    SY_TRY(syi_buffer_check(lines, t->path, err));
    return lines->length == 0 ? SY_OK : syi_file_append(&t->file, lines->data, lines->length, err);
}

sy_status sy_training_log_add(sy_training_log *log, int64_t round, const sy_round_report *report,
                              const sy_shard *shards, const sy_shard_report *shard_reports,
                              size_t count, const sy_evaluation *evaluation, sy_error *err)
{
    if (report == NULL || (count > 0 && (shards == NULL || shard_reports == NULL))) {
        return syi_fail(err, SY_EINVAL, "training log: a round without its reports");
    }
    if (round <= log->last) {
        return syi_fail(err, SY_EINVAL, "training log: round %" PRId64 " after round %" PRId64,
                        round, log->last);
    }
    syi_buffer lines;
    const uint64_t before = log->shards.file.size;
    syi_buffer_init(&lines, log->context, LINES_MAX_SIZE);
    for (size_t k = 0; k < count && log->has_shards; k++) {
        if (shard_reports[k].asked) {
            put_shard(&lines, round, &shards[k], &shard_reports[k]);
        }
    }
    sy_status status = log->has_shards ? append(&log->shards, &lines, err) : SY_OK;
    if (status == SY_OK) {
        syi_buffer_clear(&lines);
        put_round(&lines, round, report, count > 0 ? shard_reports : NULL, count, evaluation);
        status = append(&log->rounds, &lines, err);
        if (status != SY_OK && log->has_shards) {
            (void)syi_file_cut(&log->shards.file, before, NULL);
        }
    }
    syi_buffer_fini(&lines);
    log->last = status == SY_OK ? round : log->last;
    return status;
}

/* --- for the plot --------------------------------------------------------------------------------- */

static sy_status add_line(syi_logged_rounds *rounds, const char *path, int64_t number,
                          const char *line, size_t length, sy_error *err)
{
    double fields[ROUND_FIELDS];
    size_t count = 0;
    for (size_t from = 0, k = 0; k <= length; k++) {
        if (k < length && line[k] != ',') {
            continue;
        }
        const syi_decimal d = syi_decimal_parse(line + from, k - from);
        if (count == ROUND_FIELDS || (k > from && d.kind == SYI_DECIMAL_NONE)) {
            count = 0;
            break;
        }
        fields[count++] = k > from ? d.real : (double)NAN;
        from = k + 1;
    }
    const double last = rounds->count > 0 ? rounds->items[rounds->count - 1].round : 0;
    if (count != ROUND_FIELDS || !(fields[0] > last && fields[0] < 1e15)) {
        return syi_fail_object(err, SY_EFORMAT, path,
                               "%s, line %" PRId64 ": no round of a training", path, number);
    }
    if (rounds->count == rounds->capacity) {
        const size_t capacity = rounds->capacity * 2 + 64;
        syi_logged_round *items = syi_alloc_array(rounds->context, capacity, sizeof *items);
        if (items == NULL) {
            return SYI_ENOMEM(err, path);
        }
        if (rounds->count > 0) {
            memcpy(items, rounds->items, rounds->count * sizeof *items);
        }
        syi_free(rounds->context, rounds->items, rounds->capacity * sizeof *items);
        rounds->items = items;
        rounds->capacity = capacity;
    }
    rounds->items[rounds->count++] = (syi_logged_round){fields[0], fields[5], fields[7], fields[8]};
    return SY_OK;
}

static sy_status read_lines(syi_logged_rounds *rounds, const syi_file *file, sy_error *err)
{
    char bytes[LINE_MAX_SIZE];
    uint64_t at = 0;
    for (int64_t number = 1; at < file->size; number++) {
        const uint64_t left = file->size - at;
        const size_t size = left < sizeof bytes ? (size_t)left : sizeof bytes;
        SY_TRY(syi_file_read_at(file, at, bytes, size, err));
        const char *end = memchr(bytes, '\n', size);
        if (end == NULL && size == left && number > 1) {
            return SY_OK;
        }
        const size_t length = end != NULL ? (size_t)(end - bytes) : size;
        const size_t names = strlen(round_names) - 1;
        if (end == NULL ||
            (number == 1 && (length != names || memcmp(bytes, round_names, names) != 0))) {
            return syi_fail_object(err, SY_EFORMAT, file->path,
                                   "%s, line %" PRId64 ": no log of rounds", file->path, number);
        }
        if (number > 1) {
            SY_TRY(add_line(rounds, file->path, number, bytes, length, err));
        }
        at += length + 1;
    }
    return SY_OK;
}

sy_status syi_logged_rounds_read(syi_logged_rounds *rounds, sy_context *context, const char *path,
                                 sy_error *err)
{
    syi_file file;
    *rounds = (syi_logged_rounds){.context = context};
    SY_TRY(syi_file_open(&file, path, err));
    const sy_status status = read_lines(rounds, &file, err);
    syi_file_close(&file);
    return status;
}

void syi_logged_rounds_fini(syi_logged_rounds *rounds)
{
    syi_free(rounds->context, rounds->items, rounds->capacity * sizeof *rounds->items);
}
