/* torch_zip.c - PyTorch's archive. Test: model_file_test.c, fuzz: tests/fuzz/torch_zip.c. */
#include "formats/torch_zip.h"

#include <inttypes.h>
#include <stdio.h>

#include "formats/torch_tensors.h"
#include "formats/zip.h"

enum { NAME_MAX_BYTES = 512, PICKLE_MAX = 256 << 20 };

bool syi_torch_zip_is(const uint8_t *bytes, size_t size)
{
    return size >= 4 && memcmp(bytes, "PK\3\4", 4) == 0;
}

typedef struct archive {
    sy_context *context;
    syi_zip zip;
    const char *folder; /* what stands before "data.pkl" */
    size_t folder_length;
} archive;

/* <folder><name><key>; NULL when there is none. */
static const syi_zip_entry *find(const archive *a, const char *name, const char *key,
                                 size_t key_length)
{
    char path[NAME_MAX_BYTES];
    const size_t length = strlen(name);
    if (a->folder_length + length + key_length > sizeof path) {
        return NULL;
    }
    memcpy(path, a->folder, a->folder_length);
    memcpy(path + a->folder_length, name, length);
    if (key_length > 0) {
        memcpy(path + a->folder_length + length, key, key_length);
    }
    return syi_zip_find(&a->zip, path, a->folder_length + length + key_length);
}

static sy_status find_pickle(archive *a, const syi_zip_entry **pickle, sy_error *err)
{
    static const char name[] = "/data.pkl";
    enum { LENGTH = sizeof name - 1 };
    for (size_t k = 0; k < a->zip.entry_count; k++) {
        const syi_zip_entry *e = &a->zip.entries[k];
        if (e->name_length > LENGTH &&
            memcmp(e->name + e->name_length - LENGTH, name, LENGTH) == 0 &&
            memchr(e->name, '/', e->name_length - LENGTH) == NULL) {
            a->folder = e->name;
            a->folder_length = e->name_length - LENGTH + 1;
            *pickle = e;
            return SY_OK;
        }
    }
    return syi_fail(err, SY_EFORMAT, "the archive has no data.pkl, so torch.save did not write it");
}

/* Small entries that say how to read the others. */
static sy_status check_kind(const archive *a, sy_error *err)
{
    char order[8] = {0};
    const syi_zip_entry *e = find(a, "byteorder", NULL, 0);
    if (find(a, "constants.pkl", NULL, 0) != NULL) {
        return syi_fail(err, SY_ENOTSUP, "TorchScript, which is a program; save its state_dict()");
    }
    if (e == NULL) {
        return SY_OK;
    }
    if (e->size >= sizeof order) {
        return syi_fail(err, SY_EFORMAT, "the entry byteorder has %" PRIu64 " bytes", e->size);
    }
    SY_TRY(syi_zip_read(&a->zip, e, order, err));
    return strcmp(order, "little") == 0
               ? SY_OK
               : syi_fail(err, SY_ENOTSUP, "the numbers are %.8s-endian, not little", order);
}

static sy_status read_storages(const archive *a, syi_torch_reader *reader, sy_error *err)
{
    for (size_t k = 0; k < reader->storage_count; k++) {
        syi_torch_storage *s = &reader->storages[k];
        const syi_zip_entry *e = find(a, "data/", s->key, s->key_length);
        const uint64_t size = s->numel * sy_dtype_size(s->dtype);
        if (e == NULL || e->size != size) {
            return syi_fail(err, SY_EFORMAT,
                            "storage data/%.100s: %" PRIu64 " bytes are needed, %s%" PRIu64
                            " are there",
                            s->key, size, e == NULL ? "no entry, " : "", e == NULL ? 0 : e->size);
        }
        if (e->method != 0) {
            return syi_zip_read(&a->zip, e, NULL, err); /* refused before anything is allocated */
        }
        SY_TRY(syi_storage_new(a->context, &s->storage, (size_t)size, reader->account, err));
        SY_TRY(syi_zip_read(&a->zip, e, s->storage->data, err));
    }
    return SY_OK;
}

static sy_status read_tensors(const archive *a, const uint8_t *bytes, size_t size, syi_model *model,
                              syi_account *account, sy_error *err)
{
    syi_pickle pickle;
    syi_torch_reader reader;
    SY_TRY(syi_pickle_read(a->context, &pickle, bytes, size, &syi_torch_rules, err));
    syi_torch_reader_init(&reader, model, account);
    sy_status status = SY_OK;
    SY_GOTO(done, syi_torch_reader_collect(&reader, pickle.root, err));
    SY_GOTO(done, read_storages(a, &reader, err));
    SY_GOTO(done, syi_torch_reader_attach(&reader, err));
done:
    syi_torch_reader_fini(&reader);
    syi_pickle_fini(&pickle);
    return status;
}

