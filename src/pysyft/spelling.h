/*
 * spelling.h - how PySyft writes the operations of the table: as methods of a tensor, or as functions of torch and
 * torch.nn.functional. Test: tests/interop/pysyft_plans.c, which runs what is written with PyTorch.
 */
#ifndef SYI_PYSYFT_SPELLING_H
#define SYI_PYSYFT_SPELLING_H

#include <stdbool.h>
#include <stddef.h>

typedef struct syi_pysyft_spelling {
    char name[64];      /* without the module */
    const char *module; /* "torch.nn.functional.", "torch."; NULL: a method */
    bool all;           /* PyTorch has no defaults for it */
    const char *lacks;  /* from this parameter on it has none; NULL: it has all */
} syi_pysyft_spelling;

/* Of a row, `changes`: in its form in place. false: PyTorch has no such operation. */
bool syi_pysyft_spell(const char *row, bool changes, syi_pysyft_spelling *spelling);
/* Before the name of any operation, as a user may write it. */
const char *syi_pysyft_module_of(const char *name, size_t length);

#endif
