/*
 * What a model says of each line of a text: rank 0 reads some lines at a time, all ranks compute a share of them, and
 * rank 0 writes what they say in the order of the lines.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/tokenize.h"
#include "dist/comm.h"
#include "ringrnn/model.h"
#include "ringrnn/trainer.h"
#include "train/predict_format.h"

enum {
    BATCH = 4096,          /* lines that are held at a time, at most */
    BATCH_BYTES = 4 << 20, /* no more lines are read when so much is held */
    NAME = 300             /* bytes of "file:line" */
};

typedef struct job {
    rr_comm *comm;
    rr_model *model;
    const char *source; /* for errors */
    FILE *file;         /* on rank 0 */
    rr_prediction_format format;
    rr_prediction_columns columns;
    size_t before; /* lines of earlier batches */
} job;

/* The next lines of the file, each with a line end; none at its end. Line ends may be those of Windows, and a byte
 * order mark is left out. */
static rr_status read_lines(const job *j, rr_buffer *out) {
    char *text = NULL;
    size_t room = 0;
    rr_status status = RR_OK;
    rr_buffer_clear(out);
    errno = 0;
    for (size_t count = 0; count < BATCH && out->length < BATCH_BYTES; count++) {
        ssize_t length = getline(&text, &room, j->file);
        if (length < 0) {
            if (ferror(j->file) || errno == ENOMEM)
                status = rr_fail(RR_ERR_INPUT, "%s: cannot be read: %s", j->source, strerror(errno));
            break;
        }
        while (length > 0 && (text[length - 1] == '\n' || text[length - 1] == '\r')) length--;
        size_t mark = j->before + count == 0 ? rr_text_mark(text, (size_t)length) : 0;
        rr_buffer_append(out, text + mark, (size_t)length - mark);
        rr_buffer_puts(out, "\n");
    }
    free(text);
    return status;
}

/* Lines of a batch. */
typedef struct lines {
    const char *texts[BATCH], *names[BATCH];
    char places[BATCH][NAME];
    size_t lengths[BATCH], count;
} lines;

static void divide(const job *j, const rr_buffer *text, lines *out) {
    const char *at = rr_buffer_text(text), *end = at + text->length;
    for (out->count = 0; at < end && out->count < BATCH; out->count++) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        if (stop == NULL) stop = end;
        snprintf(out->places[out->count], NAME, "%.250s:%zu", j->source, j->before + out->count + 1);
        out->texts[out->count] = at;
        out->lengths[out->count] = (size_t)(stop - at);
        out->names[out->count] = out->places[out->count];
        at = stop + 1;
    }
}

/* JSON has no line ends within. */
static void keep(void *ctx, size_t index, const char *json) {
    (void)index;
    rr_buffer_puts(ctx, json);
    rr_buffer_puts(ctx, "\n");
}

/* What this rank says of its share of a batch. */
static rr_status say(const job *j, const lines *batch, rr_buffer *out) {
    size_t rank = rr_comm_rank(j->comm), size = rr_comm_size(j->comm);
    size_t begin = batch->count * rank / size, end = batch->count * (rank + 1) / size;
    if (begin == end) return RR_OK;
    RR_TRY(rr_model_predict(j->model, &(rr_prediction){.texts = batch->texts + begin,
                                                       .lengths = batch->lengths + begin,
                                                       .names = batch->names + begin,
                                                       .count = end - begin,
                                                       .emit = keep,
                                                       .ctx = out}));
    return out->failed ? rr_fail(RR_ERR_NOMEM, "no memory for predictions") : RR_OK;
}

static rr_status flush(void) {
    if (fflush(stdout) == 0) return RR_OK;
    return rr_fail(RR_ERR_RUNTIME, "standard output: %s", strerror(errno));
}

