/* decimal.c - numbers as text, the same in every locale. Test: decimal_test.c. */
#include "formats/decimal.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LONGEST_NUMBER = 1023 };

/* Powers of ten that a double holds exactly. */
static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
enum { EXACT_POWER = 22 };

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Is text[0..length) the lower-case `word` in any case? */
static bool is_word(const char *text, size_t length, const char *word)
{
    if (strlen(word) != length) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        if ((text[i] | 0x20) != word[i]) {
            return false;
        }
    }
    return true;
}

static syi_decimal parse_word(const char *text, size_t length, bool negative)
{
    syi_decimal d = {.kind = SYI_DECIMAL_REAL};
    if (is_word(text, length, "nan")) {
        d.real = negative ? -(double)NAN : (double)NAN;
    } else if (is_word(text, length, "inf") || is_word(text, length, "infinity")) {
        d.real = negative ? -(double)INFINITY : (double)INFINITY;
    } else {
        d.kind = SYI_DECIMAL_NONE;
    }
    return d;
}

/* Rounds what the quick way cannot. The text was checked: strtod alone would take more. */
static double convert_slowly(const char *text, size_t length)
{
    char copy[LONGEST_NUMBER + 1];
    memcpy(copy, text, length);
    copy[length] = 0;
    /* glibc's "C" locale is a constant; the call allocates nothing and cannot fail. */
    static const char name[] = "C";
    locale_t c_locale = newlocale(LC_ALL_MASK, name, (locale_t)0);
    return strtod_l(copy, NULL, c_locale);
}

typedef struct digits {
    uint64_t value; /* of the digits, while they fit */
    bool fits;      /* value holds all of them */
    const char *end;
} digits;

static digits take_digits(digits d, const char *end)
{
    for (; d.end < end && is_digit(*d.end); d.end++) {
        uint64_t digit = (uint64_t)(*d.end - '0');
        d.fits = d.fits && !__builtin_mul_overflow(d.value, 10, &d.value) &&
                 !__builtin_add_overflow(d.value, digit, &d.value);
    }
    return d;
}

syi_decimal syi_decimal_parse(const char *text, size_t length)
{
    const syi_decimal none = {SYI_DECIMAL_NONE, 0, 0.0};
    if (length == 0 || length > LONGEST_NUMBER) {
        return none;
    }
    const char *const end = text + length;
    const bool negative = text[0] == '-';
    const char *at = text + (text[0] == '-' || text[0] == '+' ? 1 : 0);
    digits d = take_digits((digits){.fits = true, .end = at}, end);
    bool any = d.end > at;
    if (any && d.end == end && d.fits && d.value <= (uint64_t)INT64_MAX + (negative ? 1 : 0)) {
        int64_t integer = (int64_t)(negative ? 0 - d.value : d.value);
        return (syi_decimal){SYI_DECIMAL_INTEGER, integer,
                             negative && integer == 0 ? -0.0 : (double)integer};
    }
    long exponent = 0;
    if (d.end < end && *d.end == '.') {
        const char *point = ++d.end;
        d = take_digits(d, end);
        any = any || d.end > point;
        exponent = point - d.end;
    }
    if (!any) {
        return parse_word(at, (size_t)(end - at), negative);
    }
    if (d.end < end && (*d.end | 0x20) == 'e') {
        const char *sign = ++d.end;
        if (sign < end && (*sign == '-' || *sign == '+')) {
            d.end++;
        }
        const char *first = d.end;
        long written = 0;
        for (; d.end < end && is_digit(*d.end); d.end++) {
            written = written < 100000 ? written * 10 + (*d.end - '0') : written;
        }
        if (d.end == first) {
            return none;
        }
        exponent += *sign == '-' ? -written : written;
    }
    if (d.end != end) {
        return none;
    }
    /* Both factors are exact, so one rounding is made: Clinger's quick case. */
    if (d.fits && d.value <= (UINT64_C(1) << 53) && exponent >= -EXACT_POWER &&
        exponent <= EXACT_POWER) {
        double real = (double)d.value;
        real = exponent < 0 ? real / powers[-exponent] : real * powers[exponent];
        return (syi_decimal){SYI_DECIMAL_REAL, 0, negative ? -real : real};
    }
    return (syi_decimal){SYI_DECIMAL_REAL, 0, convert_slowly(text, length)};
}

