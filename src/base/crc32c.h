/* CRC32C (Castagnoli, polynomial 0x1EDC6F41 reflected), as in iSCSI (RFC 3720, appendix B.4) and ext4. */
#ifndef RR_BASE_CRC32C_H
#define RR_BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/**
 * The CRC of bytes that follow others: rr_crc32c(rr_crc32c(0, a, n), b, m) is that of a and b together.
 * Uses the processor's CRC instruction where there is one.
 *
 * @param[in] crc  CRC of the bytes before, 0 at the start
 */
uint32_t rr_crc32c(uint32_t crc, const void *data, size_t length);

/** The same by tables, on any processor. */
uint32_t rr_crc32c_portable(uint32_t crc, const void *data, size_t length);

#endif
