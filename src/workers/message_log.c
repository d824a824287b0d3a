/*
 * message_log.c - the log of a worker's messages: what an entry says of a message, the public functions, and the
 * worker commands by which the log of a remote worker is switched and read. The ring is transport/journal.h.
 * Tests: tests/integration/message_log.c.
 */
#include <csyft/message_log.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/error.h"
#include "core/utf8.h"
#include "workers/access.h"
#include "workers/link.h"

#define MESSAGES_MAX ((size_t)1 << 20)
#define MESSAGES_DEFAULT ((size_t)1024)
#define BYTES_DEFAULT ((size_t)1 << 20)
#define REMOTE_MESSAGES_MAX 65536
#define READ_MAX ((size_t)4096)
#define FIELDS 10 /* of an entry on the wire */

/* What an entry says */

static void set_subject(syi_journal_entry *entry, const void *text, size_t length)
{
    char cut[SYI_JOURNAL_TEXT];
    snprintf(cut, sizeof cut, "%.*s", (int)(length < sizeof cut ? length : sizeof cut - 1),
             (const char *)text);
    syi_utf8_store(entry->subject, sizeof entry->subject, cut);
}

/* A name or an id: a number, a str, or a text [5, [bin]]. What is anything else is nobody's business. */
static void read_subject(syi_msgpack_cursor *cursor, int kind, syi_journal_entry *entry)
{
    int64_t number = 0;
    size_t count = 0;
    size_t length = 0;
    const char *text = NULL;
    const uint8_t *bytes = NULL;
    switch (syi_msgpack_peek(cursor)) {
    case SYI_MSGPACK_INT:
        if (syi_msgpack_read_int(cursor, &number, NULL) == SY_OK && kind == SYI_KIND_ERROR) {
            const char *name = sy_status_name((sy_status)number);
            set_subject(entry, name, strlen(name));
        } else {
            snprintf(entry->subject, sizeof entry->subject, "%" PRId64, number);
        }
        break;
    case SYI_MSGPACK_STR:
        if (syi_msgpack_read_str(cursor, &text, &length, NULL) == SY_OK) {
            set_subject(entry, text, length);
        }
        break;
    case SYI_MSGPACK_ARRAY:
        if (syi_msgpack_read_array(cursor, &count, NULL) == SY_OK && count == 2 &&
            syi_msgpack_read_int(cursor, &number, NULL) == SY_OK &&
            syi_msgpack_read_array(cursor, &count, NULL) == SY_OK && count == 1 &&
            syi_msgpack_read_bin(cursor, &bytes, &length, NULL) == SY_OK) {
            set_subject(entry, bytes, length);
        }
        break;
    default:
        break;
    }
}

void syi_worker_describe_message(const syi_message *message, syi_journal_entry *entry)
{
    syi_msgpack_cursor cursor;
    size_t count = 0;
    snprintf(entry->kind, sizeof entry->kind, "%s", syi_kind_text(message->kind));
    if (message->kind == SYI_KIND_HELLO || message->kind == SYI_KIND_REPLY) {
        return;
    }
    syi_msgpack_cursor_init(&cursor, message->body.data, message->body.length, 8, 0);
    if (syi_msgpack_read_array(&cursor, &count, NULL) != SY_OK) {
        return;
    }
    if (message->kind == SYI_KIND_DELETE) {
        snprintf(entry->subject, sizeof entry->subject, "%zu objects", count);
    } else if (message->kind == SYI_KIND_SEARCH) { /* not the terms */
        snprintf(entry->subject, sizeof entry->subject, "%zu terms", count);
    } else if (count > 0) {
        read_subject(&cursor, message->kind, entry);
    }
}

void syi_worker_watch(sy_worker *owner, sy_worker *target, syi_connection *connection)
{
    syi_connection_set_journal(connection, &owner->journal, target->name);
    syi_connection_set_latency(connection, &owner->pending_ns, &target->pending_ns);
}

