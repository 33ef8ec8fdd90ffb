/* A token and its tags a line, with blanks or tabs between them, as in CoNLL-2000 and CoNLL-2003. */
#include <string.h>

#include "data/sentence.h"

static const char *const preset[] = {"1", "-1"};

static bool ignored(rr_csv_field line) {
    static const char document[] = "-DOCSTART-";
    return line.length >= sizeof document - 1 && memcmp(line.bytes, document, sizeof document - 1) == 0;
}

/* Where a line has tabs, they are what divides its columns, and a token may hold blanks. */
static size_t cut(rr_csv_field line, rr_csv_field *columns, size_t room) {
    const char *at = line.bytes, *end = line.bytes + line.length;
    char divider = memchr(at, '\t', line.length) != NULL ? '\t' : ' ';
    size_t count = 0;
    while (count < room) {
        while (at < end && (*at == ' ' || *at == '\t')) at++;
        const char *stop = at, *last;
        while (stop < end && *stop != divider) stop++;
        if (stop == at) break;
        for (last = stop; last[-1] == ' ';) last--;
        columns[count++] = (rr_csv_field){at, (size_t)(last - at)};
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
