/* Who holds the lock of a run folder, and whether that process still runs. */
#ifndef RR_CKPT_LOCK_OWNER_H
#define RR_CKPT_LOCK_OWNER_H

#include <stdbool.h>

#include "base/buffer.h"

enum { RR_OWNER_TEXT = 256 };

/** Texts are "" where the system or the scheduler has none. */
typedef struct rr_lock_owner {
    char host[RR_OWNER_TEXT], machine[RR_OWNER_TEXT]; /* host name and /etc/machine-id: many machines are "localhost" */
    char boot[RR_OWNER_TEXT];                         /* differs from boot to boot */
    char space[RR_OWNER_TEXT];                        /* PID namespace: containers count processes of their own */
    long long pid;
    unsigned long long start; /* clock ticks from boot: a reused pid has another */
    char cluster[RR_OWNER_TEXT], job[RR_OWNER_TEXT], step[RR_OWNER_TEXT]; /* Slurm's */
    long long restarts;                                                   /* of the job by requeueing */
    char since[RR_OWNER_TEXT];                                            /* UTC */
} rr_lock_owner;

typedef enum rr_owner_state { RR_OWNER_RUNS, RR_OWNER_GONE, RR_OWNER_UNKNOWN } rr_owner_state;

void rr_lock_owner_self(rr_lock_owner *out);

/** "key: value" lines, as they stand in the lock file. */
void rr_lock_owner_write(const rr_lock_owner *owner, rr_buffer *out);

/** @return false if the text is not that of a lock */
bool rr_lock_owner_parse(const char *text, rr_lock_owner *out);

/**
 * The owner belongs to an earlier start of our own Slurm job, which was queued again. It is over for Slurm, though what
 * is left of it may still run, on a node whose slurmd has died.
 */
bool rr_lock_owner_is_earlier_start(const rr_lock_owner *owner, const rr_lock_owner *self);

/**
 * Whether the owner of a lock that nobody holds by flock still runs. May ask squeue.
 * @param[in] flock_works  the file system has locks that at least this host's processes see
 */
rr_owner_state rr_lock_owner_state(const rr_lock_owner *owner, const rr_lock_owner *self, bool flock_works);

#endif
