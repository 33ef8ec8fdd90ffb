#include "dist/launch.h"

#include <stdlib.h>

/* A positive whole number, or 0. */
static size_t number(const char *text) {
    char *end;
    if (text == NULL || text[0] < '0' || text[0] > '9') return 0;
    unsigned long long value = strtoull(text, &end, 10);
    return *end == 0 ? (size_t)value : 0;
}

rr_status rr_launch_check(rr_lookup lookup, size_t world_size) {
    /* mpirun within a job step inherits the step's variables: then its own say how many ranks it started. */
    if (lookup("OMPI_COMM_WORLD_SIZE") != NULL) return RR_OK;
    size_t tasks = number(lookup("SLURM_STEP_NUM_TASKS"));
    if (tasks <= 1 || world_size > 1 || number(lookup("PMI_SIZE")) == 1) return RR_OK;
    bool launched = lookup("PMIX_RANK") != NULL || lookup("PMI_RANK") != NULL;
    if (world_size == 0 && launched) return RR_OK;
    return rr_fail(RR_ERR_INPUT,
                   "srun started %zu tasks, but this MPI %s, so each would train alone. Start with 'srun --mpi=pmix' "
                   "('srun --mpi=list' shows what your Slurm offers), or with mpirun inside sbatch or salloc",
                   tasks, launched ? "found only one rank" : "was given no launcher to find the others with");
}

bool rr_launched(rr_lookup lookup) {
    static const char *const names[] = {"OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK", "PMI_SIZE"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (lookup(names[i]) != NULL) return true;
    return number(lookup("SLURM_STEP_NUM_TASKS")) > 1; /* which rr_launch_check refuses, with advice */
}
