#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "base/file.h"
#include "ckpt/lock_owner.h"
#include "ckpt/store.h"
#include "support/scratch.h"

/* No Slurm but what a test sets up. */
static int open_without_slurm(void **state) {
    static const char *const names[] = {"SLURM_CLUSTER_NAME", "SLURM_JOB_ID", "SLURM_STEP_ID", "SLURM_RESTART_COUNT"};
    for (size_t i = 0; i < 4; i++) unsetenv(names[i]);
    return scratch_open(state);
}

/* A lock file as another process would have left it. */
static void plant(scratch *s, const rr_lock_owner *owner) {
    rr_buffer text = {0};
    rr_lock_owner_write(owner, &text);
    assert_int_equal(rr_file_write(scratch_path(s, "lock"), text.data, text.length), RR_OK);
    rr_buffer_free(&text);
}

static rr_lock_owner self(void) {
    rr_lock_owner owner;
    rr_lock_owner_self(&owner);
    return owner;
}

/* A pid that no process has: that of a child which has been waited for. */
static pid_t dead_pid(void) {
    pid_t child = fork();
    if (child == 0) _exit(0);
    waitpid(child, NULL, 0);
    return child;
}

static void assert_taken(scratch *s) {
    rr_run_lock *lock = NULL;
    if (rr_run_lock_take(s->folder, &lock) != RR_OK) fail_msg("refused: %s", rr_last_error());
    rr_buffer text = {0};
    rr_lock_owner owner;
    assert_int_equal(rr_file_read(scratch_path(s, "lock"), &text), RR_OK);
    assert_true(rr_lock_owner_parse(text.data, &owner));
    assert_int_equal(owner.pid, getpid());
    rr_buffer_free(&text);
    rr_run_lock_release(lock);
    assert_false(scratch_has(s, "lock"));
    assert_false(scratch_has(s, "lock.takeover"));
}

static void assert_refused(scratch *s, const char *says) {
    rr_run_lock *lock = NULL;
    assert_int_equal(rr_run_lock_take(s->folder, &lock), RR_ERR_INPUT);
    assert_null(lock);
    if (strstr(rr_last_error(), says) == NULL || strstr(rr_last_error(), "/lock: ") == NULL)
        fail_msg("%s", rr_last_error());
    assert_true(scratch_has(s, "lock"));
}

static void a_free_folder_is_taken_and_given_back(void **state) {
    scratch *s = *state;
    assert_taken(s);
    assert_taken(s);
    assert_int_equal(rmdir(s->folder), 0); /* nothing is left */
    assert_int_equal(mkdir(s->folder, 0700), 0);
}

static void a_folder_in_use_is_refused(void **state) {
    scratch *s = *state;
    rr_run_lock *lock = NULL;
    char who[64];
    snprintf(who, sizeof who, "in use by process %ld on host ", (long)getpid());
    assert_int_equal(rr_run_lock_take(s->folder, &lock), RR_OK);
    assert_refused(s, who);
    assert_refused(s, "run.name");
    rr_run_lock_release(lock);
    assert_taken(s);
}

/* A child that holds the lock until it is killed. */
static pid_t start_holder(scratch *s) {
    int ready[2];
    char byte;
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        rr_run_lock *lock = NULL;
        if (rr_run_lock_take(s->folder, &lock) != RR_OK || write(ready[1], "x", 1) != 1) _exit(1);
        for (;;) pause();
    }
    close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    return child;
}

static void another_process_is_refused_until_it_is_killed(void **state) {
    scratch *s = *state;
    char who[64];
    pid_t child = start_holder(s);
    snprintf(who, sizeof who, "in use by process %ld on host ", (long)child);
    assert_refused(s, who);
    kill(child, SIGSTOP);
    assert_refused(s, who);
    kill(child, SIGKILL);
    siginfo_t how;
    assert_int_equal(waitid(P_PID, (id_t)child, &how, WEXITED | WNOWAIT), 0); /* dead, but still a zombie of ours */
    assert_taken(s);
    waitpid(child, NULL, 0);
}

static void the_lock_of_a_live_process_without_flock_is_refused(void **state) {
    scratch *s = *state;
    pid_t child = start_holder(s);
    rr_buffer text = {0};
    assert_int_equal(rr_file_read(scratch_path(s, "lock"), &text), RR_OK);
    /* The same text in a new file: nobody holds it, as on a file system without flock. */
    assert_int_equal(rr_file_write(scratch_path(s, "lock"), text.data, text.length), RR_OK);
    assert_refused(s, "in use by");
    rr_buffer_free(&text);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    assert_taken(s);
}

/* In a container of its own, or as another kind of machine sees it, the owner may look dead; its flock says that it is
 * not. */
