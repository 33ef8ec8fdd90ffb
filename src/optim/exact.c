#include "optim/exact.h"

#include <math.h>

double rr_exact_power(double base, uint64_t exponent) {
    double power = 1;
    for (; exponent > 0; exponent >>= 1) {
        if (exponent & 1) power *= base;
        base *= base;
    }
    return power;
}

/* The Taylor series about 0 for |angle| <= pi / 4, Horner's scheme; the first term left out is below 2^-60. */
static double cos_near_0(double angle) {
    double square = angle * angle, sum = 1;
    for (int n = 16; n > 0; n -= 2) sum = 1 - sum * square / (n * (n - 1));
    return sum;
}

static double sin_near_0(double angle) {
    double square = angle * angle, sum = 1;
    for (int n = 17; n > 1; n -= 2) sum = 1 - sum * square / (n * (n - 1));
    return angle * sum;
}

double rr_exact_cos_pi(double x) {
    static const double pi = 0x1.921fb54442d18p+1;
    x = fmod(fabs(x), 2); /* exact */
    if (x > 1) x = 2 - x;
    if (x > 0.75) return -cos_near_0(pi * (1 - x));
    if (x > 0.25) return sin_near_0(pi * (0.5 - x));
    return cos_near_0(pi * x);
}
