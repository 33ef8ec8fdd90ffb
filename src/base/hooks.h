/* The only calls that go up: what a backward pass tells its owner while it runs. */
#ifndef RR_BASE_HOOKS_H
#define RR_BASE_HOOKS_H

#include <stddef.h>

/**
 * Parameters are declared in the order in which backward finishes their gradients, so "what is ready" is a prefix of
 * the gradient arena; and its tail, where an embedding is done while the layer above it still has products to compute.
 * A NULL rr_hooks pointer means: nobody listens.
 */
typedef struct rr_hooks {
    void (*ready)(void *ctx, size_t end); /* gradients [0, end) of the arena are final; end never shrinks in a step */
    void (*tick)(void *ctx);              /* called at least every few ms of computing: time to move messages on */
    void *ctx;
    void (*tail)(void *ctx, size_t begin); /* those from begin on, to the end of the arena; NULL: `ready` is enough */
} rr_hooks;

static inline void rr_hooks_ready(const rr_hooks *hooks, size_t end) {
    if (hooks != NULL) hooks->ready(hooks->ctx, end);
}

static inline void rr_hooks_tail(const rr_hooks *hooks, size_t begin) {
    if (hooks != NULL && hooks->tail != NULL) hooks->tail(hooks->ctx, begin);
}

static inline void rr_hooks_tick(const rr_hooks *hooks) {
    if (hooks != NULL) hooks->tick(hooks->ctx);
}

#endif
