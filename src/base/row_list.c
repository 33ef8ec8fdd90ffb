#include "base/row_list.h"

#include <stdlib.h>
#include <string.h>

rr_status rr_row_list_create(size_t height, rr_row_list **out) {
    rr_row_list *list = calloc(1, sizeof *list);
    if (list != NULL) {
        list->height = height;
        list->numbers = malloc((height + 1) * sizeof *list->numbers);
        list->listed = calloc(height + 1, 1);
    }
    if (height > INT32_MAX || list == NULL || list->numbers == NULL || list->listed == NULL) {
        rr_row_list_free(list);
        return rr_fail(RR_ERR_NOMEM, "no memory for a list of %zu rows", height);
    }
    *out = list;
    return RR_OK;
}

void rr_row_list_free(rr_row_list *list) {
    if (list == NULL) return;
    free(list->numbers);
    free(list->listed);
    free(list);
}

void rr_row_list_clear(rr_row_list *list, float *matrix, size_t width) {
    for (size_t i = 0; i < list->count; i++) {
        memset(matrix + (size_t)list->numbers[i] * width, 0, width * sizeof *matrix);
        list->listed[list->numbers[i]] = 0;
    }
    list->count = 0;
}
