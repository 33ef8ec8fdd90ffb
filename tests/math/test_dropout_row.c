/* The vectorised masks against Philox of Random123, a block at a time, at every level. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "math/levels.h"

enum { MOST = 300 };

static void a_mask_is_that_of_philox(void **state) {
    (void)state;
    static const size_t widths[] = {1, 3, 4, 5, 63, 64, 65, 128, 257, MOST};
    static const float shares[] = {0.0f, 0.1f, 0.5f, 0.999f};
    const uint64_t seed = UINT64_C(0x123456789abcdef);
    FOR_EACH_LEVEL(level)
    for (size_t w = 0; w < sizeof widths / sizeof *widths; w++)
        for (size_t s = 0; s < sizeof shares / sizeof *shares; s++) {
            size_t width = widths[w];
            float p = shares[s], x[MOST], y[MOST + 1];
            draw(MOST, 1, -1, 1, x);
            y[width] = 7;
            uint32_t counter[4] = {5, 6, 0xffffffffu, 0xfffffff0u - (uint32_t)w}, words[4];
            if (counter[3] + width / 4 < counter[3]) counter[3] = 1000;
            rr_kernels_of(level)->dropout(width, rr_philox_key(seed, RR_RNG_DROPOUT), counter, p, x, y);
            for (size_t i = 0; i < width; i++) {
                uint32_t at[4] = {counter[0], counter[1], counter[2], counter[3] + (uint32_t)(i / 4)};
                rr_philox(seed, RR_RNG_DROPOUT, at, words);
                float want = rr_unit_float(words[i % 4]) < p ? 0.0f : x[i] * (1.0f / (1.0f - p));
                assert_true(same(y[i], want));
            }
            assert_true(y[width] == 7);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_mask_is_that_of_philox)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
