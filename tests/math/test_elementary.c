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
    {"exp", offsetof(rr_kernels, exp), exp, 1.1, 0x1p-26, 104},
    {"sigmoid", offsetof(rr_kernels, sigmoid), sigmoid, 2.5, 0x1p-26, 104},
    {"tanh", offsetof(rr_kernels, tanh), tanh, 2.5, 0x1p-14, 10},
    {"log", offsetof(rr_kernels, log), log, 1.5, 0x1p-3, 8},
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_stay_within_the_stated_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
