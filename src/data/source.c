#include "data/source.h"

#include <string.h>

#include "base/file.h"
#include "data/source_parts.h"

const rr_source_ops *const rr_sources[] = {&rr_source_tsv,      &rr_source_csv,    &rr_source_folders,
                                           &rr_source_parallel, &rr_source_conllu, &rr_source_columns,
                                           &rr_source_babi};
const size_t rr_source_count = sizeof rr_sources / sizeof *rr_sources;
const char *const rr_source_names[] = {"auto", "tsv", "csv", "folders", "parallel", "conllu", "columns", "babi", NULL};

static bool ends_with(const char *text, const char *ending) {
    size_t length = strlen(text), size = strlen(ending);
    return length >= size && strcmp(text + length - size, ending) == 0;
}

const rr_source_ops *rr_source_guess(const char *path, const rr_source_ops *preset) {
    if (rr_folder_exists(path)) return &rr_source_folders;
    if (ends_with(path, ".csv")) return &rr_source_csv;
    if (ends_with(path, ".conllu")) return &rr_source_conllu;
    return ends_with(path, ".tsv") ? &rr_source_tsv : preset;
}
