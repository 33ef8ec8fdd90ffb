/*
 * Writes a checkpoint with the names and shapes of a trained model and numbers of a fixed rule, for test_to_torch.py:
 *     write_checkpoint FILE CELL VOCAB EMBEDDING HIDDEN LAYERS BIDIRECTIONAL BIAS TIED
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ckpt/safetensors.h"

enum { TENSORS = 64 };

static rr_tensor tensors[TENSORS];
static char names[TENSORS][64];
static size_t count;

/* Small, and different from tensor to tensor and element to element; the test computes the same. */
static void add(const char *name, size_t rows, size_t columns) {
    size_t elements = rows * (columns > 0 ? columns : 1);
    float *values = malloc((elements + 1) * sizeof *values);
    if (values == NULL || count == TENSORS) abort();
    for (size_t i = 0; i < elements; i++) values[i] = (float)((i * 37 + count * 11) % 101) / 128.0F - 0.390625F;
    snprintf(names[count], sizeof names[count], "%s", name);
    tensors[count] = (rr_tensor){.name = names[count], .dtype = RR_F32, .dims = {rows, columns}, .data = values};
    tensors[count++].dim_count = columns > 0 ? 2 : 1;
}

int main(int argc, char **argv) {
    if (argc != 10) return 2;
    const char *cell = argv[2];
    size_t numbers[7];
    for (int i = 0; i < 7; i++) numbers[i] = strtoul(argv[3 + i], NULL, 10);
    size_t vocab = numbers[0], embedding = numbers[1], hidden = numbers[2], layers = numbers[3],
           directions = numbers[4] + 1;
    size_t gates = strcmp(cell, "lstm") == 0 ? 4 : strcmp(cell, "gru") == 0 ? 3 : 1;
    static const char *const kinds[] = {"weight_ih", "weight_hh", "bias_ih", "bias_hh"};
    if (numbers[6] == 0) add("head.weight", vocab, hidden * directions);
    add("head.bias", vocab, 0);
    for (size_t layer = layers; layer-- > 0;)
        for (size_t direction = 0; direction < directions; direction++)
            for (int kind = 0; kind < (numbers[5] != 0 ? 4 : 2); kind++) {
                char name[64];
                snprintf(name, sizeof name, "rnn.%s_l%zu%s", kinds[kind], layer, direction > 0 ? "_reverse" : "");
                size_t input = layer > 0 ? hidden * directions : embedding;
                add(name, gates * hidden, kind == 0 ? input : kind == 1 ? hidden : 0);
            }
    add("embedding.weight", vocab, embedding);
    add("optimizer.exp_avg.head.bias", vocab, 0);
    add("carry", 2, hidden);
    char config[512];
    snprintf(config, sizeof config,
             "task:\n  type: lm\nmodel:\n  cell: %s\n  embedding_size: %zu\n  hidden_size: %zu\n  num_layers: %zu\n"
             "  bidirectional: %s\n  bias: %s\n  tie_weights: %s\n  dropout: 0.5\n  dropout_input: 0.5\n  "
             "dropout_output: 0.5\n",
             cell, embedding, hidden, layers, numbers[4] != 0 ? "true" : "false", numbers[5] != 0 ? "true" : "false",
             numbers[6] != 0 ? "true" : "false");
    rr_meta_item meta[] = {
        {"format", "pt"}, {"step", "42"}, {"config", config}, {"vocab", "{\"unit\": \"byte\", \"tokens\": []}"}};
    rr_tensor_set set = {.tensors = tensors, .tensor_count = count, .meta = meta, .meta_count = 4};
    rr_status status = rr_safetensors_write(argv[1], &set);
    if (status != RR_OK) fprintf(stderr, "%s\n", rr_last_error());
    for (size_t i = 0; i < count; i++) free((void *)tensors[i].data);
    return rr_status_exit_code(status);
}
