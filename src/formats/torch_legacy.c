/* torch_legacy.c - PyTorch's stream before version 1.6. Test: model_file_test.c. */
#include "formats/torch_legacy.h"

#include <inttypes.h>

#include "formats/torch_tensors.h"

enum {
    VERSION = 1001,
    WINDOW_FIRST = 64 << 10, /* of the file, for a pickle whose length nothing tells */
    WINDOW_MAX = 256 << 20,
    KEYS_MAX = 1 << 20,
};

/* 0x1950a86a20f9469cfc6c as a pickle. */
static const uint8_t magic[] = {0x80, 2,    0x8a, 10,   0x6c, 0xfc, 0x9c, 0x46,
                                0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, '.'};
/* The number alone, where another protocol surrounds it. */
static const uint8_t number[] = {0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19};

bool syi_torch_legacy_is(const uint8_t *bytes, size_t size)
{
    static const char text[] =
        "L119547037146"; /* the number's first digits, in protocols 0 and 1 */
    if (size >= sizeof text && memcmp(bytes, text, sizeof text - 1) == 0) {
        return true;
    }
    /* Protocols 3 to 5 differ in the version byte, and a frame may stand before the number. */
    return size >= 4 && bytes[0] == 0x80 && bytes[1] >= 1 && bytes[1] <= 5 &&
           (bytes[2] == 0x8a || bytes[2] == 0x95);
}

typedef struct stream {
    sy_context *context;
    const syi_source *source;
    uint64_t at;
} stream;

/* The next pickle, through a window that grows while the pickle goes on beyond it. */
static sy_status read_pickle(stream *s, syi_pickle *pickle, const syi_pickle_rules *rules,
                             sy_error *err)
{
    for (size_t window = WINDOW_FIRST;; window *= 4) {
        const uint8_t *bytes = NULL;
        uint8_t *room = NULL;
        size_t got = 0;
        SY_TRY(syi_source_map(s->source, s->at, window, s->context, &bytes, &room, &got, err));
        const sy_status status = syi_pickle_read(s->context, pickle, bytes, got, rules, err);
        syi_free(s->context, room, got);
        const bool more = s->at + got < s->source->size && window < WINDOW_MAX;
        if (status == SY_OK) {
            s->at += pickle->size;
            return SY_OK;
        }
        if (!pickle->cut || !more) {
            return status;
        }
    }
}

static bool is_magic(const syi_pickle_value *value)
{
    return value->kind == SYI_PICKLE_BIG && value->as.text.length == sizeof number &&
           memcmp(value->as.text.data, number, sizeof number) == 0;
}

static bool is_version(const syi_pickle_value *value)
{
    return value->kind == SYI_PICKLE_INT && value->as.integer == VERSION;
}

static sy_status read_preface(stream *s, sy_error *err)
{
    static const syi_pickle_rules plain = {0};
    syi_pickle pickle;
    SY_TRY(read_pickle(s, &pickle, &plain, err));
    bool good = is_magic(pickle.root);
    syi_pickle_fini(&pickle);
    if (!good) {
        return syi_fail(err, SY_EFORMAT, "the magic number of torch.save is missing");
    }
    SY_TRY(read_pickle(s, &pickle, &plain, err));
    good = is_version(pickle.root);
    syi_pickle_fini(&pickle);
    if (!good) {
        return syi_fail(err, SY_ENOTSUP, "the stream's version is not %d", VERSION);
    }
    SY_TRY(read_pickle(s, &pickle, &plain, err));
    const syi_pickle_value *little = syi_pickle_get(pickle.root, "little_endian");
    good = little != NULL && little->kind == SYI_PICKLE_BOOL;
    const bool big = good && !little->as.boolean;
    syi_pickle_fini(&pickle);
    if (big) {
        return syi_fail(err, SY_ENOTSUP, "the numbers are big-endian");
    }
    return good ? SY_OK : syi_fail(err, SY_EFORMAT, "the stream does not say its byte order");
}

/* One storage: how many elements, and they. */
static sy_status read_storage(stream *s, syi_torch_reader *reader, const syi_pickle_value *key,
                              sy_error *err)
{
    uint8_t count[8];
    if (key->kind != SYI_PICKLE_STRING) {
        return syi_fail(err, SY_EFORMAT, "the key of a storage is no string");
    }
    syi_torch_storage *storage =
        syi_torch_reader_find(reader, key->as.text.data, key->as.text.length);
    if (storage == NULL || storage->storage != NULL) {
        return syi_fail(err, SY_EFORMAT, "storage '%.100s' %s", key->as.text.data,
                        storage == NULL ? "belongs to no tensor" : "is there twice");
    }
    SY_TRY(syi_source_read(s->source, s->at, count, sizeof count, err));
    s->at += sizeof count;
    if (syi_get_u64le(count) != storage->numel) {
        return syi_fail(err, SY_EFORMAT, "storage '%.100s' has %" PRIu64 " elements, not %" PRIu64,
                        storage->key, syi_get_u64le(count), storage->numel);
    }
    const uint64_t size = storage->numel * sy_dtype_size(storage->dtype);
    if (size > s->source->size - s->at) {
        return syi_fail(err, SY_EFORMAT,
                        "storage '%.100s' takes %" PRIu64 " bytes, %" PRIu64 " are left",
                        storage->key, size, s->source->size - s->at);
    }
    SY_TRY(syi_storage_new(s->context, &storage->storage, (size_t)size, reader->account, err));
    SY_TRY(syi_source_read(s->source, s->at, storage->storage->data, (size_t)size, err));
    s->at += size;
    return SY_OK;
}

