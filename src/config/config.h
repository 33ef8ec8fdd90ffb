/* A configuration: one YAML document, the --set overrides on top of it, and the sections that were bound to it. */
#ifndef RR_CONFIG_CONFIG_H
#define RR_CONFIG_CONFIG_H

#include "base/buffer.h"
#include "config/schema.h"

/**
 * Parses text (YAML; anchors, aliases and merge keys `<<` work; duplicate keys are refused).
 *
 * @param[in] name       shown in errors: the file's path
 * @param[in] text       length bytes; not kept
 * @param[in] overrides  [override_count] "section.key=value", values as YAML; later ones win
 * @param[out] out       free with rr_config_free
 * @return RR_ERR_INPUT with `name:line: ...`; RR_ERR_NOMEM
 */
rr_status rr_config_parse(const char *name, const char *text, size_t length, const char *const *overrides,
                          size_t override_count, rr_config **out);

/**
 * Fills *out (section->size bytes) from defaults, document and overrides, and checks every value and the section's own
 * rule. Unknown keys of the section are refused, the nearest known one is named. Strings belong to the config.
 * @return RR_ERR_INPUT: `file:line: key: what is wrong, what is allowed`, or `--set key=value: ...`
 */
rr_status rr_config_bind(rr_config *config, const rr_section *section, void *out);

/** After all binds: refuses sections that nobody bound, naming the nearest. Those called "x-..." are for anchors. */
rr_status rr_config_finish(const rr_config *config);

/**
 * Words an error about a key ("model.tie_weights"), with the place where its value was given: `file:line: key: text`,
 * or
 * `--set key=value: text`, or `key (default VALUE): text`. @return RR_ERR_INPUT always
 */
rr_status rr_config_fail(const rr_config *config, const char *key, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/** True if the document or an override gives a value for this key. */
bool rr_config_given(const rr_config *config, const char *key);

/** The resolved configuration as YAML: every key of every bound section, in order of binding. It parses to the same
 * values. */
rr_status rr_config_dump(const rr_config *config, rr_buffer *out);

/**
 * Compares two resolved configurations key by key.
 * @param[in] ignored  patterns that end the list with NULL: "eval." (a whole section), "train.max_steps", "*.max_*"
 * @param[in,out] out  gets one line a difference: `  optim.lr: 0.1 (saved) -> 0.2 (now)`; empty if they agree
 */
rr_status rr_config_diff(const rr_config *saved, const rr_config *now, const char *const *ignored, rr_buffer *out);

void rr_config_free(rr_config *config);

/** Help for a terminal: all keys of the section with type, default, range, unit and help; or the one key named (else
 * NULL). */
void rr_section_help(const rr_section *section, const char *key, rr_buffer *out);

/** The same as a Markdown chapter with tables, for docs/config.md. */
void rr_section_markdown(const rr_section *section, rr_buffer *out);

/** The candidate nearest to word (Damerau-Levenshtein), or NULL if none is near enough to be meant. */
const char *rr_nearest(const char *word, const char *const *candidates, size_t count);

#endif
