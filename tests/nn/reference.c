#include "nn/reference.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double *values_of(const reference *r, const char *prefix, const char *what, size_t layer,
                               size_t direction) {
    char name[128];
    snprintf(name, sizeof name, "%s.%s_l%zu%s", prefix, what, layer, direction == 1 ? "_reverse" : "");
    size_t index = rr_params_find(r->params, name);
    return index < r->params->count ? r->values + r->params->items[index].offset : NULL;
}

static double sigmoid(double x) { return 1 / (1 + exp(-x)); }

/* w[row] . v (+ bias[row]) */
static double product(const double *w, size_t row, size_t width, const double *v, const double *bias) {
    double sum = bias != NULL ? bias[row] : 0;
    for (size_t k = 0; k < width; k++) sum += w[row * width + k] * v[k];
    return sum;
}

typedef struct weights {
    const double *w_ih, *w_hh, *b_ih, *b_hh;
} weights;

/* One unit of one row: h and c are those before the step; returns the new h and sets the new c. */
static double unit(const char *cell, const weights *w, size_t I, size_t H, size_t u, const double *x, const double *h,
                   const double *c, double *c_new) {
#define PART(gate) (product(w->w_ih, (gate)*H + u, I, x, w->b_ih) + product(w->w_hh, (gate)*H + u, H, h, w->b_hh))
    if (strcmp(cell, "lstm") == 0) {
        *c_new = sigmoid(PART(1)) * c[u] + sigmoid(PART(0)) * tanh(PART(2));
        return sigmoid(PART(3)) * tanh(*c_new);
    }
    if (strcmp(cell, "gru") == 0) {
        double reset = sigmoid(PART(0)), z = sigmoid(PART(1));
        double n =
            tanh(product(w->w_ih, 2 * H + u, I, x, w->b_ih) + reset * product(w->w_hh, 2 * H + u, H, h, w->b_hh));
        return (1 - z) * n + z * h[u];
    }
    double sum = PART(0);
    return strcmp(cell, "rnn_tanh") == 0 ? tanh(sum) : sum > 0 ? sum : 0;
#undef PART
}

void reference_forward(reference *r, const char *prefix) {
    const rr_rnn_spec *spec = r->spec;
    const rr_sequence *s = r->sequence;
    size_t H = spec->hidden_size, D = spec->bidirectional ? 2 : 1, L = spec->num_layers, B = s->rows;
    size_t width = spec->input_size > D * H ? spec->input_size : D * H;
    double *input = malloc(s->total * width * sizeof *input), *output = malloc(s->total * D * H * sizeof *output);
    double *h = malloc(H * sizeof *h), *c = malloc(H * sizeof *c), *h_new = malloc(H * sizeof *h),
           *c_new = malloc(H * sizeof *c);
    memcpy(input, r->x, s->total * spec->input_size * sizeof *input);
    for (size_t l = 0; l < L; l++) {
        size_t I = l == 0 ? spec->input_size : D * H;
        for (size_t d = 0; d < D; d++) {
            weights w = {values_of(r, prefix, "weight_ih", l, d), values_of(r, prefix, "weight_hh", l, d),
                         values_of(r, prefix, "bias_ih", l, d), values_of(r, prefix, "bias_hh", l, d)};
            for (size_t row = 0; row < B; row++) {
                size_t h_at = ((l * D + d) * B + row) * H, c_at = ((L * D + l * D + d) * B + row) * H;
                memcpy(h, r->state + h_at, H * sizeof *h);
                if (spec->cell->states > 1) memcpy(c, r->state + c_at, H * sizeof *c);
                for (size_t i = 0; i < s->lengths[row]; i++) {
                    size_t t = d == 0 ? i : s->lengths[row] - 1 - i, at = s->offset[t] + row;
                    for (size_t u = 0; u < H; u++)
                        h_new[u] = unit(spec->cell->name, &w, I, H, u, input + at * I, h, c, &c_new[u]);
                    memcpy(h, h_new, H * sizeof *h);
                    memcpy(c, c_new, H * sizeof *c);
                    memcpy(output + at * D * H + d * H, h, H * sizeof *h);
                }
                memcpy(r->state_out + h_at, h, H * sizeof *h);
                if (spec->cell->states > 1) memcpy(r->state_out + c_at, c, H * sizeof *c);
            }
        }
        memcpy(l + 1 < L ? input : r->y, output, s->total * D * H * sizeof *output);
        if (l + 1 < L && r->masks != NULL)
            for (size_t i = 0; i < s->total * D * H; i++) input[i] *= r->masks[l * s->total * D * H + i];
    }
    free(input);
    free(output);
    free(h);
    free(c);
    free(h_new);
    free(c_new);
}
