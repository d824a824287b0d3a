/*
 * decimal.h - numbers as text, the same in every locale. Formats room. Test: decimal_test.c.
 */
#ifndef SYI_FORMATS_DECIMAL_H
#define SYI_FORMATS_DECIMAL_H

#include <csyft/api.h>

#define SYI_DECIMAL_SIZE 32 /* enough for any number written here, terminator included */

typedef enum syi_decimal_kind {
    SYI_DECIMAL_NONE = 0, /* no number */
    SYI_DECIMAL_INTEGER,  /* digits with an optional sign, fits int64_t; both fields are set */
    SYI_DECIMAL_REAL,     /* anything else Python's float() takes, underscores aside */
} syi_decimal_kind;

typedef struct syi_decimal {
    syi_decimal_kind kind;
    int64_t integer;
    double real; /* correctly rounded; infinite beyond the range, as in Python */
} syi_decimal;

/* Reads all of text[0..length), which needs no terminator: [+-]digits[.digits][e[+-]digits], nan, inf,
 * infinity in any case. More than 1023 characters are no number. No allocation. */
syi_decimal syi_decimal_parse(const char *text, size_t length);

/* Python's repr(float): the fewest digits that read back equal, always with '.', 'e', "inf" or "nan",
 * so that it is seen to be no integer. Returns the length; buffer has SYI_DECIMAL_SIZE bytes. */
size_t syi_decimal_format_double(char *buffer, double value);
/* As above with the fewest digits that are equal after a cast to float. */
size_t syi_decimal_format_float(char *buffer, float value);

#endif
