/*
 * interpreter.h - new kinds of nodes for the chain of a tensor, written outside of the library.
 *
 * A tensor is a chain of nodes that ends in storage or in a pointer. A node's type, an interpreter, sees
 * every operation that reaches one of its nodes and answers it or lets it pass. A class says what such a
 * type is; registered at a hook it can be wrapped around tensors. By default an operation is forwarded to
 * the children and every result is wrapped again with the attributes of the first argument of the type
 * (AbstractTensor, 003), so a class needs to say only what it does differently. examples/interpreter.c is
 * a complete one; docs/guide/interpreters.md explains it step by step.
 *
 *     static sy_status call(sy_operation *operation, void *user, sy_error *err)
 *     {
 *         (*(int *)user)++;                                // sees it, and lets it pass
 *         return SY_OK;
 *     }
 *     const sy_interpreter_class counting = {
 *         .size = sizeof counting, .name = "CountingTensor", .call = call, .user = &count};
 *     sy_interpreter_register(hook, &type, &counting, &err);
 *     sy_tensor_wrap_with(x, &counted, type, NULL, &err);
 *
 * Functions of a class may be called by any thread that uses a tensor of the type (a worker runs operations
 * for its peers); nodes are shared and their attributes are not changed after they were made.
 */
#ifndef CSYFT_INTERPRETER_H
#define CSYFT_INTERPRETER_H

#include <csyft/scope.h>

SY_BEGIN_DECLS

/* A registered type, of a class or of the library. Lives as long as its hook; same for all threads. */
typedef struct syi_interpreter sy_interpreter;
/* One operation on its way through a tensor; lives during the call that received it. */
typedef struct sy_operation sy_operation;

/* Looks at an operation: answers it (sy_operation_answer...), forwards it, refuses it by returning a
 * failure, or returns SY_OK without any of these, which forwards it. */
typedef sy_status (*sy_operation_fn)(sy_operation *operation, void *user, sy_error *err);

/* Codes on the wire. 0.2.9's own and those of the library are below SY_INTERPRETER_CODE_MIN. */
#define SY_INTERPRETER_BY_NAME 0  /* travels under its name */
#define SY_INTERPRETER_LOCAL (-1) /* never travels */
#define SY_INTERPRETER_CODE_MIN 256
#define SY_INTERPRETER_CODE_MAX 65535
#define SY_ATTRIBUTE_MAX 32 /* most values that simplify may write */

/*
 * What a type is. `size`, `name` and nothing else are needed; the struct and its name are copied.
 * Attributes are `attributes_size` bytes in every node (the constructor arguments of the originals'
 * tensors): a plain struct of the author's.
 */
typedef struct sy_interpreter_class {
    size_t size;      /* sizeof(sy_interpreter_class) */
    const char *name; /* letters and digits, as in text and on the wire: "ClippingTensor" */
    int code; /* wire: SY_INTERPRETER_BY_NAME, _LOCAL, or a number from CODE_MIN to CODE_MAX */
    size_t attributes_size;
    void *user; /* given to `call` */
    /* Makes attributes from others: for every result of an operation. NULL: the bytes are copied. On
     * failure nothing is held. */
    sy_status (*copy)(void *attributes, const void *from, sy_error *err);
    void (*free)(void *attributes); /* drops what they hold; NULL: nothing */
    sy_operation_fn call;           /* NULL: everything is forwarded */
    /* The node's part of a tensor's text, as snprintf does it. NULL: the name. */
    int (*describe)(const void *attributes, char *text, size_t size);
    /* get_class_attributes: the attributes as at most SY_ATTRIBUTE_MAX plain values (numbers, texts, lists
     * of them, borrowed from the attributes), for the wire and for sy_tensor_get_class_attributes. NULL:
     * none are told, and a class with attributes does not travel. */
    sy_status (*simplify)(const void *attributes, sy_value *values, size_t *count, sy_error *err);
    /* The other way: zeroed attributes from values, which a peer may have chosen: check each of them. They
     * are gone after the call. On failure nothing is held. Needed where simplify is given. */
    sy_status (*detail)(void *attributes, const sy_value *values, size_t count, sy_error *err);
} sy_interpreter_class;

/*
 * Makes the class known at a hook. On the wire a node is [code, [attributes, child]], or
 * [255, [name, attributes, child]] for SY_INTERPRETER_BY_NAME; a receiver that has not registered the same
 * code or name answers SY_ENOTSUP. SY_EEXIST for a name or code that is taken, SY_EINVAL for a class that
 * contradicts itself, SY_ELIMIT, SY_ENOMEM. Do this before tensors of the type arrive.
 */
