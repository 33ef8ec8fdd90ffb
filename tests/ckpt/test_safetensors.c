#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/crc32c.h"
#include "base/file.h"
#include "ckpt/safetensors.h"
#include "support/scratch.h"

static const float matrix[6] = {1, 2, 3, 4, 5, 6};
static const uint8_t bytes3[3] = {7, 8, 9};
static const double scalar = 2.5;
static const int32_t words[2] = {-1, INT32_MAX};
static const int64_t longs[2] = {INT64_MIN, 3};

static const rr_tensor all_types[] = {
    {.name = "bytes", .dtype = RR_U8, .dims = {3}, .dim_count = 1, .data = bytes3},
    {.name = "rnn.weight_ih_l0", .dtype = RR_F32, .dims = {2, 3}, .dim_count = 2, .data = matrix},
    {.name = "scalar", .dtype = RR_F64, .data = &scalar},
    {.name = "nothing", .dtype = RR_F32, .dims = {4, 0}, .dim_count = 2, .data = matrix},
    {.name = "words", .dtype = RR_I32, .dims = {1, 2}, .dim_count = 2, .data = words},
    {.name = "longs \"quoted\" \xC3\xBC", .dtype = RR_I64, .dims = {2}, .dim_count = 1, .data = longs},
};
static const rr_meta_item some_meta[] = {
    {"step", "12"}, {"config", "a: \"b\"\n\tc\\d \x01\x1f\x7f \xF0\x9F\x98\x80"}, {"empty", ""}};

static rr_tensor_set some_set(void) {
    return (rr_tensor_set){.tensors = all_types,
                           .tensor_count = sizeof all_types / sizeof *all_types,
                           .meta = some_meta,
                           .meta_count = sizeof some_meta / sizeof *some_meta};
}

