/* What a user reads when a configuration is wrong, word for word; and what counts as right. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/config.h"

typedef struct optim {
    size_t type;
    double lr, limit;
    size_t every, size;
    uint64_t seed;
    bool flag;
    const char *name, *path;
    rr_paths paths;
    rr_floats floats;
    rr_sizes sizes;
    rr_enum_or_sizes shares;
    int scheme;
    rr_variant_config own;
} optim;

typedef struct own_sgd {
    double momentum;
} own_sgd;

typedef struct own_adam {
    rr_floats betas;
} own_adam;

static const char *const schemes[] = {"uniform", "xavier", "orthogonal", NULL};
#define FIELD(field) .offset = offsetof(optim, field), .help = "help"
static const rr_key keys[] = {
    {.name = "lr", .type = RR_KEY_FLOAT, FIELD(lr), .preset = "0.001", .min = 0, .max = 1e6, .above_min = true},
    {.name = "limit", .type = RR_KEY_FLOAT, FIELD(limit), .preset = "null", .word = "null"},
    {.name = "every", .type = RR_KEY_SIZE, FIELD(every), .preset = "epoch", .word = "epoch", .min = 1, .max = 1e9},
    {.name = "size", .type = RR_KEY_SIZE, FIELD(size), .preset = "4", .min = 1, .max = 100, .unit = "rows"},
    {.name = "seed", .type = RR_KEY_SEED, FIELD(seed), .preset = "1"},
    {.name = "flag", .type = RR_KEY_BOOL, FIELD(flag), .preset = "false"},
    {.name = "name", .type = RR_KEY_STRING, FIELD(name), .preset = "run"},
    {.name = "path", .type = RR_KEY_PATH, FIELD(path), .preset = "here"},
    {.name = "paths", .type = RR_KEY_PATHS, FIELD(paths), .preset = "null", .word = "null"},
    {.name = "floats", .type = RR_KEY_FLOATS, FIELD(floats), .preset = "[0.5]", .min = 0, .max = 1},
    {.name = "sizes", .type = RR_KEY_SIZES, FIELD(sizes), .preset = "null", .word = "null"},
    {.name = "init.scheme", .type = RR_KEY_ENUM, FIELD(scheme), .preset = "xavier", .choices = schemes},
    {.name = "shares", .type = RR_KEY_ENUM_OR_SIZES, FIELD(shares), .preset = "xavier", .max = 9, .choices = schemes},
    {.name = NULL},
};
static const rr_key sgd_keys[] = {{.name = "momentum",
                                   .type = RR_KEY_FLOAT,
                                   .preset = "0",
                                   .help = "help",
                                   .offset = RR_VARIANT_FIELD(optim, own_sgd, momentum)},
                                  {.name = NULL}};
static const rr_key adam_keys[] = {{.name = "betas",
                                    .type = RR_KEY_FLOATS,
                                    .preset = "[0.9, 0.999]",
                                    .help = "help",
                                    .offset = RR_VARIANT_FIELD(optim, own_adam, betas)},
                                   {.name = NULL}};
static const char *variant_name(size_t index) { return index == 0 ? "sgd" : "adam"; }
static const rr_key *variant_keys(size_t index) { return index == 0 ? sgd_keys : adam_keys; }
static const rr_section section = {.name = "optim",
                                   .help = "help",
                                   .size = sizeof(optim),
                                   .keys = keys,
                                   .variant_key = "type",
                                   .variant_preset = "adam",
                                   .variant_offset = offsetof(optim, type),
                                   .variant_count = 2,
                                   .variant_name = variant_name,
                                   .variant_help = variant_name,
                                   .variant_keys = variant_keys};

static rr_status load(const char *text, const char *override, optim *out, rr_config **config) {
    *config = NULL;
    RR_TRY(rr_config_parse("lm.yaml", text, strlen(text), &override, override != NULL, config));
    RR_TRY(rr_config_bind(*config, &section, out));
    return rr_config_finish(*config);
}

static void refused(const char *text, const char *override, const char *message) {
    rr_config *config;
    optim out;
    assert_int_equal(load(text, override, &out, &config), RR_ERR_INPUT);
    assert_string_equal(rr_last_error(), message);
    rr_config_free(config);
}

static void errors_name_file_line_key_and_what_is_allowed(void **state) {
    (void)state;
    refused("\noptim:\n  lr: -1\n", NULL, "lm.yaml:3: optim.lr: must be > 0 and <= 1000000, got -1");
    refused("optim: {lr: fast}", NULL, "lm.yaml:1: optim.lr: must be a number > 0 and <= 1000000, got fast");
    refused("optim: {lr: nan}", NULL, "lm.yaml:1: optim.lr: must be a number > 0 and <= 1000000, got nan");
    refused("optim: {size: 0}", NULL, "lm.yaml:1: optim.size: must be >= 1 and <= 100, got 0");
    refused("optim: {size: -3}", NULL, "lm.yaml:1: optim.size: must be >= 1 and <= 100, got -3");
    refused("optim: {size: 2.5}", NULL, "lm.yaml:1: optim.size: must be a whole number >= 1 and <= 100, got 2.5");
    refused("optim: {every: sometimes}", NULL,
            "lm.yaml:1: optim.every: must be a whole number >= 1 and <= 1e+09, or epoch, got sometimes");
    refused("optim: {flag: yes}", NULL, "lm.yaml:1: optim.flag: must be true or false, got yes");
    refused("optim: {flag: \"true\"}", NULL, "lm.yaml:1: optim.flag: must be true or false, got \"true\" in quotes");
    refused("optim: {size: '3'}", NULL,
            "lm.yaml:1: optim.size: must be a whole number >= 1 and <= 100, got \"3\" in quotes");
    refused("optim: {lr: }", NULL, "lm.yaml:1: optim.lr: must be a number > 0 and <= 1000000, got nothing");
    refused("optim: {lr: [1]}", NULL, "lm.yaml:1: optim.lr: must be a number > 0 and <= 1000000, got a list");
    refused("optim: {floats: 0.5}", NULL, "lm.yaml:1: optim.floats: must be a list of numbers >= 0 and <= 1, got 0.5");
    refused("optim: {floats: [0.5, 2]}", NULL, "lm.yaml:1: optim.floats: must be >= 0 and <= 1, got 2");
    refused("optim:\n  init:\n    scheme: xaver", NULL,
            "lm.yaml:3: optim.init.scheme: must be uniform, xavier or orthogonal, got xaver; did you mean xavier?");
    refused("optim: {shares: [1, 10]}", NULL, "lm.yaml:1: optim.shares: must be >= 0 and <= 9, got 10");
    refused("optim:\n  shares: 3", NULL,
            "lm.yaml:2: optim.shares: must be uniform, xavier, orthogonal or a list of whole numbers >= 0 and <= 9, "
            "got 3");
    refused("optim: {shares: xaver}", NULL,
            "lm.yaml:1: optim.shares: must be uniform, xavier, orthogonal or a list of whole numbers >= 0 and <= 9, "
            "got xaver; did you mean xavier?");
    refused("optim: {seed: 18446744073709551616}", NULL,
            "lm.yaml:1: optim.seed: must be a whole number from 0 to 18446744073709551615, got 18446744073709551616");
    refused("optim: {type: adma}", NULL, "lm.yaml:1: optim.type: must be sgd or adam, got adma; did you mean adam?");
}

static void unknown_keys_name_the_nearest(void **state) {
    (void)state;
    refused("optim: {lrr: 1}", NULL, "lm.yaml:1: optim.lrr: unknown key; did you mean optim.lr?");
    refused("optim:\n  init: {shceme: uniform}", NULL,
            "lm.yaml:2: optim.init.shceme: unknown key; did you mean optim.init.scheme?");
    refused("optim: {zzzzzzzz: 1}", NULL, "lm.yaml:1: optim.zzzzzzzz: unknown key; see ringrnn config optim");
    refused("optim: {momentum: 0.9}", NULL, "lm.yaml:1: optim.momentum: is a key of optim.type sgd, not of adam");
    refused("optim: {type: sgd, betas: [0, 0]}", NULL,
            "lm.yaml:1: optim.betas: is a key of optim.type adam, not of sgd");
    refused("optimm: {}", NULL, "lm.yaml:1: optimm: unknown section; did you mean optim?");
    refused("optim: {init: 3}", NULL, "lm.yaml:1: optim.init: must be a mapping of keys");
    refused("optim: 3", NULL, "lm.yaml:1: optim: must be a mapping of keys");
    refused("- 1", NULL, "lm.yaml:1: must be a mapping of sections (run:, task:, data: ...)");
    refused("optim:\n  lr: 1\n  size: 3\n  lr: 2\n", NULL,
            "lm.yaml:4: lr: stands twice, first in line 2; each key may be given once");
    refused("optim: {}\n---\noptim: {}\n", NULL,
            "lm.yaml:3: a second document begins; a configuration is one document");
}

static void overrides_are_named_as_they_were_given(void **state) {
    (void)state;
    refused("optim: {lr: 1}", "optim.lr=-1", "--set optim.lr=-1: must be > 0 and <= 1000000, got -1");
    refused("", "optim.lrr=1", "--set optim.lrr=1: unknown key; did you mean optim.lr?");
    refused("", "optim={lr: -1}", "--set optim={lr: -1}: must be > 0 and <= 1000000, got -1");
    refused("", "optim.lr", "--set optim.lr: must be section.key=value");
    refused("", "=3", "--set =3: must be section.key=value");
    refused("", "optim..lr=3", "--set optim..lr=3: must be section.key=value");
    refused("", "optim={lr: 1, lr: 2}",
            "--set optim={lr: 1, lr: 2}: lr: stands twice, first in line 1; each key may be given once");
    refused("", "optim=[1, }", "--set optim=[1, }: YAML: did not find expected node content while parsing a flow node");
}

static void environment_variables_in_paths(void **state) {
    (void)state;
    rr_config *config;
    optim out;
    setenv("RR_TEST_HERE", "there", 1);
    unsetenv("RR_TEST_ABSENT");
    assert_int_equal(load("optim: {path: 'a/${RR_TEST_HERE}/${RR_TEST_ABSENT:-b}/$$c', paths: ['${RR_TEST_HERE}', d*]}",
                          NULL, &out, &config),
                     RR_OK);
    assert_string_equal(out.path, "a/there/b/$c");
    assert_int_equal(out.paths.count, 2);
    assert_string_equal(out.paths.items[0], "there");
    assert_string_equal(out.paths.items[1], "d*");
    rr_config_free(config);
    refused("optim: {path: '${RR_TEST_ABSENT}/x'}", NULL,
            "lm.yaml:1: optim.path: the environment variable RR_TEST_ABSENT is not set");
    refused("optim: {path: $RR_TEST_ABSENT/x}", NULL,
            "lm.yaml:1: optim.path: the environment variable RR_TEST_ABSENT is not set");
    refused(
        "optim:\n  {path: ${RR_TEST_HERE}/x}", NULL,
        "lm.yaml:2: YAML: did not find expected ',' or '}' while parsing a flow mapping; inside {...} or [...] a path "
        "with ${...} needs quotes");
    setenv("HOME", "/me", 1);
    assert_int_equal(load("optim: {path: ~/$RR_TEST_HERE-x$1$, paths: [~x, a~/b]}", NULL, &out, &config), RR_OK);
    assert_string_equal(out.path, "/me/there-x$1$");
    assert_string_equal(out.paths.items[0], "~x");
    assert_string_equal(out.paths.items[1], "a~/b");
    rr_config_free(config);
    setenv("RR_TEST_HERE", "d\xe9", 1);
    refused("optim: {path: $RR_TEST_HERE/x}", NULL,
            "lm.yaml:1: optim.path: must be UTF-8, for checkpoints keep it; got 'd\xe9/x'");
    refused("optim: {path: '${RR_TEST_HERE'}", NULL, "lm.yaml:1: optim.path: ${ has no closing } in '${RR_TEST_HERE'");
}

static void values_arrive_from_document_anchor_merge_and_override(void **state) {
    (void)state;
    rr_config *config;
    optim out;
    const char *text = "optim:\n"
                       "  <<: {size: 7, lr: 3}\n"
                       "  lr: &rate 0.5\n"
                       "  limit: *rate\n"
                       "  every: 2k\n"
                       "  seed: 18446744073709551615\n"
                       "  flag: true\n"
                       "  name: \"null\"\n"
                       "  floats: [0, 0.25, 1]\n"
                       "  sizes: [3, 1M]\n"
                       "  shares: [0, 9]\n"
                       "  init: {scheme: orthogonal}\n"
                       "  type: sgd\n"
                       "  momentum: 0.5\n";
    assert_int_equal(load(text, "optim.init.scheme=uniform", &out, &config), RR_OK);
    assert_true(out.lr == 0.5 && out.limit == 0.5 && out.size == 7 && out.every == 2000 && out.seed == UINT64_MAX &&
                out.flag);
    assert_string_equal(out.name, "null");
    assert_true(out.floats.count == 3 && out.floats.values[1] == 0.25);
    assert_true(out.sizes.count == 2 && out.sizes.values[1] == 1000000);
    assert_true(out.shares.sizes.count == 2 && out.shares.sizes.values[1] == 9);
    assert_true(out.scheme == 0 && out.type == 0);
    assert_true(((own_sgd *)(void *)&out.own)->momentum == 0.5);
    assert_true(rr_config_given(config, "optim.lr") && !rr_config_given(config, "optim.path"));
    assert_int_equal(rr_config_fail(config, "optim.limit", "no %d", 3), RR_ERR_INPUT);
    assert_string_equal(rr_last_error(), "lm.yaml:4: optim.limit: no 3");
    rr_config_fail(config, "optim.init.scheme", "no");
    assert_string_equal(rr_last_error(), "--set optim.init.scheme=uniform: no");
    rr_config_fail(config, "optim.path", "no");
    assert_string_equal(rr_last_error(), "lm.yaml: optim.path (default here): no");
    rr_config_free(config);
}

static void a_section_for_anchors_is_not_read(void **state) {
    (void)state;
    rr_config *config;
    optim out;
    assert_int_equal(load("x-all: &all {size: 9, lr: 2}\noptim:\n  <<: *all\n  lr: 3\n", NULL, &out, &config), RR_OK);
    assert_true(out.size == 9 && out.lr == 3);
    rr_config_free(config);
    refused("x-all: &all {sise: 9}\noptim: *all\n", NULL,
            "lm.yaml:1: optim.sise: unknown key; did you mean optim.size?");
    refused("all: &all {size: 9}\noptim: *all\n", NULL, "lm.yaml:1: all: unknown section; see ringrnn config");
}

static void absent_words_are_stored_as_nothing(void **state) {
    (void)state;
    static const char *const texts[] = {"", "optim:", "optim: {limit: ~, every: epoch, paths: null}"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        rr_config *config;
        optim out;
        assert_int_equal(load(texts[i], NULL, &out, &config), RR_OK);
        assert_true(isnan(out.limit) && out.every == 0 && out.paths.count == 0 && out.sizes.count == 0);
        assert_true(out.lr == 0.001 && out.scheme == 1 && out.type == 1);
        assert_true(out.shares.choice == 1 && out.shares.sizes.count == 0);
        assert_true(((own_adam *)(void *)&out.own)->betas.values[1] == 0.999);
        rr_config_free(config);
    }
}

/* Dumps, loads the dump, and compares. */
static void assert_dump_is_the_same(const char *text) {
    static const char *const nothing[] = {NULL};
    rr_config *config, *again;
    optim first, second;
    rr_buffer dump = {0}, difference = {0};
    assert_int_equal(load(text, NULL, &first, &config), RR_OK);
    assert_int_equal(rr_config_dump(config, &dump), RR_OK);
    assert_int_equal(load(rr_buffer_text(&dump), NULL, &second, &again), RR_OK);
    assert_true(first.lr == second.lr && first.size == second.size && first.every == second.every);
    assert_string_equal(first.name, second.name);
    assert_string_equal(first.path, second.path);
    assert_int_equal(rr_config_diff(config, again, nothing, &difference), RR_OK);
    assert_int_equal(difference.length, 0);
    rr_config_free(config);
    rr_config_free(again);
    rr_buffer_free(&dump);
    rr_buffer_free(&difference);
}

