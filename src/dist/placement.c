#include "dist/placement.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_PIECES = 16 };

static bool has_core(const void *set, size_t core) {
    return (((const rr_core_set *)set)->words[core / 64] >> core % 64) & 1;
}

static size_t count_cores(const rr_core_set *set) {
    size_t count = 0;
    for (size_t core = 0; core < RR_MAX_CORES; core++) count += has_core(set, core);
    return count;
}

/* Hardware threads of one core share its units: the core goes by the number of the first. */
static size_t first_thread_of_core(size_t thread) {
    char path[96];
    size_t first = thread;
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%zu/topology/thread_siblings_list", thread);
    FILE *file = fopen(path, "r");
    if (file == NULL) return thread;
    if (fscanf(file, "%zu", &first) != 1 || first >= RR_MAX_CORES) first = thread;
    fclose(file);
    return first;
}

void rr_core_set_of_this_thread(rr_core_set *out) {
    size_t bytes = CPU_ALLOC_SIZE(RR_MAX_CORES);
    *out = (rr_core_set){{0}};
    cpu_set_t *allowed = CPU_ALLOC(RR_MAX_CORES);
    if (allowed != NULL && sched_getaffinity(0, bytes, allowed) == 0)
        for (size_t thread = 0; thread < RR_MAX_CORES; thread++)
            if (CPU_ISSET_S(thread, bytes, allowed)) {
                size_t core = first_thread_of_core(thread);
                out->words[core / 64] |= (uint64_t)1 << core % 64;
            }
    CPU_FREE(allowed);
}

void rr_number_ranges(bool (*chosen)(const void *set, size_t number), const void *set, size_t size, rr_buffer *out) {
    const char *comma = "";
    size_t pieces = 0;
    for (size_t i = 0; i < size; i++) {
        if (!chosen(set, i)) continue;
        if (pieces++ == MAX_PIECES) {
            rr_buffer_puts(out, ", ...");
            return;
        }
        size_t last = i;
        while (last + 1 < size && chosen(set, last + 1)) last++;
        rr_buffer_printf(out, "%s%zu", comma, i);
        if (last > i) rr_buffer_printf(out, "-%zu", last);
        comma = ", ";
        i = last;
    }
}

/* A node: the ranks on it, in the order of ranks. */
typedef struct host_node {
    const char *host;
    size_t *ranks; /* [count], a part of one array over all nodes */
    size_t count;
} host_node;

typedef struct node_map {
    host_node *nodes;
    size_t count;
    size_t *ranks;
    bool mixed; /* ranks do not go through the nodes in order */
} node_map;

static void free_map(node_map *map) {
    free(map->nodes);
    free(map->ranks);
}

static bool make_map(const rr_rank_place *places, size_t ranks, node_map *out) {
    *out = (node_map){0};
    for (size_t rank = 0; rank < ranks; rank++)
        if (places[rank].node >= out->count) out->count = places[rank].node + 1;
    out->nodes = calloc(out->count + 1, sizeof *out->nodes);
    out->ranks = calloc(ranks + 1, sizeof *out->ranks);
    if (out->nodes == NULL || out->ranks == NULL) {
        free_map(out);
        return false;
    }
    for (size_t rank = 0; rank < ranks; rank++) {
        if (rank > 0 && places[rank].node < places[rank - 1].node) out->mixed = true;
        out->nodes[places[rank].node].count++;
    }
    for (size_t n = 0, at = 0; n < out->count; n++) {
        out->nodes[n].ranks = out->ranks + at;
        at += out->nodes[n].count;
        out->nodes[n].count = 0;
    }
    for (size_t rank = 0; rank < ranks; rank++) {
        host_node *node = &out->nodes[places[rank].node];
        node->host = places[rank].host;
        node->ranks[node->count++] = rank;
    }
    return true;
}

/* "node012" -> the length of "node", 12, and how many digits that has. False if there are none, or too many. */
static bool split_host(const char *host, size_t *stem, size_t *digits, unsigned long long *number) {
    size_t length = strlen(host);
    *stem = length;
    while (*stem > 0 && host[*stem - 1] >= '0' && host[*stem - 1] <= '9') --*stem;
    *digits = length - *stem;
    *number = *digits > 0 ? strtoull(host + *stem, NULL, 10) : 0;
    return *digits > 0 && *digits <= 15;
}

