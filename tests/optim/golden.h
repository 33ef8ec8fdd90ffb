/* Reading the files of tools/make_golden_optim.py, and sections from YAML. */
#ifndef RR_TESTS_OPTIM_GOLDEN_H
#define RR_TESTS_OPTIM_GOLDEN_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"

/* Opens golden/<name>, or that of the folder which the environment names. */
static inline FILE *golden_open(const char *name) {
    const char *folder = getenv("RINGRNN_GOLDEN");
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", folder != NULL ? folder : RR_GOLDEN, name);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    return file;
}

/* The next line, without its newline. Returns false at the end of the file. */
static inline bool golden_line(FILE *file, char *line, size_t size) {
    if (fgets(line, (int)size, file) == NULL) return false;
    line[strcspn(line, "\n")] = 0;
    return true;
}

static inline double golden_number(FILE *file) {
    char line[256];
    assert_true(golden_line(file, line, sizeof line));
    return strtod(line, NULL);
}

/* Binds one section to "<name>: <flow>"; the config owns its sequences and must stay. */
static inline rr_status bind_section(const rr_section *section, const char *flow, rr_config **config, void *out) {
    char yaml[2048];
    snprintf(yaml, sizeof yaml, "%s: %s\n", section->name, flow);
    rr_status status = rr_config_parse("test.yaml", yaml, strlen(yaml), NULL, 0, config);
    if (status == RR_OK) status = rr_config_bind(*config, section, out);
    return status;
}

static inline void must_bind(const rr_section *section, const char *flow, rr_config **config, void *out) {
    if (bind_section(section, flow, config, out) != RR_OK) fail_msg("%s: %s", flow, rr_last_error());
}

#endif
