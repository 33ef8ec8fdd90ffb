
#include "cli/cli.h"
#include "ringrnn/trainer.h"

static rr_status read_arguments(int argc, char **argv, rr_cli_arguments *arguments, rr_predict_options *options) {
    const rr_cli_option known[] = {{.name = "format", .value = &options->format}, {.name = NULL}};
    RR_TRY(rr_cli_parse(argc, argv, known, 1, 2, arguments));
    if (arguments->override_count > 0)
        return rr_fail(RR_ERR_INPUT, "ringrnn predict has no --set: all is in the checkpoint");
    options->checkpoint = arguments->operands[0];
    options->file = arguments->operand_count > 1 ? arguments->operands[1] : "-";
    return RR_OK;
}

static rr_status run(int argc, char **argv) {
    rr_cli_arguments arguments;
    rr_predict_options options = {0};
    rr_status status = read_arguments(argc, argv, &arguments, &options);
    if (status != RR_OK) {
        rr_cli_complain();
        return status;
    }
    return rr_predict(&options, &argc, &argv);
}

const rr_command rr_command_predict = {
    .name = "predict",
    .arguments = "CKPT|RUN [FILE|-] [options]",
    .help = "what a model says of each line of a file, or of standard input, alone or under mpirun; forecasts",
    .details =
        "  --format json|text|csv   json: an object a line (the default); text: the answer alone (a class, tags, a\n"
        "                           translation ...); csv: a header and a column for each thing that is said\n"
        "In the order of the input; lines are computed many at a time, by all ranks. Of a language model: nll (nats,\n"
        "of the whole line), loss (nats a token), ppl and tokens; every line is a text by itself. Of a forecaster:\n"
        "the file is CSV like that of the training, and so is what follows its last row.\n",
    .run = run,
};
