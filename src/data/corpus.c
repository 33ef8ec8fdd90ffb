#include "data/corpus.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/hash.h"
#include "data/files.h"
#include "data/token_counts.h"
#include "data/vocab_parts.h"

const char *const rr_split_names[] = {"train", "valid", "test"};

static const char *const split_keys[] = {"data.train", "data.valid", "data.test"};

/* An error in a file, at the key that named the file. */
static rr_status fail_at_key(const rr_config *config, const char *key, rr_status status) {
    return status == RR_ERR_INPUT ? rr_config_fail(config, key, "%s", rr_last_error()) : status;
}

static rr_status read_file(const char *path, rr_token_counts *counts, rr_tokens *out) {
    rr_buffer text = {0};
    size_t before = out->count;
    rr_status status = rr_file_read(path, &text);
    if (status == RR_OK) status = rr_token_counts_index(counts, path, rr_buffer_text(&text), text.length, out);
    if (status == RR_OK && out->count == before) status = rr_fail(RR_ERR_INPUT, "%s: is empty", path);
    rr_buffer_free(&text);
    return status;
}

/* Files to provisional ids. */
static rr_status read_files(const rr_config *config, const char *key, const rr_paths *paths, rr_token_counts *counts,
                            rr_tokens *out) {
    rr_file_list files = {0};
    rr_status status = rr_file_list_expand(config, key, paths, &files);
    for (size_t i = 0; i < files.count && status == RR_OK; i++)
        status = fail_at_key(config, key, read_file(files.paths[i], counts, out));
    rr_file_list_free(&files);
    return status;
}

/* Where a part that ends at `fraction` of the tokens ends; words: just behind the next line end. */
static size_t cut_at(const rr_tokens *tokens, double fraction, bool words) {
    size_t count = tokens->count;
    if (fraction >= 1 - 1e-9) return count;
    size_t cut = (size_t)floor(fraction * (double)count + 1e-6); /* 0.29 * 100 is 28.999..., and 29 is meant */
    if (!words || cut == 0) return cut;
    while (cut < count && tokens->ids[cut - 1] != RR_COUNTS_EOS) cut++;
    return cut;
}

