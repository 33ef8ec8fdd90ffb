/* Network interfaces of this host, and what went through them. */
#ifndef RR_DOCTOR_INTERFACES_H
#define RR_DOCTOR_INTERFACES_H

#include <stddef.h>

enum { RR_INTERFACES = 64, RR_INTERFACE_NAME = 64 };

typedef struct rr_interface {
    char name[RR_INTERFACE_NAME]; /* "eth0", "mlx5_0 port 1" */
    double sent;                  /* bytes, ever */
    double bits_per_s;            /* NAN where the driver does not say */
    int is_real;                  /* a device that is up, no bridge or loopback */
} rr_interface;

/** Those of this process's network namespace and the InfiniBand ports; returns how many. */
size_t rr_interfaces_read(rr_interface *out);

/** Index of the one that most went through between two readings, at least `least` bytes; `count` if there is none. */
size_t rr_interfaces_used(const rr_interface *before, const rr_interface *after, size_t count, double least);

/** Index of the fastest real one; `count` if none says how fast it is. */
size_t rr_interfaces_fastest(const rr_interface *interfaces, size_t count);

#endif