static void publish_entry(const syi_journal_entry *entry, sy_logged_message *message)
{
    memset(message, 0, sizeof *message);
    message->number = entry->number;
    message->time_us = entry->time_us;
    message->received = entry->received;
    message->message_id = entry->message_id;
    message->size = entry->size;
    message->segments = entry->segments;
    memcpy(message->kind, entry->kind, sizeof message->kind);
    memcpy(message->subject, entry->subject, sizeof message->subject);
    memcpy(message->peer, entry->peer, sizeof message->peer);
    memcpy(message->address, entry->address, sizeof message->address);
}

/* Here */

static sy_status open_here(sy_worker *worker, size_t messages, size_t bytes, bool verbose,
                           sy_error *err)
{
    const size_t fits = bytes / sizeof(syi_journal_entry);
    if (messages == 0 || messages > MESSAGES_MAX || fits == 0) {
        return syi_fail(
            err, SY_EINVAL,
            "log of messages: %zu messages in %zu bytes; 1 to %zu, and %zu bytes for one", messages,
            bytes, MESSAGES_MAX, sizeof(syi_journal_entry));
    }
    return syi_journal_open(&worker->journal, messages < fits ? messages : fits, verbose, err);
}

static sy_status copy_here(sy_worker *worker, syi_journal_entry **entries, size_t *count,
                           uint64_t from, sy_error *err)
{
    *count = 0;
    *entries = syi_alloc_array(worker->hook->context, READ_MAX, sizeof **entries);
    if (*entries == NULL) {
        return SYI_ENOMEM(err, "log of messages");
    }
    *count = syi_journal_read(&worker->journal, from, *entries, READ_MAX);
    return SY_OK;
}

static void free_entries(sy_worker *worker, syi_journal_entry *entries)
{
    if (entries != NULL) {
        syi_free(worker->hook->context, entries, READ_MAX * sizeof *entries);
    }
}

static sy_status find_here(sy_worker *worker, int64_t index, syi_journal_entry *entry,
                           sy_error *err)
{
    return syi_journal_find(&worker->journal, true, index, entry)
               ? SY_OK
               : syi_fail(err, SY_ENOTFOUND, "worker %s has logged no received message %" PRId64,
                          worker->name, index);
}

/* Worker commands */

static sy_status int_argument(const sy_request *request, size_t index, int64_t *value,
                              sy_error *err)
{
    if (request->args[index].kind != SY_VALUE_INT || request->args[index].as.integer < 0) {
        return syi_fail(err, SY_EINVAL, "%s: argument %zu is no number from 0",
                        request->job->command->name, index);
    }
    *value = request->args[index].as.integer;
    return SY_OK;
}

static sy_status answer_none(const sy_request *request, sy_error *err)
{
    syi_msgpack_write_nil(request->reply->out);
    return syi_buffer_check(request->reply->out, "message body", err);
}

/* log_messages(messages, bytes, verbose) */
static sy_status handle_log_messages(const sy_request *request, sy_error *err)
{
    int64_t messages = 0;
    int64_t bytes = 0;
    SY_TRY(syi_access_check_administration(request, err));
    SY_TRY(int_argument(request, 0, &messages, err));
    SY_TRY(int_argument(request, 1, &bytes, err));
    if (request->args[2].kind != SY_VALUE_BOOL) {
        return syi_fail(err, SY_EINVAL, "log_messages: argument 2 is no bool");
    }
    if (messages > REMOTE_MESSAGES_MAX) { /* its memory is taken at once */
        return syi_fail(err, SY_ELIMIT, "log_messages: %" PRId64 " messages, at most %d from afar",
                        messages, REMOTE_MESSAGES_MAX);
    }
    SY_TRY(open_here(request->worker, (size_t)messages, (size_t)bytes, request->args[2].as.boolean,
                     err));
    return answer_none(request, err);
}

static sy_status handle_stop_logging(const sy_request *request, sy_error *err)
{
    SY_TRY(syi_access_check_administration(request, err));
    SY_TRY(syi_journal_open(&request->worker->journal, 0, false, err));
    return answer_none(request, err);
}

static void write_text(syi_buffer *out, const char *text)
{
    syi_msgpack_write_str(out, text, strlen(text));
}

