#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdatomic.h>
#include <time.h>

#include "math/team.h"

enum { MOST = 8, ROUNDS = 300 };

typedef struct counting {
    rr_team *team;
    size_t calls[MOST]; /* of each thread */
    atomic_size_t sum;
    size_t slots[MOST];
    atomic_int wrong;
} counting;

static void count_calls(void *ctx, size_t thread, size_t threads) {
    counting *c = ctx;
    c->calls[thread]++;
    if (threads != rr_team_size(c->team)) c->wrong++;
    c->sum += thread;
}

static void work_reaches_every_thread_once(void **state) {
    (void)state;
    for (size_t threads = 1; threads <= MOST; threads++) {
        counting c = {0};
        assert_int_equal(rr_team_create(threads, &c.team), RR_OK);
        assert_int_equal(rr_team_size(c.team), threads);
        for (size_t round = 1; round <= ROUNDS; round++) {
            rr_team_run(c.team, count_calls, &c);
            for (size_t t = 0; t < threads; t++) assert_int_equal(c.calls[t], round); /* all have returned */
            if (round == ROUNDS / 2) /* long enough for the others to fall asleep */
                nanosleep(&(struct timespec){.tv_nsec = 20 * 1000 * 1000}, NULL);
        }
        assert_int_equal(c.sum, ROUNDS * threads * (threads - 1) / 2);
        assert_int_equal(c.wrong, 0);
        rr_team_free(c.team);
    }
}

static void pass_round(void *ctx, size_t thread, size_t threads) {
    counting *c = ctx;
    for (size_t round = 1; round <= ROUNDS; round++) {
        c->slots[thread] = round;
        rr_team_barrier(c->team);
        for (size_t t = 0; t < threads; t++)
            if (c->slots[t] != round) c->wrong++;
        rr_team_barrier(c->team);
    }
}

static void a_barrier_shows_what_was_written_before(void **state) {
    (void)state;
    for (size_t threads = 1; threads <= MOST; threads += 3) {
        counting c = {0};
        assert_int_equal(rr_team_create(threads, &c.team), RR_OK);
        rr_team_run(c.team, pass_round, &c);
        assert_int_equal(c.wrong, 0);
        rr_team_free(c.team);
    }
}

static void shares_cover_everything_once(void **state) {
    (void)state;
    for (size_t count = 0; count < 20; count++)
        for (size_t threads = 1; threads < 7; threads++) {
            size_t next = 0;
            for (size_t t = 0; t < threads; t++) {
                rr_share share = rr_share_of(count, t, threads);
                assert_int_equal(share.first, next);
                assert_true(share.end - share.first <= count / threads + 1);
                next = share.end;
            }
            assert_int_equal(next, count);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(work_reaches_every_thread_once),
        cmocka_unit_test(a_barrier_shows_what_was_written_before),
        cmocka_unit_test(shares_cover_everything_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
