/* How many shards of the global batch each rank gets where some ranks are faster than others. A pure function. */
#ifndef RR_DIST_SHARD_COUNTS_H
#define RR_DIST_SHARD_COUNTS_H

#include <stddef.h>

#include "base/error.h"

/**
 * Shares `shards` out so that the last rank is done soonest, or at most 5 % later, if rank r computes rates[r] of them
 * a second; a rank may get none. Within that margin even counts (rr_first_shard) are best, then multiples of a high
 * power of two: runs of few whole nodes of the tree cost less, to compute and to add up. Counts are even, too, if the
 * slowest rank is at least 0.9 times as fast as the fastest, for measurements differ that much by chance.
 *
 * @param[in]  rates   [ranks] > 0, in any unit
 * @param[out] counts  [ranks]
 * @return RR_ERR_NOMEM
 */
rr_status rr_shard_counts(const double *rates, size_t ranks, size_t shards, size_t *counts);

#endif
