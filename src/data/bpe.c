#include "data/bpe.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "data/symbol_pairs.h"
#include "data/token_table.h"
#include "data/tokenize.h"

static const char end_of_word[] = "</w>";

struct rr_bpe {
    rr_token_table symbols;
    rr_symbol_pairs merges; /* in the order of their rank */
    int32_t *merged;        /* [merges.count] the symbol that each makes; -1: of no other merge */
    bool end_apart;         /* version 0.1 */
    rr_buffer codes;        /* as read */
};

void rr_bpe_free(rr_bpe *bpe) {
    if (bpe == NULL) return;
    rr_token_table_free(&bpe->symbols);
    rr_symbol_pairs_free(&bpe->merges);
    free(bpe->merged);
    rr_buffer_free(&bpe->codes);
    free(bpe);
}

const char *rr_bpe_codes(const rr_bpe *bpe) { return rr_buffer_text(&bpe->codes); }

static rr_status add_merge(rr_bpe *bpe, const char *line, size_t length) {
    int32_t left, right, index;
    const char *blank = memchr(line, ' ', length);
    size_t first = blank != NULL ? (size_t)(blank - line) : 0;
    if (first == 0 || first + 1 == length || memchr(blank + 1, ' ', length - first - 1) != NULL ||
        !rr_text_is_utf8(line, length, NULL))
        return rr_fail(RR_ERR_INPUT, "two symbols in UTF-8 with one blank between are allowed (\"lo w</w>\")");
    RR_TRY(rr_token_table_add(&bpe->symbols, line, first, &left));
    RR_TRY(rr_token_table_add(&bpe->symbols, blank + 1, length - first - 1, &right));
    return rr_symbol_pairs_add(&bpe->merges, left, right, &index); /* of equal lines the first counts */
}

static rr_status read_lines(const char *name, const char *text, size_t length, rr_bpe *bpe) {
    static const char version[] = "#version: 0.2";
    const char *end = text + length;
    bpe->end_apart = true;
    for (size_t line = 1; text < end; line++) {
        const char *stop = memchr(text, '\n', (size_t)(end - text));
        if (stop == NULL) stop = end;
        size_t count = (size_t)(stop - text);
        while (count > 0 && (text[count - 1] == '\r' || text[count - 1] == ' ')) count--;
        if (line == 1 && count >= sizeof version - 4 && memcmp(text, version, sizeof version - 4) == 0)
            bpe->end_apart = count != sizeof version - 1 || memcmp(text, version, count) != 0;
        else if (count > 0 && add_merge(bpe, text, count) != RR_OK)
            return rr_fail_within(RR_ERR_INPUT, "%s:%zu: ", name, line);
        text = stop + 1;
    }
    return RR_OK;
}

