/* The communicator: who the ranks are, and how a job starts and ends. */
#include "dist/comm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dist/comm_private.h"
#include "dist/launch.h"
#include "dist/pretend.h"

static const char *environment(const char *name) { return getenv(name); }

/* "Open MPI v4.1.4, package: ..." -> "Open MPI 4.1.4"; "MPICH Version: 4.1 ..." up to the first comma or line end. */
static void read_version(char *out, size_t size) {
    char text[MPI_MAX_LIBRARY_VERSION_STRING];
    int length = 0;
    if (MPI_Get_library_version(text, &length) != MPI_SUCCESS) length = 0;
    text[length < (int)sizeof text ? length : (int)sizeof text - 1] = 0;
    text[strcspn(text, ",\r\n")] = 0;
    char *v = strstr(text, " v");
    if (v != NULL && v[2] >= '0' && v[2] <= '9') memmove(v + 1, v + 2, strlen(v + 2) + 1);
    for (char *p = text; *p != 0; p++)
        if (*p == '\t') *p = ' ';
    snprintf(out, size, "%.*s", (int)size - 1, text);
}

static rr_status find_local(rr_comm *comm) {
    static const char what[] = "finding the ranks of this node";
    int local_rank, local_size, pretended;
    RR_TRY(rr_mpi_check(
        MPI_Comm_split_type(comm->mpi, MPI_COMM_TYPE_SHARED, (int)comm->rank, MPI_INFO_NULL, &comm->local), what));
    if (rr_pretended_node(comm->rank, &pretended)) {
        MPI_Comm whole = comm->local;
        int code = MPI_Comm_split(whole, pretended, (int)comm->rank, &comm->local);
        MPI_Comm_free(&whole);
        RR_TRY(rr_mpi_check(code, what));
    }
    RR_TRY(rr_mpi_check(MPI_Comm_set_errhandler(comm->local, MPI_ERRORS_RETURN), what));
    RR_TRY(rr_mpi_check(MPI_Comm_rank(comm->local, &local_rank), what));
    RR_TRY(rr_mpi_check(MPI_Comm_size(comm->local, &local_size), what));
    comm->local_rank = (size_t)local_rank;
    comm->local_size = (size_t)local_size;
    return RR_OK;
}

/* Nodes are numbered by their lowest rank: a node's number is how many ranks before that one are first on theirs. */
static rr_status number_nodes(rr_comm *comm) {
    static const char what[] = "numbering the nodes";
    uint64_t first = comm->local_rank == 0, before = 0, all = 0, least = comm->local_size;
    RR_TRY(rr_mpi_check(MPI_Exscan(&first, &before, 1, MPI_UINT64_T, MPI_SUM, comm->mpi), what));
    if (comm->rank == 0) before = 0; /* MPI leaves it undefined there */
    RR_TRY(rr_mpi_check(MPI_Allreduce(&first, &all, 1, MPI_UINT64_T, MPI_SUM, comm->mpi), what));
    RR_TRY(rr_mpi_check(MPI_Allreduce(MPI_IN_PLACE, &least, 1, MPI_UINT64_T, MPI_MIN, comm->mpi), what));
    RR_TRY(rr_mpi_check(MPI_Bcast(&before, 1, MPI_UINT64_T, 0, comm->local), what));
    comm->node = (size_t)before;
    comm->nodes = (size_t)all;
    comm->slices = (size_t)least;
    return RR_OK;
}

static rr_status find_counterparts(rr_comm *comm) {
    if (comm->nodes == 1) return RR_OK;
    MPI_Comm across = MPI_COMM_NULL;
    int color = comm->local_rank < comm->slices ? (int)comm->local_rank : MPI_UNDEFINED;
    RR_TRY(rr_mpi_check(MPI_Comm_split(comm->mpi, color, (int)comm->node, &across), "finding counterparts of ranks"));
    if (color == MPI_UNDEFINED) return RR_OK;
    comm->across = calloc(1, sizeof *comm->across);
    if (comm->across == NULL) {
        MPI_Comm_free(&across);
        return rr_fail(RR_ERR_NOMEM, "no memory for a communicator");
    }
    *comm->across = (rr_comm){.mpi = across,
                              .local = MPI_COMM_NULL,
                              .rank = comm->node,
                              .size = comm->nodes,
                              .node = comm->node,
                              .nodes = comm->nodes,
                              .local_size = 1,
                              .slices = 1};
    return rr_mpi_check(MPI_Comm_set_errhandler(across, MPI_ERRORS_RETURN), "setting the error handler");
}

