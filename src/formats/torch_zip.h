/*
 * torch_zip.h - the archive that torch.save writes since PyTorch 1.6: <name>/data.pkl, <name>/data/<key> per
 * storage, <name>/version. Test: model_file_test.c, fuzz: tests/fuzz/torch_zip.c.
 */
#ifndef SYI_FORMATS_TORCH_ZIP_H
#define SYI_FORMATS_TORCH_ZIP_H

#include "formats/model.h"
#include "formats/source.h"

bool syi_torch_zip_is(const uint8_t *bytes, size_t size); /* by its first bytes */
/*
 * Statuses: those of zip.h, pickle.h and torch_tensors.h; SY_EFORMAT also when a storage has another size
 * than the pickle says; SY_ENOTSUP for big-endian files and TorchScript. Tensors that share a storage in the
 * file share one here. `model` is initialised here; on failure it is empty.
 */
sy_status syi_torch_zip_read(sy_context *context, syi_model *model, const syi_source *source,
                             syi_account *account, sy_error *err);
/* As PyTorch 1.13 writes it. `name` is the folder inside, usually "archive". */
sy_status syi_torch_zip_plan(const syi_model *model, syi_model_plan *plan, const char *name,
                             sy_error *err);

#endif
