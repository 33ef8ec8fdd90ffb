#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "cli/cli.h"
#include "ringrnn/model.h"

enum { BATCH = 4096, NAME = 300 }; /* lines that are held at a time */

typedef struct lines {
    const char *source; /* for errors */
    char *texts[BATCH], names[BATCH][NAME];
    size_t lengths[BATCH], count, before; /* before: lines of earlier batches */
} lines;

/* The next lines of the file; none at its end. Line ends may be those of Windows. */
static rr_status read_lines(FILE *file, lines *out) {
    out->before += out->count;
    out->count = 0;
    while (out->count < BATCH) {
        char *text = NULL;
        size_t room = 0;
        errno = 0;
        ssize_t length = getline(&text, &room, file);
        if (length < 0) {
            free(text);
            if (ferror(file) || errno == ENOMEM)
                return rr_fail(RR_ERR_INPUT, "%s: cannot be read: %s", out->source, strerror(errno));
            return RR_OK;
        }
        while (length > 0 && (text[length - 1] == '\n' || text[length - 1] == '\r')) length--;
        out->texts[out->count] = text;
        out->lengths[out->count] = (size_t)length;
        snprintf(out->names[out->count], NAME, "%.250s:%zu", out->source, out->before + out->count + 1);
        out->count++;
    }
    return RR_OK;
}

static void print(void *ctx, size_t index, const char *json) {
    const lines *batch = ctx;
    printf("{\"line\": %zu, %s}\n", batch->before + index + 1, json);
}

static rr_status predict_all(rr_model *model, FILE *file, lines *batch) {
    rr_status status = RR_OK;
    do {
        const char *names[BATCH];
        status = read_lines(file, batch);
        for (size_t i = 0; i < batch->count; i++) names[i] = batch->names[i];
        if (status == RR_OK && batch->count > 0)
            status = rr_model_predict(model, &(rr_prediction){.texts = (const char *const *)batch->texts,
                                                              .lengths = batch->lengths,
                                                              .names = names,
                                                              .count = batch->count,
                                                              .emit = print,
                                                              .ctx = batch});
        for (size_t i = 0; i < batch->count; i++) free(batch->texts[i]);
    } while (status == RR_OK && batch->count > 0);
    if (status == RR_OK && fflush(stdout) != 0)
        status = rr_fail(RR_ERR_RUNTIME, "standard output: %s", strerror(errno));
    return status;
}

static void print_file(void *ctx, size_t index, const char *text) {
    (void)ctx, (void)index;
    fputs(text, stdout);
}

/* Of models whose input is a whole file. */
static rr_status predict_file(rr_model *model, FILE *file, const char *name) {
    rr_buffer text = {0};
    char bytes[1 << 16];
    for (size_t got; (got = fread(bytes, 1, sizeof bytes, file)) > 0;) rr_buffer_append(&text, bytes, got);
    rr_status status = RR_OK;
    const char *whole = rr_buffer_text(&text);
    if (ferror(file)) status = rr_fail(RR_ERR_INPUT, "%s: cannot be read: %s", name, strerror(errno));
    if (text.failed) status = rr_fail(RR_ERR_NOMEM, "no memory for %s", name);
    if (status == RR_OK)
        status = rr_model_predict(
            model,
            &(rr_prediction){.texts = &whole, .lengths = &text.length, .names = &name, .count = 1, .emit = print_file});
    if (status == RR_OK && fflush(stdout) != 0)
        status = rr_fail(RR_ERR_RUNTIME, "standard output: %s", strerror(errno));
    rr_buffer_free(&text);
    return status;
}

static rr_status predict(int argc, char **argv) {
    rr_cli_arguments arguments;
    rr_model *model = NULL;
    const rr_cli_option known[] = {{.name = NULL}};
    RR_TRY(rr_cli_parse(argc, argv, known, 1, 2, &arguments));
    if (arguments.override_count > 0)
        return rr_fail(RR_ERR_INPUT, "ringrnn predict has no --set: all is in the checkpoint");
    const char *path = arguments.operand_count > 1 ? arguments.operands[1] : "-";
    bool standard = strcmp(path, "-") == 0;
    FILE *file = standard ? stdin : fopen(path, "r");
    if (file == NULL) return rr_fail(RR_ERR_INPUT, "%s: %s", path, strerror(errno));
    lines *batch = calloc(1, sizeof *batch);
    rr_status status = batch != NULL ? RR_OK : rr_fail(RR_ERR_NOMEM, "no memory for lines of text");
    if (status == RR_OK) {
        batch->source = standard ? "standard input" : path;
        status = rr_model_open(arguments.operands[0], &model);
    }
    if (status == RR_OK)
        status =
            rr_model_reads_file(model) ? predict_file(model, file, batch->source) : predict_all(model, file, batch);
    rr_model_close(model);
    free(batch);
    if (!standard) fclose(file);
    return status;
}

static rr_status run(int argc, char **argv) {
    rr_status status = predict(argc, argv);
    if (status != RR_OK) fprintf(stderr, "ringrnn: %s\n", rr_last_error());
    return status;
}

const rr_command rr_command_predict = {
    .name = "predict",
    .arguments = "CKPT [FILE|-]",
    .help = "what a model says of each line of a file, or of standard input; forecasts of a file of time series",
    .details =
        "A JSON object a line, in the order of the input. Of a language model: tokens, nll (nats, of the whole line),\n"
        "loss (nats a token) and ppl; every line is a text by itself. Lines are computed many at a time.\n"
        "Of a forecaster: the file is CSV like that of the training, and so is what follows its last row.\n",
    .run = run,
};
