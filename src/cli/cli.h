/* Subcommands of the program: one file each. */
#ifndef RR_CLI_CLI_H
#define RR_CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

typedef struct rr_command {
    const char *name;
    const char *arguments; /* "CONFIG [options]" */
    const char *help;      /* one line */
    const char *details;   /* what --help says beside it; options */
    rr_status (*run)(int argc, char **argv);
    bool local; /* never starts MPI, and leaves it to main to tell the last error */
} rr_command;

extern const rr_command rr_command_train, rr_command_eval, rr_command_generate, rr_command_predict, rr_command_average,
    rr_command_info, rr_command_check, rr_command_config, rr_command_bench, rr_command_bpe, rr_command_doctor;

enum { RR_CLI_OVERRIDES = 256, RR_CLI_OPERANDS = 64 };

/** An option of a command: `--name VALUE`, or a flag. */
typedef struct rr_cli_option {
    const char *name;   /* "resume", NULL ends the list */
    const char **value; /* gets the text; a flag gets "" */
    bool flag;
} rr_cli_option;

typedef struct rr_cli_arguments {
    const char *operands[RR_CLI_OPERANDS];
    size_t operand_count;
    const char *overrides[RR_CLI_OVERRIDES]; /* of --set */
    size_t override_count;
} rr_cli_arguments;

/**
 * Reads argv[1 ..] (argv[0] is the command's name): options of the list and --set in any place, `--` ends them.
 * @return RR_ERR_INPUT naming the option and the nearest known one
 */
rr_status rr_cli_parse(int argc, char **argv, const rr_cli_option *options, size_t least, size_t most,
                       rr_cli_arguments *out);

/** Prints the last error; of several ranks, which all read the same arguments, the first does. */
void rr_cli_complain(void);
/** False on all ranks but the first, as far as the launcher's environment tells before MPI has started. */
bool rr_cli_speaks(void);

/** Whole numbers and reals of options. @return RR_ERR_INPUT naming the option */
rr_status rr_cli_size(const char *option, const char *text, size_t *out);
rr_status rr_cli_real(const char *option, const char *text, double *out);

#endif
