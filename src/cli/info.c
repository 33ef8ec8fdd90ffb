#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/sha256.h"
#include "ckpt/safetensors.h"
#include "ckpt/store.h"
#include "cli/cli.h"
#include "cli/load.h"
#include "model/average.h"
#include "model/weights.h"
#include "train/footprint.h"

static double mib(double bytes) { return bytes / (1 << 20); }

static void print_shape(const size_t *dims, size_t count) {
    char text[96];
    size_t used = 0;
    for (size_t i = 0; i < count && used < sizeof text; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%zu", i > 0 ? " x " : "", dims[i]);
    printf("%-16s", count > 0 ? text : "scalar");
}

/* What this process holds by now, in MiB: the program, and the data that every rank reads; 0 if nobody tells. */
static double resident_mib(void) {
    unsigned long long pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file == NULL) return 0;
    if (fscanf(file, "%*u %llu", &pages) != 1) pages = 0;
    fclose(file);
    return mib((double)pages * (double)sysconf(_SC_PAGESIZE));
}

/* How shards are shared out, where that is not simply even. */
static void print_shares(const rr_enum_or_sizes *shares, size_t ranks) {
    const rr_sizes *listed = &shares->sizes;
    size_t most = 0;
    for (size_t i = 0; i < listed->count; i++)
        if (listed->values[i] > most) most = listed->values[i];
    if (listed->count == ranks)
        printf("shards a rank     as listed, at most %zu\n", most);
    else if (listed->count > 0)
        printf("shards a rank     listed for %zu ranks; on %zu reckoned as if even\n", listed->count, ranks);
    else if (shares->choice == RR_SHARDS_AUTO)
        printf("shards a rank     by its speed, measured at every start; reckoned as if even\n");
}

/* Bytes of a rank that computes the most rows, in the order of the arenas. */
static void print_memory(const rr_loaded *loaded, const rr_footprint *sizes, size_t ranks) {
    printf("memory a rank     %.1f MiB: parameters %.1f, gradients %.1f, optimiser %.1f, activations of %zu rows %.1f",
           mib(sizes->total), mib(sizes->parameters), mib(sizes->gradients), mib(sizes->optimiser), sizes->micro_rows,
           mib(sizes->activations));
    if (sizes->row_sums > 0) printf(", rows of embeddings %.1f", mib(sizes->row_sums));
    printf("\n                  besides: program and data %.1f, and on rank 0 the copy that checkpoints are written "
           "from %.1f",
           resident_mib(), mib(sizes->checkpoint));
    if (sizes->optimiser_saved > 0)
        printf(", and while it saves the whole state of the optimiser %.1f", mib(sizes->optimiser_saved));
    printf("\n");
    if (loaded->settings.dist.logical_shards == 0) return;
    printf("order of sums     %zu shards of the global batch: the weights do not depend on ranks; %s\n",
           loaded->settings.dist.logical_shards,
           loaded->task->ops->rows_together != NULL && loaded->task->ops->rows_together(loaded->task) > 0
               ? "a rank computes its shards together"
               : "each shard is computed by itself");
    print_shares(&loaded->settings.dist.shards_per_rank, ranks);
}

static rr_status config_info(const rr_cli_arguments *arguments, size_t ranks, size_t nodes) {
    rr_loaded loaded;
    rr_status status = rr_load(arguments, RR_LOAD_SIZES, &loaded);
    if (status == RR_OK) {
        const rr_params *params = &loaded.task->params;
        rr_task_cost cost = loaded.task->ops->cost(loaded.task);
        rr_footprint sizes = {0};
        status = rr_footprint_of(&loaded.settings, loaded.task, ranks, nodes, &sizes);
        rr_buffer text = {0};
        for (size_t i = 0; i < params->count; i++) {
            printf("  %-32s", params->items[i].name);
            print_shape(params->items[i].dims, params->items[i].dim_count);
            printf("%12zu\n", params->items[i].count);
        }
        loaded.task->ops->describe(loaded.task, &text);
        printf("parameters        %zu\n", rr_params_scalars(params));
        printf("%s", rr_buffer_text(&text));
        printf("steps an epoch    %llu\n", (unsigned long long)loaded.task->ops->steps_per_epoch(loaded.task));
        printf("work a step       %.3f GFLOP (6 x multiply-adds of the matrices) over all ranks, %.0f targets\n",
               6e-9 * cost.macs_per_target * cost.targets_per_step, cost.targets_per_step);
        printf("sent a step       %.2f MiB a rank on %zu ranks, %zu node%s (2 (N - 1) / N of the gradients; of "
               "embeddings, rows)\n",
               mib(sizeof(float) * sizes.sent_floats), ranks, nodes, nodes == 1 ? "" : "s");
        print_memory(&loaded, &sizes, ranks);
        rr_buffer_free(&text);
    }
    rr_load_free(&loaded);
    return status;
}

static int by_name(const void *a, const void *b) {
    return strcmp((*(const rr_tensor *const *)a)->name, (*(const rr_tensor *const *)b)->name);
}

