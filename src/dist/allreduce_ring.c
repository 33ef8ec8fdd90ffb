/*
 * Ring allreduce (Patarasuk & Yuan 2009): values are cut into one chunk a rank. In steps 0 .. N-2 (reduce-scatter)
 * every rank sends a chunk to its right neighbour and adds the one that comes from the left; in steps N-1 .. 2N-3
 * (allgather) it passes on chunks that are complete. Each chunk is summed in one place only and copied from there, so
 * all ranks get the same bits. A rank sends 2 (N-1)/N of the bytes, which no algorithm can better.
 *
 * In every step t a rank sends chunk (rank - t) mod N and receives chunk (rank - t - 1) mod N. Chunks travel as
 * segments, so that adding one overlaps receiving the next: segment k of step t may be sent as soon as segment k of
 * step t-1 has arrived. Both streams, of segments sent and received, are walked by cursors; a window of each is under
 * way at once. All messages of one operation go to one neighbour under one tag, and MPI keeps them in order.
 *
 * Either half can be had alone. After the reduce-scatter a rank holds the sum of chunk (rank + 1) mod N: its own.
 */
#include <stdlib.h>

#include "base/arena.h"
#include "dist/allreduces.h"
#include "dist/comm_private.h"

enum {
    /*
     * Floats: 32 KiB go out at once, where larger messages first ask the receiver (Open MPI over TCP: above 64 KiB); on
     * four hosts at 1 Gbit/s that makes 1.05 times the bound of 1.1 to 1.3. Enough are under way that a process may
     * miss some milliseconds.
     */
    SEGMENT = 8 * 1024,
    WINDOW = 16 /* segments under way in each direction */
};

/* A place in a stream of segments; normal: either step == steps and segment == 0, or the segment exists. */
typedef struct cursor {
    size_t step, segment;
} cursor;

struct rr_allreduce {
    rr_comm *comm;
    int left, right, tag;
    size_t rank, ranks, unit;
    size_t first, steps; /* of 0 .. 2 (ranks - 1): from first on, to steps - 1 */
    float *incoming;     /* [WINDOW, slot_size] partial sums from the left */
    size_t slot_size;    /* floats */
    size_t max_count;

    float *values; /* [count] */
    size_t count;
    bool under_way;
    cursor receive, received;  /* next segment to post; next to arrive */
    cursor send, sent;         /* the same for sending */
    size_t receives, arrivals; /* how many were posted and have arrived: both mod WINDOW name a slot */
    size_t sends, departures;
    MPI_Request receiving[WINDOW], sending[WINDOW];
};

static bool before(cursor a, cursor b) { return a.step < b.step || (a.step == b.step && a.segment < b.segment); }

static size_t chunk_sent(const rr_allreduce *ring, size_t step) {
    return (ring->rank + 2 * ring->ranks - step) % ring->ranks;
}

static size_t chunk_received(const rr_allreduce *ring, size_t step) {
    return (ring->rank + 2 * ring->ranks - step - 1) % ring->ranks;
}

static rr_range range_of(const rr_allreduce *ring, size_t chunk) {
    return rr_range_of_units(ring->count, ring->unit, chunk, ring->ranks);
}

static size_t chunk_size(const rr_allreduce *ring, size_t chunk) {
    rr_range range = range_of(ring, chunk);
    return range.end - range.begin;
}

/* Steps over the chunks that are empty or at their end. */
static cursor normal(const rr_allreduce *ring, cursor at, size_t (*chunk)(const rr_allreduce *, size_t)) {
    while (at.step < ring->steps && at.segment * SEGMENT >= chunk_size(ring, chunk(ring, at.step))) {
        at.step++;
        at.segment = 0;
    }
    return at;
}

static cursor next_of(const rr_allreduce *ring, cursor at, size_t (*chunk)(const rr_allreduce *, size_t)) {
    at.segment++;
    return normal(ring, at, chunk);
}

