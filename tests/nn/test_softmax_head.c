/* The loss with weights of classes and label smoothing, against plain sums in double; gradients by differences. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "math/pointwise.h"
#include "nn/softmax_head.h"

enum { IN = 5, CLASSES = 7, ROWS = 40 };

static const float weights[CLASSES] = {0.5F, 1, 2, 0, 1.5F, 3, 1};

/* As torch.nn.functional.cross_entropy(weight=, label_smoothing=, reduction="none"), but that smoothing, too, has the
 * weight of the target. */
static double loss_of(const float *w, const float *x, int32_t target, const float *weight, double smoothing) {
    double logits[CLASSES], sum = 0, mean = 0;
    if (target == RR_NO_TARGET) return 0;
    for (size_t k = 0; k < CLASSES; k++) {
        logits[k] = (double)w[CLASSES * IN + k];
        for (size_t i = 0; i < IN; i++) logits[k] += (double)w[k * IN + i] * (double)x[i];
        sum += exp(logits[k]);
        mean += logits[k] / CLASSES;
    }
    double loss = log(sum) - (1 - smoothing) * logits[target] - smoothing * mean;
    return weight != NULL ? loss * (double)weight[target] : loss;
}

static void check(const float *weight, float smoothing) {
    rr_params params = {0};
    rr_softmax_head head;
    rr_arena measure = {0}, arena = {0};
    assert_int_equal(rr_softmax_head_declare(&head, &params, "head", IN, CLASSES, (size_t)-1), RR_OK);
    rr_softmax_head_plan(&head, &measure, NULL, ROWS, true);
    assert_int_equal(rr_arena_reserve(measure.used, &arena), RR_OK);
    rr_softmax_head_plan(&head, &arena, NULL, ROWS, true);
    params.values = calloc(params.total, sizeof(float));
    params.grads = calloc(params.total, sizeof(float));
    float w[CLASSES * IN + CLASSES], x[ROWS * IN], dx[ROWS * IN];
    int32_t targets[ROWS], predicted[ROWS];
    double nll[ROWS];
    for (size_t i = 0; i < CLASSES * IN + CLASSES; i++) w[i] = (float)((i * 37 % 23) - 11.0) / 10;
    for (size_t i = 0; i < ROWS * IN; i++) x[i] = (float)((i * 53 % 31) - 15.0) / 8;
    for (size_t i = 0; i < ROWS; i++) targets[i] = i % 9 == 8 ? RR_NO_TARGET : (int32_t)(i % CLASSES);
    memcpy(rr_param_value(&params, head.linear.weight), w, CLASSES * IN * sizeof(float));
    memcpy(rr_param_value(&params, head.linear.bias), w + CLASSES * IN, CLASSES * sizeof(float));
    rr_softmax_rows rows = {.count = ROWS,
                            .x = x,
                            .targets = targets,
                            .weights = weight,
                            .smoothing = smoothing,
                            .scale = 0.25F,
                            .last = true,
                            .dx = dx,
                            .nll = nll,
                            .predicted = predicted};
    rr_params_clear_grads(&params);
    rr_softmax_head_run(&head, &params, &rows, NULL);
    for (size_t r = 0; r < ROWS; r++) {
        const float *row = x + r * IN;
        assert_true(fabs(nll[r] - loss_of(w, row, targets[r], weight, (double)smoothing)) < 1e-5);
        for (int32_t k = 0; k < CLASSES; k++)
            assert_true(loss_of(w, row, predicted[r], NULL, 0) <= loss_of(w, row, k, NULL, 0) + 1e-6);
        for (size_t i = 0; i < IN; i++) {
            float up[IN], down[IN];
            memcpy(up, row, sizeof up);
            memcpy(down, row, sizeof down);
            up[i] += 0x1p-8F;
            down[i] -= 0x1p-8F;
            double slope = (loss_of(w, up, targets[r], weight, (double)smoothing) -
                            loss_of(w, down, targets[r], weight, (double)smoothing)) /
                           0x1p-7;
            assert_true(fabs((double)dx[r * IN + i] - 0.25 * slope) < 2e-5);
        }
    }
    free(params.values);
    free(params.grads);
    rr_params_free(&params);
    rr_arena_release(&arena);
}

static void loss_and_gradient_are_those_of_the_formula(void **state) {
    (void)state;
    check(NULL, 0);
    check(weights, 0);
    check(NULL, 0.1F);
    check(weights, 0.3F);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(loss_and_gradient_are_those_of_the_formula)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
