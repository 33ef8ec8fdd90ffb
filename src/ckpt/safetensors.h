/* The safetensors format (8-byte little-endian header length, JSON header, raw data), with a CRC32C in its metadata. */
#ifndef RR_CKPT_SAFETENSORS_H
#define RR_CKPT_SAFETENSORS_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"

enum { RR_TENSOR_DIMS = 8 };

/** RR_OTHER: a type that only other programs write (F16, BF16 ...); such tensors are listed, and never written. */
typedef enum rr_dtype { RR_F32, RR_F64, RR_I32, RR_I64, RR_U8, RR_OTHER } rr_dtype;

typedef struct rr_tensor {
    const char *name;
    rr_dtype dtype;
    size_t dims[RR_TENSOR_DIMS];
    size_t dim_count;
    const void *data; /* contiguous, row-major, aligned to its element; RR_OTHER: raw bytes */
} rr_tensor;

typedef struct rr_meta_item {
    const char *key, *value;
} rr_meta_item;

/**
 * What a file holds. Names and keys are UTF-8 and differ. Data is written in the order given, from a multiple of 64
 * bytes on and without gaps (the format allows none).
 */
typedef struct rr_tensor_set {
    const rr_tensor *tensors;
    size_t tensor_count;
    const rr_meta_item *meta;
    size_t meta_count;
} rr_tensor_set;

/**
 * Writes path atomically: path + ".tmp.<pid>" is written, fsynced, renamed, and the folder fsynced. The metadata item
 * "crc32c" (8 hex digits) is added: the CRC32C of the whole file with these digits as zeros; and "checksum", which says
 * so. On failure (disk full) the temporary file is removed, an old file at path is left alone. The same set gives the
 * same bytes.
 * @return RR_ERR_RUNTIME `path: ...: No space left on device`, RR_ERR_INPUT (a name or value that is not UTF-8, or
 * given twice)
 */
rr_status rr_safetensors_write(const char *path, const rr_tensor_set *set);

/** An open file, wholly in memory. Its tensors are in the order of their data. */
typedef struct rr_safetensors rr_safetensors;

/**
 * Reads and checks a file: header, offsets, sizes, and the CRC if there is one (files by others have none).
 * Any bytes are safe input. @return RR_ERR_INPUT `path: ...` (truncated, damaged, not safetensors)
 */
rr_status rr_safetensors_read(const char *path, rr_safetensors **out);
rr_status rr_safetensors_parse(const char *name, const void *bytes, size_t length,
                               rr_safetensors **out); /* copies bytes */
void rr_safetensors_free(rr_safetensors *file);

size_t rr_safetensors_count(const rr_safetensors *file);
const rr_tensor *rr_safetensors_at(const rr_safetensors *file, size_t index);
const rr_tensor *rr_safetensors_find(const rr_safetensors *file, const char *name); /* NULL: none */
const char *rr_safetensors_meta(const rr_safetensors *file, const char *key);       /* NULL: none */
size_t rr_tensor_elements(const rr_tensor *tensor);
const char *rr_dtype_name(rr_dtype dtype); /* "F32", as in the file; "other" */

#endif
