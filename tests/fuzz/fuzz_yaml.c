/* Configurations from any bytes: what parses and binds must dump to text that parses and binds to the same values. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct everything {
    bool flag;
    size_t size, size_or_null;
    uint64_t seed;
    double number, number_or_null;
    const char *text, *path;
    rr_paths paths;
    int choice;
    rr_floats floats;
    rr_sizes sizes;
    size_t type;
    rr_variant_config own;
} everything;

typedef struct own_b {
    double deep;
} own_b;

static const char *const choices[] = {"one", "two", "null-ish", NULL};
#define FIELD(name) .offset = offsetof(everything, name)
static const rr_key keys[] = {
    {.name = "flag", .type = RR_KEY_BOOL, FIELD(flag), .preset = "true", .help = "h"},
    {.name = "size", .type = RR_KEY_SIZE, FIELD(size), .preset = "3", .min = 1, .max = 1e9, .help = "h"},
    {.name = "size_or_null", .type = RR_KEY_SIZE, FIELD(size_or_null), .preset = "null", .word = "null", .help = "h"},
    {.name = "seed", .type = RR_KEY_SEED, FIELD(seed), .preset = "1", .help = "h"},
    {.name = "number", .type = RR_KEY_FLOAT, FIELD(number), .preset = "0.1", .help = "h"},
    {.name = "number_or_null",
     .type = RR_KEY_FLOAT,
     FIELD(number_or_null),
     .preset = "null",
     .word = "null",
     .help = "h"},
    {.name = "text", .type = RR_KEY_STRING, FIELD(text), .preset = "x", .help = "h"},
    {.name = "path", .type = RR_KEY_PATH, FIELD(path), .preset = "x", .help = "h"},
    {.name = "paths", .type = RR_KEY_PATHS, FIELD(paths), .preset = "null", .word = "null", .help = "h"},
    {.name = "nested.choice", .type = RR_KEY_ENUM, FIELD(choice), .preset = "one", .choices = choices, .help = "h"},
    {.name = "nested.floats", .type = RR_KEY_FLOATS, FIELD(floats), .preset = "[1, 2]", .help = "h"},
    {.name = "nested.deeper.sizes", .type = RR_KEY_SIZES, FIELD(sizes), .preset = "[1]", .help = "h"},
    {.name = NULL},
};
static const rr_key keys_b[] = {
    {.name = "deep.own",
     .type = RR_KEY_FLOAT,
     .offset = RR_VARIANT_FIELD(everything, own_b, deep),
     .preset = "1",
     .help = "h"},
    {.name = NULL},
};
static const char *variant_name(size_t index) { return index == 0 ? "a" : "b"; }
static const rr_key *variant_keys(size_t index) { return index == 0 ? NULL : keys_b; }
static const rr_section section = {.name = "s",
                                   .help = "h",
                                   .size = sizeof(everything),
                                   .keys = keys,
                                   .variant_key = "type",
                                   .variant_preset = "a",
                                   .variant_offset = offsetof(everything, type),
                                   .variant_count = 2,
                                   .variant_name = variant_name,
                                   .variant_help = variant_name,
                                   .variant_keys = variant_keys};

static rr_status load(const char *text, size_t length, const char *const *overrides, size_t count, rr_config **config) {
    everything out;
    *config = NULL;
    RR_TRY(rr_config_parse("fuzz", text, length, overrides, count, config));
    RR_TRY(rr_config_bind(*config, &section, &out));
    return rr_config_finish(*config);
}

/* A first line that begins with "--set " is an override. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *copy = malloc(size + 1);
    if (copy == NULL) return 0;
    memcpy(copy, data, size);
    copy[size] = 0;
    char *text = copy;
    const char *override = NULL;
    char *line_end = strchr(copy, '\n');
    if (strncmp(copy, "--set ", 6) == 0 && line_end != NULL) {
        *line_end = 0;
        override = copy + 6;
        text = line_end + 1;
    }
    rr_config *config, *again;
    rr_buffer dump = {0}, second = {0}, difference = {0};
    rr_status status = load(text, size - (size_t)(text - copy), &override, override != NULL, &config);
    if (status == RR_OK) {
        static const char *const nothing[] = {NULL};
        if (rr_config_dump(config, &dump) != RR_OK) abort();
        if (load(rr_buffer_text(&dump), dump.length, NULL, 0, &again) != RR_OK) {
            fprintf(stderr, "the dump is refused: %s\n%s", rr_last_error(), rr_buffer_text(&dump));
            abort();
        }
        if (rr_config_dump(again, &second) != RR_OK || strcmp(rr_buffer_text(&dump), rr_buffer_text(&second)) != 0)
            abort();
        if (rr_config_diff(config, again, nothing, &difference) != RR_OK || difference.length > 0) abort();
        rr_config_free(again);
    } else if (rr_last_error()[0] == 0) {
        abort(); /* a refusal says why */
    }
    rr_config_free(config);
    rr_buffer_free(&dump);
    rr_buffer_free(&second);
    rr_buffer_free(&difference);
    free(copy);
    return 0;
}
