#include "dist/shared_memory.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "dist/window.h"

/* Bytes a rank that stay free beside an array: for the buffers of allreduces, and for MPI. */
static const size_t SPARE = 4 << 20;

struct rr_shared {
    rr_comm *comm;
    rr_shared *next; /* the one created before */
    size_t number, count;
    rr_window window; /* closed where the memory is plain */
    rr_arena plain;   /* and then this has it */
    char line[512];
};

/* Plain memory would be shared too, in a sense, if no rank had a neighbour; but that is not what a reader expects. */
static void describe(rr_shared *shared) {
    size_t ranks = shared->comm->size, nodes = shared->comm->nodes;
    if (shared->window.parts == NULL)
        snprintf(shared->line, sizeof shared->line, "plain memory: %s", rr_last_error());
    else if (ranks == nodes)
        snprintf(shared->line, sizeof shared->line, "plain memory: %s", ranks > 1 ? "one rank a node" : "one rank");
    else
        snprintf(shared->line, sizeof shared->line, "shared memory, %.1f MiB a rank",
                 (double)(shared->count * sizeof(float)) / (1 << 20));
}

rr_status rr_comm_shared_floats(rr_comm *comm, size_t count, rr_shared **out) {
    rr_status status = RR_OK;
    rr_shared *shared = calloc(1, sizeof *shared);
    if (shared == NULL || count > PTRDIFF_MAX / 2 / sizeof(float))
        status = rr_fail(RR_ERR_NOMEM, "no memory for an array of %zu floats", count);
    status = rr_comm_agree(comm, status);
    if (status != RR_OK || shared == NULL) {
        free(shared);
        return status;
    }
    *shared = (rr_shared){.comm = comm, .count = count, .window = {.mpi = MPI_WIN_NULL}};
    bool opened = rr_window_open(comm, count * sizeof(float), SPARE, &shared->window) == RR_OK;
    describe(shared);
    if (!opened) status = rr_comm_agree(comm, rr_arena_reserve(count * sizeof(float), &shared->plain));
    if (status != RR_OK) {
        rr_arena_release(&shared->plain);
        free(shared);
        return status;
    }
    shared->next = comm->shared;
    shared->number = ++comm->shared_created;
    comm->shared = shared;
    *out = shared;
    return RR_OK;
}

void rr_shared_free(rr_shared *shared) {
    if (shared == NULL) return;
    rr_shared **link = &shared->comm->shared;
    while (*link != shared) link = &(*link)->next;
    *link = shared->next;
    rr_window_close(&shared->window);
    rr_arena_release(&shared->plain);
    free(shared);
}

float *rr_shared_of(const rr_shared *shared, size_t local_rank) {
    if (shared->window.parts != NULL) return (float *)(void *)shared->window.parts[local_rank];
    return local_rank == shared->comm->local_rank ? (float *)(void *)shared->plain.base : NULL;
}

float *rr_shared_mine(const rr_shared *shared) { return rr_shared_of(shared, shared->comm->local_rank); }

const char *rr_shared_line(const rr_shared *shared) { return shared->line; }

bool rr_shared_any(const rr_comm *comm) {
    const rr_shared *shared = comm->shared;
    while (shared != NULL && shared->window.parts == NULL) shared = shared->next;
    return shared != NULL;
}

bool rr_shared_find(const rr_comm *comm, const float *values, size_t count, rr_shared_place *out) {
    for (const rr_shared *shared = comm->shared; shared != NULL; shared = shared->next) {
        uintptr_t mine = (uintptr_t)rr_shared_mine(shared), at = (uintptr_t)values;
        if (shared->window.parts == NULL || at < mine || (at - mine) % sizeof(float) != 0) continue;
        size_t offset = (at - mine) / sizeof(float);
        if (offset > shared->count || count > shared->count - offset) continue;
        *out = (rr_shared_place){.shared = shared, .number = shared->number, .offset = offset};
        return true;
    }
    return false;
}
