/* codes.h - type codes of the simplified format, as registered by PySyft 0.2.9. */
#ifndef SYI_SERDE_CODES_H
#define SYI_SERDE_CODES_H

enum {
    SYI_CODE_DICT = 0,
    SYI_CODE_LIST = 1,
    SYI_CODE_RANGE = 2,
    SYI_CODE_SET = 3,
    SYI_CODE_SLICE = 4,
    SYI_CODE_STR = 5,
    SYI_CODE_TUPLE = 6,
    SYI_CODE_ELLIPSIS = 7,
    SYI_CODE_SIZE = 11,
    SYI_CODE_TENSOR = 14,
    SYI_CODE_FIXED_PRECISION = 16,
    SYI_CODE_LOGGING = 18,
    SYI_CODE_MULTI_POINTER = 19,
    SYI_CODE_POINTER = 25,
    SYI_CODE_AUTOGRAD = 31,
    SYI_CODE_PLACEHOLDER = 48,
    SYI_CODE_DTYPE = 52,
    /* csyft's own; 0.2.9 ends far below */
    SYI_CODE_NAMED = 255, /* an interpreter's node, by its name */
};

#endif
