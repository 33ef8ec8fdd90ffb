#include "data/labels.h"

#include <cJSON.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

static int compare(const char *a, size_t length, const char *b) {
    size_t other = strlen(b);
    int order = memcmp(a, b, length < other ? length : other);
    return order != 0 ? order : (length > other) - (length < other);
}

/* Where the name is, or would be put in. */
static size_t place_of(const rr_labels *labels, const char *name, size_t length, bool *found) {
    size_t low = 0, high = labels->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare(name, length, labels->names[middle]);
        if (order == 0) {
            *found = true;
            return middle;
        }
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    *found = false;
    return low;
}

static rr_status grow(rr_labels *labels) {
    if (labels->count < labels->capacity) return RR_OK;
    size_t capacity = 2 * labels->capacity + 16;
    char **names = realloc(labels->names, capacity * sizeof *names);
    if (names != NULL) labels->names = names;
    uint64_t *counts = realloc(labels->counts, capacity * sizeof *counts);
    if (counts != NULL) labels->counts = counts;
    if (names == NULL || counts == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for %zu classes", capacity);
    labels->capacity = capacity;
    return RR_OK;
}

static rr_status insert(rr_labels *labels, size_t at, const char *name, size_t length) {
    RR_TRY(grow(labels));
    char *copy = malloc(length + 1);
    if (copy == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for the name of a class");
    memcpy(copy, name, length);
    copy[length] = 0;
    memmove(labels->names + at + 1, labels->names + at, (labels->count - at) * sizeof *labels->names);
    memmove(labels->counts + at + 1, labels->counts + at, (labels->count - at) * sizeof *labels->counts);
    labels->names[at] = copy;
    labels->counts[at] = 0;
    labels->count++;
    return RR_OK;
}

rr_status rr_labels_add(rr_labels *labels, const char *name, size_t length) {
    bool found;
    size_t at = place_of(labels, name, length, &found);
    if (!found) RR_TRY(insert(labels, at, name, length));
    labels->counts[at]++;
    return RR_OK;
}

int32_t rr_labels_find(const rr_labels *labels, const char *name, size_t length) {
    bool found;
    size_t at = place_of(labels, name, length, &found);
    return found ? (int32_t)at : -1;
}

size_t rr_labels_majority(const rr_labels *labels) {
    size_t best = 0;
    for (size_t i = 1; i < labels->count; i++)
        if (labels->counts[i] > labels->counts[best]) best = i;
    return best;
}

void rr_labels_to_json(const rr_labels *labels, rr_buffer *out) {
    rr_buffer_puts(out, "[");
    for (size_t i = 0; i < labels->count; i++) {
        cJSON *name = cJSON_CreateString(labels->names[i]);
        char *text = name != NULL ? cJSON_PrintUnformatted(name) : NULL;
        if (text == NULL) out->failed = 1;
        rr_buffer_printf(out, "%s{\"name\": %s, \"count\": %llu}", i > 0 ? ", " : "", text != NULL ? text : "null",
                         (unsigned long long)labels->counts[i]);
        cJSON_free(text);
        cJSON_Delete(name);
    }
    rr_buffer_puts(out, "]");
}

static rr_status take_item(const cJSON *item, rr_labels *out) {
    const cJSON *name = cJSON_GetObjectItem(item, "name"), *count = cJSON_GetObjectItem(item, "count");
    if (!cJSON_IsString(name) || !cJSON_IsNumber(count) || count->valuedouble < 0)
        return rr_fail(RR_ERR_INPUT, "the classes of a checkpoint have no name or count");
    RR_TRY(rr_labels_add(out, name->valuestring, strlen(name->valuestring)));
    out->counts[rr_labels_find(out, name->valuestring, strlen(name->valuestring))] = (uint64_t)count->valuedouble;
    return RR_OK;
}

rr_status rr_labels_from_json(const char *text, rr_labels *out) {
    cJSON *json = cJSON_Parse(text);
    rr_status status = RR_OK;
    if (!cJSON_IsArray(json)) status = rr_fail(RR_ERR_INPUT, "the classes of a checkpoint are no JSON array");
    const cJSON *item;
    if (status == RR_OK) cJSON_ArrayForEach(item, json) {
            status = take_item(item, out);
            if (status != RR_OK) break;
        }
    cJSON_Delete(json);
    return status;
}

uint64_t rr_labels_hash(const rr_labels *labels, uint64_t seed) {
    for (size_t i = 0; i < labels->count; i++) seed = rr_hash64(labels->names[i], strlen(labels->names[i]) + 1, seed);
    return labels->count > 0 ? rr_hash64(labels->counts, labels->count * sizeof *labels->counts, seed) : seed;
}

void rr_labels_free(rr_labels *labels) {
    for (size_t i = 0; i < labels->count; i++) free(labels->names[i]);
    free(labels->names);
    free(labels->counts);
    *labels = (rr_labels){.count = 0};
}

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

const char *rr_labels_trim(const char *text, size_t *length) {
    while (*length > 0 && is_blank(*text)) text++, (*length)--;
    while (*length > 0 && is_blank(text[*length - 1])) (*length)--;
    return text;
}

rr_status rr_labels_each(const char *text, size_t length, const char *separator,
                         rr_status (*visit)(void *ctx, const char *part, size_t length), void *ctx) {
    size_t width = separator != NULL ? strlen(separator) : 0;
    for (size_t begin = 0; begin <= length;) {
        size_t end = length;
        for (size_t i = begin; width > 0 && i + width <= length; i++)
            if (memcmp(text + i, separator, width) == 0) {
                end = i;
                break;
            }
        size_t left = end - begin;
        const char *part = rr_labels_trim(text + begin, &left);
        if (left > 0) RR_TRY(visit(ctx, part, left));
        begin = end + (width > 0 ? width : length + 1);
    }
    return RR_OK;
}
