/*
 * model.h - what a model file holds: named arrays in order, and what is said about them. Readers fill
 * one, writers take one. Test: model_file_test.c.
 */
#ifndef SYI_FORMATS_MODEL_H
#define SYI_FORMATS_MODEL_H

#include "arrays/array.h"
#include "core/buffer.h"
#include "formats/file.h"

typedef struct syi_model_tensor {
    char *name;   /* "" when the file is one tensor without a name */
    size_t group; /* readers: which storage of the file; tensors of one group share it */
    bool parameter;
    bool requires_grad;
    syi_array array;
} syi_model_tensor;

typedef struct syi_model_note { /* safetensors' __metadata__ */
    char *key;
    char *value;
} syi_model_note;

typedef struct syi_model_version { /* PyTorch's _metadata */
    char *prefix;                  /* of the module: "", "0", "conv.1" */
    int64_t version;
} syi_model_version;

typedef struct syi_model {
    sy_context *context;
    syi_model_tensor *tensors;
    size_t tensor_count, tensor_capacity;
    syi_model_note *notes;
    size_t note_count, note_capacity;
    syi_model_version *versions;
    size_t version_count, version_capacity;
    size_t others; /* values of the file that are no tensors and were left out */
    bool plain;    /* PyTorch: a dict, not an OrderedDict */
    uint64_t
        first_key; /* PyTorch's stream: the first storage's key where that is a number, else 0 */
} syi_model;

void syi_model_init(syi_model *model, sy_context *context);
void syi_model_fini(syi_model *model);

/* The name is copied and must be UTF-8 without NUL (SY_EFORMAT); the array is taken on SY_OK only. The
 * entry is *added (nullable), borrowed until the next one. */
sy_status syi_model_add(syi_model *model, const char *name, size_t length, syi_array *array,
                        syi_model_tensor **added, sy_error *err);
sy_status syi_model_add_note(syi_model *model, const char *key, size_t key_length,
                             const char *value, size_t value_length, sy_error *err);
sy_status syi_model_add_version(syi_model *model, const char *prefix, size_t length,
                                int64_t version, sy_error *err);
/* SY_EFORMAT names a name (or a note's key) that stands there twice. */
sy_status syi_model_check_names(const syi_model *model, sy_error *err);
/* NULL when there is none. Linear. */
const syi_model_tensor *syi_model_find(const syi_model *model, const char *name);

/* A part of a file that is being put together: `bytes` borrowed from an array, or, when NULL, the next
 * `size` bytes of `text`. */
typedef struct syi_model_plan {
    sy_context *context;
    syi_buffer text;  /* what lies between the arrays */
    size_t text_used; /* of text, by parts */
    syi_bytes *parts;
    size_t count, capacity;
    syi_array *clones; /* what it keeps: contiguous copies, mostly */
    size_t clone_count, clone_capacity;
} syi_model_plan;

void syi_model_plan_init(syi_model_plan *plan, sy_context *context);
void syi_model_plan_fini(syi_model_plan *plan);
/* What was appended to text since the last part, then `data` (nullable). */
sy_status syi_model_plan_add(syi_model_plan *plan, const void *data, size_t size, sy_error *err);
/* The elements of the array in row-major order, in memory: its own, or a copy that the plan keeps. */
sy_status syi_model_plan_flatten(syi_model_plan *plan, const syi_array *array, const void **data,
                                 sy_error *err);
/* Takes the array (on SY_OK), so that its elements live as long as the plan: plan->clones' last. */
sy_status syi_model_plan_keep(syi_model_plan *plan, syi_array *array, sy_error *err);
/* Everything one after the other. */
sy_status syi_model_plan_append(syi_model_plan *plan, syi_buffer *out, sy_error *err);
sy_status syi_model_plan_save(syi_model_plan *plan, const char *path, sy_error *err);

#endif
