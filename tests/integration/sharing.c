/* sharing.c - values that workers hold in shares, over every kind of worker: the table and the vectors of
 * AdditiveSharingTensor, for 2 and 3 holders, with the client and with a worker as provider. */
#include <math.h>
#include <string.h>

#include "support/shared_values.h"

static void test_share_and_get(void **state)
{
    workers *w = *state;
    const sharing s = sharing_of(w, 2, true);
    sy_tensor *x = SHARED(&s, 1, 2, 3);
    assert_true(sy_tensor_is_shared(x));
    assert_count(w, s.serving[0], 1);
    assert_count(w, s.serving[1], 1);
    assert_shared(&s, x, 1, 2, 3);
    assert_count(w, s.serving[0], 0);
    assert_count(w, s.serving[1], 0);
}

static void test_sums(void **state)
{
    workers *w = *state;
    for (size_t n = 2; n <= 3; n++) {
        const sharing s = sharing_of(w, 2, false);
        sy_tensor *x = SHARED(&s, 1, 2, -3), *y = SHARED(&s, 10, 20, 30);
        assert_shared(&s, OP(w, "add", TENSOR(x), TENSOR(y)), 11, 22, 27);
        assert_shared(&s, OP(w, "sub", TENSOR(x), TENSOR(y)), -9, -18, -33);
        assert_shared(&s, OP(w, "add", TENSOR(x), INT(5)), 6, 7, 2);
        assert_shared(&s, OP(w, "neg", TENSOR(x)), -1, -2, 3);
        assert_shared(&s, OP(w, "mul", TENSOR(x), INT(3)), 3, 6, -9);
        assert_shared(&s, OP(w, "sum", TENSOR(x)), 0);
        if (n == 2) {
            break;
        }
    }
}

static void test_products(void **state)
{
    workers *w = *state;
    const sharing s = sharing_of(w, 2, true);
    sy_tensor *x = SHARED(&s, 1, 2, -3), *y = SHARED(&s, 10, 20, 30);
    assert_shared(&s, OP(w, "mul", TENSOR(x), TENSOR(y)), 10, 40, -90);
    assert_shared(&s, OP(w, "mul", TENSOR(x), TENSOR(x)), 1, 4, 9);
    assert_shared(&s, OP(w, "square", TENSOR(x)), 1, 4, 9);
    assert_shared(&s, OP(w, "pow", TENSOR(x), INT(3)), 1, 8, -27);
    sy_tensor *a = SHARED_FIXED(&s, 3, 1, 2, 3, 4);
    a = OP(w, "view", TENSOR(a), LIST(INT(2), INT(2)));
    assert_shared(&s, OP(w, "matmul", TENSOR(a), TENSOR(a)), 7, 10, 15, 22);
}

static void test_products_by_client(void **state)
{
    workers *w = *state;
    const sharing s = sharing_of(w, 3, false);
    sy_tensor *x = SHARED(&s, 1, 2, -3), *y = SHARED(&s, 10, 20, 30);
    assert_shared(&s, OP(w, "mul", TENSOR(x), TENSOR(y)), 10, 40, -90);
    assert_shared(&s, OP(w, "mul", TENSOR(x), TENSOR(x)), 1, 4, 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIBRARY_WORKER_KINDS(test_share_and_get),
        LIBRARY_WORKER_KINDS(test_sums),
        LIBRARY_WORKER_KINDS(test_products),
        LIBRARY_WORKER_KINDS(test_products_by_client),
    };
    return workers_run(tests);
}
