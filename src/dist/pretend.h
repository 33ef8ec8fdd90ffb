/* Tests on one machine: the environment may draw borders of nodes through it, and make its shared memory small. */
#ifndef RR_DIST_PRETEND_H
#define RR_DIST_PRETEND_H

#include <stdbool.h>
#include <stddef.h>

/**
 * RINGRNN_PRETEND_NODES="0,0,1": rank r is on the node that entry r of the list names, taken from its beginning again
 * beyond its end. False without the variable, and where it is no such list.
 */
bool rr_pretended_node(size_t rank, int *node);

/** RINGRNN_PRETEND_ROOM="100000": bytes that /dev/shm has free at most; INFINITY without the variable. */
double rr_pretended_room(void);

#endif
