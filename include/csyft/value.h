/*
 * value.h - one argument or result of an operation: tensor, number, text, list, ...
 *
 * A value borrows what it points to; copying a value copies no contents.
 */
#ifndef CSYFT_VALUE_H
#define CSYFT_VALUE_H

#include <csyft/dtype.h>

SY_BEGIN_DECLS

#define SY_DIM_MAX 8 /* most dimensions of a tensor */

typedef enum sy_value_kind {
    SY_VALUE_NONE = 0,
    SY_VALUE_TENSOR,
    SY_VALUE_INT,
    SY_VALUE_FLOAT,
    SY_VALUE_BOOL,
    SY_VALUE_STRING,
    SY_VALUE_LIST,
    SY_VALUE_DTYPE,
    SY_VALUE_SLICE,        /* start:stop:step */
    SY_VALUE_ELLIPSIS,     /* ... */
    SY_VALUE_INTERNAL = 64 /* kinds from here on never leave the library */
} sy_value_kind;

#define SY_SLICE_OPEN INT64_MIN /* a start or stop that was left out */

typedef struct sy_value sy_value;
struct sy_value {
    sy_value_kind kind;
    union {
        sy_tensor *tensor;
        int64_t integer;
        double real;
        bool boolean;
        const char *string; /* terminated UTF-8 */
        sy_dtype dtype;
        struct {
            const sy_value *items;
            size_t count;
        } list;
        struct {
            int64_t start, stop, step;
        } slice;
        void *internal;
    } as;
};

/* A named argument. */
typedef struct sy_named_value {
    const char *name;
    sy_value value;
} sy_named_value;

static inline sy_value sy_value_none(void)
{
    sy_value v = {SY_VALUE_NONE, {0}};
    return v;
}
static inline sy_value sy_value_tensor(sy_tensor *tensor)
{
    sy_value v = {SY_VALUE_TENSOR, {0}};
    v.as.tensor = tensor;
    return v;
}
static inline sy_value sy_value_int(int64_t integer)
{
    sy_value v = {SY_VALUE_INT, {0}};
    v.as.integer = integer;
    return v;
}
static inline sy_value sy_value_float(double real)
{
    sy_value v = {SY_VALUE_FLOAT, {0}};
    v.as.real = real;
    return v;
}
static inline sy_value sy_value_bool(bool boolean)
{
    sy_value v = {SY_VALUE_BOOL, {0}};
    v.as.boolean = boolean;
    return v;
}
static inline sy_value sy_value_string(const char *string)
{
    sy_value v = {SY_VALUE_STRING, {0}};
    v.as.string = string;
    return v;
}
static inline sy_value sy_value_dtype(sy_dtype dtype)
{
    sy_value v = {SY_VALUE_DTYPE, {0}};
    v.as.dtype = dtype;
    return v;
}
static inline sy_value sy_value_list(const sy_value *items, size_t count)
{
    sy_value v = {SY_VALUE_LIST, {0}};
    v.as.list.items = items;
    v.as.list.count = count;
    return v;
}
static inline sy_value sy_value_slice(int64_t start, int64_t stop, int64_t step)
{
    sy_value v = {SY_VALUE_SLICE, {0}};
    v.as.slice.start = start;
    v.as.slice.stop = stop;
    v.as.slice.step = step;
    return v;
}
static inline sy_value sy_value_ellipsis(void)
{
    sy_value v = {SY_VALUE_ELLIPSIS, {0}};
    return v;
}

SY_END_DECLS

#endif
