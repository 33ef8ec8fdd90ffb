#include "task/spans.h"

#include <stdlib.h>
#include <string.h>

/* The type of a tag: what is behind its prefix and the first dash there; of "B", "O" and "I-" seqeval calls it "_". */
static const char *type_of(const char *tag) {
    const char *type = tag[0] != 0 ? tag + 1 : tag, *dash = strchr(type, '-');
    if (dash != NULL) type = dash + 1;
    return type[0] != 0 ? type : "_";
}

/* "B-type" does, but not "I-", a part of speech in some treebanks. */
static bool marks_type(const char *tag) { return (tag[0] == 'B' || tag[0] == 'I') && tag[1] == '-' && tag[2] != 0; }

/* Of "B", "I" and "O" alone, where there is one type. */
static bool is_prefix(const char *tag) { return tag[0] != 0 && strchr("BIESO", tag[0]) != NULL && tag[1] == 0; }

rr_status rr_span_tags_create(const rr_labels *labels, rr_span_tags *out) {
    out->tags = calloc(labels->count + 1, sizeof *out->tags);
    if (out->tags == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for %zu tags", labels->count);
    bool bare = labels->count > 1;
    for (size_t i = 0; i < labels->count; i++) {
        const char *tag = labels->names[i], *type = type_of(tag);
        RR_TRY(rr_labels_add(&out->types, type, strlen(type)));
        out->any = out->any || marks_type(tag);
        bare = bare && is_prefix(tag);
    }
    out->any = out->any || bare;
    out->outside = (rr_span_tag){'O', (size_t)rr_labels_find(&out->types, "_", 1)}; /* or no type at all */
    for (size_t i = 0; i < labels->count; i++) {
        const char *type = type_of(labels->names[i]);
        out->tags[i] = (rr_span_tag){labels->names[i][0], (size_t)rr_labels_find(&out->types, type, strlen(type))};
    }
    return RR_OK;
}

void rr_span_tags_free(rr_span_tags *tags) {
    free(tags->tags);
    rr_labels_free(&tags->types);
}

static bool is(char c, const char *set) { return strchr(set, c) != NULL; }

/* seqeval's end_of_chunk and start_of_chunk: whether a span ends before this tag, or starts with it. */
static bool ends(rr_span_tag before, rr_span_tag now) {
    if (is(before.prefix, "ES")) return true;
    if (is(before.prefix, "BI") && is(now.prefix, "BSO")) return true;
    return !is(before.prefix, "O.") && before.type != now.type;
}

static bool starts(rr_span_tag before, rr_span_tag now) {
    if (is(now.prefix, "BS")) return true;
    if (is(before.prefix, "ESO") && is(now.prefix, "EI")) return true;
    return !is(now.prefix, "O.") && before.type != now.type;
}

/* Walks over one sequence. */
typedef struct walk {
    const rr_span_tags *tags;
    const int32_t *ids;
    size_t length, at, begin; /* begin: of the span that is open, or has been */
    rr_span_tag before;
} walk;

typedef struct span {
    size_t type, begin, end; /* end: behind its last token */
} span;

static bool next_span(walk *w, span *out) {
    while (w->at <= w->length) {
        rr_span_tag now = w->at < w->length ? w->tags->tags[w->ids[w->at]] : w->tags->outside;
        bool found = ends(w->before, now);
        if (found) *out = (span){w->before.type, w->begin, w->at};
        if (starts(w->before, now)) w->begin = w->at;
        w->before = now;
        w->at++;
        if (found) return true;
    }
    return false;
}

void rr_spans_count(const rr_span_tags *tags, const int32_t *gold, const int32_t *predicted, size_t length,
                    double *counts) {
    size_t types = tags->types.count;
    walk g = {.tags = tags, .ids = gold, .length = length, .before = tags->outside};
    walk p = {.tags = tags, .ids = predicted, .length = length, .before = tags->outside};
    span a, b;
    bool more_gold = next_span(&g, &a), more_predicted = next_span(&p, &b);
    while (more_gold || more_predicted) {
        /* Spans of a sequence end in rising order, at different places. */
        bool take_gold = more_gold && (!more_predicted || a.end <= b.end);
        bool take_predicted = more_predicted && (!more_gold || b.end <= a.end);
        if (take_gold && take_predicted && a.type == b.type && a.begin == b.begin) counts[a.type]++;
        if (take_gold) counts[types + a.type]++;
        if (take_predicted) counts[2 * types + b.type]++;
        if (take_gold) more_gold = next_span(&g, &a);
        if (take_predicted) more_predicted = next_span(&p, &b);
    }
}
