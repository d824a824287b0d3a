/* op_vectors.c - see op_vectors.h. */
#include "support/op_vectors.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { SHOWN = 20 }; /* failures that are told */

static char place[400];
static int failures;

void op_vectors_fail(const char *format, ...)
{
    char text[1000];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (failures++ < SHOWN) {
        print_error("%s: %s\n", place, text);
    }
}

static int read_file(const char *folder, const char *name,
                     void (*visit)(const char *line, void *user), void *user)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    char *text = NULL;
    size_t size = 0;
    int line = 0;
    while (getline(&text, &size, file) > 0) {
        line++;
        snprintf(place, sizeof place, "%s:%d: %.*s", name, line, (int)strcspn(text, " "), text);
        visit(text, user);
    }
    free(text);
    fclose(file);
    return line;
}

int op_vectors_each(const char *folder, void (*visit)(const char *line, void *user), void *user)
{
    int lines = 0;
    failures = 0;
    DIR *files = opendir(folder);
    assert_non_null(files);
    const struct dirent *entry;
    while ((entry = readdir(files)) != NULL) {
        const char *dot = strrchr(entry->d_name, '.');
        if (dot != NULL && strcmp(dot, ".txt") == 0) {
            lines += read_file(folder, entry->d_name, visit, user);
        }
    }
    closedir(files);
    assert_int_equal(failures, 0);
    return lines;
}

static bool is_close(const op_line *c, const syi_array *actual, const syi_array *expected,
                     int64_t i)
{
    if (!sy_dtype_is_floating(expected->dtype)) {
        return syi_array_get_int(actual, i) == syi_array_get_int(expected, i);
    }
    const double a = syi_array_get_double(actual, i), e = syi_array_get_double(expected, i);
    if (isnan(e) || isinf(e) || isinf(a)) {
        return isnan(e) ? isnan(a) : a == e;
    }
    return fabs(a - e) <= c->absolute + c->relative * fabs(e);
}

void op_vectors_check(const op_line *c, const char *what, const syi_array *actual,
                      const syi_array *expected)
{
    if (actual->dtype != expected->dtype || !syi_array_same_shape(actual, expected)) {
        char is[64], should[64];
        op_vectors_fail("%s is %s %s, expected %s %s", what, sy_dtype_name(actual->dtype),
                        syi_shape_format(actual->ndim, actual->shape, is, sizeof is),
                        sy_dtype_name(expected->dtype),
                        syi_shape_format(expected->ndim, expected->shape, should, sizeof should));
        return;
    }
    for (int64_t i = 0; i < syi_array_numel(expected); i++) {
        if (!is_close(c, actual, expected, i)) {
            op_vectors_fail("%s: element %lld is %.17g, expected %.17g", what, (long long)i,
                            syi_array_get_double(actual, i), syi_array_get_double(expected, i));
            return;
        }
    }
}
