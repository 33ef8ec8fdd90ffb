#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/internal.h"

enum { LONGEST_KEY = 256 };

rr_status rr_config_own(rr_config *config, void *memory) {
    if (config->owned_count == config->owned_capacity) {
        size_t capacity = config->owned_capacity > 0 ? 2 * config->owned_capacity : 64;
        void **owned = realloc(config->owned, capacity * sizeof *owned);
        if (owned == NULL) {
            free(memory);
            return rr_fail(RR_ERR_NOMEM, "no memory for a configuration");
        }
        config->owned = owned;
        config->owned_capacity = capacity;
    }
    config->owned[config->owned_count++] = memory;
    return RR_OK;
}

/* The value of an option as YAML; its errors name the option, not a line of it. */
static rr_status parse_value(const char *origin, const char *text, rr_node **out) {
    rr_status status = rr_node_parse(origin, text, strlen(text), out);
    if (status != RR_ERR_INPUT) return status;
    const char *rest = rr_last_error() + strlen(origin);
    size_t digits = strspn(rest + 1, "0123456789");
    return rr_fail(status, "%s%s", origin, digits > 0 ? rest + 1 + digits : rest);
}

/* Puts the value of "--set a.b.c=value" (or of a whole section, "--set a={...}") into the tree, over what is there. */
static rr_status override(rr_config *config, const char *text) {
    const char *equals = strchr(text, '=');
    if (equals == NULL || equals == text) return rr_fail(RR_ERR_INPUT, "--set %s: must be section.key=value", text);
    char *origin;
    if (asprintf(&origin, "--set %s", text) < 0) return rr_fail(RR_ERR_NOMEM, "no memory for a configuration");
    RR_TRY(rr_config_own(config, origin));
    rr_node *value;
    RR_TRY(parse_value(origin, equals + 1, &value));
    if (value->kind == RR_NODE_MAPPING && value->count == 0 &&
        strchr(equals, '{') == NULL) { /* nothing after "=" is null */
        value->kind = RR_NODE_SCALAR;
        value->text = strdup("null");
        if (value->text == NULL) {
            rr_node_free(value);
            return rr_fail(RR_ERR_NOMEM, "no memory for a configuration");
        }
    }
    rr_node *at = config->root;
    rr_status status = RR_OK;
    for (const char *part = text; status == RR_OK;) {
        size_t length = strcspn(part, ".=");
        char key[LONGEST_KEY];
        if (length == 0 || length >= sizeof key) {
            status = rr_fail(RR_ERR_INPUT, "--set %s: must be section.key=value", text);
            break;
        }
        memcpy(key, part, length);
        key[length] = 0;
        rr_entry *entry = rr_node_find(at, key);
        if (part[length] == '=') {
            if (entry != NULL) {
                rr_node_free(entry->value);
                entry->value = value;
                entry->origin = origin;
            } else {
                status = rr_node_add(at, key, 0, origin, value);
            }
            if (status == RR_OK) value = NULL;
            break;
        }
        if (entry == NULL || entry->value->kind != RR_NODE_MAPPING) {
            rr_node *mapping = rr_node_create(RR_NODE_MAPPING, 0);
            if (mapping == NULL) {
                status = rr_fail(RR_ERR_NOMEM, "no memory for a configuration");
            } else if (entry == NULL) {
                status = rr_node_add(at, key, 0, origin, mapping);
            } else {
                rr_node_free(entry->value);
                entry->value = mapping;
                entry->origin = origin;
            }
            entry = rr_node_find(at, key);
        }
        if (status == RR_OK) at = entry->value;
        part += length + 1;
    }
    rr_node_free(value);
    return status;
}

