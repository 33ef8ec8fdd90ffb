#include "data/pair_vocab.h"

#include <string.h>

#include "data/vocab_member.h"

static void put_codes(const rr_bpe *bpe, rr_buffer *out) {
    cJSON *item = cJSON_CreateString(rr_bpe_codes(bpe));
    char *text = cJSON_PrintUnformatted(item);
    if (text != NULL)
        rr_buffer_puts(out, text);
    else
        out->failed = 1;
    cJSON_free(text);
    cJSON_Delete(item);
}

static rr_status codes_from_item(const cJSON *item, rr_bpe **out) {
    const char *text = cJSON_GetStringValue(item);
    if (text == NULL) return rr_fail(RR_ERR_INPUT, "the checkpoint's \"bpe\" holds no codes");
    return rr_bpe_parse("the checkpoint's codes", text, strlen(text), out);
}

rr_status rr_pair_vocab_to_json(const rr_vocab *source, const rr_vocab *target, rr_bpe *const bpe[2], rr_buffer *out) {
    rr_buffer_puts(out, "{\"source\": ");
    RR_TRY(rr_vocab_to_json(source, out));
    if (target != source) {
        rr_buffer_puts(out, ", \"target\": ");
        RR_TRY(rr_vocab_to_json(target, out));
    }
    for (size_t i = 0; i < 2 && bpe[0] != NULL; i++) {
        rr_buffer_puts(out, i == 0 ? ", \"bpe\": [" : ", ");
        if (i == 0 || bpe[1] != bpe[0])
            put_codes(bpe[i], out);
        else
            rr_buffer_puts(out, "null");
    }
    rr_buffer_puts(out, bpe[0] != NULL ? "]}" : "}");
    return out->failed ? rr_fail(RR_ERR_NOMEM, "no memory for the vocabularies as JSON") : RR_OK;
}

rr_status rr_pair_vocab_from_json(const char *text, rr_vocab **source, rr_vocab **target, rr_bpe *bpe[2]) {
    cJSON *json = cJSON_Parse(text);
    const cJSON *codes = cJSON_GetObjectItem(json, "bpe");
    rr_status status = rr_vocab_from_member(json, "source", source);
    if (status == RR_OK && cJSON_GetObjectItem(json, "target") != NULL)
        status = rr_vocab_from_member(json, "target", target);
    else if (status == RR_OK)
        *target = *source;
    if (status == RR_OK && codes != NULL) status = codes_from_item(cJSON_GetArrayItem(codes, 0), &bpe[0]);
    if (status == RR_OK && codes != NULL && !cJSON_IsNull(cJSON_GetArrayItem(codes, 1)))
        status = codes_from_item(cJSON_GetArrayItem(codes, 1), &bpe[1]);
    else if (status == RR_OK)
        bpe[1] = bpe[0];
    cJSON_Delete(json);
    return status;
}
