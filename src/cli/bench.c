#include "bench/bench.h"

#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "config/config.h"

typedef struct subject {
    const char *name;
    rr_status (*run)(const rr_bench_options *options, int *argc, char ***argv);
    bool needs_config;
} subject;

static const subject subjects[] = {{"step", rr_bench_step, true},
                                   {"cell", rr_bench_cell, true},
                                   {"gemm", rr_bench_gemm, true},
                                   {"allreduce", rr_bench_allreduce, false}};
enum { SUBJECTS = sizeof subjects / sizeof *subjects };

static rr_status find(const char *name, const subject **out) {
    const char *names[SUBJECTS];
    for (size_t i = 0; i < SUBJECTS; i++) {
        names[i] = subjects[i].name;
        *out = &subjects[i];
        if (strcmp(name, names[i]) == 0) return RR_OK;
    }
    const char *nearest = rr_nearest(name, names, SUBJECTS);
    return rr_fail(RR_ERR_INPUT, "unknown benchmark '%s'%s%s%s", name, nearest != NULL ? "; did you mean " : "",
                   nearest != NULL ? nearest : "", nearest != NULL ? "?" : "");
}

static rr_status check_operands(const subject *chosen, size_t count) {
    if (count == 2 && !chosen->needs_config) return rr_fail(RR_ERR_INPUT, "bench %s takes no CONFIG", chosen->name);
    if (count == 1 && chosen->needs_config) return rr_fail(RR_ERR_INPUT, "bench %s needs a CONFIG", chosen->name);
    return RR_OK;
}

static rr_status run(int argc, char **argv) {
    rr_cli_arguments arguments;
    rr_bench_options options = {0};
    const char *steps = NULL, *tune = NULL;
    const subject *chosen = NULL;
    const rr_cli_option known[] = {
        {.name = "steps", .value = &steps}, {.name = "tune", .value = &tune, .flag = true}, {.name = NULL}};
    rr_status status = rr_cli_parse(argc, argv, known, 1, 2, &arguments);
    if (status == RR_OK) status = find(arguments.operands[0], &chosen);
    if (status == RR_OK) status = check_operands(chosen, arguments.operand_count);
    if (status == RR_OK && steps != NULL) status = rr_cli_size("steps", steps, &options.steps);
    if (status != RR_OK) {
        fprintf(stderr, "ringrnn: %s\n", rr_last_error());
        return status;
    }
    options.tune = tune != NULL;
    options.train.config_path = arguments.operand_count > 1 ? arguments.operands[1] : NULL;
    options.train.overrides = arguments.overrides;
    options.train.override_count = arguments.override_count;
    return chosen->run(&options, &argc, &argv);
}

const rr_command rr_command_bench = {
    .name = "bench",
    .arguments = "WHAT [CONFIG] [options]",
    .help = "measures speed, with tokens drawn at random: no data files are read",
    .details =
        "  step               whole training steps, alone or under mpirun\n"
        "  cell               the recurrent layers alone, forward and backward, on one rank\n"
        "  gemm               the matrix products of a step beside OpenBLAS's, on one core\n"
        "  allreduce          sums over ranks beside MPI_Allreduce, under mpirun and without CONFIG\n"
        "  --steps N          steps, or turns, to measure (default: a few seconds of them)\n"
        "  --tune             allreduce: writes rows for the table that chooses algorithms (give it last: mpirun "
        "knows\n"
        "                     an option of this name and looks for its value)\n"
        "  --set key=value    overrides a key of CONFIG\n"
        "\nOne JSON object a line, or a table on a terminal. Times are medians over steps of the slowest rank.\n",
    .run = run,
};
