#include "dist/pretend.h"

#include <math.h>
#include <stdlib.h>

/* Reads "0,1,1" into at most `most` numbers; 0 where it is no such list. */
static size_t read_list(const char *text, size_t most, int *numbers) {
    size_t count = 0;
    while (count < most) {
        char *end;
        long number = strtol(text, &end, 10);
        if (end == text || number < 0 || number > 1 << 20 || (*end != ',' && *end != 0)) return 0;
        numbers[count++] = (int)number;
        if (*end == 0) return count;
        text = end + 1;
    }
    return 0;
}

bool rr_pretended_node(size_t rank, int *node) {
    enum { MOST = 256 };
    int nodes[MOST];
    const char *text = getenv("RINGRNN_PRETEND_NODES");
    size_t count = text != NULL ? read_list(text, MOST, nodes) : 0;
    if (count == 0) return false;
    *node = nodes[rank % count];
    return true;
}

double rr_pretended_room(void) {
    const char *text = getenv("RINGRNN_PRETEND_ROOM");
    char *end;
    double bytes = text != NULL ? strtod(text, &end) : INFINITY;
    return text == NULL || end == text || !(bytes >= 0) ? INFINITY : bytes;
}