static uint64_t number_of(const syi_pickle_value *key)
{
    uint64_t value = 0;
    for (size_t k = 0; k < key->as.text.length; k++) {
        const char c = key->as.text.data[k];
        if (c < '0' || c > '9' || k == 19) {
            return 0;
        }
        value = value * 10 + (uint64_t)(c - '0');
    }
    return value;
}

static sy_status read_storages(stream *s, syi_torch_reader *reader, sy_error *err)
{
    static const syi_pickle_rules plain = {0};
    syi_pickle keys;
    sy_status status = SY_OK;
    SY_TRY(read_pickle(s, &keys, &plain, err));
    if (keys.root->kind != SYI_PICKLE_LIST || keys.root->as.list.count > KEYS_MAX) {
        status = syi_fail(err, SY_EFORMAT, "the keys of the storages are no list");
    }
    for (size_t k = 0; status == SY_OK && k < keys.root->as.list.count; k++) {
        const syi_pickle_value *key = keys.root->as.list.items[k];
        status = read_storage(s, reader, key, err);
        if (k == 0 && status == SY_OK) {
            reader->model->first_key = number_of(key);
        }
    }
    syi_pickle_fini(&keys);
    if (status == SY_OK && s->at != s->source->size) {
        status = syi_fail(err, SY_EFORMAT, "%" PRIu64 " bytes follow the last storage",
                          s->source->size - s->at);
    }
    return status;
}

static sy_status read_stream(stream *s, syi_model *model, syi_account *account, sy_error *err)
{
    syi_pickle pickle;
    syi_torch_reader reader;
    SY_TRY(read_preface(s, err));
    SY_TRY(read_pickle(s, &pickle, &syi_torch_rules, err));
    syi_torch_reader_init(&reader, model, account);
    sy_status status = SY_OK;
    SY_GOTO(done, syi_torch_reader_collect(&reader, pickle.root, err));
    SY_GOTO(done, read_storages(s, &reader, err));
    SY_GOTO(done, syi_torch_reader_attach(&reader, err));
done:
    syi_torch_reader_fini(&reader);
    syi_pickle_fini(&pickle);
    return status;
}

sy_status syi_torch_legacy_read(sy_context *context, syi_model *model, const syi_source *source,
                                syi_account *account, sy_error *err)
{
    stream s = {.context = context, .source = source};
    syi_model_init(model, context);
    const sy_status status = read_stream(&s, model, account, err);
    if (status != SY_OK) {
        syi_model_fini(model);
    }
    return status;
}

/* --- writing ---------------------------------------------------------------------------------- */

/* dict(protocol_version=1001, little_endian=True, type_sizes=dict(short=2, int=4, long=4)) */
static void put_preface(syi_buffer *out)
{
    syi_pickler p;
    syi_buffer_append(out, magic, sizeof magic);
    syi_pickler_begin(&p, out);
    syi_pickler_int(&p, VERSION);
    syi_pickler_end(&p);
    syi_pickler_begin(&p, out);
    syi_pickler_opcode(&p, '}');
    (void)syi_pickler_put(&p);
    syi_pickler_opcode(&p, '(');
    (void)syi_pickler_text(&p, "protocol_version");
    syi_pickler_int(&p, VERSION);
    (void)syi_pickler_text(&p, "little_endian");
    syi_pickler_bool(&p, true);
    (void)syi_pickler_text(&p, "type_sizes");
    syi_pickler_opcode(&p, '}');
    (void)syi_pickler_put(&p);
    syi_pickler_opcode(&p, '(');
    (void)syi_pickler_text(&p, "short");
    syi_pickler_int(&p, 2);
    (void)syi_pickler_text(&p, "int");
    syi_pickler_int(&p, 4);
    (void)syi_pickler_text(&p, "long");
    syi_pickler_int(&p, 4);
    syi_pickler_opcode(&p, 'u');
    syi_pickler_opcode(&p, 'u');
    syi_pickler_end(&p);
}

static void put_keys(syi_buffer *out, const syi_torch_writer *writer)
{
    syi_pickler p;
    syi_pickler_items items = {.total = writer->block_count, .one = 'a', .many = 'e'};
    syi_pickler_begin(&p, out);
    syi_pickler_opcode(&p, ']');
    (void)syi_pickler_put(&p);
    for (size_t k = 0; k < writer->block_count; k++) {
        syi_pickler_next(&p, &items);
        (void)syi_pickler_text(&p, writer->blocks[writer->sorted[k]].key);
    }
    syi_pickler_done(&p, &items);
    syi_pickler_end(&p);
}

sy_status syi_torch_legacy_plan(const syi_model *model, syi_model_plan *plan, uint64_t first_key,
                                sy_error *err)
{
    syi_torch_writer writer;
    SY_TRY(syi_torch_writer_init(&writer, model, plan, first_key, err));
    put_preface(&plan->text);
    syi_torch_writer_pickle(&writer, &plan->text, true);
    put_keys(&plan->text, &writer);
    sy_status status = SY_OK;
    for (size_t k = 0; k < writer.block_count; k++) {
        const syi_torch_block *block = &writer.blocks[writer.sorted[k]];
        uint8_t count[8];
        syi_put_u64le(count, block->numel);
        syi_buffer_append(&plan->text, count, sizeof count);
        SY_GOTO(done, syi_model_plan_add(plan, block->data, block->size, err));
    }
    status = syi_model_plan_add(plan, NULL, 0, err);
done:
    syi_torch_writer_fini(&writer);
    return status;
}
