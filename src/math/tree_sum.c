#include "math/tree_sum.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

enum { TILE = 1024 }; /* floats: some of them stay in the first cache while others are added */

static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

size_t rr_tree_nodes(size_t shards, size_t begin, size_t end, rr_tree_node out[RR_TREE_NODES]) {
    size_t count = 0;
    while (begin < end) {
        size_t size = 1, now = begin + 1;
        while (begin % (2 * size) == 0 && now < shards && smaller(begin + 2 * size, shards) <= end) {
            size *= 2;
            now = smaller(begin + size, shards);
        }
        out[count++] = (rr_tree_node){begin, now};
        begin = now;
    }
    return count;
}

void rr_tree_split(rr_tree_node node, rr_tree_node *left, rr_tree_node *right) {
    size_t half = 1;
    while (2 * half < node.end - node.first) half *= 2;
    *left = (rr_tree_node){node.first, node.first + half};
    *right = (rr_tree_node){node.first + half, node.end};
}

/* b is the right half of the node of which a is the left. */
static bool are_halves(size_t shards, rr_tree_node a, rr_tree_node b) {
    size_t size = a.end - a.first;
    return (size & (size - 1)) == 0 && a.first % (2 * size) == 0 && b.first == a.end &&
           b.end == smaller(shards, b.first + size);
}

static bool is_node(size_t shards, rr_tree_node node) {
    rr_tree_node whole[RR_TREE_NODES];
    return rr_tree_nodes(shards, node.first, node.end, whole) == 1;
}

/* What is there while parts are added. */
typedef struct stack {
    rr_tree_node nodes[RR_TREE_NODES];
    size_t top, depth;
} stack;

/* Returns how many times the last two are added then. */
static size_t push(stack *there, size_t shards, rr_tree_node part) {
    size_t merges = 0;
    there->nodes[there->top++] = part;
    if (there->top > there->depth) there->depth = there->top;
    for (; there->top > 1 && are_halves(shards, there->nodes[there->top - 2], there->nodes[there->top - 1]); merges++) {
        there->nodes[there->top - 2].end = there->nodes[there->top - 1].end;
        there->top--;
    }
    return merges;
}

rr_status rr_tree_sum_create(size_t shards, const rr_tree_node *parts, size_t count, rr_tree_sum *out) {
    stack there = {.top = 0};
    rr_tree_sum sum = {.count = count, .merges = calloc(count + 1, 1)};
    bool wrong = count == 0;
    if (sum.merges == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for the order of a sum of %zu", count);
    for (size_t i = 0; i < count && !wrong; i++) {
        wrong = parts[i].first >= parts[i].end || parts[i].end > shards || !is_node(shards, parts[i]) ||
                (i > 0 && parts[i].first != parts[i - 1].end);
        sum.merges[i] = (unsigned char)push(&there, shards, parts[i]);
        wrong = wrong || there.top + 1 > RR_TREE_NODES;
    }
    sum.depth = there.depth;
    if (wrong || there.top != 1) {
        rr_tree_sum_free(&sum);
        return rr_fail(RR_ERR_RUNTIME, "%zu parts are not one node of the tree over %zu shards", count, shards);
    }
    *out = sum;
    return RR_OK;
}

size_t rr_tree_merges(size_t shards, rr_tree_node node, unsigned char *merges) {
    stack there = {.top = 0};
    for (size_t i = 0; i < node.end - node.first; i++)
        merges[i] = (unsigned char)push(&there, shards, (rr_tree_node){node.first + i, node.first + i + 1});
    return there.depth;
}

size_t rr_tree_depth(size_t shards) {
    size_t depth = 1;
    while ((size_t)1 << (depth - 1) < shards) depth++;
    return depth;
}

rr_status rr_tree_sum_of_shards(size_t shards, rr_tree_node node, rr_tree_sum *out) {
    size_t count = node.end - node.first;
    rr_tree_node *parts = malloc((count + 1) * sizeof *parts);
    if (parts == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for the order of a sum of %zu", count);
    for (size_t i = 0; i < count; i++) parts[i] = (rr_tree_node){node.first + i, node.first + i + 1};
    rr_status status = rr_tree_sum_create(shards, parts, count, out);
    free(parts);
    return status;
}

void rr_tree_sum_free(rr_tree_sum *sum) {
    free(sum->merges);
    *sum = (rr_tree_sum){0};
}

size_t rr_tree_sum_scratch(const rr_tree_sum *sum) { return sum->depth * TILE; }

/* Any of them may be the same array. */
static void add(size_t size, const float *a, const float *b, float *out) {
    for (size_t i = 0; i < size; i++) out[i] = a[i] + b[i];
}

/* Zeros are added too: they turn a negative zero into a positive one, as those of an array would. */
static void add_zeros(size_t size, const float *a, float *out) {
    for (size_t i = 0; i < size; i++) out[i] = a[i] + 0.0f;
}

/* Floats [at, at + size) of the parts, at most a tile. */
static void run_tile(const rr_tree_sum *sum, const float *const *parts, size_t at, size_t size, float *scratch,
                     float *out) {
    const float *there[RR_TREE_NODES] = {NULL}; /* parts where they are, or what scratch memory holds of that place */
    size_t top = 0;
    bool absent = false;
    for (size_t i = 0; i < sum->count; i++) {
        absent = absent || parts[i] == NULL;
        there[top++] = parts[i] != NULL ? parts[i] + at : NULL;
        for (size_t m = sum->merges[i]; m > 0; m--, top--) {
            const float *a = there[top - 2], *b = there[top - 1];
            float *to = scratch + (top - 2) * TILE;
            if (b == NULL) continue;
            if (a != NULL)
                add(size, a, b, to);
            else
                add_zeros(size, b, to);
            there[top - 2] = to;
        }
    }
    if (there[0] == NULL)
        memset(out, 0, size * sizeof *out);
    else if (absent)
        add_zeros(size, there[0], out);
    else
        memmove(out, there[0], size * sizeof *out);
}

void rr_tree_sum_run(const rr_tree_sum *sum, const float *const *parts, size_t begin, size_t size, float *scratch,
                     float *out) {
    for (size_t done = 0; done < size; done += TILE)
        run_tile(sum, parts, begin + done, smaller(size - done, TILE), scratch, out + done);
}
