#include "nn/reference.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

size_t ref_gates(ref_cell cell) { return cell == REF_LSTM ? 4 : cell == REF_GRU ? 3 : 1; }
size_t ref_states(ref_cell cell) { return cell == REF_LSTM ? 2 : 1; }

static double *zeros(size_t count) {
    double *values = calloc(count + 1, sizeof *values);
    if (values == NULL) abort();
    return values;
}

static size_t width_below(const ref_rnn *r, size_t layer) { return layer == 0 ? r->input_size : r->directions * r->H; }

void ref_weights_open(const ref_rnn *r, ref_weights weights[REF_MAX_LAYERS][2]) {
    size_t GH = ref_gates(r->cell) * r->H;
    memset(weights, 0, sizeof(ref_weights[REF_MAX_LAYERS][2]));
    for (size_t l = 0; l < r->layers; l++)
        for (size_t d = 0; d < r->directions; d++) {
            ref_weights *w = &weights[l][d];
            w->w_ih = zeros(GH * width_below(r, l));
            w->w_hh = zeros(GH * r->H);
            if (!r->bias) continue;
            w->b_ih = zeros(GH);
            w->b_hh = zeros(GH);
        }
}

void ref_weights_close(ref_weights weights[REF_MAX_LAYERS][2]) {
    for (size_t l = 0; l < REF_MAX_LAYERS; l++)
        for (size_t d = 0; d < 2; d++) {
            free(weights[l][d].w_ih);
            free(weights[l][d].w_hh);
            free(weights[l][d].b_ih);
            free(weights[l][d].b_hh);
        }
}

void ref_open(ref_rnn *r, size_t total) {
    ref_weights_open(r, r->weights);
    for (size_t l = 0; l < r->layers; l++) {
        r->h[l] = zeros(total * r->directions * r->H);
        for (size_t d = 0; d < r->directions; d++) {
            r->gates[l][d] = zeros(total * ref_gates(r->cell) * r->H);
            r->hn[l][d] = zeros(total * r->H);
            r->c[l][d] = zeros(total * r->H);
        }
    }
}

void ref_close(ref_rnn *r) {
    ref_weights_close(r->weights);
    for (size_t l = 0; l < r->layers; l++) {
        free(r->h[l]);
        for (size_t d = 0; d < r->directions; d++) {
            free(r->gates[l][d]);
            free(r->hn[l][d]);
            free(r->c[l][d]);
        }
    }
}

static double sigmoid(double x) { return 1 / (1 + exp(-x)); }

static double dot(size_t count, const double *a, const double *b) {
    double sum = 0;
    for (size_t i = 0; i < count; i++) sum += a[i] * b[i];
    return sum;
}

/* y += alpha x */
static void add(size_t count, double alpha, const double *x, double *y) {
    for (size_t i = 0; i < count; i++) y[i] += alpha * x[i];
}

/* y += |alpha x| */
static void add_size(size_t count, double alpha, const double *x, double *y) {
    for (size_t i = 0; i < count; i++) y[i] += fabs(alpha * x[i]);
}

/* One direction of one layer over one row, step i of its n steps. */
typedef struct place {
    size_t now, before; /* packed rows of this step and of the one before it in the direction of reading */
    bool first, last;   /* of the row's steps */
    const double *x, *h_prev, *c_prev; /* [in], [H], [H] */
} place;

static const double *state_of(const ref_rnn *r, const rr_sequence *s, const double *state, size_t which, size_t layer,
                              size_t direction, size_t row) {
    size_t at = ((which * r->layers + layer) * r->directions + direction) * s->rows + row;
    return state + at * r->H;
}

