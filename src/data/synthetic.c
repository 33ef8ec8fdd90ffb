#include "data/synthetic.h"

#include <stdlib.h>

#include "base/rng.h"

enum { SPECIAL = 2, LINE_WORDS = 20 }; /* <unk> and <eos> */

/* The n-th token as text; chars beyond ASCII are two or three bytes of UTF-8. */
static void put_token(rr_unit unit, size_t n, rr_buffer *text) {
    if (unit == RR_UNIT_WORD) {
        rr_buffer_printf(text, "w%zu ", n);
    } else if (unit == RR_UNIT_BYTE) {
        char byte = (char)n;
        rr_buffer_append(text, &byte, 1);
    } else {
        unsigned code = (unsigned)(n < 94 ? n + 33 : n - 94 + 0x4e00);
        char bytes[3] = {(char)(0xe0 | code >> 12), (char)(0x80 | (code >> 6 & 63)), (char)(0x80 | (code & 63))};
        char ascii = (char)code;
        rr_buffer_append(text, code < 128 ? &ascii : bytes, code < 128 ? 1 : 3);
    }
}

rr_status rr_corpus_synthetic(rr_unit unit, size_t vocab_size, size_t count, rr_corpus *out) {
    static const size_t usual[] = {[RR_UNIT_BYTE] = 256, [RR_UNIT_CHAR] = 100, [RR_UNIT_WORD] = 10000};
    if (vocab_size == 0 || unit == RR_UNIT_BYTE) vocab_size = usual[unit];
    size_t special = unit == RR_UNIT_WORD ? SPECIAL : unit == RR_UNIT_CHAR ? 1 : 0;
    size_t distinct = vocab_size > special ? vocab_size - special : 1;
    rr_buffer text = {0};
    for (size_t i = 0; i < count + distinct; i++) {
        uint32_t words[4];
        rr_philox(1, RR_RNG_SYNTHETIC, (uint32_t[4]){(uint32_t)i, (uint32_t)((uint64_t)i >> 32), 0, 0}, words);
        put_token(unit, i < distinct ? i : words[0] % distinct, &text);
        if (unit == RR_UNIT_WORD && i % LINE_WORDS == LINE_WORDS - 1) rr_buffer_puts(&text, "\n");
    }
    rr_token_counts *counts = NULL;
    rr_status status = rr_token_counts_create(unit, &counts);
    if (status == RR_OK) status = rr_token_counts_add(counts, "synthetic text", rr_buffer_text(&text), text.length);
    if (status == RR_OK) status = rr_vocab_build(counts, 1, vocab_size, &out->vocab);
    if (status == RR_OK)
        status = rr_vocab_encode(out->vocab, "synthetic text", rr_buffer_text(&text), text.length, true,
                                 &out->tokens[RR_SPLIT_TRAIN]);
    if (status == RR_OK && out->tokens[RR_SPLIT_TRAIN].count > count) out->tokens[RR_SPLIT_TRAIN].count = count;
    rr_token_counts_free(counts);
    rr_buffer_free(&text);
    return status;
}
