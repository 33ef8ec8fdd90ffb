/*
 * The exchange of a step with computing replaced by waiting as long as it took: each rank records its own pass once,
 * alone, and plays it again while real sums travel. So many hosts can be shown on a machine with fewer cores than
 * ranks.
 */
#ifndef RR_BENCH_REPLAY_H
#define RR_BENCH_REPLAY_H

#include "bench/trace.h"

typedef struct rr_replay {
    rr_run *run; /* borrowed */
    rr_trace pass;
    /* What the pass listed is listed again, with the same numbers in all rows: sums must not overflow. [params] */
    struct rr_replay_rows {
        int32_t *numbers;
        size_t count;
    } * rows;
} rr_replay;

/** Collective, as ranks record in turns; a failure is agreed on. Free also after one. */
rr_status rr_replay_open(rr_run *run, size_t warm_up, rr_replay *replay);
void rr_replay_free(rr_replay *replay);

/** Collective: a pass of waiting, with its exchange. @param[out] seconds  from the common start to the end of it */
rr_status rr_replay_step(rr_replay *replay, double *seconds, rr_reducer_times *times);

#endif
