/*
 * files_test.c - modules through every format and back; state dicts that PyTorch wrote (tests/vectors/models);
 * what does not fit is named; private and remote parameters; nothing half done.
 */
#include <string.h>

#include <csyft/nn.h>
#include <csyft/operations.h>
#include <csyft/worker.h>

#include "formats/model_file.h"
#include "hook/tensor.h"
#include "nn/files.h"
#include "support/folder.h"
#include "support/local_hook.h"

#define VECTORS CSYFT_TEST_SOURCE_DIR "/tests/vectors/models/"

/* Linear(3, 2), ReLU, Linear(2, 2) without bias: what linear.pt is of. */
static sy_status make_net(sy_hook *hook, sy_module **net, sy_error *err)
{
    sy_module *layers[3] = {NULL};
    *net = NULL;
    sy_status status = sy_module_new_linear(hook, &layers[0], 3, 2, true, err);
    if (status == SY_OK) {
        status = sy_module_new_relu(hook, &layers[1], err);
    }
    if (status == SY_OK) {
        status = sy_module_new_linear(hook, &layers[2], 2, 2, false, err);
    }
    if (status == SY_OK) {
        status = sy_module_new_sequential(hook, net, layers, 3, err);
    }
    for (int k = 0; k < 3; k++) {
        sy_module_unref(layers[k]);
    }
    return status;
}

static sy_module *net_of(local_hook *local)
{
    sy_module *net = NULL;
    assert_ok(make_net(local->hook, &net, &local->err), &local->err);
    return net;
}

enum { ELEMENTS = 6 + 2 + 4 };

static void read_all(const sy_module *net, float data[ELEMENTS])
{
    size_t count, at = 0;
    static const size_t sizes[] = {6, 2, 4};
    sy_error err = SY_ERROR_INIT;
    sy_tensor *const *parameters = sy_module_get_parameters(net, &count);
    assert_int_equal(count, 3);
    for (size_t k = 0; k < count; k++) {
        assert_ok(sy_tensor_copy_data(parameters[k], data + at, sizes[k] * sizeof *data, &err),
                  &err);
        at += sizes[k];
    }
}

/* --- round trips ------------------------------------------------------------------------------ */

static void test_round_trips(void **state)
{
    local_hook *local = *state;
    static const sy_model_format formats[] = {SY_MODEL_SAFETENSORS, SY_MODEL_TORCH,
                                              SY_MODEL_TORCH_LEGACY, SY_MODEL_BY_PATH};
    test_folder folder = {.count = 0};
    assert_true(test_folder_make(&folder));
    const char *path = test_folder_path(&folder, "net.pt");
    for (size_t k = 0; k < 4; k++) {
        float before[ELEMENTS], after[ELEMENTS];
        sy_module *net = net_of(local), *other = net_of(local);
        read_all(net, before);
        assert_ok(sy_module_save(net, path, formats[k], &local->err), &local->err);
        assert_ok(sy_module_load(other, path, NULL, &local->err), &local->err);
        read_all(other, after);
        assert_memory_equal(before, after, sizeof before);
        assert_int_equal(test_folder_count(&folder), 1);
        sy_module_unref(net);
        sy_module_unref(other);
    }
    assert_true(test_folder_remove(&folder));
}

static void test_what_pytorch_wrote(void **state)
{
    local_hook *local = *state;
    sy_module *net = net_of(local);
    /* torch.manual_seed(7) as in generate.py; the values stand in its manifest.txt. */
    static const char *const files[] = {VECTORS "linear.pt", VECTORS "linear.legacy"};
    for (int k = 0; k < 2; k++) {
        float data[ELEMENTS], first[3];
        syi_model model;
        assert_ok(sy_module_load(net, files[k], NULL, &local->err), &local->err);
        read_all(net, data);
        assert_ok(syi_model_load(local->context, &model, files[k], NULL, NULL, &local->err),
                  &local->err);
        for (int i = 0; i < 3; i++) {
            first[i] = (float)syi_array_get_double(&model.tensors[0].array, i);
        }
        assert_memory_equal(data, first, sizeof first);
        syi_model_fini(&model);
    }
    sy_module_unref(net);
}

