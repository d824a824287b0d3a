/* dlpack_test.c - export and import share memory, release once, and refuse what has no counterpart. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "arrays/dlpack.h"
#include "support/failing_allocator.h"

typedef struct fixture {
    failing_allocator memory;
    sy_context *context;
} fixture;

static int setup(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    f->context = failing_allocator_context(&f->memory);
    *state = f;
    return f->context != NULL ? 0 : -1;
}

static int teardown(void **state)
{
    fixture *f = *state;
    sy_context_free(f->context);
    int broken = f->memory.live != 0 || f->memory.broken;
    free(f);
    return broken;
}

#define SHAPE(...) ((const int64_t[]){__VA_ARGS__})

static void test_there_and_back(void **state)
{
    fixture *f = *state;
    for (int dtype = 0; dtype < SY_DTYPE_COUNT; dtype++) {
        syi_array a, view, back;
        DLManagedTensor *managed;
        assert_int_equal(syi_array_new(f->context, &a, (sy_dtype)dtype, 2, SHAPE(4, 6), NULL, NULL),
                         SY_OK);
        for (int i = 0; i < 24; i++) {
            syi_array_set_int(&a, i, i);
        }
        assert_int_equal(syi_array_slice(&view, &a, 1, 1, 6, 2, NULL), SY_OK);
        assert_int_equal(syi_dlpack_export(f->context, &managed, &view, NULL), SY_OK);
        assert_int_equal(managed->dl_tensor.ndim, 2);
        assert_int_equal(managed->dl_tensor.shape[1], 3);
        assert_int_equal(managed->dl_tensor.strides[0], 6);
        assert_int_equal(managed->dl_tensor.strides[1], 2);
        assert_int_equal(managed->dl_tensor.dtype.bits, 8 * sy_dtype_size((sy_dtype)dtype));
        assert_int_equal(managed->dl_tensor.dtype.lanes, 1);
        assert_int_equal(managed->dl_tensor.device.device_type, kDLCPU);
        assert_int_equal(syi_dlpack_import(f->context, &back, managed, NULL), SY_OK);
        assert_int_equal(back.dtype, dtype);
        assert_ptr_equal(syi_array_data(&back), syi_array_data(&view));
        assert_true(syi_array_same_shape(&back, &view));
        /* The memory outlives its first owner. */
        syi_array_fini(&a);
        syi_array_fini(&view);
        for (int i = 0; i < 12; i++) {
            int64_t expected = i / 3 * 6 + 1 + i % 3 * 2;
            assert_int_equal(syi_array_get_int(&back, i),
                             dtype == SY_DTYPE_BOOL ? expected != 0 : expected);
        }
        syi_array_fini(&back);
    }
}

static void test_type_codes(void **state)
{
    fixture *f = *state;
    static const struct {
        sy_dtype dtype;
        uint8_t code;
    } codes[] = {{SY_DTYPE_BOOL, 6}, {SY_DTYPE_U8, 1},  {SY_DTYPE_I8, 0},  {SY_DTYPE_I16, 0},
                 {SY_DTYPE_I32, 0},  {SY_DTYPE_I64, 0}, {SY_DTYPE_F32, 2}, {SY_DTYPE_F64, 2}};
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        syi_array a;
        DLManagedTensor *managed;
        assert_int_equal(syi_array_new(f->context, &a, codes[i].dtype, 0, NULL, NULL, NULL), SY_OK);
        assert_int_equal(syi_dlpack_export(f->context, &managed, &a, NULL), SY_OK);
        syi_array_fini(&a);
        assert_int_equal(managed->dl_tensor.dtype.code, codes[i].code);
        managed->deleter(managed);
    }
}

/* A producer outside csyft. */
typedef struct producer {
    DLManagedTensor managed;
    int64_t shape[9];
    int64_t strides[9];
    double data[12];
    int deleted;
} producer;

static void count_deletion(DLManagedTensor *managed)
{
    producer *self = managed->manager_ctx;
    self->deleted++;
}

static void producer_init(producer *self, int ndim, const int64_t *shape, const int64_t *strides)
{
    memset(self, 0, sizeof *self);
    for (int i = 0; i < ndim; i++) {
        self->shape[i] = shape[i];
        self->strides[i] = strides != NULL ? strides[i] : 0;
    }
    for (int i = 0; i < 12; i++) {
        self->data[i] = i;
    }
    self->managed.dl_tensor = (DLTensor){.data = self->data,
                                         .device = {kDLCPU, 0},
                                         .ndim = ndim,
                                         .dtype = {kDLFloat, 64, 1},
                                         .shape = self->shape,
                                         .strides = strides != NULL ? self->strides : NULL};
    self->managed.manager_ctx = self;
    self->managed.deleter = count_deletion;
}

