/* Answers to questions, many at a time. A line is `context TAB question`; what stands behind another tab does not
 * matter. */
#include <stdlib.h>
#include <string.h>

#include "math/pointwise.h"
#include "task/json_string.h"
#include "task/qa_model.h"

rr_status rr_qa_take(rr_task *task, const rr_text *texts, size_t count) {
    rr_qa *qa = (rr_qa *)task;
    rr_text_rules whole = qa->rules;
    whole.max_length = 0;
    rr_text_set_clear(&qa->taken_stories);
    rr_text_set_clear(&qa->taken_questions);
    for (size_t i = 0; i < count; i++) {
        const char *text = texts[i].text, *tab = texts[i].length > 0 ? memchr(text, '\t', texts[i].length) : NULL;
        if (tab == NULL && texts[i].length > 0)
            return rr_fail(RR_ERR_INPUT, "%s: a line must be a context and a question with a tab between",
                           texts[i].name);
        size_t story = tab != NULL ? (size_t)(tab - text) : 0, rest = tab != NULL ? texts[i].length - story - 1 : 0;
        const char *second = rest > 0 ? memchr(tab + 1, '\t', rest) : NULL;
        if (second != NULL) rest = (size_t)(second - tab) - 1;
        RR_TRY(rr_text_set_add(&qa->taken_stories, qa->vocab, &qa->rules, texts[i].name, text, story));
        RR_TRY(
            rr_text_set_add(&qa->taken_questions, qa->vocab, &whole, texts[i].name, tab != NULL ? tab + 1 : "", rest));
    }
    return RR_OK;
}

static void put_answer(const rr_qa *qa, const float *p, rr_buffer *out) {
    size_t best = 0;
    for (size_t k = 1; k < qa->answers.count; k++)
        if (p[k] > p[best]) best = k;
    rr_buffer_puts(out, "\"answer\": ");
    rr_json_string(out, qa->answers.names[best]);
    rr_buffer_printf(out, ", \"probability\": %.6g", (double)p[best]);
}

/* How much each word or sentence of the story counted. */
static void put_attention(const rr_qa *qa, size_t row, rr_buffer *out) {
    size_t count = qa->begin[row + 1] - qa->begin[row];
    const float *weights = rr_attention_weights(qa->attention, row);
    rr_buffer_puts(out, ", \"attention\": [");
    for (size_t i = 0; i < count; i++) rr_buffer_printf(out, "%s%.3g", i > 0 ? ", " : "", (double)weights[i]);
    rr_buffer_puts(out, "]");
}

static rr_status predict(rr_task *task, const uint32_t *examples, size_t rows, rr_buffer *out) {
    rr_qa *qa = (rr_qa *)task;
    rr_qa_batch batch;
    float *p = malloc(qa->answers.count * sizeof *p);
    if (p == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for %zu answers", qa->answers.count);
    rr_qa_forward(qa, &qa->taken_stories, &qa->taken_questions, examples, rows, 0, NULL, NULL, &batch);
    for (size_t i = 0; i < rows; i++) {
        rr_buffer *line = &out[examples[qa->stories.order[i]]];
        rr_softmax_head_probabilities(&qa->head, &qa->base.params, 1, qa->features + i * 2 * qa->width, p);
        put_answer(qa, p, line);
        if (qa->attention != NULL) put_attention(qa, i, line);
    }
    free(p);
    return RR_OK;
}

rr_status rr_qa_predict(rr_task *task, const rr_text *texts, size_t count, rr_buffer *out) {
    (void)texts; /* taken */
    const rr_qa *qa = (const rr_qa *)task;
    size_t *shorter = malloc((count + 1) * sizeof *shorter); /* of story and question */
    if (shorter == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for %zu questions", count);
    for (size_t i = 0; i < count; i++) {
        size_t story = qa->taken_stories.lengths[i], question = qa->taken_questions.lengths[i];
        shorter[i] = story < question ? story : question;
    }
    rr_status status = rr_examples_predict(task, shorter, count, qa->micro_rows, "\"answer\": null", predict, out);
    free(shorter);
    return status;
}
