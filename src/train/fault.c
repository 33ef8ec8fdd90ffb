#include "train/fault.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool rr_fault_planted(const char *kind, size_t rank, uint64_t step) {
    const char *plan = getenv("RINGRNN_FAULT");
    char planned[16];
    size_t planned_rank;
    unsigned long long planned_step;
    return plan != NULL && sscanf(plan, "%15[a-z]:%zu:%llu", planned, &planned_rank, &planned_step) == 3 &&
           strcmp(planned, kind) == 0 && planned_rank == rank && planned_step == step;
}
