
#include "cli/cli.h"
#include "ringrnn/trainer.h"

static rr_status run(int argc, char **argv) {
    rr_cli_arguments arguments;
    rr_eval_options options = {0};
    const char *json = NULL;
    const rr_cli_option known[] = {
        {.name = "split", .value = &options.split}, {.name = "json", .value = &json, .flag = true}, {.name = NULL}};
    rr_status status = rr_cli_parse(argc, argv, known, 1, 1, &arguments);
    if (status != RR_OK) {
        rr_cli_complain();
        return status;
    }
    options.checkpoint = arguments.operands[0];
    options.overrides = arguments.overrides;
    options.override_count = arguments.override_count;
    options.json = json != NULL;
    return rr_evaluate(&options, &argc, &argv);
}

const rr_command rr_command_eval = {
    .name = "eval",
    .arguments = "CKPT|RUN [options]",
    .help = "evaluates a checkpoint (of a run folder: its best) on held-out data, alone or under mpirun",
    .details =
        "  --split valid|test   which data (default: test if there is some, else valid)\n"
        "  --set key=value      overrides a key of the checkpoint's configuration: data.test=FILE, eval.streams=1\n"
        "  --json               one JSON object\n",
    .run = run,
};
