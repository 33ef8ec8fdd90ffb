#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "config/config.h"
#include "math/runtime.h"
#include "ringrnn/version.h"

static const rr_command *const commands[] = {
    &rr_command_train,   &rr_command_eval,  &rr_command_generate, &rr_command_predict,
    &rr_command_average, &rr_command_bpe,   &rr_command_info,     &rr_command_check,
    &rr_command_config,  &rr_command_bench, &rr_command_doctor,
};
enum { COMMANDS = sizeof commands / sizeof *commands };

static void print_usage(FILE *out) {
    fprintf(out, "ringrnn %s: trains recurrent networks on clusters of CPUs\n\n", RINGRNN_VERSION);
    for (size_t i = 0; i < COMMANDS; i++)
        fprintf(out, "  ringrnn %-10s %-28s %s\n", commands[i]->name, commands[i]->arguments, commands[i]->help);
    fprintf(out, "\nEach command has --help. Several ranks: mpirun -n 4 ringrnn train CONFIG.\n"
                 "Exit codes: 0 done, 1 failed while running, 2 wrong input, 3 loss or gradient not finite, "
                 "75 stopped after saving.\n");
}

static void print_help(const rr_command *command) {
    printf("ringrnn %s %s\n\n%s\n\n%s", command->name, command->arguments, command->help, command->details);
}

static int wrong_usage(const char *name) {
    if (!rr_cli_speaks()) return 2;
    const char *names[COMMANDS];
    for (size_t i = 0; i < COMMANDS; i++) names[i] = commands[i]->name;
    const char *nearest = rr_nearest(name, names, COMMANDS);
    fprintf(stderr, "ringrnn: unknown command '%s'", name);
    if (nearest != NULL) fprintf(stderr, "; did you mean %s?", nearest);
    fprintf(stderr, "\n\n");
    print_usage(stderr);
    return 2;
}

int main(int argc, char **argv) {
    if (argc < 2) {
        print_usage(stderr);
        return 2;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
        print_usage(stdout);
        return 0;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("ringrnn %s\n", RINGRNN_VERSION);
        return 0;
    }
    for (size_t i = 0; i < COMMANDS; i++) {
        if (strcmp(argv[1], commands[i]->name) != 0) continue;
        for (int k = 2; k < argc && strcmp(argv[k], "--") != 0; k++)
            if (strcmp(argv[k], "--help") == 0 || strcmp(argv[k], "-h") == 0) {
                print_help(commands[i]);
                return 0;
            }
        rr_math_start(argv);
        rr_status status = commands[i]->run(argc - 1, argv + 1);
        if (status != RR_OK && commands[i]->local) rr_cli_complain();
        return rr_status_exit_code(status);
    }
    return wrong_usage(argv[1]);
}