/* One batch. @param[out] more  whether there was one */
static rr_status predict_batch(job *j, lines *batch, rr_buffer *text, rr_buffer *said, bool *more) {
    bool first = rr_comm_rank(j->comm) == 0;
    RR_TRY(rr_comm_agree(j->comm, first ? read_lines(j, text) : RR_OK));
    RR_TRY(rr_comm_broadcast(j->comm, 0, text));
    divide(j, text, batch);
    *more = batch->count > 0;
    rr_buffer_clear(said);
    RR_TRY(rr_comm_agree(j->comm, say(j, batch, said)));
    RR_TRY(rr_comm_gather_bytes(j->comm, said));
    rr_status status = RR_OK;
    if (first) status = rr_prediction_print(j->format, &j->columns, j->before, said, stdout);
    if (first && status == RR_OK) status = flush();
    j->before += batch->count;
    return rr_comm_agree(j->comm, status);
}

static rr_status predict_lines(job *j) {
    rr_buffer text = {0}, said = {0};
    bool more = true;
    lines *batch = calloc(1, sizeof *batch);
    rr_status status =
        rr_comm_agree(j->comm, batch != NULL ? RR_OK : rr_fail(RR_ERR_NOMEM, "no memory for %d lines of text", BATCH));
    while (status == RR_OK && more && batch != NULL) status = predict_batch(j, batch, &text, &said, &more);
    rr_prediction_columns_free(&j->columns);
    rr_buffer_free(&text);
    rr_buffer_free(&said);
    free(batch);
    return status;
}

static void print_file(void *ctx, size_t index, const char *text) {
    (void)ctx, (void)index;
    fputs(text, stdout);
}

/* Of models whose input is a whole file; rank 0 alone. */
static rr_status predict_file(const job *j) {
    rr_buffer text = {0};
    char bytes[1 << 16];
    for (size_t got; (got = fread(bytes, 1, sizeof bytes, j->file)) > 0;) rr_buffer_append(&text, bytes, got);
    rr_status status = RR_OK;
    const char *whole = rr_buffer_text(&text);
    if (ferror(j->file)) status = rr_fail(RR_ERR_INPUT, "%s: cannot be read: %s", j->source, strerror(errno));
    if (text.failed) status = rr_fail(RR_ERR_NOMEM, "no memory for %s", j->source);
    if (status == RR_OK)
        status = rr_model_predict(
            j->model,
            &(rr_prediction){
                .texts = &whole, .lengths = &text.length, .names = &j->source, .count = 1, .emit = print_file});
    if (status == RR_OK) status = flush();
    rr_buffer_free(&text);
    return status;
}

static rr_status open_job(const rr_predict_options *options, job *j) {
    bool standard = strcmp(options->file, "-") == 0;
    j->source = standard ? "standard input" : options->file;
    RR_TRY(rr_prediction_format_find(options->format, &j->format));
    RR_TRY(rr_model_open(options->checkpoint, &j->model));
    if (rr_model_reads_file(j->model) && options->format != NULL && j->format != RR_PREDICTION_CSV)
        return rr_fail(RR_ERR_INPUT, "--format %s: forecasts are written as csv", options->format);
    if (rr_comm_rank(j->comm) > 0) return RR_OK;
    j->file = standard ? stdin : fopen(options->file, "r");
    return j->file != NULL ? RR_OK : rr_fail(RR_ERR_INPUT, "%s: %s", options->file, strerror(errno));
}

rr_status rr_predict(const rr_predict_options *options, int *argc, char ***argv) {
    job j = {.before = 0};
    rr_status status = rr_comm_open_if_launched(argc, argv, &j.comm);
    if (status != RR_OK) {
        fprintf(stderr, "ringrnn: %s\n", rr_last_error());
        return status;
    }
    bool first = rr_comm_rank(j.comm) == 0;
    status = rr_comm_agree(j.comm, open_job(options, &j));
    if (status == RR_OK && rr_model_reads_file(j.model))
        status = rr_comm_agree(j.comm, first ? predict_file(&j) : RR_OK);
    else if (status == RR_OK)
        status = predict_lines(&j);
    if (status != RR_OK && !rr_comm_agreed(j.comm)) rr_comm_abort(j.comm, status);
    if (status != RR_OK && first) fprintf(stderr, "ringrnn: %s\n", rr_last_error());
    if (j.file != NULL && j.file != stdin) fclose(j.file);
    rr_model_close(j.model);
    rr_comm_close(j.comm);
    return status;
}
