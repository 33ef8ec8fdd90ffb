/* Sums of arrays of several ranks, always added in the order of ranks: the same bits whoever adds, and however cut. */
#ifndef RR_DIST_SUM_RANKS_H
#define RR_DIST_SUM_RANKS_H

#include <stddef.h>

/** out[count] = sum over ranks of arrays[rank][begin + i]. out overlaps none of them. */
void rr_sum_ranks(float *const *arrays, size_t ranks, size_t begin, size_t count, float *restrict out);

/** The same sum, put into the arrays `first` .. `last - 1`, at the same place. */
void rr_sum_ranks_into(float *const *arrays, size_t ranks, size_t begin, size_t count, size_t first, size_t last);

#endif