/* Lays out digits[0] . digits[1..count) times 10^exponent as Python does. */
static size_t lay_out(char *buffer, bool negative, const char *mantissa, int count, int exponent)
{
    char *at = buffer;
    if (negative) {
        *at++ = '-';
    }
    if (exponent < -4 || exponent >= 16) {
        *at++ = mantissa[0];
        if (count > 1) {
            *at++ = '.';
            memcpy(at, mantissa + 1, (size_t)count - 1);
            at += count - 1;
        }
        at += snprintf(at, 8, "e%c%02d", exponent < 0 ? '-' : '+', abs(exponent));
        return (size_t)(at - buffer);
    }
    int whole = exponent + 1; /* digits before the point */
    if (whole <= 0) {
        *at++ = '0';
    }
    for (int i = 0; i < whole; i++) {
        *at++ = i < count ? mantissa[i] : '0';
    }
    *at++ = '.';
    for (int i = whole; i < 0; i++) {
        *at++ = '0';
    }
    int first = whole > 0 ? whole : 0;
    if (first >= count) {
        *at++ = '0';
    } else {
        memcpy(at, mantissa + first, (size_t)(count - first));
        at += count - first;
    }
    *at = 0;
    return (size_t)(at - buffer);
}

/* A finite number on its way to text. */
typedef struct writing {
    double value;
    bool single; /* equal as floats is enough */
    char *buffer;
    size_t length;
} writing;

/* Writes the digits; do they read back equal? */
static bool try_digits(writing *w, const char *mantissa, int count, int exponent)
{
    while (count > 1 && mantissa[count - 1] == '0') {
        count--;
    }
    w->length = lay_out(w->buffer, signbit(w->value) != 0, mantissa, count, exponent);
    double back = syi_decimal_parse(w->buffer, w->length).real;
    return w->single ? (float)back == (float)w->value : back == w->value;
}

/* The nearest number of `precision` digits, and for a power of two the one above it: more room lies
 * above such a number than below, so that the second nearest may read back where the nearest does not. */
static bool try_precision(writing *w, int precision)
{
    /* Whatever the locale prints as its point, the digits around it and the exponent are ASCII. */
    char text[64], mantissa[20];
    snprintf(text, sizeof text, "%.*e", precision - 1, fabs(w->value));
    const char *e = strchr(text, 'e');
    int count = 0;
    for (const char *c = text; c < e; c++) {
        if (is_digit(*c)) {
            mantissa[count++] = *c;
        }
    }
    int exponent = (int)strtol(e + 1, NULL, 10);
    if (try_digits(w, mantissa, count, exponent)) {
        return true;
    }
    int scale;
    if (frexp(fabs(w->value), &scale) != 0.5) {
        return false;
    }
    int at = count - 1;
    for (; at >= 0 && mantissa[at] == '9'; at--) {
        mantissa[at] = '0';
    }
    if (at >= 0) {
        mantissa[at]++;
    } else {
        mantissa[0] = '1';
        exponent++;
    }
    return try_digits(w, mantissa, count, exponent);
}

/* Fewest digits first. A number of at most `enough` digits comes back from that many digits with zeros
 * behind it, so that fewer need not be tried, except for subnormal numbers. The last try succeeds. */
static size_t format_shortest(char *buffer, double value, bool single, bool subnormal)
{
    if (isnan(value) || isinf(value)) {
        const char *text = isnan(value) ? "nan" : value < 0 ? "-inf" : "inf";
        strcpy(buffer, text);
        return strlen(text);
    }
    const int enough = single ? 6 : 15;
    const int most = single ? 9 : 17;
    writing w = {.value = value, .single = single, .buffer = buffer};
    int precision = subnormal ? 1 : enough;
    while (!try_precision(&w, precision) && precision < most) {
        precision++;
    }
    return w.length;
}

size_t syi_decimal_format_double(char *buffer, double value)
{
    return format_shortest(buffer, value, false, fpclassify(value) == FP_SUBNORMAL);
}

size_t syi_decimal_format_float(char *buffer, float value)
{
    return format_shortest(buffer, (double)value, true, fpclassify(value) == FP_SUBNORMAL);
}
