/* How fast two ranks exchange messages. */
#ifndef RR_DIST_PROBE_H
#define RR_DIST_PROBE_H

#include "dist/comm.h"

typedef struct rr_link_rates {
    double latency_s;   /* half a round trip of 8 bytes, the median of many */
    double bytes_per_s; /* each way while both send, the best of several messages */
} rr_link_rates;

/**
 * Both ranks call it with each other's number; takes some tenths of a second, on a slow link a few seconds. Both get
 * the same figures.
 * @return RR_ERR_RUNTIME if the partner does not answer for 20 s, RR_ERR_NOMEM
 */
rr_status rr_link_measure(rr_comm *comm, size_t partner, rr_link_rates *out);

#endif