static void what_the_owner_holds_counts_more_than_what_is_written(void **state) {
    scratch *s = *state;
    rr_buffer text = {0};
    pid_t child = start_holder(s);
    rr_lock_owner owner = self();
    owner.pid = dead_pid();
    rr_lock_owner_write(&owner, &text);
    int fd = open(scratch_path(s, "lock"), O_WRONLY | O_TRUNC);
    assert_int_equal(write(fd, text.data, text.length), text.length);
    close(fd);
    assert_refused(s, "in use by");
    rr_buffer_free(&text);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    assert_taken(s);
}

static void a_dead_process_leaves_a_stale_lock(void **state) {
    rr_lock_owner owner = self();
    owner.pid = dead_pid();
    plant(*state, &owner);
    assert_taken(*state);
}

static void a_reused_pid_is_not_the_owner(void **state) {
    rr_lock_owner owner = self();
    owner.pid = 1; /* runs, but started at another time */
    owner.start = 1;
    plant(*state, &owner);
    assert_taken(*state);
    owner = self();
    owner.start++;
    plant(*state, &owner);
    assert_taken(*state);
}

static void the_boot_ends_all_processes_of_a_host(void **state) {
    rr_lock_owner owner = self();
    snprintf(owner.boot, sizeof owner.boot, "00000000-another-boot");
    plant(*state, &owner);
    assert_taken(*state);
}

static void a_lock_that_somebody_holds_is_alive_whatever_it_says(void **state) {
    scratch *s = *state;
    rr_lock_owner owner = self();
    owner.pid = dead_pid();
    plant(s, &owner);
    int fd = open(scratch_path(s, "lock"), O_RDONLY);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    assert_refused(s, "in use by");
    close(fd);
    assert_taken(s);
}

static void another_host_cannot_be_seen_from_here(void **state) {
    rr_lock_owner owner = self();
    snprintf(owner.host, sizeof owner.host, "node7");
    plant(*state, &owner);
    assert_refused(*state, "node7");
    assert_refused(*state, "remove this file");
    owner = self();
    snprintf(owner.machine, sizeof owner.machine, "same name, other machine");
    owner.pid = dead_pid();
    plant(*state, &owner);
    assert_refused(*state, "remove this file");
}

static void what_is_no_lock_is_not_removed(void **state) {
    static const char *const texts[] = {
        "", "hello\n", "host: here\n", "pid: 4\n", "host: here\npid: 0\n", "host: here\npid: -1\n"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        assert_int_equal(rr_file_write(scratch_path(*state, "lock"), texts[i], strlen(texts[i])), RR_OK);
        assert_refused(*state, "is not a lock that ringrnn wrote");
    }
    assert_int_equal(unlink(scratch_path(*state, "lock")), 0);
}

static void an_unfinished_takeover_is_named(void **state) {
    rr_lock_owner owner = self();
    owner.pid = dead_pid();
    plant(*state, &owner);
    assert_int_equal(rr_file_write(scratch_path(*state, "lock.takeover"), "", 0), RR_OK);
    rr_run_lock *lock = NULL;
    assert_int_equal(rr_run_lock_take(((scratch *)*state)->folder, &lock), RR_ERR_INPUT);
    assert_non_null(strstr(rr_last_error(), "lock.takeover: another process is taking"));
    assert_int_equal(unlink(scratch_path(*state, "lock.takeover")), 0);
    assert_taken(*state);
}

static void a_lock_that_is_not_ours_any_more_is_not_removed(void **state) {
    scratch *s = *state;
    rr_run_lock *lock = NULL;
    assert_int_equal(rr_run_lock_take(s->folder, &lock), RR_OK);
    rr_lock_owner owner = self();
    snprintf(owner.host, sizeof owner.host, "node7");
    plant(s, &owner); /* somebody removed ours and took the folder */
    rr_run_lock_release(lock);
    assert_true(scratch_has(s, "lock"));
}

static void a_missing_folder_is_an_error(void **state) {
    rr_run_lock *lock = NULL;
    assert_int_equal(rr_run_lock_take(scratch_path(*state, "absent"), &lock), RR_ERR_RUNTIME);
    assert_non_null(strstr(rr_last_error(), "absent/lock: the lock cannot be made: No such file"));
}

