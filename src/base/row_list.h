/* Rows of a sparse matrix that hold something: a list without repetition. All other rows are 0. */
#ifndef RR_BASE_ROW_LIST_H
#define RR_BASE_ROW_LIST_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

typedef struct rr_row_list {
    int32_t *numbers;      /* [height], of which count are listed */
    unsigned char *listed; /* [height] */
    size_t count, height;
} rr_row_list;

rr_status rr_row_list_create(size_t height, rr_row_list **out);
void rr_row_list_free(rr_row_list *list); /* NULL is fine */

/** Lists a row, below height, unless it is there. */
static inline void rr_row_list_add(rr_row_list *list, size_t row) {
    if (list->listed[row]) return;
    list->listed[row] = 1;
    list->numbers[list->count++] = (int32_t)row;
}

/** Empties the list, and makes the listed rows of the matrix [height, width] 0. */
void rr_row_list_clear(rr_row_list *list, float *matrix, size_t width);

#endif
