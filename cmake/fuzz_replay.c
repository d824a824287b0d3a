/* Replays a fuzz corpus without libFuzzer: every file of every folder given, and every prefix of the small ones, since a
 * truncated message is the cheapest hostile input there is. Linked with one fuzz target by csyft_fuzz_target(). */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { PREFIX_LIMIT = 2048 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Runs one input from an allocation of exactly its size, so that a sanitizer sees every read past the end. */
static int replay_input(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size > 0 ? size : 1);
    if (copy == NULL) {
        return 1;
    }
    if (size > 0) {
        memcpy(copy, data, size);
    }
    (void)LLVMFuzzerTestOneInput(copy, size);
    free(copy);
    return 0;
}

static int replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        return 1;
    }
    struct stat info;
    uint8_t *data = NULL;
    int failed = 1;
    if (fstat(fileno(file), &info) == 0) {
        size_t size = (size_t)info.st_size;
        data = malloc(size + 1);
        if (data != NULL && fread(data, 1, size, file) == size) {
            failed = replay_input(data, size);
            for (size_t n = 0; size <= PREFIX_LIMIT && n < size && failed == 0; n++) {
                failed = replay_input(data, n);
            }
        }
    }
    if (failed != 0) {
        fprintf(stderr, "%s: cannot be replayed\n", path);
    }
    free(data);
    fclose(file);
    return failed;
}

int main(int argc, char **argv)
{
    size_t files = 0;
    for (int i = 1; i < argc; i++) {
        DIR *folder = opendir(argv[i]);
        if (folder == NULL) {
            perror(argv[i]);
            return 1;
        }
        for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
            if (entry->d_name[0] == '.') {
                continue;
            }
            char path[4096];
            int length = snprintf(path, sizeof path, "%s/%s", argv[i], entry->d_name);
            if (length < 0 || (size_t)length >= sizeof path || replay_file(path) != 0) {
                closedir(folder);
                return 1;
            }
            files++;
        }
        closedir(folder);
    }
    printf("%zu inputs replayed\n", files);
    return files > 0 ? 0 : 1;
}