static bool follows(const char *host, const char *next) {
    size_t stem, digits, next_stem, next_digits;
    unsigned long long number, next_number;
    return split_host(host, &stem, &digits, &number) && split_host(next, &next_stem, &next_digits, &next_number) &&
           stem == next_stem && strncmp(host, next, stem) == 0 && next_number == number + 1 &&
           (digits == next_digits || (host[stem] != '0' && next[stem] != '0' && next_digits == digits + 1));
}

/* "node1", "node1, node2", "node[1-4]" */
static void write_hosts(const host_node *nodes, size_t count, rr_buffer *out) {
    const char *first = nodes[0].host, *last = nodes[count - 1].host;
    if (count <= 2) {
        rr_buffer_printf(out, count == 1 ? "%s" : "%s, %s", first, last);
        return;
    }
    size_t stem, digits;
    unsigned long long number;
    split_host(first, &stem, &digits, &number);
    rr_buffer_printf(out, "%.*s[%s-%s]", (int)stem, first, first + stem, last + stem);
}

void rr_placement_key_write(const rr_rank_place *places, size_t ranks, const char *mpi_version, rr_buffer *out) {
    node_map map;
    if (!make_map(places, ranks, &map)) {
        out->failed = 1;
        return;
    }
    rr_buffer_printf(out, "%zu rank%s: ", ranks, ranks == 1 ? "" : "s");
    for (size_t n = 0, alike; n < map.count; n += alike) {
        for (alike = 1; n + alike < map.count && map.nodes[n + alike].count == map.nodes[n].count;) alike++;
        rr_buffer_printf(out, "%s%zu node%s of %zu", n > 0 ? ", " : "", alike, alike == 1 ? "" : "s",
                         map.nodes[n].count);
    }
    rr_buffer_printf(out, "%s; %s", map.mixed ? ", in turns" : "", mpi_version);
    free_map(&map);
}

/* What a node's ranks may run on, and what is wrong with it. */
typedef struct node_shape {
    size_t cores;   /* of all its ranks together */
    bool bound;     /* no core is allowed to two ranks */
    bool all_alike; /* every rank may run on all of them */
    bool known;
} node_shape;

static node_shape find_shape(const host_node *node, const rr_core_set *cores) {
    node_shape shape = {.bound = true, .all_alike = true, .known = true};
    rr_core_set all = {{0}};
    for (size_t i = 0; i < node->count; i++) {
        const rr_core_set *mine = &cores[node->ranks[i]];
        if (count_cores(mine) == 0) shape.known = false;
        if (memcmp(mine, &cores[node->ranks[0]], sizeof *mine) != 0) shape.all_alike = false;
        for (size_t w = 0; w < RR_MAX_CORES / 64; w++) {
            if (all.words[w] & mine->words[w]) shape.bound = false;
            all.words[w] |= mine->words[w];
        }
    }
    shape.cores = count_cores(&all);
    return shape;
}

static bool same_shape(const host_node *a, const host_node *b, const rr_core_set *cores) {
    if (a->count != b->count) return false;
    for (size_t i = 0; i < a->count; i++)
        if (memcmp(&cores[a->ranks[i]], &cores[b->ranks[i]], sizeof *cores) != 0) return false;
    return true;
}

typedef struct rank_range {
    const rr_rank_place *places;
    size_t first_node, count;
} rank_range;

static bool is_in_group(const void *set, size_t rank) {
    const rank_range *range = set;
    return range->places[rank].node >= range->first_node && range->places[rank].node < range->first_node + range->count;
}

/* "cores 0-3", "2 cores each: 0-1 | 2-3", "1 core each: 0-47", "cores 0-7, not bound" */
static void write_cores(const host_node *node, const node_shape *shape, const rr_core_set *cores, rr_buffer *out) {
    enum { SHOWN = 8 };
    rr_core_set all = {{0}};
    size_t each = count_cores(&cores[node->ranks[0]]);
    bool even = true;
    for (size_t i = 0; i < node->count; i++) {
        even = even && count_cores(&cores[node->ranks[i]]) == each;
        for (size_t w = 0; w < RR_MAX_CORES / 64; w++) all.words[w] |= cores[node->ranks[i]].words[w];
    }
    if (!shape->known) {
        rr_buffer_puts(out, "cores unknown");
    } else if (node->count == 1 || (shape->all_alike && node->count > 1)) {
        rr_buffer_puts(out, shape->cores == 1 ? "core " : "cores ");
        rr_number_ranges(has_core, &all, RR_MAX_CORES, out);
        if (node->count > 1) rr_buffer_puts(out, ", not bound");
    } else if (shape->bound && even && node->count > SHOWN) {
        rr_buffer_printf(out, "%zu core%s each of ", each, each == 1 ? "" : "s");
        rr_number_ranges(has_core, &all, RR_MAX_CORES, out);
    } else {
        rr_buffer_puts(out, "cores ");
        for (size_t i = 0; i < node->count && i < SHOWN; i++) {
            if (i > 0) rr_buffer_puts(out, " | ");
            rr_number_ranges(has_core, &cores[node->ranks[i]], RR_MAX_CORES, out);
        }
        if (node->count > SHOWN) rr_buffer_puts(out, " | ...");
    }
}