/* The same bytes as PyTorch's, for the same state dict. */
static void test_what_pytorch_would_write(void **state)
{
    local_hook *local = *state;
    sy_module *net = net_of(local);
    syi_model ours, torchs;
    assert_ok(sy_module_load(net, VECTORS "linear.pt", NULL, &local->err), &local->err);
    assert_ok(syi_module_state(net, &ours, &local->err), &local->err);
    assert_ok(syi_model_load(local->context, &torchs, VECTORS "linear.pt", NULL, NULL, &local->err),
              &local->err);
    assert_int_equal(ours.tensor_count, torchs.tensor_count);
    assert_int_equal(ours.version_count, torchs.version_count);
    for (size_t k = 0; k < ours.version_count; k++) {
        assert_string_equal(ours.versions[k].prefix, torchs.versions[k].prefix);
        assert_int_equal(ours.versions[k].version, torchs.versions[k].version);
    }
    syi_model_fini(&torchs);
    syi_model_fini(&ours);
    sy_module_unref(net);
}

/* --- what does not fit ------------------------------------------------------------------------ */

static void add(syi_model *model, const char *name, sy_dtype dtype, int ndim, const int64_t *shape,
                double value)
{
    syi_array array;
    assert_int_equal(syi_array_new(model->context, &array, dtype, ndim, shape, NULL, NULL), SY_OK);
    for (int64_t k = 0; k < syi_array_numel(&array); k++) {
        syi_array_set_double(&array, k, value);
    }
    assert_int_equal(syi_model_add(model, name, strlen(name), &array, NULL, NULL), SY_OK);
}

static const int64_t two_by_three[] = {2, 3}, two_by_two[] = {2, 2}, three_by_two[] = {3, 2};

typedef struct misfit {
    const char *name;
    sy_dtype dtype;
    const int64_t *shape;
    sy_status status;
    const char *words[2];
} misfit;

static void test_what_does_not_fit(void **state)
{
    local_hook *local = *state;
    static const misfit cases[] = {
        {"0.weight", SY_DTYPE_F32, two_by_three, SY_OK, {"", ""}},
        {"0.weight", SY_DTYPE_F64, two_by_three, SY_OK, {"", ""}},
        {"0.weight", SY_DTYPE_I64, two_by_three, SY_OK, {"", ""}},
        {"0.weight",
         SY_DTYPE_F32,
         three_by_two,
         SY_ESHAPE,
         {"'0.weight' is 3x2 in the file", "2x3"}},
        {"0.wait",
         SY_DTYPE_F32,
         two_by_three,
         SY_ENOTFOUND,
         {"1 missing: '0.weight'", "1 unexpected: '0.wait'"}},
        {"3.weight",
         SY_DTYPE_F32,
         two_by_two,
         SY_ENOTFOUND,
         {"1 missing: '0.weight'", "1 unexpected: '3.weight'"}},
    };
    test_folder folder = {.count = 0};
    assert_true(test_folder_make(&folder));
    const char *path = test_folder_path(&folder, "net.safetensors");
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        const misfit *c = &cases[k];
        syi_model model;
        sy_module *net = net_of(local);
        float before[ELEMENTS], after[ELEMENTS];
        read_all(net, before);
        syi_model_init(&model, local->context);
        add(&model, "2.weight", SY_DTYPE_F32, 2, two_by_two, 7);
        add(&model, c->name, c->dtype, 2, c->shape, 5);
        add(&model, "0.bias", SY_DTYPE_F32, 1, two_by_two, 6);
        assert_ok(syi_model_save(local->context, &model, path, SY_MODEL_BY_PATH, &local->err),
                  &local->err);
        syi_model_fini(&model);
        assert_status(sy_module_load(net, path, NULL, &local->err), c->status, &local->err);
        read_all(net, after);
        if (c->status == SY_OK) {
            for (int i = 0; i < ELEMENTS; i++) {
                assert_true(after[i] == (i < 6 ? 5.0F : i < 8 ? 6.0F : 7.0F));
            }
        } else {
            assert_memory_equal(before, after, sizeof before);
            for (int i = 0; i < 2; i++) {
                assert_non_null(strstr(local->err.message, c->words[i]));
            }
            assert_non_null(strstr(local->err.message, path));
        }
        sy_module_unref(net);
    }
    assert_true(test_folder_remove(&folder));
}

