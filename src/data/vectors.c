#include "data/vectors.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/tokenize.h"

/* Cuts the last value off a line; NULL if there is none behind a word. Words may hold blanks, so lines are read from
 * their end. */
static char *take_last(char *line, size_t *length) {
    while (*length > 0 && (line[*length - 1] == ' ' || line[*length - 1] == '\t')) (*length)--;
    line[*length] = 0;
    size_t at = *length;
    while (at > 0 && line[at - 1] != ' ' && line[at - 1] != '\t') at--;
    if (at == 0) return NULL;
    *length = at - 1;
    line[at - 1] = 0;
    return line + at;
}

static size_t count_values(const char *line) {
    size_t count = 0;
    for (const char *at = line; *at != 0;) {
        at += strspn(at, " \t");
        if (*at == 0) break;
        count++;
        at += strcspn(at, " \t");
    }
    return count > 0 ? count - 1 : 0;
}

/* word2vec's first line: how many words there are, and how many values each has. */
static bool is_header(const char *line, unsigned long long *size) {
    char *end;
    strtoull(line, &end, 10);
    if (end == line || (*end != ' ' && *end != '\t')) return false;
    const char *second = end + 1;
    *size = strtoull(second, &end, 10);
    return end != second && end[strspn(end, " \t")] == 0;
}

typedef struct reading {
    const char *path;
    const rr_vocab *vocab;
    size_t size, line;
    float *values, *row; /* row [size] */
    bool *there;         /* [size of vocab] */
    size_t found;
} reading;

static rr_status read_line(reading *r, char *line, size_t length) {
    size_t values = count_values(line);
    if (values < r->size || (r->line == 1 && values != r->size))
        return rr_fail(RR_ERR_INPUT, "%s:%zu: has %zu values; model.embedding_size is %zu", r->path, r->line, values,
                       r->size);
    for (size_t i = r->size; i-- > 0;) {
        char *value = take_last(line, &length), *end = value;
        if (value != NULL) r->row[i] = strtof(value, &end);
        if (value == NULL || end == value || *end != 0 || !isfinite(r->row[i]))
            return rr_fail(RR_ERR_INPUT, "%s:%zu: \"%.40s\" is no number", r->path, r->line,
                           value != NULL ? value : "");
    }
    int32_t id = rr_vocab_id(r->vocab, line, length);
    bool known = id != rr_vocab_unk(r->vocab);
    if (!known) { /* the word that stands for unknown ones, by its name */
        size_t own;
        const char *unk = id >= 0 ? rr_vocab_token(r->vocab, id, &own) : NULL;
        known = unk != NULL && own == length && memcmp(unk, line, length) == 0;
    }
    if (!known || r->there[id]) return RR_OK;
    memcpy(r->values + (size_t)id * r->size, r->row, r->size * sizeof *r->row);
    r->there[id] = true;
    r->found++;
    return RR_OK;
}

static rr_status read_first(reading *r, char *line, size_t length) {
    unsigned long long size = 0;
    size_t mark = rr_text_mark(line, length);
    if (!is_header(line + mark, &size)) return read_line(r, line + mark, length - mark);
    if (size == r->size) return RR_OK;
    return rr_fail(RR_ERR_INPUT, "%s:1: says that each word has %llu values; model.embedding_size is %zu", r->path,
                   size, r->size);
}

static rr_status read_lines(reading *r, FILE *file) {
    char *line = NULL;
    size_t room = 0;
    rr_status status = RR_OK;
    for (ssize_t length; status == RR_OK && (length = getline(&line, &room, file)) >= 0;) {
        r->line++;
        while (length > 0 && (line[length - 1] == '\n' || line[length - 1] == '\r')) line[--length] = 0;
        if (length == 0) continue;
        status = r->line == 1 ? read_first(r, line, (size_t)length) : read_line(r, line, (size_t)length);
    }
    if (status == RR_OK && ferror(file))
        status = rr_fail(RR_ERR_INPUT, "%s: cannot be read: %s", r->path, strerror(errno));
    if (status == RR_OK && r->line == 0) status = rr_fail(RR_ERR_INPUT, "%s: is empty", r->path);
    if (status == RR_OK && r->found == 0)
        status =
            rr_fail(RR_ERR_INPUT, "%s: has none of the %zu words of the vocabulary", r->path, rr_vocab_size(r->vocab));
    free(line);
    return status;
}

rr_status rr_vectors_read(const char *path, const rr_vocab *vocab, size_t size, float *values, size_t *found) {
    reading r = {.path = path, .vocab = vocab, .size = size, .values = values};
    FILE *file = fopen(path, "r");
    if (file == NULL) return rr_fail(RR_ERR_INPUT, "%s: %s", path, strerror(errno));
    r.row = malloc(size * sizeof *r.row);
    r.there = calloc(rr_vocab_size(vocab) + 1, sizeof *r.there);
    rr_status status = r.row != NULL && r.there != NULL ? read_lines(&r, file)
                                                        : rr_fail(RR_ERR_NOMEM, "no memory for vectors of words");
    *found = r.found;
    free(r.row);
    free(r.there);
    fclose(file);
    return status;
}
