#include "data/label_vocab.h"

#include <cJSON.h>

rr_status rr_label_vocab_to_json(const rr_vocab *vocab, const rr_labels *labels, rr_buffer *out) {
    rr_buffer_puts(out, "{\"tokens\": ");
    RR_TRY(rr_vocab_to_json(vocab, out));
    rr_buffer_puts(out, ", \"labels\": ");
    rr_labels_to_json(labels, out);
    rr_buffer_puts(out, "}");
    return out->failed ? rr_fail(RR_ERR_NOMEM, "no memory for the vocabulary as JSON") : RR_OK;
}

rr_status rr_label_vocab_from_json(const char *text, rr_vocab **vocab, rr_labels *labels) {
    cJSON *json = cJSON_Parse(text);
    const cJSON *tokens = cJSON_GetObjectItem(json, "tokens"), *classes = cJSON_GetObjectItem(json, "labels");
    char *token_text = tokens != NULL ? cJSON_PrintUnformatted(tokens) : NULL;
    char *class_text = classes != NULL ? cJSON_PrintUnformatted(classes) : NULL;
    rr_status status = RR_OK;
    if (token_text == NULL || class_text == NULL)
        status = rr_fail(RR_ERR_INPUT, "the checkpoint holds no vocabulary of tokens and labels");
    if (status == RR_OK) status = rr_vocab_from_json(token_text, vocab);
    if (status == RR_OK) status = rr_labels_from_json(class_text, labels);
    cJSON_free(token_text);
    cJSON_free(class_text);
    cJSON_Delete(json);
    return status;
}
