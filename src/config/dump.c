#include <fnmatch.h>
#include <string.h>

#include "config/internal.h"

/* Nested keys ("init.scheme") stand as nested mappings; rows of one mapping follow each other in every schema. */
rr_status rr_config_dump(const rr_config *config, rr_buffer *out) {
    const char *open = ""; /* the path of the mappings that the line before stood in */
    size_t open_length = 0;
    for (size_t i = 0; i < config->resolved_count; i++) {
        const char *name = config->resolved[i].name;
        size_t shared = 0; /* length of the common path, up to and with a dot */
        for (size_t k = 0; k < open_length && name[k] == open[k]; k++)
            if (name[k] == '.') shared = k + 1;
        size_t depth = 0;
        for (size_t k = 0; k < shared; k++) depth += name[k] == '.';
        const char *part = name + shared;
        for (const char *dot; (dot = strchr(part, '.')) != NULL; part = dot + 1)
            rr_buffer_printf(out, "%*s%.*s:\n", (int)(2 * depth++), "", (int)(dot - part), part);
        rr_buffer_printf(out, "%*s%s: %s\n", (int)(2 * depth), "", part, config->resolved[i].text);
        open = name;
        open_length = (size_t)(part - name);
    }
    return out->failed ? rr_fail(RR_ERR_NOMEM, "no memory for a configuration") : RR_OK;
}

static bool is_ignored(const char *name, const char *const *ignored) {
    for (; *ignored != NULL; ignored++) {
        size_t length = strlen(*ignored);
        if (length > 0 && (*ignored)[length - 1] == '.' ? strncmp(name, *ignored, length) == 0
                                                        : fnmatch(*ignored, name, 0) == 0)
            return true;
    }
    return false;
}

static const char *value_of(const rr_config *config, const char *name) {
    for (size_t i = 0; i < config->resolved_count; i++)
        if (strcmp(config->resolved[i].name, name) == 0) return config->resolved[i].text;
    return NULL;
}

rr_status rr_config_diff(const rr_config *saved, const rr_config *now, const char *const *ignored, rr_buffer *out) {
    for (size_t i = 0; i < now->resolved_count; i++) {
        const char *name = now->resolved[i].name, *before = value_of(saved, name);
        if (is_ignored(name, ignored) || (before != NULL && strcmp(before, now->resolved[i].text) == 0)) continue;
        rr_buffer_printf(out, "  %s: %s (saved) -> %s (now)\n", name, before != NULL ? before : "absent",
                         now->resolved[i].text);
    }
    for (size_t i = 0; i < saved->resolved_count; i++) {
        const char *name = saved->resolved[i].name;
        if (is_ignored(name, ignored) || value_of(now, name) != NULL) continue;
        rr_buffer_printf(out, "  %s: %s (saved) -> absent (now)\n", name, saved->resolved[i].text);
    }
    return out->failed ? rr_fail(RR_ERR_NOMEM, "no memory to compare configurations") : RR_OK;
}
