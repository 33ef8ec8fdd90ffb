#include "ringrnn/trainer.h"

#include "cli/cli.h"

static rr_status run(int argc, char **argv) {
    rr_cli_arguments arguments;
    rr_train_options options = {0};
    const char *profile = NULL;
    const rr_cli_option known[] = {{.name = "resume", .value = &options.resume},
                                   {.name = "init-from", .value = &options.init_from},
                                   {.name = "profile", .value = &profile, .flag = true},
                                   {.name = NULL}};
    rr_status status = rr_cli_parse(argc, argv, known, 1, 1, &arguments);
    if (status != RR_OK) {
        rr_cli_complain();
        return status;
    }
    options.profile = profile != NULL;
    options.config_path = arguments.operands[0];
    options.overrides = arguments.overrides;
    options.override_count = arguments.override_count;
    return rr_train(&options, &argc, &argv);
}

const rr_command rr_command_train = {
    .name = "train",
    .arguments = "CONFIG [options]",
    .help = "trains a model, alone or under mpirun; goes on where an earlier start stopped",
    .details =
        "  --set key=value    overrides a key of the configuration (any number of times); values as in YAML\n"
        "  --resume auto      goes on from the newest readable checkpoint of the run, if there is one (default)\n"
        "  --resume never     starts over; an older run in the folder is moved aside\n"
        "  --resume FILE      goes on from that checkpoint\n"
        "  --init-from FILE   starts a new run with the weights and the vocabulary of a checkpoint\n"
        "  --profile          measures the phases of a step: phases_ms.* in the metrics, and a table at the end\n"
        "\nThe run is in run.dir/run.name: config.yaml, metrics.jsonl, TensorBoard events, checkpoints.\n"
        "SIGUSR1, SIGTERM or SIGINT: saves at the next step and exits with code 75; through mpirun send USR1.\n",
    .run = run,
};
