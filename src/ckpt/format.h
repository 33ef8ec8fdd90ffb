/*
 * What the reader and the writer of safetensors files agree on.
 *
 * Our files begin, after the 8 bytes of header length, with exactly RR_CRC_PREFIX, the 8 lower-case hex digits of the
 * CRC32C, and a quote. The CRC is that of all bytes of the file, first to last, with these 8 digits as '0' characters.
 * A second metadata item, "checksum": "crc32c", says that there is one, so that a flipped bit in the first item's key
 * is seen.
 */
#ifndef RR_CKPT_FORMAT_H
#define RR_CKPT_FORMAT_H

#include "ckpt/safetensors.h"

#define RR_CRC_KEY "crc32c"
#define RR_CRC_MARK "checksum"
#define RR_CRC_PREFIX "{\"__metadata__\":{\"" RR_CRC_KEY "\":\""

enum {
    RR_HEADER_PREFIX = 8,        /* bytes of the little-endian header length */
    RR_HEADER_LIMIT = 100000000, /* bytes; that of the reference implementation */
    RR_CRC_DIGITS = 8,
    RR_CRC_OFFSET = RR_HEADER_PREFIX + sizeof RR_CRC_PREFIX - 1 /* of the first digit, from the start of the file */
};

/** Bytes of one element; 0 for RR_OTHER. */
size_t rr_dtype_size(rr_dtype dtype);

#endif