static void test_import_of_foreign_memory(void **state)
{
    fixture *f = *state;
    producer p;
    syi_array a, t;
    producer_init(&p, 2, SHAPE(2, 3), NULL); /* no strides: compact */
    p.managed.dl_tensor.byte_offset = 16;
    assert_int_equal(syi_dlpack_import(f->context, &a, &p.managed, NULL), SY_OK);
    assert_true(syi_array_is_contiguous(&a));
    assert_true(syi_array_get_double(&a, 5) == 7.0);
    syi_array_set_double(&a, 0, -1);
    assert_true(p.data[2] == -1.0);
    assert_int_equal(syi_array_transpose(&t, &a, 0, 1, NULL), SY_OK);
    syi_array_fini(&a);
    assert_int_equal(p.deleted, 0);
    syi_array_fini(&t);
    assert_int_equal(p.deleted, 1);

    producer_init(&p, 2, SHAPE(3, 2), SHAPE(1, 3));
    assert_int_equal(syi_dlpack_import(f->context, &a, &p.managed, NULL), SY_OK);
    assert_true(syi_array_get_double(&a, 1) == 3.0);
    assert_int_equal(a.storage->size, 6 * sizeof(double));
    syi_array_fini(&a);
    assert_int_equal(p.deleted, 1);

    producer_init(&p, 0, NULL, NULL);
    assert_int_equal(syi_dlpack_import(f->context, &a, &p.managed, NULL), SY_OK);
    assert_int_equal(a.ndim, 0);
    assert_true(syi_array_get_double(&a, 0) == 0.0);
    syi_array_fini(&a);

    producer_init(&p, 2, SHAPE(0, 3), NULL);
    p.managed.dl_tensor.data = NULL;
    p.managed.deleter = NULL;
    assert_int_equal(syi_dlpack_import(f->context, &a, &p.managed, NULL), SY_OK);
    assert_int_equal(syi_array_numel(&a), 0);
    assert_null(syi_array_data(&a));
    syi_array_fini(&a);
}

static void check_refused(fixture *f, producer *p, sy_status status, const char *text)
{
    syi_array a;
    const syi_array zero = SYI_ARRAY_INIT;
    sy_error err = SY_ERROR_INIT;
    assert_int_equal(syi_dlpack_import(f->context, &a, &p->managed, &err), status);
    assert_memory_equal(&a, &zero, sizeof a);
    assert_int_equal(p->deleted, 0);
    if (strstr(err.message, text) == NULL) {
        fail_msg("'%s' does not contain '%s'", err.message, text);
    }
}

static void test_import_refuses(void **state)
{
    fixture *f = *state;
    producer p;
    producer_init(&p, 1, SHAPE(12), NULL);
    p.managed.dl_tensor.device.device_type = (DLDeviceType)2;
    check_refused(f, &p, SY_ENOTSUP, "device type 2");

    producer_init(&p, 1, SHAPE(12), NULL);
    p.managed.dl_tensor.dtype.lanes = 4;
    check_refused(f, &p, SY_ENOTSUP, "4 lanes");
    p.managed.dl_tensor.dtype = (DLDataType){kDLFloat, 16, 1};
    check_refused(f, &p, SY_ENOTSUP, "16 bits");
    p.managed.dl_tensor.dtype = (DLDataType){5, 64, 1};
    check_refused(f, &p, SY_ENOTSUP, "code 5");

    producer_init(&p, 1, SHAPE(3), SHAPE(-1));
    check_refused(f, &p, SY_ENOTSUP, "negative stride -1");
    producer_init(&p, 1, SHAPE(-3), NULL);
    check_refused(f, &p, SY_ESHAPE, "negative dimension");
    producer_init(&p, 9, SHAPE(1, 1, 1, 1, 1, 1, 1, 1, 1), NULL);
    check_refused(f, &p, SY_ESHAPE, "9 dimensions");
    producer_init(&p, 1, SHAPE(1), NULL);
    p.managed.dl_tensor.ndim = -1;
    check_refused(f, &p, SY_ESHAPE, "-1 dimensions");
    producer_init(&p, 2, SHAPE(INT64_MAX, 2), NULL);
    check_refused(f, &p, SY_ESHAPE, "too large");
    producer_init(&p, 1, SHAPE(3), SHAPE(INT64_MAX));
    check_refused(f, &p, SY_ESHAPE, "address space");
    producer_init(&p, 2, SHAPE(2, 2), SHAPE(INT64_MAX / 2, INT64_MAX / 2));
    check_refused(f, &p, SY_ESHAPE, "address space");

    producer_init(&p, 1, SHAPE(3), NULL);
    p.managed.dl_tensor.byte_offset = 4;
    check_refused(f, &p, SY_ENOTSUP, "aligned");
    producer_init(&p, 1, SHAPE(3), NULL);
    p.managed.dl_tensor.data = NULL;
    check_refused(f, &p, SY_EINVAL, "no data");

    syi_array a;
    assert_int_equal(syi_dlpack_import(f->context, &a, NULL, NULL), SY_EINVAL);
}

static void test_failures_leave_nothing(void **state)
{
    fixture *f = *state;
    producer p;
    producer_init(&p, 1, SHAPE(12), NULL);
    f->memory.calls = 0;
    f->memory.fail_at = 1;
    check_refused(f, &p, SY_ENOMEM, "out of memory");

    f->memory.fail_at = 0;
    syi_array a;
    DLManagedTensor *managed = &p.managed;
    assert_int_equal(syi_array_new(f->context, &a, SY_DTYPE_F32, 1, SHAPE(3), NULL, NULL), SY_OK);
    f->memory.calls = 0;
    f->memory.fail_at = 1;
    assert_int_equal(syi_dlpack_export(f->context, &managed, &a, NULL), SY_ENOMEM);
    assert_null(managed);
    assert_int_equal(atomic_load(&a.storage->refs), 1);
    syi_array_fini(&a);

    syi_array shape_only;
    assert_int_equal(syi_array_describe(&shape_only, SY_DTYPE_F32, 1, SHAPE(3), NULL), SY_OK);
    assert_int_equal(syi_dlpack_export(f->context, &managed, &shape_only, NULL), SY_EINVAL);
    assert_null(managed);
}

#define FIXTURE_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_there_and_back),           FIXTURE_TEST(test_type_codes),
        FIXTURE_TEST(test_import_of_foreign_memory), FIXTURE_TEST(test_import_refuses),
        FIXTURE_TEST(test_failures_leave_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
