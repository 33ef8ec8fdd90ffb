#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/crc32c.h"
#include "base/durable.h"
#include "ckpt/format.h"

/* True for UTF-8 as Unicode defines it: no overlong forms, no surrogates, nothing above U+10FFFF. */
static bool is_utf8(const char *text) {
    const unsigned char *p = (const unsigned char *)text;
    while (*p != 0) {
        size_t more = *p < 0x80                 ? 0
                      : *p >= 0xC2 && *p < 0xE0 ? 1
                      : (*p & 0xF0) == 0xE0     ? 2
                      : *p >= 0xF0 && *p < 0xF5 ? 3
                                                : 4;
        if (more == 4) return false;
        unsigned char first = *p++, least = 0x80, most = 0xBF;
        if (first == 0xE0) least = 0xA0;
        if (first == 0xED) most = 0x9F;
        if (first == 0xF0) least = 0x90;
        if (first == 0xF4) most = 0x8F;
        for (size_t i = 0; i < more; i++, p++) {
            if (*p < least || *p > most) return false;
            least = 0x80;
            most = 0xBF;
        }
    }
    return true;
}

/* A JSON string, quotes included. */
static rr_status put_string(rr_buffer *out, const char *text) {
    if (!is_utf8(text))
        return rr_fail(RR_ERR_INPUT, "'%.100s' is not UTF-8, so it cannot be a name or value in the file", text);
    rr_buffer_puts(out, "\"");
    for (;;) {
        size_t plain = 0;
        while ((unsigned char)text[plain] >= 0x20 && text[plain] != '"' && text[plain] != '\\') plain++;
        rr_buffer_append(out, text, plain);
        text += plain;
        if (*text == 0) break;
        if (*text == '\n')
            rr_buffer_puts(out, "\\n");
        else if (*text == '"' || *text == '\\')
            rr_buffer_printf(out, "\\%c", *text);
        else
            rr_buffer_printf(out, "\\u%04x", (unsigned char)*text);
        text++;
    }
    rr_buffer_puts(out, "\"");
    return RR_OK;
}

static int compare_meta(const void *a, const void *b) {
    return strcmp((*(const rr_meta_item *const *)a)->key, (*(const rr_meta_item *const *)b)->key);
}

static int compare_tensor(const void *a, const void *b) {
    return strcmp((*(const rr_tensor *const *)a)->name, (*(const rr_tensor *const *)b)->name);
}

static bool is_ours(const char *key) { return strcmp(key, RR_CRC_KEY) == 0 || strcmp(key, RR_CRC_MARK) == 0; }

