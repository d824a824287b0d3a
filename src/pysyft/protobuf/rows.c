/* rows.c - the table of types. The bodies of 0.2.9 are those of docs/reference/pysyft-wire.md. */
#include "pysyft/protobuf/rows.h"

#include <string.h>

#include <google/protobuf/empty.pb-c.h>
#include <syft_proto/datasets.pb-c.h>
#include <syft_proto/interpreters.pb-c.h>
#include <syft_proto/messages.pb-c.h>

#define MESSAGE(name) &syft_proto__##name##__descriptor
#define EXECUTION(name) MESSAGE(execution__v1__##name)
#define POINTERS(name) MESSAGE(generic__pointers__v1__##name)
#define INTERPRETERS(name) MESSAGE(frameworks__torch__tensors__interpreters__v1__##name)
#define TORCH(name) MESSAGE(types__torch__v1__##name)
#define SYFT(name) MESSAGE(types__syft__v1__##name)
#define MESSAGING(name) MESSAGE(messaging__v1__##name)
#define F(number, kind)       \
    {                         \
        number, SYI_PB_##kind \
    }

#define ACTION_FIELDS                                                                \
    {                                                                                \
        F(1, TEXT), F(0, TARGET), F(5, ARGS), F(6, DICT), F(0, RETURNS), F(0, FALSE) \
    }
#define SCRIPT_ROW(name)              \
    {                                 \
        12, false, 1, 1, TORCH(name), \
        {                             \
            F(1, BYTES)               \
        }                             \
    }

