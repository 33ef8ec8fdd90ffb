/* Scores a text with a checkpoint through the public interface alone: score CHECKPOINT FILE prints nll and tokens. */
#include <stdio.h>
#include <stdlib.h>

#include "ringrnn/ringrnn.h"

int main(int argc, char **argv) {
    rr_model *model = NULL;
    if (argc != 3 || rr_model_open(argv[1], &model) != RR_OK) {
        fprintf(stderr, "%s\n", rr_last_error());
        return 2;
    }
    FILE *file = fopen(argv[2], "rb");
    static char text[1 << 20];
    size_t length = file != NULL ? fread(text, 1, sizeof text, file) : 0, tokens = 0;
    double nll = 0;
    rr_status status = rr_model_score(model, text, length, &nll, &tokens);
    if (status == RR_OK)
        printf("%.17g %zu %zu\n", nll, tokens, rr_model_parameters(model));
    else
        fprintf(stderr, "%s\n", rr_last_error());
    if (file != NULL) fclose(file);
    rr_model_close(model);
    return rr_status_exit_code(status);
}
