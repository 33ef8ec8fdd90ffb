#include "data/data_config.h"

#include "config/config.h"

static const rr_key keys[] = {
    {.name = "train",
     .type = RR_KEY_PATHS,
     .offset = offsetof(rr_data_config, train),
     .preset = "null",
     .word = "null",
     .help = "the text to train on: a file or a list of files, joined in that order; shell patterns expand in sorted "
             "order"},
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
         "cuts data.train from its beginning to its end into [train, valid, test] of these fractions, words at line "
         "ends; null: files as given"},
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
