#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/crc32c.h"
#include "ckpt/format.h"

struct rr_safetensors {
    unsigned char *bytes; /* [length], RR_ALIGN-aligned */
    size_t length;
    cJSON *header;      /* owns the names and values below */
    rr_tensor *tensors; /* [tensor_count], in order of their data */
    size_t *by_name;    /* [tensor_count] indices in order of name */
    size_t tensor_count;
    rr_meta_item *meta; /* [meta_count], in order of key */
    size_t meta_count;
    rr_arena copies; /* of tensors that do not lie at a multiple of their element's size */
};

/* A tensor and where its bytes lie, from the start of the data. */
typedef struct entry {
    rr_tensor tensor;
    size_t begin, end;
} entry;

static const struct dtype {
    const char *name;
    size_t size; /* bytes */
    rr_dtype dtype;
} dtypes[] = {{"F32", 4, RR_F32},   {"F64", 8, RR_F64},   {"I32", 4, RR_I32},    {"I64", 8, RR_I64},
              {"U8", 1, RR_U8},     {"F16", 2, RR_OTHER}, {"BF16", 2, RR_OTHER}, {"I8", 1, RR_OTHER},
              {"I16", 2, RR_OTHER}, {"U16", 2, RR_OTHER}, {"U32", 4, RR_OTHER},  {"U64", 8, RR_OTHER},
              {"BOOL", 1, RR_OTHER}};

const char *rr_dtype_name(rr_dtype dtype) { return dtype < RR_OTHER ? dtypes[dtype].name : "other"; }

size_t rr_dtype_size(rr_dtype dtype) { return dtype < RR_OTHER ? dtypes[dtype].size : 0; }

size_t rr_tensor_elements(const rr_tensor *tensor) {
    size_t elements = 1;
    for (size_t i = 0; i < tensor->dim_count; i++) elements *= tensor->dims[i];
    return elements;
}

static rr_status no_memory(void) { return rr_fail(RR_ERR_NOMEM, "no memory to read it"); }

static rr_status damaged(const char *what) {
    return rr_fail(RR_ERR_INPUT, "is damaged, or not a safetensors file: %s", what);
}

/* A whole number that a double holds exactly. */
static bool as_size(const cJSON *item, size_t *out) {
    if (!cJSON_IsNumber(item)) return false;
    double value = item->valuedouble;
    if (!(value >= 0 && value <= 9007199254740992.0) || value != (double)(size_t)value) return false;
    *out = (size_t)value;
    return true;
}

static bool has_crc_field(const rr_safetensors *file) {
    return file->length > RR_CRC_OFFSET + RR_CRC_DIGITS &&
           memcmp(file->bytes + RR_HEADER_PREFIX, RR_CRC_PREFIX, sizeof RR_CRC_PREFIX - 1) == 0;
}

static rr_status check_crc(const rr_safetensors *file) {
    size_t after = RR_CRC_OFFSET + RR_CRC_DIGITS;
    uint32_t crc = rr_crc32c(0, file->bytes, RR_CRC_OFFSET);
    crc = rr_crc32c(crc, "00000000", RR_CRC_DIGITS);
    crc = rr_crc32c(crc, file->bytes + after, file->length - after);
    char digits[RR_CRC_DIGITS + 1];
    snprintf(digits, sizeof digits, "%08x", (unsigned)crc);
    /* Compared as text: an upper-case digit is a flipped bit too. */
    if (memcmp(digits, file->bytes + RR_CRC_OFFSET, RR_CRC_DIGITS) == 0) return RR_OK;
    return rr_fail(RR_ERR_INPUT, "is damaged or cut short: its checksum (CRC32C) is %s, not what it says", digits);
}

static rr_status parse_header(rr_safetensors *file, size_t header_length) {
    const char *text = (const char *)file->bytes + RR_HEADER_PREFIX;
    if (header_length == 0 || text[0] != '{') return damaged("its header is not a JSON object");
    if (memchr(text, 0, header_length) != NULL) return damaged("its header holds a zero byte");
    char *copy = malloc(header_length + 1); /* ends with NUL, where cJSON is not strict about the length */
    if (copy == NULL) return no_memory();
    memcpy(copy, text, header_length);
    copy[header_length] = 0;
    const char *end = NULL;
    file->header = cJSON_ParseWithLengthOpts(copy, header_length + 1, &end, 0);
    bool good = cJSON_IsObject(file->header) && end != NULL;
    while (good && end < copy + header_length)
        if (*end++ != ' ') good = false;
    free(copy);
    return good ? RR_OK : damaged("its header is not JSON");
}

