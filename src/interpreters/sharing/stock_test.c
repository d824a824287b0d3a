/* stock_test.c - what was made ahead is drawn in its order, once, and only for what it was made for. */
#include "interpreters/sharing/stock.h"

#include <string.h>

#include "support/memory_faults.h"

typedef struct fixture {
    failing_allocator memory;
    sy_context *context;
    syi_stock stock;
    sy_error err;
} fixture;

static int setup(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    f->context = memory_faults_context(&f->memory);
    syi_stock_init(&f->stock, f->context);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    syi_stock_fini(&f->stock);
    memory_faults_context_free(&f->memory, f->context);
    free(f);
    return 0;
}

#define stock_test(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

static syi_demand square_of(uint64_t count, uint64_t sequence)
{
    return (syi_demand){
        .kind = SYI_MATERIAL_SQUARE, .item = {sequence, 3}, .field = SYI_FIELD_64, .count = count};
}

static syi_demand product_of(const char *name, int64_t size, uint64_t sequence)
{
    syi_demand demand = {
        .kind = SYI_MATERIAL_PRODUCT, .item = {sequence, 1}, .field = SYI_FIELD_64};
    const int64_t shape[] = {size, size};
    sy_error err = SY_ERROR_INIT;
    assert_ok(syi_bilinear_of_name(&demand.product, name, &demand.field, 2, shape, 2, shape, &err),
              &err);
    demand.count = (uint64_t)syi_array_numel(&demand.product.z);
    demand.x = syi_operand_of(&demand.item, SYI_PART_A, &demand.product.x);
    demand.y = syi_operand_of(&demand.item, SYI_PART_B, &demand.product.y);
    return demand;
}

static bool draw(fixture *f, syi_demand *demand)
{
    bool drawn = false;
    assert_ok(syi_stock_draw(&f->stock, demand, &drawn, &f->err), &f->err);
    return drawn;
}

static void test_order(void **state)
{
    fixture *f = *state;
    const syi_demand squares = square_of(10, 0);
    assert_ok(syi_stock_add(&f->stock, &squares, SYI_ITEM_AHEAD + 5, 2, &f->err), &f->err);
    assert_ok(syi_stock_add(&f->stock, &squares, SYI_ITEM_AHEAD + 9, 1, &f->err), &f->err);
    static const uint64_t expected[] = {5, 6, 9};
    for (int k = 0; k < 3; k++) {
        syi_demand demand = square_of(10, 40 + (uint64_t)k);
        assert_int_equal(syi_stock_left(&f->stock, &squares), 3 - k);
        assert_true(draw(f, &demand));
        assert_true(demand.item.sequence == SYI_ITEM_AHEAD + expected[k]);
        assert_int_equal(demand.item.number, 0);
    }
    syi_demand demand = square_of(10, 50);
    assert_false(draw(f, &demand));
    assert_true(demand.item.sequence == 50 && demand.item.number == 3);
    assert_int_equal(f->stock.made, 3);
    assert_int_equal(f->stock.taken, 3);
}

/* Another number of elements, field, kind, product or divisor finds nothing. */
static void test_parameters(void **state)
{
    fixture *f = *state;
    const syi_demand squares = square_of(10, 0), product = product_of("mul", 4, 0);
    assert_ok(syi_stock_add(&f->stock, &squares, SYI_ITEM_AHEAD, 1, &f->err), &f->err);
    assert_ok(syi_stock_add(&f->stock, &product, SYI_ITEM_AHEAD + 1, 1, &f->err), &f->err);
    syi_demand other = square_of(11, 7);
    assert_false(draw(f, &other));
    other = square_of(10, 7);
    other.field = (syi_field)SYI_FIELD_32;
    assert_false(draw(f, &other));
    other = square_of(10, 7);
    other.kind = SYI_MATERIAL_ZERO;
    assert_false(draw(f, &other));
    other = product_of("matmul", 4, 7);
    assert_false(draw(f, &other));
    other = product_of("mul", 5, 7);
    assert_false(draw(f, &other));
    other = product_of("mul", 4, 7);
    assert_true(draw(f, &other));
    assert_true(other.x.item.sequence == other.item.sequence);
    assert_true(other.y.item.sequence == other.item.sequence);
    other = square_of(10, 8);
    assert_true(draw(f, &other));
}

/* A factor that is masked already has its mask: nothing in stock was made with it. */
static void test_kept_masks(void **state)
{
    fixture *f = *state;
    const syi_demand product = product_of("matmul", 3, 0);
    assert_ok(syi_stock_add(&f->stock, &product, SYI_ITEM_AHEAD, 1, &f->err), &f->err);
    syi_demand demand = product_of("matmul", 3, 9);
    demand.y.item.sequence = 4;
    assert_false(draw(f, &demand));
    assert_int_equal(syi_stock_left(&f->stock, &product), 1);
}