/* code, whole, fields, least, message, fields in 0.2.9's order */
static const syi_protobuf_row rows[] = {
    {10, false, 1, 1, TORCH(device), {F(1, TEXT)}},
    {11, true, 1, 1, TORCH(size), {F(1, DIMS)}},
    SCRIPT_ROW(script_module), /* of the rows of one code the first is the one that is written */
    SCRIPT_ROW(script_function),
    SCRIPT_ROW(traced_module),
    SCRIPT_ROW(cfunction),
    {13, false, 4, 4, TORCH(parameter), {F(1, ID), F(2, MESSAGE), F(3, BOOL), F(4, OPTIONAL)}},
    {14,
     false,
     9,
     7,
     TORCH(torch_tensor),
     {F(1, ID), F(2, CONTENTS), F(4, OPTIONAL), F(5, OPTIONAL), F(6, TAGS), F(7, LABEL),
      F(8, SERIALIZER), F(0, NIL), F(0, NIL)}},
    {15,
     false,
     7,
     7,
     INTERPRETERS(additive_sharing_tensor),
     {F(1, ID), F(2, FIELD), F(0, SNN), F(4, BIN_TEXT), F(5, ID), F(6, SHARES), F(0, COLLECT)}},
    {16,
     false,
     9,
     9,
     INTERPRETERS(fixed_precision_tensor),
     {F(1, ID), F(3, NUMBER), F(4, BARE), F(5, INT), F(7, INT), F(6, INT), F(8, SET), F(9, LABEL),
      F(10, OPTIONAL)}},
    {20,
     false,
     5,
     5,
     POINTERS(object_pointer),
     {F(1, ID), F(3, ID), F(2, ID), F(4, LABEL), F(0, FALSE)}},
    {21,
     false,
     10,
     10,
     EXECUTION(plan),
     {F(1, ID), F(2, MESSAGE), F(3, BOOL), F(4, TEXT), F(5, SET), F(6, LABEL), F(7, SCRIPT),
      F(8, OPTIONAL), F(9, TEXT), F(10, DICT)}},
    {22, false, 2, 2, EXECUTION(state), {F(1, LIST), F(2, LIST)}},
    {24,
     false,
     5,
     5,
     EXECUTION(protocol),
     {F(1, ID), F(2, TEXT), F(3, DICT), F(4, SET), F(5, LABEL)}},
    {25,
     false,
     8,
     5,
     POINTERS(pointer_tensor),
     {F(1, ID), F(3, ID), F(2, ID), F(5, LABEL), F(4, SIZE), F(6, BOOL), F(0, NIL), F(0, NIL)}},
    {26,
     false,
     5,
     5,
     POINTERS(pointer_plan),
     {F(1, ID), F(3, ID), F(2, ID), F(4, SET), F(5, BOOL)}},
    {44, false, 4, 4, MESSAGING(string), {F(1, TEXT), F(0, NIL), F(2, SET), F(3, LABEL)}},
    {48, false, 4, 3, EXECUTION(placeholder), {F(3, ID_OF), F(4, SET), F(5, LABEL), F(6, SHAPE)}},
    {49, true, 1, 1, TORCH(memory_format), {F(1, FORMAT)}},
    {51,
     false,
     6,
     6,
     MESSAGE(frameworks__torch__fl__v1__base_dataset),
     {F(1, MESSAGE), F(2, MESSAGE), F(3, ID), F(4, SET), F(5, LABEL), F(6, OPTIONAL)}},
    {52, true, 1, 1, TORCH(torch_dtype), {F(1, DTYPE)}},
    {54, false, 6, 5, EXECUTION(computation_action), ACTION_FIELDS},
    {55, false, 6, 5, EXECUTION(communication_action), ACTION_FIELDS},
    {56, false, 1, 1, EXECUTION(placeholder_id), {F(1, ID)}},
    {57,
     false,
     6,
     6,
     POINTERS(pointer_dataset),
     {F(1, ID), F(3, ID), F(2, ID), F(4, SET), F(5, LABEL), F(6, BOOL)}},
    {58,
     false,
     6,
     6,
     EXECUTION(role),
     {F(1, ID), F(2, LIST), F(3, MESSAGE), F(4, BY_ID), F(5, IDS), F(6, IDS)}},
    {61, true, 1, 1, EXECUTION(input_type_descriptor), {F(1, BIN_TEXT)}},
    {62, true, 1, 1, EXECUTION(nested_type_wrapper), {F(1, TYPES)}},
    {67, false, 6, 5, EXECUTION(storage_action), ACTION_FIELDS},
    {68, false, 4, 4, INTERPRETERS(onnx_model), {F(2, BYTES), F(1, ID), F(3, SET), F(4, LABEL)}},
    {73, /* PySyft 0.2.9 has the code and no body for it: as AdditiveSharingTensor without what the schema lacks */
     false,
     4,
     4,
     INTERPRETERS(replicated_sharing_tensor),
     {F(1, ID), F(2, FIELD), F(4, BIN_TEXT), F(5, SHARES)}},
    {33, false, 1, 1, MESSAGING(tensor_command_message), {F(1, ONE_OF)}},
    {34, false, 1, 1, MESSAGING(object_message), {F(1, MESSAGE)}},
    {35, false, 3, 3, MESSAGING(object_request_message), {F(1, ID), F(0, NIL), F(2, LABEL)}},
    {36, false, 1, 1, MESSAGING(is_none_message), {F(1, ID)}},
    {37, false, 1, 1, MESSAGING(get_shape_message), {F(1, ID)}},
    {38, true, 1, 1, MESSAGING(force_object_delete_message), {F(1, ID_LIST)}},
    {39, false, 1, 1, MESSAGING(search_message), {F(1, ID_LIST)}},
    {40, false, 2, 2, MESSAGING(plan_command_message), {F(1, TEXT), F(2, ARGS)}},
    {53, false, 2, 2, MESSAGING(worker_command_message), {F(1, TEXT), F(2, COMMAND)}},
    /* Values without a type code of their own. */
    {-1, true, 1, 1, SYFT(id), {F(0, SELF_ID)}},
    {-1, true, 1, 1, SYFT(arg), {F(0, SELF_ARG)}},
    {-1, true, 1, 1, SYFT(arg_list), {F(1, ARGS)}},
    {-1, true, 1, 1, SYFT(shape), {F(0, SELF_DIMS)}},
    {-1, true, 1, 1, TORCH(tensor_data), {F(0, SELF_DATA)}},
    {-1, true, 1, 1, EXECUTION(state_tensor), {F(1, ONE_OF)}},
    {-1, true, 1, 1, MESSAGING(syft_message), {F(1, ONE_OF)}},
    {-1, true, 1, 1, &google__protobuf__empty__descriptor, {F(0, SELF_EMPTY)}},
};
#define ROW_COUNT (sizeof rows / sizeof rows[0])

const syi_protobuf_row *syi_protobuf_row_of(const ProtobufCMessageDescriptor *message)
{
    for (size_t k = 0; k < ROW_COUNT; k++) {
        if (rows[k].message == message) {
            return &rows[k];
        }
    }
    return NULL;
}

const syi_protobuf_row *syi_protobuf_row_of_code(int64_t code)
{
    for (size_t k = 0; k < ROW_COUNT; k++) {
        if (rows[k].code == code && code >= 0) {
            return &rows[k];
        }
    }
    return NULL;
}

const ProtobufCMessageDescriptor *syi_protobuf_message_at(size_t index)
{
    return index < ROW_COUNT ? rows[index].message : NULL;
}

const ProtobufCMessageDescriptor *syi_protobuf_find_message(const char *name)
{
    for (size_t k = 0; k < ROW_COUNT; k++) {
        if (strcmp(rows[k].message->name, name) == 0) {
            return rows[k].message;
        }
    }
    return NULL;
}

bool syi_protobuf_is_communication(const char *command, size_t length)
{
    static const char *const commands[] = {"get",         "mid_get", "move",  "remote_get",
                                           "remote_send", "send",    "share", "share_"};
    for (size_t k = 0; k < sizeof commands / sizeof commands[0]; k++) {
        if (strlen(commands[k]) == length && memcmp(commands[k], command, length) == 0) {
            return true;
        }
    }
    return false;
}