rr_status rr_config_parse(const char *name, const char *text, size_t length, const char *const *overrides,
                          size_t override_count, rr_config **out) {
    rr_config *config = calloc(1, sizeof *config);
    if (config == NULL || (config->name = strdup(name)) == NULL) {
        free(config);
        return rr_fail(RR_ERR_NOMEM, "no memory for a configuration");
    }
    rr_status status = rr_node_parse(name, text, length, &config->root);
    if (status == RR_OK && config->root->kind == RR_NODE_SCALAR &&
        (config->root->text[0] == 0 || strcmp(config->root->text, "null") == 0)) {
        rr_node_free(config->root);
        config->root = rr_node_create(RR_NODE_MAPPING, 1);
        if (config->root == NULL) status = rr_fail(RR_ERR_NOMEM, "no memory for a configuration");
    }
    if (status == RR_OK && config->root->kind != RR_NODE_MAPPING)
        status = rr_fail(RR_ERR_INPUT, "%s:%zu: must be a mapping of sections (run:, task:, data: ...)", name,
                         config->root->line);
    for (size_t i = 0; status == RR_OK && i < override_count; i++) status = override(config, overrides[i]);
    if (status != RR_OK) {
        rr_config_free(config);
        return status;
    }
    *out = config;
    return RR_OK;
}

void rr_config_free(rr_config *config) {
    if (config == NULL) return;
    rr_node_free(config->root);
    for (size_t i = 0; i < config->resolved_count; i++) free(config->resolved[i].text);
    free(config->resolved);
    for (size_t i = 0; i < config->owned_count; i++) free(config->owned[i]);
    free(config->owned);
    free(config->name);
    free(config);
}

/* The entry of "a.b.c", and the origin that counts for it: its own, or that of a mapping around it. NULL if there is
 * none. */
static const rr_entry *find(const rr_node *node, const char *path, const char **origin) {
    for (const char *part = path;;) {
        size_t length = strcspn(part, ".");
        char key[LONGEST_KEY];
        if (length >= sizeof key) return NULL;
        memcpy(key, part, length);
        key[length] = 0;
        const rr_entry *entry = rr_node_find(node, key);
        if (entry == NULL) return NULL;
        if (entry->origin != NULL) *origin = entry->origin;
        if (part[length] == 0) return entry;
        node = entry->value;
        part += length + 1;
    }
}

static rr_status fail_at(const rr_config *config, const char *origin, size_t line, const char *key, const char *text) {
    if (origin != NULL) return rr_fail(RR_ERR_INPUT, "%s: %s", origin, text);
    return rr_fail(RR_ERR_INPUT, "%s:%zu: %s: %s", config->name, line, key, text);
}

rr_status rr_config_fail(const rr_config *config, const char *key, const char *format, ...) {
    char text[4096];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    const char *origin = NULL;
    const rr_entry *entry = find(config->root, key, &origin);
    if (entry != NULL) return fail_at(config, origin, entry->line, key, text);
    for (size_t i = 0; i < config->resolved_count; i++)
        if (strcmp(config->resolved[i].name, key) == 0)
            return rr_fail(RR_ERR_INPUT, "%s: %s (default %s): %s", config->name, key, config->resolved[i].text, text);
    return rr_fail(RR_ERR_INPUT, "%s: %s: %s", config->name, key, text);
}

bool rr_config_given(const rr_config *config, const char *key) {
    const char *origin = NULL;
    return find(config->root, key, &origin) != NULL;
}

rr_status rr_section_rows(const rr_section *section, size_t variant, rr_row_visitor visit, void *ctx) {
    for (const rr_key *key = section->keys; key->name != NULL; key++) RR_TRY(visit(ctx, key));
    const rr_key *own = section->variant_key != NULL ? section->variant_keys(variant) : NULL;
    for (; own != NULL && own->name != NULL; own++) RR_TRY(visit(ctx, own));
    return RR_OK;
}

typedef struct binding {
    rr_config *config;
    const rr_section *section;
    const rr_node *node; /* mapping of the section, or NULL */
    const char *origin;  /* of the whole section, if it was overridden */
    unsigned char *out;
    const char *names[256]; /* of all rows, for unknown keys */
    size_t name_count;
} binding;

