#include "pysyft/spelling.h"

#include <stdio.h>
#include <string.h>

/* Functions of torch.nn.functional. */
static const char functional[] =
    " linear conv3d max_pool1d avg_pool1d avg_pool2d adaptive_avg_pool2d cross_entropy mse_loss "
    "nll_loss l1_loss smooth_l1_loss binary_cross_entropy binary_cross_entropy_with_logits kl_div "
    "group_norm gelu elu selu celu leaky_relu softplus silu hardtanh relu6 pad one_hot normalize "
    "cosine_similarity max_pool2d logsigmoid ";
/* Functions of torch. */
static const char plain[] =
    " cat stack hstack vstack where einsum zeros ones full arange rand randn randint randperm "
    "empty "
    "eye linspace zeros_like ones_like full_like rand_like randn_like randint_like empty_like "
    "tensor "
    "conv1d conv2d dropout layer_norm batch_norm embedding native_batch_norm native_layer_norm "
    "native_dropout convolution rsub ";

static bool is_in(const char *words, const char *name, size_t length)
{
    char word[80];
    if (length + 3 > sizeof word) {
        return false;
    }
    snprintf(word, sizeof word, " %.*s ", (int)length, name);
    return strstr(words, word) != NULL;
}

const char *syi_pysyft_module_of(const char *name, size_t length)
{
    return is_in(functional, name, length) ? "torch.nn.functional."
           : is_in(plain, name, length)    ? "torch."
                                           : NULL;
}

/* Rows that PyTorch has under another name, or wants all arguments of, or has with fewer parameters. */
static const struct exception {
    const char *row, *name;
    bool all;
    const char *lacks; /* from this parameter on it has none */
} exceptions[] = {
    {"index", "__getitem__", false, NULL},
    {"log_sigmoid", "logsigmoid", false, NULL},
    {"elu", "elu", false, "scale"},
    {"dropout", "dropout", true, NULL},
    {"batch_norm", "batch_norm", true, NULL},
    {"convolution", "convolution", true, NULL},
    {"native_batch_norm", "native_batch_norm", true, NULL},
    {"native_dropout", "native_dropout", true, NULL},
    {"native_layer_norm", "native_layer_norm", true, NULL},
    {"embedding", "embedding", true, NULL},
};
/* Rows that it does not have, and all whose names say that they are half of a gradient. */
static const char unknown[] =
    " sgd_ sgd_momentum_ adam_ _momentum_ _nesterov_ _adam_square_ _adam_apply_ _ravel_index "
    "_index "
    "_index_put _native_batch_norm_legit_functional im2col col2im _softmax_backward_data "
    "_log_softmax_backward_data constant_pad_nd max_pool2d_with_indices index_put div_trunc "
    "linalg_solve silu_ ";

static bool is_unknown(const char *name, size_t length)
{
    static const char half[] = "_backward";
    const size_t tail = sizeof half - 1;
    return is_in(unknown, name, length) ||
           (length > tail && memcmp(name + length - tail, half, tail) == 0);
}

bool syi_pysyft_spell(const char *row, bool changes, syi_pysyft_spelling *spelling)
{
    const struct exception *e = NULL;
    for (size_t i = 0; i < sizeof exceptions / sizeof *exceptions && e == NULL; i++) {
        e = strcmp(exceptions[i].row, row) == 0 ? &exceptions[i] : NULL;
    }
    const char *base = e != NULL ? e->name : row;
    const int length =
        snprintf(spelling->name, sizeof spelling->name, "%s%s", base, changes ? "_" : "");
    spelling->module = syi_pysyft_module_of(base, strlen(base));
    spelling->all = e != NULL && e->all;
    spelling->lacks = e != NULL ? e->lacks : NULL;
    return length > 0 && (size_t)length < sizeof spelling->name &&
           !is_unknown(spelling->name, (size_t)length) && !is_unknown(base, strlen(base));
}
