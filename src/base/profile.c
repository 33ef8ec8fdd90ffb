#include "base/profile.h"

#include <string.h>

#include "base/clock.h"

const char *const rr_phase_names[RR_PHASE_COUNT] = {
    "other",           "embedding", "pack", "input_gemm", "recurrent_forward", "recurrent_backward", "pointwise",
    "weight_gradient", "head",      "loss", "clip",       "optimiser",         "exposed_comm",       "wait"};

static _Thread_local struct {
    bool on;
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
