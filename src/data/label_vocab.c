#include "data/label_vocab.h"

#include <stdlib.h>

#include "data/vocab_member.h"

rr_status rr_label_vocab_to_json(const rr_vocab *vocab, const rr_labels *labels, const int32_t *frequent,
                                 const rr_vocab *characters, rr_buffer *out) {
    rr_buffer_puts(out, "{\"tokens\": ");
    RR_TRY(rr_vocab_to_json(vocab, out));
    rr_buffer_puts(out, ", \"labels\": ");
    rr_labels_to_json(labels, out);
    for (size_t i = 0; i < rr_vocab_size(vocab) && frequent != NULL; i++)
        rr_buffer_printf(out, "%s%d", i == 0 ? ", \"frequent\": [" : ", ", (int)frequent[i]);
    if (frequent != NULL) rr_buffer_puts(out, "]");
    if (characters != NULL) {
        rr_buffer_puts(out, ", \"characters\": ");
        RR_TRY(rr_vocab_to_json(characters, out));
    }
    rr_buffer_puts(out, "}");
    return out->failed ? rr_fail(RR_ERR_NOMEM, "no memory for the vocabulary as JSON") : RR_OK;
}

static rr_status read_frequent(const cJSON *array, size_t tokens, size_t classes, int32_t **out) {
    size_t count = 0;
    const cJSON *item;
    int32_t *frequent = malloc((tokens + 1) * sizeof *frequent);
    if (frequent == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for the tags of %zu tokens", tokens);
    *out = frequent;
    cJSON_ArrayForEach(item, array) {
        if (count == tokens || !cJSON_IsNumber(item) ||
            !(item->valuedouble >= 0 && item->valuedouble < (double)classes))
            return rr_fail(RR_ERR_INPUT, "the checkpoint's \"frequent\" are no classes of its tokens");
        frequent[count++] = (int32_t)item->valuedouble;
    }
    return count == tokens ? RR_OK
                           : rr_fail(RR_ERR_INPUT, "the checkpoint has %zu \"frequent\" for %zu tokens", count, tokens);
}

rr_status rr_label_vocab_from_json(const char *text, rr_vocab **vocab, rr_labels *labels, int32_t **frequent,
                                   rr_vocab **characters) {
    cJSON *json = cJSON_Parse(text);
    const cJSON *classes = cJSON_GetObjectItem(json, "labels");
    char *class_text = classes != NULL ? cJSON_PrintUnformatted(classes) : NULL;
    rr_status status = class_text != NULL ? rr_vocab_from_member(json, "tokens", vocab)
                                          : rr_fail(RR_ERR_INPUT, "the checkpoint holds no labels");
    if (status == RR_OK) status = rr_labels_from_json(class_text, labels);
    if (status == RR_OK && frequent != NULL)
        status = read_frequent(cJSON_GetObjectItem(json, "frequent"), rr_vocab_size(*vocab), labels->count, frequent);
    if (status == RR_OK && characters != NULL) status = rr_vocab_from_member(json, "characters", characters);
    cJSON_free(class_text);
    cJSON_Delete(json);
    return status;
}
