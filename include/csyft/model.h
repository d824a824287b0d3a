/*
 * model.h - model files: safetensors, and what PyTorch's torch.save makes of a state dict, read and written
 * without Python. Nothing in a file is ever run. Modules are saved and loaded in <csyft/nn.h>.
 *
 *     sy_model *model = NULL;
 *     sy_model_load(context, &model, "net.pt", err);
 *     for (size_t k = 0; k < sy_model_get_tensor_count(model); k++) {
 *         sy_model_tensor about = SY_MODEL_TENSOR_INIT;
 *         sy_model_get_tensor(model, k, &about);
 *         ...
 *     }
 *     sy_model_save(model, "net.safetensors", SY_MODEL_BY_PATH, err);
 *     sy_model_free(model);
 *
 * Read: PyTorch's zip archives (1.6 and later; stored, not compressed) and the stream before (also
 * _use_new_zipfile_serialization=False), pickle protocols 0 to 5; state dicts, tensors, parameters, and dicts
 * and lists of those, whose names are joined with '.'. Refused by name: any other Python object (SY_EFORBIDDEN),
 * dtypes outside dtype.h, big-endian numbers, TorchScript (SY_ENOTSUP), everything malformed (SY_EFORMAT).
 * A model is used by one thread at a time.
 */
#ifndef CSYFT_MODEL_H
#define CSYFT_MODEL_H

#include <csyft/context.h>
#include <csyft/value.h>

SY_BEGIN_DECLS

typedef struct sy_model sy_model;

typedef enum sy_model_format {
    SY_MODEL_BY_PATH = 0, /* .safetensors; .pt .pth .bin .ckpt for TORCH */
    SY_MODEL_SAFETENSORS,
    SY_MODEL_TORCH,        /* the archive of PyTorch 1.6 and later */
    SY_MODEL_TORCH_LEGACY, /* the stream before */
} sy_model_format;

/* "safetensors", "PyTorch archive", "PyTorch legacy stream". Static storage. */
SY_API const char *sy_model_format_name(sy_model_format format);

/* What a file is is seen from its contents. SY_ENOTFOUND, SY_EIO, SY_ELIMIT of the context's memory limit, and
 * those above; the sentence names the file. Blocks on the disk. */
SY_API sy_status sy_model_load(sy_context *context, sy_model **model, const char *path,
                               sy_error *err);
/* Written beside `path`, flushed, renamed: the file is whole or as it was before. SY_EINVAL when the path's
 * ending names no format, SY_EIO. PyTorch 1.13 writes the same bytes for the same state dict. */
SY_API sy_status sy_model_save(const sy_model *model, const char *path, sy_model_format format,
                               sy_error *err);
SY_API void sy_model_free(sy_model *model); /* NULL is nothing */

SY_API sy_model_format sy_model_get_format(const sy_model *model); /* of the file it came from */
SY_API size_t sy_model_get_tensor_count(const sy_model *model);
/* Values of the file that are no tensors (an epoch, an optimizer's settings) and were left out. */
SY_API size_t sy_model_get_other_count(const sy_model *model);

typedef struct sy_model_tensor {
    size_t size;      /* sizeof(sy_model_tensor) */
    const char *name; /* borrowed; "" when the file is one tensor without a name */
    sy_dtype dtype;
    int ndim;
    int64_t shape[SY_DIM_MAX];
    uint64_t bytes;     /* of its elements */
    size_t storage;     /* tensors with the same number share their elements */
    bool parameter;     /* PyTorch: an nn.Parameter */
    bool requires_grad; /* PyTorch */
} sy_model_tensor;

#define SY_MODEL_TENSOR_INIT            \
    {                                   \
        .size = sizeof(sy_model_tensor) \
    }

/* In the order of the file. SY_ERANGE beyond the last. */
SY_API sy_status sy_model_get_tensor(const sy_model *model, size_t index, sy_model_tensor *tensor);
/* Row-major elements; `size` must be exactly their bytes (SY_EINVAL), SY_ERANGE beyond the last. */
SY_API sy_status sy_model_copy_data(const sy_model *model, size_t index, void *buffer, size_t size,
                                    sy_error *err);
/* The metadata of a safetensors file, borrowed. false beyond the last. */
SY_API bool sy_model_get_note(const sy_model *model, size_t index, const char **key,
                              const char **value);

SY_END_DECLS

#endif
