/* Data files as a configuration names them. */
#ifndef RR_DATA_FILES_H
#define RR_DATA_FILES_H

#include "config/config.h"

/** Zero-initialise; free with rr_file_list_free. */
typedef struct rr_file_list {
    char **paths; /* [count], owned */
    size_t count, capacity;
} rr_file_list;

/**
 * Appends the files of all items in their order. A shell pattern gives its matches sorted by bytes, folders left out;
 * an item that exists under its very name is no pattern. Files without a pattern need not exist.
 *
 * @param[in] key  "data.train", for errors
 * @return RR_ERR_INPUT if a pattern matches nothing, RR_ERR_NOMEM
 */
rr_status rr_file_list_expand(const rr_config *config, const char *key, const rr_paths *items, rr_file_list *out);

void rr_file_list_free(rr_file_list *list);

#endif
