#include "nn/linear.h"

#include <stdio.h>

#include "math/gemm.h"
#include "math/pointwise.h"

rr_status rr_linear_declare(rr_linear *linear, rr_params *params, const char *prefix, size_t in_size, size_t out_size,
                            bool has_bias, size_t tied_weight) {
    *linear = (rr_linear){.in_size = in_size, .out_size = out_size, .weight = tied_weight, .bias = (size_t)-1};
    rr_param param = {.kind = RR_PARAM_WEIGHT,
                      .dims = {out_size, in_size},
                      .dim_count = 2,
                      .fan_in = in_size,
                      .gates = 1,
                      .forget_gate = -1};
    if (tied_weight == (size_t)-1) {
        snprintf(param.name, sizeof param.name, "%s.weight", prefix);
        RR_TRY(rr_params_add(params, &param, &linear->weight));
    }
    if (!has_bias) return RR_OK;
    param.kind = RR_PARAM_BIAS;
    param.dim_count = 1;
    snprintf(param.name, sizeof param.name, "%s.bias", prefix);
    return rr_params_add(params, &param, &linear->bias);
}

void rr_linear_forward(const rr_linear *linear, const rr_params *params, size_t rows, const float *x, float *y) {
    bool has_bias = linear->bias != (size_t)-1;
    if (has_bias) rr_bias_fill(rows, linear->out_size, rr_param_value(params, linear->bias), NULL, y, linear->out_size);
    rr_gemm_forward(rows, linear->out_size, linear->in_size, x, linear->in_size, rr_param_value(params, linear->weight),
                    linear->in_size, has_bias, y, linear->out_size);
}

void rr_linear_backward(const rr_linear *linear, const rr_params *params, size_t rows, const float *x, const float *dy,
                        bool accumulate, float *dx) {
    size_t in = linear->in_size, out = linear->out_size;
    rr_gemm_backward_weight(rows, out, in, dy, out, x, in, rr_param_grad(params, linear->weight), in);
    if (linear->bias != (size_t)-1) rr_bias_backward(rows, out, dy, out, rr_param_grad(params, linear->bias));
    if (dx != NULL)
        rr_gemm_backward_input(rows, out, in, dy, out, rr_param_value(params, linear->weight), in, accumulate, dx, in);
}
