/* Stories, questions and answers, from files or without meaning. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "data/label_vocab.h"
#include "data/record_sets.h"
#include "data/vocab_parts.h"
#include "math/pointwise.h"
#include "task/qa_model.h"

enum { STORY, QUESTION, ANSWER, FIELDS };
static const char *const fields[FIELDS] = {"context", "question", "answer"};
static const rr_record_wish wish = {
    .fields = fields, .field_count = FIELDS, .preset = "babi", .group_field = STORY, .class_field = FIELDS};

static rr_status find_answers(rr_qa *qa, const rr_records *records) {
    for (size_t i = 0; i < records->count; i++)
        RR_TRY(rr_labels_add(&qa->answers, rr_records_text(records, i, ANSWER), rr_records_length(records, i, ANSWER)));
    return RR_OK;
}

static rr_status leave_out(const rr_task_setup *setup, rr_qa_set *set, int split, const char *place, const char *what) {
    rr_text_set_drop(&set->stories);
    rr_text_set_drop(&set->questions);
    return rr_left_out_add(&set->left_out, setup, (rr_split)split, place, what);
}

static rr_status add_question(rr_qa *qa, const rr_task_setup *setup, int split, const rr_records *records, size_t i,
                              const char *place) {
    rr_qa_set *set = &qa->sets[split];
    size_t at = set->stories.count;
    rr_text_rules whole = qa->rules;
    whole.max_length = 0;
    const char *answer = rr_records_text(records, i, ANSWER);
    size_t length = rr_records_length(records, i, ANSWER);
    RR_TRY(rr_text_set_add(&set->stories, qa->vocab, &qa->rules, place, rr_records_text(records, i, STORY),
                           rr_records_length(records, i, STORY)));
    RR_TRY(rr_text_set_add(&set->questions, qa->vocab, &whole, place, rr_records_text(records, i, QUESTION),
                           rr_records_length(records, i, QUESTION)));
    if (set->stories.lengths[at] == 0) return leave_out(setup, set, split, place, "the context holds no token");
    if (set->questions.lengths[at] == 0) return leave_out(setup, set, split, place, "the question holds no token");
    set->answers[at] = rr_labels_find(&qa->answers, answer, length);
    if (set->answers[at] >= 0) return RR_OK;
    if (split != RR_SPLIT_TRAIN && setup->data->on_error == RR_ON_ERROR_SKIP) {
        /* Whoever answers will be wrong: to leave the question out would flatter. */
        set->answers[at] = RR_NO_TARGET;
        if (set->unseen++ == 0) rr_buffer_printf(&set->first_unseen, "%s: \"%.*s\"", place, (int)length, answer);
        return set->first_unseen.failed ? rr_fail(RR_ERR_NOMEM, "no memory for an answer") : RR_OK;
    }
    char what[256];
    snprintf(what, sizeof what, "the answer \"%.*s\" does not stand in the training part",
             length < 64 ? (int)length : 64, answer);
    return leave_out(setup, set, split, place, what);
}

static rr_status fill_set(rr_qa *qa, const rr_task_setup *setup, int split, const rr_records *records) {
    rr_qa_set *set = &qa->sets[split];
    rr_buffer place = {0};
    rr_status status = RR_OK;
    set->answers = malloc((records->count + 1) * sizeof *set->answers);
    if (set->answers == NULL) status = rr_fail(RR_ERR_NOMEM, "no memory for %zu answers", records->count);
    rr_left_out_start(&set->left_out, records);
    for (size_t i = 0; i < records->count && status == RR_OK; i++) {
        rr_buffer_clear(&place);
        rr_records_place(records, i, &place);
        status = add_question(qa, setup, split, records, i, rr_buffer_text(&place));
    }
    if (status == RR_OK) status = rr_left_out_check(&set->left_out, setup, (rr_split)split, records, &set->stories);
    if (status == RR_OK && set->unseen > 0 && set->unseen == set->stories.count)
        status = rr_fail(RR_ERR_INPUT, "%s: no answer of the %s part stands in the training part",
                         rr_buffer_text(&set->first_unseen), rr_split_names[split]);
    rr_buffer_free(&place);
    return status;
}

