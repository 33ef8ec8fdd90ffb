/*
 * Forecast of a step on any number of ranks: computing as measured on one, messages by latency and rate (the alpha-beta
 * model), and what of them is exposed by walking through the backward pass bucket by bucket. A model: no contention, no
 * noise, no slow rank.
 */
#ifndef RR_DOCTOR_MODEL_H
#define RR_DOCTOR_MODEL_H

#include "bench/trace.h"

/** Computing of a rank with so many rows, measured. */
typedef struct rr_compute_point {
    size_t rows;
    double rest_s; /* of a step beside the pass: clipping, optimiser, packing */
    rr_trace pass;
} rr_compute_point;

typedef struct rr_cluster_model {
    const rr_compute_point *points; /* [count], rows rise */
    size_t count;
    double latency_s, bytes_per_s;             /* between nodes */
    double local_latency_s, local_bytes_per_s; /* at which ranks of a node add up what they share */
    size_t ranks_per_node;
    size_t allreduce, bucket_floats; /* dist.allreduce, dist.bucket_mb */
} rr_cluster_model;

typedef struct rr_step_model {
    double compute_s, comm_s, exposed_s, step_s; /* comm_s: if nothing else were done */
} rr_step_model;

/**
 * @param[in] rows   of the rank with most
 * @param[in] dense  floats of the gradients that are summed whole
 * @param[in] loose  floats that all ranks together make of what goes as rows
 */
rr_step_model rr_model_step(const rr_cluster_model *cluster, size_t ranks, size_t rows, double dense, double loose);

#endif
