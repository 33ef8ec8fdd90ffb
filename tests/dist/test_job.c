/*
 * How a job ends when a rank is in trouble. The test starts this same program under mpirun (or alone) as `test_dist_job
 * PLAY STATUS`, and looks at its exit code, its time and its messages.
 */
#include <mpi.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "dist/control.h"
#include "dist/reducer.h"

static const char *program;

/* A child lets this process, which stops itself, go on after 3 s. */
static void continue_later(pid_t pid) {
    if (fork() != 0) return;
    sleep(3);
    kill(pid, SIGCONT);
    _exit(0);
}

/* One rank of a play. */
static int act(int argc, char **argv) {
    char play[32];
    snprintf(play, sizeof play, "%s", argv[1]);
    rr_status status = (rr_status)atoi(argv[2]);
    rr_comm *comm = NULL;
    if (rr_comm_open(&argc, &argv, &comm) != RR_OK) {
        fprintf(stderr, "ringrnn: %s\n", rr_last_error());
        return rr_status_exit_code(RR_ERR_INPUT);
    }
    bool culprit = rr_comm_rank(comm) == 1;
    static float grads[5000];
    const size_t count = 5000;
    rr_dist_config config = {.bucket_mb = 0.004, .allreduce = 1};
    rr_reducer *reducer = NULL;
    rr_control_exchange *exchange = NULL;
    rr_control control = {{0}, {0}};
    rr_reducer_times times;
    rr_comm_limit_waits(comm, 1);
    rr_comm_phase(comm, "playing", 7);
    rr_status ended = rr_reducer_create(comm, &config, grads, count, count, count, 1, &count, 1, &reducer);
    if (ended == RR_OK) ended = rr_control_create(comm, &exchange);
    if (strcmp(play, "abort") == 0) {
        if (culprit) rr_comm_abort(comm, rr_fail(status, "the file system went away"));
        rr_comm_barrier(comm);
    } else if (strcmp(play, "killed") == 0) {
        if (culprit) raise(SIGKILL);
        rr_comm_barrier(comm);
    } else if (strcmp(play, "stops_before_reducer") == 0) {
        if (culprit) raise(SIGSTOP);
        rr_reducer_begin(reducer);
        ended = rr_reducer_finish(reducer, &times);
    } else if (strcmp(play, "stops_before_control") == 0) {
        if (culprit) raise(SIGSTOP);
        ended = rr_control_start(exchange, &control);
        if (ended == RR_OK) ended = rr_control_wait(exchange, &control);
    } else if (strcmp(play, "stops_others_block") == 0) {
        if (culprit) raise(SIGSTOP);
        ended = rr_allreduce_baseline(comm, grads, 1);
    } else if (strcmp(play, "computes_long") == 0) {
        if (culprit) sleep(4);
        ended = rr_comm_barrier(comm);
    } else if (strcmp(play, "all_wait") == 0) {
        if (culprit) ended = rr_comm_barrier(comm); /* one more than the others */
        if (ended == RR_OK) ended = rr_comm_agree(comm, RR_OK);
        rr_comm_barrier(comm);
    } else if (strcmp(play, "no_limit") == 0) {
        rr_comm_limit_waits(comm, 0);
        if (culprit) continue_later(getpid());
        if (culprit) raise(SIGSTOP);
        ended = rr_comm_barrier(comm);
    }
    if (ended != RR_OK) rr_comm_abort(comm, ended);
    rr_reducer_free(reducer);
    rr_control_free(exchange);
    rr_comm_close(comm);
    return 0;
}

typedef struct outcome {
    int exit_code; /* -1: it was killed */
    double seconds;
    char text[16384]; /* standard output and error */
} outcome;

static void start_and_watch(const char *command, outcome *out) {
    double begin = rr_clock_seconds();
    *out = (outcome){.exit_code = -1};
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    size_t length = fread(out->text, 1, sizeof out->text - 1, pipe);
    out->text[length] = 0;
    int status = pclose(pipe);
    if (WIFEXITED(status)) out->exit_code = WEXITSTATUS(status);
    out->seconds = rr_clock_seconds() - begin;
}

static void play(const char *name, int status, outcome *out) {
    char command[4096];
    snprintf(command, sizeof command, "timeout -k 5 60 %s 3 %s %s %d 2>&1", MPIRUN, program, name, status);
    start_and_watch(command, out);
}

