/* Standard normal numbers that are the same bits on every machine. */
#ifndef RR_NN_NORMAL_H
#define RR_NN_NORMAL_H

#include <stdint.h>

/**
 * Two independent standard normal numbers from two uniform words (Box & Muller 1958).
 *
 * Only +, -, *, / and sqrt, which IEEE 754 rounds in one way: a libm's log and cos differ between versions and
 * processors, and ranks on unlike nodes would start with unlike parameters.
 */
void rr_normal_pair(uint32_t first, uint32_t second, double out[2]);

#endif
