/* The algorithms that allreduce.c lists. */
#ifndef RR_DIST_ALLREDUCES_H
#define RR_DIST_ALLREDUCES_H

#include "dist/allreduce.h"

extern const rr_allreduce_ops rr_allreduce_ring;
extern const rr_allreduce_ops rr_allreduce_mpi;
extern const rr_allreduce_ops rr_allreduce_shared;

#endif
