/* einsum.c - see einsum.h. The rules are PyTorch's. */
#include "ops/einsum.h"

#include <inttypes.h>
#include <string.h>

#include "core/error.h"
#include "ops/infer.h"

/* -1 for what is no letter; capitals come first, as in PyTorch. */
static int label_of(char c)
{
    return c >= 'A' && c <= 'Z' ? c - 'A' : c >= 'a' && c <= 'z' ? c - 'a' + 26 : -1;
}

static char letter_of(int label)
{
    return (char)(label >= SYI_EINSUM_LETTERS ? '.' : label < 26 ? 'A' + label : 'a' + label - 26);
}

/* A term as it is written, before it meets a shape. */
typedef struct written {
    int count;
    int labels[SY_DIM_MAX];
    int dots; /* labels before them, or -1 */
} written;

/* Reads up to ',' , '-' or the end. */
static sy_status read_term(const char **at, written *term, sy_error *err)
{
    *term = (written){.dots = -1};
    for (const char *c = *at;; c++) {
        if (*c == 0 || *c == ',' || *c == '-') {
            *at = c;
            return SY_OK;
        }
        const int label = label_of(*c);
        if (*c == ' ') {
            continue;
        }
        if (strncmp(c, "...", 3) == 0) {
            if (term->dots >= 0) {
                return syi_fail(err, SY_EINVAL, "a term has three dots twice");
            }
            term->dots = term->count;
            c += 2;
        } else if (label < 0) {
            return syi_fail(err, SY_EINVAL, "\"%.20s\" is no label", c);
        } else if (term->count == SY_DIM_MAX) {
            return syi_fail(err, SY_ESHAPE, "a term has more than %d labels", SY_DIM_MAX);
        } else {
            term->labels[term->count++] = label;
        }
    }
}

/* Gives every dim its label; `hidden` dims stand where the dots do. */
static void spell_out(const written *term, int hidden, syi_einsum_term *out)
{
    out->ndim = 0;
    for (int k = 0; k <= term->count; k++) {
        for (int h = 0; k == term->dots && h < hidden; h++) {
            out->labels[out->ndim++] = SYI_EINSUM_LABELS - hidden + h;
        }
        if (k < term->count) {
            out->labels[out->ndim++] = term->labels[k];
        }
    }
}

static sy_status note_sizes(syi_einsum *einsum, const syi_einsum_term *term,
                            const syi_array *operand, sy_error *err)
{
    for (int d = 0; d < term->ndim; d++) {
        int64_t *size = &einsum->sizes[term->labels[d]];
        const int64_t own = operand->shape[d];
        if (*size > 1 && own != 1 && own != *size) {
            return syi_fail(err, SY_ESHAPE, "label %c is %" PRId64 " and %" PRId64,
                            letter_of(term->labels[d]), *size, own);
        }
        if (*size < 0 || *size == 1) {
            *size = own;
        } else if (*size == 0 && own > 1) {
            return syi_fail(err, SY_ESHAPE, "label %c is 0 and %" PRId64,
                            letter_of(term->labels[d]), own);
        }
    }
    for (int d = 0; d < term->ndim; d++) { /* a diagonal is of a square */
        for (int e = 0; e < d; e++) {
            if (term->labels[d] == term->labels[e] && operand->shape[d] != operand->shape[e]) {
                return syi_fail(err, SY_ESHAPE,
                                "label %c is %" PRId64 " and %" PRId64 " in one operand",
                                letter_of(term->labels[d]), operand->shape[e], operand->shape[d]);
            }
        }
    }
    return SY_OK;
}

static sy_status read_operand(syi_einsum *einsum, const char **at, const syi_array *operand,
                              int *most_hidden, sy_error *err)
{
    written term;
    SY_TRY(read_term(at, &term, err));
    const int hidden = operand->ndim - term.count;
    if (hidden < 0 || (hidden > 0 && term.dots < 0)) {
        char text[64];
        return syi_fail(err, SY_ESHAPE, "operand %d is %s, but the equation has %d labels for it",
                        einsum->count,
                        syi_shape_format(operand->ndim, operand->shape, text, sizeof text),
                        term.count);
    }
    if (hidden > *most_hidden) {
        *most_hidden = hidden;
    }
    syi_einsum_term *spelled = &einsum->operands[einsum->count++];
    spell_out(&term, hidden, spelled);
    return note_sizes(einsum, spelled, operand, err);
}

/* No arrow: what the dots stand for, and then the labels that occur once, in order. */
static sy_status imply_out(syi_einsum *einsum, int hidden, sy_error *err)
{
    int seen[SYI_EINSUM_LABELS] = {0};
    for (int k = 0; k < einsum->count; k++) {
        for (int d = 0; d < einsum->operands[k].ndim; d++) {
            seen[einsum->operands[k].labels[d]]++;
        }
    }
    for (int h = 0; h < hidden; h++) {
        einsum->out.labels[einsum->out.ndim++] = SYI_EINSUM_LABELS - hidden + h;
    }
    for (int label = 0; label < SYI_EINSUM_LETTERS; label++) {
        if (seen[label] == 1) {
            if (einsum->out.ndim == SY_DIM_MAX) {
                return syi_fail(err, SY_ESHAPE, "a result of more than %d dimensions", SY_DIM_MAX);
            }
            einsum->out.labels[einsum->out.ndim++] = label;
        }
    }
    return SY_OK;
}