/* Many at once on one stale lock: one wins, however they meet. */
static void of_many_takers_one_wins(void **state) {
    enum { TAKERS = 8, ROUNDS = 40 };
    scratch *s = *state;
    rr_lock_owner owner = self();
    for (int round = 0; round < ROUNDS; round++) {
        pid_t children[TAKERS];
        int go[2], won[2], done[2], wins = 0;
        char bytes[TAKERS];
        assert_int_equal(pipe(go) | pipe(won) | pipe(done), 0);
        owner.pid = dead_pid();
        if (round % 4 != 0) plant(s, &owner);
        for (int i = 0; i < TAKERS; i++) {
            children[i] = fork();
            if (children[i] != 0) continue;
            char byte;
            rr_run_lock *lock = NULL;
            close(done[1]);
            if (read(go[0], &byte, 1) != 1) _exit(2);
            bool mine = rr_run_lock_take(s->folder, &lock) == RR_OK;
            if (write(won[1], mine ? "y" : "n", 1) != 1) _exit(2);
            if (mine && read(done[0], &byte, 1) != 0) _exit(2); /* holds it until all have tried */
            rr_run_lock_release(lock);
            _exit(0);
        }
        memset(bytes, 'g', sizeof bytes);
        assert_int_equal(write(go[1], bytes, TAKERS), TAKERS);
        for (int i = 0; i < TAKERS; i++) {
            assert_int_equal(read(won[0], bytes, 1), 1);
            wins += bytes[0] == 'y';
        }
        close(done[1]);
        for (int i = 0; i < TAKERS; i++) {
            int how;
            assert_int_equal(waitpid(children[i], &how, 0), children[i]);
            assert_int_equal(how, 0);
        }
        close(done[0]);
        for (int i = 0; i < 2; i++) close(go[i]), close(won[i]);
        assert_int_equal(wins, 1);
        assert_false(scratch_has(s, "lock"));
    }
}

/* A squeue of our own first in PATH, printing `output` and ending with `code`. */
static void plant_squeue(scratch *s, const char *output, int code) {
    rr_buffer script = {0}, path = {0};
    rr_buffer_printf(&script, "#!/bin/sh\necho \"$@\" >>\"%s/asked\"\necho '%s'\nexit %d\n", s->folder, output, code);
    assert_int_equal(rr_folder_make(scratch_path(s, "bin")), RR_OK);
    assert_int_equal(rr_file_write(scratch_path(s, "bin/squeue"), script.data, script.length), RR_OK);
    assert_int_equal(chmod(scratch_path(s, "bin/squeue"), 0755), 0);
    rr_buffer_printf(&path, "%s:/usr/bin:/bin", scratch_path(s, "bin"));
    setenv("PATH", path.data, 1);
    rr_buffer_free(&script);
    rr_buffer_free(&path);
}

/* A lock of job 100 on another host of this cluster. */
static rr_lock_owner owner_in_job(void) {
    setenv("SLURM_CLUSTER_NAME", "atlas", 1);
    rr_lock_owner owner = self();
    snprintf(owner.host, sizeof owner.host, "node7");
    snprintf(owner.job, sizeof owner.job, "100");
    snprintf(owner.step, sizeof owner.step, "2");
    return owner;
}

static void squeue_knows_which_jobs_have_ended(void **state) {
    scratch *s = *state;
    rr_lock_owner owner = owner_in_job();
    plant(s, &owner);
    char *before = strdup(getenv("PATH"));
    setenv("PATH", scratch_path(s, "nothing"), 1);
    assert_refused(s, "remove this file"); /* no squeue */
    plant_squeue(s, "RUNNING", 0);
    assert_refused(s, "in use by");
    assert_refused(s, "Slurm job 100");
    plant_squeue(s, "slurm_load_jobs error: Unable to contact slurm controller (connect failure)", 1);
    assert_refused(s, "remove this file");
    plant_squeue(s, "slurm_load_jobs error: Invalid job id specified", 1);
    assert_taken(s);
    plant(s, &owner);
    plant_squeue(s, "", 0);
    assert_taken(s);

    snprintf(owner.cluster, sizeof owner.cluster, "other"); /* whose jobs this squeue does not know */
    plant(s, &owner);
    assert_refused(s, "remove this file");
    snprintf(owner.cluster, sizeof owner.cluster, "atlas");
    snprintf(owner.job, sizeof owner.job, "100 --evil");
    plant(s, &owner);
    assert_refused(s, "remove this file");
    setenv("PATH", before, 1);
    free(before);
    rr_buffer asked = {0};
    assert_int_equal(rr_file_read(scratch_path(s, "asked"), &asked), RR_OK);
    assert_non_null(strstr(asked.data, "--jobs 100 "));
    assert_null(strstr(asked.data, "evil"));
    rr_buffer_free(&asked);
}