static void write_entry(syi_buffer *out, const syi_journal_entry *entry)
{
    syi_msgpack_write_array(out, FIELDS);
    syi_msgpack_write_uint(out, entry->number);
    syi_msgpack_write_int(out, entry->time_us);
    syi_msgpack_write_bool(out, entry->received);
    syi_msgpack_write_uint(out, entry->message_id);
    syi_msgpack_write_uint(out, entry->size);
    syi_msgpack_write_uint(out, entry->segments);
    write_text(out, entry->kind);
    write_text(out, entry->subject);
    write_text(out, entry->peer);
    write_text(out, entry->address);
}

/* get_log(from): [entry, ...] */
static sy_status handle_get_log(const sy_request *request, sy_error *err)
{
    int64_t from = 0;
    size_t count = 0;
    syi_journal_entry *entries = NULL;
    SY_TRY(syi_access_check_administration(request, err));
    SY_TRY(int_argument(request, 0, &from, err));
    SY_TRY(copy_here(request->worker, &entries, &count, (uint64_t)from, err));
    syi_msgpack_write_array(request->reply->out, count);
    for (size_t k = 0; k < count; k++) {
        write_entry(request->reply->out, &entries[k]);
    }
    free_entries(request->worker, entries);
    return syi_buffer_check(request->reply->out, "message body", err);
}

static sy_status handle_get_message(const sy_request *request, sy_error *err)
{
    syi_journal_entry entry;
    SY_TRY(syi_access_check_administration(request, err));
    if (request->args[0].kind != SY_VALUE_INT) {
        return syi_fail(err, SY_EINVAL, "get_message: the index is no number");
    }
    SY_TRY(find_here(request->worker, request->args[0].as.integer, &entry, err));
    write_entry(request->reply->out, &entry);
    return syi_buffer_check(request->reply->out, "message body", err);
}

/* The same as a line of text, as PySyft's clients take it. */
static sy_status handle_get_msg(const sy_request *request, sy_error *err)
{
    syi_journal_entry entry;
    char text[320];
    SY_TRY(syi_access_check_administration(request, err));
    if (request->args[0].kind != SY_VALUE_INT) {
        return syi_fail(err, SY_EINVAL, "_get_msg: the index is no number");
    }
    SY_TRY(find_here(request->worker, request->args[0].as.integer, &entry, err));
    snprintf(text, sizeof text, "(%s %s) from %s, %" PRIu64 " bytes", entry.kind, entry.subject,
             entry.peer[0] != '\0' ? entry.peer : entry.address, entry.size);
    syi_encode_text(request->reply->out, text);
    return syi_buffer_check(request->reply->out, "message body", err);
}

/* A client of PySyft wishes it at its beginning, and goes on whether it may or not. */
static sy_status handle_log_msgs(const sy_request *request, sy_error *err)
{
    sy_error refused = SY_ERROR_INIT;
    if (!syi_journal_is_open(&request->worker->journal)) {
        if (syi_access_check_administration(request, &refused) == SY_OK) {
            SY_TRY(open_here(request->worker, MESSAGES_DEFAULT, BYTES_DEFAULT, false, err));
        } else {
            syi_log(request->worker->hook->context, SY_LOG_INFO, "workers", request->worker->name,
                    request->message_id, "%s", refused.message);
        }
    }
    return answer_none(request, err);
}

static sy_status handle_count_messages(const sy_request *request, sy_error *err)
{
    uint64_t sent = 0;
    uint64_t received = 0;
    SY_TRY(syi_access_check_administration(request, err));
    syi_journal_get_counts(&request->worker->journal, &sent, &received);
    syi_msgpack_write_array(request->reply->out, 2);
    syi_msgpack_write_uint(request->reply->out, sent);
    syi_msgpack_write_uint(request->reply->out, received);
    return syi_buffer_check(request->reply->out, "message body", err);
}

static const syi_worker_command commands[] = {
    {"log_messages", 3, 3, 0, handle_log_messages},
    {"stop_logging", 0, 0, 0, handle_stop_logging},
    {"get_log", 1, 1, 0, handle_get_log},
    {"get_message", 1, 1, 0, handle_get_message},
    {"_log_msgs", 0, 0, 0, handle_log_msgs},
    {"_get_msg", 1, 1, 0, handle_get_msg},
    {"count_messages", 0, 0, 0, handle_count_messages},
};

