/* Knows nothing of MPI, so that a configuration can be checked without it. */
#include "dist/dist_config.h"

#include <string.h>

#include "config/config.h"

/* In the order of rr_allreduces, after auto. */
static const char *const allreduces[] = {"auto", "ring", "mpi", "shared", "tree", "halving", NULL};

static const char *const shares_by[] = {"even", "auto", NULL}; /* RR_SHARDS_EVEN ... */

static const rr_key keys[] = {
    {.name = "allreduce",
     .type = RR_KEY_ENUM,
     .offset = offsetof(rr_dist_config, allreduce),
     .preset = "auto",
     .choices = allreduces,
     .help = "how gradients are summed over ranks: ring, reduce-scatter and allgather of our own; mpi, MPI_Iallreduce; "
             "shared, through memory that the ranks of a node share, and a ring over nodes; tree, every rank adds its "
             "part of all in the order of a balanced tree; halving, recursive halving and doubling, for many nodes and "
             "few bytes; auto, by a fixed table over bytes, ranks and nodes"},
    {.name = "bucket_mb",
     .type = RR_KEY_FLOAT,
     .offset = offsetof(rr_dist_config, bucket_mb),
     .preset = "4",
     .min = 0,
     .max = 1e6,
     .above_min = true,
     .unit = "MiB",
     .help = "gradients are summed in buckets of about that size, each as soon as the backward pass has finished it"},
    {.name = "shard_optimizer",
     .type = RR_KEY_BOOL,
     .offset = offsetof(rr_dist_config, shard_optimizer),
     .preset = "false",
     .help = "each rank updates its part of the weights alone and then gets the others' from them: the optimiser takes "
             "1 / ranks of the time and of the memory; the weights are the same"},
    {.name = "threads_per_rank",
     .type = RR_KEY_SIZE,
     .offset = offsetof(rr_dist_config, threads_per_rank),
     .preset = "1",
     .min = 1,
     .max = 1024,
     .unit = "threads",
     .help = "threads that a rank computes with; more ranks of one thread are often faster"},
    {.name = "logical_shards",
     .type = RR_KEY_SIZE,
     .offset = offsetof(rr_dist_config, logical_shards),
     .preset = "0",
     .max = 1e6,
     .unit = "shards",
     .help = "makes the weights independent of the number of ranks, bit by bit: the global batch is cut into that many "
             "runs of rows, whose gradients are added in the order of a balanced tree, whichever ranks have them; at "
             "most train.global_batch_size; best is a multiple of the number of ranks, both powers of 2; 0: off"},
    {.name = "shards_per_rank",
     .type = RR_KEY_ENUM_OR_SIZES,
     .offset = offsetof(rr_dist_config, shards_per_rank),
     .preset = "even",
     .max = 1e6,
     .choices = shares_by,
     .unit = "shards",
     .help = "how many of the dist.logical_shards each rank has; the weights are the same: even; auto, more on faster "
             "ranks, which are found by a measurement of about a second at every start; or a list with a count for "
             "each rank, such as [3, 1]"},
    {.name = "timeout_s",
     .type = RR_KEY_SIZE,
     .offset = offsetof(rr_dist_config, timeout_s),
     .preset = "300",
     .max = 1e9,
     .unit = "seconds",
     .help = "ends the job when for so long no rank has made progress: none computes, reads or writes, and nothing "
             "that one "
             "waits for has come. A rank that is only slow is waited for, however long. 0: no limit"},
    {.name = "check_every_steps",
     .type = RR_KEY_SIZE,
     .offset = offsetof(rr_dist_config, check_every_steps),
     .preset = "100",
     .max = 1e15,
     .unit = "steps",
     .help = "compares a hash of the parameters over ranks that often, and stops where they differ; 0: never"},
    {.name = NULL},
};

static rr_status check_shares(const rr_config *config, const rr_dist_config *dist) {
    const rr_enum_or_sizes *shares = &dist->shards_per_rank;
    size_t sum = 0;
    if (shares->sizes.count == 0 && shares->choice == RR_SHARDS_EVEN) return RR_OK;
    if (dist->logical_shards == 0)
        return rr_config_fail(config, "dist.shards_per_rank",
                              "must be even without dist.logical_shards: there are no shards to give to ranks");
    for (size_t i = 0; i < shares->sizes.count; i++) sum += shares->sizes.values[i];
    if (shares->sizes.count > 0 && sum != dist->logical_shards)
        return rr_config_fail(config, "dist.shards_per_rank",
                              "the counts must add up to dist.logical_shards (%zu); they give %zu",
                              dist->logical_shards, sum);
    return RR_OK;
}

static rr_status check(const rr_config *config, const void *section) {
    const rr_dist_config *dist = section;
    const char *name = allreduces[dist->allreduce];
    if (dist->logical_shards > 0 && (strcmp(name, "ring") == 0 || strcmp(name, "mpi") == 0))
        return rr_config_fail(config, "dist.allreduce",
                              "must be auto, shared or tree with dist.logical_shards %zu, got %s: it does not add in "
                              "the order of shards",
                              dist->logical_shards, name);
    return check_shares(config, dist);
}

const rr_section rr_dist_section = {.name = "dist",
                                    .help = "Ranks, threads, and how gradients are summed over them",
                                    .size = sizeof(rr_dist_config),
                                    .keys = keys,
                                    .check = check};
