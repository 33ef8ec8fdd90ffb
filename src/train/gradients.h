/*
 * The gradients of a step on this rank. Plainly there is one arena, to which all rows are added. By shards
 * (dist.logical_shards) rows are taken in groups, each a whole node of the tree over shards; groups are added in the
 * order of the tree to one arena for each whole node of the rank's run, which the reducer adds further.
 */
#ifndef RR_TRAIN_GRADIENTS_H
#define RR_TRAIN_GRADIENTS_H

#include "dist/reducer.h"
#include "task/task.h"

/** Rows that are computed one after the other, or together, into one arena. */
typedef struct rr_row_group {
    size_t begin, end; /* rows of the global batch */
    size_t call_rows;  /* of one call of the task's train, at most */
    size_t arena;      /* the index of its arena */
    size_t merges;     /* by shards: so many arenas that were in use before get the sum of those after them */
    size_t bottom;     /* the arena of its node of the tree: the first of them */
} rr_row_group;

typedef struct rr_gradients {
    size_t batch, ranks;  /* rows of the global batch; who share them */
    size_t shards;        /* 0: plainly */
    rr_shard_parts parts; /* by shards */
    size_t begin, end;    /* rows of this rank */
    rr_row_group *groups;
    size_t group_count;
    size_t call_rows;                          /* the most of any group, at least 1 */
    size_t shared;                             /* arenas that the reducer sees: the same on all ranks */
    size_t extra;                              /* others, beside them */
    size_t stride;                             /* floats from an arena to the next */
    float *first;                              /* [shared, stride], borrowed */
    rr_arena memory;                           /* [extra, stride] */
    rr_row_list *(*rows)[RR_REDUCER_ROW_SUMS]; /* [shared + extra]: of the last parameters, as they are listed */
    size_t first_by_rows;                      /* the first parameter whose rows are listed */

    /* while the last group is computed */
    rr_params *params;
    const rr_hooks *outer;
    const rr_row_group *merging;
    size_t merged; /* floats */
    rr_hooks hooks;
} rr_gradients;

/** What is common to all ranks. */
typedef struct rr_gradients_spec {
    size_t rows;                 /* of the global batch */
    size_t micro_rows;           /* train.micro_batch_size, 0: all at once. By shards, each is cut from its begin on */
    size_t ranks;                /* that share them */
    const rr_shard_parts *parts; /* whose shards are whose, copied; NULL: plainly, rows are shared out evenly */
    size_t shared; /* arenas that the reducer sees, the same on all ranks; 1 plainly (rr_comm_shard_arrays) */
} rr_gradients_spec;

/** Which rows are that rank's, and how they are grouped. */
rr_status rr_gradients_plan(const rr_gradients_spec *spec, const rr_task *task, size_t rank, rr_gradients *out);
void rr_gradients_free(rr_gradients *gradients); /* zeroes are fine */

/** The first row of a rank; of rank `ranks`: the number of rows. */
size_t rr_gradients_first_row(const rr_gradients *gradients, size_t rank);

/** Floats of the arenas that the reducer sees, for parameters of `total` floats. */
size_t rr_gradients_floats(const rr_gradients *gradients, size_t total);

/**
 * Takes memory for the others, and lists of rows for all.
 * @param[in] params  whose grads are the first arena, and whose rows are listed from first_by_rows on
 */
rr_status rr_gradients_reserve(rr_gradients *gradients, rr_params *params, size_t first_by_rows);

/** Forward and backward of this rank's rows; the last call of train starts the reductions. *loss: sum over rows. */
rr_status rr_gradients_compute(rr_gradients *gradients, rr_task *task, float scale, const rr_dropout *dropout,
                               rr_reducer *reducer, double *loss);

#endif
