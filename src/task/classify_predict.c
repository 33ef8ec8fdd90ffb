/* Classes of texts, many at a time. */
#include "math/pointwise.h"
#include "task/classify_model.h"
#include "task/json_string.h"

rr_status rr_classify_take(rr_task *task, const rr_text *texts, size_t count) {
    rr_classify *c = (rr_classify *)task;
    rr_text_set_clear(&c->taken);
    for (size_t i = 0; i < count; i++)
        RR_TRY(rr_text_set_add(&c->taken, c->vocab, &c->rules, texts[i].name, texts[i].text, texts[i].length));
    return RR_OK;
}

static void put_probabilities(const rr_classify *c, const float *p, rr_buffer *out) {
    rr_buffer_puts(out, ", \"probabilities\": {");
    for (size_t k = 0; k < rr_classify_classes(c); k++) {
        rr_buffer_puts(out, k > 0 ? ", " : "");
        rr_json_string(out, c->labels.names[k]);
        rr_buffer_printf(out, ": %.6g", (double)p[k]);
    }
    rr_buffer_puts(out, "}");
}

static void put_one(const rr_classify *c, const float *p, rr_buffer *out) {
    size_t best = 0;
    for (size_t k = 1; k < rr_classify_classes(c); k++)
        if (p[k] > p[best]) best = k;
    rr_buffer_puts(out, "\"label\": ");
    rr_json_string(out, c->labels.names[best]);
    rr_buffer_printf(out, ", \"probability\": %.6g", (double)p[best]);
    put_probabilities(c, p, out);
}

static void put_several(const rr_classify *c, const float *p, rr_buffer *out) {
    const char *between = "";
    rr_buffer_puts(out, "\"labels\": [");
    for (size_t k = 0; k < rr_classify_classes(c); k++) {
        if (!(p[k] > 0.5F)) continue;
        rr_buffer_puts(out, between);
        rr_json_string(out, c->labels.names[k]);
        between = ", ";
    }
    rr_buffer_puts(out, "]");
    put_probabilities(c, p, out);
}

static rr_status predict(rr_task *task, const uint32_t *examples, size_t rows, rr_buffer *out) {
    rr_classify *c = (rr_classify *)task;
    rr_sequence sequence;
    size_t classes = rr_classify_classes(c), width = c->encoder.width;
    rr_classify_forward(c, &c->taken, examples, rows, 0, NULL, NULL, &sequence);
    for (size_t i = 0; i < rows; i++) {
        float *p = c->probabilities + i * classes;
        rr_linear_forward(&c->head.linear, &c->base.params, 1, c->pooled + i * width, p, NULL);
        if (c->config.multi_label)
            rr_sigmoid(classes, p, p);
        else
            rr_softmax(classes, p);
    }
    for (size_t i = 0; i < rows; i++) {
        const float *p = c->probabilities + i * classes;
        rr_buffer *text = &out[examples[c->texts.order[i]]];
        if (c->config.multi_label)
            put_several(c, p, text);
        else
            put_one(c, p, text);
    }
    return RR_OK;
}

rr_status rr_classify_predict(rr_task *task, const rr_text *texts, size_t count, rr_buffer *out) {
    (void)texts; /* taken */
    const rr_classify *c = (const rr_classify *)task;
    return rr_examples_predict(task, c->taken.lengths, count, c->micro_rows, "\"label\": null", predict, out);
}
