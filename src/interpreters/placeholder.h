/*
 * placeholder.h - PlaceHolder: the node that stands for a value of a plan (spec plan.md). It has a child from
 * `instantiate` on; operations on it are operations on the child, and their results are the child's. It
 * travels without the child.
 *
 * The tags that place it in a plan are numbers here, because the originals sort them as texts, so that
 * `#input-10` comes before `#input-2`. Test: placeholder_test.c.
 */
#ifndef SYI_INTERPRETERS_PLACEHOLDER_H
#define SYI_INTERPRETERS_PLACEHOLDER_H

#include "hook/dispatch.h"

#define SYI_PLACEHOLDER_NONE (-1)

typedef struct syi_placeholder_tags {
    int32_t input;  /* #input-K, SYI_PLACEHOLDER_NONE: no input */
    int32_t output; /* #output-K */
    int32_t number; /* #K, 1 and up: in order of first appearance */
    bool state;     /* #state */
    bool inner;     /* #inner: of a plan inside */
} syi_placeholder_tags;
#define SYI_PLACEHOLDER_TAGS_INIT                                                      \
    {                                                                                  \
        SYI_PLACEHOLDER_NONE, SYI_PLACEHOLDER_NONE, SYI_PLACEHOLDER_NONE, false, false \
    }

extern const syi_interpreter syi_placeholder_type;
sy_status syi_placeholder_register(sy_hook *hook, sy_error *err);

/* Without a child. id nullable: drawn when asked for. */
sy_status syi_placeholder_new(sy_hook *hook, sy_tensor **placeholder, const sy_id *id,
                              const syi_placeholder_tags *tags, sy_error *err);
/* NULL when the handle is none. Borrowed. */
const syi_placeholder_tags *syi_placeholder_get_tags(const sy_tensor *placeholder);
/* Gives it the value's chain (of another placeholder: that one's child); an earlier one is dropped. Private
 * values make it private. */
sy_status syi_placeholder_instantiate(sy_tensor *placeholder, sy_tensor *value, sy_error *err);
/* The child as a handle of its own; SY_EINVAL before instantiate. */
sy_status syi_placeholder_get_value(sy_tensor *placeholder, sy_tensor **value, sy_error *err);
/* The same tags and child under another id. */
sy_status syi_placeholder_copy(sy_tensor *placeholder, sy_tensor **copy, sy_error *err);
/* Does a tag contain this text (find_placeholders)? */
bool syi_placeholder_matches(const sy_tensor *placeholder, const char *text);
/* Order of inputs, then outputs, then the rest, each by number: for sorting. */
int syi_placeholder_compare(const sy_tensor *a, const sy_tensor *b);

#endif