static place find(const ref_rnn *r, const rr_sequence *s, const double *input, const double *state, size_t layer,
                  size_t direction, size_t row, size_t i) {
    size_t n = s->lengths[row], t = direction == 0 ? i : n - 1 - i, H = r->H;
    place p = {.now = s->offset[t] + row, .first = i == 0, .last = i == n - 1};
    p.x = input + p.now * width_below(r, layer);
    if (p.first) {
        p.h_prev = state_of(r, s, state, 0, layer, direction, row);
        p.c_prev = r->cell == REF_LSTM ? state_of(r, s, state, 1, layer, direction, row) : NULL;
    } else {
        p.before = s->offset[direction == 0 ? t - 1 : t + 1] + row;
        p.h_prev = r->h[layer] + p.before * r->directions * H + direction * H;
        p.c_prev = r->c[layer][direction] + p.before * H;
    }
    return p;
}

static void cell_forward(const ref_rnn *r, const ref_weights *w, size_t in, const place *p, double *gates, double *hn,
                         double *c, double *h) {
    size_t H = r->H, G = ref_gates(r->cell);
    for (size_t u = 0; u < H; u++) {
        double from_x[4], from_h[4];
        for (size_t g = 0; g < G; g++) {
            size_t k = g * H + u;
            from_x[g] = dot(in, w->w_ih + k * in, p->x) + (r->bias ? w->b_ih[k] : 0);
            from_h[g] = dot(H, w->w_hh + k * H, p->h_prev) + (r->bias ? w->b_hh[k] : 0);
        }
        switch (r->cell) {
        case REF_LSTM: {
            double i = sigmoid(from_x[0] + from_h[0]), f = sigmoid(from_x[1] + from_h[1]);
            double g = tanh(from_x[2] + from_h[2]), o = sigmoid(from_x[3] + from_h[3]);
            gates[u] = i, gates[H + u] = f, gates[2 * H + u] = g, gates[3 * H + u] = o;
            c[u] = f * p->c_prev[u] + i * g;
            h[u] = o * tanh(c[u]);
            break;
        }
        case REF_GRU: {
            double reset = sigmoid(from_x[0] + from_h[0]), z = sigmoid(from_x[1] + from_h[1]);
            double n = tanh(from_x[2] + reset * from_h[2]);
            gates[u] = reset, gates[H + u] = z, gates[2 * H + u] = n;
            hn[u] = from_h[2];
            h[u] = (1 - z) * n + z * p->h_prev[u];
            break;
        }
        case REF_RNN_TANH:
            h[u] = gates[u] = tanh(from_x[0] + from_h[0]);
            break;
        case REF_RNN_RELU:
            h[u] = gates[u] = fmax(0, from_x[0] + from_h[0]);
            break;
        }
    }
}

/* Input of a layer, [total, width_below]: x, or what lies below times its mask. Freed by the caller. */
static double *layer_input(const ref_rnn *r, const rr_sequence *s, const double *x, size_t layer) {
    size_t count = s->total * width_below(r, layer);
    double *input = zeros(count);
    memcpy(input, layer == 0 ? x : r->h[layer - 1], count * sizeof *input);
    if (layer > 0 && r->mask[layer - 1] != NULL)
        for (size_t i = 0; i < count; i++) input[i] *= r->mask[layer - 1][i];
    return input;
}

void ref_forward(ref_rnn *r, const rr_sequence *s, const double *x, const double *state, double *y, double *state_out) {
    size_t H = r->H, D = r->directions, GH = ref_gates(r->cell) * H;
    double *none = zeros(2 * r->layers * D * s->rows * H);
    if (state == NULL) state = none;
    for (size_t l = 0; l < r->layers; l++) {
        double *input = layer_input(r, s, x, l);
        for (size_t d = 0; d < D; d++)
            for (size_t row = 0; row < s->rows; row++)
                for (size_t i = 0; i < s->lengths[row]; i++) {
                    place p = find(r, s, input, state, l, d, row, i);
                    double *c = r->c[l][d] + p.now * H, *h = r->h[l] + p.now * D * H + d * H;
                    cell_forward(r, &r->weights[l][d], width_below(r, l), &p, r->gates[l][d] + p.now * GH,
                                 r->hn[l][d] + p.now * H, c, h);
                    if (!p.last) continue;
                    memcpy((double *)state_of(r, s, state_out, 0, l, d, row), h, H * sizeof *h);
                    if (r->cell == REF_LSTM)
                        memcpy((double *)state_of(r, s, state_out, 1, l, d, row), c, H * sizeof *c);
                }
        free(input);
    }
    memcpy(y, r->h[r->layers - 1], s->total * D * H * sizeof *y);
    free(none);
}

