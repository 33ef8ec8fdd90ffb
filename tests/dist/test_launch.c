/* A singleton under srun, seen in the environment alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dist/launch.h"

static const char *variables[2][2];

static const char *lookup(const char *name) {
    for (size_t i = 0; i < 2 && variables[i][0] != NULL; i++)
        if (strcmp(variables[i][0], name) == 0) return variables[i][1];
    return NULL;
}

static rr_status check(size_t world_size, const char *a, const char *a_value, const char *b, const char *b_value) {
    memset(variables, 0, sizeof variables);
    variables[0][0] = a;
    variables[0][1] = a_value;
    variables[1][0] = b;
    variables[1][1] = b_value;
    return rr_launch_check(lookup, world_size);
}

static void outside_slurm_anything_goes(void **state) {
    (void)state;
    assert_int_equal(check(0, NULL, NULL, NULL, NULL), RR_OK);
    assert_int_equal(check(1, NULL, NULL, NULL, NULL), RR_OK);
    assert_int_equal(check(8, NULL, NULL, NULL, NULL), RR_OK);
}

static void several_tasks_without_a_launcher_are_refused_before_mpi_starts(void **state) {
    (void)state;
    assert_int_equal(check(0, "SLURM_STEP_NUM_TASKS", "4", NULL, NULL), RR_ERR_INPUT);
    assert_non_null(strstr(rr_last_error(), "srun started 4 tasks"));
    assert_non_null(strstr(rr_last_error(), "--mpi=pmix"));
}

static void a_launcher_is_trusted_until_the_world_turns_out_to_be_one_rank(void **state) {
    (void)state;
    static const char *const names[] = {"PMIX_RANK", "PMI_RANK"};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(check(0, "SLURM_STEP_NUM_TASKS", "4", names[i], "0"), RR_OK);
        assert_int_equal(check(4, "SLURM_STEP_NUM_TASKS", "4", names[i], "0"), RR_OK);
        assert_int_equal(check(1, "SLURM_STEP_NUM_TASKS", "4", names[i], "0"), RR_ERR_INPUT);
    }
}

static void one_task_is_fine(void **state) {
    (void)state;
    assert_int_equal(check(0, "SLURM_STEP_NUM_TASKS", "1", NULL, NULL), RR_OK);
    assert_int_equal(check(1, "SLURM_STEP_NUM_TASKS", "1", NULL, NULL), RR_OK);
}

static void mpirun_within_a_job_step_says_itself_how_many_it_started(void **state) {
    (void)state;
    assert_int_equal(check(0, "SLURM_STEP_NUM_TASKS", "4", "OMPI_COMM_WORLD_SIZE", "1"), RR_OK);
    assert_int_equal(check(1, "SLURM_STEP_NUM_TASKS", "4", "OMPI_COMM_WORLD_SIZE", "1"), RR_OK);
    assert_int_equal(check(1, "SLURM_STEP_NUM_TASKS", "4", "PMI_SIZE", "1"), RR_OK);
}

static void a_variable_that_is_no_number_is_ignored(void **state) {
    (void)state;
    static const char *const values[] = {"", "four", "4x", "-4"};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        assert_int_equal(check(0, "SLURM_STEP_NUM_TASKS", values[i], NULL, NULL), RR_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(outside_slurm_anything_goes),
        cmocka_unit_test(several_tasks_without_a_launcher_are_refused_before_mpi_starts),
        cmocka_unit_test(a_launcher_is_trusted_until_the_world_turns_out_to_be_one_rank),
        cmocka_unit_test(one_task_is_fine),
        cmocka_unit_test(mpirun_within_a_job_step_says_itself_how_many_it_started),
        cmocka_unit_test(a_variable_that_is_no_number_is_ignored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