static void an_abort_ends_the_job_with_its_code_and_names_the_rank(void **state) {
    (void)state;
    static const rr_status statuses[] = {RR_ERR_RUNTIME, RR_ERR_INPUT, RR_ERR_NUMERIC, RR_ERR_NOMEM};
    static outcome out;
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        play("abort", statuses[i], &out);
        assert_int_equal(out.exit_code, rr_status_exit_code(statuses[i]));
        assert_true(out.seconds < 10);
        assert_non_null(strstr(out.text, "ringrnn: rank 1 (host "));
        assert_non_null(strstr(out.text, "): the file system went away\n"));
    }
}

static void a_killed_rank_ends_the_job(void **state) {
    (void)state;
    static outcome out;
    play("killed", 0, &out);
    assert_int_not_equal(out.exit_code, 0);
    assert_true(out.seconds < 10);
}

static void expect_words(const outcome *out, const char *const *words) {
    for (; *words != NULL; words++)
        if (strstr(out->text, *words) == NULL) fail_msg("no \"%s\" in: %s", *words, out->text);
}

static void a_rank_that_is_stopped_ends_the_job_after_timeout_s_and_is_named(void **state) {
    (void)state;
    static const char *const plays[] = {"stops_before_reducer", "stops_before_control", "stops_others_block"};
    static const char *const words[3][6] = {
        {"dist.timeout_s (1 s)", "silent meanwhile: rank 1 (host ", "exchange of gradients", "bucket 0 of 5", "by ring",
         NULL},
        {"dist.timeout_s (1 s)", "silent meanwhile: rank 1 (host ", "the control exchange of a step",
         "playing (step 7), waits since ", NULL},
        {"dist.timeout_s (1 s)", "silent meanwhile: rank 1 (host ", "MPI_Allreduce", NULL}};
    static outcome out;
    for (size_t i = 0; i < 3; i++) {
        play(plays[i], 0, &out);
        assert_int_equal(out.exit_code, 1);
        assert_true(out.seconds < 20);
        expect_words(&out, words[i]);
    }
}

static void a_rank_that_works_long_is_waited_for_and_named(void **state) {
    (void)state;
    static outcome out;
    play("computes_long", 0, &out);
    assert_int_equal(out.exit_code, 0);
    static const char *const words[] = {"ringrnn: rank 2 (host ", "rank 1 (host ", "is at work, so the job goes on",
                                        NULL};
    expect_words(&out, words);
}

static void ranks_that_all_wait_for_each_other_end(void **state) {
    (void)state;
    static outcome out;
    play("all_wait", 0, &out);
    assert_int_equal(out.exit_code, 1);
    static const char *const words[] = {"are alive, and wait too", "(step 7), waits since ", NULL};
    expect_words(&out, words);
}

static void without_a_limit_a_stopped_rank_is_waited_for(void **state) {
    (void)state;
    static outcome out;
    play("no_limit", 0, &out);
    assert_string_equal(out.text, "");
    assert_int_equal(out.exit_code, 0);
}

static void a_job_that_goes_well_ends_well(void **state) {
    (void)state;
    static outcome out;
    play("nothing", 0, &out);
    assert_string_equal(out.text, "");
    assert_int_equal(out.exit_code, 0);
}

static void ranks_that_srun_starts_without_a_launcher_are_refused(void **state) {
    (void)state;
    static outcome out;
    char command[4096];
    snprintf(command, sizeof command, "env -u OMPI_COMM_WORLD_SIZE SLURM_STEP_NUM_TASKS=4 %s nothing 0 2>&1", program);
    start_and_watch(command, &out);
    assert_int_equal(out.exit_code, 2);
    assert_non_null(strstr(out.text, "srun started 4 tasks"));
    assert_non_null(strstr(out.text, "--mpi=pmix"));
    /* mpirun inside a job step is none of that. */
    snprintf(command, sizeof command, "SLURM_STEP_NUM_TASKS=4 timeout -k 5 60 %s 1 %s nothing 0 2>&1", MPIRUN, program);
    start_and_watch(command, &out);
    assert_int_equal(out.exit_code, 0);
}

int main(int argc, char **argv) {
    if (argc == 3) return act(argc, argv);
    program = argv[0];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_job_that_goes_well_ends_well),
        cmocka_unit_test(an_abort_ends_the_job_with_its_code_and_names_the_rank),
        cmocka_unit_test(a_killed_rank_ends_the_job),
        cmocka_unit_test(a_rank_that_is_stopped_ends_the_job_after_timeout_s_and_is_named),
        cmocka_unit_test(a_rank_that_works_long_is_waited_for_and_named),
        cmocka_unit_test(ranks_that_all_wait_for_each_other_end),
        cmocka_unit_test(without_a_limit_a_stopped_rank_is_waited_for),
        cmocka_unit_test(ranks_that_srun_starts_without_a_launcher_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
