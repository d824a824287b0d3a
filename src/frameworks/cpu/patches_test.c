/* patches_test.c - gathered and scattered windows against the definition, over every tile of random geometries. */
#include "frameworks/cpu/patches.h"

#include "support/property.h"
#include "support/test.h"

enum { CHANNELS = 2, ELEMENTS_MAX = 4096 };

static syi_window draw_window(property_random *random)
{
    syi_window w;
    for (int d = 0; d < 2; d++) {
        w.kernel[d] = property_between(random, 1, 3);
        w.dilation[d] = property_between(random, 1, 3);
        w.stride[d] = property_between(random, 1, 4);
        w.padding[d] = property_between(random, 0, 3);
        const int64_t covered = (w.kernel[d] - 1) * w.dilation[d] + 1;
        const int64_t least = covered - 2 * w.padding[d];
        w.in[d] = (least > 1 ? least : 1) + property_between(random, 0, 6);
        w.out[d] = (w.in[d] + 2 * w.padding[d] - covered) / w.stride[d] + 1;
    }
    return w;
}

static int32_t expected(const syi_window *w, const int32_t *planes, int64_t c, int64_t y, int64_t x,
                        int64_t row, int64_t column)
{
    const int64_t i = row * w->stride[0] - w->padding[0] + y * w->dilation[0];
    const int64_t k = column * w->stride[1] - w->padding[1] + x * w->dilation[1];
    const bool inside = i >= 0 && i < w->in[0] && k >= 0 && k < w->in[1];
    return inside ? planes[(c * w->in[0] + i) * w->in[1] + k] : 0;
}

static void gather_and_scatter(void **state)
{
    (void)state;
    property_random random = property_start("gather_and_scatter");
    static int32_t planes[ELEMENTS_MAX], matrix[ELEMENTS_MAX], back[ELEMENTS_MAX],
        sums[ELEMENTS_MAX];
    for (int round = 0; round < 300; round++) {
        const syi_window w = draw_window(&random);
        const int64_t count = CHANNELS * w.in[0] * w.in[1];
        const syi_tile tile = {.row = property_between(&random, 0, w.out[0] - 1),
                               .row_end = w.out[0],
                               .column = property_between(&random, 0, w.out[1] - 1),
                               .column_end = w.out[1]};
        assert_true(count <= ELEMENTS_MAX &&
                    CHANNELS * w.kernel[0] * w.kernel[1] * syi_tile_places(&tile) <= ELEMENTS_MAX);
        for (int64_t i = 0; i < count; i++) {
            planes[i] = (int32_t)property_between(&random, 1, 1000);
            back[i] = sums[i] = 7;
        }
        syi_patches_gather(sizeof *planes, &w, CHANNELS, planes, &tile, matrix);
        syi_patches_scatter(SY_DTYPE_I32, &w, CHANNELS, back, &tile, matrix);
        const int32_t *at = matrix;
        for (int64_t c = 0; c < CHANNELS; c++) {
            for (int64_t k = 0; k < w.kernel[0] * w.kernel[1]; k++) {
                const int64_t y = k / w.kernel[1], x = k % w.kernel[1];
                for (int64_t row = tile.row; row < tile.row_end; row++) {
                    for (int64_t column = tile.column; column < tile.column_end; column++) {
                        const int32_t value = expected(&w, planes, c, y, x, row, column);
                        assert_int_equal(*at++, value);
                        if (value != 0) {
                            sums[(c * w.in[0] + row * w.stride[0] - w.padding[0] +
                                  y * w.dilation[0]) *
                                     w.in[1] +
                                 column * w.stride[1] - w.padding[1] + x * w.dilation[1]] += value;
                        }
                    }
                }
            }
        }
        assert_memory_equal(back, sums, (size_t)count * sizeof *back);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(gather_and_scatter)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
