#include "differential_privacy/ledger_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/error.h"
#include "core/memory.h"
#include "formats/decimal.h"

#define HEADER "csyft ledger 1\n"
#define LINE_SIZE 2048 /* two names of which every byte is encoded, and the rest */
#define SUM_DIGITS 16
#define FILE_MOST ((uint64_t)1 << 31)

static sy_status fail_io(const char *path, const char *what, sy_error *err)
{
    char text[128];
    const int code = errno;
    return syi_fail_object(err, code == ENOENT ? SY_ENOTFOUND : SY_EIO, path,
                           "ledger \"%s\": %s: %s", path, what,
                           strerror_r(code, text, sizeof text));
}

/* Lines */

static const char *const kinds[] = {
    [SY_NOISE_GAUSSIAN] = "gaussian", [SY_NOISE_LAPLACE] = "laplace"};

/* Blanks, what is not ASCII, and the sign itself become %xx; nothing at all becomes "-". */
static size_t put_name(char *to, const char *name)
{
    static const char digits[] = "0123456789abcdef";
    size_t length = 0;
    for (const unsigned char *c = (const unsigned char *)name; *c != 0; c++) {
        const bool plain = *c > ' ' && *c < 127 && *c != '%' && (*c != '-' || name[1] != '\0');
        if (plain) {
            to[length++] = (char)*c;
        } else {
            to[length++] = '%';
            to[length++] = digits[*c >> 4];
            to[length++] = digits[*c & 15];
        }
    }
    if (length == 0) {
        to[length++] = '-';
    }
    to[length] = '\0';
    return length;
}

