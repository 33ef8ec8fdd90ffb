#include "task/ridge.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

rr_status rr_ridge_create(size_t window, size_t horizon, rr_ridge *out) {
    size_t width = 1 + window + horizon;
    double *gram = calloc(width * width, sizeof *gram);
    if (gram == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for products of %zu values", width);
    *out = (rr_ridge){.window = window, .horizon = horizon, .width = width, .gram = gram};
    return RR_OK;
}

void rr_ridge_free(rr_ridge *ridge) {
    free(ridge->gram);
    *ridge = (rr_ridge){.count = 0};
}

/* sum[i][j] of x[s + i] x[s + j] over windows s; that of (i + 1, j + 1) loses the first term and gains one behind. */
void rr_ridge_add(rr_ridge *ridge, const float *x, size_t stride, size_t windows) {
    size_t length = ridge->width - 1, width = ridge->width;
    if (windows == 0) return;
    ridge->count += (double)windows;
    ridge->gram[0] += (double)windows;
    for (size_t lag = 0; lag < length; lag++) {
        double products = 0, sum = 0;
        for (size_t s = 0; s < windows; s++) {
            products += (double)x[s * stride] * (double)x[(s + lag) * stride];
            sum += (double)x[(s + lag) * stride];
        }
        ridge->gram[1 + lag] += sum;
        ridge->gram[(1 + lag) * width] += sum;
        for (size_t i = 0; i + lag < length; i++) {
            ridge->gram[(1 + i) * width + 1 + i + lag] += products;
            if (lag > 0) ridge->gram[(1 + i + lag) * width + 1 + i] += products;
            if (i + lag + 1 == length) break;
            products -= (double)x[i * stride] * (double)x[(i + lag) * stride];
            products += (double)x[(windows + i) * stride] * (double)x[(windows + i + lag) * stride];
        }
    }
}

/* a = L L^T in place, the lower half; false if a is not positive definite. */
static bool factor(double *a, size_t n) {
    for (size_t j = 0; j < n; j++) {
        for (size_t i = j; i < n; i++) {
            double sum = a[i * n + j];
            for (size_t k = 0; k < j; k++) sum -= a[i * n + k] * a[j * n + k];
            if (i == j && !(sum > 0)) return false;
            a[i * n + j] = i == j ? sqrt(sum) : sum / a[j * n + j];
        }
    }
    return true;
}

static void solve(const double *l, size_t n, double *b) {
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < i; k++) b[i] -= l[i * n + k] * b[k];
        b[i] /= l[i * n + i];
    }
    for (size_t i = n; i-- > 0;) {
        for (size_t k = i + 1; k < n; k++) b[i] -= l[k * n + i] * b[k];
        b[i] /= l[i * n + i];
    }
}

rr_status rr_ridge_solve(const rr_ridge *ridge, double penalty, double *map) {
    size_t n = 1 + ridge->window;
    double *a = malloc(n * n * sizeof *a);
    if (a == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for a linear map of %zu values", n);
    for (size_t i = 0; i < n; i++) {
        memcpy(a + i * n, ridge->gram + i * ridge->width, n * sizeof *a);
        if (i > 0) a[i * n + i] += penalty * ridge->count;
    }
    bool found = factor(a, n);
    for (size_t h = 0; h < ridge->horizon && found; h++) {
        memcpy(map + h * n, ridge->gram + (n + h) * ridge->width, n * sizeof *map);
        solve(a, n, map + h * n);
    }
    free(a);
    return found ? RR_OK : rr_fail(RR_ERR_NUMERIC, "the linear map is not determined");
}

double rr_ridge_error(const rr_ridge *ridge, const double *map) {
    size_t n = 1 + ridge->window, width = ridge->width;
    double all = 0;
    for (size_t h = 0; h < ridge->horizon; h++) {
        const double *row = map + h * n, *targets = ridge->gram + (n + h) * width;
        double error = targets[n + h];
        for (size_t i = 0; i < n; i++) {
            double mapped = 0;
            for (size_t j = 0; j < n; j++) mapped += ridge->gram[i * width + j] * row[j];
            error += row[i] * (mapped - 2 * targets[i]);
        }
        all += error;
    }
    return all / (ridge->count * (double)ridge->horizon);
}

rr_status rr_ridge_choose(const rr_ridge *ridge, const rr_ridge *valid, double *map, double *penalty) {
    static const double penalties[] = {1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1};
    enum { MIDDLE = 3, COUNT = sizeof penalties / sizeof *penalties };
    size_t floats = ridge->horizon * (1 + ridge->window);
    double best = INFINITY;
    double *tried = malloc(floats * sizeof *tried);
    if (tried == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for a linear map");
    for (size_t i = 0; i < COUNT; i++) {
        if (valid->count == 0 && i != MIDDLE) continue;
        if (rr_ridge_solve(ridge, penalties[i], tried) != RR_OK) continue;
        double error = valid->count > 0 ? rr_ridge_error(valid, tried) : 0;
        if (!(error < best)) continue;
        best = error;
        *penalty = penalties[i];
        memcpy(map, tried, floats * sizeof *map);
    }
    free(tried);
    return best < INFINITY ? RR_OK : rr_fail(RR_ERR_NUMERIC, "the linear map is not determined");
}

void rr_ridge_apply(size_t window, size_t horizon, const double *map, const float *x, size_t stride, double *y) {
    for (size_t h = 0; h < horizon; h++) {
        const double *row = map + h * (1 + window);
        double sum = row[0];
        for (size_t i = 0; i < window; i++) sum += row[1 + i] * (double)x[i * stride];
        y[h] = sum;
    }
}
