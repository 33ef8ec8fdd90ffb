/*
 * Recursive halving and doubling (Rabenseifner 2004; Thakur et al. 2005): with N = 2^k ranks, in step s of the
 * reduce-scatter a rank exchanges half of what it still works on with the rank whose number differs in one bit, and
 * keeps the sum of the other half; after k steps it holds the sum of its own part. The allgather goes the same way
 * back. A rank sends as many bytes as in a ring, 2 (N-1)/N of all, but in 2 log2 N messages instead of 2 (N-1): quicker
 * where latency counts, that is with many ranks or few bytes.
 *
 * Other numbers of ranks: the first 2 (N - 2^k) ranks fold in pairs. The even one gives its values to the odd one
 * before, and gets the result after; it owns nothing. Each part is summed in one place and copied from there, so all
 * ranks get the same bits.
 */
#include <stdlib.h>

#include "base/arena.h"
#include "dist/allreduces.h"
#include "dist/comm_private.h"

/* What a rank does, one after the other: fold, halve k times, double k times, unfold. */
struct rr_allreduce {
    rr_comm *comm;
    int tag;
    size_t unit, max_count;
    size_t folded, power, bits; /* pairs that fold; 2^bits ranks go on */
    size_t number;              /* of this rank among those that go on */
    bool goes_on;
    float *incoming; /* [incoming_size] what is added */

    float *values; /* [count] */
    size_t count, stage,
        end; /* stages [stage, end) are left: 0 folds, 1 + s halves, 1 + k + s doubles, the last unfolds */
    bool under_way;
    MPI_Request requests[2]; /* receiving, sending */
    rr_range adds;           /* where incoming belongs when it is there; empty: it was received in place */
};

static size_t stages(const rr_allreduce *o) { return 2 * o->bits + 2; }

/* The rank of a number among those that go on: odd ranks of the pairs, then all others. */
static int rank_of(const rr_allreduce *o, size_t number) {
    return (int)(number < o->folded ? 2 * number + 1 : number + o->folded);
}

/* Values of the parts [first, first + parts) of 2^k. */
static rr_range range_of(const rr_allreduce *o, size_t first, size_t parts) {
    rr_range begin = rr_range_of_units(o->count, o->unit, first, o->power);
    rr_range end = rr_range_of_units(o->count, o->unit, first + parts - 1, o->power);
    return (rr_range){begin.begin, end.end};
}

static rr_status receive(rr_allreduce *o, float *to, rr_range range, int from) {
    return rr_mpi_check(
        MPI_Irecv(to, (int)(range.end - range.begin), MPI_FLOAT, from, o->tag, o->comm->mpi, &o->requests[0]),
        "receiving in a sum by halves");
}

static rr_status send(rr_allreduce *o, rr_range range, int to) {
    return rr_mpi_check(MPI_Isend(o->values + range.begin, (int)(range.end - range.begin), MPI_FLOAT, to, o->tag,
                                  o->comm->mpi, &o->requests[1]),
                        "sending in a sum by halves");
}

/* The first stage and the last one, of the pairs that fold. */
static rr_status start_fold(rr_allreduce *o) {
    rr_range all = {0, o->count};
    size_t rank = o->comm->rank;
    bool gives = (o->stage == 0) != (rank % 2 == 1); /* even ranks first, odd ones at the end */
    if (rank >= 2 * o->folded) return RR_OK;
    int other = (int)(rank ^ 1);
    if (gives) return send(o, all, other);
    if (o->stage == 0) o->adds = all;
    return receive(o, o->stage == 0 ? o->incoming : o->values, all, other);
}

/* Halving from the highest bit on, doubling from the lowest. */
static rr_status start_exchange(rr_allreduce *o) {
    bool halves = o->stage <= o->bits;
    size_t distance = halves ? o->power >> o->stage : (size_t)1 << (o->stage - o->bits - 1);
    size_t mine = o->number / distance * distance, theirs = mine ^ distance;
    int other = rank_of(o, o->number ^ distance);
    rr_range kept = range_of(o, mine, distance), sent = range_of(o, theirs, distance);
    if (halves) {
        o->adds = kept;
        RR_TRY(receive(o, o->incoming, kept, other));
        return send(o, sent, other);
    }
    RR_TRY(receive(o, o->values + sent.begin, sent, other));
    return send(o, kept, other);
}

