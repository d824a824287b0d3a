/*
 * torch_legacy.h - the stream that torch.save wrote before PyTorch 1.6, still writes with
 * _use_new_zipfile_serialization=False, and PySyft puts tensors on the wire with: a magic number, a version,
 * the machine, the pickle, the keys of the storages, the storages. Test: model_file_test.c, fuzz:
 * tests/fuzz/torch_legacy.c.
 */
#ifndef SYI_FORMATS_TORCH_LEGACY_H
#define SYI_FORMATS_TORCH_LEGACY_H

#include "formats/model.h"
#include "formats/source.h"

bool syi_torch_legacy_is(const uint8_t *bytes, size_t size); /* by its first bytes */
/*
 * The whole source, to its end. Statuses: those of pickle.h and torch_tensors.h; SY_EFORMAT also for bytes
 * that are missing or left over, SY_ENOTSUP for big-endian machines. A stream of one tensor or parameter
 * gives one entry named "". `model` is initialised here; on failure it is empty.
 */
sy_status syi_torch_legacy_read(sy_context *context, syi_model *model, const syi_source *source,
                                syi_account *account, sy_error *err);
/* As PyTorch 1.13 writes it, byte for byte but for the keys: PyTorch's are addresses, ours count from
 * `first_key`. */
sy_status syi_torch_legacy_plan(const syi_model *model, syi_model_plan *plan, uint64_t first_key,
                                sy_error *err);

#endif
