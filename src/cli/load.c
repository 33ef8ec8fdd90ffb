#include "cli/load.h"

#include "base/file.h"

rr_status rr_load(const rr_cli_arguments *arguments, rr_load_what what, rr_loaded *out) {
    *out = (rr_loaded){.config = NULL};
    rr_buffer text = {0};
    rr_status status = rr_file_read(arguments->operands[0], &text);
    if (status == RR_OK)
        status = rr_settings_parse(arguments->operands[0], rr_buffer_text(&text), text.length, arguments->overrides,
                                   arguments->override_count, &out->config, &out->settings);
    rr_buffer_free(&text);
    if (status != RR_OK || what == RR_LOAD_CONFIG) return status;
    rr_task_setup setup = rr_settings_task(&out->settings, out->config);
    setup.need_train = setup.need_eval = true;
    if (what == RR_LOAD_SIZES && out->settings.data.train.count == 0) {
        setup.synthetic_steps = 1;
        out->settings.train.patience = 0; /* there is nothing to validate on */
    }
    RR_TRY(rr_tasks[out->settings.task.type]->create(&setup, &out->task));
    size_t metric;
    return rr_settings_check_task(&out->settings, out->config, out->task, &metric);
}

void rr_load_free(rr_loaded *loaded) {
    if (loaded->task != NULL) loaded->task->ops->free(loaded->task);
    rr_config_free(loaded->config);
    *loaded = (rr_loaded){.config = NULL};
}