static int compare_meta(const void *a, const void *b) {
    return strcmp(((const rr_meta_item *)a)->key, ((const rr_meta_item *)b)->key);
}

static rr_status read_meta(rr_safetensors *file, const cJSON *object) {
    if (!cJSON_IsObject(object)) return damaged("__metadata__ is not an object");
    if (file->meta != NULL) return damaged("__metadata__ is there twice");
    size_t count = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, object) count++;
    file->meta = calloc(count + 1, sizeof *file->meta);
    if (file->meta == NULL) return no_memory();
    cJSON_ArrayForEach(item, object) {
        if (!cJSON_IsString(item)) return damaged("a value of __metadata__ is not a string");
        file->meta[file->meta_count++] = (rr_meta_item){.key = item->string, .value = item->valuestring};
    }
    qsort(file->meta, count, sizeof *file->meta, compare_meta);
    for (size_t i = 1; i < count; i++)
        if (compare_meta(&file->meta[i - 1], &file->meta[i]) == 0)
            return damaged("a key of __metadata__ is there twice");
    return RR_OK;
}

static rr_status tensor_fail(const cJSON *item, const char *what) {
    return rr_fail(RR_ERR_INPUT, "is damaged, or not a safetensors file: tensor '%.100s' %s", item->string, what);
}

/* One entry of the header: {"dtype": "F32", "shape": [2, 3], "data_offsets": [begin, end]} within data [data_length].
 */
static rr_status read_entry(const cJSON *item, const unsigned char *data, size_t data_length, entry *out) {
    const cJSON *dtype = cJSON_GetObjectItemCaseSensitive(item, "dtype");
    const cJSON *shape = cJSON_GetObjectItemCaseSensitive(item, "shape");
    const cJSON *offsets = cJSON_GetObjectItemCaseSensitive(item, "data_offsets");
    if (!cJSON_IsObject(item) || !cJSON_IsString(dtype) || !cJSON_IsArray(shape) || !cJSON_IsArray(offsets))
        return tensor_fail(item, "lacks dtype, shape or data_offsets");
    if (cJSON_GetArraySize(offsets) != 2 || !as_size(offsets->child, &out->begin) ||
        !as_size(offsets->child->next, &out->end) || out->begin > out->end || out->end > data_length)
        return tensor_fail(item, "lies outside of the file");
    rr_tensor *tensor = &out->tensor;
    *tensor = (rr_tensor){.name = item->string, .dtype = RR_OTHER, .data = data + out->begin};
    size_t size = 0, elements = 1;
    for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++)
        if (strcmp(dtype->valuestring, dtypes[i].name) == 0) {
            tensor->dtype = dtypes[i].dtype;
            size = dtypes[i].size;
        }
    const cJSON *dim;
    cJSON_ArrayForEach(dim, shape) {
        if (tensor->dim_count == RR_TENSOR_DIMS)
            return tensor_fail(item, "has more than 8 dimensions, which is not supported");
        if (!as_size(dim, &tensor->dims[tensor->dim_count]))
            return tensor_fail(item, "has a shape that is not made of whole numbers");
        if (__builtin_mul_overflow(elements, tensor->dims[tensor->dim_count], &elements))
            return tensor_fail(item, "has a shape that no file can hold");
        tensor->dim_count++;
    }
    size_t bytes;
    if (__builtin_mul_overflow(elements, size, &bytes)) return tensor_fail(item, "has a shape that no file can hold");
    if (size > 0 && bytes != out->end - out->begin) return tensor_fail(item, "has a shape that its bytes do not fit");
    return RR_OK;
}

static int compare_data(const void *a, const void *b) {
    const entry *x = a, *y = b;
    if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
    return (x->end > y->end) - (x->end < y->end); /* an empty tensor may lie where another begins */
}

static int compare_name(const void *a, const void *b, void *tensors) {
    return strcmp(((rr_tensor *)tensors)[*(const size_t *)a].name, ((rr_tensor *)tensors)[*(const size_t *)b].name);
}

