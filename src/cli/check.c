#include <stdio.h>

#include "cli/cli.h"
#include "cli/load.h"

static rr_status check(int argc, char **argv) {
    rr_cli_arguments arguments;
    const char *no_data = NULL;
    const rr_cli_option known[] = {{.name = "no-data", .value = &no_data, .flag = true}, {.name = NULL}};
    RR_TRY(rr_cli_parse(argc, argv, known, 1, 1, &arguments));
    rr_loaded loaded;
    rr_status status = rr_load(&arguments, no_data == NULL ? RR_LOAD_DATA : RR_LOAD_CONFIG, &loaded);
    if (status == RR_OK) {
        rr_buffer text = {0};
        if (loaded.task != NULL) loaded.task->ops->describe(loaded.task, &text);
        printf("%s: no errors\n%s", arguments.operands[0], rr_buffer_text(&text));
        rr_buffer_free(&text);
    }
    rr_load_free(&loaded);
    return status;
}

const rr_command rr_command_check = {
    .name = "check",
    .arguments = "CONFIG [options]",
    .help = "checks a configuration and the data that it names, without training",
    .details = "  --set key=value    overrides a key\n"
               "  --no-data          checks the configuration alone\n",
    .run = check,
    .local = true,
};
