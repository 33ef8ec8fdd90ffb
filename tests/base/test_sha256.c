/* SHA-256 beside the examples of FIPS 180-4, and of NIST for one million times "a". */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/sha256.h"

static void assert_hash(const char *text, size_t repeat, const char *expected) {
    rr_sha256 hash;
    char out[RR_SHA256_TEXT];
    rr_sha256_begin(&hash);
    for (size_t i = 0; i < repeat; i++) rr_sha256_add(&hash, text, strlen(text));
    rr_sha256_end(&hash, out);
    assert_string_equal(out, expected);
}

static void published_examples_have_their_hashes(void **state) {
    (void)state;
    assert_hash("", 1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_hash("abc", 1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_hash("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
                "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    assert_hash("abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqr"
                "stnopqrstu",
                1, "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1");
    assert_hash("a", 1000000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

static void pieces_do_not_matter(void **state) {
    (void)state;
    char text[300], whole[RR_SHA256_TEXT], parts[RR_SHA256_TEXT];
    for (size_t i = 0; i < sizeof text; i++) text[i] = (char)(i * 7);
    for (size_t length = 0; length < sizeof text; length++) {
        rr_sha256 hash;
        rr_sha256_begin(&hash);
        rr_sha256_add(&hash, text, length);
        rr_sha256_end(&hash, whole);
        rr_sha256_begin(&hash);
        rr_sha256_add(&hash, text, length / 3);
        rr_sha256_add(&hash, text + length / 3, length - length / 3);
        rr_sha256_end(&hash, parts);
        assert_string_equal(whole, parts);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_examples_have_their_hashes),
        cmocka_unit_test(pieces_do_not_matter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