static rr_status read_files(rr_qa *qa, const rr_task_setup *setup) {
    rr_records records[RR_SPLIT_COUNT] = {{.count = 0}};
    bool build = qa->vocab == NULL, train = setup->need_train || build;
    rr_status status = rr_record_sets_read(setup->config, setup->data, &wish, train, records);
    const rr_records *all = &records[RR_SPLIT_TRAIN];
    if (status == RR_OK && build) status = find_answers(qa, all);
    if (status == RR_OK && build) status = rr_text_data_vocab(setup, &qa->rules, all, STORY, 2, &qa->vocab);
    for (int split = 0; split < RR_SPLIT_COUNT && status == RR_OK; split++)
        if (split != RR_SPLIT_TRAIN || setup->need_train) status = fill_set(qa, setup, split, &records[split]);
    rr_record_sets_free(records);
    return status;
}

/* For benchmarks: ten answers. */
static rr_status make_up(rr_qa *qa, const rr_task_setup *setup) {
    enum { STORY_LENGTH = 80, QUESTION_LENGTH = 8, KINDS = 10, STREAM = 6 };
    rr_qa_set *set = &qa->sets[RR_SPLIT_TRAIN];
    rr_vocab *same = NULL;
    rr_text_rules whole = qa->rules;
    whole.max_length = 0;
    RR_TRY(rr_text_data_make_up(setup, &qa->rules, STORY_LENGTH, STREAM, &qa->vocab, &set->stories));
    rr_status status = rr_text_data_make_up(setup, &whole, QUESTION_LENGTH, STREAM + 1, &same, &set->questions);
    rr_vocab_free(same); /* its tokens are among the first of the other */
    RR_TRY(status);
    for (size_t i = 0; i < set->questions.tokens.count; i++)
        set->questions.tokens.ids[i] %= (int32_t)rr_vocab_size(qa->vocab);
    for (int k = 0; k < KINDS; k++) RR_TRY(rr_labels_add(&qa->answers, &"ABCDEFGHIJ"[k], 1));
    set->answers = malloc((set->stories.count + 1) * sizeof *set->answers);
    if (set->answers == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for answers");
    for (size_t i = 0; i < set->stories.count; i++) set->answers[i] = (int32_t)(i * 7 % KINDS);
    return RR_OK;
}

static uint64_t fingerprint(const rr_qa *qa) {
    uint64_t hash = rr_labels_hash(&qa->answers, rr_vocab_hash(qa->vocab));
    for (int split = 0; split < RR_SPLIT_COUNT; split++) {
        const rr_qa_set *set = &qa->sets[split];
        hash = rr_text_set_hash(&set->questions, rr_text_set_hash(&set->stories, hash));
        if (set->stories.count > 0) hash = rr_hash64(set->answers, set->stories.count * sizeof *set->answers, hash);
    }
    return hash;
}

rr_status rr_qa_read(rr_qa *qa, const rr_task_setup *setup) {
    if (setup->vocab_json != NULL)
        RR_TRY(rr_label_vocab_from_json(setup->vocab_json, &qa->vocab, &qa->answers, NULL, NULL, NULL));
    if (setup->synthetic_steps > 0)
        RR_TRY(make_up(qa, setup));
    else if (setup->need_train || setup->need_eval)
        RR_TRY(read_files(qa, setup));
    qa->base.data_fingerprint = fingerprint(qa);
    return RR_OK;
}

rr_status rr_qa_find_ends(rr_qa *qa) {
    if (qa->config.attention == 0 || qa->config.attend == 0) return RR_OK;
    size_t count = rr_vocab_size(qa->vocab);
    qa->ends = calloc(count + 1, sizeof *qa->ends);
    if (qa->ends == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for %zu words", count);
    for (size_t i = 0; i < count; i++) {
        size_t length;
        const char *word = rr_vocab_token(qa->vocab, (int32_t)i, &length);
        qa->ends[i] = length > 0 && strchr(".!?", word[length - 1]) != NULL;
    }
    return RR_OK;
}

void rr_qa_free_data(rr_qa *qa) {
    for (int split = 0; split < RR_SPLIT_COUNT; split++) {
        rr_text_set_free(&qa->sets[split].stories);
        rr_text_set_free(&qa->sets[split].questions);
        rr_buffer_free(&qa->sets[split].left_out.first);
        rr_buffer_free(&qa->sets[split].first_unseen);
        free(qa->sets[split].answers);
    }
    rr_text_set_free(&qa->taken_stories);
    rr_text_set_free(&qa->taken_questions);
    rr_labels_free(&qa->answers);
    rr_vocab_free(qa->vocab);
}

rr_status rr_qa_vocab_json(const rr_task *task, rr_buffer *out) {
    const rr_qa *qa = (const rr_qa *)task;
    return rr_label_vocab_to_json(qa->vocab, &qa->answers, NULL, NULL, NULL, out);
}