/* SHA-256 over name and values (float32, little-endian) of every parameter, in the order of their names as bytes. */
static rr_status print_hash(const char *path) {
    rr_safetensors *file;
    RR_TRY(rr_safetensors_read(path, &file));
    size_t count = 0;
    rr_status status = RR_OK;
    const rr_tensor **weights = malloc((rr_safetensors_count(file) + 1) * sizeof *weights);
    if (weights == NULL) {
        rr_safetensors_free(file);
        return rr_fail(RR_ERR_NOMEM, "no memory for the tensors of %s", path);
    }
    for (size_t i = 0; i < rr_safetensors_count(file); i++)
        if (rr_tensor_is_weight(rr_safetensors_at(file, i))) weights[count++] = rr_safetensors_at(file, i);
    qsort(weights, count, sizeof *weights, by_name);
    rr_sha256 hash;
    char text[RR_SHA256_TEXT];
    rr_sha256_begin(&hash);
    for (size_t i = 0; i < count && status == RR_OK; i++) {
        if (weights[i]->dtype != RR_F32)
            status = rr_fail(RR_ERR_INPUT, "%s: %s is %s; only F32 is hashed", path, weights[i]->name,
                             rr_dtype_name(weights[i]->dtype));
        if (status != RR_OK) break;
        rr_sha256_add(&hash, weights[i]->name, strlen(weights[i]->name));
        rr_sha256_add(&hash, weights[i]->data, rr_tensor_elements(weights[i]) * sizeof(float));
    }
    rr_sha256_end(&hash, text);
    if (status == RR_OK) printf("%s  %s\n", text, path);
    free(weights);
    rr_safetensors_free(file);
    return status;
}

static rr_status checkpoint_info(const char *path) {
    rr_safetensors *file;
    RR_TRY(rr_safetensors_read(path, &file));
    static const char *const keys[] = {"ringrnn", "step", "state", "placement", "level", "fingerprint", RR_AVERAGED};
    printf("%s: readable, %zu tensors\n", path, rr_safetensors_count(file));
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const char *value = rr_safetensors_meta(file, keys[i]);
        if (value != NULL) printf("  %-12s %s\n", keys[i], value);
    }
    size_t total = 0;
    for (size_t i = 0; i < rr_safetensors_count(file); i++) {
        const rr_tensor *tensor = rr_safetensors_at(file, i);
        printf("  %-44s", tensor->name);
        print_shape(tensor->dims, tensor->dim_count);
        printf("%12zu\n", rr_tensor_elements(tensor));
        if (rr_tensor_is_weight(tensor)) total += rr_tensor_elements(tensor);
    }
    printf("parameters        %zu\n", total);
    const char *config = rr_safetensors_meta(file, "config");
    if (config != NULL) printf("configuration:\n%s", config);
    rr_safetensors_free(file);
    return RR_OK;
}

static bool is_checkpoint(const char *path) {
    size_t length = strlen(path);
    return length > 12 && strcmp(path + length - 12, ".safetensors") == 0;
}

static rr_status info(int argc, char **argv) {
    rr_cli_arguments arguments;
    const char *ranks_text = NULL, *nodes_text = NULL, *hash = NULL;
    size_t ranks = 1, nodes = 1;
    const rr_cli_option known[] = {{.name = "ranks", .value = &ranks_text},
                                   {.name = "nodes", .value = &nodes_text},
                                   {.name = "hash", .value = &hash, .flag = true},
                                   {.name = NULL}};
    RR_TRY(rr_cli_parse(argc, argv, known, 1, 1, &arguments));
    if (ranks_text != NULL) RR_TRY(rr_cli_size("ranks", ranks_text, &ranks));
    if (nodes_text != NULL) RR_TRY(rr_cli_size("nodes", nodes_text, &nodes));
    if (ranks == 0) return rr_fail(RR_ERR_INPUT, "--ranks 0: must be >= 1");
    if (nodes == 0 || nodes > ranks)
        return rr_fail(RR_ERR_INPUT, "--nodes %zu: must be from 1 to the number of ranks (--ranks), %zu", nodes, ranks);
    rr_buffer path = {0};
    rr_store_meant(arguments.operands[0], &path);
    rr_status status = RR_OK;
    if (!is_checkpoint(rr_buffer_text(&path)))
        status = hash == NULL
                     ? config_info(&arguments, ranks, nodes)
                     : rr_fail(RR_ERR_INPUT, "--hash wants a checkpoint (*.safetensors) or a run folder, got %s",
                               arguments.operands[0]);
    else
        status = hash != NULL ? print_hash(rr_buffer_text(&path)) : checkpoint_info(rr_buffer_text(&path));
    rr_buffer_free(&path);
    return status;
}

const rr_command rr_command_info = {
    .name = "info",
    .arguments = "CONFIG|CKPT|RUN [options]",
    .help = "layers, parameters, work and bytes a step, memory a rank; or what a checkpoint holds",
    .details =
        "  --ranks N          forecast for that many ranks (default 1)\n"
        "  --nodes N          on that many nodes (default 1): it decides how gradients of embeddings go\n"
        "  --hash             of CKPT: SHA-256 over name and values of all parameters, by name; and nothing else\n"
        "  --set key=value    overrides a key of CONFIG\n",
    .run = info,
    .local = true,
};