static int digit_of(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool take_name(const char *text, char name[SYI_LEDGER_NAME_MAX + 1])
{
    size_t length = 0;
    for (const char *c = strcmp(text, "-") == 0 ? "" : text; *c != '\0'; c++) {
        if (length == SYI_LEDGER_NAME_MAX) {
            return false;
        }
        name[length] = *c;
        if (*c == '%') {
            const int high = digit_of(c[1]), low = high >= 0 ? digit_of(c[2]) : -1;
            if (low < 0 || (high == 0 && low == 0)) {
                return false;
            }
            name[length] = (char)(high << 4 | low);
            c += 2;
        }
        length++;
    }
    name[length] = '\0';
    return true;
}

/* Up to the checksum. */
static size_t write_line(char line[LINE_SIZE], const char *data, const char *caller,
                         const sy_charge *charge)
{
    char names[2][3 * SYI_LEDGER_NAME_MAX + 1], multiplier[SYI_DECIMAL_SIZE],
        rate[SYI_DECIMAL_SIZE], when[32];
    struct tm utc;
    const time_t now = time(NULL);
    (void)put_name(names[0], data);
    (void)put_name(names[1], caller);
    (void)syi_decimal_format_double(multiplier, charge->noise_multiplier);
    (void)syi_decimal_format_double(rate, charge->sampling_rate);
    (void)strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
    return (size_t)snprintf(line, LINE_SIZE, "%s\t%s\t%s\t%s\t%s\t%s\t%" PRIu64 "\t", when,
                            names[0], names[1], kinds[charge->kind], multiplier, rate,
                            charge->steps);
}

static bool read_number(const char *text, double *number)
{
    const syi_decimal read = syi_decimal_parse(text, strlen(text));
    *number = read.real;
    return read.kind != SYI_DECIMAL_NONE;
}

/* Of a line without its checksum, which is cut to pieces. */
static bool read_line(char *line, char *names[2], char decoded[2][SYI_LEDGER_NAME_MAX + 1],
                      sy_charge *charge)
{
    char *fields[7], *rest = line;
    for (int k = 0; k < 7; k++) {
        fields[k] = strsep(&rest, "\t");
        if (fields[k] == NULL) {
            return false;
        }
    }
    *charge = (sy_charge)SY_CHARGE_INIT;
    charge->kind =
        strcmp(fields[3], kinds[SY_NOISE_LAPLACE]) == 0 ? SY_NOISE_LAPLACE : SY_NOISE_GAUSSIAN;
    const syi_decimal steps = syi_decimal_parse(fields[6], strlen(fields[6]));
    charge->steps = (uint64_t)steps.integer;
    names[0] = decoded[0];
    names[1] = decoded[1];
    return strcmp(fields[3], kinds[charge->kind]) == 0 && take_name(fields[1], decoded[0]) &&
           take_name(fields[2], decoded[1]) && read_number(fields[4], &charge->noise_multiplier) &&
           read_number(fields[5], &charge->sampling_rate) && steps.kind == SYI_DECIMAL_INTEGER &&
           steps.integer > 0;
}

/* Reading */

static sy_status bad_line(const syi_ledger_file *file, uint64_t number, sy_error *err)
{
    return syi_fail_object(err, SY_EFORMAT, file->path,
                           "ledger \"%s\", line %" PRIu64
                           ": not as it was written; put back the file from a backup of today, or "
                           "nobody knows what was spent",
                           file->path, number);
}

/* One line with its newline: its checksum is that of all bytes before it. */
static sy_status take_line(syi_ledger_file *file, char *line, size_t length, uint64_t number,
                           syi_ledger_replay replay, void *user, sy_error *err)
{
    char sum[SUM_DIGITS + 1], decoded[2][SYI_LEDGER_NAME_MAX + 1], *names[2];
    sy_charge charge;
    if (length < SUM_DIGITS + 2 || length > LINE_SIZE || memchr(line, '\0', length) != NULL) {
        return bad_line(file, number, err);
    }
    const size_t before = length - SUM_DIGITS - 1;
    syi_xxh64_add(&file->hash, line, before);
    (void)snprintf(sum, sizeof sum, "%016" PRIx64, syi_xxh64_get(&file->hash));
    const bool same = memcmp(sum, line + before, SUM_DIGITS) == 0 && line[before - 1] == '\t';
    syi_xxh64_add(&file->hash, line + before, SUM_DIGITS + 1);
    line[before - 1] = '\0';
    if (!same || !read_line(line, names, decoded, &charge)) {
        return bad_line(file, number, err);
    }
    const sy_status status = replay(user, names[0], names[1], &charge, err);
    return status == SY_OK || status == SY_ENOMEM
               ? status
               : syi_error_prefix(err, SY_EFORMAT, "ledger \"%s\", line %" PRIu64, file->path,
                                  number);
}

static sy_status take_lines(syi_ledger_file *file, char *bytes, size_t size,
                            syi_ledger_replay replay, void *user, sy_error *err)
{
    const size_t header = strlen(HEADER);
    uint64_t number = 1;
    if (size < header || memcmp(bytes, HEADER, header) != 0) {
        /* the first line was being written, or it is another file */
        return memcmp(bytes, HEADER, size < header ? size : header) == 0
                   ? SY_OK
                   : syi_fail_object(err, SY_EFORMAT, file->path, "file \"%s\" is no ledger",
                                     file->path);
    }
    syi_xxh64_add(&file->hash, HEADER, header);
    file->size = header;
    while (file->size < size) {
        char *line = bytes + file->size, *end = memchr(line, '\n', size - file->size);
        number++;
        if (end == NULL) {
            break;
        }
        const size_t length = (size_t)(end + 1 - line);
        SY_TRY(take_line(file, line, length, number, replay, user, err));
        file->size += length;
    }
    return SY_OK;
}

static sy_status read_all(syi_ledger_file *file, syi_ledger_replay replay, void *user,
                          sy_error *err)
{
    struct stat about;
    size_t got = 0;
    if (fstat(file->descriptor, &about) != 0) {
        return fail_io(file->path, "reading", err);
    }
    if (!S_ISREG(about.st_mode) || (uint64_t)about.st_size > FILE_MOST) {
        return syi_fail_object(err, SY_EIO, file->path,
                               "ledger \"%s\" is no regular file, or larger than 2 GiB",
                               file->path);
    }
    const size_t size = (size_t)about.st_size;
    char *bytes = syi_alloc(file->context, size);
    if (bytes == NULL) {
        return SYI_ENOMEM(err, "ledger");
    }
    sy_status status = SY_OK;
    while (got < size && status == SY_OK) {
        const ssize_t now = pread(file->descriptor, bytes + got, size - got, (off_t)got);
        if (now <= 0 && !(now < 0 && errno == EINTR)) {
            status = fail_io(file->path, "reading", err);
        }
        got += now > 0 ? (size_t)now : 0;
    }
    status = status == SY_OK ? take_lines(file, bytes, size, replay, user, err) : status;
    syi_free(file->context, bytes, size);
    return status;
}

/* Writing */

static bool put(int descriptor, const char *bytes, size_t size, uint64_t at)
{
    while (size > 0) {
        const ssize_t now = pwrite(descriptor, bytes, size, (off_t)at);
        if (now < 0 && errno == EINTR) {
            continue;
        }
        if (now <= 0) {
            errno = now == 0 ? ENOSPC : errno;
            return false;
        }
        bytes += now;
        size -= (size_t)now;
        at += (uint64_t)now;
    }
    return true;
}

/* The bytes are there after a crash, or are not there at all. */
static sy_status put_durably(syi_ledger_file *file, const char *bytes, size_t size, sy_error *err)
{
    if (put(file->descriptor, bytes, size, file->size) && fsync(file->descriptor) == 0) {
        file->size += size;
        syi_xxh64_add(&file->hash, bytes, size);
        return SY_OK;
    }
    const sy_status status = fail_io(file->path, "writing", err);
    file->broken = ftruncate(file->descriptor, (off_t)file->size) != 0;
    return status;
}

/* That the file is in its folder. */
static void flush_folder(const char *path)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    (void)snprintf(folder, sizeof folder, "%.*s", slash != NULL ? (int)(slash + 1 - path) : 1,
                   slash != NULL ? path : ".");
    const int descriptor = open(folder, O_RDONLY | O_CLOEXEC);
    if (descriptor >= 0) {
        (void)fsync(descriptor);
        close(descriptor);
    }
}

