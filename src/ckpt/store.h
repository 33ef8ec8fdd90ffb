/* The checkpoints of a run: step-00001234.safetensors, best, last; kept, pruned, found again. */
#ifndef RR_CKPT_STORE_H
#define RR_CKPT_STORE_H

#include <stdbool.h>

#include "ckpt/safetensors.h"
#include "config/schema.h"

/** The `ckpt` section. */
typedef struct rr_ckpt_config {
    size_t every_steps; /* 0: only at the end and when stopped */
    size_t keep;        /* newest step files that stay */
} rr_ckpt_config;

extern const rr_section rr_ckpt_section;

typedef struct rr_store rr_store;

/**
 * Opens <run_folder>/checkpoints (made if absent) on the one rank that writes, which holds the run's lock. Left-over
 * temporary files are removed.
 * A thread does the writing, so saving costs the caller one copy.
 */
rr_status rr_store_open(const char *run_folder, const rr_ckpt_config *config, rr_store **out);

/**
 * Copies the set and returns; the file checkpoints/step-<step>.safetensors appears in the background, then
 * <run_folder>/last.safetensors (and best.safetensors if is_best) name the same bytes (hard link, or a copy where the
 * file system has none), then old steps are pruned (never the newest readable one, nor what best names), and files of
 * later steps, which the run went back from, are set aside as step-<step>.safetensors.superseded. Waits for a save that
 * is still under way. @return the failure of the save before (this one is under way all the same), or RR_ERR_NOMEM
 */
rr_status rr_store_save(rr_store *store, uint64_t step, bool is_best, const rr_tensor_set *set);

/** Waits for the save under way and reports how it ended. */
rr_status rr_store_flush(rr_store *store);
/** Flushes and frees. */
rr_status rr_store_close(rr_store *store);

/**
 * The newest readable checkpoint of a run folder; damaged ones are reported in `warnings` (a line each) and passed
 * over.
 * @param[out] file  NULL if there is none; path gets its path
 * @return RR_ERR_INPUT only if there are checkpoints and none is readable
 */
rr_status rr_store_newest(const char *run_folder, rr_safetensors **file, rr_buffer *path, rr_buffer *warnings);

/** The checkpoint that a user means: the file given, or of a run folder its best, else its last. Appends to path. */
void rr_store_meant(const char *given, rr_buffer *path);

/** The lock of a run folder: `<run_folder>/lock` with host, pid and job id. */
typedef struct rr_run_lock rr_run_lock;
/**
 * Takes the lock, or takes over a stale one: its process on this host is dead, its Slurm job was requeued, or squeue
 * knows its job no more. Where that cannot be known (another host, no job) it is refused with the advice to remove the
 * file. What is left of an earlier start of this Slurm job loses it even if it still runs; it then has 60 s to notice.
 * @return RR_ERR_INPUT: another run is using it, and who; RR_ERR_RUNTIME
 */
rr_status rr_run_lock_take(const char *run_folder, rr_run_lock **out);
/** @return RR_ERR_RUNTIME if another has taken the lock over, which is named: nothing may be written any more */
rr_status rr_run_lock_check(const rr_run_lock *lock);
/** The same, for every step: looks every few seconds. */
bool rr_run_lock_lost(rr_run_lock *lock);
void rr_run_lock_release(rr_run_lock *lock); /* NULL is fine */

#endif
