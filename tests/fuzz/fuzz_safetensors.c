/* Any bytes as a safetensors file: what is accepted must be readable to its last byte. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ckpt/safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static volatile size_t seen; /* keeps the reads */

static void touch(const rr_safetensors *file) {
    static const size_t sizes[] = {[RR_F32] = 4, [RR_F64] = 8, [RR_I32] = 4, [RR_I64] = 8, [RR_U8] = 1, [RR_OTHER] = 0};
    for (size_t i = 0; i < rr_safetensors_count(file); i++) {
        const rr_tensor *tensor = rr_safetensors_at(file, i);
        const unsigned char *data = tensor->data;
        for (size_t k = rr_tensor_elements(tensor) * sizes[tensor->dtype]; k-- > 0;) seen += data[k];
        if (rr_safetensors_find(file, tensor->name) != tensor) abort();
    }
    const char *step = rr_safetensors_meta(file, "step");
    if (step != NULL) seen += strlen(step);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
    rr_safetensors *file = NULL;
    if (rr_safetensors_parse("fuzz", bytes, length, &file) == RR_OK) {
        touch(file);
        rr_safetensors_free(file);
    } else if (file != NULL || rr_last_error()[0] == 0) {
        abort();
    }
    return 0;
}