/* dh [H]: of h, on entry; of h_prev, on return. dc [H] the same for c. */
static void cell_backward(const ref_rnn *r, const ref_weights *w, size_t in, const place *p, const double *gates,
                          const double *hn, const double *c, double *dh, double *dc, const ref_weights *grads,
                          const ref_weights *sizes, double *dx) {
    size_t H = r->H, G = ref_gates(r->cell);
    double *before = zeros(H); /* gradient of h_prev */
    for (size_t u = 0; u < H; u++) {
        double of_x[4] = {0}, of_h[4] = {0}; /* gradients of from_x and from_h */
        switch (r->cell) {
        case REF_LSTM: {
            double i = gates[u], f = gates[H + u], g = gates[2 * H + u], o = gates[3 * H + u], t = tanh(c[u]);
            double d = dc[u] + dh[u] * o * (1 - t * t);
            of_x[0] = d * g * i * (1 - i);
            of_x[1] = d * p->c_prev[u] * f * (1 - f);
            of_x[2] = d * i * (1 - g * g);
            of_x[3] = dh[u] * t * o * (1 - o);
            memcpy(of_h, of_x, sizeof of_h);
            dc[u] = d * f;
            break;
        }
        case REF_GRU: {
            double reset = gates[u], z = gates[H + u], n = gates[2 * H + u];
            double dn = dh[u] * (1 - z) * (1 - n * n);
            of_x[0] = of_h[0] = dn * hn[u] * reset * (1 - reset);
            of_x[1] = of_h[1] = dh[u] * (p->h_prev[u] - n) * z * (1 - z);
            of_x[2] = dn;
            of_h[2] = dn * reset;
            before[u] += dh[u] * z;
            break;
        }
        case REF_RNN_TANH:
            of_x[0] = of_h[0] = dh[u] * (1 - gates[u] * gates[u]);
            break;
        case REF_RNN_RELU:
            of_x[0] = of_h[0] = gates[u] > 0 ? dh[u] : 0;
            break;
        }
        for (size_t g = 0; g < G; g++) {
            size_t k = g * H + u;
            add(in, of_x[g], p->x, grads->w_ih + k * in);
            add(H, of_h[g], p->h_prev, grads->w_hh + k * H);
            if (r->bias) grads->b_ih[k] += of_x[g], grads->b_hh[k] += of_h[g];
            add_size(in, of_x[g], p->x, sizes->w_ih + k * in);
            add_size(H, of_h[g], p->h_prev, sizes->w_hh + k * H);
            if (r->bias) sizes->b_ih[k] += fabs(of_x[g]), sizes->b_hh[k] += fabs(of_h[g]);
            add(in, of_x[g], w->w_ih + k * in, dx);
            add(H, of_h[g], w->w_hh + k * H, before);
        }
    }
    memcpy(dh, before, H * sizeof *dh);
    free(before);
}

