#include "nn/normal.h"

#include <math.h>

/* ln x for x in (0, 1]: x = m 2^e with m in [sqrt 1/2, sqrt 2), ln m = 2 artanh((m - 1) / (m + 1)); error below 2e-16.
 */
static double natural_log(double x) {
    int exponent;
    double m = frexp(x, &exponent); /* exact, as is the doubling */
    if (m < 0.70710678118654752) {
        m *= 2;
        exponent--;
    }
    double s = (m - 1) / (m + 1), s2 = s * s, sum = 0; /* |s| < 0.172: s^24 / 25 is below 2e-20 */
    for (int k = 23; k >= 1; k -= 2) sum = sum * s2 + 1.0 / k;
    return 2 * s * sum + exponent * 0.69314718055994531;
}

/* cos and sin of a turn times u, u in [0, 1): Taylor's series within an eighth of a turn of a multiple of a quarter. */
static void turn(double u, double *cosine, double *sine) {
    int quarter = (int)(4 * u + 0.5);
    double a = (4 * u - quarter) * 1.57079632679489662, a2 = a * a, c = 0, s = 0; /* |a| <= pi / 4 */
    for (int k = 18; k >= 2; k -= 2) c = (1 + c) * (-a2 / (k * (k - 1)));         /* cos a - 1 */
    for (int k = 19; k >= 3; k -= 2) s = (1 + s) * (-a2 / (k * (k - 1)));         /* sin a / a - 1 */
    c = 1 + c;
    s = a + a * s;
    switch (quarter & 3) {
    case 0:
        *cosine = c, *sine = s;
        break;
    case 1:
        *cosine = -s, *sine = c;
        break;
    case 2:
        *cosine = -c, *sine = -s;
        break;
    default:
        *cosine = s, *sine = -c;
        break;
    }
}

void rr_normal_pair(uint32_t first, uint32_t second, double out[2]) {
    double radius = sqrt(-2 * natural_log(((double)first + 0.5) * 0x1p-32)), cosine, sine;
    turn((double)second * 0x1p-32, &cosine, &sine);
    out[0] = radius * cosine;
    out[1] = radius * sine;
}
