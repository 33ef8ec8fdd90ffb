#include "ckpt/store.h"

static const rr_key keys[] = {
    {.name = "every_steps",
     .type = RR_KEY_SIZE,
     .offset = offsetof(rr_ckpt_config, every_steps),
     .preset = "1000",
     .max = 1e15,
     .unit = "steps",
     .help = "saves a checkpoint that often, beside those of a new best evaluation, at the end and when "
             "stopped; 0: only those"},
    {.name = "keep",
     .type = RR_KEY_SIZE,
     .offset = offsetof(rr_ckpt_config, keep),
     .preset = "3",
     .min = 1,
     .max = 1e6,
     .unit = "files",
     .help = "the newest checkpoints that stay; best.safetensors and last.safetensors stay besides"},
    {.name = NULL},
};

const rr_section rr_ckpt_section = {.name = "ckpt",
                                    .help = "How often checkpoints are saved, and how many stay",
                                    .size = sizeof(rr_ckpt_config),
                                    .keys = keys};
