#include "config/node.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

enum { LARGEST_DEPTH = 64, LARGEST_TREE = 200000 };

typedef struct builder {
    const char *name;
    yaml_document_t *document;
    size_t nodes;
} builder;

rr_node *rr_node_create(rr_node_kind kind, size_t line) {
    rr_node *node = calloc(1, sizeof *node);
    if (node != NULL) *node = (rr_node){.kind = kind, .line = line};
    return node;
}

void rr_node_free(rr_node *node) {
    if (node == NULL) return;
    for (size_t i = 0; i < node->count; i++) {
        free(node->entries[i].key);
        rr_node_free(node->entries[i].value);
    }
    free(node->entries);
    free(node->text);
    free(node);
}

rr_entry *rr_node_find(const rr_node *mapping, const char *key) {
    if (mapping == NULL || mapping->kind != RR_NODE_MAPPING) return NULL;
    for (size_t i = 0; i < mapping->count; i++)
        if (mapping->entries[i].key != NULL && strcmp(mapping->entries[i].key, key) == 0) return &mapping->entries[i];
    return NULL;
}

rr_status rr_node_add(rr_node *node, const char *key, size_t line, const char *origin, rr_node *value) {
    if (node->count == node->capacity) {
        size_t capacity = node->capacity > 0 ? 2 * node->capacity : 8;
        rr_entry *entries = realloc(node->entries, capacity * sizeof *entries);
        if (entries == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for a configuration");
        node->entries = entries;
        node->capacity = capacity;
    }
    char *copy = key != NULL ? strdup(key) : NULL;
    if (key != NULL && copy == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for a configuration");
    node->entries[node->count++] = (rr_entry){.key = copy, .line = line, .origin = origin, .value = value};
    return RR_OK;
}

static size_t line_of(const yaml_node_t *node) { return node->start_mark.line + 1; }

static rr_status build(builder *b, int id, size_t depth, rr_node **out);

/* Adds the pairs of a mapping; those of `<<` only where the mapping itself has no such key. */
static rr_status build_mapping(builder *b, const yaml_node_t *from, size_t depth, rr_node *into) {
    for (int pass = 0; pass < 2; pass++) /* own keys first, then what is merged in */
        for (yaml_node_pair_t *pair = from->data.mapping.pairs.start; pair < from->data.mapping.pairs.top; pair++) {
            const yaml_node_t *key = yaml_document_get_node(b->document, pair->key);
            if (key->type != YAML_SCALAR_NODE)
                return rr_fail(RR_ERR_INPUT, "%s:%zu: a key must be a word", b->name, line_of(key));
            const char *text = (const char *)key->data.scalar.value;
            bool merge = strcmp(text, "<<") == 0 && key->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
            if (merge != (pass == 1)) continue;
            if (!merge) {
                const rr_entry *before = rr_node_find(into, text);
                if (before != NULL)
                    return rr_fail(RR_ERR_INPUT,
                                   "%s:%zu: %s: stands twice, first in line %zu; each key may be given once", b->name,
                                   line_of(key), text, before->line);
                rr_node *value = NULL;
                RR_TRY(build(b, pair->value, depth + 1, &value));
                rr_status status = rr_node_add(into, text, line_of(key), NULL, value);
                if (status != RR_OK) {
                    rr_node_free(value);
                    return status;
                }
                continue;
            }
            rr_node *merged;
            RR_TRY(build(b, pair->value, depth + 1, &merged));
            rr_node *sources[1] = {merged};
            size_t source_count = merged->kind == RR_NODE_SEQUENCE ? merged->count : 1;
            rr_status status = RR_OK;
            for (size_t s = 0; s < source_count && status == RR_OK; s++) {
                rr_node *source = merged->kind == RR_NODE_SEQUENCE ? merged->entries[s].value : sources[0];
                if (source->kind != RR_NODE_MAPPING)
                    status = rr_fail(RR_ERR_INPUT, "%s:%zu: <<: needs a mapping or a list of mappings", b->name,
                                     line_of(key));
                for (size_t i = 0; status == RR_OK && i < source->count; i++) {
                    rr_entry *entry = &source->entries[i];
                    if (rr_node_find(into, entry->key) != NULL) continue;
                    status = rr_node_add(into, entry->key, entry->line, NULL, entry->value);
                    if (status == RR_OK) entry->value = NULL; /* moved */
                }
            }
            rr_node_free(merged);
            RR_TRY(status);
        }
    return RR_OK;
}

static rr_status build(builder *b, int id, size_t depth, rr_node **out) {
    const yaml_node_t *from = yaml_document_get_node(b->document, id);
    if (depth > LARGEST_DEPTH)
        return rr_fail(RR_ERR_INPUT, "%s:%zu: nested deeper than %d", b->name, line_of(from), LARGEST_DEPTH);
    if (++b->nodes > LARGEST_TREE)
        return rr_fail(RR_ERR_INPUT, "%s:%zu: more than %d values (do aliases multiply?)", b->name, line_of(from),
                       LARGEST_TREE);
    rr_node_kind kind = from->type == YAML_SCALAR_NODE     ? RR_NODE_SCALAR
                        : from->type == YAML_SEQUENCE_NODE ? RR_NODE_SEQUENCE
                                                           : RR_NODE_MAPPING;
    rr_node *node = rr_node_create(kind, line_of(from));
    if (node == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for a configuration");
    rr_status status = RR_OK;
    if (kind == RR_NODE_SCALAR) {
        size_t length = from->data.scalar.length;
        if (memchr(from->data.scalar.value, 0, length) != NULL)
            status = rr_fail(RR_ERR_INPUT, "%s:%zu: a value holds a NUL byte", b->name, line_of(from));
        node->text = strndup((const char *)from->data.scalar.value, length);
        node->quoted = from->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
        if (status == RR_OK && node->text == NULL) status = rr_fail(RR_ERR_NOMEM, "no memory for a configuration");
    } else if (kind == RR_NODE_SEQUENCE) {
        for (yaml_node_item_t *item = from->data.sequence.items.start;
             status == RR_OK && item < from->data.sequence.items.top; item++) {
            rr_node *value = NULL;
            status = build(b, *item, depth + 1, &value);
            if (status == RR_OK) status = rr_node_add(node, NULL, value->line, NULL, value);
            if (status != RR_OK) rr_node_free(value);
        }
    } else {
        status = build_mapping(b, from, depth, node);
    }
    if (status != RR_OK) {
        rr_node_free(node);
        return status;
    }
    *out = node;
    return RR_OK;
}

/* Whether that line of the text (from 1) holds ${, which YAML takes for a mapping inside {...} and [...]. */
static bool has_variable(const char *text, size_t length, size_t line) {
    const char *end = text + length;
    while (--line > 0 && text < end) {
        const char *next = memchr(text, '\n', (size_t)(end - text));
        text = next != NULL ? next + 1 : end;
    }
    const char *line_end = text < end ? memchr(text, '\n', (size_t)(end - text)) : NULL;
    return text < end && memmem(text, (size_t)((line_end != NULL ? line_end : end) - text), "${", 2) != NULL;
}

static rr_status syntax_error(const char *name, const char *text, size_t length, const yaml_parser_t *parser) {
    size_t line = parser->problem_mark.line + 1;
    if (parser->error == YAML_READER_ERROR)
        return rr_fail(RR_ERR_INPUT, "%s: byte %zu: %s; the file must be UTF-8 text", name, parser->problem_offset,
                       parser->problem);
    if (parser->error == YAML_MEMORY_ERROR) return rr_fail(RR_ERR_NOMEM, "no memory to read %s", name);
    return rr_fail(RR_ERR_INPUT, "%s:%zu: YAML: %s%s%s%s", name, line,
                   parser->problem != NULL ? parser->problem : "cannot be read", parser->context != NULL ? " " : "",
                   parser->context != NULL ? parser->context : "",
                   has_variable(text, length, line) ? "; inside {...} or [...] a path with ${...} needs quotes" : "");
}

rr_status rr_node_parse(const char *name, const char *text, size_t length, rr_node **out) {
    yaml_parser_t parser;
    yaml_document_t document, second;
    rr_status status = RR_OK;
    if (!yaml_parser_initialize(&parser)) return rr_fail(RR_ERR_NOMEM, "no memory to read %s", name);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, length);
    if (!yaml_parser_load(&parser, &document)) {
        status = syntax_error(name, text, length, &parser);
        goto delete_parser;
    }
    if (yaml_document_get_root_node(&document) == NULL) {
        *out = rr_node_create(RR_NODE_MAPPING, 1);
        if (*out == NULL) status = rr_fail(RR_ERR_NOMEM, "no memory to read %s", name);
        goto delete_document;
    }
    if (!yaml_parser_load(&parser, &second)) {
        status = syntax_error(name, text, length, &parser);
        goto delete_document;
    }
    const yaml_node_t *more = yaml_document_get_root_node(&second);
    if (more != NULL)
        status = rr_fail(RR_ERR_INPUT, "%s:%zu: a second document begins; a configuration is one document", name,
                         line_of(more));
    yaml_document_delete(&second);
    if (status == RR_OK) {
        builder b = {.name = name, .document = &document};
        status = build(&b, 1, 0, out);
    }
delete_document:
    yaml_document_delete(&document);
delete_parser:
    yaml_parser_delete(&parser);
    return status;
}
