#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"

/* rr_philox mixes the use into the key; the seed that gives a wanted key for RR_RNG_TEST. */
static uint64_t seed_of_key(uint32_t low, uint32_t high) {
    return ((uint64_t)high << 32 | low) ^ (uint64_t)RR_RNG_TEST * UINT64_C(0x9E3779B97F4A7C15);
}

/* The lines "philox4x32 10" of Random123's tests/kat_vectors: counter, key, answer. */
static void known_answers_of_random123(void **state) {
    (void)state;
    static const struct {
        uint32_t counter[4], key[2], answer[4];
    } cases[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint32_t out[6] = {0, 0, 0, 0, 0xCAFE, 0xCAFE};
        rr_philox(seed_of_key(cases[i].key[0], cases[i].key[1]), RR_RNG_TEST, cases[i].counter, out);
        assert_memory_equal(out, cases[i].answer, sizeof cases[i].answer);
        assert_true(out[4] == 0xCAFE && out[5] == 0xCAFE);
    }
}

static void every_use_has_numbers_of_its_own(void **state) {
    (void)state;
    static const rr_rng_use uses[] = {RR_RNG_INIT,   RR_RNG_DROPOUT, RR_RNG_SHUFFLE,
                                      RR_RNG_SAMPLE, RR_RNG_SPLIT,   RR_RNG_TEST};
    static const uint32_t counter[4] = {1, 2, 3, 4};
    uint32_t out[6][4];
    for (size_t i = 0; i < 6; i++) {
        rr_philox(7, uses[i], counter, out[i]);
        for (size_t k = 0; k < i; k++) assert_memory_not_equal(out[i], out[k], sizeof out[i]);
    }
}

static void the_unit_float_is_below_one_and_exact(void **state) {
    (void)state;
    assert_true(rr_unit_float(0) == 0.0F);
    assert_true(rr_unit_float(255) == 0.0F);
    assert_true(rr_unit_float(256) == 0x1p-24F);
    assert_true(rr_unit_float(0x80000000U) == 0.5F);
    assert_true(rr_unit_float(UINT32_MAX) == 1.0F - 0x1p-24F);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answers_of_random123),
        cmocka_unit_test(every_use_has_numbers_of_its_own),
        cmocka_unit_test(the_unit_float_is_below_one_and_exact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