static sy_status read_out(syi_einsum *einsum, const char **at, int hidden, sy_error *err)
{
    written term;
    SY_TRY(read_term(at, &term, err));
    if (term.count + (term.dots >= 0 ? hidden : 0) > SY_DIM_MAX) {
        return syi_fail(err, SY_ESHAPE, "a result of more than %d dimensions", SY_DIM_MAX);
    }
    for (int k = 0; k < term.count; k++) {
        bool twice = false;
        for (int e = 0; e < k; e++) {
            twice |= term.labels[e] == term.labels[k];
        }
        if (twice || einsum->sizes[term.labels[k]] < 0) {
            return syi_fail(err, SY_EINVAL, "label %c of the result %s", letter_of(term.labels[k]),
                            twice ? "occurs twice" : "is in no operand");
        }
    }
    spell_out(&term, hidden, &einsum->out);
    return SY_OK;
}

sy_status syi_einsum_parse(syi_einsum *einsum, const char *equation,
                           const syi_array *const *operands, int count, sy_error *err)
{
    const char *at = equation;
    int hidden = 0;
    einsum->count = 0;
    einsum->out.ndim = 0;
    for (int label = 0; label < SYI_EINSUM_LABELS; label++) {
        einsum->sizes[label] = -1;
    }
    if (count == 0 || count > SYI_OUTPUT_MAX) {
        return syi_fail(err, SY_EINVAL, "%d operands", count);
    }
    for (int k = 0; k < count; k++) {
        if (k > 0 && *at++ != ',') {
            return syi_fail(err, SY_EINVAL, "%d operands, but \"%.40s\" has %d terms", count,
                            equation, k);
        }
        SY_TRY(read_operand(einsum, &at, operands[k], &hidden, err));
    }
    if (*at == 0) {
        return imply_out(einsum, hidden, err);
    }
    if (strncmp(at, "->", 2) != 0) {
        return syi_fail(err, SY_EINVAL, "%d operands, but \"%.40s\" goes on with \"%.20s\"", count,
                        equation, at);
    }
    at += 2;
    SY_TRY(read_out(einsum, &at, hidden, err));
    return *at == 0 ? SY_OK
                    : syi_fail(err, SY_EINVAL, "\"%.40s\" goes on with \"%.20s\"", equation, at);
}

sy_status syi_einsum_of_tensordot(syi_einsum *einsum, const syi_array *self, const syi_array *other,
                                  const sy_value *self_dims, const sy_value *other_dims,
                                  sy_error *err)
{
    const syi_ints left = syi_argument_ints(self_dims), right = syi_argument_ints(other_dims);
    const syi_array *operands[2] = {self, other};
    if (left.count != right.count) {
        return syi_fail(err, SY_EINVAL, "%zu dims of self, %zu of other", left.count, right.count);
    }
    *einsum = (syi_einsum){.count = 2};
    for (int label = 0; label < SYI_EINSUM_LABELS; label++) {
        einsum->sizes[label] = -1;
    }
    for (int k = 0; k < 2; k++) { /* every dim a label of its own at first */
        einsum->operands[k].ndim = operands[k]->ndim;
        for (int d = 0; d < operands[k]->ndim; d++) {
            einsum->operands[k].labels[d] = k * SY_DIM_MAX + d;
        }
    }
    bool contracted[2 * SY_DIM_MAX] = {false};
    for (size_t i = 0; i < left.count; i++) {
        int a, b;
        SY_TRY(syi_argument_dim(&left.items[i], self->ndim, &a, err));
        SY_TRY(syi_argument_dim(&right.items[i], other->ndim, &b, err));
        if (self->ndim == 0 || other->ndim == 0 || contracted[a] || contracted[SY_DIM_MAX + b]) {
            return syi_fail(err, SY_EINVAL, "a dim is contracted twice");
        }
        contracted[a] = contracted[SY_DIM_MAX + b] = true;
        einsum->operands[1].labels[b] = a;
    }
    for (int k = 0; k < 2; k++) {
        SY_TRY(note_sizes(einsum, &einsum->operands[k], operands[k], err));
        for (int d = 0; d < operands[k]->ndim; d++) {
            if (contracted[k * SY_DIM_MAX + d]) {
                continue;
            }
            if (einsum->out.ndim == SY_DIM_MAX) {
                return syi_fail(err, SY_ESHAPE, "a result of more than %d dimensions", SY_DIM_MAX);
            }
            einsum->out.labels[einsum->out.ndim++] = einsum->operands[k].labels[d];
        }
    }
    return SY_OK;
}
