#include "dist/window.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/statvfs.h>

#include "base/arena.h"
#include "dist/pretend.h"

/* Where Linux keeps memory that processes share, and MPI the windows. It has a limit of its own, and a process that
 * writes beyond it is killed; so there must be room before MPI is asked. */
static const char folder[] = "/dev/shm";

/*
 * Parts of neighbours begin at different places of a page. Sums walk through all parts side by side, and where these
 * lay alike, lines of one would look like those of another to the first cache: seen to cost a factor of 8 on Zen, whose
 * way predictor compares hashes of addresses. 17 lines meet all 64 places in turn.
 */
enum { PAGE = 4096, HUGE_PAGE = 1 << 21, SHIFT = 17 * RR_ALIGN };

static rr_status check_room(const rr_comm *comm, size_t bytes, size_t spare) {
    struct statvfs state;
    if (comm->local_rank != 0 || comm->local_size == 1) return RR_OK; /* one rank of each node asks */
    if (statvfs(folder, &state) != 0) return rr_fail(RR_ERR_NOMEM, "there is no %s", folder);
    double room = (double)state.f_bavail * (double)state.f_frsize;
    if (room > rr_pretended_room()) room = rr_pretended_room();
    double needed = (double)comm->local_size * ((double)bytes + (double)spare);
    if (room >= needed) return RR_OK;
    return rr_fail(RR_ERR_NOMEM, "%s has %.1f MiB free, and %zu ranks need %.1f MiB", folder, room / (1 << 20),
                   comm->local_size, needed / (1 << 20));
}

static unsigned char *align(void *at) { return (unsigned char *)at + (RR_ALIGN - (uintptr_t)at % RR_ALIGN) % RR_ALIGN; }

static rr_status find_parts(const rr_comm *comm, rr_window *window) {
    for (size_t rank = 0; rank < comm->local_size; rank++) {
        MPI_Aint size;
        int unit;
        void *base = NULL;
        RR_TRY(
            rr_mpi_check(MPI_Win_shared_query(window->mpi, (int)rank, &size, &unit, &base), "finding shared memory"));
        window->parts[rank] = align(base) + rank * SHIFT % PAGE; /* the same byte on all ranks: pages lie alike */
    }
    return RR_OK;
}

static rr_status allocate(const rr_comm *comm, size_t bytes, rr_window *window) {
    static const char what[] = "sharing memory on a node";
    void *base = NULL;
    MPI_Info info = MPI_INFO_NULL;
    RR_TRY(rr_mpi_check(MPI_Info_create(&info), what));
    MPI_Info_set(info, "alloc_shared_noncontig", "true"); /* a part a rank, on pages of its own, near to its core */
    rr_status status =
        rr_mpi_check(MPI_Win_allocate_shared((MPI_Aint)bytes, 1, info, comm->local, &base, &window->mpi), what);
    MPI_Info_free(&info);
    if (status == RR_OK)
        status =
            rr_mpi_check(MPI_Win_lock_all(MPI_MODE_NOCHECK, window->mpi), what); /* loads and stores, until closed */
    if (status == RR_OK) status = find_parts(comm, window);
    return status;
}

static rr_status prepare(rr_comm *comm, size_t bytes, size_t spare, rr_window *window) {
    if (bytes > (size_t)PTRDIFF_MAX / 2) return rr_fail(RR_ERR_NOMEM, "%zu bytes a rank", bytes);
    window->parts = malloc(comm->local_size * sizeof *window->parts);
    if (window->parts == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for the places of %zu ranks", comm->local_size);
    if (comm->local_size == 1) {
        size_t alignment = bytes >= HUGE_PAGE ? HUGE_PAGE : PAGE;
        window->plain = aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
        if (window->plain == NULL) return rr_fail(RR_ERR_NOMEM, "%zu MiB of memory could not be had", bytes >> 20);
        window->parts[0] = window->plain;
    }
    return check_room(comm, bytes, spare);
}

static void advise(unsigned char *part, size_t bytes) {
#ifdef MADV_HUGEPAGE
    unsigned char *page = part + (PAGE - (uintptr_t)part % PAGE) % PAGE;
    size_t before = (size_t)(page - part);
    /* As good as it goes: it helps plain memory, and shared memory where /dev/shm is mounted with huge=advise. */
    if (bytes >= before + HUGE_PAGE) madvise(page, (bytes - before) / PAGE * PAGE, MADV_HUGEPAGE);
#else
    (void)part, (void)bytes;
#endif
}

rr_status rr_window_open(rr_comm *comm, size_t bytes, size_t spare, rr_window *out) {
    rr_window window = {.comm = comm, .mpi = MPI_WIN_NULL};
    size_t rounded = (bytes / PAGE + 1) * PAGE + PAGE; /* with room to align and shift */
    rr_status status = rr_comm_agree(comm, prepare(comm, rounded, spare, &window));
    if (status != RR_OK || window.parts == NULL) goto close_window;
    rr_wait wait = rr_wait_begin(comm, "sharing memory on a node");
    if (comm->local_size > 1) status = allocate(comm, rounded, &window);
    rr_wait_end(&wait);
    status = rr_comm_agree(comm, status);
    if (status != RR_OK) {
        window.mpi = MPI_WIN_NULL; /* others may have none, and freeing it is a collective */
        goto close_window;
    }
    unsigned char *mine = window.parts[comm->local_rank];
    advise(mine, bytes);
    memset(mine, 0, bytes);
    status = rr_comm_agree(comm, RR_OK); /* nobody writes into a part before it is zeroed */
    if (status != RR_OK) goto close_window;
    *out = window;
    return RR_OK;
close_window:
    rr_window_close(&window);
    *out = (rr_window){.mpi = MPI_WIN_NULL};
    return status;
}

void rr_window_close(rr_window *window) {
    if (window->parts == NULL) return;
    if (window->mpi != MPI_WIN_NULL) {
        rr_wait wait = rr_wait_begin(window->comm, "the end of sharing memory on a node");
        MPI_Win_unlock_all(window->mpi);
        MPI_Win_free(&window->mpi);
        rr_wait_end(&wait);
    }
    free(window->plain);
    free(window->parts);
    *window = (rr_window){.mpi = MPI_WIN_NULL};
}
