/* What the files of this room share about a configuration. */
#ifndef RR_CONFIG_INTERNAL_H
#define RR_CONFIG_INTERNAL_H

#include "config/config.h"
#include "config/node.h"

/** A key after binding: its value as YAML text, the same for equal values. */
typedef struct rr_resolved {
    const char *name; /* "optim.lr" */
    char *text;
} rr_resolved;

struct rr_config {
    char *name; /* of the file */
    rr_node *root;
    const rr_section *sections[32]; /* bound, in order */
    size_t section_count;
    rr_resolved *resolved; /* of all bound sections, in order */
    size_t resolved_count, resolved_capacity;
    void **owned; /* strings and arrays that sections point to */
    size_t owned_count, owned_capacity;
};

/** Keeps a pointer to free with the config; frees it at once if that fails. */
rr_status rr_config_own(rr_config *config, void *memory);

/**
 * Converts a value for a row into *field, checks range and choices, and appends its canonical YAML text to `text`.
 * The message of a failure says only what is wrong and what is allowed; the caller adds the place.
 */
rr_status rr_value_read(rr_config *config, const rr_key *key, const rr_node *node, void *field, rr_buffer *text);

/** What a key allows, in words: "a number > 0". */
void rr_value_allowed(const rr_key *key, rr_buffer *out);

/** All rows of a section for a variant: calls visit for the section's own, the variant key (as a row), the variant's.
 */
typedef rr_status (*rr_row_visitor)(void *ctx, const rr_key *key);
rr_status rr_section_rows(const rr_section *section, size_t variant, rr_row_visitor visit, void *ctx);

#endif
