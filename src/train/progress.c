#include <cjson/cJSON.h>
#include <math.h>
#include <stdlib.h>

#include "train/run.h"

/* Numbers stand as text, %.17g and %llu: cJSON's doubles would round 64-bit counts. */
static void put_count(rr_buffer *out, const char *name, uint64_t value) {
    rr_buffer_printf(out, "%s\"%s\": \"%llu\"", out->length > 1 ? ", " : "", name, (unsigned long long)value);
}

static void put_real(rr_buffer *out, const char *name, double value) {
    rr_buffer_printf(out, ", \"%s\": \"%.17g\"", name, value);
}

static int get(const cJSON *object, const char *name, uint64_t *count, double *real) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    if (!cJSON_IsString(item)) return 0;
    char *end;
    if (count != NULL) *count = strtoull(item->valuestring, &end, 10);
    if (real != NULL) *real = strtod(item->valuestring, &end);
    return *end == 0 && end != item->valuestring;
}

rr_status rr_progress_to_json(const rr_progress *progress, rr_buffer *out) {
    rr_buffer_puts(out, "{");
    put_count(out, "step", progress->position.step);
    put_count(out, "epoch", progress->position.epoch);
    put_count(out, "step_in_epoch", progress->position.step_in_epoch);
    put_count(out, "best_step", progress->best_step);
    put_count(out, "bad_evaluations", progress->bad_evaluations);
    put_count(out, "finished", progress->finished);
    put_count(out, "plateau_bad", progress->schedule.plateau_bad);
    put_count(out, "plateau_cooldown", progress->schedule.plateau_cooldown);
    put_real(out, "best_value", progress->best_value);
    put_real(out, "plateau_best", progress->schedule.plateau_best);
    put_real(out, "plateau_factor", progress->schedule.plateau_factor);
    rr_buffer_puts(out, "}");
    return out->failed ? rr_fail(RR_ERR_NOMEM, "no memory for the state of the run") : RR_OK;
}

rr_status rr_progress_from_json(const char *text, rr_progress *out) {
    rr_progress progress = *out;
    uint64_t finished = 0;
    cJSON *object = cJSON_Parse(text);
    int ok =
        get(object, "step", &progress.position.step, NULL) && get(object, "epoch", &progress.position.epoch, NULL) &&
        get(object, "step_in_epoch", &progress.position.step_in_epoch, NULL) &&
        get(object, "best_step", &progress.best_step, NULL) &&
        get(object, "bad_evaluations", &progress.bad_evaluations, NULL) && get(object, "finished", &finished, NULL) &&
        get(object, "plateau_bad", &progress.schedule.plateau_bad, NULL) &&
        get(object, "plateau_cooldown", &progress.schedule.plateau_cooldown, NULL) &&
        get(object, "best_value", NULL, &progress.best_value) &&
        get(object, "plateau_best", NULL, &progress.schedule.plateau_best) &&
        get(object, "plateau_factor", NULL, &progress.schedule.plateau_factor);
    cJSON_Delete(object);
    if (!ok) return rr_fail(RR_ERR_INPUT, "the state of the run in the checkpoint cannot be read");
    progress.finished = finished != 0;
    *out = progress;
    return RR_OK;
}
