/* What a reader computes: the question, the story read for it, what attention finds there; and the way back. */
#include <string.h>

#include "base/profile.h"
#include "math/pointwise.h"
#include "task/qa_model.h"

uint32_t rr_qa_story_site(const rr_qa *qa) { return (uint32_t)qa->model.num_layers + 1; }

/* Words of the story, each with the question's vector beside it. */
static void fill_story(rr_qa *qa, const rr_sequence *stories) {
    size_t E = qa->model.embedding_size, W = qa->width;
    for (size_t t = 0; t < stories->steps; t++)
        for (size_t row = 0; row < stories->active[t]; row++) {
            size_t at = stories->offset[t] + row;
            float *x = qa->x + at * qa->input_size;
            memcpy(x, qa->embedded + at * E, E * sizeof *x);
            if (qa->config.condition) memcpy(x + E, qa->query + row * W, W * sizeof *x);
        }
}

/* Dropout of what the answer is made from. */
static void drop_features(const rr_qa *qa, const rr_dropout *dropout, const rr_sequence *stories, float *features) {
    rr_dropout_rows(dropout, rr_qa_story_site(qa) + (uint32_t)qa->model.num_layers, (float)qa->model.dropout_output,
                    stories, 2 * qa->width, features);
}

static rr_memory remember_words(rr_qa *qa, const rr_sequence *sequence) {
    rr_memory_begin(sequence->lengths, sequence->rows, qa->begin);
    return (rr_memory){.rows = sequence->rows, .width = qa->width, .begin = qa->begin, .values = qa->values};
}

/* Also qa->sentence: where in qa->values each of them begins. */
static rr_memory remember_sentences(rr_qa *qa, const rr_sequence *sequence, const rr_text_set *stories,
                                    const uint32_t *examples) {
    size_t count = 0, word = 0;
    for (size_t row = 0; row < sequence->rows; row++) {
        const int32_t *tokens = rr_text_set_at(stories, examples[qa->stories.order[row]]);
        bool open = false;
        qa->begin[row] = count;
        for (size_t t = 0; t < sequence->lengths[row]; t++, word++) {
            if (!open) qa->sentence[count++] = word;
            open = !qa->ends[tokens[t]];
        }
    }
    qa->begin[sequence->rows] = count;
    qa->sentence[count] = word;
    rr_memory memory = {.rows = sequence->rows, .width = qa->width, .begin = qa->begin, .values = qa->sentences};
    rr_memory_means(&memory, qa->sentence, qa->values, qa->sentences);
    return memory;
}

void rr_qa_forward(rr_qa *qa, const rr_text_set *stories, const rr_text_set *questions, const uint32_t *examples,
                   size_t rows, size_t first, const rr_dropout *dropout, const rr_hooks *hooks, rr_qa_batch *batch) {
    const rr_params *params = &qa->base.params;
    size_t W = qa->width, E = qa->model.embedding_size;
    rr_phase outer = rr_profile_enter(RR_PHASE_EMBEDDING);
    batch->stories = rr_text_batch_fill(&qa->stories, stories, examples, rows, first);
    batch->questions = rr_text_batch_fill(&qa->questions, questions, examples, rows, first);
    rr_text_batch_match(qa->questions.order, qa->stories.order, rows, qa->question_row);
    for (size_t row = 0; row < rows; row++) qa->own_row[row] = row;
    rr_profile_enter(outer);
    rr_encoder_forward(&qa->question, params, &batch->questions, qa->questions.tokens, NULL, NULL, dropout, hooks);
    rr_pooling_forward(qa->last, params, &batch->questions, qa->question.top, qa->asked, hooks);
    for (size_t row = 0; row < rows; row++)
        memcpy(qa->query + row * W, qa->asked + qa->question_row[row] * W, W * sizeof *qa->query);
    rr_embedding_forward(&qa->question.embedding, params, qa->stories.tokens, batch->stories.total, qa->embedded);
    rr_dropout_apply(dropout, rr_qa_story_site(qa), (float)qa->model.dropout_input, &batch->stories, E, qa->embedded,
                     qa->embedded);
    fill_story(qa, &batch->stories);
    const float *top = rr_rnn_forward(qa->story, params, &batch->stories, qa->x, NULL, NULL, dropout, hooks);
    if (qa->attention != NULL) {
        rr_memory_from_packed(&batch->stories, W, top, qa->values);
        qa->memory = qa->ends != NULL ? remember_sentences(qa, &batch->stories, stories, examples)
                                      : remember_words(qa, &batch->stories);
        rr_attention_begin(qa->attention, params, &qa->memory, hooks);
        rr_attention_forward(qa->attention, params, 0, rows, qa->own_row, qa->query, qa->read, hooks);
    } else {
        rr_pooling_forward(qa->last, params, &batch->stories, top, qa->read, hooks);
    }
    for (size_t row = 0; row < rows; row++) {
        memcpy(qa->features + row * 2 * W, qa->read + row * W, W * sizeof *qa->features);
        memcpy(qa->features + row * 2 * W + W, qa->query + row * W, W * sizeof *qa->features);
    }
    drop_features(qa, dropout, &batch->stories, qa->features);
}

