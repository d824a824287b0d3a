/*
 * rows.h - which field of which message is which part of a value of 0.2.9. One table for both directions: to_message.c and
 * from_message.c walk it. Test: protobuf_test.c.
 */
#ifndef SYI_PYSYFT_PROTOBUF_ROWS_H
#define SYI_PYSYFT_PROTOBUF_ROWS_H

#include <protobuf-c/protobuf-c.h>

#include <csyft/api.h>

/* How a part lies in MessagePack. What is said to be nil when empty reads as nil, too, from bytes that have nothing. */
typedef enum syi_protobuf_kind {
    SYI_PB_NIL,      /* no field: dropped; nil */
    SYI_PB_FALSE,    /* no field: dropped; false */
    SYI_PB_SNN,      /* no field: dropped; the text "snn" */
    SYI_PB_COLLECT,  /* no field: dropped; what the shares say, {location: flag} */
    SYI_PB_ID,       /* a number or text, bare */
    SYI_PB_ID_OF,    /* PlaceholderId [56, [id]]; a bare one, too */
    SYI_PB_IDS,      /* a bare array of ids */
    SYI_PB_ID_LIST,  /* list or tuple of ids; one id alone, too. Becomes a list. */
    SYI_PB_TEXT,     /* [5, [bin]] */
    SYI_PB_LABEL,    /* the same, nil when empty */
    SYI_PB_BARE,     /* str */
    SYI_PB_BIN_TEXT, /* bin that is a text */
    SYI_PB_DTYPE,    /* str "int64", here "torch.int64" */
    SYI_PB_FORMAT,   /* number of a memory format, here its name */
    SYI_PB_NUMBER,   /* a number of any size, here its decimal text */
    SYI_PB_FIELD,    /* the same in two fields: `number` when it fits 64 bits, else the next */
    SYI_PB_TAGS,     /* set of texts; nil when empty */
    SYI_PB_SET,      /* set of texts, empty or not */
    SYI_PB_BOOL,
    SYI_PB_INT,
    SYI_PB_BYTES,      /* bin */
    SYI_PB_SCRIPT,     /* [12, [bin]]; nil when empty */
    SYI_PB_DIMS,       /* a bare array of numbers, here in the message itself */
    SYI_PB_SIZE,       /* [11, dims]; nil when absent */
    SYI_PB_SHAPE,      /* [6, dims]; nil when absent */
    SYI_PB_MESSAGE,    /* a value of the field's type */
    SYI_PB_OPTIONAL,   /* the same, or nil */
    SYI_PB_LIST,       /* list of values of the field's type */
    SYI_PB_DICT,       /* dict of texts to values of the field's type */
    SYI_PB_BY_ID,      /* dict of ids to placeholders */
    SYI_PB_SHARES,     /* dict of locations to pointers; here in `number` and the next field */
    SYI_PB_ONE_OF,     /* the field of the message's one choice whose type it is */
    SYI_PB_CONTENTS,   /* elements of a tensor: 2 contents_data or 3 contents_bin */
    SYI_PB_SERIALIZER, /* the text "torch" or "all", here a number */
    SYI_PB_TARGET,     /* nil, an id, a pointer, PlaceholderId or tensor */
    SYI_PB_ARGS,       /* tuple or list of arguments; becomes a tuple */
    SYI_PB_RETURNS,    /* ids or PlaceholderIds of results */
    SYI_PB_COMMAND,    /* (args, kwargs, return ids), of which only args have a field */
    SYI_PB_TYPES,      /* types, lists, tuples and dicts of them */
    /* The value is the message itself, and has no type code that would say so. */
    SYI_PB_SELF_ID,
    SYI_PB_SELF_DIMS,
    SYI_PB_SELF_ARG,
    SYI_PB_SELF_DATA,
    SYI_PB_SELF_EMPTY,
} syi_protobuf_kind;

typedef struct syi_protobuf_field {
    uint8_t number; /* of the field; 0: the schema has none */
    uint8_t kind;   /* syi_protobuf_kind */
} syi_protobuf_field;

#define SYI_PB_FIELDS_MAX 10

typedef struct syi_protobuf_row {
    int16_t code;  /* of the type; -1: a value without one */
    bool whole;    /* the body is the first field itself, not an array of fields */
    uint8_t count; /* fields of the body */
    uint8_t least; /* of them, in older bytes */
    const ProtobufCMessageDescriptor *message;
    syi_protobuf_field fields[SYI_PB_FIELDS_MAX];
} syi_protobuf_row;

/* NULL: a message that is only a part of others, or no message. */
const syi_protobuf_row *syi_protobuf_row_of(const ProtobufCMessageDescriptor *message);
const syi_protobuf_row *syi_protobuf_row_of_code(int64_t code);
/* Every message of the schema, in order, by its full name; NULL when there is none. */
const ProtobufCMessageDescriptor *syi_protobuf_find_message(const char *name);
const ProtobufCMessageDescriptor *syi_protobuf_message_at(size_t index);

/* Commands that PySyft records as CommunicationAction. */
bool syi_protobuf_is_communication(const char *command, size_t length);

enum { /* type codes that are spoken of outside the table */
       SYI_PB_CODE_SCRIPT = 12,
       SYI_PB_CODE_WORKER = 30,
       SYI_PB_CODE_PLACEHOLDER_ID = 56,
       SYI_PB_CODE_COMPUTATION = 54,
       SYI_PB_CODE_COMMUNICATION = 55,
       SYI_PB_CODE_TYPE = 61,
       SYI_PB_CODE_VIRTUAL_WORKER = 63,
};

#endif
