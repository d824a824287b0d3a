/*
 * safetensors.h - the safetensors format (github.com/huggingface/safetensors, README "Format"): a header
 * length, a JSON header, the elements. Test: model_file_test.c, fuzz: tests/fuzz/safetensors.c.
 */
#ifndef SYI_FORMATS_SAFETENSORS_H
#define SYI_FORMATS_SAFETENSORS_H

#include "formats/model.h"
#include "formats/source.h"

/*
 * The dtypes of dtype.h; others are refused by name (SY_ENOTSUP). SY_EFORMAT names the tensor and what is
 * wrong: a key that is unknown, missing or there twice; a shape that does not fit its bytes; bytes that
 * overlap, lie outside, or belong to nobody. Nothing is allocated for elements before all of that has been
 * checked against the size of the file. Each tensor owns its storage; the order is the header's.
 * `model` is initialised here; on failure it is empty.
 */
sy_status syi_safetensors_read(sy_context *context, syi_model *model, const syi_source *source,
                               syi_account *account, sy_error *err);
/* The header in the model's order; elements of wide dtypes come first, so that all are aligned. What is
 * PyTorch's (parameter, versions) is not kept. The plan borrows from the model. */
sy_status syi_safetensors_plan(const syi_model *model, syi_model_plan *plan, sy_error *err);

#endif
