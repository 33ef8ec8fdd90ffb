/*
 * Stories with questions, as the bAbI tasks (Weston et al. 2015): `n sentence` or `n question TAB answer TAB facts`,
 * where n begins at 1 with each story. A question sees the sentences before it, with line ends between. A list of
 * answers
 * ("milk,football") is one answer.
 */
#include <stdlib.h>
#include <string.h>

#include "data/source_parts.h"

/* The number at the start of a line and what follows it; false if there is none. */
static bool take_number(rr_csv_field *line, size_t *number) {
    size_t at = 0;
    *number = 0;
    while (at < line->length && at < 9 && line->bytes[at] >= '0' && line->bytes[at] <= '9')
        *number = *number * 10 + (size_t)(line->bytes[at++] - '0');
    if (at == 0 || at == line->length || line->bytes[at] != ' ') return false;
    line->bytes += at + 1;
    line->length -= at + 1;
    return true;
}

static rr_csv_field trimmed(const char *begin, const char *end) {
    while (begin < end && (*begin == ' ' || *begin == '\t')) begin++;
    while (end > begin && (end[-1] == ' ' || end[-1] == '\t')) end--;
    return (rr_csv_field){begin, (size_t)(end - begin)};
}

/* One line of a story, whose sentences so far are in `story`. */
static rr_status take_line(const rr_source_options *options, rr_csv_field line, uint64_t where, rr_buffer *story,
                           rr_records *out) {
    const char *end = line.bytes + line.length, *tab = memchr(line.bytes, '\t', line.length);
    if (tab == NULL) {
        if (story->length > 0) rr_buffer_puts(story, "\n");
        rr_buffer_append(story, line.bytes, line.length);
        return story->failed ? rr_fail(RR_ERR_NOMEM, "no memory for a story") : RR_OK;
    }
    const char *second = memchr(tab + 1, '\t', (size_t)(end - tab - 1));
    const rr_csv_field fields[] = {{rr_buffer_text(story), story->length},
                                   trimmed(line.bytes, tab),
                                   trimmed(tab + 1, second != NULL ? second : end)};
    return rr_source_add(options, where, fields, out);
}

static rr_status read_lines(const rr_source_options *options, rr_source_file *file, rr_buffer *story, rr_records *out) {
    rr_csv_field line;
    size_t last = 0;
    while (rr_source_line(file, &line)) {
        size_t number;
        if (line.length == 0) continue;
        if (line.length > options->max_line_bytes) {
            RR_TRY(rr_records_bad(out, options->on_error, file->line,
                                  "the line has %zu bytes; data.max_line_bytes is %zu", line.length,
                                  options->max_line_bytes));
            continue;
        }
        if (!take_number(&line, &number)) {
            RR_TRY(rr_records_bad(out, options->on_error, file->line,
                                  "a line begins with its number in the story and a blank (\"3 Mary went home.\")"));
            continue;
        }
        if (number != last + 1 && number != 1) {
            RR_TRY(rr_records_bad(out, options->on_error, file->line,
                                  "line %zu of a story follows line %zu; %zu, or 1 for another story, is allowed",
                                  number, last, last + 1));
            continue;
        }
        if (number == 1) rr_buffer_clear(story);
        last = number;
        RR_TRY(take_line(options, line, file->line, story, out));
    }
    return RR_OK;
}

static rr_status read(const rr_source_options *options, const char *const *paths, size_t path_count, rr_records *out) {
    if (options->field_count != 3)
        return rr_fail(RR_ERR_INPUT, "format babi holds stories, questions and answers: it is for task qa");
    for (size_t i = 0; i < path_count; i++) {
        rr_source_file file = {0};
        rr_buffer story = {0};
        size_t before = out->count;
        rr_status status = rr_source_open(&file, paths[i], out);
        if (status == RR_OK) status = read_lines(options, &file, &story, out);
        if (status == RR_OK) status = rr_source_check_any(out, before, paths[i]);
        rr_buffer_free(&file.text);
        rr_buffer_free(&story);
        RR_TRY(status);
    }
    return RR_OK;
}

const rr_source_ops rr_source_babi = {
    .name = "babi",
    .help = "stories with questions, as the bAbI tasks: `n sentence`, `n question TAB answer`",
    .read = read};
