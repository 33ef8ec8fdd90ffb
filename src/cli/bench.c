#include "bench/bench.h"

#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "cli/cli.h"
#include "config/config.h"

typedef struct subject {
    const char *name;
    rr_status (*run)(const rr_bench_options *options, int *argc, char ***argv);
    bool takes_config, needs_config, tunes, scales;
} subject;

static const subject subjects[] = {
    {.name = "step", .run = rr_bench_step, .takes_config = true, .needs_config = true},
    {.name = "pass", .run = rr_bench_pass, .takes_config = true, .needs_config = true},
    {.name = "cell", .run = rr_bench_cell, .takes_config = true, .needs_config = true},
    {.name = "gemm", .run = rr_bench_gemm, .takes_config = true},
    {.name = "scaling", .run = rr_bench_scaling, .takes_config = true, .needs_config = true, .scales = true},
    {.name = "overlap", .run = rr_bench_overlap, .takes_config = true, .needs_config = true},
    {.name = "allreduce", .run = rr_bench_allreduce, .tunes = true}};
enum { SUBJECTS = sizeof subjects / sizeof *subjects, MOST_STEPS = 1000000 };

static rr_status find(const char *name, const subject **out) {
    const char *names[SUBJECTS];
    for (size_t i = 0; i < SUBJECTS; i++) {
        names[i] = subjects[i].name;
        *out = &subjects[i];
        if (strcmp(name, names[i]) == 0) return RR_OK;
    }
    const char *nearest = rr_nearest(name, names, SUBJECTS);
    if (nearest != NULL) return rr_fail(RR_ERR_INPUT, "unknown benchmark '%s'; did you mean %s?", name, nearest);
    rr_buffer known = {0};
    for (size_t i = 0; i < SUBJECTS; i++) rr_buffer_printf(&known, "%s%s", i > 0 ? ", " : "", names[i]);
    rr_status status = rr_fail(RR_ERR_INPUT, "unknown benchmark '%s'; there are %s", name, rr_buffer_text(&known));
    rr_buffer_free(&known);
    return status;
}

static rr_status check_use(const subject *chosen, const rr_cli_arguments *arguments, bool tune, bool scale) {
    bool config = arguments->operand_count > 1;
    if (config && !chosen->takes_config) return rr_fail(RR_ERR_INPUT, "bench %s takes no CONFIG", chosen->name);
    if (!config && chosen->needs_config) return rr_fail(RR_ERR_INPUT, "bench %s needs a CONFIG", chosen->name);
    if (!config && arguments->override_count > 0)
        return rr_fail(RR_ERR_INPUT, "--set overrides keys of a CONFIG, and none is given");
    if (tune && !chosen->tunes) return rr_fail(RR_ERR_INPUT, "bench %s has no --tune", chosen->name);
    if (scale && !chosen->scales) return rr_fail(RR_ERR_INPUT, "bench %s has no --over, --wait or --csv", chosen->name);
    return RR_OK;
}

static rr_status read_steps(const char *text, size_t *out) {
    RR_TRY(rr_cli_size("steps", text, out));
    if (*out > MOST_STEPS) return rr_fail(RR_ERR_INPUT, "--steps %s: must be at most %d", text, MOST_STEPS);
    return RR_OK;
}

static rr_status run(int argc, char **argv) {
    rr_cli_arguments arguments;
    rr_bench_options options = {0};
    const char *steps = NULL, *tune = NULL, *over = NULL, *wait = NULL, *csv = NULL;
    const subject *chosen = NULL;
    const rr_cli_option known[] = {{.name = "steps", .value = &steps},
                                   {.name = "tune", .value = &tune, .flag = true},
                                   {.name = "over", .value = &over},
                                   {.name = "wait", .value = &wait, .flag = true},
                                   {.name = "csv", .value = &csv, .flag = true},
                                   {.name = NULL}};
    rr_status status = rr_cli_parse(argc, argv, known, 1, 2, &arguments);
    if (status == RR_OK) status = find(arguments.operands[0], &chosen);
    if (status == RR_OK)
        status = check_use(chosen, &arguments, tune != NULL, over != NULL || wait != NULL || csv != NULL);
    if (status == RR_OK && steps != NULL) status = read_steps(steps, &options.steps);
    if (status != RR_OK) {
        rr_cli_complain();
        return status;
    }
    options.tune = tune != NULL;
    options.over = over;
    options.wait = wait != NULL;
    options.csv = csv != NULL;
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
        "  step CONFIG        whole training steps, alone or under mpirun\n"
        "  scaling CONFIG     the same on 1, 2, 4 ... ranks: global batch kept (strong), batch of a rank kept (weak)\n"
        "  overlap CONFIG     how much communication hides behind the backward pass; computing is replaced by waiting "
        "as\n"
        "                     long, so hosts may have fewer cores than ranks\n"
        "  pass CONFIG        when which gradients of a pass are ready, on one rank: what tools/simulate reads\n"
        "  cell CONFIG        the recurrent layers alone, forward and backward, on one rank\n"
        "  gemm [CONFIG]      the matrix products of a step beside those of other libraries, on one core;\n"
        "                     without CONFIG those of LSTMs with 200, 650, 512 and 1024 units\n"
        "  allreduce          sums over ranks beside MPI_Allreduce, under mpirun\n"
        "  --steps N          steps, or turns, to measure (default, or 0: a few seconds of them)\n"
        "  --over WHAT        scaling: ranks (the default), nodes (whole ones) or threads (of every rank)\n"
        "  --wait             scaling: computing is replaced by waiting as long as it takes alone, as in overlap\n"
        "  --csv              scaling: CSV instead of JSON; tools/plot_scaling draws either\n"
        "  --tune             allreduce: writes rows for the table that chooses algorithms (give it last: mpirun "
        "knows\n"
        "                     an option of this name and looks for its value)\n"
        "  --set key=value    overrides a key of CONFIG\n"
        "\nOne JSON object a line, or a table on a terminal. Times are medians over steps of the slowest rank.\n",
    .run = run,
};
