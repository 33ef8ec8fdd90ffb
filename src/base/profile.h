/*
 * Where the time of a step goes. A thread is always in exactly one phase; entering another ends the one before. Off
 * unless rr_profile_start was called; then a switch costs one reading of the clock.
 */
#ifndef RR_BASE_PROFILE_H
#define RR_BASE_PROFILE_H

#include <stdbool.h>

typedef enum rr_phase {
    RR_PHASE_OTHER,
    RR_PHASE_EMBEDDING,  /* lookup and its gradient, dropout, carried state */
    RR_PHASE_PACK,       /* weights and activations into the order of the kernels */
    RR_PHASE_INPUT_GEMM, /* both directions of the products with weight_ih */
    RR_PHASE_RECURRENT_FORWARD,
    RR_PHASE_RECURRENT_BACKWARD,
    RR_PHASE_POINTWISE,
    RR_PHASE_WEIGHT_GRADIENT,
    RR_PHASE_HEAD, /* products of the output layer */
    RR_PHASE_LOSS, /* softmax, loss and their gradient */
    RR_PHASE_CLIP,
    RR_PHASE_OPTIMISER,
    RR_PHASE_EXPOSED_COMM, /* waiting for gradients after backward */
    RR_PHASE_WAIT,         /* for the slowest rank, at the start of a step */
    RR_PHASE_COUNT
} rr_phase;

/** "phases_ms.input_gemm": as metrics call it. */
extern const char *const rr_phase_tags[RR_PHASE_COUNT];

/** "input_gemm" */
const char *rr_phase_name(rr_phase phase);

/** Starts or stops measuring, for the thread that calls; all times are 0 then. */
void rr_profile_start(void);
void rr_profile_stop(void);

/** What happens between these two is nobody's; nothing where nothing is measured. */
void rr_profile_pause(void);
void rr_profile_resume(void);

/** Enters a phase and returns the one that was left, for going back. */
rr_phase rr_profile_enter(rr_phase phase);

/** Seconds in every phase since the last call (or the start). */
void rr_profile_take(double seconds[RR_PHASE_COUNT]);

#endif
