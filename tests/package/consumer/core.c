/* Uses the core, which has no MPI: a checkpoint that is not there is the user's mistake, and is named. */
#include <stdio.h>
#include <string.h>

#include <ringrnn/model.h>
#include <ringrnn/status.h>

int main(void) {
    rr_model *model = NULL;
    rr_status status = rr_model_open("no-such-file.safetensors", &model);
    if (rr_status_exit_code(status) != 2 || model != NULL) return 1;
    if (strstr(rr_last_error(), "no-such-file.safetensors") == NULL) return 1;
    puts("core: as expected");
    return 0;
}