static void test_fractions_are_not_dropped(void **state)
{
    local_hook *local = *state;
    sy_module *net = net_of(local);
    test_folder folder = {.count = 0};
    assert_true(test_folder_make(&folder));
    const char *path = test_folder_path(&folder, "net.pt");
    size_t count;
    assert_ok(sy_module_save(net, path, SY_MODEL_BY_PATH, &local->err), &local->err);
    /* A module whose first weight counts. */
    sy_tensor *integers = NULL;
    assert_ok(
        sy_tensor_new(local->hook, &integers, SY_DTYPE_I64, 2, two_by_three, NULL, &local->err),
        &local->err);
    sy_tensor *weight = sy_module_get_parameters(net, &count)[0];
    assert_ok(sy_tensor_set_requires_grad(weight, false, &local->err), &local->err);
    syi_tensor_set_node(weight, syi_node_ref(integers->node));
    assert_status(sy_module_load(net, path, NULL, &local->err), SY_EDTYPE, &local->err);
    assert_non_null(strstr(local->err.message, "float32 in the file, int64 in the module"));
    sy_tensor_unref(integers);
    sy_module_unref(net);
    assert_true(test_folder_remove(&folder));
}

static void test_not_strict_and_prefix(void **state)
{
    local_hook *local = *state;
    test_folder folder = {.count = 0};
    assert_true(test_folder_make(&folder));
    const char *path = test_folder_path(&folder, "net.pt");
    sy_module *net = net_of(local);
    float before[ELEMENTS], after[ELEMENTS];
    syi_model model;
    read_all(net, before);
    syi_model_init(&model, local->context);
    add(&model, "model.0.bias", SY_DTYPE_F32, 1, two_by_two, 9);
    add(&model, "model.more", SY_DTYPE_F32, 1, two_by_two, 9);
    add(&model, "optimizer.0.bias", SY_DTYPE_F32, 1, two_by_two, 8);
    assert_ok(syi_model_save(local->context, &model, path, SY_MODEL_BY_PATH, &local->err),
              &local->err);
    syi_model_fini(&model);

    sy_module_load_options options = SY_MODULE_LOAD_OPTIONS_INIT;
    assert_status(sy_module_load(net, path, NULL, &local->err), SY_ENOTFOUND, &local->err);
    assert_non_null(strstr(local->err.message, "3 missing"));
    assert_non_null(strstr(local->err.message, "3 unexpected"));
    options.prefix = "model";
    assert_status(sy_module_load(net, path, &options, &local->err), SY_ENOTFOUND, &local->err);
    assert_non_null(
        strstr(local->err.message, "2 missing: '0.weight', '2.weight'; 1 unexpected: 'more'"));
    options.strict = false;
    assert_ok(sy_module_load(net, path, &options, &local->err), &local->err);
    read_all(net, after);
    before[6] = before[7] = 9;
    assert_memory_equal(before, after, sizeof before);
    options.prefix = "mod";
    assert_status(sy_module_load(net, path, &options, &local->err), SY_ENOTFOUND, &local->err);
    options.size = 3;
    assert_status(sy_module_load(net, path, &options, &local->err), SY_EINVAL, &local->err);
    sy_module_unref(net);
    assert_true(test_folder_remove(&folder));
}

/* Many names make a sentence that still ends. */
static void test_many_names(void **state)
{
    local_hook *local = *state;
    sy_module *net = net_of(local);
    assert_status(sy_module_load(net, VECTORS "many.pt", NULL, &local->err), SY_ENOTFOUND,
                  &local->err);
    assert_non_null(strstr(local->err.message, "1001 unexpected: 't0', 't1'"));
    assert_status(sy_module_load(net, VECTORS "system.pt", NULL, &local->err), SY_EFORBIDDEN,
                  &local->err);
    assert_status(sy_module_load(net, VECTORS "nowhere.pt", NULL, &local->err), SY_ENOTFOUND,
                  &local->err);
    sy_module_unref(net);
}

/* --- a layer in several places ---------------------------------------------------------------- */

