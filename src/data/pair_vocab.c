#include "data/pair_vocab.h"

#include <cJSON.h>

rr_status rr_pair_vocab_to_json(const rr_vocab *source, const rr_vocab *target, rr_buffer *out) {
    rr_buffer_puts(out, "{\"source\": ");
    RR_TRY(rr_vocab_to_json(source, out));
    if (target != source) {
        rr_buffer_puts(out, ", \"target\": ");
        RR_TRY(rr_vocab_to_json(target, out));
    }
    rr_buffer_puts(out, "}");
    return out->failed ? rr_fail(RR_ERR_NOMEM, "no memory for the vocabularies as JSON") : RR_OK;
}

static rr_status read_one(const cJSON *json, const char *name, rr_vocab **out) {
    const cJSON *item = cJSON_GetObjectItem(json, name);
    char *text = item != NULL ? cJSON_PrintUnformatted(item) : NULL;
    if (text == NULL) return rr_fail(RR_ERR_INPUT, "the checkpoint holds no vocabulary \"%s\"", name);
    rr_status status = rr_vocab_from_json(text, out);
    cJSON_free(text);
    return status;
}

rr_status rr_pair_vocab_from_json(const char *text, rr_vocab **source, rr_vocab **target) {
    cJSON *json = cJSON_Parse(text);
    rr_status status = read_one(json, "source", source);
    if (status == RR_OK && cJSON_GetObjectItem(json, "target") != NULL)
        status = read_one(json, "target", target);
    else if (status == RR_OK)
        *target = *source;
    cJSON_Delete(json);
    return status;
}
