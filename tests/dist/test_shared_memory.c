/* Arrays that ranks of a node share: what lies where, and what happens without room. */
#include <string.h>

#include "base/arena.h"
#include "dist/allreduce.h"
#include "dist/reducer.h"
#include "dist/shared_memory.h"
#include "ranks.h"

static bool has_neighbours(void) { return rr_comm_size(comm) > rr_comm_nodes(comm); }

/* Bytes that /dev/shm may seem to have free from now on; NULL: as it is. */
static void pretend_room(const char *bytes) {
    if (bytes != NULL)
        setenv("RINGRNN_PRETEND_ROOM", bytes, 1);
    else
        unsetenv("RINGRNN_PRETEND_ROOM");
}

static void arrays_are_zeroed_aligned_and_seen_by_the_neighbours(void **state) {
    (void)state;
    static const size_t counts[] = {0, 1, 15, 16, 1023, 1024, 1025, 700001};
    const size_t local = rr_comm_local_size(comm), me = rr_comm_local_rank(comm);
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
        rr_shared *shared = NULL;
        size_t bad = 0, count = counts[c];
        expect(rr_comm_shared_floats(comm, count, &shared) == RR_OK);
        if (shared == NULL) continue;
        float *mine = rr_shared_mine(shared);
        expect((uintptr_t)mine % RR_ALIGN == 0);
        for (size_t i = 0; i < count; i++) bad += mine[i] != 0;
        for (size_t i = 0; i < count; i++) mine[i] = (float)(rank * 1000 + i % 999);
        MPI_Barrier(MPI_COMM_WORLD);
        /* The ranks of a node rise with its local ranks, so each neighbour has another first value. */
        for (size_t other = 0; other < local; other++) {
            const float *theirs = rr_shared_of(shared, other);
            float first = count > 0 ? theirs[0] : 0;
            for (size_t i = 0; i < count; i++) bad += theirs[i] != first + (float)(i % 999);
            bad += other == me && theirs != mine;
            if (other > 0 && count > 0) bad += !(first > rr_shared_of(shared, other - 1)[0]);
        }
        expect(bad == 0);
        MPI_Barrier(MPI_COMM_WORLD);
        rr_shared_free(shared);
    }
    settle();
}

/* Sums walk through the parts of all ranks side by side. */
static void parts_of_neighbours_lie_at_different_places_of_a_page(void **state) {
    (void)state;
    rr_shared *shared = NULL;
    expect(rr_comm_shared_floats(comm, 1 << 20, &shared) == RR_OK);
    for (size_t a = 0; a < rr_comm_local_size(comm); a++)
        for (size_t b = 0; b < a; b++)
            expect((uintptr_t)rr_shared_of(shared, a) % 4096 != (uintptr_t)rr_shared_of(shared, b) % 4096);
    rr_shared_free(shared);
    settle();
}

static void values_are_found_in_the_array_that_holds_them_whole(void **state) {
    (void)state;
    rr_shared *a = NULL, *b = NULL;
    rr_shared_place place, other;
    static float elsewhere[10];
    expect(!rr_shared_any(comm));
    expect(rr_comm_shared_floats(comm, 100, &a) == RR_OK);
    expect(rr_comm_shared_floats(comm, 200, &b) == RR_OK);
    if (a == NULL || b == NULL) MPI_Abort(MPI_COMM_WORLD, 1);
    expect(rr_shared_any(comm));
    expect(rr_shared_find(comm, rr_shared_mine(a), 100, &place) && place.shared == a && place.offset == 0);
    expect(rr_shared_find(comm, rr_shared_mine(b) + 7, 193, &other) && other.shared == b && other.offset == 7);
    expect(place.number != other.number && place.number > 0 && other.number > 0);
    expect(!rr_shared_find(comm, rr_shared_mine(a), 101, &place));
    expect(!rr_shared_find(comm, rr_shared_mine(b) + 7, 194, &place));
    expect(!rr_shared_find(comm, rr_shared_mine(b) + 7, SIZE_MAX, &place));
    expect(!rr_shared_find(comm, elsewhere, 10, &place));
    expect(!rr_shared_find(comm, (float *)(void *)((char *)rr_shared_mine(b) + 2), 5, &place));
    rr_shared_free(a); /* in any order, but the same on all ranks */
    expect(rr_shared_find(comm, rr_shared_mine(b), 200, &place) && place.number == other.number);
    rr_shared_free(b);
    expect(!rr_shared_any(comm));
    settle();
}

static void the_line_says_which_memory_it_is(void **state) {
    (void)state;
    rr_shared *shared = NULL;
    expect(rr_comm_shared_floats(comm, 3 << 18, &shared) == RR_OK);
    const char *expected = ranks == 1         ? "plain memory: one rank"
                           : has_neighbours() ? "shared memory, 3.0 MiB a rank"
                                              : "plain memory: one rank a node";
    if (shared != NULL) expect(strcmp(rr_shared_line(shared), expected) == 0);
    rr_shared_free(shared);
    settle();
}

