/* CoNLL-U (universaldependencies.org/format): ten columns between tabs. */
#include <string.h>

#include "data/sentence.h"

#define NAME(text)                                                                                                     \
    { text, sizeof(text) - 1 }
static const rr_csv_field names[] = {NAME("ID"),    NAME("FORM"), NAME("LEMMA"),  NAME("UPOS"), NAME("XPOS"),
                                     NAME("FEATS"), NAME("HEAD"), NAME("DEPREL"), NAME("DEPS"), NAME("MISC")};
static const char *const preset[] = {"FORM", "UPOS"};

/* Comments, and the lines n-m of tokens of several words and n.m of empty ones. */
static bool ignored(rr_csv_field line) {
    size_t digits = 0;
    while (digits < line.length && line.bytes[digits] >= '0' && line.bytes[digits] <= '9') digits++;
    return line.bytes[0] == '#' ||
           (digits > 0 && digits < line.length && (line.bytes[digits] == '-' || line.bytes[digits] == '.'));
}

static size_t cut(rr_csv_field line, rr_csv_field *columns, size_t room) {
    const char *at = line.bytes, *end = line.bytes + line.length;
    size_t count = 0;
    while (count < room) {
        const char *stop = memchr(at, '\t', (size_t)(end - at));
        columns[count++] = (rr_csv_field){at, (size_t)((stop != NULL ? stop : end) - at)};
        if (stop == NULL) break;
        at = stop + 1;
    }
    return count;
}

static const rr_sentence_rules rules = {
    .ignored = ignored, .cut = cut, .columns = sizeof names / sizeof *names, .names = names, .preset = preset};

static rr_status read(const rr_source_options *options, const char *const *paths, size_t path_count, rr_records *out) {
    return rr_sentence_read(&rules, options, paths, path_count, out);
}

const rr_source_ops rr_source_conllu = {
    .name = "conllu", .help = "CoNLL-U; columns by their names", .sentences = true, .read = read};