static bool is_aligned(const rr_tensor *tensor) {
    size_t size = rr_dtype_size(tensor->dtype);
    return size == 0 || (uintptr_t)tensor->data % size == 0;
}

/* Tensors of other writers may lie at any offset; those are copied to where their type may lie. */
static rr_status align_tensors(rr_safetensors *file) {
    size_t bytes = 0;
    for (size_t i = 0; i < file->tensor_count; i++)
        if (!is_aligned(&file->tensors[i]))
            bytes += rr_tensor_elements(&file->tensors[i]) * rr_dtype_size(file->tensors[i].dtype) + RR_ALIGN;
    if (bytes == 0) return RR_OK;
    RR_TRY(rr_arena_reserve(bytes, &file->copies));
    for (size_t i = 0; i < file->tensor_count; i++) {
        rr_tensor *tensor = &file->tensors[i];
        if (is_aligned(tensor)) continue;
        size_t length = rr_tensor_elements(tensor) * rr_dtype_size(tensor->dtype);
        void *copy = rr_arena_take(&file->copies, length);
        if (length > 0) memcpy(copy, tensor->data, length);
        tensor->data = copy;
    }
    return RR_OK;
}

/* The format wants the data covered by tensors exactly: no overlap, no gap, nothing behind. */
static rr_status order_tensors(rr_safetensors *file, entry *entries, size_t data_length) {
    size_t count = file->tensor_count, end = 0;
    if (count > 0) qsort(entries, count, sizeof *entries, compare_data);
    file->tensors = calloc(count + 1, sizeof *file->tensors);
    file->by_name = calloc(count + 1, sizeof *file->by_name);
    if (file->tensors == NULL || file->by_name == NULL) return no_memory();
    for (size_t i = 0; i < count; i++) {
        file->tensors[i] = entries[i].tensor;
        file->by_name[i] = i;
        if (entries[i].begin != end)
            return rr_fail(RR_ERR_INPUT, "is damaged, or not a safetensors file: tensor '%.100s' %s the one before",
                           entries[i].tensor.name, entries[i].begin < end ? "overlaps" : "does not follow");
        end = entries[i].end;
    }
    if (end != data_length)
        return rr_fail(RR_ERR_INPUT, "is damaged, or not a safetensors file: %zu bytes belong to no tensor",
                       data_length - end);
    qsort_r(file->by_name, count, sizeof *file->by_name, compare_name, file->tensors);
    for (size_t i = 1; i < count; i++)
        if (compare_name(&file->by_name[i - 1], &file->by_name[i], file->tensors) == 0)
            return damaged("a tensor's name is there twice");
    return align_tensors(file);
}

static rr_status read_tensors(rr_safetensors *file, size_t data_offset) {
    size_t count = 0, data_length = file->length - data_offset;
    const cJSON *item;
    cJSON_ArrayForEach(item, file->header) count++;
    entry *entries = calloc(count + 1, sizeof *entries);
    if (entries == NULL) return no_memory();
    rr_status status = RR_OK;
    cJSON_ArrayForEach(item, file->header) {
        if (strcmp(item->string, "__metadata__") == 0)
            status = read_meta(file, item);
        else
            status = read_entry(item, file->bytes + data_offset, data_length, &entries[file->tensor_count++]);
        if (status != RR_OK) break;
    }
    if (status == RR_OK) status = order_tensors(file, entries, data_length);
    free(entries);
    return status;
}

static rr_status check_file(rr_safetensors *file) {
    if (file->length < RR_HEADER_PREFIX) return damaged("it is shorter than 8 bytes");
    uint64_t header_length = 0;
    for (int i = RR_HEADER_PREFIX - 1; i >= 0; i--) header_length = header_length << 8 | file->bytes[i];
    if (has_crc_field(file)) RR_TRY(check_crc(file));
    if (header_length > RR_HEADER_LIMIT) return damaged("its header is longer than 100 MB");
    if (header_length > file->length - RR_HEADER_PREFIX) return damaged("it is shorter than its header");
    RR_TRY(parse_header(file, (size_t)header_length));
    RR_TRY(read_tensors(file, RR_HEADER_PREFIX + (size_t)header_length));
    bool claims = rr_safetensors_meta(file, RR_CRC_KEY) != NULL || rr_safetensors_meta(file, RR_CRC_MARK) != NULL;
    if (claims && !has_crc_field(file))
        return rr_fail(RR_ERR_INPUT,
                       "is damaged: its checksum is not where it belongs (if another program wrote it anew, "
                       "leave the metadata '" RR_CRC_KEY "' and '" RR_CRC_MARK "' out)");
    return RR_OK;
}

