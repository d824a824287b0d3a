/*
 * class.h - interpreters that are described by a class instead of being written against node.h. Face:
 * <csyft/interpreter.h>. Wire: [code, [attributes, child]], by name [255, [name, attributes, child]];
 * attributes are nil or a list of plain values. Test: class_test.c.
 */
#ifndef SYI_INTERPRETERS_CLASS_H
#define SYI_INTERPRETERS_CLASS_H

#include <csyft/interpreter.h>

#include "hook/hook.h"

/* Lets nodes by name arrive. */
sy_status syi_classes_register(sy_hook *hook, sy_error *err);
/* As sy_interpreter_register, for any free code from 0 on: the library's own are below CODE_MIN. */
sy_status syi_class_register(sy_hook *hook, const sy_interpreter **type,
                             const sy_interpreter_class *klass, int code, sy_error *err);

#endif
