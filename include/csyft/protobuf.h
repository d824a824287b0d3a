/*
 * protobuf.h - objects and messages in the encoding of syft-proto 0.5.3, which PySyft 0.2.9 and its relatives in other
 * languages speak beside MessagePack (004: bufferize, unbufferize, serialize(strategy=protobuf)).
 *
 *     void *bytes = NULL;
 *     size_t size = 0;
 *     const char *type = NULL;
 *     const sy_value x = sy_value_tensor(tensor);
 *     sy_bufferize(me, &bytes, &size, &type, &x, err);  // type: "syft_proto.types.torch.v1.TorchTensor"
 *     ...
 *     sy_protobuf_object *object = NULL;
 *     sy_unbufferize(me, &object, type, bytes, size, err);
 *     sy_tensor *again = sy_protobuf_object_get_value(object)->as.tensor;  // borrowed: sy_tensor_ref keeps it
 *     sy_protobuf_object_free(object);
 *     sy_bytes_free(hook, bytes, size);
 *
 * docs/reference/protobuf.md lists the messages, what they are here, and what is lost. What csyft has no type for (a Role,
 * a data set, a model) becomes a tensor handle that answers no operation and is written again as it came. The schema lies in
 * <prefix>/share/csyft/proto for protoc.
 *
 * Without protobuf-c every function here that can fail gives SY_ENOTSUP. A function is called by one thread at a time
 * per worker, as everything that has tensors.
 */
#ifndef CSYFT_PROTOBUF_H
#define CSYFT_PROTOBUF_H

#include <csyft/plan.h>
#include <csyft/tensor.h>
#include <csyft/worker.h>

SY_BEGIN_DECLS

/*
 * The bytes of one message, which the caller frees with sy_bytes_free. *type (nullable): the message's full name; when it
 * is NULL, the one that the value's type has, and its name (static storage) goes there. A handle on a pointer or another
 * object is written as what it stands for. Elements of tensors become TensorData, or contents_bin when they came as that.
 * SY_ENOTSUP: syft-proto has no message, or no field, for it (the sentence says what); SY_ERANGE: a number that does not
 * fit the field; SY_EPERM: what is private; SY_ELIMIT: beyond 2 GiB.
 */
SY_API sy_status sy_bufferize(sy_worker *worker, void **bytes, size_t *size, const char **type,
                              const sy_value *object, sy_error *err);

/* What bytes held. Owns the values and their tensors. */
typedef struct sy_protobuf_object sy_protobuf_object;

/*
 * The other way; the bytes may come from anybody. Pointers to `worker` become its objects. SY_EFORMAT, SY_ERANGE, SY_ELIMIT,
 * SY_ENOTSUP (a dtype that is not known here, an unknown type): the sentence names message and field. SY_ENOTFOUND: a
 * pointer to an object that is not there, or at a worker that is not known.
 */
SY_API sy_status sy_unbufferize(sy_worker *worker, sy_protobuf_object **object, const char *type,
                                const void *bytes, size_t size, sy_error *err);
/* Borrowed. */
SY_API const sy_value *sy_protobuf_object_get_value(const sy_protobuf_object *object);
SY_API void sy_protobuf_object_free(sy_protobuf_object *object); /* NULL is nothing */

/* The names that can be asked for; NULL beyond the last, and at once without protobuf-c. Static storage. */
SY_API const char *sy_protobuf_get_type(size_t index);

/*
 * Plan.bufferize, unbufferize: a Plan message, to be freed with sy_bytes_free. Statuses as sy_plan_serialize to 0.2.9 and
 * sy_plan_deserialize from it, and those above. A plan of PySyft that csyft cannot run is no sy_plan (SY_EINVAL);
 * sy_unbufferize keeps it as an object.
 */
SY_API sy_status sy_plan_bufferize(sy_plan *plan, void **bytes, size_t *size, sy_error *err);
SY_API sy_status sy_plan_unbufferize(sy_hook *hook, sy_plan **plan, const void *bytes, size_t size,
                                     sy_error *err);

/* --- whole messages: SyftMessage -------------------------------------------------------------------- */

typedef enum sy_protobuf_kind {
    SY_PROTOBUF_EMPTY = 0,      /* none */
    SY_PROTOBUF_OBJECT,         /* object: a tensor */
    SY_PROTOBUF_OBJECT_REQUEST, /* id, reason */
    SY_PROTOBUF_OBJECT_DELETE,  /* ids */
    SY_PROTOBUF_IS_NONE,        /* id */
    SY_PROTOBUF_GET_SHAPE,      /* id */
    SY_PROTOBUF_COMPUTATION,    /* name, target, args, kwargs, ids of results */
    SY_PROTOBUF_COMMUNICATION,  /* the same */
    SY_PROTOBUF_PLAN_COMMAND,   /* name, args */
    SY_PROTOBUF_WORKER_COMMAND, /* name, args */
    SY_PROTOBUF_SEARCH,         /* args: texts and numbers */
} sy_protobuf_kind;

/* Borrows all that it points to. What a kind does not have is ignored. */
typedef struct sy_protobuf_message {
    size_t size; /* sizeof(sy_protobuf_message) */
    sy_protobuf_kind kind;
    sy_value object;
    sy_id id;
    const char *reason; /* NULL: none */
    const sy_id *ids;
    size_t id_count;
    const char *name;
    sy_value target; /* none; an id: int or string; a tensor or pointer */
    const sy_value *args;
    size_t arg_count;
    const sy_named_value *kwargs;
    size_t kwarg_count;
} sy_protobuf_message;
#define SY_PROTOBUF_MESSAGE_INIT            \
    {                                       \
        .size = sizeof(sy_protobuf_message) \
    }

/* A SyftMessage behind the byte of PySyft's compression (40: none). Statuses as sy_bufferize; SY_EINVAL: a part that the
 * kind needs is missing. */
SY_API sy_status sy_protobuf_serialize(sy_worker *worker, void **bytes, size_t *size,
                                       const sy_protobuf_message *message, sy_error *err);
/* The other way, with any compression of PySyft's that this build has. Statuses as sy_unbufferize. */
SY_API sy_status sy_protobuf_deserialize(sy_worker *worker, sy_protobuf_object **object,
                                         const void *bytes, size_t size, sy_error *err);
/* Of what was deserialized, and NULL of what was unbufferized. Borrowed. */
SY_API const sy_protobuf_message *sy_protobuf_object_get_message(const sy_protobuf_object *object);

SY_END_DECLS

#endif
