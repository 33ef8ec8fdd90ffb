#include "ckpt/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/durable.h"
#include "base/file.h"
#include "ckpt/format.h"
#include "ckpt/step_files.h"

/* Who may touch the job: the caller while IDLE, the thread while BUSY. */
typedef enum store_state { IDLE, BUSY, QUIT } store_state;

struct rr_store {
    char *run_folder;
    size_t keep;
    pthread_t thread;
    pthread_mutex_t mutex; /* of state and result */
    pthread_cond_t changed;
    store_state state;
    rr_status result; /* of the last save, until it is told */
    char message[4096];
    /* The job: a copy of the caller's set, in memory that stays from save to save. */
    rr_arena copy;
    rr_tensor_set set;
    uint64_t step;
    bool is_best;
};

/* Copies the set into the arena; on a measuring one it only adds up. */
static void copy_set(const rr_tensor_set *set, rr_arena *arena, rr_tensor_set *out) {
    rr_tensor *tensors = rr_arena_take(arena, set->tensor_count * sizeof *tensors);
    rr_meta_item *meta = rr_arena_take(arena, set->meta_count * sizeof *meta);
    size_t text_bytes = 0;
    for (size_t i = 0; i < set->tensor_count; i++) text_bytes += strlen(set->tensors[i].name) + 1;
    for (size_t i = 0; i < set->meta_count; i++)
        text_bytes += strlen(set->meta[i].key) + strlen(set->meta[i].value) + 2;
    char *text = rr_arena_take(arena, text_bytes);
    for (size_t i = 0; i < set->tensor_count; i++) {
        size_t bytes = rr_tensor_elements(&set->tensors[i]) * rr_dtype_size(set->tensors[i].dtype);
        void *data = rr_arena_take(arena, bytes);
        if (text == NULL) continue;
        tensors[i] = set->tensors[i];
        tensors[i].data = data;
        tensors[i].name = text;
        text = stpcpy(text, set->tensors[i].name) + 1;
        if (bytes > 0) memcpy(data, set->tensors[i].data, bytes);
    }
    for (size_t i = 0; i < set->meta_count && text != NULL; i++) {
        meta[i].key = text;
        text = stpcpy(text, set->meta[i].key) + 1;
        meta[i].value = text;
        text = stpcpy(text, set->meta[i].value) + 1;
    }
    *out = (rr_tensor_set){
        .tensors = tensors, .tensor_count = set->tensor_count, .meta = meta, .meta_count = set->meta_count};
}

static rr_status keep_copy(rr_store *store, const rr_tensor_set *set) {
    rr_arena measure = {0};
    rr_tensor_set nothing;
    copy_set(set, &measure, &nothing);
    if (measure.used > store->copy.capacity) {
        rr_arena_release(&store->copy);
        RR_TRY(rr_arena_reserve(measure.used, &store->copy));
    }
    store->copy.used = 0;
    copy_set(set, &store->copy, &store->set);
    return RR_OK;
}

/* <run>/<name>.safetensors names the bytes of the step file: a hard link, or a file of its own where there are none. */
static rr_status point_name(const rr_store *store, const char *name, const char *step_path) {
    rr_buffer path = {0};
    rr_status status = RR_OK;
    rr_buffer_printf(&path, "%s/%s" RR_CHECKPOINT_SUFFIX, store->run_folder, name);
    char *temporary = rr_temporary_name(rr_buffer_text(&path));
    if (path.failed || temporary == NULL) {
        status = rr_fail(RR_ERR_NOMEM, "no memory for a path");
        goto free_names;
    }
    unlink(temporary);
    if (link(step_path, temporary) != 0) {
        status = rr_safetensors_write(path.data, &store->set);
        goto free_names;
    }
    if (rename(temporary, path.data) != 0)
        status = rr_fail(RR_ERR_RUNTIME, "%s: cannot be renamed: %s", path.data, strerror(errno));
    unlink(temporary); /* rename leaves it where both names are of one file already */
free_names:
    free(temporary);
    rr_buffer_free(&path);
    return status;
}