static void test_a_layer_in_two_places(void **state)
{
    local_hook *local = *state;
    sy_module *layer = NULL, *net = NULL;
    test_folder folder = {.count = 0};
    assert_true(test_folder_make(&folder));
    const char *torch = test_folder_path(&folder, "net.pt");
    const char *safe = test_folder_path(&folder, "net.safetensors");
    assert_ok(sy_module_new_linear(local->hook, &layer, 2, 2, true, &local->err), &local->err);
    sy_module *layers[] = {layer, layer};
    assert_ok(sy_module_new_sequential(local->hook, &net, layers, 2, &local->err), &local->err);
    sy_module_unref(layer);
    assert_ok(sy_module_save(net, torch, SY_MODEL_BY_PATH, &local->err), &local->err);
    assert_ok(sy_module_save(net, safe, SY_MODEL_BY_PATH, &local->err), &local->err);
    syi_model model;
    assert_ok(syi_model_load(local->context, &model, torch, NULL, NULL, &local->err), &local->err);
    assert_int_equal(model.tensor_count, 4);
    assert_string_equal(model.tensors[2].name, "1.weight");
    assert_ptr_equal(model.tensors[0].array.storage, model.tensors[2].array.storage);
    syi_model_fini(&model);
    assert_ok(syi_model_load(local->context, &model, safe, NULL, NULL, &local->err), &local->err);
    assert_int_equal(model.tensor_count, 2);
    syi_model_fini(&model);
    assert_ok(sy_module_load(net, torch, NULL, &local->err), &local->err);
    assert_ok(sy_module_load(net, safe, NULL, &local->err), &local->err);
    sy_module_unref(net);
    assert_true(test_folder_remove(&folder));
}

/* --- buffers ---------------------------------------------------------------------------------- */

/* Conv2d(1, 2, 2), BatchNorm2d(2), as PyTorch wrote them. */
static void test_buffers(void **state)
{
    local_hook *local = *state;
    sy_module *layers[2] = {NULL}, *net = NULL;
    syi_model torchs, ours;
    assert_ok(sy_module_new_conv2d(local->hook, &layers[0], 1, 2, (const int64_t[]){2, 2}, NULL,
                                   &local->err),
              &local->err);
    assert_ok(sy_module_new_batch_norm(local->hook, &layers[1], 2, NULL, &local->err), &local->err);
    assert_ok(sy_module_new_sequential(local->hook, &net, layers, 2, &local->err), &local->err);
    sy_module_unref(layers[0]);
    sy_module_unref(layers[1]);
    assert_ok(sy_module_load(net, VECTORS "batchnorm.pt", NULL, &local->err), &local->err);
    assert_ok(
        syi_model_load(local->context, &torchs, VECTORS "batchnorm.pt", NULL, NULL, &local->err),
        &local->err);
    assert_ok(syi_module_state(net, &ours, &local->err), &local->err);
    assert_int_equal(torchs.tensor_count, ours.tensor_count + 1); /* num_batches_tracked */
    for (size_t k = 0; k < ours.tensor_count; k++) {
        const syi_array *a = &ours.tensors[k].array, *b = &torchs.tensors[k].array;
        assert_string_equal(ours.tensors[k].name, torchs.tensors[k].name);
        assert_true(syi_array_same_shape(a, b));
        assert_memory_equal(syi_array_data(a), syi_array_data(b), syi_array_bytes(a));
    }
    assert_int_equal(ours.versions[2].version, 1);
    syi_model_fini(&ours);
    syi_model_fini(&torchs);
    sy_module_unref(net);
}

/* --- elsewhere and private -------------------------------------------------------------------- */

