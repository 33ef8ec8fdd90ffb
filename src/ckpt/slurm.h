/* What Slurm's squeue says about a job. */
#ifndef RR_CKPT_SLURM_H
#define RR_CKPT_SLURM_H

typedef enum rr_slurm_state { RR_SLURM_LISTED, RR_SLURM_ENDED, RR_SLURM_UNKNOWN } rr_slurm_state;

/**
 * Runs squeue and waits for it, 15 s at most. A job that is listed in whatever state counts as RR_SLURM_LISTED.
 *
 * @param[in] job   SLURM_JOB_ID
 * @param[in] step  SLURM_STEP_ID: asks for this step of the job; "": for the job
 * @return RR_SLURM_UNKNOWN without squeue, or if it fails otherwise than by not knowing the job
 */
rr_slurm_state rr_slurm_job_state(const char *job, const char *step);

/** Seconds until squeue says that the job's time limit is reached, INFINITY without one; NAN if that is not known. */
double rr_slurm_time_left(const char *job);

#endif
