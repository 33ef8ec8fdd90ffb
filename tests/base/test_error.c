#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"

static rr_status fail_and_go_on(int *reached) {
    RR_TRY(RR_OK);
    ++*reached;
    RR_TRY(rr_fail(RR_ERR_INPUT, "key %s is %d", "a.b", 3));
    ++*reached;
    return RR_OK;
}

static void the_finder_words_it_and_callers_pass_it_on(void **state) {
    (void)state;
    int reached = 0;
    assert_int_equal(fail_and_go_on(&reached), RR_ERR_INPUT);
    assert_int_equal(reached, 1);
    assert_string_equal(rr_last_error(), "key a.b is 3");
    assert_int_equal(rr_fail_within(RR_ERR_INPUT, "checkpoint %d: ", 9), RR_ERR_INPUT);
    assert_string_equal(rr_last_error(), "checkpoint 9: key a.b is 3");
}

static void a_message_may_be_made_of_the_last_one(void **state) {
    (void)state;
    rr_fail(RR_ERR_RUNTIME, "first");
    rr_fail(RR_ERR_RUNTIME, "again: %s, %s", rr_last_error(), rr_last_error());
    assert_string_equal(rr_last_error(), "again: first, first");
}

static void long_messages_are_cut(void **state) {
    (void)state;
    static char text[20000];
    memset(text, 'x', sizeof text - 1);
    rr_fail(RR_ERR_RUNTIME, "%s", text);
    size_t longest = strlen(rr_last_error());
    assert_in_range(longest, 1000, sizeof text - 2);
    rr_fail_within(RR_ERR_RUNTIME, "before: ");
    assert_int_equal(strlen(rr_last_error()), longest);
    assert_memory_equal(rr_last_error(), "before: xxx", 11);
    rr_fail_within(RR_ERR_RUNTIME, "%s", text);
    assert_int_equal(strlen(rr_last_error()), longest);
}

static void *fail_elsewhere(void *argument) {
    rr_fail(RR_ERR_RUNTIME, "of another thread");
    return argument;
}

static void a_thread_has_its_own_message(void **state) {
    (void)state;
    pthread_t thread;
    rr_fail(RR_ERR_RUNTIME, "mine");
    assert_int_equal(pthread_create(&thread, NULL, fail_elsewhere, NULL), 0);
    pthread_join(thread, NULL);
    assert_string_equal(rr_last_error(), "mine");
}

static void exit_codes_are_the_contract(void **state) {
    (void)state;
    assert_int_equal(rr_status_exit_code(RR_OK), 0);
    assert_int_equal(rr_status_exit_code(RR_ERR_RUNTIME), 1);
    assert_int_equal(rr_status_exit_code(RR_ERR_INPUT), 2);
    assert_int_equal(rr_status_exit_code(RR_ERR_NUMERIC), 3);
    assert_int_equal(rr_status_exit_code(RR_ERR_NOMEM), 1);
    assert_int_equal(rr_status_exit_code(RR_STOPPED), 75);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_finder_words_it_and_callers_pass_it_on),
        cmocka_unit_test(a_message_may_be_made_of_the_last_one),
        cmocka_unit_test(long_messages_are_cut),
        cmocka_unit_test(a_thread_has_its_own_message),
        cmocka_unit_test(exit_codes_are_the_contract),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
