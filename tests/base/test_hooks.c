#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/hash.h"
#include "base/hooks.h"

typedef struct calls {
    size_t ready, ticks, end;
} calls;

static void on_ready(void *ctx, size_t end) {
    ((calls *)ctx)->ready++;
    ((calls *)ctx)->end = end;
}

static void on_tick(void *ctx) { ((calls *)ctx)->ticks++; }

static void hooks_reach_their_owner_or_nobody(void **state) {
    (void)state;
    calls seen = {0};
    rr_hooks hooks = {.ready = on_ready, .tick = on_tick, .ctx = &seen};
    rr_hooks_ready(NULL, 3);
    rr_hooks_tick(NULL);
    rr_hooks_ready(&hooks, 5);
    rr_hooks_tick(&hooks);
    rr_hooks_tick(&hooks);
    assert_true(seen.ready == 1 && seen.end == 5 && seen.ticks == 2);
}

/* The answer for no bytes is that of the XXH3 specification. */
static void the_hash_depends_on_every_byte_and_the_seed(void **state) {
    (void)state;
    unsigned char data[100] = {0};
    assert_true(rr_hash64(NULL, 0, 0) == UINT64_C(0x2D06800538D394C2));
    uint64_t before = rr_hash64(data, sizeof data, 1);
    assert_true(before != rr_hash64(data, sizeof data, 2));
    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = 1;
        assert_true(before != rr_hash64(data, sizeof data, 1));
        data[i] = 0;
    }
    assert_true(before == rr_hash64(data, sizeof data, 1));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hooks_reach_their_owner_or_nobody),
        cmocka_unit_test(the_hash_depends_on_every_byte_and_the_seed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