static rr_status remember(rr_config *config, const char *section, const char *key, rr_buffer *text) {
    if (text->failed) return rr_fail(RR_ERR_NOMEM, "no memory for a configuration");
    if (config->resolved_count == config->resolved_capacity) {
        size_t capacity = config->resolved_capacity > 0 ? 2 * config->resolved_capacity : 64;
        rr_resolved *resolved = realloc(config->resolved, capacity * sizeof *resolved);
        if (resolved == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for a configuration");
        config->resolved = resolved;
        config->resolved_capacity = capacity;
    }
    char *name, *copy = strdup(rr_buffer_text(text));
    if (copy == NULL || asprintf(&name, "%s.%s", section, key) < 0) {
        free(copy);
        return rr_fail(RR_ERR_NOMEM, "no memory for a configuration");
    }
    config->resolved[config->resolved_count++] = (rr_resolved){.name = name, .text = copy};
    return rr_config_own(config, name);
}

static rr_status bind_row(void *ctx, const rr_key *key) {
    binding *b = ctx;
    rr_buffer text = {0};
    rr_status status;
    const char *origin = b->origin;
    const rr_entry *entry = b->node != NULL ? find(b->node, key->name, &origin) : NULL;
    b->names[b->name_count++] = key->name;
    if (entry != NULL) {
        status = rr_value_read(b->config, key, entry->value, b->out + key->offset, &text);
        if (status == RR_ERR_INPUT) {
            char name[LONGEST_KEY], why[4096];
            snprintf(name, sizeof name, "%s.%s", b->section->name, key->name);
            snprintf(why, sizeof why, "%s", rr_last_error());
            status = fail_at(b->config, origin, entry->line, name, why);
        }
    } else {
        rr_node *preset = NULL;
        status = rr_node_parse("default", key->preset, strlen(key->preset), &preset);
        if (status == RR_OK) status = rr_value_read(b->config, key, preset, b->out + key->offset, &text);
        if (status != RR_OK)
            status = rr_fail_within(status, "%s.%s: default %s: ", b->section->name, key->name, key->preset);
        rr_node_free(preset);
    }
    if (status == RR_OK) status = remember(b->config, b->section->name, key->name, &text);
    rr_buffer_free(&text);
    return status;
}

static bool is_row(const binding *b, const char *path, bool *is_prefix) {
    size_t length = strlen(path);
    *is_prefix = false;
    for (size_t i = 0; i < b->name_count; i++) {
        if (strcmp(b->names[i], path) == 0) return true;
        if (strncmp(b->names[i], path, length) == 0 && b->names[i][length] == '.') *is_prefix = true;
    }
    return false;
}

/* The variant that has this row, or the count if none has. */
static size_t variant_with(const rr_section *section, const char *path) {
    for (size_t v = 0; section->variant_key != NULL && v < section->variant_count; v++)
        for (const rr_key *key = section->variant_keys(v); key != NULL && key->name != NULL; key++)
            if (strcmp(key->name, path) == 0) return v;
    return section->variant_count;
}

static rr_status unknown_key(const binding *b, const char *path, const char *origin, size_t line, size_t variant) {
    char name[2 * LONGEST_KEY], text[1024];
    const rr_section *section = b->section;
    snprintf(name, sizeof name, "%s.%s", section->name, path);
    size_t other = section->variant_key != NULL ? variant_with(section, path) : 0;
    if (section->variant_key != NULL && other < section->variant_count) {
        snprintf(text, sizeof text, "is a key of %s.%s %s, not of %s", section->name, section->variant_key,
                 section->variant_name(other), section->variant_name(variant));
    } else {
        const char *nearest = rr_nearest(path, b->names, b->name_count);
        if (nearest != NULL)
            snprintf(text, sizeof text, "unknown key; did you mean %s.%s?", section->name, nearest);
        else
            snprintf(text, sizeof text, "unknown key; see ringrnn config %s", section->name);
    }
    return fail_at(b->config, origin, line, name, text);
}

static rr_status refuse_unknown(const binding *b, const rr_node *mapping, const char *prefix, const char *origin,
                                size_t variant) {
    for (size_t i = 0; i < mapping->count; i++) {
        const rr_entry *entry = &mapping->entries[i];
        char path[LONGEST_KEY];
        int length = snprintf(path, sizeof path, "%s%s%s", prefix, prefix[0] != 0 ? "." : "", entry->key);
        const char *from = entry->origin != NULL ? entry->origin : origin;
        bool is_prefix;
        if (length < (int)sizeof path && is_row(b, path, &is_prefix)) continue;
        if (length < (int)sizeof path && is_prefix) {
            if (entry->value->kind == RR_NODE_MAPPING) {
                RR_TRY(refuse_unknown(b, entry->value, path, from, variant));
                continue;
            }
            char name[2 * LONGEST_KEY];
            snprintf(name, sizeof name, "%s.%s", b->section->name, path);
            return fail_at(b->config, from, entry->line, name, "must be a mapping of keys");
        }
        path[sizeof path - 1] = 0;
        return unknown_key(b, path, from, entry->line, variant);
    }
    return RR_OK;
}

/* The index of the chosen variant, through a row made for it. */
static rr_status bind_variant(binding *b, size_t *variant) {
    const rr_section *section = b->section;
    const char *names[65];
    size_t count = section->variant_count < 64 ? section->variant_count : 64;
    for (size_t i = 0; i < count; i++) names[i] = section->variant_name(i);
    names[count] = NULL;
    int chosen = 0;
    rr_key row = {
        .name = section->variant_key, .type = RR_KEY_ENUM, .preset = section->variant_preset, .choices = names};
    unsigned char *out = b->out;
    b->out = (unsigned char *)&chosen;
    rr_status status = bind_row(b, &row);
    b->out = out;
    *variant = (size_t)chosen;
    if (status == RR_OK) memcpy(out + section->variant_offset, variant, sizeof *variant);
    return status;
}

rr_status rr_config_bind(rr_config *config, const rr_section *section, void *out) {
    memset(out, 0, section->size);
    binding b = {.config = config, .section = section, .out = out};
    const rr_entry *entry = rr_node_find(config->root, section->name);
    if (entry != NULL) {
        b.origin = entry->origin;
        bool nothing = entry->value->kind == RR_NODE_SCALAR &&
                       (entry->value->text[0] == 0 || strcmp(entry->value->text, "null") == 0);
        if (entry->value->kind == RR_NODE_MAPPING)
            b.node = entry->value;
        else if (!nothing)
            return fail_at(config, entry->origin, entry->line, section->name, "must be a mapping of keys");
    }
    size_t variant = 0;
    if (section->variant_key != NULL) RR_TRY(bind_variant(&b, &variant));
    RR_TRY(rr_section_rows(section, variant, bind_row, &b));
    if (b.node != NULL) RR_TRY(refuse_unknown(&b, b.node, "", b.origin, variant));
    if (config->section_count < sizeof config->sections / sizeof *config->sections)
        config->sections[config->section_count++] = section;
    return section->check != NULL ? section->check(config, out) : RR_OK;
}

rr_status rr_config_finish(const rr_config *config) {
    const char *names[32];
    for (size_t i = 0; i < config->section_count; i++) names[i] = config->sections[i]->name;
    for (size_t i = 0; i < config->root->count; i++) {
        const rr_entry *entry = &config->root->entries[i];
        bool known = false;
        for (size_t s = 0; s < config->section_count; s++) known = known || strcmp(names[s], entry->key) == 0;
        if (known || strncmp(entry->key, "x-", 2) == 0) continue;
        const char *nearest = rr_nearest(entry->key, names, config->section_count);
        char text[256];
        if (nearest != NULL)
            snprintf(text, sizeof text, "unknown section; did you mean %s?", nearest);
        else
            snprintf(text, sizeof text, "unknown section; see ringrnn config");
        return fail_at(config, entry->origin, entry->line, entry->key, text);
    }
    return RR_OK;
}
