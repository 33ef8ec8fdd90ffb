/* SHA-256 (FIPS 180-4): a name for contents that others can check with sha256sum or hashlib. */
#ifndef RR_BASE_SHA256_H
#define RR_BASE_SHA256_H

#include <stddef.h>
#include <stdint.h>

typedef struct rr_sha256 {
    uint32_t state[8];
    uint64_t bytes; /* so far */
    unsigned char block[64];
} rr_sha256;

enum { RR_SHA256_TEXT = 65 };

void rr_sha256_begin(rr_sha256 *hash);
void rr_sha256_add(rr_sha256 *hash, const void *data, size_t length);
/** 64 hexadecimal digits. */
void rr_sha256_end(rr_sha256 *hash, char out[RR_SHA256_TEXT]);

#endif