static void without_room_the_memory_is_plain_and_says_so(void **state) {
    (void)state;
    static const char *const rooms[] = {"0", "1000000"};
    for (size_t i = 0; i < 2; i++) {
        rr_shared *shared = NULL;
        rr_shared_place place;
        size_t bad = 0;
        pretend_room(rooms[i]);
        expect(rr_comm_shared_floats(comm, 1 << 20, &shared) == RR_OK);
        pretend_room(NULL);
        if (shared == NULL) continue;
        float *mine = rr_shared_mine(shared);
        for (size_t k = 0; k < 1 << 20; k++) bad += mine[k] != 0;
        mine[0] = mine[(1 << 20) - 1] = 1;
        expect(bad == 0 && (uintptr_t)mine % RR_ALIGN == 0);
        if (has_neighbours()) {
            const char *line = rr_shared_line(shared);
            expect(strncmp(line, "plain memory: ", 14) == 0 && strstr(line, "/dev/shm has ") != NULL);
            expect(strstr(line, i == 0 ? "has 0.0 MiB free" : "has 1.0 MiB free") != NULL);
            expect(!rr_shared_any(comm) && !rr_shared_find(comm, mine, 10, &place));
            for (size_t other = 0; other < rr_comm_local_size(comm); other++)
                expect((rr_shared_of(shared, other) == NULL) == (other != rr_comm_local_rank(comm)));
        }
        rr_shared_free(shared);
    }
    settle();
}

static void more_than_there_can_be_is_refused_by_all(void **state) {
    (void)state;
    rr_shared *shared = NULL;
    expect(rr_comm_shared_floats(comm, SIZE_MAX / 2, &shared) == RR_ERR_NOMEM);
    expect(shared == NULL && rr_comm_agreed(comm));
    settle();
}

static const int auto_choice = RR_ALLREDUCE_AUTO;

static int choice_of(const char *name) {
    size_t a = 0;
    while (strcmp(rr_allreduces[a]->name, name) != 0) a++;
    return (int)a + 1;
}

static rr_status reduce(int choice, float *grads, size_t count, const char **algorithm) {
    rr_dist_config config = {.allreduce = choice, .bucket_mb = 0.1, .threads_per_rank = 1};
    rr_reducer *reducer = NULL;
    rr_reducer_times times;
    rr_status status = rr_reducer_create(comm, &config, grads, count, count, count, 1, &count, 1, &reducer);
    if (status != RR_OK) return status;
    size_t bad = 0;
    for (size_t i = 0; i < count; i++) grads[i] = (float)((rank + 1) * (i % 101));
    rr_reducer_begin(reducer);
    status = rr_reducer_finish(reducer, &times);
    for (size_t i = 0; i < count; i++) bad += grads[i] != (float)(ranks * (ranks + 1) / 2 * (i % 101));
    expect(bad == 0);
    *algorithm = rr_reducer_algorithm(reducer);
    rr_reducer_free(reducer);
    return status;
}

/* A node whose /dev/shm has no room for gradients, but for buffers; and one that has room for nothing. */
static void gradients_are_summed_in_plain_memory_too(void **state) {
    (void)state;
    enum { COUNT = 1 << 20 };
    rr_shared *shared = NULL;
    bool one_node = rr_comm_nodes(comm) == 1; /* on several, pieces would be added in another order */
    const char *algorithm = "", *expected = ranks == 1 ? "none" : one_node ? "shared" : "ring";
    pretend_room("1000000");
    expect(rr_comm_shared_floats(comm, COUNT, &shared) == RR_OK);
    if (shared == NULL) MPI_Abort(MPI_COMM_WORLD, 1);
    pretend_room(NULL);
    expect(reduce(auto_choice, rr_shared_mine(shared), COUNT, &algorithm) == RR_OK);
    expect(strcmp(algorithm, expected) == 0);

    pretend_room("0");
    expect(reduce(auto_choice, rr_shared_mine(shared), COUNT, &algorithm) == RR_OK);
    expect(strcmp(algorithm, ranks == 1 ? "none" : "ring") == 0);
    /* Who asks for it gets it, or is told why not. */
    rr_status status = reduce(choice_of("shared"), rr_shared_mine(shared), COUNT, &algorithm);
    expect(status == (has_neighbours() ? RR_ERR_NOMEM : RR_OK));
    if (has_neighbours())
        expect(rr_comm_agreed(comm) &&
               strstr(rr_last_error(), one_node ? "/dev/shm has 0.0 MiB" : "has no room for the gradients") != NULL);
    pretend_room(NULL);
    rr_shared_free(shared);
    settle();
}

static int run(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arrays_are_zeroed_aligned_and_seen_by_the_neighbours),
        cmocka_unit_test(parts_of_neighbours_lie_at_different_places_of_a_page),
        cmocka_unit_test(values_are_found_in_the_array_that_holds_them_whole),
        cmocka_unit_test(the_line_says_which_memory_it_is),
        cmocka_unit_test(without_room_the_memory_is_plain_and_says_so),
        cmocka_unit_test(more_than_there_can_be_is_refused_by_all),
        cmocka_unit_test(gradients_are_summed_in_plain_memory_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(int argc, char **argv) { return run_ranks(&argc, &argv, run); }
