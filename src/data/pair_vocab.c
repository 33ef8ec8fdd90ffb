#include "data/pair_vocab.h"

#include "data/vocab_member.h"

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

rr_status rr_pair_vocab_from_json(const char *text, rr_vocab **source, rr_vocab **target) {
    cJSON *json = cJSON_Parse(text);
    rr_status status = rr_vocab_from_member(json, "source", source);
    if (status == RR_OK && cJSON_GetObjectItem(json, "target") != NULL)
        status = rr_vocab_from_member(json, "target", target);
    else if (status == RR_OK)
        *target = *source;
    cJSON_Delete(json);
    return status;
}
