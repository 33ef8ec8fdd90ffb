#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/internal.h"

static bool has_range(const rr_key *key) { return key->min != 0 || key->max != 0; }

static void put_number(rr_buffer *out, double value) {
    char text[40];
    if (fabs(value) < 1e7 && value == floor(value)) {
        rr_buffer_printf(out, "%.0f", value == 0 ? 0.0 : value);
        return;
    }
    for (int digits = 1; digits <= 17; digits++) { /* the shortest that reads back as the same value */
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value) break;
    }
    rr_buffer_puts(out, text);
}

static void put_range(const rr_key *key, rr_buffer *out) {
    bool below = key->min > -1e300, above = key->max < 1e300 && key->max > key->min;
    if (!has_range(key)) return;
    if (below) {
        rr_buffer_puts(out, key->above_min ? " > " : " >= ");
        put_number(out, key->min);
    }
    if (above) {
        rr_buffer_puts(out, below ? " and " : " ");
        rr_buffer_puts(out, key->below_max ? "< " : "<= ");
        put_number(out, key->max);
    }
}

static void put_choices(const rr_key *key, const char *before_last, rr_buffer *out) {
    for (size_t i = 0; key->choices[i] != NULL; i++)
        rr_buffer_printf(out, "%s%s", i == 0 ? "" : key->choices[i + 1] == NULL ? before_last : ", ", key->choices[i]);
}

void rr_value_allowed(const rr_key *key, rr_buffer *out) {
    switch (key->type) {
    case RR_KEY_BOOL:
        rr_buffer_puts(out, "true or false");
        break;
    case RR_KEY_SIZE:
        rr_buffer_puts(out, "a whole number");
        break;
    case RR_KEY_SEED:
        rr_buffer_puts(out, "a whole number from 0 to 18446744073709551615");
        break;
    case RR_KEY_FLOAT:
        rr_buffer_puts(out, "a number");
        break;
    case RR_KEY_STRING:
        rr_buffer_puts(out, "text");
        break;
    case RR_KEY_PATH:
        rr_buffer_puts(out, "a path");
        break;
    case RR_KEY_PATHS:
        rr_buffer_puts(out, "a path, or a list of paths and patterns");
        break;
    case RR_KEY_STRINGS:
        rr_buffer_puts(out, "a string, or a list of strings");
        break;
    case RR_KEY_FLOATS:
        rr_buffer_puts(out, "a list of numbers");
        break;
    case RR_KEY_SIZES:
        rr_buffer_puts(out, "a list of whole numbers");
        break;
    case RR_KEY_ENUM:
        put_choices(key, " or ", out);
        break;
    case RR_KEY_ENUM_OR_SIZES:
        put_choices(key, ", ", out);
        rr_buffer_puts(out, " or a list of whole numbers");
        break;
    }
    put_range(key, out);
    if (key->word != NULL) rr_buffer_printf(out, ", or %s", key->word);
}

static rr_status wrong(const rr_key *key, const char *got) {
    rr_buffer allowed = {0};
    rr_value_allowed(key, &allowed);
    rr_status status = rr_fail(RR_ERR_INPUT, "must be %s, got %s", rr_buffer_text(&allowed), got);
    rr_buffer_free(&allowed);
    return status;
}

static rr_status wrong_quoted(const rr_key *key, const char *value) {
    rr_buffer got = {0};
    rr_buffer_printf(&got, "\"%s\" in quotes", value);
    rr_status status = wrong(key, rr_buffer_text(&got));
    rr_buffer_free(&got);
    return status;
}

/* Messages about ranges say the range alone: "must be > 0, got -1". */
static rr_status check_range(const rr_key *key, double value, const char *got) {
    if (!has_range(key)) return RR_OK;
    bool ok = key->above_min ? value > key->min : value >= key->min;
    if (key->max > key->min) ok = ok && (key->below_max ? value < key->max : value <= key->max);
    if (ok) return RR_OK;
    rr_buffer range = {0};
    put_range(key, &range);
    rr_status status = rr_fail(RR_ERR_INPUT, "must be%s, got %s", rr_buffer_text(&range), got);
    rr_buffer_free(&range);
    return status;
}

