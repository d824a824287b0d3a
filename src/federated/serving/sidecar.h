/*
 * sidecar.h - what a file NAME.dataset says of the dataset beside it (sy_worker_serve_directory, <csyft/federated.h>). Test:
 * sidecar_test.c.
 */
#ifndef SYI_FEDERATED_SIDECAR_H
#define SYI_FEDERATED_SIDECAR_H

#include <csyft/federated.h>

#define SYI_SIDECAR_LIST_MAX 32

typedef struct syi_sidecar_list {
    bool given; /* perhaps without a value */
    size_t count;
    const char *values[SYI_SIDECAR_LIST_MAX];
} syi_sidecar_list;

typedef struct syi_sidecar {
    sy_context *context;
    char *text; /* the file; what follows points into it */
    size_t size;
    syi_sidecar_list tags, transforms, target_transforms, allow;
    const char *description; /* nullable */
    int64_t release_rows;    /* 0: not said */
    sy_budget budget;        /* size 0: not said */
} syi_sidecar;

/* SY_ENOTFOUND, SY_EIO; SY_EFORMAT names file and line: no such word, a value that it does not take, said twice. */
sy_status syi_sidecar_read(sy_context *context, syi_sidecar *sidecar, const char *path,
                           sy_error *err);
void syi_sidecar_fini(syi_sidecar *sidecar);
/* Overrides what it says; the options borrow from it. */
void syi_sidecar_apply(const syi_sidecar *sidecar, sy_serve_options *options);

#endif