#define assert_ok(expr)                                                                                                \
    do {                                                                                                               \
        if ((expr) != RR_OK) fail_msg("%s: %s", #expr, rr_last_error());                                               \
    } while (0)

static rr_buffer write_and_load(scratch *s, const rr_tensor_set *set) {
    rr_buffer file = {0};
    assert_ok(rr_safetensors_write(scratch_path(s, "x.safetensors"), set));
    assert_ok(rr_file_read(scratch_path(s, "x.safetensors"), &file));
    return file;
}

static void what_is_written_is_read_back(void **state) {
    rr_tensor_set set = some_set();
    rr_safetensors *file = NULL;
    assert_ok(rr_safetensors_write(scratch_path(*state, "x.safetensors"), &set));
    assert_ok(rr_safetensors_read(scratch_path(*state, "x.safetensors"), &file));
    assert_int_equal(rr_safetensors_count(file), set.tensor_count);
    for (size_t i = 0; i < set.tensor_count; i++) {
        const rr_tensor *tensor = rr_safetensors_find(file, all_types[i].name);
        assert_non_null(tensor);
        assert_int_equal(tensor->dtype, all_types[i].dtype);
        assert_int_equal(tensor->dim_count, all_types[i].dim_count);
        assert_memory_equal(tensor->dims, all_types[i].dims, sizeof tensor->dims);
        static const size_t sizes[] = {4, 8, 4, 8, 1};
        size_t size = sizes[tensor->dtype];
        assert_memory_equal(tensor->data, all_types[i].data, rr_tensor_elements(tensor) * size);
        assert_int_equal((uintptr_t)tensor->data % size, 0); /* also behind the three bytes of U8 */
    }
    for (size_t i = 0; i < set.meta_count; i++)
        assert_string_equal(rr_safetensors_meta(file, some_meta[i].key), some_meta[i].value);
    assert_null(rr_safetensors_find(file, "rnn.weight_ih_l"));
    assert_null(rr_safetensors_meta(file, "ste"));
    assert_null(rr_safetensors_at(file, set.tensor_count));
    rr_safetensors_free(file);
}

static void data_begins_at_64_bytes_and_equal_sets_give_equal_bytes(void **state) {
    for (size_t length = 0; length < 70; length++) { /* every amount of padding */
        char value[80] = "";
        memset(value, 'v', length);
        rr_meta_item meta[] = {{"key", value}};
        rr_tensor_set set = {.tensors = all_types, .tensor_count = 2, .meta = meta, .meta_count = 1};
        rr_buffer first = write_and_load(*state, &set), second = write_and_load(*state, &set);
        assert_int_equal((first.length - 3 - 24) % 64, 0);
        assert_int_equal(first.length, second.length);
        assert_memory_equal(first.data, second.data, first.length);
        rr_buffer_free(&first);
        rr_buffer_free(&second);
    }
}

static void a_set_of_nothing_is_a_file_too(void **state) {
    rr_tensor_set set = {0};
    rr_buffer bytes = write_and_load(*state, &set);
    rr_safetensors *file = NULL;
    assert_ok(rr_safetensors_parse("x", bytes.data, bytes.length, &file));
    assert_int_equal(rr_safetensors_count(file), 0);
    rr_safetensors_free(file);
    rr_buffer_free(&bytes);
}

/* The rule as tools/to_torch.py has it, in other words: CRC32C of all bytes with the eight digits as '0'. */
static void the_checksum_is_that_of_the_file_with_its_digits_zeroed(void **state) {
    rr_tensor_set set = some_set();
    rr_buffer bytes = write_and_load(*state, &set);
    static const char start[] = "{\"__metadata__\":{\"crc32c\":\"";
    char digits[9] = "";
    assert_memory_equal(bytes.data + 8, start, strlen(start));
    memcpy(digits, bytes.data + 8 + strlen(start), 8);
    memset(bytes.data + 8 + strlen(start), '0', 8);
    assert_int_equal(strtoul(digits, NULL, 16), rr_crc32c_portable(0, bytes.data, bytes.length));
    rr_buffer_free(&bytes);
}

static void every_flipped_bit_is_seen(void **state) {
    rr_tensor_set set = some_set();
    rr_buffer bytes = write_and_load(*state, &set);
    for (size_t bit = 0; bit < bytes.length * 8; bit++) {
        rr_safetensors *file = NULL;
        bytes.data[bit / 8] = (char)(bytes.data[bit / 8] ^ (1 << (bit % 8)));
        if (rr_safetensors_parse("x", bytes.data, bytes.length, &file) != RR_ERR_INPUT)
            fail_msg("bit %zu of byte %zu was flipped and nobody saw it", bit % 8, bit / 8);
        assert_null(file);
        bytes.data[bit / 8] = (char)(bytes.data[bit / 8] ^ (1 << (bit % 8)));
    }
    rr_buffer_free(&bytes);
}

static void every_lost_or_added_byte_is_seen(void **state) {
    rr_tensor_set set = some_set();
    rr_buffer bytes = write_and_load(*state, &set);
    rr_safetensors *file = NULL;
    for (size_t length = 0; length < bytes.length; length++)
        assert_int_equal(rr_safetensors_parse("x", bytes.data, length, &file), RR_ERR_INPUT);
    size_t whole = bytes.length;
    for (int i = 0; i < 70; i++) {
        rr_buffer_append(&bytes, "\0", 1);
        assert_int_equal(rr_safetensors_parse("x", bytes.data, bytes.length, &file), RR_ERR_INPUT);
    }
    assert_ok(rr_safetensors_parse("x", bytes.data, whole, &file));
    rr_safetensors_free(file);
    rr_buffer_free(&bytes);
}

static void metadata_that_was_read_can_be_written_again(void **state) {
    rr_meta_item meta[] = {{"crc32c", "12345678"}, {"checksum", "crc32c"}, {"a", "b"}};
    rr_tensor_set set = {.tensors = all_types, .tensor_count = 1, .meta = meta, .meta_count = 3};
    rr_buffer bytes = write_and_load(*state, &set);
    rr_safetensors *file = NULL;
    assert_ok(rr_safetensors_parse("x", bytes.data, bytes.length, &file));
    assert_string_equal(rr_safetensors_meta(file, "a"), "b");
    assert_string_not_equal(rr_safetensors_meta(file, "crc32c"), "12345678");
    rr_safetensors_free(file);
    rr_buffer_free(&bytes);
}

static void what_the_format_cannot_hold_is_not_written(void **state) {
    static const rr_tensor twice[] = {{.name = "a", .data = ""}, {.name = "b", .data = ""}, {.name = "a", .data = ""}};
    static const rr_tensor reserved[] = {{.name = "__metadata__", .data = ""}};
    static const rr_tensor other[] = {{.name = "half", .dtype = RR_OTHER, .data = ""}};
    static const rr_meta_item key_twice[] = {{"a", "1"}, {"b", "2"}, {"a", "3"}};
    static const char *const not_utf8[] = {"\xFF",        "a\xC3", "\xC0\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80",
                                           "\xE0\x80\x80"};
    const char *path = scratch_path(*state, "bad.safetensors");
    assert_int_equal(rr_safetensors_write(path, &(rr_tensor_set){.tensors = twice, .tensor_count = 3}), RR_ERR_INPUT);
    assert_non_null(strstr(rr_last_error(), "'a' is given twice"));
    assert_int_equal(rr_safetensors_write(path, &(rr_tensor_set){.tensors = reserved, .tensor_count = 1}),
                     RR_ERR_INPUT);
    assert_int_equal(rr_safetensors_write(path, &(rr_tensor_set){.tensors = other, .tensor_count = 1}), RR_ERR_INPUT);
    assert_int_equal(rr_safetensors_write(path, &(rr_tensor_set){.meta = key_twice, .meta_count = 3}), RR_ERR_INPUT);
    for (size_t i = 0; i < sizeof not_utf8 / sizeof *not_utf8; i++) {
        rr_meta_item meta = {"key", not_utf8[i]};
        assert_int_equal(rr_safetensors_write(path, &(rr_tensor_set){.meta = &meta, .meta_count = 1}), RR_ERR_INPUT);
        assert_non_null(strstr(rr_last_error(), "UTF-8"));
    }
    assert_false(scratch_has(*state, "bad.safetensors"));
}

/* A file by another program: header as given, data of length zeros. */
static rr_status parse(const char *header, size_t length, rr_safetensors **file) {
    rr_buffer bytes = {0};
    uint64_t size = strlen(header);
    unsigned char prefix[8];
    for (int i = 0; i < 8; i++) prefix[i] = (unsigned char)(size >> (8 * i));
    rr_buffer_append(&bytes, prefix, 8);
    rr_buffer_puts(&bytes, header);
    for (size_t i = 0; i < length; i++) rr_buffer_append(&bytes, "\0", 1);
    rr_status status = rr_safetensors_parse("other", bytes.data, bytes.length, file);
    rr_buffer_free(&bytes);
    return status;
}

static void files_of_other_programs_are_read(void **state) {
    (void)state;
    rr_safetensors *file = NULL;
    assert_ok(parse("{}", 0, &file));
    assert_int_equal(rr_safetensors_count(file), 0);
    rr_safetensors_free(file);

    /* Out of order, unaligned, types that we do not use, unknown types, blanks. */
    assert_ok(parse("{ \"b\": {\"dtype\":\"F32\", \"shape\":[2], \"data_offsets\":[3,11]},\n"
                    "\"h\":{\"dtype\":\"BF16\",\"shape\":[1],\"data_offsets\":[11,13]},"
                    "\"q\":{\"dtype\":\"Q9\",\"shape\":[7],\"data_offsets\":[13,14]},"
                    "\"a\":{\"shape\":[3],\"dtype\":\"U8\",\"data_offsets\":[0,3]},"
                    "\"__metadata__\":{\"format\":\"pt\"}}   ",
                    14, &file));
    assert_int_equal(rr_safetensors_count(file), 4);
    assert_string_equal(rr_safetensors_at(file, 0)->name, "a");
    assert_string_equal(rr_safetensors_at(file, 3)->name, "q");
    assert_int_equal(rr_safetensors_find(file, "h")->dtype, RR_OTHER);
    assert_int_equal(rr_safetensors_find(file, "q")->dtype, RR_OTHER);
    assert_int_equal((uintptr_t)rr_safetensors_find(file, "b")->data % 4, 0);
    assert_string_equal(rr_safetensors_meta(file, "format"), "pt");
    rr_safetensors_free(file);
}

static void headers_that_lie_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *header;
        size_t length;
        const char *says;
    } cases[] = {
        {"", 0, "not a JSON object"},
        {"[]", 0, "not a JSON object"},
        {"{", 0, "not JSON"},
        {"{} x", 0, "not JSON"},
        {"{}{}", 0, "not JSON"},
        {"{}", 1, "belong to no tensor"},
        {"{\"a\":1}", 0, "'a' lacks"},
        {"{\"a\":{\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "'a' lacks"},
        {"{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", 4, "'a' lacks"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4, "'a' lacks"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]}}", 4, "outside"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4,4]}}", 4, "outside"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,8]}}", 4, "outside"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[8,4]}}", 8, "outside"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[-4,0]}}", 4, "outside"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4.5]}}", 5, "outside"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,1e300]}}", 5, "outside"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}", 4, "do not fit"},
        {"{\"a\":{\"dtype\":\"BF16\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "do not fit"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1.5],\"data_offsets\":[0,4]}}", 4, "whole numbers"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}", 4, "whole numbers"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,4]}}", 4, "more than 8"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,0]}}", 0, "no file can hold"},
        {"{\"a\":{\"dtype\":\"F64\",\"shape\":[1152921504606846976,2],\"data_offsets\":[0,0]}}", 0, "whole numbers"},
        {"{\"a\":{\"dtype\":\"F64\",\"shape\":[1073741824,2147483648],\"data_offsets\":[0,0]}}", 0, "no file can hold"},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},\"b\":{\"dtype\":\"U8\",\"shape\":[2],"
         "\"data_offsets\":[1,3]}}",
         3, "overlaps"},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},\"b\":{\"dtype\":\"U8\",\"shape\":[2],"
         "\"data_offsets\":[3,5]}}",
         5, "does not follow"},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},\"a\":{\"dtype\":\"U8\",\"shape\":[1],"
         "\"data_offsets\":[1,2]}}",
         2, "twice"},
        {"{\"__metadata__\":{\"a\":\"1\",\"a\":\"2\"}}", 0, "twice"},
        {"{\"__metadata__\":{},\"__metadata__\":{}}", 0, "twice"},
        {"{\"__metadata__\":{\"a\":1}}", 0, "not a string"},
        {"{\"__metadata__\":[]}", 0, "not an object"},
        {"{\"__metadata__\":{\"crc32c\":\"00000000\"}}", 0, "checksum"},
        {"{\"__metadata__\":{\"crc32c\":\"\"}}", 0, "checksum"},
        {"{\"__metadata__\":{\"checksum\":\"crc32c\"}}", 0, "checksum"},
        {"{\"__metadata__\":{\"format\":\"pt\",\"crc32c\":\"00000000\"}}", 0, "checksum is not where"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rr_safetensors *file = NULL;
        rr_status status = parse(cases[i].header, cases[i].length, &file);
        if (status != RR_ERR_INPUT || strstr(rr_last_error(), cases[i].says) == NULL ||
            strncmp(rr_last_error(), "other: ", 7) != 0)
            fail_msg("%s gave %d: %s", cases[i].header, (int)status, rr_last_error());
    }
}

