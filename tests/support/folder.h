/* folder.h - a temporary folder for one test, removed with all that is in it. */
#ifndef CSYFT_TESTS_FOLDER_H
#define CSYFT_TESTS_FOLDER_H

#include <dirent.h>
#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct test_folder {
    char path[256];
    char *names[16]; /* paths handed out */
    unsigned count;
} test_folder;

static inline bool test_folder_make(test_folder *folder)
{
    const char *base = getenv("TMPDIR");
    snprintf(folder->path, sizeof folder->path, "%s/csyft-test-XXXXXX",
             base != NULL ? base : "/tmp");
    return mkdtemp(folder->path) != NULL;
}

/* A path inside, valid until the folder is removed; at most 16. */
static inline const char *test_folder_path(test_folder *folder, const char *name)
{
    char *path = NULL;
    if (folder->count == 16 || asprintf(&path, "%s/%s", folder->path, name) < 0) {
        return NULL;
    }
    folder->names[folder->count++] = path;
    return path;
}

/* Entries directly inside. */
static inline int test_folder_count(const test_folder *folder)
{
    int count = 0;
    DIR *entries = opendir(folder->path);
    for (struct dirent *e; entries != NULL && (e = readdir(entries)) != NULL;) {
        count += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 ? 1 : 0;
    }
    if (entries != NULL) {
        closedir(entries);
    }
    return count;
}

static inline int test_folder_remove_entry(const char *path, const struct stat *info, int kind,
                                           struct FTW *where)
{
    (void)info;
    (void)kind;
    (void)where;
    return remove(path);
}

static inline bool test_folder_remove(test_folder *folder)
{
    while (folder->count > 0) {
        free(folder->names[--folder->count]);
    }
    return nftw(folder->path, test_folder_remove_entry, 16, FTW_DEPTH | FTW_PHYS) == 0;
}

#endif
