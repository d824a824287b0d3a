/*
 * torch_tensors.h - what both of PyTorch's file formats share: the pickle that names tensors and the
 * storages they view. Storages themselves come from the container (torch_zip.h, torch_legacy.h).
 *
 * Reading goes in three steps: collect() finds the tensors in the pickle and lists the storages that are
 * needed, by key; the container fills them; attach() makes the arrays. Test: model_file_test.c.
 */
#ifndef SYI_FORMATS_TORCH_TENSORS_H
#define SYI_FORMATS_TORCH_TENSORS_H

#include "formats/model.h"
#include "formats/pickle.h"
#include "formats/pickle_writer.h"

/* What torch.save writes of a state dict, a tensor, a parameter, or dicts and lists of those. */
extern const syi_pickle_rules syi_torch_rules;

typedef struct syi_torch_storage {
    const char *key; /* of the pickle */
    size_t key_length;
    sy_dtype dtype;
    uint64_t numel;
    syi_storage *storage; /* the container's to make; NULL until then */
} syi_torch_storage;

typedef struct syi_torch_reader {
    sy_context *context;
    syi_account *account; /* nullable */
    syi_model *model;
    syi_buffer path;             /* of the value being visited: "model.0.weight" */
    syi_buffer references;       /* storages as tensors name them */
    syi_torch_storage *storages; /* by key, each once */
    size_t storage_count, storage_capacity;
    size_t visited;
} syi_torch_reader;

/* `model` is initialised already. fini leaves the model alone. */
void syi_torch_reader_init(syi_torch_reader *reader, syi_model *model, syi_account *account);
void syi_torch_reader_fini(syi_torch_reader *reader);
/*
 * Nested dicts and lists are flattened: "optimizer.state.0.exp_avg". Values that are no tensors are counted
 * (model->others). SY_EFORMAT names a tensor whose shape, strides or offset leave its storage, or two
 * that disagree on a storage; SY_ENOTSUP a dtype that csyft lacks; SY_ELIMIT nesting beyond 64, and more
 * than a million values.
 */
sy_status syi_torch_reader_collect(syi_torch_reader *reader, const syi_pickle_value *root,
                                   sy_error *err);
/* NULL when no tensor needs it. */
syi_torch_storage *syi_torch_reader_find(syi_torch_reader *reader, const char *key, size_t length);
sy_status syi_torch_reader_attach(syi_torch_reader *reader, sy_error *err);

/* --- writing --- */

/* A storage as it goes into the file. */
typedef struct syi_torch_block {
    char key[24];
    const void *data;
    size_t size;
    uint64_t numel;
    const char *global; /* "FloatStorage" */
} syi_torch_block;

/*
 * Tensors that share a storage share a block, which is then the whole storage; any other block holds just
 * the elements of its tensor, so that a view of something larger gives nothing else away.
 */
typedef struct syi_torch_writer {
    const syi_model *model;
    syi_model_plan *plan; /* keeps copies of elements that are not contiguous */
    syi_torch_block *blocks;
    size_t block_count;
    size_t *sorted;             /* blocks in the order of their keys as text */
    struct syi_torch_use *uses; /* one per tensor */
    syi_pickler_seen *keys;     /* one per block, for a pickle */
} syi_torch_writer;

/* Keys count from `first_key`. */
sy_status syi_torch_writer_init(syi_torch_writer *writer, const syi_model *model,
                                syi_model_plan *plan, uint64_t first_key, sy_error *err);
void syi_torch_writer_fini(syi_torch_writer *writer);
/* The pickle. `legacy`: as the stream before PyTorch 1.6 has it. */
void syi_torch_writer_pickle(const syi_torch_writer *writer, syi_buffer *out, bool legacy);

#endif
