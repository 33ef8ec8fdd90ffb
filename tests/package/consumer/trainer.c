/* Uses the trainer and the core together, through the header that includes all: a config that is not there. */
#include <stdio.h>
#include <string.h>

#include <ringrnn/ringrnn.h>

int main(int argc, char **argv) {
    rr_train_options options;
    memset(&options, 0, sizeof options);
    options.config_path = "no-such-file.yaml";
    rr_status status = rr_train(&options, &argc, &argv);
    if (status != RR_ERR_INPUT || strstr(rr_last_error(), "no-such-file.yaml") == NULL) {
        fprintf(stderr, "status %d: %s\n", (int)status, rr_last_error());
        return 1;
    }
    puts("trainer: as expected");
    return 0;
}
