#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/crc32c.h"

typedef uint32_t (*crc_function)(uint32_t crc, const void *data, size_t length);
static const crc_function both[] = {rr_crc32c, rr_crc32c_portable};

/* RFC 3720, appendix B.4, and the check value of the catalogue of parametrised CRC algorithms (CRC-32/ISCSI). */
static void known_answers(void **state) {
    (void)state;
    unsigned char zeros[32] = {0}, ones[32], rising[32], falling[32];
    memset(ones, 0xFF, sizeof ones);
    for (size_t i = 0; i < 32; i++) {
        rising[i] = (unsigned char)i;
        falling[i] = (unsigned char)(31 - i);
    }
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(both[i](0, "123456789", 9), 0xE3069283);
        assert_int_equal(both[i](0, zeros, 32), 0x8A9136AA);
        assert_int_equal(both[i](0, ones, 32), 0x62A8AB43);
        assert_int_equal(both[i](0, rising, 32), 0x46DD794E);
        assert_int_equal(both[i](0, falling, 32), 0x113FDB5C);
        assert_int_equal(both[i](0, "", 0), 0);
        assert_int_equal(both[i](0x12345678, NULL, 0), 0x12345678);
    }
}

/* As the definition has it: one bit at a time. */
static uint32_t by_bits(uint32_t crc, const unsigned char *data, size_t length) {
    crc = ~crc;
    for (size_t i = 0; i < length; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ ((crc & 1) * UINT32_C(0x82F63B78));
    }
    return ~crc;
}

static void any_length_at_any_address_is_as_by_bits(void **state) {
    (void)state;
    static unsigned char data[300];
    for (size_t i = 0; i < sizeof data; i++) data[i] = (unsigned char)(i * 167 + i / 7);
    for (size_t start = 0; start < 9; start++)
        for (size_t length = 0; length <= 200; length++)
            for (size_t i = 0; i < 2; i++)
                assert_int_equal(both[i](0xABCD, data + start, length), by_bits(0xABCD, data + start, length));
}

static void parts_give_the_sum_of_the_whole(void **state) {
    (void)state;
    static unsigned char data[1000];
    for (size_t i = 0; i < sizeof data; i++) data[i] = (unsigned char)(i * 31);
    for (size_t i = 0; i < 2; i++) {
        uint32_t whole = both[i](0, data, sizeof data);
        for (size_t cut = 0; cut <= sizeof data; cut += 37)
            assert_int_equal(both[i](both[1 - i](0, data, cut), data + cut, sizeof data - cut), whole);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answers),
        cmocka_unit_test(any_length_at_any_address_is_as_by_bits),
        cmocka_unit_test(parts_give_the_sum_of_the_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