/* What every merge makes, if another goes on from it. */
static rr_status find_merged(rr_bpe *bpe) {
    rr_buffer text = {0};
    bpe->merged = malloc((bpe->merges.count + 1) * sizeof *bpe->merged);
    if (bpe->merged == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for %zu merges", bpe->merges.count);
    for (size_t i = 0; i < bpe->merges.count; i++) {
        size_t left, right;
        const char *first = rr_token_table_get(&bpe->symbols, bpe->merges.items[i].left, &left);
        const char *second = rr_token_table_get(&bpe->symbols, bpe->merges.items[i].right, &right);
        rr_buffer_clear(&text);
        rr_buffer_append(&text, first, left);
        rr_buffer_append(&text, second, right);
        bpe->merged[i] = rr_token_table_find(&bpe->symbols, rr_buffer_text(&text), text.length);
    }
    rr_status status = text.failed ? rr_fail(RR_ERR_NOMEM, "no memory for merges") : RR_OK;
    rr_buffer_free(&text);
    return status;
}

rr_status rr_bpe_parse(const char *name, const char *text, size_t length, rr_bpe **out) {
    rr_bpe *bpe = calloc(1, sizeof *bpe);
    if (bpe == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for codes");
    rr_buffer_append(&bpe->codes, text, length);
    rr_status status = bpe->codes.failed ? rr_fail(RR_ERR_NOMEM, "no memory for codes") : RR_OK;
    if (status == RR_OK) status = read_lines(name, text, length, bpe);
    if (status == RR_OK && bpe->merges.count == 0) status = rr_fail(RR_ERR_INPUT, "%s: holds no merges", name);
    if (status == RR_OK) status = find_merged(bpe);
    if (status != RR_OK) {
        rr_bpe_free(bpe);
        return status;
    }
    *out = bpe;
    return RR_OK;
}

/* A piece of the word that is being split. */
typedef struct piece {
    size_t begin, end; /* bytes of the word */
    int32_t symbol;    /* -1: of no merge */
} piece;

/* Characters of a word; the last carries the end of the word, or one behind it does. */
static size_t split(const rr_bpe *bpe, const char *word, size_t length, piece *pieces) {
    size_t count = 0;
    char last[16 + sizeof end_of_word];
    for (size_t at = 0, stop; at < length; at = stop) {
        for (stop = at + 1; stop < length && ((unsigned char)word[stop] & 0xc0) == 0x80;) stop++;
        size_t bytes = stop - at;
        pieces[count] = (piece){at, stop, rr_token_table_find(&bpe->symbols, word + at, bytes)};
        if (stop == length && !bpe->end_apart && bytes <= 16) {
            memcpy(last, word + at, bytes);
            memcpy(last + bytes, end_of_word, sizeof end_of_word - 1);
            pieces[count].symbol = rr_token_table_find(&bpe->symbols, last, bytes + sizeof end_of_word - 1);
        }
        count++;
    }
    if (bpe->end_apart)
        pieces[count++] =
            (piece){length, length, rr_token_table_find(&bpe->symbols, end_of_word, sizeof end_of_word - 1)};
    return count;
}

/* The merge of two neighbours that was learnt first; -1: none. */
static int32_t first_merge(const rr_bpe *bpe, const piece *pieces, size_t count) {
    int32_t best = -1;
    for (size_t i = 0; i + 1 < count; i++) {
        int32_t merge = rr_symbol_pairs_find(&bpe->merges, pieces[i].symbol, pieces[i + 1].symbol);
        if (merge >= 0 && (best < 0 || merge < best)) best = merge;
    }
    return best;
}

static size_t merge_all(const rr_bpe *bpe, int32_t merge, piece *pieces, size_t count) {
    rr_symbol_pair pair = bpe->merges.items[merge];
    size_t kept = 0;
    for (size_t i = 0; i < count; i++, kept++) {
        pieces[kept] = pieces[i];
        if (i + 1 == count || pieces[i].symbol != pair.left || pieces[i + 1].symbol != pair.right) continue;
        pieces[kept].end = pieces[++i].end;
        pieces[kept].symbol = bpe->merged[merge];
    }
    return kept;
}

static rr_status apply_word(const rr_bpe *bpe, const char *word, size_t length, rr_buffer *out) {
    piece *pieces = malloc((length + 1) * sizeof *pieces);
    if (pieces == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for a word of %zu bytes", length);
    size_t count = split(bpe, word, length, pieces);
    for (int32_t merge; (merge = first_merge(bpe, pieces, count)) >= 0;) count = merge_all(bpe, merge, pieces, count);
    for (size_t i = 0; i < count; i++) {
        if (pieces[i].begin == pieces[i].end) continue; /* the end of the word alone */
        if (pieces[i].begin > 0) rr_buffer_puts(out, "@@ ");
        rr_buffer_append(out, word + pieces[i].begin, pieces[i].end - pieces[i].begin);
    }
    free(pieces);
    return RR_OK;
}

static size_t blanks(const char *text, size_t length) {
    size_t count = 0;
    while (count < length && text[count] == ' ') count++;
    return count;
}

rr_status rr_bpe_apply(const rr_bpe *bpe, const char *text, size_t length, rr_buffer *out) {
    size_t at = blanks(text, length);
    rr_buffer_append(out, text, at);
    while (at < length) {
        size_t stop = at;
        while (stop < length && text[stop] != ' ') stop++;
        RR_TRY(apply_word(bpe, text + at, stop - at, out));
        size_t between = blanks(text + stop, length - stop);
        at = stop + between;
        rr_buffer_append(out, text + stop, at < length ? 1 : between);
    }
    return out->failed ? rr_fail(RR_ERR_NOMEM, "no memory for a text of %zu bytes", length) : RR_OK;
}

void rr_bpe_join(rr_buffer *text) {
    size_t kept = 0;
    for (size_t i = 0; i < text->length; i++) {
        bool mark = text->length - i >= 2 && memcmp(text->data + i, "@@", 2) == 0;
        if (mark && (i + 2 == text->length || text->data[i + 2] == ' '))
            i += 2;
        else
            text->data[kept++] = text->data[i];
    }
    text->length = kept;
    if (text->data != NULL) text->data[kept] = 0;
}