static sy_status open_to_write(syi_ledger_file *file, syi_ledger_replay replay, void *user,
                               sy_error *err)
{
    if (flock(file->descriptor, LOCK_EX | LOCK_NB) != 0) {
        return errno == EWOULDBLOCK
                   ? syi_fail_object(err, SY_EBUSY, file->path,
                                     "ledger \"%s\" is open elsewhere: two who write would spend "
                                     "everything twice",
                                     file->path)
                   : fail_io(file->path, "locking", err);
    }
    SY_TRY(read_all(file, replay, user, err));
    if (ftruncate(file->descriptor, (off_t)file->size) != 0) {
        return fail_io(file->path, "writing", err);
    }
    if (file->size == 0) {
        SY_TRY(put_durably(file, HEADER, strlen(HEADER), err));
        flush_folder(file->path);
    }
    return SY_OK;
}

sy_status syi_ledger_file_open(sy_context *context, syi_ledger_file *file, const char *path,
                               bool reads_only, syi_ledger_replay replay, void *user, sy_error *err)
{
    *file = (syi_ledger_file){.context = context, .descriptor = -1};
    syi_xxh64_init(&file->hash);
    file->path = syi_string_copy(context, path);
    if (file->path == NULL) {
        return SYI_ENOMEM(err, "ledger");
    }
    file->descriptor = open(path, (reads_only ? O_RDONLY : O_RDWR | O_CREAT) | O_CLOEXEC, 0600);
    const sy_status status = file->descriptor < 0 ? fail_io(path, "opening", err)
                             : reads_only         ? read_all(file, replay, user, err)
                                                  : open_to_write(file, replay, user, err);
    if (status != SY_OK) {
        syi_ledger_file_close(file);
    }
    return status;
}

void syi_ledger_file_close(syi_ledger_file *file)
{
    if (file->descriptor >= 0) {
        close(file->descriptor);
        file->descriptor = -1;
    }
    syi_string_free(file->context, file->path);
    file->path = NULL;
}

sy_status syi_ledger_file_append(syi_ledger_file *file, const char *data, const char *caller,
                                 const sy_charge *charge, sy_error *err)
{
    char line[LINE_SIZE];
    if (file->broken) {
        return syi_fail_object(err, SY_EIO, file->path,
                               "ledger \"%s\": an earlier line could not be written whole; open "
                               "it anew when the disk works",
                               file->path);
    }
    size_t length = write_line(line, data, caller, charge);
    syi_xxh64 hash = file->hash;
    syi_xxh64_add(&hash, line, length);
    length += (size_t)snprintf(line + length, sizeof line - length, "%016" PRIx64 "\n",
                               syi_xxh64_get(&hash));
    return put_durably(file, line, length, err);
}
