/* A token and its tags a line, with blanks between them, as in CoNLL-2000 and CoNLL-2003. */
#include <string.h>

#include "data/sentence.h"

static const char *const preset[] = {"1", "-1"};

static bool ignored(rr_csv_field line) {
    static const char document[] = "-DOCSTART-";
    return line.length >= sizeof document - 1 && memcmp(line.bytes, document, sizeof document - 1) == 0;
}

static bool is_blank(char c) { return c == ' ' || c == '\t'; }

static size_t cut(rr_csv_field line, rr_csv_field *columns, size_t room) {
    const char *at = line.bytes, *end = line.bytes + line.length;
    size_t count = 0;
    while (count < room) {
        while (at < end && is_blank(*at)) at++;
        const char *stop = at;
        while (stop < end && !is_blank(*stop)) stop++;
        if (stop == at) break;
        columns[count++] = (rr_csv_field){at, (size_t)(stop - at)};
        at = stop;
    }
    return count;
}

static const rr_sentence_rules rules = {.ignored = ignored, .cut = cut, .preset = preset};

static rr_status read(const rr_source_options *options, const char *const *paths, size_t path_count, rr_records *out) {
    return rr_sentence_read(&rules, options, paths, path_count, out);
}

const rr_source_ops rr_source_columns = {.name = "columns",
                                         .help = "a token and its tags a line, an empty line between sentences",
                                         .sentences = true,
                                         .read = read};
