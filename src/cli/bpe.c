#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "cli/cli.h"
#include "data/bpe.h"
#include "data/bpe_learn.h"
#include "data/tokenize.h"

/* What is done with every line of a file; its end, the last `ending` bytes behind it, is that of the file. */
typedef rr_status each_line(void *ctx, const char *line, size_t length, size_t ending);

/* Bytes of what ends a line here for Python, and so for subword-nmt; 0: nothing does. */
static size_t line_break(const char *at, const char *end) {
    size_t left = (size_t)(end - at);
    if (*at == '\r') return left >= 2 && at[1] == '\n' ? 2 : 1;
    if (*at == '\n' || *at == '\v' || *at == '\f' || (*at >= 0x1c && *at <= 0x1e)) return 1;
    if (left >= 2 && memcmp(at, "\xc2\x85", 2) == 0) return 2;
    return left >= 3 && (memcmp(at, "\xe2\x80\xa8", 3) == 0 || memcmp(at, "\xe2\x80\xa9", 3) == 0) ? 3 : 0;
}

/* The lines that Python sees in what getline has read: some of its line ends remain part of a word. */
static rr_status visit_lines(each_line *visit, void *ctx, const char *at, const char *end) {
    while (at < end) {
        const char *stop = at;
        size_t broken = 0, ending = 0;
        while (stop < end && (broken = line_break(stop, end)) == 0) stop++;
        stop += broken;
        while (stop - ending > at && (stop[-1 - (ptrdiff_t)ending] == '\n' || stop[-1 - (ptrdiff_t)ending] == '\r'))
            ending++;
        RR_TRY(visit(ctx, at, (size_t)(stop - at) - ending, ending));
        at = stop;
    }
    return RR_OK;
}

static rr_status read_lines(const char *path, each_line *visit, void *ctx) {
    bool standard = strcmp(path, "-") == 0;
    const char *name = standard ? "standard input" : path;
    FILE *file = standard ? stdin : fopen(path, "r");
    if (file == NULL) return rr_fail(RR_ERR_INPUT, "%s: %s", path, strerror(errno));
    char *text = NULL;
    size_t room = 0, number = 1;
    ssize_t length;
    rr_status status = RR_OK;
    errno = 0;
    for (; status == RR_OK && (length = getline(&text, &room, file)) >= 0; number++) {
        status = rr_text_is_utf8(text, (size_t)length, NULL) ? visit_lines(visit, ctx, text, text + length)
                                                             : rr_fail(RR_ERR_INPUT, "not UTF-8");
        if (status != RR_OK) status = rr_fail_within(status, "%s:%zu: ", name, number);
    }
    if (status == RR_OK && ferror(file)) status = rr_fail(RR_ERR_INPUT, "%s: %s", name, strerror(errno));
    free(text);
    if (!standard) fclose(file);
    return status;
}

static rr_status flush(void) {
    return fflush(stdout) == 0 ? RR_OK : rr_fail(RR_ERR_RUNTIME, "standard output: %s", strerror(errno));
}

static rr_status count_line(void *ctx, const char *line, size_t length, size_t ending) {
    (void)ending;
    return rr_word_counts_add(ctx, line, length);
}

static rr_status learn(const rr_cli_arguments *arguments, const char *merges, const char *min_count) {
    size_t most = 10000, least = 2;
    if (merges != NULL) RR_TRY(rr_cli_size("merges", merges, &most));
    if (min_count != NULL) RR_TRY(rr_cli_size("min-count", min_count, &least));
    rr_word_counts counts = {.capacity = 0};
    rr_buffer codes = {0};
    rr_status status = RR_OK;
    for (size_t i = 1; i < arguments->operand_count && status == RR_OK; i++)
        status = read_lines(arguments->operands[i], count_line, &counts);
    if (status == RR_OK) status = rr_bpe_learn(&counts, most, least, &codes);
    if (status == RR_OK && codes.failed) status = rr_fail(RR_ERR_NOMEM, "no memory for codes");
    if (status == RR_OK) {
        fwrite(rr_buffer_text(&codes), 1, codes.length, stdout);
        status = flush();
    }
    rr_word_counts_free(&counts);
    rr_buffer_free(&codes);
    return status;
}

typedef struct applying {
    rr_bpe *bpe;
    rr_buffer line;
} applying;

static rr_status apply_line(void *ctx, const char *line, size_t length, size_t ending) {
    applying *a = ctx;
    rr_buffer_clear(&a->line);
    RR_TRY(rr_bpe_apply(a->bpe, line, length, &a->line));
    rr_buffer_append(&a->line, line + length, ending);
    if (a->line.failed) return rr_fail(RR_ERR_NOMEM, "no memory for a line of %zu bytes", length);
    fwrite(rr_buffer_text(&a->line), 1, a->line.length, stdout);
    return RR_OK;
}

static rr_status apply(const rr_cli_arguments *arguments) {
    const char *path = arguments->operands[1];
    rr_buffer codes = {0};
    applying a = {.bpe = NULL};
    rr_status status = rr_file_read(path, &codes);
    if (status == RR_OK) status = rr_bpe_parse(path, rr_buffer_text(&codes), codes.length, &a.bpe);
    if (status == RR_OK)
        status = read_lines(arguments->operand_count > 2 ? arguments->operands[2] : "-", apply_line, &a);
    if (status == RR_OK) status = flush();
    rr_buffer_free(&codes);
    rr_buffer_free(&a.line);
    rr_bpe_free(a.bpe);
    return status;
}

static rr_status run(int argc, char **argv) {
    rr_cli_arguments arguments;
    const char *merges = NULL, *min_count = NULL;
    const rr_cli_option known[] = {
        {.name = "merges", .value = &merges}, {.name = "min-count", .value = &min_count}, {.name = NULL}};
    RR_TRY(rr_cli_parse(argc, argv, known, 2, RR_CLI_OPERANDS, &arguments));
    if (arguments.override_count > 0) return rr_fail(RR_ERR_INPUT, "ringrnn bpe has no --set");
    if (strcmp(arguments.operands[0], "learn") == 0) return learn(&arguments, merges, min_count);
    if (strcmp(arguments.operands[0], "apply") != 0)
        return rr_fail(RR_ERR_INPUT, "ringrnn bpe %s: must be learn or apply", arguments.operands[0]);
    if (merges != NULL || min_count != NULL)
        return rr_fail(RR_ERR_INPUT, "--merges and --min-count are for ringrnn bpe learn");
    if (arguments.operand_count > 3)
        return rr_fail(RR_ERR_INPUT, "unexpected argument %s; see ringrnn bpe --help", arguments.operands[3]);
    return apply(&arguments);
}

const rr_command rr_command_bpe = {
    .name = "bpe",
    .arguments = "learn FILE ... | apply CODES [FILE|-] [options]",
    .help = "byte pair encoding: learns codes from texts, or splits the words of a text by them",
    .details = "  --merges N      learn: how many codes (default 10000)\n"
               "  --min-count N   learn: pairs that stand less often are not merged (default 2)\n"
               "Codes and texts are those of subword-nmt: pieces that are not the last of their word end with @@. "
               "Words stand\n"
               "between blanks; the codes, or the text, go to standard output.\n",
    .run = run,
    .local = true,
};
