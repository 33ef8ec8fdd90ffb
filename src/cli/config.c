#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "cli/cli.h"
#include "cli/load.h"

static bool is_file(const char *text) {
    size_t length = strlen(text);
    return rr_file_exists(text) || (length > 5 && strcmp(text + length - 5, ".yaml") == 0) ||
           (length > 4 && strcmp(text + length - 4, ".yml") == 0);
}

static rr_status resolve(const rr_cli_arguments *arguments, rr_buffer *out) {
    rr_loaded loaded;
    rr_status status = rr_load(arguments, RR_LOAD_CONFIG, &loaded);
    if (status == RR_OK) status = rr_config_dump(loaded.config, out);
    rr_load_free(&loaded);
    return status;
}

/* A word that may be asked for, and the section and key that it means. */
typedef struct entry {
    const char *word; /* "optim", or the last part of a key: "lr" */
    const rr_section *section;
    const char *key; /* "init.range"; NULL: the section */
} entry;

typedef struct entries {
    entry items[1024];
    size_t count;
} entries;

static void add(entries *all, const rr_section *section, const char *key) {
    if (all->count == sizeof all->items / sizeof *all->items) return;
    const char *dot = key != NULL ? strrchr(key, '.') : NULL;
    all->items[all->count++] = (entry){.word = key == NULL   ? section->name
                                               : dot != NULL ? dot + 1
                                                             : key,
                                       .section = section,
                                       .key = key};
}

static void list(entries *all) {
    for (size_t i = 0; i < rr_section_count; i++) {
        const rr_section *section = rr_sections[i];
        add(all, section, NULL);
        if (section->variant_key != NULL) add(all, section, section->variant_key);
        for (const rr_key *row = section->keys; row->name != NULL; row++) add(all, section, row->name);
        for (size_t v = 0; section->variant_key != NULL && v < section->variant_count; v++)
            for (const rr_key *row = section->variant_keys(v); row != NULL && row->name != NULL; row++)
                add(all, section, row->name);
    }
}

static bool stands_before(const entries *all, size_t i) { /* variants share keys */
    for (size_t k = 0; k < i; k++)
        if (all->items[k].section == all->items[i].section && all->items[k].key != NULL && all->items[i].key != NULL &&
            strcmp(all->items[k].key, all->items[i].key) == 0)
            return true;
    return false;
}

/* Nothing has that name: says what may be meant. within: look at the keys of this section alone; NULL: at all words. */
static rr_status unknown(const char *asked, const char *key, const rr_section *within, const entries *all) {
    const char *words[sizeof all->items / sizeof *all->items] = {NULL};
    const entry *meant[sizeof all->items / sizeof *all->items];
    size_t count = 0;
    for (size_t i = 0; i < all->count; i++) {
        const entry *item = &all->items[i];
        if (within != NULL && (item->section != within || item->key == NULL)) continue;
        meant[count] = item;
        words[count++] = within != NULL ? item->key : item->word;
    }
    const char *nearest = rr_nearest(key, words, count);
    for (size_t i = 0; i < count && nearest != NULL; i++)
        if (words[i] == nearest)
            return rr_fail(RR_ERR_INPUT, "there is no key or section %s; did you mean %s%s%s?", asked,
                           meant[i]->section->name, meant[i]->key != NULL ? "." : "",
                           meant[i]->key != NULL ? meant[i]->key : "");
    if (within != NULL) return rr_fail(RR_ERR_INPUT, "there is no key %s; see ringrnn config %s", asked, within->name);
    return rr_fail(RR_ERR_INPUT, "there is no key, section or file %s; see ringrnn config", asked);
}

/* "optim", "optim.lr", or the last part of keys, "lr". */
static rr_status explain(const char *asked, rr_buffer *out) {
    entries all = {.count = 0};
    size_t length = strcspn(asked, ".");
    for (size_t i = 0; i < rr_section_count; i++) {
        const rr_section *section = rr_sections[i];
        if (strlen(section->name) != length || strncmp(section->name, asked, length) != 0) continue;
        rr_section_help(section, asked[length] == '.' ? asked + length + 1 : NULL, out);
        if (out->length > 0) return RR_OK;
        list(&all);
        return unknown(asked, asked + length + 1, section, &all);
    }
    list(&all);
    for (size_t i = 0; i < all.count; i++)
        if (strcmp(all.items[i].word, asked) == 0 && !stands_before(&all, i))
            rr_section_help(all.items[i].section, all.items[i].key, out);
    return out->length > 0 ? RR_OK : unknown(asked, asked, NULL, &all);
}

static rr_status config(int argc, char **argv) {
    rr_cli_arguments arguments;
    const char *markdown = NULL;
    const rr_cli_option known[] = {{.name = "markdown", .value = &markdown, .flag = true}, {.name = NULL}};
    RR_TRY(rr_cli_parse(argc, argv, known, 0, 1, &arguments));
    rr_buffer text = {0};
    rr_status status = RR_OK;
    if (arguments.operand_count == 1 && is_file(arguments.operands[0])) {
        status = resolve(&arguments, &text);
    } else if (arguments.operand_count == 1) {
        status = explain(arguments.operands[0], &text);
    } else if (markdown != NULL) {
        rr_buffer_puts(
            &text, "# Configuration\n\nEvery key of a configuration file, generated by `ringrnn config --markdown`. "
                   "Every key has a default, so a file holds what differs.\n`--set section.key=value` on the command "
                   "line overrides any of them.\n\nIn paths `$NAME`, `${NAME}`, `${NAME:-otherwise}` and `~/` are "
                   "replaced; `$$` is a dollar. Inside `{...}` YAML wants quotes around\n`\"${NAME}/file\"`. Anchors, "
                   "aliases and `<<` work, and a section `x-anything` is not read: it may hold anchors.\n");
        for (size_t i = 0; i < rr_section_count; i++) rr_section_markdown(rr_sections[i], &text);
    } else {
        for (size_t i = 0; i < rr_section_count; i++) rr_section_help(rr_sections[i], NULL, &text);
    }
    if (status == RR_OK) fputs(rr_buffer_text(&text), stdout);
    rr_buffer_free(&text);
    return status;
}

const rr_command rr_command_config = {
    .name = "config",
    .arguments = "[KEY|FILE] [options]",
    .help = "explains all keys, a section or one key; with a file, prints it resolved",
    .details = "  ringrnn config                 all sections and keys with default, range, unit and help\n"
               "  ringrnn config optim           one section\n"
               "  ringrnn config optim.lr        one key; lr: all keys of that name\n"
               "  ringrnn config FILE            that file with all defaults and --set applied\n"
               "  --set key=value                overrides a key, with FILE\n"
               "  --markdown                     all keys as Markdown (docs/config.md)\n",
    .run = config,
    .local = true,
};