SY_API sy_status sy_interpreter_register(sy_hook *hook, const sy_interpreter **type,
                                         const sy_interpreter_class *klass, sy_error *err);
/* By name, types of the library included ("LoggingTensor"); NULL when there is none. */
SY_API const sy_interpreter *sy_interpreter_find(const sy_hook *hook, const char *name);
SY_API const char *sy_interpreter_get_name(const sy_interpreter *type);

/* AbstractTensor.on(tensor).wrap(): a new tensor whose outermost node is of `type` and has the tensor's
 * chain as its child; storage is shared, tags and id are not. `attributes`: attributes_size bytes, copied
 * by the class; NULL leaves them zero. What is private stays private. SY_EINVAL for a type that is no
 * class's, SY_ENOMEM, what copy returns. */
SY_API sy_status sy_tensor_wrap_with(sy_tensor *tensor, sy_tensor **wrapped,
                                     const sy_interpreter *type, const void *attributes,
                                     sy_error *err);
/* The outermost node's type; NULL for a native tensor. */
SY_API const sy_interpreter *sy_tensor_get_interpreter(const sy_tensor *tensor);
/* The outermost node's attributes when it is of this type of a class, else NULL. Borrowed from the tensor. */
SY_API const void *sy_tensor_get_attributes(const sy_tensor *tensor, const sy_interpreter *type);
/* The same as values: room for SY_ATTRIBUTE_MAX. None for native tensors and classes that tell none. */
SY_API sy_status sy_tensor_get_class_attributes(sy_tensor *tensor, sy_value *values, size_t *count,
                                                sy_error *err);
/* The chain below the outermost node, a new handle on the same storage. SY_EINVAL when there is none (a
 * native tensor, a pointer). */
SY_API sy_status sy_tensor_get_child(sy_tensor *tensor, sy_tensor **child, sy_error *err);

/*
 * The operation in a sy_operation_fn. Arguments are bound to the operation's parameters: those given by
 * name stand where they belong, defaults are filled in, tensors inside lists count as well. Nodes of the
 * type are replaced by their children; other tensors are what they are.
 */
/* "add", in place "add_": what sy_scope_call understands. */
SY_API const char *sy_operation_get_name(const sy_operation *operation);
/* The dotted name it was called by ("torch.nn.functional.relu"), or get_name's. */
SY_API const char *sy_operation_get_called_name(const sy_operation *operation);
SY_API bool sy_operation_is_inplace(const sy_operation *operation);
SY_API const sy_interpreter *sy_operation_get_type(const sy_operation *operation);
/* Attributes of the first argument of the type, wherever it stands; NULL for a type of the library. */
SY_API const void *sy_operation_get_attributes(const sy_operation *operation);
/* That argument itself, not its child: `self` beside the unwrapped `_self`. Operations on it come back
 * here. Borrowed; NULL when there is no memory. */
SY_API sy_tensor *sy_operation_get_self(sy_operation *operation);
/* Their number; *arguments is borrowed. An operation without row (overload.h) has them as given. */
SY_API size_t sy_operation_get_arguments(const sy_operation *operation, const sy_value **arguments);
/* By parameter ("other", "dim"); NULL when the operation has no such one. */
SY_API const sy_value *sy_operation_get_argument(const sy_operation *operation, const char *name);
/* For computing: runs as the operation does (gradient mode, worker, account) and ends with it. */
SY_API sy_scope *sy_operation_get_scope(sy_operation *operation);

/* The default: the same operation on the children, results wrapped. */
SY_API sy_status sy_operation_forward(sy_operation *operation, sy_error *err);
/* Answers with children: each is wrapped with the attributes of the first argument of the type. In place:
 * the result is written to the first argument's child unless it is that already; count 0 says that it was
 * done. A NULL among them fails with what the scope latched. */
SY_API sy_status sy_operation_answer(sy_operation *operation, sy_tensor *const *results,
                                     size_t count, sy_error *err);
/* Answers with these very tensors. */
SY_API sy_status sy_operation_answer_as_is(sy_operation *operation, sy_tensor *const *results,
                                           size_t count, sy_error *err);
/* Answers with a plain value; a list has at most SY_DIM_MAX items, a text lives as long as the type. */
SY_API sy_status sy_operation_answer_value(sy_operation *operation, const sy_value *value,
                                           sy_error *err);

/* PlusIsMinusTensor: plus executes minus, and everything else is what it was. A class of the library that
 * does nothing that a class outside of it could not do (src/interpreters/plusisminus.c). */
SY_API sy_status sy_tensor_plus_is_minus(sy_tensor *tensor, sy_tensor **wrapped, sy_error *err);

SY_END_DECLS

#endif
