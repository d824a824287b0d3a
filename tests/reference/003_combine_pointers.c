/*
 * 003_combine_pointers.c - functions.combine_pointers and MultiPointerTensor (003), the vector of
 * spec/tensors.md: a = x@bob.combine(y@alice); (a + a).get(sum_results=True) = [4, 8, 12, 16, 20].
 */
#include <csyft/multi_pointer.h>

#include "support/worker_kinds.h"

static void test_example(void **state)
{
    workers *w = *state;
    sy_tensor *x = workers_send(w, FLOATS(w, 1, 2, 3, 4, 5), w->bob);
    sy_tensor *y = workers_send(w, FLOATS(w, 1, 2, 3, 4, 5), w->alice);
    sy_tensor *a = NULL;
    sy_tensor *sum = NULL;
    assert_ok(sy_tensor_combine(x, &a, &y, 1, &w->err), &w->err);
    (void)sy_scope_adopt(w->s, a);
    sy_tensor *twice = OP(w, "__add__", TENSOR(a), TENSOR(a));
    assert_text(w, twice, "(Wrapper)>\\[MultiPointerTensor\\]\n\t-> *bob*\n\t-> *alice*");
    assert_ok(sy_multi_pointer_get_sum(twice, &sum, &w->err), &w->err);
    assert_floats(w, sy_scope_adopt(w->s, sum), 4, 8, 12, 16, 20);
}

static void test_combine_pointers(void **state)
{
    workers *w = *state;
    sy_tensor *pointers[] = {workers_send(w, FLOATS(w, 1, 2), w->bob),
                             workers_send(w, FLOATS(w, 3, 4), w->alice)};
    sy_tensor *a = NULL;
    sy_tensor *parts[2];
    size_t count = 0;
    assert_ok(sy_combine_pointers(&a, pointers, 2, &w->err), &w->err);
    (void)sy_scope_adopt(w->s, a);
    sy_tensor *product = OP(w, "__mul__", TENSOR(a), TENSOR(a));
    assert_ok(sy_multi_pointer_get(product, parts, 2, &count, &w->err), &w->err);
    assert_int_equal(count, 2);
    assert_floats(w, sy_scope_adopt(w->s, parts[0]), 1, 4);
    assert_floats(w, sy_scope_adopt(w->s, parts[1]), 9, 16);
    sy_tensor *equal = OP(w, "__eq__", TENSOR(a), INT(3));
    assert_ok(sy_multi_pointer_get(equal, parts, 2, &count, &w->err), &w->err);
    assert_floats(w, sy_scope_adopt(w->s, parts[0]), 0, 0);
    assert_floats(w, sy_scope_adopt(w->s, parts[1]), 1, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORKER_KINDS(test_example),
        WORKER_KINDS(test_combine_pointers),
    };
    return workers_run(tests);
}