/* The metadata in order of key, after the checksum. */
static rr_status put_meta(const rr_tensor_set *set, rr_buffer *out) {
    const rr_meta_item **sorted = calloc(set->meta_count + 1, sizeof *sorted);
    if (sorted == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for its header");
    for (size_t i = 0; i < set->meta_count; i++) sorted[i] = &set->meta[i];
    qsort(sorted, set->meta_count, sizeof *sorted, compare_meta);
    rr_buffer_puts(out, RR_CRC_PREFIX "00000000\",\"" RR_CRC_MARK "\":\"" RR_CRC_KEY "\"");
    rr_status status = RR_OK;
    for (size_t i = 0; i < set->meta_count && status == RR_OK; i++) {
        if (is_ours(sorted[i]->key)) continue; /* came with what was read from another file */
        if (i > 0 && compare_meta(&sorted[i - 1], &sorted[i]) == 0) {
            status = rr_fail(RR_ERR_INPUT, "metadata '%.100s' is given twice", sorted[i]->key);
            break;
        }
        rr_buffer_puts(out, ",");
        status = put_string(out, sorted[i]->key);
        rr_buffer_puts(out, ":");
        if (status == RR_OK) status = put_string(out, sorted[i]->value);
        if (status != RR_OK) status = rr_fail_within(status, "metadata '%.100s': ", sorted[i]->key);
    }
    rr_buffer_puts(out, "}");
    free(sorted);
    return status;
}

static rr_status check_names(const rr_tensor_set *set) {
    const rr_tensor **sorted = calloc(set->tensor_count + 1, sizeof *sorted);
    if (sorted == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for its header");
    for (size_t i = 0; i < set->tensor_count; i++) sorted[i] = &set->tensors[i];
    qsort(sorted, set->tensor_count, sizeof *sorted, compare_tensor);
    rr_status status = RR_OK;
    for (size_t i = 0; i < set->tensor_count && status == RR_OK; i++) {
        const rr_tensor *tensor = sorted[i];
        if (strcmp(tensor->name, "__metadata__") == 0)
            status = rr_fail(RR_ERR_INPUT, "no tensor can be named __metadata__");
        else if (i > 0 && strcmp(sorted[i - 1]->name, tensor->name) == 0)
            status = rr_fail(RR_ERR_INPUT, "tensor '%.100s' is given twice", tensor->name);
        else if (tensor->dim_count > RR_TENSOR_DIMS || rr_dtype_size(tensor->dtype) == 0)
            status = rr_fail(RR_ERR_INPUT, "tensor '%.100s' has a type or shape that cannot be written", tensor->name);
    }
    free(sorted);
    return status;
}

static size_t tensor_bytes(const rr_tensor *tensor) {
    return rr_tensor_elements(tensor) * rr_dtype_size(tensor->dtype);
}

static rr_status put_tensors(const rr_tensor_set *set, rr_buffer *out) {
    size_t offset = 0;
    for (size_t i = 0; i < set->tensor_count; i++) {
        const rr_tensor *tensor = &set->tensors[i];
        rr_buffer_puts(out, ",");
        RR_TRY(put_string(out, tensor->name));
        rr_buffer_printf(out, ":{\"dtype\":\"%s\",\"shape\":[", rr_dtype_name(tensor->dtype));
        for (size_t d = 0; d < tensor->dim_count; d++)
            rr_buffer_printf(out, "%s%zu", d > 0 ? "," : "", tensor->dims[d]);
        size_t end = offset + tensor_bytes(tensor);
        rr_buffer_printf(out, "],\"data_offsets\":[%zu,%zu]}", offset, end);
        offset = end;
    }
    return RR_OK;
}

/* Length, header and padding, up to the data; the checksum is still zeros. */
static rr_status make_header(const rr_tensor_set *set, rr_buffer *out) {
    RR_TRY(check_names(set));
    rr_buffer_append(out, "\0\0\0\0\0\0\0", RR_HEADER_PREFIX);
    RR_TRY(put_meta(set, out));
    RR_TRY(put_tensors(set, out));
    rr_buffer_puts(out, "}");
    while (!out->failed && out->length % RR_ALIGN != 0) rr_buffer_puts(out, " ");
    if (out->failed) return rr_fail(RR_ERR_NOMEM, "no memory for its header");
    uint64_t length = out->length - RR_HEADER_PREFIX;
    if (length > RR_HEADER_LIMIT)
        return rr_fail(RR_ERR_INPUT, "its header of %zu MB is longer than the format's limit of 100 MB",
                       (size_t)length / 1000000);
    for (int i = 0; i < RR_HEADER_PREFIX; i++) out->data[i] = (char)(unsigned char)(length >> (8 * i));
    return RR_OK;
}

static void put_crc(const rr_tensor_set *set, rr_buffer *header) {
    uint32_t crc = rr_crc32c(0, header->data, header->length);
    for (size_t i = 0; i < set->tensor_count; i++)
        crc = rr_crc32c(crc, set->tensors[i].data, tensor_bytes(&set->tensors[i]));
    char digits[RR_CRC_DIGITS + 1];
    snprintf(digits, sizeof digits, "%08x", (unsigned)crc);
    memcpy(header->data + RR_CRC_OFFSET, digits, RR_CRC_DIGITS);
}

static rr_status write_file(const char *path, const rr_tensor_set *set, const rr_buffer *header) {
    rr_durable file;
    RR_TRY(rr_durable_begin(path, &file));
    rr_status status = rr_durable_write(&file, header->data, header->length);
    for (size_t i = 0; i < set->tensor_count && status == RR_OK; i++)
        status = rr_durable_write(&file, set->tensors[i].data, tensor_bytes(&set->tensors[i]));
    if (status == RR_OK) return rr_durable_commit(&file);
    rr_durable_abandon(&file);
    return status;
}

rr_status rr_safetensors_write(const char *path, const rr_tensor_set *set) {
    rr_buffer header = {0};
    rr_status status = make_header(set, &header);
    if (status == RR_OK) {
        put_crc(set, &header);
        status = write_file(path, set, &header);
    } else {
        status = rr_fail_within(status, "%s: ", path);
    }
    rr_buffer_free(&header);
    return status;
}