static rr_status start_stage(rr_allreduce *o) {
    o->requests[0] = o->requests[1] = MPI_REQUEST_NULL;
    o->adds = (rr_range){0, 0};
    if (o->stage == 0 || o->stage + 1 == stages(o)) return start_fold(o);
    return o->goes_on ? start_exchange(o) : RR_OK;
}

static void add(size_t count, const float *restrict from, float *restrict to) {
    for (size_t i = 0; i < count; i++) to[i] += from[i];
}

static bool fits(size_t bytes, size_t ranks, size_t nodes) {
    (void)ranks, (void)nodes;
    return bytes / sizeof(float) <= RR_PIECE; /* half of them go as one message */
}

static void free_operation(rr_allreduce *o) {
    if (o == NULL) return;
    free(o->incoming);
    free(o);
}

/* Without communication: a failure on one rank is the caller's to agree on. */
static rr_status create(rr_comm *comm, size_t max_count, size_t unit, size_t tag, rr_allreduce **out) {
    if (tag >= RR_TAGS)
        return rr_fail(RR_ERR_RUNTIME, "tag %zu of an allreduce; allowed are 0 to %d", tag, RR_TAGS - 1);
    if (max_count > RR_PIECE)
        return rr_fail(RR_ERR_INPUT, "dist.allreduce halving sums at most %d MiB at once: make dist.bucket_mb smaller",
                       RR_PIECE / (1 << 20) * (int)sizeof(float));
    rr_allreduce *o = calloc(1, sizeof *o);
    if (o == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for an allreduce");
    *o = (rr_allreduce){.comm = comm, .tag = (int)tag, .unit = unit, .max_count = max_count, .power = 1};
    for (; 2 * o->power <= comm->size; o->power *= 2) o->bits++;
    o->folded = comm->size - o->power;
    o->goes_on = comm->rank >= 2 * o->folded || comm->rank % 2 == 1;
    o->number = comm->rank >= 2 * o->folded ? comm->rank - o->folded : comm->rank / 2;
    size_t half = (max_count / unit / 2 + 2) * unit, size = o->folded > 0 || half > max_count ? max_count : half;
    size_t bytes = (size * sizeof(float) / RR_ALIGN + 1) * RR_ALIGN;
    if (comm->size > 1) o->incoming = aligned_alloc(RR_ALIGN, bytes);
    if (comm->size > 1 && o->incoming == NULL) {
        free_operation(o);
        return rr_fail(RR_ERR_NOMEM, "no memory for the buffers of an allreduce");
    }
    *out = o;
    return RR_OK;
}

static rr_range own(const rr_allreduce *o, size_t count) {
    return o->goes_on ? rr_range_of_units(count, o->unit, o->number, o->power) : (rr_range){0, 0};
}

static rr_status start(rr_allreduce *o, rr_exchange exchange, float *values, size_t count) {
    if (o->under_way) return rr_fail(RR_ERR_RUNTIME, "this allreduce is under way already");
    if (count > o->max_count)
        return rr_fail(RR_ERR_RUNTIME, "an allreduce of %zu floats was prepared for %zu", count, o->max_count);
    o->values = values;
    o->count = count;
    if (o->comm->size == 1 || count == 0) return RR_OK;
    o->stage = exchange == RR_ALLGATHER ? o->bits + 1 : 0;
    o->end = exchange == RR_REDUCE_SCATTER ? o->bits + 1 : stages(o);
    o->under_way = true;
    return start_stage(o);
}

static rr_status test(rr_allreduce *o, bool *done) {
    *done = false;
    while (o->under_way) {
        int arrived = 0;
        RR_TRY(rr_mpi_check(MPI_Testall(2, o->requests, &arrived, MPI_STATUSES_IGNORE), "in a sum by halves"));
        if (!arrived) return RR_OK;
        add(o->adds.end - o->adds.begin, o->incoming, o->values + o->adds.begin);
        o->under_way = ++o->stage < o->end;
        if (o->under_way) RR_TRY(start_stage(o));
    }
    *done = true;
    return RR_OK;
}

const rr_allreduce_ops rr_allreduce_halving = {.name = "halving",
                                               .help =
                                                   "recursive halving and doubling: few messages, one after another",
                                               .fits = fits,
                                               .create = create,
                                               .start = start,
                                               .own = own,
                                               .test = test,
                                               .free = free_operation};
