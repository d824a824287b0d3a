/* file.c - whole files, in and out. Test: file_test.c. */
#include "formats/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/memory.h"

static sy_status fail_system(sy_error *err, const char *path, const char *verb, int code)
{
    char text[128];
    sy_status status = code == ENOENT ? SY_ENOTFOUND : SY_EIO;
    return syi_fail_object(err, status, path, "%s: cannot %s: %s", path, verb,
                           strerror_r(code, text, sizeof text));
}

/* Takes the descriptor of a regular file. */
static sy_status take_descriptor(syi_file *file, int descriptor, const char *path, sy_error *err)
{
    *file = (syi_file){.descriptor = -1, .path = path};
    if (descriptor < 0) {
        return fail_system(err, path, "open", errno);
    }
    struct stat info;
    if (fstat(descriptor, &info) != 0) {
        int code = errno;
        close(descriptor);
        return fail_system(err, path, "open", code);
    }
    if (!S_ISREG(info.st_mode)) {
        close(descriptor);
        return syi_fail_object(err, SY_EIO, path, "%s: not a regular file", path);
    }
    file->descriptor = descriptor;
    file->size = (uint64_t)info.st_size;
    return SY_OK;
}

sy_status syi_file_open(syi_file *file, const char *path, sy_error *err)
{
    /* Not blocking: a pipe without a writer would hold us in open(). */
    return take_descriptor(file, open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK), path,
                           err);
}

sy_status syi_file_open_to_append(syi_file *file, const char *path, bool *created, sy_error *err)
{
    const int flags = O_RDWR | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
    int descriptor = open(path, flags | O_CREAT | O_EXCL, 0666);
    *created = descriptor >= 0;
    if (descriptor < 0 && errno == EEXIST) {
        descriptor = open(path, flags);
    }
    return take_descriptor(file, descriptor, path, err);
}

void syi_file_close(syi_file *file)
{
    if (file->descriptor >= 0) {
        close(file->descriptor);
        file->descriptor = -1;
    }
}

sy_status syi_file_read(syi_file *file, void *data, size_t size, sy_error *err)
{
    uint8_t *at = data;
    while (size > 0) {
        ssize_t n = read(file->descriptor, at, size);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return fail_system(err, file->path, "read", errno);
        }
        if (n == 0) {
            return syi_fail_object(err, SY_EIO, file->path, "%s: the file ends %zu bytes too early",
                                   file->path, size);
        }
        at += n;
        size -= (size_t)n;
    }
    return SY_OK;
}

sy_status syi_file_read_at(const syi_file *file, uint64_t offset, void *data, size_t size,
                           sy_error *err)
{
    uint8_t *at = data;
    while (size > 0) {
        ssize_t n = pread(file->descriptor, at, size, (off_t)offset);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return fail_system(err, file->path, "read", errno);
        }
        if (n == 0) {
            return syi_fail_object(err, SY_EIO, file->path, "%s: the file ends %zu bytes too early",
                                   file->path, size);
        }
        at += n;
        offset += (uint64_t)n;
        size -= (size_t)n;
    }
    return SY_OK;
}

static int write_all(int descriptor, const void *data, size_t size)
{
    const uint8_t *at = data;
    while (size > 0) {
        ssize_t n = write(descriptor, at, size);
        if (n < 0 && errno != EINTR) {
            return errno;
        }
        if (n > 0) {
            at += n;
            size -= (size_t)n;
        }
    }
    return 0;
}

sy_status syi_file_append(syi_file *file, const void *data, size_t size, sy_error *err)
{
    const int code = write_all(file->descriptor, data, size);
    if (code != 0) {
        (void)!ftruncate(file->descriptor, (off_t)file->size);
        return fail_system(err, file->path, "write", code);
    }
    file->size += size;
    return SY_OK;
}

sy_status syi_file_cut(syi_file *file, uint64_t size, sy_error *err)
{
    if (ftruncate(file->descriptor, (off_t)size) != 0) {
        return fail_system(err, file->path, "cut", errno);
    }
    file->size = size;
    return SY_OK;
}

/* A new, empty file beside `path`; its name goes to `name`. The mode is the umask's, not mkstemp's
 * private one. Returns -1 with errno. */
static int create_beside(const char *path, char *name, size_t size)
{
    for (unsigned attempt = 0; attempt < 1000; attempt++) {
        snprintf(name, size, "%s.%ld-%u.new", path, (long)getpid(), attempt);
        int descriptor = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (descriptor >= 0 || errno != EEXIST) {
            return descriptor;
        }
    }
    return -1;
}

static int write_parts(int descriptor, const char *path, const syi_bytes *parts, size_t count)
{
    struct stat old;
    if (stat(path, &old) == 0 && fchmod(descriptor, old.st_mode & 07777) != 0) {
        return errno;
    }
    for (size_t i = 0; i < count; i++) {
        int code = write_all(descriptor, parts[i].data, parts[i].size);
        if (code != 0) {
            return code;
        }
    }
    return fsync(descriptor) == 0 ? 0 : errno;
}

sy_status syi_file_replace(sy_context *context, const char *path, const syi_bytes *parts,
                           size_t count, sy_error *err)
{
    size_t size = strlen(path) + 48;
    char *name = syi_alloc(context, size);
    if (name == NULL) {
        return SYI_ENOMEM(err, path);
    }
    sy_status status = SY_OK;
    int descriptor = create_beside(path, name, size);
    if (descriptor < 0) {
        status = fail_system(err, path, "create", errno);
        goto done;
    }
    int code = write_parts(descriptor, path, parts, count);
    if (close(descriptor) != 0 && code == 0) {
        code = errno;
    }
    if (code == 0 && rename(name, path) != 0) {
        code = errno;
    }
    if (code != 0) {
        unlink(name);
        status = fail_system(err, path, "write", code);
    }
done:
    syi_free(context, name, size);
    return status;
}