/* Where a segment lies in values, and its size. */
static float *locate(const rr_allreduce *ring, size_t chunk, size_t segment, size_t *size) {
    rr_range range = range_of(ring, chunk);
    size_t begin = range.begin + segment * SEGMENT, left = range.end - begin;
    *size = left < SEGMENT ? left : SEGMENT;
    return ring->values + begin;
}

static bool is_reducing(const rr_allreduce *ring, size_t step) { return step < ring->ranks - 1; }

/* Posts receives as far as the window goes. */
static rr_status post_receives(rr_allreduce *ring) {
    while (ring->receive.step < ring->steps && ring->receives - ring->arrivals < WINDOW) {
        size_t size, slot = ring->receives % WINDOW;
        float *to = locate(ring, chunk_received(ring, ring->receive.step), ring->receive.segment, &size);
        if (is_reducing(ring, ring->receive.step)) {
            to = ring->incoming + slot * ring->slot_size;
        } else {
            /* A complete chunk lands where its partial sum was sent from, N-1 steps ago: MPI must be done with that. */
            cursor partial = {ring->receive.step - (ring->ranks - 1), ring->receive.segment};
            if (ring->first == 0 && !before(partial, ring->sent)) return RR_OK;
        }
        RR_TRY(rr_mpi_check(
            MPI_Irecv(to, (int)size, MPI_FLOAT, ring->left, ring->tag, ring->comm->mpi, &ring->receiving[slot]),
            "receiving in the ring"));
        ring->receives++;
        ring->receive = next_of(ring, ring->receive, chunk_received);
    }
    return RR_OK;
}

static rr_status post_sends(rr_allreduce *ring) {
    while (ring->send.step < ring->steps && ring->sends - ring->departures < WINDOW) {
        if (ring->send.step > ring->first && !before((cursor){ring->send.step - 1, ring->send.segment}, ring->received))
            return RR_OK;
        size_t size, slot = ring->sends % WINDOW;
        const float *from = locate(ring, chunk_sent(ring, ring->send.step), ring->send.segment, &size);
        RR_TRY(rr_mpi_check(
            MPI_Isend(from, (int)size, MPI_FLOAT, ring->right, ring->tag, ring->comm->mpi, &ring->sending[slot]),
            "sending in the ring"));
        ring->sends++;
        ring->send = next_of(ring, ring->send, chunk_sent);
    }
    return RR_OK;
}

static void add(size_t count, const float *restrict from, float *restrict to) {
    for (size_t i = 0; i < count; i++) to[i] += from[i];
}

/* Takes the oldest receive under way if it is there. */
static rr_status take_arrival(rr_allreduce *ring, bool *progress) {
    int done = 0;
    size_t slot = ring->arrivals % WINDOW, size;
    if (ring->arrivals == ring->receives) return RR_OK;
    RR_TRY(rr_mpi_check(MPI_Test(&ring->receiving[slot], &done, MPI_STATUS_IGNORE), "receiving in the ring"));
    if (!done) return RR_OK;
    float *to = locate(ring, chunk_received(ring, ring->received.step), ring->received.segment, &size);
    if (is_reducing(ring, ring->received.step)) add(size, ring->incoming + slot * ring->slot_size, to);
    rr_watchdog_moved(ring->comm->watchdog);
    ring->arrivals++;
    ring->received = next_of(ring, ring->received, chunk_received);
    *progress = true;
    return RR_OK;
}

static rr_status take_departure(rr_allreduce *ring, bool *progress) {
    int done = 0;
    if (ring->departures == ring->sends) return RR_OK;
    RR_TRY(rr_mpi_check(MPI_Test(&ring->sending[ring->departures % WINDOW], &done, MPI_STATUS_IGNORE),
                        "sending in the ring"));
    if (!done) return RR_OK;
    ring->departures++;
    ring->sent = next_of(ring, ring->sent, chunk_sent);
    *progress = true;
    return RR_OK;
}

/* The partial sums of the left neighbour come first. */
static size_t peer(const rr_allreduce *ring) {
    return (size_t)(ring->received.step < ring->steps ? ring->left : ring->right);
}