/* True if both files are one, or copies of each other: our first bytes hold the checksum of the rest. */
static bool same_checkpoint(const char *a, const char *b) {
    unsigned char head[2][RR_CRC_OFFSET + RR_CRC_DIGITS];
    const char *paths[2] = {a, b};
    struct stat info[2];
    for (int i = 0; i < 2; i++) {
        int fd = open(paths[i], O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (fd < 0) return false;
        bool read_it = fstat(fd, &info[i]) == 0 && read(fd, head[i], sizeof head[i]) == (ssize_t)sizeof head[i];
        close(fd);
        if (!read_it) return false;
    }
    if (info[0].st_dev == info[1].st_dev && info[0].st_ino == info[1].st_ino) return true;
    return info[0].st_size == info[1].st_size && memcmp(head[0], head[1], sizeof head[0]) == 0;
}

/* Removes the step file, unless it is what best names. One of a later step than the run's is only set aside. */
static rr_status prune_file(const rr_store *store, uint64_t step, const char *best) {
    rr_buffer path = {0}, aside = {0};
    rr_status status = RR_OK;
    rr_step_path(store->run_folder, step, &path);
    rr_buffer_printf(&aside, "%s.superseded", rr_buffer_text(&path));
    if (path.failed || aside.failed)
        status = rr_fail(RR_ERR_NOMEM, "no memory for a path");
    else if (step > store->step) {
        if (rename(path.data, aside.data) != 0)
            status = rr_fail(RR_ERR_RUNTIME, "%s: cannot be renamed: %s", path.data, strerror(errno));
    } else if (!same_checkpoint(path.data, best) && unlink(path.data) != 0 && errno != ENOENT)
        status = rr_fail(RR_ERR_RUNTIME, "%s: cannot be removed: %s", path.data, strerror(errno));
    rr_buffer_free(&path);
    rr_buffer_free(&aside);
    return status;
}

/*
 * The file just written is whole and on disk, so it is the newest readable one and the first of those that stay. Files
 * of later steps are damaged, or of a past that the run went back from: left there, the next start would go on from
 * them.
 */
static rr_status prune(const rr_store *store) {
    rr_step_files files = {0};
    rr_buffer best = {0};
    rr_buffer_printf(&best, "%s/best" RR_CHECKPOINT_SUFFIX, store->run_folder);
    rr_status status = rr_step_files_list(store->run_folder, &files);
    size_t kept = 0;
    for (size_t i = 0; i < files.count && status == RR_OK; i++)
        if (files.steps[i] > store->step || ++kept > store->keep)
            status = prune_file(store, files.steps[i], rr_buffer_text(&best));
    free(files.steps);
    rr_buffer_free(&best);
    return status;
}

static rr_status write_job(const rr_store *store) {
    rr_buffer path = {0};
    rr_step_path(store->run_folder, store->step, &path);
    rr_status status =
        path.failed ? rr_fail(RR_ERR_NOMEM, "no memory for a path") : rr_safetensors_write(path.data, &store->set);
    if (status == RR_OK) status = point_name(store, "last", path.data);
    if (status == RR_OK && store->is_best) status = point_name(store, "best", path.data);
    if (status == RR_OK) status = rr_folder_sync(store->run_folder);
    if (status == RR_OK) status = prune(store);
    rr_buffer_free(&path);
    return status;
}

static void *write_in_background(void *argument) {
    rr_store *store = argument;
    pthread_mutex_lock(&store->mutex);
    for (;;) {
        while (store->state == IDLE) pthread_cond_wait(&store->changed, &store->mutex);
        if (store->state == QUIT) break;
        pthread_mutex_unlock(&store->mutex);
        rr_status status = write_job(store);
        pthread_mutex_lock(&store->mutex);
        if (status != RR_OK) {
            store->result = status;
            snprintf(store->message, sizeof store->message, "%s", rr_last_error());
        }
        store->state = IDLE;
        pthread_cond_broadcast(&store->changed);
    }
    pthread_mutex_unlock(&store->mutex);
    return NULL;
}

/* What a process left that was killed while it wrote. The run's lock is held, so nobody is writing. */
static rr_status remove_leftovers(const char *folder) {
    DIR *entries = opendir(folder);
    if (entries == NULL) return rr_fail(RR_ERR_RUNTIME, "%s: cannot be read: %s", folder, strerror(errno));
    rr_status status = RR_OK;
    for (const struct dirent *entry; status == RR_OK && (entry = readdir(entries)) != NULL;)
        if (rr_is_temporary_name(entry->d_name, RR_CHECKPOINT_SUFFIX) &&
            unlinkat(dirfd(entries), entry->d_name, 0) != 0 && errno != ENOENT)
            status = rr_fail(RR_ERR_RUNTIME, "%s/%s: cannot be removed: %s", folder, entry->d_name, strerror(errno));
    closedir(entries);
    return status;
}

static rr_status prepare_folders(const char *run_folder) {
    rr_buffer folder = {0};
    rr_buffer_printf(&folder, "%s/" RR_CHECKPOINT_FOLDER, run_folder);
    rr_status status = folder.failed ? rr_fail(RR_ERR_NOMEM, "no memory for a path") : rr_folder_make(folder.data);
    if (status == RR_OK) status = rr_folder_sync(run_folder);
    if (status == RR_OK) status = remove_leftovers(folder.data);
    if (status == RR_OK) status = remove_leftovers(run_folder);
    rr_buffer_free(&folder);
    return status;
}

static rr_status start_thread(rr_store *store) {
    /* Signals are for the training thread: handlers and sleeps there must not miss one. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&store->thread, NULL, write_in_background, store);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error == 0
               ? RR_OK
               : rr_fail(RR_ERR_RUNTIME, "the thread that writes checkpoints cannot be started: %s", strerror(error));
}

rr_status rr_store_open(const char *run_folder, const rr_ckpt_config *config, rr_store **out) {
    RR_TRY(prepare_folders(run_folder));
    rr_store *store = calloc(1, sizeof *store);
    if (store == NULL) return rr_fail(RR_ERR_NOMEM, "no memory for the checkpoints");
    rr_status status = RR_OK;
    store->run_folder = strdup(run_folder);
    store->keep = config->keep > 0 ? config->keep : 1;
    pthread_mutex_init(&store->mutex, NULL);
    pthread_cond_init(&store->changed, NULL);
    if (store->run_folder == NULL) {
        status = rr_fail(RR_ERR_NOMEM, "no memory for a path");
        goto free_store;
    }
    status = start_thread(store);
    if (status != RR_OK) goto free_store;
    *out = store;
    return RR_OK;
free_store:
    pthread_cond_destroy(&store->changed);
    pthread_mutex_destroy(&store->mutex);
    free(store->run_folder);
    free(store);
    return status;
}

rr_status rr_store_flush(rr_store *store) {
    pthread_mutex_lock(&store->mutex);
    while (store->state == BUSY) pthread_cond_wait(&store->changed, &store->mutex);
    rr_status status = store->result;
    store->result = RR_OK;
    pthread_mutex_unlock(&store->mutex);
    return status == RR_OK ? RR_OK : rr_fail(status, "%s", store->message);
}

static void set_state(rr_store *store, store_state state) {
    pthread_mutex_lock(&store->mutex);
    store->state = state;
    pthread_cond_broadcast(&store->changed);
    pthread_mutex_unlock(&store->mutex);
}

rr_status rr_store_save(rr_store *store, uint64_t step, bool is_best, const rr_tensor_set *set) {
    rr_status before = rr_store_flush(store);
    RR_TRY(keep_copy(store, set));
    store->step = step;
    store->is_best = is_best;
    set_state(store, BUSY);
    return before; /* its message still stands */
}

rr_status rr_store_close(rr_store *store) {
    if (store == NULL) return RR_OK;
    rr_status status = rr_store_flush(store);
    set_state(store, QUIT);
    pthread_join(store->thread, NULL);
    pthread_cond_destroy(&store->changed);
    pthread_mutex_destroy(&store->mutex);
    rr_arena_release(&store->copy);
    free(store->run_folder);
    free(store);
    return status;
}
