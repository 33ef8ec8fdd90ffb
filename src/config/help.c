#include <string.h>

#include "config/internal.h"

enum { WIDTH = 96, INDENT = 6 };

/* Text in lines of at most WIDTH columns, each indented. */
static void wrap(const char *text, size_t indent, rr_buffer *out) {
    size_t column = 0;
    for (const char *word = text; *word != 0;) {
        size_t length = strcspn(word, " ");
        if (column > 0 && column + 1 + length > WIDTH) {
            rr_buffer_puts(out, "\n");
            column = 0;
        }
        if (column == 0) {
            rr_buffer_printf(out, "%*s", (int)indent, "");
            column = indent;
        } else {
            rr_buffer_puts(out, " ");
            column++;
        }
        rr_buffer_append(out, word, length);
        column += length;
        word += length + strspn(word + length, " ");
    }
    rr_buffer_puts(out, "\n");
}

static void put_allowed(const rr_key *key, rr_buffer *out) {
    rr_value_allowed(key, out);
    if (key->unit != NULL) rr_buffer_printf(out, "; in %s", key->unit);
}

static void explain(const rr_section *section, const rr_key *key, const char *variant, rr_buffer *out) {
    rr_buffer allowed = {0};
    put_allowed(key, &allowed);
    rr_buffer_printf(out, "  %s.%s = %s", section->name, key->name, key->preset);
    if (variant != NULL) rr_buffer_printf(out, "   (%s %s)", section->variant_key, variant);
    rr_buffer_puts(out, "\n");
    wrap(rr_buffer_text(&allowed), INDENT, out);
    wrap(key->help, INDENT, out);
    rr_buffer_free(&allowed);
}

static bool wanted(const char *key, const char *name) {
    size_t length = key != NULL ? strlen(key) : 0;
    return key == NULL || strcmp(key, name) == 0 || (strncmp(name, key, length) == 0 && name[length] == '.');
}

static void put_variants(const rr_section *section, rr_buffer *out) {
    rr_buffer_printf(out, "  %s.%s = %s\n", section->name, section->variant_key, section->variant_preset);
    for (size_t v = 0; v < section->variant_count; v++) {
        rr_buffer line = {0};
        rr_buffer_printf(&line, "%s: %s", section->variant_name(v), section->variant_help(v));
        wrap(rr_buffer_text(&line), INDENT, out);
        rr_buffer_free(&line);
    }
}

void rr_section_help(const rr_section *section, const char *key, rr_buffer *out) {
    if (key == NULL) rr_buffer_printf(out, "%s: %s\n", section->name, section->help);
    if (section->variant_key != NULL && wanted(key, section->variant_key)) put_variants(section, out);
    for (const rr_key *row = section->keys; row->name != NULL; row++)
        if (wanted(key, row->name)) explain(section, row, NULL, out);
    for (size_t v = 0; section->variant_key != NULL && v < section->variant_count; v++)
        for (const rr_key *row = section->variant_keys(v); row != NULL && row->name != NULL; row++)
            if (wanted(key, row->name)) explain(section, row, section->variant_name(v), out);
    if (key == NULL) rr_buffer_puts(out, "\n");
}

/* A bar would end the cell of the table, and <unk> would be a tag. */
static void put_cell(const char *text, rr_buffer *out) {
    for (const char *p = text; *p != 0; p++) {
        if (*p == '|')
            rr_buffer_puts(out, "\\|");
        else if (*p == '<' && p[1] != ' ' && p[1] != '=')
            rr_buffer_puts(out, "&lt;");
        else
            rr_buffer_append(out, p, 1);
    }
}

static void put_rows(const rr_key *rows, rr_buffer *out) {
    rr_buffer_puts(out, "\n| key | allowed | default | meaning |\n| --- | --- | --- | --- |\n");
    for (const rr_key *row = rows; row->name != NULL; row++) {
        rr_buffer allowed = {0};
        put_allowed(row, &allowed);
        rr_buffer_printf(out, "| `%s` | ", row->name);
        put_cell(rr_buffer_text(&allowed), out);
        rr_buffer_printf(out, " | `%s` | ", row->preset);
        put_cell(row->help, out);
        rr_buffer_puts(out, " |\n");
        rr_buffer_free(&allowed);
    }
}

void rr_section_markdown(const rr_section *section, rr_buffer *out) {
    rr_buffer_printf(out, "\n## %s\n\n%s.\n", section->name, section->help);
    if (section->keys->name != NULL) put_rows(section->keys, out);
    if (section->variant_key == NULL) return;
    rr_buffer_printf(out, "\n`%s` (default `%s`) chooses what the section is about:\n", section->variant_key,
                     section->variant_preset);
    for (size_t v = 0; v < section->variant_count; v++) {
        rr_buffer_printf(out, "\n### %s: %s\n\n%s.\n", section->variant_key, section->variant_name(v),
                         section->variant_help(v));
        const rr_key *rows = section->variant_keys(v);
        if (rows != NULL && rows->name != NULL) put_rows(rows, out);
    }
}
