#include "bench/alone.h"

#include <stdio.h>

#include "base/file.h"
#include "math/runtime.h"

rr_status rr_bench_alone(const rr_bench_options *options,
                         rr_status (*work)(const rr_bench_options *options, const rr_settings *settings)) {
    rr_buffer text = {0};
    rr_config *config = NULL;
    rr_settings settings;
    const rr_train_options *train = &options->train;
    rr_status status = rr_file_read(train->config_path, &text);
    if (status == RR_OK)
        status = rr_settings_parse(train->config_path, rr_buffer_text(&text), text.length, train->overrides,
                                   train->override_count, &config, &settings);
    if (status == RR_OK) status = rr_math_open(1);
    if (status == RR_OK) status = work(options, &settings);
    if (status != RR_OK) fprintf(stderr, "ringrnn: %s\n", rr_last_error());
    rr_config_free(config);
    rr_buffer_free(&text);
    return status;
}