static rr_rank_place own_place(const rr_comm *comm) {
    rr_rank_place mine = {.node = comm->node};
    char host[256] = "";
    if (gethostname(host, sizeof host - 1) != 0 || host[0] == 0) snprintf(host, sizeof host, "node%zu", comm->node);
    host[strcspn(host, ".")] = 0; /* the domain is the same for all */
    snprintf(mine.host, sizeof mine.host, "%.*s", (int)sizeof mine.host - 1, host);
    return mine;
}

static rr_status gather_places(rr_comm *comm) {
    rr_rank_place mine = own_place(comm);
    comm->places = calloc(comm->size, sizeof *comm->places);
    if (comm->places == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for the names of %zu ranks", comm->size);
    RR_TRY(rr_mpi_check(
        MPI_Allgather(&mine, (int)sizeof mine, MPI_BYTE, comm->places, (int)sizeof mine, MPI_BYTE, comm->mpi),
        "gathering the hosts"));
    rr_placement_key_write(comm->places, comm->size, comm->mpi_version, &comm->placement_key);
    return comm->placement_key.failed ? rr_fail(RR_ERR_NOMEM, "no memory for the placement") : RR_OK;
}

static rr_status set_up(rr_comm *comm, MPI_Comm of) {
    int rank, size;
    RR_TRY(rr_mpi_check(MPI_Comm_dup(of, &comm->mpi), "duplicating a communicator"));
    RR_TRY(rr_mpi_check(MPI_Comm_set_errhandler(comm->mpi, MPI_ERRORS_RETURN), "setting the error handler"));
    RR_TRY(rr_mpi_check(MPI_Comm_rank(comm->mpi, &rank), "asking for the rank"));
    RR_TRY(rr_mpi_check(MPI_Comm_size(comm->mpi, &size), "asking for the number of ranks"));
    comm->rank = (size_t)rank;
    comm->size = (size_t)size;
    read_version(comm->mpi_version, sizeof comm->mpi_version);
    RR_TRY(find_local(comm));
    RR_TRY(number_nodes(comm));
    RR_TRY(find_counterparts(comm));
    RR_TRY(gather_places(comm));
    if (comm->watchdog == NULL) {
        RR_TRY(rr_watchdog_start(comm, &comm->watchdog));
        comm->owns_watchdog = true;
    }
    if (comm->across != NULL) comm->across->watchdog = comm->watchdog;
    return RR_OK;
}

rr_status rr_comm_open(int *argc, char ***argv, rr_comm **out) {
    int running = 0, level = MPI_THREAD_SINGLE, size = 0;
    rr_status status = RR_OK;
    RR_TRY(rr_launch_check(environment, 0));
    rr_comm *comm = calloc(1, sizeof *comm);
    if (comm == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for the communicator");
    comm->mpi = comm->local = MPI_COMM_NULL;

    MPI_Initialized(&running);
    comm->owns_mpi = !running;
    if (!running) status = rr_mpi_check(MPI_Init_thread(argc, argv, MPI_THREAD_FUNNELED, &level), "starting MPI");
    if (status != RR_OK) {
        free(comm);
        return status;
    }
    MPI_Query_thread(&level);
    if (level < MPI_THREAD_FUNNELED)
        status =
            rr_fail(RR_ERR_RUNTIME, "this MPI allows no threads beside the one that calls it (MPI_THREAD_FUNNELED)");
    if (status == RR_OK) status = rr_mpi_check(MPI_Comm_size(MPI_COMM_WORLD, &size), "asking for the number of ranks");
    if (status == RR_OK) status = rr_launch_check(environment, (size_t)size);
    if (status == RR_OK) status = set_up(comm, MPI_COMM_WORLD);
    if (status != RR_OK) {
        rr_comm_close(comm);
        return status;
    }
    *out = comm;
    return RR_OK;
}

rr_status rr_comm_alone(rr_comm **out) {
    rr_comm *comm = calloc(1, sizeof *comm);
    if (comm == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for the communicator");
    comm->mpi = comm->local = MPI_COMM_NULL;
    comm->size = comm->local_size = comm->nodes = comm->slices = 1;
    comm->places = calloc(1, sizeof *comm->places);
    if (comm->places == NULL) {
        free(comm);
        return rr_fail(RR_ERR_NOMEM, "no memory for the communicator");
    }
    comm->places[0] = own_place(comm);
    snprintf(comm->mpi_version, sizeof comm->mpi_version, "no MPI");
    *out = comm;
    return RR_OK;
}

rr_status rr_comm_open_if_launched(int *argc, char ***argv, rr_comm **out) {
    return rr_launched(environment) ? rr_comm_open(argc, argv, out) : rr_comm_alone(out);
}

rr_status rr_comm_first(rr_comm *comm, size_t ranks, rr_comm **out) {
    MPI_Comm part = MPI_COMM_NULL;
    *out = NULL;
    int color = comm->rank < ranks ? 0 : MPI_UNDEFINED;
    rr_wait wait = rr_wait_begin(comm, "dividing a communicator");
    RR_TRY(rr_mpi_check(MPI_Comm_split(comm->mpi, color, (int)comm->rank, &part), "dividing a communicator"));
    rr_wait_end(&wait);
    if (part == MPI_COMM_NULL) return RR_OK;
    rr_status status = RR_ERR_NOMEM;
    rr_comm *first = calloc(1, sizeof *first);
    if (first == NULL) {
        rr_fail(RR_ERR_NOMEM, "no memory for a communicator");
    } else {
        first->mpi = first->local = MPI_COMM_NULL;
        first->watchdog = comm->watchdog; /* the first ranks of both are the same */
        wait = rr_wait_begin(comm, "dividing a communicator");
        status = set_up(first, part);
        rr_wait_end(&wait);
    }
    MPI_Comm_free(&part);
    if (status != RR_OK) {
        rr_comm_close(first);
        return status;
    }
    *out = first;
    return RR_OK;
}

void rr_comm_close(rr_comm *comm) {
    if (comm == NULL) return;
    rr_comm_close(comm->across);
    rr_wait wait = rr_wait_begin(comm, "the end of MPI on all ranks");
    if (comm->local != MPI_COMM_NULL) MPI_Comm_free(&comm->local);
    if (comm->mpi != MPI_COMM_NULL) MPI_Comm_free(&comm->mpi);
    if (comm->owns_mpi) MPI_Finalize();
    rr_wait_end(&wait);
    if (comm->owns_watchdog) rr_watchdog_stop(comm->watchdog);
    free(comm->places);
    rr_buffer_free(&comm->placement_key);
    free(comm);
}

size_t rr_comm_rank(const rr_comm *comm) { return comm->rank; }
size_t rr_comm_size(const rr_comm *comm) { return comm->size; }
size_t rr_comm_local_rank(const rr_comm *comm) { return comm->local_rank; }
size_t rr_comm_local_size(const rr_comm *comm) { return comm->local_size; }
size_t rr_comm_node(const rr_comm *comm) { return comm->node; }
size_t rr_comm_nodes(const rr_comm *comm) { return comm->nodes; }
const char *rr_comm_host(const rr_comm *comm) { return comm->places[comm->rank].host; }
const char *rr_comm_mpi_version(const rr_comm *comm) { return comm->mpi_version; }
const char *rr_comm_placement_key(const rr_comm *comm) { return rr_buffer_text(&comm->placement_key); }

size_t rr_comm_rank_on(const rr_comm *comm, size_t node, size_t local_rank) {
    size_t rank = 0;
    while (comm->places[rank].node != node || local_rank-- > 0) rank++;
    return rank;
}

void rr_comm_limit_waits(rr_comm *comm, double seconds) { rr_watchdog_limit(comm->watchdog, seconds); }

void rr_comm_phase(rr_comm *comm, const char *phase, uint64_t step) { rr_watchdog_phase(comm->watchdog, phase, step); }

rr_status rr_comm_placement(rr_comm *comm, rr_buffer *out) {
    rr_core_set mine, *all = NULL;
    rr_status status = RR_OK;
    rr_core_set_of_this_thread(&mine);
    if (comm->rank == 0) {
        all = calloc(comm->size, sizeof *all);
        if (all == NULL) status = rr_fail(RR_ERR_NOMEM, "no memory for the cores of %zu ranks", comm->size);
    }
    status = rr_comm_agree(comm, status);
    if (status != RR_OK) goto free_all;
    MPI_Request request;
    status = rr_mpi_check(
        MPI_Igather(&mine, (int)sizeof mine, MPI_BYTE, all, (int)sizeof mine, MPI_BYTE, 0, comm->mpi, &request),
        "gathering the cores");
    if (status == RR_OK) status = rr_mpi_wait(comm, &request, "gathering the cores");
    if (status == RR_OK && comm->rank == 0)
        status = rr_placement_describe(comm->places, all, comm->size, comm->mpi_version, out);
free_all:
    free(all);
    return status;
}

void rr_comm_abort(rr_comm *comm, rr_status status) {
    /* One write, so that the lines of ranks do not mix; then time for the launcher to read it. */
    rr_buffer text = {0};
    rr_buffer_printf(&text, "ringrnn: rank %zu (host %s): %s\n", comm->rank, rr_comm_host(comm), rr_last_error());
    fflush(NULL);
    ssize_t written = write(STDERR_FILENO, rr_buffer_text(&text), text.length);
    (void)written;
    usleep(200 * 1000);
    rr_watchdog_leave(comm->watchdog, rr_status_exit_code(status));
    if (comm->mpi != MPI_COMM_NULL) MPI_Abort(comm->mpi, rr_status_exit_code(status));
    _exit(rr_status_exit_code(status));
}