/* Cuts tokens[train], which holds all, into the three. */
static rr_status cut(const rr_config *config, const rr_data_config *data, rr_unit unit,
                     rr_tokens tokens[RR_SPLIT_COUNT]) {
    rr_tokens *all = &tokens[RR_SPLIT_TRAIN];
    size_t start = 0, train_count = 0, whole = all->count;
    double fraction = 0;
    if (all->ids == NULL) return rr_config_fail(config, "data.split", "there is no text to cut");
    for (int split = 0; split < RR_SPLIT_COUNT; split++) {
        fraction += data->split.values[split];
        size_t end = data->split.values[split] > 0 ? cut_at(all, fraction, unit == RR_UNIT_WORD) : start;
        if (end < start) end = start;
        if (end == start && data->split.values[split] > 0)
            return rr_config_fail(config, "data.split", "leaves nothing of %zu tokens for %s%s", whole,
                                  rr_split_names[split], unit == RR_UNIT_WORD ? ": words are cut at line ends" : "");
        if (split == RR_SPLIT_TRAIN) {
            train_count = end;
        } else if (end > start) {
            rr_tokens *part = &tokens[split];
            part->ids = malloc((end - start) * sizeof *part->ids);
            if (part->ids == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for %zu tokens", end - start);
            memcpy(part->ids, all->ids + start, (end - start) * sizeof *part->ids);
            part->count = part->capacity = end - start;
        }
        start = end;
    }
    all->count = train_count;
    return RR_OK;
}

static rr_status build_vocab(const rr_config *config, const rr_data_config *data, rr_token_counts *counts,
                             const rr_tokens *train, rr_vocab **out) {
    RR_TRY(rr_token_counts_tally(counts, train->ids, train->count));
    RR_TRY(fail_at_key(config, "data.vocab.max_size",
                       rr_vocab_build(counts, data->vocab.min_count, data->vocab.max_size, out)));
    size_t specials = rr_vocab_eos(*out) >= 0 ? 2 : 1;
    if (data->vocab.min_count == 1 || rr_vocab_size(*out) > specials) return RR_OK;
    return rr_config_fail(config, "data.vocab.min_count",
                          "leaves nothing: no token stands in the training part %zu times", data->vocab.min_count);
}

static rr_status read_vocab(const rr_config *config, const rr_data_config *data, rr_unit unit, rr_vocab **out) {
    RR_TRY(fail_at_key(config, "data.vocab.file", rr_vocab_read(unit, data->vocab.file, out)));
    if (data->vocab.max_size == 0 || rr_vocab_size(*out) <= data->vocab.max_size) return RR_OK;
    return rr_config_fail(config, "data.vocab.file", "%s gives %zu tokens, more than data.vocab.max_size, %zu",
                          data->vocab.file, rr_vocab_size(*out), data->vocab.max_size);
}

/* From provisional ids to those of the vocabulary, in place. */
static rr_status translate(const rr_token_counts *counts, const rr_vocab *vocab, rr_tokens tokens[RR_SPLIT_COUNT]) {
    int32_t *ids = malloc(counts->table.count * sizeof *ids);
    if (ids == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for a table of %zu tokens", counts->table.count);
    for (size_t i = 0; i < counts->table.count; i++) {
        size_t length;
        const char *bytes = rr_token_table_get(&counts->table, (int32_t)i, &length);
        ids[i] = rr_vocab_id(vocab, bytes, length);
    }
    int32_t unk = rr_vocab_unk(vocab);
    for (int split = 0; split < RR_SPLIT_COUNT; split++) {
        rr_tokens *part = &tokens[split];
        for (size_t i = 0; i < part->count; i++) {
            int32_t id = ids[part->ids[i]];
            part->unknown += id == unk && part->ids[i] != RR_COUNTS_UNK;
            part->ids[i] = id;
        }
    }
    free(ids);
    return RR_OK;
}

static uint64_t fingerprint(const rr_corpus *corpus) {
    uint64_t hash = rr_vocab_hash(corpus->vocab);
    for (int split = 0; split < RR_SPLIT_COUNT; split++) {
        const rr_tokens *part = &corpus->tokens[split];
        hash = rr_hash64(&(uint64_t){part->count}, sizeof(uint64_t), hash);
        if (part->count > 0) hash = rr_hash64(part->ids, part->count * sizeof *part->ids, hash);
    }
    return hash;
}

/* What goes with the unit, and whether there is what is needed. */
static rr_status check(const rr_config *config, const rr_data_config *data, rr_unit unit, const rr_vocab *vocab,
                       bool need_train) {
    if (vocab != NULL && rr_vocab_unit(vocab) != unit)
        return rr_fail(RR_ERR_INPUT,
                       "the vocabulary of the checkpoint is one of unit %s, the configuration's unit is %s",
                       rr_unit_names[rr_vocab_unit(vocab)], rr_unit_names[unit]);
    if (unit == RR_UNIT_BYTE) {
        if (data->vocab.file != NULL)
            return rr_config_fail(config, "data.vocab.file",
                                  "does not go with unit byte, whose tokens are the 256 bytes");
        if (data->vocab.min_count > 1)
            return rr_config_fail(config, "data.vocab.min_count", "must be 1 with unit byte, got %zu",
                                  data->vocab.min_count);
    }
    bool vocab_known = vocab != NULL || data->vocab.file != NULL || unit == RR_UNIT_BYTE;
    if (data->train.count > 0 || (!need_train && vocab_known && data->split.count == 0)) return RR_OK;
    return rr_config_fail(config, "data.train", "a text file is needed%s",
                          data->split.count > 0 ? ", which data.split cuts"
                          : need_train          ? " to train on"
                                                : " for the vocabulary, or data.vocab.file");
}

static rr_status fill(const rr_config *config, const rr_data_config *data, rr_unit unit, bool need_train,
                      rr_token_counts *counts, rr_corpus *corpus) {
    rr_tokens *tokens = corpus->tokens;
    bool split = data->split.count > 0;
    if (corpus->vocab == NULL && data->vocab.file != NULL) RR_TRY(read_vocab(config, data, unit, &corpus->vocab));
    bool build = corpus->vocab == NULL, build_first = build && unit != RR_UNIT_BYTE;
    if (need_train || split || build_first)
        RR_TRY(read_files(config, split_keys[RR_SPLIT_TRAIN], &data->train, counts, &tokens[RR_SPLIT_TRAIN]));
    if (split) RR_TRY(cut(config, data, unit, tokens));
    if (build) RR_TRY(build_vocab(config, data, counts, &tokens[RR_SPLIT_TRAIN], &corpus->vocab));
    if (!need_train) rr_tokens_free(&tokens[RR_SPLIT_TRAIN]);
    RR_TRY(read_files(config, split_keys[RR_SPLIT_VALID], &data->valid, counts, &tokens[RR_SPLIT_VALID]));
    RR_TRY(read_files(config, split_keys[RR_SPLIT_TEST], &data->test, counts, &tokens[RR_SPLIT_TEST]));
    RR_TRY(translate(counts, corpus->vocab, tokens));
    corpus->fingerprint = fingerprint(corpus);
    return RR_OK;
}

rr_status rr_corpus_read(const rr_config *config, const rr_data_config *data, rr_unit unit, rr_vocab *vocab,
                         bool need_train, rr_corpus *out) {
    rr_corpus corpus = {.vocab = vocab};
    rr_token_counts *counts = NULL;
    rr_status status = check(config, data, unit, vocab, need_train);
    if (status == RR_OK) status = rr_token_counts_create(unit, &counts);
    if (status == RR_OK) status = fill(config, data, unit, need_train, counts, &corpus);
    rr_token_counts_free(counts);
    if (status == RR_OK)
        *out = corpus;
    else
        rr_corpus_free(&corpus);
    return status;
}

void rr_corpus_free(rr_corpus *corpus) {
    rr_vocab_free(corpus->vocab);
    for (int split = 0; split < RR_SPLIT_COUNT; split++) rr_tokens_free(&corpus->tokens[split]);
    *corpus = (rr_corpus){0};
}