static void a_dump_reads_back_as_the_same_values(void **state) {
    (void)state;
    static const char *const names[] = {"true",     "null",
                                        "1e3",      "",
                                        " a b ",    "\\\"q\\\" \\\\ #",
                                        "h\\u00e9", "- x",
                                        "a: b",     "0x10",
                                        "~",        "*a",
                                        "&b",       "!t",
                                        "%d",       "@x",
                                        "`",        "{",
                                        "[1]",      "line\\nend\\ttab",
                                        "\\x01"};
    char text[256];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(text, sizeof text, "optim: {name: \"%s\", path: \"$$%sx\"}", names[i], names[i]);
        assert_dump_is_the_same(text);
    }
    assert_dump_is_the_same("optim: {path: '~x/$$HOME/$${HOME}'}");
    assert_dump_is_the_same("optim: {shares: [3, 1]}");
    assert_dump_is_the_same("optim: {shares: uniform}");
    double value = 1e-9;
    for (int i = 0; i < 300; i++, value *= 1.1234567) {
        if (value > 1e6) value = 1e-300;
        snprintf(text, sizeof text, "optim: {lr: %.17g}", value);
        assert_dump_is_the_same(text);
    }
}

static void a_difference_shows_both_values_and_skips_what_may_change(void **state) {
    (void)state;
    rr_config *saved, *now;
    optim out;
    rr_buffer difference = {0};
    assert_int_equal(load("optim: {lr: 0.1, size: 3}", NULL, &out, &saved), RR_OK);
    assert_int_equal(load("optim: {lr: 0.2, size: 5, type: sgd}", NULL, &out, &now), RR_OK);
    assert_int_equal(rr_config_diff(saved, now, (const char *const[]){"*.si*", "eval.", NULL}, &difference), RR_OK);
    assert_string_equal(rr_buffer_text(&difference), "  optim.type: adam (saved) -> sgd (now)\n"
                                                     "  optim.lr: 0.1 (saved) -> 0.2 (now)\n"
                                                     "  optim.momentum: absent (saved) -> 0 (now)\n"
                                                     "  optim.betas: [0.9, 0.999] (saved) -> absent (now)\n");
    rr_buffer_clear(&difference);
    assert_int_equal(rr_config_diff(saved, now, (const char *const[]){"optim.", NULL}, &difference), RR_OK);
    assert_int_equal(difference.length, 0);
    rr_buffer_free(&difference);
    rr_config_free(saved);
    rr_config_free(now);
}

