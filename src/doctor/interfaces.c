#include "doctor/interfaces.h"

#include <glob.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "doctor/system.h"

static int is_real(const char *name) {
    char path[256], state[32];
    rr_buffer text = {0};
    snprintf(path, sizeof path, "/sys/class/net/%s/device", name);
    if (access(path, F_OK) != 0) return 0;
    snprintf(path, sizeof path, "/sys/class/net/%s/operstate", name);
    rr_system_line(rr_system_read(path, &text), "", state, sizeof state);
    rr_buffer_free(&text);
    return strcmp(state, "up") == 0;
}

/* "  eth0: received ... (8 numbers) sent ..." after two lines of headings. */
static size_t read_devices(rr_interface *out) {
    rr_buffer text = {0};
    size_t count = 0;
    rr_system_read("/proc/self/net/dev", &text);
    char *rest = text.data;
    for (char *line = strsep(&rest, "\n"); line != NULL && count < RR_INTERFACES; line = strsep(&rest, "\n")) {
        char *colon = strchr(line, ':');
        double sent;
        if (colon == NULL || sscanf(colon + 1, "%*s %*s %*s %*s %*s %*s %*s %*s %lf", &sent) != 1) continue;
        *colon = 0;
        rr_interface *at = &out[count++];
        snprintf(at->name, sizeof at->name, "%s", line + strspn(line, " "));
        char folder[256];
        snprintf(folder, sizeof folder, "/sys/class/net/%s", at->name);
        double speed = rr_system_file_number(folder, "speed"); /* -1: not known */
        at->sent = sent;
        at->bits_per_s = speed > 0 ? 1e6 * speed : NAN;
        at->is_real = is_real(at->name);
    }
    rr_buffer_free(&text);
    return count;
}

/* /sys/class/infiniband/mlx5_0/ports/1 */
static size_t read_ports(rr_interface *out, size_t count) {
    glob_t found;
    if (glob("/sys/class/infiniband/*/ports/*", 0, NULL, &found) != 0) return count;
    for (size_t i = 0; i < found.gl_pathc && count < RR_INTERFACES; i++) {
        char device[32], port[16];
        rr_interface *at = &out[count];
        if (sscanf(found.gl_pathv[i], "/sys/class/infiniband/%31[^/]/ports/%15s", device, port) != 2) continue;
        snprintf(at->name, sizeof at->name, "%s port %s", device, port);
        at->sent =
            4 * rr_system_file_number(found.gl_pathv[i], "counters/port_xmit_data"); /* it counts words of four bytes */
        at->bits_per_s = 1e9 * rr_system_file_number(found.gl_pathv[i], "rate");
        at->is_real = rr_system_file_number(found.gl_pathv[i], "state") == 4; /* "4: ACTIVE" */
        if (!isnan(at->sent)) count++;
    }
    globfree(&found);
    return count;
}

size_t rr_interfaces_read(rr_interface *out) { return read_ports(out, read_devices(out)); }

size_t rr_interfaces_used(const rr_interface *before, const rr_interface *after, size_t count, double least) {
    size_t used = count;
    for (size_t i = 0; i < count; i++) {
        double sent = after[i].sent - before[i].sent;
        if (strcmp(before[i].name, after[i].name) != 0 || !(sent >= least)) continue;
        least = sent;
        used = i;
    }
    return used;
}

size_t rr_interfaces_fastest(const rr_interface *interfaces, size_t count) {
    size_t fastest = count;
    for (size_t i = 0; i < count; i++)
        if (interfaces[i].is_real && !isnan(interfaces[i].bits_per_s) &&
            (fastest == count || interfaces[i].bits_per_s > interfaces[fastest].bits_per_s))
            fastest = i;
    return fastest;
}
