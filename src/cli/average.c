#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/file.h"
#include "ckpt/step_files.h"
#include "cli/cli.h"
#include "model/average.h"

static bool same_file(const char *a, const char *b) {
    struct stat one, other;
    return stat(a, &one) == 0 && stat(b, &other) == 0 && one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

static rr_status average(const char *const *paths, size_t count, const char *out) {
    for (size_t i = 0; i < count; i++)
        if (same_file(paths[i], out))
            return rr_fail(RR_ERR_INPUT, "--out %s: is one of the checkpoints, and would be lost", out);
    RR_TRY(rr_average(paths, count, out));
    printf("%s: the mean of %zu checkpoint%s\n", out, count, count == 1 ? "" : "s");
    for (size_t i = 0; i < count; i++) printf("  %s\n", paths[i]);
    return RR_OK;
}

/* last: how many, 0 for all that the run has kept. */
static rr_status average_run(const char *run, size_t last, const char *out) {
    rr_step_files files = {0};
    rr_status status = rr_step_files_list(run, &files);
    if (status == RR_OK && files.count == 0)
        status = rr_fail(RR_ERR_INPUT,
                         "%s: has no checkpoints (" RR_CHECKPOINT_FOLDER "/step-*" RR_CHECKPOINT_SUFFIX ")", run);
    if (status == RR_OK && last > files.count)
        status = rr_fail(RR_ERR_INPUT, "--last %zu: %s has %zu checkpoints; ckpt.keep says how many stay", last, run,
                         files.count);
    size_t count = last > 0 ? last : files.count;
    rr_buffer *names = NULL, beside = {0};
    const char **paths = NULL;
    if (status == RR_OK) {
        names = calloc(count, sizeof *names);
        paths = calloc(count, sizeof *paths);
        if (names == NULL || paths == NULL) status = rr_fail(RR_ERR_NOMEM, "no memory for %zu names", count);
    }
    for (size_t i = 0; i < count && status == RR_OK; i++) {
        rr_step_path(run, files.steps[count - 1 - i], &names[i]);
        paths[i] = rr_buffer_text(&names[i]);
    }
    rr_buffer_printf(&beside, "%s/average" RR_CHECKPOINT_SUFFIX, run);
    if (status == RR_OK) status = average(paths, count, out != NULL ? out : rr_buffer_text(&beside));
    for (size_t i = 0; i < count && names != NULL; i++) rr_buffer_free(&names[i]);
    rr_buffer_free(&beside);
    free(names);
    free(paths);
    free(files.steps);
    return status;
}

static rr_status run(int argc, char **argv) {
    rr_cli_arguments arguments;
    const char *out = NULL, *last_text = NULL;
    size_t last = 0;
    const rr_cli_option known[] = {
        {.name = "out", .value = &out}, {.name = "last", .value = &last_text}, {.name = NULL}};
    RR_TRY(rr_cli_parse(argc, argv, known, 1, RR_CLI_OPERANDS, &arguments));
    if (arguments.override_count > 0) return rr_fail(RR_ERR_INPUT, "ringrnn average has no --set");
    if (last_text != NULL) RR_TRY(rr_cli_size("last", last_text, &last));
    if (last_text != NULL && last == 0) return rr_fail(RR_ERR_INPUT, "--last 0: must be >= 1");
    if (arguments.operand_count == 1 && rr_folder_exists(arguments.operands[0]))
        return average_run(arguments.operands[0], last, out);
    for (size_t i = 0; i < arguments.operand_count; i++) {
        if (!rr_file_exists(arguments.operands[i]))
            return rr_fail(RR_ERR_INPUT, "%s: there is no such file or run folder", arguments.operands[i]);
        if (rr_folder_exists(arguments.operands[i]))
            return rr_fail(RR_ERR_INPUT, "%s: one run folder, or files", arguments.operands[i]);
    }
    if (last_text != NULL) return rr_fail(RR_ERR_INPUT, "--last is for a run folder");
    if (out == NULL) return rr_fail(RR_ERR_INPUT, "of files, --out FILE says where the average goes");
    return average(arguments.operands, arguments.operand_count, out);
}

const rr_command rr_command_average = {
    .name = "average",
    .arguments = "RUN|CKPT ... [options]",
    .help = "the mean of the weights of several checkpoints, for eval and predict: often better than any of them",
    .details = "  --last N     of RUN: its newest N checkpoints (default: all that ckpt.keep has kept)\n"
               "  --out FILE   where it goes (of RUN: RUN/average.safetensors)\n",
    .run = run,
    .local = true,
};