static bool fits(size_t bytes, size_t ranks, size_t nodes) {
    (void)bytes, (void)ranks, (void)nodes;
    return true;
}

static void free_operation(rr_allreduce *ring) {
    if (ring == NULL) return;
    free(ring->incoming);
    free(ring);
}

/* Without communication: a failure on one rank is the caller's to agree on. */
static rr_status create(rr_comm *comm, size_t max_count, size_t unit, size_t tag, rr_allreduce **out) {
    if (tag >= RR_TAGS)
        return rr_fail(RR_ERR_RUNTIME, "tag %zu of an allreduce; allowed are 0 to %d", tag, RR_TAGS - 1);
    rr_allreduce *ring = calloc(1, sizeof *ring);
    if (ring == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for an allreduce");
    ring->comm = comm;
    ring->rank = comm->rank;
    ring->ranks = comm->size;
    ring->unit = unit;
    ring->left = (int)((comm->rank + comm->size - 1) % comm->size);
    ring->right = (int)((comm->rank + 1) % comm->size);
    ring->tag = (int)tag;
    ring->max_count = max_count;
    size_t chunk = (max_count / unit / comm->size + 1) * unit; /* the largest: of any count, the first */
    ring->slot_size = chunk < SEGMENT ? (chunk + 15) / 16 * 16 : SEGMENT;
    if (ring->ranks > 1) ring->incoming = aligned_alloc(RR_ALIGN, WINDOW * ring->slot_size * sizeof *ring->incoming);
    if (ring->ranks > 1 && ring->incoming == NULL) {
        free_operation(ring);
        return rr_fail(RR_ERR_NOMEM, "no memory for the buffers of an allreduce");
    }
    *out = ring;
    return RR_OK;
}

static rr_range own(const rr_allreduce *ring, size_t count) {
    return rr_range_of_units(count, ring->unit, (ring->rank + 1) % ring->ranks, ring->ranks);
}

static rr_status start(rr_allreduce *ring, rr_exchange exchange, float *values, size_t count) {
    if (ring->under_way) return rr_fail(RR_ERR_RUNTIME, "this allreduce is under way already");
    if (count > ring->max_count)
        return rr_fail(RR_ERR_RUNTIME, "an allreduce of %zu floats was prepared for %zu", count, ring->max_count);
    ring->values = values;
    ring->count = count;
    if (ring->ranks == 1) return RR_OK;
    ring->first = exchange == RR_ALLGATHER ? ring->ranks - 1 : 0;
    ring->steps = exchange == RR_REDUCE_SCATTER ? ring->ranks - 1 : 2 * (ring->ranks - 1);
    ring->receive = ring->received = normal(ring, (cursor){ring->first, 0}, chunk_received);
    ring->send = ring->sent = normal(ring, (cursor){ring->first, 0}, chunk_sent);
    ring->receives = ring->arrivals = ring->sends = ring->departures = 0;
    ring->under_way = true;
    RR_TRY(post_receives(ring));
    return post_sends(ring);
}

static rr_status test(rr_allreduce *ring, bool *done) {
    *done = false;
    for (bool progress = ring->under_way; progress;) {
        progress = false;
        RR_TRY(take_arrival(ring, &progress));
        RR_TRY(take_departure(ring, &progress));
        if (!progress) break;
        RR_TRY(post_receives(ring));
        RR_TRY(post_sends(ring));
    }
    if (ring->under_way && ring->received.step == ring->steps && ring->sent.step == ring->steps)
        ring->under_way = false;
    *done = !ring->under_way;
    return RR_OK;
}

const rr_allreduce_ops rr_allreduce_ring = {.name = "ring",
                                            .help = "reduce-scatter and allgather around a ring of ranks, in segments",
                                            .fits = fits,
                                            .create = create,
                                            .start = start,
                                            .own = own,
                                            .test = test,
                                            .peer = peer,
                                            .free = free_operation};
