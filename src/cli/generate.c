#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/file.h"
#include "cli/cli.h"
#include "ringrnn/model.h"

static void emit(void *ctx, const char *text, size_t length) {
    fwrite(text, 1, length, ctx);
    fflush(ctx); /* text appears as it is drawn */
}

typedef struct texts {
    const char *prompt, *tokens, *temperature, *top_k, *top_p, *seed;
} texts;

static rr_status read_options(const texts *given, rr_generate_options *out) {
    size_t seed = 1;
    *out = (rr_generate_options){
        .prompt = given->prompt, .max_tokens = 500, .temperature = 1, .top_p = 1, .emit = emit, .ctx = stdout};
    if (given->tokens != NULL) RR_TRY(rr_cli_size("tokens", given->tokens, &out->max_tokens));
    if (given->temperature != NULL) RR_TRY(rr_cli_real("temperature", given->temperature, &out->temperature));
    if (given->top_k != NULL) RR_TRY(rr_cli_size("top-k", given->top_k, &out->top_k));
    if (given->top_p != NULL) RR_TRY(rr_cli_real("top-p", given->top_p, &out->top_p));
    if (given->seed != NULL) RR_TRY(rr_cli_size("seed", given->seed, &seed));
    out->seed = seed;
    return RR_OK;
}

static rr_status generate(int argc, char **argv) {
    rr_cli_arguments arguments;
    rr_generate_options options;
    rr_model *model;
    texts given = {0};
    const rr_cli_option known[] = {{.name = "prompt", .value = &given.prompt},
                                   {.name = "tokens", .value = &given.tokens},
                                   {.name = "temperature", .value = &given.temperature},
                                   {.name = "top-k", .value = &given.top_k},
                                   {.name = "top-p", .value = &given.top_p},
                                   {.name = "seed", .value = &given.seed},
                                   {.name = NULL}};
    RR_TRY(rr_cli_parse(argc, argv, known, 1, 1, &arguments));
    if (arguments.override_count > 0)
        return rr_fail(RR_ERR_INPUT, "ringrnn generate has no --set: all is in the checkpoint");
    RR_TRY(read_options(&given, &options));
    RR_TRY(rr_model_open(arguments.operands[0], &model));
    rr_status status = rr_model_generate(model, &options);
    if (status == RR_OK) putchar('\n');
    rr_model_close(model);
    return status;
}

const rr_command rr_command_generate = {
    .name = "generate",
    .arguments = "CKPT|RUN [options]",
    .help = "draws text from a language model, from the checkpoint alone",
    .details =
        "  --prompt TEXT        text that comes first\n"
        "  --tokens N           tokens to draw (default 500)\n"
        "  --temperature T      below 1: safer, above 1: wilder, 0: the most likely token each time (default 1)\n"
        "  --top-k K            draw among the K most likely tokens (default 0: all)\n"
        "  --top-p P            draw among the most likely tokens that together have probability P (default 1: all)\n"
        "  --seed N             the same seed gives the same text (default 1)\n",
    .run = generate,
    .local = true,
};