/* From the gradients of what was read in the story to dtop; adds to those of the questions' vectors. */
static void back_to_story(rr_qa *qa, const rr_sequence *stories, const rr_hooks *hooks) {
    const rr_params *params = &qa->base.params;
    if (qa->attention == NULL) {
        rr_pooling_backward(qa->last, params, stories, NULL, qa->dread, qa->dtop, hooks);
        return;
    }
    rr_attention_backward(qa->attention, params, 0, stories->rows, qa->own_row, qa->query, qa->dread, true, qa->dquery,
                          hooks);
    rr_attention_end(qa->attention, params, qa->ends != NULL ? qa->dsentences : qa->dvalues, hooks);
    if (qa->ends != NULL) rr_memory_means_backward(&qa->memory, qa->sentence, qa->dsentences, qa->dvalues);
    rr_memory_to_packed(stories, qa->width, qa->dvalues, false, qa->dtop);
}

/* The gradients of the story's words, and of the question's vector beside each. */
static void back_to_words(rr_qa *qa, const rr_sequence *stories, const rr_dropout *dropout) {
    size_t E = qa->model.embedding_size, W = qa->width;
    for (size_t t = 0; t < stories->steps; t++)
        for (size_t row = 0; row < stories->active[t]; row++) {
            size_t at = stories->offset[t] + row;
            const float *dx = qa->dx + at * qa->input_size;
            memcpy(qa->embedded + at * E, dx, E * sizeof *dx);
            if (qa->config.condition) rr_axpy(W, 1, dx + E, qa->dquery + row * W);
        }
    rr_dropout_apply(dropout, rr_qa_story_site(qa), (float)qa->model.dropout_input, stories, E, qa->embedded,
                     qa->embedded);
    rr_embedding_backward(&qa->question.embedding, &qa->base.params, qa->stories.tokens, stories->total, qa->embedded);
}

void rr_qa_backward(rr_qa *qa, const rr_qa_batch *batch, const rr_dropout *dropout, const rr_hooks *hooks) {
    const rr_params *params = &qa->base.params;
    size_t rows = batch->stories.rows, W = qa->width;
    drop_features(qa, dropout, &batch->stories, qa->dfeatures);
    for (size_t row = 0; row < rows; row++) {
        memcpy(qa->dread + row * W, qa->dfeatures + row * 2 * W, W * sizeof *qa->dread);
        memcpy(qa->dquery + row * W, qa->dfeatures + row * 2 * W + W, W * sizeof *qa->dquery);
    }
    back_to_story(qa, &batch->stories, hooks);
    rr_rnn_backward(qa->story, params, &batch->stories, qa->x, qa->dtop, NULL, qa->dx, NULL, hooks);
    back_to_words(qa, &batch->stories, dropout);
    for (size_t row = 0; row < rows; row++)
        memcpy(qa->dasked + qa->question_row[row] * W, qa->dquery + row * W, W * sizeof *qa->dasked);
    rr_pooling_backward(qa->last, params, &batch->questions, qa->question.top, qa->dasked, qa->question.dtop, hooks);
    rr_encoder_backward(&qa->question, params, &batch->questions, qa->questions.tokens, NULL, dropout, hooks);
}
