#include "doctor/doctor.h"

#include <stdio.h>

#include "cli/cli.h"

static rr_status read_arguments(int argc, char **argv, rr_cli_arguments *arguments, rr_doctor_options *options) {
    const char *json = NULL;
    const rr_cli_option known[] = {{.name = "json", .value = &json, .flag = true}, {.name = NULL}};
    RR_TRY(rr_cli_parse(argc, argv, known, 0, 1, arguments));
    options->json = json != NULL;
    options->train.config_path = arguments->operand_count > 0 ? arguments->operands[0] : NULL;
    options->train.overrides = arguments->overrides;
    options->train.override_count = arguments->override_count;
    if (arguments->operand_count == 0 && arguments->override_count > 0)
        return rr_fail(RR_ERR_INPUT, "--set overrides keys of a CONFIG, and none is given");
    return RR_OK;
}

static rr_status run(int argc, char **argv) {
    rr_cli_arguments arguments;
    rr_doctor_options options = {0};
    rr_status status = read_arguments(argc, argv, &arguments, &options);
    if (status != RR_OK) {
        fprintf(stderr, "ringrnn: %s\n", rr_last_error());
        return status;
    }
    return rr_doctor(&options, &argc, &argv);
}

const rr_command rr_command_doctor = {
    .name = "doctor",
    .arguments = "[CONFIG] [options]",
    .help = "is this place fit for training: processor, cores, memory, network, files, job; a forecast for CONFIG",
    .details =
        "  --json             one JSON object instead of text\n"
        "  --set key=value    overrides a key of CONFIG\n"
        "\nAlone or under mpirun or srun, in less than a minute. Facts are read from the system or measured; then "
        "come\n"
        "findings with advice, and a verdict. For a CONFIG also: whether memory and disk suffice, and the time of a "
        "step\n"
        "and the efficiency on 1, 2, 4 ... 1024 ranks, by a model with computing as measured here. Its data is not "
        "read.\n"
        "Ends with 0, warnings or not; with 1 if something is broken (products are wrong, nothing can be saved ...).\n",
    .run = run,
};
