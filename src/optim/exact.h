/*
 * Functions whose result reaches the parameters through the learning rate or Adam's bias correction: made of IEEE
 * additions, products and quotients alone, so that every machine computes the same bits. (libm picks other code on
 * other processors.)
 */
#ifndef RR_OPTIM_EXACT_H
#define RR_OPTIM_EXACT_H

#include <stdint.h>

/** base^exponent by repeated squaring. Relative error about exponent * 2^-53. */
double rr_exact_power(double base, uint64_t exponent);

/** cos(pi * x) for any finite x, to 3e-16. */
double rr_exact_cos_pi(double x);

#endif
