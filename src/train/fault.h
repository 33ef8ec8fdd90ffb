/* Planted faults, for tests of what happens when something breaks: RINGRNN_FAULT="kind:rank:step". */
#ifndef RR_TRAIN_FAULT_H
#define RR_TRAIN_FAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * True if the environment plants this kind of fault at this rank and step. Kinds: setup, fail, kill, pause (the rank
 * takes 5 s for that step), nan, diverge, slow (in step 0: it is when the speed of ranks is measured).
 */
bool rr_fault_planted(const char *kind, size_t rank, uint64_t step);

#endif