static void test_force(void **state)
{
    fixture *f = *state;
    const syi_demand squares = square_of(10, 0);
    assert_ok(syi_stock_add(&f->stock, &squares, SYI_ITEM_AHEAD, 1, &f->err), &f->err);
    f->stock.force = true;
    syi_demand demand = square_of(10, 1);
    bool drawn = false;
    assert_true(draw(f, &demand));
    assert_status(syi_stock_draw(&f->stock, &demand, &drawn, &f->err), SY_EEMPTY, &f->err);
    assert_false(drawn);
    assert_non_null(strstr(f->err.message, "square"));
    f->stock.force = false;
    assert_false(draw(f, &demand));
}

static void test_memory(void **state)
{
    fixture *f = *state;
    const syi_demand squares = square_of(10, 0);
    for (size_t k = 1; k < 20; k++) {
        f->memory.calls = 0;
        f->memory.fail_at = k;
        const sy_status status = syi_stock_add(&f->stock, &squares, SYI_ITEM_AHEAD, 1, &f->err);
        f->memory.fail_at = 0;
        if (status == SY_OK) {
            assert_int_equal(syi_stock_left(&f->stock, &squares), 1);
            return;
        }
        assert_int_equal(status, SY_ENOMEM);
        assert_int_equal(syi_stock_left(&f->stock, &squares), 0);
    }
    fail();
}

/* No name twice, none of a command's, not too many. */
static void test_announcements_that_are_refused(void **state)
{
    fixture *f = *state;
    const syi_demand nine = square_of(9, 0);
    static const struct {
        uint64_t first, count;
    } bad[] = {{5, 1},
               {SYI_ITEM_AHEAD - 1, 2},
               {SYI_ITEM_AHEAD + 14, 1},
               {SYI_ITEM_AHEAD, 1},
               {UINT64_MAX, 2},
               {SYI_ITEM_AHEAD + 15, SYI_STOCK_INSTANCES_MAX + 1}};
    assert_ok(syi_stock_add(&f->stock, &nine, SYI_ITEM_AHEAD + 10, 5, &f->err), &f->err);
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        assert_status(syi_stock_add(&f->stock, &nine, bad[k].first, bad[k].count, &f->err),
                      SY_EPROTO, &f->err);
    }
    assert_int_equal(f->stock.made, 5);
    f->stock.bytes = SYI_STOCK_BYTES_MAX;
    assert_status(syi_stock_add(&f->stock, &nine, SYI_ITEM_AHEAD + 15, 1, &f->err), SY_ELIMIT,
                  &f->err);
}

/* A comparison of numbers with a range takes one of the same, then one for any numbers; one of any numbers nothing else. */
static void test_ranges(void **state)
{
    fixture *f = *state;
    syi_demand any = {.kind = SYI_MATERIAL_BITS_SIGN,
                      .item = {4, 0},
                      .field = SYI_FIELD_64,
                      .count = 7,
                      .outcome = SYI_OUTCOME_RELU};
    syi_demand narrow = any;
    char text[SYI_STOCK_TEXT];
    narrow.range = 20;
    assert_string_equal(syi_stock_describe(&any, text, sizeof text), "relu of 7 elements");
    assert_string_equal(syi_stock_describe(&narrow, text, sizeof text),
                        "relu of 7 elements of 20 bits");
    assert_ok(syi_stock_add(&f->stock, &any, SYI_ITEM_AHEAD, 1, &f->err), &f->err);
    assert_ok(syi_stock_add(&f->stock, &narrow, SYI_ITEM_AHEAD + 1, 2, &f->err), &f->err);
    static const struct {
        unsigned range, after; /* of the demand */
        uint64_t name;         /* 0: none */
    } draws[] = {{20, 20, SYI_ITEM_AHEAD + 1},
                 {19, 0, SYI_ITEM_AHEAD},
                 {0, 0, 0},
                 {19, 19, 0},
                 {20, 20, SYI_ITEM_AHEAD + 2},
                 {20, 20, 0}};
    for (size_t k = 0; k < sizeof draws / sizeof draws[0]; k++) {
        syi_demand demand = any;
        demand.range = draws[k].range;
        assert_int_equal(draw(f, &demand), draws[k].name != 0);
        assert_true(demand.item.sequence == (draws[k].name != 0 ? draws[k].name : 4));
        assert_int_equal(demand.range, draws[k].after);
    }
    f->stock.force = true;
    bool drawn = true;
    assert_status(syi_stock_draw(&f->stock, &narrow, &drawn, &f->err), SY_EEMPTY, &f->err);
    assert_int_equal(narrow.range, 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        stock_test(test_order),
        stock_test(test_ranges),
        stock_test(test_parameters),
        stock_test(test_kept_masks),
        stock_test(test_force),
        stock_test(test_memory),
        stock_test(test_announcements_that_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