static void help_and_markdown_name_every_row(void **state) {
    (void)state;
    rr_buffer help = {0}, markdown = {0}, one = {0};
    rr_section_help(&section, NULL, &help);
    rr_section_markdown(&section, &markdown);
    for (const rr_key *key = keys; key->name != NULL; key++) {
        char name[64];
        snprintf(name, sizeof name, "optim.%s = ", key->name);
        assert_non_null(strstr(rr_buffer_text(&help), name));
        snprintf(name, sizeof name, "| `%s` |", key->name);
        assert_non_null(strstr(rr_buffer_text(&markdown), name));
    }
    assert_non_null(strstr(rr_buffer_text(&help), "optim.betas = [0.9, 0.999]   (type adam)"));
    rr_section_help(&section, "size", &one);
    assert_string_equal(rr_buffer_text(&one),
                        "  optim.size = 4\n      a whole number >= 1 and <= 100; in rows\n      help\n");
    rr_buffer_clear(&one);
    rr_section_help(&section, "siz", &one);
    assert_int_equal(one.length, 0);
    rr_buffer_free(&help);
    rr_buffer_free(&markdown);
    rr_buffer_free(&one);
}

static void the_nearest_word_is_meant_only_if_it_is_near(void **state) {
    (void)state;
    static const char *const words[] = {"hidden_size", "num_layers", "dropout"};
    assert_string_equal(rr_nearest("hiden_size", words, 3), "hidden_size");
    assert_string_equal(rr_nearest("dropuot", words, 3), "dropout");
    assert_string_equal(rr_nearest("num-layers", words, 3), "num_layers");
    assert_null(rr_nearest("momentum", words, 3));
    assert_null(rr_nearest("x", words, 0));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_name_file_line_key_and_what_is_allowed),
        cmocka_unit_test(unknown_keys_name_the_nearest),
        cmocka_unit_test(overrides_are_named_as_they_were_given),
        cmocka_unit_test(environment_variables_in_paths),
        cmocka_unit_test(values_arrive_from_document_anchor_merge_and_override),
        cmocka_unit_test(a_section_for_anchors_is_not_read),
        cmocka_unit_test(absent_words_are_stored_as_nothing),
        cmocka_unit_test(a_dump_reads_back_as_the_same_values),
        cmocka_unit_test(a_difference_shows_both_values_and_skips_what_may_change),
        cmocka_unit_test(help_and_markdown_name_every_row),
        cmocka_unit_test(the_nearest_word_is_meant_only_if_it_is_near),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
