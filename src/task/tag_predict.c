/* Tags of sentences, many at a time. */
#include <math.h>
#include <string.h>

#include "task/json_string.h"
#include "task/tag_model.h"

/* Words stand between blanks; they become a list with line ends between them. */
static void list_words(const rr_text *text, rr_buffer *out) {
    static const char blanks[] = " \t\r\n";
    rr_buffer_clear(out);
    for (size_t at = 0; at < text->length;) {
        size_t stop = at;
        while (stop < text->length && memchr(blanks, text->text[stop], sizeof blanks - 1) == NULL) stop++;
        if (stop > at && out->length > 0) rr_buffer_puts(out, "\n");
        rr_buffer_append(out, text->text + at, stop - at);
        at = stop + 1;
    }
}

rr_status rr_tag_take(rr_task *task, const rr_text *texts, size_t count) {
    rr_tagger *tagger = (rr_tagger *)task;
    rr_buffer words = {0};
    rr_status status = RR_OK;
    rr_text_set *taken = &tagger->taken.texts;
    rr_text_set_clear(taken);
    rr_word_forms_clear(&tagger->taken.forms);
    for (size_t i = 0; i < count && status == RR_OK; i++) {
        list_words(&texts[i], &words);
        status = rr_text_set_add_list(taken, tagger->vocab, &tagger->rules, rr_buffer_text(&words), words.length);
        if (status == RR_OK)
            status = rr_tag_add_forms(tagger, &tagger->taken, texts[i].name, rr_buffer_text(&words), words.length);
    }
    rr_buffer_free(&words);
    return status;
}

static void put_tags(const rr_tagger *tagger, const rr_sequence *sequence, size_t row, rr_buffer *out) {
    rr_buffer_puts(out, "\"tags\": [");
    for (size_t t = 0; t < sequence->lengths[row]; t++) {
        if (t > 0) rr_buffer_puts(out, ", ");
        rr_json_string(out, tagger->labels.names[tagger->predicted[sequence->offset[t] + row]]);
    }
    rr_buffer_puts(out, "], \"probabilities\": [");
    for (size_t t = 0; t < sequence->lengths[row]; t++)
        rr_buffer_printf(out, "%s%.4g", t > 0 ? ", " : "", (double)tagger->marginals[sequence->offset[t] + row]);
    rr_buffer_puts(out, "]");
}

static void put_label(const rr_sentence_label *sentence, size_t row, rr_buffer *out) {
    rr_buffer_puts(out, ", \"label\": ");
    rr_json_string(out, sentence->labels.names[sentence->predicted[row]]);
    rr_buffer_printf(out, ", \"label_probability\": %.6g", exp(-sentence->nll[row]));
}

static rr_status predict(rr_task *task, const uint32_t *examples, size_t rows, rr_buffer *out) {
    rr_tagger *tagger = (rr_tagger *)task;
    rr_sequence sequence;
    rr_tag_forward(tagger, &tagger->taken, examples, rows, 0, NULL, NULL, &sequence);
    rr_tag_decide(tagger, &sequence);
    if (tagger->config.sentence_label) rr_tag_sentence_decide(tagger, &sequence);
    for (size_t i = 0; i < rows; i++) {
        rr_buffer *line = &out[examples[tagger->texts.order[i]]];
        put_tags(tagger, &sequence, i, line);
        if (tagger->config.sentence_label) put_label(&tagger->sentence, i, line);
    }
    return RR_OK;
}

rr_status rr_tag_predict(rr_task *task, const rr_text *texts, size_t count, rr_buffer *out) {
    (void)texts; /* taken */
    const rr_tagger *tagger = (const rr_tagger *)task;
    return rr_examples_predict(task, tagger->taken.texts.lengths, count, tagger->micro_rows,
                               "\"tags\": [], \"probabilities\": []", predict, out);
}
