/* exp, sigmoid, tanh and log against the double precision of libm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "math/levels.h"

enum { BLOCK = 4096 };

static double sigmoid(double x) { return 1 / (1 + exp(-x)); }

typedef struct function {
    const char *name;
    size_t member; /* of rr_kernels */
    double (*exact)(double);
    double bound; /* ulp; pointwise.c states it */
    double dense_from,
        dense_to; /* magnitudes where the result is neither constant nor x: every float with RINGRNN_TEST_ALL */
} function;

static const function functions[] = {
    {"exp", offsetof(rr_kernels, exp), exp, 1, 0x1p-26, 104},
    {"sigmoid", offsetof(rr_kernels, sigmoid), sigmoid, 2.5, 0x1p-26, 104},
    {"tanh", offsetof(rr_kernels, tanh), tanh, 2.5, 0x1p-14, 10},
    {"log", offsetof(rr_kernels, log), log, 1, 0x1p-3, 8},
};
enum { FUNCTIONS = sizeof functions / sizeof *functions };

typedef void (*kernel)(size_t, const float *, float *);

static kernel kernel_of(const function *f, rr_isa level) {
    kernel out;
    memcpy(&out, (const char *)rr_kernels_of(level) + f->member, sizeof out);
    return out;
}

/* The largest error over the floats with bits first, first + stride ... below end. */
static double worst(const function *f, uint64_t first, uint64_t end, uint64_t stride, float *where) {
    float x[BLOCK], y[BLOCK];
    kernel compute = kernel_of(f, rr_isa_best());
    double largest = 0;
    while (first < end) {
        size_t count = 0;
        for (; count < BLOCK && first < end; first += stride) x[count++] = float_of((uint32_t)first);
        compute(count, x, y);
        for (size_t i = 0; i < count; i++) {
            double want = f->exact((double)x[i]);
            if (want != want) {
                if (y[i] == y[i]) fail_msg("%s(%a) is %a, not NaN", f->name, (double)x[i], (double)y[i]);
                continue;
            }
            if (f->exact == log && fabsf(x[i]) < 0x1p-126f) want = -INFINITY;  /* a denormal is 0 */
            if (fabs(want) >= 0x1.ffffffp127) want = copysign(INFINITY, want); /* rounds to no float */
            if (fabs(want) < 0x1p-126 && y[i] == 0) continue;                  /* flushed */
            double error = isinf(want) ? ((double)y[i] == want ? 0 : INFINITY) : ulps(y[i], want);
            if (error > largest) {
                largest = error;
                *where = x[i];
            }
        }
    }
    return largest;
}

static void errors_stay_within_the_stated_bounds(void **state) {
    (void)state;
    for (size_t i = 0; i < FUNCTIONS; i++) {
        const function *f = &functions[i];
        float where = 0;
        double error = worst(f, 0, (uint64_t)1 << 32, 509, &where);
        if (getenv("RINGRNN_TEST_ALL") != NULL)
            for (uint32_t sign = 0; sign <= 1 && !(sign == 1 && f->exact == log); sign++) {
                uint64_t from = bits_of((float)f->dense_from) | sign << 31,
                         to = bits_of((float)f->dense_to) | sign << 31;
                float there = 0;
                double dense = worst(f, from, to, 1, &there);
                if (dense > error) error = dense, where = there;
            }
        print_message("%s: at most %.3f ulp, at %a\n", f->name, error, (double)where);
        if (!(error <= f->bound)) fail_msg("%s: %g ulp at %a", f->name, error, (double)where);
    }
}

/* Where a formula ends and another begins, every float is tried. */
static void errors_stay_within_the_bounds_around_every_border(void **state) {
    (void)state;
    static const float borders[] = {
        0x1p-126f, 0.5f * (float)M_LN2, (float)M_LN2,   (float)M_SQRT1_2, 1, (float)M_SQRT2, 9.02f, 9.5f, 0x1.5d589ep6f,
        88,        0x1.62e43p6f,        0x1.fffffep127f};
    for (size_t i = 0; i < FUNCTIONS; i++)
        for (size_t k = 0; k < sizeof borders / sizeof *borders; k++)
            for (uint32_t sign = 0; sign <= 1; sign++) {
                uint64_t middle = bits_of(borders[k]) | sign << 31;
                float where = 0;
                double error = worst(&functions[i], middle - 5000, middle + 5000, 1, &where);
                if (!(error <= functions[i].bound))
                    fail_msg("%s: %g ulp at %a", functions[i].name, error, (double)where);
            }
}

static void special_values_have_special_results(void **state) {
    (void)state;
    static const float x[] = {0.0f, -0.0f, INFINITY, -INFINITY, 1.0f, 1000.0f, -1000.0f};
    enum { COUNT = sizeof x / sizeof *x };
    static const float want[FUNCTIONS][COUNT] = {
        {1, 1, INFINITY, 0, (float)M_E, INFINITY, 0},
        {0.5f, 0.5f, 1, 0, 0.731058579f, 1, 0},
        {0.0f, -0.0f, 1, -1, 0.761594156f, 1, -1},
        {-INFINITY, -INFINITY, INFINITY, NAN, 0, 6.90775528f, NAN},
    };
    FOR_EACH_LEVEL(level)
    for (size_t f = 0; f < FUNCTIONS; f++) {
        float y[COUNT];
        kernel_of(&functions[f], level)(COUNT, x, y);
        for (size_t i = 0; i < COUNT; i++)
            if (!same(y[i], want[f][i]))
                fail_msg("%s %s(%g) is %.9g", rr_isa_name(level), functions[f].name, (double)x[i], (double)y[i]);
    }
}

static void results_may_lie_over_their_arguments(void **state) {
    (void)state;
    FOR_EACH_LEVEL(level)
    for (size_t f = 0; f < FUNCTIONS; f++) {
        float x[101], y[101];
        draw(101, 7, 0.1f, 5, x);
        kernel_of(&functions[f], level)(101, x, y);
        kernel_of(&functions[f], level)(101, x, x);
        assert_memory_equal(x, y, sizeof x);
    }
}

/* Over the whole range, and at every place of a vector. */
static void every_level_gives_the_same_bits(void **state) {
    (void)state;
    float x[BLOCK], want[BLOCK], got[BLOCK];
    FOR_EACH_LEVEL(level)
    for (size_t f = 0; f < FUNCTIONS; f++)
        for (uint64_t first = 0; first < (uint64_t)1 << 32; first += (uint64_t)BLOCK * 30011) {
            size_t count = BLOCK - first % 17;
            for (size_t i = 0; i < count; i++) x[i] = float_of((uint32_t)(first + i * 30011));
            kernel_of(&functions[f], RR_ISA_PORTABLE)(count, x, want);
            kernel_of(&functions[f], level)(count, x, got);
            for (size_t i = 0; i < count; i++)
                if (!same(got[i], want[i])) fail_msg("%s %s(%a)", rr_isa_name(level), functions[f].name, (double)x[i]);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_stay_within_the_stated_bounds),
        cmocka_unit_test(errors_stay_within_the_bounds_around_every_border),
        cmocka_unit_test(special_values_have_special_results),
        cmocka_unit_test(results_may_lie_over_their_arguments),
        cmocka_unit_test(every_level_gives_the_same_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
