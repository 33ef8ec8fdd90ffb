#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "config/config.h"

static rr_status unknown_option(const char *command, const char *name, const rr_cli_option *options) {
    const char *known[64];
    size_t count = 0;
    known[count++] = "set";
    known[count++] = "help";
    for (size_t i = 0; options[i].name != NULL && count < 64; i++) known[count++] = options[i].name;
    const char *nearest = rr_nearest(name, known, count);
    if (nearest != NULL)
        return rr_fail(RR_ERR_INPUT, "ringrnn %s has no option --%s; did you mean --%s?", command, name, nearest);
    return rr_fail(RR_ERR_INPUT, "ringrnn %s has no option --%s; see ringrnn %s --help", command, name, command);
}

static rr_status read_option(int argc, char **argv, int *at, const rr_cli_option *options, rr_cli_arguments *out) {
    char name[64];
    const char *argument = argv[*at] + 2, *equals = strchr(argument, '=');
    size_t length = equals != NULL ? (size_t)(equals - argument) : strlen(argument);
    if (length >= sizeof name) length = sizeof name - 1;
    memcpy(name, argument, length);
    name[length] = 0;

    bool is_set = strcmp(name, "set") == 0;
    const rr_cli_option *option = options;
    while (option->name != NULL && strcmp(option->name, name) != 0) option++;
    if (!is_set && option->name == NULL) return unknown_option(argv[0], name, options);
    if (!is_set && option->flag) {
        if (equals != NULL) return rr_fail(RR_ERR_INPUT, "--%s takes no value", name);
        *option->value = "";
        return RR_OK;
    }
    const char *value = equals != NULL ? equals + 1 : ++*at < argc ? argv[*at] : NULL;
    if (value == NULL) return rr_fail(RR_ERR_INPUT, "--%s needs a value", name);
    if (!is_set) {
        *option->value = value;
        return RR_OK;
    }
    if (out->override_count == RR_CLI_OVERRIDES)
        return rr_fail(RR_ERR_INPUT, "more than %d times --set", RR_CLI_OVERRIDES);
    out->overrides[out->override_count++] = value;
    return RR_OK;
}

rr_status rr_cli_parse(int argc, char **argv, const rr_cli_option *options, size_t least, size_t most,
                       rr_cli_arguments *out) {
    bool only_operands = false;
    *out = (rr_cli_arguments){.operand_count = 0};
    for (int i = 1; i < argc; i++) {
        if (!only_operands && strcmp(argv[i], "--") == 0) {
            only_operands = true;
        } else if (!only_operands && strncmp(argv[i], "--", 2) == 0) {
            RR_TRY(read_option(argc, argv, &i, options, out));
        } else if (!only_operands && argv[i][0] == '-' && argv[i][1] != 0) {
            return rr_fail(RR_ERR_INPUT, "unknown option %s; options begin with --, see ringrnn %s --help", argv[i],
                           argv[0]);
        } else {
            if (out->operand_count == most)
                return rr_fail(RR_ERR_INPUT, "unexpected argument %s; see ringrnn %s --help", argv[i], argv[0]);
            out->operands[out->operand_count++] = argv[i];
        }
    }
    if (out->operand_count < least)
        return rr_fail(RR_ERR_INPUT, "an argument is missing; see ringrnn %s --help", argv[0]);
    return RR_OK;
}

bool rr_cli_speaks(void) {
    static const char *const variables[] = {"OMPI_COMM_WORLD_RANK", "PMIX_RANK"};
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) {
        const char *rank = getenv(variables[i]);
        if (rank != NULL) return strcmp(rank, "0") == 0;
    }
    return true;
}

void rr_cli_complain(void) {
    if (rr_cli_speaks()) fprintf(stderr, "ringrnn: %s\n", rr_last_error());
}

rr_status rr_cli_size(const char *option, const char *text, size_t *out) {
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (end == text || *end != 0 || errno != 0 || strchr(text, '-') != NULL)
        return rr_fail(RR_ERR_INPUT, "--%s %s: must be a whole number from 0 to %llu", option, text, ULLONG_MAX);
    *out = (size_t)value;
    return RR_OK;
}

rr_status rr_cli_real(const char *option, const char *text, double *out) {
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end != 0) return rr_fail(RR_ERR_INPUT, "--%s %s: must be a number", option, text);
    *out = value;
    return RR_OK;
}