static void test_remote_and_private(void **state)
{
    local_hook *local = *state;
    sy_module *net = net_of(local);
    sy_worker *bob = NULL;
    test_folder folder = {.count = 0};
    assert_true(test_folder_make(&folder));
    const char *path = test_folder_path(&folder, "net.pt");
    assert_ok(sy_virtual_worker_new(local->hook, &bob, "bob", &local->err), &local->err);
    assert_ok(sy_module_send_(net, bob, &local->err), &local->err);
    assert_status(sy_module_save(net, path, SY_MODEL_BY_PATH, &local->err), SY_EPERM, &local->err);
    assert_non_null(strstr(local->err.message, "'0.weight' is at bob"));
    assert_status(sy_module_load(net, VECTORS "linear.pt", NULL, &local->err), SY_EPERM,
                  &local->err);
    assert_non_null(strstr(local->err.message, "sy_module_get_"));
    assert_ok(sy_module_get_(net, &local->err), &local->err);
    assert_ok(sy_module_save(net, path, SY_MODEL_BY_PATH, &local->err), &local->err);
    assert_int_equal(test_folder_count(&folder), 1);

    size_t count;
    sy_tensor *bias = sy_module_get_parameters(net, &count)[1];
    syi_policy policy;
    syi_policy_set_private(&policy, "patients", 2);
    syi_tensor_set_policy(bias, &policy);
    assert_status(sy_module_save(net, path, SY_MODEL_BY_PATH, &local->err), SY_EPERM, &local->err);
    assert_non_null(strstr(local->err.message, "0.bias"));
    assert_non_null(strstr(local->err.message, "patients"));
    sy_module_unref(net);
    assert_true(test_folder_remove(&folder));
}

/* A recorded operation refuses to go back over contents that a load has changed. */
static void test_the_tape_sees_a_load(void **state)
{
    local_hook *local = *state;
    sy_module *net = net_of(local);
    const float data[] = {1, 2, 3};
    sy_tensor *x = local_hook_floats(local, 3, data);
    sy_scope *scope = sy_scope_begin(local->hook);
    sy_tensor *loss = sy_scope_keep(scope, sy_sum(scope, sy_module_forward(scope, net, x)));
    assert_ok(sy_scope_end(scope, &local->err), &local->err);
    assert_ok(sy_module_load(net, VECTORS "linear.pt", NULL, &local->err), &local->err);
    assert_status(sy_tensor_backward(loss, NULL, &local->err), SY_EINVAL, &local->err);
    sy_tensor_unref(loss);
    sy_tensor_unref(x);
    sy_module_unref(net);
}

/* --- faults ----------------------------------------------------------------------------------- */

typedef struct round {
    test_folder folder;
    bool save;
} round_trip;

static sy_status once(sy_context *context, void *argument, sy_error *err)
{
    round_trip *r = argument;
    sy_hook *hook = NULL;
    sy_module *net = NULL;
    sy_hook_options options = SY_HOOK_OPTIONS_INIT;
    options.verbose = false;
    sy_status status = sy_hook_new(context, &hook, &options, err);
    if (status == SY_OK) {
        status = make_net(hook, &net, err);
    }
    if (status == SY_OK && r->save) {
        status = sy_module_save(net, r->folder.names[0], SY_MODEL_BY_PATH, err);
        assert_int_equal(test_folder_count(&r->folder), status == SY_OK ? 1 : 0);
    } else if (status == SY_OK) {
        float before[ELEMENTS], after[ELEMENTS];
        read_all(net, before);
        status = sy_module_load(net, VECTORS "linear.pt", NULL, err);
        read_all(net, after);
        assert_true((memcmp(before, after, sizeof before) == 0) == (status != SY_OK));
    }
    sy_module_unref(net);
    sy_hook_free(hook);
    return status;
}

static void test_refused_memory(void **state)
{
    (void)state;
    round_trip r = {.save = true};
    assert_true(test_folder_make(&r.folder));
    (void)test_folder_path(&r.folder, "net.pt");
    assert_true(memory_faults_sweep(once, &r) > 30);
    r.save = false;
    assert_true(memory_faults_sweep(once, &r) > 30);
    assert_true(test_folder_remove(&r.folder));
}

#define HOOK_TEST(f) cmocka_unit_test_setup_teardown(f, local_hook_setup, local_hook_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        HOOK_TEST(test_round_trips),
        HOOK_TEST(test_what_pytorch_wrote),
        HOOK_TEST(test_what_pytorch_would_write),
        HOOK_TEST(test_what_does_not_fit),
        HOOK_TEST(test_fractions_are_not_dropped),
        HOOK_TEST(test_not_strict_and_prefix),
        HOOK_TEST(test_many_names),
        HOOK_TEST(test_a_layer_in_two_places),
        HOOK_TEST(test_buffers),
        HOOK_TEST(test_remote_and_private),
        HOOK_TEST(test_the_tape_sees_a_load),
        cmocka_unit_test(test_refused_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
