/*
 * arguments.h - the arguments of an operation as typed on a command line.
 *
 *     ARGUMENT   ID | @ID        an object at the worker
 *                =VALUE          a plain value
 *                NAME=VALUE      a named argument
 *     VALUE      3 -2.5 1e-3 inf nan True False None
 *                [VALUE,...]     a list
 *                1:5 ::2 : ...   slices and the ellipsis of an index
 *                float32 int64   a dtype
 *                @ID             an object
 *                'text' "text"   text; any other word is text too
 */
#ifndef CSYFT_PROGRAM_ARGUMENTS_H
#define CSYFT_PROGRAM_ARGUMENTS_H

#include "cli.h"

typedef struct cli_object_argument { /* an object that an argument names */
    sy_value *value;                 /* gets the pointer */
    sy_id id;
} cli_object_argument;

typedef struct cli_arguments {
    sy_value *positional;
    size_t positional_count;
    sy_named_value *named;
    size_t named_count;
    cli_object_argument *objects;
    size_t object_count;
    /* the memory of all of the above */
    sy_value *values;
    size_t value_count;
    char *text;
    size_t text_length;
} cli_arguments;

enum { CLI_REASON_SIZE = 256 };

/* Reads words[0..count). On failure `reason` says which word and why; free is due in any case. */
bool cli_arguments_parse(cli_arguments *arguments, char *const *words, size_t count,
                         char reason[CLI_REASON_SIZE]);
/* Makes a pointer for every object named; nothing is asked of the worker. */
sy_status cli_arguments_point(cli_arguments *arguments, const cli_session *session, sy_error *err);
void cli_arguments_free(cli_arguments *arguments);

#endif
