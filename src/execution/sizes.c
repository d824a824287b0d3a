#include "execution/sizes.h"

#include <assert.h>

#include "core/error.h"

static const struct {
    const char *name, *sign;
} rows[] = {
    [SYI_STEP_SIZE_ADD] = {"add", "+"}, [SYI_STEP_SIZE_SUB] = {"sub", "-"},
    [SYI_STEP_SIZE_MUL] = {"mul", "*"}, [SYI_STEP_SIZE_FLOORDIV] = {"floordiv", "//"},
    [SYI_STEP_SIZE_MOD] = {"mod", "%"},
};

const char *syi_size_name(syi_step_kind kind)
{
    assert(syi_step_is_size(kind));
    return rows[kind].name;
}

const char *syi_size_sign(syi_step_kind kind)
{
    assert(syi_step_is_size(kind));
    return rows[kind].sign;
}

/* False: b is 0, or the quotient is one too large. */
static bool divide(int64_t a, int64_t b, int64_t *quotient, int64_t *rest)
{
    if (b == 0 || (a == INT64_MIN && b == -1)) {
        return false;
    }
    *quotient = a / b;
    *rest = a % b;
    if (*rest != 0 && (*rest < 0) != (b < 0)) {
        *quotient -= 1;
        *rest += b;
    }
    return true;
}

sy_status syi_size_compute(syi_step_kind kind, int64_t a, int64_t b, int64_t *result, sy_error *err)
{
    int64_t other = 0;
    bool good = false;
    *result = 0;
    switch (kind) {
    case SYI_STEP_SIZE_ADD:
        good = !__builtin_add_overflow(a, b, result);
        break;
    case SYI_STEP_SIZE_SUB:
        good = !__builtin_sub_overflow(a, b, result);
        break;
    case SYI_STEP_SIZE_MUL:
        good = !__builtin_mul_overflow(a, b, result);
        break;
    case SYI_STEP_SIZE_FLOORDIV:
        good = divide(a, b, result, &other);
        break;
    case SYI_STEP_SIZE_MOD:
        good = divide(a, b, &other, result);
        break;
    default:
        assert(!"an operation on sizes");
    }
    return good ? SY_OK
                : syi_fail(err, SY_ERANGE, "size: %lld %s %lld has no value", (long long)a,
                           syi_size_sign(kind), (long long)b);
}
