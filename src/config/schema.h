/* Schema rows: every module owns the rows of its keys; defaults, checks, help and docs/config.md follow from them. */
#ifndef RR_CONFIG_SCHEMA_H
#define RR_CONFIG_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

typedef struct rr_config rr_config;

typedef enum rr_key_type {
    RR_KEY_BOOL,    /* bool */
    RR_KEY_SIZE,    /* size_t; decimal, or with a suffix k, M, G (powers of ten) */
    RR_KEY_SEED,    /* uint64_t */
    RR_KEY_FLOAT,   /* double */
    RR_KEY_STRING,  /* const char * */
    RR_KEY_PATH,    /* const char *; $VAR, ${VAR}, ${VAR:-otherwise} and ~/ expanded, $$ is a dollar */
    RR_KEY_PATHS,   /* rr_paths: one path or a sequence of them, expanded too, shell patterns kept as they are */
    RR_KEY_STRINGS, /* rr_paths: one string or a sequence of them, kept as they are */
    RR_KEY_ENUM,    /* int: index in choices */
    RR_KEY_FLOATS,  /* rr_floats: a YAML sequence of numbers */
    RR_KEY_SIZES,   /* rr_sizes: a YAML sequence of whole numbers */
    /* rr_enum_or_sizes: one of choices, or a YAML sequence of whole numbers */
    RR_KEY_ENUM_OR_SIZES
} rr_key_type;

typedef struct rr_floats {
    const double *values;
    size_t count;
} rr_floats;

typedef struct rr_sizes {
    const size_t *values;
    size_t count;
} rr_sizes;

typedef struct rr_enum_or_sizes {
    rr_sizes sizes; /* count 0: the choice was given */
    int choice;     /* index in choices */
} rr_enum_or_sizes;

typedef struct rr_paths {
    const char *const *items;
    size_t count;
} rr_paths;

/**
 * Room for what a variant of a section keeps for itself: each variant casts it to a struct of its own, and its rows
 * have offsets made with RR_VARIANT_FIELD(section struct, variant struct, field). So a new variant touches no shared
 * struct.
 */
typedef union rr_variant_config {
    unsigned char bytes[512];
    double align;
    void *align_pointer;
} rr_variant_config;

#define RR_VARIANT_FIELD(section_struct, variant_struct, field)                                                        \
    (offsetof(section_struct, own) + offsetof(variant_struct, field))

/** One key of a section. An array of rows ends with one whose name is NULL. */
typedef struct rr_key {
    const char *name; /* within the section; dots for nested mappings: "init.scheme" */
    rr_key_type type;
    size_t offset;      /* of the field in the section's struct */
    const char *preset; /* the default, as it would stand in YAML: "0.1", "null", "[0.9, 0.999]" */
    const char *word;   /* one word allowed beside the values ("null", "epoch"); stored as 0, NAN, NULL, count 0 */
    double min, max;    /* allowed range, inclusive; min == max == 0: no limit. For sequences: of every value */
    bool above_min;     /* min itself is not allowed */
    bool below_max;     /* max itself is not allowed */
    const char *const *choices; /* RR_KEY_ENUM and _ENUM_OR_SIZES: names in index order, ends with NULL */
    const char *unit;           /* "steps", "MiB", "rows"; NULL if none */
    const char *help;           /* one sentence or two, without a full stop at the end */
} rr_key;

/**
 * A section of the config and the struct that it fills. A section may have variants (`type: adam`): the rows of the
 * chosen variant are added to the section's own, those of the others are refused with a message that names the variant.
 */
typedef struct rr_section {
    const char *name;           /* "optim" */
    const char *help;           /* one line */
    size_t size;                /* bytes of the struct */
    const rr_key *keys;         /* rows that every variant has */
    const char *variant_key;    /* "type"; NULL: no variants */
    const char *variant_preset; /* default variant */
    size_t variant_offset;      /* of the size_t field that gets the index of the variant */
    size_t variant_count;
    const char *(*variant_name)(size_t index);
    const char *(*variant_help)(size_t index);
    const rr_key *(*variant_keys)(size_t index); /* may return NULL: no rows of its own */
    /* Rules over several keys of the section; words errors with rr_config_fail. NULL: none. */
    rr_status (*check)(const rr_config *config, const void *section);
} rr_section;

#endif
