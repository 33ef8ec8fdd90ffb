#include "data/label_vocab.h"

#include <stdlib.h>

#include "data/vocab_member.h"

rr_status rr_label_vocab_to_json(const rr_vocab *vocab, const rr_labels *labels, const int32_t *frequent,
                                 const rr_vocab *characters, const rr_labels *sentences, rr_buffer *out) {
    rr_buffer_puts(out, "{\"tokens\": ");
    RR_TRY(rr_vocab_to_json(vocab, out));
    rr_buffer_puts(out, ", \"labels\": ");
    rr_labels_to_json(labels, out);
    if (labels->examples > 0) rr_buffer_printf(out, ", \"examples\": %llu", (unsigned long long)labels->examples);
    for (size_t i = 0; i < rr_vocab_size(vocab) && frequent != NULL; i++)
        rr_buffer_printf(out, "%s%d", i == 0 ? ", \"frequent\": [" : ", ", (int)frequent[i]);
    if (frequent != NULL) rr_buffer_puts(out, "]");
    if (characters != NULL) {
        rr_buffer_puts(out, ", \"characters\": ");
        RR_TRY(rr_vocab_to_json(characters, out));
    }
    if (sentences != NULL) {
        rr_buffer_puts(out, ", \"sentence_labels\": ");
        rr_labels_to_json(sentences, out);
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

static rr_status labels_from_member(const cJSON *object, const char *name, rr_labels *out) {
    const cJSON *member = cJSON_GetObjectItem(object, name);
    char *text = member != NULL ? cJSON_PrintUnformatted(member) : NULL;
    rr_status status =
        text != NULL ? rr_labels_from_json(text, out) : rr_fail(RR_ERR_INPUT, "the checkpoint holds no \"%s\"", name);
    cJSON_free(text);
    return status;
}

rr_status rr_label_vocab_from_json(const char *text, rr_vocab **vocab, rr_labels *labels, int32_t **frequent,
                                   rr_vocab **characters, rr_labels *sentences) {
    cJSON *json = cJSON_Parse(text);
    rr_status status = labels_from_member(json, "labels", labels);
    const cJSON *examples = cJSON_GetObjectItem(json, "examples");
    if (cJSON_IsNumber(examples) && examples->valuedouble >= 0) labels->examples = (uint64_t)examples->valuedouble;
    if (status == RR_OK) status = rr_vocab_from_member(json, "tokens", vocab);
    if (status == RR_OK && frequent != NULL)
        status = read_frequent(cJSON_GetObjectItem(json, "frequent"), rr_vocab_size(*vocab), labels->count, frequent);
    if (status == RR_OK && characters != NULL) status = rr_vocab_from_member(json, "characters", characters);
    if (status == RR_OK && sentences != NULL) status = labels_from_member(json, "sentence_labels", sentences);
    cJSON_Delete(json);
    return status;
}
