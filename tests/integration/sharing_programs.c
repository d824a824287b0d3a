/*
 * sharing_programs.c - random programs: the same operations on shared values and on native int64 tensors, each step on
 * values that earlier ones made, in place and not, with public, secret and shared operands. What comes back is the same,
 * modulo 2^64, and nothing stays at the holders.
 */
#include <string.h>

#include "support/property.h"
#include "support/shared_values.h"

enum { VALUES = 6, ROWS = 2, COLUMNS = 3, STEPS = 40 };

typedef struct program {
    const sharing *s;
    property_random random;
    sy_tensor *plain[VALUES], *shared[VALUES]; /* the same matrices */
} program;

static int64_t draw(program *p, int64_t low, int64_t high)
{
    return property_between(&p->random, low, high);
}

static sy_tensor *fresh(program *p)
{
    int64_t data[ROWS * COLUMNS];
    for (int k = 0; k < ROWS * COLUMNS; k++) {
        data[k] = draw(p, 0, 3) == 0 ? (int64_t)property_next(&p->random) : draw(p, -9, 9);
    }
    return sharing_matrix(p->s->w, ROWS, COLUMNS, data);
}

/* An operation on both sides; args are of the plain side, `shared` the same on the other. */
static void both(program *p, int into, const char *name, const sy_value *args,
                 const sy_value *shared, size_t count)
{
    workers *w = p->s->w;
    sy_tensor *plain = workers_op(w, name, args, count, __FILE__, __LINE__);
    sy_tensor *other = workers_op(w, name, shared, count, __FILE__, __LINE__);
    if (name[strlen(name) - 1] != '_') {
        p->plain[into] = plain;
        p->shared[into] = other;
    }
}

/* Two operands: value a, and another value, a secret or public matrix, or a number. */
static void binary(program *p, const char *name, bool turned)
{
    const int a = (int)draw(p, 0, VALUES - 1), b = (int)draw(p, 0, VALUES - 1);
    sy_value plain[2] = {TENSOR(p->plain[a]), TENSOR(p->plain[b])};
    sy_value shared[2] = {TENSOR(p->shared[a]), TENSOR(p->shared[b])};
    switch (draw(p, 0, 3)) {
    case 0:
        plain[1] = shared[1] = TENSOR(fresh(p));
        break;
    case 1:
        if (!turned) {
            plain[1] = shared[1] = INT(draw(p, -3, 3));
            break;
        }
        break;
    default:
        break;
    }
    const sy_value plain_turned[] = {plain[1], plain[0]}, shared_turned[] = {shared[1], shared[0]};
    both(p, a, name, turned ? plain_turned : plain, turned ? shared_turned : shared, 2);
}

/* A matrix of the same shape out of one or two, by way of others. */
static void round_about(program *p)
{
    workers *w = p->s->w;
    const int a = (int)draw(p, 0, VALUES - 1), b = (int)draw(p, 0, VALUES - 1);
    sy_tensor *from[2][2] = {{p->plain[a], p->plain[b]}, {p->shared[a], p->shared[b]}};
    sy_tensor **to[2] = {&p->plain[a], &p->shared[a]};
    const int64_t kind = draw(p, 0, 8), by = draw(p, -2, 2);
    for (int side = 0; side < 2; side++) {
        sy_tensor *x = from[side][0], *y = from[side][1], *z = NULL;
        switch (kind) {
        case 0: /* (x y.t) y */
            z = OP(w, "matmul", TENSOR(OP(w, "matmul", TENSOR(x), TENSOR(OP(w, "t", TENSOR(y))))),
                   TENSOR(y));
            break;
        case 1:
            z = OP(w, "roll", TENSOR(x), LIST(INT(by)));
            break;
        case 2:
            z = OP(w, "reshape", TENSOR(x), LIST(INT(COLUMNS), INT(ROWS)));
            z = OP(w, "reshape", TENSOR(OP(w, "t", TENSOR(z))), LIST(INT(ROWS), INT(COLUMNS)));
            break;
        case 3:
            z = OP(w, "cat", LIST(TENSOR(x), TENSOR(y)));
            z = OP(w, "slice", TENSOR(z), INT(0), INT(1), INT(1 + ROWS));
            break;
        case 4:
            z = OP(w, "add", TENSOR(y),
                   TENSOR(OP(w, "sum", TENSOR(x), LIST(INT(1)), sy_value_bool(true))));
            break;
        case 5:
            z = OP(w, "cumsum", TENSOR(x), INT(1));
            break;
        case 6:
            z = OP(w, "index_select", TENSOR(x), INT(1), TENSOR(LONGS(w, 2, 0, 0)));
            break;
        case 7:
            z = OP(w, "pow", TENSOR(x), INT(by + 2));
            break;
        default:
            (void)OP(w, "unbind", TENSOR(x));
            z = OP(w, "stack", LIST(TENSOR(w->results[1]), TENSOR(w->results[0])));
            break;
        }
        *to[side] = z;
    }
}

static void step(program *p)
{
    static const char *const names[] = {"add", "sub", "mul", "rsub", "add_", "sub_", "mul_"};
    const int64_t which = draw(p, 0, 12);
    if (which < 7) {
        binary(p, names[which], false);
    } else if (which < 10) {
        binary(p, names[which - 7], true); /* a plain matrix may be first */
    } else {
        round_about(p);
    }
}

static void run_program(const sharing *s, uint64_t seed)
{
    workers *w = s->w;
    program p = {.s = s, .random = {seed}};
    for (int k = 0; k < VALUES; k++) {
        p.plain[k] = fresh(&p);
        p.shared[k] = sharing_share(s, p.plain[k]);
    }
    for (int k = 0; k < STEPS; k++) {
        step(&p);
    }
    for (int k = 0; k < VALUES; k++) {
        sharing_assert_same(workers_copy_get(w, p.shared[k]), p.plain[k], "program", __FILE__,
                            __LINE__);
    }
}

static void programs(const sharing *s)
{
    property_random random = property_start("programs");
    for (long k = property_iterations(2); k > 0; k--) {
        run_program(s, property_next(&random));
        sharing_clean(s);
    }
}

static void test_programs(void **state)
{
    sharing_each(*state, programs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIBRARY_WORKER_KINDS(test_programs),
    };
    return workers_run(tests);
}
