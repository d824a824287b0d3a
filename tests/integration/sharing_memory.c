/*
 * sharing_memory.c - every allocation of an operation on shared values is refused in turn: it fails with a status and a
 * sentence at the client, nobody hangs, shares stay what they were, the next operation works, and nothing leaks.
 */
#include <string.h>

#include "support/shared_values.h"

/* One step; x and y are shared [1, 2, 3, 4] as 2x2 matrices. Its result is native, or NULL. */
typedef struct memory_case {
    const sharing *s;
    sy_tensor *x, *plain;
} memory_case;

static sy_status one(const memory_case *c, const char *name, const sy_value *args, size_t count,
                     sy_tensor **made)
{
    size_t results = 0;
    return sy_call(c->s->w->hook, name, args, count, NULL, 0, made, 1, &results, NULL,
                   &c->s->w->err);
}

static sy_status step_share(const memory_case *c, sy_tensor **made)
{
    return sy_tensor_share(c->plain, made, c->s->holders, c->s->count, c->s->provider,
                           &c->s->w->err);
}

static sy_status step_add(const memory_case *c, sy_tensor **made)
{
    return one(c, "add", (const sy_value[]){TENSOR(c->x), TENSOR(c->plain)}, 2, made);
}

static sy_status step_mul(const memory_case *c, sy_tensor **made)
{
    return one(c, "mul", (const sy_value[]){TENSOR(c->x), TENSOR(c->x)}, 2, made);
}

static sy_status step_matmul(const memory_case *c, sy_tensor **made)
{
    return one(c, "matmul", (const sy_value[]){TENSOR(c->x), TENSOR(c->x)}, 2, made);
}

static sy_status step_div(const memory_case *c, sy_tensor **made)
{
    return one(c, "div", (const sy_value[]){TENSOR(c->x), INT(10)}, 2, made);
}

static sy_status step_refresh(const memory_case *c, sy_tensor **made)
{
    return sy_shared_refresh(c->x, made, &c->s->w->err);
}

static sy_status step_reconstruct(const memory_case *c, sy_tensor **made)
{
    return sy_shared_reconstruct(c->x, made, &c->s->w->err);
}

static sy_status step_copy_get(const memory_case *c, sy_tensor **made)
{
    return sy_tensor_copy_get(c->x, made, &c->s->w->err);
}

static sy_status step_provide(const memory_case *c, sy_tensor **made)
{
    static const int64_t shape[] = {2, 2};
    sy_primitive p = SY_PRIMITIVE_INIT;
    (void)made;
    p.op = "mul";
    p.a_ndim = p.b_ndim = 2;
    p.a_shape = p.b_shape = shape;
    return sy_provide_primitives(&p, 1, c->s->holders, c->s->count, c->s->provider, &c->s->w->err);
}

static const struct {
    const char *name;
    sy_status (*run)(const memory_case *c, sy_tensor **made);
} steps[] = {
    {"share", step_share},   {"add", step_add},          {"mul", step_mul},
    {"matmul", step_matmul}, {"div", step_div},          {"refresh", step_refresh},
    {"copy", step_copy_get}, {"open", step_reconstruct}, {"provide", step_provide},
};

static bool try_with_fault(const memory_case *c, size_t step, size_t nth)
{
    workers *w = c->s->w;
    failing_allocator *memory = &w->places[0].memory;
    sy_tensor *made = NULL;
    const size_t before = memory->refused;
    w->err = (sy_error)SY_ERROR_INIT;
    memory->fail_at = memory->calls + nth;
    const sy_status status = steps[step].run(c, &made);
    memory->fail_at = 0;
    const bool refused = memory->refused != before;
    if (status != SY_OK && (!refused || w->err.message[0] == '\0' || made != NULL)) {
        print_error("%s, allocation %zu: %s: %s\n", steps[step].name, nth, sy_status_name(status),
                    w->err.message);
        fail();
    }
    sy_tensor_unref(made);
    return refused;
}

/* Everything works at once. But when a virtual worker could not take a message that nobody waits for, the next request to it
 * hears that the connection is gone; the one after it makes it anew (no_reconnect in worker.h). */
static void assert_works(const memory_case *c, size_t step)
{
    workers *w = c->s->w;
    const sy_value factors[] = {TENSOR(c->x), TENSOR(c->x)};
    sy_tensor *product = NULL;
    sy_status status = one(c, "mul", factors, 2, &product);
    if (status == SY_ECLOSED && w->kind->url == NULL) {
        w->err = (sy_error)SY_ERROR_INIT;
        status = one(c, "mul", factors, 2, &product);
    }
    assert_ok(status, &w->err);
    sharing_assert_same(sharing_value(c->s, product),
                        OP(w, "mul", TENSOR(c->plain), TENSOR(c->plain)), steps[step].name,
                        __FILE__, __LINE__);
    sy_tensor_unref(product);
}

static void test_every_allocation(void **state)
{
    workers *w = *state;
    const sharing s = sharing_of(w, 3, true);
    memory_case c = {.s = &s};
    c.plain = LONG_MATRIX(w, 2, 2, 1, 2, 3, 4);
    c.x = sharing_share(&s, c.plain);
    for (size_t step = 0; step < sizeof steps / sizeof steps[0]; step++) {
        size_t clean = 0;
        for (size_t nth = 1; clean < 3; nth += 1 + nth / 16) {
            clean = try_with_fault(&c, step, nth) ? 0 : clean + 1;
            assert_in_range(nth, 1, 4000);
            assert_works(&c, step);
        }
    }
    sharing_clean(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIBRARY_WORKER_KINDS(test_every_allocation),
    };
    return workers_run(tests);
}
