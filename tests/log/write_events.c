/* write_events FOLDER FIRST LAST RESUME OFFSET: logs steps FIRST..LAST of a run that goes on from RESUME, loss = step +
 * OFFSET. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "log/log.h"

static int write_run(rr_logger *log, uint64_t first, uint64_t last, double offset) {
    float values[1000];
    rr_event text = {
        .kind = RR_EVENT_TEXT, .step = first - 1, .name = "config", .text = "optim:\n  lr: 0.1 # *star*\n"};
    if (rr_log_write(log, &text) != RR_OK) return 1;
    for (uint64_t step = first; step <= last; step++) {
        const rr_scalar scalars[] = {{"loss", (double)step + offset}, {"lr", 1e-3}, {"odd", step % 2 ? NAN : INFINITY}};
        const rr_event train = {
            .kind = RR_EVENT_METRICS, .step = step, .split = "train", .scalars = scalars, .scalar_count = 3};
        if (rr_log_write(log, &train) != RR_OK) return 1;
        if (step % 10 != 0) continue;
        const rr_event valid = {
            .kind = RR_EVENT_METRICS, .step = step, .split = "valid", .scalars = scalars, .scalar_count = 1};
        for (size_t i = 0; i < 1000; i++) values[i] = (float)((int)i - 500) / 250 * (float)step;
        values[7] = NAN;
        const rr_event histogram = {.kind = RR_EVENT_HISTOGRAM,
                                    .step = step,
                                    .name = "weights/rnn.weight_hh_l0",
                                    .values = values,
                                    .count = 1000};
        const rr_event sample = {
            .kind = RR_EVENT_TEXT, .step = step, .name = "sample", .text = "to be\xC3\n\xC3\xBC or"};
        if (rr_log_write(log, &valid) != RR_OK || rr_log_write(log, &histogram) != RR_OK ||
            rr_log_write(log, &sample) != RR_OK)
            return 1;
    }
    return rr_log_flush(log) == RR_OK ? 0 : 1;
}

int main(int argc, char **argv) {
    const rr_log_config config = {.every_steps = 1, .tensorboard = true};
    rr_logger *log = NULL;
    if (argc != 6) return 2;
    uint64_t first = strtoull(argv[2], NULL, 10), last = strtoull(argv[3], NULL, 10),
             resume = strtoull(argv[4], NULL, 10);
    if (rr_log_open(argv[1], &config, resume, &log) != RR_OK ||
        write_run(log, first, last, strtod(argv[5], NULL)) != 0) {
        fprintf(stderr, "%s\n", rr_last_error());
        return 1;
    }
    fflush(stdout);
    _exit(0); /* as if killed: nothing is closed */
}