sy_status syi_commands_register_message_log(sy_hook *hook, sy_error *err)
{
    return syi_commands_register(hook, commands, sizeof commands / sizeof commands[0], err);
}

/* Asking */

/* One question whose answer is read by `read`, nullable. */
static sy_status ask(sy_worker *worker, const char *name, const sy_value *args, size_t count,
                     sy_status (*read)(syi_decoder *decoder, void *user, sy_error *err), void *user,
                     sy_error *err)
{
    syi_exchange exchange;
    sy_hook *hook = worker->hook;
    SY_TRY(syi_command_request(hook->local_worker, worker, name, args, count, &exchange, err));
    sy_status status = SY_OK;
    if (read != NULL) {
        syi_decoder decoder;
        syi_decoder_init(&decoder, hook, hook->local_worker, exchange.reply);
        status = read(&decoder, user, err);
        syi_decoder_fini(&decoder);
    }
    syi_link_end(&exchange);
    return status;
}

/* Cleaned: it came from a peer. */
static sy_status read_string(syi_msgpack_cursor *cursor, char *text, size_t size, sy_error *err)
{
    const char *said = NULL;
    size_t length = 0;
    SY_TRY(syi_msgpack_read_str(cursor, &said, &length, err));
    const size_t kept = syi_utf8_cut(said, length, size - 1);
    memcpy(text, said, kept);
    text[kept] = '\0';
    syi_utf8_clean(text, kept);
    return SY_OK;
}

static sy_status read_entry(syi_decoder *decoder, void *user, sy_error *err)
{
    sy_logged_message *message = user;
    syi_msgpack_cursor *cursor = &decoder->cursor;
    uint64_t segments = 0;
    memset(message, 0, sizeof *message);
    SY_TRY(syi_msgpack_read_tuple(cursor, FIELDS, "logged message", err));
    SY_TRY(syi_msgpack_read_uint(cursor, &message->number, err));
    SY_TRY(syi_msgpack_read_int(cursor, &message->time_us, err));
    SY_TRY(syi_msgpack_read_bool(cursor, &message->received, err));
    SY_TRY(syi_msgpack_read_uint(cursor, &message->message_id, err));
    SY_TRY(syi_msgpack_read_uint(cursor, &message->size, err));
    SY_TRY(syi_msgpack_read_uint(cursor, &segments, err));
    message->segments = (unsigned)segments;
    SY_TRY(read_string(cursor, message->kind, sizeof message->kind, err));
    SY_TRY(read_string(cursor, message->subject, sizeof message->subject, err));
    SY_TRY(read_string(cursor, message->peer, sizeof message->peer, err));
    SY_TRY(read_string(cursor, message->address, sizeof message->address, err));
    syi_msgpack_leave(cursor);
    return SY_OK;
}

typedef struct message_list {
    sy_context *context;
    sy_logged_message *messages;
    size_t count;
} message_list;

static sy_status read_log(syi_decoder *decoder, void *user, sy_error *err)
{
    message_list *list = user;
    size_t count = 0;
    SY_TRY(syi_msgpack_read_array(&decoder->cursor, &count, err));
    if (count > READ_MAX) {
        return syi_fail(err, SY_EFORMAT, "a log of %zu messages, at most %zu come at a time", count,
                        READ_MAX);
    }
    if (count == 0) {
        return SY_OK;
    }
    list->messages = syi_alloc_array(list->context, count, sizeof *list->messages);
    if (list->messages == NULL) {
        return SYI_ENOMEM(err, "log of messages");
    }
    list->count = count;
    for (size_t k = 0; k < count; k++) {
        SY_TRY(read_entry(decoder, &list->messages[k], err));
    }
    return SY_OK;
}

typedef struct counts {
    uint64_t sent, received;
} counts;

static sy_status read_counts(syi_decoder *decoder, void *user, sy_error *err)
{
    counts *read = user;
    SY_TRY(syi_msgpack_read_tuple(&decoder->cursor, 2, "counts of messages", err));
    SY_TRY(syi_msgpack_read_uint(&decoder->cursor, &read->sent, err));
    return syi_msgpack_read_uint(&decoder->cursor, &read->received, err);
}

/* The public functions */

