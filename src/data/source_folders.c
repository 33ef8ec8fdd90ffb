/* A folder with a folder for each class and a file for each text, as aclImdb: train/pos/0_9.txt. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "data/source_parts.h"

typedef struct names {
    char **items;
    size_t count, capacity;
} names;

static void free_names(names *list) {
    for (size_t i = 0; i < list->count; i++) free(list->items[i]);
    free(list->items);
}

static int by_bytes(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static rr_status add_name(names *list, const char *name) {
    if (list->count == list->capacity) {
        size_t capacity = 2 * list->capacity + 64;
        char **items = realloc(list->items, capacity * sizeof *items);
        if (items == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for a folder of %zu files", capacity);
        list->items = items;
        list->capacity = capacity;
    }
    char *copy = strdup(name);
    if (copy == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for the name of a file");
    list->items[list->count++] = copy;
    return RR_OK;
}

/* What is in a folder, sorted; hidden files are not. */
static rr_status list_folder(const char *path, names *out) {
    DIR *folder = opendir(path);
    if (folder == NULL) return rr_fail(RR_ERR_INPUT, "%s: cannot be read as a folder: %s", path, strerror(errno));
    rr_status status = RR_OK;
    for (const struct dirent *entry = readdir(folder); entry != NULL && status == RR_OK; entry = readdir(folder))
        if (entry->d_name[0] != '.') status = add_name(out, entry->d_name);
    closedir(folder);
    if (out->count > 1) qsort(out->items, out->count, sizeof *out->items, by_bytes);
    return status;
}

static rr_status read_text(const rr_source_options *options, size_t label_field, const char *label, const char *path,
                           rr_records *out) {
    rr_source_file file = {0};
    rr_csv_field fields[2];
    rr_status status = rr_source_open(&file, path, out);
    size_t length = status == RR_OK ? (size_t)(file.end - file.cursor) : 0;
    while (length > 0 && (file.cursor[length - 1] == '\n' || file.cursor[length - 1] == '\r')) length--;
    fields[label_field] = (rr_csv_field){label, strlen(label)};
    fields[1 - label_field] = (rr_csv_field){file.cursor, length};
    if (status == RR_OK && length > options->max_line_bytes)
        status = rr_records_bad(out, options->on_error, 1, "the file has %zu bytes; data.max_line_bytes is %zu", length,
                                options->max_line_bytes);
    else if (status == RR_OK)
        status = rr_source_add(options, 1, fields, out);
    rr_buffer_free(&file.text);
    return status;
}

static rr_status read_class(const rr_source_options *options, size_t label_field, const char *label, const char *path,
                            rr_records *out) {
    names texts = {0};
    rr_buffer file = {0};
    rr_status status = list_folder(path, &texts);
    for (size_t i = 0; i < texts.count && status == RR_OK; i++) {
        rr_buffer_clear(&file);
        rr_buffer_printf(&file, "%s/%s", path, texts.items[i]);
        if (rr_folder_exists(rr_buffer_text(&file)))
            status = rr_fail(RR_ERR_INPUT,
                             "%s: is a folder within the folder of a class; the classes must be the folders"
                             " of %.*s itself",
                             rr_buffer_text(&file), (int)(strrchr(path, '/') - path), path);
        else
            status = read_text(options, label_field, label, rr_buffer_text(&file), out);
    }
    rr_buffer_free(&file);
    free_names(&texts);
    return status;
}

static rr_status read_folder(const rr_source_options *options, size_t label_field, const char *path, rr_records *out) {
    names classes = {0};
    rr_buffer folder = {0};
    size_t before = out->count;
    rr_status status = list_folder(path, &classes);
    for (size_t i = 0; i < classes.count && status == RR_OK; i++) {
        rr_buffer_clear(&folder);
        rr_buffer_printf(&folder, "%s/%s", path, classes.items[i]);
        if (rr_folder_exists(rr_buffer_text(&folder)) && strcmp(classes.items[i], "unsup") != 0)
            status = read_class(options, label_field, classes.items[i], rr_buffer_text(&folder), out);
    }
    if (status == RR_OK) status = rr_source_check_any(out, before, path);
    rr_buffer_free(&folder);
    free_names(&classes);
    return status;
}

static rr_status read(const rr_source_options *options, const char *const *paths, size_t path_count, rr_records *out) {
    size_t label_field = 0;
    while (label_field < options->field_count && strcmp(options->fields[label_field], "label") != 0) label_field++;
    if (options->field_count != 2 || label_field == 2)
        return rr_fail(RR_ERR_INPUT, "%s: folders hold texts with a label each, which this task does not read",
                       paths[0]);
    for (size_t i = 0; i < path_count; i++) RR_TRY(read_folder(options, label_field, paths[i], out));
    return RR_OK;
}

const rr_source_ops rr_source_folders = {.name = "folders",
                                         .help = "a folder for each class, with a file for each text; \"unsup\", which "
                                                 "has no class in aclImdb, is left out",
                                         .folders = true,
                                         .read = read};