void ref_backward(const ref_rnn *r, const rr_sequence *s, const double *x, const double *state, const double *dy,
                  const double *dstate_out, ref_weights grads[REF_MAX_LAYERS][2], ref_weights sizes[REF_MAX_LAYERS][2],
                  double *dx, double *dstate) {
    size_t H = r->H, D = r->directions, GH = ref_gates(r->cell) * H, states = ref_states(r->cell);
    double *none = zeros(2 * r->layers * D * s->rows * H), *dh = zeros(H), *dc = zeros(H);
    double *d_output = zeros(s->total * D * H);
    if (state == NULL) state = none;
    if (dstate_out == NULL) dstate_out = none;
    memcpy(d_output, dy, s->total * D * H * sizeof *dy);
    for (size_t l = r->layers; l-- > 0;) {
        size_t in = width_below(r, l);
        double *input = layer_input(r, s, x, l), *d_input = zeros(s->total * in);
        for (size_t d = 0; d < D; d++)
            for (size_t row = 0; row < s->rows; row++) {
                memcpy(dh, state_of(r, s, dstate_out, 0, l, d, row), H * sizeof *dh);
                if (states == 2) memcpy(dc, state_of(r, s, dstate_out, 1, l, d, row), H * sizeof *dc);
                for (size_t i = s->lengths[row]; i-- > 0;) {
                    place p = find(r, s, input, state, l, d, row, i);
                    add(H, 1, d_output + p.now * D * H + d * H, dh);
                    cell_backward(r, &r->weights[l][d], in, &p, r->gates[l][d] + p.now * GH, r->hn[l][d] + p.now * H,
                                  r->c[l][d] + p.now * H, dh, dc, &grads[l][d], &sizes[l][d], d_input + p.now * in);
                }
                memcpy((double *)state_of(r, s, dstate, 0, l, d, row), dh, H * sizeof *dh);
                if (states == 2) memcpy((double *)state_of(r, s, dstate, 1, l, d, row), dc, H * sizeof *dc);
            }
        if (l > 0) {
            memcpy(d_output, d_input, s->total * in * sizeof *d_input);
            if (r->mask[l - 1] != NULL)
                for (size_t i = 0; i < s->total * in; i++) d_output[i] *= r->mask[l - 1][i];
        } else {
            memcpy(dx, d_input, s->total * in * sizeof *d_input);
        }
        free(input);
        free(d_input);
    }
    free(none);
    free(dh);
    free(dc);
    free(d_output);
}

void ref_linear(size_t rows, size_t in, size_t out, const double *x, const double *w, const double *b, double *y) {
    for (size_t row = 0; row < rows; row++)
        for (size_t o = 0; o < out; o++) y[row * out + o] = dot(in, x + row * in, w + o * in) + (b != NULL ? b[o] : 0);
}

void ref_linear_backward(size_t rows, size_t in, size_t out, const double *x, const double *w, const double *dy,
                         double *dw, double *db, double *dx) {
    memset(dx, 0, rows * in * sizeof *dx);
    for (size_t row = 0; row < rows; row++)
        for (size_t o = 0; o < out; o++) {
            double d = dy[row * out + o];
            add(in, d, x + row * in, dw + o * in);
            add(in, d, w + o * in, dx + row * in);
            if (db != NULL) db[o] += d;
        }
}

double ref_softmax_nll(size_t rows, size_t width, const double *logits, const int32_t *targets, double *d) {
    double loss = 0;
    for (size_t row = 0; row < rows; row++) {
        const double *z = logits + row * width;
        double largest = z[0], sum = 0;
        for (size_t i = 1; i < width; i++) largest = fmax(largest, z[i]);
        for (size_t i = 0; i < width; i++) sum += exp(z[i] - largest);
        for (size_t i = 0; i < width; i++) d[row * width + i] = targets[row] < 0 ? 0 : exp(z[i] - largest) / sum;
        if (targets[row] < 0) continue;
        d[row * width + (size_t)targets[row]] -= 1;
        loss += largest + log(sum) - z[targets[row]];
    }
    return loss;
}

double ref_sigmoid_bce(size_t rows, size_t width, const double *logits, const double *targets, double *d) {
    double loss = 0;
    for (size_t i = 0; i < rows * width; i++) {
        double p = sigmoid(logits[i]);
        loss -= targets[i] * log(p) + (1 - targets[i]) * log(1 - p);
        d[i] = p - targets[i];
    }
    return loss;
}

double ref_squared_error(size_t rows, size_t width, const double *y, const double *targets, double *d) {
    double loss = 0;
    for (size_t i = 0; i < rows * width; i++) {
        double error = y[i] - targets[i];
        loss += error * error;
        d[i] = 2 * error;
    }
    return loss;
}