sy_status sy_worker_log_messages(sy_worker *worker, const sy_message_log_options *options,
                                 sy_error *err)
{
    static const sy_message_log_options defaults = SY_MESSAGE_LOG_OPTIONS_INIT;
    options = options != NULL ? options : &defaults;
    if (options->size != sizeof *options) {
        return syi_fail(err, SY_EINVAL,
                        "sy_message_log_options: start with SY_MESSAGE_LOG_OPTIONS_INIT");
    }
    const size_t messages = options->messages_max != 0 ? options->messages_max : MESSAGES_DEFAULT;
    const size_t bytes = options->bytes_max != 0 ? options->bytes_max : BYTES_DEFAULT;
    if (syi_worker_is_here(worker)) {
        return open_here(worker, messages, bytes, options->verbose, err);
    }
    if (messages > MESSAGES_MAX || bytes > INT64_MAX) {
        return syi_fail(err, SY_EINVAL, "log of messages: %zu messages, at most %zu", messages,
                        MESSAGES_MAX);
    }
    const sy_value args[] = {sy_value_int((int64_t)messages), sy_value_int((int64_t)bytes),
                             sy_value_bool(options->verbose)};
    return ask(worker, "log_messages", args, 3, NULL, NULL, err);
}

sy_status sy_worker_stop_logging(sy_worker *worker, sy_error *err)
{
    return syi_worker_is_here(worker) ? syi_journal_open(&worker->journal, 0, false, err)
                                      : ask(worker, "stop_logging", NULL, 0, NULL, NULL, err);
}

static sy_status get_log_here(sy_worker *worker, message_list *list, uint64_t from, sy_error *err)
{
    syi_journal_entry *entries = NULL;
    size_t count = 0;
    SY_TRY(copy_here(worker, &entries, &count, from, err));
    if (count > 0) {
        list->messages = syi_alloc_array(list->context, count, sizeof *list->messages);
        list->count = list->messages != NULL ? count : 0;
    }
    for (size_t k = 0; k < list->count; k++) {
        publish_entry(&entries[k], &list->messages[k]);
    }
    free_entries(worker, entries);
    return list->count == count ? SY_OK : SYI_ENOMEM(err, "log of messages");
}

sy_status sy_worker_get_log(sy_worker *worker, sy_logged_message **messages, size_t *count,
                            uint64_t from, sy_error *err)
{
    message_list list = {.context = worker->hook->context};
    *messages = NULL;
    *count = 0;
    if (from > INT64_MAX) {
        return SY_OK;
    }
    const sy_value arg = sy_value_int((int64_t)from);
    const sy_status status = syi_worker_is_here(worker)
                                 ? get_log_here(worker, &list, from, err)
                                 : ask(worker, "get_log", &arg, 1, read_log, &list, err);
    if (status != SY_OK) {
        sy_logged_messages_free(worker->hook, list.messages, list.count);
        return status;
    }
    *messages = list.messages;
    *count = list.count;
    return SY_OK;
}

void sy_logged_messages_free(sy_hook *hook, sy_logged_message *messages, size_t count)
{
    if (messages != NULL) {
        syi_free(hook->context, messages, count * sizeof *messages);
    }
}

sy_status sy_worker_get_message(sy_worker *worker, sy_logged_message *message, int64_t index,
                                sy_error *err)
{
    memset(message, 0, sizeof *message);
    if (!syi_worker_is_here(worker)) {
        const sy_value arg = sy_value_int(index);
        return ask(worker, "get_message", &arg, 1, read_entry, message, err);
    }
    syi_journal_entry entry;
    SY_TRY(find_here(worker, index, &entry, err));
    publish_entry(&entry, message);
    return SY_OK;
}

sy_status sy_worker_count_messages(sy_worker *worker, uint64_t *sent, uint64_t *received,
                                   sy_error *err)
{
    counts read = {0, 0};
    sy_status status = SY_OK;
    if (syi_worker_is_here(worker)) {
        syi_journal_get_counts(&worker->journal, &read.sent, &read.received);
    } else {
        status = ask(worker, "count_messages", NULL, 0, read_counts, &read, err);
    }
    *sent = read.sent;
    *received = read.received;
    return status;
}