static void a_requeued_job_takes_over_from_itself(void **state) {
    scratch *s = *state;
    rr_lock_owner owner = owner_in_job();
    char *before = strdup(getenv("PATH"));
    setenv("SLURM_JOB_ID", "100", 1);
    setenv("SLURM_STEP_ID", "0", 1);
    setenv("SLURM_RESTART_COUNT", "1", 1);
    setenv("PATH", scratch_path(s, "nothing"), 1);
    plant(s, &owner);
    assert_taken(s);
    owner.restarts = 1; /* the same start of the job, on another of its hosts: squeue must tell */
    plant(s, &owner);
    assert_refused(s, "remove this file");
    plant_squeue(s, "100.batch\n100.2", 0);
    assert_refused(s, "in use by");
    plant_squeue(s, "100.batch\n100.22\n1100.2", 0);
    assert_taken(s);
    setenv("PATH", before, 1);
    free(before);
}

/* What runs on where nobody could end it (slurmd is dead there) sees that it has lost, and makes way. */
static void an_earlier_start_that_still_runs_is_told(void **state) {
    scratch *s = *state;
    int ready[2];
    char byte;
    setenv("SLURM_CLUSTER_NAME", "atlas", 1);
    setenv("SLURM_JOB_ID", "100", 1);
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        rr_run_lock *lock = NULL;
        if (rr_run_lock_take(s->folder, &lock) != RR_OK || rr_run_lock_lost(lock) || write(ready[1], "x", 1) != 1)
            _exit(1);
        while (rr_run_lock_check(lock) == RR_OK) usleep(1000);
        bool named = strstr(rr_last_error(), "(Slurm job 100)") != NULL;
        rr_run_lock_release(lock);
        _exit(named && scratch_has(s, "lock") ? 0 : 2);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_refused(s, "in use by"); /* another process of the same start */
    setenv("SLURM_JOB_ID", "101", 1);
    setenv("SLURM_RESTART_COUNT", "1", 1);
    assert_refused(s, "in use by"); /* another job */
    setenv("SLURM_JOB_ID", "100", 1);
    rr_run_lock *lock = NULL;
    int how;
    if (rr_run_lock_take(s->folder, &lock) != RR_OK) fail_msg("refused: %s", rr_last_error());
    assert_int_equal(waitpid(child, &how, WNOHANG) == child || waitpid(child, &how, 0) == child, 1);
    assert_int_equal(how, 0);
    assert_int_equal(rr_run_lock_check(lock), RR_OK);
    assert_int_equal(unlink(scratch_path(s, "lock")), 0); /* removed by hand: nobody has taken it */
    assert_int_equal(rr_run_lock_check(lock), RR_OK);
    rr_run_lock_release(lock);
    close(ready[0]), close(ready[1]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_free_folder_is_taken_and_given_back, open_without_slurm, scratch_close),
        cmocka_unit_test_setup_teardown(a_folder_in_use_is_refused, open_without_slurm, scratch_close),
        cmocka_unit_test_setup_teardown(another_process_is_refused_until_it_is_killed, open_without_slurm,
                                        scratch_close),
        cmocka_unit_test_setup_teardown(the_lock_of_a_live_process_without_flock_is_refused, open_without_slurm,
                                        scratch_close),
        cmocka_unit_test_setup_teardown(what_the_owner_holds_counts_more_than_what_is_written, open_without_slurm,
                                        scratch_close),
        cmocka_unit_test_setup_teardown(a_dead_process_leaves_a_stale_lock, open_without_slurm, scratch_close),
        cmocka_unit_test_setup_teardown(a_reused_pid_is_not_the_owner, open_without_slurm, scratch_close),
        cmocka_unit_test_setup_teardown(the_boot_ends_all_processes_of_a_host, open_without_slurm, scratch_close),
        cmocka_unit_test_setup_teardown(a_lock_that_somebody_holds_is_alive_whatever_it_says, open_without_slurm,
                                        scratch_close),
        cmocka_unit_test_setup_teardown(another_host_cannot_be_seen_from_here, open_without_slurm, scratch_close),
        cmocka_unit_test_setup_teardown(what_is_no_lock_is_not_removed, open_without_slurm, scratch_close),
        cmocka_unit_test_setup_teardown(an_unfinished_takeover_is_named, open_without_slurm, scratch_close),
        cmocka_unit_test_setup_teardown(a_lock_that_is_not_ours_any_more_is_not_removed, open_without_slurm,
                                        scratch_close),
        cmocka_unit_test_setup_teardown(a_missing_folder_is_an_error, open_without_slurm, scratch_close),
        cmocka_unit_test_setup_teardown(of_many_takers_one_wins, open_without_slurm, scratch_close),
        cmocka_unit_test_setup_teardown(squeue_knows_which_jobs_have_ended, open_without_slurm, scratch_close),
        cmocka_unit_test_setup_teardown(a_requeued_job_takes_over_from_itself, open_without_slurm, scratch_close),
        cmocka_unit_test_setup_teardown(an_earlier_start_that_still_runs_is_told, open_without_slurm, scratch_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
