#include "nn/softmax_head.h"

#include "base/profile.h"
#include "math/pointwise.h"

enum { LOGITS_BYTES = 32 << 20, LEAST_BLOCK_ROWS = 16 };

rr_status rr_softmax_head_declare(rr_softmax_head *head, rr_params *params, const char *prefix, size_t in_size,
                                  size_t classes, size_t tied_weight) {
    return rr_linear_declare(&head->linear, params, prefix, in_size, classes, true, tied_weight);
}

size_t rr_softmax_head_block(const rr_softmax_head *head) {
    size_t fits = LOGITS_BYTES / (head->linear.out_size * sizeof(float));
    return fits < LEAST_BLOCK_ROWS ? LEAST_BLOCK_ROWS : fits;
}

void rr_softmax_head_plan_shards(rr_softmax_head *head, rr_arena *arena, size_t max_shards) {
    rr_linear_plan_shards(&head->linear, arena, max_shards);
}

void rr_softmax_head_plan(rr_softmax_head *head, rr_arena *arena, rr_team *team, size_t max_rows, bool training) {
    size_t fits = rr_softmax_head_block(head);
    head->team = team;
    head->block_rows = fits < max_rows ? fits : max_rows;
    head->logits = rr_arena_floats(arena, head->block_rows * head->linear.out_size);
    rr_linear_plan(&head->linear, arena, team, head->block_rows, training);
}

typedef struct block {
    const rr_softmax_head *head;
    const rr_softmax_rows *rows;
    size_t first, count;
} block;

static int32_t largest(size_t count, const float *x) {
    size_t best = 0;
    for (size_t i = 1; i < count; i++)
        if (x[i] > x[best]) best = i;
    return (int32_t)best;
}

/* What smoothing adds: with z the log of the sum of exponentials, nll = z - x[target] becomes z - (1 - s) x[target] -
 * s mean(x). */
static double smoothed(const rr_softmax_rows *rows, size_t classes, const float *logits, int32_t target) {
    double sum = 0;
    for (size_t i = 0; i < classes; i++) sum += (double)logits[i];
    return (double)rows->smoothing * ((double)logits[target] - sum / (double)classes);
}

static void finish_row(const rr_softmax_rows *rows, size_t classes, size_t row, float *gradients, double extra) {
    int32_t target = rows->targets[row];
    float weight = rows->weights != NULL ? rows->weights[target] : 1;
    rows->nll[row] = (rows->nll[row] + extra) * (double)weight;
    if (rows->scale == 0) return;
    if (rows->smoothing > 0) {
        float each = rows->scale * rows->smoothing / (float)classes;
        for (size_t i = 0; i < classes; i++) gradients[i] -= each;
        gradients[target] += rows->scale * rows->smoothing;
    }
    if (weight != 1) rr_scale(classes, weight, gradients);
}

static void loss_share(void *ctx, size_t thread, size_t threads) {
    const block *b = ctx;
    const rr_softmax_rows *rows = b->rows;
    size_t classes = b->head->linear.out_size;
    rr_share share = rr_share_of(b->count, thread, threads);
    bool plain = rows->weights == NULL && rows->smoothing == 0;
    size_t step = plain ? share.end - share.first : 1; /* rows at a time */
    for (size_t row = share.first; row < share.end; row += step) {
        float *logits = b->head->logits + row * classes;
        size_t at = b->first + row;
        double extra = 0;
        for (size_t i = 0; i < step && rows->predicted != NULL; i++)
            rows->predicted[at + i] = largest(classes, logits + i * classes);
        bool changes = !plain && rows->targets[at] != RR_NO_TARGET;
        if (changes && rows->smoothing > 0) extra = smoothed(rows, classes, logits, rows->targets[at]);
        rr_softmax_nll(step, classes, logits, classes, rows->targets + at, rows->scale, rows->nll + at);
        if (changes) finish_row(rows, classes, at, logits, extra);
    }
}

void rr_softmax_head_run(rr_softmax_head *head, const rr_params *params, const rr_softmax_rows *rows,
                         const rr_hooks *hooks) {
    size_t in = head->linear.in_size;
    rr_phase outer = rr_profile_enter(RR_PHASE_HEAD);
    for (size_t first = 0; first < rows->count; first += head->block_rows) {
        size_t left = rows->count - first, count = left < head->block_rows ? left : head->block_rows;
        const float *x = rows->x + first * in;
        rr_linear_forward(&head->linear, params, count, x, head->logits, hooks);
        rr_profile_enter(RR_PHASE_LOSS);
        rr_team_run(head->team, loss_share, &(block){head, rows, first, count});
        rr_profile_enter(RR_PHASE_HEAD);
        if (rows->scale != 0) {
            rr_hooks_tick(hooks);
            if (rows->shards != NULL)
                rr_linear_backward_shards(&head->linear, params, count, x, head->logits, rows->shards, rows->dx, hooks);
            else
                rr_linear_backward(&head->linear, params, count, x, head->logits, false, rows->dx + first * in,
                                   rows->last && count == left, hooks);
        }
        rr_hooks_tick(hooks);
    }
    rr_profile_enter(outer);
}

void rr_softmax_head_probabilities(rr_softmax_head *head, const rr_params *params, size_t count, const float *x,
                                   float *out) {
    size_t classes = head->linear.out_size;
    rr_linear_forward(&head->linear, params, count, x, out, NULL);
    for (size_t row = 0; row < count; row++) rr_softmax(classes, out + row * classes);
}
