/*
 * protobuf_translate.c - the translator of src/pysyft/protobuf for protobuf.py: lines "write TYPE HEX" and "read TYPE HEX" on
 * stdin, each answered by "ok TYPE HEX" or "STATUS sentence". TYPE "-": the value's own; HEX "-": no bytes. No test by itself.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pysyft/protobuf/protobuf.h"

static void require(bool good)
{
    if (!good) {
        fprintf(stderr, "protobuf_translate: a line that is none\n");
        exit(2);
    }
}

static uint8_t *unhex(const char *text, size_t *size)
{
    *size = strcmp(text, "-") == 0 ? 0 : strlen(text) / 2;
    uint8_t *data = malloc(*size + 1);
    require(data != NULL);
    for (size_t k = 0; k < *size; k++) {
        unsigned byte = 0;
        require(sscanf(text + 2 * k, "%2x", &byte) == 1);
        data[k] = (uint8_t)byte;
    }
    return data;
}

static void answer(sy_status status, const sy_error *err, const char *type, const uint8_t *data,
                   size_t size)
{
    if (status != SY_OK) {
        printf("%s %s\n", sy_status_name(status), err->message);
        return;
    }
    printf("ok %s ", type);
    for (size_t k = 0; k < size; k++) {
        printf("%02x", data[k]);
    }
    printf("%s\n", size == 0 ? "-" : "");
}

static void write_one(sy_context *context, const char *type, const uint8_t *data, size_t size)
{
    syi_protobuf_bytes out;
    sy_error err = SY_ERROR_INIT;
    type = strcmp(type, "-") == 0 ? NULL : type;
    const sy_status status =
        syi_protobuf_encode(context, &type, data, size, NULL, NULL, 0, &out, &err);
    answer(status, &err, type, out.data, out.size);
    syi_free(context, out.data, out.size);
}

static void read_one(sy_context *context, const char *type, const uint8_t *data, size_t size)
{
    syi_buffer out;
    sy_error err = SY_ERROR_INIT;
    syi_buffer_init(&out, context, (size_t)1 << 28);
    const sy_status status = syi_protobuf_decode(context, type, data, size, NULL, NULL, &out, &err);
    answer(status, &err, type, out.data, out.length);
    syi_buffer_fini(&out);
}

int main(void)
{
    sy_context *context = NULL;
    char *line = NULL;
    size_t room = 0;
    require(sy_context_new(&context, NULL, NULL) == SY_OK);
    while (getline(&line, &room, stdin) > 0) {
        char *rest = NULL;
        size_t size = 0;
        const char *verb = strtok_r(line, " \n", &rest);
        const char *type = strtok_r(NULL, " \n", &rest);
        const char *hex = strtok_r(NULL, " \n", &rest);
        require(hex != NULL);
        uint8_t *data = unhex(hex, &size);
        (strcmp(verb, "write") == 0 ? write_one : read_one)(context, type, data, size);
        free(data);
    }
    free(line);
    sy_context_free(context);
    return 0;
}
