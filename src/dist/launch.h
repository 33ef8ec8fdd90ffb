/* How the program was launched, as far as the environment tells. */
#ifndef RR_DIST_LAUNCH_H
#define RR_DIST_LAUNCH_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/** Value of an environment variable, or NULL: getenv, or a test's own. */
typedef const char *(*rr_lookup)(const char *name);

/**
 * srun starts the program several times, but without a common launcher each becomes a world of one rank: as many equal
 * trainings would run side by side in one folder.
 *
 * @param[in] world_size  0 before MPI_Init
 * @return RR_ERR_INPUT with advice where that is so
 */
rr_status rr_launch_check(rr_lookup lookup, size_t world_size);

/** Whether a launcher (mpirun, srun) has started the program. */
bool rr_launched(rr_lookup lookup);

#endif