static sy_status read_archive(archive *a, syi_model *model, syi_account *account, sy_error *err)
{
    const syi_zip_entry *e = NULL;
    SY_TRY(find_pickle(a, &e, err));
    SY_TRY(check_kind(a, err));
    if (e->size > PICKLE_MAX || e->method != 0) {
        return e->method != 0 ? syi_zip_read(&a->zip, e, NULL, err)
                              : syi_fail(err, SY_ELIMIT, "data.pkl of %" PRIu64 " bytes", e->size);
    }
    uint8_t *bytes = syi_alloc_aligned(a->context, (size_t)e->size, 16);
    if (bytes == NULL) {
        return SYI_ENOMEM(err, "data.pkl");
    }
    sy_status status = syi_zip_read(&a->zip, e, bytes, err);
    if (status == SY_OK) {
        status = read_tensors(a, bytes, (size_t)e->size, model, account, err);
    }
    syi_free(a->context, bytes, (size_t)e->size);
    return status;
}

sy_status syi_torch_zip_read(sy_context *context, syi_model *model, const syi_source *source,
                             syi_account *account, sy_error *err)
{
    archive a = {.context = context};
    syi_model_init(model, context);
    SY_TRY(syi_zip_open(context, &a.zip, source, err));
    const sy_status status = read_archive(&a, model, account, err);
    syi_zip_close(&a.zip);
    if (status != SY_OK) {
        syi_model_fini(model);
    }
    return status;
}

/* --- writing ---------------------------------------------------------------------------------- */

static sy_status add_blocks(syi_zip_writer *zip, const syi_torch_writer *writer, const char *name,
                            sy_error *err)
{
    char path[NAME_MAX_BYTES];
    for (size_t k = 0; k < writer->block_count; k++) {
        const syi_torch_block *block = &writer->blocks[writer->sorted[k]];
        snprintf(path, sizeof path, "%s/data/%s", name, block->key);
        SY_TRY(syi_zip_writer_add(zip, path, block->data, block->size, err));
    }
    snprintf(path, sizeof path, "%s/version", name);
    return syi_zip_writer_add(zip, path, "3\n", 2, err);
}

/* The pickle is text of the plan that the zip's headers surround, so it lives in a block of its own. */
static sy_status add_pickle(syi_zip_writer *zip, const syi_torch_writer *writer, const char *name,
                            sy_error *err)
{
    char path[NAME_MAX_BYTES];
    syi_array held = SYI_ARRAY_INIT;
    syi_buffer pickle;
    syi_buffer_init(&pickle, zip->plan->context, PICKLE_MAX);
    syi_torch_writer_pickle(writer, &pickle, false);
    sy_status status = syi_buffer_check(&pickle, "data.pkl", err);
    if (status == SY_OK) {
        const int64_t size = (int64_t)pickle.length;
        status = syi_array_new(zip->plan->context, &held, SY_DTYPE_U8, 1, &size, NULL, err);
    }
    if (status == SY_OK) {
        memcpy(held.storage->data, pickle.data, pickle.length);
        status = syi_model_plan_keep(zip->plan, &held, err);
    }
    if (status == SY_OK) {
        snprintf(path, sizeof path, "%s/data.pkl", name);
        const syi_array *kept = &zip->plan->clones[zip->plan->clone_count - 1];
        status = syi_zip_writer_add(zip, path, kept->storage->data, kept->storage->size, err);
    }
    syi_array_fini(&held);
    syi_buffer_fini(&pickle);
    return status;
}

sy_status syi_torch_zip_plan(const syi_model *model, syi_model_plan *plan, const char *name,
                             sy_error *err)
{
    syi_zip_writer zip;
    syi_torch_writer writer;
    if (name[0] == '\0' || strlen(name) > NAME_MAX_BYTES / 2) {
        return syi_fail(err, SY_EINVAL, "the archive's name has %zu bytes", strlen(name));
    }
    SY_TRY(syi_torch_writer_init(&writer, model, plan, 0, err));
    syi_zip_writer_init(&zip, plan);
    sy_status status = SY_OK;
    SY_GOTO(done, add_pickle(&zip, &writer, name, err));
    SY_GOTO(done, add_blocks(&zip, &writer, name, err));
    SY_GOTO(done, syi_zip_writer_end(&zip, err));
done:
    syi_zip_writer_fini(&zip);
    syi_torch_writer_fini(&writer);
    return status;
}
