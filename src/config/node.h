/* A YAML document as a tree that remembers the line of everything. */
#ifndef RR_CONFIG_NODE_H
#define RR_CONFIG_NODE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

typedef enum rr_node_kind { RR_NODE_SCALAR, RR_NODE_SEQUENCE, RR_NODE_MAPPING } rr_node_kind;

typedef struct rr_node rr_node;

/** An entry of a mapping; sequences use entries without a key. */
typedef struct rr_entry {
    char *key;
    size_t line;
    const char *origin; /* "--set optim.lr=1": where it came from, NULL for the document */
    rr_node *value;
} rr_entry;

struct rr_node {
    rr_node_kind kind;
    size_t line; /* from 1 */
    char *text;  /* scalars */
    bool quoted; /* scalars: "null" in quotes is text */
    rr_entry *entries;
    size_t count, capacity;
};

rr_status rr_node_parse(const char *name, const char *text, size_t length, rr_node **out);
void rr_node_free(rr_node *node);
rr_node *rr_node_create(rr_node_kind kind, size_t line);
rr_entry *rr_node_find(const rr_node *mapping, const char *key);
rr_status rr_node_add(rr_node *node, const char *key, size_t line, const char *origin, rr_node *value);

#endif