static bool read_count(const char *text, uint64_t *out) {
    char *end;
    if (text[0] < '0' || text[0] > '9') return false;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (errno != 0) return false;
    unsigned long long factor = *end == 'k' ? 1000ULL : *end == 'M' ? 1000000ULL : *end == 'G' ? 1000000000ULL : 1;
    if (factor != 1) end++;
    if (*end != 0 || (factor != 1 && value > UINT64_MAX / factor)) return false;
    *out = value * factor;
    return true;
}

static bool read_real(const char *text, double *out) {
    if (text[0] == 0 || strspn(text, "0123456789+-.eE") != strlen(text)) return false;
    char *end;
    *out = strtod(text, &end);
    return *end == 0 && end != text && isfinite(*out);
}

static bool is_name(char c, bool first) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (!first && c >= '0' && c <= '9');
}

/* Appends the value of a variable; length bytes: "VAR", or "VAR:-otherwise", which also stands for an empty one. */
static rr_status put_variable(const char *text, size_t length, rr_buffer *out) {
    char *name = strndup(text, length);
    if (name == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for a path");
    char *otherwise = strstr(name, ":-");
    if (otherwise != NULL) *otherwise = 0;
    const char *value = getenv(name);
    if (otherwise != NULL && (value == NULL || *value == 0)) value = otherwise + 2;
    rr_status status = RR_OK;
    if (value == NULL)
        status = rr_fail(RR_ERR_INPUT, "the environment variable %s is not set", name);
    else
        rr_buffer_puts(out, value);
    free(name);
    return status;
}

/* Copies text with $VAR, ${VAR} and ${VAR:-otherwise} replaced, and ~/ at its beginning; "$$" is a dollar. */
static rr_status expand(const char *text, rr_buffer *out) {
    if (text[0] == '~' && text[1] == '/') {
        RR_TRY(put_variable("HOME", strlen("HOME"), out));
        text++;
    }
    while (*text != 0) {
        if (text[0] == '$' && text[1] == '$') {
            rr_buffer_puts(out, "$");
            text += 2;
        } else if (text[0] == '$' && text[1] == '{') {
            const char *end = strchr(text, '}');
            if (end == NULL) return rr_fail(RR_ERR_INPUT, "${ has no closing } in '%s'", text);
            RR_TRY(put_variable(text + 2, (size_t)(end - text - 2), out));
            text = end + 1;
        } else if (text[0] == '$' && is_name(text[1], true)) {
            const char *end = text + 1;
            while (is_name(*end, false)) end++;
            RR_TRY(put_variable(text + 1, (size_t)(end - text - 1), out));
            text = end;
        } else {
            rr_buffer_append(out, text++, 1);
        }
    }
    return RR_OK;
}

static bool reads_as_other_than_text(const char *text) {
    static const char *const words[] = {"null", "~",    "true", "false", "yes",   "no", "on",
                                        "off",  "Null", "NULL", "True",  "False", NULL};
    for (size_t i = 0; words[i] != NULL; i++)
        if (strcmp(text, words[i]) == 0) return true;
    char *end;
    strtod(text, &end);
    return *end == 0;
}

static void put_text(rr_buffer *out, const char *text) {
    bool plain = text[0] != 0 && !reads_as_other_than_text(text) && strchr("-+./_", text[0]) == NULL;
    if (text[0] == '/' || (text[0] == '.' && text[1] == '/') || text[0] == '_') plain = true;
    for (const char *p = text; *p != 0; p++)
        if (!((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') ||
              strchr("_-./+", *p) != NULL))
            plain = false;
    if (plain) {
        rr_buffer_puts(out, text);
        return;
    }
    rr_buffer_puts(out, "\"");
    for (const unsigned char *p = (const unsigned char *)text; *p != 0; p++) {
        if (*p == '"' || *p == '\\')
            rr_buffer_printf(out, "\\%c", *p);
        else if (*p < 0x20 || *p == 0x7f)
            rr_buffer_printf(out, "\\x%02x", *p);
        else
            rr_buffer_append(out, p, 1);
    }
    rr_buffer_puts(out, "\"");
}

static void put_path(rr_buffer *out, const char *path) { /* what looks like a variable must not be expanded again */
    rr_buffer escaped = {0};
    if (path[0] == '~' && path[1] == '/') rr_buffer_puts(&escaped, "./");
    for (const char *p = path; *p != 0; p++) rr_buffer_printf(&escaped, *p == '$' ? "$$" : "%c", *p);
    put_text(out, rr_buffer_text(&escaped));
    rr_buffer_free(&escaped);
}

static rr_status keep_text(rr_config *config, const char *text, const char **out) {
    char *copy = strdup(text);
    if (copy == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for a configuration");
    *out = copy;
    return rr_config_own(config, copy);
}

static rr_status read_path(rr_config *config, const char *text, const char **out, rr_buffer *resolved) {
    rr_buffer path = {0}, dump = {0};
    rr_node *again = NULL;
    rr_status status = expand(text, &path);
    if (status == RR_OK && path.length == 0) status = rr_fail(RR_ERR_INPUT, "must not be empty");
    put_path(&dump, rr_buffer_text(&path));
    if (status == RR_OK && rr_node_parse("a path", rr_buffer_text(&dump), dump.length, &again) == RR_ERR_INPUT)
        status = rr_fail(RR_ERR_INPUT, "must be UTF-8, for checkpoints keep it; got '%s'", rr_buffer_text(&path));
    rr_node_free(again);
    if (status == RR_OK) status = keep_text(config, rr_buffer_text(&path), out);
    if (status == RR_OK) rr_buffer_puts(resolved, rr_buffer_text(&dump));
    rr_buffer_free(&path);
    rr_buffer_free(&dump);
    return status;
}

static rr_status read_choice(const rr_key *key, const char *text, int *out, rr_buffer *resolved) {
    size_t count = 0;
    for (; key->choices[count] != NULL; count++)
        if (strcmp(key->choices[count], text) == 0) {
            *out = (int)count;
            put_text(resolved, text);
            return RR_OK;
        }
    const char *nearest = rr_nearest(text, key->choices, count);
    rr_status status = wrong(key, text);
    return nearest == NULL ? status : rr_fail(status, "%s; did you mean %s?", rr_last_error(), nearest);
}

static rr_status read_scalar(rr_config *config, const rr_key *key, const rr_node *node, void *field, rr_buffer *text) {
    const char *value = node->text;
    uint64_t count;
    double real;
    bool text_alone = key->type == RR_KEY_STRING || key->type == RR_KEY_PATH || key->type == RR_KEY_ENUM ||
                      key->type == RR_KEY_ENUM_OR_SIZES;
    if (node->quoted && !text_alone) return wrong_quoted(key, value);
    switch (key->type) {
    case RR_KEY_BOOL:
        if (strcmp(value, "true") != 0 && strcmp(value, "false") != 0) return wrong(key, value);
        *(bool *)field = value[0] == 't';
        rr_buffer_puts(text, value);
        return RR_OK;
    case RR_KEY_SIZE:
    case RR_KEY_SEED:
        if (!read_count(value, &count)) {
            if (read_real(value, &real) && real < 0 && has_range(key)) return check_range(key, real, value);
            return wrong(key, value);
        }
        if (key->type == RR_KEY_SIZE) {
            RR_TRY(check_range(key, (double)count, value));
            *(size_t *)field = (size_t)count;
        } else {
            *(uint64_t *)field = count;
        }
        rr_buffer_printf(text, "%llu", (unsigned long long)count);
        return RR_OK;
    case RR_KEY_FLOAT:
        if (!read_real(value, &real)) return wrong(key, value);
        RR_TRY(check_range(key, real, value));
        *(double *)field = real;
        put_number(text, real);
        return RR_OK;
    case RR_KEY_STRING:
        RR_TRY(keep_text(config, value, field));
        put_text(text, value);
        return RR_OK;
    case RR_KEY_PATH:
        return read_path(config, value, field, text);
    case RR_KEY_ENUM:
        return read_choice(key, value, field, text);
    case RR_KEY_ENUM_OR_SIZES:
        return read_choice(key, value, &((rr_enum_or_sizes *)field)->choice, text);
    default:
        return wrong(key, value);
    }
}

static rr_key_type element_type(rr_key_type list) {
    switch (list) {
    case RR_KEY_FLOATS:
        return RR_KEY_FLOAT;
    case RR_KEY_SIZES:
    case RR_KEY_ENUM_OR_SIZES:
        return RR_KEY_SIZE;
    case RR_KEY_STRINGS:
        return RR_KEY_STRING;
    default:
        return RR_KEY_PATH;
    }
}

static bool is_list(rr_key_type type) {
    return type == RR_KEY_FLOATS || type == RR_KEY_SIZES || type == RR_KEY_PATHS || type == RR_KEY_STRINGS ||
           type == RR_KEY_ENUM_OR_SIZES;
}

static rr_status read_sequence(rr_config *config, const rr_key *key, const rr_node *node, void *field,
                               rr_buffer *text) {
    rr_node single_list = {.kind = RR_NODE_SEQUENCE, .count = 1};
    rr_entry single = {.value = (rr_node *)(uintptr_t)node};
    if ((key->type == RR_KEY_PATHS || key->type == RR_KEY_STRINGS) && node->kind == RR_NODE_SCALAR) {
        single_list.entries = &single;
        node = &single_list;
    }
    if (node->kind != RR_NODE_SEQUENCE) return wrong(key, node->kind == RR_NODE_SCALAR ? node->text : "a mapping");
    if (node->count == 0) return wrong(key, "an empty list");
    _Static_assert(sizeof(double) == sizeof(size_t) && sizeof(size_t) == sizeof(char *), "one array serves all");
    double *values = calloc(node->count, sizeof *values);
    if (values == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for a configuration");
    RR_TRY(rr_config_own(config, values));
    rr_key element = *key;
    element.word = NULL;
    element.type = element_type(key->type);
    rr_buffer_puts(text, "[");
    for (size_t i = 0; i < node->count; i++) {
        const rr_node *item = node->entries[i].value;
        if (item->kind != RR_NODE_SCALAR) return wrong(key, "a list that holds a list or a mapping");
        if (i > 0) rr_buffer_puts(text, ", ");
        RR_TRY(read_scalar(config, &element, item, values + i, text));
    }
    rr_buffer_puts(text, "]");
    *(rr_floats *)field = (rr_floats){.values = values, .count = node->count};
    return RR_OK;
}

static void store_word(const rr_key *key, void *field) {
    switch (key->type) {
    case RR_KEY_BOOL:
        *(bool *)field = false;
        break;
    case RR_KEY_SIZE:
        *(size_t *)field = 0;
        break;
    case RR_KEY_SEED:
        *(uint64_t *)field = 0;
        break;
    case RR_KEY_FLOAT:
        *(double *)field = NAN;
        break;
    case RR_KEY_ENUM:
        *(int *)field = -1;
        break;
    case RR_KEY_STRING:
    case RR_KEY_PATH:
        *(const char **)field = NULL;
        break;
    default:
        *(rr_floats *)field = (rr_floats){NULL, 0};
        break;
    }
}

rr_status rr_value_read(rr_config *config, const rr_key *key, const rr_node *node, void *field, rr_buffer *text) {
    if (node->kind == RR_NODE_SCALAR && !node->quoted) {
        const char *value = node->text[0] == 0 || strcmp(node->text, "~") == 0 ? "null" : node->text;
        if (key->word != NULL && strcmp(value, key->word) == 0) {
            store_word(key, field);
            rr_buffer_puts(text, value);
            return RR_OK;
        }
        if (strcmp(value, "null") == 0) return wrong(key, "nothing");
    }
    bool by_name = key->type == RR_KEY_ENUM_OR_SIZES && node->kind == RR_NODE_SCALAR;
    if (is_list(key->type) && !by_name) return read_sequence(config, key, node, field, text);
    if (node->kind != RR_NODE_SCALAR) return wrong(key, node->kind == RR_NODE_SEQUENCE ? "a list" : "a mapping");
    return read_scalar(config, key, node, field, text);
}
