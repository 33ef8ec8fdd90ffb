/* The `dist` section. */
#ifndef RR_DIST_DIST_CONFIG_H
#define RR_DIST_DIST_CONFIG_H

#include "config/schema.h"

/* Names of dist.shards_per_rank. */
enum { RR_SHARDS_EVEN, RR_SHARDS_AUTO };

typedef struct rr_dist_config {
    int allreduce;        /* RR_ALLREDUCE_AUTO (0) or 1 + index in rr_allreduces */
    double bucket_mb;     /* MiB of gradients a bucket */
    bool shard_optimizer; /* each rank updates its part of the weights */
    size_t threads_per_rank;
    size_t logical_shards; /* of the global batch, in whose order gradients are added; 0: off */
    rr_enum_or_sizes shards_per_rank;
    size_t timeout_s;         /* without progress on any rank; 0: for ever */
    size_t check_every_steps; /* compare the parameters' hash over ranks that often; 0: never */
} rr_dist_config;

extern const rr_section rr_dist_section;

#endif