/* Takes over the bytes in file, whatever comes of it. */
static rr_status finish(const char *name, rr_safetensors *file, rr_safetensors **out) {
    rr_status status = check_file(file);
    if (status != RR_OK) {
        rr_safetensors_free(file);
        return rr_fail_within(status, "%s: ", name);
    }
    *out = file;
    return RR_OK;
}

static rr_status allocate(const char *name, size_t length, rr_safetensors **out) {
    rr_safetensors *file = calloc(1, sizeof *file);
    if (file == NULL) return rr_fail(RR_ERR_NOMEM, "%s: no memory to read it", name);
    if (posix_memalign((void **)&file->bytes, RR_ALIGN, length + 1) != 0) {
        free(file);
        return rr_fail(RR_ERR_NOMEM, "%s: no memory to hold its %zu bytes", name, length);
    }
    file->length = length;
    *out = file;
    return RR_OK;
}

rr_status rr_safetensors_parse(const char *name, const void *bytes, size_t length, rr_safetensors **out) {
    rr_safetensors *file = NULL;
    RR_TRY(allocate(name, length, &file));
    if (length > 0) memcpy(file->bytes, bytes, length);
    return finish(name, file, out);
}

/* read(2) until length bytes are there. @return how many, or -1 */
static ssize_t read_all(int fd, unsigned char *bytes, size_t length) {
    size_t done = 0;
    while (done < length) {
        ssize_t got = read(fd, bytes + done, length - done);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return -1;
        if (got == 0) break;
        done += (size_t)got;
    }
    return (ssize_t)done;
}

rr_status rr_safetensors_read(const char *path, rr_safetensors **out) {
    rr_status status;
    rr_safetensors *file = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO does not hold us up */
    if (fd < 0) return rr_fail(RR_ERR_INPUT, "%s: %s", path, strerror(errno));
    struct stat info;
    if (fstat(fd, &info) != 0) {
        status = rr_fail(RR_ERR_INPUT, "%s: %s", path, strerror(errno));
        goto close_file;
    }
    if (!S_ISREG(info.st_mode)) {
        status = rr_fail(RR_ERR_INPUT, "%s: is not a file", path);
        goto close_file;
    }
    status = allocate(path, (size_t)info.st_size, &file);
    if (status != RR_OK) goto close_file;
    ssize_t got = read_all(fd, file->bytes, file->length);
    if (got < 0)
        status = rr_fail(RR_ERR_INPUT, "%s: %s", path, strerror(errno));
    else if ((size_t)got < file->length)
        status = rr_fail(RR_ERR_INPUT, "%s: became shorter while it was read", path);
    if (status != RR_OK) rr_safetensors_free(file);
close_file:
    close(fd);
    return status == RR_OK ? finish(path, file, out) : status;
}

void rr_safetensors_free(rr_safetensors *file) {
    if (file == NULL) return;
    cJSON_Delete(file->header);
    rr_arena_release(&file->copies);
    free(file->tensors);
    free(file->by_name);
    free(file->meta);
    free(file->bytes);
    free(file);
}

size_t rr_safetensors_count(const rr_safetensors *file) { return file->tensor_count; }

const rr_tensor *rr_safetensors_at(const rr_safetensors *file, size_t index) {
    return index < file->tensor_count ? &file->tensors[index] : NULL;
}

const rr_tensor *rr_safetensors_find(const rr_safetensors *file, const char *name) {
    size_t low = 0, high = file->tensor_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const rr_tensor *tensor = &file->tensors[file->by_name[middle]];
        int order = strcmp(name, tensor->name);
        if (order == 0) return tensor;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

const char *rr_safetensors_meta(const rr_safetensors *file, const char *key) {
    for (size_t i = 0; i < file->meta_count; i++)
        if (strcmp(file->meta[i].key, key) == 0) return file->meta[i].value;
    return NULL;
}
