#include "data/data_config.h"

#include <string.h>

#include "config/config.h"
#include "data/source.h"

static const char *const keeps[] = {"head", "tail", NULL};

static const rr_key keys[] = {
    {.name = "train",
     .type = RR_KEY_PATHS,
     .offset = offsetof(rr_data_config, train),
     .preset = "null",
     .word = "null",
     .help = "what to train on: a file (of format folders: a folder) or a list of them, joined in that order; shell "
             "patterns expand in sorted order"},
    {.name = "valid",
     .type = RR_KEY_PATHS,
     .offset = offsetof(rr_data_config, valid),
     .preset = "null",
     .word = "null",
     .help = "the text that evaluations during training read; null: none"},
    {.name = "test",
     .type = RR_KEY_PATHS,
     .offset = offsetof(rr_data_config, test),
     .preset = "null",
     .word = "null",
     .help = "the text that is evaluated at the end; null: none"},
    {.name = "split",
     .type = RR_KEY_FLOATS,
     .offset = offsetof(rr_data_config, split),
     .preset = "null",
     .word = "null",
     .min = 0,
     .max = 1,
     .help =
         "divides data.train into [train, valid, test] of these fractions: running text from its beginning to its end, "
         "words at line ends; examples at random, each class alike and equal texts together; null: files as given"},
    {.name = "split_seed",
     .type = RR_KEY_SEED,
     .offset = offsetof(rr_data_config, split_seed),
     .preset = "1",
     .help = "of dividing examples; the same for runs with another run.seed, so that they can be compared"},
    {.name = "format",
     .type = RR_KEY_ENUM,
     .offset = offsetof(rr_data_config, format),
     .preset = "auto",
     .choices = rr_source_names,
     .help = "how examples stand in files; auto: by the path (.csv, .tsv, .conllu, a folder), else as the task says. "
             "tsv: columns "
             "between tabs; csv: RFC 4180; folders: one a class, with a file a text; parallel: a file a field; conllu; "
             "columns: a token and its tags a line, an empty line "
             "between sentences (CoNLL-2000, 2003)"},
    {.name = "columns",
     .type = RR_KEY_STRINGS,
     .offset = offsetof(rr_data_config, columns),
     .preset = "null",
     .word = "null",
     .help = "which columns hold the task's fields, in its order: names, or numbers from 1 on, or from the end (-1 is "
             "the last); null: as the format and the task say"},
    {.name = "delimiter",
     .type = RR_KEY_STRING,
     .offset = offsetof(rr_data_config, delimiter),
     .preset = "null",
     .word = "null",
     .help =
         "one character between the columns of csv and tsv, in quotes where YAML reads it otherwise (\"|\"); null: a "
         "comma, or a tab"},
    {.name = "header",
     .type = RR_KEY_BOOL,
     .offset = offsetof(rr_data_config, header),
     .preset = "true",
     .help = "the first line of csv names the columns (of tsv: where data.columns gives names, or where it has all "
             "those of the task's fields)"},
    {.name = "on_error",
     .type = RR_KEY_ENUM,
     .offset = offsetof(rr_data_config, on_error),
     .preset = "stop",
     .choices = rr_on_error_names,
     .help = "what a bad example does (no UTF-8, an empty field, a column too few, a label that training has not "
             "seen): ends the program with file and line, or is left out, counted and reported"},
    {.name = "max_line_bytes",
     .type = RR_KEY_SIZE,
     .offset = offsetof(rr_data_config, max_line_bytes),
     .preset = "1M",
     .min = 1,
     .max = 1e12,
     .unit = "bytes",
     .help = "a longer line, or a longer file of format folders, is a bad example"},
    {.name = "lowercase",
     .type = RR_KEY_BOOL,
     .offset = offsetof(rr_data_config, lowercase),
     .preset = "false",
     .help = "texts of examples in lower case (Unicode's simple mapping)"},
    {.name = "split_punctuation",
     .type = RR_KEY_BOOL,
     .offset = offsetof(rr_data_config, split_punctuation),
     .preset = "false",
     .help = "every punctuation character of an example's text is a word by itself"},
    {.name = "max_length",
     .type = RR_KEY_SIZE,
     .offset = offsetof(rr_data_config, max_length),
     .preset = "null",
     .word = "null",
     .min = 1,
     .max = 1e9,
     .unit = "tokens",
     .help = "longer texts of examples are cut; null: no limit"},
    {.name = "keep",
     .type = RR_KEY_ENUM,
     .offset = offsetof(rr_data_config, keep),
     .preset = "head",
     .choices = keeps,
     .help = "which end of a text that data.max_length cuts is kept"},
    {.name = "vocab.min_count",
     .type = RR_KEY_SIZE,
     .offset = offsetof(rr_data_config, vocab.min_count),
     .preset = "1",
     .min = 1,
     .max = 1e15,
     .help = "tokens that are rarer in the training part become <unk>"},
    {.name = "vocab.max_size",
     .type = RR_KEY_SIZE,
     .offset = offsetof(rr_data_config, vocab.max_size),
     .preset = "null",
     .word = "null",
     .min = 2,
     .max = 2147483647,
     .unit = "tokens",
     .help = "keeps the most frequent ones, <unk> and <eos> among them; null: no limit"},
    {.name = "vocab.file",
     .type = RR_KEY_PATH,
     .offset = offsetof(rr_data_config, vocab.file),
     .preset = "null",
     .word = "null",
     .help = "the vocabulary, one token a line in order of id; null: built from the training part"},
    {.name = NULL},
};

static rr_status check(const rr_config *config, const void *section) {
    const rr_data_config *data = section;
    if (data->vocab.file != NULL && data->vocab.min_count > 1)
        return rr_config_fail(config, "data.vocab.min_count",
                              "%zu does not go with data.vocab.file, which gives the vocabulary as it is; 1 is allowed",
                              data->vocab.min_count);
    if (data->delimiter != NULL && strlen(data->delimiter) != 1)
        return rr_config_fail(config, "data.delimiter", "must be one character (one byte), got \"%s\"",
                              data->delimiter);
    if (data->split.count == 0) return RR_OK;
    const double *part = data->split.values;
    if (data->split.count != 3)
        return rr_config_fail(config, "data.split", "must be three fractions [train, valid, test], got %zu",
                              data->split.count);
    if (!(part[0] > 0))
        return rr_config_fail(config, "data.split", "the first fraction, train, must be > 0, got %g", part[0]);
    double sum = part[0] + part[1] + part[2];
    if (!(sum <= 1 + 1e-9))
        return rr_config_fail(config, "data.split", "the sum of the fractions must be <= 1, got %.10g", sum);
    if (data->valid.count > 0 || data->test.count > 0)
        return rr_config_fail(config, "data.split",
                              "cuts data.train in three and does not go with data.%s: give one or the other",
                              data->valid.count > 0 ? "valid" : "test");
    return RR_OK;
}

const rr_section rr_data_section = {.name = "data",
                                    .help = "The files, how they are split, and the vocabulary",
                                    .size = sizeof(rr_data_config),
                                    .keys = keys,
                                    .check = check};