static void a_length_beyond_the_file_or_the_limit_is_refused(void **state) {
    (void)state;
    unsigned char bytes[64] = {0};
    rr_safetensors *file = NULL;
    static const uint64_t lengths[] = {0, 57, 100000001, UINT64_MAX, UINT64_MAX - 7, UINT64_C(1) << 63};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        for (int k = 0; k < 8; k++) bytes[k] = (unsigned char)(lengths[i] >> (8 * k));
        assert_int_equal(rr_safetensors_parse("x", bytes, sizeof bytes, &file), RR_ERR_INPUT);
    }
}

static void what_is_no_file_is_named_in_the_error(void **state) {
    rr_safetensors *file = NULL;
    assert_int_equal(rr_safetensors_read(scratch_path(*state, "absent"), &file), RR_ERR_INPUT);
    assert_non_null(strstr(rr_last_error(), "absent: No such file"));
    assert_int_equal(rr_safetensors_read(((scratch *)*state)->folder, &file), RR_ERR_INPUT);
    assert_int_equal(mkfifo(scratch_path(*state, "fifo"), 0600), 0);
    assert_int_equal(rr_safetensors_read(scratch_path(*state, "fifo"), &file), RR_ERR_INPUT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_written_is_read_back, scratch_open, scratch_close),
        cmocka_unit_test_setup_teardown(data_begins_at_64_bytes_and_equal_sets_give_equal_bytes, scratch_open,
                                        scratch_close),
        cmocka_unit_test_setup_teardown(a_set_of_nothing_is_a_file_too, scratch_open, scratch_close),
        cmocka_unit_test_setup_teardown(the_checksum_is_that_of_the_file_with_its_digits_zeroed, scratch_open,
                                        scratch_close),
        cmocka_unit_test_setup_teardown(every_flipped_bit_is_seen, scratch_open, scratch_close),
        cmocka_unit_test_setup_teardown(every_lost_or_added_byte_is_seen, scratch_open, scratch_close),
        cmocka_unit_test_setup_teardown(metadata_that_was_read_can_be_written_again, scratch_open, scratch_close),
        cmocka_unit_test_setup_teardown(what_the_format_cannot_hold_is_not_written, scratch_open, scratch_close),
        cmocka_unit_test(files_of_other_programs_are_read),
        cmocka_unit_test(headers_that_lie_are_refused),
        cmocka_unit_test(a_length_beyond_the_file_or_the_limit_is_refused),
        cmocka_unit_test_setup_teardown(what_is_no_file_is_named_in_the_error, scratch_open, scratch_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
