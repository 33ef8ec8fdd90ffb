/*
 * A vocabulary as JSON: {"unit":"word","tokens":["<unk>","<eos>","the",[104,255,0]]}, tokens in order of id. A token is
 * a string where it is UTF-8 without NUL, and the array of its byte values where it is not; so every token round-trips,
 * no string needs a second layer of escapes, and the document is plain UTF-8.
 */
#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "data/tokenize.h"
#include "data/vocab_member.h"
#include "data/vocab_parts.h"

static cJSON *token_to_json(const char *bytes, size_t length) {
    if (memchr(bytes, 0, length) == NULL && rr_text_is_utf8(bytes, length, NULL))
        return cJSON_CreateStringReference(bytes);
    cJSON *array = cJSON_CreateArray();
    for (size_t i = 0; i < length; i++) {
        cJSON *value = cJSON_CreateNumber((unsigned char)bytes[i]);
        if (cJSON_AddItemToArray(array, value)) continue;
        cJSON_Delete(value);
        cJSON_Delete(array);
        return NULL;
    }
    return array;
}

rr_status rr_vocab_to_json(const rr_vocab *vocab, rr_buffer *out) {
    char *text = NULL;
    cJSON *root = cJSON_CreateObject();
    cJSON *tokens = NULL;
    if (cJSON_AddStringToObject(root, "unit", rr_unit_names[vocab->unit]) != NULL)
        tokens = cJSON_AddArrayToObject(root, "tokens");
    bool whole = tokens != NULL;
    for (size_t id = 0; whole && id < rr_vocab_size(vocab); id++) {
        size_t length;
        const char *bytes = rr_vocab_token(vocab, (int32_t)id, &length);
        cJSON *token = token_to_json(bytes, length);
        whole = cJSON_AddItemToArray(tokens, token);
        if (!whole) cJSON_Delete(token);
    }
    if (whole) text = cJSON_PrintUnformatted(root);
    cJSON_Delete(root);
    if (text != NULL) rr_buffer_puts(out, text);
    bool done = text != NULL && !out->failed;
    cJSON_free(text);
    return done ? RR_OK : rr_fail(RR_ERR_NOMEM, "no memory to write a vocabulary of %zu tokens", rr_vocab_size(vocab));
}

/* cJSON ends a string at an escaped NUL without a word; tokens with one are arrays. */
static bool has_escaped_nul(const char *text) {
    for (const char *at = text; (at = strchr(at, '\\')) != NULL && at[1] != 0; at += 2)
        if (strncmp(at + 1, "u0000", 5) == 0) return true;
    return false;
}

/* The bytes of a token: of its string, borrowed, or of its array, copied to scratch. */
static rr_status token_from_json(const cJSON *item, rr_buffer *scratch, const char **bytes, size_t *length) {
    if (cJSON_IsString(item)) {
        *bytes = item->valuestring;
        *length = strlen(item->valuestring);
        return RR_OK;
    }
    if (!cJSON_IsArray(item)) return rr_fail(RR_ERR_INPUT, "neither a string nor an array of byte values");
    rr_buffer_clear(scratch);
    const cJSON *value;
    cJSON_ArrayForEach(value, item) {
        if (!cJSON_IsNumber(value) || !(value->valuedouble >= 0 && value->valuedouble <= 255) ||
            (double)(unsigned char)value->valuedouble != value->valuedouble)
            return rr_fail(RR_ERR_INPUT, "a byte value is a whole number from 0 to 255");
        rr_buffer_append(scratch, &(char){(char)(unsigned char)value->valuedouble}, 1);
    }
    if (scratch->failed) return rr_fail(RR_ERR_NOMEM, "no memory for a token");
    *bytes = rr_buffer_text(scratch);
    *length = scratch->length;
    return RR_OK;
}

static rr_status add_token(rr_vocab *vocab, const char *bytes, size_t length) {
    size_t chars = 0, expected = vocab->table.count;
    int32_t id;
    if (length == 0) return rr_fail(RR_ERR_INPUT, "is empty");
    if (vocab->unit == RR_UNIT_CHAR && (length != strlen(RR_UNK) || memcmp(bytes, RR_UNK, length) != 0) &&
        (!rr_text_is_utf8(bytes, length, &chars) || chars != 1))
        return rr_fail(RR_ERR_INPUT, "is not one character");
    RR_TRY(rr_token_table_add(&vocab->table, bytes, length, &id));
    if ((size_t)id != expected) return rr_fail(RR_ERR_INPUT, "is that of id %d again", (int)id);
    return RR_OK;
}

static rr_status find_unit(const cJSON *root, rr_unit *out) {
    const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(root, "unit"));
    for (int unit = 0; name != NULL && rr_unit_names[unit] != NULL; unit++) {
        if (strcmp(name, rr_unit_names[unit]) != 0) continue;
        *out = (rr_unit)unit;
        return RR_OK;
    }
    return rr_fail(RR_ERR_INPUT, "\"unit\" must be byte, char or word");
}

static rr_status read_tokens(const cJSON *tokens, rr_vocab *vocab) {
    rr_buffer scratch = {0};
    rr_status status = RR_OK;
    const cJSON *item;
    cJSON_ArrayForEach(item, tokens) {
        const char *bytes = NULL;
        size_t length = 0;
        status = token_from_json(item, &scratch, &bytes, &length);
        if (status == RR_OK) status = add_token(vocab, bytes, length);
        if (status == RR_OK) continue;
        status = rr_fail_within(status, "token %zu: ", vocab->table.count);
        break;
    }
    rr_buffer_free(&scratch);
    return status == RR_OK ? rr_vocab_finish(vocab) : status;
}

static rr_status from_document(const cJSON *root, rr_vocab **out) {
    rr_unit unit = RR_UNIT_WORD;
    RR_TRY(find_unit(root, &unit));
    const cJSON *tokens = cJSON_GetObjectItemCaseSensitive(root, "tokens");
    if (!cJSON_IsArray(tokens)) return rr_fail(RR_ERR_INPUT, "\"tokens\" must be an array");
    rr_vocab *vocab;
    RR_TRY(rr_vocab_create(unit, &vocab));
    rr_status status = read_tokens(tokens, vocab);
    if (status != RR_OK) {
        rr_vocab_free(vocab);
        return status;
    }
    *out = vocab;
    return RR_OK;
}

rr_status rr_vocab_from_member(const cJSON *object, const char *name, rr_vocab **out) {
    const cJSON *item = cJSON_GetObjectItem(object, name);
    if (item == NULL) return rr_fail(RR_ERR_INPUT, "the checkpoint holds no vocabulary \"%s\"", name);
    rr_status status = from_document(item, out);
    return status == RR_OK ? RR_OK : rr_fail_within(status, "vocabulary: ");
}

rr_status rr_vocab_from_json(const char *text, rr_vocab **out) {
    if (has_escaped_nul(text))
        return rr_fail(RR_ERR_INPUT, "vocabulary: a string holds \\u0000; such a token is an array of byte values");
    cJSON *root = cJSON_ParseWithOpts(text, NULL, true);
    if (root == NULL) return rr_fail(RR_ERR_INPUT, "vocabulary: not JSON");
    rr_status status = from_document(root, out);
    cJSON_Delete(root);
    return status == RR_OK ? RR_OK : rr_fail_within(status, "vocabulary: ");
}