/* The first two ranks of a node that may run on one core, though the node has cores for all of them. */
static bool find_sharers(const host_node *node, const rr_core_set *cores, size_t *a, size_t *b, size_t *core) {
    for (size_t j = 1; j < node->count; j++)
        for (size_t i = 0; i < j; i++)
            for (size_t w = 0; w < RR_MAX_CORES / 64; w++) {
                uint64_t both = cores[node->ranks[i]].words[w] & cores[node->ranks[j]].words[w];
                if (both == 0) continue;
                *a = node->ranks[i];
                *b = node->ranks[j];
                *core = 64 * w + (size_t)__builtin_ctzll(both);
                return true;
            }
    return false;
}

static void write_warning(const host_node *nodes, size_t count, const node_shape *shape, const rr_core_set *cores,
                          rr_buffer *out) {
    size_t a, b, core;
    if (!shape->known) return;
    if (nodes->count > shape->cores) {
        rr_buffer_printf(
            out, "warning: %s%s has %zu ranks on %zu core%s: they take turns, and every step waits for all\n",
            nodes->host, count > 1 ? " and others" : "", nodes->count, shape->cores, shape->cores == 1 ? "" : "s");
    } else if (!shape->all_alike && find_sharers(nodes, cores, &a, &b, &core)) {
        rr_buffer_printf(out, "warning: ranks %zu and %zu on %s%s share core %zu: bind ranks to cores of their own\n",
                         a, b, nodes->host, count > 1 ? " (and others)" : "", core);
    }
}

rr_status rr_placement_describe(const rr_rank_place *places, const rr_core_set *cores, size_t ranks,
                                const char *mpi_version, rr_buffer *out) {
    node_map map;
    if (!make_map(places, ranks, &map)) return rr_fail(RR_ERR_NOMEM, "no memory for the placement of %zu ranks", ranks);
    rr_buffer warnings = {0};
    rr_buffer_printf(out, "%zu rank%s on %zu host%s, %s\n", ranks, ranks == 1 ? "" : "s", map.count,
                     map.count == 1 ? "" : "s", mpi_version);
    for (size_t n = 0; n < map.count; n++) {
        size_t last = n;
        while (last + 1 < map.count && follows(map.nodes[last].host, map.nodes[last + 1].host) &&
               same_shape(&map.nodes[n], &map.nodes[last + 1], cores))
            last++;
        if (last < n + 2) last = n;
        node_shape shape = find_shape(&map.nodes[n], cores);
        rank_range range = {.places = places, .first_node = n, .count = last - n + 1};
        rr_buffer_puts(out, "  ");
        write_hosts(&map.nodes[n], last - n + 1, out);
        rr_buffer_printf(out, ": rank%s ", map.nodes[n].count * range.count == 1 ? "" : "s");
        rr_number_ranges(is_in_group, &range, ranks, out);
        if (last > n) rr_buffer_printf(out, ", %zu each", map.nodes[n].count);
        rr_buffer_puts(out, "; ");
        write_cores(&map.nodes[n], &shape, cores, out);
        rr_buffer_puts(out, "\n");
        write_warning(&map.nodes[n], range.count, &shape, cores, &warnings);
        n = last;
    }
    rr_buffer_puts(out, rr_buffer_text(&warnings));
    bool failed = out->failed || warnings.failed;
    rr_buffer_free(&warnings);
    free_map(&map);
    return failed ? rr_fail(RR_ERR_NOMEM, "no memory for the placement of %zu ranks", ranks) : RR_OK;
}
