#include "nn/bridge.h"

#include <stdio.h>
#include <string.h>

rr_status rr_bridge_declare(rr_bridge *bridge, rr_params *params, const char *prefix) {
    static const char *const names[2] = {"h", "c"};
    for (size_t s = 0; s < 2 && s < bridge->states && bridge->directions == 2; s++) {
        char name[RR_PARAM_NAME];
        snprintf(name, sizeof name, "%s.%s", prefix, names[s]);
        RR_TRY(rr_linear_declare(&bridge->map[s], params, name, 2 * bridge->hidden_size, bridge->hidden_size, true,
                                 (size_t)-1));
    }
    return RR_OK;
}

void rr_bridge_plan(rr_bridge *bridge, rr_arena *arena, rr_team *team, size_t max_rows, bool training) {
    if (bridge->directions != 2) return;
    size_t all = bridge->states * bridge->layers * max_rows * 2 * bridge->hidden_size;
    bridge->joined = rr_arena_floats(arena, all);
    bridge->djoined = training ? rr_arena_floats(arena, all) : NULL;
    for (size_t s = 0; s < bridge->states; s++)
        rr_linear_plan(&bridge->map[s], arena, team, bridge->layers * max_rows, training);
}

/* Where a direction's state of a layer and row lies. */
static size_t from_at(const rr_bridge *b, size_t rows, size_t part, size_t direction, size_t row) {
    return ((part * b->directions + direction) * rows + row) * b->hidden_size;
}

void rr_bridge_forward(rr_bridge *bridge, const rr_params *params, size_t rows, const float *from, const size_t *row,
                       float *to, const rr_hooks *hooks) {
    size_t H = bridge->hidden_size, D = bridge->directions, per_state = bridge->layers * rows;
    float *joined = D == 2 ? bridge->joined : to;
    for (size_t part = 0; part < bridge->states * bridge->layers; part++)
        for (size_t i = 0; i < rows; i++)
            for (size_t d = 0; d < D; d++)
                memcpy(joined + ((part * rows + i) * D + d) * H, from + from_at(bridge, rows, part, d, row[i]),
                       H * sizeof *to);
    for (size_t s = 0; s < bridge->states && D == 2; s++)
        rr_linear_forward(&bridge->map[s], params, per_state, joined + s * per_state * D * H, to + s * per_state * H,
                          hooks);
}

void rr_bridge_backward(rr_bridge *bridge, const rr_params *params, size_t rows, const float *dto, const size_t *row,
                        float *dfrom, const rr_hooks *hooks) {
    size_t H = bridge->hidden_size, D = bridge->directions, per_state = bridge->layers * rows;
    const float *djoined = D == 2 ? bridge->djoined : dto;
    for (size_t s = 0; s < bridge->states && D == 2; s++)
        rr_linear_backward(&bridge->map[s], params, per_state, bridge->joined + s * per_state * D * H,
                           dto + s * per_state * H, false, bridge->djoined + s * per_state * D * H, false, hooks);
    for (size_t part = 0; part < bridge->states * bridge->layers; part++)
        for (size_t i = 0; i < rows; i++)
            for (size_t d = 0; d < D; d++)
                memcpy(dfrom + from_at(bridge, rows, part, d, row[i]), djoined + ((part * rows + i) * D + d) * H,
                       H * sizeof *dfrom);
}
