#include "base/profile.h"

#include <string.h>

#include "base/clock.h"

#define GROUP "phases_ms."

const char *const rr_phase_tags[RR_PHASE_COUNT] = {
    [RR_PHASE_OTHER] = GROUP "other",
    [RR_PHASE_EMBEDDING] = GROUP "embedding",
    [RR_PHASE_PACK] = GROUP "pack",
    [RR_PHASE_INPUT_GEMM] = GROUP "input_gemm",
    [RR_PHASE_RECURRENT_FORWARD] = GROUP "recurrent_forward",
    [RR_PHASE_RECURRENT_BACKWARD] = GROUP "recurrent_backward",
    [RR_PHASE_POINTWISE] = GROUP "pointwise",
    [RR_PHASE_WEIGHT_GRADIENT] = GROUP "weight_gradient",
    [RR_PHASE_HEAD] = GROUP "head",
    [RR_PHASE_LOSS] = GROUP "loss",
    [RR_PHASE_CLIP] = GROUP "clip",
    [RR_PHASE_OPTIMISER] = GROUP "optimiser",
    [RR_PHASE_EXPOSED_COMM] = GROUP "exposed_comm",
    [RR_PHASE_WAIT] = GROUP "wait",
};

const char *rr_phase_name(rr_phase phase) { return rr_phase_tags[phase] + sizeof GROUP - 1; }

static _Thread_local struct {
    bool on, paused;
    rr_phase phase;
    double since_s;
    double seconds[RR_PHASE_COUNT];
} profile;

void rr_profile_start(void) {
    memset(&profile, 0, sizeof profile);
    profile.on = true;
    profile.since_s = rr_clock_seconds();
}

void rr_profile_stop(void) { profile.on = false; }

void rr_profile_pause(void) {
    if (!profile.on) return;
    rr_profile_enter(profile.phase);
    profile.on = false;
    profile.paused = true;
}

void rr_profile_resume(void) {
    if (!profile.paused) return;
    profile.paused = false;
    profile.on = true;
    profile.since_s = rr_clock_seconds();
}

rr_phase rr_profile_enter(rr_phase phase) {
    if (!profile.on) return RR_PHASE_OTHER;
    rr_phase before = profile.phase;
    double now = rr_clock_seconds();
    profile.seconds[before] += now - profile.since_s;
    profile.since_s = now;
    profile.phase = phase;
    return before;
}

void rr_profile_take(double seconds[RR_PHASE_COUNT]) {
    rr_profile_enter(profile.phase);
    memcpy(seconds, profile.seconds, sizeof profile.seconds);
    memset(profile.seconds, 0, sizeof profile.seconds);
}
